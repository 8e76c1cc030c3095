// Modules of Node.js, asked for only there. Bundlers for browsers must not see their names, or they look for them.

/** @param {string} name */
const builtin = (name) => import(/* webpackIgnore: true */ /* @vite-ignore */ `node:${name}`);

/** @returns {Promise<typeof import("node:fs/promises")>} */
export const disk = () => builtin("fs/promises");

/** @returns {Promise<typeof import("node:worker_threads")>} */
export const workerThreads = () => builtin("worker_threads");

/** @returns {Promise<typeof import("node:url")>} */
export const urls = () => builtin("url");
