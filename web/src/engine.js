// The engine with one model in it: tensors go in once, packed batches go through. Its interface is squeezebert.h.
import { FIELDS, POOLINGS } from "./config.js";
import { SqueezeBertError } from "./errors.js";
import { chooseEngine } from "./features.js";
import { writeFloat32 } from "./safetensors.js";
import { compile, Wasm } from "./wasm.js";

const FILES = {
  relaxed: new URL("../engine/squeezebert-relaxed.wasm", import.meta.url),
  simd: new URL("../engine/squeezebert-simd.wasm", import.meta.url),
  plain: new URL("../engine/squeezebert-plain.wasm", import.meta.url),
  threads: new URL("../engine/squeezebert-threads.wasm", import.meta.url),
  "relaxed-threads": new URL("../engine/squeezebert-relaxed-threads.wasm", import.meta.url),
};
const MAX_THREADS = 64;
// The engine uses these where they are; everything else it copies into a layout of its own.
const BORROWED = ["embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"];

/** @typedef {import("./batch.js").Batch} Batch */

export class Engine {
  /**
   * @param {Wasm} wasm
   * @param {number} threads
   * @param {() => void} stop ends the threads
   */
  constructor(wasm, threads, stop) {
    this.wasm = wasm;
    this.threads = threads;
    this.stop = stop;
    this.model = 0;
    this.kernel = "";
    this.labels = 0;
    /** @type {import("./config.js").Config} */
    this.config = /** @type {any} */ ({});
    /** @type {number[]} */
    this.borrowed = [];
  }

  /**
   * Starts the module. It may be done while the model still downloads.
   * @param {{ engine: string, threads: number }} wanted
   */
  static async start({ engine, threads }) {
    if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS) {
      throw new SqueezeBertError(`threads is ${threads}; choose 1 to ${MAX_THREADS}`);
    }
    const kind = chooseEngine(engine, threads);
    const module = await compile(FILES[kind]);
    if (!kind.endsWith("threads")) return new Engine(await Wasm.start(module), 1, () => {});
    const { startThreads } = await import("./threads.js");
    const { wasm, stop } = await startThreads(module, threads);
    return new Engine(wasm, threads, stop);
  }

  /**
   * Puts a model in.
   * @param {import("./config.js").Config} config
   * @param {import("./safetensors.js").Tensor[]} tensors
   */
  fill(config, tensors) {
    const { exports } = this.wasm;
    this.config = config;
    this.model = this.wasm.with([struct(config), 4], (numbers, out) => {
      this.wasm.call(() => exports.sqb_create(numbers, 0, this.threads, out));
      return new Uint32Array(this.wasm.memory.buffer, out, 1)[0];
    });
    // A bias or a scale comes after its weight, or after the two factors of it.
    const rank = (/** @type {string} */ name) => (/weight$|\.down$|\.up$/.test(name) ? 0 : 1);
    for (const tensor of [...tensors].sort((a, b) => rank(a.name) - rank(b.name))) this.add(tensor);
    this.wasm.call(() => exports.sqb_finish(this.model));
    this.kernel = this.wasm.text(exports.sqb_kernel(this.model));
    this.labels = exports.sqb_labels(this.model);
  }

  /** @param {import("./safetensors.js").Tensor} tensor */
  add(tensor) {
    const { exports } = this.wasm;
    const int8 = tensor.dtype === "I8";
    const add = int8 ? exports.sqb_add_int8 : exports.sqb_add;
    const count = tensor.shape.reduce((product, each) => product * each, 1);
    const data = this.wasm.put(int8 ? tensor.bytes : 4 * count);
    if (!int8) writeFloat32(tensor, this.wasm.bytes.subarray(data, data + 4 * count));
    const shape = BigInt64Array.from(tensor.shape, BigInt);
    try {
      this.wasm.with([encoded(tensor.name), shape], (name, sizes) =>
        this.wasm.call(() => add(this.model, name, data, sizes, tensor.shape.length)),
      );
    } finally {
      if (BORROWED.includes(tensor.name)) this.borrowed.push(data);
      else exports.free(data);
    }
  }

  /**
   * One vector a sequence [B, C].
   * @param {Batch} batch
   * @param {keyof typeof POOLINGS} pooling
   * @param {boolean} unit
   */
  embed(batch, pooling, unit) {
    const { sqb_embed } = this.wasm.exports;
    const size = (batch.starts.length - 1) * this.config.hidden_size;
    return this.run(batch, size, (at, out) => sqb_embed(this.model, at, POOLINGS[pooling], Number(unit), out));
  }

  /**
   * The classifier's outputs for each sequence [B, L].
   * @param {Batch} batch
   */
  sequenceLogits(batch) {
    const { sqb_sequence_logits } = this.wasm.exports;
    const size = (batch.starts.length - 1) * this.labels;
    return this.run(batch, size, (at, out) => sqb_sequence_logits(this.model, at, out));
  }

  /**
   * The classifier's outputs for each token [T, L].
   * @param {Batch} batch
   */
  tokenLogits(batch) {
    const { sqb_token_logits } = this.wasm.exports;
    const size = batch.ids.length * this.labels;
    return this.run(batch, size, (at, out) => sqb_token_logits(this.model, at, out));
  }

  /**
   * Scores of each token as the first and as the last of an answer [T, 2].
   * @param {Batch} batch
   */
  spanLogits(batch) {
    const { sqb_span_logits } = this.wasm.exports;
    return this.run(batch, 2 * batch.ids.length, (at, out) => sqb_span_logits(this.model, at, out));
  }

  /**
   * Scores over the vocabulary at some of the tokens [N, V].
   * @param {Batch} batch
   * @param {Int32Array} rows places among the batch's tokens [N]
   */
  maskedLogits(batch, rows) {
    const { sqb_masked_logits } = this.wasm.exports;
    return this.wasm.with([rows], (where) =>
      this.run(batch, rows.length * this.config.vocab_size, (at, out) =>
        sqb_masked_logits(this.model, at, where, rows.length, out),
      ),
    );
  }

  /**
   * @param {Batch} batch
   * @param {number} size of the output, in numbers
   * @param {(batch: number, out: number) => number} call
   */
  run({ ids, types, starts }, size, call) {
    return this.wasm.with([ids, types, starts, 16, 4 * size], (atIds, atTypes, atStarts, batch, out) => {
      new Int32Array(this.wasm.memory.buffer, batch, 4).set([atIds, atTypes, atStarts, starts.length - 1]);
      this.wasm.call(() => call(batch, out));
      return this.wasm.floats(out, size);
    });
  }

  /** Ends the threads and lets the memory go. */
  close() {
    if (this.model) this.wasm.exports.sqb_free(this.model);
    this.model = 0;
    this.stop();
  }
}

/**
 * The config as the engine's struct: numbers of 4 bytes, one of them a float.
 * @param {import("./config.js").Config} config
 */
function struct(config) {
  const names = /** @type {(keyof typeof FIELDS)[]} */ (Object.keys(FIELDS));
  const view = new DataView(new ArrayBuffer(4 * names.length));
  names.forEach((name, at) => {
    if (name === "layer_norm_eps") view.setFloat32(4 * at, config[name], true);
    else view.setInt32(4 * at, config[name], true);
  });
  return view;
}

/** @param {string} text */
const encoded = (text) => new TextEncoder().encode(`${text}\0`);
