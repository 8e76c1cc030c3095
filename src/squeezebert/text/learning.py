"""A tokenizer learned from text, in any language that Unicode holds, in the shape of BERT's, and how well it fits.

Three ways to cut words: "wordpiece", BERT's own; "bpe"; and "unigram" (Kudo 2018, arXiv 1804.10959), which alone is
fit for scripts without spaces, as Thai: to the others a stretch without a space is one word, and WordPiece knows none
of more than 100 letters. All of them cut at white space and punctuation first, and around each Chinese character.

Accents stay unless they are unwanted: in most languages they tell letters apart, and in Indic scripts and Thai what
would go are the vowels.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squeezebert.errors import ArtifactError, InputError
from squeezebert.text.coverage import LINES_AT_ONCE, UNKNOWN, Coverage, Reader, is_held_out, measure

if TYPE_CHECKING:
    import tokenizers

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")  # ids 0 to 4
ALGORITHMS = ("wordpiece", "unigram", "bpe")
PREFIX = "##"
MAX_LENGTH = 512  # what a folder says for transformers, until a model has a say
FILES = ("tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True)
class LearningSettings:
    """How to learn a tokenizer.

    ``letters``: share of the text's letters that must be covered; rarer ones are unknown (for unigram all are kept).
    ``min_frequency``: how often a piece must occur. One line of ``held_out`` is kept for measuring. ``dotless_i``: "I"
    becomes "ı" and "İ" becomes "i", as Turkish and Azerbaijani lower them.

    Raises:
        InputError: a value is out of range.
    """

    vocab_size: int = 30_000
    algorithm: str = "wordpiece"
    lowercase: bool = True
    strip_accents: bool = False
    dotless_i: bool = False
    letters: float = 0.9999
    min_frequency: int = 2
    held_out: int = 50

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise InputError(f"algorithm {self.algorithm!r} is not known; choose one of {', '.join(ALGORITHMS)}")
        if self.vocab_size <= len(SPECIAL_TOKENS):
            raise InputError(f"vocab_size={self.vocab_size} holds special tokens only; choose more, such as 30000")
        if not 0 < self.letters <= 1:
            raise InputError(f"letters={self.letters} is no share of the text; choose above 0 to 1, such as 0.9999")
        if self.min_frequency < 1 or self.held_out < 2:
            raise InputError("min_frequency is below 1 or held_out below 2; choose larger numbers")


@dataclass(frozen=True)
class Learned:
    """A tokenizer, as the content of a tokenizer.json, and how it fits."""

    tokenizer: str
    vocab_size: int
    coverage: Coverage


def learn(read: Reader, settings: LearningSettings, progress: bool | None = None) -> Learned:
    """A tokenizer of exactly ``settings.vocab_size`` tokens, learned from the lines that each call of ``read`` gives.

    Raises:
        InputError: there is no text, or it is too small for the vocabulary, or the vocabulary for its letters.
    """
    library = _untrained(settings)
    trainer = _trainer(settings, library, _letters(read(), library, settings.letters), _shown(progress))
    lines = (line for line in read() if not is_held_out(line, settings.held_out))
    try:
        library.train_from_iterator(_batches(lines), trainer)
    except Exception as error:  # the library raises bare Exception
        raise _too_small(settings, str(error)) from error
    _check_size(library.get_vocab_size(), settings)
    _frame(library)
    library = type(library).from_str(_settled(library.to_str()))
    return Learned(library.to_str(), library.get_vocab_size(), measure(library, read, settings.held_out))


def save(learned: Learned, out: Path) -> Path:
    """Writes a tokenizer.json where ``out`` ends in .json, else a folder that transformers reads too.

    Raises:
        ArtifactError: the folder holds something else, or cannot be written.
    """
    if out.suffix == ".json":
        temporary = out.with_name(f".{out.name}.tmp")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(learned.tokenizer, encoding="utf-8")
            return temporary.replace(out)
        except OSError as error:
            raise ArtifactError(f"cannot write {out}: {error.strerror or error}; choose another place") from error

    from squeezebert.artifact.folders import replace_folder, write_json
    from squeezebert.artifact.hf_config import write_tokenizer_config

    def fill(folder: Path) -> None:
        (folder / FILES[0]).write_text(learned.tokenizer, encoding="utf-8")
        write_json(folder / FILES[1], write_tokenizer_config(learned.tokenizer, MAX_LENGTH))

    return replace_folder(out, fill, check_target)


def check_target(out: Path) -> None:
    """Raise ArtifactError where ``out`` is there and is no tokenizer."""
    others = {path.name for path in out.iterdir()} - set(FILES) if out.is_dir() else set()
    if others or (out.exists() and not out.is_dir() and out.suffix != ".json"):
        raise ArtifactError(f"{out} holds something that is not a tokenizer; choose another place or empty it")


def _untrained(settings: LearningSettings) -> tokenizers.Tokenizer:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    bert = normalizers.BertNormalizer(lowercase=settings.lowercase, strip_accents=settings.strip_accents)
    if settings.algorithm == "unigram":
        library = Tokenizer(models.Unigram())
        cuts = [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Metaspace(prepend_scheme="always")]
        library.pre_tokenizer = pre_tokenizers.Sequence(cuts)  # type: ignore[assignment]
        library.decoder = decoders.Metaspace()  # type: ignore[assignment]
    else:
        words = settings.algorithm == "wordpiece"
        bpe = {"unk_token": UNKNOWN, "continuing_subword_prefix": PREFIX, "fuse_unk": True}
        library = Tokenizer(models.WordPiece(unk_token=UNKNOWN) if words else models.BPE(**bpe))
        library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()  # type: ignore[assignment]
        library.decoder = decoders.WordPiece(prefix=PREFIX)  # type: ignore[assignment]
    dotless = [normalizers.Replace("İ", "i"), normalizers.Replace("I", "ı")]
    wanted = normalizers.Sequence([*dotless, bert]) if settings.dotless_i and settings.lowercase else bert
    library.normalizer = wanted  # type: ignore[assignment]
    return library


def _trainer(settings: LearningSettings, library: tokenizers.Tokenizer, letters: list[str], shown: bool) -> Any:
    from tokenizers import trainers

    common = {"vocab_size": settings.vocab_size, "show_progress": shown}
    if settings.algorithm == "unigram":
        return trainers.UnigramTrainer(unk_token=UNKNOWN, special_tokens=list(SPECIAL_TOKENS), **common)
    pieces = {"min_frequency": settings.min_frequency, "continuing_subword_prefix": PREFIX}
    # The library would number letters within words by chance, and by their numbers choose between equally frequent
    # pairs. What it is told comes first, in our order.
    pieces |= {"initial_alphabet": letters, "limit_alphabet": len(letters)}
    pieces |= {"special_tokens": [*SPECIAL_TOKENS, *(PREFIX + letter for letter in _within(letters, library))]}
    make = trainers.WordPieceTrainer if settings.algorithm == "wordpiece" else trainers.BpeTrainer
    return make(**common, **pieces)


def _letters(lines: Iterable[str], library: tokenizers.Tokenizer, share: float) -> list[str]:
    """The letters, as the tokenizer sees them, that make up that share of the text; equally frequent ones together."""
    raw, counts = Counter[str](), Counter[str]()
    for line in lines:
        raw.update("".join(line.split()))
    for letter, count in raw.items():
        for own in "".join(library.normalizer.normalize_str(letter).split()):  # type: ignore[union-attr]
            counts[own] += count
    if not counts:
        raise InputError("there is no text to learn from; name files that hold some")
    rarest, missing = 0, share * counts.total()
    for _, rarest in counts.most_common():
        missing -= rarest
        if missing <= 0:
            break
    return sorted(letter for letter, count in counts.items() if count >= rarest)


def _within(letters: list[str], library: tokenizers.Tokenizer) -> list[str]:
    """The letters that need not begin a word."""
    cut, normal = library.pre_tokenizer.pre_tokenize_str, library.normalizer.normalize_str  # type: ignore[union-attr]
    return [letter for letter in letters if len(cut(normal(f"a{letter}"))) == 1]


def _settled(tokenizer: str) -> str:
    """The tokenizer with its five special tokens alone, and with scores that do not change with the order of sums."""
    values = json.loads(tokenizer)
    values["added_tokens"] = [token for token in values["added_tokens"] if token["content"] in SPECIAL_TOKENS]
    if values["model"]["type"] == "Unigram":
        values["model"]["vocab"] = _scored(values["model"]["vocab"])
    return json.dumps(values, ensure_ascii=False)


def _scored(vocab: list[list[Any]]) -> list[list[Any]]:
    """Pieces with rounded scores in their order; letters below all longer pieces are alike, as the text has too few."""
    first = len(SPECIAL_TOKENS)
    floor = min((score for piece, score in vocab[first:] if len(piece) > 1), default=0.0)
    pieces = [[piece, round(max(score, floor), 6)] for piece, score in vocab[first:]]
    return vocab[:first] + sorted(pieces, key=lambda entry: (-entry[1], entry[0]))


def _check_size(size: int, settings: LearningSettings) -> None:
    if size < settings.vocab_size:
        rule = "" if settings.algorithm == "unigram" else f" with min_frequency={settings.min_frequency}"
        raise InputError(
            f"the text is too small for vocab_size={settings.vocab_size}: it gives {size} tokens at most{rule}; "
            f"choose --vocab-size {size}, or give more text"
        )
    if size > settings.vocab_size:
        raise InputError(
            f"vocab_size={settings.vocab_size} is too small for the letters of the text: they alone take {size}; "
            f"choose more than {size}, or lower --letters"
        )


def _too_small(settings: LearningSettings, said: str) -> InputError:
    return InputError(
        f"vocab_size={settings.vocab_size} does not fit the text ({said}); choose another --vocab-size, or more text"
    )


def _frame(library: tokenizers.Tokenizer) -> None:
    """[CLS] a [SEP] b [SEP], as BERT has it."""
    from tokenizers import processors

    library.post_processor = processors.TemplateProcessing(  # type: ignore[assignment]
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, library.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )


def _batches(lines: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(lines, LINES_AT_ONCE)):
        yield batch


def _shown(progress: bool | None) -> bool:
    return (sys.stderr is not None and sys.stderr.isatty()) if progress is None else progress
