// The encoder: embeddings, then for each layer attention and feed-forward, each with its residual and LayerNorm.
// Iandola et al. 2020, section 3; with one group everywhere, Devlin et al. 2019.
#include <algorithm>

#include "forward.hpp"
#include "profile.hpp"
#include "watch.hpp"

namespace squeezebert {
namespace {

constexpr std::size_t kRowsPerTask = 8;     // of LayerNorm: few enough to stay in the first-level cache
constexpr std::size_t kWordsAhead = 4;      // whose rows of the table, anywhere in memory, are fetched meanwhile
constexpr std::size_t kRowsTogether = 128;  // memory grows by so many rows: seldom, so that little is left in pieces
constexpr std::size_t kChunkTokens = 512;   // more sequences at once gain no speed
constexpr std::size_t kWideRows = 128;      // feed-forward rows alive at once
constexpr std::size_t kManyRows = 48;      // are activated and quantized together; few, in panels while the next weights come
constexpr std::size_t kFewestRows = 32;     // that a thread takes through a layer alone: it reads all of its weights for them
constexpr std::size_t kMostRows = 128;      // few enough that a thread which has none left does not wait long

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

}  // namespace

Forward::Forward(Model& model, const sqb_batch& batch)
    : model_(model),
      batch_(batch),
      all_tokens_(checked_tokens(model, batch)),
      C_(static_cast<std::size_t>(model.config.hidden_size)),
      A_(model.attention_channels),
      lease_(model.pool) {}

Forward::Forward(const Forward& captain, Workspace& own)
    : model_(captain.model_),
      batch_(captain.batch_),
      all_tokens_(captain.all_tokens_),
      C_(captain.C_),
      A_(captain.A_),
      workspace_(&own),
      lease_(model_.pool) {}

Forward::~Forward() {
  if (lent_) model_.give(std::move(lent_));
}

Rows Forward::reserve(Buffer& buffer, std::size_t rows, std::size_t channels) {
  const std::size_t ld = stride_of(channels);
  return {buffer.reserve(round_up(rows, kRowsTogether) * ld), rows, ld};
}

// As many sequences as kChunkTokens hold, one at least; chunks are about as large as each other.
bool Forward::next() {
  if (!workspace_) {
    lent_ = model_.take();
    workspace_ = lent_.get();
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
  if (model_.config.attention_rank) {
    for (Layer& layer : model_.layers) low_rank_layer(layer, x);
    return x;
  }
  reserve(workspace_->mixed, x.count, std::max(3 * A_, C_));  // for both that lie there: it must not move under the one
  const Rows qkv = reserve(workspace_->mixed, x.count, 3 * A_), context = reserve(workspace_->context, x.count, A_);
  Layer* before = nullptr;
  for (Layer& layer : model_.layers) {
    between(before, &layer, context, x, qkv);
    attention(qkv, context);
    before = &layer;
  }
  between(before, nullptr, context, x, qkv);
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
      if (t + kWordsAhead < start(b + 1)) model_.words.fetch(static_cast<std::size_t>(ids[t + kWordsAhead]), E);
      float* to = sums.data + t * sums.ld;
      const float* word = model_.words.row(static_cast<std::size_t>(ids[t]), E, to);
      model_.kernels.add3(word, positions + (t - start(b)) * E, types + static_cast<std::size_t>(type_ids[t]) * E, to, E);
    }
  });
  if (E != C_) linear(model_.embedding_projection, sums, out);
  normalize(model_.embedding_norm, out, nullptr, C_);
}

// Into how many blocks of rows the work between two attentions is cut, each for one thread; one: all threads share each step.
std::size_t Forward::blocks_of(std::size_t rows) const {
  const unsigned threads = lease_.threads();
  if (threads == 1 || rows < threads * kFewestRows || watch.show || !model_.rows_apart) return 1;
  return threads * pieces(rows, threads * kMostRows);
}

// What a row goes through from one attention to the next: the rest of a layer, and the next one's queries, keys and values.
// Rows do not see each other there, so a thread takes a block of them through it all and waits for nobody.
void Forward::between(Layer* before, Layer* after, Rows context, Rows x, Rows qkv) {
  const std::size_t blocks = blocks_of(x.count);
  if (blocks == 1) return pass(before, after, context, x, qkv);
  std::vector<Workspace>& crew = workspace_->crew;
  if (crew.size() < lease_.threads()) crew.resize(lease_.threads());
  for (Workspace& own : crew) Forward(*this, own).make_room(pieces(x.count, blocks));
  lease_.run(blocks, [&](std::size_t i, unsigned thread) {
    const std::size_t row = x.count * i / blocks, rows = x.count * (i + 1) / blocks - row;
    Forward(*this, crew[thread]).pass(before, after, part(context, row, rows), part(x, row, rows), part(qkv, row, rows));
  });
}

void Forward::pass(Layer* before, Layer* after, Rows context, Rows x, Rows qkv) {
  Rows8 ready;
  if (before) ready = after_attention(*before, context, x, after ? &after->query_key_value : nullptr);
  if (after) query_key_value(*after, x, qkv, ready);
}

