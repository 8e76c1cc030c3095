// Masks: where they stand in the texts, and the texts with the likeliest tokens in their places.
import { inputError } from "./errors.js";
import { CONTINUES } from "./tags.js";
import { Whole } from "./windows.js";

/**
 * One token for one mask, and the text with it. ("##ing" continues the word before it.)
 * @typedef {{ token: string, score: number, text: string, start: number, end: number }} Candidate
 */

/**
 * A mask: the text it is in, its row in the window that sees it best, and where it stands in the text.
 * @typedef {{ text: number, row: number, start: number, end: number }} Hole
 */

/**
 * The masks by window, in the order of the texts.
 * @param {import("./windows.js").Window[][]} groups the windows of each text
 * @param {import("./tokenizer.js").Tokenizer} tokenizer
 * @returns {Map<import("./windows.js").Window, Hole[]>}
 */
export function holesOf(groups, { maskId, maskToken }) {
  const holes = new Map();
  groups.forEach((group, text) => {
    const whole = new Whole(group, 0);
    const winner = whole.best();
    let count = 0;
    whole.ids.forEach((id, at) => {
      if (id !== maskId) return;
      count++;
      const place = whole.places[winner[at]];
      const hole = {
        text,
        row: place.row + at - place.start,
        start: whole.offsets[2 * at],
        end: whole.offsets[2 * at + 1],
      };
      const window = group[winner[at]];
      holes.set(window, [...(holes.get(window) ?? []), hole]);
    });
    if (!count)
      throw inputError(`text ${text} has no ${maskToken}; write ${maskToken} in it where a word is to be filled in`);
  });
  return holes;
}

/**
 * For each text the candidates of its mask; of a text with several masks, one list a mask.
 * @param {string[]} texts
 * @param {Hole[]} holes in the order of the texts
 * @param {Map<Hole, { id: number, score: number }[]>} found
 * @param {import("./tokenizer.js").Tokenizer} tokenizer
 * @returns {(Candidate[] | Candidate[][])[]}
 */
export function fillOf(texts, holes, found, { tokens }) {
  return texts.map((text, number) => {
    const lists = holes
      .filter((hole) => hole.text === number)
      .map((hole) =>
        (found.get(hole) ?? []).map(({ id, score }) => {
          const { start, end } = hole;
          return { token: tokens[id], score, text: filled(text, hole, tokens[id]), start, end };
        }),
      );
    return lists.length === 1 ? lists[0] : lists;
  });
}

/**
 * The text with a token in the place of a mask; one that continues a word joins it.
 * @param {string} text
 * @param {Hole} hole
 * @param {string} token
 */
function filled(text, { start, end }, token) {
  const [before, after] = [text.slice(0, start), text.slice(end)];
  const joins = token.startsWith(CONTINUES) && token.length > CONTINUES.length;
  return joins ? before.trimEnd() + token.slice(CONTINUES.length) + after : before + token + after;
}
