// Threads that the host of a module brings.
//
// The host asks for a seat (sqb_thread_seat), lets a worker of its own instantiate the same module over the same memory,
// sets that instance's __stack_pointer to the seat, whose stack lies below it, and calls sqb_thread_main(seat), which
// never returns: it does the duties that pools give to the seat. A pool takes seats whether their workers have arrived or
// not, and waits for none that has yet to: starting a worker may need the very thread that would wait.
//
// A module without atomics has the same pool and no seats.
#include "threads.hpp"

#include <cstdlib>

#include "../memory.hpp"

namespace squeezebert {

enum SeatState : std::uint32_t { kFree, kOffered, kTaken };

struct Seat {
  std::atomic<std::uint32_t> state{kFree};
  Duty duty{};
  Seat* next = nullptr;
  void* locals = nullptr;  // where the thread's thread_local variables are

  bool turn(std::uint32_t from, std::uint32_t to) { return state.compare_exchange_strong(from, to, std::memory_order_acq_rel); }
};

namespace {

// Only the thread that calls the engine takes and adds seats.
Seat* seats = nullptr;

}  // namespace

Worker::Worker(const Duty& duty) : seat_(seats) {
  while (seat_->state.load(std::memory_order_acquire) != kFree) seat_ = seat_->next;
  seat_->duty = duty;
  seat_->state.store(kOffered, std::memory_order_release);
  wake_all(seat_->state);
}

void Worker::join() {
  if (seat_->turn(kOffered, kFree)) return;  // nobody came
  while (seat_->state.load(std::memory_order_acquire) == kTaken) yield();
}

std::size_t Worker::available() {
  std::size_t count = 0;
  for (const Seat* seat = seats; seat; seat = seat->next) count += seat->state.load(std::memory_order_acquire) == kFree;
  return count;
}

#if !defined(__wasm_atomics__)

void yield() {}
void sleep_while(const std::atomic<std::uint32_t>&, std::uint32_t) {}
void wake_all(std::atomic<std::uint32_t>&) {}

#else

namespace {

constexpr std::size_t kStackBytes = 128 * 1024, kAlignment = 64;
constexpr std::int64_t kForever = -1, kYieldNanoseconds = 20000;

int* address(const std::atomic<std::uint32_t>& at) { return reinterpret_cast<int*>(const_cast<std::atomic<std::uint32_t>*>(&at)); }

}  // namespace

// Apart from its callers: inside a larger function V8 11.3 (node 20) hands the wait another value than `seen`.
__attribute__((noinline)) void sleep_while(const std::atomic<std::uint32_t>& at, std::uint32_t seen) {
  __builtin_wasm_memory_atomic_wait32(address(at), static_cast<int>(seen), kForever);
}

void wake_all(std::atomic<std::uint32_t>& at) { __builtin_wasm_memory_atomic_notify(address(at), ~0u); }

__attribute__((noinline)) void yield() {
  static int nothing = 0;
  __builtin_wasm_memory_atomic_wait32(&nothing, 0, kYieldNanoseconds);
}

#endif

}  // namespace squeezebert

#if defined(__wasm_atomics__)

using squeezebert::Seat;

extern "C" {

void __wasm_init_tls(void* locals);  // the linker's

// A seat for one more thread, with its stack below it and its thread_local variables behind it.
SQB_API Seat* sqb_thread_seat(void) {
  using namespace squeezebert;
  static_assert(sizeof(Seat) <= kAlignment);
  const std::size_t locals = round_up(__builtin_wasm_tls_size(), kAlignment);
  char* block = static_cast<char*>(std::aligned_alloc(kAlignment, kStackBytes + kAlignment + locals));
  if (!block) fail_for_memory();
  Seat* seat = new (block + kStackBytes) Seat;
  seat->locals = block + kStackBytes + kAlignment;
  seat->next = seats;
  return seats = seat;
}

SQB_API void sqb_thread_main(Seat* seat) {
  using namespace squeezebert;
  __wasm_init_tls(seat->locals);
  for (;;) {
    sleep_while(seat->state, kFree);
    if (!seat->turn(kOffered, kTaken)) continue;
    seat->duty.run(seat->duty.context, seat->duty.thread);
    seat->state.store(kFree, std::memory_order_release);
  }
}

}  // extern "C"

#endif
