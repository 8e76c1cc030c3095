#include "probe.hpp"

#include <algorithm>
#include <chrono>

namespace squeezebert {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTime{50};
constexpr int kFewest = 5;  // a busy machine may not give one of them its time

double best_rate(const Kernels& kernels, bool int8) {
  double best = 0.0;
  const Clock::time_point end = Clock::now() + kTime;
  for (int i = 0; i < kFewest || Clock::now() < end; ++i) {
    const Clock::time_point start = Clock::now();
    const double operations = kernels.probe(int8);
    best = std::max(best, operations / std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

}  // namespace

Peak measure_peak(const Kernels& kernels) { return {best_rate(kernels, false), best_rate(kernels, true)}; }

}  // namespace squeezebert
