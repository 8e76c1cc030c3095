"""A real model through the whole of ours: all-MiniLM-L6-v2 beside transformers, over long texts, and what it loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import squeezebert
from squeezebert.model import Model, load

SENTENCES = [
    "A man is playing a guitar.",
    "Café au lait, 1/2 price — naïve 你好 🙂!",
    "",
    "short",
    "The quick brown fox jumps over the lazy dog. " * 12,
]


@pytest.fixture(scope="module")
def minilm(minilm_folder: Path) -> Model:
    """The model, on one thread."""
    return load(minilm_folder, threads=1)


def test_minilm_embeds_as_transformers_does(minilm: Model, minilm_folder: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm_folder)
    network = transformers.AutoModel.from_pretrained(minilm_folder).eval()
    inputs = tokenizer(SENTENCES, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = network(**inputs).last_hidden_state
    mask = inputs["attention_mask"][:, :, None]
    expected = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1)).numpy()
    assert np.abs(minilm.embed(SENTENCES) - expected).max() < 1e-5


def test_minilm_knows_what_a_long_text_is_about(minilm: Model) -> None:
    filler = "The weather report of that day has been lost. " * 60
    text = filler + "Paris is the capital of France, and the Louvre is there. " * 30
    assert len(minilm.tokenizer.encode([text])) > 3
    question = "Which city is the capital of France?"
    assert minilm.similarity(question, text) > minilm.similarity(question, filler) + 0.2
    assert np.linalg.norm(minilm.embed(text)) == pytest.approx(1.0, abs=1e-6)


def test_loading_needs_neither_torch_nor_the_hub(minilm_folder: Path) -> None:
    code = (
        "import sys, squeezebert as sb\n"
        f"print(sb.load({str(minilm_folder)!r}, threads=1).embed('a text').shape)\n"
        "print([name for name in ('torch', 'transformers', 'huggingface_hub', 'tqdm') if name in sys.modules])"
    )
    paths = {"PYTHONPATH": str(Path(squeezebert.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=paths)
    assert done.stdout.split("\n")[:2] == ["(384,)", "[]"]


def test_a_model_shows_what_it_is(minilm: Model) -> None:
    assert repr(minilm) == "Model(embedding, 384 wide, 1 threads)"
    assert (minilm.dimension, minilm.threads, minilm.max_length) == (384, 1, 256)
    assert minilm.config.num_hidden_layers == 6
    assert minilm.head.kind == "embedding"
