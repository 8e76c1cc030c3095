// In the page: starts the worker that measures, our package as a visitor meets it, and first results of fresh profiles.

import { interleave } from "./clock.js";
import { extractor, feeds, onnx, ourPackage } from "./runtimes.js";

export function measure(plan) {
  const worker = new Worker(new URL("measure.js", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.value));
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(plan);
  }).finally(() => worker.terminate());
}

// From a text to its vector in the page, through the package and its worker.
export async function fromPage(plan) {
  const model = await ourPackage(plan);
  const results = [];
  for (const { name, texts } of plan.inputs) {
    const { page } = await interleave({ page: () => model.embed(texts) }, plan);
    results.push({ input: name, runtime: "squeezebert, from the page", milliseconds: page, note: model.info.kernel });
  }
  await model.close();
  return results;
}

const FIRST = {
  squeezebert: async (plan) => (await ourPackage(plan)).embed(plan.inputs[0].texts),
  "transformers.js": async (plan) => (await extractor(plan))(plan.inputs[0].texts),
  "onnxruntime-web": async (plan) => {
    const session = await onnx(plan.onnx, plan.threads);
    return session.run(feeds(session, plan.inputs[0].ids));
  },
};

// Milliseconds from the page's start to the first result.
export async function first(runtime, plan) {
  const found = await FIRST[runtime](plan);
  if (!found) throw new Error("there is no result");
  return performance.now();
}
