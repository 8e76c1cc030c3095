"""What is measured: trained or random weights, and the ids that everyone gets."""

from __future__ import annotations

import numpy as np
import pytest
import random_models

from squeezebert.bench import subject
from squeezebert.bench.settings import ARCHITECTURES
from squeezebert.bench.subject import calibration_ids, from_preset, from_source, random_ids, random_tensors
from squeezebert.compress.quantize import quantize
from squeezebert.config import PRESETS
from squeezebert.errors import ArtifactError, InputError


def test_a_preset_is_an_artifact_with_all_the_tensors_that_its_config_asks_for(monkeypatch):
    monkeypatch.setitem(subject.ARCHITECTURES, "tiny", random_models.tiny_config())
    made = from_preset("tiny")
    made.artifact.verify()
    assert (made.name, made.source) == ("tiny", "")


def test_random_weights_are_the_same_for_the_same_seed():
    config = random_models.tiny_config()
    one, again, other = random_tensors(config, 1), random_tensors(config, 1), random_tensors(config, 2)
    name = "encoder.layers.0.attention.query.weight"
    assert np.array_equal(one[name], again[name])
    assert not np.array_equal(one[name], other[name])


def test_an_unknown_preset_is_refused():
    with pytest.raises(InputError, match="choose one of base, small"):
        from_preset("huge")


def test_a_folder_gives_its_name(random_artifact, tmp_path):
    random_artifact(random_models.tiny_config()).save(tmp_path / "tiny")
    made = from_source(str(tmp_path / "tiny"))
    assert (made.name, made.source) == ("tiny", str(tmp_path / "tiny"))


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="does not exist"):
        from_source(str(tmp_path / "none"))


def test_ids_fit_the_vocabulary_and_the_positions():
    config = random_models.tiny_config()
    ids = random_ids(config, 3, 40)
    assert ids.shape == (3, 40)
    assert ids.dtype == np.int64
    assert 0 <= ids.min() <= ids.max() < config.vocab_size
    with pytest.raises(InputError, match="choose at most 3x40"):
        random_ids(config, 3, 41)


def test_an_int8_folder_is_refused_because_peers_need_its_origin(random_artifact, tmp_path):
    quantize(random_artifact(random_models.tiny_config())).save(tmp_path / "tiny")
    with pytest.raises(InputError, match="pass the float32 model it came from"):
        from_source(str(tmp_path / "tiny"))


def test_architectures_are_the_presets_and_what_else_people_run():
    assert set(ARCHITECTURES) - set(PRESETS) == {"distilbert", "minilm-l12"}
    assert ARCHITECTURES["distilbert"].num_hidden_layers == 6
    assert (ARCHITECTURES["minilm-l12"].num_hidden_layers, ARCHITECTURES["minilm-l12"].hidden_size) == (12, 384)


def test_ids_to_calibrate_on_fit_too_and_are_of_several_lengths():
    config = random_models.tiny_config()
    found = calibration_ids(config, 1)
    assert {ids.shape for ids in found} == {(1, 8), (1, 16), (1, 32)}
    assert all(0 <= ids.min() <= ids.max() < config.vocab_size for ids in found)
