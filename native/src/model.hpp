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

// A grouped linear layer, and before it, when conv_kernel > 1, a depthwise convolution: taps [k][inputs].
struct Projection {
  Linear linear;
  Buffer taps;
};

struct Layer {
  Projection query, key, value, post_attention, intermediate, output;
  Linear query_key_value;  // the three in one pass; filled by finish() when there are no taps
  Buffer key_rows, value_rows;  // low-rank attention: [R, P]
  Norm post_attention_norm, output_norm;
};

// Rows of an embedding table, where the caller keeps them: float32, or int8 with a scale a row.
struct Table {
  const float* values = nullptr;
  const std::int8_t* bytes = nullptr;
  Buffer scales;

  // Row `i` of n values: in place, or written to `out`.
  const float* row(std::size_t i, std::size_t n, float* out) const;
};

// What one call writes: grown to the largest call seen, then reused.
struct Workspace {
  Buffer hidden, mixed, context, wide, convolved, low_rank, gathered, gathered_out, scratch;
  Quantized quantized;
  std::vector<std::size_t> blocks;
};

class Model {
 public:
  Model(const sqb_config& config, const char* kernel, int threads);

  void add(const std::string& name, const float* data, const int64_t* shape, int rank);
  void add(const std::string& name, const std::int8_t* data, const int64_t* shape, int rank);
  void finish();

  sqb_config config;
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

  // A workspace nobody else uses; give it back when the call is over.
  std::unique_ptr<Workspace> take();
  void give(std::unique_ptr<Workspace> workspace);

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
  void expect_projection(const std::string& name, int64_t outputs, int64_t inputs, int64_t groups, Projection& to);
  void expect_embeddings();
  void expect_layer(const std::string& name, Layer& layer);
  void expect_heads();
  bool has(const std::string& name) const;

  std::map<std::string, Slot> slots_;
  Mutex spare_mutex_;
  std::vector<std::unique_ptr<Workspace>> spare_;
};

}  // namespace squeezebert
