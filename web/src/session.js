// A loaded model where it runs: in a worker, or on the caller's own thread. Lists of texts in, lists of results out.
import { fetchArtifact } from "./artifact.js";
import { batches } from "./batch.js";
import { best, choice, classification, multiLabel, sigmoid, softmax } from "./decode.js";
import { Engine } from "./engine.js";
import { inputError, shown, SqueezeBertError } from "./errors.js";
import { fillOf, holesOf } from "./fill.js";
import { Runtime } from "./runtime.js";
import { answerOf } from "./spans.js";
import { CONTINUES, entities, wordsOf } from "./tags.js";
import { offsetsOf } from "./tokenizer.js";
import { unit } from "./vectors.js";
import { average, grouped, largest, Whole } from "./windows.js";

/** @typedef {import("./tokenizer.js").Text} Text */

/**
 * @typedef {object} Info
 * @property {string} name
 * @property {string} kind what the model was trained for: "embedding", "classification", "masked_lm" ...
 * @property {string[]} labels of classify and tag
 * @property {number} hiddenSize length of the vectors of embed
 * @property {number} maxLength the longest window in tokens
 * @property {string | null} maskToken what to write where fill shall guess
 * @property {string} kernel the engine's instruction set
 * @property {number} threads
 * @property {number} bytes of the model's files
 */

/**
 * @typedef {object} SessionOptions
 * @property {boolean} cache
 * @property {number} threads
 * @property {string} engine
 * @property {Record<string, string>} headers
 */

// A masked token's logits are as wide as the vocabulary, so batches are smaller.
const MASKED_TOKENS = 512;

/** @typedef {"embed" | "classify" | "choose" | "tag" | "answer" | "fill" | "tokenize"} CallName */

const KINDS = /** @type {Record<string, string[]>} */ ({
  classify: ["classification", "multi_label", "regression"],
  choose: ["multiple_choice"],
  tag: ["token_classification"],
  answer: ["question_answering"],
  fill: ["masked_lm"],
});

export class Session {
  /**
   * @param {import("./artifact.js").Artifact} artifact
   * @param {Engine} engine with the artifact's tensors in it
   */
  constructor(artifact, engine) {
    const { name, config, head, bytes } = artifact;
    this.engine = engine;
    this.runtime = new Runtime(artifact, engine);
    const { labels, limit, tokenizer } = this.runtime;
    /** @type {Info} */
    this.info = {
      name,
      kind: head.kind,
      labels,
      hiddenSize: config.hidden_size,
      maxLength: limit,
      maskToken: tokenizer.maskToken ?? null,
      kernel: engine.kernel,
      threads: engine.threads,
      bytes,
    };
  }

  /**
   * Downloads a model and makes it ready.
   * @param {URL} folder
   * @param {SessionOptions} options
   * @param {(progress: import("./artifact.js").Progress) => void} onProgress
   * @param {AbortSignal} [signal]
   */
  static async load(folder, options, onProgress, signal) {
    const { cache, headers } = options;
    const starting = Engine.start(options);
    starting.catch(() => {}); // the download's own error comes first, else this one is met below
    try {
      const artifact = await fetchArtifact(folder, { cache, headers, onProgress, signal });
      const engine = await starting;
      engine.fill(artifact.config, artifact.tensors);
      return new Session(artifact, engine);
    } catch (error) {
      starting.then((engine) => engine.close()).catch(() => {});
      throw error;
    }
  }

  close() {
    this.engine.close();
  }

  /**
   * The vectors of the texts one after the other [n * hiddenSize].
   * @param {Text[]} texts
   */
  embed(texts) {
    const { pooling, normalize } = this.runtime.head;
    const windows = this.runtime.windows(texts);
    const single = windows.length === texts.length;
    const rows = this.runtime.rows(windows, (batch) => this.engine.embed(batch, pooling, normalize && single));
    const flat = new Float32Array(texts.length * this.info.hiddenSize);
    const put = (/** @type {ArrayLike<number>} */ vector, /** @type {number} */ at) =>
      flat.set(vector, at * this.info.hiddenSize);
    if (single) rows.forEach(put);
    else {
      const vectors = pooling === "max" ? largest(rows, windows) : average(rows, windows);
      vectors.forEach((vector, at) => put(normalize ? unit(vector) : vector, at));
    }
    return flat;
  }

  /**
   * @param {Text[]} texts
   * @param {{ threshold?: number }} options
   */
  classify(texts, { threshold = 0.5 }) {
    this.need("classify");
    const { labels, kind } = this.info;
    const windows = this.runtime.windows(texts);
    const logits = this.runtime.rows(windows, (batch) => this.engine.sequenceLogits(batch));
    if (kind === "regression") return average(logits, windows).map((row) => ({ value: row[0], values: [...row] }));
    if (kind === "multi_label") {
      return average(logits.map(sigmoid), windows).map((row) => multiLabel(row, labels, threshold));
    }
    return average(logits.map(softmax), windows).map((row) => classification(row, labels));
  }

