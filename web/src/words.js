// BERT's words: split at white space, and every punctuation mark is a word of its own.
import { FLAGS, PUNCTUATION, WHITE } from "./characters.js";

const ENDS = WHITE | PUNCTUATION;

/**
 * Is called with every word and the place where it begins; `extra` units at its begin do not stand in the text.
 * @typedef {(word: string, at: number, extra: number) => void} EachWord
 */

/**
 * Finds the words of a text.
 * @typedef {(text: string, each: EachWord) => void} Words
 */

/** @type {Words} */
export function bertWords(text, each) {
  let start = 0;
  for (let at = 0; at < text.length;) {
    let code = text.charCodeAt(at);
    let size = 1;
    if ((code & 0xfc00) === 0xd800) {
      code = /** @type {number} */ (text.codePointAt(at));
      size = 2;
    }
    const flags = FLAGS[code] & ENDS;
    if (flags) {
      if (at > start) each(text.slice(start, at), start, 0);
      if (flags & PUNCTUATION) each(text.slice(at, at + size), at, 0);
      start = at + size;
    }
    at += size;
  }
  if (start < text.length) each(text.slice(start), start, 0);
}

/**
 * BERT's words, each with a mark before it that stands for white space; in front of further marks they are cut again.
 * @param {string} mark
 * @returns {Words}
 */
export const markedWords = (mark) => (text, each) =>
  bertWords(text, (word, at) => {
    const extra = word.startsWith(mark) ? 0 : mark.length;
    const whole = extra ? mark + word : word;
    for (let start = 0; start < whole.length;) {
      const next = whole.indexOf(mark, start + mark.length);
      const end = next < 0 ? whole.length : next;
      each(whole.slice(start, end), start ? at + start - extra : at, start ? 0 : extra);
      start = end;
    }
  });
