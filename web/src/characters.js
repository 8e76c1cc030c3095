// One byte of facts for each character of Unicode, the same ones on every machine (see unicode.js).
import * as tables from "./unicode.js";

export const REMOVED = 1; // by clean_text
export const TO_SPACE = 2; // by clean_text
export const WHITE = 4; // splits words
export const PUNCTUATION = 8; // is a word of its own
export const CHINESE = 16;
export const MARK = 32; // an accent, removed by strip_accents
export const DECOMPOSED = 64; // strip_accents takes it apart
export const UPPER = 128; // lowercase changes it

export const SIZE = 0x110000;
const HANGUL = [0xac00, 0xd7a3];
const DOTTED_I = 0x130; // the only letter whose small form is two characters

/** @param {string} text */
const numbers = (text) => text.split(" ").map((each) => parseInt(each, 36));

/**
 * The first and last character of each range in a table.
 * @param {string} text
 * @returns {[number, number][]}
 */
export function ranges(text) {
  /** @type {[number, number][]} */
  const found = [];
  const all = numbers(text);
  for (let at = 0, end = 0; at < all.length; at += 2) {
    const first = end + all[at];
    found.push([first, first + all[at + 1]]);
    end = first + all[at + 1] + 1;
  }
  return found;
}

/** @returns {Map<number, number>} each letter and its small letter */
function lowercaseMap() {
  const found = new Map();
  const all = numbers(tables.LOWERCASE);
  for (let at = 0, end = 0; at < all.length; at += 4) {
    const [gap, more, step, delta] = all.slice(at, at + 4);
    const first = end + gap;
    for (let n = 0; n <= more; n++) found.set(first + n * step, first + n * step + delta);
    end = first + more * step + 1;
  }
  return found;
}

/** @returns {Map<number, number>} the combining class of each character that combines */
function classMap() {
  const found = new Map();
  for (const [number, text] of tables.CLASSES) {
    for (const [first, last] of ranges(text)) for (let code = first; code <= last; code++) found.set(code, number);
  }
  return found;
}

/** @param {Map<number, number>} small */
function flagTable(small) {
  const flags = new Uint8Array(SIZE);
  /** @type {[number, [number, number][]][]} */
  const rows = [
    [REMOVED, ranges(tables.REMOVED)],
    [TO_SPACE, ranges(tables.CLEANED_TO_SPACE)],
    [WHITE, ranges(tables.WHITE_SPACE)],
    [PUNCTUATION, ranges(tables.PUNCTUATION)],
    [CHINESE, ranges(tables.CHINESE)],
    [MARK, ranges(tables.MARKS)],
    [DECOMPOSED, [...ranges(tables.DECOMPOSED), /** @type {[number, number]} */ (HANGUL)]],
  ];
  for (const [flag, found] of rows) {
    for (const [first, last] of found) for (let code = first; code <= last; code++) flags[code] |= flag;
  }
  for (const code of small.keys()) flags[code] |= UPPER;
  flags[DOTTED_I] |= UPPER;
  return flags;
}

const SMALL = lowercaseMap();
const CLASSES = classMap();

/** Facts by character: FLAGS[code] & PUNCTUATION. */
export const FLAGS = flagTable(SMALL);

/**
 * The small form of a character, whatever stands around it.
 * @param {string} letter
 */
export function lowercase(letter) {
  const code = /** @type {number} */ (letter.codePointAt(0));
  if (code === DOTTED_I) return "i\u0307";
  const small = SMALL.get(code);
  return small === undefined ? letter : String.fromCodePoint(small);
}

/**
 * The parts of a character, canonically decomposed as far as the desktop knows it.
 * @param {string} letter
 */
export function decompose(letter) {
  const flags = FLAGS[/** @type {number} */ (letter.codePointAt(0))];
  // What these two flags mark was in Unicode long before any browser that runs WebAssembly, and never changes.
  return flags & (DECOMPOSED | MARK) ? letter.normalize("NFD") : letter;
}

/**
 * The canonical combining class of a character.
 * @param {number} code
 */
export const combiningClass = (code) => CLASSES.get(code) ?? 0;

/** @param {string} letter */
export const isMark = (letter) => (FLAGS[/** @type {number} */ (letter.codePointAt(0))] & MARK) > 0;

/**
 * The characters of which something that combines stays when accents are stripped.
 * @returns {number[]}
 */
export function keptCombining() {
  const stays = (/** @type {string} */ part) =>
    !isMark(part) && CLASSES.has(/** @type {number} */ (part.codePointAt(0)));
  const whole = [...CLASSES.keys()].filter((code) => !(FLAGS[code] & MARK));
  const parts = ranges(tables.DECOMPOSED).flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, n) => first + n),
  );
  return [...whole, ...parts.filter((code) => [...decompose(String.fromCodePoint(code))].some(stays))];
}
