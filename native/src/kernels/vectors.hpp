// The kernels, written once over vectors of LANES floats; an instruction set's file sets LANES and TILE_ROWS and includes
// this. A register tile is TILE_ROWS rows x 2 vectors: every value of `a` is broadcast once and used twice.
#pragma once

#include "simd.hpp"
#include "table.hpp"

namespace squeezebert {
namespace {

#ifndef VECTORS_TOGETHER
#define VECTORS_TOGETHER 1  // on which a function with many constants works at once: where they do not fit the registers
#endif

constexpr std::size_t kWidth = 2 * LANES;

// Calls body(offset, lanes inside) over n values, whole vectors first.
template <typename Body>
SQB_INLINE void over_lanes(std::size_t n, Body body) {
  std::size_t i = 0;
  for (; i + LANES <= n; i += LANES) body(i, static_cast<std::size_t>(LANES));
  if (i < n) body(i, n - i);
}
// The same for sums and the like: body(offset, lanes inside, which of kChains to add to), since one would wait for itself.
constexpr std::size_t kChains = 4;
template <typename Body>
SQB_INLINE void over_lanes_in_chains(std::size_t n, Body body) {
  std::size_t i = 0;
  for (; i + kChains * LANES <= n; i += kChains * LANES) {
#pragma GCC unroll 4
    for (std::size_t j = 0; j < kChains; ++j) body(i + j * LANES, static_cast<std::size_t>(LANES), j);
  }
  over_lanes(n - i, [&](std::size_t k, std::size_t inside) { body(i + k, inside, 0); });
}
SQB_INLINE float sum(const V (&chains)[kChains]) { return sum((chains[0] + chains[1]) + (chains[2] + chains[3])); }
SQB_INLINE V load_some(const float* p, std::size_t n) { return n == LANES ? load(p) : load_part(p, n); }
SQB_INLINE void store_some(float* p, V v, std::size_t n) { n == LANES ? store(p, v) : store_part(p, v, n); }

// How far values reach from zero, each lane on either side.
struct Reach {
  V low = {}, high = {};

  SQB_INLINE void add(V x) { join(x, x); }
  SQB_INLINE void join(V lower, V higher) {
    low = min(low, lower);
    high = max(high, higher);
  }
  SQB_INLINE Range range() const { return {-largest(-low), largest(high)}; }
};

// The ranges of N rows, each of which has been gone through lane by lane.
template <int N>
SQB_INLINE void put_ranges(Range* out, const Reach (&reaches)[N]) {
  V lows[N], highs[N];
  for (int i = 0; i < N; ++i) lows[i] = reaches[i].low, highs[i] = reaches[i].high;
  const V low = joined(lows, [](V a, V b) { return min(a, b); }), high = joined(highs, [](V a, V b) { return max(a, b); });
  for (int i = 0; i < N; ++i) out[i] = {low[i], high[i]};
}

template <int ROWS, int VECTORS>
struct Tile {
  V sums[ROWS][VECTORS];
};

// The panel that comes next is fetched by all tiles of this one together, each a share of it, some bytes in each of its steps.
// Where that is less than half of the line that a step fetches anyway, they go on into the panel after it: what is fetched
// last would be waited for.
struct Ahead {
  static constexpr std::size_t kLine = 64, kStep = 4 * kWidth;  // bytes; of a panel's weights for each step, int8 ones too
  const char* at;
  std::size_t share = 0;

