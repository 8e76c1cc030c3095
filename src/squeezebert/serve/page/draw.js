// Results as elements. Texts are only ever set as text, and sizes through the style object.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "share") made.style.setProperty("--share", Math.max(0, Math.min(1, value)));
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

const STRONG = 0.75; // from here on the letters take the other colour, to be read in light and dark alike

export const percent = (score) => `${(100 * score).toFixed(1)} %`;

// The cosine of each text with each other, as a table whose cells are as strong as they are alike.
export function similarityMap(texts, vectors) {
  const cosine = (a, b) => a.reduce((sum, value, at) => sum + value * b[at], 0);
  const head = element("tr", {}, element("td", { class: "self" }), ...texts.map((_, at) => element("th", { scope: "col" }, `${at + 1}`)));
  const rows = texts.map((text, at) => element(
    "tr", {},
    element("th", { scope: "row", title: text }, element("span", {}, `${at + 1}. ${text}`)),
    ...texts.map((other, column) => cell(at, column, cosine(vectors[at], vectors[column]))),
  ));
  const table = element("table", {}, element("caption", { class: "note" }, "How alike the texts are: the cosine of their embeddings."),
    element("thead", {}, head), element("tbody", {}, ...rows));
  return element("div", { class: "map", tabindex: "0", role: "region", "aria-label": "Similarity map" }, table);
}

function cell(row, column, value) {
  if (row === column) return element("td", { class: "self", "aria-label": "the same text" }, "·");
  return element("td", { share: value, class: value > STRONG ? "strong" : null }, value.toFixed(2));
}

// Scores from 0 to 1 as bars, best first.
export function bars(scores, { small = false, format = percent } = {}) {
  const items = scores.map(({ label, score }, at) => element(
    "li", { class: at === 0 ? "top" : null },
    element("div", { class: "row" }, element("span", { class: "name" }, label), element("span", { class: "value" }, format(score))),
    element("div", { class: "track" }, element("i", { share: score })),
  ));
  return element("ul", { class: small ? "bars small" : "bars" }, ...items);
}

// A text with marked stretches {start, end, label?, score?}. Offsets count characters, not UTF-16 units.
export function marked(text, spans) {
  const characters = Array.from(text);
  const slice = (start, end) => characters.slice(start, end).join("");
  const kinds = [...new Set(spans.map((span) => span.label))];
  const parts = [];
  let at = 0;
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    parts.push(slice(at, span.start));
    const kind = span.label ? `kind-${(kinds.indexOf(span.label) % 6) + 1}` : null;
    const name = span.label ? [element("small", {}, span.label)] : [];
    const title = span.score === undefined ? null : percent(span.score);
    parts.push(element("mark", { class: kind, title }, slice(span.start, span.end), ...name));
    at = span.end;
  }
  return element("p", { class: "marked" }, ...parts, slice(at));
}
