// Logits to labels and filled masks. The records are those of squeezebert for Python.

const FEW = 100; // so many best values are found faster without sorting

/**
 * @typedef {object} Classification the scores sum to 1
 * @property {string} label the most probable one
 * @property {number} score
 * @property {Record<string, number>} scores of every label
 */

/**
 * @typedef {object} MultiLabel each score stands on its own
 * @property {string} label the most probable one
 * @property {number} score
 * @property {string[]} labels at or above the threshold, best first
 * @property {Record<string, number>} scores of every label
 */

/**
 * @typedef {object} Regression
 * @property {number} value in the units of the training data
 * @property {number[]} values all outputs, where there are several
 */

/**
 * @typedef {object} Choice
 * @property {string} choice the best one
 * @property {number} index
 * @property {number} score
 * @property {number[]} scores of each choice, in the caller's order
 */

/**
 * Probabilities that sum to 1.
 * @param {ArrayLike<number>} logits
 */
export function softmax(logits) {
  const values = Float64Array.from(logits);
  const top = values.reduce((most, each) => Math.max(most, each), -Infinity);
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at] = Math.exp(values[at] - top);
  return values.map((each) => each / sum);
}

/**
 * The probability of each logit on its own; exact at both ends.
 * @param {ArrayLike<number>} logits
 */
export function sigmoid(logits) {
  return Float64Array.from(logits, (logit) => {
    const small = Math.exp(-Math.abs(logit));
    return (logit >= 0 ? 1 : small) / (1 + small);
  });
}

/**
 * Places of the values, the largest first; of equals the earlier one.
 * @param {ArrayLike<number>} values
 */
export const ranked = (values) => Array.from(values, (_, at) => at).sort((a, b) => values[b] - values[a] || a - b);

/**
 * @param {ArrayLike<number>} probabilities
 * @param {string[]} labels
 * @returns {Classification}
 */
export function classification(probabilities, labels) {
  const order = ranked(probabilities);
  const scores = Object.fromEntries(order.map((at) => [labels[at], probabilities[at]]));
  return { label: labels[order[0]], score: probabilities[order[0]], scores };
}

/**
 * @param {ArrayLike<number>} probabilities
 * @param {string[]} labels
 * @param {number} threshold
 * @returns {MultiLabel}
 */
export function multiLabel(probabilities, labels, threshold) {
  const { label, score, scores } = classification(probabilities, labels);
  const chosen = ranked(probabilities).filter((at) => probabilities[at] >= threshold);
  return { label, score, labels: chosen.map((at) => labels[at]), scores };
}

/**
 * @param {ArrayLike<number>} logits
 * @param {string[]} choices
 * @returns {Choice}
 */
export function choice(logits, choices) {
  const scores = [...softmax(logits)];
  const [index] = ranked(scores);
  return { choice: choices[index], index, score: scores[index], scores };
}

/**
 * The most probable places, best first, without sorting them all: a vocabulary is large and few are wanted.
 * @param {Float64Array} values
 * @param {number} count
 */
export function best(values, count) {
  if (count > FEW) return ranked(values).slice(0, count);
  /** @type {number[]} */
  const found = [];
  for (let at = 0; at < values.length; at++) {
    if (found.length === count && values[at] <= values[found[count - 1]]) continue;
    let to = found.length;
    while (to && values[found[to - 1]] < values[at]) to--;
    found.splice(to, 0, at);
    if (found.length > count) found.pop();
  }
  return found;
}
