#include "linear.hpp"

#include <algorithm>

#include "profile.hpp"

namespace squeezebert {
namespace {

// A block of activations that stays in a 1 MiB second-level cache beside the weights that pass by.
constexpr std::size_t kBlockBytes = 512 * 1024;
constexpr std::size_t kMaxInputs = 1024;    // float32 inputs summed before a tile is put down
constexpr std::size_t kPackInputs = 32;     // packed at once: few enough that what is written stays in the cache
constexpr std::size_t kTasksPerThread = 4;  // enough for an even share, few enough to hand out cheaply
constexpr std::size_t kQuantizedRows = 16;  // quantized as one task

std::size_t pieces(std::size_t n, std::size_t largest) { return (n + largest - 1) / largest; }

// How a layer's work is cut: blocks of rows, which end at multiples of `step`, times shares of the panels.
struct Cut {
  std::size_t rows, step, panels, blocks, shares;
};

struct Task {
  std::size_t row, rows, panel, panels;
};

Cut cut_of(const Linear& layer, std::size_t rows, std::size_t step, std::size_t bytes_per_row, unsigned threads) {
  const std::size_t blocks = pieces(rows, std::max<std::size_t>(48, kBlockBytes / bytes_per_row));
  const std::size_t wanted = threads == 1 ? 1 : pieces(kTasksPerThread * threads, blocks);
  return {rows, step, layer.panels.size(), blocks, std::min(layer.panels.size(), wanted)};
}

Task task_of(const Cut& cut, std::size_t i) {
  const std::size_t block = i / cut.shares, share = i % cut.shares;
  const std::size_t steps = pieces(cut.rows, cut.step), panel = cut.panels * share / cut.shares;
  const std::size_t row = steps * block / cut.blocks * cut.step;
  const std::size_t end = std::min(cut.rows, steps * (block + 1) / cut.blocks * cut.step);
  return {row, end - row, panel, cut.panels * (share + 1) / cut.shares - panel};
}

std::size_t most_inputs(const Linear& layer) {
  std::size_t most = 0;
  for (const Panel& panel : layer.panels) most = std::max(most, panel.inputs);
  return most;
}

// Whether every panel's inputs begin with a whole four, as rows that lie together need.
bool starts_at_fours(const Linear& layer) {
  return std::all_of(layer.panels.begin(), layer.panels.end(), [](const Panel& panel) { return panel.from % 4 == 0; });
}

struct Call {
  const Linear& layer;
  const Kernels& kernels;
  Rows x, out;
  Activation act;
};

void run_float(const Call& call, const Task& task, std::size_t most, std::size_t inputs_per_pass) {
  for (std::size_t k = 0; k < most; k += inputs_per_pass) {
    for (std::size_t i = task.panel; i < task.panel + task.panels; ++i) {
      const Panel& panel = call.layer.panels[i];
      if (k >= panel.inputs) continue;
      const bool last = k + inputs_per_pass >= panel.inputs;
      call.kernels.panel({.a = call.x.data + task.row * call.x.ld + panel.from + k,
                          .lda = call.x.ld,
                          .a_transposed = false,
                          .rows = task.rows,
                          .k = last ? panel.inputs - k : inputs_per_pass,
                          .cols = panel.cols,
                          .w = panel.weight + k * call.kernels.width,
                          .ldw = call.kernels.width,
                          .bias = panel.bias,
                          .out = call.out.data + task.row * call.out.ld + panel.to,
                          .ldo = call.out.ld,
                          .resume = k > 0,
                          .act = last ? call.act : Activation::none});
    }
  }
}

void apply_float(const Call& call, Pool::Lease& lease) {
  const std::size_t most = most_inputs(call.layer), inputs_per_pass = pieces(most, pieces(most, kMaxInputs));
  const Cut cut = cut_of(call.layer, call.x.count, 1, inputs_per_pass * sizeof(float), lease.threads());
  lease.run(cut.blocks * cut.shares,
            [&](std::size_t i, unsigned) { run_float(call, task_of(cut, i), most, inputs_per_pass); });
}

void apply_int8(const Call& call, Pool::Lease& lease, Quantized& scratch) {
  const std::size_t rows = call.x.count, channels = call.layer.inputs(), size = call.kernels.quantized_bytes;
  const std::size_t ld = stride_of(channels * size / 4 + 1) * 4;  // in bytes
  std::int8_t* bytes = reinterpret_cast<std::int8_t*>(scratch.bytes.reserve(rows * ld / sizeof(float)));
  float* scales = scratch.scales.reserve(rows);
  const std::size_t block = starts_at_fours(call.layer) ? call.kernels.block : 1;
  {
    const Section section(Operation::quantize);
    lease.run(pieces(rows, kQuantizedRows), [&](std::size_t i, unsigned) {
      const std::size_t row = i * kQuantizedRows;
      call.kernels.quantize({call.x.data + row * call.x.ld, std::min(kQuantizedRows, rows - row), channels, call.x.ld,
                             bytes + row * ld, ld, block, scales + row});
    });
  }
  const Cut cut = cut_of(call.layer, rows, block, most_inputs(call.layer) * size, lease.threads());
  lease.run(cut.blocks * cut.shares, [&](std::size_t i, unsigned) {
    const Task task = task_of(cut, i);
    for (std::size_t j = task.panel; j < task.panel + task.panels; ++j) {
      const Panel& panel = call.layer.panels[j];
      call.kernels.int8_panel({.a = bytes + task.row * ld,
                               .lda = ld,
                               .block = block,
                               .from = panel.from,
                               .row_scales = scales + task.row,
                               .rows = task.rows,
                               .k = panel.inputs,
                               .cols = panel.cols,
                               .w = panel.weight8,
                               .scales = panel.scales,
                               .column_sums = panel.sums,
                               .bias = panel.bias,
                               .out = call.out.data + task.row * call.out.ld + panel.to,
                               .ldo = call.out.ld,
                               .act = call.act});
    }
  });
}

}  // namespace

std::size_t Linear::inputs() const {
  std::size_t most = 0;
  for (const Panel& panel : panels) most = std::max(most, panel.from + panel.inputs);
  return most;
}

std::size_t Linear::outputs() const {
  std::size_t most = 0;
  for (const Panel& panel : panels) most = std::max(most, panel.to + panel.cols);
  return most;
}

void Linear::pack(const Kernels& kernels, const float* weight, std::size_t outputs, std::size_t inputs,
                  std::size_t groups) {
  const std::size_t width = kernels.width, O = outputs / groups, I = inputs / groups;
  float* packed = storage.emplace_back().reserve(groups * pieces(O, width) * (I + 1) * width);
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t first = 0; first < O; first += width) {
      const std::size_t cols = std::min(width, O - first), to = g * O + first;
      for (std::size_t block = 0; block < I; block += kPackInputs)
        for (std::size_t n = 0; n < cols; ++n)
          for (std::size_t i = block; i < std::min(I, block + kPackInputs); ++i)
            packed[i * width + n] = weight[(to + n) * I + i];
      panels.push_back({packed, nullptr, nullptr, nullptr, packed + I * width, I, cols, g * I, to});
      packed += (I + 1) * width;
    }
  }
}

