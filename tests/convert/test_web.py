"""Export to a page's model folder: what lies in it, which precision, and which models a page cannot run."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_models import head_of, random_artifact, tiny_config

from squeezebert.artifact import Artifact
from squeezebert.compress.quantize import quantize
from squeezebert.convert import export_web, web
from squeezebert.errors import ArtifactError, InputError
from squeezebert.tasks import HEAD_KINDS

TINY = tiny_config()
FILES = ["config.json", "squeezebert.json", "tokenizer.json", "model.safetensors"]


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_the_folder_is_an_int8_artifact_with_a_manifest_of_its_files(kind, tmp_path):
    folder = export_web(random_artifact(TINY, head_of(kind)), tmp_path / "small")
    found = manifest(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "manifest.json"])
    assert (found["format"], found["name"], found["task"]) == (1, "small", kind)
    assert [file["name"] for file in found["files"]] == FILES
    assert found["total"] == sum(file["size"] for file in found["files"])
    for file in found["files"]:
        content = (folder / file["name"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size"], file["sha256"])
    assert Artifact.load(folder).precision == "int8"
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_int8_weights_are_written_as_they_are(tmp_path):
    artifact = quantize(random_artifact(TINY))
    saved = artifact.save(tmp_path / "saved")
    folder = export_web(Artifact.load(saved), tmp_path / "out", name="other")
    assert manifest(folder)["name"] == "other"
    for name in FILES:
        assert (folder / name).read_bytes() == (saved / name).read_bytes()


def test_float32_weights_stay_what_they_are_where_that_is_asked_for(tmp_path):
    artifact = random_artifact(TINY)
    found = Artifact.load(export_web(artifact, tmp_path / "out", precision="float32"))
    assert found.precision == "float32"
    assert all(np.array_equal(found.tensors[name], artifact.tensors[name]) for name in artifact.tensors)


def test_float16_files_become_float32_ones_for_the_page_reads_no_others(tmp_path):
    saved = Artifact.load(random_artifact(TINY).save(tmp_path / "saved", dtype="float16"))
    folder = export_web(saved, tmp_path / "out", precision="float32")
    assert b'"F16"' not in (folder / "model.safetensors").read_bytes()


def test_float32_cannot_be_made_of_int8(tmp_path):
    with pytest.raises(InputError, match="the weights are int8; load the float32 artifact they came from"):
        export_web(quantize(random_artifact(TINY)), tmp_path / "out", precision="float32")
    assert not (tmp_path / "out").exists()


def test_a_model_without_a_tokenizer_is_refused(tmp_path):
    artifact = Artifact(TINY, random_artifact(TINY).tensors)
    with pytest.raises(ArtifactError, match=r"there is no tokenizer.json; import a checkpoint with its tokenizer"):
        export_web(artifact, tmp_path / "out")


def with_part(part: str, value: Any) -> str:
    return json.dumps({**json.loads(random_artifact(TINY).tokenizer), part: value})


REPLACE = {"type": "Replace", "pattern": {"String": "I"}, "content": "i"}
BERT, WORDS = (json.loads(random_artifact(TINY).tokenizer)[part] for part in ("normalizer", "pre_tokenizer"))
META = {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always", "split": True}
BPE = {"type": "BPE", "vocab": {"a": 0, "[UNK]": 1}, "merges": [], "unk_token": "[UNK]"}
UNIGRAM = {"type": "Unigram", "unk_id": 0, "vocab": [["a", -1.0]]}
REFUSED = [
    (
        "model",
        {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"},
        "model is WordLevel, not WordPiece or BPE or",
    ),
    ("model", {**BPE, "byte_fallback": True}, "model is BPE with byte_fallback"),
    ("model", {**BPE, "dropout": 0.5}, "model is BPE with dropout"),
    ("model", {**UNIGRAM, "byte_fallback": True}, "model is Unigram with byte_fallback"),
    ("pre_tokenizer", {"type": "Whitespace"}, "pre_tokenizer is Whitespace, not BertPreTokenizer"),
    ("pre_tokenizer", None, "pre_tokenizer is none"),
    (
        "pre_tokenizer",
        {"type": "Sequence", "pretokenizers": [WORDS, {**META, "prepend_scheme": "never"}]},
        "pre_tokenizer is Metaspace",
    ),
    ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [WORDS, META, META]}, "pre_tokenizer is Metaspace"),
    ("normalizer", {"type": "NFKC"}, "normalizer is NFKC, not BertNormalizer"),
    ("normalizer", None, "normalizer is none"),
    ("normalizer", {"type": "Sequence", "normalizers": [{"type": "NFC"}, BERT]}, "normalizer is NFC"),
    (
        "post_processor",
        {"type": "RobertaProcessing", "sep": ["a", 1], "cls": ["b", 2]},
        "post_processor is RobertaProcessing, not TemplateProcessing or BertProcessing or none",
    ),
]
TAKEN = [
    ("model", BPE),
    ("model", UNIGRAM),
    ("normalizer", {"type": "Sequence", "normalizers": [REPLACE, BERT]}),
    ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [WORDS, META]}),
    ("post_processor", {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}),
    ("post_processor", None),
]


@pytest.mark.parametrize(("part", "value", "words"), REFUSED)
def test_a_tokenizer_that_a_page_cannot_run_is_refused(part, value, words):
    with pytest.raises(ArtifactError, match=rf"a page cannot run this tokenizer: its {words}.*or run this one behind"):
        web.check_tokenizer(with_part(part, value))


@pytest.mark.parametrize(("part", "value"), TAKEN)
def test_a_tokenizer_of_berts_kind_is_taken(part, value):
    web.check_tokenizer(with_part(part, value))


READ = """
import { readFileSync } from "node:fs";
const { Tokenizer } = await import(process.argv[1]);
const found = JSON.parse(readFileSync(0, "utf8")).map((text) => {
  try { new Tokenizer(text); return true; } catch (error) { if (error.kind !== "artifact") throw error; return false; }
});
console.log(JSON.stringify(found));
"""


def test_the_package_takes_and_refuses_the_same_tokenizers():
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node to run the package in; run: apt-get install nodejs")
    texts = [with_part(part, value) for part, value, *_ in (*REFUSED, *TAKEN)]
    module = (web.web_home() / "src" / "tokenizer.js").as_uri()
    command = [node, "--input-type=module", "-e", READ, module]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [False] * len(REFUSED) + [True] * len(TAKEN)


def test_a_tokenizer_that_is_none_is_refused():
    with pytest.raises(ArtifactError, match=r"tokenizer.json cannot be read"):
        web.check_tokenizer("{}")


def test_a_folder_that_is_not_empty_is_never_replaced(tmp_path):
    folder = export_web(random_artifact(TINY), tmp_path / "out")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ArtifactError, match="is a file or not empty; choose a new folder for the export"):
        export_web(random_artifact(TINY, seed=1), tmp_path / "out")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_damaged_weights_are_not_exported(tmp_path):
    folder = random_artifact(TINY).save(tmp_path / "saved")
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ArtifactError, match="has changed: sha256"):
        export_web(Artifact.load(folder), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_browser_package_is_found_or_missed(tmp_path, monkeypatch):
    (tmp_path / "web").mkdir()
    monkeypatch.setattr(web, "HOMES", (tmp_path / "none", tmp_path / "web"))
    with pytest.raises(ArtifactError, match=r"there is no browser package at .*none; install squeezebert from its"):
        web.web_home()
    (tmp_path / "web" / "package.json").write_text("{}", encoding="utf-8")
    assert web.web_home() == tmp_path / "web"