  // For a tile of `rows` from `row` on and its `steps`, of which `together` fetch once.
  template <typename Args>
  Ahead(const Args& p, std::size_t row, std::size_t rows, std::size_t steps, std::size_t together = 1)
      : at(reinterpret_cast<const char*>(p.next ? p.next : p.w)) {
    if (!p.next) return;
    const std::size_t once = kStep * rows / p.rows, times = 2 * once * together <= kLine ? 2 : 1;
    at += times * (kStep * steps * row / p.rows);
    share = times * once;
  }
};

template <int ROWS, int VECTORS, bool TRANSPOSED>
SQB_INLINE void accumulate(Tile<ROWS, VECTORS>& tile, const float* a, const Ahead& ahead, const PanelArgs& p) {
  const float* w = p.w;
  const char* fetched = ahead.at;
  const std::size_t lda = p.lda, ldw = p.ldw, count = p.k, share = ahead.share;
  for (std::size_t k = 0; k < count; ++k, w += ldw, fetched += share) {
    fetch<Ahead::kStep>(fetched, share > Ahead::kLine);
    V b[VECTORS];
#pragma GCC unroll 2
    for (int n = 0; n < VECTORS; ++n) b[n] = load(w + n * LANES);
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; ++m) {
      const V x = splat(TRANSPOSED ? a[k * lda + m] : a[m * lda + k]);
#pragma GCC unroll 2
      for (int n = 0; n < VECTORS; ++n) tile.sums[m][n] = madd(x, b[n], tile.sums[m][n]);
    }
  }
}

using Together = Several<VECTORS_TOGETHER>::type;

// Replaces VECTORS_TOGETHER vectors, `step` floats apart, by a function of them.
template <typename Function>
SQB_INLINE void replace_together(float* at, std::size_t step, const Function& function) {
  Together x;
  V* parts = reinterpret_cast<V*>(&x);
#pragma GCC unroll 8
  for (int i = 0; i < VECTORS_TOGETHER; ++i) parts[i] = load(at + i * step);
  x = function(x);
#pragma GCC unroll 8
  for (int i = 0; i < VECTORS_TOGETHER; ++i) store(at + i * step, parts[i]);
}

// Columns outside, rows inside: one long loop a vector, whose constants stay where they are.
template <typename Function>
SQB_INLINE void replace_rows(float* out, std::size_t rows, std::size_t cols, std::size_t ldo, const Function& function) {
  over_lanes(cols, [&](std::size_t i, std::size_t n) {
    std::size_t m = n == LANES ? rows / VECTORS_TOGETHER * VECTORS_TOGETHER : 0;
    for (std::size_t first = 0; first < m; first += VECTORS_TOGETHER) replace_together(out + first * ldo + i, ldo, function);
    for (float* at = out + m * ldo + i; m < rows; ++m, at += ldo) store_some(at, function(load_some(at, n)), n);
  });
}

// Calls use(function of vectors), if there is one.
template <typename Use>
SQB_INLINE void with(Activation act, const Use& use) {
  switch (act) {
    case Activation::gelu: return use([](auto x) { return gelu(x); });
    case Activation::gelu_new: return use([](auto x) { return gelu_new(x); });
    case Activation::relu: return use([](auto x) { return relu(x); });
    case Activation::tanh: return use([](auto x) { return tanh(x); });
    case Activation::none: break;
  }
}

// Over all rows of a panel that have just been put down.
void activate_rows(float* out, std::size_t rows, std::size_t cols, std::size_t ldo, Activation act) {
  with(act, [&](auto function) { replace_rows(out, rows, cols, ldo, function); });
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

// Puts down one vector of each row, or so many lanes of it.
template <int ROWS, typename Row>
SQB_INLINE void put_rows(float* out, std::size_t ldo, std::size_t inside, const Row& row) {
  if (inside == LANES) {
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; ++m) store(out + m * ldo, row(m));
  } else {
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; ++m) store_part(out + m * ldo, row(m), inside);
  }
}

template <int ROWS, int VECTORS>
SQB_INLINE void end(const Tile<ROWS, VECTORS>& tile, float* out, const PanelArgs& p) {
#pragma GCC unroll 2
  for (int n = 0; n < VECTORS; ++n)
    put_rows<ROWS>(out + n * LANES, p.ldo, lanes_inside(p, n), [&](int m) { return tile.sums[m][n]; });
}

template <int ROWS, int VECTORS>
SQB_INLINE void run_tile(std::size_t row, const PanelArgs& p) {
  Tile<ROWS, VECTORS> tile;
  const float* a = p.a + (p.a_transposed ? row : row * p.lda);
  float* out = p.out + row * p.ldo;
  begin(tile, out, p);
  const Ahead ahead(p, row, ROWS, p.k);
  if (p.a_transposed) accumulate<ROWS, VECTORS, true>(tile, a, ahead, p);
  else accumulate<ROWS, VECTORS, false>(tile, a, ahead, p);
  asm volatile("" ::: "memory");  // what is read next was not to take a register until now
  end(tile, out, p);
}

