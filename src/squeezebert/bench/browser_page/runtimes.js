// The runtimes that are measured, each at its best: ours, onnxruntime-web by itself, and transformers.js on top of it.

const ORT = "/npm/onnxruntime-web/dist/";
const TRANSFORMERS = "/npm/@huggingface/transformers/";

// Our engine where it is called, with no worker between.
export async function ours({ model, threads }) {
  const { Session } = await import("/web/src/session.js");
  const options = { cache: false, engine: "auto", headers: {}, threads };
  return Session.load(new URL(model, location.href), options, () => {});
}

// The package as a page uses it, with its worker.
export async function ourPackage({ model, threads }) {
  const { load } = await import("/web/src/index.js");
  return load(new URL(model, location.href).href, { threads });
}

let ort = null;

// A session of onnxruntime-web on the CPU, with every optimization that it has.
export async function onnx(url, threads) {
  if (ort === null) {
    ort = await import(`${ORT}ort.wasm.min.mjs`);
    Object.assign(ort.env.wasm, { wasmPaths: ORT, numThreads: threads });
    ort.env.logLevel = "error";
  }
  return ort.InferenceSession.create(url, {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
    executionMode: "sequential",
    enableCpuMemArena: true,
    enableMemPattern: true,
  });
}

// What a session is given for ids [B, S]; those of its inputs that it has.
export function feeds(session, sequences) {
  const length = Math.max(...sequences.map((ids) => ids.length));
  const made = {};
  for (const name of session.inputNames) {
    const values = new BigInt64Array(sequences.length * length);
    sequences.forEach((ids, row) => ids.forEach((id, at) => { values[row * length + at] = VALUES[name](id); }));
    made[name] = new ort.Tensor("int64", values, [sequences.length, length]);
  }
  return made;
}

const VALUES = { input_ids: (id) => BigInt(id), attention_mask: () => 1n, token_type_ids: () => 0n };

// transformers.js, which embeds texts.
export async function extractor({ transformers, threads }) {
  const { env, pipeline } = await import(`${TRANSFORMERS}dist/transformers.min.js`);
  Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: transformers });
  const nested = `${TRANSFORMERS}node_modules/onnxruntime-web/dist/`;
  Object.assign(env.backends.onnx.wasm, { wasmPaths: nested, numThreads: threads });
  const extract = await pipeline("feature-extraction", "model", { dtype: "q8", device: "wasm" });
  return (texts) => extract(texts, { pooling: "mean", normalize: true });
}
