// The model's face: shapes in and out, the queue, giving up, closing, and what is said of mistakes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { chooseEngine, hasRelaxedSimd } from "../src/features.js";
import { load, SqueezeBertError, version } from "../src/index.js";
import { MINI } from "./site.js";

/** @type {import("../src/index.js").Model} */
let model;

before(async () => {
  model = await load(MINI);
});
after(() => model.close());

test("the model tells what it is", () => {
  const { bytes, kernel, ...rest } = model.info;
  assert.ok(bytes > 1e7 && kernel);
  assert.deepEqual(rest, {
    name: "mini",
    kind: "embedding",
    labels: [],
    hiddenSize: 384,
    maxLength: 256,
    maskToken: "[MASK]",
    threads: 1,
  });
  assert.match(version, /^\d+\.\d+\.\d+$/);
});

test("one text gives one vector, a list a list, no text no vector", async () => {
  const one = await model.embed("a text");
  const [same, other] = await model.embed(["a text", "another"]);
  assert.ok(one instanceof Float32Array && one.length === 384);
  assert.ok(one.every((value, at) => Math.abs(value - same[at]) < 1e-6));
  assert.notDeepEqual(one, other);
  assert.deepEqual(await model.embed([]), []);
});

test("similarity has the shape of what is compared", async () => {
  const [dog, puppy, tax] = ["a dog runs", "a puppy is running", "income tax law"];
  assert.ok(Math.abs((await model.similarity(dog, dog)) - 1) < 1e-6);
  const [near, far] = await model.similarity(dog, [puppy, tax]);
  assert.ok(near > far);
  const table = await model.similarity([dog, tax], [puppy, tax, dog]);
  assert.deepEqual([table.length, table[0].length], [2, 3]);
  assert.deepEqual((await model.similarity([dog, tax], puppy)).length, 2);
});

test("a long list comes back whole and in order", async () => {
  const texts = Array.from({ length: 300 }, (_, at) => `number ${at}`);
  const [vectors, last] = [await model.embed(texts), await model.embed(texts[299])];
  assert.equal(vectors.length, 300);
  assert.ok(last.every((value, at) => Math.abs(value - vectors[299][at]) < 1e-2));
});

test("tokens come with their places", async () => {
  const { tokens, ids, types, offsets } = await model.tokenize("Hello world");
  assert.deepEqual(tokens, ["[CLS]", "hello", "world", "[SEP]"]);
  assert.deepEqual([ids.length, types], [4, [0, 0, 0, 0]]);
  assert.deepEqual(offsets, [
    [0, 0],
    [0, 5],
    [6, 11],
    [0, 0],
  ]);
});

test("calls are answered in the order in which they came", async () => {
  const done = [];
  const calls = ["a b c d e f".repeat(50), "b", "c"].map((text, at) => model.embed(text).then(() => done.push(at)));
  await Promise.all(calls);
  assert.deepEqual(done, [0, 1, 2]);
});

test("a call that waits is given up by its signal, and the next one is answered", async () => {
  const giving = new AbortController();
  const first = model.embed("first");
  const second = model.embed("second", { signal: giving.signal });
  giving.abort();
  await assert.rejects(second, { name: "AbortError" });
  assert.equal((await first).length, 384);
  assert.equal((await model.embed("third")).length, 384);
});

test("an error of a call does not stop the next", async () => {
  await assert.rejects(model.embed("\ud800"), /lone surrogate/);
  assert.equal((await model.embed("fine")).length, 384);
});

for (const [name, call, message] of [
  [
    "a call without a head",
    () => model.fill("[MASK]"),
    /fill needs a model for masked_lm, and this one is for embedding; call embed, or load/,
  ],
  ["no texts", () => model.embed(undefined), /texts are undefined, undefined; pass a string or a list/],
  ["a number as a text", () => model.embed([1]), /a text is 1, number; pass a string, or a pair/],
  [
    "another count of contexts",
    () => model.answer(["a", "b"], ["c"]),
    /2 questions and 1 contexts; pass as many of each, or one/,
  ],
  [
    "a thing that cannot be sent",
    () => model.embed([() => 1]),
    /cannot be sent to the worker: .*; pass texts and plain options/,
  ],
  ["an address that is none", () => load(/** @type {any} */ (7)), /the url is 7; pass the address of a model's folder/],
  ["no threads", () => load(MINI, { threads: 0 }), /threads is 0; choose 1 to 64/],
  [
    "an unknown engine",
    () => load(MINI, { engine: /** @type {any} */ ("fast") }),
    /engine "fast" is not known; choose one of auto/,
  ],
]) {
  test(`${name} is refused`, async () => {
    await assert.rejects(
      async () => call(),
      (error) => error instanceof SqueezeBertError && message.test(error.message),
    );
  });
}

const SINGLE = hasRelaxedSimd() ? "relaxed" : "simd"; // the fastest of one thread here

test("threads are taken where they are wanted and can be", () => {
  assert.deepEqual(
    [chooseEngine("auto", 1), chooseEngine("auto", 2), chooseEngine("plain", 4)],
    [SINGLE, hasRelaxedSimd() ? "relaxed-threads" : "threads", "plain"],
  );
});

test("relaxed SIMD is run where it is, and else refused", () => {
  for (const engine of ["relaxed", "relaxed-threads"]) {
    if (hasRelaxedSimd()) assert.equal(chooseEngine(engine, 2), engine);
    else assert.throws(() => chooseEngine(engine, 2), /relaxed SIMD, which is missing here; choose "auto" or "simd"/);
  }
});

test("without shared memory threads are refused, and auto does without", () => {
  globalThis.crossOriginIsolated = false;
  try {
    assert.equal(chooseEngine("auto", 4), SINGLE);
    assert.throws(
      () => chooseEngine("threads", 4),
      /needs a cross-origin isolated page; serve it with Cross-Origin-Opener/,
    );
  } finally {
    delete globalThis.crossOriginIsolated;
  }
});

test("threads compute the same", async () => {
  const two = await load(MINI, { threads: 2 });
  const texts = ["a text of some words", "b ".repeat(200)];
  const [wanted, seen] = [await model.embed(texts), await two.embed(texts)];
  assert.equal(two.info.threads, 2);
  seen.forEach((vector, n) => assert.ok(vector.every((value, at) => Math.abs(value - wanted[n][at]) < 1e-5)));
  await two.close();
});

test("a closed model refuses, calls that wait included", async () => {
  for (const worker of [true, false]) {
    const own = await load(MINI, { worker });
    const waiting = [own.embed("a"), own.embed("b")];
    await own.close();
    for (const call of waiting) await assert.rejects(call, /the model is closed; load it again/);
    await assert.rejects(own.embed("c"), { kind: "closed" });
    await own.close();
  }
});
