// The kernels, written once over vectors of LANES floats; an instruction set's file sets LANES and TILE_ROWS and includes
// this. A register tile is TILE_ROWS rows x 2 vectors: every value of `a` is broadcast once and used twice.
#pragma once

#include "simd.hpp"
#include "table.hpp"

namespace squeezebert {
namespace {

constexpr std::size_t kWidth = 2 * LANES;

// Calls body(offset, lanes inside) over n values, whole vectors first.
template <typename Body>
SQB_INLINE void over_lanes(std::size_t n, Body body) {
  std::size_t i = 0;
  for (; i + LANES <= n; i += LANES) body(i, static_cast<std::size_t>(LANES));
  if (i < n) body(i, n - i);
}
SQB_INLINE V load_some(const float* p, std::size_t n) { return n == LANES ? load(p) : load_part(p, n); }
SQB_INLINE void store_some(float* p, V v, std::size_t n) { n == LANES ? store(p, v) : store_part(p, v, n); }

template <int ROWS, int VECTORS>
struct Tile {
  V sums[ROWS][VECTORS];
};

template <int ROWS, int VECTORS, bool TRANSPOSED>
SQB_INLINE void accumulate(Tile<ROWS, VECTORS>& tile, const float* a, const PanelArgs& p) {
  const float* w = p.w;
  const std::size_t lda = p.lda, ldw = p.ldw, count = p.k;
  for (std::size_t k = 0; k < count; ++k, w += ldw) {
    V b[VECTORS];
#pragma GCC unroll 2
    for (int n = 0; n < VECTORS; ++n) b[n] = load(w + n * LANES);
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; ++m) {
      const V x = splat(TRANSPOSED ? a[k * lda + m] : a[m * lda + k]);
#pragma GCC unroll 2
      for (int n = 0; n < VECTORS; ++n) tile.sums[m][n] += x * b[n];
    }
  }
}

SQB_INLINE V activate(V x, Activation act) {
  switch (act) {
    case Activation::gelu: return gelu(x);
    case Activation::gelu_new: return gelu_new(x);
    case Activation::relu: return max(x, V{});
    case Activation::tanh: return tanh(x);
    case Activation::none: break;
  }
  return x;
}

// Over a tile that has just been put down, once for all tiles: unrolled into each of them it would triple the code.
__attribute__((noinline)) void activate_rows(float* out, std::size_t rows, std::size_t cols, std::size_t ldo, Activation act) {
  for (std::size_t m = 0; m < rows; ++m)
    over_lanes(cols, [&](std::size_t i, std::size_t n) {
      float* at = out + m * ldo + i;
      store_some(at, activate(load_some(at, n), act), n);
    });
}

// How many of a vector's lanes lie inside the panel: LANES, fewer, or none.
SQB_INLINE std::size_t lanes_inside(const PanelArgs& p, int vector) {
  const std::size_t begin = static_cast<std::size_t>(vector) * LANES;
  return p.cols <= begin ? 0 : p.cols - begin < LANES ? p.cols - begin : LANES;
}

template <int ROWS, int VECTORS>
SQB_INLINE void begin(Tile<ROWS, VECTORS>& tile, const float* out, const PanelArgs& p) {
#pragma GCC unroll 2
  for (int n = 0; n < VECTORS; ++n) {
    const std::size_t inside = lanes_inside(p, n);
    const V bias = p.bias && !p.resume ? load(p.bias + n * LANES) : V{};
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; ++m) {
      const float* from = out + m * p.ldo + n * LANES;
      tile.sums[m][n] = !p.resume ? bias : inside == LANES ? load(from) : load_part(from, inside);
    }
  }
}

template <int ROWS, int VECTORS>
SQB_INLINE void end(const Tile<ROWS, VECTORS>& tile, float* out, const PanelArgs& p) {
#pragma GCC unroll 2
  for (int n = 0; n < VECTORS; ++n) {
    const std::size_t inside = lanes_inside(p, n);
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; ++m) {
      float* to = out + m * p.ldo + n * LANES;
      if (inside == LANES) store(to, tile.sums[m][n]);
      else store_part(to, tile.sums[m][n], inside);
    }
  }
  if (p.act != Activation::none) activate_rows(out, ROWS, p.cols, p.ldo, p.act);
}

