// The tests of what int8 models need: products of bytes, what makes bytes, and their attention.
#pragma once

#include "comparing.hpp"

namespace {

template <typename T>
std::vector<float> floats(const std::vector<T>& bytes) {
  return std::vector<float>(bytes.begin(), bytes.end());
}

// Columns `first` to `first + cols` of weights [k][ld], as a panel of that width.
struct Packed {
  std::vector<std::int8_t> weights;
  std::vector<std::int32_t> sums;

  Packed(const std::vector<std::int8_t>& w, std::size_t k, std::size_t ld, std::size_t first, std::size_t cols, std::size_t width)
      : weights((k + 3) / 4 * 4 * width), sums(width) {
    for (std::size_t i = 0; i < k; ++i)
      for (std::size_t n = 0; n < cols; ++n) {
        weights[(i / 4 * width + n) * 4 + i % 4] = w[i * ld + first + n];
        sums[n] += w[i * ld + first + n];
      }
  }
};

// With scales of one the outputs are the integer sums themselves, and those must be the same everywhere, also where
// every byte is as large as it can be.
void test_int8_panel(const Kernels& set, const Kernels& plain) {
  const std::size_t rows = pick(1, 30), k = pick(1, 140), cols = pick(1, set.width);
  const bool together = pick(0, 3), extreme = pick(0, 4) == 0, apart = pick(0, 2);  // apart: with a zero for each row
  const std::size_t from = together ? pick(0, 3) * 4 : pick(0, 9), ld = from + (k + 3) / 4 * 4 + pick(0, 5);
  auto x = values(rows * ld);
  for (float& v : x) v = extreme ? (pick(0, 1) ? 1.0f : -1.0f) : v + 0.7f;
  if (pick(0, 4) == 0) std::fill_n(x.begin(), ld, pick(0, 1) ? 0.0f : -1.0f);
  std::vector<std::int8_t> w(k * cols);
  for (auto& v : w) v = static_cast<std::int8_t>(extreme ? (pick(0, 1) ? 127 : -127) : static_cast<int>(pick(0, 254)) - 127);
  std::vector<float> results[2];
  std::vector<float> row_scales[2];
  for (int i = 0; i < 2; ++i) {
    const Kernels& kernels = i ? plain : set;
    const std::size_t stride = ld * kernels.quantized_bytes, block = together ? kernels.block : 1;
    std::vector<std::int8_t> q(rows * stride + 8);
    row_scales[i].resize(rows);
    std::vector<std::int32_t> row_zeros(rows);
    std::int32_t* of_rows = apart ? row_zeros.data() : nullptr;
    kernels.quantize({x.data(), rows, from + k, ld, q.data(), stride, block, row_scales[i].data(), of_rows});
    const std::vector<float> ones(std::max(rows, kernels.width), 1.0f), zeros(kernels.width);
    results[i].resize(rows * cols);
    for (std::size_t first = 0; first < cols; first += kernels.width) {
      const std::size_t part = std::min(kernels.width, cols - first);
      const Packed panel(w, k, cols, first, part, kernels.width);
      kernels.int8_panel({q.data(), stride, block, from, ones.data(), of_rows, rows, k, part, panel.weights.data(), ones.data(), panel.sums.data(),
                          zeros.data(), results[i].data() + first, cols, Activation::none});
    }
  }
  compare(set.name, "int8_panel", results[0], results[1], 0.0f);
  compare(set.name, "quantize scales", row_scales[0], row_scales[1], 0.0f);
}

// Rows that go through an activation on the way: as everywhere, and then the same bytes as without one.
void test_activated(const Kernels& set, const Kernels& plain) {
  const std::size_t rows = pick(1, 9), channels = pick(1, 150), ld = channels + pick(0, 5), block = pick(0, 1) ? set.block : 1;
  const std::size_t stride = (channels + 3) / 4 * 4 * set.quantized_bytes;
  const auto act = static_cast<Activation>(pick(1, 4));
  auto x = values(rows * ld, 3.0f);
  if (pick(0, 4) == 0) std::fill_n(x.begin(), channels, 0.0f);
  auto wanted = x;
  std::vector<std::int8_t> bytes[2] = {std::vector<std::int8_t>(rows * stride + 8), std::vector<std::int8_t>(rows * stride + 8)};
  std::vector<float> scales[2] = {std::vector<float>(rows), std::vector<float>(rows)}, unread(rows);
  std::vector<std::int32_t> zeros[2] = {std::vector<std::int32_t>(rows), std::vector<std::int32_t>(rows)};
  set.quantize({x.data(), rows, channels, ld, bytes[0].data(), stride, block, scales[0].data(), zeros[0].data(), nullptr, act});
  set.quantize({x.data(), rows, channels, ld, bytes[1].data(), stride, block, scales[1].data(), zeros[1].data()});
  std::vector<std::int8_t> others(rows * stride);
  plain.quantize({wanted.data(), rows, channels, ld, others.data(), stride, 1, unread.data(), nullptr, nullptr, act});
  compare(set.name, "activated", x, wanted, 2e-5f);
  compare(set.name, "bytes of activated", floats(bytes[0]), floats(bytes[1]), 0.0f);
  compare(set.name, "scales of activated", scales[0], scales[1], 0.0f);
  compare(set.name, "zeros of activated", floats(zeros[0]), floats(zeros[1]), 0.0f);
}

// Column `n` of panels that hold `rows` inputs, in the order of the inputs.
std::vector<std::int8_t> column(const std::vector<std::int8_t>& panels, std::size_t rows, std::size_t n, std::size_t width) {
  const std::size_t fours = (rows + 3) / 4;
  std::vector<std::int8_t> out;
  for (std::size_t i = 0; i < 4 * fours; ++i) out.push_back(panels[((n / width * fours + i / 4) * width + n % width) * 4 + i % 4]);
  return out;
}

void test_queries(const Kernels& set, const Kernels& plain) {
  const std::size_t rows = pick(1, plain.width), channels = pick(1, 70), ld = channels + pick(0, 5);
  const auto x = values(rows * ld);
  std::vector<float> scales[2], sums[2], bytes[2];
  for (int i = 0; i < 2; ++i) {
    const Kernels& kernels = i ? plain : set;
    std::vector<std::int8_t> out((channels + 3) / 4 * 4 * kernels.width + 64);
    std::vector<std::int32_t> column_sums(kernels.width);
    scales[i].resize(kernels.width);
    kernels.quantize_queries({x.data(), rows, channels, ld, out.data(), scales[i].data(), column_sums.data()});
    scales[i].resize(rows);
    column_sums.resize(rows);
    sums[i] = floats(column_sums);
    for (std::size_t n = 0; n < rows; ++n)
      for (float byte : floats(column(out, channels, n, kernels.width))) bytes[i].push_back(byte);
  }
  compare(set.name, "quantize_queries", bytes[0], bytes[1], 0.0f);
  compare(set.name, "scales of queries", scales[0], scales[1], 0.0f);
  compare(set.name, "sums of queries", sums[0], sums[1], 0.0f);
}

// Up to two panels of values, a channel of zeros among them, and the products of a softmax's counts with them.
void test_values(const Kernels& set, const Kernels& plain) {
  const std::size_t rows = pick(1, 70), channels = pick(1, 2 * set.width), ld = channels + pick(0, 5), lanes = pick(1, set.width);
  auto x = values(rows * ld);
  for (std::size_t r = 0, zeros = pick(0, channels - 1); r < rows; ++r) x[r * ld + zeros] = 0.0f;
  std::vector<std::int8_t> shares(rows * lanes);
  for (auto& share : shares) share = static_cast<std::int8_t>(pick(0, 127));
  std::vector<float> scales[2], bytes[2], sums[2];
  for (int i = 0; i < 2; ++i) {
    const Kernels& kernels = i ? plain : set;
    const std::size_t width = kernels.width, panels = (channels + width - 1) / width, panel = (rows + 3) / 4 * 4 * width;
    std::vector<std::int8_t> out(panels * panel + 64), counts((rows + 3) / 4 * 4 * lanes * kernels.quantized_bytes);
    scales[i].resize(panels * width);
    kernels.quantize_values({x.data(), rows, channels, ld, out.data(), scales[i].data()});
    for (std::size_t n = 0; n < channels; ++n)
      for (float byte : floats(column(out, rows, n, width))) bytes[i].push_back(byte);
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t n = 0; n < lanes; ++n)
        counts[((r / 4 * lanes + n) * 4 + r % 4) * kernels.quantized_bytes] = shares[r * lanes + n];
    const std::vector<float> ones(std::max(lanes, width), 1.0f);
    sums[i].resize(lanes * channels);
    for (std::size_t c = 0; c < channels; c += width)
      kernels.int8_panel({counts.data(), 4 * kernels.quantized_bytes, kernels.block, 0, ones.data(), nullptr, lanes, rows, std::min(width, channels - c),
                          out.data() + c / width * panel, ones.data(), nullptr, nullptr, sums[i].data() + c, channels, Activation::none, 4 * lanes});
    scales[i].resize(channels);
  }
  compare(set.name, "quantize_values", bytes[0], bytes[1], 0.0f);
  compare(set.name, "scales of values", scales[0], scales[1], 0.0f);
  compare(set.name, "products of counts", sums[0], sums[1], 0.0f);
}

void test_count_softmax(const Kernels& set, const Kernels& plain) {
  const std::size_t keys = pick(1, 90), lanes = pick(1, set.width), ld = set.width;
  const auto scores = values(keys * ld, 8.0f);
  std::vector<float> counts[2], scales[2];
  for (int i = 0; i < 2; ++i) {
    const Kernels& kernels = i ? plain : set;
    std::vector<std::int8_t> out((keys + 3) / 4 * 4 * ld * kernels.quantized_bytes);
    scales[i].resize(ld);
    kernels.count_softmax({scores.data(), keys, lanes, ld, out.data(), scales[i].data()});
    scales[i].resize(lanes);
    for (std::size_t at = 0; at < (keys + 3) / 4 * 4 * ld; ++at)
      counts[i].push_back(at / 4 % ld < lanes ? out[at * kernels.quantized_bytes] : 0.0f);
  }
  compare(set.name, "count_softmax", counts[0], counts[1], 0.0f);
  compare(set.name, "scales of counts", scales[0], scales[1], 0.0f);
}

}  // namespace
