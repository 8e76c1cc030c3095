// AVX-512F: tiles of 12 x 32, whose sums fill 24 of the 32 registers.
#define LANES 16
#define TILE_ROWS 12
#include "vectors.hpp"

namespace squeezebert {
extern const Kernels kAvx512Kernels{"avx512", kWidth, TILE_ROWS, panel, softmax, layer_norm, add3, multiply_add};
}
