// When things are computed, and how long they take.

// Calls do not pile up: while one runs, only the last one that was asked for waits, and it sees what is true then.
export function latest(call) {
  let running = false;
  let again = false;
  return async () => {
    again = true;
    if (running) return;
    running = true;
    try {
      while (again) {
        again = false;
        await call();
      }
    } finally {
      running = false;
    }
  };
}

export async function timed(call) {
  const start = performance.now();
  const value = await call();
  return { value, took: milliseconds(performance.now() - start) };
}

export function milliseconds(time) {
  if (time >= 1000) return `${(time / 1000).toFixed(1)} s`;
  return `${time < 10 ? time.toFixed(1) : time.toFixed(0)} ms`;
}

export function megabytes(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
