// The table of functions that every instruction set fills: the whole of what the encoder asks of the machine.
//
// Axes: T tokens, K inputs of one group, N outputs, S keys, C channels. Everything is row-major.
// One micro-kernel carries all matrix work, `panel`: rows of `a` against one panel of at most `width` columns.
//   * a linear layer:    a = activations, w = packed weights [K][width]
//   * attention scores:  a = keys,        w = queries transposed [D][width]      -> scores transposed [S][width]
//   * attention values:  a = probabilities (stored transposed), w = values in place -> context
//   * masked LM logits:  a = embedding table, w = hidden states transposed
#pragma once

#include <cstddef>
#include <cstdint>

namespace squeezebert {

enum class Activation { none, gelu, gelu_new, relu, tanh };

// out[m, n] = act(sum_k a[m, k] * w[k, n] + bias[n]), over `rows` x `cols`.
struct PanelArgs {
  const float* a;            // [rows, k] with row stride lda; [k, rows] with stride lda when a_transposed
  std::size_t lda;
  bool a_transposed;
  std::size_t rows, k, cols;  // cols <= width
  const float* w;            // [k, width] with row stride ldw; readable to full width in every row
  std::size_t ldw;
  const float* bias;         // [width], or null for zero
  float* out;                // [rows, cols] with row stride ldo
  std::size_t ldo;
  bool resume;               // start from what `out` holds: the sums of earlier k
  Activation act;
  const float* next = nullptr;  // weights as long as `w` that are read afterwards, to be fetched meanwhile
  // Where inputs may be multiplied in pairs (see Kernels::paired): the rows' PairSumsArgs over all inputs, or null; `bias` has
  // what is to be taken off a column taken off, and in the end all is multiplied by `scale`.
  const float* row_pairs = nullptr;
  float scale = 1.0f;
};

// out[m] = sum_i x[m, 2i] * x[m, 2i + 1]
struct PairSumsArgs {
  const float* x;
  std::size_t rows, k, ldx;
  float* out;
};

// From `low` to `high` lie the values of a row, and zero.
struct Range {
  float low, high;
};
constexpr float kNarrowest = 1e-30f;  // rows that reach less far are quantized to zeros

// out[r, c] = gamma[c] * (x - mean) / sqrt(var + eps) + beta[c], where x is x[r, c] + residual[r, c].
struct LayerNormArgs {
  const float* x;
  const float* residual;  // null for none
  const float* gamma;
  const float* beta;
  float* out;  // may be x or residual
  std::size_t rows, channels, ld;  // one stride for x, residual and out
  float eps;
  Range* ranges = nullptr;  // [rows], of out; null where nobody asks
};

// out[c, r] = scale * x[r, c], as the columns of a panel: [columns][width], what lies past `rows` is of no meaning.
struct TransposeArgs {
  const float* x;
  std::size_t rows, columns, ldx;  // rows <= width
  float scale;
  float* out;
};

// out[m, n] = act((sum_k (q[m, from + k] - zeros[m]) * w[k, n]) * row_scales[m] * scales[n] + bias[n]): int8 products, exact
// int32 sums.
struct Int8PanelArgs {
  const std::int8_t* a;  // [rows, channels] as `quantize` wrote it; readable to a multiple of 4
  std::size_t lda, block;
  std::size_t from;         // the first channel; a multiple of 4 where block > 1
  const float* row_scales;  // [rows]
  const std::int32_t* row_zeros;  // [rows], as `quantize` wrote them; null where it wrote none
  std::size_t rows, k, cols;
  const std::int8_t* w;             // [ceil(k / 4)][width][4], zero past k
  const float* scales;              // [width]
  const std::int32_t* column_sums;  // [width], the sum over k of w; null where `a` is as `count_softmax` wrote it
  const float* bias;                // [width], or null for zero
  float* out;
  std::size_t ldo;
  Activation act;
  std::size_t step = 0;  // of `count_softmax`: activations from four inputs to the next, and lda is four of them
  const std::int8_t* next = nullptr;  // as in PanelArgs
};

// x = act(x); then one row at a time: scale = (high - low) / 253 of its range, zero = -127 - floor(low / scale), and
// q = round(x / scale + zero); or, where `zeros` is null, scale = max |x| / 127, q = round(x / scale). A row is `ldo` bytes; where
// block > 1, so many rows lie together as [ceil(channels / 4)][rows of the block][4], the last block with the rows that are left.
struct QuantizeArgs {
  float* x;
  std::size_t rows, channels, ldx;
  std::int8_t* out;  // signed, or 128 more than that where the machine multiplies unsigned by signed
  std::size_t ldo, block;
  float* scales;  // [rows]
  std::int32_t* zeros = nullptr;  // [rows], what stands for zero in `out`
  const Range* ranges = nullptr;  // [rows], where they are known
  Activation act = Activation::none;  // which x goes through first, in place
};

// The queries of one head as the columns of a panel, [ceil(channels / 4)][width][4]: scale = max |x| / 127 of a query, and
// q = round(x / scale), zero past `channels`.
struct QueriesArgs {
  const float* x;
  std::size_t rows, channels, ldx;  // rows <= width
  std::int8_t* out;
  float* scales;              // [width]
  std::int32_t* column_sums;  // [width]
};

// The values of one head as panels [ceil(channels / width)][ceil(rows / 4)][width][4], zero past `rows`; a channel has one
// scale for all rows, as above.
struct ValuesArgs {
  const float* x;
  std::size_t rows, channels, ldx;
  std::int8_t* out;
  float* scales;  // [channels, to a multiple of width]
};

// A softmax in whole numbers: of each lane of scores [keys][ld], which are powers of two, round(127 * 2^(x - max)), as
// activations [ceil(keys / 4)][ld][4], zero past `keys`, and one over their sum.
struct CountArgs {
  const float* scores;
  std::size_t keys, lanes, ld;
  std::int8_t* out;
  float* scales;  // [ld]
};

struct Kernels {
  const char* name;
  std::size_t width;                                                          // columns of one packed panel
  std::size_t rows;                                                           // rows of one register tile
  std::size_t quantized_bytes;                                                // of an activation: 2 where 16 bits are multiplied
  std::size_t block;                                                          // rows that `quantize` may put together
  std::size_t paired;                                                         // first columns of a panel whose inputs go in pairs
  void (*panel)(const PanelArgs&);
  void (*pair_sums)(const PairSumsArgs&);                                     // null where none go in pairs
  void (*softmax)(float* scores, std::size_t keys, std::size_t lanes, std::size_t ld);  // over keys, in place, [S][ld]
  void (*transpose)(const TransposeArgs&);
  void (*layer_norm)(const LayerNormArgs&);
  void (*add3)(const float* a, const float* b, const float* c, float* out, std::size_t n);   // out = a + b + c
  void (*multiply_add)(const float* a, const float* b, float* out, std::size_t n);           // out += a * b
  void (*quantize)(const QuantizeArgs&);
  void (*int8_panel)(const Int8PanelArgs&);
  void (*quantize_queries)(const QueriesArgs&);
  void (*quantize_values)(const ValuesArgs&);
  void (*count_softmax)(const CountArgs&);
  double (*probe)(bool int8);  // multiply-adds in registers alone for some microseconds; how many operations it did
};

// The sets this build has and this machine can run, best first; `plain` always ends the list.
const Kernels* const* available_kernels(std::size_t* count);
// The set of that name, or null; an empty name is the best one.
const Kernels* find_kernels(const char* name);

}  // namespace squeezebert
