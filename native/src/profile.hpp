// Where the time of a forward pass goes. One clock reading where one kind of operation ends and another begins; with
// profiling off, one look at a variable of the calling thread.
#pragma once

#include <chrono>
#include <cstddef>

#include "squeezebert.h"

namespace squeezebert {

enum class Operation { embedding, qkv, attention, post_attention, layer_norm, intermediate, output, quantize, heads, outside };

constexpr std::size_t kOperations = static_cast<std::size_t>(Operation::outside);

// Each moment belongs to one operation: what starts inside another takes the clock over and gives it back.
struct Profile {
  using Clock = std::chrono::steady_clock;
  bool on = false;
  Operation current = Operation::outside;
  Clock::time_point since{};
  double seconds[kOperations + 1] = {};

  // Books the time until now, and says which operation it was.
  Operation turn_to(Operation next) {
    const Clock::time_point now = Clock::now();
    seconds[static_cast<std::size_t>(current)] += std::chrono::duration<double>(now - since).count();
    const Operation before = current;
    since = now;
    current = next;
    return before;
  }
};

// The calling thread's own: other callers of the same model neither pay for it nor disturb it.
inline constinit thread_local Profile profile;

// Counts the time until the end of its scope as that operation's.
class Section {
 public:
  explicit Section(Operation operation) : on_(profile.on), before_(on_ ? profile.turn_to(operation) : operation) {}
  ~Section() {
    if (on_) profile.turn_to(before_);
  }
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;

 private:
  const bool on_;
  const Operation before_;
};

}  // namespace squeezebert
