// What the models of tokenizers share: their vocabulary, and the pieces that they make of words.
import { artifactError, shown } from "./errors.js";

/**
 * The tokens of a text as they are found: ids, and where each begins and ends in the normalized text.
 * @typedef {{ ids: number[], starts: number[], ends: number[] }} Pieces
 */

/**
 * @param {Pieces} out
 * @param {number} id
 * @param {number} start
 * @param {number} end
 */
export function push(out, id, start, end) {
  out.ids.push(id);
  out.starts.push(start);
  out.ends.push(end);
}

/**
 * Every token of a model's vocabulary.
 * @param {any} json the `vocab` of a tokenizer.json, ids by token
 * @returns {Map<string, number>}
 */
export function readVocab(json) {
  const entries = json && typeof json === "object" && !Array.isArray(json) ? Object.entries(json) : [];
  const bad = entries.find(([, id]) => !Number.isInteger(id) || id < 0);
  if (bad || !entries.length) {
    throw artifactError(
      `tokenizer.json has ${bad ? `the id ${shown(bad[1])} for ${shown(bad[0])}` : "no vocabulary"}; ` +
        "copy it again from the original model",
    );
  }
  return new Map(entries);
}
