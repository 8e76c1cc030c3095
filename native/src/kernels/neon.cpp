// NEON with the dot product of ARMv8.2: tiles of 12 x 8, whose sums fill 24 of the 32 registers.
//
// sdot multiplies signed by signed bytes and adds four neighbouring products to each 32-bit lane, exactly.
#include <arm_neon.h>

#define LANES 4
#define TILE_ROWS 12
#define INT8_ROWS 12
#define INT8_VECTORS 2
#define INT8_OFFSET 0
#define INT8_BLOCK 1
#include "fours.hpp"

namespace squeezebert {
namespace {

SQB_INLINE Sums dot4(Sums sums, Inputs a, Weights w) {
  return reinterpret_cast<VI>(vdotq_s32(reinterpret_cast<int32x4_t>(sums), reinterpret_cast<int8x16_t>(a), reinterpret_cast<int8x16_t>(w)));
}

}  // namespace
}  // namespace squeezebert

#include "probe.hpp"
#include "attention8.hpp"

namespace squeezebert {
extern const Kernels kNeonKernels = kernels_named("neon", probe);
}
