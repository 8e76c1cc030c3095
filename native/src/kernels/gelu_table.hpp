// GELU of 16 lanes by AVX-512, out of a table; a part of simd.hpp.
//
// What it lacks to max(x, 0) is a Phi(-a) with a = |x|. Phi(-a) is given by 16 polynomials of degree 4, one around each
// multiple of kTailStep: their coefficients lie in a vector each, out of which an instruction picks by the lowest four bits
// of a lane.
constexpr int kTailDegree = 4;
constexpr float kTailEnd = 5.75f, kTailStep = kTailEnd / 15.49f;  // below 15.5, which would be rounded to 16

struct TailTable {
  alignas(64) float coefficients[kTailDegree + 1][16];

  // Each polynomial goes through five Chebyshev nodes: Newton's divided differences, multiplied out.
  TailTable() {
    for (int segment = 0; segment < 16; ++segment) {
      double nodes[kTailDegree + 1], slopes[kTailDegree + 1], sums[kTailDegree + 1] = {};
      for (int i = 0; i <= kTailDegree; ++i) {
        nodes[i] = (segment + 0.5 * std::cos((i + 0.5) * 3.14159265358979324 / (kTailDegree + 1))) * kTailStep;
        slopes[i] = 0.5 * std::erfc(nodes[i] * 0.70710678118654752);
      }
      for (int order = 1; order <= kTailDegree; ++order)
        for (int i = kTailDegree; i >= order; --i) slopes[i] = (slopes[i] - slopes[i - 1]) / (nodes[i] - nodes[i - order]);
      for (int i = kTailDegree; i >= 0; --i) {
        for (int k = kTailDegree; k > 0; --k) sums[k] = sums[k - 1] - nodes[i] * sums[k];
        sums[0] = slopes[i] - nodes[i] * sums[0];
      }
      for (int k = 0; k <= kTailDegree; ++k) coefficients[k][segment] = static_cast<float>(sums[k]);
    }
  }
};
const TailTable kTail;

// x * Phi(x), within 7e-7 absolute.
SQB_INLINE V gelu(V x) {
  const V a = min(abs(x), splat(kTailEnd)), rounded = madd(a, splat(1.0f / kTailStep), splat(kRounding));
  const auto pick = [&](int k) {
    return reinterpret_cast<V>(_mm512_maskz_permutexvar_ps(0xffff, reinterpret_cast<__m512i>(rounded), _mm512_load_ps(kTail.coefficients[k])));
  };
  V p = pick(kTailDegree);
#pragma GCC unroll 8
  for (int k = kTailDegree - 1; k >= 0; --k) p = madd(p, a, pick(k));
  return max(V{}, x) - p * a;
}
