// The int8 products of a machine whose instruction sums four neighbouring bytes into each int32 lane: the sums of LANES
// columns are one vector. Included before dot4 is defined.
#pragma once

#include "simd.hpp"

namespace squeezebert {
namespace {

using Activation8 = std::int8_t;
using Weights = VI;
using Inputs = VI;
using Sums = VI;

SQB_INLINE Bytes narrow8(VI bits) { return lowest_bytes(bits); }

SQB_INLINE Weights load_weights(const std::int8_t* p) { return load_int(p); }

SQB_INLINE Inputs load_inputs(const std::int8_t* p) {
  std::int32_t four;
  __builtin_memcpy(&four, p, 4);
  return four - VI{};
}

SQB_INLINE void put_counts(Activation8* out, VI a, VI b, VI c, VI d) { store_int(out, pack_fours(a, b, c, d)); }

SQB_INLINE Sums begin_sums(VI start) { return start; }
SQB_INLINE VI end_sums(Sums sums) { return sums; }

}  // namespace
}  // namespace squeezebert
