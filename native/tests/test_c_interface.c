/* The C interface from C: a small random encoder on every kernel set, and the refusals a program must be able to read. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "squeezebert.h"

#define VOCAB 50
#define HIDDEN 24
#define WIDE 40
#define LABELS 3
#define TOKENS 9

static int failures = 0;

static void expect(int condition, const char* what) {
  if (condition) return;
  printf("failed: %s (%s)\n", what, sqb_error());
  ++failures;
}

static float words[VOCAB * HIDDEN];

static float value(unsigned* state) {
  *state = *state * 1664525u + 1013904223u;
  return (float)(*state >> 8) / 16777216.0f - 0.5f;
}

static sqb_status add(sqb_model* model, const char* name, int64_t a, int64_t b, int64_t c) {
  const int64_t shape[3] = {a, b, c};
  const int32_t rank = c ? 3 : b ? 2 : 1;
  const size_t size = (size_t)(a * (b ? b : 1) * (c ? c : 1));
  unsigned state = (unsigned)strlen(name) * 977u + (unsigned)a;
  const int borrowed = strcmp(name, "embeddings.word_embeddings.weight") == 0;
  float* data = borrowed ? words : malloc(size * sizeof(float));
  for (size_t i = 0; i < size; ++i) data[i] = value(&state);
  const sqb_status status = sqb_add(model, name, data, shape, rank);
  if (!borrowed) free(data);
  return status;
}

static void add_all(sqb_model* model, int64_t heads) {
  expect(add(model, "embeddings.word_embeddings.weight", VOCAB, HIDDEN, 0) == SQB_OK, "words");
  expect(add(model, "embeddings.position_embeddings.weight", 16, HIDDEN, 0) == SQB_OK, "positions");
  expect(add(model, "embeddings.token_type_embeddings.weight", 2, HIDDEN, 0) == SQB_OK, "types");
  const char* linear[] = {"attention.query", "attention.key", "attention.value", "post_attention.conv1d", "intermediate.conv1d", "output.conv1d"};
  for (int i = 0; i < 6; ++i) {
    char name[96];
    const int64_t outputs = i < 3 ? heads : i == 4 ? WIDE : HIDDEN, inputs = i == 3 ? heads : i == 5 ? WIDE : HIDDEN;
    snprintf(name, sizeof name, "encoder.layers.0.%s.weight", linear[i]);
    expect(add(model, name, outputs, i == 3 ? inputs : inputs / 4, 1) == SQB_OK, name);
    snprintf(name, sizeof name, "encoder.layers.0.%s.bias", linear[i]);
    expect(add(model, name, outputs, 0, 0) == SQB_OK, name);
  }
  const char* norms[] = {"embeddings.LayerNorm", "encoder.layers.0.post_attention.layernorm", "encoder.layers.0.output.layernorm"};
  for (int i = 0; i < 3; ++i) {
    char name[96];
    snprintf(name, sizeof name, "%s.weight", norms[i]);
    expect(add(model, name, HIDDEN, 0, 0) == SQB_OK, name);
    snprintf(name, sizeof name, "%s.bias", norms[i]);
    expect(add(model, name, HIDDEN, 0, 0) == SQB_OK, name);
  }
}

static sqb_config config(void) {
  sqb_config c = {VOCAB, HIDDEN, HIDDEN, 1, 4, WIDE, 16, 2, 4, 4, 4, 1, 4, 4, 1, 0, SQB_GELU, SQB_TANH, SQB_CLS, 1e-12f, 0};
  return c;
}

static const int32_t ids[TOKENS] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, types[TOKENS] = {0, 0, 1, 0, 0, 0, 1, 1, 0}, starts[4] = {0, 1, 4, TOKENS};

static void test_hidden(const char* kernel, int threads, float* wanted, int first) {
  const sqb_config c = config();
  sqb_model* model = NULL;
  expect(sqb_create(&c, kernel, threads, &model) == SQB_OK, "create");
  const sqb_batch batch = {ids, types, starts, 3};
  float seen[TOKENS * HIDDEN], vectors[3 * HIDDEN];
  expect(sqb_hidden(model, &batch, seen) == SQB_BAD_INPUT, "refuse an unfinished model");
  expect(sqb_finish(model) == SQB_BAD_TENSOR, "refuse missing tensors");
  add_all(model, HIDDEN);
  expect(sqb_finish(model) == SQB_OK, "finish");
  expect(sqb_hidden(model, &batch, seen) == SQB_OK, "hidden");
  for (int i = 0; i < TOKENS * HIDDEN; ++i) {
    if (first) wanted[i] = seen[i];
    expect(fabsf(seen[i] - wanted[i]) < 1e-5f, "kernel sets agree");
  }
  for (int pooling = SQB_MEAN; pooling <= SQB_MAX; ++pooling)
    expect(sqb_embed(model, &batch, (sqb_pooling)pooling, 1, vectors) == SQB_OK, "embed");
  expect(sqb_sequence_logits(model, &batch, vectors) == SQB_NO_HEAD && sqb_labels(model) == 0, "refuse a head it lacks");
  sqb_free(model);
}

/* Enough rows for each thread to take some through a layer alone. */
static void test_threads(void) {
  enum { SEQUENCES = 20, LENGTH = 16, ROWS = SEQUENCES * LENGTH };
  static int32_t many_ids[ROWS], many_types[ROWS], many_starts[SEQUENCES + 1];
  static float seen[2][ROWS * HIDDEN];
  for (int t = 0; t < ROWS; ++t) many_ids[t] = t * 7 % VOCAB;
  for (int b = 0; b <= SEQUENCES; ++b) many_starts[b] = b * LENGTH;
  const sqb_batch batch = {many_ids, many_types, many_starts, SEQUENCES};
  const sqb_config c = config();
  for (int threads = 1; threads <= 3; threads += 2) {
    sqb_model* model = NULL;
    expect(sqb_create(&c, NULL, threads, &model) == SQB_OK, "create");
    add_all(model, HIDDEN);
    expect(sqb_finish(model) == SQB_OK, "finish");
    for (int i = 0; i < 50; ++i) {
      expect(sqb_hidden(model, &batch, seen[threads > 1]) == SQB_OK, "hidden of many rows");
      expect(memcmp(seen[0], seen[threads > 1], sizeof seen[0]) == 0, "threads agree");
    }
    sqb_free(model);
  }
}

