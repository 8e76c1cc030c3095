// Buffer: aligned float storage that only grows.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "failure.hpp"

#if (defined(__unix__) || defined(__APPLE__)) && !defined(__wasm__)
#define SQB_MAPS_PAGES
#include <sys/mman.h>
#endif

namespace squeezebert {

inline std::size_t pieces(std::size_t n, std::size_t largest) { return (n + largest - 1) / largest; }
inline std::size_t round_up(std::size_t n, std::size_t to) { return pieces(n, to) * to; }

// The stride of rows of n floats: whole cache lines, and never a multiple of 4 KiB, which would put every row of a
// register tile into the same sets of the first-level cache.
inline std::size_t stride_of(std::size_t n) { return round_up(n, 16) + 16; }

// Memory that begins as zeros, or null where there is none. Large pieces are pages of their own, which the system has back as
// soon as they are freed: a heap would keep what lies between others.
struct Block {
  static constexpr std::size_t kAlignment = 64;
#if defined(SQB_MAPS_PAGES)
  static constexpr std::size_t kPages = 256 * 1024;  // from so many bytes on
#endif

  // A multiple of the alignment.
  static float* take(std::size_t bytes) {
#if defined(SQB_MAPS_PAGES)
    if (bytes >= kPages) {
      void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      return pages == MAP_FAILED ? nullptr : static_cast<float*>(pages);
    }
#endif
    void* p = std::aligned_alloc(kAlignment, bytes);
    return static_cast<float*>(p ? std::memset(p, 0, bytes) : p);
  }

  std::size_t bytes = 0;
  void operator()(float* p) const {
#if defined(SQB_MAPS_PAGES)
    if (bytes >= kPages) {
      munmap(p, bytes);
      return;
    }
#endif
    std::free(p);
  }
};

class Buffer {
 public:
  // At least n floats. What was there is lost when it grows. Kernels may read (never write) a vector past the end.
  float* reserve(std::size_t n) {
    if (n > size_) {
      const std::size_t bytes = round_up((n + kSlack) * sizeof(float), Block::kAlignment);
      data_.reset();  // before, so that the two are never there together
      size_ = 0;
      data_ = {Block::take(bytes), {bytes}};
      if (!data_) fail_for_memory();
      size_ = n;
    }
    return data_.get();
  }
  float* get() const { return data_.get(); }
  bool empty() const { return size_ == 0; }
  std::size_t bytes() const { return size_ * sizeof(float); }

 private:
  static constexpr std::size_t kSlack = 64;
  std::unique_ptr<float, Block> data_;
  std::size_t size_ = 0;
};

}  // namespace squeezebert
