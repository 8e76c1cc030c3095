// Added tokens, such as [MASK]: found in the text itself before anything else looks at it, the longest first.
import { FLAGS, WHITE } from "./characters.js";
import { artifactError, shown } from "./errors.js";

/**
 * @typedef {{ id: number, content: string, singleWord: boolean, lstrip: boolean, rstrip: boolean }} AddedToken
 */

/**
 * A stretch of a text: a token of its own, or (id -1) text between such tokens.
 * @typedef {{ id: number, start: number, end: number }} Stretch
 */

// What the desktop takes for part of a word: letters, marks, digits, connectors and joiners.
const OF_WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

/**
 * The `added_tokens` of a tokenizer.json: those that are looked for in the text, and in the normalized text.
 * @param {any} json
 * @param {Map<string, number>} vocab of the model
 * @param {(text: string) => string} normalize
 */
export function readAdded(json, vocab, normalize) {
  /** @type {AddedToken[][]} */
  const [raw, normalized] = [[], []];
  for (const token of json ?? []) {
    const known = vocab.get(token.content);
    if (!Number.isInteger(token.id) || (known !== undefined && known !== token.id)) {
      throw artifactError(
        `tokenizer.json adds ${shown(token.content)} with the id ${shown(token.id)}, and its vocabulary says ` +
          `${known}; copy the file again from the original model`,
      );
    }
    const { id, single_word: singleWord, lstrip, rstrip } = token;
    const content = token.normalized ? normalize(token.content) : token.content;
    if (content) (token.normalized ? normalized : raw).push({ id, content, singleWord, lstrip, rstrip });
  }
  return { raw: new AddedTokens(raw), normalized: new AddedTokens(normalized) };
}

export class AddedTokens {
  /** @param {AddedToken[]} tokens */
  constructor(tokens) {
    /** @type {Map<string, AddedToken[]>} */
    this.byFirst = new Map();
    for (const token of [...tokens].sort((a, b) => b.content.length - a.content.length)) {
      const first = token.content[0];
      this.byFirst.set(first, [...(this.byFirst.get(first) ?? []), token]);
    }
    const firsts = [...this.byFirst.keys()].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
    this.first = tokens.length ? new RegExp(`[${firsts.join("")}]`, "g") : undefined;
  }

  /**
   * The text cut into added tokens and what stands between them, without empty stretches.
   * @param {string} text
   * @returns {Stretch[]}
   */
  split(text) {
    /** @type {Stretch[]} */
    const found = [];
    let done = 0;
    for (const [token, at] of this.matches(text)) {
      const stretch = grown(text, token, at, done);
      if (!stretch) continue;
      if (stretch.start > done) found.push({ id: -1, start: done, end: stretch.start });
      found.push(stretch);
      done = stretch.end;
    }
    if (done < text.length) found.push({ id: -1, start: done, end: text.length });
    return found;
  }

  /**
   * Each token that stands in the text, from left to right, the longest at each place, never overlapping.
   * @param {string} text
   * @returns {Generator<[AddedToken, number]>}
   */
  *matches(text) {
    if (!this.first) return;
    this.first.lastIndex = 0;
    for (let hit = this.first.exec(text); hit; hit = this.first.exec(text)) {
      const at = hit.index;
      const token = this.byFirst.get(hit[0])?.find((each) => text.startsWith(each.content, at));
      if (!token) continue;
      this.first.lastIndex = at + token.content.length;
      const next = this.first.lastIndex;
      yield [token, at];
      this.first.lastIndex = next;
    }
  }
}

/**
 * The stretch that a token takes with the white space it swallows; undefined where it is part of a longer word.
 * @param {string} text
 * @param {AddedToken} token
 * @param {number} at
 * @param {number} done where the stretch before ends
 */
function grown(text, token, at, done) {
  let [start, end] = [at, at + token.content.length];
  if (token.singleWord && (isOfWord(text, start - 1) || isOfWord(text, end))) return undefined;
  if (token.lstrip) while (start > done && isWhite(text, start - 1)) start--;
  if (token.rstrip) while (end < text.length && isWhite(text, end)) end++;
  return { id: token.id, start, end };
}

/**
 * Whether a unit is white space, all of which is one unit long.
 * @param {string} text
 * @param {number} at
 */
const isWhite = (text, at) => (FLAGS[text.charCodeAt(at)] & WHITE) > 0;

/**
 * Whether the character that has a unit at this place is part of a word; there is none outside of the text.
 * @param {string} text
 * @param {number} at
 */
function isOfWord(text, at) {
  const isSecondHalf = (text.charCodeAt(at) & 0xfc00) === 0xdc00;
  return OF_WORD.test(String.fromCodePoint(text.codePointAt(isSecondHalf ? at - 1 : at) ?? 0));
}
