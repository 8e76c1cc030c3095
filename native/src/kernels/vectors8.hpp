// The int8 kernels, written once over vectors of LANES int32 sums. An instruction set's file defines, beside LANES,
//   INT8_ROWS     rows of a register tile
//   INT8_VECTORS  vectors of LANES columns of a register tile, 1 or 2
//   INT8_OFFSET   what `quantize` adds to an activation: 128 where the machine multiplies unsigned by signed, else 0; a
//                 variable where only the running machine tells
//   INT8_BLOCK    rows that `quantize` puts together: 1, or INT8_ROWS, which reads a tile's activations in one stream
//   Activation8   what `quantize` stores an activation in
// and the types and functions of a product of four neighbouring values (see fours.hpp for those of most):
//   narrow8(bits)          LANES activations, from bits that are kZero higher
//   Weights load_weights(p)       four weights of each of LANES columns
//   Inputs  load_inputs(p)        four activations of one row, for all columns
//   Sums    begin_sums(start)     LANES columns' sums over k so far, from the int32 values they start with
//   Sums    dot4(sums, inputs, weights), exactly
//   VI      end_sums(sums)        one int32 a column
// and, where load_weights takes more than a load, INT8_KEPT: the most inputs of a panel whose weights its first tile
// leaves behind for the others, as load_weights gave them.
#pragma once

#include "vectors.hpp"

#ifndef INT8_KEPT
#define INT8_KEPT 0
#endif

namespace squeezebert {
namespace {

// Where a tile takes its weights from: the packed ones, the same while it leaves them behind, or what was left.
enum class From { packed, keeping, kept };

// What the sums of some columns begin with, or that for each unit of a row's zero, and what is made of them, for every tile of
// rows alike.
template <int VECTORS>
struct Columns8 {
  std::size_t first, inside;  // the first column, and how many lanes of the last vector are columns
  VI start[VECTORS];
  V scales[VECTORS], bias[VECTORS];

