// Low-rank attention (Wang et al. 2020, arXiv 2006.04768): the keys and values of a text of S tokens become R rows, and
// nothing else of a layer is ever held for all tokens: they pass through it in blocks, twice.
//
// A row of the [R, P] matrices is a weighting of tokens. Token j of S reads column (P - 1) j / (S - 1), so that the first
// and the last column are those of the first and the last token of every text, whatever its length. A row is the weighted
// mean of the tokens, and counts in the softmax as many times as its weights sum to, its mass (as merged tokens do in Bolya
// et al. 2022, arXiv 2210.09461, section 3). A text of at most 2 R tokens keeps each of its own: making rows costs more.
#include <algorithm>
#include <cmath>

#include "forward.hpp"
#include "profile.hpp"

namespace squeezebert {
namespace {

constexpr std::size_t kBlockRows = 96;  // tokens that pass through a layer at once
constexpr std::size_t kRowsPerTask = 16;
constexpr float kNever = -1e30f;  // the score of a row without any mass

}  // namespace

void Forward::low_rank_layer(Layer& layer, Rows x) {
  const std::size_t step = layer.intermediate.taps.empty() ? std::min(x.count, kBlockRows) : x.count;
  place_keys();
  const Rows keys_values = reserve(workspace_->low_rank, workspace_->key_starts.back(), 2 * A_);
  {
    const Section section(Operation::attention);
    weigh(layer);
  }
  for (std::size_t row = 0; row < x.count; row += step) {
    const Rows block = part(x, row, std::min(step, x.count - row)), own = reserve(workspace_->mixed, block.count, 2 * A_);
    key_value(layer, block, own);
    const Section section(Operation::attention);
    for (std::size_t b = sequence_at(row); b < sequences() && start(b) < row + block.count; ++b)
      gather(layer, b, own, row, keys_values);
  }
  for (std::size_t row = 0; row < x.count; row += step) {
    const Rows block = part(x, row, std::min(step, x.count - row));
    const Rows queries = reserve(workspace_->mixed, block.count, A_), context = reserve(workspace_->context, block.count, A_);
    {
      const Section section(Operation::qkv);
      project(layer.query, block, queries);
    }
    attend_to_rows(queries, row, keys_values, context);
    after_attention(layer, context, block);
  }
}

bool Forward::keeps_tokens(std::size_t b) const {
  return start(b + 1) - start(b) <= 2 * static_cast<std::size_t>(model_.config.attention_rank);
}

// Where the rows of each sequence begin among all that are kept: one a token of a short one, R of a long one.
void Forward::place_keys() {
  const std::size_t rank = static_cast<std::size_t>(model_.config.attention_rank);
  std::vector<std::size_t>& starts = workspace_->key_starts;
  starts.assign(1, 0);
  for (std::size_t b = 0; b < sequences(); ++b) starts.push_back(starts.back() + (keeps_tokens(b) ? start(b + 1) - start(b) : rank));
}

std::size_t Forward::sequence_at(std::size_t token) const {
  const int32_t* ends = batch_.cu_seqlens + chunk_.sequence + 1;
  return static_cast<std::size_t>(std::upper_bound(ends, ends + sequences(), static_cast<int32_t>(chunk_.token + token)) - ends);
}

void Forward::key_value(Layer& layer, Rows x, Rows out) {
  const Section section(Operation::qkv);
  if (!layer.query_key_value.empty()) return linear(layer.query_key_value, x, out);
  project(layer.key, x, out);
  project(layer.value, x, {out.data + A_, out.count, out.ld});
}

// What each token's weight is multiplied with, for keys and for values, and what each row of keys adds to its scores.
void Forward::weigh(const Layer& layer) {
  const std::vector<std::size_t>& starts = workspace_->key_starts;
  const std::size_t rank = static_cast<std::size_t>(model_.config.attention_rank), rows = starts.back();
  const std::size_t longest = static_cast<std::size_t>(model_.config.max_position_embeddings);
  float* scales = workspace_->row_scales.reserve(3 * rows);  // keys, values, scores
  for (std::size_t b = 0; b < sequences(); ++b) {
    const std::size_t length = start(b + 1) - start(b);
    if (keeps_tokens(b)) continue;
    lease_.run((2 * rank + kRowsPerTask - 1) / kRowsPerTask, [&](std::size_t task, unsigned) {
      for (std::size_t i = task * kRowsPerTask; i < std::min(2 * rank, (task + 1) * kRowsPerTask); ++i) {
        const std::size_t side = i / rank, r = i % rank;
        const float* weights = (side ? layer.value_rows : layer.key_rows).get() + r * longest;
        float mass = 0.0f;
        for (std::size_t j = 0; j < length; ++j) mass += std::fabs(weights[j * (longest - 1) / (length - 1)]);
        scales[side * rows + starts[b] + r] = mass > 0.0f ? 1.0f / mass : 0.0f;
        if (!side) scales[2 * rows + starts[b] + r] = mass > 0.0f ? std::log(mass) : kNever;
      }
    });
  }
}

// Adds what the tokens of sequence b in a block that begins at `row` give to its rows: E K and F V, equation 7 there.
void Forward::gather(const Layer& layer, std::size_t b, Rows block, std::size_t row, Rows keys_values) {
  const std::vector<std::size_t>& starts = workspace_->key_starts;
  const std::size_t rank = static_cast<std::size_t>(model_.config.attention_rank), width = model_.kernels.width;
  const std::size_t longest = static_cast<std::size_t>(model_.config.max_position_embeddings);
  const std::size_t length = start(b + 1) - start(b), begin = std::max(start(b), row);
  const std::size_t count = std::min(start(b + 1), row + block.count) - begin, first = begin - start(b);
  const float* own = block.data + (begin - row) * block.ld;
  if (keeps_tokens(b)) {
    for (std::size_t i = 0; i < count; ++i)
      std::copy_n(own + i * block.ld, 2 * A_, keys_values.data + (starts[b] + first + i) * keys_values.ld);
    return;
  }
  const std::size_t tasks = (rank + kRowsPerTask - 1) / kRowsPerTask;
  float* scratch = workspace_->scratch.reserve(lease_.threads() * kRowsPerTask * count);
  lease_.run(2 * tasks, [&](std::size_t task, unsigned thread) {
    const std::size_t side = task / tasks, r = task % tasks * kRowsPerTask, rows = std::min(kRowsPerTask, rank - r);
    float* weights = scratch + thread * kRowsPerTask * count;
    const float* all = (side ? layer.value_rows : layer.key_rows).get() + r * longest;
    const float* scales = workspace_->row_scales.get() + side * starts.back() + starts[b] + r;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t column = (first + i) * (longest - 1) / (length - 1);
      for (std::size_t k = 0; k < rows; ++k) weights[k * count + i] = all[k * longest + column] * scales[k];
    }
    for (std::size_t c = 0; c < A_; c += width)
      model_.kernels.panel({.a = weights,
                            .lda = count,
                            .a_transposed = false,
                            .rows = rows,
                            .k = count,
                            .cols = std::min(width, A_ - c),
                            .w = own + side * A_ + c,
                            .ldw = block.ld,
                            .bias = nullptr,
                            .out = keys_values.data + (starts[b] + r) * keys_values.ld + side * A_ + c,
                            .ldo = keys_values.ld,
                            .resume = first > 0,
                            .act = Activation::none});
  });
}

void Forward::attend_to_rows(Rows queries, std::size_t row, Rows keys_values, Rows context) {
  const Section section(Operation::attention);
  const std::vector<std::size_t>& starts = workspace_->key_starts;
  const float* scores = workspace_->row_scales.get() + 2 * starts.back();
  workspace_->keys.clear();
  for (std::size_t b = 0; b < sequences(); ++b)
    workspace_->keys.push_back({keys_values.data + starts[b] * keys_values.ld, keys_values.ld, starts[b + 1] - starts[b],
                                keeps_tokens(b) ? nullptr : scores + starts[b]});
  attend_all(queries, row, row + queries.count, context);
}

}  // namespace squeezebert
