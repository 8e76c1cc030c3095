// Reads a JSON file {url, options, calls: [[method, ...arguments]]}, loads the model and prints what the calls give.
import { readFileSync } from "node:fs";

import { load } from "../src/index.js";

const { url, options, calls } = JSON.parse(readFileSync(process.argv[2], "utf8"));

/** Arrays of numbers as JSON has them. */
const plain = (_, value) => (value instanceof Float32Array ? [...value] : value);

const model = await load(url, options);
const results = [];
for (const [method, ...rest] of calls) results.push(await model[method](...rest));
await model.close();
console.log(JSON.stringify({ info: model.info, results }, plain));
