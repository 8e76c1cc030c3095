// A model folder behind HTTP for the tests: files that a test can damage, and a record of what was asked for.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

export const MINI = new URL("../../src/squeezebert/models/mini/", import.meta.url);
const NAMES = ["config.json", "squeezebert.json", "tokenizer.json", "model.safetensors"];

/** The files of the shipped model with a manifest. */
export function miniFiles() {
  const files = Object.fromEntries(NAMES.map((name) => [name, readFileSync(new URL(name, MINI))]));
  return { ...files, "manifest.json": Buffer.from(JSON.stringify(manifestOf(files))) };
}

/** The manifest of some files. */
export function manifestOf(files, name = "mini") {
  const entries = Object.entries(files).map(([file, content]) => ({
    name: file,
    size: content.length,
    sha256: createHash("sha256").update(content).digest("hex"),
  }));
  return {
    format: 1,
    name,
    task: "embedding",
    files: entries,
    total: entries.reduce((sum, { size }) => sum + size, 0),
  };
}

/** A server of files by name; `asked` are the names, with the headers, that it was asked for. */
export async function serve(files) {
  const asked = [];
  const server = createServer((request, response) => {
    const name = request.url.split("/").pop();
    asked.push({ name, headers: request.headers });
    const file = files[name];
    if (typeof file === "function") return file(response);
    response.writeHead(file ? 200 : 404);
    response.end(file);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    url: `http://127.0.0.1:${server.address().port}/model`,
    asked,
    stop: () => server.closeAllConnections() ?? server.close(),
  };
}

/** A stand-in for the browser's Cache API; `limit` bytes fit in it. */
export function fakeCaches(limit = Infinity) {
  const kept = new Map();
  const address = (key) => key.split("?")[0];
  const store = {
    match: async (key) => kept.get(key)?.clone(),
    put: async (key, response) => {
      if ((await response.clone().arrayBuffer()).byteLength > limit) throw new Error("QuotaExceededError");
      kept.set(key, response);
    },
    delete: async (key) =>
      [...kept.keys()].filter((own) => address(own) === address(key)).map((own) => kept.delete(own)),
  };
  return { kept, open: async () => store };
}
