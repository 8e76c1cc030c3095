// Encodings to batches without padding: the tokens of all sequences back to back, cut by a token budget.
import { inputError } from "./errors.js";

export const MAX_TOKENS = 2048; // of a batch: enough to keep the engine busy, few enough that its results stay small

/**
 * Sequence b is the tokens starts[b] to starts[b + 1]; `order` are the sequences' places in the caller's list.
 * @typedef {{ ids: Int32Array, types: Int32Array, starts: Int32Array, order: number[] }} Batch
 */

/** @typedef {{ ids: Int32Array, types: Int32Array }} Sequence */

/**
 * Batches of at most `budget` tokens that together hold each sequence once, the longest first. A longer sequence gets
 * a batch of its own.
 * @param {Sequence[]} sequences
 * @param {number} budget
 * @returns {Generator<Batch>}
 */
export function* batches(sequences, budget = MAX_TOKENS) {
  const order = sequences.map((_, at) => at).sort((a, b) => sequences[b].ids.length - sequences[a].ids.length);
  for (let start = 0; start < order.length;) {
    let tokens = 0;
    let end = start;
    while (end < order.length && (end === start || tokens + sequences[order[end]].ids.length <= budget)) {
      tokens += sequences[order[end++]].ids.length;
    }
    yield pack(sequences, order.slice(start, end));
    start = end;
  }
}

/**
 * @param {Sequence[]} sequences
 * @param {number[]} order
 * @returns {Batch}
 */
export function pack(sequences, order) {
  const starts = new Int32Array(order.length + 1);
  order.forEach((index, b) => {
    const { length } = sequences[index].ids;
    if (!length) throw inputError(`text ${index} has no tokens, and this tokenizer adds none; leave it out`);
    starts[b + 1] = starts[b] + length;
  });
  const [ids, types] = [new Int32Array(starts[order.length]), new Int32Array(starts[order.length])];
  order.forEach((index, b) => {
    ids.set(sequences[index].ids, starts[b]);
    types.set(sequences[index].types, starts[b]);
  });
  return { ids, types, starts, order };
}
