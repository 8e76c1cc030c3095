// Forward: one call through a model, from a batch to hidden states, and on to each head.
//
// A batch passes in chunks of whole sequences, so that a call needs no more memory for many of them than for some.
#pragma once

#include "model.hpp"

namespace squeezebert {

class Forward {
 public:
  // Checks the batch.
  Forward(Model& model, const sqb_batch& batch);
  // One of a crew: computes on the calling thread alone, in memory of its own.
  Forward(const Forward& captain, Workspace& own);
  ~Forward();
  Forward(const Forward&) = delete;
  Forward& operator=(const Forward&) = delete;

  void hidden(float* out);
  void embed(sqb_pooling pooling, bool normalize, float* out);
  void pooler(float* out);
  void sequence_logits(float* out);
  void token_logits(float* out);
  void span_logits(float* out);
  void masked_logits(const int32_t* rows, int32_t count, float* out);

 private:
  // The sequences that are being computed, and their tokens; what is below speaks of these alone.
  struct Chunk {
    std::size_t sequence = 0, sequences = 0;  // the first one of the batch's, and how many
    std::size_t token = 0, tokens = 0;
  };
  std::size_t sequences() const { return chunk_.sequences; }
  std::size_t start(std::size_t sequence) const { return position(chunk_.sequence + sequence) - chunk_.token; }
  std::size_t position(std::size_t sequence) const { return static_cast<std::size_t>(batch_.cu_seqlens[sequence]); }

  // Turns to the next chunk; false when there is none. The first time takes a workspace and, when they are free, the pool's
  // workers: what a call refuses it refuses before, because without exceptions (WebAssembly) nobody would give them back.
  bool next();
  Rows encode();  // [T, C]

  Rows reserve(Buffer& buffer, std::size_t rows, std::size_t channels);
  void embeddings(Rows out);
  std::size_t blocks_of(std::size_t rows) const;
  void make_room(std::size_t rows);
  void between(Layer* before, Layer* after, Rows context, Rows x, Rows qkv);
  void pass(Layer* before, Layer* after, Rows context, Rows x, Rows qkv);
  Rows8 after_attention(Layer& layer, Rows context, Rows x, const Linear* next = nullptr);
  void query_key_value(Layer& layer, Rows x, Rows qkv, Rows8 ready);
  void linear(const Linear& layer, Rows x, Rows out, Activation act = Activation::none, Rows8 ready = {});
  void project(const Projection& projection, Rows x, Rows out, Activation act = Activation::none, Rows8 ready = {});
  void convolve(const Buffer& taps, Rows x, Rows out, std::size_t channels);
  Rows8 normalize(const Norm& norm, Rows x, const float* residual, std::size_t channels, const Linear* next = nullptr);

  void attention(Rows qkv, Rows context);
  void attend_all(Rows queries, std::size_t begin, std::size_t end, Rows context);
  void attend(const Keys& keys, std::size_t head, Rows queries, Rows context, float* scratch);
  void attention8(Rows qkv, Rows context);

  void low_rank_layer(Layer& layer, Rows x);
  bool keeps_tokens(std::size_t b) const;
  void place_keys();
  std::size_t sequence_at(std::size_t token) const;
  void key_value(Layer& layer, Rows x, Rows out);
  void weigh(const Layer& layer);
  void gather(const Layer& layer, std::size_t b, Rows block, std::size_t row, Rows keys_values);
  void attend_to_rows(Rows queries, std::size_t row, Rows keys_values, Rows context);

  void pool(Rows x, std::size_t b, int pooling, float* out);
  Rows pooled();
  void write_linear(const Linear& layer, Rows x, std::size_t outputs, float* out);
  void score_words(Rows states, std::size_t first, std::size_t count, float* out);

  Model& model_;
  const sqb_batch batch_;
  const std::size_t all_tokens_, C_, A_;
  Chunk chunk_;
  std::unique_ptr<Workspace> lent_;
  Workspace* workspace_ = nullptr;
  Pool::Lease lease_;
};

}  // namespace squeezebert
