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

#if defined(__AVX512BW__) && LANES == 16
#define SQB_LOWEST_BYTES_OF_FOUR
// Those of four vectors, one behind the other: half the instructions of four times the above.
SQB_INLINE void put_lowest_bytes(void* out, const VI (&x)[4]) {
  const __m512i lowest = _mm512_set1_epi32(0x0c080400), fours = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m512i bytes = _mm512_maskz_shuffle_epi8(0x000f000f000f000f, reinterpret_cast<__m512i>(x[0]), lowest);
  bytes = _mm512_mask_shuffle_epi8(bytes, 0x00f000f000f000f0, reinterpret_cast<__m512i>(x[1]), lowest);
  bytes = _mm512_mask_shuffle_epi8(bytes, 0x0f000f000f000f00, reinterpret_cast<__m512i>(x[2]), lowest);
  bytes = _mm512_mask_shuffle_epi8(bytes, 0xf000f000f000f000, reinterpret_cast<__m512i>(x[3]), lowest);
  store_int(out, reinterpret_cast<VI>(_mm512_maskz_permutexvar_epi32(0xffff, fours, bytes)));
}
#endif

// Four bytes a lane, the lowest of each of these, whose bits are kZero plus 0 to 255.
SQB_INLINE VI pack_fours(VI a, VI b, VI c, VI d) {
  constexpr std::uint32_t kZeros = 0x4b400000u + 0x40000000u;
  const Words w = reinterpret_cast<Words>(a), x = reinterpret_cast<Words>(b), y = reinterpret_cast<Words>(c), z = reinterpret_cast<Words>(d);
  return reinterpret_cast<VI>((w - kZeros) + (x << 8) + ((y << 16) + (z << 24)));
}
