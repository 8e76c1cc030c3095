// A text that is longer than the encoder: windows that overlap, and their tokens put together again.
//
// A window is the full encoding with a stretch of one text left out, so what the template puts around the texts stays.
// Neighbouring windows share tokens; of all windows that hold a token, the one with the most around it has the word.
import { inputError } from "./errors.js";
import { offsetsOf } from "./tokenizer.js";

const STRIDE = 64; // tokens that neighbours share, but never more than half a window
// The text that is not windowed may take so much of the room that this share of it is left.
const SMALLEST_SHARE = 8;
const FAR = 2 ** 40; // context where the text itself begins or ends: nothing is missing there

/** @typedef {[number, number]} Span */

/**
 * One encoding that fits: `ids` and `types`, of the text number `index`. `ranges` say which tokens of the whole it has.
 * @typedef {object} Window
 * @property {Int32Array} ids
 * @property {Int32Array} types
 * @property {number} index
 * @property {Span[]} ranges
 * @property {import("./tokenizer.js").Encoding} whole
 */

/**
 * The windows of one text or pair.
 * @param {import("./tokenizer.js").Encoding} whole
 * @param {number} index of the text in the call
 * @param {number} limit the longest window in tokens
 * @param {boolean} second whether always the second text of a pair is windowed, not the longer one
 * @returns {Window[]}
 */
export function windowsOf(whole, index, limit, second) {
  const { ids, types, spans } = whole;
  const length = ids.length;
  if (length <= limit) return [{ ids, types, index, ranges: [[0, length]], whole }];
  return cut(length, spans, limit, second).map((ranges) => ({
    ids: taken(ids, ranges),
    types: taken(types, ranges),
    index,
    ranges,
    whole,
  }));
}

/**
 * @param {number} length
 * @param {Span[]} spans
 * @param {number} limit
 * @param {boolean} second
 * @returns {Span[][]}
 */
function cut(length, spans, limit, second) {
  const sizes = spans.map(([start, end]) => end - start);
  const text = sizes.reduce((sum, size) => sum + size, 0);
  const room = limit - (length - text);
  const which = spans.length === 1 || (!second && sizes[0] > sizes[1]) ? 0 : 1;
  const other = text - sizes[which];
  const width = room - other;
  if (room < 1)
    throw inputError(`special tokens take ${limit - room} of ${limit} tokens; take a model with longer windows`);
  if (width * SMALLEST_SHARE < room) {
    throw inputError(
      `the ${which ? "first" : "second"} text of a pair takes ${other} of ${room} tokens, too many to window the ` +
        `other; shorten it to at most ${room - Math.ceil(room / SMALLEST_SHARE)} tokens`,
    );
  }
  const step = width - Math.min(STRIDE, width >> 1);
  const [start, end] = spans[which];
  const found = [];
  for (let at = start; at < Math.max(end - width, start) + step; at += step) {
    found.push(without(length, [start, at], [Math.min(at + width, end), end]));
  }
  return found;
}

/**
 * The ranges of 0..length that are left without two gaps.
 * @param {number} length
 * @param {Span} first
 * @param {Span} second
 * @returns {Span[]}
 */
function without(length, first, second) {
  /** @type {Span[]} */
  const ranges = [
    [0, first[0]],
    [first[1], second[0]],
    [second[1], length],
  ];
  return ranges.filter(([start, end]) => start < end);
}

/**
 * @param {Int32Array} values
 * @param {Span[]} ranges
 */
function taken(values, ranges) {
  const found = new Int32Array(ranges.reduce((sum, [start, end]) => sum + end - start, 0));
  let at = 0;
  for (const [start, end] of ranges) {
    found.set(values.subarray(start, end), at);
    at += end - start;
  }
  return found;
}

/**
 * Where a window holds tokens of a text: `count` of them, from `row` on in the window, from `start` on in the text.
 * @typedef {{ row: number, start: number, count: number }} Place
 */

/** The tokens of one text, seen through its windows. */
export class Whole {
  /**
   * @param {Window[]} windows all those of the text, in order
   * @param {number} text 0, or 1 for the second of a pair
   */
  constructor(windows, text) {
    const { ids, spans, contents } = windows[0].whole;
    const [from, to] = spans[text];
    this.ids = ids.subarray(from, to);
    this.offsets = offsetsOf(contents[text]);
    this.places = windows.map((window) => placeOf(window.ranges, from, to));
  }

  /** For each token the number of the window that holds it with the most tokens around it. */
  best() {
    const winner = new Int32Array(this.ids.length);
    const most = new Float64Array(this.ids.length).fill(-1);
    this.places.forEach(({ start, count }, number) => {
      const [left, right] = [start === 0 ? FAR : 0, start + count === this.ids.length ? FAR : 0];
      for (let at = 0; at < count; at++) {
        const around = Math.min(at + left, count - 1 - at + right);
        if (around <= most[start + at]) continue;
        most[start + at] = around;
        winner[start + at] = number;
      }
    });
    return winner;
  }
}

/**
 * @param {Span[]} ranges of a window
 * @param {number} from the text's first token in the whole
 * @param {number} to the end of its tokens
 * @returns {Place}
 */
function placeOf(ranges, from, to) {
  let row = 0;
  for (const [start, end] of ranges) {
    const [first, last] = [Math.max(start, from), Math.min(end, to)];
    if (first < last) return { row: row + first - start, start: first - from, count: countFrom(ranges, first, to) };
    row += end - start;
  }
  return { row: 0, start: 0, count: 0 };
}

/**
 * How many tokens of a text a window has from its first one on; ranges that touch count as one.
 * @param {Span[]} ranges
 * @param {number} first
 * @param {number} to
 */
function countFrom(ranges, first, to) {
  let at = first;
  for (const [start, end] of ranges) if (start <= at && at < end) at = Math.min(end, to);
  return at - first;
}

/**
 * The windows of each text, side by side.
 * @param {Window[]} windows in the order of their texts
 * @returns {Window[][]}
 */
export function grouped(windows) {
  /** @type {Window[][]} */
  const groups = [];
  for (const window of windows) {
    if (groups.at(-1)?.[0].index === window.index) groups[groups.length - 1].push(window);
    else groups.push([window]);
  }
  return groups;
}

/**
 * Rows of numbers of each text's windows as one row a text: their mean, each window weighted by its tokens.
 * @param {ArrayLike<number>[]} rows one a window
 * @param {Window[]} windows
 * @returns {Float64Array[]}
 */
export function average(rows, windows) {
  let next = 0;
  return grouped(windows).map((group) => {
    const sum = new Float64Array(rows[next].length);
    let weights = 0;
    for (const { ids } of group) {
      const row = rows[next++];
      for (let at = 0; at < sum.length; at++) sum[at] += row[at] * ids.length;
      weights += ids.length;
    }
    return sum.map((value) => value / weights);
  });
}

/**
 * The largest value of each column among the windows of a text.
 * @param {Float32Array[]} rows one a window
 * @param {Window[]} windows
 */
export function largest(rows, windows) {
  let next = 0;
  return grouped(windows).map((group) => {
    const found = Float64Array.from(rows[next]);
    for (let n = 0; n < group.length; n++) {
      const row = rows[next++];
      for (let at = 0; at < found.length; at++) found[at] = Math.max(found[at], row[at]);
    }
    return found;
  });
}
