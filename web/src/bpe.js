// Byte-pair encoding over letters, with a prefix for those within words: the pair that was learned first is joined
// first (Sennrich et al. 2016, arXiv 1508.07909).
import { artifactError, shown } from "./errors.js";
import { push, readVocab } from "./pieces.js";

/**
 * A symbol of a word while pairs are joined: a doubly linked list in arrays would say the same.
 * @typedef {{ id: number, start: number, end: number, before: number, next: number, alive: boolean }} Symbol
 */

/** @typedef {{ rank: number, at: number, left: number, right: number, id: number }} Pair */

export class BytePairs {
  /** @param {any} json the `model` of a tokenizer.json */
  constructor(json) {
    checkOptions(json);
    this.vocab = readVocab(json.vocab);
    this.prefix = json.continuing_subword_prefix ?? "";
    this.fuse = json.fuse_unk ?? false;
    this.unknown = json.unk_token === null ? undefined : this.vocab.get(json.unk_token);
    /** @type {Map<number, Map<number, { rank: number, id: number }>>} */
    this.pairs = new Map();
    json.merges.forEach((/** @type {any} */ merge, /** @type {number} */ rank) => this.learn(merge, rank));
  }

  /**
   * @param {string | [string, string]} merge
   * @param {number} rank
   */
  learn(merge, rank) {
    const [left, right] = typeof merge === "string" ? merge.split(" ") : merge;
    const ids = [left, right, left + right.slice(this.prefix.length)].map((token) => this.vocab.get(token));
    const [first, second, id] = ids;
    if (first === undefined || second === undefined || id === undefined) {
      throw artifactError(`tokenizer.json joins ${shown(merge)}, which its vocabulary lacks; copy it again`);
    }
    const row = this.pairs.get(first) ?? new Map();
    this.pairs.set(first, row.set(second, { rank, id }));
  }

  /**
   * Adds the pieces of one word that begins at `at` of the normalized text.
   * @param {string} word
   * @param {number} at
   * @param {import("./pieces.js").Pieces} out
   */
  cut(word, at, out) {
    const symbols = this.letters(word);
    const heap = new Heap();
    for (let n = 0; n + 1 < symbols.length; n++) this.offer(symbols, n, heap);
    for (let pair = heap.pop(); pair; pair = heap.pop()) this.join(symbols, pair, heap);
    for (const { id, start, end, alive } of symbols) if (alive) push(out, id, at + start, at + end);
  }

  /**
   * @param {string} word
   * @returns {Symbol[]}
   */
  letters(word) {
    /** @type {Symbol[]} */
    const symbols = [];
    let start = 0;
    let open = false; // whether the symbol before is unknown letters that grow
    for (const letter of word) {
      const end = start + letter.length;
      const id = this.vocab.get(start ? this.prefix + letter : letter) ?? this.unknown;
      const isUnknown = id !== undefined && id === this.unknown;
      if (isUnknown && open && this.fuse) symbols[symbols.length - 1].end = end;
      else if (id !== undefined) {
        const n = symbols.length;
        symbols.push({ id, start, end, before: n - 1, next: n + 1, alive: true });
      }
      open = isUnknown;
      start = end;
    }
    if (symbols.length) symbols[symbols.length - 1].next = -1;
    return symbols;
  }

  /**
   * Notes that a symbol and the next one can be joined, where that was learned.
   * @param {Symbol[]} symbols
   * @param {number} at
   * @param {Heap} heap
   */
  offer(symbols, at, heap) {
    const [left, right] = [symbols[at], symbols[symbols[at].next]];
    const found = right && this.pairs.get(left.id)?.get(right.id);
    if (found) heap.push({ rank: found.rank, at, left: left.id, right: right.id, id: found.id });
  }

  /**
   * Joins a pair, unless one of the two has been joined with another in the meantime.
   * @param {Symbol[]} symbols
   * @param {Pair} pair
   * @param {Heap} heap
   */
  join(symbols, { at, left, right, id }, heap) {
    const one = symbols[at];
    const other = symbols[one.next];
    if (!one.alive || one.id !== left || other?.id !== right) return;
    Object.assign(one, { id, end: other.end, next: other.next });
    other.alive = false;
    if (one.next >= 0) symbols[one.next].before = at;
    if (one.before >= 0) this.offer(symbols, one.before, heap);
    this.offer(symbols, at, heap);
  }
}

/** @param {any} json */
function checkOptions(json) {
  const other = ["dropout", "end_of_word_suffix", "byte_fallback", "ignore_merges"].find((name) => json[name]);
  if (other) {
    throw artifactError(
      `tokenizer.json has a BPE model with ${other} ${shown(json[other])}, which this package does not run; ` +
        "run the model with squeezebert for Python",
    );
  }
}

/** Pairs by rank, of equal ranks the first in the word: a binary heap. */
class Heap {
  constructor() {
    /** @type {Pair[]} */
    this.items = [];
  }

  /** @param {Pair} pair */
  push(pair) {
    const { items } = this;
    let at = items.push(pair) - 1;
    for (let up = (at - 1) >> 1; at && precedes(pair, items[up]); up = (at - 1) >> 1) {
      items[at] = items[up];
      at = up;
    }
    items[at] = pair;
  }

  /** @returns {Pair | undefined} */
  pop() {
    const { items } = this;
    const top = items[0];
    const last = items.pop();
    if (!last || !items.length) return top;
    let at = 0;
    for (let down = 1; down < items.length; down = 2 * at + 1) {
      if (down + 1 < items.length && precedes(items[down + 1], items[down])) down++;
      if (!precedes(items[down], last)) break;
      items[at] = items[down];
      at = down;
    }
    items[at] = last;
    return top;
  }
}

/**
 * @param {Pair} a
 * @param {Pair} b
 */
const precedes = (a, b) => a.rank < b.rank || (a.rank === b.rank && a.at < b.at);
