"""A checkpoint folder's tokenizer as one tokenizer.json, also where only the vocab.txt of the first BERT is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squeezebert.errors import ArtifactError

if TYPE_CHECKING:
    import tokenizers

# transformers writes 1e30 for "no limit" as a tokenizer's model_max_length.
NO_LIMIT = 10**9
_NAMES = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


def tokenizer_json_from_folder(folder: str | Path) -> str:
    """The content of the folder's ``tokenizer.json``, or one that is built from its ``vocab.txt``.

    ``tokenizer_config.json`` says what the vocabulary does not: ``do_lower_case`` (true where nothing is said),
    ``strip_accents``, ``tokenize_chinese_chars`` and the names of the special tokens. Where it contradicts
    ``tokenizer.json`` on the first three, it wins, as in transformers; where it is silent, ``tokenizer.json`` stands,
    while transformers would put its class's defaults over it.

    Raises:
        ArtifactError: the folder has neither file, or one is damaged.
    """
    folder = Path(folder)
    settings = _settings(folder)
    if (folder / "tokenizer.json").is_file():
        return _with_settings(_read(folder / "tokenizer.json"), settings)
    if (folder / "vocab.txt").is_file():
        return _build(folder, settings).to_str()
    raise ArtifactError(f"{folder} has neither tokenizer.json nor vocab.txt; copy one of them from the original model")


def max_length_from_folder(folder: str | Path) -> int:
    """The longest input in tokens that the folder's config files allow.

    Raises:
        ArtifactError: no file gives a limit, or one is damaged.
    """
    folder = Path(folder)
    limits = [
        _object(folder / "config.json").get("max_position_embeddings"),
        _object(folder / "tokenizer_config.json").get("model_max_length"),
    ]
    known = [int(limit) for limit in limits if isinstance(limit, (int, float)) and 0 < limit < NO_LIMIT]
    if not known:
        raise ArtifactError(f"no config file in {folder} gives a longest input; pass max_length, such as 512")
    return min(known)


def _settings(folder: Path) -> dict[str, Any]:
    special = _object(folder / "special_tokens_map.json")
    return {**special, **_object(folder / "tokenizer_config.json")}


def _object(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        values = json.loads(_read(path))
    except ValueError as error:
        raise ArtifactError(f"{path} is not JSON: {error}; copy it again from the original model") from None
    if not isinstance(values, dict):
        raise ArtifactError(f"{path} holds a {type(values).__name__}, not an object; copy it from the original model")
    return values


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path} cannot be read: {error}; copy it again from the original model") from None


def _normalizer(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that are given, under the names of the library's BertNormalizer."""
    names = {
        "do_lower_case": "lowercase",
        "strip_accents": "strip_accents",
        "tokenize_chinese_chars": "handle_chinese_chars",
    }
    for name in names:
        if not isinstance(settings.get(name), (bool, type(None))):
            raise ArtifactError(f"tokenizer_config.json sets {name} to {settings[name]!r}; make it true or false")
    given = {own: settings[name] for name, own in names.items() if name in settings}
    # Only the accents have a third state: None does as the case does.
    return {own: value for own, value in given.items() if value is not None or own == "strip_accents"}


def _with_settings(text: str, settings: dict[str, Any]) -> str:
    try:
        values = json.loads(text)
        normalizer = values.get("normalizer") or {}
        kind = normalizer.get("type")
    except (ValueError, AttributeError) as error:
        raise ArtifactError(f"tokenizer.json is damaged: {error}; copy it again from the original model") from None
    wanted = {**normalizer, **_normalizer(settings)}
    if kind != "BertNormalizer" or wanted == normalizer:
        return text
    return json.dumps({**values, "normalizer": wanted}, ensure_ascii=False)


def _build(folder: Path, settings: dict[str, Any]) -> tokenizers.Tokenizer:
    """The WordPiece tokenizer of Devlin et al. 2018 (arXiv 1810.04805) over the lines of vocab.txt."""
    from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece

    vocab = _vocab(folder / "vocab.txt")
    names = {name: _name(settings.get(name) or default) for name, default in _NAMES.items()}
    for name in ("unk_token", "cls_token", "sep_token"):
        if names[name] not in vocab:
            raise ArtifactError(f"{folder / 'vocab.txt'} has no {names[name]}; set {name} in tokenizer_config.json")
    tokenizer = Tokenizer(WordPiece(vocab, unk_token=names["unk_token"]))
    tokenizer.normalizer = normalizers.BertNormalizer(**{"lowercase": True, **_normalizer(settings)})
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    cls, sep = names["cls_token"], names["sep_token"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=[f"{cls}:0", "$A:0", f"{sep}:0"],
        pair=[f"{cls}:0", "$A:0", f"{sep}:0", "$B:1", f"{sep}:1"],
        special_tokens=[(cls, vocab[cls]), (sep, vocab[sep])],
    )
    tokenizer.add_special_tokens([name for name in names.values() if name in vocab])
    _add_tokens(tokenizer, folder)
    return tokenizer


def _vocab(path: Path) -> dict[str, int]:
    # A line ends at a line feed and nowhere else: vocabularies hold tokens such as U+2028.
    lines = _read(path).removesuffix("\n").split("\n")
    vocab = {line.removesuffix("\r"): id for id, line in enumerate(lines)}
    if len(vocab) < 2:
        raise ArtifactError(f"{path} holds no vocabulary; it has one token a line: copy it from the original model")
    return vocab


def _name(value: Any) -> str:
    """A special token stands as "[SEP]" or as {"content": "[SEP]", ...}."""
    return str(value.get("content")) if isinstance(value, dict) else str(value)


def _add_tokens(tokenizer: tokenizers.Tokenizer, folder: Path) -> None:
    added = _object(folder / "added_tokens.json")
    for token, id in sorted(added.items(), key=lambda pair: (isinstance(pair[1], int), pair[1] or 0)):
        tokenizer.add_tokens([token])
        if tokenizer.token_to_id(token) != id:
            raise ArtifactError(
                f"added_tokens.json gives {token!r} the id {id}, but the next free one is "
                f"{tokenizer.token_to_id(token)}; it belongs to another vocab.txt, copy both from one model"
            )
