"""Import and export against transformers and sentence-transformers: no key missing or unexpected, same outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import hf_checkpoints as hf
import random_models
import torch
from hypothesis import HealthCheck, given, settings
from random_models import plain_configs

from squeezebert.artifact import Artifact
from squeezebert.config import EncoderConfig
from squeezebert.convert import export_hf, import_checkpoint, load_model_folder
from squeezebert.errors import ArtifactError
from squeezebert.tasks import HEAD_KINDS, Head

TOLERANCE = 1e-5  # the same float32 network in another order of sums
CLASSIFIERS = ("classification", "multi_label", "regression", "multiple_choice")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def assert_same(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    common = set(found) & set(wanted)
    assert common
    for name in common:
        torch.testing.assert_close(found[name], wanted[name], atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("kind", HEAD_KINDS)
@pytest.mark.parametrize("model_type", list(hf.CLASSES))
def test_import_then_export_computes_the_same(model_type: str, kind: str, tmp_path: Path) -> None:
    model = hf.hf_model(model_type, kind)
    artifact = load_model_folder(hf.save_checkpoint(model, tmp_path / "hf"))
    assert artifact.head.kind == kind
    assert len(artifact.head.labels) == hf.LABELS.get(kind, 0)
    saved = artifact.save(tmp_path / "artifact")
    folder = export_hf(Artifact.load(saved), tmp_path / "back")
    assert_same(hf.hf_outputs(hf.hf_load(folder, kind), kind), hf.hf_outputs(model, kind))
    if not (model_type == "distilbert" and kind in CLASSIFIERS):  # their relu pooler is not SqueezeBERT's
        assert_same(hf.hf_outputs(hf.hf_load(saved, kind), kind), hf.hf_outputs(model, kind))


@pytest.mark.parametrize("kind", HEAD_KINDS)
@pytest.mark.parametrize("model_type", ["bert", "distilbert"])
def test_a_dense_model_goes_back_to_its_own_classes(model_type: str, kind: str, tmp_path: Path) -> None:
    model = hf.hf_model(model_type, kind)
    artifact = import_checkpoint(hf.save_checkpoint(model, tmp_path / "hf"))
    folder = export_hf(artifact, tmp_path / "back", model_type=model_type)
    back = hf.hf_load(folder, kind)
    assert type(back) is type(model)
    wanted = model.state_dict()
    for name, values in back.state_dict().items():
        torch.testing.assert_close(values, wanted[name], atol=0, rtol=0)
    again = import_checkpoint(folder)
    assert again.config == artifact.config
    assert again.head == artifact.head
    assert again.extra.items() >= artifact.extra.items()


@pytest.mark.parametrize("model_type", list(hf.CLASSES))
def test_an_untied_decoder_stays_untied(model_type: str, tmp_path: Path) -> None:
    model = hf.hf_model(model_type, "masked_lm", tie_word_embeddings=False)
    artifact = import_checkpoint(hf.save_checkpoint(model, tmp_path / "hf"))
    assert not artifact.tied
    artifact.save(tmp_path / "artifact")
    wanted = hf.hf_outputs(model, "masked_lm")
    assert_same(hf.hf_outputs(hf.hf_load(tmp_path / "artifact", "masked_lm"), "masked_lm"), wanted)
    folder = export_hf(Artifact.load(tmp_path / "artifact"), tmp_path / "back")
    assert_same(hf.hf_outputs(hf.hf_load(folder, "masked_lm"), "masked_lm"), wanted)


@given(config=plain_configs())
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_dense_artifact_of_any_config_exports(
    config: EncoderConfig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    artifact = random_models.random_artifact(config)
    folder = export_hf(artifact, tmp_path_factory.mktemp("export") / "out")
    hf.hf_load(folder, "embedding")
    again = import_checkpoint(folder)
    assert again.config == config
    assert all(np.array_equal(again.tensors[name], artifact.tensors[name]) for name in artifact.tensors)


def test_a_large_checkpoint_in_shards_is_imported(tmp_path: Path) -> None:
    model = hf.hf_model("bert", "classification")
    hf.save_checkpoint(model, tmp_path / "hf", max_shard_size="20KB")
    assert (tmp_path / "hf" / "model.safetensors.index.json").exists()
    folder = export_hf(import_checkpoint(tmp_path / "hf"), tmp_path / "back")
    assert_same(
        hf.hf_outputs(hf.hf_load(folder, "classification"), "classification"), hf.hf_outputs(model, "classification")
    )


@pytest.mark.parametrize("legacy", [False, True])
def test_a_bin_file_is_imported(legacy: bool, tmp_path: Path) -> None:
    model = hf.hf_model("bert", "masked_lm")
    hf.save_checkpoint(model, tmp_path / "hf")
    (tmp_path / "hf" / "model.safetensors").unlink()
    state = {name.replace("LayerNorm.weight", "LayerNorm.gamma"): value for name, value in model.state_dict().items()}
    state = {name.replace("LayerNorm.bias", "LayerNorm.beta"): value for name, value in state.items()}
    state["bert.embeddings.position_ids"] = torch.arange(40)[None]
    path = tmp_path / "hf" / "pytorch_model.bin"
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    artifact = import_checkpoint(tmp_path / "hf")
    assert artifact.tied  # the file holds the word embeddings twice
    assert artifact.history[0]["settings"]["dropped"] == []
    folder = export_hf(artifact, tmp_path / "back")
    assert_same(hf.hf_outputs(hf.hf_load(folder, "masked_lm"), "masked_lm"), hf.hf_outputs(model, "masked_lm"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("file", ["safetensors", "bin"])
def test_other_floats_become_float32(dtype: torch.dtype, file: str, tmp_path: Path) -> None:
    model = hf.hf_model("bert").to(dtype)
    hf.save_checkpoint(model, tmp_path / "hf")
    if file == "bin":
        (tmp_path / "hf" / "model.safetensors").unlink()
        torch.save(model.state_dict(), tmp_path / "hf" / "pytorch_model.bin")
    artifact = import_checkpoint(tmp_path / "hf")
    name = "embeddings.word_embeddings.weight"
    assert artifact.tensors[name].dtype == np.float32
    assert np.array_equal(artifact.tensors[name], model.state_dict()[name].float().numpy())


def test_a_pretraining_checkpoint_keeps_its_masked_lm_head(tmp_path: Path) -> None:
    from transformers import BertForPreTraining

    config = hf.hf_model("bert").config
    model = BertForPreTraining(config).eval()
    hf.save_checkpoint(model, tmp_path / "hf")
    artifact = import_checkpoint(tmp_path / "hf")
    assert artifact.head.kind == "masked_lm"
    dropped = artifact.history[0]["settings"]["dropped"]
    assert dropped == ["cls.seq_relationship.bias", "cls.seq_relationship.weight"]
    folder = export_hf(artifact, tmp_path / "back")
    found = hf.hf_outputs(hf.hf_load(folder, "masked_lm"), "masked_lm")["logits"]
    torch.testing.assert_close(found, hf.hf_outputs(model, "embedding")["prediction_logits"], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
@pytest.mark.parametrize("normalize", [True, False])
def test_sentence_transformers_embeds_an_export_as_the_original(pooling: str, normalize: bool, tmp_path: Path) -> None:
    sentence = pytest.importorskip("sentence_transformers")
    from sentence_transformers.models import Normalize, Pooling, Transformer

    hf.save_checkpoint(hf.hf_model("bert"), tmp_path / "hf")
    steps = [Transformer(str(tmp_path / "hf"), max_seq_length=16), Pooling(24, pooling_mode=pooling)]
    original = sentence.SentenceTransformer(modules=[*steps, *([Normalize()] if normalize else [])], device="cpu")
    original.save(str(tmp_path / "st"))
    artifact = import_checkpoint(tmp_path / "st")
    assert artifact.head == Head("embedding", (), pooling, normalize, 16)
    folder = export_hf(artifact, tmp_path / "back")
    texts = ["Paris is the capital of France.", "a " * 50]
    again = sentence.SentenceTransformer(str(folder), device="cpu")
    assert np.abs(again.encode(texts) - original.encode(texts)).max() < TOLERANCE
    assert import_checkpoint(folder).head == artifact.head


@pytest.mark.parametrize("lowercase", [True, False])
def test_transformers_reads_the_tokenizer_of_an_artifact_as_it_is(lowercase: bool, tmp_path: Path) -> None:
    config = random_models.tiny_config()
    artifact = random_models.random_artifact(config)
    text = artifact.tokenizer.replace('"lowercase": true', f'"lowercase": {str(lowercase).lower()}')
    assert f'"lowercase": {str(lowercase).lower()}' in text
    artifact = artifact.then("other", settings={}, tokenizer=text)
    artifact.save(tmp_path / "a")
    tokenizer = hf.hf_tokenizer(tmp_path / "a")
    assert tokenizer.backend_tokenizer.normalizer.lowercase is lowercase
    assert tokenizer.model_max_length == config.max_position_embeddings
    assert tokenizer.pad_token == "[PAD]"
    assert tokenizer("the", "of")["token_type_ids"][-1] == 1


def test_the_real_minilm_imports_in_place_and_exports(minilm_folder: Path, tmp_path: Path) -> None:
    import transformers

    artifact = load_model_folder(minilm_folder)
    assert artifact.head == Head("embedding", (), "mean", True, 256)
    assert artifact.num_parameters == 22_713_216
    folder = artifact.save(tmp_path / "minilm")
    model, report = transformers.AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values())
    original = transformers.AutoModel.from_pretrained(minilm_folder)
    assert_same(hf.hf_outputs(model.eval(), "embedding"), hf.hf_outputs(original.eval(), "embedding"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"conv_kernel": 3}, "conv_kernel=3"),
        ({"attention_head_size": 4}, "3 heads of 4 beside hidden_size=24"),
        ({"attention": "low_rank", "attention_rank": 4}, "attention='low_rank'"),
        ({"embedding_size": 8}, "embedding_size=8"),
        ({"pooler_act": "relu"}, "q_groups=2"),
        ({"layer_norm_eps": 1e-5}, "layer_norm_eps=1e-05"),
    ],
)
def test_what_transformers_cannot_compute_is_refused(changes: dict, words: str, tmp_path: Path) -> None:
    import transformers

    artifact = random_models.random_artifact(random_models.tiny_config(**changes), Head())
    with pytest.raises(ArtifactError, match=words):
        export_hf(artifact, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    artifact.save(tmp_path / "artifact")
    assert Artifact.load(tmp_path / "artifact").config == artifact.config
    if "layer_norm_eps" not in changes:  # nor does transformers take the artifact for something that it knows
        with pytest.raises(ValueError, match="squeezebert_extended"):
            transformers.AutoModel.from_pretrained(tmp_path / "artifact")
