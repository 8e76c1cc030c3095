"""Runtimes that embed texts end to end, besides sentence-transformers: tokenize, batch with padding, run, pool.

=================  ================================================================================================
fastembed          as that package runs onnxruntime: batches of 256 in the order given, padded to their longest
onnxruntime        at its best batching: sorted by length, in batches of the size that is fastest on a sample
onnxruntime-int8   the same after dynamic quantization, a scale for each column
openvino           sorted and batched likewise, in float32; openvino-int8 after NNCF's calibration on such texts
=================  ================================================================================================

All of them run the same ONNX file, with a mask, made of matrix products where transformers has convolutions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from squeezebert.bench import onnx_peer
from squeezebert.bench.clock import measure
from squeezebert.bench.peers import PEERS, Peer, Prepared
from squeezebert.bench.reference import is_bert, reference_model, unsupported
from squeezebert.errors import InputError

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact

    Feed = dict[str, np.ndarray]  # by the names of onnx_peer.INPUTS["masked"], int64 [B, S]
    Run = Callable[[Feed], np.ndarray]  # -> hidden states [B, S, C]

NAMES = ("fastembed", "onnxruntime", "onnxruntime-int8", "openvino", "openvino-int8")
FASTEMBED_BATCH = 256
BATCHES = (1, 4, 16, 64)
SAMPLE = 256  # texts that the batch size is chosen on
CALIBRATION = 48  # texts


@dataclass(frozen=True)
class TextRoom:
    """What a text peer gets: our weights with head and tokenizer, the texts, threads, and a folder for its files."""

    artifact: Artifact
    texts: Sequence[str]
    threads: int
    folder: Path


def prepare(name: str, room: TextRoom) -> Prepared:
    """That runtime with its batching chosen; ``call()`` gives the embeddings of all the texts, [n, C].

    Raises:
        InputError: it cannot run this model.
    """
    if reason := unsupported(room.artifact.config):
        raise InputError(reason)
    if room.artifact.head.kind != "embedding" or room.artifact.head.pooling == "max":
        raise InputError("this peer pools by mean or first token only; leave it out with --peers")
    start = _compiled if name.startswith("openvino") else _session
    run, reader = start(model_file(name, room), room.threads), _Reader(room.artifact)
    if name == "fastembed":
        return Prepared(lambda: embed(reader, run, room.texts, FASTEMBED_BATCH), f"batches of {FASTEMBED_BATCH}")
    step = max(1, len(room.texts) // SAMPLE)
    sample = room.texts[::step]
    seconds = {size: measure(lambda size=size: embed(reader, run, sample, size, True))[1] for size in BATCHES}
    size = min(seconds, key=lambda one: seconds[one])
    return Prepared(lambda: embed(reader, run, room.texts, size, True), f"sorted, batches of {size}")


class _Reader:
    """Texts to padded ids, and hidden states to embeddings, as the head says."""

    def __init__(self, artifact: Artifact) -> None:
        from tokenizers import Tokenizer

        self.head = artifact.head
        self.tokenizer = Tokenizer.from_str(artifact.tokenizer)
        self.tokenizer.no_padding()
        limit = artifact.config.max_position_embeddings
        self.tokenizer.enable_truncation(min(self.head.max_length or limit, limit))

    def read(self, texts: Sequence[str]) -> list[Any]:
        """The encodings, without padding."""
        return self.tokenizer.encode_batch(list(texts))

    def pool(self, hidden: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Embeddings [B, C]."""
        if self.head.pooling == "cls":
            vectors = hidden[:, 0]
        else:
            weights = mask[:, :, None].astype(np.float32)
            vectors = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        if not self.head.normalize:
            return vectors
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def embed(reader: _Reader, run: Run, texts: Sequence[str], size: int, by_length: bool = False) -> np.ndarray:
    """Embeddings [n, C] in the order of the texts, computed ``size`` at a time."""
    encodings = reader.read(texts)
    order = sorted(range(len(encodings)), key=lambda at: len(encodings[at].ids)) if by_length else range(len(encodings))
    vectors: list[np.ndarray] = []
    for at in range(0, len(order), size):
        feed = padded([encodings[one] for one in order[at : at + size]])
        vectors.append(reader.pool(run(feed), feed["attention_mask"]))
    result = np.empty((len(texts), vectors[0].shape[1]), np.float32)
    result[np.array(order)] = np.concatenate(vectors)
    return result


def padded(encodings: Sequence[Any]) -> Feed:
    """The three inputs, each [B, S] with zeros after a text's end."""
    longest = max(len(encoding.ids) for encoding in encodings)
    feed = {name: np.zeros((len(encodings), longest), np.int64) for name in onnx_peer.INPUTS["masked"]}
    for row, encoding in enumerate(encodings):
        feed["input_ids"][row, : len(encoding.ids)] = encoding.ids
        feed["token_type_ids"][row, : len(encoding.ids)] = encoding.type_ids
        feed["attention_mask"][row, : len(encoding.ids)] = 1
    return feed


def _file(room: TextRoom) -> Path:
    path = room.folder / "texts.onnx"
    if not path.exists():
        if is_bert(room.artifact.config):
            model = onnx_peer.by_position(reference_model(room.artifact, attention="eager"))
        else:
            model = _reordered(room.artifact)
        onnx_peer.export(model, path, onnx_peer.INPUTS["masked"])
    return path


def _reordered(artifact: Artifact) -> Any:
    import torch

    from squeezebert.bench.matrix_forms import network

    class Reordered(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = network(artifact, "split")

        def forward(self, ids: Any, mask: Any, types: Any) -> Any:
            return self.model(ids, types, mask)

    return Reordered().eval()


def _session(path: Path, threads: int) -> Run:
    session = onnx_peer.open_session(path, threads)
    return lambda feed: np.asarray(session.run(None, feed)[0])


def model_file(name: str, room: TextRoom) -> Path:
    """The file that the runtime loads, written once into ``room.folder``; NNCF is calibrated on some of the texts."""
    if name == "onnxruntime-int8":
        target = room.folder / "texts-int8.onnx"
        return onnx_peer.quantize(_file(room), target, onnx_peer.QUANTIZATIONS["per column"])
    if name != "openvino-int8":
        return _file(room)
    from squeezebert.bench.openvino_peer import calibrate

    target = room.folder / "texts-nncf.xml"
    if not target.exists():
        encodings = _Reader(room.artifact).read(room.texts[:: max(1, len(room.texts) // CALIBRATION)])
        calibrate(_file(room), target, [padded([encoding]) for encoding in encodings])
    return target


def _compiled(path: Path, threads: int) -> Run:
    import openvino

    from squeezebert.bench.openvino_peer import BFLOAT16, FLOAT32, has_bf16, options

    rest = BFLOAT16 if path.suffix == ".xml" and has_bf16() else FLOAT32  # .xml: int8, where it is faster
    core = openvino.Core()
    request = core.compile_model(core.read_model(str(path)), "CPU", options(rest, threads)).create_infer_request()

    def run(feed: Feed) -> np.ndarray:
        request.infer(feed)
        return request.get_output_tensor(0).data

    return run


def peer(name: str) -> Peer:
    """What it needs and its precision: that of the same name in ``peers``; fastembed's is onnxruntime's."""
    return PEERS["onnxruntime" if name == "fastembed" else name]
