// BERT's normalizer as the tokenizers library has it: clean, space out Chinese characters, strip accents, lower case.
//
// Every step looks at one character at a time, so the result of a character is found once and kept. Only where a
// combining mark stays (strip_accents takes the common ones away) may neighbours change places: see reorder.js.
import {
  CHINESE,
  DECOMPOSED,
  decompose,
  FLAGS,
  isMark,
  keptCombining,
  lowercase,
  MARK,
  REMOVED,
  SIZE,
  TO_SPACE,
  UPPER,
} from "./characters.js";
import { Draft } from "./edits.js";
import { loneSurrogate } from "./errors.js";
import { unknownKind } from "./kinds.js";
import { reordered } from "./reorder.js";

/**
 * @typedef {object} NormalizerSettings
 * @property {boolean} clean
 * @property {boolean} chinese
 * @property {boolean} accents whether they are stripped
 * @property {boolean} lower
 * @property {Map<number, string>} replaced characters that become others before anything else
 */

const CHANGED = 1;
const COMBINES = 2;
const CONTROLS = /[\t\n\r]/g;
const ASCII = /^[\t\n\r\x20-\x7e]*$/;

/**
 * The settings in the `normalizer` of a tokenizer.json.
 * @param {any} json
 * @returns {NormalizerSettings}
 */
export function normalizerSettings(json) {
  const steps = json?.type === "Sequence" ? (json.normalizers ?? []) : [json];
  const replaced = new Map();
  for (const step of steps.slice(0, -1)) replace(replaced, step);
  const bert = steps[steps.length - 1];
  if (bert?.type !== "BertNormalizer") throw unknownKind("normalizer", bert);
  return {
    clean: bert.clean_text ?? true,
    chinese: bert.handle_chinese_chars ?? true,
    accents: bert.strip_accents ?? bert.lowercase ?? true,
    lower: bert.lowercase ?? true,
    replaced,
  };
}

/**
 * Adds a step that replaces one character, behind those that are there.
 * @param {Map<number, string>} replaced
 * @param {any} step
 */
function replace(replaced, step) {
  const letter = step?.type === "Replace" ? step.pattern?.String : undefined;
  if (typeof letter !== "string" || [...letter].length !== 1) throw unknownKind("normalizer", step);
  for (const [code, text] of replaced) replaced.set(code, text.replaceAll(letter, step.content));
  const code = /** @type {number} */ (letter.codePointAt(0));
  if (!replaced.has(code)) replaced.set(code, String(step.content));
}

export class Normalizer {
  /** @param {NormalizerSettings} settings */
  constructor(settings) {
    this.settings = settings;
    this.changes = changes(settings);
    this.ascii = this.changes.slice(0x20, 0x7f).every((change, at) => !change || isCapital(at + 0x20));
    /** @type {Map<number, string>} */
    this.known = new Map();
  }

  /**
   * @param {string} text
   * @returns {import("./edits.js").Normalized}
   */
  normalize(text) {
    if (this.ascii && ASCII.test(text)) return { text: this.ofAscii(text), edits: [] };
    const draft = new Draft();
    let kept = 0; // up to here the source is in the draft
    for (let at = 0; at < text.length;) {
      const code = /** @type {number} */ (text.codePointAt(at));
      const size = code > 0xffff ? 2 : 1;
      if ((code & 0xfff800) === 0xd800) throw loneSurrogate(code, at);
      const change = this.changes[code];
      if (change === COMBINES) return reordered(text, this.settings);
      if (change || size === 2) {
        draft.text += text.slice(kept, at);
        draft.replace(change ? this.of(code) : text.slice(at, at + 2), at, size);
        kept = at + size;
      }
      at += size;
    }
    draft.text += text.slice(kept);
    return draft;
  }

  /** @param {string} text */
  ofAscii(text) {
    const clean = this.settings.clean ? text.replaceAll(CONTROLS, " ") : text;
    return this.settings.lower ? clean.toLowerCase() : clean;
  }

  /**
   * What becomes of one character.
   * @param {number} code
   */
  of(code) {
    let found = this.known.get(code);
    if (found === undefined) {
      found = [...(this.settings.replaced.get(code) ?? String.fromCodePoint(code))]
        .map((letter) => changed(letter, this.settings))
        .join("");
      this.known.set(code, found);
    }
    return found;
  }
}

/** @param {number} code */
const isCapital = (code) => code >= 0x41 && code <= 0x5a;

/**
 * @param {string} letter
 * @param {NormalizerSettings} settings
 */
function changed(letter, { clean, chinese, accents, lower }) {
  const flags = FLAGS[/** @type {number} */ (letter.codePointAt(0))];
  if (clean && flags & REMOVED) return "";
  let text = clean && flags & TO_SPACE ? " " : letter;
  if (chinese && flags & CHINESE) text = ` ${text} `;
  let letters = [...text];
  if (accents) letters = letters.flatMap((each) => [...decompose(each)].filter((part) => !isMark(part)));
  return (lower ? letters.map(lowercase) : letters).join("");
}

/**
 * For each character whether the normalizer changes it, and whether it needs its neighbours for that.
 * @param {NormalizerSettings} settings
 */
function changes({ clean, chinese, accents, lower, replaced }) {
  const flags =
    (clean ? REMOVED | TO_SPACE : 0) |
    (chinese ? CHINESE : 0) |
    (accents ? MARK | DECOMPOSED : 0) |
    (lower ? UPPER : 0);
  const found = new Uint8Array(SIZE);
  for (let code = 0; code < SIZE; code++) if (FLAGS[code] & flags) found[code] = CHANGED;
  for (const code of replaced.keys()) found[code] = CHANGED;
  if (accents) for (const code of keptCombining()) found[code] = COMBINES;
  return found;
}
