// Whole, verified files in the browser's Cache API, each under its address with its sha256.

const NAME = "squeezebert";

/**
 * @param {string} url
 * @param {string} sha256
 */
function keyOf(url, sha256) {
  const key = new URL(url);
  key.search = `sha256=${sha256}`;
  return key.href;
}

/** Files kept between visits. Whatever goes wrong in here, a visit goes on without it. */
export class FileCache {
  /** @param {Cache | undefined} store */
  constructor(store) {
    this.store = store;
  }

  /**
   * The cache of this page, or one that keeps nothing where there is none (Node.js, private windows, no secure context).
   * @param {boolean} wanted
   */
  static async open(wanted) {
    const store = wanted && typeof caches !== "undefined" ? await quietly(() => caches.open(NAME)) : undefined;
    return new FileCache(store);
  }

  /**
   * @param {string} url
   * @param {string} sha256
   * @returns {Promise<import("./files.js").Bytes | undefined>}
   */
  async get(url, sha256) {
    return quietly(async () => {
      const found = await this.store?.match(keyOf(url, sha256));
      return found && new Uint8Array(await found.arrayBuffer());
    });
  }

  /**
   * Keeps a file whose sha256 has been checked, in place of older ones from the same address.
   * @param {string} url
   * @param {string} sha256
   * @param {import("./files.js").Bytes} bytes
   */
  async put(url, sha256, bytes) {
    await quietly(async () => {
      if (!this.store) return;
      await this.forget(url);
      await this.store.put(keyOf(url, sha256), new Response(bytes));
    });
  }

  /**
   * Drops every version of a file.
   * @param {string} url
   */
  async forget(url) {
    await quietly(() => this.store?.delete(url, { ignoreSearch: true }) ?? Promise.resolve(false));
  }
}

/**
 * What the action gives, or undefined where it fails: storage that is full, switched off or cleared costs a download.
 * @template T
 * @param {() => Promise<T>} action
 * @returns {Promise<T | undefined>}
 */
async function quietly(action) {
  try {
    return await action();
  } catch {
    return undefined;
  }
}
