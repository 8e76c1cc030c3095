// Every instruction set against the plain one, over random shapes: odd sizes, one row, one column, tails of every kind.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "../src/kernels/table.hpp"

using namespace squeezebert;

namespace {

std::mt19937 generator(7);
int failures = 0;

std::size_t pick(std::size_t low, std::size_t high) { return std::uniform_int_distribution<std::size_t>(low, high)(generator); }

std::vector<float> values(std::size_t n, float spread = 1.0f) {
  std::normal_distribution<float> normal(0.0f, spread);
  std::vector<float> out(n);
  for (float& x : out) x = normal(generator);
  return out;
}

void compare(const char* set, const char* what, const std::vector<float>& seen, const std::vector<float>& wanted, float tolerance) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (std::fabs(seen[i] - wanted[i]) <= tolerance * (1.0f + std::fabs(wanted[i]))) continue;
    std::printf("%s %s differs at %zu: %g, plain has %g\n", set, what, i, seen[i], wanted[i]);
    ++failures;
    return;
  }
}

void test_panel(const Kernels& set, const Kernels& plain) {
  const std::size_t rows = pick(1, 40), k = pick(1, 70), cols = pick(1, plain.width);
  const bool transposed = pick(0, 1), resume = pick(0, 1);
  const std::size_t lda = (transposed ? rows : k) + pick(0, 3), ldo = cols + pick(0, 3), ldw = set.width;
  const auto a = values(lda * (transposed ? k : rows)), w = values(k * ldw), bias = values(ldw), start = values(rows * ldo);
  std::vector<float> seen = start, wanted = start;
  PanelArgs args{a.data(), lda, transposed, rows, k, cols, w.data(), ldw, pick(0, 3) ? bias.data() : nullptr, seen.data(), ldo,
                 resume, static_cast<Activation>(pick(0, 4))};
  set.panel(args);
  args.out = wanted.data();
  plain.panel(args);
  compare(set.name, "panel", seen, wanted, 2e-5f);
}

void test_softmax(const Kernels& set, const Kernels& plain) {
  const std::size_t keys = pick(1, 90), lanes = pick(1, set.width);
  const auto start = values(keys * set.width, 8.0f);
  std::vector<float> seen = start, wanted = start;
  set.softmax(seen.data(), keys, lanes, set.width);
  plain.softmax(wanted.data(), keys, lanes, set.width);
  for (std::size_t s = 0; s < keys; ++s)  // lanes past the asked ones are scratch
    for (std::size_t n = lanes; n < set.width; ++n) seen[s * set.width + n] = wanted[s * set.width + n];
  compare(set.name, "softmax", seen, wanted, 1e-6f);
}

void test_layer_norm(const Kernels& set, const Kernels& plain) {
  const std::size_t rows = pick(1, 5), channels = pick(1, 70), ld = channels + pick(0, 5);
  const auto x = values(rows * ld), residual = values(rows * ld), gamma = values(channels), beta = values(channels);
  std::vector<float> seen(rows * ld), wanted(rows * ld);
  LayerNormArgs args{x.data(), pick(0, 1) ? residual.data() : nullptr, gamma.data(), beta.data(), seen.data(), rows, channels, ld, 1e-5f};
  set.layer_norm(args);
  args.out = wanted.data();
  plain.layer_norm(args);
  compare(set.name, "layer_norm", seen, wanted, 2e-5f);
}

void test_rows(const Kernels& set, const Kernels& plain) {
  const std::size_t n = pick(1, 70);
  const auto a = values(n), b = values(n), c = values(n);
  std::vector<float> seen = c, wanted = c;
  set.multiply_add(a.data(), b.data(), seen.data(), n);
  plain.multiply_add(a.data(), b.data(), wanted.data(), n);
  compare(set.name, "multiply_add", seen, wanted, 1e-6f);
  set.add3(a.data(), b.data(), c.data(), seen.data(), n);
  plain.add3(a.data(), b.data(), c.data(), wanted.data(), n);
  compare(set.name, "add3", seen, wanted, 1e-6f);
}

// A panel's weights as `plain` would pack them, packed again for another width.
std::vector<std::int8_t> packed(const std::vector<std::int8_t>& w, std::size_t k, std::size_t cols, std::size_t width) {
  std::vector<std::int8_t> out((k + 3) / 4 * 4 * width);
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t n = 0; n < cols; ++n) out[(i / 4 * width + n) * 4 + i % 4] = w[i * cols + n];
  return out;
}

// With scales of one the outputs are the integer sums themselves, and those must be the same everywhere, also where
// every byte is as large as it can be.
void test_int8_panel(const Kernels& set, const Kernels& plain) {
  const std::size_t rows = pick(1, 30), k = pick(1, 140), cols = pick(1, plain.width);
  const bool together = pick(0, 3), extreme = pick(0, 4) == 0;
  const std::size_t from = together ? pick(0, 3) * 4 : pick(0, 9), ld = from + (k + 3) / 4 * 4 + pick(0, 5);
  auto x = values(rows * ld);
  for (float& v : x) v = extreme ? (pick(0, 1) ? 1.0f : -1.0f) : v;
  std::vector<std::int8_t> w(k * cols);
  for (auto& v : w) v = static_cast<std::int8_t>(extreme ? (pick(0, 1) ? 127 : -127) : static_cast<int>(pick(0, 254)) - 127);
  std::vector<float> results[2];
  std::vector<float> row_scales[2];
  for (int i = 0; i < 2; ++i) {
    const Kernels& kernels = i ? plain : set;
    const std::size_t stride = ld * kernels.quantized_bytes, block = together ? kernels.block : 1;
    std::vector<std::int8_t> q(rows * stride + 8);
    row_scales[i].resize(rows);
    kernels.quantize({x.data(), rows, from + k, ld, q.data(), stride, block, row_scales[i].data()});
    const auto weights = packed(w, k, cols, kernels.width);
    const std::vector<float> ones(std::max(rows, kernels.width), 1.0f), zeros(kernels.width);
    std::vector<std::int32_t> sums(kernels.width);
    for (std::size_t j = 0; j < k; ++j)
      for (std::size_t n = 0; n < cols; ++n) sums[n] += w[j * cols + n];
    results[i].resize(rows * cols);
    kernels.int8_panel({q.data(), stride, block, from, ones.data(), rows, k, cols, weights.data(), ones.data(), sums.data(), zeros.data(),
                        results[i].data(), cols, Activation::none});
  }
  compare(set.name, "int8_panel", results[0], results[1], 0.0f);
  compare(set.name, "quantize scales", row_scales[0], row_scales[1], 0.0f);
}

}  // namespace

int main() {
  std::size_t count;
  const Kernels* const* sets = available_kernels(&count);
  const Kernels& plain = *sets[count - 1];
  for (std::size_t i = 0; i + 1 < count; ++i) {
    for (int round = 0; round < 2000; ++round) {
      test_panel(*sets[i], plain);
      test_softmax(*sets[i], plain);
      test_layer_norm(*sets[i], plain);
      test_rows(*sets[i], plain);
      test_int8_panel(*sets[i], plain);
    }
    std::printf("%s: compared with plain\n", sets[i]->name);
  }
  return failures != 0;
}
