"""Other people's checkpoints into artifacts, and artifacts back into other people's formats."""

from __future__ import annotations

from squeezebert.convert.export import export_hf
from squeezebert.convert.importing import import_checkpoint, load_model_folder

__all__ = ["export_hf", "import_checkpoint", "load_model_folder"]
