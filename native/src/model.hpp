// Model: the weights of one encoder and its heads, packed once; Workspace: the memory of one call.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "linear.hpp"

namespace squeezebert {

struct Norm {
  Buffer gamma, beta;  // [C]
};

// A grouped linear layer, whole or in two factors, and before it, when conv_kernel > 1, a depthwise convolution: taps
// [k][inputs].
struct Projection {
  Linear linear, down, up;
  Buffer taps;

  bool plain() const { return taps.empty() && up.empty(); }
};

struct Layer {
  Projection query, key, value, post_attention, intermediate, output;
  // The three in one pass, of low-rank attention the last two; filled by finish() when there are no taps and no factors.
  Linear query_key_value;
  Buffer key_rows, value_rows;  // low-rank attention: [R, P]
  Norm post_attention_norm, output_norm;

  bool rows_apart() const;
};

// Rows of an embedding table, where the caller keeps them: float32, or int8 with a scale a row.
struct Table {
  const float* values = nullptr;
  const std::int8_t* bytes = nullptr;
  Buffer scales;

  // Row `i` of n values: in place, or written to `out`.
  const float* row(std::size_t i, std::size_t n, float* out) const;
  // Has the row brought into the cache, for whoever reads it soon.
  void fetch(std::size_t i, std::size_t n) const;
};

// What the queries of one sequence look at: rows of keys, the values as many channels behind them as there are.
struct Keys {
  const float* data;
  std::size_t ld, count;
  const float* scores;  // [count], added to the scores of each row; null for zeros
};

// What one call writes: grown to the largest call seen, then reused.
struct Workspace {
  Buffer hidden, mixed, context, wide, convolved, low_rank, row_scales, gathered, gathered_out, scratch;
  Prepared prepared;     // what a layer makes of its input
  Quantized normalized;  // what it reads as LayerNorm put it down
  Inner inner;
  std::vector<std::size_t> blocks, key_starts;
  std::vector<Keys> keys;  // of each sequence
  std::vector<Workspace> crew;  // of each thread, for rows that it takes through a layer alone

  std::size_t bytes() const;
};

class Model {
 public:
  Model(const sqb_config& config, const char* kernel, int threads);

  void add(const std::string& name, const float* data, const int64_t* shape, int rank);
  void add(const std::string& name, const std::int8_t* data, const int64_t* shape, int rank);
  void finish();

  sqb_config config;
  std::size_t attention_channels;  // A, of all heads together; C unless heads were pruned
  const Kernels& kernels;
  Pool pool;
  Table words, decoder;            // [V, E]; a decoder that is empty is tied to the words
  Buffer positions, types;         // [P, E], [Y, E]
  Linear embedding_projection;
  Norm embedding_norm;
  std::vector<Layer> layers;
  Linear pooler, classifier, qa_outputs, transform;
  Norm transform_norm;
  Buffer decoder_bias;  // [V]
  std::size_t labels = 0;
  bool attention8 = false;  // attention multiplies bytes
  std::size_t most_spans = 0;  // of a layer between two attentions
  bool rows_apart = false;  // no layer has factors or convolutions, which share their work out themselves

  // A workspace nobody else uses; give it back when the call is over.
  std::unique_ptr<Workspace> take();
  void give(std::unique_ptr<Workspace> workspace);
  std::size_t workspace_bytes();

 private:
  using Put = std::function<void(const float*, const int64_t*)>;
  using PutInt8 = std::function<void(const std::int8_t*, const int64_t*)>;
  struct Slot {
    std::vector<int64_t> shape;  // -1: any size
    bool required;
    Put put;
    PutInt8 put_int8;  // empty where int8 is not taken
    bool filled = false, int8 = false;
  };

  void expect(const std::string& name, std::vector<int64_t> shape, bool required, Put put, PutInt8 put_int8 = {});
  Slot& slot_for(const std::string& name, const int64_t* shape, int rank);
  void expect_scale(const std::string& name, int64_t rows, Put put);
  void expect_table(const std::string& name, int64_t rows, bool required, Table& table);
  void expect_rows(const std::string& name, int64_t rows, Buffer& to);
  void expect_copy(const std::string& name, std::vector<int64_t> shape, bool required, Buffer& to);
  void expect_norm(const std::string& name, int64_t channels, bool required, Norm& norm);
  void expect_linear(const std::string& name, std::vector<int64_t> shape, bool required, Linear& linear, int64_t groups);
  void expect_factors(const std::string& name, int64_t outputs, int64_t inputs, int64_t groups, Projection& to);
  void expect_projection(const std::string& name, int64_t outputs, int64_t inputs, int64_t groups, Projection& to);
  void expect_embeddings();
  void expect_layer(const std::string& name, Layer& layer);
  void expect_heads();
  void check_forms(const std::string& name, const Projection& projection) const;
  void check_layers() const;
  void link();
  bool has_int8_layers() const;
  bool has(const std::string& name) const;

  std::map<std::string, Slot> slots_;
  Mutex spare_mutex_;
  std::vector<std::unique_ptr<Workspace>> spare_;
};

}  // namespace squeezebert