  /** @param {[string, string[]][]} items questions, each with its choices */
  choose(items) {
    this.need("choose");
    const pairs = items.flatMap(([question, choices]) => {
      const some = Array.isArray(choices) ? choices : [];
      if (some.length) return some.map((each) => /** @type {Text} */ ([question, each]));
      throw inputError(`the question ${shown(question)} has no list of choices; pass a list of one string or more`);
    });
    const windows = this.runtime.windows(pairs);
    const rows = this.runtime.rows(windows, (batch) => this.engine.sequenceLogits(batch));
    const logits = average(rows, windows).map(([logit]) => logit);
    return items.map(([, choices]) => choice(logits.splice(0, choices.length), choices));
  }

  /** @param {string[]} texts */
  tag(texts) {
    this.need("tag");
    const { labels } = this.info;
    const { windows, of } = this.runtime.tokens(singles(texts), (batch) => this.engine.tokenLogits(batch));
    return grouped(windows).map((group, number) => {
      const whole = new Whole(group, 0);
      const logits = group.map(of);
      const probabilities = Array.from(whole.best(), (winner, at) => {
        const { row, start } = whole.places[winner];
        const from = (row + at - start) * labels.length;
        return softmax(logits[winner].subarray(from, from + labels.length));
      });
      const continues = Array.from(whole.ids, (id) => this.runtime.tokenizer.tokens[id].startsWith(CONTINUES));
      return entities(texts[number], wordsOf(probabilities, whole.offsets, continues), labels);
    });
  }

  /**
   * @param {[string, string][]} pairs questions, each with its context
   * @param {import("./spans.js").AnswerOptions} options
   */
  answer(pairs, options) {
    this.need("answer");
    const { windows, of } = this.runtime.tokens(pairs, (batch) => this.engine.spanLogits(batch), true);
    return grouped(windows).map((group, number) =>
      answerOf(pairs[number][1], new Whole(group, 1), group.map(of), options),
    );
  }

  /**
   * @param {string[]} texts
   * @param {{ topK?: number }} options
   */
  fill(texts, { topK = 5 }) {
    this.need("fill");
    if (!Number.isInteger(topK) || topK < 1) throw inputError(`topK is ${topK}; choose a whole number from 1`);
    const windows = this.runtime.windows(singles(texts));
    const holes = holesOf(grouped(windows), this.runtime.tokenizer);
    const chosen = windows.filter((window) => holes.has(window));
    /** @type {Map<import("./fill.js").Hole, { id: number, score: number }[]>} */
    const found = new Map();
    for (const batch of batches(chosen, MASKED_TOKENS)) {
      const own = batch.order.map((index) => holes.get(chosen[index]) ?? []);
      const rows = own.flatMap((some, b) => some.map((hole) => batch.starts[b] + hole.row));
      const logits = this.engine.maskedLogits(batch, Int32Array.from(rows));
      const width = logits.length / rows.length;
      for (const [n, hole] of own.flat().entries()) {
        found.set(hole, this.likeliest(logits.subarray(n * width, (n + 1) * width), topK));
      }
    }
    return fillOf(texts, [...holes.values()].flat(), found, this.runtime.tokenizer);
  }

  /**
   * @param {Float32Array} logits over the vocabulary
   * @param {number} count
   */
  likeliest(logits, count) {
    // A table of embeddings is often padded with rows that no token has.
    const { known } = this.runtime;
    const probabilities = softmax(
      known.length === logits.length ? logits : Float32Array.from(known, (id) => logits[id]),
    );
    return best(probabilities, count).map((at) => ({ id: known[at], score: probabilities[at] }));
  }

  /** @param {Text[]} texts */
  tokenize(texts) {
    return texts.map((text) => {
      const { ids, types, spans, contents } = this.runtime.tokenizer.encode(text);
      /** @type {[number, number][]} */
      const offsets = Array.from(ids, () => [0, 0]);
      contents.forEach((content, n) => {
        const places = offsetsOf(content);
        for (let at = 0; 2 * at < places.length; at++) offsets[spans[n][0] + at] = [places[2 * at], places[2 * at + 1]];
      });
      const tokens = Array.from(ids, (id) => this.runtime.tokenizer.tokens[id]);
      return { ids: [...ids], types: [...types], tokens, offsets };
    });
  }

  /** @param {string} call */
  need(call) {
    const kinds = KINDS[call];
    const own = Object.keys(KINDS).find((each) => KINDS[each].includes(this.runtime.head.kind));
    if (kinds.includes(this.runtime.head.kind)) return;
    throw new SqueezeBertError(
      `${call} needs a model for ${kinds.join(" or ")}, and this one is for ${this.runtime.head.kind}; ` +
        `call ${["embed", own].filter(Boolean).join(" or ")}, or load a model that was trained for ${kinds[0]}`,
      "head",
    );
  }
}

/** @param {string[]} texts */
function singles(texts) {
  const at = texts.findIndex((text) => typeof text !== "string");
  if (at >= 0) throw inputError(`text ${at} is ${shown(texts[at])}; pass single texts here, each a string`);
  return texts;
}
