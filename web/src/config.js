// config.json and squeezebert.json: the architecture's numbers, and what the outputs mean.
import { artifactError, shown } from "./errors.js";

export const FORMAT_VERSION = 1;
const MODEL_TYPES = ["squeezebert", "squeezebert_extended"];
const ACTIVATIONS = { gelu: 1, gelu_new: 2, relu: 3, tanh: 4 };
const ALIASES = /** @type {Record<string, string>} */ ({
  gelu_python: "gelu",
  gelu_pytorch_tanh: "gelu_new",
  gelu_fast: "gelu_new",
});
export const POOLINGS = { mean: 0, cls: 1, max: 2 };
// What changes the network and is not there, and the values under which it changes nothing.
const HARMLESS = /** @type {Record<string, unknown[]>} */ ({
  position_embedding_type: [undefined, null, "absolute"],
  is_decoder: [undefined, null, false],
  add_cross_attention: [undefined, null, false],
  quantization_config: [undefined, null],
});

/**
 * The architecture as the engine's struct has it: field by field, in its order. What a config.json leaves out has the
 * value given here.
 */
export const FIELDS = /** @type {const} */ ({
  vocab_size: 30522,
  embedding_size: 768,
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
  max_position_embeddings: 512,
  type_vocab_size: 2,
  q_groups: 4,
  k_groups: 4,
  v_groups: 4,
  post_attention_groups: 1,
  intermediate_groups: 4,
  output_groups: 4,
  conv_kernel: 1,
  attention_rank: 0,
  hidden_act: "gelu",
  pooler_act: "tanh",
  classifier_pooling: "cls",
  layer_norm_eps: 1e-12,
  attention_head_size: 0,
});
const CODES = /** @type {Record<string, Record<string, number>>} */ ({
  hidden_act: ACTIVATIONS,
  pooler_act: ACTIVATIONS,
  classifier_pooling: POOLINGS,
});

/** @typedef {Record<keyof typeof FIELDS, number>} Config */

/**
 * @typedef {object} Head
 * @property {string} kind
 * @property {string[]} labels
 * @property {keyof typeof POOLINGS} pooling
 * @property {boolean} normalize
 * @property {number} maxLength 0 for the encoder's own limit
 */

/**
 * The numbers in a config.json, words as the engine's codes.
 * @param {any} json
 * @returns {Config}
 */
export function readConfig(json) {
  if (!MODEL_TYPES.includes(json.model_type)) {
    throw artifactError(
      `config.json says model_type ${shown(json.model_type)}; this package runs ${MODEL_TYPES.join(" and ")}: ` +
        "run squeezebert import on the checkpoint first",
    );
  }
  for (const [name, harmless] of Object.entries(HARMLESS)) {
    if (!harmless.includes(json[name])) {
      throw artifactError(
        `config.json says ${name} ${shown(json[name])}, which changes the network; take another model`,
      );
    }
  }
  const hidden = json.hidden_size ?? FIELDS.hidden_size;
  const given = { ...json, embedding_size: json.embedding_size ?? hidden };
  const entries = Object.entries(FIELDS).map(([name, value]) => [name, number(name, given[name] ?? value)]);
  return Object.fromEntries(entries);
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function number(name, value) {
  const codes = CODES[name];
  const found = codes ? codes[ALIASES[String(value)] ?? String(value)] : value;
  const whole = name === "layer_norm_eps" || Number.isInteger(found);
  if (typeof found === "number" && whole && found >= 0 && found < 2 ** 31) return found;
  const advice = codes ? `choose one of ${Object.keys(codes).join(", ")}` : "it must be a number";
  throw artifactError(`config.json says ${name} ${shown(value)}; ${advice}`);
}

/**
 * The head in a squeezebert.json.
 * @param {any} record
 * @returns {Head}
 */
export function readHead(record) {
  const version = record.format_version;
  if (!Number.isInteger(version) || version < 1) {
    throw artifactError(
      `squeezebert.json says format_version ${shown(version)}, not a number from 1; export the model again`,
    );
  }
  if (version > FORMAT_VERSION) {
    throw artifactError(
      `squeezebert.json has format version ${version}, this package reads up to ${FORMAT_VERSION}; ` +
        "update the npm package squeezebert",
    );
  }
  const {
    kind = "embedding",
    labels = [],
    pooling = "mean",
    normalize = true,
    max_length: maxLength = 0,
  } = record.head ?? {};
  if (!Object.hasOwn(POOLINGS, pooling) || !Array.isArray(labels) || !Number.isInteger(maxLength)) {
    throw artifactError(`squeezebert.json has the head ${shown(record.head)}; export the model again`);
  }
  return { kind, labels, pooling, normalize, maxLength };
}
