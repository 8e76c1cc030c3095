// Attention, a block of queries of one head at a time, so that no S x S matrix is ever held.
//
// Scores are kept transposed, [keys][queries]: the softmax then runs down the keys with one query a lane and needs no
// sums across lanes, keys and values are read where the projection left them, and only the queries are copied.
#include <algorithm>
#include <cmath>

#include "forward.hpp"
#include "profile.hpp"

namespace squeezebert {

void Forward::attention(Rows qkv, Rows context) {
  const Section section(Operation::attention);
  if (model_.attention8) return attention8(qkv, context);
  workspace_->keys.clear();
  for (std::size_t b = 0; b < sequences(); ++b)
    workspace_->keys.push_back({qkv.data + start(b) * qkv.ld + A_, qkv.ld, start(b + 1) - start(b), nullptr});
  attend_all(qkv, 0, qkv.count, context);
}

// Tokens `begin` to `end`, whose queries and context begin with their first row; their keys are in the workspace.
void Forward::attend_all(Rows queries, std::size_t begin, std::size_t end, Rows context) {
  const std::size_t width = model_.kernels.width;
  const std::size_t heads = static_cast<std::size_t>(model_.config.num_attention_heads);
  const std::vector<Keys>& keys = workspace_->keys;
  std::vector<std::size_t>& blocks = workspace_->blocks;  // sequence, first query, queries; three numbers a block
  blocks.clear();
  std::size_t most_keys = 0;
  for (std::size_t b = sequence_at(begin); b < sequences() && start(b) < end; ++b) {
    most_keys = std::max(most_keys, keys[b].count);
    const std::size_t last = std::min(end, start(b + 1));
    for (std::size_t query = std::max(begin, start(b)); query < last; query += width) {
      blocks.push_back(b);
      blocks.push_back(query - begin);
      blocks.push_back(std::min(width, last - query));
    }
  }
  const std::size_t scratch_size = (A_ / heads + most_keys) * width;
  float* scratch = workspace_->scratch.reserve(lease_.threads() * scratch_size);
  lease_.run(blocks.size() / 3 * heads, [&](std::size_t task, unsigned thread) {
    const std::size_t* block = blocks.data() + 3 * (task / heads);
    const Rows own{queries.data + block[1] * queries.ld, block[2], queries.ld};
    const Rows out{context.data + block[1] * context.ld, block[2], context.ld};
    float* mine = scratch + thread * scratch_size;
    attend(keys[block[0]], task % heads, own, out, mine);
  });
}

void Forward::attend(const Keys& keys, std::size_t head, Rows queries, Rows context, float* scratch) {
  const std::size_t width = model_.kernels.width;
  const std::size_t D = A_ / static_cast<std::size_t>(model_.config.num_attention_heads);
  const float* key = keys.data + head * D;

  float* transposed = scratch;                // [D][width]
  float* scores = scratch + D * width;        // [keys][width]
  model_.kernels.transpose({.x = queries.data + head * D, .rows = queries.count, .columns = D, .ldx = queries.ld,
                            .scale = 1.0f / std::sqrt(static_cast<float>(D)), .out = transposed});
  if (keys.scores)
    for (std::size_t k = 0; k < keys.count; ++k) std::fill_n(scores + k * width, queries.count, keys.scores[k]);
  model_.kernels.panel({.a = key, .lda = keys.ld, .a_transposed = false, .rows = keys.count, .k = D, .cols = queries.count,
                        .w = transposed, .ldw = width, .bias = nullptr, .out = scores, .ldo = width,
                        .resume = keys.scores != nullptr, .act = Activation::none});
  model_.kernels.softmax(scores, keys.count, queries.count, width);
  for (std::size_t d = 0; d < D; d += width)
    model_.kernels.panel({.a = scores, .lda = width, .a_transposed = true, .rows = queries.count, .k = keys.count,
                          .cols = std::min(width, D - d), .w = key + A_ + d, .ldw = keys.ld, .bias = nullptr,
                          .out = context.data + head * D + d, .ldo = context.ld, .resume = false,
                          .act = Activation::none});
}

}  // namespace squeezebert
