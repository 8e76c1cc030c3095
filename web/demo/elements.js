// Elements, and the shapes that results take. Texts are only ever set as text, so that none can become markup.

export const by = (id) => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "share") made.style.setProperty("--share", Math.max(0, Math.min(1, value)));
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

// A box to type into, with its label; `box` is where the text is.
export function field(label, { id, value = "", rows = 0 }) {
  const box = element(rows ? "textarea" : "input", rows ? { id, rows } : { id, type: "text", autocomplete: "off" });
  box.value = value;
  return { box, root: element("div", { class: "field" }, element("label", { for: id }, label), box) };
}

export const columns = (left, right) => element(
  "div", { class: "columns" }, element("div", { class: "card" }, ...left), element("div", { class: "card result" }, ...right),
);

// Where results appear. A screen reader hears of them when it has nothing else to say.
export const results = (label) => element("div", { class: "results", role: "region", "aria-label": label, "aria-live": "polite" });

export const note = (text) => element("p", { class: "note" }, text);

export const percent = (score) => `${(100 * score).toFixed(score > 0.0995 ? 0 : 1)} %`;

// Scores from 0 to 1 as bars, in the order given; `of` makes the words for a score.
export function bars(scores, of = percent) {
  const items = scores.map(({ label, score }, at) => element(
    "li", { class: at === 0 ? "top" : null },
    element("span", { class: "name" }, label),
    element("span", { class: "value" }, of(score)),
    element("span", { class: "track" }, element("i", { share: score })),
  ));
  return element("ul", { class: "bars" }, ...items);
}

// A text with one stretch of it marked.
export function marked(text, start, end) {
  const mark = element("mark", {}, text.slice(start, end));
  return { mark, root: element("p", { class: "marked" }, text.slice(0, start), mark, text.slice(end)) };
}
