// Start and end logits to answers (Devlin et al. 2018, section 4.2 and 4.3).
//
// A span's score is its start logit plus its end logit. A span that two windows hold keeps its better score, and a
// score is the probability among all possible answers of all windows.
import { best } from "./decode.js";
import { inputError } from "./errors.js";

/**
 * @typedef {{ text: string, score: number, start: number, end: number }} Span
 */

/**
 * The best answer, and the spans it was chosen from. `nullScore` is the logit of "no answer" less that of the best.
 * @typedef {Span & { nullScore: number, spans: Span[] }} Answer
 */

/**
 * @typedef {object} AnswerOptions
 * @property {number} [topK] how many spans to list, by default 1
 * @property {number} [maxAnswerLength] in tokens, by default 30
 * @property {number | null} [nullThreshold] gives no answer where nullScore is above it; 0 suits SQuAD 2.0
 */

/**
 * @param {string} context
 * @param {import("./windows.js").Whole} whole the context's tokens
 * @param {Float32Array[]} logits [S, 2] of each window
 * @param {AnswerOptions} options
 * @returns {Answer}
 */
export function answerOf(context, whole, logits, { topK = 1, maxAnswerLength = 30, nullThreshold = null }) {
  for (const [name, value] of Object.entries({ topK, maxAnswerLength })) {
    if (!Number.isInteger(value) || value < 1) throw inputError(`${name} is ${value}; choose a whole number from 1`);
  }
  const { table, depth } = spanTable(whole, logits, maxAnswerLength);
  const found = best(table, topK).filter((at) => table[at] > -Infinity);
  if (!found.length) return { text: "", score: 0, start: 0, end: 0, nullScore: 0, spans: [] };
  const none = logits.reduce((least, rows) => Math.min(least, rows[0] + rows[1]), Infinity); // [CLS] of each window
  const total = logSum(table, nullThreshold === null ? -Infinity : none);
  const spans = found.map((at) => spanAt(context, whole, at, depth, Math.exp(table[at] - total)));
  const nullScore = none - table[found[0]];
  if (nullThreshold === null) return { ...spans[0], nullScore, spans };
  const empty = { text: "", score: Math.exp(none - total), start: 0, end: 0 };
  const top = nullScore > nullThreshold ? empty : spans[0];
  return { ...top, nullScore, spans: [...spans, empty].sort((a, b) => b.score - a.score).slice(0, topK) };
}

/**
 * The score of every span of at most `longest` tokens: row n begins at token n, column d ends d tokens later.
 * @param {import("./windows.js").Whole} whole
 * @param {Float32Array[]} logits
 * @param {number} longest
 */
function spanTable({ ids, places }, logits, longest) {
  const depth = Math.min(longest, Math.max(0, ...places.map((place) => place.count)));
  const table = new Float64Array(ids.length * depth).fill(-Infinity);
  places.forEach(({ row, start, count }, window) => {
    const rows = logits[window];
    for (let n = 0; n < count; n++) {
      for (let d = 0; d < depth && n + d < count; d++) {
        const score = rows[2 * (row + n)] + rows[2 * (row + n + d) + 1];
        const at = (start + n) * depth + d;
        if (score > table[at]) table[at] = score;
      }
    }
  });
  return { table, depth };
}

/**
 * @param {Float64Array} scores
 * @param {number} other one score more, or -Infinity
 */
function logSum(scores, other) {
  const top = scores.reduce((most, each) => Math.max(most, each), other);
  return top + Math.log(scores.reduce((sum, each) => sum + Math.exp(each - top), Math.exp(other - top)));
}

/**
 * @param {string} context
 * @param {import("./windows.js").Whole} whole
 * @param {number} at
 * @param {number} depth
 * @param {number} score
 * @returns {Span}
 */
function spanAt(context, { offsets }, at, depth, score) {
  const first = Math.floor(at / depth);
  const [start, end] = [offsets[2 * first], offsets[2 * (first + (at % depth)) + 1]];
  return { text: context.slice(start, end), score, start, end };
}
