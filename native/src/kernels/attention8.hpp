// What attention of int8 models needs beside int8_panel, written once over vectors of LANES: the file of an instruction set
// includes this after vectors8.hpp. Beside what that asks for it needs
//   void put_counts(out, a, b, c, d)   four activations of each of LANES rows, which lie together, from their bits
#pragma once

#include "vectors8.hpp"

namespace squeezebert {
namespace {

template <std::size_t CHANNELS>
void quantize_heads(QueriesArgs p) {
  if (CHANNELS) p.channels = CHANNELS;
  const Activation8 ones[4] = {1, 1, 1, 1};
  const Inputs one = load_inputs(ones);
  over_rows(p, [&](std::size_t first, std::size_t rows, const float* inverse) {
    const float* x = p.x + first * p.ldx;
    Sums sums = begin_sums(VI{});
    over_lanes(p.channels, [&](std::size_t i, std::size_t n) {
      VI fours[LANES / 4];
#pragma GCC unroll 4
      for (std::size_t r = 0; r < LANES; r += 4) {
        VI four[4];
#pragma GCC unroll 4
        for (std::size_t j = 0; j < 4; ++j)
          four[j] = rounded8(load_some(x + (r + j < rows ? r + j : rows - 1) * p.ldx + i, n), splat(inverse[r + j]), splat(kRounding));
        fours[r / 4] = lowest_bytes(four);
      }
      turn(fours);
      for (std::size_t j = 0; j < n; j += 4) {
        std::int8_t* out = p.out + (i + j) * kWidth + 4 * first;
        store_int(out, fours[j / 4]);
        sums = dot4(sums, one, load_weights(out));
      }
    });
    store_int(p.column_sums + first, end_sums(sums));
  });
}

void quantize_queries(const QueriesArgs& p) {
  with_channels(p.channels, [&](auto channels) { quantize_heads<channels>(p); });
}

// COUNT vectors of channels, all of a row's at once: rows lie far apart. `inside` lanes of each are in use.
template <std::size_t COUNT>
SQB_INLINE void quantize_channels(const ValuesArgs& p, std::size_t first, std::size_t inside) {
  const std::size_t panel = (p.rows + 3) / 4 * 4 * kWidth;
  V tops[COUNT] = {}, inverse[COUNT];
  for (std::size_t r = 0; r < p.rows; ++r)
#pragma GCC unroll 4
    for (std::size_t j = 0; j < COUNT; ++j) tops[j] = max(tops[j], abs(load_some(p.x + r * p.ldx + first + j * LANES, inside)));
#pragma GCC unroll 4
  for (std::size_t j = 0; j < COUNT; ++j) {
    inverse[j] = select(tops[j] > 0.0f, 127.0f / tops[j], V{});
    store(p.scales + first + j * LANES, tops[j] / 127.0f);
  }
  for (std::size_t r = 0; r < p.rows; r += 4)
#pragma GCC unroll 4
    for (std::size_t j = 0; j < COUNT; ++j) {
      const std::size_t c = first + j * LANES;
      VI q[4];
#pragma GCC unroll 4
      for (std::size_t i = 0; i < 4; ++i)
        q[i] = rounded8(r + i < p.rows ? load_some(p.x + (r + i) * p.ldx + c, inside) : V{}, inverse[j], splat(kRounding + 128.0f));
      store_int(p.out + c / kWidth * panel + (r * kWidth + c % kWidth * 4), pack_fours(q[0], q[1], q[2], q[3]) ^ static_cast<std::int32_t>(0x80808080u));
    }
}

void quantize_values(const ValuesArgs& p) {
  std::size_t c = 0;
  for (; c + 4 * LANES <= p.channels; c += 4 * LANES) quantize_channels<4>(p, c, LANES);
  for (; c + 2 * LANES <= p.channels; c += 2 * LANES) quantize_channels<2>(p, c, LANES);
  for (; c < p.channels; c += LANES) quantize_channels<1>(p, c, p.channels - c < LANES ? p.channels - c : LANES);
}

// Of four vectors, `ld` floats apart.
SQB_INLINE void count_four(const float* x, std::size_t ld, V top, VI (&counts)[4]) {
  if constexpr (VECTORS_TOGETHER == 4) {
    Together four;
    for (std::size_t i = 0; i < 4; ++i) reinterpret_cast<V*>(&four)[i] = load(x + i * ld) - top;
    const Bits<Together> bits = counted(four);
    for (std::size_t i = 0; i < 4; ++i) counts[i] = reinterpret_cast<const VI*>(&bits)[i];
  } else {
    const V four[4] = {load(x) - top, load(x + ld) - top, load(x + 2 * ld) - top, load(x + 3 * ld) - top};
    count(four, counts);
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
  return {name, kWidth, TILE_ROWS, sizeof(Activation8), INT8_BLOCK, 0, panel, nullptr, softmax, transpose, layer_norm, add3, multiply_add,
          quantize, int8_panel, quantize_queries, quantize_values, count_softmax, probe};
}

}  // namespace
}  // namespace squeezebert