  SQB_INLINE Columns8(std::size_t from, const Int8PanelArgs& p) : first(from), inside(p.cols - from - (VECTORS - 1) * LANES) {
    if (inside > LANES) inside = LANES;
#pragma GCC unroll 2
    for (int n = 0; n < VECTORS; ++n) {
      const std::size_t at = first + static_cast<std::size_t>(n) * LANES;
      start[n] = p.row_zeros ? -load_int(p.column_sums + at)
                 : INT8_OFFSET && p.column_sums ? load_int(p.column_sums + at) * -INT8_OFFSET : VI{};
      scales[n] = load(p.scales + at);
      bias[n] = p.bias ? load(p.bias + at) : V{};
    }
  }
};

template <int ROWS, int VECTORS, From FROM>
SQB_INLINE void accumulate8(Sums (&sums)[ROWS][VECTORS], const Activation8* a, const std::int8_t* w, Weights* kept, Ahead& ahead,
                            const Int8PanelArgs& p) {
  constexpr bool kTogether = INT8_BLOCK > 1;
  const std::size_t between = kTogether ? 4 : p.lda / sizeof(Activation8), step = p.step ? p.step : kTogether ? 4 * ROWS : 4;
  const std::size_t count = (p.k + 3) / 4;
  const std::size_t share = ahead.share;
  const char* fetched = ahead.at;
  a += p.from * (kTogether ? ROWS : 1);
  for (std::size_t k = 0; k < count; ++k, w += 4 * kWidth, a += step, fetched += share) {
    fetch<Ahead::kStep>(fetched, share > Ahead::kLine);
    if constexpr (kTogether) asm("" : "+r"(a), "+r"(w), "+r"(kept));  // or each load's address is computed apart
    Weights b[VECTORS];
#pragma GCC unroll 2
    for (int n = 0; n < VECTORS; ++n) {
      b[n] = FROM == From::kept ? kept[n] : load_weights(w + n * 4 * LANES);
      if constexpr (FROM == From::keeping) kept[n] = b[n];
    }
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; ++m) {
      const Inputs x = load_inputs(a + m * between);
#pragma GCC unroll 2
      for (int n = 0; n < VECTORS; ++n) sums[m][n] = dot4(sums[m][n], x, b[n]);
    }
    if constexpr (FROM != From::packed) kept += VECTORS;
  }
  ahead.at = fetched;
}

// The sums of the N-th vector of columns; which one is known to the compiler, or it keeps all of them in memory.
template <int N, int ROWS, int VECTORS>
SQB_INLINE void begin8(Sums (&sums)[ROWS][VECTORS], const Columns8<VECTORS>& columns, const std::int32_t* zeros) {
#pragma GCC unroll 16
  for (int m = 0; m < ROWS; ++m) sums[m][N] = begin_sums(zeros ? columns.start[N] * zeros[m] : columns.start[N]);
}
template <int N, int ROWS, int VECTORS>
SQB_INLINE void end8(const Sums (&sums)[ROWS][VECTORS], std::size_t row, const Columns8<VECTORS>& columns, const Int8PanelArgs& p) {
  const V scales = columns.scales[N], bias = columns.bias[N];
  const float* row_scales = p.row_scales + row;
  put_rows<ROWS>(p.out + row * p.ldo + columns.first + N * LANES, p.ldo, N + 1 < VECTORS ? LANES : columns.inside, [&](int m) {
    return madd(__builtin_convertvector(end_sums(sums[m][N]), V), scales * row_scales[m], bias);
  });
}

template <int ROWS, int VECTORS, From FROM>
SQB_INLINE void run_tile8(std::size_t row, const Columns8<VECTORS>& columns, Weights* kept, Ahead& ahead, const Int8PanelArgs& p) {
  Sums sums[ROWS][VECTORS];
  const std::int32_t* zeros = p.row_zeros ? p.row_zeros + row : nullptr;
  begin8<0>(sums, columns, zeros);
  if constexpr (VECTORS > 1) begin8<1>(sums, columns, zeros);
  const auto* a = reinterpret_cast<const Activation8*>(p.a + row * p.lda);
  accumulate8<ROWS, VECTORS, FROM>(sums, a, p.w + 4 * columns.first, kept, ahead, p);
  end8<0>(sums, row, columns, p);
  if constexpr (VECTORS > 1) end8<1>(sums, row, columns, p);
}

template <int ROWS, int VECTORS>
void run_tiles8(std::size_t row, std::size_t end, std::size_t first, Weights* kept, const Int8PanelArgs& p) {
  const Columns8<VECTORS> columns(first, p);
  Ahead ahead(p, row, ROWS, (p.k + 3) / 4);
  if (!INT8_KEPT || !kept) {
    for (; row < end; row += ROWS) run_tile8<ROWS, VECTORS, From::packed>(row, columns, kept, ahead, p);
    return;
  }
  if (row == 0) {
    run_tile8<ROWS, VECTORS, From::keeping>(row, columns, kept, ahead, p);
    row = ROWS;
  }
  for (; row < end; row += ROWS) run_tile8<ROWS, VECTORS, From::kept>(row, columns, kept, ahead, p);
}

using Tiles8Function = void (*)(std::size_t, std::size_t, std::size_t, Weights*, const Int8PanelArgs&);

template <int VECTORS, std::size_t... ROWS>
Tiles8Function tiles8_of(std::size_t rows, std::index_sequence<ROWS...>) {
  static constexpr Tiles8Function kTiles[] = {run_tiles8<ROWS + 1, VECTORS>...};
  return kTiles[rows - 1];
}

// As share_rows, but where rows lie together a tile is a block.
template <typename Run>
SQB_INLINE void share_rows8(const Int8PanelArgs& p, const Run& run) {
  if (INT8_BLOCK == 1) return share_rows(p.rows, INT8_ROWS, run);
  const std::size_t whole = p.rows / p.block * p.block;
  if (whole) run(0, whole, p.block);
  if (whole < p.rows) run(whole, p.rows, p.rows - whole);
}

SQB_INLINE void int8_columns(std::size_t first, const Int8PanelArgs& p) {
  using Rows = std::make_index_sequence<INT8_ROWS>;
  Weights room[INT8_KEPT / 4 * INT8_VECTORS + 1];
  Weights* kept = p.k <= INT8_KEPT && p.rows > p.block ? room : nullptr;
  share_rows8(p, [&](std::size_t row, std::size_t end, std::size_t rows) {
    (p.cols - first > LANES ? tiles8_of<INT8_VECTORS>(rows, Rows{}) : tiles8_of<1>(rows, Rows{}))(row, end, first, kept, p);
  });
}

void int8_panel(const Int8PanelArgs& p) {
  for (std::size_t first = 0; first < p.cols; first += INT8_VECTORS * LANES) int8_columns(first, p);
  if (p.act != Activation::none) activate_rows(p.out, p.rows, p.cols, p.ldo, p.act);
}

#include "rows8.hpp"

}  // namespace
}  // namespace squeezebert
