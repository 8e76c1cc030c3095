// From texts to the engine's outputs: tokenize, cut into windows, pack, run, and sort what comes by window.
import { batches, MAX_TOKENS } from "./batch.js";
import { Tokenizer } from "./tokenizer.js";
import { windowsOf } from "./windows.js";

/** @typedef {import("./tokenizer.js").Text} Text */
/** @typedef {import("./windows.js").Window} Window */
/** @typedef {import("./batch.js").Batch} Batch */

export class Runtime {
  /**
   * @param {import("./artifact.js").Artifact} artifact
   * @param {import("./engine.js").Engine} engine with the artifact's tensors in it
   */
  constructor({ config, head, tokenizer }, engine) {
    const limit = config.max_position_embeddings;
    this.head = head;
    this.engine = engine;
    this.tokenizer = new Tokenizer(tokenizer);
    this.limit = Math.min(head.maxLength || limit, limit);
    this.known = this.tokenizer.known(config.vocab_size);
    const unnamed = Array.from({ length: engine.labels }, (_, at) => `LABEL_${at}`);
    this.labels = head.labels.length ? head.labels : unnamed;
  }

  /**
   * @param {Text[]} texts
   * @param {boolean} [second] whether always the second text of a pair gives way
   */
  windows(texts, second = false) {
    return texts.flatMap((text, index) => windowsOf(this.tokenizer.encode(text), index, this.limit, second));
  }

  /**
   * One row for each window, in their order.
   * @param {Window[]} windows
   * @param {(batch: Batch) => Float32Array} compute gives one row a sequence
   */
  rows(windows, compute) {
    /** @type {Float32Array[]} */
    const rows = [];
    for (const batch of batches(windows, MAX_TOKENS)) {
      const found = compute(batch);
      const width = found.length / batch.order.length;
      batch.order.forEach((index, b) => (rows[index] = found.subarray(b * width, (b + 1) * width)));
    }
    return rows;
  }

  /**
   * The texts' windows, and the rows of each window's tokens one after the other.
   * @param {Text[]} texts
   * @param {(batch: Batch) => Float32Array} compute gives one row a token
   * @param {boolean} [second]
   */
  tokens(texts, compute, second = false) {
    const windows = this.windows(texts, second);
    /** @type {Map<Window, Float32Array>} */
    const rows = new Map();
    for (const batch of batches(windows, MAX_TOKENS)) {
      const found = compute(batch);
      const width = found.length / batch.ids.length;
      batch.order.forEach((index, b) => {
        rows.set(windows[index], found.subarray(batch.starts[b] * width, batch.starts[b + 1] * width));
      });
    }
    return { windows, of: (/** @type {Window} */ window) => /** @type {Float32Array} */ (rows.get(window)) };
  }
}
