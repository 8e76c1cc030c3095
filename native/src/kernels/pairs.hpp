// Products of sums (Winograd 1968, "A New Algorithm for Inner Product"): of two neighbouring inputs
//   a0 w0 + a1 w1 = (a0 + w1) (a1 + w0) - a0 a1 - w0 w1
// and what is taken off is one number a row and one a column, made once. One multiplication and two additions stand for two
// multiplications, which pays where a core adds beside its multipliers: AMD's have two pipes of each kind since Zen. The first
// vector of a tile's columns is computed so and the second one plainly, by which all four are busy.
#pragma once

#include "vectors.hpp"

namespace squeezebert {
namespace {

// Where every third row of a tile is read: the two after it are an index away, so that all of them fit the registers.
template <int ROWS>
struct Thirds {
  const float* at[(ROWS + 2) / 3];
  std::size_t lda;

  Thirds(const float* a, std::size_t ld) : lda(ld) {
    for (int i = 0; i < (ROWS + 2) / 3; ++i) at[i] = a + 3 * i * ld;
  }
  SQB_INLINE void step(std::size_t inputs) {
#pragma GCC unroll 4
    for (const float*& one : at) {
      one += inputs;
      asm("" : "+r"(one));  // or each row's address is computed apart
    }
  }
  SQB_INLINE V operator()(int row, int input) const { return splat(at[row / 3][row % 3 * lda + input]); }
};

template <int ROWS>
SQB_INLINE void accumulate_pairs(Tile<ROWS, 2>& tile, const float* from, const Ahead& ahead, const PanelArgs& p) {
  const float* w = p.w;
  const char* fetched = ahead.at;
  const std::size_t ldw = kWidth, pairs = p.k / 2, share = 2 * ahead.share;
  Thirds<ROWS> a(from, p.lda);
  for (std::size_t i = 0; i < pairs; ++i, w += 2 * ldw, a.step(2), fetched += share) {
    fetch<2 * Ahead::kStep>(fetched, share > Ahead::kLine);
    const V w0 = load(w), w1 = load(w + ldw), plain0 = load(w + LANES), plain1 = load(w + ldw + LANES);
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; ++m) {
      const V a0 = a(m, 0), a1 = a(m, 1);
      tile.sums[m][0] = madd(a0 + w1, a1 + w0, tile.sums[m][0]);
      tile.sums[m][1] = madd(a1, plain1, madd(a0, plain0, tile.sums[m][1]));
    }
  }
  if (p.k % 2 == 0) return;
  const V last = load(w), plain = load(w + LANES);
#pragma GCC unroll 16
  for (int m = 0; m < ROWS; ++m) {
    tile.sums[m][0] = madd(a(m, 0), last, tile.sums[m][0]);
    tile.sums[m][1] = madd(a(m, 0), plain, tile.sums[m][1]);
  }
}

template <int ROWS>
SQB_INLINE void run_tile_of_pairs(std::size_t row, const PanelArgs& p) {
  Tile<ROWS, 2> tile;
  float* out = p.out + row * p.ldo;
  begin(tile, out, p);
  if (!p.resume) {
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; ++m) tile.sums[m][0] -= p.row_pairs[row + m];
  }
  accumulate_pairs(tile, p.a + row * p.lda, Ahead(p, row, ROWS, p.k, 2), p);
  asm volatile("" ::: "memory");
#pragma GCC unroll 16
  for (int m = 0; m < ROWS; ++m)
#pragma GCC unroll 2
    for (int n = 0; n < 2; ++n) tile.sums[m][n] *= p.scale;
  end(tile, out, p);
}

template <int ROWS>
void run_tiles_of_pairs(std::size_t row, std::size_t end, const PanelArgs& p) {
  for (; row < end; row += ROWS) run_tile_of_pairs<ROWS>(row, p);
}

template <std::size_t... ROWS>
TilesFunction tiles_of_pairs(std::size_t rows, std::index_sequence<ROWS...>) {
  static constexpr TilesFunction kTiles[] = {run_tiles_of_pairs<ROWS + 1>...};
  return kTiles[rows - 1];
}

void panel_of_pairs(const PanelArgs& p) {
  if (!p.row_pairs) return panel(p);
  share_rows(p.rows, TILE_ROWS, [&](std::size_t row, std::size_t end, std::size_t rows) {
    tiles_of_pairs(rows, std::make_index_sequence<TILE_ROWS>{})(row, end, p);
  });
  if (p.act != Activation::none) activate_rows(p.out, p.rows, p.cols, p.ldo, p.act);
}

// The sum over a row's pairs of neighbours, LANES rows at a time; each pair is met twice.
void pair_sums(const PairSumsArgs& p) {
  for (std::size_t first = 0; first < p.rows; first += LANES) {
    const std::size_t rows = p.rows - first < LANES ? p.rows - first : LANES;
    V totals[LANES];
    for (std::size_t r = 0; r < LANES; ++r) {
      V chains[kChains] = {};
      const float* x = p.x + (first + r) * p.ldx;
      if (r < rows)
        over_lanes_in_chains(p.k / 2 * 2, [&](std::size_t i, std::size_t n, std::size_t j) {
          const V v = load_some(x + i, n);
          chains[j] = madd(v, swapped(v), chains[j]);
        });
      totals[r] = (chains[0] + chains[1]) + (chains[2] + chains[3]);
    }
    store_some(p.out + first, joined(totals, [](V a, V b) { return a + b; }) * 0.5f, rows);
  }
}

constexpr Kernels in_pairs(Kernels kernels) {
  kernels.paired = LANES;
  kernels.panel = panel_of_pairs;
  kernels.pair_sums = pair_sums;
  return kernels;
}

}  // namespace
}  // namespace squeezebert
