// Loading over HTTP: whole models or clear errors, kept between visits.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { load } from "../src/index.js";
import { fakeCaches, manifestOf, miniFiles, serve } from "./site.js";

const FILES = miniFiles();
const HERE = { worker: false };
let stops = [];

afterEach(() => {
  stops.forEach((stop) => stop());
  stops = [];
  delete globalThis.caches;
});

async function site(changes = {}) {
  const found = await serve({ ...FILES, ...changes });
  stops.push(found.stop);
  return found;
}

const json = (value) => Buffer.from(JSON.stringify(value));
const changed = (name, change) => json({ ...JSON.parse(FILES[name]), ...change });

/** The same files with one changed, and a manifest that knows it. */
function consistent(name, content) {
  const { "manifest.json": _, ...files } = { ...FILES, [name]: content };
  return { [name]: content, "manifest.json": json(manifestOf(files)) };
}

async function refused(changes, message, options = HERE) {
  const { url } = await site(changes);
  await assert.rejects(load(url, options), (error) => {
    assert.equal(error.name, "SqueezeBertError");
    assert.equal(error.kind, "artifact");
    assert.match(error.message, message);
    return true;
  });
}

test("progress grows to the total that the manifest says", async () => {
  const { url } = await site();
  const seen = [];
  const model = await load(url, { ...HERE, onProgress: (progress) => seen.push(progress) });
  const { total } = JSON.parse(FILES["manifest.json"]);
  assert.deepEqual([seen.at(-1).loaded, seen.at(-1).total, model.info.bytes], [total, total, total]);
  assert.ok(seen.every(({ loaded }, at) => !at || loaded > seen[at - 1].loaded));
  assert.equal(model.info.name, "mini");
});

test("a folder without a manifest is loaded by its files' names", async () => {
  const { url } = await site({ "manifest.json": undefined });
  const model = await load(url, HERE);
  assert.equal(model.info.name, "model");
  assert.equal((await model.embed("a text")).length, model.info.hiddenSize);
});

test("a page in the manifest's place is no manifest", async () => {
  const { url } = await site({ "manifest.json": Buffer.from("<!doctype html>") });
  assert.equal((await load(url, HERE)).info.kind, "embedding");
});

test("headers go with every request", async () => {
  const { url, asked } = await site();
  await load(url, { ...HERE, headers: { Authorization: "Bearer key" } });
  assert.equal(asked.length, 5);
  assert.ok(asked.every(({ headers }) => headers.authorization === "Bearer key"));
});

test("a missing file is named", () =>
  refused({ "tokenizer.json": undefined }, /tokenizer\.json does not exist; is .* a squeezebert model/));

test("a folder that is no model says so", () =>
  refused(
    Object.fromEntries(Object.keys(FILES).map((name) => [name, undefined])),
    /does not exist; is .* a squeezebert model/,
  ));

test("a server's refusal is told", () =>
  refused(
    { "config.json": (response) => response.writeHead(403).end() },
    /config\.json answers 403 Forbidden; check the address and the server/,
  ));

test("a file of another size is refused", () =>
  refused({ "config.json": Buffer.from("{}") }, /config\.json has 2 bytes.* the manifest says 844; .*load again/));

test("a file that is longer is refused before it has all arrived", () =>
  refused({ "config.json": Buffer.alloc(1e6) }, /config\.json has \d+ bytes or more, the manifest says 844/));

test("a file with other content is refused", () => {
  const other = Buffer.from(FILES["config.json"]);
  other[other.length - 2] = 0x20;
  return refused(
    { "config.json": other },
    /config\.json has sha256 \w+, the manifest says \w+; clear what stands between/,
  );
});

test("a download that breaks off says so", () =>
  refused(
    {
      "model.safetensors": (response) => {
        response.writeHead(200, { "content-length": FILES["model.safetensors"].length });
        response.write(FILES["model.safetensors"].subarray(0, 1e5), () => response.destroy());
      },
    },
    /the download of .*model\.safetensors broke off: .*; load the model again/,
  ));

test("a server that is not there is told", async () => {
  const { url, stop } = await serve(FILES);
  stop();
  await assert.rejects(load(url, HERE), /cannot reach .*manifest\.json: .*; check the network/);
});

test("a manifest of another format is refused", () =>
  refused(
    { "manifest.json": changed("manifest.json", { format: 2 }) },
    /has format 2, this package reads 1; update the npm package/,
  ));

test("a manifest without files is refused", () =>
  refused(
    { "manifest.json": json({ format: 1, files: [{}] }) },
    /lists no files with names and sizes; write the folder again/,
  ));

test("a manifest without the weights is refused", () => {
  const { files, ...rest } = JSON.parse(FILES["manifest.json"]);
  const some = files.filter(({ name }) => name !== "model.safetensors");
  return refused(
    { "manifest.json": json({ ...rest, files: some }) },
    /names no model\.safetensors; .*export MODEL --to web/,
  );
});

test("a manifest that is damaged is refused", () =>
  refused(
    { "manifest.json": Buffer.from("{oh") },
    /manifest\.json is not a JSON object: .*; export or copy the model again/,
  ));

test("a model of a newer format is refused", () => {
  const record = changed("squeezebert.json", { format_version: 2 });
  return refused(
    consistent("squeezebert.json", record),
    /format version 2, this package reads up to 1; update the npm package/,
  );
});

