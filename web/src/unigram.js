// Unigram (Kudo 2018, arXiv 1804.10959): of all ways to cut a word the one whose pieces have the largest sum of scores.
import { artifactError, shown } from "./errors.js";
import { push } from "./pieces.js";

const PENALTY = 10; // of an unknown letter, below the worst score of a piece
const PREFIX_ONLY = -1;

export class Unigram {
  /** @param {any} json the `model` of a tokenizer.json */
  constructor(json) {
    const { vocab, unk_id: unknown, byte_fallback: bytes } = json;
    if (bytes) {
      throw artifactError(
        "tokenizer.json has a Unigram model with byte_fallback, which this package does not run; " +
          "run the model with squeezebert for Python",
      );
    }
    if (!Array.isArray(vocab) || !Number.isInteger(unknown) || !vocab[unknown]) {
      throw artifactError(
        `tokenizer.json has a Unigram model with unk_id ${shown(unknown)}; copy it again from the original model`,
      );
    }
    /** @type {number} */
    this.unknown = unknown;
    this.scores = Float64Array.from(vocab, ([, score]) => score);
    this.worst = this.scores.reduce((least, score) => Math.min(least, score), Infinity) - PENALTY;
    /** @type {Map<string, number>} */
    this.vocab = new Map(vocab.map(([piece], id) => [piece, id]));
    this.prefixes = prefixesOf(this.vocab);
  }

  /**
   * Adds the pieces of one word that begins at `at` of the normalized text.
   * @param {string} word
   * @param {number} at
   * @param {import("./pieces.js").Pieces} out
   * @param {number} [extra] units at the word's begin that do not stand in the text
   */
  cut(word, at, out, extra = 0) {
    const first = (word.codePointAt(extra) ?? 0) > 0xffff ? 2 : 1;
    for (const [start, end] of this.path(word)) {
      const id = this.vocab.get(word.slice(start, end)) ?? this.unknown;
      // What does not stand in the text stands for the letter that it was put before.
      const to = end > extra ? end - extra : first;
      push(out, id, at + Math.max(start - extra, 0), at + to);
    }
  }

  /**
   * The pieces of the best way, unknown neighbours as one.
   * @param {string} word
   * @returns {[number, number][]}
   */
  path(word) {
    const { starts, unknown } = this.search(word);
    /** @type {[number, number][]} */
    const found = [];
    let fused = false;
    for (let end = word.length; end > 0; end = starts[end]) {
      if (unknown[end] && fused) found[found.length - 1][0] = starts[end];
      else found.push([starts[end], end]);
      fused = unknown[end] === 1;
    }
    return found.reverse();
  }

  /**
   * For each place where a piece can end, where the best one begins, and whether it is an unknown letter.
   * @param {string} word
   */
  search(word) {
    const starts = new Int32Array(word.length + 1).fill(-1);
    const best = new Float64Array(word.length + 1);
    const unknown = new Uint8Array(word.length + 1);
    const offer = (
      /** @type {number} */ start,
      /** @type {number} */ end,
      /** @type {number} */ score,
      /** @type {number} */ mark,
    ) => {
      const sum = score + best[start];
      if (starts[end] >= 0 && sum <= best[end]) return;
      [starts[end], best[end], unknown[end]] = [start, sum, mark];
    };
    for (let start = 0; start < word.length;) {
      const size = /** @type {number} */ (word.codePointAt(start)) > 0xffff ? 2 : 1;
      let known = false;
      for (let end = start + 1; end <= word.length; end++) {
        const id = this.prefixes.get(word.slice(start, end));
        if (id === undefined) break;
        if (id === PREFIX_ONLY) continue;
        offer(start, end, this.scores[id], Number(id === this.unknown));
        known ||= end - start === size;
      }
      if (!known) offer(start, start + size, this.worst, 1);
      start += size;
    }
    return { starts, unknown };
  }
}

/**
 * The pieces' ids, and every beginning of a piece, so that a search knows when to stop.
 * @param {Map<string, number>} vocab
 */
function prefixesOf(vocab) {
  const found = new Map(vocab);
  for (const piece of vocab.keys()) {
    for (let end = piece.length - 1; end > 0; end--) {
      const prefix = piece.slice(0, end);
      if (found.has(prefix)) break; // and so are all shorter ones, or they will be
      found.set(prefix, PREFIX_ONLY);
    }
  }
  return found;
}
