// What the pool asks of whoever has threads: an operating system, or the host of a WebAssembly module.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace squeezebert {

// What a thread does for as long as a pool has it: run(context, thread).
struct Duty {
  void (*run)(void* context, unsigned thread);
  void* context;
  unsigned thread;
};

}  // namespace squeezebert

#if defined(__wasm__)
#include "wasm/threads.hpp"
#else

#include <limits>
#include <thread>
#if defined(_WIN32)
#include <process.h>
#define getpid _getpid
#else
#include <unistd.h>
#endif

namespace squeezebert {

using Mutex = std::mutex;

class Worker {
 public:
  explicit Worker(const Duty& duty) : thread_(duty.run, duty.context, duty.thread) {}
  void join() { thread_.join(); }
  void detach() { thread_.detach(); }
  static std::size_t available() { return std::numeric_limits<std::size_t>::max(); }

 private:
  std::thread thread_;
};

inline long process() { return getpid(); }
inline void yield() { std::this_thread::yield(); }
inline void sleep_while(const std::atomic<std::uint32_t>& at, std::uint32_t seen) { at.wait(seen, std::memory_order_acquire); }
inline void wake_all(std::atomic<std::uint32_t>& at) { at.notify_all(); }

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace squeezebert
#endif
