"""Artifact: load, save, verify, history; damaged folders refused, old ones never lost."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_models import head_of, random_artifact, tiny_config

from squeezebert import artifact as module
from squeezebert.artifact import FORMAT_VERSION, Artifact, is_artifact
from squeezebert.convert import import_checkpoint
from squeezebert.errors import ArtifactError, ConfigError
from squeezebert.tasks import HEAD_KINDS, Head

HEAD = Head("classification", ("bad", "fair", "good"), "cls", False, 32)
OPTIONS: list[dict[str, Any]] = [
    {},
    {"conv_kernel": 3},
    {"num_attention_heads": 2, "attention_head_size": 6},
    {"attention": "low_rank", "attention_rank": 4},
    {"embedding_size": 8},
    {"pooler_act": "relu"},
    {"classifier_pooling": "mean"},
]


def same(one: Artifact, other: Artifact) -> bool:
    mine, yours = one.tensors, other.tensors
    equal = set(mine) == set(yours) and all(np.array_equal(mine[name], yours[name]) for name in mine)
    fields = ("config", "tokenizer", "head", "history", "metrics", "extra")
    return equal and all(getattr(one, name) == getattr(other, name) for name in fields)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return random_artifact(tiny_config(), HEAD).save(tmp_path / "model")


def edit(folder: Path, file: str, **changes: Any) -> None:
    values = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**values, **changes}))


@pytest.mark.parametrize("kind", HEAD_KINDS)
@pytest.mark.parametrize("options", OPTIONS)
def test_what_is_saved_is_loaded(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    artifact = random_artifact(tiny_config(**options), head_of(kind), tied=False)
    artifact = replace(artifact, extra={"pad_token_id": 0}).then("test", settings={"a": 1}, metrics={"f1": 0.5})
    found = Artifact.load(artifact.save(tmp_path / "model"))
    assert same(found, artifact)
    assert found.source == tmp_path / "model"
    found.verify()


def test_the_folder_holds_the_files_of_the_design(saved: Path) -> None:
    names = {path.name for path in saved.iterdir()}
    assert names == {
        *("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
        *("squeezebert.json", "README.md"),
    }
    record = json.loads((saved / "squeezebert.json").read_text())
    assert record["format_version"] == FORMAT_VERSION
    assert record["weights"]["size"] == (saved / "model.safetensors").stat().st_size
    assert is_artifact(saved)


def test_an_artifact_without_a_tokenizer_is_saved(tmp_path: Path) -> None:
    artifact = replace(random_artifact(tiny_config()), tokenizer="")
    assert Artifact.load(artifact.save(tmp_path / "model")).tokenizer == ""


def test_weights_in_float16_load_as_float32(tmp_path: Path) -> None:
    artifact = random_artifact(tiny_config())
    found = Artifact.load(artifact.save(tmp_path / "model", dtype="float16"))
    for name, values in found.tensors.items():
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, artifact.tensors[name], rtol=1e-3, atol=1e-6)


def test_saving_over_the_folder_it_was_loaded_from_works(saved: Path) -> None:
    before = Artifact.load(saved)
    after = before.then("again", settings={})
    after.save(saved)
    assert same(Artifact.load(saved), after)
    assert same(before, replace(after, history=()))  # its memory is still the old file


def test_a_stage_leaves_its_input_alone_and_a_line_in_the_history() -> None:
    first = random_artifact(tiny_config())
    tensors = {name: values * 2 for name, values in first.tensors.items()}
    second = first.then(
        "double", settings={"by": np.int64(2), "to": Path("x")}, metrics={"spearman": np.float32(0.5)}, tensors=tensors
    )
    assert first.history == ()
    assert second.tensors is tensors
    assert second.metrics == {"spearman": 0.5}
    (line,) = second.history
    assert (line["stage"], line["settings"], line["metrics"]) == ("double", {"by": 2, "to": "x"}, {"spearman": 0.5})
    assert set(line["versions"]) == {"squeezebert", "numpy"}
    with pytest.raises(ArtifactError, match=r"history and metrics must be JSON: object .*; pass numbers, texts"):
        first.then("bad", settings={"x": object()})


def test_parameters_are_counted_without_reading_them(saved: Path) -> None:
    artifact = random_artifact(tiny_config(), HEAD)
    assert Artifact.load(saved).num_parameters == sum(values.size for values in artifact.tensors.values())


def test_a_load_imports_nothing_heavy_and_maps_the_weights(minilm_folder: Path, tmp_path: Path) -> None:
    folder = import_checkpoint(minilm_folder).save(tmp_path / "minilm")
    program = (
        "import sys, numpy\nfrom squeezebert.artifact import Artifact\n"
        f"artifact = Artifact.load({str(folder)!r})\n"
        "assert not artifact.tensors['embeddings.word_embeddings.weight'].flags.owndata\n"
        "print(*sorted({'torch', 'transformers', 'huggingface_hub', 'filelock'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


@pytest.mark.parametrize(
    ("file", "changes", "words"),
    [
        ("squeezebert.json", {"format_version": FORMAT_VERSION + 1}, "format version 2, .* pip install --upgrade"),
        ("squeezebert.json", {"format_version": "1"}, "format_version is '1', not a number from 1; import"),
        ("squeezebert.json", {"history": 3}, "history is not a JSON list; import the model again"),
        ("squeezebert.json", {"placeholders": {}}, "placeholders is not a JSON list"),
        ("squeezebert.json", {"weights": {"size": 5}}, "bytes, saved with 5; copy or download it again"),
        ("squeezebert.json", {"head": {"kind": "poem"}}, "head kind 'poem' is not known; choose one of"),
        ("squeezebert.json", {"head": {"kind": ["x"]}}, "bad head field kind; the fields are kind, labels"),
        ("squeezebert.json", {"head": {"colour": "red"}}, "bad head field colour"),
        ("squeezebert.json", {"head": {"labels": [1]}}, "bad head field labels"),
        ("squeezebert.json", {"head": {"kind": "embedding"}}, "no place in a model of kind embedding: classifier"),
        ("config.json", {"hidden_size": 25}, "hidden_size=25 does not divide by num_attention_heads=3"),
        ("config.json", {"vocab_size": 81}, r"is \[80, 24\], not \[81, 24\]; take config.json"),
        ("config.json", {"model_type": "gpt2"}, "model_type 'gpt2' is not known"),
        ("config.json", {"num_hidden_layers": 2**24}, "num_hidden_layers=16777216, there are"),
        ("config.json", {"num_hidden_layers": 3}, "tensors are missing: encoder.layers.2"),
    ],
)
def test_files_that_contradict_each_other_are_refused(
    saved: Path, file: str, changes: dict[str, Any], words: str
) -> None:
    edit(saved, file, **changes)
    with pytest.raises((ArtifactError, ConfigError), match=words):
        Artifact.load(saved)


@pytest.mark.parametrize("file", ["config.json", "squeezebert.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["missing", "folder", "empty", "cut", "zeros"])
def test_damaged_files_never_crash(saved: Path, file: str, damage: str) -> None:
    path = saved / file
    content = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "zeros": bytes(len(content))}[damage])
    if file == "tokenizer.json" and damage != "folder":
        Artifact.load(saved)  # its content is judged by Tokenizer
    else:
        with pytest.raises(ArtifactError, match="; "):
            Artifact.load(saved)


@pytest.mark.parametrize("source", ["nowhere", "file"])
def test_what_is_no_artifact_says_what_to_do(tmp_path: Path, source: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="is not a folder; give the path of an artifact"):
        Artifact.load(tmp_path / source)
    with pytest.raises(ArtifactError, match=r"has no squeezebert.json; run: squeezebert import"):
        Artifact.load(tmp_path)


def test_tensors_of_another_kind_are_refused(saved: Path) -> None:
    from squeezebert.artifact.tensors import write_safetensors

    for name in ("decoder.block.0", "embeddings.LayerNorm.bias"):
        values = dict(Artifact.load(saved).tensors)
        named = {f"transformer.{key}" if "classifier" not in key else key: item for key, item in values.items()}
        size, _ = write_safetensors(saved / "model.safetensors", {**named, name: np.zeros(3, np.float32)})
        edit(saved, "squeezebert.json", weights={"size": size})
        with pytest.raises(ArtifactError, match=f"no place in a model: .*{name}; import the checkpoint again"):
            Artifact.load(saved)
        random_artifact(tiny_config(), HEAD).save(saved)


def test_verify_finds_a_changed_byte(saved: Path) -> None:
    path = saved / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="has changed: sha256"):
        Artifact.load(saved).verify()


def test_bad_weights_are_not_saved(tmp_path: Path) -> None:
    good = random_artifact(tiny_config())
    name = "encoder.layers.1.output.conv1d.bias"
    bad = {
        "holds 1 NaN": np.where(np.arange(24) == 3, np.nan, 0).astype(np.float32),
        "is float64; convert it with .astype": np.zeros(24),
        "shapes contradict": np.zeros(25, np.float32),
    }
    for words, values in bad.items():
        with pytest.raises(ArtifactError, match=words):
            good.then("bad", settings={}, tensors={**good.tensors, name: values}).save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_folder_of_other_files_is_never_replaced(tmp_path: Path, saved: Path) -> None:
    artifact = random_artifact(tiny_config())
    (tmp_path / "notes").mkdir()
    assert Artifact.load(artifact.save(tmp_path / "notes"))  # an empty folder may be used
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "text.md").write_text("years of work")
    (saved / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("")
    for target, words in {
        tmp_path / "thesis": "holds files and is not an artifact; choose another folder",
        saved: "also holds mine.txt, which saving would delete; move it",
        tmp_path / "file": "is a file; choose another folder",
    }.items():
        with pytest.raises(ArtifactError, match=words):
            artifact.save(target)
    assert (tmp_path / "thesis" / "text.md").read_text() == "years of work"
    assert Artifact.load(saved).head == HEAD


def test_a_full_disk_leaves_the_old_artifact(saved: Path) -> None:
    resource = pytest.importorskip("resource")
    before, big = Artifact.load(saved), random_artifact(tiny_config(vocab_size=20_000), HEAD)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))
    try:
        with pytest.raises(ArtifactError, match=r"cannot save .*; what was there before is unchanged: free some space"):
            big.save(saved)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert same(Artifact.load(saved), before)
    assert [path.name for path in saved.parent.iterdir() if "tmp" in path.name] == []


WRITER = """
import sys
from squeezebert.artifact import Artifact
artifact = Artifact.load(sys.argv[1])
for _ in range(15):
    artifact.save(sys.argv[2])
"""


def test_two_writers_and_a_reader_never_see_a_mix(tmp_path: Path) -> None:
    both = [random_artifact(tiny_config(), head_of(kind), seed=place) for place, kind in enumerate(HEAD_KINDS[:2])]
    paths = [artifact.save(tmp_path / f"from{place}") for place, artifact in enumerate(both)]
    target = both[0].save(tmp_path / "shared")
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(target)]) for path in paths]
    reads = 0
    try:
        while any(writer.poll() is None for writer in writers):
            found = Artifact.load(target)
            assert same(found, both[0]) or same(found, both[1])
            reads += 1
    finally:
        ended = [writer.wait() for writer in writers]
    assert ended == [0, 0]
    assert reads > 5
    Artifact.load(target).verify()


def test_a_folder_that_never_rests_is_given_up(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter(range(1000))
    monkeypatch.setattr(module, "identity", lambda folder: next(seen))
    with pytest.raises(ArtifactError, match="is being replaced again and again; load it when"):
        Artifact.load(saved)
