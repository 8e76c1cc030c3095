// Which of the engine's files this browser can run.
import { shown, SqueezeBertError } from "./errors.js";

/** @typedef {"relaxed" | "simd" | "plain" | "threads" | "relaxed-threads"} EngineKind */

export const ENGINES = /** @type {const} */ (["auto", "relaxed", "simd", "plain", "threads", "relaxed-threads"]);

// A module of one function that makes a vector: () -> v128, i8x16.splat(0).
const WITH_SIMD = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 5, 1, 0x60, 0, 1, 0x7b],
  ...[3, 2, 1, 0],
  ...[10, 8, 1, 6, 0, 0x41, 0, 0xfd, 0x0f, 0x0b],
);

/** Whether WebAssembly has vectors here. */
export const hasSimd = () => WebAssembly.validate(WITH_SIMD);

// The same of f32x4.relaxed_madd over three vectors.
const WITH_RELAXED_SIMD = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 5, 1, 0x60, 0, 1, 0x7b],
  ...[3, 2, 1, 0],
  ...[10, 19, 1, 17, 0, 0x41, 0, 0xfd, 0x0f, 0x41, 0, 0xfd, 0x0f, 0x41, 0, 0xfd, 0x0f, 0xfd, 0x85, 2, 0x0b],
);

/** Whether WebAssembly has the vector instructions here whose last bit is the machine's own. */
export const hasRelaxedSimd = () => WebAssembly.validate(WITH_RELAXED_SIMD);

/** Whether memory may be shared with workers here: in browsers only where the page is cross-origin isolated. */
export function hasThreads() {
  if (typeof SharedArrayBuffer === "undefined" || globalThis.crossOriginIsolated === false) return false;
  try {
    new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    return hasSimd();
  } catch {
    return false;
  }
}

/**
 * The file to run: the one that was asked for, or the fastest that this browser runs.
 * @param {string} wanted one of ENGINES
 * @param {number} threads
 * @returns {EngineKind}
 */
export function chooseEngine(wanted, threads) {
  if (typeof WebAssembly === "undefined")
    throw unable("WebAssembly is switched off or missing here; use another browser");
  // A page's own thread may not wait for others, which the engine's threads do.
  const onPage = typeof document !== "undefined";
  if (wanted === "auto") {
    if (threads > 1 && !onPage && hasThreads()) return hasRelaxedSimd() ? "relaxed-threads" : "threads";
    if (hasRelaxedSimd()) return "relaxed";
    return hasSimd() ? "simd" : "plain";
  }
  if (!ENGINES.some((known) => known === wanted)) {
    throw unable(`engine ${shown(wanted)} is not known; choose one of ${ENGINES.join(", ")}`);
  }
  if (wanted !== "plain" && !hasSimd()) {
    throw unable(`engine "${wanted}" needs WebAssembly SIMD, which is missing here; choose "auto" or "plain"`);
  }
  if (wanted.startsWith("relaxed") && !hasRelaxedSimd()) {
    throw unable(`engine "${wanted}" needs WebAssembly's relaxed SIMD, which is missing here; choose "auto" or "simd"`);
  }
  if (!wanted.endsWith("threads")) return /** @type {EngineKind} */ (wanted);
  if (!hasThreads()) {
    throw unable(
      `engine "${wanted}" needs a cross-origin isolated page; serve it with Cross-Origin-Opener-Policy: same-origin and ` +
        'Cross-Origin-Embedder-Policy: require-corp, or choose "auto"',
    );
  }
  if (onPage) throw unable(`engine "${wanted}" needs a worker; leave worker true`);
  return /** @type {EngineKind} */ (wanted);
}

/** @param {string} message */
const unable = (message) => new SqueezeBertError(message, "engine");
