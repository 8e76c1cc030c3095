// Vectors of LANES floats and the functions of them, written once with the compiler's vector types (GCC and Clang).
//
// Each instruction set's file defines LANES and includes this; everything has internal linkage, so that code built
// with one file's flags can never be picked by the linker for another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__AVX__)
#include <immintrin.h>

#include <cmath>
#endif

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

// Several vectors as one, for functions of many constants: each of these is then loaded once for all.
template <int N>
struct Several {
  typedef float type __attribute__((vector_size(4 * LANES * N)));
};
template <typename T>
using Bits = decltype(T{} > T{});  // int32 in the place of every float

SQB_INLINE V load(const float* p) { return *reinterpret_cast<const Loose*>(p); }
SQB_INLINE void store(float* p, V v) { *reinterpret_cast<Loose*>(p) = v; }
SQB_INLINE VI load_int(const void* p) { return *static_cast<const LooseInt*>(p); }
SQB_INLINE void store_int(void* p, VI v) { *static_cast<LooseInt*>(p) = v; }
template <typename T = V>
SQB_INLINE T splat(float x) {
  return x - T{};
}

// A constant in every lane. Engines of WebAssembly put one together wherever it is used, by three instructions; in memory,
// where the compiler does not see that it is one, it takes a single load.
template <typename T = V>
SQB_INLINE T constant(const float& x) {
#if defined(__wasm__)
  const float* at = &x;
  asm("" : "+r"(at));
  return splat<T>(*at);
#else
  return splat<T>(x);
#endif
}

// a * b + c, rounded once where an instruction does so.
template <typename T>
SQB_INLINE T madd(T a, T b, T c) {
#if defined(__wasm_relaxed_simd__)
  V *as = reinterpret_cast<V*>(&a), *bs = reinterpret_cast<V*>(&b), *cs = reinterpret_cast<V*>(&c);
#pragma GCC unroll 8
  for (std::size_t i = 0; i < sizeof(T) / sizeof(V); ++i) cs[i] = __builtin_wasm_relaxed_madd_f32x4(as[i], bs[i], cs[i]);
  return c;
#else
  return a * b + c;
#endif
}

// a * b, rounded before anything is added to it: the same on every machine.
template <typename T>
SQB_INLINE T product(T a, T b) {
  T p = a * b;
#if defined(__AVX512F__)
  asm("" : "+v"(p));
#elif defined(__AVX__)
  asm("" : "+x"(p));
#elif defined(__aarch64__)
  asm("" : "+w"(p));
#endif
  return p;
}

SQB_INLINE V select(VI mask, V a, V b) { return reinterpret_cast<V>((mask & reinterpret_cast<VI>(a)) | (~mask & reinterpret_cast<VI>(b))); }

// The larger and the smaller of each lane, the second where one is no number: on x86 an instruction each, which GCC does not
// make of the comparison.
#if defined(__AVX512F__) && LANES == 16
SQB_INLINE V max(V a, V b) { return reinterpret_cast<V>(_mm512_maskz_max_ps(0xffff, reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b))); }
SQB_INLINE V min(V a, V b) { return reinterpret_cast<V>(_mm512_maskz_min_ps(0xffff, reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b))); }
#elif defined(__AVX__) && LANES == 8
SQB_INLINE V max(V a, V b) { return reinterpret_cast<V>(_mm256_max_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b))); }
SQB_INLINE V min(V a, V b) { return reinterpret_cast<V>(_mm256_min_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b))); }
#else
template <typename T>
SQB_INLINE T max(T a, T b) {
  return a > b ? a : b;
}
template <typename T>
SQB_INLINE T min(T a, T b) {
  return a < b ? a : b;
}
#endif
template <typename T>
SQB_INLINE T abs(T a) {
  return reinterpret_cast<T>(reinterpret_cast<Bits<T>>(a) & 0x7fffffff);
}

// The first n lanes from p, the others zero; reads nothing past p[n - 1]. A copy of some bytes may be a call, and costs a
// short vector's loop its registers.
SQB_INLINE V load_part(const float* p, std::size_t n) {
  V v = {};
  if constexpr (LANES > 4) std::memcpy(&v, p, n * sizeof(float));
  else
    for (std::size_t i = 0; i < LANES - 1; ++i)
      if (i < n) v[i] = p[i];
  return v;
}
SQB_INLINE void store_part(float* p, V v, std::size_t n) {
  if constexpr (LANES > 4) std::memcpy(p, &v, n * sizeof(float));
  else
    for (std::size_t i = 0; i < LANES - 1; ++i)
      if (i < n) p[i] = v[i];
}

// All lanes joined, one half with the other, so that few steps wait for each other.
template <typename T, int N, typename Join>
SQB_INLINE T by_halves(const T (&x)[N], const Join& join) {
  if constexpr (N == 1) return x[0];
  else {
    typedef T Half __attribute__((vector_size(sizeof(T) * N / 2)));
    Half low, high;
    std::memcpy(&low, x, sizeof low);
    std::memcpy(&high, x + N / 2, sizeof high);
    const Half both = join(low, high);
    T half[N / 2];
    std::memcpy(half, &both, sizeof both);
    return by_halves(half, join);
  }
}
SQB_INLINE float sum(V v) {
  float x[LANES];
  std::memcpy(x, &v, sizeof v);
  return by_halves(x, [](auto a, auto b) { return a + b; });
}

// The largest lane of none below zero: such floats are ordered as their bits are.
SQB_INLINE float largest(V v) {
  std::int32_t bits[LANES];
  std::memcpy(bits, &v, sizeof v);
  const std::int32_t top = by_halves(bits, [](auto a, auto b) { return a > b ? a : b; });
  float out;
  std::memcpy(&out, &top, sizeof out);
  return out;
}

