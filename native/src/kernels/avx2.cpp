// AVX2 + FMA: float tiles of 6 x 16, whose sums fill 12 of the 16 registers; int8 tiles of 4 x 16.
//
// vpmaddubsw multiplies unsigned by signed bytes and saturates its pair sums at 16 bits. With |w| on the left and a with
// w's sign on the right a pair sums to at most 2 * 127 * 127 = 32,258 and never does, at the price of one vpsignb.
#include <immintrin.h>

#define LANES 8
#define TILE_ROWS 6
#define INT8_ROWS 4
#define INT8_VECTORS 2
#define INT8_OFFSET 0
#define INT8_BLOCK 1
#include "fours.hpp"

namespace squeezebert {
namespace {

SQB_INLINE Sums dot4(Sums sums, Inputs a, Weights w) {
  const __m256i left = _mm256_abs_epi8(reinterpret_cast<__m256i>(w));
  const __m256i right = _mm256_sign_epi8(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(w));
  const __m256i pairs = _mm256_maddubs_epi16(left, right);
  return sums + reinterpret_cast<VI>(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

}  // namespace
}  // namespace squeezebert

#include "probe.hpp"
#include "attention8.hpp"

namespace squeezebert {
extern const Kernels kAvx2Kernels = kernels_named("avx2", probe);
}
