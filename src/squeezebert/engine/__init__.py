"""Engine: the C++ core behind one small class. Packed batches in, float32 arrays out; no torch anywhere.

Axes: T tokens of all sequences back to back, B sequences, C hidden size, L labels, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral
from typing import Any, Protocol

import numpy as np

from squeezebert.config import EncoderConfig
from squeezebert.engine import _native
from squeezebert.errors import ArtifactError, ConfigError, HeadError, InputError, SqueezeBertError

ACTIVATION_CODES = {"gelu": 1, "gelu_new": 2, "relu": 3, "tanh": 4}
POOLING_CODES = {"mean": 0, "cls": 1, "max": 2}
MAX_THREADS = 1024  # as the core has it
MATRICES = ("weight", ".down", ".up")
_ERRORS: dict[int, type[Exception]] = {1: ConfigError, 2: ArtifactError, 3: InputError, 4: HeadError, 5: MemoryError}


class PackedBatch(Protocol):
    """Token-packed sequences: ids and types int32 [T], cu_seqlens int32 [B + 1]."""

    @property
    def ids(self) -> np.ndarray: ...
    @property
    def types(self) -> np.ndarray: ...
    @property
    def cu_seqlens(self) -> np.ndarray: ...


def available_kernels() -> tuple[str, ...]:
    """The instruction sets this build carries and this machine runs, best first; "plain" is always there."""
    return tuple(_native.available_kernels())


def peak(kernel: str | None = None) -> dict[str, float]:
    """The most that one core does in registers alone: "float32" in GFLOP/s and "int8" in GOP/s.

    Measured with the instructions of ``kernel`` (None: the best one), which takes a tenth of a second; a multiplication
    and an addition are two operations.

    Raises:
        ConfigError: this build or machine has no such kernel.
    """
    float32, int8 = _guard(_native.peak, kernel or "")
    return {"float32": float32 / 1e9, "int8": int8 / 1e9}


@contextmanager
def profiled() -> Iterator[dict[str, float]]:
    """Books what this thread's calls spend inside the block: wall seconds by kind of operation, there when it ends.

    The kinds are embedding, qkv, attention, post_attention, layer_norm, intermediate, output, quantize and heads; each
    moment counts under one of them, and heads holds all that is none of the others.
    """
    seconds: dict[str, float] = {}
    _native.profile_start()
    try:
        yield seconds
    finally:
        seconds.update(_native.profile_stop())


@contextmanager
def watched() -> Iterator[dict[str, np.ndarray]]:
    """Notes what this thread's calls inside the block give to int8 layers, float32 [rows, channels]; there at its end.

    They are the numbers before they are rounded, by the layer's name, such as ``encoder.layers.0.output.conv1d``: its
    weights' without the last part, the first one's where query, key and value are computed in one pass. Rows are those
    of the batch, tokens or sequences; of several calls one behind the other. Layers in two factors have two entries,
    ``X.down`` and ``X.up``. An engine of several threads shows only some of it.
    """
    inputs: dict[str, np.ndarray] = {}
    _native.watch_start()
    try:
        yield inputs
    finally:
        inputs.update(_native.watch_stop())


class Engine:
    """One encoder with its heads, ready to answer batches.

    ``tensors`` has canonical names and float32 arrays; weights of linear layers and embedding tables may be int8, each
    with its scales, float32 [rows], as ``NAME_scale``. Everything but the word embeddings is copied once into the
    kernels' layout. ``threads=1`` starts no thread. Calls from several threads at once are safe; only one of them at a
    time uses the extra threads, the others run on their own.

    Raises:
        ConfigError: an unknown kernel, or threads out of range.
        ArtifactError: a tensor is missing, unknown, misshaped, or holds NaN.
    """

    def __init__(
        self,
        config: EncoderConfig,
        tensors: Mapping[str, np.ndarray],
        *,
        threads: int = 1,
        kernel: str | None = None,
    ) -> None:
        if not isinstance(threads, Integral) or not 1 <= threads <= MAX_THREADS:
            raise ConfigError(f"threads={threads!r} is out of range; choose 1 to {MAX_THREADS}")
        self.config = config
        self.threads = int(threads)
        self._borrowed: list[np.ndarray] = []
        self._native = _guard(_native.Model, _numbers(config), kernel or "", self.threads)
        release = getattr(tensors, "release", lambda name: None)  # packed weights need not stay in memory twice
        for name in sorted(tensors, key=lambda name: (not name.endswith(MATRICES), name)):  # a bias follows its weight
            self._add(name, tensors[name])
            release(name)
        _guard(self._native.finish)
        self.kernel: str = self._native.kernel
        self.num_labels: int = self._native.labels

    @property
    def workspace(self) -> int:
        """Bytes of activations that calls have grown the engine's memory to; it is kept for the calls to come."""
        return self._native.workspace

    def _add(self, name: str, tensor: np.ndarray) -> None:
        tensor = np.asarray(tensor)
        int8 = tensor.dtype == np.int8
        if tensor.dtype.kind != "f" and not int8:
            raise ArtifactError(
                f"tensor {name} is {tensor.dtype}; convert it to float32, or quantize it to int8 with scales"
            )
        tensor = np.ascontiguousarray(tensor, dtype=np.int8 if int8 else np.float32)
        if name in ("embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"):
            self._borrowed.append(tensor)
        _guard(self._native.add_int8 if int8 else self._native.add, name, tensor)

    def hidden(self, batch: PackedBatch) -> np.ndarray:
        """Hidden states of the last layer, float32 [T, C]."""
        return self._run(self._native.hidden, batch, (len(batch.ids), self.config.hidden_size))

    def embed(self, batch: PackedBatch, pooling: str = "mean", normalize: bool = True) -> np.ndarray:
        """One vector a sequence, float32 [B, C]: the mean or maximum over all its tokens, or its first token.

        Raises:
            InputError: an unknown pooling.
        """
        if pooling not in POOLING_CODES:
            raise InputError(f"pooling {pooling!r} is not known; choose one of {', '.join(POOLING_CODES)}")
        shape = (len(batch.cu_seqlens) - 1, self.config.hidden_size)
        return self._run(self._native.embed, batch, shape, POOLING_CODES[pooling], normalize)

    def pooler(self, batch: PackedBatch) -> np.ndarray:
        """The pooler's output for each sequence's first token, float32 [B, C]."""
        return self._run(self._native.pooler, batch, (len(batch.cu_seqlens) - 1, self.config.hidden_size))

    def sequence_logits(self, batch: PackedBatch) -> np.ndarray:
        """classifier(pooler(x)) of each sequence, float32 [B, L]."""
        return self._run(self._native.sequence_logits, batch, (len(batch.cu_seqlens) - 1, self.num_labels))

    def token_logits(self, batch: PackedBatch) -> np.ndarray:
        """classifier(x) of each token, float32 [T, L]."""
        return self._run(self._native.token_logits, batch, (len(batch.ids), self.num_labels))

    def span_logits(self, batch: PackedBatch) -> np.ndarray:
        """Start and end scores of each token, float32 [T, 2]."""
        return self._run(self._native.span_logits, batch, (len(batch.ids), 2))

    def masked_logits(self, batch: PackedBatch, rows: np.ndarray) -> np.ndarray:
        """Scores over the vocabulary at ``rows`` (positions among the T tokens, int [N]), float32 [N, V]."""
        rows = _int32("rows", rows)
        return self._run(self._native.masked_logits, batch, (len(rows), self.config.vocab_size), rows)

    def _run(self, call: Callable[..., None], batch: PackedBatch, shape: tuple[int, int], *options: Any) -> np.ndarray:
        ids, types, cu_seqlens = (_int32(name, getattr(batch, name)) for name in ("ids", "types", "cu_seqlens"))
        if len(cu_seqlens) < 2:
            raise InputError("the batch is empty; pass at least one sequence of one token")
        if not len(ids) == len(types) == cu_seqlens[-1]:
            raise InputError(
                f"the batch has {len(ids)} ids, {len(types)} types and ends at cu_seqlens[-1]={cu_seqlens[-1]}; "
                "all three must be the same number"
            )
        out = np.empty(shape, dtype=np.float32)
        _guard(call, ids, types, cu_seqlens, out, *options)
        return out


def _int32(name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise InputError(f"{name} is {values.dtype} of shape {list(values.shape)}; pass a flat array of int32")
    if values.dtype == np.int32:
        return np.ascontiguousarray(values)
    if len(values) and not -(2**31) <= int(values.min()) <= int(values.max()) < 2**31:
        raise InputError(f"{name} holds numbers outside int32; use the tokenizer that belongs to this model")
    return values.astype(np.int32)


def _numbers(config: EncoderConfig) -> dict[str, Any]:
    numbers = config.to_dict()
    numbers["hidden_act"] = ACTIVATION_CODES[config.hidden_act]
    numbers["pooler_act"] = ACTIVATION_CODES[config.pooler_act]
    numbers["classifier_pooling"] = POOLING_CODES[config.classifier_pooling]
    return numbers


def _guard(call: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except _native.NativeError as error:
        status, message = error.args
        raise _ERRORS.get(status, SqueezeBertError)(message) from None
