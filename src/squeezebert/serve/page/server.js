// Talking to the server: one request at a time, the last one wins, and each comes with what it took.

let key = "";
let running = null;

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function useKey(value) {
  key = value;
}

function headers() {
  return key ? { "Content-Type": "application/json", Authorization: `Bearer ${key}` } : { "Content-Type": "application/json" };
}

export async function read(path) {
  return answered(await fetch(path, { headers: headers() }));
}

// The answer to a body, and its times in milliseconds; null when a later request has taken its place.
export async function ask(path, body) {
  running?.abort(); // the server forgets what nobody waits for
  const mine = (running = new AbortController());
  const start = performance.now();
  try {
    const response = await fetch(path, {
      method: "POST", headers: headers(), body: JSON.stringify(body), signal: mine.signal,
    });
    const value = await answered(response);
    return { value, total: performance.now() - start, engine: timing(response, "engine"), queue: timing(response, "queue") };
  } catch (error) {
    if (mine.signal.aborted) return null;
    throw error;
  }
}

async function answered(response) {
  if (response.ok) return response.json();
  const text = await response.text();
  let message = text || response.statusText;
  try {
    message = JSON.parse(text).error;
  } catch { /* not ours; it is shown as it came */ }
  throw new Refused(response.status, message);
}

function timing(response, name) {
  const found = (response.headers.get("Server-Timing") || "").match(new RegExp(`${name};dur=([\\d.e+-]+)`));
  return found ? Number(found[1]) : null;
}