test("a record that is none is refused", () =>
  refused(
    consistent("squeezebert.json", json({ a: 1 })),
    /format_version undefined, not a number from 1; export the model again/,
  ));

test("a head that cannot be is refused", () => {
  const record = changed("squeezebert.json", { head: { pooling: "sum" } });
  return refused(consistent("squeezebert.json", record), /has the head .*sum.*; export the model again/);
});

test("a checkpoint of another kind is refused", () =>
  refused(
    consistent("config.json", changed("config.json", { model_type: "bert" })),
    /model_type "bert"; this package runs squeezebert and squeezebert_extended: run squeezebert import/,
  ));

test("an option that changes the network is refused", () =>
  refused(
    consistent("config.json", changed("config.json", { is_decoder: true })),
    /is_decoder true, which changes the network/,
  ));

test("a number that is none is refused", () =>
  refused(consistent("config.json", changed("config.json", { q_groups: "4" })), /q_groups "4"; it must be a number/));

test("an unknown word is refused", () =>
  refused(
    consistent("config.json", changed("config.json", { hidden_act: "silu" })),
    /hidden_act "silu"; choose one of gelu, /,
  ));

test("a config that contradicts the weights is refused by the engine", () =>
  refused(consistent("config.json", changed("config.json", { num_hidden_layers: 7 })), /encoder\.layers\.6/));

test("weights of another size than saved are refused without a manifest too", () =>
  refused(
    { "manifest.json": undefined, "model.safetensors": FILES["model.safetensors"].subarray(0, 1000) },
    /model\.safetensors has 1000 bytes, saved with \d+; download or export the model again/,
  ));

test("an error in a worker is the same error", () =>
  refused({ "config.json": Buffer.from("{}") }, /config\.json has 2 bytes.* the manifest says 844/, { worker: true }));

test("a second visit downloads the manifest only", async () => {
  globalThis.caches = fakeCaches();
  const { url, asked } = await site();
  await load(url, HERE);
  const seen = [];
  await load(url, { ...HERE, onProgress: ({ loaded }) => seen.push(loaded) });
  assert.deepEqual(
    asked.slice(5).map(({ name }) => name),
    ["manifest.json"],
  );
  assert.equal(seen.at(-1), JSON.parse(FILES["manifest.json"]).total);
});

test("without a network a model that is kept is loaded", async () => {
  globalThis.caches = fakeCaches();
  const { url, stop } = await site();
  await load(url, HERE);
  stop();
  assert.equal((await load(url, HERE)).info.name, "mini");
});

test("with cache false nothing is kept", async () => {
  globalThis.caches = fakeCaches();
  const { url } = await site();
  await load(url, { ...HERE, cache: false });
  assert.equal(globalThis.caches.kept.size, 0);
});

test("a changed file takes the place of the old one in the cache", async () => {
  globalThis.caches = fakeCaches();
  const files = { ...FILES };
  const { url, stop } = await serve(files);
  stops.push(stop);
  await load(url, HERE);
  Object.assign(files, consistent("config.json", changed("config.json", { note: 1 })));
  await load(url, HERE);
  assert.equal([...globalThis.caches.kept.keys()].filter((key) => key.includes("config.json")).length, 1);
});

test("a damaged file in the cache is downloaded again", async () => {
  globalThis.caches = fakeCaches();
  const { url, asked } = await site();
  await load(url, HERE);
  const key = [...globalThis.caches.kept.keys()].find((each) => each.includes("config.json"));
  globalThis.caches.kept.set(key, new Response("{}"));
  await load(url, HERE);
  assert.deepEqual(
    asked.slice(5).map(({ name }) => name),
    ["manifest.json", "config.json"],
  );
});

test("full storage costs a download, not the model", async () => {
  globalThis.caches = fakeCaches(1e6);
  const { url, asked } = await site();
  await load(url, HERE);
  await load(url, HERE);
  assert.deepEqual(
    asked
      .slice(5)
      .map(({ name }) => name)
      .sort(),
    ["manifest.json", "model.safetensors"],
  );
});

test("a cache that is forbidden is done without", async () => {
  globalThis.caches = { open: () => Promise.reject(new Error("SecurityError")) };
  const { url } = await site();
  assert.equal((await load(url, HERE)).info.name, "mini");
});

for (const worker of [true, false]) {
  test(`loading is given up by its signal, worker ${worker}`, async () => {
    const { url } = await site({ "model.safetensors": () => {} }); // never answers
    const giving = new AbortController();
    const loading = load(url, { worker, signal: giving.signal });
    setTimeout(() => giving.abort(), 300);
    await assert.rejects(loading, { name: "AbortError" });
  });
}

test("when one file fails the others are not waited for", async () => {
  let closed;
  const gone = new Promise((resolve) => (closed = resolve));
  const never = (response) => response.writeHead(200) && response.write("x") && response.on("close", closed);
  await refused({ "model.safetensors": never, "config.json": undefined }, /config\.json does not exist/);
  await gone;
});

test("an engine that cannot start is told although the model is there", async () => {
  const { url } = await site();
  for (const worker of [true, false]) {
    await assert.rejects(load(url, { worker, threads: 0 }), { kind: "input" });
  }
});
