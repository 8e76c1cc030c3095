// The page: sections as tabs, a model for each, loaded when a section is first opened and asked as its inputs change.

import { answer } from "./answer.js";
import { by, element } from "./elements.js";
import { Refused, list, use, useKey } from "./models.js";
import { isKept, keep } from "./offline.js";
import { latest, megabytes } from "./pace.js";
import { search } from "./search.js";
import { sentiment } from "./sentiment.js";
import { write } from "./write.js";

const SECTIONS = [write, search, sentiment, answer];
const PAUSE = 60; // milliseconds without a key before the model is asked
const views = new Map(); // section -> what it has on the page
const chosen = new Map(); // section -> the name of its model
let models = [];
let section = null;
let model = null;
let timer = 0;

const fitting = (one) => models.filter(({ kind }) => one.kinds.includes(kind));

async function begin() {
  await keep(); // before the package is fetched, so that it is kept too
  try {
    models = await list();
  } catch (error) {
    by("key-form").hidden = error.status !== 401;
    state("bad", error instanceof Refused ? error.message : "the list of models cannot be reached");
    return;
  }
  by("key-form").hidden = true;
  by("demo").hidden = false;
  by("tabs").replaceChildren(...SECTIONS.map(tab));
  open(SECTIONS.find((one) => fitting(one).length) ?? search);
}

function state(kind, text) {
  by("state").className = `state ${kind}`;
  by("state").textContent = text;
}

function tab(one) {
  const made = element("button", { type: "button", role: "tab", id: `tab-${one.id}`, "aria-controls": "panel" }, one.name);
  if (!fitting(one).length) made.classList.add("empty");
  made.addEventListener("click", () => open(one));
  return made;
}

function open(next) {
  section = next;
  for (const one of SECTIONS) {
    by(`tab-${one.id}`).setAttribute("aria-selected", one === section);
    by(`tab-${one.id}`).tabIndex = one === section ? 0 : -1;
  }
  by("panel").setAttribute("aria-labelledby", `tab-${section.id}`);
  by("title").textContent = section.title;
  by("about").textContent = section.about;
  by("timing").textContent = "";
  const names = fitting(section).map(({ name }) => name);
  by("model-bar").hidden = names.length === 0;
  by("model").replaceChildren(...names.map((name) => element("option", { value: name }, name)));
  by("model-field").hidden = names.length < 2;
  if (names.length === 0) {
    missing();
    return;
  }
  by("model").value = chosen.get(section) ?? names[0];
  show();
  start();
}

function missing() {
  by("problem").hidden = true;
  by("work").replaceChildren(element(
    "div", { class: "card" },
    element("p", {}, `There is no model for this here yet. It needs ${section.missing}. With such a model, run`),
    element("pre", {}, "squeezebert serve MODEL"),
    element("p", {}, "and open /web/ there, or, where this page lies on a plain server,"),
    element("pre", {}, "squeezebert export MODEL --to web models/NAME"),
    element("p", {}, "and add NAME to models/index.json."),
  ));
  state("", models.length ? "no model for this section" : "no models here");
}

function show() {
  if (!views.has(section)) views.set(section, section.make(changed));
  by("work").replaceChildren(views.get(section).root);
}

async function start() {
  const [mine, name] = [section, by("model").value];
  const isShown = () => mine === section && by("model").value === name;
  chosen.set(mine, name);
  model = null;
  for (const id of ["problem", "loading"]) by(id).hidden = true;
  by("facts").textContent = "";
  state("busy", `loading ${name}`);
  try {
    const found = await use(name, (progress) => isShown() && progressed(progress));
    if (!isShown()) return; // another was chosen meanwhile
    model = found.model;
    ready(name, found.took);
    await run();
  } catch (error) {
    if (isShown()) failed(error);
  }
}

function progressed({ loaded, total }) {
  by("loading").hidden = false;
  by("progress").value = total ? loaded / total : 0;
  by("bytes").textContent = `${megabytes(loaded)} of ${megabytes(total)}`;
}

// The state that a visitor reads; `took` is how long the model took to load.
function ready(name, took) {
  const { bytes, kernel, threads } = model.info;
  by("title").textContent = section.titled?.(model.info) || section.title;
  by("loading").hidden = true;
  const facts = [name, megabytes(bytes), kernel, `${threads} ${threads === 1 ? "thread" : "threads"}`, `loaded in ${took}`];
  by("facts").textContent = facts.join(" · ");
  tellReady();
}

function tellReady() {
  if (!isKept()) state("good", "ready");
  else state("good", navigator.onLine ? "ready, works offline" : "offline, and works");
}

function failed(error) {
  by("loading").hidden = true;
  by("key-form").hidden = error.status !== 401;
  by("problem-text").textContent = error.message;
  by("problem").hidden = false;
  state("bad", "the model could not be loaded");
}

const run = latest(async () => {
  const [mine, asked] = [section, model];
  if (asked === null) return;
  try {
    const timing = await views.get(mine).run(asked);
    if (mine === section) by("timing").textContent = timing ? `${timing}, in this page` : "";
    by("problem").hidden = true;
  } catch (error) {
    by("problem-text").textContent = error.message;
    by("problem").hidden = false;
  }
});

function changed() {
  clearTimeout(timer);
  timer = setTimeout(run, PAUSE);
}

for (const name of ["online", "offline"]) addEventListener(name, () => model !== null && tellReady());
by("model").addEventListener("change", start);
by("retry").addEventListener("click", () => (model === null ? start() : run()));
by("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const next = SECTIONS[(SECTIONS.indexOf(section) + step + SECTIONS.length) % SECTIONS.length];
  open(next);
  by(`tab-${next.id}`).focus();
});
by("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(by("key").value.trim());
  begin();
});
begin();
