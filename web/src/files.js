// Files of a model folder: over HTTP, or from disk in Node.js. Whole files or errors, and how far they have come.
import { artifactError, said, shown, SqueezeBertError } from "./errors.js";
import { disk } from "./node.js";

const MOST_HINTED = 2 ** 28; // bytes that are set aside because a server says so

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

/**
 * @typedef {object} Reading
 * @property {number | undefined} size what it must have, if that is known
 * @property {(count: number) => void} [onBytes] told of each stretch that arrives
 * @property {AbortSignal} [signal]
 * @property {Record<string, string>} [headers] of the request
 */

/**
 * The bytes of a file; undefined where there is none.
 * @param {URL} url
 * @param {Reading} reading
 * @returns {Promise<Bytes | undefined>}
 */
export async function readFile(url, reading) {
  return url.protocol === "file:" ? fromDisk(url, reading) : fromServer(url, reading);
}

/**
 * @param {URL} url
 * @param {Reading} reading
 */
async function fromDisk(url, { size, onBytes, signal }) {
  const { readFile: read } = await disk();
  try {
    const bytes = new Uint8Array(await read(url, { signal }));
    onBytes?.(bytes.length);
    checkSize(url, bytes.length, size);
    return bytes;
  } catch (error) {
    if (error instanceof SqueezeBertError || signal?.aborted) throw error;
    if (/** @type {{ code?: string }} */ (error).code === "ENOENT") return undefined;
    throw artifactError(`cannot read ${url.href}: ${said(error)}; check the path and its permissions`);
  }
}

/**
 * @param {URL} url
 * @param {Reading} reading
 */
async function fromServer(url, { size, onBytes, signal, headers }) {
  const response = await answered(url, signal, headers);
  if (response.status === 404) return undefined;
  if (!response.ok) {
    throw artifactError(
      `${url.href} answers ${response.status} ${response.statusText}; check the address and the server`,
    );
  }
  const hint = Math.min(Number(response.headers.get("content-length")) || 0, MOST_HINTED);
  const sink = new Sink(url, size, hint);
  const reader = response.body?.getReader();
  for (;;) {
    const { done, value } = reader ? await arrived(url, reader, signal) : { done: true, value: undefined };
    if (done || !value) return sink.whole();
    sink.add(value);
    onBytes?.(value.length);
  }
}

/**
 * @param {URL} url
 * @param {AbortSignal | undefined} signal
 * @param {Record<string, string> | undefined} headers
 */
async function answered(url, signal, headers) {
  try {
    return await fetch(url, { signal, headers });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw artifactError(
      `cannot reach ${url.href}: ${said(error)}; check the network, the address and the server's CORS`,
    );
  }
}

/**
 * @param {URL} url
 * @param {ReadableStreamDefaultReader<Uint8Array>} reader
 * @param {AbortSignal | undefined} signal
 */
async function arrived(url, reader, signal) {
  try {
    return await reader.read();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw artifactError(`the download of ${url.href} broke off: ${said(error)}; load the model again`);
  }
}

/** Gathers a file as it arrives, in one block where its size is known. */
class Sink {
  /**
   * @param {URL} url
   * @param {number | undefined} size
   * @param {number} hint how large it may be where the size is not known
   */
  constructor(url, size, hint) {
    this.url = url;
    this.size = size;
    this.block = new Uint8Array(size ?? hint);
    this.length = 0;
  }

  /** @param {Uint8Array} part */
  add(part) {
    const length = this.length + part.length;
    if (this.size !== undefined && length > this.size) checkSize(this.url, length, this.size);
    if (length > this.block.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.block.length));
      larger.set(this.block);
      this.block = larger;
    }
    this.block.set(part, this.length);
    this.length = length;
  }

  whole() {
    checkSize(this.url, this.length, this.size);
    return this.block.subarray(0, this.length);
  }
}

/**
 * @param {URL} url
 * @param {number} seen
 * @param {number | undefined} wanted
 */
function checkSize(url, seen, wanted) {
  if (wanted !== undefined && seen !== wanted) {
    const all = seen > wanted ? "more" : "all";
    throw artifactError(
      `${url.href} has ${seen} bytes or ${all}, the manifest says ${wanted}; load again, or export the model again`,
    );
  }
}

/**
 * The JSON object in a file.
 * @param {Uint8Array} bytes
 * @param {string} name
 * @returns {Record<string, any>}
 */
export function jsonOf(bytes, name) {
  try {
    const json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (json && typeof json === "object" && !Array.isArray(json)) return json;
    throw new Error(`it holds ${shown(json)}`);
  } catch (error) {
    throw artifactError(`${name} is not a JSON object: ${said(error)}; export or copy the model again`);
  }
}
