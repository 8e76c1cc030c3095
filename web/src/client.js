// The caller's side of a session: a queue of calls, each to the worker, or to a session on this very thread.
import { openWorker } from "./channel.js";
import { said, SqueezeBertError } from "./errors.js";

// Bundlers find a worker's script by exactly the expression in `start`.
const WORKER = {
  start: () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" }),
  script: new URL("./worker.js", import.meta.url),
};

/** @typedef {import("./session.js").Info} Info */
/** @typedef {import("./session.js").CallName} CallName */
/** @typedef {import("./artifact.js").Progress} Progress */

/**
 * @typedef {object} Loading
 * @property {URL} folder
 * @property {import("./session.js").SessionOptions} options
 * @property {(progress: Progress) => void} [onProgress]
 * @property {AbortSignal} [signal]
 */

/**
 * A session, wherever it runs.
 * @typedef {object} Client
 * @property {Info} info
 * @property {(name: CallName, texts: any[], options: object) => Promise<any>} call
 * @property {() => void} close
 */

/**
 * @param {Loading} loading
 * @returns {Promise<Client>}
 */
export async function openHere({ folder, options, onProgress, signal }) {
  const { Session } = await import("./session.js");
  /** @type {any} */
  let session = await Session.load(folder, options, (progress) => onProgress?.(progress), signal);
  return {
    info: session.info,
    call: async (name, texts, options) => session[name](texts, options),
    close: () => {
      session?.close();
      session = undefined; // and with it all of its memory
    },
  };
}

/**
 * @param {Loading} loading
 * @returns {Promise<Client>}
 */
export async function openInWorker({ folder, options, onProgress, signal }) {
  const line = new Line(onProgress);
  await line.open();
  const stop = () => line.close(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const info = await line.ask({ load: { folder: folder.href, options } });
    return {
      info,
      call: (name, texts, options) => line.ask({ call: { name, texts, options } }),
      close: () => line.close(),
    };
  } catch (error) {
    line.close();
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** Questions to the worker, and who waits for their answers. */
class Line {
  /** @param {((progress: Progress) => void) | undefined} onProgress */
  constructor(onProgress) {
    this.onProgress = onProgress;
    /** @type {Map<number, { resolve: (value: any) => void, reject: (error: unknown) => void }>} */
    this.waiting = new Map();
    this.asked = 0;
    /** @type {import("./channel.js").Channel | undefined} */
    this.channel = undefined;
  }

  async open() {
    this.channel = await openWorker(WORKER, {
      onMessage: (message) => this.hear(message),
      onError: (error) => this.close(error),
    });
  }

  /**
   * @param {object} question
   * @returns {Promise<any>}
   */
  ask(question) {
    return new Promise((resolve, reject) => {
      if (!this.channel) throw closed();
      const id = ++this.asked;
      this.waiting.set(id, { resolve, reject });
      this.channel.hold(true);
      try {
        this.channel.post({ ...question, id });
      } catch (error) {
        this.waiting.delete(id);
        throw new SqueezeBertError(
          `the arguments cannot be sent to the worker: ${said(error)}; pass texts and plain options`,
        );
      }
    });
  }

  /** @param {any} message */
  hear({ id, progress, done, failed }) {
    if (progress) return this.onProgress?.(progress);
    const asker = this.waiting.get(id);
    this.waiting.delete(id);
    if (!this.waiting.size) this.channel?.hold(false);
    // An error without a kind is a mistake of this package's own.
    if (failed)
      asker?.reject(failed.kind ? new SqueezeBertError(failed.message, failed.kind) : new Error(failed.message));
    else asker?.resolve(done);
  }

  /**
   * Ends the worker; whoever waits is told why.
   * @param {unknown} [reason]
   */
  close(reason) {
    this.channel?.end();
    this.channel = undefined;
    for (const { reject } of this.waiting.values()) reject(reason ?? closed());
    this.waiting.clear();
  }
}

/** What a call on a closed model gets. */
export const closed = () => new SqueezeBertError("the model is closed; load it again", "closed");
