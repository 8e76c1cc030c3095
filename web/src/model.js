// Model, what load() gives: one method for each thing a head can do. One text in gives one result, a list gives a list.
import { closed } from "./client.js";
import { inputError, shown } from "./errors.js";
import { cosine, unit } from "./vectors.js";

/** @typedef {import("./tokenizer.js").Text} Text */
/** @typedef {import("./decode.js").Classification} Classification */
/** @typedef {import("./decode.js").MultiLabel} MultiLabel */
/** @typedef {import("./decode.js").Regression} Regression */
/** @typedef {Classification | MultiLabel | Regression} Labelled */
/** @typedef {import("./decode.js").Choice} Choice */
/** @typedef {import("./tags.js").Entity} Entity */
/** @typedef {import("./spans.js").Answer} Answer */
/** @typedef {import("./spans.js").AnswerOptions} AnswerOptions */
/** @typedef {import("./fill.js").Candidate} Candidate */
/** @typedef {{ ids: number[], types: number[], tokens: string[], offsets: [number, number][] }} Tokens */
/** @typedef {{ signal?: AbortSignal }} CallOptions */

// Of a long list so many texts go to the worker at a time: between them calls can be given up.
const TEXTS_AT_ONCE = 256;

export class Model {
  /** @type {import("./client.js").Client} */
  #client;
  /** @type {Promise<unknown>} */
  #queue = Promise.resolve();
  #open = true;

  /** @param {import("./client.js").Client} client */
  constructor(client) {
    this.#client = client;
    /** What the model is; see Info. */
    this.info = client.info;
  }

  /**
   * The vector of each text, pooled and normalized as the model was trained.
   * @overload
   * @param {string} texts
   * @param {CallOptions} [options]
   * @returns {Promise<Float32Array>}
   */
  /**
   * @overload
   * @param {Text[]} texts a pair is a list of two strings
   * @param {CallOptions} [options]
   * @returns {Promise<Float32Array[]>}
   */
  /**
   * @param {string | Text[]} texts
   * @param {CallOptions} [options]
   */
  async embed(texts, options) {
    const width = this.info.hiddenSize;
    const step = async (/** @type {Text[]} */ some) => {
      /** @type {Float32Array} */
      const flat = await this.#client.call("embed", some, {});
      return some.map((_, at) => flat.subarray(at * width, (at + 1) * width));
    };
    return this.#each(texts, step, options);
  }

  /**
   * The cosine of texts with texts, from -1 to 1: a number for two texts, a list for a text and a list, a list of lists
   * for two lists.
   * @overload
   * @param {string} a
   * @param {string} b
   * @param {CallOptions} [options]
   * @returns {Promise<number>}
   */
  /**
   * @overload
   * @param {string} a
   * @param {Text[]} b
   * @param {CallOptions} [options]
   * @returns {Promise<number[]>}
   */
  /**
   * @overload
   * @param {Text[]} a
   * @param {Text[]} b
   * @param {CallOptions} [options]
   * @returns {Promise<number[][]>}
   */
  /**
   * @param {string | Text[]} a
   * @param {string | Text[]} b
   * @param {CallOptions} [options]
   * @returns {Promise<any>}
   */
  async similarity(a, b, options) {
    const rows = await this.embed(
      [a, b].flatMap((texts) => listed(texts).list),
      options,
    );
    const units = rows.map(unit);
    const count = listed(a).list.length;
    const cosines = units.slice(0, count).map((one) => units.slice(count).map((other) => cosine(one, other)));
    const found = listed(b).single ? cosines.map(([only]) => only) : cosines;
    return listed(a).single ? found[0] : found;
  }

  /**
   * The labels of each text or pair; of a regression the value.
   * @overload
   * @param {string} texts
   * @param {CallOptions & { threshold?: number }} [options]
   * @returns {Promise<Labelled>}
   */
  /**
   * @overload
   * @param {Text[]} texts
   * @param {CallOptions & { threshold?: number }} [options] the least probability of a MultiLabel's `labels`
   * @returns {Promise<Labelled[]>}
   */
  /**
   * @param {string | Text[]} texts
   * @param {CallOptions & { threshold?: number }} [options]
   */
  async classify(texts, options) {
    return this.#call("classify", texts, options);
  }

  /**
   * The best of several choices for a question.
   * @param {string} question
   * @param {string[]} choices
   * @param {CallOptions} [options]
   * @returns {Promise<Choice>}
   */
  async choose(question, choices, options) {
    const [found] = await this.#call("choose", [[question, choices]], options);
    return found;
  }

