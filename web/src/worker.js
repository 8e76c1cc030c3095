// The worker: one session, one call after the other. Messages are {load} and {call}, answers {progress} and {done}.
import { listen } from "./listen.js";
import { said, SqueezeBertError } from "./errors.js";
import { Session } from "./session.js";

/** @type {Session | undefined} */
let session;

const answer = listen(async ({ load, call, id }) => {
  try {
    if (load) {
      const onProgress = (/** @type {unknown} */ progress) => answer({ id, progress });
      session = await Session.load(new URL(load.folder), load.options, onProgress);
      answer({ id, done: session.info });
    } else {
      const result = perform(call);
      answer({ id, done: result }, result instanceof Float32Array ? [/** @type {ArrayBuffer} */ (result.buffer)] : []);
    }
  } catch (error) {
    const kind = error instanceof SqueezeBertError ? error.kind : undefined;
    answer({ id, failed: { message: said(error), kind } });
  }
});

/** @param {{ name: import("./session.js").CallName, texts: any[], options: any }} call */
function perform({ name, texts, options }) {
  return /** @type {Session} */ (session)[name](texts, options);
}
