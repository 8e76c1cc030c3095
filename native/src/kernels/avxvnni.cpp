// AVX2 with VNNI in the encoding of AVX, for machines that have no AVX-512: float tiles as AVX2's, int8 tiles of 6 x 16.
//
// vpdpbusd as in avx512.cpp, eight columns at a time.
#include <immintrin.h>

#define LANES 8
#define TILE_ROWS 6
#define INT8_ROWS 6
#define INT8_VECTORS 2
#define INT8_OFFSET 128
#define INT8_BLOCK 1
#include "fours.hpp"

namespace squeezebert {
namespace {

SQB_INLINE Sums dot4(Sums sums, Inputs a, Weights w) {
#if defined(__AVXVNNI__)
  return reinterpret_cast<VI>(_mm256_dpbusd_avx_epi32(reinterpret_cast<__m256i>(sums), reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(w)));
#else  // the same instruction in AVX-512's encoding: the tests run this file on machines that have only that
  return reinterpret_cast<VI>(_mm256_dpbusd_epi32(reinterpret_cast<__m256i>(sums), reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(w)));
#endif
}

}  // namespace
}  // namespace squeezebert

#include "probe.hpp"
#include "attention8.hpp"

namespace squeezebert {
extern const Kernels kAvxVnniKernels = kernels_named("avxvnni", probe);
}
