// Attention of int8 models: bytes are multiplied here too, into exact sums, so that its integers are every machine's.
//
// A query and a key have a scale of their own, per head, as in Zhang et al. 2024 (arXiv 2410.02367); a channel of the values
// has one for the whole sequence. The softmax counts in 127ths of the largest probability and divides by the sum of what
// it counted. A head of a sequence is one task: its keys and values become bytes once, and stay in the caches while its
// queries pass, a panel of them at a time.
#include <algorithm>
#include <cmath>

#include "forward.hpp"
#include "profile.hpp"

namespace squeezebert {
namespace {

constexpr std::size_t kTasksPerThread = 2;

// One thread's memory for one head, for sequences of up to `longest` tokens: where each part begins, in floats.
struct Room {
  std::size_t end = 0, key_stride, keys, key_scales, values, value_scales, queries, query_scales, query_sums, scores, counts, count_scales;

  Room(const Kernels& kernels, std::size_t channels, std::size_t longest) {
    const std::size_t width = kernels.width, fours = pieces(longest, 4), panels = pieces(channels, width);
    key_stride = round_up(channels, 4) * kernels.quantized_bytes;
    keys = take(longest * key_stride / 4);
    key_scales = take(longest);
    values = take(panels * fours * width);
    value_scales = take(panels * width);
    queries = take(pieces(channels, 4) * width);
    query_scales = take(width);
    query_sums = take(width);
    scores = take(longest * width);
    counts = take(fours * width * kernels.quantized_bytes);
    count_scales = take(width);
  }

 private:
  std::size_t take(std::size_t floats) {
    const std::size_t begin = end;
    end += round_up(floats + 16, 16);  // kernels may read and write to the end of a vector
    return begin;
  }
};

// One head of one sequence.
class Head {
 public:
  Head(const Kernels& kernels, const Room& room, float* memory, std::size_t channels, Rows keys, const float* values)
      : kernels_(kernels), room_(room), memory_(memory), channels_(channels), tokens_(keys.count) {
    kernels.quantize({.x = keys.data, .rows = tokens_, .channels = channels, .ldx = keys.ld, .out = bytes(room.keys),
                      .ldo = room.key_stride, .block = kernels.block, .scales = memory + room.key_scales});
    kernels.quantize_values({.x = values, .rows = tokens_, .channels = channels, .ldx = keys.ld, .out = bytes(room.values),
                             .scales = memory + room.value_scales});
  }

  // Of at most `width` queries.
  void attend(Rows queries, Rows context) {
    score(queries);
    kernels_.count_softmax({.scores = memory_ + room_.scores, .keys = tokens_, .lanes = queries.count, .ld = kernels_.width,
                            .out = bytes(room_.counts), .scales = memory_ + room_.count_scales});
    const std::size_t width = kernels_.width, panel = pieces(tokens_, 4) * 4 * width;
    for (std::size_t c = 0; c < channels_; c += width)
      kernels_.int8_panel({.a = bytes(room_.counts), .lda = 4 * kernels_.quantized_bytes, .block = kernels_.block, .from = 0,
                           .row_scales = memory_ + room_.count_scales, .row_zeros = nullptr, .rows = queries.count, .k = tokens_,
                           .cols = std::min(width, channels_ - c), .w = bytes(room_.values) + c / width * panel,
                           .scales = memory_ + room_.value_scales + c, .column_sums = nullptr, .bias = nullptr,
                           .out = context.data + c, .ldo = context.ld, .act = Activation::none, .step = 4 * width});
  }

 private:
  // [tokens][width], transposed; as powers of two.
  void score(Rows queries) {
    float* scales = memory_ + room_.query_scales;
    auto* sums = reinterpret_cast<std::int32_t*>(memory_ + room_.query_sums);
    kernels_.quantize_queries({.x = queries.data, .rows = queries.count, .channels = channels_, .ldx = queries.ld,
                               .out = bytes(room_.queries), .scales = scales, .column_sums = sums});
    const float scale = 1.44269504088896341f / std::sqrt(static_cast<float>(channels_));  // the first is log2 e
    for (std::size_t q = 0; q < queries.count; ++q) scales[q] *= scale;
    kernels_.int8_panel({.a = bytes(room_.keys), .lda = room_.key_stride, .block = kernels_.block, .from = 0,
                         .row_scales = memory_ + room_.key_scales, .row_zeros = nullptr, .rows = tokens_, .k = channels_, .cols = queries.count,
                         .w = bytes(room_.queries), .scales = scales, .column_sums = sums, .bias = nullptr,
                         .out = memory_ + room_.scores, .ldo = kernels_.width, .act = Activation::none});
  }

  std::int8_t* bytes(std::size_t at) const { return reinterpret_cast<std::int8_t*>(memory_ + at); }

  const Kernels& kernels_;
  const Room& room_;
  float* memory_;
  std::size_t channels_, tokens_;
};

Rows part(Rows whole, std::size_t row, std::size_t rows, std::size_t channel) {
  return {whole.data + row * whole.ld + channel, rows, whole.ld};
}

}  // namespace

void Forward::attention8(Rows qkv, Rows context) {
  const std::size_t heads = static_cast<std::size_t>(model_.config.num_attention_heads), D = A_ / heads;
  std::size_t longest = 0;
  for (std::size_t b = 0; b < sequences(); ++b) longest = std::max(longest, start(b + 1) - start(b));
  const Room room(model_.kernels, D, longest);
  float* scratch = workspace_->scratch.reserve(lease_.threads() * room.end);
  // Few heads and many threads: a head's queries are shared out, and each share makes the bytes of the keys anew.
  const std::size_t shares = lease_.threads() == 1 ? 1 : pieces(kTasksPerThread * lease_.threads(), sequences() * heads);
  lease_.run(sequences() * heads * shares, [&](std::size_t task, unsigned thread) {
    const std::size_t b = task / shares / heads, channel = task / shares % heads * D, share = task % shares;
    const std::size_t width = model_.kernels.width, tokens = start(b + 1) - start(b), blocks = pieces(tokens, width);
    const std::size_t first = blocks * share / shares * width, last = std::min(tokens, blocks * (share + 1) / shares * width);
    if (first == last) return;
    const Rows keys = part(qkv, start(b), tokens, A_ + channel);
    Head head(model_.kernels, room, scratch + thread * room.end, D, keys, keys.data + A_);
    for (std::size_t q = first; q < last; q += width) {
      const std::size_t count = std::min(width, last - q);
      head.attend(part(qkv, start(b) + q, count, channel), part(context, start(b) + q, count, channel));
    }
  });
}

}  // namespace squeezebert
