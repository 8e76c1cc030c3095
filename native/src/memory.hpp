// Buffer: aligned float storage that only grows.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "failure.hpp"

namespace squeezebert {

inline std::size_t pieces(std::size_t n, std::size_t largest) { return (n + largest - 1) / largest; }
inline std::size_t round_up(std::size_t n, std::size_t to) { return pieces(n, to) * to; }

// The stride of rows of n floats: whole cache lines, and never a multiple of 4 KiB, which would put every row of a
// register tile into the same sets of the first-level cache.
inline std::size_t stride_of(std::size_t n) { return round_up(n, 16) + 16; }

class Buffer {
 public:
  // At least n floats. What was there is lost when it grows. Kernels may read (never write) a vector past the end.
  float* reserve(std::size_t n) {
    if (n > size_) {
      const std::size_t bytes = round_up((n + kSlack) * sizeof(float), kAlignment);
      data_.reset();  // before, so that the two are never there together
      data_.reset(static_cast<float*>(std::aligned_alloc(kAlignment, bytes)));
      if (!data_) {
        size_ = 0;
        fail_for_memory();
      }
      std::memset(data_.get(), 0, bytes);
      size_ = n;
    }
    return data_.get();
  }
  float* get() const { return data_.get(); }
  bool empty() const { return size_ == 0; }
  std::size_t bytes() const { return size_ * sizeof(float); }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  static constexpr std::size_t kAlignment = 64, kSlack = 64;
  std::unique_ptr<float, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace squeezebert
