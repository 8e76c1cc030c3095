// Search by meaning: each note becomes a vector once, the query one with every key, and the nearest notes come first.

import { bars, columns, field, note, results } from "./elements.js";
import { timed } from "./pace.js";

const SHOWN = 6;
const AT_ONCE = 8; // notes that are embedded before the query gets a turn
const NOTES = [
  "Call the dentist on Monday about the chipped tooth.",
  "Grandma's soup: leeks, potatoes, a little nutmeg, cream at the end.",
  "The spare key is under the blue flower pot behind the shed.",
  "Idea for a story: a lighthouse keeper who collects lost letters.",
  "Flight to Lisbon leaves at 6:40, gate opens at 5:50.",
  "Insurance for the car runs out at the end of March.",
  "Anna likes books about mountains and old trains.",
  "The heating makes a knocking noise when it starts; ask the landlord.",
  "Stretch the calves after running, twice a day, thirty seconds each side.",
  "Paid Tom back for the concert tickets.",
];

export const search = {
  id: "search",
  name: "Search",
  kinds: ["embedding"],
  title: "Search your notes by what they mean",
  about: "Paste notes of your own, one a line. The words of the query need not be in them.",
  missing: "a model that embeds texts (its head is embedding)",
  make,
};

function make(changed) {
  const query = field("What are you looking for?", { id: "search-query", value: "something warm for dinner" });
  const notes = field("Notes, one a line", { id: "search-notes", rows: 11, value: NOTES.join("\n") });
  const place = results("Nearest notes");
  for (const { box } of [query, notes]) box.addEventListener("input", changed);
  const panel = { query: query.box, notes: notes.box, place, vectors: new Map(), model: null };
  return { root: columns([query.root, notes.root], [place]), run: (model) => run(panel, model, changed) };
}

const lines = (text) => [...new Set(text.split("\n").map((line) => line.trim()).filter(Boolean))];

async function run(panel, model, changed) {
  if (panel.model !== model) [panel.model, panel.vectors] = [model, new Map()]; // vectors of two models do not compare
  const all = lines(panel.notes.value);
  const missing = all.filter((line) => !panel.vectors.has(line));
  await embed(panel, model, missing.slice(0, AT_ONCE));
  if (missing.length > AT_ONCE) changed(); // the rest in the next rounds, with results in between
  const query = panel.query.value.trim();
  if (!all.length || !query) {
    panel.place.replaceChildren(note(all.length ? "Write what you are looking for." : "Paste some notes, one a line."));
    return "";
  }
  const { value, took } = await timed(() => model.embed(query));
  const known = all.filter((line) => panel.vectors.has(line));
  show(panel, known.map((line) => ({ label: line, score: cosine(value, panel.vectors.get(line)) })));
  return `${took} for the query · ${known.length} of ${all.length} notes read`;
}

async function embed(panel, model, texts) {
  if (!texts.length) return;
  const vectors = await model.embed(texts);
  texts.forEach((text, at) => panel.vectors.set(text, vectors[at]));
}

function show(panel, scored) {
  scored.sort((one, other) => other.score - one.score);
  panel.place.replaceChildren(bars(scored.slice(0, SHOWN), (score) => score.toFixed(2)));
}

// Not every model's vectors have length 1.
function cosine(one, other) {
  let [product, first, second] = [0, 0, 0];
  for (let at = 0; at < one.length; at++) {
    product += one[at] * other[at];
    first += one[at] ** 2;
    second += other[at] ** 2;
  }
  return product / (Math.sqrt(first * second) || 1);
}
