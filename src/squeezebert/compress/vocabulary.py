"""A smaller vocabulary: wordpieces that texts of a kind never use go, with their rows of the table.

WordPiece takes the longest piece that fits, so a text whose pieces all stay is cut as before. Other words are cut into
shorter pieces, into single characters at the least: those stay, and so does what they do not spell. No word becomes
unknown by this.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from squeezebert.artifact import Artifact
from squeezebert.artifact.tensors import is_quantized
from squeezebert.compress.narrow import WORDS
from squeezebert.errors import ArtifactError, InputError
from squeezebert.text.inputs import Text
from squeezebert.text.tokenization import EncodeOptions, Tokenizer

STAGE = "vocabulary"
KIND = "WordPiece"
CHUNK = 2048  # texts that are cut at once


def used_pieces(artifact: Artifact, texts: Sequence[Text]) -> np.ndarray:
    """Which rows of the word table must stay for these texts, bool [V]: the pieces they use, every single character,
    what those do not spell, and the tokens that were added to the vocabulary, special ones among them.

    Raises:
        ArtifactError: the tokenizer is not WordPiece's.
        InputError: there are no texts.
    """
    told = _wordpiece(artifact)
    if not texts:
        raise InputError("there are no texts whose words are to stay; give some of the kind that the model will see")
    size = artifact.config.vocab_size
    tokenizer = Tokenizer.from_json(artifact.tokenizer, max_length=artifact.config.max_position_embeddings)
    used = np.zeros(size, bool)
    for start in range(0, len(texts), CHUNK):
        for encoding in tokenizer.encode(list(texts[start : start + CHUNK]), EncodeOptions()):
            used[encoding.ids] = True
    kept = [told["model"]["vocab"][piece] for piece in _needed(told["model"])]
    kept += [token["id"] for token in told["added_tokens"]]
    kept.append(told["model"]["vocab"].get(told["model"]["unk_token"], 0))
    used[[at for at in kept if at < size]] = True
    return used


def _needed(model: dict[str, Any]) -> list[str]:
    """Single characters, and pieces that single characters do not spell."""
    vocab, prefix = model["vocab"], model["continuing_subword_prefix"]

    def spelt(piece: str) -> bool:
        inner = piece.startswith(prefix)
        letters = piece.removeprefix(prefix)
        marked = [letter if at == 0 and not inner else prefix + letter for at, letter in enumerate(letters)]
        return len(letters) > 1 and all(letter in vocab for letter in marked)

    return [piece for piece in vocab if not spelt(piece)]


def with_pieces(artifact: Artifact, used: np.ndarray) -> Artifact:
    """The artifact with those rows of the word table alone, bool [V], in their old order, and a tokenizer to match.

    Raises:
        ArtifactError: the tokenizer is not WordPiece's, the weights are quantized, or the head is a masked LM's.
        InputError: every piece would stay.
    """
    told = _wordpiece(artifact)
    if is_quantized(artifact.tensors):
        raise ArtifactError("the weights are quantized; take pieces out of the float32 artifact they came from")
    if artifact.head.kind == "masked_lm":
        raise ArtifactError("a masked-LM head puts out the whole vocabulary; finetune the encoder for something else")
    if used.all():
        raise InputError(f"all {len(used):,} pieces are used, so none can go; give fewer texts, of one kind")
    places = np.cumsum(used) - 1
    table = np.ascontiguousarray(artifact.tensors[WORDS][used])
    made = replace(
        artifact,
        config=replace(artifact.config, vocab_size=len(table)),
        tensors={**{name: artifact.tensors[name] for name in artifact.tensors}, WORDS: table},
        tokenizer=json.dumps(_renumbered(told, used, places), ensure_ascii=False),
        metrics={},
        source=None,
    )
    return made.then(STAGE, settings={"kept": len(table), "of": len(used)})


def _wordpiece(artifact: Artifact) -> dict[str, Any]:
    told = json.loads(artifact.tokenizer) if artifact.tokenizer else {"model": {}}
    kind = told["model"].get("type")
    if kind != KIND:
        raise ArtifactError(
            f"the tokenizer is {kind or 'missing'}, and only {KIND}'s pieces can go; leave them as they are"
        )
    return told


def _renumbered(told: dict[str, Any], used: np.ndarray, places: np.ndarray) -> dict[str, Any]:
    """The tokenizer with the new number of every piece that stays."""

    def new(at: int) -> int:
        return int(places[at])

    vocab = {piece: new(at) for piece, at in told["model"]["vocab"].items() if at < len(used) and used[at]}
    added = [{**token, "id": new(token["id"])} for token in told["added_tokens"] if token["id"] < len(used)]
    made = {**told, "model": {**told["model"], "vocab": vocab}, "added_tokens": added}
    if told.get("padding"):
        made["padding"] = {**told["padding"], "pad_id": new(told["padding"]["pad_id"])}
    template = dict(told.get("post_processor") or {})
    for name in ("sep", "cls"):
        if name in template:  # of BertProcessing: a token and its number
            template[name] = [template[name][0], new(template[name][1])]
    tokens = template.get("special_tokens", {})
    if tokens:
        template["special_tokens"] = {
            name: {**token, "ids": [new(at) for at in token["ids"]]} for name, token in tokens.items()
        }
    return {**made, "post_processor": template or None}
