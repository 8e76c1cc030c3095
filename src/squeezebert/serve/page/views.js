// What can be done with a model: the fields to fill in, what is asked of the server, and how the answer looks.

import { bars, element, marked, percent, similarityMap } from "./draw.js";

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
const need = (value, message) => {
  if (!value || value.length === 0) throw new Error(message);
  return value;
};
const MOST = 12; // more texts than that do not fit on a map

const similarity = {
  name: "Similarity",
  fields: [{
    id: "texts", label: "Texts, one a line", rows: 7,
    value: "A man is playing a guitar.\nSomeone plays an instrument.\nThe central bank raised interest rates.\nBorrowing money becomes more expensive.\nA kitten sleeps on the sofa.",
  }],
  ask: ({ texts }, model) => ["embed", { inputs: need(lines(texts), "Write a text a line.").slice(0, MOST), model }],
  show: (vectors, { texts }) => {
    const all = lines(texts);
    const left = all.length > MOST ? [element("p", { class: "note" }, `The first ${MOST} of ${all.length} texts.`)] : [];
    return [similarityMap(all.slice(0, MOST), vectors), ...left];
  },
};

const labels = {
  name: "Your labels",
  fields: [
    { id: "text", label: "Text", rows: 5, value: "The match went to penalties after a late equaliser." },
    { id: "labels", label: "Labels, with commas", value: "sport, politics, cooking, science", hint: "Any words; nothing is trained for them." },
  ],
  ask: ({ text, labels: given }, model) => ["classify", {
    inputs: need(text.trim(), "Write a text."), labels: need([...new Set(lines(given.replaceAll(",", "\n")))], "Write a label."), model,
  }],
  show: (found) => [bars(found.scores)],
};

const classify = {
  name: "Labels",
  fields: [{ id: "text", label: "Text", rows: 6, value: "It could have been better, but I enjoyed it." }],
  ask: ({ text }, model) => ["classify", { inputs: need(text.trim(), "Write a text."), model }],
  show: (found) => (found.scores ? [bars(found.scores.slice(0, 12))] : [element("p", { class: "best" }, found.value.toFixed(3))]),
};

const tag = {
  name: "Entities",
  fields: [{ id: "text", label: "Text", rows: 6, value: "Ada Lovelace worked with Charles Babbage in London." }],
  ask: ({ text }, model) => ["tag", { inputs: need(text.trim(), "Write a text."), model }],
  show: (found, { text }) => {
    const list = found.map((entity) => ({ label: `${entity.text} · ${entity.label}`, score: entity.score }));
    const none = element("p", { class: "note" }, "No entities were found.");
    return [marked(text.trim(), found), found.length ? bars(list, { small: true }) : none];
  },
};

const answer = {
  name: "Answers",
  fields: [
    {
      id: "context", label: "Text", rows: 8,
      value: "The Amazon rainforest covers much of the Amazon basin of South America. The basin is 7,000,000 square kilometres large, of which 5,500,000 are covered by the rainforest. Most of it lies in Brazil, followed by Peru and Colombia.",
    },
    { id: "question", label: "Question", value: "Which country has most of the rainforest?" },
  ],
  ask: ({ question, context }, model) => ["answer", {
    question: need(question.trim(), "Write a question."), context: need(context.trim(), "Write a text to look in."), top_k: 3, model,
  }],
  show: (found, { context }) => [
    element("p", { class: "best" }, found.text || "No answer."),
    marked(context.trim(), found.text ? [found] : []),
    element("h2", {}, "Candidates"),
    bars(found.spans.map((span) => ({ label: span.text || "(none)", score: span.score })), { small: true }),
  ],
};

const fill = {
  name: "Fill in",
  fields: [{ id: "text", label: "Text with a mask", rows: 5, value: "The capital of France is [MASK].", hint: "[MASK] stands for the word to guess." }],
  ask: ({ text }, model) => ["fill", { inputs: need(text.trim(), "Write a text."), top_k: 6, model }],
  show: (found) => [
    element("p", { class: "best" }, found.text),
    ...found.masks.flatMap((mask, at) => [
      ...(found.masks.length > 1 ? [element("h2", {}, `Mask ${at + 1}`)] : []),
      bars(mask.candidates.map(({ token, score }) => ({ label: token, score })), { small: true, format: percent }),
    ]),
  ],
};

// What a kind of head is called here, where its own name says too little.
const NAMES = { masked_lm: "missing words", multi_label: "several labels", token_classification: "entities" };

export const nameOf = (kind) => NAMES[kind] || kind.replaceAll("_", " ");

// The views of a model, by what its head is for; every model can embed.
const OF_KIND = {
  embedding: [similarity, labels],
  classification: [classify, similarity],
  multi_label: [classify, similarity],
  regression: [classify, similarity],
  token_classification: [tag, similarity],
  question_answering: [answer, similarity],
  masked_lm: [fill, similarity],
  multiple_choice: [similarity],
};

export const viewsOf = (kind) => OF_KIND[kind] || [similarity];
