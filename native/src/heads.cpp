// The heads: what is computed from hidden states. HF's SqueezeBERT heads, and pooled embeddings.
#include <algorithm>
#include <cmath>

#include "forward.hpp"

namespace squeezebert {
namespace {

constexpr std::size_t kWordsPerTask = 256;

void need(bool present, const char* head) {
  if (!present) fail(SQB_NO_HEAD, std::string("the model has no ") + head + "; load an artifact that was trained with one");
}

void mean_or_max(Rows x, std::size_t begin, std::size_t end, std::size_t channels, bool max, float* out) {
  std::copy_n(x.data + begin * x.ld, channels, out);
  for (std::size_t t = begin + 1; t < end; ++t) {
    const float* row = x.data + t * x.ld;
    if (max) for (std::size_t c = 0; c < channels; ++c) out[c] = std::max(out[c], row[c]);
    else for (std::size_t c = 0; c < channels; ++c) out[c] += row[c];
  }
  if (max) return;
  const float scale = 1.0f / static_cast<float>(end - begin);
  for (std::size_t c = 0; c < channels; ++c) out[c] *= scale;
}

void to_unit_length(float* x, std::size_t n) {
  double squares = 0.0;
  for (std::size_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * x[i];
  const float scale = static_cast<float>(1.0 / std::max(std::sqrt(squares), 1e-12));
  for (std::size_t i = 0; i < n; ++i) x[i] *= scale;
}

}  // namespace

void Forward::hidden(float* out) {
  while (next()) {
    const Rows x = encode();
    for (std::size_t t = 0; t < x.count; ++t) std::copy_n(x.data + t * x.ld, C_, out + (chunk_.token + t) * C_);
  }
}

// One vector of sequence b, as the pooling says. [C]
void Forward::pool(Rows x, std::size_t b, int pooling, float* out) {
  if (pooling == SQB_CLS) std::copy_n(x.data + start(b) * x.ld, C_, out);
  else mean_or_max(x, start(b), start(b + 1), C_, pooling == SQB_MAX, out);
}

void Forward::embed(sqb_pooling pooling, bool normalize, float* out) {
  while (next()) {
    const Rows x = encode();
    for (std::size_t b = 0; b < sequences(); ++b) {
      float* row = out + (chunk_.sequence + b) * C_;
      pool(x, b, pooling, row);
      if (normalize) to_unit_length(row, C_);
    }
  }
}

// tanh or relu of a dense layer over each sequence's first token, or over the mean of its tokens. [B, C]
Rows Forward::pooled() {
  const Rows x = encode(), first = reserve(workspace_->gathered, sequences(), C_);
  for (std::size_t b = 0; b < sequences(); ++b) pool(x, b, model_.config.classifier_pooling, first.data + b * first.ld);
  const Rows out = reserve(workspace_->gathered_out, sequences(), C_);
  linear(model_.pooler, first, out, static_cast<Activation>(model_.config.pooler_act));
  return out;
}

void Forward::write_linear(const Linear& layer, Rows x, std::size_t outputs, float* out) {
  linear(layer, x, {out, x.count, outputs});
}

void Forward::pooler(float* out) {
  need(!model_.pooler.empty(), "pooler");
  while (next()) {
    const Rows x = pooled();
    for (std::size_t b = 0; b < x.count; ++b) std::copy_n(x.data + b * x.ld, C_, out + (chunk_.sequence + b) * C_);
  }
}

void Forward::sequence_logits(float* out) {
  need(!model_.classifier.empty(), "classifier");
  need(!model_.pooler.empty(), "pooler");
  while (next()) write_linear(model_.classifier, pooled(), model_.labels, out + chunk_.sequence * model_.labels);
}

void Forward::token_logits(float* out) {
  need(!model_.classifier.empty(), "classifier");
  while (next()) write_linear(model_.classifier, encode(), model_.labels, out + chunk_.token * model_.labels);
}

void Forward::span_logits(float* out) {
  need(!model_.qa_outputs.empty(), "question answering head");
  while (next()) write_linear(model_.qa_outputs, encode(), 2, out + chunk_.token * 2);
}

// decoder(LayerNorm(act(dense(x)))) at the given tokens; the decoder is the embedding table when they are tied.
void Forward::masked_logits(const int32_t* rows, int32_t count, float* out) {
  need(!model_.transform.empty(), "masked LM head");
  const std::size_t N = static_cast<std::size_t>(count), E = static_cast<std::size_t>(model_.config.embedding_size);
  for (std::size_t n = 0; n < N; ++n)
    if (rows[n] < 0 || static_cast<std::size_t>(rows[n]) >= all_tokens_)
      fail(SQB_BAD_INPUT, "row " + std::to_string(rows[n]) + " is outside the batch's " + std::to_string(all_tokens_) +
                                     " tokens; pass positions among the packed tokens");
  Rows gathered{};
  while (next()) {
    const Rows x = encode();
    gathered = reserve(workspace_->gathered, N, C_);  // as large each time: it keeps what is there
    for (std::size_t n = 0; n < N; ++n) {
      const std::size_t row = static_cast<std::size_t>(rows[n]) - chunk_.token;  // far past the end when it lies before
      if (row < x.count) std::copy_n(x.data + row * x.ld, C_, gathered.data + n * gathered.ld);
    }
  }
  const Rows states = reserve(workspace_->gathered_out, N, E);
  linear(model_.transform, gathered, states, static_cast<Activation>(model_.config.hidden_act));
  normalize(model_.transform_norm, states, nullptr, E);
  const std::size_t width = model_.kernels.width;
  for (std::size_t n = 0; n < N; n += width) score_words(states, n, std::min(width, N - n), out);
}

// One panel of positions against the whole table: the table's rows are read where they lie.
void Forward::score_words(Rows states, std::size_t first, std::size_t count, float* out) {
  const std::size_t V = static_cast<std::size_t>(model_.config.vocab_size), width = model_.kernels.width;
  const std::size_t E = static_cast<std::size_t>(model_.config.embedding_size);
  const bool has_decoder = model_.decoder.values || model_.decoder.bytes;
  const Table& table = has_decoder ? model_.decoder : model_.words;
  const std::size_t rows = table.bytes ? kWordsPerTask * E : 0, per_thread = kWordsPerTask * width + rows;
  float* transposed = workspace_->scratch.reserve(E * width + lease_.threads() * per_thread);
  for (std::size_t n = 0; n < count; ++n)
    for (std::size_t e = 0; e < E; ++e) transposed[e * width + n] = states.data[(first + n) * states.ld + e];
  lease_.run((V + kWordsPerTask - 1) / kWordsPerTask, [&](std::size_t task, unsigned thread) {
    const std::size_t word = task * kWordsPerTask, words = std::min(kWordsPerTask, V - word);
    float* scores = transposed + E * width + thread * per_thread;
    if (rows)
      for (std::size_t v = 0; v < words; ++v) table.row(word + v, E, scores + kWordsPerTask * width + v * E);
    model_.kernels.panel({.a = rows ? scores + kWordsPerTask * width : table.values + word * E, .lda = E, .a_transposed = false, .rows = words, .k = E,
                          .cols = count, .w = transposed, .ldw = width, .bias = nullptr, .out = scores, .ldo = width,
                          .resume = false, .act = Activation::none});
    for (std::size_t n = 0; n < count; ++n)
      for (std::size_t v = 0; v < words; ++v)
        out[(first + n) * V + word + v] = scores[v * width + n] + model_.decoder_bias.get()[word + v];
  });
}

}  // namespace squeezebert
