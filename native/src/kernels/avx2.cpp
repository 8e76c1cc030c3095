// AVX2 + FMA: tiles of 6 x 16, whose sums fill 12 of the 16 registers.
#define LANES 8
#define TILE_ROWS 6
#include "vectors.hpp"

namespace squeezebert {
extern const Kernels kAvx2Kernels{"avx2", kWidth, TILE_ROWS, panel, softmax, layer_norm, add3, multiply_add};
}