void Linear::pack(const Kernels& kernels, const std::int8_t* weight, std::size_t outputs, std::size_t inputs,
                  std::size_t groups) {
  const std::size_t width = kernels.width, O = outputs / groups, I = inputs / groups, fours = pieces(I, 4);
  const std::size_t panel_size = (fours + 3) * width;  // in floats: weights, scales, sums, bias
  float* at = storage.emplace_back().reserve(groups * pieces(O, width) * panel_size);
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t first = 0; first < O; first += width, at += panel_size) {
      std::int8_t* packed = reinterpret_cast<std::int8_t*>(at);
      float* scales = at + fours * width;
      std::int32_t* sums = reinterpret_cast<std::int32_t*>(scales + width);
      const std::size_t cols = std::min(width, O - first), to = g * O + first;
      for (std::size_t n = 0; n < cols; ++n) {
        const std::int8_t* row = weight + (to + n) * I;
        for (std::size_t i = 0; i < I; ++i) packed[(i / 4 * width + n) * 4 + i % 4] = row[i];
        for (std::size_t i = 0; i < I; ++i) sums[n] += row[i];
        scales[n] = 1.0f;
      }
      panels.push_back({nullptr, packed, scales, sums, scales + 2 * width, I, cols, g * I, to});
    }
  }
}

void Linear::set_bias(const float* bias) {
  for (const Panel& panel : panels) std::copy_n(bias + panel.to, panel.cols, const_cast<float*>(panel.bias));
}

void Linear::set_scales(const float* scales) {
  for (const Panel& panel : panels) std::copy_n(scales + panel.to, panel.cols, const_cast<float*>(panel.scales));
}

void Linear::append(Linear&& other, std::size_t to) {
  for (Panel panel : other.panels) {
    panel.to += to;
    panels.push_back(panel);
  }
  for (Buffer& buffer : other.storage) storage.push_back(std::move(buffer));
  other = {};
}

void apply(const Linear& layer, const Kernels& kernels, Pool::Lease& lease, Quantized& scratch, Rows x, Rows out,
           Activation act) {
  const Call call{layer, kernels, x, out, act};
  if (layer.int8()) apply_int8(call, lease, scratch);
  else apply_float(call, lease);
}

}  // namespace squeezebert
