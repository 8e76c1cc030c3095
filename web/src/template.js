// What stands around the texts: [CLS] text [SEP], as the post-processor of a tokenizer.json says.
import { artifactError, shown } from "./errors.js";
import { unknownKind } from "./kinds.js";

/**
 * A special token (`ids`, one or more) or one of the texts (`text` 0 or 1), with the type of its tokens.
 * @typedef {{ ids: number[], text: number, type: number }} Slot
 */

/**
 * @typedef {{ single: Slot[], pair: Slot[] }} Template
 */

/**
 * @param {any} json the `post_processor` of a tokenizer.json
 * @returns {Template}
 */
export function readTemplate(json) {
  if (json === null || json === undefined) return { single: [text(0, 0)], pair: [text(0, 0), text(1, 1)] };
  if (json.type === "BertProcessing") return bertTemplate(json);
  if (json.type !== "TemplateProcessing") throw unknownKind("post_processor", json);
  return { single: slots(json, "single", [0]), pair: slots(json, "pair", [0, 1]) };
}

/**
 * @param {number} which
 * @param {number} type
 * @returns {Slot}
 */
const text = (which, type) => ({ ids: [], text: which, type });

/**
 * @param {number[]} ids
 * @param {number} type
 * @returns {Slot}
 */
const special = (ids, type) => ({ ids, text: -1, type });

/**
 * @param {any} json
 * @returns {Template}
 */
function bertTemplate({ cls, sep }) {
  const single = [special([cls[1]], 0), text(0, 0), special([sep[1]], 0)];
  return { single, pair: [...single, text(1, 1), special([sep[1]], 1)] };
}

/**
 * @param {any} json
 * @param {"single" | "pair"} name
 * @param {number[]} wanted the texts that must be there, each once
 * @returns {Slot[]}
 */
function slots(json, name, wanted) {
  const found = (json[name] ?? []).map((/** @type {any} */ piece) => {
    if (piece.Sequence) return text(piece.Sequence.id === "A" ? 0 : 1, piece.Sequence.type_id);
    const ids = json.special_tokens?.[piece.SpecialToken?.id]?.ids;
    if (!Array.isArray(ids)) throw badTemplate(name, `says nothing of ${shown(piece)}`);
    return special(ids, piece.SpecialToken.type_id);
  });
  const seen = found.filter((/** @type {Slot} */ slot) => slot.text >= 0).map((/** @type {Slot} */ slot) => slot.text);
  if (String(seen) !== String(wanted)) throw badTemplate(name, `has the texts ${shown(seen)}, not ${shown(wanted)}`);
  return found;
}

/**
 * @param {string} name
 * @param {string} what
 */
const badTemplate = (name, what) =>
  artifactError(`tokenizer.json: the template for a ${name} ${what}; copy it again from the original model`);
