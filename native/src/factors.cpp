// The six linear layers of an encoder layer, each kept whole or in two factors: what of them a model expects, and that it
// has got one form of each.
#include "model.hpp"

namespace squeezebert {

// The same layer in two factors: down [groups * rank, inputs / groups, 1] and up [outputs, rank, 1], of any rank.
void Model::expect_factors(const std::string& name, int64_t outputs, int64_t inputs, int64_t groups, Projection& to) {
  const auto pack = [this, groups, name](Linear& factor, int64_t channels) {
    return [this, groups, channels, name, &factor](const auto* data, const int64_t* seen) {
      const int64_t read = channels ? channels : seen[1] * groups;
      if (seen[0] % groups) fail(SQB_BAD_TENSOR, name + ".down has " + std::to_string(seen[0]) + " rows for " + std::to_string(groups) + " groups; give each group as many");
      factor.pack(kernels, data, static_cast<std::size_t>(seen[0]), static_cast<std::size_t>(read), static_cast<std::size_t>(groups));
    };
  };
  const auto scale = [](Linear& factor) {
    return [&factor](const float* data, const int64_t* seen) {
      if (factor.outputs() == static_cast<std::size_t>(seen[0])) factor.set_scales(data);
    };
  };
  to.down.name = name + ".down";
  to.up.name = name + ".up";
  expect(name + ".down", {-1, inputs / groups, 1}, false, pack(to.down, inputs), pack(to.down, inputs));
  expect(name + ".up", {outputs, -1, 1}, false, pack(to.up, 0), pack(to.up, 0));
  expect_scale(name + ".down", -1, scale(to.down));
  expect_scale(name + ".up", outputs, scale(to.up));
}

void Model::expect_projection(const std::string& name, int64_t outputs, int64_t inputs, int64_t groups, Projection& to) {
  expect_linear(name, {outputs, inputs / groups, 1}, false, to.linear, groups);
  expect_factors(name, outputs, inputs, groups, to);
  slots_.at(name + ".bias") = {{outputs}, true, [&to, name](const float* data, const int64_t* seen) {
    Linear& last = to.up.empty() ? to.linear : to.up;
    if (last.outputs() != static_cast<std::size_t>(seen[0]))
      fail(SQB_BAD_TENSOR, "tensor " + name + ".weight is missing, and so is " + name + ".up; add one of them before the bias");
    last.set_bias(data);
  }, {}};
  if (config.conv_kernel == 1) return;
  const std::size_t C = static_cast<std::size_t>(inputs), K = static_cast<std::size_t>(config.conv_kernel);
  expect(name + ".depthwise.weight", {inputs, 1, config.conv_kernel}, true, [&to, C, K](const float* data, const int64_t*) {
    float* taps = to.taps.reserve(K * C);
    for (std::size_t c = 0; c < C; ++c)
      for (std::size_t k = 0; k < K; ++k) taps[k * C + c] = data[c * K + k];
  });
}

// A layer is there once: as its weight, or as two factors of one rank.
void Model::check_forms(const std::string& name, const Projection& projection) const {
  const bool whole = has(name + ".weight"), down = has(name + ".down"), up = has(name + ".up");
  if (!whole && !down && !up)
    fail(SQB_BAD_TENSOR, "tensor " + name + ".weight is missing; the checkpoint is incomplete or the config is another model's");
  if (whole == up || up != down)
    fail(SQB_BAD_TENSOR, name + " needs either .weight or both .down and .up; leave out the form that is not meant");
  if (up && projection.down.outputs() != projection.up.inputs())
    fail(SQB_BAD_TENSOR, name + ".down gives " + std::to_string(projection.down.outputs()) + " channels and " + name +
                             ".up takes " + std::to_string(projection.up.inputs()) + "; both must have the same rank");
}

void Model::check_layers() const {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::string name = "encoder.layers." + std::to_string(i) + ".";
    const Layer& layer = layers[i];
    check_forms(name + "attention.query", layer.query);
    check_forms(name + "attention.key", layer.key);
    check_forms(name + "attention.value", layer.value);
    check_forms(name + "post_attention.conv1d", layer.post_attention);
    check_forms(name + "intermediate.conv1d", layer.intermediate);
    check_forms(name + "output.conv1d", layer.output);
  }
}

}  // namespace squeezebert
