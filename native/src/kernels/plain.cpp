// Plain C++: the twin that every other instruction set is compared with, and the fallback where none fits.
#include <algorithm>
#include <cmath>

#include "table.hpp"

namespace squeezebert {
namespace {

constexpr std::size_t kWidth = 8;

float activate(float x, Activation act) {
  switch (act) {
    case Activation::gelu: return 0.5f * x * (1.0f + std::erf(x * 0.70710678118654752f));
    case Activation::gelu_new: return 0.5f * x * (1.0f + std::tanh(0.79788456080286536f * (x + 0.044715f * x * x * x)));
    case Activation::relu: return std::max(x, 0.0f);
    case Activation::tanh: return std::tanh(x);
    case Activation::none: break;
  }
  return x;
}

void panel(const PanelArgs& p) {
  for (std::size_t m = 0; m < p.rows; ++m) {
    float sums[kWidth] = {};  // all of the panel's columns, in use or not, so that the compiler can unroll
    float* out = p.out + m * p.ldo;
    for (std::size_t n = 0; n < p.cols; ++n) sums[n] = p.resume ? out[n] : p.bias ? p.bias[n] : 0.0f;
    for (std::size_t k = 0; k < p.k; ++k) {
      const float a = p.a_transposed ? p.a[k * p.lda + m] : p.a[m * p.lda + k];
      const float* w = p.w + k * p.ldw;
      for (std::size_t n = 0; n < kWidth; ++n) sums[n] += a * w[n];
    }
    for (std::size_t n = 0; n < p.cols; ++n) out[n] = activate(sums[n], p.act);
  }
}

void softmax(float* scores, std::size_t keys, std::size_t lanes, std::size_t ld) {
  for (std::size_t n = 0; n < lanes; ++n) {
    float* column = scores + n;
    float top = column[0], sum = 0.0f;
    for (std::size_t s = 1; s < keys; ++s) top = std::max(top, column[s * ld]);
    for (std::size_t s = 0; s < keys; ++s) sum += column[s * ld] = std::exp(column[s * ld] - top);
    for (std::size_t s = 0; s < keys; ++s) column[s * ld] /= sum;
  }
}

Range range_of(const float* x, std::size_t channels) {
  Range range{0.0f, 0.0f};
  for (std::size_t c = 0; c < channels; ++c) range = {std::min(range.low, x[c]), std::max(range.high, x[c])};
  return range;
}

void layer_norm(const LayerNormArgs& p) {
  for (std::size_t r = 0; r < p.rows; ++r) {
    const float* x = p.x + r * p.ld;
    const float* residual = p.residual ? p.residual + r * p.ld : nullptr;
    float* out = p.out + r * p.ld;
    float mean = 0.0f, var = 0.0f;
    for (std::size_t c = 0; c < p.channels; ++c) mean += out[c] = x[c] + (residual ? residual[c] : 0.0f);
    mean /= static_cast<float>(p.channels);
    for (std::size_t c = 0; c < p.channels; ++c) var += (out[c] - mean) * (out[c] - mean);
    const float scale = 1.0f / std::sqrt(var / static_cast<float>(p.channels) + p.eps);
    for (std::size_t c = 0; c < p.channels; ++c) out[c] = (out[c] - mean) * scale * p.gamma[c] + p.beta[c];
    if (p.ranges) p.ranges[r] = range_of(out, p.channels);
  }
}

void transpose(const TransposeArgs& p) {
  for (std::size_t r = 0; r < p.rows; ++r)
    for (std::size_t c = 0; c < p.columns; ++c) p.out[c * kWidth + r] = p.x[r * p.ldx + c] * p.scale;
}

void add3(const float* a, const float* b, const float* c, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = a[i] + b[i] + c[i];
}

void multiply_add(const float* a, const float* b, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] += a[i] * b[i];
}

void quantize(const QuantizeArgs& p) {
  for (std::size_t r = 0; p.act != Activation::none && r < p.rows; ++r)
    for (std::size_t c = 0; c < p.channels; ++c) p.x[r * p.ldx + c] = activate(p.x[r * p.ldx + c], p.act);
  for (std::size_t r = 0; r < p.rows; ++r) {
    const float* x = p.x + r * p.ldx;
    const Range range = range_of(x, p.channels);
    const float steps = p.zeros ? 253.0f : 127.0f, width = p.zeros ? range.high - range.low : std::max(range.high, -range.low);
    const float inverse = width >= kNarrowest ? steps / width : 0.0f;
    const double zero = p.zeros && inverse > 0.0f ? -127.0 - std::floor(range.low * inverse) : 0.0;
    p.scales[r] = width / steps;
    if (p.zeros) p.zeros[r] = static_cast<std::int32_t>(zero);
    for (std::size_t c = 0; c < p.channels; ++c) {
      const float scaled = x[c] * inverse;  // to which zero is added exactly
      p.out[r * p.ldo + c] = static_cast<std::int8_t>(std::nearbyint(scaled + zero));
    }
  }
}

void int8_panel(const Int8PanelArgs& p) {
  for (std::size_t m = 0; m < p.rows; ++m) {
    std::int32_t sums[kWidth] = {};
    for (std::size_t n = 0; p.row_zeros && n < kWidth; ++n) sums[n] = -p.row_zeros[m] * p.column_sums[n];
    const std::int8_t *a = p.a + m * p.lda + p.from, *w = p.w;
    for (std::size_t k = 0; k < p.k; k += 4, a += p.step ? p.step : 4, w += 4 * kWidth)  // past k the weights are zero
      for (std::size_t n = 0; n < kWidth; ++n)
        for (std::size_t i = 0; i < 4; ++i) sums[n] += a[i] * w[4 * n + i];
    float* out = p.out + m * p.ldo;
    for (std::size_t n = 0; n < p.cols; ++n)
      out[n] = activate(static_cast<float>(sums[n]) * (p.row_scales[m] * p.scales[n]) + (p.bias ? p.bias[n] : 0.0f), p.act);
  }
}

std::int8_t rounded8(float x, float top) { return static_cast<std::int8_t>(top > 0.0f ? std::nearbyint(x * (127.0f / top)) : 0.0f); }

void quantize_queries(const QueriesArgs& p) {
  std::fill_n(p.out, (p.channels + 3) / 4 * 4 * kWidth, std::int8_t{0});
  for (std::size_t r = 0; r < p.rows; ++r) {
    const float* x = p.x + r * p.ldx;
    float top = 0.0f;
    for (std::size_t c = 0; c < p.channels; ++c) top = std::max(top, std::fabs(x[c]));
    p.scales[r] = top / 127.0f;
    p.column_sums[r] = 0;
    for (std::size_t c = 0; c < p.channels; ++c)
      p.column_sums[r] += p.out[(c / 4 * kWidth + r) * 4 + c % 4] = rounded8(x[c], top);
  }
}

void quantize_values(const ValuesArgs& p) {
  const std::size_t panel = (p.rows + 3) / 4 * 4 * kWidth;
  std::fill_n(p.out, (p.channels + kWidth - 1) / kWidth * panel, std::int8_t{0});
  for (std::size_t c = 0; c < p.channels; ++c) {
    float top = 0.0f;
    for (std::size_t r = 0; r < p.rows; ++r) top = std::max(top, std::fabs(p.x[r * p.ldx + c]));
    p.scales[c] = top / 127.0f;
    std::int8_t* out = p.out + c / kWidth * panel + c % kWidth * 4;
    for (std::size_t r = 0; r < p.rows; ++r) out[r / 4 * 4 * kWidth + r % 4] = rounded8(p.x[r * p.ldx + c], top);
  }
}

// As the other sets have it.
float counted(float x) {
  const float t = std::max(x, -20.0f), whole = std::nearbyint(t), f = t - whole;
  return std::nearbyint(std::ldexp(((7.00680208f * f + 30.8116131f) * f + 88.0441436f) * f + 126.990868f, static_cast<int>(whole)));
}

void count_softmax(const CountArgs& p) {
  for (std::size_t n = 0; n < p.lanes; ++n) {
    float top = p.scores[n], sum = 0.0f;
    for (std::size_t s = 1; s < p.keys; ++s) top = std::max(top, p.scores[s * p.ld + n]);
    for (std::size_t s = 0; s < (p.keys + 3) / 4 * 4; ++s) {
      const float count = s < p.keys ? counted(p.scores[s * p.ld + n] - top) : 0.0f;
      p.out[(s / 4 * p.ld + n) * 4 + s % 4] = static_cast<std::int8_t>(count);
      sum += count;
    }
    p.scales[n] = 1.0f / sum;
  }
}

// What loops over arrays reach: of floats multiplied and added, of bytes multiplied into int32 sums.
double probe(bool int8) {
  constexpr std::size_t kLanes = 64, kSteps = 512;
  float sums[kLanes] = {};
  std::int8_t a[kLanes] = {}, w[kLanes] = {};
  std::int32_t total = 0;
  volatile float factor = 0.0f;
  const float f = factor;
  for (std::size_t i = 0; i < kSteps; ++i) {
    asm volatile("" : "+m"(a), "+m"(w));
    if (int8)
      for (std::size_t n = 0; n < kLanes; ++n) total += a[n] * w[n];
    else
      for (float& sum : sums) sum = sum * f + f;
  }
  asm volatile("" : "+m"(sums), "+m"(total));
  return 2.0 * kLanes * kSteps;
}

}  // namespace

extern const Kernels kPlainKernels{"plain", kWidth, 4, 1, 1, 0, panel, nullptr, softmax, transpose, layer_norm, add3, multiply_add, quantize,
                                   int8_panel, quantize_queries, quantize_values, count_softmax, probe};

}  // namespace squeezebert