template <int ROWS, int VECTORS>
void run_tile(const float* a, float* out, const PanelArgs& p) {
  Tile<ROWS, VECTORS> tile;
  begin(tile, out, p);
  if (p.a_transposed) accumulate<ROWS, VECTORS, true>(tile, a, p);
  else accumulate<ROWS, VECTORS, false>(tile, a, p);
  end(tile, out, p);
}

using TileFunction = void (*)(const float*, float*, const PanelArgs&);

template <int VECTORS>
TileFunction tile_of(std::size_t rows) {
  static constexpr TileFunction kTiles[] = {
      run_tile<1, VECTORS>, run_tile<2, VECTORS>, run_tile<3, VECTORS>, run_tile<4, VECTORS>,
      run_tile<5, VECTORS>, run_tile<6, VECTORS>,
#if TILE_ROWS > 6
      run_tile<7, VECTORS>, run_tile<8, VECTORS>, run_tile<9, VECTORS>, run_tile<10, VECTORS>,
      run_tile<11, VECTORS>, run_tile<12, VECTORS>,
#endif
  };
  return kTiles[rows - 1];
}

// Rows are shared out evenly among the tiles: 16 rows are 8 + 8, never 12 + 4.
void panel(const PanelArgs& p) {
  const std::size_t tiles = (p.rows + TILE_ROWS - 1) / TILE_ROWS;
  for (std::size_t t = 0, row = 0; t < tiles; ++t) {
    const std::size_t rows = (p.rows - row + tiles - t - 1) / (tiles - t);
    const TileFunction run = p.cols > LANES ? tile_of<2>(rows) : tile_of<1>(rows);
    run(p.a + (p.a_transposed ? row : row * p.lda), p.out + row * p.ldo, p);
    row += rows;
  }
}

void softmax_lanes(float* scores, std::size_t keys, std::size_t ld) {
  V top = load(scores), sums[4] = {};
  for (std::size_t s = 1; s < keys; ++s) top = max(top, load(scores + s * ld));
  for (std::size_t s = 0; s < keys; ++s) {
    const V e = exp(load(scores + s * ld) - top);
    store(scores + s * ld, e);
    sums[s % 4] += e;
  }
  const V scale = 1.0f / ((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (std::size_t s = 0; s < keys; ++s) store(scores + s * ld, load(scores + s * ld) * scale);
}

void softmax(float* scores, std::size_t keys, std::size_t lanes, std::size_t ld) {
  for (std::size_t n = 0; n < lanes; n += LANES) softmax_lanes(scores + n, keys, ld);
}

void layer_norm(const LayerNormArgs& p) {
  const float scale_of_mean = 1.0f / static_cast<float>(p.channels);
  for (std::size_t r = 0; r < p.rows; ++r) {
    const float* x = p.x + r * p.ld;
    const float* residual = p.residual ? p.residual + r * p.ld : nullptr;
    float* out = p.out + r * p.ld;
    V total = {}, squares = {};
    over_lanes(p.channels, [&](std::size_t i, std::size_t n) {
      V v = load_some(x + i, n);
      if (residual) v += load_some(residual + i, n);
      store_some(out + i, v, n);
      total += v;
    });
    const float mean = sum(total) * scale_of_mean;
    over_lanes(p.channels, [&](std::size_t i, std::size_t n) {
      V d = load_some(out + i, n) - mean;
      if (n < LANES) d = load_part(reinterpret_cast<const float*>(&d), n);
      squares += d * d;
    });
    const float scale = 1.0f / __builtin_sqrtf(sum(squares) * scale_of_mean + p.eps);
    over_lanes(p.channels, [&](std::size_t i, std::size_t n) {
      const V d = (load_some(out + i, n) - mean) * scale;
      store_some(out + i, d * load_some(p.gamma + i, n) + load_some(p.beta + i, n), n);
    });
  }
}

void add3(const float* a, const float* b, const float* c, float* out, std::size_t count) {
  over_lanes(count, [&](std::size_t i, std::size_t n) {
    store_some(out + i, load_some(a + i, n) + load_some(b + i, n) + load_some(c + i, n), n);
  });
}

void multiply_add(const float* a, const float* b, float* out, std::size_t count) {
  over_lanes(count, [&](std::size_t i, std::size_t n) {
    store_some(out + i, load_some(out + i, n) + load_some(a + i, n) * load_some(b + i, n), n);
  });
}

}  // namespace
}  // namespace squeezebert
