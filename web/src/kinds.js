// Which tokenizers run here, by the types in a tokenizer.json. `squeezebert export --to web` refuses the others.
import { BytePairs } from "./bpe.js";
import { artifactError, shown } from "./errors.js";
import { Unigram } from "./unigram.js";
import { WordPiece } from "./wordpiece.js";
import { bertWords, markedWords } from "./words.js";

const MODELS = { WordPiece, BPE: BytePairs, Unigram };

/** @typedef {WordPiece | BytePairs | Unigram} PieceModel */

/**
 * The types that are read. A normalizer is BertNormalizer, alone or in a Sequence behind Replace steps of one character
 * each; a pre-tokenizer is BertPreTokenizer, alone or in a Sequence before Metaspace.
 */
export const KINDS = {
  model: Object.keys(MODELS),
  normalizer: ["BertNormalizer", "Replace", "Sequence"],
  pre_tokenizer: ["BertPreTokenizer", "Metaspace", "Sequence"],
  post_processor: ["TemplateProcessing", "BertProcessing"],
};

/**
 * What to say of a part that does not run here.
 * @param {keyof typeof KINDS} part
 * @param {any} seen
 */
export const unknownKind = (part, seen) =>
  artifactError(
    `tokenizer.json has the ${part.replace("_", "-")} ${shown(seen?.type ?? seen)}; this package runs ` +
      `${KINDS[part].join(", ")} as BERT has them: run the model with squeezebert for Python, or train one with such ` +
      "a tokenizer",
  );

/**
 * @param {any} json the `model` of a tokenizer.json
 * @returns {PieceModel}
 */
export function readModel(json) {
  // Files of the library's first years name no type.
  const kind = json?.type ?? (json?.continuing_subword_prefix !== undefined && !json.merges ? "WordPiece" : undefined);
  if (!Object.hasOwn(MODELS, kind)) throw unknownKind("model", json);
  return new MODELS[/** @type {keyof MODELS} */ (kind)](json);
}

/**
 * @param {any} json the `pre_tokenizer` of a tokenizer.json
 * @returns {import("./words.js").Words}
 */
export function readWords(json) {
  const [bert, metaspace, ...more] = json?.type === "Sequence" ? (json.pretokenizers ?? []) : [json];
  if (bert?.type !== "BertPreTokenizer" || more.length) throw unknownKind("pre_tokenizer", bert?.type ? bert : json);
  if (!metaspace) return bertWords;
  const usual = metaspace.prepend_scheme === "always" && metaspace.split !== false;
  if (metaspace.type !== "Metaspace" || !usual) throw unknownKind("pre_tokenizer", metaspace);
  return markedWords(metaspace.replacement);
}
