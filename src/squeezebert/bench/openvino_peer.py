"""OpenVINO as a peer: compiled for each shape, in float32, in bfloat16, and in int8 by NNCF's calibration.

It reads the ONNX forms of onnx_peer.py that have ids as their only input. On CPUs with bfloat16 instructions it uses
them by default, so "openvino" asks for float32 and "openvino-bf16" is a peer of its own; in int8 what is not quantized
is tried in both.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squeezebert.bench.onnx_peer import INPUTS, by_position, export, export_matrices
from squeezebert.bench.peers import Prepare, Prepared, Room
from squeezebert.bench.reference import reference_model
from squeezebert.convert.onnx import quiet
from squeezebert.errors import InputError

if TYPE_CHECKING:
    import numpy as np

FLOAT32, BFLOAT16 = "f32", "bf16"  # as OpenVINO calls them


def prepare(room: Room) -> Prepare:
    """Every form in float32."""
    return _prepare(_forms(room), (FLOAT32,), room.threads)


def prepare_bf16(room: Room) -> Prepare:
    """Every form in bfloat16.

    Raises:
        InputError: the machine has no instructions for it.
    """
    if not has_bf16():
        raise InputError("this machine has no bfloat16 instructions; leave openvino-bf16 out of --peers")
    return _prepare(_forms(room), (BFLOAT16,), room.threads)


def prepare_int8(room: Room) -> Prepare:
    """Every form with weights and activations in int8, calibrated on ``room.calibration``."""
    rest = (FLOAT32, BFLOAT16) if has_bf16() else (FLOAT32,)
    return _prepare({name: quantized(room, name, path) for name, path in _forms(room).items()}, rest, room.threads)


def has_bf16() -> bool:
    """Whether OpenVINO finds bfloat16 instructions here."""
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _forms(room: Room) -> dict[str, Path]:
    path = room.folder / "ids-only.onnx"
    if not path.exists():
        export(by_position(reference_model(room.artifact, attention="eager")), path, INPUTS["ids only"])
    return {"ids only": path, **export_matrices(room, fused=False)}


def quantized(room: Room, name: str, path: Path) -> Path:
    """The form after NNCF's post-training quantization, written once.

    Raises:
        InputError: there are no ids to calibrate on.
    """
    target = room.folder / f"nncf-{name.replace(' ', '-')}.xml"
    if target.exists():
        return target
    if not room.calibration:
        raise InputError("NNCF needs ids to calibrate on; pass some in Room.calibration")
    return calibrate(path, target, [{"input_ids": ids} for ids in room.calibration])


def calibrate(path: Path, target: Path, feeds: list[dict[str, np.ndarray]]) -> Path:
    """Writes the ONNX file's network in int8, with scales that suit these inputs."""
    import nncf
    import openvino

    with _silent():
        model = nncf.quantize(
            openvino.Core().read_model(str(path)),
            nncf.Dataset(feeds, lambda feed: feed),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(feeds),
        )
        openvino.save_model(model, str(target), compress_to_fp16=False)
    return target


def _prepare(files: dict[str, Path], precisions: tuple[str, ...], threads: int) -> Prepare:
    import openvino

    core = openvino.Core()
    models = {name: core.read_model(str(path)) for name, path in files.items()}

    def for_ids(ids: np.ndarray) -> list[Prepared]:
        return [
            Prepared(_caller(_compiled(core, model, ids.shape, precision, threads), ids), _note(name, precision))
            for name, model in models.items()
            for precision in precisions
        ]

    return for_ids


def _note(name: str, precision: str) -> str:
    return f"{name}, the rest in {precision}" if precision == BFLOAT16 else name


def _compiled(core: Any, model: Any, shape: tuple[int, ...], precision: str, threads: int) -> Any:
    fixed = model.clone()
    fixed.reshape({put.any_name: list(shape) for put in fixed.inputs})
    return core.compile_model(fixed, "CPU", options(precision, threads))


def options(precision: str, threads: int) -> dict[str, Any]:
    """One call at a time, as fast as it goes, on so many threads."""
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": precision,
        "NUM_STREAMS": 1,
    }


def _caller(compiled: Any, ids: np.ndarray) -> Any:
    import openvino

    request = compiled.create_infer_request()
    request.set_tensor(compiled.inputs[0], openvino.Tensor(ids))

    def call() -> np.ndarray:
        request.infer()
        return request.get_output_tensor(0).data

    return call


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Without NNCF's log lines and its bars of progress, which it prints."""
    with quiet(), contextlib.redirect_stdout(io.StringIO()):
        yield
