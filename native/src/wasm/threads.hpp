// Threads in a WebAssembly module: it cannot start one, so the host brings them; see threads.cpp for how.
#pragma once

#include "../threads.hpp"

namespace squeezebert {

// Held for a few instructions at most.
class Mutex {
 public:
  bool try_lock() { return !taken_.test_and_set(std::memory_order_acquire); }
  void lock() {
    while (!try_lock()) {
    }
  }
  void unlock() { taken_.clear(std::memory_order_release); }

 private:
  std::atomic_flag taken_;
};

struct Seat;

// A seat of the host's, taken until join().
class Worker {
 public:
  explicit Worker(const Duty& duty);
  void join();
  void detach() {}
  static std::size_t available();  // seats that are free

 private:
  Seat* seat_;
};

inline long process() { return 0; }  // nothing forks
inline void relax() {  // as long as a processor's own pause, which WebAssembly lacks
  for (int i = 0; i < 16; ++i) asm volatile("");
}
void yield();
void sleep_while(const std::atomic<std::uint32_t>& at, std::uint32_t seen);
void wake_all(std::atomic<std::uint32_t>& at);

}  // namespace squeezebert
