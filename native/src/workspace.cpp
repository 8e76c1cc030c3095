// The memory of calls: kept by the model, lent to one call at a time.
#include "model.hpp"

namespace squeezebert {

std::size_t Workspace::bytes() const {
  std::size_t sum = 0;
  for (const Buffer* buffer : {&hidden, &mixed, &context, &wide, &convolved, &low_rank, &row_scales, &gathered, &gathered_out,
                               &scratch, &prepared.quantized.bytes, &prepared.quantized.scales, &prepared.pairs, &normalized.bytes, &normalized.scales,
                               &inner.rows, &inner.prepared.quantized.bytes, &inner.prepared.quantized.scales, &inner.prepared.pairs})
    sum += buffer->bytes();
  for (const Workspace& one : crew) sum += one.bytes();
  return sum;
}

std::size_t Model::workspace_bytes() {
  std::lock_guard<Mutex> lock(spare_mutex_);
  std::size_t sum = 0;
  for (const auto& workspace : spare_) sum += workspace->bytes();
  return sum;
}

std::unique_ptr<Workspace> Model::take() {
  std::lock_guard<Mutex> lock(spare_mutex_);
  if (spare_.empty()) return std::make_unique<Workspace>();
  auto workspace = std::move(spare_.back());
  spare_.pop_back();
  return workspace;
}

void Model::give(std::unique_ptr<Workspace> workspace) {
  std::lock_guard<Mutex> lock(spare_mutex_);
  spare_.push_back(std::move(workspace));
}

}  // namespace squeezebert
