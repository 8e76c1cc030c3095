"""Our network in torch against transformers' BERT, DistilBERT and SqueezeBERT: small random models, every head."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from hypothesis import given, settings
from torch import Tensor
from transformers_models import CASES, TOLERANCE, Case, cases, their_outputs

from squeezebert.convert import load_model_folder
from squeezebert.nn import from_artifact, pool


@torch.no_grad()
def _our_outputs(case: Case, folder: Path) -> dict[str, Tensor]:
    module = from_artifact(case.imported(folder))
    inputs = case.padded()
    mask = inputs[-1]
    hidden = module.transformer(*inputs)
    if case.kind == "embedding":
        return {"hidden": hidden[mask], "embedding": pool(hidden, mask, "mean", normalize=False)}
    logits = module(*(part[None] for part in inputs)) if case.kind == "multiple_choice" else module(*inputs)
    return {"hidden": hidden[mask], "logits": logits[mask] if logits.dim() == 3 else logits}


@pytest.mark.parametrize(("family", "kind"), CASES)
def test_every_head_gives_what_transformers_gives(
    family: str, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    @settings(max_examples=8)
    @given(case=cases(family, kind))
    def compare(case: Case) -> None:
        theirs, ours = their_outputs(case), _our_outputs(case, tmp_path_factory.mktemp("theirs"))
        for name, wanted in theirs.items():
            assert (ours[name] - wanted).abs().max() <= TOLERANCE, name

    compare()


@torch.no_grad()
def test_minilm_gives_what_transformers_gives(minilm_folder: Path) -> None:
    theirs = transformers.AutoModel.from_pretrained(minilm_folder).eval()
    ours = from_artifact(load_model_folder(minilm_folder))
    ids = torch.randint(0, theirs.config.vocab_size, (2, 96), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(96) < torch.tensor([[96], [31]])
    wanted = theirs(input_ids=ids, attention_mask=mask.long()).last_hidden_state[mask]
    torch.testing.assert_close(ours.transformer(ids, mask=mask)[mask], wanted, atol=TOLERANCE, rtol=0)
