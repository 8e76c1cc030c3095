// squeezebert: small text encoders in the page, or in Node.js. Text never leaves where it is.
import { openHere, openInWorker } from "./client.js";
import { inputError, shown } from "./errors.js";
import { Model } from "./model.js";
import { urls } from "./node.js";

export { SqueezeBertError } from "./errors.js";
export { Model };

/** The version of this package; that of squeezebert for Python. */
export const version = "0.1.0";

/** @typedef {import("./session.js").Info} Info */
/** @typedef {import("./artifact.js").Progress} Progress */
/** @typedef {import("./tokenizer.js").Text} Text */
/** @typedef {import("./model.js").Labelled} Labelled */
/** @typedef {import("./decode.js").Classification} Classification */
/** @typedef {import("./decode.js").MultiLabel} MultiLabel */
/** @typedef {import("./decode.js").Regression} Regression */
/** @typedef {import("./decode.js").Choice} Choice */
/** @typedef {import("./tags.js").Entity} Entity */
/** @typedef {import("./spans.js").Answer} Answer */
/** @typedef {import("./fill.js").Candidate} Candidate */
/** @typedef {import("./model.js").Tokens} Tokens */

/**
 * @typedef {object} LoadOptions
 * @property {(progress: import("./artifact.js").Progress) => void} [onProgress] told as the files arrive
 * @property {number} [threads] of the engine, by default 1; more need a cross-origin isolated page
 * @property {boolean} [cache] whether the files are kept in the browser, by default true
 * @property {boolean} [worker] whether a worker does the work, by default true; without one the page waits
 * @property {"auto" | import("./features.js").EngineKind} [engine] which build of the engine runs, by default the fastest
 * @property {Record<string, string>} [headers] sent with the requests for the model's files
 * @property {AbortSignal} [signal] gives the loading up
 */

/**
 * A model, from the folder that `squeezebert export MODEL --to web OUT` writes, or from a model's own folder.
 * @param {string | URL} url of the folder, absolute or relative to the page; in Node.js a path as well
 * @param {LoadOptions} [options]
 * @returns {Promise<Model>}
 */
export async function load(url, { onProgress, signal, worker = true, ...options } = {}) {
  signal?.throwIfAborted();
  const { cache = true, threads = 1, engine = "auto", headers = {} } = options;
  const loading = { folder: await folderOf(url), options: { cache, threads, engine, headers }, onProgress, signal };
  return new Model(await (worker ? openInWorker(loading) : openHere(loading)));
}

/**
 * The address with a slash at its end.
 * @param {string | URL} url
 */
async function folderOf(url) {
  if (typeof url !== "string" && !(url instanceof URL)) {
    throw inputError(`the url is ${shown(url)}; pass the address of a model's folder`);
  }
  const text = String(url);
  const slashed = text.endsWith("/") ? text : `${text}/`;
  if (/^[a-z][a-z0-9+.-]+:/i.test(slashed)) return new URL(slashed);
  if (typeof location !== "undefined") return new URL(slashed, globalThis.document?.baseURI ?? location.href);
  const { pathToFileURL } = await urls();
  return pathToFileURL(slashed);
}
