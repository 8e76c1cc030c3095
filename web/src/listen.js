// The worker's end of a channel, in browsers and in Node.js.
import { workerThreads } from "./node.js";

/**
 * Hears messages, and gives back the way to answer.
 * @param {(message: any) => void} onMessage
 * @returns {(message: unknown, moved?: ArrayBuffer[]) => void}
 */
export function listen(onMessage) {
  if (typeof addEventListener === "function" && typeof postMessage === "function") {
    addEventListener("message", ({ data }) => onMessage(data));
    return (message, moved = []) => postMessage(message, { transfer: moved });
  }
  const port = workerThreads().then(({ parentPort }) => parentPort);
  port.then((own) => own?.on("message", onMessage));
  return (message, moved) => void port.then((own) => own?.postMessage(message, moved));
}
