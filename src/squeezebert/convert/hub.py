"""Models from the Hugging Face hub: only the files that an import reads."""

from __future__ import annotations

import re
from pathlib import Path

from squeezebert.errors import ArtifactError

SMALL_FILES = (
    *(
        "config.json",
        "squeezebert.json",
        "modules.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
    ),
    *("tokenizer.json", "tokenizer_config.json", "vocab.txt"),
    *("*_Pooling/config.json", "0_*/*.json", "0_*/vocab.txt"),
)
SAFETENSORS = ("model*.safetensors", "model.safetensors.index.json", "0_*/model*.safetensors")
BIN = ("pytorch_model*.bin", "pytorch_model.bin.index.json", "0_*/pytorch_model*.bin")


def is_hub_id(source: str) -> bool:
    """Whether a text could name a model on the hub: ``name`` or ``owner/name``."""
    return re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", source) is not None


def download(source: str) -> Path:
    """The folder of a hub model in the local cache, downloaded where it is not there yet.

    Raises:
        ArtifactError: there is no such model, or the hub cannot be reached.
    """
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(source, allow_patterns=[*SMALL_FILES, *SAFETENSORS]))
        if not any(folder.rglob("model*.safetensors")):
            folder = Path(snapshot_download(source, allow_patterns=[*SMALL_FILES, *BIN]))
    except Exception as error:  # its errors, its HTTP library's and the system's have no common root
        raise ArtifactError(
            f"{source} is neither a folder here nor a model that the hub gives us ({type(error).__name__}); "
            "check the name and the network, or download the model elsewhere and give its folder"
        ) from error
    return folder
