// The encoder: embeddings, then for each layer attention and feed-forward, each with its residual and LayerNorm.
// Iandola et al. 2020, section 3; with one group everywhere, Devlin et al. 2019.
#include <algorithm>

#include "forward.hpp"
#include "profile.hpp"

namespace squeezebert {
namespace {

constexpr std::size_t kRowsPerTask = 16;    // of LayerNorm, embeddings and convolutions
constexpr std::size_t kRowsTogether = 128;  // memory grows by so many rows: seldom, so that little is left in pieces
constexpr std::size_t kChunkTokens = 512;   // more sequences at once gain no speed
constexpr std::size_t kWideRows = 128;      // feed-forward rows alive at once

std::string text(int64_t n) { return std::to_string(n); }

std::size_t checked_tokens(const Model& model, const sqb_batch& batch) {
  const sqb_config& c = model.config;
  if (batch.sequences < 1 || !batch.ids || !batch.types || !batch.cu_seqlens)
    fail(SQB_BAD_INPUT, "the batch is empty; pass at least one sequence of one token");
  if (batch.cu_seqlens[0] != 0)
    fail(SQB_BAD_INPUT, "cu_seqlens starts at " + text(batch.cu_seqlens[0]) + "; it must start at 0");
  for (int32_t b = 0; b < batch.sequences; ++b) {
    const int64_t length = int64_t{batch.cu_seqlens[b + 1]} - batch.cu_seqlens[b];
    if (length < 1)
      fail(SQB_BAD_INPUT, "sequence " + text(b) + " has " + text(length) + " tokens; cu_seqlens must rise, and every sequence needs a token");
    if (length > c.max_position_embeddings)
      fail(SQB_BAD_INPUT, "sequence " + text(b) + " has " + text(length) + " tokens and the model holds " +
                                     text(c.max_position_embeddings) + "; cut it or use windows");
  }
  const int32_t tokens = batch.cu_seqlens[batch.sequences];
  for (int32_t t = 0; t < tokens; ++t) {
    if (batch.ids[t] < 0 || batch.ids[t] >= c.vocab_size)
      fail(SQB_BAD_INPUT, "token id " + text(batch.ids[t]) + " at position " + text(t) + " is outside 0 to " +
                                     text(c.vocab_size - 1) + "; use the tokenizer that belongs to this model");
    if (batch.types[t] < 0 || batch.types[t] >= c.type_vocab_size)
      fail(SQB_BAD_INPUT, "token type " + text(batch.types[t]) + " at position " + text(t) + " is outside 0 to " +
                                     text(c.type_vocab_size - 1) + "; use the tokenizer that belongs to this model");
  }
  return static_cast<std::size_t>(tokens);
}

std::size_t tasks_of(std::size_t rows) { return (rows + kRowsPerTask - 1) / kRowsPerTask; }

}  // namespace

Forward::Forward(Model& model, const sqb_batch& batch)
    : model_(model),
      batch_(batch),
      all_tokens_(checked_tokens(model, batch)),
      C_(static_cast<std::size_t>(model.config.hidden_size)),
      A_(model.attention_channels),
      lease_(model.pool) {}

Forward::~Forward() {
  if (workspace_) model_.give(std::move(workspace_));
}

Rows Forward::reserve(Buffer& buffer, std::size_t rows, std::size_t channels) {
  const std::size_t ld = stride_of(channels);
  return {buffer.reserve(round_up(rows, kRowsTogether) * ld), rows, ld};
}

// As many sequences as kChunkTokens hold, one at least; chunks are about as large as each other.
bool Forward::next() {
  if (!workspace_) {
    workspace_ = model_.take();
    lease_.take();
  }
  chunk_ = {chunk_.sequence + chunk_.sequences, 0, chunk_.token + chunk_.tokens, 0};
  const std::size_t left = all_tokens_ - chunk_.token, chunks = (left + kChunkTokens - 1) / kChunkTokens;
  const std::size_t last = static_cast<std::size_t>(batch_.sequences);
  for (std::size_t b = chunk_.sequence; b < last; ++b) {
    const std::size_t tokens = position(b + 1) - chunk_.token;
    if (chunk_.sequences && (tokens > kChunkTokens || chunk_.tokens * chunks >= left)) break;
    chunk_.sequences++;
    chunk_.tokens = tokens;
  }
  return chunk_.sequences > 0;
}

Rows Forward::encode() {
  Rows x = reserve(workspace_->hidden, chunk_.tokens, C_);
  embeddings(x);
  for (Layer& one : model_.layers) layer(one, x);
  return x;
}

void Forward::embeddings(Rows out) {
  const Section section(Operation::embedding);
  const std::size_t E = static_cast<std::size_t>(model_.config.embedding_size);
  const Rows sums = E == C_ ? out : reserve(workspace_->context, chunk_.tokens, E);
  const float *positions = model_.positions.get(), *types = model_.types.get();
  const int32_t *ids = batch_.ids + chunk_.token, *type_ids = batch_.types + chunk_.token;
  lease_.run(sequences(), [&](std::size_t b, unsigned) {
    for (std::size_t t = start(b); t < start(b + 1); ++t) {
      float* to = sums.data + t * sums.ld;
      const float* word = model_.words.row(static_cast<std::size_t>(ids[t]), E, to);
      model_.kernels.add3(word, positions + (t - start(b)) * E, types + static_cast<std::size_t>(type_ids[t]) * E, to, E);
    }
  });
  if (E != C_) linear(model_.embedding_projection, sums, out);
  normalize(model_.embedding_norm, out, nullptr, C_);
}

void Forward::layer(Layer& layer, Rows x) {
  if (model_.config.attention_rank) return low_rank_layer(layer, x);
  const Rows qkv = reserve(workspace_->mixed, x.count, 3 * A_), context = reserve(workspace_->context, x.count, A_);
  query_key_value(layer, x, qkv);
  attention(qkv, context);
  after_attention(layer, context, x);
}

// The rest of a layer, for some tokens or all: x becomes what the layer gives.
void Forward::after_attention(Layer& layer, Rows context, Rows x) {
  const Rows mixed = reserve(workspace_->mixed, x.count, C_);  // query, key and value have been used up
  {
    const Section section(Operation::post_attention);
    project(layer.post_attention, context, mixed);
  }
  normalize(layer.post_attention_norm, mixed, x.data, C_);

  const std::size_t F = static_cast<std::size_t>(model_.config.intermediate_size);
  const bool whole = !layer.intermediate.taps.empty();  // a convolution sees the rows beside a block
  const std::size_t step = whole ? x.count : std::min(x.count, kWideRows);
  for (std::size_t row = 0; row < x.count; row += step) {
    const std::size_t rows = std::min(step, x.count - row);
    const Rows wide = reserve(workspace_->wide, rows, F);
    {
      const Section section(Operation::intermediate);
      project(layer.intermediate, {mixed.data + row * mixed.ld, rows, mixed.ld}, wide,
              static_cast<Activation>(model_.config.hidden_act));
    }
    const Section section(Operation::output);
    project(layer.output, wide, {x.data + row * x.ld, rows, x.ld});
  }
  normalize(layer.output_norm, x, mixed.data, C_);
}

void Forward::query_key_value(Layer& layer, Rows x, Rows qkv) {
  const Section section(Operation::qkv);
  if (!layer.query_key_value.empty()) return linear(layer.query_key_value, x, qkv);
  project(layer.query, x, qkv);
  project(layer.key, x, {qkv.data + A_, qkv.count, qkv.ld});
  project(layer.value, x, {qkv.data + 2 * A_, qkv.count, qkv.ld});
}

void Forward::linear(const Linear& layer, Rows x, Rows out, Activation act) {
  apply(layer, model_.kernels, lease_, workspace_->quantized, x, out, act);
}

void Forward::project(const Projection& projection, Rows x, Rows out, Activation act) {
  if (!projection.taps.empty()) {
    const std::size_t inputs = (projection.up.empty() ? projection.linear : projection.down).inputs();
    const Rows convolved = reserve(workspace_->convolved, x.count, inputs);
    convolve(projection.taps, x, convolved, inputs);
    x = convolved;
  }
  if (projection.up.empty()) return linear(projection.linear, x, out, act);
  apply(Factors{projection.down, projection.up}, model_.kernels, lease_, workspace_->inner, x, out, act);
}

// Depthwise over the tokens of each sequence, zero beyond its ends.
void Forward::convolve(const Buffer& taps, Rows x, Rows out, std::size_t channels) {
  const std::ptrdiff_t K = model_.config.conv_kernel;
  lease_.run(sequences(), [&](std::size_t b, unsigned) {
    const std::ptrdiff_t begin = static_cast<std::ptrdiff_t>(start(b)), end = static_cast<std::ptrdiff_t>(start(b + 1));
    for (std::ptrdiff_t t = begin; t < end; ++t) {
      float* to = out.data + static_cast<std::size_t>(t) * out.ld;
      std::fill_n(to, channels, 0.0f);
      for (std::ptrdiff_t k = 0; k < K; ++k) {
        const std::ptrdiff_t from = t + k - K / 2;
        if (from >= begin && from < end)
          model_.kernels.multiply_add(x.data + static_cast<std::size_t>(from) * x.ld,
                                      taps.get() + static_cast<std::size_t>(k) * channels, to, channels);
      }
    }
  });
}

// x = LayerNorm(x + residual); the residual's rows have x's stride.
void Forward::normalize(const Norm& norm, Rows x, const float* residual, std::size_t channels) {
  const Section section(Operation::layer_norm);
  lease_.run(tasks_of(x.count), [&](std::size_t task, unsigned) {
    const std::size_t row = task * kRowsPerTask, rows = std::min(kRowsPerTask, x.count - row);
    model_.kernels.layer_norm({.x = x.data + row * x.ld,
                               .residual = residual ? residual + row * x.ld : nullptr,
                               .gamma = norm.gamma.get(),
                               .beta = norm.beta.get(),
                               .out = x.data + row * x.ld,
                               .rows = rows,
                               .channels = channels,
                               .ld = x.ld,
                               .eps = model_.config.layer_norm_eps});
  });
}

}  // namespace squeezebert
