// WebAssembly's 128-bit SIMD: float tiles of 4 x 8, int8 tiles of 4 x 4. With what is loaded in one step beside them, their
// sums fill the 15 registers that engines leave on x86; these load first and multiply later, so that more would spill.
//
// i32x4.dot_i16x8_s multiplies 16-bit lanes and adds neighbours. Bytes widened to that range make exact sums, two to a
// column; these are kept apart until a tile ends. Activations are stored wide and the rows of a tile together, since
// every panel reads them again. Weights are widened by a panel's first tile of rows for the others: that takes the units
// that add, which are what tiles wait for.
//
// Relaxed SIMD rounds a product and a sum once where the machine can.
#include <wasm_simd128.h>

#define LANES 4
#define TILE_ROWS 4
#define INT8_ROWS 4
#define INT8_VECTORS 1
#define INT8_OFFSET 0
#define INT8_KEPT 4096
#define INT8_BLOCK INT8_ROWS
#define VECTORS_TOGETHER 4
#include "simd.hpp"

namespace squeezebert {
namespace {

using Activation8 = std::int16_t;
typedef Activation8 Activations8 __attribute__((vector_size(2 * LANES)));
using Inputs = v128_t;
struct Pairs {  // columns 0 and 1, columns 2 and 3
  v128_t low, high;
};
using Weights = Pairs;
using Sums = Pairs;

SQB_INLINE Activations8 narrow8(VI bits) { return __builtin_convertvector(bits, Activations8); }
SQB_INLINE Weights load_weights(const std::int8_t* p) { return {wasm_i16x8_load8x8(p), wasm_i16x8_load8x8(p + 8)}; }
SQB_INLINE Inputs load_inputs(const Activation8* p) { return wasm_v128_load64_splat(p); }
SQB_INLINE Sums begin_sums(VI start) {
  const v128_t all = reinterpret_cast<v128_t>(start), none = wasm_i32x4_const_splat(0);
  return {wasm_i32x4_shuffle(all, none, 0, 4, 1, 5), wasm_i32x4_shuffle(all, none, 2, 6, 3, 7)};
}

SQB_INLINE Sums dot4(Sums sums, Inputs a, Weights w) {
  return {wasm_i32x4_add(sums.low, wasm_i32x4_dot_i16x8(a, w.low)), wasm_i32x4_add(sums.high, wasm_i32x4_dot_i16x8(a, w.high))};
}

SQB_INLINE void put_counts(Activation8* out, VI a, VI b, VI c, VI d) {
  const VI low = (a - kZero) + (b << 16), high = (c - kZero) + (d << 16);
  wasm_v128_store(out, wasm_i32x4_shuffle(reinterpret_cast<v128_t>(low), reinterpret_cast<v128_t>(high), 0, 4, 1, 5));
  wasm_v128_store(out + 8, wasm_i32x4_shuffle(reinterpret_cast<v128_t>(low), reinterpret_cast<v128_t>(high), 2, 6, 3, 7));
}

SQB_INLINE VI end_sums(Sums sums) {
  return reinterpret_cast<VI>(wasm_i32x4_add(wasm_i32x4_shuffle(sums.low, sums.high, 0, 2, 4, 6),
                                             wasm_i32x4_shuffle(sums.low, sums.high, 1, 3, 5, 7)));
}

}  // namespace
}  // namespace squeezebert

#include "attention8.hpp"

namespace squeezebert {
namespace {

#if defined(__wasm_relaxed_simd__)
constexpr char kName[] = "wasm-relaxed";
#else
constexpr char kName[] = "wasm-simd";
#endif

// What a tile reaches over data in the first-level cache: an engine sees through all that hides registers' values from a
// compiler, and would do a probe of them once.
double probe(bool int8) {
  constexpr std::size_t kInputs = 512, kRows = 4 * INT8_ROWS, kRounds = 8;
  static float zeros[2 * kInputs * kWidth];  // of the rows and of a panel, whichever they are
  static float out[kRows * kWidth];
  const std::int8_t* bytes = reinterpret_cast<const std::int8_t*>(zeros);
  for (std::size_t i = 0; i < kRounds; ++i) {
    if (int8)
      int8_panel({bytes, 2 * kInputs, INT8_BLOCK, 0, zeros, nullptr, kRows, kInputs, kWidth, bytes, zeros, nullptr, zeros, out, kWidth,
                  Activation::none});
    else
      panel({zeros, kInputs, false, kRows, kInputs, kWidth, zeros, kWidth, zeros, out, kWidth, false, Activation::none});
  }
  return 2.0 * kRounds * kInputs * kWidth * kRows;
}

}  // namespace

extern const Kernels kWasmSimdKernels = kernels_named(kName, probe);
}
