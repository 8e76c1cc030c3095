// The C interface: every exception becomes a status and a message of the calling thread.
#include <memory>

#include "forward.hpp"
#include "probe.hpp"
#include "profile.hpp"
#include "watch.hpp"

struct sqb_model {
  squeezebert::Model model;
  bool finished = false;
};

namespace {

using squeezebert::Error;
using squeezebert::fail;
using squeezebert::Forward;

#if defined(__cpp_exceptions)

thread_local std::string last_error;

template <typename Body>
sqb_status guarded(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    last_error = error.what();
    return error.status;
  } catch (const std::bad_alloc&) {
    last_error = squeezebert::kNoMemory;
    return SQB_NO_MEMORY;
  } catch (const std::exception& error) {
    last_error = error.what();
    return SQB_INTERNAL;
  }
  return SQB_OK;
}

#else

const std::string last_error;  // the host has it

template <typename Body>
sqb_status guarded(const Body& body) {
  body();
  return SQB_OK;
}

#endif

template <typename Body>
sqb_status forward(sqb_model* model, const sqb_batch* batch, const Body& body) {
  return guarded([&] {
    if (!model || !model->finished) fail(SQB_BAD_INPUT, "the model is not finished; call sqb_finish first");
    if (!batch) fail(SQB_BAD_INPUT, "there is no batch; pass one");
    const squeezebert::Section section(squeezebert::Operation::heads);  // what the encoder does not book as its own
    Forward run(model->model, *batch);
    body(run);
  });
}

template <typename Value>
sqb_status add(sqb_model* model, const char* name, const Value* data, const int64_t* shape, int32_t rank) {
  return guarded([&] {
    if (model->finished) fail(SQB_BAD_TENSOR, "the model is finished; add tensors before sqb_finish");
    model->model.add(name, data, shape, rank);
  });
}

}  // namespace

sqb_status sqb_create(const sqb_config* config, const char* kernel, int32_t threads, sqb_model** model) {
  return guarded([&] { *model = new sqb_model{{*config, kernel, threads}}; });
}

void sqb_free(sqb_model* model) { delete model; }

sqb_status sqb_add(sqb_model* model, const char* name, const float* data, const int64_t* shape, int32_t rank) {
  return add(model, name, data, shape, rank);
}
sqb_status sqb_add_int8(sqb_model* model, const char* name, const int8_t* data, const int64_t* shape, int32_t rank) {
  return add(model, name, data, shape, rank);
}

int64_t sqb_workspace(sqb_model* model) { return static_cast<int64_t>(model->model.workspace_bytes()); }

sqb_status sqb_finish(sqb_model* model) {
  return guarded([&] {
    if (model->finished) return;
    model->model.finish();
    model->finished = true;
  });
}

const char* sqb_kernel(const sqb_model* model) { return model->model.kernels.name; }
int32_t sqb_labels(const sqb_model* model) { return static_cast<int32_t>(model->model.labels); }

const char* sqb_available_kernel(int32_t i) {
  std::size_t count;
  const squeezebert::Kernels* const* sets = squeezebert::available_kernels(&count);
  return i >= 0 && static_cast<std::size_t>(i) < count ? sets[i]->name : nullptr;
}

sqb_status sqb_peak(const char* kernel, double* float32, double* int8) {
  return guarded([&] {
    const squeezebert::Kernels* kernels = squeezebert::find_kernels(kernel);
    if (!kernels)
      fail(SQB_BAD_CONFIG, std::string("there is no kernel ") + kernel + "; choose one of those that sqb_available_kernel names");
    const squeezebert::Peak peak = squeezebert::measure_peak(*kernels);
    *float32 = peak.float32;
    *int8 = peak.int8;
  });
}

void sqb_watch(sqb_watcher watcher, void* user) { squeezebert::watch = {watcher, user}; }

const char* sqb_error(void) { return last_error.c_str(); }

sqb_status sqb_hidden(sqb_model* model, const sqb_batch* batch, float* out) {
  return forward(model, batch, [&](Forward& run) { run.hidden(out); });
}
sqb_status sqb_embed(sqb_model* model, const sqb_batch* batch, sqb_pooling pooling, int32_t normalize, float* out) {
  return forward(model, batch, [&](Forward& run) { run.embed(pooling, normalize != 0, out); });
}
sqb_status sqb_pooler(sqb_model* model, const sqb_batch* batch, float* out) {
  return forward(model, batch, [&](Forward& run) { run.pooler(out); });
}
sqb_status sqb_sequence_logits(sqb_model* model, const sqb_batch* batch, float* out) {
  return forward(model, batch, [&](Forward& run) { run.sequence_logits(out); });
}
sqb_status sqb_token_logits(sqb_model* model, const sqb_batch* batch, float* out) {
  return forward(model, batch, [&](Forward& run) { run.token_logits(out); });
}
sqb_status sqb_span_logits(sqb_model* model, const sqb_batch* batch, float* out) {
  return forward(model, batch, [&](Forward& run) { run.span_logits(out); });
}
sqb_status sqb_masked_logits(sqb_model* model, const sqb_batch* batch, const int32_t* rows, int32_t count, float* out) {
  return forward(model, batch, [&](Forward& run) { run.masked_logits(rows, count, out); });
}
