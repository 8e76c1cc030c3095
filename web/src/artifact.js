// A model folder: by its manifest.json, every file with its size and sha256, or without one by the files' known names.
import { FileCache } from "./cache.js";
import { readConfig, readHead } from "./config.js";
import { artifactError, shown } from "./errors.js";
import { jsonOf, readFile } from "./files.js";
import { unpacked } from "./int4.js";
import { readSafetensors } from "./safetensors.js";

const MANIFEST = "manifest.json";
const MANIFEST_FORMAT = 1;
const [CONFIG, RECORD, TOKENIZER, WEIGHTS] = ["config.json", "squeezebert.json", "tokenizer.json", "model.safetensors"];
const NEEDED = [CONFIG, RECORD, TOKENIZER, WEIGHTS];
const LARGEST = 2 ** 31; // what the engine's memory could not hold is not downloaded
const PREFIX = /^transformer\./;
// transformers reads it from a second name as well; and placeholders are zeros that only transformers wants.
const COPIES = ["cls.predictions.decoder.bias"];

/**
 * @typedef {{ name: string, size?: number, sha256?: string }} FileEntry
 */

/**
 * @typedef {{ loaded: number, total: number, file: string }} Progress bytes of all files, and the file that came last
 */

/**
 * @typedef {object} FetchOptions
 * @property {boolean} cache
 * @property {(progress: Progress) => void} [onProgress]
 * @property {AbortSignal} [signal]
 * @property {Record<string, string>} [headers] sent with every request
 */

/**
 * @typedef {object} Artifact
 * @property {string} name
 * @property {import("./config.js").Config} config
 * @property {import("./config.js").Head} head
 * @property {string} tokenizer the content of tokenizer.json
 * @property {import("./safetensors.js").Tensor[]} tensors under canonical names
 * @property {number} bytes of all files
 */

/**
 * Downloads a model folder and reads it.
 * @param {URL} folder its address, with a slash at the end
 * @param {FetchOptions} options
 * @returns {Promise<Artifact>}
 */
export async function fetchArtifact(folder, options) {
  const cache = await FileCache.open(options.cache);
  const manifest = await fetchManifest(folder, cache, options);
  const entries = manifest ? entriesOf(manifest) : NEEDED.map((name) => ({ name }));
  const files = await fetchAll(folder, entries, cache, options);
  return artifactOf(files, manifest?.name ?? nameOf(folder));
}

/** @param {URL} folder */
const nameOf = (folder) => decodeURIComponent(folder.pathname.split("/").filter(Boolean).pop() ?? folder.host);

/**
 * The manifest from the server, from the cache where the server cannot be reached; undefined where there is none.
 * @param {URL} folder
 * @param {FileCache} cache
 * @param {FetchOptions} options
 */
async function fetchManifest(folder, cache, { signal, headers }) {
  const url = new URL(MANIFEST, folder);
  try {
    const bytes = await readFile(url, { size: undefined, signal, headers });
    // A server of a single-page application answers every address with a page.
    if (!bytes || bytes[0] === 0x3c) return undefined;
    const manifest = jsonOf(bytes, url.href);
    await cache.put(url.href, MANIFEST, bytes);
    return manifest;
  } catch (error) {
    const kept = signal?.aborted ? undefined : await cache.get(url.href, MANIFEST);
    if (!kept) throw error;
    return jsonOf(kept, url.href);
  }
}

/**
 * @param {Record<string, any>} manifest
 * @returns {FileEntry[]}
 */
function entriesOf({ format, files }) {
  if (format !== MANIFEST_FORMAT) {
    throw artifactError(
      `${MANIFEST} has format ${shown(format)}, this package reads ${MANIFEST_FORMAT}; update the npm package ` +
        "squeezebert, or export the model again",
    );
  }
  const good = Array.isArray(files) && files.every((file) => typeof file?.name === "string" && isSize(file.size));
  const missing = good ? NEEDED.filter((name) => !files.some((/** @type {any} */ file) => file.name === name)) : [];
  if (good && !missing.length) return files.filter((/** @type {any} */ file) => NEEDED.includes(file.name));
  throw artifactError(
    `${MANIFEST} ${good ? `names no ${missing.join(", ")}` : "lists no files with names and sizes"}; ` +
      "write the folder again with: squeezebert export MODEL --to web OUT",
  );
}

/** @param {unknown} size */
const isSize = (size) =>
  Number.isInteger(size) && /** @type {number} */ (size) >= 0 && /** @type {number} */ (size) < LARGEST;

