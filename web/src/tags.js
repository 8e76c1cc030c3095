// Token labels to entities: word pieces to words, words to stretches of text with one label.
//
// Labels with prefixes (B-PER I-PER, in all their schemes) open, carry on and close an entity; plain labels with an
// outside label O make neighbours with one label an entity; without an O, as parts of speech, every word is one.

const OUTSIDE = "O";
export const CONTINUES = "##";
const PREFIXED = /^[BIESLU]-./s;

/**
 * @typedef {{ label: string, score: number, start: number, end: number, text: string }} Entity offsets as in slice()
 */

/**
 * A word: the probabilities of its labels, and where it stands.
 * @typedef {{ probabilities: ArrayLike<number>, start: number, end: number }} Word
 */

/**
 * @typedef {{ prefix: string, label: string, score: number }} Mark
 */

/**
 * Word pieces put together to words. A word has the probabilities of its first piece, the one that taggers learn on.
 * @param {ArrayLike<number>[]} probabilities of each piece
 * @param {Int32Array} offsets
 * @param {boolean[]} continues whether a piece continues the word before it
 * @returns {Word[]}
 */
export function wordsOf(probabilities, offsets, continues) {
  /** @type {Word[]} */
  const words = [];
  probabilities.forEach((row, at) => {
    if (!continues[at] || !words.length) words.push({ probabilities: row, start: offsets[2 * at], end: 0 });
    words[words.length - 1].end = offsets[2 * at + 1];
  });
  return words;
}

/**
 * The entities of a text, in its order, never overlapping.
 * @param {string} text
 * @param {Word[]} words
 * @param {string[]} labels
 * @returns {Entity[]}
 */
export function entities(text, words, labels) {
  const marks = words.map((word) => markOf(word, labels, isPrefixed(labels)));
  /** @type {Entity[]} */
  const found = [];
  for (let first = 0; first < marks.length;) {
    let end = first + 1;
    while (end < marks.length && !begins(marks[end - 1], marks[end])) end++;
    const { label } = marks[first];
    if (label !== OUTSIDE) {
      const score = marks.slice(first, end).reduce((sum, mark) => sum + mark.score, 0) / (end - first);
      const { start } = words[first];
      found.push({ label, score, start, end: words[end - 1].end, text: text.slice(start, words[end - 1].end) });
    }
    first = end;
  }
  return found;
}

/** @param {string[]} labels */
function isPrefixed(labels) {
  const inside = labels.filter((label) => label !== OUTSIDE);
  return inside.length > 0 && inside.every((label) => PREFIXED.test(label));
}

/**
 * @param {Word} word
 * @param {string[]} labels
 * @param {boolean} prefixed
 * @returns {Mark}
 */
function markOf({ probabilities }, labels, prefixed) {
  let top = 0;
  for (let at = 1; at < probabilities.length; at++) if (probabilities[at] > probabilities[top]) top = at;
  const [label, score] = [labels[top], probabilities[top]];
  if (prefixed)
    return label === OUTSIDE ? { prefix: "I", label, score } : { prefix: label[0], label: label.slice(2), score };
  return { prefix: labels.includes(OUTSIDE) ? "I" : "S", label, score };
}

/**
 * Whether a new stretch begins with a word.
 * @param {Mark} before
 * @param {Mark} mark
 */
const begins = (before, mark) =>
  mark.label !== before.label || "BSU".includes(mark.prefix) || "ELSU".includes(before.prefix);
