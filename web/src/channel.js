// Workers, in browsers (module workers) and in Node.js (worker_threads) alike; their own end is listen.js.
import { said, SqueezeBertError } from "./errors.js";
import { workerThreads } from "./node.js";

/**
 * @typedef {object} Channel
 * @property {(message: unknown) => void} post
 * @property {(busy: boolean) => void} hold whether the process shall wait for the worker (Node.js)
 * @property {() => void} end
 */

/**
 * @typedef {object} Listener
 * @property {(message: any) => void} onMessage
 * @property {(error: SqueezeBertError) => void} onError the worker could not start, or died
 */

/**
 * How a worker starts in a browser, and its script for Node.js.
 * @typedef {{ start: () => Worker, script: URL }} Entry
 */

/**
 * Starts a worker of this package.
 * @param {Entry} entry
 * @param {Listener} listener
 * @returns {Promise<Channel>}
 */
export async function openWorker({ start, script }, { onMessage, onError }) {
  const failed = (/** @type {unknown} */ reason) =>
    onError(new SqueezeBertError(`the worker failed: ${reason}; pass worker: false to do without one`, "engine"));
  return typeof Worker === "undefined"
    ? openNodeWorker(script, onMessage, failed)
    : openWebWorker(start, onMessage, failed);
}

/**
 * @param {() => Worker} start
 * @param {(message: any) => void} onMessage
 * @param {(reason: unknown) => void} failed
 * @returns {Channel}
 */
function openWebWorker(start, onMessage, failed) {
  const worker = started(start);
  worker.onmessage = ({ data }) => onMessage(data);
  worker.onerror = (event) => failed(event.message || "its script cannot be loaded");
  return { post: (message) => worker.postMessage(message), hold: () => {}, end: () => worker.terminate() };
}

/** @param {() => Worker} start */
function started(start) {
  try {
    return start();
  } catch (error) {
    throw new SqueezeBertError(
      `the worker cannot start: ${said(error)}; serve this package from the page's own origin, or pass worker: false`,
      "engine",
    );
  }
}

/**
 * @param {URL} script
 * @param {(message: any) => void} onMessage
 * @param {(reason: unknown) => void} failed
 * @returns {Promise<Channel>}
 */
async function openNodeWorker(script, onMessage, failed) {
  const threads = await workerThreads();
  const worker = new threads.Worker(script);
  worker.on("message", onMessage);
  worker.on("error", (error) => failed(said(error)));
  return {
    post: (message) => worker.postMessage(message),
    // An open model alone must not keep a script from ending.
    hold: (busy) => (busy ? worker.ref() : worker.unref()),
    end: () => void worker.terminate(),
  };
}
