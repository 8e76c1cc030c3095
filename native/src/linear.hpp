// Grouped linear layers, packed for the kernels: the one primitive of the model family.
//
//   out[t, g * O + o] = sum_i x[t, g * I + i] * weight[g * O + o, i] + bias[g * O + o]
//
// Each group's outputs are cut into panels of `width` columns, stored [I][width] so that a tile reads them in order.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/table.hpp"
#include "memory.hpp"
#include "pool.hpp"

namespace squeezebert {

struct Panel {
  const float* weight;         // [inputs][width], zero past `cols`
  const float* bias;           // [width]
  std::size_t inputs, cols;    // I; columns in use
  std::size_t from, to;        // first input channel, first output channel
};

struct Linear {
  std::vector<Panel> panels;
  std::vector<Buffer> storage;

  bool empty() const { return panels.empty(); }
  // Packs weight [outputs, inputs / groups]; the bias is zero until set_bias.
  void pack(const Kernels& kernels, const float* weight, std::size_t outputs, std::size_t inputs, std::size_t groups);
  void set_bias(const Kernels& kernels, const float* bias);
  // Takes over another layer's panels, its outputs placed from channel `to` on: query, key and value in one pass.
  void append(Linear&& other, std::size_t to);

 private:
  std::vector<float*> biases_;
};

// A matrix of activations: rows of `ld` floats.
struct Rows {
  float* data;
  std::size_t count, ld;
};

// out = act(layer(x)), shared out over row blocks and panels.
void apply(const Linear& layer, const Kernels& kernels, Pool::Lease& lease, Rows x, Rows out,
           Activation act = Activation::none);

}  // namespace squeezebert
