// Every instruction set against the plain one, over random shapes: odd sizes, one row, one column, tails of every kind.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
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

// The same product with inputs in pairs, weights a power of two larger, and what a row and a column have to take off.
void test_pairs(const Kernels& set, const Kernels& plain) {
  if (!set.paired) return;
  const std::size_t rows = pick(1, 40), k = pick(1, 70), cols = pick(1, set.width), lda = k + pick(0, 3), ldo = cols + pick(0, 3), ldw = set.width;
  auto a = values(rows * lda), w = values(k * ldw + plain.width), bias = values(ldw), seen = values(rows * ldo), wanted = seen, sums = values(rows);
  PanelArgs args{a.data(), lda, false, rows, k, cols, w.data(), ldw, bias.data(), wanted.data(), ldo, false, static_cast<Activation>(pick(0, 4))};
  run_plain(plain, args);
  for (auto* values : {&w, &bias}) for (float& x : *values) x *= 4.0f;
  for (std::size_t n = 0; n < set.paired; ++n)
    for (std::size_t i = 0; i + 1 < k; i += 2) bias[n] -= w[i * ldw + n] * w[(i + 1) * ldw + n];
  set.pair_sums({a.data(), rows, k, lda, sums.data()});
  args.out = seen.data();
  args.row_pairs = sums.data();
  if (k > 2 && args.act == Activation::none) {  // the first pair in a pass of its own
    args.k = 2;
    set.panel(args);
    args = {args.a + 2, lda, false, rows, k - 2, cols, args.w + 2 * ldw, ldw, args.bias, args.out, ldo, true, args.act, nullptr, args.row_pairs};
  }
  args.scale = 0.25f;
  set.panel(args);
  compare(set.name, "panel in pairs", seen, wanted, 5e-5f);
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
  auto x = values(rows * ld);
  const auto residual = values(rows * ld), gamma = values(channels), beta = values(channels);
  const bool far = pick(0, 1);  // from zero: the difference of two sums is no variance then
  for (float& v : x) v += far ? 1000.0f : 0.0f;
  std::vector<float> seen(rows * ld), wanted(rows * ld), tops[2] = {std::vector<float>(rows), std::vector<float>(rows)};
  LayerNormArgs args{x.data(), pick(0, 1) ? residual.data() : nullptr, gamma.data(), beta.data(), seen.data(), rows, channels, ld, 1e-5f, tops[0].data()};
  set.layer_norm(args);
  args.out = wanted.data();
  args.largest = tops[1].data();
  plain.layer_norm(args);
  compare(set.name, "layer_norm", seen, wanted, far ? 2e-3f : 2e-5f);
  compare(set.name, "layer_norm's largest", tops[0], tops[1], far ? 2e-3f : 2e-5f);
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

template <typename T>
std::vector<float> floats(const std::vector<T>& bytes) {
  return std::vector<float>(bytes.begin(), bytes.end());
}

// Column `n` of panels that hold `rows` inputs, in the order of the inputs.
std::vector<std::int8_t> column(const std::vector<std::int8_t>& panels, std::size_t rows, std::size_t n, std::size_t width) {
  const std::size_t fours = (rows + 3) / 4;
  std::vector<std::int8_t> out;
  for (std::size_t i = 0; i < 4 * fours; ++i) out.push_back(panels[((n / width * fours + i / 4) * width + n % width) * 4 + i % 4]);
  return out;
}

void test_transpose(const Kernels& set, const Kernels& plain) {
  const std::size_t rows = pick(1, plain.width), columns = pick(1, 70), ld = columns + pick(0, 5);
  const auto x = values(rows * ld);
  std::vector<float> found[2];
  for (int i = 0; i < 2; ++i) {
    const Kernels& kernels = i ? plain : set;
    std::vector<float> out(columns * kernels.width);
    kernels.transpose({x.data(), rows, columns, ld, 0.125f, out.data()});
    for (std::size_t c = 0; c < columns; ++c)
      for (std::size_t r = 0; r < rows; ++r) found[i].push_back(out[c * kernels.width + r]);
  }
  compare(set.name, "transpose", found[0], found[1], 0.0f);
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
      kernels.int8_panel({counts.data(), 4 * kernels.quantized_bytes, kernels.block, 0, ones.data(), lanes, rows, std::min(width, channels - c),
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

void compare_set(const Kernels& set, const Kernels& plain) {
  for (int round = 0; round < 2000; ++round) {
    test_panel(set, plain);
    test_pairs(set, plain);
    test_softmax(set, plain);
    test_layer_norm(set, plain);
    test_rows(set, plain);
    test_int8_panel(set, plain);
    test_transpose(set, plain);
    test_queries(set, plain);
    test_values(set, plain);
    test_count_softmax(set, plain);
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
