// The reader of safetensors: nothing of a damaged or hostile header is believed.
import assert from "node:assert/strict";
import { test } from "node:test";

import { halfToNumber, readSafetensors, writeFloat32 } from "../src/safetensors.js";

function file(header, data = new Uint8Array()) {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const bytes = new TextEncoder().encode(text);
  const whole = new Uint8Array(8 + bytes.length + data.length);
  new DataView(whole.buffer).setBigUint64(0, BigInt(bytes.length), true);
  whole.set(bytes, 8);
  whole.set(data, 8 + bytes.length);
  return whole;
}

const tensor = (changes) => ({ a: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...changes } });

const floats = (dtype, shape, data) => {
  const [one] = readSafetensors(file({ a: { dtype, shape, data_offsets: [0, data.length] } }, data), "f");
  const out = new Float32Array(shape[0]);
  writeFloat32(one, new Uint8Array(out.buffer));
  return [...out];
};

test("tensors are views of the file", () => {
  const data = Uint8Array.of(1, 2, 3);
  const whole = file({ __metadata__: {}, b: { dtype: "I8", shape: [3, 1], data_offsets: [0, 3] } }, data);
  const [found] = readSafetensors(whole, "f");
  assert.deepEqual([found.name, found.dtype, found.shape, [...found.bytes]], ["b", "I8", [3, 1], [1, 2, 3]]);
  assert.equal(found.bytes.buffer, whole.buffer);
});

test("every kind of float is read", () => {
  const bytes = (array) => new Uint8Array(array.buffer);
  assert.deepEqual(floats("F32", [2], bytes(Float32Array.of(1.5, -2))), [1.5, -2]);
  assert.deepEqual(floats("F64", [2], bytes(Float64Array.of(0.25, 3))), [0.25, 3]);
  assert.deepEqual(floats("F16", [3], bytes(Uint16Array.of(0x3c00, 0xc000, 0x0001))), [1, -2, 2 ** -24]);
  assert.deepEqual(floats("BF16", [2], bytes(Uint16Array.of(0x3f80, 0xc000))), [1, -2]);
});

test("half precision has zeros, infinities and no numbers", () => {
  assert.deepEqual([0x8000, 0x7c00, 0xfc00, 0x7e00, 0x7bff].map(halfToNumber), [-0, Infinity, -Infinity, NaN, 65504]);
});

for (const [name, bytes, message] of [
  ["a file of 3 bytes", Uint8Array.of(1, 2, 3), /damaged or not safetensors \(3 bytes\); download/],
  [
    "a header longer than the file",
    Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 0, 1),
    /9 bytes cannot hold its header of 255/,
  ],
  ["a header of 2^63 bytes", Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128, 1), /cannot hold its header of 92233720368547/],
  ["a header that is huge", file(" ".repeat(2 ** 22 + 1)), /more than the 4194304 that are read/],
  ["a header that is no JSON", file("{"), /is damaged or not safetensors/],
  ["a header that is a list", file("[]"), /its header is no JSON object/],
  ["a tensor that is nothing", file({ a: null }), /tensor a is undefined; weights must be F64, F32/],
  ["integers", file(tensor({ dtype: "I64" }), new Uint8Array(16)), /tensor a is "I64"; weights must be/],
  ["an inherited dtype", file(tensor({ dtype: "toString" })), /tensor a is "toString"; weights must be/],
  ["a negative size", file(tensor({ shape: [-2] }), new Uint8Array(8)), /tensor a has shape \[-2\]/],
  ["a broken size", file(tensor({ shape: [0.5] }), new Uint8Array(8)), /tensor a has shape \[0.5\]/],
  ["too many axes", file(tensor({ shape: Array(9).fill(1) })), /tensor a has shape/],
  ["offsets past the end", file(tensor({}), new Uint8Array(7)), /does not fit its bytes 0 to 8/],
  ["offsets that go back", file(tensor({ data_offsets: [8, 0] }), new Uint8Array(8)), /does not fit its bytes 8 to 0/],
  ["a shape for other bytes", file(tensor({ shape: [3] }), new Uint8Array(8)), /shape \[3\] does not fit/],
  ["a product that overflows", file(tensor({ shape: [2 ** 40, 2 ** 40] }), new Uint8Array(8)), /does not fit/],
]) {
  test(`${name} is refused`, () => assert.throws(() => readSafetensors(bytes, "file"), message));
}
