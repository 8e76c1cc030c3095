// One instance of the engine's WebAssembly module: its memory, its imports, and calls that fail as errors of ours.
import { said, SqueezeBertError } from "./errors.js";
import { readFile } from "./files.js";

const KINDS = /** @type {Record<number, import("./errors.js").ErrorKind>} */ ({
  1: "artifact",
  2: "artifact",
  3: "input",
  4: "head",
}); // after anything else the module's memory cannot be trusted
const [SUCCESS, UNKNOWN_CALL] = [0, 52]; // of WASI

/** What the module throws by way of its host: it has no exceptions of its own. */
class Failure extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @param {string} reason */
const broken = (reason) =>
  new SqueezeBertError(`the engine broke off: ${reason}; close the model and load it again`, "engine");

/** @typedef {Record<string, any> & { memory: WebAssembly.Memory, __stack_pointer: WebAssembly.Global }} Exports */

export class Wasm {
  /**
   * @param {Exports} exports
   * @param {WebAssembly.Memory} memory
   */
  constructor(exports, memory) {
    this.exports = exports;
    this.memory = memory;
    this.broken = "";
    this.view = new Uint8Array(memory.buffer);
  }

  /**
   * @param {WebAssembly.Module} module
   * @param {WebAssembly.Memory} [memory] where it is imported
   */
  static async start(module, memory) {
    /** @type {{ wasm?: Wasm }} */
    const late = {}; // the imports need the memory, which comes with the exports
    const instance = await WebAssembly.instantiate(module, importsOf(module, late, memory));
    const exports = /** @type {Exports} */ (/** @type {unknown} */ (instance.exports));
    const wasm = new Wasm(exports, memory ?? exports.memory);
    late.wasm = wasm;
    exports._initialize?.();
    return wasm;
  }

  /**
   * Works as a further thread of another instance, for good.
   * @param {WebAssembly.Module} module
   * @param {WebAssembly.Memory} memory shared
   * @param {number} seat from sqb_thread_seat
   */
  static join(module, memory, seat) {
    const { exports } = new WebAssembly.Instance(module, importsOf(module, {}, memory));
    const own = /** @type {Exports} */ (/** @type {unknown} */ (exports));
    own.__stack_pointer.value = seat;
    own.sqb_thread_main(seat);
  }

  /** The memory as bytes, anew after each growth. */
  get bytes() {
    if (this.view.buffer !== this.memory.buffer) this.view = new Uint8Array(this.memory.buffer);
    return this.view;
  }

  /**
   * A copy of float32 values.
   * @param {number} at
   * @param {number} count
   */
  floats(at, count) {
    return new Float32Array(this.memory.buffer, at, count).slice();
  }

  /**
   * The text at an address, up to its zero byte.
   * @param {number} at
   */
  text(at) {
    const bytes = this.bytes;
    return new TextDecoder().decode(bytes.slice(at, bytes.indexOf(0, at)));
  }

  /**
   * Gives `action` addresses of blocks with these contents, or of so many empty bytes, and frees them afterwards.
   * @template T
   * @param {(ArrayBufferView | number)[]} blocks
   * @param {(...at: number[]) => T} action
   * @returns {T}
   */
  with(blocks, action) {
    /** @type {number[]} */
    const places = [];
    try {
      for (const block of blocks) places.push(this.put(block));
      return action(...places);
    } finally {
      for (const at of places) this.exports.free(at);
    }
  }

  /**
   * A new block with this content, or of so many bytes; free() it.
   * @param {ArrayBufferView | number} block
   * @returns {number}
   */
  put(block) {
    const size = typeof block === "number" ? block : block.byteLength;
    const at = this.call(() => this.exports.malloc(Math.max(size, 1))) >>> 0;
    if (!at)
      throw new SqueezeBertError(`the engine has no memory for ${size} bytes; close other models or tabs`, "engine");
    if (typeof block !== "number") this.bytes.set(new Uint8Array(block.buffer, block.byteOffset, size), at);
    return at;
  }

  /**
   * A call of the module; what fails inside becomes a SqueezeBertError. A call that returns has succeeded.
   * @param {() => number} action
   * @returns {number}
   */
  call(action) {
    if (this.broken) throw broken(this.broken);
    const stack = this.exports.__stack_pointer.value;
    try {
      return action();
    } catch (error) {
      this.exports.__stack_pointer.value = stack;
      const kind = error instanceof Failure ? KINDS[error.status] : undefined;
      if (kind) throw new SqueezeBertError(said(error), kind);
      this.broken = said(error);
      throw broken(this.broken);
    }
  }
}

/**
 * What the module asks of its host. Of WASI it needs next to nothing: a clock, and to be told that the rest is missing.
 * @param {WebAssembly.Module} module
 * @param {{ wasm?: Wasm }} late
 * @param {WebAssembly.Memory | undefined} memory
 */
function importsOf(module, late, memory) {
  const known = /** @type {Record<string, unknown>} */ ({
    memory,
    sqb_host_fail: (/** @type {number} */ status, /** @type {number} */ message) => {
      throw new Failure(status, late.wasm?.text(message) ?? "the module failed as it started");
    },
    clock_time_get: (/** @type {number} */ _clock, /** @type {bigint} */ _precision, /** @type {number} */ out) => {
      const bytes = /** @type {Wasm} */ (late.wasm).bytes;
      new DataView(bytes.buffer).setBigUint64(out, BigInt(Math.round(performance.now() * 1e6)), true);
      return SUCCESS;
    },
    proc_exit: (/** @type {number} */ code) => {
      throw new Failure(0, `the module ended itself with code ${code}`);
    },
  });
  const found = /** @type {Record<string, Record<string, any>>} */ ({});
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    (found[from] ??= {})[name] = known[name] ?? (() => UNKNOWN_CALL);
  }
  return found;
}

/**
 * @param {URL} url of a .wasm file
 * @returns {Promise<WebAssembly.Module>}
 */
export async function compile(url) {
  const bytes = await readFile(url, { size: undefined });
  if (!bytes)
    throw new SqueezeBertError(`${url.href} does not exist; publish the package's engine folder with it`, "engine");
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    throw new SqueezeBertError(
      `${url.href} cannot be compiled: ${said(error)}; the page's Content-Security-Policy must allow 'wasm-unsafe-eval'`,
      "engine",
    );
  }
}
