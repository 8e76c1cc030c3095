#include "linear.hpp"

#include <algorithm>

#include "profile.hpp"
#include "watch.hpp"

namespace squeezebert {
namespace {

// A block of activations that stays in a 1 MiB second-level cache beside the weights that pass by.
constexpr std::size_t kBlockBytes = 512 * 1024;
constexpr std::size_t kMaxInputs = 1024;    // float32 inputs summed before a tile is put down
constexpr std::size_t kTasksPerThread = 4;  // enough for an even share, few enough to hand out cheaply
constexpr std::size_t kPreparedRows = 16;   // quantized or summed as one task, or as many whole blocks as they hold
constexpr std::size_t kFewestRows = 24;     // of a block that goes through two factors: fewer would read weights too often
constexpr std::size_t kMostRows = 192;

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

std::size_t bytes_per_row(const Kernels& kernels, std::size_t channels) {
  return stride_of(channels * kernels.quantized_bytes / 4 + 1) * 4;
}

struct Call {
  const Linear& layer;
  const Kernels& kernels;
  Rows x, out;
  Activation act;
};

// Whose weights are read next by whoever runs this task; null where that is not known.
const Panel* panel_after(const Call& call, const Task& task, std::size_t panel) {
  const std::vector<Panel>& panels = call.layer.panels;
  if (panel + 1 < task.panel + task.panels) return &panels[panel + 1];
  return panel + 1 == panels.size() ? call.layer.next : nullptr;
}

// The sums of pairs of a layer's input, [spans][rows].
struct Pairs {
  float* sums;
  std::size_t ld;
};

void sum_pairs(const Call& call, std::size_t row, std::size_t rows, const Pairs& to) {
  for (std::size_t i = 0; i < call.layer.spans.size(); ++i) {
    const Span& span = call.layer.spans[i];
    call.kernels.pair_sums({call.x.data + row * call.x.ld + span.from, rows, span.inputs, call.x.ld, to.sums + i * to.ld + row});
  }
}

void run_float(const Call& call, const Task& task, std::size_t most, std::size_t inputs_per_pass, const Pairs& pairs) {
  for (std::size_t k = 0; k < most; k += inputs_per_pass) {
    for (std::size_t i = task.panel; i < task.panel + task.panels; ++i) {
      const Panel& panel = call.layer.panels[i];
      if (k >= panel.inputs) continue;
      const Panel* next = panel_after(call, task, i);
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
                          .act = last ? call.act : Activation::none,
                          .next = next && next->weight ? next->weight + (next == &panel + 1 ? k * call.kernels.width : 0) : nullptr,
                          .row_pairs = panel.pairs ? pairs.sums + panel.span * pairs.ld + task.row : nullptr,
                          .scale = last ? 1.0f / panel.scale : 1.0f});
    }
  }
}

std::size_t inputs_per_pass_of(std::size_t most) { return round_up(pieces(most, pieces(most, kMaxInputs)), 2); }

void apply_float(const Call& call, Pool::Lease& lease, Buffer& scratch) {
  const std::size_t rows = call.x.count, most = most_inputs(call.layer), inputs_per_pass = inputs_per_pass_of(most);
  const Pairs pairs{scratch.reserve(call.layer.spans.size() * rows), rows};
  if (!call.layer.spans.empty())
    lease.run(pieces(rows, kPreparedRows), [&](std::size_t i, unsigned) {
      sum_pairs(call, i * kPreparedRows, std::min(kPreparedRows, rows - i * kPreparedRows), pairs);
    });
  const Cut cut = cut_of(call.layer, rows, 1, inputs_per_pass * sizeof(float), lease.threads());
  lease.run(cut.blocks * cut.shares,
            [&](std::size_t i, unsigned) { run_float(call, task_of(cut, i), most, inputs_per_pass, pairs); });
}

void run_int8(const Call& call, const Task& task, const Rows8& in) {
  for (std::size_t j = task.panel; j < task.panel + task.panels; ++j) {
    const Panel& panel = call.layer.panels[j];
    const Panel* next = panel_after(call, task, j);
    call.kernels.int8_panel({.a = in.bytes + task.row * in.ld,
                             .lda = in.ld,
                             .block = in.block,
                             .from = panel.from,
                             .row_scales = in.scales + task.row,
                             .row_zeros = in.zeros + task.row,
                             .rows = task.rows,
                             .k = panel.inputs,
                             .cols = panel.cols,
                             .w = panel.weight8,
                             .scales = panel.scales,
                             .column_sums = panel.sums,
                             .bias = panel.bias,
                             .out = call.out.data + task.row * call.out.ld + panel.to,
                             .ldo = call.out.ld,
                             .act = call.act,
                             .next = next ? next->weight8 : nullptr});
  }
}

