"""FinetuneSettings refuse what cannot be trained with, and say what can."""

from __future__ import annotations

import subprocess
import sys

import pytest

from squeezebert.errors import ConfigError
from squeezebert.train.settings import TrainSettings
from squeezebert.train.tasks.settings import DEFAULTS, FinetuneSettings, Teaching


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"keep": "worst"}, "keep 'worst' is not known; choose one of median, best"),
        ({"class_weights": "even"}, r"class_weights 'even' is not known; choose none, balanced, or LABEL=NUMBER"),
        ({"class_weights": "a=-1"}, "class_weights 'a=-1' is not known"),
        ({"class_weights": "a=2,=1"}, "class_weights 'a=2,=1' is not known"),
        ({"max_length": -1}, "max_length=-1 cannot be finetuned with; make it 0 or more"),
        ({"seeds": 0}, "seeds=0 cannot be finetuned with; make it 1 or more"),
        ({"dropout": 1.0}, "dropout=1.0 cannot be finetuned with; make it a share from 0 to below 1"),
        ({"rdrop": float("nan")}, "rdrop=nan cannot be finetuned with"),
        ({"rdrop": 1.0, "dropout": 0.0}, "rdrop compares two dropout masks and dropout=0.0 has none; set --dropout"),
        ({"qat": "int2"}, "qat 'int2' is not known; choose one of none, int8, int4"),
        ({"qat": "int8", "train": TrainSettings(compile=True)}, "rounded weights from step to step and compile hides"),
        ({"fgm": 1.0, "train": TrainSettings(compile=True)}, "fgm looks into the network and compile hides it"),
    ],
)
def test_wrong_numbers_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        FinetuneSettings(**wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weight": 1.5}, "weight=1.5 cannot be finetuned with; make it a share between 0 and 1"),
        ({"temperature": 0.0}, "temperature=0.0 cannot be finetuned with; make it above 0, such as 2"),
        ({"hidden": -1.0}, "hidden=-1.0 cannot be finetuned with; make it 0 or more"),
    ],
)
def test_wrong_numbers_of_a_teacher_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        Teaching(**wrong)


def test_labels_with_an_equals_sign_can_be_weighed():
    assert FinetuneSettings(class_weights="a=b=2, c=1").named_weights() == {"a=b": 2.0, "c": 1.0}


def test_a_dict_has_the_numbers_of_the_loop_too():
    made = DEFAULTS["question_answering"].to_dict()
    assert (made["max_length"], made["batch_tokens"], made["epochs"]) == (384, 8192, 3.0)
    assert "train" not in made


def test_settings_need_no_torch():
    program = "import sys, squeezebert.train.tasks.settings; print('torch' in sys.modules, 'numpy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]
