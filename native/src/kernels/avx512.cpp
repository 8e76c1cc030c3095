// AVX-512 with VNNI: tiles of 12 x 32, whose sums fill 24 of the 32 registers.
//
// vpdpbusd multiplies unsigned by signed bytes into 32 bits without saturation. Activations are stored 128 higher, to be
// unsigned, and 128 times the column's sum of weights is taken off again: the same integers as everywhere else. A second set
// multiplies floats in pairs, for cores that add beside their multipliers.
#include <immintrin.h>

#define LANES 16
#define TILE_ROWS 12
#define INT8_ROWS 12
#define INT8_VECTORS 2
#define INT8_OFFSET 128
#define INT8_BLOCK 1
#include "fours.hpp"

namespace squeezebert {
namespace {

SQB_INLINE Sums dot4(Sums sums, Inputs a, Weights w) {
  return reinterpret_cast<VI>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sums), reinterpret_cast<__m512i>(a),
                                                  reinterpret_cast<__m512i>(w)));
}

}  // namespace
}  // namespace squeezebert

#include "probe.hpp"
#include "attention8.hpp"
#include "pairs.hpp"

namespace squeezebert {
extern const Kernels kAvx512Kernels = kernels_named("avx512", probe);
extern const Kernels kAvx512PairsKernels = in_pairs(kernels_named("avx512pairs", probe));
}
