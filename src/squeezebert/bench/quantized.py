"""What quantizing a classifier makes of it: bytes of its layers, and how faithful fake quantization is to the engine.

``python -m squeezebert.bench.quantized MODEL --task T --data DIR`` writes benchmarks/results/quantized-MODEL.json. On
the first texts of the task's dev set the network of ``--qat`` and that of ``--qat-exact`` compute the logits that the
engine, with each of its kernels, computes of the quantized model. A text's difference is the largest of its logits'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import torch

from squeezebert.artifact import Artifact
from squeezebert.artifact.tensors import SIZES, open_safetensors
from squeezebert.bench.record import write_record
from squeezebert.compress.quantize import quantize, refuse_quantized
from squeezebert.compress.temperature import check_classifier
from squeezebert.convert import load_model_folder
from squeezebert.data import read_split
from squeezebert.engine import Engine, available_kernels
from squeezebert.nn import from_artifact, pad
from squeezebert.nn.as_engine import fake_quantize_as_engine
from squeezebert.nn.fake_quantization import fake_quantize
from squeezebert.nn.grids import GRIDS
from squeezebert.nn.weights import Network
from squeezebert.text.batch import Batch, batches
from squeezebert.text.tokenization import Tokenizer

LAYERS = "encoder.layers."
AT_ONCE = 256  # tokens of a batch


@dataclass(frozen=True)
class SizeRow:
    """Bytes of the file, and of all tensors of the encoder's layers in it: weights, scales, biases and LayerNorm."""

    precision: str
    file: int
    layers: int


@dataclass(frozen=True)
class FaithRow:
    """Differences of logits from the engine's, over the texts; ``spread`` is the standard deviation of the engine's."""

    weights: str
    kernel: str
    texts: int
    spread: float
    fake_median: float
    fake_largest: float
    exact_median: float
    exact_largest: float


def sizes(artifact: Artifact) -> Iterator[SizeRow]:
    """What the model weighs on disk as it is, in int8 and with int4 layers; the tables are int8 in both."""
    with TemporaryDirectory(prefix="squeezebert-quantized-") as place:
        for name in ("float32", *GRIDS):
            made = artifact if name == "float32" else quantize(artifact, name)
            file = made.save(Path(place) / name) / "model.safetensors"
            entries = open_safetensors(file).entries.items()
            layers = sum(prod(each.shape) * SIZES[each.dtype] for tensor, each in entries if LAYERS in tensor)
            yield SizeRow(name, file.stat().st_size, layers)


def faith(artifact: Artifact, texts: Sequence[str], weights: str, kernel: str) -> FaithRow:
    """How near the two networks come to the engine with this kernel."""
    engine = Engine(artifact.config, quantize(artifact, weights).tensors, kernel=kernel)
    plain, exact = from_artifact(artifact).eval(), from_artifact(artifact).eval()
    fake_quantize(plain, weights)
    fake_quantize_as_engine(exact, artifact.config, weights, kernel)
    tokenizer = Tokenizer.from_json(artifact.tokenizer or "", max_length=artifact.config.max_position_embeddings)
    asked = list(batches(tokenizer.encode(list(texts)), AT_ONCE))
    wanted = np.concatenate([engine.sequence_logits(batch) for batch in asked])
    fake, same = (_difference(wanted, _logits(network, asked)) for network in (plain, exact))
    spread = float(wanted.std())
    return FaithRow(weights, kernel, len(wanted), spread, *_median_and_largest(fake), *_median_and_largest(same))


def _logits(network: Network, asked: Sequence[Batch]) -> np.ndarray:
    with torch.no_grad():
        return np.concatenate([network(*pad(each.ids, each.types, each.cu_seqlens)).numpy() for each in asked])


def _difference(wanted: np.ndarray, found: np.ndarray) -> np.ndarray:
    return np.abs(found - wanted).max(axis=1)


def _median_and_largest(values: np.ndarray) -> tuple[float, float]:
    return float(np.median(values)), float(values.max())


def measured(
    artifact: Artifact, texts: Sequence[str], say: Callable[[str], None]
) -> dict[str, list[dict[str, object]]]:
    """All rows: ``sizes``, and ``rows`` for each kind of weights and each kernel of this machine."""
    found = [asdict(row) for row in sizes(artifact)]
    for row in found:
        say(f"{row['precision']:8} file {row['file']:>12,} bytes, layers {row['layers']:>12,}")
    rows = []
    for weights in GRIDS:
        for kernel in available_kernels():
            row = faith(artifact, texts, weights, kernel)
            say(
                f"{weights} {kernel:11} --qat {row.fake_median:.1e} (median), {row.fake_largest:.1e}; "
                f"--qat-exact {row.exact_median:.1e}, {row.exact_largest:.1e}; logits spread by {row.spread:.2f}"
            )
            rows.append(asdict(row))
    return {"sizes": found, "rows": rows}


@click.command()
@click.argument("model")
@click.option("--task", default="sst-2", show_default=True, help="One of whose dev set the texts are.")
@click.option("--data", envvar="SQUEEZEBERT_DATA", show_envvar=True, required=True, help="Where it lies.")
@click.option("--limit", type=click.IntRange(1), default=120, show_default=True, help="At most so many texts.")
@click.option("--out", type=click.Path(path_type=Path), help="[default: benchmarks/results/quantized-MODEL.json]")
def main(model: str, task: str, data: str, limit: int, out: Path | None) -> None:
    """Measure what int8 and int4 make of a float32 classifier."""
    artifact = load_model_folder(model)
    check_classifier(artifact)
    refuse_quantized(artifact)
    name, texts = Path(model).name, [example.text for example in read_split(task, data, "dev").examples[:limit]]
    torch.set_num_threads(1)
    command = f"python -m squeezebert.bench.quantized {name} --task {task} --limit {limit}"
    told = measured(artifact, texts, lambda line: click.echo(line, err=True))
    target = out or Path("benchmarks/results") / f"quantized-{name}.json"
    click.echo(f"wrote {write_record(target, {'mode': 'quantized', 'command': command, 'model': name, **told})}")


if __name__ == "__main__":
    main()
