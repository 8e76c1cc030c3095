// Attention, a block of queries of one head at a time, so that no S x S matrix is ever held.
//
// Scores are kept transposed, [keys][queries]: the softmax then runs down the keys with one query a lane and needs no
// sums across lanes, keys and values are read where the projection left them, and only the queries are copied.
#include <algorithm>
#include <cmath>

#include "forward.hpp"
#include "profile.hpp"

namespace squeezebert {

void Forward::attention(const Layer& layer, Rows qkv, Rows context) {
  const Section section(Operation::attention);
  const std::size_t width = model_.kernels.width, rank = static_cast<std::size_t>(model_.config.attention_rank);
  const std::size_t heads = static_cast<std::size_t>(model_.config.num_attention_heads);
  std::vector<std::size_t>& blocks = workspace_->blocks;  // sequence, first query; two numbers a block
  blocks.clear();
  std::size_t most_keys = rank;
  for (std::size_t b = 0; b < sequences(); ++b) {
    if (rank == 0) most_keys = std::max(most_keys, start(b + 1) - start(b));
    for (std::size_t query = start(b); query < start(b + 1); query += width) {
      blocks.push_back(b);
      blocks.push_back(query);
    }
  }
  Rows keys_values{qkv.data + A_, qkv.count, qkv.ld};
  if (rank) {
    keys_values = reserve(workspace_->low_rank, sequences() * rank, 2 * A_);
    project_along_sequence(layer, qkv, keys_values);
  }
  const std::size_t scratch_size = (A_ / heads + most_keys + 1) * width;
  float* scratch = workspace_->scratch.reserve(lease_.threads() * scratch_size);
  lease_.run(blocks.size() / 2 * heads, [&](std::size_t task, unsigned thread) {
    attend(task / heads, task % heads, qkv, keys_values, context, scratch + thread * scratch_size);
  });
}

// Keys and values of a sequence of S tokens become R rows: E[:, :S] K and F[:, :S] V (Wang et al. 2020, equation 7).
void Forward::project_along_sequence(const Layer& layer, Rows qkv, Rows low_rank) {
  const std::size_t rank = static_cast<std::size_t>(model_.config.attention_rank), width = model_.kernels.width;
  const std::size_t longest = static_cast<std::size_t>(model_.config.max_position_embeddings);
  lease_.run(sequences() * 2, [&](std::size_t task, unsigned) {
    const std::size_t b = task / 2, channel = task % 2 * A_;
    const float* rows = task % 2 ? layer.value_rows.get() : layer.key_rows.get();
    for (std::size_t c = 0; c < A_; c += width)
      model_.kernels.panel({.a = rows,
                            .lda = longest,
                            .a_transposed = false,
                            .rows = rank,
                            .k = start(b + 1) - start(b),
                            .cols = std::min(width, A_ - c),
                            .w = qkv.data + start(b) * qkv.ld + A_ + channel + c,
                            .ldw = qkv.ld,
                            .bias = nullptr,
                            .out = low_rank.data + b * rank * low_rank.ld + channel + c,
                            .ldo = low_rank.ld,
                            .resume = false,
                            .act = Activation::none});
  });
}

void Forward::attend(std::size_t block, std::size_t head, Rows qkv, Rows keys_values, Rows context, float* scratch) {
  const std::size_t width = model_.kernels.width, rank = static_cast<std::size_t>(model_.config.attention_rank);
  const std::size_t D = A_ / static_cast<std::size_t>(model_.config.num_attention_heads);
  const std::size_t b = workspace_->blocks[2 * block], query = workspace_->blocks[2 * block + 1];
  const std::size_t queries = std::min(width, start(b + 1) - query);
  const std::size_t keys = rank ? rank : start(b + 1) - start(b), first_key = rank ? b * rank : start(b);
  const float* key = keys_values.data + first_key * keys_values.ld + head * D;

  float* transposed = scratch;                // [D][width]
  float* scores = scratch + D * width;        // [keys][width]
  const float scale = 1.0f / std::sqrt(static_cast<float>(D));
  for (std::size_t q = 0; q < queries; ++q) {
    const float* from = qkv.data + (query + q) * qkv.ld + head * D;
    for (std::size_t d = 0; d < D; ++d) transposed[d * width + q] = from[d] * scale;
  }
  model_.kernels.panel({.a = key, .lda = keys_values.ld, .a_transposed = false, .rows = keys, .k = D, .cols = queries,
                        .w = transposed, .ldw = width, .bias = nullptr, .out = scores, .ldo = width, .resume = false,
                        .act = Activation::none});
  model_.kernels.softmax(scores, keys, queries, width);
  for (std::size_t d = 0; d < D; d += width)
    model_.kernels.panel({.a = scores, .lda = width, .a_transposed = true, .rows = queries, .k = keys,
                          .cols = std::min(width, D - d), .w = key + A_ + d, .ldw = keys_values.ld, .bias = nullptr,
                          .out = context.data + query * context.ld + head * D + d, .ldo = context.ld, .resume = false,
                          .act = Activation::none});
}

}  // namespace squeezebert
