// Fair timing: all contestants in one page, in turn, round after round, as bench/clock.py does it.

const PAUSE = 20; // milliseconds before a turn, for the threads of the runtime before to come to rest

const TRIALS = 3;

const pause = () => new Promise((done) => setTimeout(done, PAUSE));

export async function once(call) {
  const start = performance.now();
  await call();
  return performance.now() - start;
}

// Browsers take a while to find out what to compile well.
async function warmUp(call, milliseconds) {
  const end = performance.now() + milliseconds;
  do await call(); while (performance.now() < end);
}

// The milliseconds of each round by name; each timed call comes right after an untimed one of the same contestant.
export async function interleave(calls, { rounds, warm }) {
  const taken = Object.fromEntries(Object.keys(calls).map((name) => [name, []]));
  for (const call of Object.values(calls)) await warmUp(call, warm);
  for (let round = 0; round < rounds; round++) {
    for (const [name, call] of Object.entries(calls)) {
      await pause();
      await call();
      taken[name].push(await once(call));
    }
  }
  return taken;
}

// The best of a few calls: what chooses between the forms of one runtime.
export async function best(call) {
  await call();
  const times = [];
  for (let at = 0; at < TRIALS; at++) times.push(await once(call));
  return Math.min(...times);
}
