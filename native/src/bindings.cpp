// The Python module over the C interface: arrays in, arrays out, the GIL released while the engine works.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <map>
#include <vector>

#include "squeezebert.h"

namespace nb = nanobind;

namespace {

using Ints = nb::ndarray<const int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Floats = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<const int8_t, nb::c_contig, nb::device::cpu>;
using Out = nb::ndarray<float, nb::c_contig, nb::device::cpu>;

// A status other than SQB_OK becomes a NativeError(status, message), which the Python side translates.
PyObject* native_error = nullptr;

void check(sqb_status status) {
  if (status == SQB_OK) return;
  nb::gil_scoped_acquire gil;
  PyErr_SetObject(native_error, nb::make_tuple(static_cast<int>(status), sqb_error()).ptr());
  throw nb::python_error();
}

class Model {
 public:
  Model(nb::dict numbers, const std::string& kernel, int threads) {
    sqb_config c{};
#define SQB_FIELD(name) c.name = nb::cast<decltype(c.name)>(numbers[#name]);
    SQB_FIELD(vocab_size) SQB_FIELD(embedding_size) SQB_FIELD(hidden_size) SQB_FIELD(num_hidden_layers)
    SQB_FIELD(num_attention_heads) SQB_FIELD(intermediate_size) SQB_FIELD(max_position_embeddings)
    SQB_FIELD(type_vocab_size) SQB_FIELD(q_groups) SQB_FIELD(k_groups) SQB_FIELD(v_groups)
    SQB_FIELD(post_attention_groups) SQB_FIELD(intermediate_groups) SQB_FIELD(output_groups)
    SQB_FIELD(conv_kernel) SQB_FIELD(attention_rank) SQB_FIELD(hidden_act) SQB_FIELD(pooler_act)
    SQB_FIELD(classifier_pooling)
    SQB_FIELD(layer_norm_eps) SQB_FIELD(attention_head_size)
#undef SQB_FIELD
    check(sqb_create(&c, kernel.c_str(), threads, &model_));
  }
  ~Model() { sqb_free(model_); }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  void add(const std::string& name, Floats tensor) { add_with(sqb_add, name, tensor); }
  void add_int8(const std::string& name, Bytes tensor) { add_with(sqb_add_int8, name, tensor); }
  void finish() { check(sqb_finish(model_)); }
  std::string kernel() const { return sqb_kernel(model_); }
  int labels() const { return sqb_labels(model_); }
  int64_t workspace() const { return sqb_workspace(model_); }

  // One of the calls that take a batch and fill an array.
  template <sqb_status (*call)(sqb_model*, const sqb_batch*, float*)>
  void run(Ints ids, Ints types, Ints cu_seqlens, Out out) {
    const sqb_batch batch = batch_of(ids, types, cu_seqlens);
    nb::gil_scoped_release release;
    check(call(model_, &batch, out.data()));
  }
  void embed(Ints ids, Ints types, Ints cu_seqlens, Out out, int pooling, bool normalize) {
    const sqb_batch batch = batch_of(ids, types, cu_seqlens);
    nb::gil_scoped_release release;
    check(sqb_embed(model_, &batch, static_cast<sqb_pooling>(pooling), normalize, out.data()));
  }
  void masked_logits(Ints ids, Ints types, Ints cu_seqlens, Out out, Ints rows) {
    const sqb_batch batch = batch_of(ids, types, cu_seqlens);
    nb::gil_scoped_release release;
    check(sqb_masked_logits(model_, &batch, rows.data(), static_cast<int32_t>(rows.size()), out.data()));
  }

 private:
  template <typename Call, typename Array>
  void add_with(Call call, const std::string& name, const Array& tensor) {
    int64_t shape[8];
    const int32_t rank = static_cast<int32_t>(tensor.ndim() < 8 ? tensor.ndim() : 8);
    for (int32_t i = 0; i < rank; ++i) shape[i] = static_cast<int64_t>(tensor.shape(static_cast<size_t>(i)));
    nb::gil_scoped_release release;
    check(call(model_, name.c_str(), tensor.data(), shape, rank));
  }
  static sqb_batch batch_of(const Ints& ids, const Ints& types, const Ints& cu_seqlens) {
    return {ids.data(), types.data(), cu_seqlens.data(), static_cast<int32_t>(cu_seqlens.size()) - 1};
  }
  sqb_model* model_ = nullptr;
};

// What a watched thread's int8 layers have read, by name.
struct Seen {
  size_t channels = 0;
  std::vector<float> values;
};
thread_local std::map<std::string, Seen> seen;

void note(void*, const char* layer, const float* rows, int64_t count, int64_t channels, int64_t stride) {
  Seen& to = seen[layer];
  to.channels = static_cast<size_t>(channels);
  for (int64_t row = 0; row < count; ++row)
    to.values.insert(to.values.end(), rows + row * stride, rows + row * stride + channels);
}

nb::dict given_back() {
  nb::dict arrays;
  for (auto& [name, one] : seen) {
    auto* values = new std::vector<float>(std::move(one.values));
    const nb::capsule owner(values, [](void* p) noexcept { delete static_cast<std::vector<float>*>(p); });
    const size_t shape[] = {values->size() / one.channels, one.channels};
    arrays[name.c_str()] = nb::ndarray<nb::numpy, float>(values->data(), 2, shape, owner);
  }
  seen.clear();
  return arrays;
}

}  // namespace

NB_MODULE(_native, m) {
  native_error = PyErr_NewException("squeezebert.engine._native.NativeError", nullptr, nullptr);
  m.attr("NativeError") = nb::handle(native_error);
  m.def("available_kernels", [] {
    nb::list names;
    for (int32_t i = 0; const char* name = sqb_available_kernel(i); ++i) names.append(name);
    return nb::tuple(names);
  });
  m.def("peak", [](const std::string& kernel) {
    double float32 = 0.0, int8 = 0.0;
    {
      nb::gil_scoped_release release;
      check(sqb_peak(kernel.c_str(), &float32, &int8));
    }
    return nb::make_tuple(float32, int8);
  });
  m.def("profile_start", &sqb_profile_start);
  m.def("profile_stop", [] {
    double seconds[SQB_OPERATIONS];
    sqb_profile_stop(seconds);
    nb::dict by_name;
    for (int32_t i = 0; i < SQB_OPERATIONS; ++i) by_name[sqb_operation(i)] = seconds[i];
    return by_name;
  });
  m.def("watch_start", [] {
    seen.clear();
    sqb_watch(note, nullptr);
  });
  m.def("watch_stop", [] {
    sqb_watch(nullptr, nullptr);
    return given_back();
  });
  nb::class_<Model>(m, "Model")
      .def(nb::init<nb::dict, const std::string&, int>())
      .def("add", &Model::add)
      .def("add_int8", &Model::add_int8)
      .def("finish", &Model::finish)
      .def_prop_ro("kernel", &Model::kernel)
      .def_prop_ro("labels", &Model::labels)
      .def_prop_ro("workspace", &Model::workspace)
      .def("hidden", &Model::run<sqb_hidden>)
      .def("embed", &Model::embed)
      .def("pooler", &Model::run<sqb_pooler>)
      .def("sequence_logits", &Model::run<sqb_sequence_logits>)
      .def("token_logits", &Model::run<sqb_token_logits>)
      .def("span_logits", &Model::run<sqb_span_logits>)
      .def("masked_logits", &Model::masked_logits);
}