void apply_int8(const Call& call, Pool::Lease& lease, const Rows8& in) {
  const std::size_t per_row = most_inputs(call.layer) * call.kernels.quantized_bytes;
  const Cut cut = cut_of(call.layer, call.x.count, in.block, per_row, lease.threads());
  lease.run(cut.blocks * cut.shares, [&](std::size_t i, unsigned) { run_int8(call, task_of(cut, i), in); });
}

// What a thread makes of a layer's input: bytes and their scales of an int8 one's, the sums of pairs of a float32 one's.
struct Own {
  Rows8 bytes;
  Pairs pairs;
};

// A whole layer on the calling thread.
void run_alone(const Call& call, const Own& own) {
  const Task all{0, call.x.count, 0, call.layer.panels.size()};
  if (!call.layer.int8()) {
    const std::size_t most = most_inputs(call.layer);
    sum_pairs(call, 0, call.x.count, own.pairs);
    return run_float(call, all, most, inputs_per_pass_of(most), own.pairs);
  }
  const std::size_t channels = call.layer.inputs();
  Rows8 in = own.bytes;
  in.ld = bytes_per_row(call.kernels, channels);
  in.block = call.layer.block(call.kernels);
  watch(call.layer, call.x, channels);
  quantize(call.kernels, call.x, channels, in);
  run_int8(call, all, in);
}

}  // namespace

Rows8 Quantized::reserve(const Kernels& kernels, std::size_t rows, std::size_t channels, std::size_t block) {
  const std::size_t ld = bytes_per_row(kernels, channels);
  auto* room = reinterpret_cast<std::int8_t*>(bytes.reserve(rows * ld / sizeof(float)));
  float* of_rows = scales.reserve(2 * rows);
  return {room, of_rows, reinterpret_cast<std::int32_t*>(of_rows + rows), ld, block};
}

void quantize(const Kernels& kernels, Rows x, std::size_t channels, Rows8 out, const Range* ranges) {
  kernels.quantize({x.data, x.count, channels, x.ld, out.bytes, out.ld, out.block, out.scales, out.zeros, ranges});
}

Rows8 quantized(const Linear& layer, const Kernels& kernels, Pool::Lease& lease, Quantized& scratch, Rows x, Activation before) {
  const Section section(Operation::quantize);
  const std::size_t channels = layer.inputs();
  const Rows8 out = scratch.reserve(kernels, x.count, channels, layer.block(kernels));
  const std::size_t together = kPreparedRows / out.block * out.block;
  lease.run(pieces(x.count, together), [&](std::size_t i, unsigned) {
    const Rows own = part(x, i * together, std::min(together, x.count - i * together));
    const Rows8 to = out.from(i * together);
    kernels.quantize({own.data, own.count, channels, own.ld, to.bytes, to.ld, to.block, to.scales, to.zeros, nullptr, before});
  });
  return out;
}

void apply(const Linear& layer, const Kernels& kernels, Pool::Lease& lease, Prepared& scratch, Rows x, Rows out,
           Activation act, Rows8 ready) {
  const Call call{layer, kernels, x, out, act};
  if (!layer.int8()) return apply_float(call, lease, scratch.pairs);
  watch(layer, x, layer.inputs());
  apply_int8(call, lease, ready.bytes ? ready : quantized(layer, kernels, lease, scratch.quantized, x));
}

void apply(const Factors& layer, const Kernels& kernels, Pool::Lease& lease, Inner& scratch, Rows x, Rows out,
           Activation act) {
  const std::size_t share = pieces(x.count, lease.threads());
  const std::size_t most = std::min(kMostRows, std::max(kFewestRows, share)), blocks = pieces(x.count, most);
  const std::size_t ld = stride_of(layer.down.outputs()), threads = lease.threads();
  float* inner = scratch.rows.reserve(threads * most * ld);
  const bool int8 = layer.down.int8() || layer.up.int8();
  const std::size_t widest = std::max(layer.down.inputs(), layer.up.inputs());
  const Rows8 bytes = int8 ? scratch.prepared.quantized.reserve(kernels, threads * most, widest, 1) : Rows8{};
  const std::size_t spans = std::max(layer.down.spans.size(), layer.up.spans.size());
  float* pairs = scratch.prepared.pairs.reserve(threads * most * spans);
  lease.run(blocks, [&](std::size_t i, unsigned thread) {
    const std::size_t row = x.count * i / blocks, rows = x.count * (i + 1) / blocks - row;
    const Rows between{inner + thread * most * ld, rows, ld};
    const Own own{int8 ? bytes.from(thread * most) : bytes, {pairs + thread * most * spans, most}};
    run_alone({layer.down, kernels, part(x, row, rows), between, Activation::none}, own);
    run_alone({layer.up, kernels, between, part(out, row, rows), act}, own);
  });
}

}  // namespace squeezebert
