#include "model.hpp"

#include <algorithm>
#include <cmath>

namespace squeezebert {
namespace {

const Kernels& kernels_named(const char* name) {
  if (const Kernels* found = find_kernels(name)) return *found;
  std::size_t count;
  const Kernels* const* sets = available_kernels(&count);
  std::string names;
  for (std::size_t i = 0; i < count; ++i) names += (i ? ", " : "") + std::string(sets[i]->name);
  fail(SQB_BAD_CONFIG, "kernel '" + std::string(name) + "' cannot run here; choose one of " + names);
}

unsigned checked_threads(int threads) {
  if (threads < 1 || threads > 1024)
    fail(SQB_BAD_CONFIG, "threads=" + std::to_string(threads) + " is out of range; choose 1 to 1024");
  if (static_cast<std::size_t>(threads) - 1 > Worker::available())
    fail(SQB_BAD_CONFIG, "threads=" + std::to_string(threads) + " where this module has " + std::to_string(Worker::available()) +
                             " free beside the caller's; start more with sqb_thread_seat, or choose 1");
  return static_cast<unsigned>(threads);
}

// Channels of all heads together; 0 where neither the config nor a division says how many a head has.
int64_t attention_size(const sqb_config& c) {
  if (c.attention_head_size) return int64_t{c.attention_head_size} * c.num_attention_heads;
  return c.hidden_size % c.num_attention_heads ? 0 : c.hidden_size;
}

void check_config(const sqb_config& c) {
  const int sizes[] = {c.vocab_size, c.embedding_size, c.hidden_size, c.num_attention_heads, c.intermediate_size,
                       c.max_position_embeddings, c.type_vocab_size, c.q_groups, c.k_groups, c.v_groups,
                       c.post_attention_groups, c.intermediate_groups, c.output_groups, c.conv_kernel};
  for (int size : sizes)
    if (size < 1 || size > (1 << 24))
      fail(SQB_BAD_CONFIG, "a size in the config is " + std::to_string(size) + "; choose 1 to 16777216");
  if (c.attention_head_size < 0 || int64_t{c.attention_head_size} * c.num_attention_heads > (1 << 24))
    fail(SQB_BAD_CONFIG, "attention_head_size is " + std::to_string(c.attention_head_size) + "; choose 0 to 16777216 by the heads");
  const int64_t A = attention_size(c);  // 0 where heads do not divide the channels
  const bool divides = A > 0 && A % c.q_groups == 0 && A % c.k_groups == 0 && A % c.v_groups == 0 &&
                       A % c.post_attention_groups == 0 && c.hidden_size % c.q_groups == 0 &&
                       c.hidden_size % c.k_groups == 0 && c.hidden_size % c.v_groups == 0 &&
                       c.hidden_size % c.post_attention_groups == 0 && c.hidden_size % c.intermediate_groups == 0 &&
                       c.intermediate_size % c.intermediate_groups == 0 &&
                       c.intermediate_size % c.output_groups == 0 && c.hidden_size % c.output_groups == 0;
  if (!divides) fail(SQB_BAD_CONFIG, "heads or groups do not divide the channels; choose counts that do");
  if (c.num_hidden_layers < 0 || c.num_hidden_layers > 4096 || c.embedding_size > c.hidden_size ||
      c.conv_kernel % 2 == 0 || c.attention_rank < 0 || c.attention_rank > c.max_position_embeddings ||
      c.hidden_act < SQB_GELU || c.hidden_act > SQB_TANH || c.pooler_act < SQB_GELU || c.pooler_act > SQB_TANH ||
      (c.classifier_pooling != SQB_CLS && c.classifier_pooling != SQB_MEAN) || !(c.layer_norm_eps > 0.0f))
    fail(SQB_BAD_CONFIG, "an option in the config is out of range; see squeezebert.h for what each may be");
}

std::string text(const int64_t* shape, std::size_t rank) {
  std::string out = "[";
  for (std::size_t i = 0; i < rank; ++i) out += (i ? ", " : "") + (shape[i] < 0 ? "any" : std::to_string(shape[i]));
  return out + "]";
}

// The sum of a block is finite when no value of it is NaN or infinite and it does not overflow; only then look closer.
bool all_finite(const float* data, std::size_t n) {
  for (std::size_t begin = 0; begin < n; begin += 1024) {
    const std::size_t end = std::min(n, begin + 1024);
    float sums[16] = {};
    std::size_t i = begin;
    for (; i + 16 <= end; i += 16)
      for (std::size_t j = 0; j < 16; ++j) sums[j] += data[i + j] * 0.0f;
    for (; i < end; ++i) sums[0] += data[i] * 0.0f;
    for (float sum : sums)
      if (!(sum == 0.0f)) return false;
  }
  return true;
}

}  // namespace

Model::Model(const sqb_config& c, const char* kernel, int threads)
    : config((check_config(c), c)), attention_channels(static_cast<std::size_t>(attention_size(c))), kernels(kernels_named(kernel)), pool(checked_threads(threads)) {
  layers.resize(static_cast<std::size_t>(c.num_hidden_layers));
  expect_embeddings();
  for (std::size_t i = 0; i < layers.size(); ++i) expect_layer("encoder.layers." + std::to_string(i) + ".", layers[i]);
  expect_heads();
}

void Model::expect(const std::string& name, std::vector<int64_t> shape, bool required, Put put, PutInt8 put_int8) {
  slots_.emplace(name, Slot{std::move(shape), required, std::move(put), std::move(put_int8)});
}

// The scales of an int8 tensor, one a row.
void Model::expect_scale(const std::string& name, int64_t rows, Put put) { expect(name + "_scale", {rows}, false, std::move(put)); }

// A large table that stays where the caller has it.
void Model::expect_table(const std::string& name, int64_t rows, bool required, Table& table) {
  const std::size_t count = static_cast<std::size_t>(rows);
  expect(name, {rows, config.embedding_size}, required, [&table](const float* data, const int64_t*) { table.values = data; },
         [&table](const std::int8_t* data, const int64_t*) { table.bytes = data; });
  expect_scale(name, rows, [&table, count](const float* data, const int64_t*) { std::copy_n(data, count, table.scales.reserve(count)); });
}

// A small table, copied; int8 is turned to float32 when its scales come.
void Model::expect_rows(const std::string& name, int64_t rows, Buffer& to) {
  const std::size_t R = static_cast<std::size_t>(rows), E = static_cast<std::size_t>(config.embedding_size);
  expect(name, {rows, config.embedding_size}, true, [&to, R, E](const float* data, const int64_t*) { std::copy_n(data, R * E, to.reserve(R * E)); },
         [&to, R, E](const std::int8_t* data, const int64_t*) { std::copy_n(data, R * E, to.reserve(R * E)); });
  expect_scale(name, rows, [&to, R, E](const float* data, const int64_t*) {
    for (std::size_t i = 0; i < R * E; ++i) to.get()[i] *= data[i / E];
  });
}

void Model::expect_copy(const std::string& name, std::vector<int64_t> shape, bool required, Buffer& to) {
  std::size_t size = 1;
  for (int64_t n : shape) size *= static_cast<std::size_t>(n);
  expect(name, std::move(shape), required,
         [&to, size](const float* data, const int64_t*) { std::copy_n(data, size, to.reserve(size)); });
}

void Model::expect_norm(const std::string& name, int64_t channels, bool required, Norm& norm) {
  expect_copy(name + ".weight", {channels}, required, norm.gamma);
  expect_copy(name + ".bias", {channels}, required, norm.beta);
}

// shape is that of the weight: [outputs, inputs / groups] or [outputs, inputs / groups, 1].
void Model::expect_linear(const std::string& name, std::vector<int64_t> shape, bool required, Linear& linear,
                          int64_t groups) {
  const int64_t outputs = shape[0], inputs = shape[1] * groups;
  linear.name = name;
  const auto pack = [this, &linear, inputs, groups](const auto* data, const int64_t* seen) {
    linear.pack(kernels, data, static_cast<std::size_t>(seen[0]), static_cast<std::size_t>(inputs), static_cast<std::size_t>(groups));
  };
  expect(name + ".weight", std::move(shape), required, pack, pack);
  expect_scale(name + ".weight", outputs, [&linear](const float* data, const int64_t* seen) {
    if (linear.outputs() == static_cast<std::size_t>(seen[0])) linear.set_scales(data);
  });
  expect(name + ".bias", {outputs}, required, [&linear, name](const float* data, const int64_t* seen) {
    const std::size_t rows = linear.outputs();
    if (rows == 0) fail(SQB_BAD_TENSOR, "tensor " + name + ".weight is missing; add it before its bias");
    if (rows != static_cast<std::size_t>(seen[0]))
      fail(SQB_BAD_TENSOR, name + ".bias has " + std::to_string(seen[0]) + " values for " + std::to_string(rows) +
                                      " rows of " + name + ".weight; add the weight first, with as many rows");
    linear.set_bias(data);
  });
}

void Model::expect_embeddings() {
  const sqb_config& c = config;
  expect_table("embeddings.word_embeddings.weight", c.vocab_size, true, words);
  expect_rows("embeddings.position_embeddings.weight", c.max_position_embeddings, positions);
  expect_rows("embeddings.token_type_embeddings.weight", c.type_vocab_size, types);
  expect_norm("embeddings.LayerNorm", c.hidden_size, true, embedding_norm);
  if (c.embedding_size < c.hidden_size)
    expect_linear("embeddings.projection", {c.hidden_size, c.embedding_size, 1}, true, embedding_projection, 1);
}

void Model::expect_layer(const std::string& name, Layer& layer) {
  const sqb_config& c = config;
  const int64_t C = c.hidden_size, F = c.intermediate_size, A = attention_size(c);
  expect_projection(name + "attention.query", A, C, c.q_groups, layer.query);
  expect_projection(name + "attention.key", A, C, c.k_groups, layer.key);
  expect_projection(name + "attention.value", A, C, c.v_groups, layer.value);
  expect_projection(name + "post_attention.conv1d", C, A, c.post_attention_groups, layer.post_attention);
  expect_projection(name + "intermediate.conv1d", F, C, c.intermediate_groups, layer.intermediate);
  expect_projection(name + "output.conv1d", C, F, c.output_groups, layer.output);
  expect_norm(name + "post_attention.layernorm", C, true, layer.post_attention_norm);
  expect_norm(name + "output.layernorm", C, true, layer.output_norm);
  if (c.attention_rank == 0) return;
  expect_copy(name + "attention.key_projection.weight", {c.attention_rank, c.max_position_embeddings}, true, layer.key_rows);
  expect_copy(name + "attention.value_projection.weight", {c.attention_rank, c.max_position_embeddings}, true, layer.value_rows);
}

void Model::expect_heads() {
  const int64_t C = config.hidden_size, E = config.embedding_size, V = config.vocab_size;
  expect_linear("pooler.dense", {C, C}, false, pooler, 1);
  expect_linear("classifier", {-1, C}, false, classifier, 1);
  expect_linear("qa_outputs", {2, C}, false, qa_outputs, 1);
  expect_linear("cls.predictions.transform.dense", {E, C}, false, transform, 1);
  expect_norm("cls.predictions.transform.LayerNorm", E, false, transform_norm);
  expect_copy("cls.predictions.bias", {V}, false, decoder_bias);
  expect_table("cls.predictions.decoder.weight", V, false, decoder);
}

Model::Slot& Model::slot_for(const std::string& name, const int64_t* shape, int rank) {
  const auto found = slots_.find(name);
  if (found == slots_.end())
    fail(SQB_BAD_TENSOR, "tensor " + name + " has no place in this architecture; check the config, or leave it out");
  Slot& slot = found->second;
  if (slot.filled) fail(SQB_BAD_TENSOR, "tensor " + name + " was added twice; add each tensor once");
  bool fits = static_cast<std::size_t>(rank) == slot.shape.size();
  for (int i = 0; fits && i < rank; ++i)
    fits = shape[i] > 0 && (slot.shape[static_cast<std::size_t>(i)] < 0 ? shape[i] <= (1 << 24) : shape[i] == slot.shape[static_cast<std::size_t>(i)]);
  if (!fits)
    fail(SQB_BAD_TENSOR, "tensor " + name + " is " + text(shape, static_cast<std::size_t>(rank)) + " where the config asks for " +
                                    text(slot.shape.data(), slot.shape.size()) + "; the file and the config do not belong together");
  return slot;
}

void Model::add(const std::string& name, const float* data, const int64_t* shape, int rank) {
  Slot& slot = slot_for(name, shape, rank);
  const std::string scaled = name.size() > 6 && name.ends_with("_scale") ? name.substr(0, name.size() - 6) : "";
  if (!scaled.empty() && !slots_.at(scaled).int8)
    fail(SQB_BAD_TENSOR, "tensor " + name + " comes without an int8 " + scaled + "; add that first, or leave the scale out");
  std::size_t size = 1;
  for (int i = 0; i < rank; ++i) size *= static_cast<std::size_t>(shape[i]);
  if (!all_finite(data, size))
    fail(SQB_BAD_TENSOR, "tensor " + name + " holds NaN or infinite values; the checkpoint is damaged, fetch or train it again");
  slot.put(data, shape);
  slot.filled = true;
}

void Model::add(const std::string& name, const std::int8_t* data, const int64_t* shape, int rank) {
  Slot& slot = slot_for(name, shape, rank);
  if (!slot.put_int8) fail(SQB_BAD_TENSOR, "tensor " + name + " is int8, which only weights and embeddings may be; make it float32");
  slot.put_int8(data, shape);
  slot.filled = slot.int8 = true;
  slots_.at(name + "_scale").required = true;
}

bool Model::has(const std::string& name) const { return slots_.at(name).filled; }

void Model::finish() {
  for (const auto& [name, slot] : slots_)
    if (slot.required && !slot.filled)
      fail(SQB_BAD_TENSOR, "tensor " + name + " is missing; the checkpoint is incomplete or the config is another model's");
  check_layers();
  for (const char* name : {"pooler.dense", "classifier", "qa_outputs", "cls.predictions.transform.dense"})
    if (has(std::string(name) + ".weight") != has(std::string(name) + ".bias"))
      fail(SQB_BAD_TENSOR, std::string(name) + " has a weight or a bias but not both; add the missing one");
  const bool masked = has("cls.predictions.transform.dense.weight");
  for (const char* name : {"cls.predictions.transform.LayerNorm.weight", "cls.predictions.transform.LayerNorm.bias", "cls.predictions.bias"})
    if (has(name) != masked) fail(SQB_BAD_TENSOR, "the masked LM head is incomplete at " + std::string(name) + "; add all of it or none");
  if (has("cls.predictions.decoder.weight") && !masked)
    fail(SQB_BAD_TENSOR, "cls.predictions.decoder.weight comes without the rest of the masked LM head; add all of it or none");
  labels = classifier.outputs();
  const std::size_t A = attention_channels;
  if (config.conv_kernel == 1) {
    for (Layer& layer : layers) {
      if (!layer.query.up.empty() || !layer.key.up.empty() || !layer.value.up.empty()) continue;
      if (layer.query.linear.int8() != layer.key.linear.int8() || layer.key.linear.int8() != layer.value.linear.int8()) continue;
      const std::size_t first = config.attention_rank ? 0 : A;
      if (first) layer.query_key_value.append(std::move(layer.query.linear), 0);
      layer.query_key_value.append(std::move(layer.key.linear), first);
      layer.query_key_value.append(std::move(layer.value.linear), first + A);
    }
  }
  attention8 = !config.attention_rank && has_int8_layers();
  rows_apart = std::all_of(layers.begin(), layers.end(), [](const Layer& layer) { return layer.rows_apart(); });
  link();
  slots_.clear();
}

bool Layer::rows_apart() const {
  return !query_key_value.empty() && post_attention.plain() && intermediate.plain() && output.plain();
}

// What each layer's last panel fetches: the first of the layer computed next. Factors are left out.
void Model::link() {
  Linear* before = nullptr;
  for (Layer& layer : layers)
    for (Linear* one : {&layer.query_key_value, &layer.post_attention.linear, &layer.intermediate.linear, &layer.output.linear}) {
      if (one->empty()) continue;
      most_spans = std::max(most_spans, one->spans.size());
      if (before) before->next = &one->panels[0];
      before = one;
    }
}

bool Model::has_int8_layers() const {
  const auto int8 = [](const auto& slot) { return slot.second.int8 && slot.first.starts_with("encoder.layers."); };
  return std::any_of(slots_.begin(), slots_.end(), int8);
}

void Table::fetch(std::size_t i, std::size_t n) const {
  constexpr std::size_t kLine = 64;  // bytes that come at once
  const char* at = values ? reinterpret_cast<const char*>(values + i * n) : reinterpret_cast<const char*>(bytes + i * n);
  const std::size_t size = values ? n * sizeof(float) : n;
  for (std::size_t line = 0; line < size; line += kLine) __builtin_prefetch(at + line);
}

const float* Table::row(std::size_t i, std::size_t n, float* out) const {
  if (values) return values + i * n;
  const float scale = scales.get()[i];
  for (std::size_t e = 0; e < n; ++e) out[e] = static_cast<float>(bytes[i * n + e]) * scale;
  return out;
}

}  // namespace squeezebert
