// Grouped linear layers, packed for the kernels: the one primitive of the model family.
//
//   out[t, g * O + o] = sum_i x[t, g * I + i] * weight[g * O + o, i] + bias[g * O + o]
//
// Each group's outputs are cut into panels of `width` columns, stored [I][width] so that a tile reads them in order.
// A layer is float32 or int8; an int8 one has a scale for each output, and its input is quantized row by row as it comes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/table.hpp"
#include "memory.hpp"
#include "pool.hpp"

namespace squeezebert {

struct Panel {
  const float* weight;         // float32: [inputs][width], zero past `cols`
  const std::int8_t* weight8;  // int8: [ceil(inputs / 4)][width][4], zero past `inputs` and `cols`
  const float* scales;         // int8: [width]
  const std::int32_t* sums;    // int8: [width], sums of weight8 over the inputs
  const float* bias;           // [width]
  std::size_t inputs, cols;    // I; columns in use
  std::size_t from, to;        // first input channel, first output channel
  const float* pairs = nullptr;  // where float32 inputs go in pairs: [width], what is part of the bias for that; else null,
  std::size_t span = 0;          // which of the layer's spans they are,
  float scale = 1.0f;            // and what the weights have been multiplied by
};

// Inputs that are multiplied in pairs, by some of a layer's panels.
struct Span {
  std::size_t from, inputs;
  bool operator==(const Span&) const = default;
};

struct Linear {
  std::string name;  // of its weights, without the last part
  std::vector<Panel> panels;
  std::vector<Span> spans;
  std::vector<Buffer> storage;
  const Panel* next = nullptr;  // the first one of the layer that is computed afterwards, where that is known

  bool empty() const { return panels.empty(); }
  bool int8() const { return !empty() && panels[0].weight8; }
  std::size_t inputs() const;   // channels read
  std::size_t outputs() const;  // channels written
  std::size_t block(const Kernels& kernels) const;  // how many rows of an int8 layer's input lie together

  // Packs weight [outputs, inputs / groups]; the bias is zero and int8 scales are one until they are set.
  void pack(const Kernels& kernels, const float* weight, std::size_t outputs, std::size_t inputs, std::size_t groups);
  void pack(const Kernels& kernels, const std::int8_t* weight, std::size_t outputs, std::size_t inputs,
            std::size_t groups);
  void set_bias(const float* bias);
  void set_scales(const float* scales);
  // Takes over another layer's panels, its outputs placed from channel `to` on: query, key and value in one pass. The
  // name is the first one's.
  void append(Linear&& other, std::size_t to);

 private:
  void pair(const Kernels& kernels, Panel& panel, float scale);
  std::size_t span_of(Span span);  // its place among the spans, where it is put if it is new
};

// An int8 layer's input as `quantize` wrote it: rows of `ld` bytes, `block` of them together, a scale for each and what stands
// for zero.
struct Rows8 {
  std::int8_t* bytes = nullptr;
  float* scales = nullptr;
  std::int32_t* zeros = nullptr;
  std::size_t ld = 0, block = 1;

  // Those from `row` on, which begins a block.
  Rows8 from(std::size_t row) const { return {bytes + row * ld, scales + row, zeros + row, ld, block}; }
};

struct Quantized {
  Buffer bytes, scales;  // what stands for zero comes after the scales

  // Room for rows of so many channels.
  Rows8 reserve(const Kernels& kernels, std::size_t rows, std::size_t channels, std::size_t block);
};

// What a layer makes of its input first: bytes for an int8 one, the sums of pairs for a float32 one.
struct Prepared {
  Quantized quantized;
  Buffer pairs;  // [spans][rows]
};

// What lies between the two factors of a layer, a block of rows for each thread, and what either makes of its input.
struct Inner {
  Buffer rows;
  Prepared prepared;
};

// A matrix of activations: rows of `ld` floats.
struct Rows {
  float* data;
  std::size_t count, ld;
};

// The first `channels` of each row in bytes; its range, where that is known.
void quantize(const Kernels& kernels, Rows x, std::size_t channels, Rows8 out, const Range* ranges = nullptr);

// What an int8 layer reads of x, which goes through an activation first, in place.
Rows8 quantized(const Linear& layer, const Kernels& kernels, Pool::Lease& lease, Quantized& scratch, Rows x,
                Activation before = Activation::none);

inline Rows part(Rows whole, std::size_t row, std::size_t rows) { return {whole.data + row * whole.ld, rows, whole.ld}; }

// out = act(layer(x)), shared out over row blocks and panels. An int8 layer reads x from `ready` where that has bytes; else
// they are made in `scratch`.
void apply(const Linear& layer, const Kernels& kernels, Pool::Lease& lease, Prepared& scratch, Rows x, Rows out,
           Activation act, Rows8 ready = {});

// A layer in two factors: out = act(up(down(x))), shared out over row blocks alone.
struct Factors {
  const Linear &down, &up;
};
void apply(const Factors& layer, const Kernels& kernels, Pool::Lease& lease, Inner& scratch, Rows x, Rows out,
           Activation act);

}  // namespace squeezebert
