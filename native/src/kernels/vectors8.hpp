// The int8 kernels, written once over vectors of LANES int32 sums. An instruction set's file defines, beside LANES,
//   INT8_ROWS    rows of a register tile
//   INT8_OFFSET  what `quantize` adds to an activation: 128 where the machine multiplies unsigned by signed, else 0
//   INT8_VECTORS vectors of LANES columns that a register tile is wide: 2, or 1 where registers are few
// and the types and functions of a product of four neighbouring bytes (see fours.hpp for those of most):
//   Weights load_weights(p)       four bytes of each of LANES columns
//   Inputs  load_inputs(p)        four bytes of one row, for all columns
//   Sums    begin_sums(start)     LANES columns' sums over k so far, from the int32 values they start with
//   Sums    dot4(sums, inputs, weights), exactly
//   VI      end_sums(sums)        one int32 a column
#pragma once

#include "vectors.hpp"

namespace squeezebert {
namespace {

typedef std::int8_t Bytes __attribute__((vector_size(LANES)));

template <int ROWS, int VECTORS>
SQB_INLINE void accumulate8(Sums (&sums)[ROWS][VECTORS], const std::int8_t* a, const Int8PanelArgs& p) {
  const std::int8_t* w = p.w;
  const std::size_t lda = p.lda, count = (p.k + 3) / 4;
  for (std::size_t k = 0; k < count; ++k, w += 4 * kWidth) {
    Weights b[VECTORS];
#pragma GCC unroll 2
    for (int n = 0; n < VECTORS; ++n) b[n] = load_weights(w + n * 4 * LANES);
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; ++m) {
      const Inputs x = load_inputs(a + m * lda + 4 * k);
#pragma GCC unroll 2
      for (int n = 0; n < VECTORS; ++n) sums[m][n] = dot4(sums[m][n], x, b[n]);
    }
  }
}

template <int ROWS, int VECTORS>
void run_tile8(std::size_t row, const Int8PanelArgs& p) {
  Sums sums[ROWS][VECTORS];
#pragma GCC unroll 2
  for (int n = 0; n < VECTORS; ++n) {
    const VI start = INT8_OFFSET ? load_int(p.column_sums + n * LANES) * -INT8_OFFSET : VI{};
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; ++m) sums[m][n] = begin_sums(start);
  }
  accumulate8(sums, p.a + row * p.lda, p);
#pragma GCC unroll 2
  for (int n = 0; n < VECTORS; ++n) {
    const std::size_t begin = static_cast<std::size_t>(n) * LANES, inside = p.cols - begin < LANES ? p.cols - begin : LANES;
    const V scales = load(p.scales + begin), bias = load(p.bias + begin);
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; ++m) {
      const V y = __builtin_convertvector(end_sums(sums[m][n]), V) * (scales * p.row_scales[row + m]) + bias;
      store_some(p.out + (row + m) * p.ldo + begin, y, inside);
    }
  }
  if (p.act != Activation::none) activate_rows(p.out + row * p.ldo, ROWS, p.cols, p.ldo, p.act);
}

using Tile8Function = void (*)(std::size_t, const Int8PanelArgs&);

template <int VECTORS>
Tile8Function tile8_of(std::size_t rows) {
  static constexpr Tile8Function kTiles[] = {
      run_tile8<1, VECTORS>, run_tile8<2, VECTORS>, run_tile8<3, VECTORS>, run_tile8<4, VECTORS>,
#if INT8_ROWS > 4
      run_tile8<5, VECTORS>, run_tile8<6, VECTORS>, run_tile8<7, VECTORS>, run_tile8<8, VECTORS>,
      run_tile8<9, VECTORS>, run_tile8<10, VECTORS>, run_tile8<11, VECTORS>, run_tile8<12, VECTORS>,
#endif
  };
  return kTiles[rows - 1];
}

void int8_panel(const Int8PanelArgs& p) {
  const std::size_t tiles = (p.rows + INT8_ROWS - 1) / INT8_ROWS;
  for (std::size_t t = 0, row = 0; t < tiles; ++t) {
    const std::size_t rows = (p.rows - row + tiles - t - 1) / (tiles - t);
    (p.cols > LANES ? tile8_of<2>(rows) : tile8_of<1>(rows))(row, p);
    row += rows;
  }
}

SQB_INLINE float largest(V v) {
  float top = v[0];
  for (int i = 1; i < LANES; ++i) top = v[i] > top ? v[i] : top;
  return top;
}

void quantize(const QuantizeArgs& p) {
  const V shift = splat(12582912.0f);  // rounds to nearest even, as nearbyint does
  for (std::size_t r = 0; r < p.rows; ++r) {
    const float* x = p.x + r * p.ldx;
    std::int8_t* out = p.out + r * p.ldo;
    V tops = {};
    over_lanes(p.channels, [&](std::size_t i, std::size_t n) { tops = max(tops, abs(load_some(x + i, n))); });
    const float top = largest(tops), inverse = top > 0.0f ? 127.0f / top : 0.0f;
    p.scales[r] = top / 127.0f;
    over_lanes(p.channels, [&](std::size_t i, std::size_t n) {
      // The clamp keeps the product from being fused with the sum, which would round ties differently per machine.
      const V scaled = max(min(load_some(x + i, n) * inverse, splat(127.0f)), splat(-127.0f));
      const V rounded = scaled + shift;
      const VI q = reinterpret_cast<VI>(rounded) - (0x4b400000 - INT8_OFFSET);
      const Bytes bytes = __builtin_convertvector(q, Bytes);
      __builtin_memcpy(out + i, &bytes, n);
    });
  }
}

}  // namespace
}  // namespace squeezebert