/* Three heads of four channels beside 24 hidden ones: attention of which a part was pruned. */
static void test_pruned_heads(void) {
  sqb_config c = config();
  c.num_attention_heads = 3;
  c.attention_head_size = 4;
  sqb_model* model = NULL;
  expect(sqb_create(&c, NULL, 1, &model) == SQB_OK, "create with pruned heads");
  add_all(model, 12);
  expect(sqb_finish(model) == SQB_OK, "finish with pruned heads");
  const sqb_batch batch = {ids, types, starts, 3};
  float seen[TOKENS * HIDDEN];
  expect(sqb_hidden(model, &batch, seen) == SQB_OK, "hidden with pruned heads");
  sqb_free(model);
  c.attention_head_size = 5;
  expect(sqb_create(&c, NULL, 1, &model) == SQB_BAD_CONFIG, "refuse heads that the groups do not divide");
  c.attention_head_size = -1;
  expect(sqb_create(&c, NULL, 1, &model) == SQB_BAD_CONFIG, "refuse a negative head size");
}

static void test_refusals(void) {
  sqb_config c = config();
  sqb_model* model = NULL;
  c.num_attention_heads = 5;
  expect(sqb_create(&c, NULL, 1, &model) == SQB_BAD_CONFIG, "refuse heads that do not divide");
  c = config();
  expect(sqb_create(&c, "abacus", 1, &model) == SQB_BAD_CONFIG, "refuse an unknown kernel");
  expect(sqb_create(&c, NULL, 0, &model) == SQB_BAD_CONFIG, "refuse no threads");
  expect(sqb_create(&c, NULL, 1, &model) == SQB_OK, "create");
  expect(add(model, "embeddings.nothing", 3, 0, 0) == SQB_BAD_TENSOR, "refuse an unknown tensor");
  expect(add(model, "embeddings.LayerNorm.weight", HIDDEN + 1, 0, 0) == SQB_BAD_TENSOR, "refuse a wrong shape");
  add_all(model, HIDDEN);
  expect(add(model, "embeddings.LayerNorm.weight", HIDDEN, 0, 0) == SQB_BAD_TENSOR, "refuse a tensor twice");
  expect(sqb_finish(model) == SQB_OK, "finish");
  float out[TOKENS * HIDDEN];
  const int32_t bad_ids[TOKENS] = {1, 2, VOCAB, 4, 5, 6, 7, 8, 9}, falling[4] = {0, 4, 1, TOKENS};
  const sqb_batch high = {bad_ids, types, starts, 3}, back = {ids, types, falling, 3}, none = {ids, types, starts, 0};
  expect(sqb_hidden(model, &high, out) == SQB_BAD_INPUT && strstr(sqb_error(), "tokenizer"), "refuse an id past the end");
  expect(sqb_hidden(model, &back, out) == SQB_BAD_INPUT, "refuse falling cu_seqlens");
  expect(sqb_hidden(model, &none, out) == SQB_BAD_INPUT, "refuse an empty batch");
  sqb_free(model);
}

int main(void) {
  float wanted[TOKENS * HIDDEN];
  for (int32_t i = 0; sqb_available_kernel(i); ++i)
    for (int threads = 1; threads <= 3; ++threads) test_hidden(sqb_available_kernel(i), threads, wanted, i == 0 && threads == 1);
  test_threads();
  test_pruned_heads();
  test_refusals();
  printf("%d failures\n", failures);
  return failures != 0;
}