template <int ROWS, int VECTORS>
void run_tiles(std::size_t row, std::size_t end, const PanelArgs& p) {
  for (; row < end; row += ROWS) run_tile<ROWS, VECTORS>(row, p);
}

using TilesFunction = void (*)(std::size_t, std::size_t, const PanelArgs&);

template <int VECTORS, std::size_t... ROWS>
TilesFunction tiles_of(std::size_t rows, std::index_sequence<ROWS...>) {
  static constexpr TilesFunction kTiles[] = {run_tiles<ROWS + 1, VECTORS>...};
  return kTiles[rows - 1];
}

// Rows are shared out evenly among the tiles: 16 rows are 8 + 8, never 12 + 4. Calls run(row, end, rows of a tile) for the
// larger tiles, then for the others.
template <typename Run>
SQB_INLINE void share_rows(std::size_t rows, std::size_t most, const Run& run) {
  const std::size_t tiles = (rows + most - 1) / most, each = rows / tiles, larger = rows % tiles * (each + 1);
  if (larger) run(0, larger, each + 1);
  run(larger, rows, each);
}

void panel(const PanelArgs& p) {
  using Rows = std::make_index_sequence<TILE_ROWS>;
  share_rows(p.rows, TILE_ROWS, [&](std::size_t row, std::size_t end, std::size_t rows) {
    (p.cols > LANES ? tiles_of<2>(rows, Rows{}) : tiles_of<1>(rows, Rows{}))(row, end, p);
  });
  if (p.act != Activation::none) activate_rows(p.out, p.rows, p.cols, p.ldo, p.act);
}

// The largest of each lane, over `rows` vectors.
template <typename Row>
SQB_INLINE V highest(std::size_t rows, const Row& row) {
  V tops[kChains];
  for (V& top : tops) top = row(0);
  std::size_t r = 0;
  for (; r + kChains <= rows; r += kChains) {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kChains; ++i) tops[i] = max(tops[i], row(r + i));
  }
  for (; r < rows; ++r) tops[0] = max(tops[0], row(r));
  return max(max(tops[0], tops[1]), max(tops[2], tops[3]));
}

void softmax_lanes(float* scores, std::size_t keys, std::size_t ld) {
  const V top = highest(keys, [&](std::size_t s) { return load(scores + s * ld); });
  V sum = {};
  Together tops;
  for (int i = 0; i < VECTORS_TOGETHER; ++i) reinterpret_cast<V*>(&tops)[i] = top;
  const std::size_t whole = keys / VECTORS_TOGETHER * VECTORS_TOGETHER;
  for (std::size_t s = 0; s < whole; s += VECTORS_TOGETHER)
    replace_together(scores + s * ld, ld, [&](Together x) {
      Together e = exp(x - tops);
#pragma GCC unroll 8
      for (int i = 0; i < VECTORS_TOGETHER; ++i) sum += reinterpret_cast<V*>(&e)[i];
      return e;
    });
  for (std::size_t s = whole; s < keys; ++s) {
    const V e = exp(load(scores + s * ld) - top);
    store(scores + s * ld, e);
    sum += e;
  }
  const V scale = 1.0f / sum;
  for (std::size_t s = 0; s < keys; ++s) store(scores + s * ld, load(scores + s * ld) * scale);
}

void softmax(float* scores, std::size_t keys, std::size_t lanes, std::size_t ld) {
  for (std::size_t n = 0; n < lanes; n += LANES) softmax_lanes(scores + n, keys, ld);
}

void transpose(const TransposeArgs& p) {
  for (std::size_t first = 0; first < p.rows; first += LANES) {
    const std::size_t rows = p.rows - first < LANES ? p.rows - first : LANES;
    over_lanes(p.columns, [&](std::size_t i, std::size_t n) {
      V x[LANES];
#pragma GCC unroll 16
      for (std::size_t r = 0; r < LANES; ++r) x[r] = r < rows ? load_some(p.x + (first + r) * p.ldx + i, n) * p.scale : V{};
      turn(x);
      for (std::size_t c = 0; c < n; ++c) store(p.out + (i + c) * kWidth + first, x[c]);
    });
  }
}

#include "norm.hpp"

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
