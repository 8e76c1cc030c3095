// LayerNorm in two passes over rows that lie in the first-level cache. A part of vectors.hpp.

// Rows that LayerNorm takes at once: the sums of one are waited for while those of the others are made.
constexpr std::size_t kRowsOfNorm = 4;

// How often larger than the variance the mean's square may be for the variance to be the difference of two sums.
constexpr float kFurthestMean = 64.0f;

// Of a row that lies in the first-level cache.
SQB_INLINE float variance(const float* x, std::size_t channels, float mean) {
  V squares[kChains] = {};
  over_lanes_in_chains(channels, [&](std::size_t i, std::size_t n, std::size_t j) {
    V d = load_some(x + i, n) - mean;
    if (n < LANES) d = load_part(reinterpret_cast<const float*>(&d), n);
    squares[j] += d * d;
  });
  return sum(squares) / static_cast<float>(channels);
}

template <std::size_t ROWS>
void normalize_rows(std::size_t row, const LayerNormArgs& p) {
  const float scale_of_mean = 1.0f / static_cast<float>(p.channels);
  const float* x = p.x + row * p.ld;
  const float* residual = p.residual ? p.residual + row * p.ld : nullptr;
  float* out = p.out + row * p.ld;
  const std::size_t ld = p.ld;
  V totals[ROWS][2] = {}, squares[ROWS][2] = {};
  over_lanes_in_chains(p.channels, [&](std::size_t i, std::size_t n, std::size_t j) {
#pragma GCC unroll 4
    for (std::size_t r = 0; r < ROWS; ++r) {
      V v = load_some(x + r * ld + i, n);
      if (residual) v += load_some(residual + r * ld + i, n);
      store_some(out + r * ld + i, v, n);
      totals[r][j % 2] += v;
      squares[r][j % 2] += v * v;
    }
  });
  float shifts[ROWS], scales[ROWS];
  for (std::size_t r = 0; r < ROWS; ++r) {
    const float mean = sum(totals[r][0] + totals[r][1]) * scale_of_mean, square = mean * mean;
    float var = sum(squares[r][0] + squares[r][1]) * scale_of_mean - square;
    if (!(square <= kFurthestMean * var)) var = variance(out + r * ld, p.channels, mean);
    scales[r] = 1.0f / __builtin_sqrtf(var + p.eps);
    shifts[r] = -mean * scales[r];
  }
  Reach reaches[ROWS];
  over_lanes(p.channels, [&](std::size_t i, std::size_t n) {
    const V gamma = load_some(p.gamma + i, n), beta = load_some(p.beta + i, n);
#pragma GCC unroll 4
    for (std::size_t r = 0; r < ROWS; ++r) {
      const V y = madd(madd(load_some(out + r * ld + i, n), splat(scales[r]), splat(shifts[r])), gamma, beta);
      store_some(out + r * ld + i, y, n);
      reaches[r].add(y);
    }
  });
  if (p.ranges) put_ranges(p.ranges + row, reaches);
}

void layer_norm(const LayerNormArgs& p) {
  std::size_t row = 0;
  for (; row + kRowsOfNorm <= p.rows; row += kRowsOfNorm) normalize_rows<kRowsOfNorm>(row, p);
  for (; row < p.rows; ++row) normalize_rows<1>(row, p);
}
