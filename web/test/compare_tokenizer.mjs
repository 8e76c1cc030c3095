// Reads a JSON file {tokenizer, cases: [{text, ids, types, offsets}]} that the desktop made, prints what differs here.
import { readFileSync } from "node:fs";

import { offsetsOf, Tokenizer } from "../src/tokenizer.js";

const { tokenizer, cases } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const own = new Tokenizer(tokenizer);

/** What this package makes of a text: ids, types, and the offsets of each text's tokens one after the other. */
function encoded(text) {
  const { ids, types, contents } = own.encode(text);
  return { ids: [...ids], types: [...types], offsets: contents.map((each) => [...offsetsOf(each)]) };
}

const differ = [];
const start = performance.now();
for (const { text, ...wanted } of cases) {
  const seen = encoded(text);
  if (JSON.stringify(seen) !== JSON.stringify(wanted)) differ.push({ text, seen, wanted });
}
const seconds = (performance.now() - start) / 1000;
console.log(JSON.stringify({ cases: cases.length, differ: differ.length, first: differ.slice(0, 3), seconds }));
