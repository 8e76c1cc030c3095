"""``squeezebert info``, ``import`` and ``export``: what a model is, and its way in and out."""

from __future__ import annotations

import json

import pytest
import random_models

from squeezebert.artifact import Artifact
from squeezebert.cli.report import architecture, describe, rows
from squeezebert.config import EncoderConfig
from squeezebert.tasks import Head


def test_json_counts_every_parameter_and_operation(run, model_of):
    folder = model_of("token_classification")
    artifact = Artifact.load(folder)
    done = run("info", folder, "--json")
    value = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    parameters = value["parameters"]
    assert parameters.pop("total") == sum(parameters.values()) == artifact.num_parameters
    assert parameters["head"] == 5 * 24 + 5
    assert value["head"]["labels"] == ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    assert EncoderConfig.from_dict(value["config"]) == artifact.config
    assert value["max_length"] == 40
    assert value["bytes_on_disk"] == sum(path.stat().st_size for path in folder.iterdir())
    assert set(value["flops"]) == {"per_token", "at_128_tokens"}


def test_people_see_parts_head_cost_and_history(run, tmp_path):
    artifact = random_models.random_artifact(random_models.tiny_config(), Head("classification", tuple("abcdefghijk")))
    artifact = artifact.then("finetune", settings={"epochs": 3, "note": ""}, metrics={"accuracy": 0.91234})
    artifact.save(tmp_path / "m")
    lines = dict(line.split("  ", 1) for line in run("info", tmp_path / "m").out.splitlines() if line.strip())
    values = {name: value.strip() for name, value in lines.items()}
    assert values["encoder"].startswith("2 layers x 24 wide, 3 attention heads, groups 2, 80 tokens")
    assert values["head"] == "classification: a, b, c, d, e, f, g, h, … 11 in all"
    assert values["history"] == "finetune: epochs 3"
    assert values["metrics"] == "accuracy 0.9123"
    assert "FLOP, with attention" in values["128 tokens"]


def test_the_parts_that_exist_are_listed(model_of):
    artifact = Artifact.load(model_of("embedding"))
    names = [name for name, _ in rows(describe(artifact), artifact.config)]
    assert "  attention" in names
    assert "  head" not in names


def test_options_that_are_not_the_default_are_named():
    config = random_models.tiny_config(conv_kernel=3, attention="low_rank", attention_rank=4, embedding_size=12)
    said = architecture(config)
    assert said.endswith("embeddings 12 wide, convolutions over 3 tokens, low_rank attention of rank 4")


def test_pruned_heads_are_named_with_their_size():
    assert "2 attention heads of 6" in architecture(
        random_models.tiny_config(num_attention_heads=2, attention_head_size=6)
    )


def test_verify_finds_a_changed_byte(run, tmp_path, model_of):
    artifact = Artifact.load(model_of("embedding"))
    folder = artifact.save(tmp_path / "m")
    assert run("info", folder, "--verify").out.splitlines()[-1].split() == ["verified", "every", "tensor"]
    assert json.loads(run("info", folder, "--verify", "--json").out)["verified"] is True
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-2] ^= 1
    weights.write_bytes(content)
    done = run("info", folder, "--verify")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)


def test_export_and_import_come_back_to_the_same_model(run, tmp_path, model_of):
    artifact = Artifact.load(model_of("classification"))
    exported = run("export", model_of("classification"), tmp_path / "hf", "--to", "hf")
    assert exported.code == 0
    assert "model.safetensors" in exported.out
    imported = run("import", tmp_path / "hf", tmp_path / "back", "--json")
    assert json.loads(imported.out)["parameters"]["total"] == artifact.num_parameters
    back = Artifact.load(tmp_path / "back")
    assert (back.config, back.head.labels) == (artifact.config, artifact.head.labels)
    assert back.history[-1]["stage"] == "import"


def test_import_prints_what_it_wrote(run, tmp_path, model_of):
    run("export", model_of("embedding"), tmp_path / "hf", "--to", "hf", "--json")
    done = run("import", tmp_path / "hf", tmp_path / "out", "--dtype", "float16")
    names = [line.split()[0] for line in done.out.splitlines()]
    assert names == ["wrote", "parameters", "encoder", "head", "on"]
    small, full = (path / "model.safetensors" for path in (tmp_path / "out", model_of("embedding")))
    assert small.stat().st_size < 0.7 * full.stat().st_size


@pytest.mark.parametrize("command", [["info"], ["import"], ["export", "--to", "hf"]])
def test_a_model_that_is_not_there_is_one_line(run, tmp_path, command):
    out = [] if command == ["info"] else [tmp_path / "out"]
    done = run(command[0], tmp_path / "nothing", *out, *command[1:])
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "nothing does not exist" in done.err
    assert not (tmp_path / "out").exists()


def test_export_asks_for_a_format_and_an_empty_place(run, tmp_path, model_of):
    assert "Missing option '--to'" in run("export", model_of("embedding"), tmp_path / "out").err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep", encoding="utf-8")
    done = run("export", model_of("embedding"), tmp_path / "full", "--to", "hf")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
