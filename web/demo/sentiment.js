// Labels of a text: how it feels, what it is about, whatever the model was trained to tell.

import { bars, columns, field, note, results } from "./elements.js";
import { timed } from "./pace.js";

const SHOWN = 10;
const FEELING = /^(positive|negative)$/i; // models with other labels tell other things: topics, intents

export const sentiment = {
  id: "sentiment",
  name: "Sentiment",
  kinds: ["classification", "multi_label"],
  title: "How does a text feel?",
  about: "Each label with how likely the model finds it.",
  titled: ({ labels }) => (labels.some((label) => FEELING.test(label)) ? "" : `Which of ${labels.length} labels fits a text?`),
  missing: "a model that classifies texts (its head is classification)",
  make,
};

function make(changed) {
  const { box, root } = field("Text", {
    id: "sentiment-text", rows: 6, value: "It could have been better, but I enjoyed it.",
  });
  const place = results("Labels");
  box.addEventListener("input", changed);
  return { root: columns([root], [place]), run: (model) => run(box, place, model) };
}

async function run(box, place, model) {
  const text = box.value.trim();
  if (!text) {
    place.replaceChildren(note("Write a text."));
    return "";
  }
  const { value, took } = await timed(async () => [await model.classify([text])].flat()[0]);
  const scores = Object.entries(value.scores).map(([label, score]) => ({ label, score }));
  scores.sort((one, other) => other.score - one.score);
  const rest = scores.length > SHOWN ? [note(`The first ${SHOWN} of ${scores.length} labels.`)] : [];
  place.replaceChildren(bars(scores.slice(0, SHOWN)), ...rest);
  return took;
}
