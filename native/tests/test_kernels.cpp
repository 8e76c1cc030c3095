// Every instruction set against the plain one, over random shapes: odd sizes, one row, one column, tails of every kind.
#include "int8_tests.hpp"

#ifdef SQB_EVEX
namespace squeezebert {
extern const Kernels kAvxVnniInEvex;
}
#endif

namespace {

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
  const bool far = pick(0, 1);  // from zero: the difference of two sums is no variance then, and of few channels nothing is left
  const std::size_t rows = pick(1, 5), channels = pick(far ? 16 : 1, 70), ld = channels + pick(0, 5);
  auto x = values(rows * ld);
  const auto residual = values(rows * ld), gamma = values(channels), beta = values(channels);
  for (float& v : x) v += far ? 1000.0f : 0.0f;
  std::vector<float> seen(rows * ld), wanted(rows * ld);
  std::vector<Range> ranges[2] = {std::vector<Range>(rows), std::vector<Range>(rows)};
  LayerNormArgs args{x.data(), pick(0, 1) ? residual.data() : nullptr, gamma.data(), beta.data(), seen.data(), rows, channels, ld, 1e-5f, ranges[0].data()};
  set.layer_norm(args);
  args.out = wanted.data();
  args.ranges = ranges[1].data();
  plain.layer_norm(args);
  const float tolerance = far || channels < 8 ? 2e-3f : 2e-5f;  // little but rounding may be left of what few differ in
  compare(set.name, "layer_norm", seen, wanted, tolerance);
  std::vector<float> ends[2];
  for (int i = 0; i < 2; ++i)
    for (const Range& range : ranges[i]) ends[i].insert(ends[i].end(), {range.low, range.high});
  compare(set.name, "layer_norm's ranges", ends[0], ends[1], tolerance);
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

void compare_set(const Kernels& set, const Kernels& plain) {
  for (int round = 0; round < 2000; ++round) {
    test_panel(set, plain);
    test_pairs(set, plain);
    test_softmax(set, plain);
    test_layer_norm(set, plain);
    test_rows(set, plain);
    test_int8_panel(set, plain);
    test_activated(set, plain);
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
