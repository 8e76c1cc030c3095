"""Other people's checkpoints into artifacts, and artifacts back into other people's formats."""

from __future__ import annotations

from squeezebert.convert.export import export_hf
from squeezebert.convert.importing import import_checkpoint, load_model_folder
from squeezebert.convert.onnx import export_onnx
from squeezebert.convert.web import export_web

__all__ = ["export_hf", "export_onnx", "export_web", "import_checkpoint", "load_model_folder"]
