"""A teacher: which fit, what they say of the examples, and how far a student's inside is from theirs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from random_models import head_of, random_artifact, small_tokenizer, tiny_config  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from squeezebert.errors import ConfigError, InputError  # noqa: E402
from squeezebert.nn import Trace, from_artifact  # noqa: E402
from squeezebert.tasks import Head  # noqa: E402
from squeezebert.text.tokenization import Encoding  # noqa: E402
from squeezebert.train.distilling import hidden_loss  # noqa: E402
from squeezebert.train.tasks.encoding import Encoded  # noqa: E402
from squeezebert.train.tasks.examples import (  # noqa: E402
    ChoiceExamples,
    SequenceExamples,
    Sequences,
    SpanExamples,
    TokenExamples,
)
from squeezebert.train.tasks.rows import ROWS  # noqa: E402
from squeezebert.train.tasks.settings import Teaching  # noqa: E402
from squeezebert.train.tasks.teaching import (  # noqa: E402
    attention_error,
    check_teacher,
    hidden_error,
    taught,
    with_teacher,
)
from squeezebert.train.tasks.units import Units  # noqa: E402

CONFIG = tiny_config()
CLASSES = head_of("classification")
RNG = np.random.default_rng(0)


def sequences():
    sizes = (3, 7, 1, 5)
    each = [RNG.integers(0, 80, size, dtype=np.int32) for size in sizes]
    return Sequences.of([Encoding(ids, np.zeros_like(ids)) for ids in each])


EXAMPLES = {
    "classification": lambda: SequenceExamples(sequences(), np.zeros(4, np.int64)),
    "multi_label": lambda: SequenceExamples(sequences(), np.zeros((4, 4), np.float32)),
    "token_classification": lambda: TokenExamples(sequences(), np.zeros(16, np.int64)),
    "question_answering": lambda: SpanExamples(sequences(), np.zeros((4, 2), np.int64)),
    "multiple_choice": lambda: ChoiceExamples(sequences(), np.array([0, 1, 4]), np.zeros(2, np.int64)),
}


@pytest.mark.parametrize("kind", [*EXAMPLES])
def test_what_a_teacher_says_is_what_its_network_computes_for_the_same_batch(kind, monkeypatch):
    monkeypatch.setattr("squeezebert.train.tasks.teaching.CHUNK", 3)
    teacher, examples = random_artifact(CONFIG, head_of(kind)), EXAMPLES[kind]()
    told = with_teacher(examples, taught(Encoded(examples), teacher, teacher.head.labels))
    rows = np.arange(len(examples.lengths))[::-1].copy()
    batch = told.collate(rows, RNG)
    with torch.no_grad():
        wanted = ROWS[kind](from_artifact(teacher), batch, None)
    assert torch.allclose(batch["teacher"], wanted, atol=2e-5)


def test_a_teachers_labels_are_put_in_the_students_order():
    teacher, examples = random_artifact(CONFIG, CLASSES), EXAMPLES["classification"]()
    plain, turned = (taught(Encoded(examples), teacher, labels) for labels in (CLASSES.labels, CLASSES.labels[::-1]))
    assert np.array_equal(plain[:, ::-1], turned)


def test_a_teachers_numbers_lose_their_unit():
    teacher = random_artifact(CONFIG, head_of("regression"))
    examples = SequenceExamples(sequences(), np.zeros((4, 1), np.float32))
    plain = taught(Encoded(examples), teacher, ())
    assert np.allclose(taught(Encoded(examples, units=Units(3.0, 2.0)), teacher, ()), (plain - 3) / 2, atol=1e-6)


def check(teacher, teaching=Teaching(), **changes):  # noqa: B008 - frozen
    check_teacher(teacher, replace(random_artifact(CONFIG, CLASSES), **changes), teaching)


def test_a_teacher_of_the_same_labels_in_any_order_fits():
    check(random_artifact(CONFIG, replace(CLASSES, labels=CLASSES.labels[::-1])), Teaching(hidden=1.0, attention=1.0))


def test_a_teacher_with_another_head_is_refused():
    message = "the teacher has a head for embedding, and the task needs one for classification; finetune it on this"
    with pytest.raises(InputError, match=message):
        check(random_artifact(CONFIG))


def test_a_teacher_of_other_labels_is_refused():
    with pytest.raises(InputError, match="the teacher's labels are p, q, the data's are bad, fair, good; finetune the"):
        check(random_artifact(CONFIG, Head("classification", ("p", "q"))))
    many = Head("classification", tuple("abcdefg"))
    with pytest.raises(InputError, match="labels are a, b, c, d, e and 2 more"):
        check(random_artifact(CONFIG, many))


def test_a_teacher_with_another_vocabulary_is_refused():
    teacher = random_artifact(CONFIG, CLASSES)
    with pytest.raises(InputError, match=r"another vocabulary \(60 tokens, the student 79\) or splits texts otherwise"):
        check(replace(teacher, tokenizer=small_tokenizer(60)))
    shouting = json.loads(teacher.tokenizer)
    shouting["normalizer"]["lowercase"] = False
    shouting["normalizer"]["strip_accents"] = False
    with pytest.raises(
        InputError, match="take a teacher with the student's tokenizer, or make the student out of this"
    ):
        check(replace(teacher, tokenizer=json.dumps(shouting)))


def test_a_teacher_that_takes_shorter_texts_is_refused():
    short = random_artifact(tiny_config(max_position_embeddings=16), CLASSES)
    with pytest.raises(InputError, match="takes 16 tokens and the student is trained on 40; set --max-length 16"):
        check(short)
    check(short, head=replace(CLASSES, max_length=16))


def test_what_cannot_be_compared_is_refused_before_training():
    wide = random_artifact(tiny_config(hidden_size=48, num_attention_heads=4), CLASSES)
    check(wide)
    with pytest.raises(
        ConfigError, match="hidden states of 24 and 48 channels cannot be compared; leave --teach-hidden"
    ):
        check(wide, Teaching(hidden=1.0))
    with pytest.raises(ConfigError, match=r"attention of 3 and 4 heads .* cannot be compared; leave --teach-attention"):
        check(wide, Teaching(attention=1.0))


def traces(**changes):
    """Traces of two models over one padded batch, and its mask."""
    ids, mask = torch.tensor([[2, 9, 3, 0], [2, 8, 7, 3]]), torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]]).bool()
    found = []
    for seed, config in enumerate((CONFIG, tiny_config(**changes))):
        trace = Trace(probabilities=True)
        from_artifact(random_artifact(config, seed=seed))(ids, None, mask, trace)
        found.append(trace)
    return *found, mask


def test_nobody_differs_from_himself():
    ours, _, mask = traces()
    assert hidden_error(ours, ours, mask).item() == 0
    assert attention_error(ours, ours, mask).item() == pytest.approx(0, abs=1e-6)


def test_layers_are_compared_with_those_at_the_same_height():
    ours, theirs, mask = traces(num_hidden_layers=4)
    wanted = [hidden_loss(a, theirs.hidden[at], mask) for a, at in zip(ours.hidden, (0, 2, 4), strict=True)]
    assert hidden_error(ours, theirs, mask).item() == pytest.approx(torch.stack(wanted).mean().item())
    layers = [
        F.kl_div(a.clamp(min=1e-30).log(), theirs.attentions[at], reduction="none").sum(-1).transpose(1, 2)[mask].mean()
        for a, at in zip(ours.attentions, (1, 3), strict=True)
    ]
    assert attention_error(ours, theirs, mask).item() == pytest.approx(torch.stack(layers).mean().item(), rel=1e-4)


def test_padding_is_not_compared():
    ours, theirs, mask = traces()
    hidden, attention = hidden_error(ours, theirs, mask), attention_error(ours, theirs, mask)
    for layer in theirs.hidden:
        layer.data[0, 3] += 100
    for layer in theirs.attentions:
        layer.data[0, :, 3] = 0.25
    assert hidden_error(ours, theirs, mask) == hidden
    assert attention_error(ours, theirs, mask) == attention
