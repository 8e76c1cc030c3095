// Attention where AVX-512 multiplies bfloat16: vdpbf16ps adds two neighbouring products to a float32 lane.
#include <immintrin.h>

#define LANES 16
#define TILE_ROWS 12
#define MULTIPLIES_PAIRS
#include "simd.hpp"

namespace squeezebert {
namespace {

SQB_INLINE V add_product(V sum, V a, V w) {
  return reinterpret_cast<V>(_mm512_dpbf16_ps(reinterpret_cast<__m512>(sum), reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(w)));
}

}  // namespace
}  // namespace squeezebert

#pragma GCC diagnostic ignored "-Wunused-function"  // of the functions of vectors, only attention's are taken
#include "vectors.hpp"

namespace squeezebert {
namespace {

typedef std::uint16_t Halves __attribute__((vector_size(2 * LANES)));
typedef std::uint32_t Lanes __attribute__((vector_size(4 * LANES)));

SQB_INLINE Halves round16(V x) { return reinterpret_cast<Halves>(_mm512_cvtneps_pbh(reinterpret_cast<__m512>(x))); }

// The bits of x as bfloat16, in the upper half of each lane: a float once more.
SQB_INLINE VI rounded(V x) { return __builtin_convertvector(round16(x), VI) << 16; }

SQB_INLINE V pair(VI first, VI second) {
  return reinterpret_cast<V>(reinterpret_cast<VI>(reinterpret_cast<Lanes>(first) >> 16) | second);
}

void pair_columns(const float* x, std::size_t count, float* out) {
  over_lanes(count, [&](std::size_t i, std::size_t n) {
    const Halves halves = round16(load_some(x + i, n));
    std::memcpy(out + i / 2, &halves, n * 2);
  });
}

void pair_rows(float* x, const float* below, std::size_t count) {
  over_lanes(count, [&](std::size_t i, std::size_t n) {
    store_some(x + i, pair(rounded(load_some(x + i, n)), below ? rounded(load_some(below + i, n)) : VI{}), n);
  });
}

V softmax_pairs(float* scores, std::size_t keys, std::size_t ld) {
  V top = load(scores), sum = {};
  for (std::size_t s = 1; s < keys; ++s) top = max(top, load(scores + s * ld));
  for (std::size_t s = 0; s < keys; s += 2) {
    const VI first = rounded(exp(load(scores + s * ld) - top));
    const VI second = s + 1 < keys ? rounded(exp(load(scores + (s + 1) * ld) - top)) : VI{};
    sum += reinterpret_cast<V>(first) + reinterpret_cast<V>(second);  // of what is multiplied
    store(scores + s / 2 * ld, pair(first, second));
  }
  return sum;
}

void softmax_to_pairs(float* scores, std::size_t keys, std::size_t lanes, std::size_t ld, float* sums) {
  for (std::size_t n = 0; n < lanes; n += LANES) store(sums + n, softmax_pairs(scores + n, keys, ld));
}

}  // namespace

extern const PairKernels kAvx512Pairs{panel, pair_columns, pair_rows, softmax_to_pairs};

}  // namespace squeezebert
