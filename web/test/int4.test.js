// Int4 matrices: unpacked as on the desktop, and parts that lie are refused.
import assert from "node:assert/strict";
import { test } from "node:test";

import { unpacked } from "../src/int4.js";

const tensor = (name, shape, bytes, dtype = "U8") => ({ name, dtype, shape, bytes: Uint8Array.from(bytes) });
const ones = (count, value = 1) => Array(count).fill(value);

/** Parts of x [2, 386]: the second group of a row has two values. */
const parts = (changes = {}) =>
  Object.entries({ int4: [[2, 193], ones(386, 0x99)], multiplier: [[2, 2], ones(4)], ...changes })
    .filter(([, made]) => made)
    .map(([part, made]) => tensor(`x_${part}`, ...made));

test("two parts become one int8 matrix, each group times its multiplier", () => {
  const halves = ones(386, 0x99);
  halves[192] = 0x1f;
  const scale = tensor("x_scale", [2], [], "F32");
  const [kept, x] = unpacked([...parts({ int4: [[2, 193, 1], halves], multiplier: [[2, 2], [2, 18, 1, 5]] }), scale], "f");
  assert.equal(kept, scale);
  assert.deepEqual([x.name, x.dtype, x.shape], ["x", "I8", [2, 386, 1]]);
  const values = [...new Int8Array(x.bytes.buffer)];
  assert.deepEqual(values, [...ones(384, 2), 126, -126, ...ones(384), 5, 5]);
});

test("a row of one group is its values, without a multiplier", () => {
  const [x] = unpacked(parts({ int4: [[2, 2], [0x1f, 0x99, 0x8a, 0x98]], multiplier: null }), "f");
  assert.deepEqual([x.dtype, x.shape], ["I8", [2, 4]]);
  assert.deepEqual([...new Int8Array(x.bytes.buffer)], [7, -7, 1, 1, 2, 0, 0, 1]);
});

for (const [name, changes, message] of [
  ["a multiplier of 0", { multiplier: [[2, 2], [1, 1, 0, 1]] }, /tensor x: there is a multiplier of 0, and they are 1/],
  ["a multiplier of 19", { multiplier: [[2, 2], [1, 19, 1, 1]] }, /there is a multiplier of 19, and they are 1 to 18/],
  ["a low half byte of 0", { int4: [[2, 193], ones(386, 0x90)] }, /tensor x: there is a half byte of 0; download/],
  ["a high half byte of 0", { int4: [[2, 193], ones(386, 0x09)] }, /tensor x: there is a half byte of 0; download/],
  ["a wide matrix without multipliers", { multiplier: null }, /tensor x: U8 \[2,193\] alone is no int4 matrix; download/],
  ["a matrix of one group with multipliers", { int4: [[2, 192], ones(384)], multiplier: [[2, 1], ones(2)] }, /\[2,1\] is no/],
  ["multipliers without a matrix", { int4: null }, /tensor x is in int4 and has no x_int4; download/],
  ["fewer multipliers", { multiplier: [[2, 1], ones(2)] }, /U8 \[2,193\] with multipliers U8 \[2,1\] is no int4 matrix/],
  ["multipliers of another type", { multiplier: [[2, 2], ones(4), "I8"] }, /multipliers I8 \[2,2\] is no int4 matrix/],
  ["values of another type", { int4: [[2, 193], ones(386), "I8"] }, /I8 \[2,193\] with multipliers/],
  ["one axis", { int4: [[386], ones(386)] }, /U8 \[386\] with multipliers/],
  ["a third axis of 2", { int4: [[2, 193, 2], ones(772)] }, /U8 \[2,193,2\] with multipliers/],
  ["no inputs", { int4: [[2, 0], []], multiplier: [[2, 0], []] }, /U8 \[2,0\] with multipliers/],
]) {
  test(`${name} is refused`, () => assert.throws(() => unpacked(parts(changes), "f").map(({ bytes }) => bytes), message));
}

test("a matrix that is there twice is refused, and so are bytes that are no part", () => {
  const x = tensor("x", [2, 386], ones(772), "I8");
  assert.throws(() => unpacked([x, ...parts()], "f"), /tensor x is there twice, as it is and in int4; download/);
  assert.throws(() => unpacked([tensor("y", [1], [1])], "f"), /tensor y is U8, which is no weight; download/);
});
