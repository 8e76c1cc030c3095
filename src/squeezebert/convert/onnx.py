"""An artifact into an ONNX file, float32 or int8 with ranges of activations that were calibrated on text.

Other runtimes quantize an activation by a range that is fixed when the file is made, one for all tokens (Jacob et al.
2018, arXiv 1712.05877, section 3.1). Where they do it is where the engine does: what each linear layer reads. Weights
have a scale for each output channel and embedding tables one for each row, as in an int8 artifact.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from squeezebert.artifact import CARD, CONFIG, TOKENIZER, TOKENIZER_CONFIG, Artifact
from squeezebert.artifact.card import model_card
from squeezebert.artifact.folders import replace_folder, write_json
from squeezebert.artifact.hf_config import EXTENDED, reason_against, write_hf_config, write_tokenizer_config
from squeezebert.artifact.tensors import dequantized
from squeezebert.compress.quantize import quantized
from squeezebert.convert.export import check_empty
from squeezebert.errors import ArtifactError, InputError, MissingExtraError

if TYPE_CHECKING:
    import numpy as np

    Feed = dict[str, np.ndarray]

MODEL = "model.onnx"
PRECISIONS = ("float32", "int8")
TOKENS = 8192  # that ranges are calibrated on


def export_onnx(
    artifact: Artifact, folder: str | Path, *, precision: str = "float32", texts: Sequence[str | Path] = ()
) -> Path:
    """Writes a folder with model.onnx, the config and the tokenizer; whatever fails leaves nothing behind.

    "int8" is ONNX's QDQ form, its activations' ranges those that text of the files ``texts`` has.

    Raises:
        InputError: int8 without texts, or texts that are too few; an unknown precision.
        ArtifactError: attention is low-rank; the folder is not empty or cannot be written.
        MissingExtraError: onnx, onnxruntime or torch are not installed.
    """
    if precision not in PRECISIONS:
        raise InputError(f"an ONNX file cannot be {precision!r}; choose {' or '.join(PRECISIONS)}")
    if (precision == "int8") != bool(texts):
        raise InputError(
            "ranges of int8 activations are calibrated on text, and float32 has none; "
            "give --precision int8 and --text together, or neither"
        )
    if artifact.config.attention_rank:
        raise ArtifactError(
            f"an ONNX file cannot have low-rank attention (attention_rank={artifact.config.attention_rank}), whose "
            "rows follow each text's length; export a model with full attention"
        )
    _check_extra()
    artifact.verify()
    place, seen = Path(folder), list(_feeds(artifact, texts)) if texts else []
    return replace_folder(place, lambda new: _fill(new, artifact, seen, place.name), check_empty)


def _check_extra() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError("onnx", error.name or "onnx") from error


def _feeds(artifact: Artifact, texts: Sequence[str | Path]) -> Iterator[Feed]:
    from squeezebert.compress.calibration import sample, sentences_of
    from squeezebert.nn.onnx import feed

    for batch in sample(artifact, sentences_of(texts), TOKENS):
        yield feed(artifact, batch)


def _fill(place: Path, artifact: Artifact, seen: list[Feed], name: str) -> None:
    from squeezebert.nn.onnx import write_onnx

    with quiet():
        if not seen:
            write_onnx(artifact, place / MODEL, {})
        else:
            with tempfile.TemporaryDirectory(dir=place) as folder:
                plain = Path(folder) / MODEL
                write_onnx(artifact, plain, _int8_tables(artifact))
                quantize(plain, place / MODEL, seen)
    kind = EXTENDED if reason_against("squeezebert", artifact.config) else "squeezebert"
    config = write_hf_config(artifact.config, artifact.head, artifact.extra, model_type=kind, tied=artifact.tied)
    write_json(place / CONFIG, config)
    if artifact.tokenizer:
        longest = artifact.head.max_length or artifact.config.max_position_embeddings
        (place / TOKENIZER).write_text(artifact.tokenizer, encoding="utf-8")
        write_json(place / TOKENIZER_CONFIG, write_tokenizer_config(artifact.tokenizer, longest, kind))
    (place / CARD).write_text(model_card(artifact, name), encoding="utf-8")


def _int8_tables(artifact: Artifact) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    from squeezebert.nn.onnx import TABLES

    tensors = dequantized(artifact.tensors)
    return {name: quantized(tensors[f"embeddings.{name}.weight"]) for name in TABLES}


class Reader:
    """What onnxruntime asks for the next batch of a calibration, None after the last."""

    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> Feed | None:
        """The next batch by the names of the inputs."""
        return next(self._feeds, None)


def quantize(source: Path, target: Path, seen: Sequence[Feed]) -> None:
    """Writes the file in QDQ form: int8 weights of linear layers, and uint8 for what they read, as ``seen`` has it."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    layers = ["MatMul", "Gemm"]
    quantize_static(
        source,
        target,
        Reader(seen),  # type: ignore[arg-type]  # anything with get_next will do
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=layers,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        # The products of attention itself stay float32, and so does what the layers give.
        extra_options={"MatMulConstBOnly": True, "OpTypesToExcludeOutputQuantization": layers},
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings and log lines of exporters, which say nothing about the result."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
