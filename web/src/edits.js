// A text after normalization, and the way back: which stretch of the source each of its characters came from.

/**
 * One stretch that changed: `size` units from `at` on came from `length` units of the source, from `from` on. Of what
 * has not changed nothing is written down.
 * @typedef {{ at: number, size: number, from: number, length: number }} Edit
 */

/**
 * @typedef {{ text: string, edits: Edit[] }} Normalized
 */

/** Builds a normalized text from left to right. */
export class Draft {
  constructor() {
    this.text = "";
    /** @type {Edit[]} */
    this.edits = [];
  }

  /**
   * Puts `text` where the source has `length` units from `from` on.
   * @param {string} text
   * @param {number} from
   * @param {number} length
   */
  replace(text, from, length) {
    // A unit for a unit needs no note: places do not move.
    if (text.length !== 1 || length !== 1) this.put(text, from, length);
    else this.text += text;
  }

  /**
   * The same with a note of it in any case, so that it may stand at another place than in the source.
   * @param {string} text
   * @param {number} from
   * @param {number} length
   */
  put(text, from, length) {
    this.edits.push({ at: this.text.length, size: text.length, from, length });
    this.text += text;
  }
}

/** Finds source places for places that only grow. */
export class Places {
  /**
   * @param {Edit[]} edits
   * @param {number} base where the source of this text begins in the whole one
   */
  constructor(edits, base) {
    this.edits = edits;
    this.base = base;
    this.next = 0;
  }

  /**
   * Where the character at unit `at` of the normalized text begins and ends in the source.
   * @param {number} at
   * @returns {[number, number]}
   */
  of(at) {
    while (this.next < this.edits.length && this.edits[this.next].at <= at) this.next++;
    while (this.next && this.edits[this.next - 1].at > at) this.next--;
    const edit = this.edits[this.next - 1]; // of several at one place the last, which is the one with a size
    if (!edit) return [this.base + at, this.base + at + 1];
    const start = this.base + edit.from;
    if (at < edit.at + edit.size) return [start, start + edit.length];
    const place = start + edit.length + at - edit.at - edit.size;
    return [place, place + 1];
  }
}
