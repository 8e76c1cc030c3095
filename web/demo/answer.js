// Answers: the stretch of a text that answers a question about it, marked where it stands.

import { columns, element, field, marked, note, percent, results } from "./elements.js";
import { timed } from "./pace.js";

const TEXT = `The bicycle was not invented in one day. In 1817 Karl von Drais built a wooden machine with two wheels in Mannheim; \
its rider pushed it along with his feet. Pedals on the front wheel came in the 1860s, from workshops in Paris. \
The high wheelers that followed were fast and dangerous. In 1885 John Kemp Starley sold the Rover in Coventry, with two wheels \
of the same size and a chain to the rear one, and bicycles have looked like it ever since. Three years later \
John Boyd Dunlop fitted tyres filled with air to his son's tricycle.`;

export const answer = {
  id: "answer",
  name: "Ask",
  kinds: ["question_answering"],
  title: "Ask a text",
  about: "Paste a text and ask something that it answers. The answer is marked where it stands; nothing is made up.",
  missing: "a model that answers questions (its head is question_answering)",
  make,
};

function make(changed) {
  const question = field("Question", { id: "answer-question", value: "Who put tyres with air on a tricycle?" });
  const text = field("Text", { id: "answer-text", rows: 12, value: TEXT });
  const place = results("Answer");
  for (const { box } of [question, text]) box.addEventListener("input", changed);
  return { root: columns([question.root, text.root], [place]), run: (model) => run(question.box, text.box, place, model) };
}

async function run(question, text, place, model) {
  const [asked, context] = [question.value.trim(), text.value];
  if (!asked || !context.trim()) {
    place.replaceChildren(note(asked ? "Paste a text to look in." : "Write a question."));
    return "";
  }
  const { value, took } = await timed(() => model.answer(asked, context));
  show(place, value, context);
  return took;
}

function show(place, { text, score, start, end }, context) {
  if (!text) {
    place.replaceChildren(element("p", { class: "best" }, "No answer in this text."));
    return;
  }
  const { mark, root } = marked(context, start, end);
  place.replaceChildren(element("p", { class: "best" }, text), note(`${percent(score)} sure`), root);
  // Only the box scrolls: the page stays where the reader has it.
  root.scrollTop = Math.max(0, mark.offsetTop - root.offsetTop - root.clientHeight / 3);
}