  /**
   * The entities of each text, in its order.
   * @overload
   * @param {string} texts
   * @param {CallOptions} [options]
   * @returns {Promise<Entity[]>}
   */
  /**
   * @overload
   * @param {string[]} texts
   * @param {CallOptions} [options]
   * @returns {Promise<Entity[][]>}
   */
  /**
   * @param {string | string[]} texts
   * @param {CallOptions} [options]
   */
  async tag(texts, options) {
    return this.#call("tag", texts, options);
  }

  /**
   * The answer to a question in its context, however long. A list of questions or of contexts gives a list; a string
   * goes with every item of the other.
   * @overload
   * @param {string} question
   * @param {string} context
   * @param {CallOptions & AnswerOptions} [options]
   * @returns {Promise<Answer>}
   */
  /**
   * @overload
   * @param {string | string[]} question
   * @param {string | string[]} context
   * @param {CallOptions & AnswerOptions} [options]
   * @returns {Promise<Answer[]>}
   */
  /**
   * @param {string | string[]} question
   * @param {string | string[]} context
   * @param {CallOptions & AnswerOptions} [options]
   * @returns {Promise<any>}
   */
  async answer(question, context, options) {
    const [questions, contexts] = [listed(question), listed(context)];
    const count = questions.single ? contexts.list.length : questions.list.length;
    if (!contexts.single && contexts.list.length !== count) {
      throw inputError(
        `there are ${count} questions and ${contexts.list.length} contexts; pass as many of each, or one`,
      );
    }
    const of = (/** @type {{ single: boolean, list: any[] }} */ { single, list }, /** @type {number} */ at) =>
      list[single ? 0 : at];
    const pairs = Array.from({ length: count }, (_, at) => [of(questions, at), of(contexts, at)]);
    const found = await this.#call("answer", /** @type {Text[]} */ (pairs), options);
    return questions.single && contexts.single ? found[0] : found;
  }

  /**
   * The likeliest tokens for the mask of a text (see info.maskToken), best first; of a text with several masks one list
   * for each. A list of texts gives a list.
   * @overload
   * @param {string} texts
   * @param {CallOptions & { topK?: number }} [options] topK is 5 by default
   * @returns {Promise<Candidate[] | Candidate[][]>}
   */
  /**
   * @overload
   * @param {string[]} texts
   * @param {CallOptions & { topK?: number }} [options]
   * @returns {Promise<(Candidate[] | Candidate[][])[]>}
   */
  /**
   * @param {string | string[]} texts
   * @param {CallOptions & { topK?: number }} [options]
   */
  async fill(texts, options) {
    return this.#call("fill", texts, options);
  }

  /**
   * The tokens of a text in full: ids, tokens, and where each stands in the text; [0, 0] for special tokens.
   * @overload
   * @param {string} texts
   * @param {CallOptions} [options]
   * @returns {Promise<Tokens>}
   */
  /**
   * @overload
   * @param {Text[]} texts
   * @param {CallOptions} [options]
   * @returns {Promise<Tokens[]>}
   */
  /**
   * @param {string | Text[]} texts
   * @param {CallOptions} [options]
   */
  async tokenize(texts, options) {
    return this.#call("tokenize", texts, options);
  }

  /** Ends the worker and gives its memory back. Calls that wait, and later ones, fail. */
  async close() {
    this.#open = false;
    this.#client.close();
  }

  /**
   * @param {import("./session.js").CallName} name
   * @param {string | any[]} texts
   * @param {CallOptions} [options]
   * @returns {Promise<any>}
   */
  #call(name, texts, { signal, ...options } = {}) {
    return this.#each(texts, (some) => this.#client.call(name, some, options), { signal });
  }

  /**
   * The results of a call for one text or a list, part by part, after the calls before it.
   * @param {string | any[]} texts
   * @param {(some: any[]) => Promise<any[]>} step
   * @param {CallOptions} [options]
   * @returns {Promise<any>}
   */
  #each(texts, step, { signal } = {}) {
    const { list, single } = listed(texts);
    const run = async () => {
      const found = [];
      for (let at = 0; at < list.length; at += TEXTS_AT_ONCE) {
        signal?.throwIfAborted();
        if (!this.#open) throw closed();
        found.push(...(await step(list.slice(at, at + TEXTS_AT_ONCE))));
      }
      return single ? found[0] : found;
    };
    const result = this.#queue.then(run);
    this.#queue = result.catch(() => {});
    return result;
  }
}

/**
 * One text as a list, or the list that it is.
 * @param {any} texts
 * @returns {{ list: any[], single: boolean }}
 */
function listed(texts) {
  if (typeof texts === "string") return { list: [texts], single: true };
  if (Array.isArray(texts)) return { list: texts, single: false };
  throw inputError(`texts are ${shown(texts)}, ${typeof texts}; pass a string or a list`);
}
