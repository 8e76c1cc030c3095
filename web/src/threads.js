// The engine with several threads: each is a worker with an instance of its own over one shared memory.
import { openWorker } from "./channel.js";
import { said, SqueezeBertError } from "./errors.js";
import { Wasm } from "./wasm.js";

// Bundlers find a worker's script by exactly the expression in `start`.
const THREAD = {
  start: () => new Worker(new URL("./thread.js", import.meta.url), { type: "module" }),
  script: new URL("./thread.js", import.meta.url),
};
const FIRST_PAGES = 16; // as the module asks
const MOST_PAGES = [32768, 16384, 8192]; // of 64 KiB; phones do not always give address space for 2 GiB

/**
 * @param {WebAssembly.Module} module
 * @param {number} threads
 * @returns {Promise<{ wasm: Wasm, stop: () => void }>}
 */
export async function startThreads(module, threads) {
  const memory = sharedMemory();
  const wasm = await Wasm.start(module, memory);
  /** @type {import("./channel.js").Channel[]} */
  const others = [];
  for (let n = 1; n < threads; n++) {
    const seat = wasm.call(() => wasm.exports.sqb_thread_seat());
    // The engine does not wait for a thread that never comes, so a worker that fails only makes it slower.
    const worker = await openWorker(THREAD, { onMessage: () => {}, onError: () => {} });
    worker.post({ module, memory, seat });
    worker.hold(false);
    others.push(worker);
  }
  return { wasm, stop: () => others.forEach((worker) => worker.end()) };
}

function sharedMemory() {
  let reason = "";
  for (const maximum of MOST_PAGES) {
    try {
      return new WebAssembly.Memory({ initial: FIRST_PAGES, maximum, shared: true });
    } catch (error) {
      reason = said(error);
    }
  }
  throw new SqueezeBertError(`there is no shared memory for threads (${reason}); pass threads: 1`, "engine");
}
