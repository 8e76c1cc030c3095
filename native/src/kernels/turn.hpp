// Rows that become columns, by dealing lanes out: the vectors' lanes of even places, then those of odd places, again and again.
// A part of simd.hpp.
template <int FIRST, typename T, std::size_t... I>
SQB_INLINE T every_second(T a, T b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (FIRST + 2 * static_cast<int>(I))...);
}
template <typename T>
SQB_INLINE T even_lanes(T a, T b) { return every_second<0>(a, b, std::make_index_sequence<LANES>{}); }
template <typename T>
SQB_INLINE T odd_lanes(T a, T b) { return every_second<1>(a, b, std::make_index_sequence<LANES>{}); }

// Each lane of an even place and the one after it change places.
template <std::size_t... I>
SQB_INLINE V swapped(V v, std::index_sequence<I...>) {
  return __builtin_shufflevector(v, v, (static_cast<int>(I) ^ 1)...);
}
SQB_INLINE V swapped(V v) { return swapped(v, std::make_index_sequence<LANES>{}); }

// N vectors hold LANES rows of N lanes, one after the other; then they hold N rows of LANES lanes.
template <typename T, int N>
SQB_INLINE void turn(T (&x)[N]) {
#pragma GCC unroll 4
  for (int rest = N; rest > 1; rest /= 2) {
    T y[N];
#pragma GCC unroll 16
    for (int i = 0; i < N / 2; ++i) {
      y[i] = even_lanes(x[2 * i], x[2 * i + 1]);
      y[N / 2 + i] = odd_lanes(x[2 * i], x[2 * i + 1]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) x[i] = y[i];
  }
}

// Lane i is what all lanes of vector i are joined to, for N up to LANES.
template <int N, int LEFT = LANES, typename Join>
SQB_INLINE V joined(const V (&x)[N], const Join& join) {
  if constexpr (LEFT == 1) return x[0];
  else if constexpr (N == 1) {
    const V half[1] = {join(even_lanes(x[0], x[0]), odd_lanes(x[0], x[0]))};
    return joined<1, LEFT / 2>(half, join);
  } else {
    V half[N / 2];
#pragma GCC unroll 8
    for (int i = 0; i < N / 2; ++i) half[i] = join(even_lanes(x[2 * i], x[2 * i + 1]), odd_lanes(x[2 * i], x[2 * i + 1]));
    return joined<N / 2, LEFT / 2>(half, join);
  }
}
