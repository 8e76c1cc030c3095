// The service worker: what the page is made of comes from the network while there is one, and from here when not.

const CACHE = "squeezebert-demo-1";
const PREFIX = "squeezebert-demo-";
const PAGE = [
  "./", "style.css", "main.js", "elements.js", "models.js", "offline.js", "pace.js",
  "write.js", "search.js", "sentiment.js", "answer.js",
];
const LISTS = /^models\/(index\.json|[^/]+\/manifest\.json)$/; // the rest of a model is the package's to keep

self.addEventListener("install", (event) => {
  const kept = caches.open(CACHE).then((cache) => cache.addAll(PAGE));
  event.waitUntil(kept.then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(removeOld().then(() => self.clients.claim()));
});

self.addEventListener("message", (event) => {
  if (event.data === "claim") event.waitUntil(self.clients.claim());
});

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  const { scope } = self.registration;
  if (method !== "GET" || !url.startsWith(scope)) return;
  const path = url.slice(scope.length).split("?")[0];
  if (!path.startsWith("models/") || LISTS.test(path)) event.respondWith(fresh(event));
});

async function removeOld() {
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(names.map((name) => caches.delete(name)));
}

async function fresh(event) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(event.request);
    if (response.status >= 500) throw new Error(response.statusText); // a gateway whose server is gone
    if (response.ok) event.waitUntil(cache.put(event.request, response.clone()));
    return response;
  } catch (error) {
    const found = await cache.match(event.request, { ignoreSearch: true, ignoreVary: true });
    if (found) return found;
    throw error;
  }
}
