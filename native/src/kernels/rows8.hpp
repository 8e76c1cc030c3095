// Rows of floats that become bytes, after an activation or as they are. A part of vectors8.hpp.
SQB_INLINE V furthest_lanes(const float* x, std::size_t channels) {
  V tops[kChains] = {};
  over_lanes_in_chains(channels, [&](std::size_t i, std::size_t n, std::size_t j) { tops[j] = max(tops[j], abs(load_some(x + i, n))); });
  return max(max(tops[0], tops[1]), max(tops[2], tops[3]));
}

// 127 over the largest of each of at most LANES rows, and the scales. Where rows are fewer, the last one stands for the rest.
SQB_INLINE V inverse_scales(const float* x, std::size_t rows, std::size_t channels, std::size_t ldx, float* scales) {
  V tops[LANES];
#pragma GCC unroll 16
  for (std::size_t r = 0; r < LANES; ++r) tops[r] = furthest_lanes(x + (r < rows ? r : rows - 1) * ldx, channels);
  const V top = joined(tops, [](V a, V b) { return max(a, b); });
  store_some(scales, top / 127.0f, rows);
  return select(top > 0.0f, 127.0f / top, V{});
}

// The bits of kRounding and `more`, a whole number, plus the integer nearest to x * inverse.
SQB_INLINE VI rounded8(V x, V inverse, V more) { return reinterpret_cast<VI>(product(x, inverse) + more); }

// What a value is multiplied by, and what is added to it then: kRounding, and the byte that stands for zero.
struct Scaling {
  float inverse, more = kRounding + static_cast<float>(INT8_OFFSET);
};

// One row, so that LANES values are written `step` values after the LANES before them.
SQB_INLINE void quantize_row(const float* x, std::size_t channels, Scaling by, Activation8* out, std::size_t step) {
  const auto rounded = [&](std::size_t i, std::size_t n) { return rounded8(load_some(x + i, n), splat(by.inverse), splat(by.more)); };
  std::size_t done = 0;
#if LANES == 16
  for (; step == LANES && done + 4 * LANES <= channels; done += 4 * LANES) {
    VI four[4];
#pragma GCC unroll 4
    for (std::size_t j = 0; j < 4; ++j) four[j] = rounded(done + j * LANES, LANES);
    store_int(out + done, lowest_bytes(four));
  }
#endif
  over_lanes(channels - done, [&](std::size_t i, std::size_t n) {
    const auto stored = narrow8(rounded(done + i, n));
    __builtin_memcpy(out + (done + i) / LANES * step, &stored, n * sizeof(Activation8));
  });
}

SQB_INLINE void quantize_one(const QuantizeArgs& p, std::size_t r, Scaling by) {
  const std::size_t first = INT8_BLOCK == 1 ? r : r / p.block * p.block;
  const std::size_t together = INT8_BLOCK == 1 ? 1 : p.rows - first < p.block ? p.rows - first : p.block;
  Activation8* out = reinterpret_cast<Activation8*>(p.out + first * p.ldo) + (r - first) * LANES;
  quantize_row(p.x + r * p.ldx, p.channels, by, out, together * LANES);
}

SQB_INLINE Range range_of(const float* x, std::size_t channels) {
  Reach reaches[kChains];
  over_lanes_in_chains(channels, [&](std::size_t i, std::size_t n, std::size_t j) { reaches[j].add(load_some(x + i, n)); });
  for (std::size_t j = 1; j < kChains; ++j) reaches[0].join(reaches[j].low, reaches[j].high);
  return reaches[0].range();
}

// How a row of that range becomes bytes; its scale and what stands for zero are put down.
SQB_INLINE Scaling scaling(const QuantizeArgs& p, std::size_t r, Range range) {
  const float steps = p.zeros ? 253.0f : 127.0f;
  const float width = p.zeros ? range.high - range.low : range.high > -range.low ? range.high : -range.low;
  Scaling by{width >= kNarrowest ? steps / width : 0.0f};
  p.scales[r] = width / steps;
  if (!p.zeros) return by;
  if (by.inverse > 0.0f) by.more -= 127.0f + __builtin_floorf(range.low * by.inverse);
  p.zeros[r] = static_cast<std::int32_t>(by.more - kRounding);
  return by;
}

