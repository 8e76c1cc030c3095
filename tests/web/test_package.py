"""The browser package in Node.js: what it makes of texts equals what the desktop makes of them."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_models import random_artifact, tiny_config, with_factors
from served import artifact
from source_tree import ROOT

import squeezebert
from squeezebert.artifact import Artifact
from squeezebert.artifact.tensors import dequantized
from squeezebert.compress.quantize import quantize
from squeezebert.config import EncoderConfig
from squeezebert.convert import export_web

WEB = ROOT / "web"
MINI = ROOT / "src" / "squeezebert" / "models" / "mini"
TOLERANCE = 1e-4
TEXTS = [
    "The 3 cats of Paris, and the king of France!",
    "a",
    "Is the queen's garden in paris or in france? No idea: it is 20 - 30 miles off, or 40.",
]
LONG = " ".join(["the king of france is in paris, the queen is not."] * 9)
PAIRS = [("Is the king of France in Paris?", TEXTS[0]), ("the", LONG)]


def calls(script: Callable[..., Any], url: str, *wanted: list[Any], **options: Any) -> list[Any]:
    """What the package answers to these calls of a model."""
    return script("run_calls.mjs", {"url": url, "options": options, "calls": wanted})["results"]


def near(seen: Any, wanted: Any) -> bool:
    """Whether two JSON values are equal, numbers up to the tolerance."""
    if isinstance(wanted, dict):
        return seen.keys() == wanted.keys() and all(near(seen[key], wanted[key]) for key in wanted)
    if isinstance(wanted, (list, tuple)):
        return len(seen) == len(wanted) and all(map(near, seen, wanted))
    return seen == pytest.approx(wanted, abs=TOLERANCE) if isinstance(wanted, float) else seen == wanted


def same(seen: Any, wanted: Any) -> None:
    """Fails where JSON values differ."""
    assert near(seen, wanted), f"{json.dumps(seen)[:1500]}\n{json.dumps(wanted)[:1500]}"


def by_label(record: Any) -> dict[str, Any]:
    """A Classification or MultiLabel as the package has it."""
    first = record.scores[0]
    labels = {"labels": list(record.labels)} if hasattr(record, "labels") else {}
    return {"label": first.label, "score": first.score, **labels, "scores": {s.label: s.score for s in record.scores}}


def answer_record(record: Any) -> dict[str, Any]:
    """An Answer as the package has it."""
    values = dataclasses.asdict(record)
    return {**values, "nullScore": values["null_score"]} | {"spans": list(values["spans"])}


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
@pytest.mark.parametrize("normalize", [True, False])
def test_vectors_equal_the_desktops(script, tmp_path, pooling, normalize):
    plain = artifact("embedding")
    head = dataclasses.replace(plain.head, pooling=pooling, normalize=normalize)
    folder = export_web(dataclasses.replace(plain, head=head), tmp_path / "web", precision="float32")
    texts = [*TEXTS, LONG, ("a pair", "of texts"), ("the", LONG)]
    [vectors] = calls(script, str(folder), ["embed", texts], worker=False)
    np.testing.assert_allclose(vectors, squeezebert.load(folder).embed(texts), atol=TOLERANCE)


NO_EDGE = 9  # a seed whose models round no number that is beside the middle between two integers
ARCHITECTURES = {
    "dense": tiny_config(groups=1),
    "grouped": tiny_config(groups=4),
    "narrow embeddings": tiny_config(embedding_size=12),
    "depthwise": tiny_config(conv_kernel=3),
    "low-rank attention": tiny_config(attention="low_rank", attention_rank=5),
    "pruned": tiny_config(groups=1, num_attention_heads=2, attention_head_size=4),
}


@pytest.mark.parametrize("precision", ["float32", "int8", "int4"])
@pytest.mark.parametrize("name", [*ARCHITECTURES, "factors"])
def test_every_architecture_equals_the_desktops(script, tmp_path, name, precision):
    artifact = random_artifact(ARCHITECTURES.get(name, tiny_config()), seed=NO_EDGE)
    artifact = with_factors(artifact, rank=3) if name == "factors" else artifact
    folder = export_web(artifact, tmp_path / "web", precision=precision)
    [vectors] = calls(script, str(folder), ["embed", TEXTS])
    np.testing.assert_allclose(vectors, squeezebert.load(folder, kernel="plain").embed(TEXTS), atol=TOLERANCE)


def test_int4_weights_are_unpacked_to_the_desktops_integers(script, tmp_path):
    config = tiny_config(groups=3, hidden_size=66, embedding_size=44, intermediate_size=132)
    small = quantize(random_artifact(config), "int4", "int4")
    file = small.save(tmp_path / "small") / "model.safetensors"
    found = script("read_int4.mjs", {"file": str(file), "names": sorted(small.int4)})
    assert small.int4
    for name, one in found.items():
        assert (one["dtype"], tuple(one["shape"])) == ("I8", small.tensors[name].shape)
        assert one["values"] == small.tensors[name].reshape(-1).tolist()


@pytest.mark.parametrize("engine", ["simd", "plain", "threads"])
def test_labels_equal_the_desktops(script, web_folder, serve_folder, engine):
    folder = web_folder("classification")
    model = squeezebert.load(folder)
    texts = [*TEXTS, LONG, ("a pair", "of texts")]
    one, several = calls(
        script, serve_folder(folder), ["classify", TEXTS[0]], ["classify", texts], engine=engine, threads=2
    )
    same(one, by_label(model.classify(TEXTS[0])))
    same(several, [by_label(record) for record in model.classify(texts)])


def test_several_labels_equal_the_desktops(script, web_folder):
    folder = web_folder("multi_label")
    [found] = calls(script, str(folder), ["classify", [*TEXTS, LONG], {"threshold": 0.6}])
    same(found, [by_label(record) for record in squeezebert.load(folder).classify([*TEXTS, LONG], threshold=0.6)])


def test_values_equal_the_desktops(script, web_folder):
    folder = web_folder("regression")
    [found] = calls(script, str(folder), ["classify", [*TEXTS, LONG]])
    same(found, [dataclasses.asdict(record) for record in squeezebert.load(folder).classify([*TEXTS, LONG])])


def test_choices_equal_the_desktops(script, web_folder):
    folder = web_folder("multiple_choice")
    choices = ["in paris", "in france, " + LONG, "no"]
    [found] = calls(script, str(folder), ["choose", TEXTS[0], choices])
    same(found, dataclasses.asdict(squeezebert.load(folder).choose(TEXTS[0], choices)))


def test_entities_equal_the_desktops(script, web_folder):
    folder = web_folder("token_classification")
    one, several = calls(script, str(folder), ["tag", TEXTS[0]], ["tag", [*TEXTS, LONG, ""]])
    model = squeezebert.load(folder)
    same(one, [dataclasses.asdict(entity) for entity in model.tag(TEXTS[0])])
    same(several, [[dataclasses.asdict(entity) for entity in some] for some in model.tag([*TEXTS, LONG, ""])])


@pytest.mark.parametrize(
    ("options", "own"), [({}, {}), ({"top_k": 4, "null_threshold": 0.0}, {"topK": 4, "nullThreshold": 0})]
)
def test_answers_equal_the_desktops(script, web_folder, options, own):
    folder = web_folder("question_answering")
    model = squeezebert.load(folder)
    asked = [["answer", question, context, own] for question, context in [*PAIRS, ("who?", "")]]
    for found, (question, context) in zip(calls(script, str(folder), *asked), [*PAIRS, ("who?", "")], strict=True):
        wanted = answer_record(model.answer(question, context, **options))
        del wanted["null_score"]
        same(found, wanted)


def test_filled_masks_equal_the_desktops(script, web_folder):
    folder = web_folder("masked_lm")
    texts = ["Paris is the [MASK] of France.", LONG + " the king [MASK]", "a [MASK] is a [MASK]. " + LONG]
    model = squeezebert.load(folder)
    found = calls(script, str(folder), *(["fill", text, {"topK": 4}] for text in texts))
    for seen, text in zip(found, texts, strict=True):
        wanted = model.fill(text, top_k=4)
        lists = [seen] if len(wanted.masks) == 1 else seen
        for some, mask in zip(lists, wanted.masks, strict=True):
            same(
                [{key: each[key] for key in ("token", "score")} for each in some],
                [dataclasses.asdict(each) for each in mask.candidates],
            )
            assert {(each["start"], each["end"]) for each in some} == {(mask.start, mask.end)}
        if len(wanted.masks) == 1:
            assert seen[0]["text"] == wanted.text


def sts_sentences(data_dir: Path, count: int) -> list[str]:
    """First sentences of the STS-B dev set."""
    rows = (data_dir / "glue" / "STS-B" / "dev.tsv").read_text(encoding="utf-8").splitlines()[1 : count + 1]
    return [row.split("\t")[1] for row in rows]


def test_the_shipped_model_in_float32_equals_the_desktop(script, data_dir, tmp_path):
    shipped = Artifact.load(MINI)
    plain = dataclasses.replace(shipped, tensors=dequantized(shipped.tensors), source=None)
    folder, texts = export_web(plain, tmp_path / "web", precision="float32"), sts_sentences(data_dir, 60)
    [vectors] = calls(script, str(folder), ["embed", texts])
    np.testing.assert_allclose(vectors, squeezebert.load(folder).embed(texts), atol=TOLERANCE)


def test_the_shipped_model_equals_the_desktop(script, data_dir):
    # A rounding to int8 that falls the other way moves a vector by up to 0.04, between kernels of the desktop as well;
    # about half of the texts have none.
    texts = sts_sentences(data_dir, 200)
    [vectors] = calls(script, str(MINI), ["embed", texts])
    wanted = squeezebert.load(MINI).embed(texts)
    assert np.quantile(np.abs(np.array(vectors) - wanted).max(axis=1), 0.3) < TOLERANCE
    assert (np.array(vectors) * wanted).sum(axis=1).min() > 0.97


def test_the_packages_own_tests_pass(node):
    files = sorted((WEB / "test").glob("*.test.js"))
    node("--test", *files)


def test_the_types_hold():
    tsc = shutil.which("tsc")
    if tsc is None:
        pytest.skip("tsc is missing; run: npm install -g typescript")
    done = subprocess.run([tsc, "-p", str(WEB), "--noEmit"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_version_is_that_of_the_python_package(node):
    [version] = re.findall(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert json.loads((WEB / "package.json").read_text(encoding="utf-8"))["version"] == version
    program = "import { version } from './src/index.js'; console.log(version)"
    assert node("--input-type=module", "--eval", program).strip() == version


def test_the_config_is_the_engines_struct(node):
    header = (ROOT / "native" / "include" / "squeezebert.h").read_text(encoding="utf-8")
    body = re.sub(r"/\*.*?\*/", "", header.split("typedef struct {")[1].split("} sqb_config")[0], flags=re.DOTALL)
    names = [name for line in re.findall(r"(?:int32_t|float) ([^;]+);", body) for name in line.split(", ")]
    program = "import { FIELDS } from './src/config.js'; console.log(JSON.stringify(Object.keys(FIELDS)))"
    assert json.loads(node("--input-type=module", "--eval", program)) == names


def test_the_defaults_are_those_of_the_config(node):
    program = "import { FIELDS } from './src/config.js'; console.log(JSON.stringify(FIELDS))"
    found = json.loads(node("--input-type=module", "--eval", program))
    defaults = EncoderConfig().to_dict()
    assert found == {name: defaults[name] for name in found}


def test_files_and_lines_stay_small():
    sizes = {path.name: path.read_text(encoding="utf-8").splitlines() for path in (WEB / "src").glob("*.js")}
    assert not {name: len(lines) for name, lines in sizes.items() if len(lines) > 299}
    assert not [name for name, lines in sizes.items() if max(map(len, lines)) > 130]


def test_the_package_is_small():
    assert sum(path.stat().st_size for path in (WEB / "src").iterdir()) < 200_000
