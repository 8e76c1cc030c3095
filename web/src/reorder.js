// The normalizer's slow way, for the few texts where combining marks stay: canonical ordering (Unicode's annex 15)
// makes neighbours change places, so the steps run one after the other over the whole text.
import { CHINESE, combiningClass, decompose, FLAGS, isMark, lowercase, REMOVED, TO_SPACE } from "./characters.js";
import { Draft } from "./edits.js";
import { loneSurrogate } from "./errors.js";

/**
 * A character, and the stretch of the source that it stands for.
 * @typedef {{ letter: string, from: number, length: number }} Letter
 */

/**
 * A character in canonical order. `first` marks the one that takes the place of a character of the text; the others
 * are put in behind it.
 * @typedef {{ letter: string, rank: number, first: boolean }} Ranked
 */

/**
 * @param {string} text
 * @param {import("./normalizer.js").NormalizerSettings} settings with `accents` on
 * @returns {import("./edits.js").Normalized}
 */
export function reordered(text, { clean, chinese, lower, replaced }) {
  let letters = split(text).flatMap((each) => into(each, replaced.get(code(each)) ?? each.letter));
  if (clean) letters = letters.filter((each) => !(FLAGS[code(each)] & REMOVED)).map(spaced);
  if (chinese) letters = letters.flatMap((each) => into(each, isChinese(each) ? ` ${each.letter} ` : each.letter));
  letters = ordered(letters).filter((each) => !isMark(each.letter));
  if (lower) letters = letters.flatMap((each) => into(each, lowercase(each.letter)));
  return drafted(text.length, letters);
}

/**
 * @param {string} text
 * @returns {Letter[]}
 */
function split(text) {
  let from = 0;
  return Array.from(text, (letter) => {
    const found = { letter, from, length: letter.length };
    if ((code(found) & 0xfff800) === 0xd800) throw loneSurrogate(code(found), from);
    from += letter.length;
    return found;
  });
}

/** @param {Letter} each */
const code = (each) => /** @type {number} */ (each.letter.codePointAt(0));

/** @param {Letter} each */
const isChinese = (each) => (FLAGS[code(each)] & CHINESE) > 0;

/**
 * @param {Letter} each
 * @returns {Letter}
 */
const spaced = (each) => (FLAGS[code(each)] & TO_SPACE ? { ...each, letter: " " } : each);

/**
 * @param {Letter} each
 * @param {string} text what it becomes
 * @returns {Letter[]}
 */
const into = (each, text) => Array.from(text, (letter) => ({ ...each, letter }));

/**
 * The letters taken apart and in canonical order. A place of the source goes to whatever stands there afterwards.
 * @param {Letter[]} letters
 * @returns {Letter[]}
 */
function ordered(letters) {
  /** @type {Ranked[]} */
  const parts = letters.flatMap(({ letter }) =>
    Array.from(decompose(letter), (part, at) => ({ letter: part, rank: rankOf(part), first: at === 0 })),
  );
  let source = -1;
  return inOrder(parts).map(({ letter, first }) => {
    if (first) source++;
    const { from, length } = letters[Math.max(source, 0)];
    return { letter, from, length };
  });
}

/** @param {string} letter */
const rankOf = (letter) => combiningClass(/** @type {number} */ (letter.codePointAt(0)));

/** @param {Ranked[]} parts */
function inOrder(parts) {
  /** @type {Ranked[]} */
  const done = [];
  for (let at = 0; at < parts.length;) {
    let end = at + 1;
    while (end < parts.length && parts[end].rank) end++;
    const start = parts[at].rank ? at : at + 1;
    done.push(...parts.slice(at, start), ...parts.slice(start, end).sort((a, b) => a.rank - b.rank));
    at = end;
  }
  return done;
}

/**
 * @param {number} size of the source
 * @param {Letter[]} letters
 */
function drafted(size, letters) {
  const draft = new Draft();
  let place = 0; // where the next character of the source begins
  for (const { letter, from, length } of letters) {
    if (from > place) draft.replace("", place, from - place);
    draft.put(letter, from, length);
    place = Math.max(place, from + length);
  }
  if (size > place) draft.replace("", place, size - place);
  return draft;
}
