// Int4: int8 matrices that a file keeps in four bits a value. A group of 384 inputs is small integers times a multiplier:
// NAME_int4 U8 [rows, K / 2], two values a byte, the first in the low half, each plus 8, and NAME_multiplier
// U8 [rows, groups] make NAME int8 [rows, K], whose NAME_scale is that of any int8 matrix. Where K is at most 384 there
// is no NAME_multiplier, and it is 1.
import { artifactError, shown } from "./errors.js";

const PACKED = "_int4";
const MULTIPLIER = "_multiplier";
const GROUP = 384;
const HIGHEST = 18; // multiplier
const ZERO = 8;
const AGAIN = "download or export the model again";

/** @typedef {import("./safetensors.js").Tensor} Tensor */

/**
 * The tensors with an int8 matrix in place of its parts; it is unpacked each time its bytes are asked for.
 * @param {Tensor[]} tensors
 * @param {string} file its name, for messages
 * @returns {Tensor[]}
 */
export function unpacked(tensors, file) {
  const named = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const isPart = (/** @type {Tensor} */ { name }) => name.endsWith(PACKED) || name.endsWith(MULTIPLIER);
  const whole = tensors.filter((tensor) => !isPart(tensor));
  const strange = whole.find(({ dtype }) => dtype === "U8");
  if (strange) throw artifactError(`${file}: tensor ${strange.name} is U8, which is no weight; ${AGAIN}`);
  const names = new Set(tensors.filter(isPart).map(({ name }) => name.slice(0, name.lastIndexOf("_"))));
  return [...whole, ...[...names].map((name) => joined(name, named, file))];
}

/**
 * @param {string} name
 * @param {Map<string, Tensor>} named
 * @param {string} file
 * @returns {Tensor}
 */
function joined(name, named, file) {
  const [halves, multipliers] = [PACKED, MULTIPLIER].map((part) => named.get(name + part));
  if (!halves) throw artifactError(`${file}: tensor ${name} is in int4 and has no ${name}${PACKED}; ${AGAIN}`);
  if (named.has(name)) throw artifactError(`${file}: tensor ${name} is there twice, as it is and in int4; ${AGAIN}`);
  const [rows, half, ...rest] = halves.shape;
  const isMatrix = halves.dtype === "U8" && half > 0 && (rest.length === 0 || (rest.length === 1 && rest[0] === 1));
  if (!isMatrix || !isBeside(multipliers, rows, 2 * half)) {
    const beside = multipliers ? `with multipliers ${multipliers.dtype} ${shown(multipliers.shape)}` : "alone";
    throw artifactError(
      `${file}: tensor ${name}: ${halves.dtype} ${shown(halves.shape)} ${beside} is no int4 matrix; ${AGAIN}`,
    );
  }
  return {
    name,
    dtype: "I8",
    shape: [rows, 2 * half, ...rest],
    get bytes() {
      return unpack(halves.bytes, multipliers?.bytes ?? new Uint8Array(rows).fill(1), [rows, half], `${file}: tensor ${name}`);
    },
  };
}

/**
 * Whether these are the multipliers of so many rows of so many inputs.
 * @param {Tensor | undefined} multipliers
 * @param {number} rows
 * @param {number} inputs
 */
function isBeside(multipliers, rows, inputs) {
  if (!multipliers || inputs <= GROUP) return !multipliers && inputs <= GROUP;
  return multipliers.dtype === "U8" && shown(multipliers.shape) === shown([rows, Math.ceil(inputs / GROUP)]);
}

/**
 * @param {Uint8Array} halves
 * @param {Uint8Array} multipliers
 * @param {number[]} shape of the halves
 * @param {string} where for messages
 */
function unpack(halves, multipliers, [rows, half], where) {
  const wrong = multipliers.find((multiplier) => multiplier < 1 || multiplier > HIGHEST);
  if (wrong !== undefined) {
    throw artifactError(`${where}: there is a multiplier of ${wrong}, and they are 1 to ${HIGHEST}; ${AGAIN}`);
  }
  const values = new Int8Array(2 * halves.length);
  let group = 0;
  for (let row = 0; row < rows; row++) {
    const end = (row + 1) * half;
    for (let at = row * half; at < end; group++) {
      const multiplier = multipliers[group];
      for (const last = Math.min(at + GROUP / 2, end); at < last; at++) {
        const byte = halves[at];
        if (byte < 16 || !(byte & 15)) throw artifactError(`${where}: there is a half byte of 0; ${AGAIN}`);
        values[2 * at] = ((byte & 15) - ZERO) * multiplier;
        values[2 * at + 1] = ((byte >> 4) - ZERO) * multiplier;
      }
    }
  }
  return new Uint8Array(values.buffer);
}
