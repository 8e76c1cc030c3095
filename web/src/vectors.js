// Vectors of length 1: what every comparison by cosine starts from.

/**
 * The vector divided by its length; zeros stay zeros.
 * @param {ArrayLike<number>} vector
 * @returns {Float64Array}
 */
export function unit(vector) {
  const values = Float64Array.from(vector);
  const length = Math.sqrt(values.reduce((sum, each) => sum + each * each, 0));
  return length > 0 ? values.map((each) => each / length) : values;
}

/**
 * The cosine of two vectors of length 1, from -1 to 1.
 * @param {Float64Array} one
 * @param {Float64Array} other
 */
export function cosine(one, other) {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += one[at] * other[at];
  return Math.min(1, Math.max(-1, sum));
}
