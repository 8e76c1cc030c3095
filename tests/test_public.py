"""``import squeezebert``: its names are the public surface, and they cost nothing until they are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import squeezebert

PUBLIC = [
    "PRESETS",
    "TASKS",
    "AccuracyError",
    "Answer",
    "Artifact",
    "ArtifactError",
    "Candidate",
    "Choice",
    "Classification",
    "ConfigError",
    "EncodeOptions",
    "EncoderConfig",
    "Entity",
    "Fill",
    "Head",
    "HeadError",
    "InputError",
    "Mask",
    "MissingExtraError",
    "Model",
    "MultiLabel",
    "Regression",
    "Score",
    "Span",
    "SqueezeBertError",
    "Task",
    "load",
]


def test_all_is_the_public_surface() -> None:
    assert squeezebert.__all__ == PUBLIC
    assert dir(squeezebert) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_name_is_what_its_home_calls_it(name: str) -> None:
    value = getattr(squeezebert, name)
    assert getattr(value, "__name__", name) == name


def test_every_name_is_also_known_to_type_checkers() -> None:
    tree = ast.parse(Path(squeezebert.__file__).read_text(encoding="utf-8"))
    typed = [
        alias.name
        for block in tree.body
        if isinstance(block, ast.If)
        for line in block.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    ]
    assert sorted(typed) == sorted(PUBLIC)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"module 'squeezebert' has no attribute 'lod'; it has PRESETS, .*, load$"):
        _ = squeezebert.lod


@pytest.mark.parametrize(
    ("line", "absent"),
    [
        ("import squeezebert", "numpy torch tokenizers"),
        ("import squeezebert; squeezebert.EncoderConfig, squeezebert.TASKS, squeezebert.InputError", "numpy torch"),
        ("import squeezebert; squeezebert.load", "torch transformers huggingface_hub tqdm onnxruntime"),
    ],
)
def test_importing_brings_nothing_heavy(line: str, absent: str) -> None:
    code = f"{line}; import sys; print(*[name for name in {absent.split()!r} if name in sys.modules])"
    source = str(Path(squeezebert.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": source}
    )
    assert done.stdout.strip() == ""
