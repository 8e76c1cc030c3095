// Pool: a fixed set of threads that share out numbered tasks. The caller works too; a pool of one spawns nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "threads.hpp"

namespace squeezebert {

class Pool {
 public:
  explicit Pool(unsigned threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  unsigned threads() const { return static_cast<unsigned>(workers_.size()) + 1; }

  // A caller's right to use the workers, once it takes them. When another caller has them, or this process is a fork that
  // the threads did not follow into, the lease is of the calling thread alone: nobody waits and nothing is oversubscribed.
  class Lease {
   public:
    explicit Lease(Pool& pool) : pool_(pool) {}
    void take();
    unsigned threads() const { return threads_; }

    // Calls body(task, thread) for every task in [0, tasks), in any order; thread < threads(). Returns when all are done.
    template <typename Body>
    void run(std::size_t tasks, const Body& body) {
      if (threads_ == 1 || tasks < 2) {
        for (std::size_t i = 0; i < tasks; ++i) body(i, 0u);
        return;
      }
      pool_.share({[](const void* context, std::size_t task, unsigned thread) {
                     (*static_cast<const Body*>(context))(task, thread);
                   },
                   &body, tasks});
    }

   private:
    Pool& pool_;
    std::unique_lock<Mutex> lock_;
    unsigned threads_ = 1;
  };

 private:
  struct Job {
    void (*call)(const void* context, std::size_t task, unsigned thread);
    const void* context;
    std::size_t tasks;
  };

  void share(const Job& job);
  void work(unsigned thread);
  void drain(unsigned thread);
  bool enter(std::uint64_t seen);

  std::vector<Worker> workers_;
  Mutex callers_;
  long process_;
  Job job_{};
  alignas(64) std::atomic<std::size_t> next_{0};
  // The number of the job, whether it may still be joined, and how many workers have joined it.
  alignas(64) std::atomic<std::uint64_t> state_{0};
  // The number of the job once more, for workers to sleep on.
  alignas(64) std::atomic<std::uint32_t> number_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace squeezebert
