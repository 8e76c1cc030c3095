// WordPiece (Devlin et al. 2018): a word is cut from the left, each time by the longest piece that the vocabulary has.
import { artifactError, shown } from "./errors.js";
import { push, readVocab } from "./pieces.js";

export class WordPiece {
  /** @param {any} json the `model` of a tokenizer.json */
  constructor(json) {
    const prefix = json.continuing_subword_prefix ?? "##";
    this.vocab = readVocab(json.vocab);
    this.most = json.max_input_chars_per_word ?? 100;
    this.unknownToken = json.unk_token ?? "[UNK]";
    /** @type {Map<string, number>} what may follow within a word, without the prefix */
    this.rest = new Map();
    this.longest = 0;
    for (const [token, id] of this.vocab) {
      this.longest = Math.max(this.longest, token.length);
      if (token.startsWith(prefix)) this.rest.set(token.slice(prefix.length), id);
    }
    this.rest.delete("");
  }

  /**
   * Adds the pieces of one word that begins at `at` of the normalized text.
   * @param {string} word
   * @param {number} at
   * @param {import("./pieces.js").Pieces} out
   */
  cut(word, at, out) {
    if (this.isTooLong(word)) return push(out, this.unknown(), at, at + word.length);
    const count = out.ids.length;
    for (let start = 0; start < word.length;) {
      const pieces = start ? this.rest : this.vocab;
      let end = Math.min(word.length, start + this.longest);
      let id = pieces.get(word.slice(start, end));
      while (id === undefined && --end > start) id = pieces.get(word.slice(start, end));
      if (id === undefined) {
        out.ids.length = out.starts.length = out.ends.length = count;
        return push(out, this.unknown(), at, at + word.length);
      }
      push(out, id, at + start, at + end);
      start = end;
    }
  }

  /** @param {string} word */
  isTooLong(word) {
    // Counted in characters, which are one or two units each.
    return word.length > this.most && (word.length > 2 * this.most || [...word].length > this.most);
  }

  unknown() {
    const id = this.vocab.get(this.unknownToken);
    if (id !== undefined) return id;
    throw artifactError(
      `tokenizer.json has no token ${shown(this.unknownToken)} for words that it does not know; ` +
        "copy it again from the original model",
    );
  }
}
