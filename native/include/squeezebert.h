/* squeezebert: an encoder of the BERT family on a CPU. The C interface of the engine.
 *
 * A model is created from the architecture's numbers, given its tensors by name, and finished; then it answers batches.
 * Names and shapes are Hugging Face's SqueezeBERT ones without the `transformer.` prefix, for example
 * `encoder.layers.0.attention.query.weight` [heads * head size, hidden / groups, 1]. Tensors are row-major float32. The weights of
 * linear layers and the embedding tables may be int8 instead; then a float32 tensor NAME_scale [rows] comes with each.
 * In place of X.weight, each linear layer of the encoder may have two factors, X.down [groups * rank, hidden / groups, 1]
 * and X.up [hidden, rank, 1] (of int8 ones X.down_scale and X.up_scale), of any rank.
 *
 * Batches hold the tokens of all sequences back to back, with no padding:
 *   ids [T], types [T], cu_seqlens [B + 1] with cu_seqlens[0] = 0 and cu_seqlens[B] = T.
 *
 * Every function returns SQB_OK or the reason it failed; sqb_error() then tells the calling thread what was wrong, what
 * was seen and what to do. As WebAssembly, without exceptions, a failing call does not return but hands both to the host's
 * sqb_host_fail; see web/engine/build.py. A finished model may be used by several threads at once; adding tensors may not.
 */
#ifndef SQUEEZEBERT_H
#define SQUEEZEBERT_H

#include <stdint.h>

#if defined(_WIN32)
#define SQB_API __declspec(dllexport)
#else
#define SQB_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  SQB_OK = 0,
  SQB_BAD_CONFIG = 1, /* an architecture or option that cannot be */
  SQB_BAD_TENSOR = 2, /* a tensor that is missing, unknown, misshaped or not finite */
  SQB_BAD_INPUT = 3,  /* a batch that cannot be: ids out of range, a sequence too long */
  SQB_NO_HEAD = 4,    /* the model has no such head */
  SQB_NO_MEMORY = 5,
  SQB_INTERNAL = 6
} sqb_status;

typedef enum { SQB_GELU = 1, SQB_GELU_NEW = 2, SQB_RELU = 3, SQB_TANH = 4 } sqb_activation;
typedef enum { SQB_MEAN = 0, SQB_CLS = 1, SQB_MAX = 2 } sqb_pooling;

typedef struct {
  int32_t vocab_size, embedding_size, hidden_size, num_hidden_layers, num_attention_heads, intermediate_size;
  int32_t max_position_embeddings, type_vocab_size;
  int32_t q_groups, k_groups, v_groups, post_attention_groups, intermediate_groups, output_groups;
  int32_t conv_kernel;    /* 1 for none; odd k puts a depthwise convolution over k tokens before each grouped layer */
  int32_t attention_rank; /* 0 for full attention */
  int32_t hidden_act;     /* sqb_activation */
  int32_t pooler_act;     /* sqb_activation */
  int32_t classifier_pooling; /* sqb_pooling: what the pooler reads; not SQB_MAX */
  float layer_norm_eps;
  int32_t attention_head_size; /* 0 for hidden_size / num_attention_heads; pruned attention has another */
} sqb_config;

typedef struct {
  const int32_t* ids;
  const int32_t* types;
  const int32_t* cu_seqlens;
  int32_t sequences;
} sqb_batch;

typedef struct sqb_model sqb_model;

/* kernel: "avx512", "avx2", "wasm-simd", "plain", or NULL for the best that this machine runs. threads: 1 or more; 1 spawns
 * none. */
SQB_API sqb_status sqb_create(const sqb_config* config, const char* kernel, int32_t threads, sqb_model** model);
SQB_API void sqb_free(sqb_model* model);

/* Packs one tensor; a bias or a scale comes after its weight or its factors. The data is copied, but for
 * `embeddings.word_embeddings.weight` and `cls.predictions.decoder.weight`, which are used in place and must outlive
 * the model. */
SQB_API sqb_status sqb_add(sqb_model* model, const char* name, const float* data, const int64_t* shape, int32_t rank);
SQB_API sqb_status sqb_add_int8(sqb_model* model, const char* name, const int8_t* data, const int64_t* shape,
                                int32_t rank);
/* Checks that nothing is missing; the model is ready then. */
SQB_API sqb_status sqb_finish(sqb_model* model);

SQB_API const char* sqb_kernel(const sqb_model* model);
SQB_API int32_t sqb_labels(const sqb_model* model); /* rows of `classifier`, 0 when there is none */
/* Bytes of activations that the calls of the past have grown their memory to; those under way are not counted. */
SQB_API int64_t sqb_workspace(sqb_model* model);
/* The name of the i-th available kernel set, best first; NULL past the end. */
SQB_API const char* sqb_available_kernel(int32_t i);
SQB_API const char* sqb_error(void);

/* The most operations a second (a multiplication and an addition are two) that one core does in registers alone with a
 * kernel set's instructions; NULL is the best set. Takes a tenth of a second. */
SQB_API sqb_status sqb_peak(const char* kernel, double* float32, double* int8);

/* Between start and stop, the calling thread's calls book their wall time, each moment under one kind of operation. */
#define SQB_OPERATIONS 9
SQB_API const char* sqb_operation(int32_t i); /* "qkv", "attention", ...; NULL past the end */
SQB_API void sqb_profile_start(void);
SQB_API void sqb_profile_stop(double* seconds); /* [SQB_OPERATIONS] */

/* The calling thread's calls show what each int8 layer reads, before it is rounded: some rows of floats at a time, `stride`
 * apart, in the order of the tokens; `layer` is the name of its weights without the last part, that of the first where query,
 * key and value are one. A NULL watcher ends it. Complete for a model of one thread. */
typedef void (*sqb_watcher)(void* user, const char* layer, const float* rows, int64_t count, int64_t channels, int64_t stride);
SQB_API void sqb_watch(sqb_watcher watcher, void* user);

SQB_API sqb_status sqb_hidden(sqb_model* model, const sqb_batch* batch, float* out); /* [T, hidden] */
SQB_API sqb_status sqb_embed(sqb_model* model, const sqb_batch* batch, sqb_pooling pooling, int32_t normalize,
                             float* out);                                             /* [B, hidden] */
SQB_API sqb_status sqb_pooler(sqb_model* model, const sqb_batch* batch, float* out);          /* [B, hidden] */
SQB_API sqb_status sqb_sequence_logits(sqb_model* model, const sqb_batch* batch, float* out); /* [B, labels] */
SQB_API sqb_status sqb_token_logits(sqb_model* model, const sqb_batch* batch, float* out);    /* [T, labels] */
SQB_API sqb_status sqb_span_logits(sqb_model* model, const sqb_batch* batch, float* out);     /* [T, 2] */
/* rows [count]: positions among the T tokens. out: [count, vocab_size]. */
SQB_API sqb_status sqb_masked_logits(sqb_model* model, const sqb_batch* batch, const int32_t* rows, int32_t count,
                                     float* out);

#ifdef __cplusplus
}
#endif
#endif
