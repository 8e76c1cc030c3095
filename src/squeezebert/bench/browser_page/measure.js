// In a worker: every runtime on the same inputs, as vectors of the same tokens, in turn.
//
// An input is {name, texts, ids}: the texts, and the same as token ids. onnxruntime-web is given ids, transformers.js
// texts, and we are measured with both. Several texts go to each runtime in batches of the size that suits it best.

import { best, interleave } from "./clock.js";
import { extractor, feeds, onnx, ours } from "./runtimes.js";
import { batches } from "/web/src/batch.js";

const BATCHES = [1, 8, 32];
const SAMPLED = 4; // one text of so many chooses form and size of batches
const LEAST_COSINE = 0.95; // of a form's vectors with ours; what is below computes something else

self.addEventListener("message", async ({ data }) => {
  try {
    self.postMessage({ value: await measure(data) });
  } catch (error) {
    self.postMessage({ error: `${error.message}\n${error.stack}` });
  }
});

async function measure(plan) {
  const session = await ours(plan);
  const results = [];
  const skipped = [];
  const chosen = await choose(plan, session, skipped);
  const extract = plan.transformers ? await extractor(plan) : null;
  for (const input of plan.inputs) {
    const open = [];
    const calls = { squeezebert: ids(session, input), "squeezebert, texts": () => session.embed(input.texts) };
    const notes = {};
    for (const [name, form] of Object.entries(chosen[input.name])) {
      const opened = await onnx(form.url, plan.threads);
      open.push(opened);
      calls[name] = runner(opened, input, form.size);
      notes[name] = said(form.name, form.size, input);
    }
    if (extract) await addExtractor(extract, input, calls, notes);
    const taken = await interleave(calls, plan);
    for (const opened of open) await opened.release();
    for (const [runtime, milliseconds] of Object.entries(taken)) {
      results.push({ input: input.name, runtime, milliseconds, note: notes[runtime] ?? `${session.info.kernel}, no padding` });
    }
  }
  return { results, skipped, kernel: session.info.kernel, threads: session.info.threads };
}

// Pooled by the mean whatever the model says: it takes as long, and compares with what is made of theirs.
function ids(session, input) {
  const sequences = input.ids.map((each) => ({ ids: Int32Array.from(each), types: new Int32Array(each.length) }));
  const packed = [...batches(sequences)];
  return () => packed.map((batch) => session.engine.embed(batch, "mean", true)).at(-1);
}

// For each input and each precision the form and batch size that take the least time. {input: {runtime: form}}
async function choose(plan, session, skipped) {
  const chosen = Object.fromEntries(plan.inputs.map(({ name }) => [name, {}]));
  for (const form of plan.forms) {
    let opened = null;
    try {
      opened = await onnx(form.url, plan.threads);
      for (const input of plan.inputs) await consider(form, opened, input, { session, own: chosen[input.name] });
    } catch (error) {
      skipped.push({ name: form.name, reason: String(error.message ?? error).slice(0, 300) });
    }
    await opened?.release();
  }
  return chosen;
}

async function consider(form, opened, input, { session, own }) {
  check(await pooled(opened, input.ids[0]), ids(session, { ids: [input.ids[0]] })());
  const isBatch = input.ids.length > 1;
  const sample = isBatch ? { ...input, ids: input.ids.filter((_, at) => at % SAMPLED === 0) } : input;
  for (const size of isBatch ? BATCHES : [1]) {
    const time = await best(runner(opened, sample, size));
    if (!own[form.runtime] || time < own[form.runtime].time) own[form.runtime] = { ...form, size, time };
  }
}

function check(vector, expected) {
  const dot = (one, other) => one.reduce((sum, value, at) => sum + value * other[at], 0);
  const cosine = dot(vector, expected) / Math.sqrt(dot(vector, vector) * dot(expected, expected));
  if (!(cosine >= LEAST_COSINE)) throw new Error(`its vectors have a cosine of ${cosine.toFixed(4)} with ours`);
}

// The mean of the hidden states of one sequence.
async function pooled(session, sequence) {
  const output = (await session.run(feeds(session, [sequence])))[session.outputNames[0]];
  const width = output.dims[2];
  const sums = new Float32Array(width);
  output.data.forEach((value, at) => { sums[at % width] += value; });
  return sums;
}

// The hidden states of every text, sorted by length so that little is padded. Pooling comes free.
function runner(session, input, size) {
  const sorted = [...input.ids].sort((one, other) => one.length - other.length);
  const given = [];
  for (let at = 0; at < sorted.length; at += size) given.push(feeds(session, sorted.slice(at, at + size)));
  return async () => {
    for (const feed of given) await session.run(feed);
  };
}

async function addExtractor(extract, input, calls, notes) {
  const sorted = [...input.texts].sort((one, other) => one.length - other.length);
  const call = (size) => async () => {
    for (let at = 0; at < sorted.length; at += size) await extract(sorted.slice(at, at + size));
  };
  const times = new Map();
  for (const size of input.texts.length > 1 ? BATCHES : [1]) times.set(size, await best(call(size)));
  const size = [...times.keys()].reduce((one, other) => (times.get(other) < times.get(one) ? other : one));
  calls["transformers.js"] = call(size);
  notes["transformers.js"] = said("q8", size, input);
}

const said = (form, size, { texts }) => (texts.length > 1 ? `${form}, sorted, batches of ${size}` : form);
