// What attention of int8 models needs beside int8_panel, written once over vectors of LANES: the file of an instruction set
// includes this after vectors8.hpp. Beside what that asks for it needs
//   void put_counts(out, a, b, c, d)   four activations of each of LANES rows, which lie together, from their bits
#pragma once

#include "vectors8.hpp"

namespace squeezebert {
namespace {

// Of LANES columns, over all inputs: as many products with one.
SQB_INLINE VI column_sums_of(const std::int8_t* w, std::size_t fours) {
  Activation8 ones[4];
  for (Activation8& one : ones) one = 1;
  const Inputs inputs = load_inputs(ones);
  Sums sums = begin_sums(VI{});
  for (std::size_t k = 0; k < fours; ++k) sums = dot4(sums, inputs, load_weights(w + k * 4 * kWidth));
  return end_sums(sums);
}

void quantize_queries(const QueriesArgs& p) {
  float inverse[kWidth];
  std::int32_t block[LANES][LANES / 4] = {};  // LANES channels of LANES queries
  for (std::size_t r = 0; r < p.rows; ++r) {
    const float top = furthest(p.x + r * p.ldx, p.channels);
    inverse[r] = top > 0.0f ? 127.0f / top : 0.0f;
    p.scales[r] = top / 127.0f;
  }
  over_lanes(p.channels, [&](std::size_t i, std::size_t n) {
    for (std::size_t first = 0; first < p.rows; first += LANES) {
      const std::size_t rows = p.rows - first < LANES ? p.rows - first : LANES;
      for (std::size_t r = 0; r < rows; ++r) {
        const Bytes bytes = lowest_bytes(rounded8(load_some(p.x + (first + r) * p.ldx + i, n), splat(inverse[first + r]), splat(kRounding)));
        std::memcpy(block[r], &bytes, sizeof bytes);
      }
      for (std::size_t j = 0; j < n; j += 4) {
        VI fours;
#pragma GCC unroll 16
        for (int r = 0; r < LANES; ++r) fours[r] = block[r][j / 4];
        store_int(p.out + (i + j) * kWidth + 4 * first, fours);
      }
    }
  });
  for (std::size_t n = 0; n < p.rows; n += LANES)
    store_int(p.column_sums + n, column_sums_of(p.out + 4 * n, (p.channels + 3) / 4));
}

// LANES channels.
SQB_INLINE void quantize_channels(const ValuesArgs& p, std::size_t first, std::size_t inside, std::int8_t* out) {
  const float* x = p.x + first;
  const V top = highest(p.rows, [&](std::size_t r) { return abs(load_some(x + r * p.ldx, inside)); });
  const V inverse = select(top > 0.0f, 127.0f / top, V{});
  store(p.scales + first, top / 127.0f);
  for (std::size_t r = 0; r < p.rows; r += 4, out += 4 * kWidth) {
    VI q[4];
    for (std::size_t i = 0; i < 4; ++i)
      q[i] = rounded8(r + i < p.rows ? load_some(x + (r + i) * p.ldx, inside) : V{}, inverse, splat(kRounding + 128.0f));
    store_int(out, pack_fours(q[0], q[1], q[2], q[3]) ^ static_cast<std::int32_t>(0x80808080u));
  }
}

void quantize_values(const ValuesArgs& p) {
  const std::size_t panel = (p.rows + 3) / 4 * 4 * kWidth;
  over_lanes(p.channels, [&](std::size_t i, std::size_t n) { quantize_channels(p, i, n, p.out + i / kWidth * panel + i % kWidth * 4); });
}

// Of four vectors, `ld` floats apart.
SQB_INLINE void count_four(const float* x, std::size_t ld, V top, VI (&counts)[4]) {
  if constexpr (VECTORS_TOGETHER == 4) {
    Together four;
    for (std::size_t i = 0; i < 4; ++i) reinterpret_cast<V*>(&four)[i] = load(x + i * ld) - top;
    const Bits<Together> bits = counted(four);
    for (std::size_t i = 0; i < 4; ++i) counts[i] = reinterpret_cast<const VI*>(&bits)[i];
  } else {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) counts[i] = counted(load(x + i * ld) - top);
  }
}

SQB_INLINE void count_lanes(const float* scores, std::size_t keys, std::size_t ld, Activation8* out, float* scales) {
  const V top = highest(keys, [&](std::size_t s) { return load(scores + s * ld); });
  VI counts[4];
  Words total = {};  // kZero in each
  std::size_t s = 0;
  for (; s + 4 <= keys; s += 4) {
    count_four(scores + s * ld, ld, top, counts);
#pragma GCC unroll 4
    for (const VI& count : counts) total += reinterpret_cast<Words>(count);
    put_counts(out + s * ld, counts[0], counts[1], counts[2], counts[3]);
  }
  if (s < keys) {
    for (std::size_t i = 0; i < 4; ++i) {
      counts[i] = s + i < keys ? counted(load(scores + (s + i) * ld) - top) : kZero - VI{};
      total += reinterpret_cast<Words>(counts[i]);
    }
    put_counts(out + s * ld, counts[0], counts[1], counts[2], counts[3]);
  }
  total -= static_cast<std::uint32_t>((keys + 3) / 4 * 4) * static_cast<std::uint32_t>(kZero);
  store(scales, 1.0f / __builtin_convertvector(reinterpret_cast<VI>(total), V));
}

void count_softmax(const CountArgs& p) {
  Activation8* out = reinterpret_cast<Activation8*>(p.out);
  for (std::size_t n = 0; n < p.lanes; n += LANES) count_lanes(p.scores + n, p.keys, p.ld, out + 4 * n, p.scales + n);
}

constexpr Kernels kernels_named(const char* name, double (*probe)(bool)) {
  return {name, kWidth, TILE_ROWS, sizeof(Activation8), INT8_BLOCK, panel, softmax, layer_norm, add3, multiply_add, quantize,
          int8_panel, quantize_queries, quantize_values, count_softmax, probe};
}

}  // namespace
}  // namespace squeezebert
