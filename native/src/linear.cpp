#include "linear.hpp"

#include <algorithm>

namespace squeezebert {
namespace {

// A block of activations that stays in a 1 MiB second-level cache beside the weights that pass by.
constexpr std::size_t kBlockBytes = 512 * 1024;
constexpr std::size_t kMaxInputs = 1024;    // inputs summed before a tile is put down
constexpr std::size_t kPackInputs = 32;     // packed at once: few enough that what is written stays in the cache
constexpr std::size_t kTasksPerThread = 4;  // enough for an even share, few enough to hand out cheaply

std::size_t pieces(std::size_t n, std::size_t largest) { return (n + largest - 1) / largest; }

std::size_t most_inputs(const Linear& layer) {
  std::size_t most = 0;
  for (const Panel& panel : layer.panels) most = std::max(most, panel.inputs);
  return most;
}

struct Task {
  std::size_t row, rows, panel, panels;
};

void run_task(const Linear& layer, const Kernels& kernels, Rows x, Rows out, Activation act, const Task& task,
              std::size_t inputs_per_pass) {
  const std::size_t most = most_inputs(layer);
  for (std::size_t k = 0; k < most; k += inputs_per_pass) {
    for (std::size_t i = task.panel; i < task.panel + task.panels; ++i) {
      const Panel& panel = layer.panels[i];
      if (k >= panel.inputs) continue;
      const bool last = k + inputs_per_pass >= panel.inputs;
      kernels.panel({.a = x.data + task.row * x.ld + panel.from + k,
                     .lda = x.ld,
                     .a_transposed = false,
                     .rows = task.rows,
                     .k = last ? panel.inputs - k : inputs_per_pass,
                     .cols = panel.cols,
                     .w = panel.weight + k * kernels.width,
                     .ldw = kernels.width,
                     .bias = panel.bias,
                     .out = out.data + task.row * out.ld + panel.to,
                     .ldo = out.ld,
                     .resume = k > 0,
                     .act = last ? act : Activation::none});
    }
  }
}

}  // namespace

void Linear::pack(const Kernels& kernels, const float* weight, std::size_t outputs, std::size_t inputs,
                  std::size_t groups) {
  const std::size_t width = kernels.width, O = outputs / groups, I = inputs / groups;
  const std::size_t panels_per_group = pieces(O, width);
  float* packed = storage.emplace_back().reserve(groups * panels_per_group * (I + 1) * width);
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t first = 0; first < O; first += width) {
      const std::size_t cols = std::min(width, O - first), to = g * O + first;
      for (std::size_t block = 0; block < I; block += kPackInputs)
        for (std::size_t n = 0; n < cols; ++n)
          for (std::size_t i = block; i < std::min(I, block + kPackInputs); ++i)
            packed[i * width + n] = weight[(to + n) * I + i];
      panels.push_back({packed, packed + I * width, I, cols, g * I, to});
      biases_.push_back(packed + I * width);
      packed += (I + 1) * width;
    }
  }
}

void Linear::set_bias(const Kernels&, const float* bias) {
  for (std::size_t i = 0; i < panels.size(); ++i) std::copy_n(bias + panels[i].to, panels[i].cols, biases_[i]);
}

void Linear::append(Linear&& other, std::size_t to) {
  for (Panel panel : other.panels) {
    panel.to += to;
    panels.push_back(panel);
  }
  for (Buffer& buffer : other.storage) storage.push_back(std::move(buffer));
  other = {};
}

void apply(const Linear& layer, const Kernels& kernels, Pool::Lease& lease, Rows x, Rows out, Activation act) {
  const std::size_t most = most_inputs(layer), passes = pieces(most, kMaxInputs);
  const std::size_t inputs_per_pass = pieces(most, passes);
  const std::size_t rows_per_block = std::max<std::size_t>(48, kBlockBytes / sizeof(float) / inputs_per_pass);
  const std::size_t blocks = pieces(x.count, rows_per_block), panels = layer.panels.size();
  const std::size_t wanted = lease.threads() == 1 ? 1 : pieces(kTasksPerThread * lease.threads(), blocks);
  const std::size_t shares = std::min(panels, wanted);
  lease.run(blocks * shares, [&](std::size_t i, unsigned) {
    const std::size_t block = i / shares, share = i % shares;
    const std::size_t row = x.count * block / blocks, panel = panels * share / shares;
    run_task(layer, kernels, x, out, act,
             {row, x.count * (block + 1) / blocks - row, panel, panels * (share + 1) / shares - panel},
             inputs_per_pass);
  });
}

}  // namespace squeezebert
