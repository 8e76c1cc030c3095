// The page: a model is chosen, a view of it, and whatever is typed is answered a moment later.

import { element } from "./draw.js";
import { Refused, ask, read, useKey } from "./server.js";
import { nameOf, viewsOf } from "./views.js";

const PAUSE = 250; // milliseconds without a key before the server is asked
const by = (id) => document.getElementById(id);
const typed = {}; // what was written, by view and field
let models = [];
let view = null;
let timer = 0;

const model = () => models.find((each) => each.name === by("model").value);

async function begin() {
  try {
    const info = await read("info");
    models = info.models;
    by("key-form").hidden = true;
    by("playground").hidden = false;
    status("good", `${models.length} ${models.length === 1 ? "model" : "models"}, version ${info.version}`);
  } catch (error) {
    by("key-form").hidden = !(error instanceof Refused && error.status === 401);
    status("bad", error.message);
    return;
  }
  by("model").replaceChildren(...models.map(({ name, kind }) => element("option", { value: name }, `${name} (${nameOf(kind)})`)));
  chooseModel();
}

function status(kind, text) {
  by("status").className = `status ${kind}`;
  by("status").textContent = text;
}

function chooseModel() {
  const { kind, dimensions, precision, loaded } = model();
  const facts = [`${dimensions} dimensions`, precision, loaded ? null : "loaded when first asked"];
  by("facts").textContent = facts.filter(Boolean).join(" · ");
  const views = viewsOf(kind);
  by("tabs").replaceChildren(...views.map((each, at) => tab(each, at)));
  choose(views[0]);
}

function tab(each, at) {
  const made = element("button", { type: "button", role: "tab", id: `tab-${at}`, "aria-controls": "work" }, each.name);
  made.addEventListener("click", () => choose(each));
  return made;
}

function choose(next) {
  view = next;
  for (const [at, each] of viewsOf(model().kind).entries()) {
    const made = by(`tab-${at}`);
    made.setAttribute("aria-selected", each === view);
    made.tabIndex = each === view ? 0 : -1;
    if (each === view) by("work").setAttribute("aria-labelledby", made.id);
  }
  const hint = element("span", {}, "or Ctrl+Enter; it also runs as you type");
  by("form").replaceChildren(...view.fields.map(field), element("div", { class: "actions" }, element("button", { type: "submit" }, "Run"), hint));
  by("result").replaceChildren();
  by("timing").textContent = "";
  run();
}

function field({ id, label, value, rows, hint }) {
  const place = `${view.name} ${id}`;
  const box = rows ? element("textarea", { id, rows, spellcheck: "false" }) : element("input", { id, type: "text" });
  box.value = (typed[place] ??= value).replaceAll("[MASK]", model().mask_token || "[MASK]");
  box.addEventListener("input", () => {
    typed[place] = box.value;
    clearTimeout(timer);
    timer = setTimeout(run, PAUSE);
  });
  const note = hint ? [element("small", {}, hint.replaceAll("[MASK]", model().mask_token || "[MASK]"))] : [];
  return element("label", { class: "field" }, element("span", {}, label), box, ...note);
}

async function run() {
  clearTimeout(timer);
  const values = Object.fromEntries(view.fields.map(({ id }) => [id, by(id).value]));
  const asked = view;
  const place = document.querySelector(".result");
  try {
    const [path, body] = view.ask(values, model().name);
    place.classList.add("busy");
    const found = await ask(path, body);
    if (found === null || asked !== view) return; // something newer is under way
    by("result").replaceChildren(...view.show(found.value, values));
    by("timing").textContent = times(found);
  } catch (error) {
    by("result").replaceChildren(element("p", { class: "error" }, error.message));
    by("timing").textContent = "";
    by("key-form").hidden = !(error instanceof Refused && error.status === 401);
  }
  place.classList.remove("busy");
}

function times({ total, engine, queue }) {
  const parts = [`${total.toFixed(0)} ms from here and back`];
  if (engine !== null) parts.push(`${engine.toFixed(1)} ms in the engine`, `${queue.toFixed(1)} ms waiting`);
  return parts.join(" · ");
}

by("model").addEventListener("change", chooseModel);
by("form").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
by("form").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
});
by("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const all = [...by("tabs").children];
  const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
  next.click();
  next.focus();
});
by("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(by("key").value.trim());
  begin();
});
begin();