// Reserves what `pass` writes for so many rows: a thread of the pool has nobody to tell that there is no memory.
void Forward::make_room(std::size_t rows) {
  const std::size_t F = static_cast<std::size_t>(model_.config.intermediate_size);
  reserve(workspace_->mixed, rows, C_);
  reserve(workspace_->wide, std::min(rows, kWideRows), F);
  workspace_->prepared.quantized.reserve(model_.kernels, rows, std::max({C_, A_, F}), 1);
  workspace_->prepared.pairs.reserve(rows * model_.most_spans);
  workspace_->normalized.reserve(model_.kernels, rows, C_, 1);
}

// The rest of a layer, for some tokens or all: x becomes what the layer gives, and is given as `next` reads it.
Rows8 Forward::after_attention(Layer& layer, Rows context, Rows x, const Linear* next) {
  const Rows mixed = reserve(workspace_->mixed, x.count, C_);  // query, key and value have been used up
  {
    const Section section(Operation::post_attention);
    project(layer.post_attention, context, mixed);
  }
  const Linear* first = layer.intermediate.plain() ? &layer.intermediate.linear : nullptr;
  const Rows8 ready = normalize(layer.post_attention_norm, mixed, x.data, C_, first);

  const std::size_t F = static_cast<std::size_t>(model_.config.intermediate_size);
  const bool together = layer.output.plain() && layer.output.linear.int8() && x.count >= kManyRows;
  const Activation act = static_cast<Activation>(model_.config.hidden_act);
  const bool whole = !layer.intermediate.taps.empty();  // a convolution sees the rows beside a block
  const std::size_t step = whole ? x.count : std::min(x.count, kWideRows / ready.block * ready.block);
  for (std::size_t row = 0; row < x.count; row += step) {
    const std::size_t rows = std::min(step, x.count - row);
    const Rows wide = reserve(workspace_->wide, rows, F);
    {
      const Section section(Operation::intermediate);
      project(layer.intermediate, part(mixed, row, rows), wide, together ? Activation::none : act, ready.bytes ? ready.from(row) : ready);
    }
    const Section section(Operation::output);
    project(layer.output, wide, part(x, row, rows), Activation::none,
            together ? quantized(layer.output.linear, model_.kernels, lease_, workspace_->prepared.quantized, wide, act) : Rows8{});
  }
  return normalize(layer.output_norm, x, mixed.data, C_, next);
}

void Forward::query_key_value(Layer& layer, Rows x, Rows qkv, Rows8 ready) {
  const Section section(Operation::qkv);
  if (!layer.query_key_value.empty()) return linear(layer.query_key_value, x, qkv, Activation::none, ready);
  project(layer.query, x, qkv);
  project(layer.key, x, {qkv.data + A_, qkv.count, qkv.ld});
  project(layer.value, x, {qkv.data + 2 * A_, qkv.count, qkv.ld});
}

void Forward::linear(const Linear& layer, Rows x, Rows out, Activation act, Rows8 ready) {
  apply(layer, model_.kernels, lease_, workspace_->prepared, x, out, act, ready);
}

void Forward::project(const Projection& projection, Rows x, Rows out, Activation act, Rows8 ready) {
  if (!projection.taps.empty()) {
    const std::size_t inputs = (projection.up.empty() ? projection.linear : projection.down).inputs();
    const Rows convolved = reserve(workspace_->convolved, x.count, inputs);
    convolve(projection.taps, x, convolved, inputs);
    x = convolved;
  }
  if (projection.up.empty()) return linear(projection.linear, x, out, act, ready);
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

// x = LayerNorm(x + residual); the residual's rows have x's stride. What an int8 layer reads next is made of each row while
// it lies in the first-level cache, and given.
Rows8 Forward::normalize(const Norm& norm, Rows x, const float* residual, std::size_t channels, const Linear* next) {
  const Section section(Operation::layer_norm);
  Rows8 ready;
  if (next && next->int8()) ready = workspace_->normalized.reserve(model_.kernels, x.count, channels, next->block(model_.kernels));
  const std::size_t together = kRowsPerTask / ready.block * ready.block;
  lease_.run(pieces(x.count, together), [&](std::size_t task, unsigned) {
    const Rows own = part(x, task * together, std::min(together, x.count - task * together));
    Range ranges[kRowsPerTask];
    model_.kernels.layer_norm({.x = own.data,
                               .residual = residual ? residual + task * together * x.ld : nullptr,
                               .gamma = norm.gamma.get(),
                               .beta = norm.beta.get(),
                               .out = own.data,
                               .rows = own.count,
                               .channels = channels,
                               .ld = x.ld,
                               .eps = model_.config.layer_norm_eps,
                               .ranges = ready.bytes ? ranges : nullptr});
    if (ready.bytes) quantize(model_.kernels, own, channels, ready.from(task * together), ranges);
  });
  return ready;
}

}  // namespace squeezebert
