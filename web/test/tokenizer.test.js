// What a tokenizer.json must be, and what is said where it is something else. That the ids are right, pytest tests.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { offsetsOf, Tokenizer } from "../src/tokenizer.js";
import { MINI } from "./site.js";

const TEXT = readFileSync(new URL("tokenizer.json", MINI), "utf8");
const changed = (change) => new Tokenizer(JSON.stringify(change(JSON.parse(TEXT))));
const own = new Tokenizer(TEXT);

test("offsets are those of JavaScript strings", () => {
  const text = "😀 é [MASK]中 naïve";
  const { ids, contents } = own.encode(text);
  const places = offsetsOf(contents[0]);
  const slices = Array.from(contents[0].ids, (_, n) => text.slice(places[2 * n], places[2 * n + 1]));
  assert.deepEqual(slices, ["😀", "é", "[MASK]", "中", "naïve"]);
  assert.equal(ids.length, slices.length + 2);
});

test("the mask is known", () => assert.deepEqual([own.maskToken, own.maskId], ["[MASK]", 103]));

test("half a character is refused", () => {
  assert.throws(
    () => own.encode("ab\ud83d"),
    /lone surrogate U\+D83D at 2, half of a character; pass text\.toWellFormed\(\)/,
  );
  assert.throws(() => own.encode("\u1b44\udc00"), /lone surrogate U\+DC00 at 1/);
});

test("what is no text is refused", () => {
  assert.throws(() => own.encode(/** @type {any} */ ([1, 2])), /a text is 1, number; pass a string, or a pair/);
});

test("a missing post-processor adds nothing", () => {
  const { ids, types } = changed((json) => ({ ...json, post_processor: null })).encode(["a b", "c"]);
  assert.deepEqual(
    [[...ids], [...types]],
    [
      [1037, 1038, 1039],
      [0, 0, 1],
    ],
  );
});

test("BertProcessing frames as the template does", () => {
  const processor = { type: "BertProcessing", sep: ["[SEP]", 102], cls: ["[CLS]", 101] };
  const bert = changed((json) => ({ ...json, post_processor: processor }));
  assert.deepEqual(bert.encode(["a", "b"]), own.encode(["a", "b"]));
  assert.deepEqual(bert.encode("a"), own.encode("a"));
});

const part = (name, change) => () => changed((json) => ({ ...json, [name]: change(json[name]) }));

for (const [name, make, message] of [
  ["no JSON", () => new Tokenizer("{"), /tokenizer\.json is not JSON: .*; copy it again/],
  ["no tokenizer", () => new Tokenizer("{}"), /describes no tokenizer: it has no model/],
  [
    "another model",
    part("model", () => ({ type: "WordLevel" })),
    /the model "WordLevel"; this package runs WordPiece, BPE, Unigram/,
  ],
  ["no vocabulary", part("model", (json) => ({ ...json, vocab: {} })), /has no vocabulary; copy it again/],
  ["an id that is none", part("model", (json) => ({ ...json, vocab: { a: -1 } })), /has the id -1 for "a"/],
  [
    "another normalizer",
    part("normalizer", () => ({ type: "NFC" })),
    /the normalizer "NFC"; this package runs BertNormalizer/,
  ],
  ["no normalizer", part("normalizer", () => null), /the normalizer null; this package runs/],
  [
    "a normalizer before it",
    part("normalizer", (json) => ({ type: "Sequence", normalizers: [{ type: "NFKC" }, json] })),
    /the normalizer "NFKC"/,
  ],
  ["another pre-tokenizer", part("pre_tokenizer", () => ({ type: "ByteLevel" })), /the pre-tokenizer "ByteLevel"/],
  [
    "another post-processor",
    part("post_processor", () => ({ type: "RobertaProcessing" })),
    /the post-processor "RobertaProcessing"/,
  ],
  [
    "a template without its text",
    part("post_processor", (json) => ({ ...json, single: [] })),
    /template for a single has the texts \[\]/,
  ],
  [
    "a template of unknown tokens",
    part("post_processor", (json) => ({ ...json, special_tokens: {} })),
    /says nothing of/,
  ],
  [
    "an added token of another id",
    part("added_tokens", ([first]) => [{ ...first, id: 7 }]),
    /adds "\[PAD\]" with the id 7/,
  ],
  [
    "byte fallback",
    part("model", () => ({ type: "BPE", vocab: { a: 0 }, merges: [], byte_fallback: true })),
    /BPE model with byte_fallback true, .*squeezebert for Python/,
  ],
  [
    "a merge of what is not there",
    part("model", () => ({ type: "BPE", vocab: { a: 0 }, merges: ["a b"] })),
    /joins "a b", which/,
  ],
  [
    "a Unigram model without unk",
    part("model", () => ({ type: "Unigram", vocab: [["a", 0]] })),
    /unk_id undefined; copy it again/,
  ],
]) {
  test(`${name} is refused`, () => assert.throws(make, message));
}

test("a vocabulary without the unknown token is refused when it is needed", () => {
  const bare = changed((json) => ({
    ...json,
    added_tokens: [],
    model: { ...json.model, vocab: { a: 0 } },
    post_processor: null,
  }));
  assert.deepEqual([...bare.encode("a").ids], [0]);
  assert.throws(() => bare.encode("b"), /no token "\[UNK\]" for words that it does not know/);
});
