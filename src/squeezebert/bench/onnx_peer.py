"""onnxruntime as a peer, at its best: several forms of the same weights, of which the fastest counts at each shape.

=====================  ===========================================================================================
masked                 transformers' network with ids, mask and types: the export that people deploy
ids only               the same without mask and types: all that a batch of equal lengths needs
optimizer              the first, rewritten by onnxruntime.transformers.optimizer into its fused attention operators
split, batched         matrix_forms.py: grouped layers as products; without groups only ``split``, plain products
split, fused           the same with attention as one operator
=====================  ===========================================================================================

In int8 each form that has products is put through dynamic quantization in three ways: a scale for each weight matrix,
for each column, and for each column with one bit less, which machines without VNNI need not to overflow.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from squeezebert.bench.peers import Prepare, Prepared, Room
from squeezebert.bench.reference import is_bert, reference_model
from squeezebert.convert.onnx import quiet

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime
    import torch

OPSET = 17
INPUTS = {"masked": ("input_ids", "attention_mask", "token_type_ids"), "ids only": ("input_ids",)}
QUANTIZATIONS = {
    "per matrix": {"per_channel": False, "reduce_range": False},
    "per column": {"per_channel": True, "reduce_range": False},
    "per column, 7 bits": {"per_channel": True, "reduce_range": True},
}


def prepare(room: Room) -> Prepare:
    """Sessions for every form in float32. The files are written once into ``room.folder`` and used again."""
    return _prepared(export_all(room), room.threads)


def prepare_int8(room: Room) -> Prepare:
    """Sessions for every form and every way of quantizing it that works.

    Raises:
        RuntimeError: none does.
    """
    return _prepared(quantize_all(room), room.threads)


def _prepared(files: dict[str, Path], threads: int) -> Prepare:
    sessions = {name: open_session(path, threads) for name, path in files.items()}
    return lambda ids: [Prepared(_caller(session, ids), name) for name, session in sessions.items()]


def export_all(room: Room) -> dict[str, Path]:
    """The ONNX files by the name of their form; those that are there already are not made again."""
    files = {name: _path(room, name) for name in INPUTS}
    if not all(path.exists() for path in files.values()):
        model = reference_model(room.artifact, attention="eager")  # onnxruntime fuses this form, and not SDPA's
        for name, path in files.items():
            export(by_position(model), path, INPUTS[name])
    optimized = room.folder / "optimizer.onnx"
    if optimized.exists() or _optimize(files["masked"], optimized, room):
        files["optimizer"] = optimized
    return files | export_matrices(room, fused=True)


def export_matrices(room: Room, fused: bool) -> dict[str, Path]:
    """The forms of ``matrix_forms`` with ids as the only input, with the fused operator among them or not."""
    from squeezebert.bench.matrix_forms import network

    files: dict[str, Path] = {}
    for layers in ("split",) if is_bert(room.artifact.config) else ("split", "batched"):
        for name, one in {layers: False, f"{layers}, fused": True}.items():
            if one and not fused:
                continue
            files[name] = _path(room, name)
            if not files[name].exists():
                export(network(room.artifact, layers, fused=one), files[name], INPUTS["ids only"], fused=one)
    return files


def quantize_all(room: Room) -> dict[str, Path]:
    """Dynamically quantized files by form and way; forms made of convolutions stay out, and what fails too."""
    made: dict[str, Path] = {}
    reasons: list[str] = []
    for form, source in export_all(room).items():
        if form == "masked" or (form == "ids only" and not is_bert(room.artifact.config)):
            continue
        for way, options in QUANTIZATIONS.items():
            name = f"{form}, {way}"
            try:
                made[name] = quantize(source, _path(room, f"int8 {name}"), options)
            except Exception as error:  # batched products take no scale for each column; others may fail tomorrow
                reasons.append(f"{name}: {error}")
    if not made:
        raise RuntimeError("; ".join(reasons))
    return made


def quantize(source: Path, target: Path, options: dict[str, bool]) -> Path:
    """Writes the int8 file, if it is not there, and opens and runs it once, because not all that is written runs."""
    import numpy as np
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    if not target.exists():
        with quiet():
            quantize_dynamic(
                source,
                target,
                weight_type=QuantType.QInt8,
                # The first leaves attention's own products alone; the second is for operators without known types.
                extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
                **options,
            )
        _caller(open_session(target, 1, loudness=4), np.ones((1, 2), np.int64))()
    return target


def export(model: torch.nn.Module, path: Path, inputs: tuple[str, ...], fused: bool = False) -> None:
    """Writes a network of these inputs, in this order, as ONNX, with the number of sequences and tokens left open.

    ``fused`` says that it has operators that are onnxruntime's own.
    """
    import torch

    ids = torch.ones((2, 16), dtype=torch.int64)
    values = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
    with torch.no_grad(), quiet():
        torch.onnx.export(
            model,
            tuple(values[name] for name in inputs),
            str(path),
            input_names=list(inputs),
            output_names=["hidden"],
            dynamic_axes={name: {0: "sequences", 1: "tokens"} for name in (*inputs, "hidden")},
            opset_version=OPSET,
            custom_opsets={"com.microsoft": 1} if fused else None,
            dynamo=False,  # its graphs are faster in onnxruntime than those of the newer exporter
        )


def by_position(model: torch.nn.Module) -> torch.nn.Module:
    """transformers' network with its inputs in the order of ``INPUTS``."""
    import torch

    class ByPosition(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any, mask: Any = None, types: Any = None) -> Any:
            return self.model(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state

    return ByPosition().eval()


def _optimize(path: Path, target: Path, room: Room) -> bool:
    """Whether onnxruntime's transformer optimizer could rewrite the file; it has patterns for BERT alone."""
    config = room.artifact.config
    if not is_bert(config):
        return False
    with quiet():
        from onnxruntime.transformers.optimizer import optimize_model

        model = optimize_model(
            str(path),
            model_type="bert",
            num_heads=config.num_attention_heads,
            hidden_size=config.hidden_size,
            opt_level=0,
        )
        model.save_model_to_file(str(target))
    return True


def open_session(path: Path, threads: int, loudness: int = 3) -> onnxruntime.InferenceSession:
    """A session with every graph optimisation, on ``threads`` threads.

    Its threads wait for work in a loop during a call, as is its default, and stop when the call ends: what runs next
    is not theirs to slow down. ``loudness`` is the least severity that it logs, 3 for errors.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = loudness
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _caller(session: onnxruntime.InferenceSession, ids: np.ndarray) -> Callable[[], np.ndarray]:
    import numpy as np

    values = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    feed = {put.name: values[put.name] for put in session.get_inputs()}
    return lambda: cast("np.ndarray", session.run(None, feed)[0])


def _path(room: Room, name: str) -> Path:
    return room.folder / f"{name.replace(',', '').replace(' ', '-')}.onnx"