// Calls use(first row, how many, 127 over the largest of each) for LANES rows at a time. The largest of the next ones are
// looked for before, so that they need not be waited for.
template <typename Args, typename Use>
SQB_INLINE void over_rows(const Args& p, const Use& use) {
  const auto inside = [&](std::size_t r) { return p.rows - r < LANES ? p.rows - r : LANES; };
  const auto inverse_from = [&](std::size_t r) { return inverse_scales(p.x + r * p.ldx, inside(r), p.channels, p.ldx, p.scales + r); };
  V next = inverse_from(0);
  for (std::size_t r = 0; r < p.rows; r += LANES) {
    float inverse[LANES];
    store(inverse, next);
    if (r + LANES < p.rows) next = inverse_from(r + LANES);
    use(r, inside(r), inverse);
  }
}

// Calls use(channels of a head), known to the compiler where they are usual and rows are few vectors; else with zero.
template <typename Use>
SQB_INLINE void with_channels(std::size_t channels, const Use& use) {
  if (LANES > 4 && channels == 32) return use(std::integral_constant<std::size_t, 32>{});
  if (LANES > 4 && channels == 64) return use(std::integral_constant<std::size_t, 64>{});
  use(std::integral_constant<std::size_t, 0>{});
}

// Of CHANNELS, or as many as `p` says where that is zero.
template <std::size_t CHANNELS>
void quantize_narrow(QuantizeArgs p) {
  if (CHANNELS) p.channels = CHANNELS;
  over_rows(p, [&](std::size_t first, std::size_t rows, const float* inverse) {
    for (std::size_t r = 0; r < rows; ++r) quantize_one(p, first + r, {inverse[r]});
  });
}

// Replaces a row by a function of it; gives the range of what it has become.
template <typename Function>
SQB_INLINE Range activate_row(float* x, std::size_t channels, const Function& function) {
  constexpr std::size_t kStep = VECTORS_TOGETHER * LANES;
  const std::size_t whole = channels / kStep * kStep;
  Together lows = {}, highs = {};
  for (std::size_t i = 0; i < whole; i += kStep)
    replace_together(x + i, LANES, [&](Together t) {
      t = function(t);
      lows = min(lows, t);
      highs = max(highs, t);
      return t;
    });
  Reach reach;
  for (int i = 0; i < VECTORS_TOGETHER; ++i) reach.join(reinterpret_cast<const V*>(&lows)[i], reinterpret_cast<const V*>(&highs)[i]);
  over_lanes(channels - whole, [&](std::size_t i, std::size_t n) {
    const V y = function(load_some(x + whole + i, n));
    store_some(x + whole + i, y, n);
    reach.add(y);
  });
  return reach.range();
}

// Row by row, so that each is quantized out of the first-level cache.
void activate_and_quantize(const QuantizeArgs& p) {
  with(p.act, [&](auto function) {
    for (std::size_t r = 0; r < p.rows; ++r) {
      const Range range = activate_row(p.x + r * p.ldx, p.channels, function);
      quantize_one(p, r, scaling(p, r, range));
    }
  });
}

constexpr std::size_t kNarrow = 8 * LANES;  // LANES rows of so many channels stay in the first-level cache

// The range of a row is looked for while the row before is quantized, which need not wait for it.
void quantize(const QuantizeArgs& p) {
  static_assert(INT8_BLOCK == 1 || LANES == 4);
  if (p.act != Activation::none) return activate_and_quantize(p);
  if (p.channels <= kNarrow && !p.zeros) return with_channels(p.channels, [&](auto channels) { quantize_narrow<channels>(p); });
  const auto scaled = [&](std::size_t r) { return scaling(p, r, p.ranges ? p.ranges[r] : range_of(p.x + r * p.ldx, p.channels)); };
  Scaling by = scaled(0);
  for (std::size_t r = 0; r < p.rows; ++r) {
    const Scaling next = r + 1 < p.rows ? scaled(r + 1) : by;
    quantize_one(p, r, by);
    by = next;
  }
}
