// Bytes out of vectors of int32, where kRounding has left them; a part of simd.hpp.
typedef std::int8_t Bytes __attribute__((vector_size(LANES)));
typedef std::uint32_t Words __attribute__((vector_size(4 * LANES)));  // whose sums may overflow

// The lowest byte of each lane; GCC takes eight or sixteen lanes apart one by one.
SQB_INLINE Bytes lowest_bytes(VI v) {
#if defined(__AVX512F__) && LANES == 16
  return reinterpret_cast<Bytes>(_mm512_maskz_cvtepi32_epi8(0xffff, reinterpret_cast<__m512i>(v)));
#elif defined(__AVX2__) && LANES == 8
  const __m256i lowest = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8, 12, -1, -1, -1, -1, -1,
                                          -1, -1, -1, -1, -1, -1, -1);
  const __m256i fours = _mm256_shuffle_epi8(reinterpret_cast<__m256i>(v), lowest);
  const __m128i both = _mm_unpacklo_epi32(_mm256_castsi256_si128(fours), _mm256_extracti128_si256(fours, 1));
  Bytes out;
  std::memcpy(&out, &both, sizeof out);
  return out;
#else
  return __builtin_convertvector(v, Bytes);
#endif
}

// Those of four vectors, one behind the other.
SQB_INLINE VI lowest_bytes(const VI (&x)[4]) {
#if defined(__AVX512BW__) && LANES == 16  // half the instructions of four times the above, and not by way of memory
  const __m512i lowest = _mm512_set1_epi32(0x0c080400), fours = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m512i bytes = _mm512_maskz_shuffle_epi8(0x000f000f000f000f, reinterpret_cast<__m512i>(x[0]), lowest);
  bytes = _mm512_mask_shuffle_epi8(bytes, 0x00f000f000f000f0, reinterpret_cast<__m512i>(x[1]), lowest);
  bytes = _mm512_mask_shuffle_epi8(bytes, 0x0f000f000f000f00, reinterpret_cast<__m512i>(x[2]), lowest);
  bytes = _mm512_mask_shuffle_epi8(bytes, 0xf000f000f000f000, reinterpret_cast<__m512i>(x[3]), lowest);
  return reinterpret_cast<VI>(_mm512_maskz_permutexvar_epi32(0xffff, fours, bytes));
#else
  const Bytes bytes[4] = {lowest_bytes(x[0]), lowest_bytes(x[1]), lowest_bytes(x[2]), lowest_bytes(x[3])};
  VI out;
  std::memcpy(&out, bytes, sizeof out);
  return out;
#endif
}

// Four bytes a lane, the lowest of each of these, whose bits are kZero plus 0 to 255.
SQB_INLINE VI pack_fours(VI a, VI b, VI c, VI d) {
#if defined(__AVX512BW__) && LANES == 16
  const auto put = [](__m512i into, __mmask64 where, VI from) {
    const __m512i lowest = _mm512_set4_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0);  // of each lane, four times
    return _mm512_mask_shuffle_epi8(into, where, reinterpret_cast<__m512i>(from), lowest);
  };
  const __m512i two = put(reinterpret_cast<__m512i>(a), 0x2222222222222222, b);
  return reinterpret_cast<VI>(put(put(two, 0x4444444444444444, c), 0x8888888888888888, d));
#else
  constexpr std::uint32_t kZeros = 0x4b400000u + 0x40000000u;
  const Words w = reinterpret_cast<Words>(a), x = reinterpret_cast<Words>(b), y = reinterpret_cast<Words>(c), z = reinterpret_cast<Words>(d);
  return reinterpret_cast<VI>((w - kZeros) + (x << 8) + ((y << 16) + (z << 24)));
#endif
}
