// The most that one core can multiply and add with an instruction set: the kernels' own instructions over sums that stay
// in registers and do not wait for each other. Included after dot4 is defined.
#pragma once

#include "simd.hpp"

namespace squeezebert {
namespace {

constexpr int kProbeSums = 12;  // a latency of four cycles times the three ports of the widest machine
constexpr std::size_t kProbeSteps = 2048;

// A value that the compiler cannot know, so that nothing is computed ahead of time or only once.
template <typename Vector>
SQB_INLINE void hide(Vector& x) {
#if defined(__x86_64__)
  asm volatile("" : "+v"(x));
#elif defined(__aarch64__)
  asm volatile("" : "+w"(x));
#else
  volatile Vector copy = x;
  x = copy;
#endif
}

template <typename Vector, typename Step>
SQB_INLINE void repeat(const Step& step) {
  Vector sums[kProbeSums] = {};
#pragma GCC unroll 16
  for (Vector& sum : sums) hide(sum);
  for (std::size_t i = 0; i < kProbeSteps; ++i) {
#pragma GCC unroll 16
    for (Vector& sum : sums) step(sum);
  }
#pragma GCC unroll 16
  for (Vector& sum : sums) hide(sum);
}

// Runs some microseconds; the operations it did, a multiplication and an addition counting as two.
double probe(bool int8) {
  VI bytes = {}, weights = {};
  V factor = {}, term = {};
  hide(bytes), hide(weights), hide(factor), hide(term);
  if (int8)
    repeat<VI>([&](VI& sum) {
      VI a = bytes;
      hide(a);  // or all but the addition would be done once
      sum = dot4(sum, a, weights);
    });
  else
    repeat<V>([&](V& sum) { sum = sum * factor + term; });
  return 2.0 * LANES * (int8 ? 4 : 1) * kProbeSums * kProbeSteps;
}

}  // namespace
}  // namespace squeezebert
