// The models that lie beside the page: which there are, and each one loaded once, in a worker of its own.

import { timed } from "./pace.js";

const FOLDER = new URL("models/", document.baseURI);
const MOST_THREADS = 4; // more of them wait for each other longer than they help with a model this small
const loaded = new Map();
let key = "";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function useKey(value) {
  key = value;
  loaded.clear();
}

// [{name, kind}] of models/index.json.
export async function list() {
  const found = await read("index.json");
  return Array.isArray(found.models) ? found.models : [];
}

// {model, took} for a name: the model, and how long it took to load. `onProgress` is told of {loaded, total} in bytes.
export function use(name, onProgress) {
  if (!loaded.has(name)) {
    const found = timed(() => open(name, onProgress)).then(({ value, took }) => ({ model: value, took }));
    loaded.set(name, found);
    found.catch(() => loaded.delete(name)); // so that it can be tried again
  }
  return loaded.get(name);
}

async function open(name, onProgress) {
  const { total } = await read(`${encodeURIComponent(name)}/manifest.json`); // says why, where a model cannot be had
  onProgress({ loaded: 0, total });
  const { load } = await import("./squeezebert/src/index.js");
  return load(new URL(`${encodeURIComponent(name)}/`, FOLDER).href, { onProgress, threads: threads(), headers: headers() });
}

// Threads share memory, which a page may only have where its server isolates it from others.
function threads() {
  if (!globalThis.crossOriginIsolated) return 1;
  return Math.max(1, Math.min(MOST_THREADS, Math.floor((navigator.hardwareConcurrency || 2) / 2)));
}

const headers = () => (key ? { Authorization: `Bearer ${key}` } : {});

async function read(path) {
  const response = await fetch(new URL(path, FOLDER), { headers: headers() });
  if (response.ok) return response.json();
  throw new Refused(response.status, await reason(response));
}

async function reason(response) {
  const text = await response.text();
  try {
    return JSON.parse(text).error;
  } catch {
    return `${response.url} answers ${response.status} ${response.statusText}; look whether the file is there`;
  }
}
