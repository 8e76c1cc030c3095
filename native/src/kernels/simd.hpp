// Vectors of LANES floats and the functions of them, written once with the compiler's vector types (GCC and Clang).
//
// Each instruction set's file defines LANES and includes this; everything has internal linkage, so that code built
// with one file's flags can never be picked by the linker for another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#ifndef LANES
#error "define LANES before including simd.hpp"
#endif
#define SQB_INLINE inline __attribute__((always_inline))

namespace squeezebert {
namespace {

typedef float V __attribute__((vector_size(4 * LANES)));
typedef std::int32_t VI __attribute__((vector_size(4 * LANES)));
typedef float Loose __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef std::int32_t LooseInt __attribute__((vector_size(4 * LANES), aligned(1), may_alias));

SQB_INLINE V load(const float* p) { return *reinterpret_cast<const Loose*>(p); }
SQB_INLINE void store(float* p, V v) { *reinterpret_cast<Loose*>(p) = v; }
SQB_INLINE VI load_int(const void* p) { return *static_cast<const LooseInt*>(p); }
SQB_INLINE V splat(float x) { return x - V{}; }
SQB_INLINE V select(VI mask, V a, V b) { return reinterpret_cast<V>((mask & reinterpret_cast<VI>(a)) | (~mask & reinterpret_cast<VI>(b))); }
SQB_INLINE V max(V a, V b) { return a > b ? a : b; }
SQB_INLINE V min(V a, V b) { return a < b ? a : b; }
SQB_INLINE V abs(V a) { return reinterpret_cast<V>(reinterpret_cast<VI>(a) & 0x7fffffff); }

// The first n lanes from p, the others zero; reads nothing past p[n - 1].
SQB_INLINE V load_part(const float* p, std::size_t n) {
  V v = {};
  std::memcpy(&v, p, n * sizeof(float));
  return v;
}
SQB_INLINE void store_part(float* p, V v, std::size_t n) { std::memcpy(p, &v, n * sizeof(float)); }

SQB_INLINE float sum(V v) {
  float total = 0.0f;
  for (int i = 0; i < LANES; ++i) total += v[i];
  return total;
}

// 2^x within 2 ulp for -126 <= x <= 127; below that, 2^-126. The polynomial is a minimax fit of 2^f on [-0.5, 0.5].
SQB_INLINE V exp2(V x) {
  x = max(min(x, splat(127.0f)), splat(-126.0f));
  const V shift = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer held in the low bits
  const V shifted = x + shift;
  const V f = x - (shifted - shift);
  V p = splat(0.000153533605f);
  p = p * f + 0.0013398875f;
  p = p * f + 0.00961843692f;
  p = p * f + 0.0555033237f;
  p = p * f + 0.240226477f;
  p = p * f + 0.693147182f;
  p = p * f + 1.0f;
  const VI n = reinterpret_cast<VI>(shifted) - 0x4b400000;
  return p * reinterpret_cast<V>((n + 127) << 23);
}

constexpr float kLog2E = 1.44269504088896341f;

SQB_INLINE V exp(V x) { return exp2(x * kLog2E); }

// x * Phi(x), within 5e-7 absolute. erfc(|x| / sqrt 2) = 2^-q(|x|) with q a polynomial fitted to -log2 erfc.
SQB_INLINE V gelu(V x) {
  const V a = min(abs(x), splat(5.9f));
  V q = splat(2.83489271e-06f);
  q = q * a - 3.93774499e-05f;
  q = q * a + 0.000186179095f;
  q = q * a + 0.000136939067f;
  q = q * a - 0.00706342328f;
  q = q * a + 0.0524961799f;
  q = q * a + 0.45920819f;
  q = q * a + 1.15110517f;
  return max(x, V{}) - 0.5f * abs(x) * exp2(-q * a);
}

SQB_INLINE V tanh(V x) { return 1.0f - 2.0f / (1.0f + exp2(x * (2.0f * kLog2E))); }

SQB_INLINE V gelu_new(V x) {
  const V z = 1.59576912160573072f * (x + 0.044715f * x * x * x);
  return x / (1.0f + exp2(-z * kLog2E));
}

}  // namespace
}  // namespace squeezebert
