#include "pool.hpp"

namespace squeezebert {
namespace {

// How long a thread looks for work before it sleeps: longer than the gap between two layers, shorter than a time slice.
constexpr int kSpins = 10000;

// The fields of Pool::state_.
constexpr std::uint64_t kOneWorker = 1, kWorkers = 0xffff, kOpen = 0x10000, kOneJob = 0x20000;

}  // namespace

Pool::Pool(unsigned threads) : process_(process()) {
  workers_.reserve(threads - 1);
  const auto run = [](void* pool, unsigned thread) { static_cast<Pool*>(pool)->work(thread); };
  for (unsigned i = 1; i < threads; ++i) workers_.emplace_back(Duty{run, this, i});
}

Pool::~Pool() {
  if (process() != process_) {  // the threads stayed in the parent
    for (auto& worker : workers_) worker.detach();
    return;
  }
  stopping_ = true;
  number_.fetch_add(1);
  wake_all(number_);
  for (auto& worker : workers_) worker.join();
}

void Pool::Lease::take() {
  if (pool_.workers_.empty() || process() != pool_.process_) return;
  lock_ = std::unique_lock<Mutex>(pool_.callers_, std::try_to_lock);
  if (lock_.owns_lock()) threads_ = pool_.threads();
}

// The caller waits for the workers that joined, never for one that has yet to wake up: on a busy machine that could take
// longer than the whole job.
void Pool::share(const Job& job) {
  job_ = job;
  next_.store(0, std::memory_order_relaxed);
  const std::uint64_t last = state_.load(std::memory_order_relaxed);
  state_.store((last & ~(kOneJob - 1)) + kOneJob + kOpen, std::memory_order_release);
  number_.fetch_add(1, std::memory_order_release);
  wake_all(number_);
  drain(0);
  std::uint64_t now = state_.fetch_and(~kOpen, std::memory_order_acq_rel);
  for (int spins = 0; (now & kWorkers) != 0; ++spins) {
    if (spins < kSpins) relax();
    else yield();
    now = state_.load(std::memory_order_acquire);
  }
}

bool Pool::enter(std::uint64_t seen) {
  while (seen & kOpen)
    if (state_.compare_exchange_weak(seen, seen + kOneWorker, std::memory_order_acq_rel)) return true;
  return false;
}

void Pool::drain(unsigned thread) {
  for (std::size_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < job_.tasks;) job_.call(job_.context, i, thread);
}

void Pool::work(unsigned thread) {
  for (std::uint32_t seen = 0;;) {
    std::uint32_t now = number_.load(std::memory_order_acquire);
    for (int spins = 0; now == seen && spins < kSpins; ++spins) {
      relax();
      now = number_.load(std::memory_order_acquire);
    }
    if (now == seen) {
      sleep_while(number_, seen);
      continue;
    }
    seen = now;
    if (stopping_) return;
    if (!enter(state_.load(std::memory_order_acquire))) continue;
    drain(thread);
    state_.fetch_sub(kOneWorker, std::memory_order_acq_rel);
  }
}

}  // namespace squeezebert
