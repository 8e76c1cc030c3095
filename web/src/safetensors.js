// The safetensors format: 8 bytes of header length, a JSON header of dtype, shape and offsets, then the raw bytes.
// Every number of the header is checked before anything is read by it.
import { artifactError, said, shown } from "./errors.js";

const MAX_HEADER = 2 ** 22;
const MAX_AXES = 8;
const SIZES = { F64: 8, F32: 4, F16: 2, BF16: 2, I8: 1, U8: 1 };

/**
 * @typedef {object} Tensor
 * @property {string} name
 * @property {keyof typeof SIZES} dtype
 * @property {number[]} shape
 * @property {Uint8Array} bytes a view of the file; of a matrix that was in int4 its own
 */

/**
 * The tensors of a file; views of it, nothing is copied.
 * @param {Uint8Array} file
 * @param {string} name of the file, for messages
 * @returns {Tensor[]}
 */
export function readSafetensors(file, name) {
  const header = readHeader(file, name);
  const data = file.subarray(8 + header.length);
  return Object.entries(header.json)
    .filter(([key]) => key !== "__metadata__")
    .map(([key, spec]) => tensor(key, spec, data, name));
}

/**
 * @param {Uint8Array} file
 * @param {string} name
 */
function readHeader(file, name) {
  if (file.length < 8) throw damaged(name, `${file.length} bytes`);
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  if (length > file.length - 8) throw damaged(name, `${file.length} bytes cannot hold its header of ${length}`);
  if (length > MAX_HEADER)
    throw damaged(name, `its header has ${length} bytes, more than the ${MAX_HEADER} that are read`);
  const text = new TextDecoder().decode(file.subarray(8, 8 + length));
  try {
    const json = JSON.parse(text);
    if (json && typeof json === "object" && !Array.isArray(json)) return { json, length };
  } catch (error) {
    throw damaged(name, said(error));
  }
  throw damaged(name, "its header is no JSON object");
}

/**
 * @param {string} key
 * @param {any} spec
 * @param {Uint8Array} data
 * @param {string} file
 * @returns {Tensor}
 */
function tensor(key, spec, data, file) {
  const { dtype, shape, data_offsets: offsets } = spec ?? {};
  const size = Object.hasOwn(SIZES, dtype) ? SIZES[/** @type {keyof typeof SIZES} */ (dtype)] : 0;
  if (!size) {
    throw artifactError(`${file}: tensor ${key} is ${shown(dtype)}; weights must be ${Object.keys(SIZES).join(", ")}`);
  }
  if (!isList(shape) || shape.length > MAX_AXES || !isList(offsets) || offsets.length !== 2) {
    throw damaged(file, `tensor ${key} has shape ${shown(shape)} and offsets ${shown(offsets)}`);
  }
  const count = shape.reduce((product, each) => product * each, 1);
  const [begin, end] = offsets;
  if (begin > end || end > data.length || count * size !== end - begin) {
    throw damaged(file, `tensor ${key} of shape ${shown(shape)} does not fit its bytes ${begin} to ${end}`);
  }
  return { name: key, dtype, shape, bytes: data.subarray(begin, end) };
}

/**
 * @param {unknown} values
 * @returns {values is number[]}
 */
const isList = (values) => Array.isArray(values) && values.every((each) => Number.isSafeInteger(each) && each >= 0);

/**
 * @param {string} file
 * @param {string} seen
 */
const damaged = (file, seen) =>
  artifactError(`${file} is damaged or not safetensors (${seen}); download or export it again`);

/**
 * The values of a tensor of floats as float32, written as bytes to `out`.
 * @param {Tensor} tensor
 * @param {Uint8Array} out 4 bytes a value
 */
export function writeFloat32({ dtype, bytes }, out) {
  if (dtype === "F32") {
    out.set(bytes);
    return;
  }
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const target = new DataView(out.buffer, out.byteOffset, out.length);
  const size = SIZES[dtype];
  for (let at = 0, to = 0; at < bytes.length; at += size, to += 4) {
    if (dtype === "F64") target.setFloat32(to, source.getFloat64(at, true), true);
    // bfloat16 is the upper half of a float32.
    else if (dtype === "BF16") target.setUint32(to, source.getUint16(at, true) << 16, true);
    else target.setFloat32(to, halfToNumber(source.getUint16(at, true)), true);
  }
}

/**
 * The number that 16 bits of IEEE half precision stand for.
 * @param {number} bits
 */
export function halfToNumber(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}
