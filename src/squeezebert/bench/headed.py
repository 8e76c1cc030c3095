"""A dense model with its head as onnxruntime runs it fastest: ids and types of one text in, what the head says out.

==================  =======================================================================================
plain               transformers' network, as people export it
split               the same weights as plain matrix products (matrix_forms.py)
split, fused        the same with attention as one operator
==================  =======================================================================================

None has an attention mask: texts run one at a time, without padding, which is what a latency is measured of.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from squeezebert.bench.matrix_forms import network
from squeezebert.bench.onnx_peer import export
from squeezebert.bench.reference import is_bert, reference_model, unsupported
from squeezebert.errors import InputError
from squeezebert.nn import Embedder, from_artifact

if TYPE_CHECKING:
    from squeezebert.artifact import Artifact

INPUTS = ("input_ids", "token_type_ids")
PLAIN, SPLIT, FUSED = "plain", "split", "split, fused"
FORMS = (PLAIN, SPLIT, FUSED)


def export_headed(artifact: Artifact, folder: Path) -> dict[str, Path]:
    """The ONNX file of every form, by its name; what they give: `headed`.

    Raises:
        InputError: the model has groups, or parts that transformers' BERT has not.
    """
    reason = unsupported(artifact.config) or ("" if is_bert(artifact.config) else "it has groups")
    if reason:
        raise InputError(f"only a dense model runs in onnxruntime here, and of this one {reason}; leave out --dense")
    files = {form: folder / f"{form.replace(', ', '-')}.onnx" for form in FORMS}
    for form, path in files.items():
        export(headed(artifact, form), path, INPUTS, fused=form == FUSED)
    return files


def headed(artifact: Artifact, form: str) -> nn.Module:
    """ids and types [B, S] -> logits [B, L] of a classifier, [B, S, L] of a head on tokens; hidden states [B, S, C] of
    a model that embeds, whose pooling the caller does."""
    whole: Any = from_artifact(artifact)
    encoder: Any = _Hidden(artifact) if form == PLAIN else network(artifact, SPLIT, fused=form == FUSED)
    encoder.pooler = whole.transformer.pooler
    whole.transformer = encoder
    return (encoder if isinstance(whole, Embedder) else whole).eval()


class _Hidden(nn.Module):
    """transformers' BertModel with the arguments of our encoder."""

    def __init__(self, artifact: Artifact) -> None:
        super().__init__()
        self.bert = reference_model(artifact, attention="eager")  # onnxruntime fuses this form, and not SDPA's

    def forward(self, ids: Tensor, types: Tensor, mask: None = None, trace: None = None) -> Tensor:
        return self.bert(input_ids=ids, token_type_ids=types).last_hidden_state
