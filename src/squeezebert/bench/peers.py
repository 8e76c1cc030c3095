"""The runtimes that we are measured beside. One that is not installed is left out, and listed with its pip line."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from squeezebert.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from squeezebert.artifact import Artifact

OURS, OURS_INT8 = "squeezebert", "squeezebert-int8"


@dataclass(frozen=True)
class Prepared:
    """A runtime that is ready for one input: ``call()`` gives hidden states, float32 [B, S, C].

    ``note`` names its form, where a runtime has several for the same weights.
    """

    call: Callable[[], np.ndarray]
    note: str = ""


Prepare = Callable[["np.ndarray"], "Sequence[Prepared]"]  # token ids, int64 [B, S] -> every form of the runtime


@dataclass(frozen=True)
class Room:
    """What a peer gets to work with: our weights, a number of threads, and a folder for its files.

    ``calibration`` are ids, int64 [1, S] each, such as it will get, for those that choose their scales beforehand.
    """

    artifact: Artifact
    threads: int
    folder: Path
    calibration: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class Peer:
    """Another runtime. ``make`` is "module:function", a function from Room to Prepare, imported when it is used."""

    name: str
    packages: tuple[str, ...]
    make: str
    precision: str = "float32"
    by_default: bool = True

    def missing(self) -> tuple[str, ...]:
        """The packages that it needs and that are not installed."""
        return tuple(package for package in self.packages if importlib.util.find_spec(package) is None)

    def available(self) -> bool:
        """Whether everything it needs is installed."""
        return not self.missing()

    def prepare(self, room: Room) -> Prepare:
        """The peer with our weights loaded."""
        module, _, function = self.make.partition(":")
        return getattr(import_module(module), function)(room)


@dataclass(frozen=True)
class Skipped:
    """A peer that was not measured, and why."""

    name: str
    reason: str


_ONNX = ("onnxruntime", "onnx", "onnxscript", "torch", "transformers")
_OPENVINO = ("openvino", *_ONNX[1:])
_TORCH = ("torch", "transformers")

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("onnxruntime", _ONNX, "squeezebert.bench.onnx_peer:prepare"),
        Peer("onnxruntime-int8", _ONNX, "squeezebert.bench.onnx_peer:prepare_int8", "int8"),
        Peer("openvino", _OPENVINO, "squeezebert.bench.openvino_peer:prepare"),
        Peer("openvino-bf16", _OPENVINO, "squeezebert.bench.openvino_peer:prepare_bf16", "bfloat16"),
        Peer("openvino-int8", (*_OPENVINO, "nncf"), "squeezebert.bench.openvino_peer:prepare_int8", "int8"),
        Peer("torch", _TORCH, "squeezebert.bench.torch_peer:prepare"),
        Peer("torch-compile", _TORCH, "squeezebert.bench.torch_peer:prepare_compiled", by_default=False),
    )
}


def choose(names: tuple[str, ...]) -> tuple[list[Peer], list[Skipped]]:
    """The installed peers among ``names`` (empty: those measured by default), and those that are not.

    Raises:
        InputError: there is no peer of that name.
    """
    for name in names:
        if name not in PEERS:
            raise InputError(f"there is no peer {name!r}; choose among {', '.join(PEERS)}")
    wanted = [PEERS[name] for name in names] or [peer for peer in PEERS.values() if peer.by_default]
    skipped = [Skipped(peer.name, missing_reason(peer.missing())) for peer in wanted if not peer.available()]
    return [peer for peer in wanted if peer.available()], skipped


def missing_reason(packages: tuple[str, ...]) -> str:
    """Why a peer is left out, with the line that brings what it lacks."""
    return f"{', '.join(packages)} is not installed; run: pip install 'squeezebert[bench]'"
