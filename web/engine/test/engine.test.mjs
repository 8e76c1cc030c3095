// The engine's files against what the desktop computes: node engine.test.mjs FOLDER
//
// FOLDER holds a folder for each model: config.json (sqb_config as numbers), model.safetensors under the engine's names, and
// calls.json, a list of {call, values, ids, types, starts, expected, tolerance}: a function of the C interface, what it
// takes between the batch and its output, the batch, and the output.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { argv } from "node:process";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";

import { Engine, FILES, readSafetensors } from "./engine.mjs";

const LARGEST = 300_000; // bytes of a file
const [BAD_CONFIG, BAD_INPUT, NO_HEAD, NO_MEMORY] = [1, 3, 4, 5];
const [FREE, TAKEN] = [0, 2]; // of a seat
const IMPORTS = ["env.sqb_host_fail", "wasi_snapshot_preview1.clock_time_get"];
const SIMD = ["wasm-simd", "plain"];
// The first where the machine's products of bytes are exact.
const RELAXED = new Engine(FILES.relaxed).kernels().length === 3 ? ["wasm-dot", "wasm-relaxed", "plain"] : ["wasm-relaxed", "plain"];
const KERNELS = { relaxed: RELAXED, simd: SIMD, plain: ["plain"], threads: SIMD, "relaxed-threads": RELAXED };

const json = (...path) => JSON.parse(readFileSync(join(...path), "utf8"));
const cases = readdirSync(argv[2]).map((name) => {
  const folder = join(argv[2], name);
  const tensors = readSafetensors(join(folder, "model.safetensors"));
  return { name, config: json(folder, "config.json"), tensors, calls: json(folder, "calls.json") };
});

function load(engine, { config, tensors }, kernel) {
  const model = engine.create(config, kernel);
  engine.add(model, tensors);
  return model;
}

function answer(engine, model, { call, values, ids, types, starts, expected }) {
  const taken = values.map((value) => (Array.isArray(value) ? engine.put(Int32Array.from(value)) : value));
  return engine.run(call, expected.length, model, engine.batch(ids, types, starts), ...taken);
}

function agree(engine, one, kernel) {
  const model = load(engine, one, kernel);
  assert.equal(engine.text(engine.call("sqb_kernel", model)), kernel);
  for (const call of one.calls) {
    const seen = answer(engine, model, call);
    const furthest = call.expected.reduce((most, value, i) => Math.max(most, Math.abs(value - seen[i]) || 0), 0);
    assert.ok(seen.every(Number.isFinite) && furthest <= call.tolerance, `${one.name} ${call.call}: off by ${furthest}`);
  }
  engine.call("sqb_free", model);
}

for (const [name, path] of Object.entries(FILES)) {
  test(`${name}: small, and asks its host for little`, () => {
    assert.ok(statSync(path).size <= LARGEST);
    const asked = WebAssembly.Module.imports(new WebAssembly.Module(readFileSync(path)));
    const named = asked.map((one) => `${one.module}.${one.name}`);
    assert.deepEqual(named.sort(), [...(name.endsWith("threads") ? ["env.memory"] : []), ...IMPORTS].sort());
    assert.deepEqual(new Engine(path).kernels(), KERNELS[name]);
  });

  for (const kernel of KERNELS[name])
    for (const threads of name.endsWith("threads") ? [1, 2, 3] : [1])
      test(`${name}: ${kernel} with ${threads} threads computes what the desktop does`, () => {
        const engine = new Engine(path, { threads });
        for (const one of cases) agree(engine, one, kernel);
      });

  test(`${name}: a refusal names its reason and changes nothing`, () => {
    const engine = new Engine(path);
    const [one] = cases;
    const { __stack_pointer: stack, memory } = engine.exports;
    const before = stack.value;
    const refused = (status, message, call) => assert.throws(call, (error) => error.status === status && message.test(error.message));
    refused(BAD_CONFIG, /choose one of .*plain/, () => engine.create(one.config, "abacus"));
    refused(BAD_CONFIG, /heads or groups do not divide/, () => engine.create({ ...one.config, num_attention_heads: 5 }));
    engine.threads = 2;
    refused(BAD_CONFIG, /threads=2 where this module has 0 free/, () => engine.create(one.config));
    engine.threads = 1;
    const model = load(engine, one);
    const { ids, types, starts } = one.calls[0];
    answer(engine, model, one.calls[0]); // grows the memory of a call, which a refusal must not lose
    const batch = engine.batch(ids, types, starts), high = engine.batch([1 << 20], [0], [0, 1]);
    for (let i = 0; i < 2000; ++i) {
      refused(NO_HEAD, /has no question answering head/, () => engine.call("sqb_span_logits", model, batch, 0));
      refused(BAD_INPUT, /token id 1048576 at position 0/, () => engine.call("sqb_hidden", model, high, 0));
    }
    assert.equal(stack.value, before);
    if (memory) assert.ok(memory.buffer.byteLength < 8 << 20);
    agree(engine, one, KERNELS[name][0]);
  });
}

test("threads: a model that does not fit is refused", () => {
  const engine = new Engine(FILES.threads, { pages: 32 });
  assert.throws(() => load(engine, { ...cases[0], config: { ...cases[0].config, num_hidden_layers: 4096 } }), {
    status: NO_MEMORY,
    message: /not enough memory/,
  });
});

test("threads: workers arrive, work, and wait for the next model", { timeout: 60_000 }, async () => {
  const engine = new Engine(FILES.threads, { threads: 3 });
  const states = () => engine.seats.map((seat) => Atomics.load(new Int32Array(engine.memory.buffer), seat / 4));
  const reach = async (wanted) => {
    while (states().some((state) => state !== wanted)) await after(5); // the test's own limit ends it
  };
  for (let i = 0; i < 3; ++i) {
    const model = load(engine, cases[0]);
    await reach(TAKEN);
    for (const call of cases[0].calls) answer(engine, model, call);
    engine.call("sqb_free", model);
    assert.deepEqual(states(), [FREE, FREE]);
  }
});

test("threads: the workers are free again when a model is gone", () => {
  const engine = new Engine(FILES.threads, { threads: 3 });
  for (let i = 0; i < 20; ++i) agree(engine, cases[i % cases.length], "wasm-simd");
  const model = load(engine, cases[0]);
  assert.throws(() => load(engine, cases[0]), /threads=3 where this module has 0 free/);
  engine.call("sqb_free", model);
  agree(engine, cases[0], "plain");
});
