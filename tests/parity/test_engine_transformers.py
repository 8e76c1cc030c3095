"""The engine against transformers, with nothing of ours in torch between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from transformers_models import CASES, TOLERANCE, Case, cases, their_outputs

from squeezebert.artifact import Artifact
from squeezebert.convert import load_model_folder
from squeezebert.engine import Engine, available_kernels
from squeezebert.text.batch import pack
from squeezebert.text.tokenization import Tokenizer

TEXTS = (
    "A man is playing a guitar.",
    "",
    "Ein kleiner Hund läuft über die Straße, während 東京 schläft. 🙂",
    "The quick brown fox jumps over the lazy dog. " * 20,
)


def _our_outputs(case: Case, artifact: Artifact) -> dict[str, np.ndarray]:
    engine, batch = Engine(artifact.config, artifact.tensors), case.batch
    found = {"hidden": engine.hidden(batch)}
    if case.kind == "embedding":
        return {**found, "embedding": engine.embed(batch, "mean", normalize=False)}
    if case.kind == "token_classification":
        return {**found, "logits": engine.token_logits(batch)}
    if case.kind == "question_answering":
        return {**found, "logits": engine.span_logits(batch)}
    if case.kind == "masked_lm":
        return {**found, "logits": engine.masked_logits(batch, np.arange(len(batch.ids), dtype=np.int32))}
    logits = engine.sequence_logits(batch)
    return {**found, "logits": logits.T if case.kind == "multiple_choice" else logits}


@pytest.mark.parametrize(("family", "kind"), CASES)
def test_every_head_gives_what_transformers_gives(
    family: str, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    @settings(max_examples=8)
    @given(case=cases(family, kind))
    def compare(case: Case) -> None:
        ours = _our_outputs(case, case.imported(tmp_path_factory.mktemp("theirs")))
        for name, wanted in their_outputs(case).items():
            assert ours[name].shape == wanted.shape, name
            assert np.abs(ours[name] - wanted.numpy()).max() <= TOLERANCE, name

    compare()


@pytest.mark.parametrize("kernel", available_kernels())
@torch.no_grad()
def test_minilm_gives_what_transformers_gives_for_text(minilm_folder: Path, kernel: str) -> None:
    artifact = load_model_folder(minilm_folder)
    encodings = Tokenizer.from_folder(minilm_folder).encode(TEXTS)
    ours = Engine(artifact.config, artifact.tensors, kernel=kernel).hidden(pack(encodings))
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm_folder)
    inputs = tokenizer(list(TEXTS), padding=True, truncation=True, max_length=512, return_tensors="pt")
    theirs = transformers.AutoModel.from_pretrained(minilm_folder).eval()
    wanted = theirs(**inputs).last_hidden_state[inputs["attention_mask"].bool()]
    assert ours.shape == wanted.shape
    assert np.abs(ours - wanted.numpy()).max() <= TOLERANCE
