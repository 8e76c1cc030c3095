// Offline use: a service worker keeps the page, the package and the engine; the package keeps models by itself.

const PATIENCE = 2000; // milliseconds; a page that cannot be kept shall not wait for it

// Whether all that is fetched from now on is kept. Not where the page is neither https nor on this machine.
export async function keep() {
  if (!("serviceWorker" in navigator)) return false;
  try {
    await Promise.race([installed(), new Promise((_, reject) => setTimeout(reject, PATIENCE))]);
  } catch {
    return false;
  }
  return isKept();
}

export const isKept = () => Boolean(navigator.serviceWorker?.controller) && "caches" in globalThis;

async function installed() {
  const workers = navigator.serviceWorker;
  await workers.register("sw.js");
  const { active } = await workers.ready;
  if (workers.controller) return;
  const taken = new Promise((resolve) => workers.addEventListener("controllerchange", resolve, { once: true }));
  active.postMessage("claim"); // a page that was reloaded by force has no worker until it asks
  await taken;
}
