// Every instruction set against the plain one, over random shapes: odd sizes, one row, one column, tails of every kind.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "../src/kernels/table.hpp"

using namespace squeezebert;

#ifdef SQB_EVEX
namespace squeezebert {
extern const Kernels kAvxVnniInEvex;
}
#endif

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

// Plain panels are narrower than most: as many as the columns need.
void run_plain(const Kernels& plain, const PanelArgs& args) {
  for (std::size_t first = 0; first < args.cols; first += plain.width) {
    PanelArgs part = args;
    part.cols = std::min(plain.width, args.cols - first);
    part.w += first;
    part.out += first;
    if (part.bias) part.bias += first;
    plain.panel(part);
  }
}

void test_panel(const Kernels& set, const Kernels& plain) {
  const std::size_t rows = pick(1, 40), k = pick(1, 70), cols = pick(1, set.width);
  const bool transposed = pick(0, 1), resume = pick(0, 1);
  const std::size_t lda = (transposed ? rows : k) + pick(0, 3), ldo = cols + pick(0, 3), ldw = set.width;
  const auto a = values(lda * (transposed ? k : rows)), w = values(k * ldw + plain.width), bias = values(ldw), start = values(rows * ldo);
  std::vector<float> seen = start, wanted = start;
  PanelArgs args{a.data(), lda, transposed, rows, k, cols, w.data(), ldw, pick(0, 3) ? bias.data() : nullptr, seen.data(), ldo,
                 resume, static_cast<Activation>(pick(0, 4))};
  set.panel(args);
  args.out = wanted.data();
  run_plain(plain, args);
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
    const std::vector<float> ones(std::max(rows, kernels.width), 1.0f), zeros(kernels.width);
    results[i].resize(rows * cols);
    for (std::size_t first = 0; first < cols; first += kernels.width) {
      const std::size_t part = std::min(kernels.width, cols - first);
      const Packed panel(w, k, cols, first, part, kernels.width);
      kernels.int8_panel({q.data(), stride, block, from, ones.data(), rows, k, part, panel.weights.data(), ones.data(), panel.sums.data(),
                          zeros.data(), results[i].data() + first, cols, Activation::none});
    }
  }
  compare(set.name, "int8_panel", results[0], results[1], 0.0f);
  compare(set.name, "quantize scales", row_scales[0], row_scales[1], 0.0f);
}

// The two values of a pair, as floats.
void unpair(float pair, float* first, float* second) {
  std::uint32_t bits;
  std::memcpy(&bits, &pair, 4);
  const std::uint32_t halves[2] = {bits << 16, bits & 0xffff0000u};
  std::memcpy(first, &halves[0], 4);
  std::memcpy(second, &halves[1], 4);
}

// Products of pairs against those of the values that the pairs hold, which are those that went in but for 8 bits.
void test_pair_panel(const Kernels& set, const Kernels& plain) {
  const std::size_t rows = pick(1, 40), k = pick(1, 35), cols = pick(1, set.width), width = set.width;
  const auto a = values(rows * 2 * k);
  auto w = values(2 * k * width + plain.width), packed = w, rounded = w, a_packed = a, a_rounded = a;
  const bool odd = pick(0, 1);  // a row of the last pair is missing
  for (std::size_t i = 0; i < k; ++i) {
    float* row = packed.data() + 2 * i * width;
    set.pairs->pair_rows(row, odd && i + 1 == k ? nullptr : row + width, cols);
    for (std::size_t n = 0; n < cols; ++n) unpair(row[n], &rounded[2 * i * width + n], &rounded[(2 * i + 1) * width + n]);
  }
  if (odd) std::fill_n(w.begin() + static_cast<std::ptrdiff_t>((2 * k - 1) * width), width, 0.0f);
  for (std::size_t m = 0; m < rows; ++m) {
    float* row = a_packed.data() + m * 2 * k;
    set.pairs->pair_columns(row, 2 * k, row);
    for (std::size_t i = 0; i < k; ++i) unpair(row[i], &a_rounded[m * 2 * k + 2 * i], &a_rounded[m * 2 * k + 2 * i + 1]);
  }
  std::vector<float> seen(rows * cols), wanted(rows * cols);
  set.pairs->panel({a_packed.data(), 2 * k, false, rows, k, cols, packed.data(), 2 * width, nullptr, seen.data(), cols, false, Activation::none});
  run_plain(plain, {a_rounded.data(), 2 * k, false, rows, 2 * k, cols, rounded.data(), width, nullptr, wanted.data(), cols, false, Activation::none});
  compare(set.name, "pair panel", seen, wanted, 2e-5f);
  compare(set.name, "pair_columns", a_rounded, a, 4e-3f);
  for (std::size_t i = 0; i < 2 * k; ++i)  // columns past the asked ones stay
    for (std::size_t n = cols; n < width; ++n) rounded[i * width + n] = w[i * width + n];
  compare(set.name, "pair_rows", rounded, w, 4e-3f);
}

void test_pair_softmax(const Kernels& set, const Kernels& plain) {
  const std::size_t keys = pick(1, 90), lanes = pick(1, set.width), ld = set.width;
  auto pairs = values((keys + 1) * ld, 8.0f), wanted = pairs;
  std::vector<float> seen(wanted.size()), sums(ld);
  set.pairs->softmax(pairs.data(), keys, lanes, ld, sums.data());
  plain.softmax(wanted.data(), keys, lanes, ld);
  for (std::size_t s = 0; s < keys; s += 2)
    for (std::size_t n = 0; n < lanes; ++n) unpair(pairs[s / 2 * ld + n], &seen[s * ld + n], &seen[(s + 1) * ld + n]);
  for (std::size_t s = 0; s <= keys; ++s)
    for (std::size_t n = 0; n < ld; ++n) {
      seen[s * ld + n] /= sums[n];
      if (s == keys) wanted[s * ld + n] = 0.0f;  // what an odd number of keys is filled up with
      if (n >= lanes) seen[s * ld + n] = wanted[s * ld + n];
    }
  compare(set.name, "pair softmax", seen, wanted, 4e-3f);
}

void compare_set(const Kernels& set, const Kernels& plain) {
  for (int round = 0; round < 2000; ++round) {
    test_panel(set, plain);
    test_softmax(set, plain);
    test_layer_norm(set, plain);
    test_rows(set, plain);
    test_int8_panel(set, plain);
    if (set.pairs) test_pair_panel(set, plain), test_pair_softmax(set, plain);
  }
  std::printf("%s: compared with plain\n", set.name);
}

}  // namespace

int main() {
  std::size_t count;
  const Kernels* const* sets = available_kernels(&count);
  const Kernels& plain = *sets[count - 1];
  for (std::size_t i = 0; i + 1 < count; ++i) compare_set(*sets[i], plain);
#ifdef SQB_EVEX
  if (find_kernels("avx512")) compare_set(kAvxVnniInEvex, plain);
#endif
  return failures != 0;
}
