// Predictive text: the model sees what stands around the cursor, and its guesses for the gap are offered as words.

import { element, field, note } from "./elements.js";
import { timed } from "./pace.js";

const SHOWN = 5;
const GUESSES = 40; // enough for a few words among the guesses
const GUESSES_IN_WORD = 2000; // a word that has been begun may be far down the list
const BEFORE = 400; // characters on either side that the model is shown; more of them add time and little else
const AFTER = 100;
const LEAST_PIECE = 0.1; // of the probability, for a piece that ends a word which the vocabulary does not have
const HINT = "Tab takes the first word, a click or tap any of them. After Escape, Tab moves on as usual.";
const WORD = /^[\p{L}\p{N}'’]+$/u;
const PIECE = /^##[\p{L}\p{N}]+$/u; // of a word, to be joined to what stands before it
const BEGUN = /[\p{L}\p{N}'’]*$/u;

export const write = {
  id: "write",
  name: "Write",
  kinds: ["masked_lm"],
  title: "It guesses your next word",
  about: "A small model guesses what comes next, or what fits into the middle of a sentence, while you type.",
  missing: "a model that fills in masks (its head is masked_lm)",
  make,
};

function make(changed) {
  const { box, root } = field("Text", { id: "write-text", rows: 5, value: "The weather was so nice that we went to the " });
  const hint = element("p", { id: "write-hint", class: "note" }, HINT);
  box.setAttribute("aria-describedby", "write-hint");
  const chips = element("div", { class: "chips", role: "group", "aria-label": "Suggested words" });
  const panel = { box, chips, changed, guessed: null, wanted: false, released: false };
  box.setSelectionRange(box.value.length, box.value.length);
  box.addEventListener("input", () => { panel.released = false; });
  box.addEventListener("keydown", (event) => onKey(panel, event));
  for (const name of ["input", "keyup", "click"]) box.addEventListener(name, () => lookAgain(panel));
  return { root: element("div", { class: "card" }, root, chips, hint), run: (model) => run(panel, model) };
}

function onKey(panel, event) {
  if (event.key === "Escape") panel.released = true;
  const takes = event.key === "Tab" && !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
  if (!takes || event.isComposing || panel.released || panel.guessed === null || !panel.box.value.trim()) return;
  if (!hasMoved(panel) && panel.guessed.words.length === 0) return;
  event.preventDefault();
  if (hasMoved(panel)) panel.wanted = true; // the guesses are on their way
  else take(panel, panel.guessed.words[0]);
}

function lookAgain(panel) {
  if (!hasMoved(panel)) return;
  panel.chips.setAttribute("aria-busy", "true");
  panel.changed();
}

// Whether the guesses are for another text or place than the box has now.
function hasMoved({ box, guessed }) {
  return guessed === null || guessed.text !== box.value || guessed.at !== box.selectionEnd;
}

async function run(panel, model) {
  const { text, at, begun } = place(panel.box);
  const asked = ask(text, at, begun, model.info.maskToken ?? "[MASK]");
  const { value, took } = await timed(() => Promise.all(asked.map((one) => model.fill(one.text, { topK: one.topK }))));
  panel.guessed = { text, at, begun, words: words(value.map(first), text.slice(0, at), begun) };
  show(panel);
  if (panel.wanted && !hasMoved(panel)) {
    panel.wanted = false;
    if (panel.guessed.words.length) take(panel, panel.guessed.words[0]);
  }
  return asked.length ? took : "";
}

// Where the cursor is, and the beginning of a word before it.
function place(box) {
  const [text, at] = [box.value, box.selectionEnd];
  return { text, at, begun: BEGUN.exec(text.slice(0, at))[0] };
}

// The text around the cursor with a mask in the gap, and where a word was begun, the same with the mask after it; nothing
// where there is no gap. At the end two masks and a full stop: behind one alone the model would look for a last word.
function ask(text, at, begun, mask) {
  const after = text.slice(at, at + AFTER);
  if (/^[\p{L}\p{N}]/u.test(after) || !text.trim()) return [];
  const before = text.slice(Math.max(0, at - begun.length - BEFORE), at - begun.length).trimEnd();
  const rest = after.trim() ? `${mask} ${after.trimStart()}` : `${mask} ${mask} .`;
  const asked = (word, topK) => ({ text: [before, word, rest].filter(Boolean).join(" "), topK });
  return begun ? [asked("", GUESSES_IN_WORD), asked(begun, GUESSES)] : [asked("", GUESSES)];
}

// The guesses for a text's first mask.
const first = (guesses) => (Array.isArray(guesses[0]) ? guesses[0] : guesses);

// The guesses that are whole words and go on from what was begun, then what was begun with a piece of a word behind it;
// written as they have to be at this place.
function words([whole = [], pieces = []], before, begun) {
  const start = begun.toLowerCase();
  const isFirst = /(^|[.!?]\s+)$/.test(before.slice(0, before.length - begun.length));
  const fitting = whole.map(({ token }) => token).filter((token) => WORD.test(token) && fits(token.toLowerCase(), start));
  const ended = pieces.filter(({ score, token }) => score >= LEAST_PIECE && PIECE.test(token)).map(({ token }) => start + token.slice(2));
  return [...new Set([...fitting, ...ended])].slice(0, SHOWN).map((token) => {
    if (begun) return begun + token.slice(begun.length);
    return isFirst ? token[0].toUpperCase() + token.slice(1) : token;
  });
}

const fits = (token, start) => token.startsWith(start) && token !== start;

function show(panel) {
  const made = panel.guessed.words.map((word, at) => {
    const chip = element("button", { type: "button", class: at ? "chip" : "chip first" }, word);
    chip.addEventListener("pointerdown", (event) => event.preventDefault()); // the box keeps the cursor, phones their keyboard
    chip.addEventListener("click", () => take(panel, word));
    return chip;
  });
  panel.chips.setAttribute("aria-busy", hasMoved(panel));
  panel.chips.replaceChildren(...(made.length ? made : [note("Nothing fits here; write on.")]));
}

function take(panel, word) {
  const { box, guessed } = panel;
  if (hasMoved(panel)) return;
  const isAtEnd = guessed.at === guessed.text.length;
  const gap = guessed.begun || guessed.at === 0 || /\s$/.test(guessed.text.slice(0, guessed.at)) ? "" : " ";
  box.setRangeText(gap + word + (isAtEnd ? " " : ""), guessed.at - guessed.begun.length, guessed.at, "end");
  box.focus();
  lookAgain(panel);
}
