// A tokenizer.json to ids, the same ones as the tokenizers library makes of it, with offsets into JavaScript strings.
import { readAdded } from "./added.js";
import { Places } from "./edits.js";
import { artifactError, inputError, said, shown } from "./errors.js";
import { readModel, readWords } from "./kinds.js";
import { Normalizer, normalizerSettings } from "./normalizer.js";
import { push } from "./pieces.js";
import { readTemplate } from "./template.js";

/** @typedef {string | [string, string]} Text one text, or a pair */

/**
 * A stretch of one text that was normalized by itself: the tokens from `first` on belong to it.
 * @typedef {{ first: number, base: number, edits: import("./edits.js").Edit[] }} Section
 */

/**
 * The tokens of one text, without special tokens around it.
 * @typedef {import("./pieces.js").Pieces & { sections: Section[] }} Content
 */

/**
 * A text or pair in full. `spans` say where each text's tokens lie, all else are special tokens.
 * @typedef {object} Encoding
 * @property {Int32Array} ids
 * @property {Int32Array} types
 * @property {[number, number][]} spans
 * @property {Content[]} contents
 */

const MASKS = ["[MASK]", "<mask>"];

export class Tokenizer {
  /** @param {string} text the content of a tokenizer.json */
  constructor(text) {
    const json = parsed(text);
    this.normalizer = new Normalizer(normalizerSettings(json.normalizer));
    this.model = readModel(json.model);
    this.words = readWords(json.pre_tokenizer);
    this.template = readTemplate(json.post_processor);
    this.added = readAdded(json.added_tokens, this.model.vocab, (each) => this.normalizer.normalize(each).text);
    /** @type {string[]} the token of each id, with holes where an id has none */
    this.tokens = [];
    for (const [token, id] of this.model.vocab) this.tokens[id] = token;
    const ids = new Map((json.added_tokens ?? []).map((/** @type {any} */ { id, content }) => [content, id]));
    for (const [content, id] of ids) this.tokens[id] = content;
    const idOf = (/** @type {string} */ token) => ids.get(token) ?? this.model.vocab.get(token) ?? -1;
    /** What to write in a text where a word is to be filled in; undefined where there is no such token. */
    this.maskToken = MASKS.find((token) => idOf(token) >= 0);
    this.maskId = idOf(this.maskToken ?? "");
  }

  /**
   * The ids below a limit that have a token.
   * @param {number} limit
   */
  known(limit) {
    const ids = Int32Array.from({ length: limit }, (_, id) => id);
    return ids.filter((id) => this.tokens[id] !== undefined);
  }

  /**
   * The full encoding of a text or pair, however long.
   * @param {Text} text
   * @returns {Encoding}
   */
  encode(text) {
    const texts = typeof text === "string" ? [text] : text;
    if (!Array.isArray(texts) || (text === texts && texts.length !== 2)) throw notText(text);
    const contents = texts.map((each) => this.content(each));
    const slots = texts.length === 1 ? this.template.single : this.template.pair;
    const sizes = slots.map((slot) => (slot.text < 0 ? slot.ids : contents[slot.text].ids).length);
    const length = sizes.reduce((sum, size) => sum + size, 0);
    const [ids, types] = [new Int32Array(length), new Int32Array(length)];
    /** @type {[number, number][]} */
    const spans = [];
    let at = 0;
    slots.forEach((slot, n) => {
      ids.set(slot.text < 0 ? slot.ids : contents[slot.text].ids, at);
      types.fill(slot.type, at, at + sizes[n]);
      if (slot.text >= 0) spans[slot.text] = [at, at + sizes[n]];
      at += sizes[n];
    });
    return { ids, types, spans, contents };
  }

  /**
   * @param {string} text
   * @returns {Content}
   */
  content(text) {
    if (typeof text !== "string") throw notText(text);
    /** @type {Content} */
    const out = { ids: [], starts: [], ends: [], sections: [] };
    for (const { id, start, end } of this.added.raw.split(text)) {
      if (id >= 0) own(out, id, start, end);
      else this.addSection(text.slice(start, end), start, out);
    }
    return out;
  }

  /**
   * @param {string} source
   * @param {number} base where the source begins in the whole text
   * @param {Content} out
   */
  addSection(source, base, out) {
    const { text, edits } = this.normalizer.normalize(source);
    out.sections.push({ first: out.ids.length, base, edits });
    for (const { id, start, end } of this.added.normalized.split(text)) {
      if (id < 0) {
        this.words(text.slice(start, end), (word, at, extra) => this.model.cut(word, start + at, out, extra));
      } else push(out, id, start, end);
    }
  }
}

/**
 * Where each token of a text stands in it: first unit and end of one token after the other.
 * @param {Content} content
 * @returns {Int32Array}
 */
export function offsetsOf(content) {
  const found = new Int32Array(2 * content.ids.length);
  content.sections.forEach(({ first, base, edits }, n) => {
    const places = new Places(edits, base);
    const end = content.sections[n + 1]?.first ?? content.ids.length;
    for (let at = first; at < end; at++) {
      found[2 * at] = places.of(content.starts[at])[0];
      found[2 * at + 1] = places.of(content.ends[at] - 1)[1];
    }
  });
  return found;
}

/**
 * A token of the text as it stands there.
 * @param {Content} out
 * @param {number} id
 * @param {number} start
 * @param {number} end
 */
function own(out, id, start, end) {
  out.sections.push({ first: out.ids.length, base: start, edits: [] });
  push(out, id, 0, end - start);
}

/** @param {unknown} text */
const notText = (text) =>
  inputError(`a text is ${shown(text)}, ${typeof text}; pass a string, or a pair [first, second]`);

/** @param {string} text */
function parsed(text) {
  try {
    const json = JSON.parse(text);
    if (json && typeof json === "object" && json.model) return json;
  } catch (error) {
    throw artifactError(`tokenizer.json is not JSON: ${said(error)}; copy it again from the original model`);
  }
  throw artifactError("tokenizer.json describes no tokenizer: it has no model; copy it from the original model");
}
