// Reads a JSON file {file, names}: prints, of a file of weights, the shape and the int8 values of each tensor named.
import { readFileSync } from "node:fs";

import { unpacked } from "../src/int4.js";
import { readSafetensors } from "../src/safetensors.js";

const { file, names } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const tensors = new Map(unpacked(readSafetensors(readFileSync(file), file), file).map((each) => [each.name, each]));
const read = ({ dtype, shape, bytes }) => ({ dtype, shape, values: [...new Int8Array(bytes.slice().buffer)] });
console.log(JSON.stringify(Object.fromEntries(names.map((name) => [name, read(tensors.get(name))]))));