// Fetches one line, or all that hold BYTES.
template <std::size_t BYTES>
SQB_INLINE void fetch(const void* at, bool all) {
  constexpr std::size_t kLine = 64;
  __builtin_prefetch(at, 0, 2);
  if (BYTES > kLine && all)
#pragma GCC unroll 4
    for (std::size_t i = kLine; i < BYTES; i += kLine) __builtin_prefetch(static_cast<const char*>(at) + i, 0, 2);
}

#include "turn.hpp"

// The same, with all its vectors computed before what follows: else one vector's whole function comes after another's.
template <typename T>
SQB_INLINE T in_step(T x) {
#if defined(__wasm_simd128__)
  V* parts = reinterpret_cast<V*>(&x);
  if constexpr (sizeof(T) > sizeof(V)) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < sizeof(T) / sizeof(V); ++i) asm volatile("" : "+r"(parts[i]));
  }
#endif
  return x;
}

// c[0] + c[1] x + c[2] x^2 ... by Horner's rule.
template <typename T, int N>
SQB_INLINE T polynomial(T x, const float (&c)[N]) {
  T p = constant<T>(c[N - 1]);
#pragma GCC unroll 16
  for (int i = N - 2; i >= 0; --i) p = in_step(madd(p, x, constant<T>(c[i])));
  return p;
}

// 1.5 * 2^23: adding it rounds to an integer, to the nearest even one, which the low bits of the sum hold.
constexpr float kRounding = 12582912.0f;
constexpr std::int32_t kZero = 0x4b400000;  // its bits

#include "bytes.hpp"

// 2^x within 2 ulp for -126 <= x <= 127. The polynomial is a minimax fit of 2^f on [-0.5, 0.5].
template <typename T>
SQB_INLINE T exp2_inside(T x) {
  static constexpr float kTwoTo[] = {1.0f,           0.693147182f,  0.240226477f,  0.0555033237f,
                                     0.00961843692f, 0.0013398875f, 0.000153533605f};
  static constexpr float kBiased = kRounding + 127.0f;  // the integer comes out as an exponent's bits
  const T biased = constant<T>(kBiased), rounded = x + biased, f = x - (rounded - biased);
  return polynomial(f, kTwoTo) * reinterpret_cast<T>(reinterpret_cast<Bits<T>>(rounded) << 23);
}

constexpr float kLowest = -126.0f, kHighest = 127.0f, kLog2E = 1.44269504088896341f;

// Outside, 2^127 and 2^-126.
template <typename T>
SQB_INLINE T exp2(T x) {
  return exp2_inside(max(min(x, constant<T>(kHighest)), constant<T>(kLowest)));
}

// For x <= 88.
template <typename T>
SQB_INLINE T exp(T x) {
  return exp2_inside(max(x * constant<T>(kLog2E), constant<T>(kLowest)));
}

// Of each of N x <= 0 the bits of kRounding plus the integer nearest to 127 * 2^x, the same on every machine and in
// `squeezebert.nn.fake_quantization`; step by step for all N, which else would wait for each other. 2^f on [-0.5, 0.5] is a
// minimax cubic within 7.5e-5.
template <typename T, typename TI, int N>
SQB_INLINE void count(const T (&x)[N], TI (&counts)[N]) {
  static constexpr float kCounts[] = {126.990868f, 88.0441436f, 30.8116131f, 7.00680208f};
  static constexpr float kBiased = kRounding + 127.0f, kNone = -20.0f;
  T rounded[N], f[N], p[N];
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n) f[n] = max(x[n], constant<T>(kNone));
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n) rounded[n] = f[n] + constant<T>(kBiased);
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n) f[n] -= rounded[n] - constant<T>(kBiased);
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n) p[n] = constant<T>(kCounts[3]);
#pragma GCC unroll 3
  for (int i = 2; i >= 0; --i)
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) p[n] = in_step(product(p[n], f[n]) + constant<T>(kCounts[i]));
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n) {
    const T power = reinterpret_cast<T>(reinterpret_cast<TI>(rounded[n]) << 23);
    counts[n] = reinterpret_cast<TI>(p[n] * power + constant<T>(kRounding));
  }
}
template <typename T>
SQB_INLINE Bits<T> counted(T x) {
  const T xs[1] = {x};
  Bits<T> counts[1];
  count(xs, counts);
  return counts[0];
}

#if defined(__AVX512F__) && LANES == 16
#include "gelu_table.hpp"
#else
// x * Phi(x), within 5e-7 absolute. erfc(|x| / sqrt 2) / 2 = 2^q(|x|) with q a polynomial fitted to log2 erfc - 1.
template <typename T>
SQB_INLINE T gelu(T x) {
  static constexpr float kLog2Tail[] = {-1.0f,            -1.15110517f,     -0.45920819f,    -0.0524961799f,  0.00706342328f,
                                        -0.000136939067f, -0.000186179095f, 3.93774499e-05f, -2.83489271e-06f};
  static constexpr float kEnd = 5.9f;
  const T a = abs(x);
  return max(x, T{}) - a * exp2_inside(polynomial(min(a, constant<T>(kEnd)), kLog2Tail));
}
#endif

template <typename T>
SQB_INLINE T relu(T x) {
  return max(x, T{});
}

template <typename T>
SQB_INLINE T tanh(T x) {
  return 1.0f - 2.0f / (1.0f + exp2(x * (2.0f * kLog2E)));
}

template <typename T>
SQB_INLINE T gelu_new(T x) {
  const T z = 1.59576912160573072f * (x + 0.044715f * x * x * x);
  return x / (1.0f + exp2(-z * kLog2E));
}

}  // namespace
}  // namespace squeezebert
