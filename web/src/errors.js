/**
 * What can go wrong. `kind` says where to look: "artifact" a file that is missing or damaged, "input" what the caller
 * passed, "head" a model that was not trained for the call, "engine" the browser or the WebAssembly module, "closed"
 * a call after close().
 * @typedef {"artifact" | "input" | "head" | "engine" | "closed"} ErrorKind
 */

/** Every error that a user can cause and mend. The message says what is wrong, what was seen and what to do. */
export class SqueezeBertError extends Error {
  /**
   * @param {string} message
   * @param {ErrorKind} kind
   */
  constructor(message, kind = "input") {
    super(message);
    this.name = "SqueezeBertError";
    this.kind = kind;
  }
}

/** @param {string} message */
export const artifactError = (message) => new SqueezeBertError(message, "artifact");

/** @param {string} message */
export const inputError = (message) => new SqueezeBertError(message, "input");

/**
 * The message of anything that was thrown.
 * @param {unknown} error
 */
export const said = (error) => (error instanceof Error ? error.message : String(error));

/**
 * The value as a message shows it: short, and told apart from others.
 * @param {unknown} value
 */
export function shown(value) {
  const text = typeof value === "string" ? `"${value}"` : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/**
 * @param {number} code
 * @param {number} at
 */
export function loneSurrogate(code, at) {
  const name = code.toString(16).toUpperCase();
  return inputError(
    `the text holds the lone surrogate U+${name} at ${at}, half of a character; pass text.toWellFormed(), or remove it`,
  );
}
