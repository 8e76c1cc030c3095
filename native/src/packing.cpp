// How a layer's weights lie in memory: cut into panels, with all that the kernels want beside them.
#include <algorithm>
#include <cmath>

#include "linear.hpp"

namespace squeezebert {
namespace {

constexpr std::size_t kPackInputs = 32;  // packed at once: few enough that what is written stays in the cache

// A power of two that brings weights to about the size of activations. Sums of the two are rounded to the larger one's last
// place, so that with weights of 0.04 beside activations of 1 five bits of every weight would be lost.
float scale_for_pairs(const float* weight, std::size_t count) {
  constexpr int kFurthest = 30;
  double squares = 0.0;
  for (std::size_t i = 0; i < count; ++i) squares += static_cast<double>(weight[i]) * weight[i];
  if (!(squares > 0.0)) return 1.0f;
  return std::ldexp(1.0f, std::clamp(-1 - std::ilogb(std::sqrt(squares / static_cast<double>(count))), -kFurthest, kFurthest));
}

}  // namespace

std::size_t Linear::span_of(Span span) {
  const std::size_t place = static_cast<std::size_t>(std::find(spans.begin(), spans.end(), span) - spans.begin());
  if (place == spans.size()) spans.push_back(span);
  return place;
}

std::size_t Linear::inputs() const {
  std::size_t most = 0;
  for (const Panel& panel : panels) most = std::max(most, panel.from + panel.inputs);
  return most;
}

std::size_t Linear::outputs() const {
  std::size_t most = 0;
  for (const Panel& panel : panels) most = std::max(most, panel.to + panel.cols);
  return most;
}

// For rows to lie together every panel's inputs must begin with a whole four.
std::size_t Linear::block(const Kernels& kernels) const {
  const auto starts_at_four = [](const Panel& panel) { return panel.from % 4 == 0; };
  return std::all_of(panels.begin(), panels.end(), starts_at_four) ? kernels.block : 1;
}

// Less the sums of the products of neighbouring weights, for the columns that go in pairs: where a bias of zero begins.
void Linear::pair(const Kernels& kernels, Panel& panel, float scale) {
  float* weight = const_cast<float*>(panel.weight);
  float *bias = const_cast<float*>(panel.bias), *taken_off = bias + kernels.width;
  for (std::size_t i = 0; i < panel.inputs * kernels.width; ++i) weight[i] *= scale;
  for (std::size_t i = 0; i + 1 < panel.inputs; i += 2)
    for (std::size_t n = 0; n < kernels.paired; ++n) taken_off[n] -= weight[i * kernels.width + n] * weight[(i + 1) * kernels.width + n];
  std::copy_n(taken_off, kernels.width, bias);
  panel.pairs = taken_off;
  panel.scale = scale;
  panel.span = span_of({panel.from, panel.inputs});
}

void Linear::pack(const Kernels& kernels, const float* weight, std::size_t outputs, std::size_t inputs,
                  std::size_t groups) {
  const std::size_t width = kernels.width, O = outputs / groups, I = inputs / groups;
  const std::size_t panel_size = (I + (kernels.paired ? 2 : 1)) * width;  // weights, bias, and what pairs take off
  const float scale = kernels.paired ? scale_for_pairs(weight, outputs * I) : 1.0f;
  float* packed = storage.emplace_back().reserve(groups * pieces(O, width) * panel_size);
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t first = 0; first < O; first += width, packed += panel_size) {
      const std::size_t cols = std::min(width, O - first), to = g * O + first;
      for (std::size_t block = 0; block < I; block += kPackInputs)
        for (std::size_t n = 0; n < cols; ++n)
          for (std::size_t i = block; i < std::min(I, block + kPackInputs); ++i)
            packed[i * width + n] = weight[(to + n) * I + i];
      panels.push_back({packed, nullptr, nullptr, nullptr, packed + I * width, I, cols, g * I, to});
      if (kernels.paired && cols > kernels.paired) pair(kernels, panels.back(), scale);
    }
  }
}

void Linear::pack(const Kernels& kernels, const std::int8_t* weight, std::size_t outputs, std::size_t inputs,
                  std::size_t groups) {
  const std::size_t width = kernels.width, O = outputs / groups, I = inputs / groups, fours = pieces(I, 4);
  const std::size_t panel_size = (fours + 3) * width;  // in floats: weights, scales, sums, bias
  float* at = storage.emplace_back().reserve(groups * pieces(O, width) * panel_size);
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t first = 0; first < O; first += width, at += panel_size) {
      std::int8_t* packed = reinterpret_cast<std::int8_t*>(at);
      float* scales = at + fours * width;
      std::int32_t* sums = reinterpret_cast<std::int32_t*>(scales + width);
      const std::size_t cols = std::min(width, O - first), to = g * O + first;
      for (std::size_t n = 0; n < cols; ++n) {
        const std::int8_t* row = weight + (to + n) * I;
        for (std::size_t i = 0; i < I; ++i) packed[(i / 4 * width + n) * 4 + i % 4] = row[i];
        for (std::size_t i = 0; i < I; ++i) sums[n] += row[i];
        scales[n] = 1.0f;
      }
      panels.push_back({nullptr, packed, scales, sums, scales + 2 * width, I, cols, g * I, to});
    }
  }
}

void Linear::set_bias(const float* bias) {
  for (const Panel& panel : panels) {
    float* to = const_cast<float*>(panel.bias);
    for (std::size_t n = 0; n < panel.cols; ++n) to[n] = bias[panel.to + n] * panel.scale + (panel.pairs ? panel.pairs[n] : 0.0f);
  }
}

void Linear::set_scales(const float* scales) {
  for (const Panel& panel : panels) std::copy_n(scales + panel.to, panel.cols, const_cast<float*>(panel.scales));
}

void Linear::append(Linear&& other, std::size_t to) {
  if (empty()) name = other.name;
  for (Panel panel : other.panels) {
    panel.to += to;
    if (panel.pairs) panel.span = span_of(other.spans[panel.span]);
    panels.push_back(panel);
  }
  for (Buffer& buffer : other.storage) storage.push_back(std::move(buffer));
  other = {};
}

}  // namespace squeezebert