/**
 * Every file by name.
 * @param {URL} folder
 * @param {FileEntry[]} entries
 * @param {FileCache} cache
 * @param {FetchOptions} options
 */
async function fetchAll(folder, entries, cache, { onProgress, signal, headers }) {
  const total = entries.reduce((sum, { size }) => sum + (size ?? 0), 0);
  const ending = follower(signal);
  let loaded = 0;
  const one = async (/** @type {FileEntry} */ entry) => {
    const onBytes = (/** @type {number} */ count) => {
      loaded += count;
      onProgress?.({ loaded, total: Math.max(total, loaded), file: entry.name });
    };
    const bytes = await fetchFile(folder, entry, cache, { onBytes, signal: ending.signal, headers });
    return /** @type {[string, import("./files.js").Bytes]} */ ([entry.name, bytes]);
  };
  try {
    return new Map(await Promise.all(entries.map(one)));
  } catch (error) {
    ending.abort(); // without one of the files the others are of no use
    throw error;
  }
}

/**
 * A controller that also aborts when a signal does.
 * @param {AbortSignal | undefined} signal
 */
function follower(signal) {
  const own = new AbortController();
  signal?.addEventListener("abort", () => own.abort(signal.reason), { once: true });
  if (signal?.aborted) own.abort(signal.reason);
  return own;
}

/**
 * @param {URL} folder
 * @param {FileEntry} entry
 * @param {FileCache} cache
 * @param {Omit<import("./files.js").Reading, "size">} reading
 */
async function fetchFile(folder, { name, size, sha256 }, cache, reading) {
  const url = new URL(name, folder);
  const kept = sha256 ? await cache.get(url.href, sha256) : undefined;
  if (kept && sha256 && (await isWhole(kept, size, sha256))) {
    reading.onBytes?.(kept.length);
    return kept;
  }
  const bytes = await readFile(url, { ...reading, size });
  if (!bytes) throw artifactError(`${url.href} does not exist; is ${folder.href} the folder of a squeezebert model?`);
  if (sha256) {
    const seen = await digest(bytes);
    if (seen !== undefined && seen !== sha256) throw changed(url, seen, sha256);
    await cache.put(url.href, sha256, bytes);
  }
  return bytes;
}

/**
 * @param {import("./files.js").Bytes} bytes
 * @param {number | undefined} size
 * @param {string} sha256
 */
async function isWhole(bytes, size, sha256) {
  return bytes.length === size && [undefined, sha256].includes(await digest(bytes));
}

/**
 * The sha256 in hexadecimal; undefined outside of a secure context, where browsers do not compute it.
 * @param {import("./files.js").Bytes} bytes
 */
async function digest(bytes) {
  if (!globalThis.crypto?.subtle) return undefined;
  const found = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(found, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {URL} url
 * @param {string} seen
 * @param {string} wanted
 */
const changed = (url, seen, wanted) =>
  artifactError(
    `${url.href} has sha256 ${seen.slice(0, 12)}, the manifest says ${wanted.slice(0, 12)}; clear what stands ` +
      "between (a proxy, a CDN), or export the model again",
  );

/**
 * @param {Map<string, Uint8Array>} files
 * @param {string} name
 * @returns {Artifact}
 */
function artifactOf(files, name) {
  const file = (/** @type {string} */ each) => /** @type {Uint8Array} */ (files.get(each));
  const record = jsonOf(file(RECORD), RECORD);
  const head = readHead(record);
  const config = readConfig(jsonOf(file(CONFIG), CONFIG));
  const wanted = record.weights?.size;
  if (wanted !== undefined && wanted !== file(WEIGHTS).length) {
    throw artifactError(
      `${WEIGHTS} has ${file(WEIGHTS).length} bytes, saved with ${wanted}; download or export the model again`,
    );
  }
  const skipped = new Set([...COPIES, ...(Array.isArray(record.placeholders) ? record.placeholders : [])]);
  const tensors = readSafetensors(file(WEIGHTS), WEIGHTS)
    .map((tensor) => ({ ...tensor, name: canonical(tensor.name) }))
    .filter((tensor) => !skipped.has(tensor.name));
  const tokenizer = new TextDecoder().decode(file(TOKENIZER));
  const bytes = [...files.values()].reduce((sum, each) => sum + each.length, 0);
  return { name, config, head, tokenizer, tensors: unpacked(tensors, WEIGHTS), bytes };
}

/**
 * Our name of a tensor of a checkpoint.
 * @param {string} name
 */
const canonical = (name) =>
  name
    .replace(PREFIX, "")
    .replace(/\.gamma$/, ".weight")
    .replace(/\.beta$/, ".bias");
