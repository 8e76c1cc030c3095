// One instance of an engine's .wasm in node, as small as its tests need it; the package's own wrapper is in ../../src.
import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";

const CONFIG = [
  "vocab_size", "embedding_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
  "max_position_embeddings", "type_vocab_size", "q_groups", "k_groups", "v_groups", "post_attention_groups",
  "intermediate_groups", "output_groups", "conv_kernel", "attention_rank", "hidden_act", "pooler_act", "classifier_pooling",
  "layer_norm_eps", "attention_head_size",
]; // of sqb_config, in order
const SINGLE = "layer_norm_eps"; // the one float32 among int32

/** A call that the engine refused: its status and what it said. */
export class EngineError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const FILES = Object.fromEntries(
  ["relaxed", "simd", "plain", "threads", "relaxed-threads"].map((name) => [name, new URL(`../squeezebert-${name}.wasm`, import.meta.url)]),
);

// Node.js 20 has relaxed SIMD, but turned off.
if (!WebAssembly.validate(readFileSync(FILES.relaxed))) setFlagsFromString("--experimental-wasm-relaxed-simd");

/** What the module imports; `memory` is a function because there is none before the instance. */
export function imports(memory, shared) {
  const text = (at) => {
    const bytes = new Uint8Array(memory().buffer);
    return new TextDecoder().decode(bytes.slice(at, bytes.indexOf(0, at)));
  };
  const sqb_host_fail = (status, message) => {
    throw new EngineError(status, text(message));
  };
  const clock_time_get = (_clock, _precision, out) => {
    new DataView(memory().buffer).setBigUint64(out, process.hrtime.bigint(), true);
    return 0;
  };
  return { env: { sqb_host_fail, ...(shared && { memory: shared }) }, wasi_snapshot_preview1: { clock_time_get } };
}

/** Starts as many further threads over the instance's memory, which run until the process ends; their seats. */
function startThreads(module, shared, exports, count) {
  return Array.from({ length: count }, () => {
    const seat = exports.sqb_thread_seat();
    new Worker(new URL("./thread.mjs", import.meta.url), { workerData: { module, shared, seat } }).unref();
    return seat;
  });
}

export class Engine {
  /** `threads` above 1 and the most `pages` of memory only of a module with shared memory. */
  constructor(path, { threads = 1, pages = 32768 } = {}) {
    const module = new WebAssembly.Module(readFileSync(path));
    const wanted = WebAssembly.Module.imports(module).some((one) => one.kind === "memory");
    const shared = wanted ? new WebAssembly.Memory({ initial: 16, maximum: pages, shared: true }) : undefined;
    this.exports = new WebAssembly.Instance(module, imports(() => this.memory, shared)).exports;
    this.memory = shared ?? this.exports.memory;
    this.exports._initialize();
    this.seats = startThreads(module, shared, this.exports, threads - 1);
    this.threads = threads;
  }

  /** Calls an export; a refusal leaves the stack as it was. */
  call(name, ...values) {
    const { __stack_pointer: stack } = this.exports;
    const before = stack.value;
    try {
      return this.exports[name](...values);
    } catch (error) {
      stack.value = before;
      throw error;
    }
  }

  bytes(at, size) {
    return new Uint8Array(this.memory.buffer, at, size);
  }

  /** The address of a copy, aligned for any number. */
  put(array) {
    const at = this.call("malloc", Math.max(array.byteLength, 1));
    if (at === 0) throw new Error(`no memory for ${array.byteLength} bytes`);
    this.bytes(at, array.byteLength).set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    return at;
  }

  string(text) {
    return this.put(new TextEncoder().encode(`${text}\0`));
  }

  text(at) {
    if (at === 0) return null;
    const bytes = new Uint8Array(this.memory.buffer);
    return new TextDecoder().decode(bytes.slice(at, bytes.indexOf(0, at)));
  }

  kernels() {
    const names = [];
    for (let i = 0, name; (name = this.text(this.call("sqb_available_kernel", i))); ++i) names.push(name);
    return names;
  }

  create(config, kernel = "") {
    const numbers = new DataView(new ArrayBuffer(4 * CONFIG.length));
    CONFIG.forEach((name, i) => numbers[name === SINGLE ? "setFloat32" : "setInt32"](4 * i, config[name] ?? 0, true));
    const at = this.put(numbers), name = this.string(kernel), out = this.put(new Uint32Array(1));
    this.call("sqb_create", at, name, this.threads, out);
    return new DataView(this.memory.buffer).getUint32(out, true);
  }

  /** Weights first, because a bias or scale follows its weight. */
  add(model, tensors) {
    const kept = ["embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"];
    const names = Object.keys(tensors).sort((a, b) => b.endsWith("weight") - a.endsWith("weight") || (a < b ? -1 : 1));
    for (const name of names) {
      const { data, shape } = tensors[name];
      const at = this.put(data), label = this.string(name);
      const sizes = this.put(new BigInt64Array(shape.map(BigInt)));
      this.call(data instanceof Int8Array ? "sqb_add_int8" : "sqb_add", model, label, at, sizes, shape.length);
      for (const one of kept.includes(name) ? [label, sizes] : [at, label, sizes]) this.call("free", one);
    }
    this.call("sqb_finish", model);
  }

  batch(ids, types, starts) {
    const arrays = [ids, types, starts].map((values) => this.put(Int32Array.from(values)));
    return this.put(Uint32Array.from([...arrays, starts.length - 1]));
  }

  /** A function of the C interface that writes `size` floats to its last argument. */
  run(name, size, ...values) {
    const out = this.call("malloc", 4 * size);
    this.call(name, ...values, out);
    const result = new Float32Array(this.memory.buffer, out, size).slice();
    this.call("free", out);
    return result;
  }
}

/** The tensors of a safetensors file by name: {data, shape}. */
export function readSafetensors(path) {
  const file = readFileSync(path);
  const size = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, 8 + size).toString());
  delete header.__metadata__;
  return Object.fromEntries(Object.entries(header).map(([name, { dtype, shape, data_offsets: [begin, end] }]) => {
    const bytes = file.buffer.slice(file.byteOffset + 8 + size + begin, file.byteOffset + 8 + size + end);
    return [name, { data: dtype === "I8" ? new Int8Array(bytes) : new Float32Array(bytes), shape }];
  }));
}
