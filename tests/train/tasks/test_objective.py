"""The loss that is trained: what each setting adds to it, and what it leaves alone."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from random_models import head_of, random_artifact, tiny_config  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from squeezebert.nn import Dropouts, from_artifact  # noqa: E402
from squeezebert.train.tasks.objective import Aim, Finetuning  # noqa: E402
from squeezebert.train.tasks.settings import FinetuneSettings, Teaching  # noqa: E402

CONFIG = tiny_config()
STUDENT, TEACHER = (random_artifact(CONFIG, head_of("classification"), seed=seed) for seed in (0, 1))
BATCH = {
    "ids": torch.tensor([[2, 9, 3, 0], [2, 8, 7, 3]]),
    "types": torch.zeros(2, 4, dtype=torch.int64),
    "mask": torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]]).bool(),
    "targets": torch.tensor([2, 0]),
}
SOFT = {**BATCH, "teacher": torch.tensor([[0.0, 1.0, 3.0], [2.0, 0.0, 0.0]])}


def objective(dropout=0.0, weights=None, teacher=None, **settings):
    settings = FinetuneSettings(dropout=dropout, **settings)
    network = from_artifact(STUDENT, Dropouts(dropout, dropout))
    return Finetuning(network, Aim("classification", settings, weights), teacher).train()


def test_alone_it_is_the_cross_entropy_of_the_network():
    made = objective()
    loss, parts = made(BATCH)
    logits = made.network(BATCH["ids"], BATCH["types"], BATCH["mask"])
    assert loss.item() == pytest.approx(F.cross_entropy(logits, BATCH["targets"]).item(), rel=1e-6)
    assert parts == {}


def test_class_weights_and_smoothing_reach_the_loss():
    plain = objective()(BATCH)[0]
    assert objective(weights=torch.tensor([1.0, 1.0, 9.0]))(BATCH)[0] != plain
    assert objective(label_smoothing=0.2)(BATCH)[0] != plain


def test_a_teachers_logits_have_their_share():
    teaching = Teaching(weight=0.25, temperature=3.0)
    made = objective(teaching=teaching)
    loss, parts = made(SOFT)
    hard = objective()(BATCH)[0].item()
    assert parts["labels"].item() == pytest.approx(hard)
    assert loss.item() == pytest.approx(0.75 * hard + 0.25 * parts["teacher"].item(), rel=1e-6)
    assert objective(teaching=teaching)(BATCH)[0].item() == pytest.approx(hard)  # no teacher in the batch


def test_two_passes_under_dropout_differ_and_are_pulled_together():
    torch.manual_seed(0)
    loss, parts = objective(dropout=0.3, rdrop=2.0)(BATCH)
    assert parts["rdrop"].item() > 0
    torch.manual_seed(0)
    assert objective(dropout=0.3, rdrop=1.0)(BATCH)[0].item() == pytest.approx(loss.item() - parts["rdrop"].item())


def test_an_attack_makes_it_worse_while_training_only():
    made = objective(fgm=0.1)
    assert made(BATCH)[0] > objective()(BATCH)[0]
    assert made.eval()(BATCH)[0] == objective().eval()(BATCH)[0]


def test_a_teachers_inside_is_compared_and_never_trained_or_saved():
    teaching = Teaching(hidden=0.5, attention=2.0)
    teacher = from_artifact(TEACHER)
    made = objective(teacher=teacher, teaching=teaching)
    loss, parts = made(SOFT)
    logits = teaching.weight * parts["teacher"] + (1 - teaching.weight) * parts["labels"]
    assert loss.item() == pytest.approx((logits + 0.5 * parts["hidden"] + 2.0 * parts["attention"]).item(), rel=1e-5)
    loss.backward()
    assert all(weight.grad is None for weight in teacher.parameters())
    assert set(made.state_dict()) == {f"network.{name}" for name in made.network.state_dict()}
    assert not teacher.training


@pytest.mark.parametrize(
    "kind", ["multi_label", "regression", "token_classification", "question_answering", "multiple_choice"]
)
def test_every_kind_learns_with_everything_switched_on(kind):
    artifact = random_artifact(CONFIG, head_of(kind))
    settings = FinetuneSettings(dropout=0.1, rdrop=0.5, fgm=0.1, teaching=Teaching(weight=0.5))
    made = Finetuning(from_artifact(artifact, Dropouts(0.1, 0.1)), Aim(kind, settings)).train()
    loss, parts = made(batch_of(kind))
    loss.backward()
    assert torch.isfinite(loss)
    assert {"labels", "teacher", "rdrop"} <= set(parts)
    assert all(weight.grad is not None for name, weight in made.named_parameters() if "pooler" not in name)


def batch_of(kind):
    """Two sequences with targets and a teacher's logits, as the kind has them."""
    shape = {"multi_label": (2, 4), "regression": (2, 1)}.get(kind)
    if shape:
        return {**BATCH, "targets": torch.ones(shape), "teacher": torch.rand(shape)}
    if kind == "token_classification":
        return {**BATCH, "read": BATCH["mask"], "targets": torch.arange(7) % 5, "teacher": torch.rand(7, 5)}
    if kind == "question_answering":
        return {**BATCH, "targets": torch.tensor([0, 1, 2, 3]), "teacher": torch.rand(4, 4)}
    return {**BATCH, "taken": torch.ones(1, 2).bool(), "targets": torch.tensor([1]), "teacher": torch.rand(1, 2)}
