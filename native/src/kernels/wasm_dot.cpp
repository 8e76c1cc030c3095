// Products of four bytes a lane by relaxed SIMD: i32x4.relaxed_dot_i8x16_i7x16_add_s, which is one instruction where a
// machine has one (vpdpbusd, sdot). What becomes of an i7 beyond 127 is the machine's own: some take it for unsigned, some
// for signed, and either is used with the activations stored to suit. Where sums of pairs saturate, neither is exact and
// these kernels stay away. Float kernels are wasm_simd.cpp's: tiles of 8 columns here too.
#include <wasm_simd128.h>

#include <cstdint>

namespace {
std::int32_t offset = 0;  // 128 where the machine multiplies signed by unsigned
}

#define LANES 4
#define TILE_ROWS 4
#ifndef INT8_ROWS
#define INT8_ROWS 6
#endif
#define INT8_VECTORS 2
#define INT8_OFFSET offset
#define INT8_BLOCK INT8_ROWS
#define VECTORS_TOGETHER 4
#include "fours.hpp"

namespace squeezebert {
namespace {

typedef signed char Operand __attribute__((vector_size(4 * LANES)));

SQB_INLINE Sums dot4(Sums sums, Inputs a, Weights w) {
  return __builtin_wasm_relaxed_dot_i8x16_i7x16_add_s_i32x4(reinterpret_cast<Operand>(w), reinterpret_cast<Operand>(a), sums);
}

}  // namespace
}  // namespace squeezebert

#pragma GCC diagnostic ignored "-Wunused-function"  // the float ones
#include "attention8.hpp"

namespace squeezebert {

extern const Kernels kWasmSimdKernels;

namespace {

// Four products of these two bytes, as the machine makes them.
std::int32_t four_products(int weight, int activation) {
  VI w, a;
  std::memset(&w, weight, sizeof w);
  std::memset(&a, activation, sizeof a);
  asm volatile("" : "+r"(w), "+r"(a));
  return dot4(VI{}, a, w)[0];
}

bool takes(int weight, int activation, int value) { return four_products(weight, activation) == 4 * weight * value; }

}  // namespace

// Null where the machine's products are not exact.
const Kernels* wasm_dot_kernels() {
  static Kernels kernels = kWasmSimdKernels;
  const bool is_unsigned = takes(127, 255, 255) && takes(-127, 255, 255) && takes(127, 128, 128);
  const bool is_signed = takes(127, -127, -127) && takes(-127, -127, -127) && takes(127, 127, 127);
  if (!is_unsigned && !is_signed) return nullptr;
  offset = is_unsigned ? 128 : 0;
  kernels.name = "wasm-dot";
  kernels.quantized_bytes = sizeof(Activation8);
  kernels.block = INT8_BLOCK;
  kernels.quantize = quantize;
  kernels.int8_panel = int8_panel;
  kernels.quantize_queries = quantize_queries;
  kernels.quantize_values = quantize_values;
  kernels.count_softmax = count_softmax;
  return &kernels;
}

}  // namespace squeezebert
