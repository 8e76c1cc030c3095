"""Model, the face of it all: an artifact, its tokenizer and the engine, and one method for each thing a head can do.

Every method takes texts in three shapes, and answers in the same shape:

=====================  =============================================================================================
one text               one result
a list                 a list of results (``embed``: an array), in the same order
any other iterable     a generator of results in the same order, computed in bounded memory as the texts come
=====================  =============================================================================================

A text is a str; ``embed`` and ``classify`` also take a pair, a tuple of two str. A text longer than the model's limit
is cut into overlapping windows and the results of its windows are put together; nothing is silently left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from squeezebert import runtime, stream
from squeezebert.artifact import Artifact
from squeezebert.artifact.cascade import Cascade, is_cascade
from squeezebert.compress.quantize import in_precision
from squeezebert.errors import HeadError, InputError
from squeezebert.fallback import Fallback
from squeezebert.results.records import Choice, Entity, Fill
from squeezebert.results.spans import AnswerRules
from squeezebert.runtime import Labelled, Runtime, Text
from squeezebert.tasks import CALLS
from squeezebert.text.tokenization import EncodeOptions, Tokenizer
from squeezebert.threads import default_threads
from squeezebert.vectors import unit_rows

if TYPE_CHECKING:
    from squeezebert.config import EncoderConfig
    from squeezebert.engine import Engine
    from squeezebert.tasks import Head

Comparable = Text | list[Any] | np.ndarray
DEFAULT_OPTIONS = EncodeOptions()


def load(
    source: str | Path,
    *,
    threads: int | None = None,
    kernel: str | None = None,
    precision: str = "",
    options: EncodeOptions = DEFAULT_OPTIONS,
    progress: bool | None = None,
) -> Model:
    """The model of an artifact folder, a cascade, any BERT, DistilBERT or SqueezeBERT checkpoint folder, or a hub id.

    ``threads`` of the engine; None takes one for each physical core this process may use, within its CPU quota.
    ``kernel`` picks the engine's instruction set; None takes the best one here.
    ``precision="int8"`` quantizes float32 weights, and ``"int4"`` chooses int8 ones that a file keeps in four bits; by
    default the artifact's own is taken.
    ``options`` say how texts are cut: ``EncodeOptions(long="truncate")`` cuts long texts instead of windowing them.
    ``progress`` shows a bar on stderr where lists and streams take long; None does so on a terminal.

    Raises:
        ArtifactError: the folder or one of its files is missing, damaged or contradicts itself.
        ConfigError: ``threads`` is out of range, or this build or machine has no such ``kernel``.
    """
    from squeezebert.cascades import model_of
    from squeezebert.convert import load_model_folder

    choices: dict[str, Any] = {"threads": threads, "kernel": kernel, "options": options, "progress": progress}
    if is_cascade(source):
        return model_of(Cascade.load(source), precision, **choices)
    return Model.from_artifact(in_precision(load_model_folder(source), precision), **choices)


class Model:
    """An artifact ready to use. Calls from several threads are safe; there is nothing to close.

    ``Model.from_artifact`` makes one of an artifact in memory, `load` of a folder or a hub id.
    """

    def __init__(
        self,
        artifact: Artifact,
        engine: Engine,
        options: EncodeOptions = DEFAULT_OPTIONS,
        progress: bool | None = None,
        fallback: Fallback | None = None,
    ) -> None:
        limit = artifact.config.max_position_embeddings
        longest = min(artifact.head.max_length or limit, limit)
        self.tokenizer = Tokenizer.from_json(artifact.tokenizer, max_length=longest)
        self.artifact = artifact
        self.engine = engine
        self.progress = progress
        self.fallback = fallback  # who `classify` asks where this model is not sure
        self._run = Runtime(artifact, self.tokenizer, engine, options, fallback)

    @classmethod
    def from_artifact(
        cls,
        artifact: Artifact,
        *,
        threads: int | None = None,
        kernel: str | None = None,
        options: EncodeOptions = DEFAULT_OPTIONS,
        progress: bool | None = None,
    ) -> Model:
        """The model of an artifact in memory; the arguments are those of `load`."""
        from squeezebert.engine import Engine

        count = default_threads() if threads is None else threads
        engine = Engine(artifact.config, artifact.tensors, threads=count, kernel=kernel)
        return cls(artifact, engine, options, progress)

    def __repr__(self) -> str:
        return f"Model({self.head.kind}, {self.dimension} wide, {self.threads} threads)"

    @property
    def config(self) -> EncoderConfig:
        """The encoder's architecture."""
        return self.artifact.config

    @property
    def head(self) -> Head:
        """What the model was trained to do."""
        return self.artifact.head

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of `classify` and `tag`, by output; ``LABEL_0`` ... where they have no names."""
        return self._run.labels

    @property
    def dimension(self) -> int:
        """How long the vectors of `embed` are."""
        return self.artifact.config.hidden_size

    @property
    def max_length(self) -> int:
        """The longest window in tokens, special tokens included."""
        return self._run.options.max_length or self.tokenizer.max_length

    @property
    def threads(self) -> int:
        """How many threads the engine uses."""
        return self.engine.threads

    @overload
    def embed(self, texts: Text | list[str] | list[tuple[str, str]] | list[Text]) -> np.ndarray: ...
    @overload
    def embed(self, texts: Iterable[Text]) -> Iterator[np.ndarray]: ...
    def embed(self, texts: Text | Iterable[Text]) -> np.ndarray | Iterator[np.ndarray]:
        """The vector of each text: float32 [C] of one, [n, C] of a list, a generator of [C] of any other iterable.

        Pooled and, if the head says so, normalized to length 1. Windows are averaged by their tokens, then normalized.
        """
        step = partial(runtime.embed, self._run)
        if not isinstance(texts, list):
            return self._each(texts, step)
        vectors = np.empty((len(texts), self.dimension), np.float32)
        done = 0
        for part in stream.parts(texts, step, self.progress):
            vectors[done : done + len(part)] = part
            done += len(part)
        return vectors

    def similarity(self, a: Comparable, b: Comparable, *, aligned: bool = False) -> Any:
        """The cosine of texts with texts, from -1 to 1.

        Two texts give a float, a text and a list of n an array [n], two lists of n and m a matrix [n, m]; with
        ``aligned`` two lists of n give [n], each text with its counterpart. Vectors that ``embed`` made stand for
        their texts: [C] for one, [n, C] for a list.

        Raises:
            InputError: ``aligned`` lists differ in length, or vectors are not C wide.
        """
        one, other = self._vectors(a), self._vectors(b)
        if not aligned:
            cosine = np.clip(one @ other.T, -1.0, 1.0)
        elif one.shape == other.shape:
            cosine = np.clip((one * other).sum(axis=-1), -1.0, 1.0)
        else:
            raise InputError(f"aligned lists have {len(one)} and {len(other)} texts; pass as many of each")
        return float(cosine) if cosine.ndim == 0 else cosine

    @overload
    def classify(self, texts: Text, threshold: float = ...) -> Labelled: ...
    @overload
    def classify(self, texts: list[Any], threshold: float = ...) -> list[Labelled]: ...
    @overload
    def classify(self, texts: Iterable[Text], threshold: float = ...) -> Iterator[Labelled]: ...
    def classify(self, texts: Any, threshold: float = 0.5) -> Any:
        """The labels of each text or pair: a Classification, a MultiLabel or a Regression, as the head is.

        ``threshold`` is the least probability of a MultiLabel's ``labels``. Over windows, probabilities are averaged.
        """
        self._need("classify", "classification", "multi_label", "regression")
        return self._each(texts, partial(runtime.classify, self._run, threshold=threshold))

    @overload
    def choose(self, question: str, choices: Sequence[str]) -> Choice: ...
    @overload
    def choose(self, question: list[str], choices: list[Sequence[str]]) -> list[Choice]: ...
    @overload
    def choose(self, question: Iterable[str], choices: Iterable[Sequence[str]]) -> Iterator[Choice]: ...
    def choose(self, question: Any, choices: Any) -> Any:
        """The best of several choices (endings, answers) for each question; ``scores`` sum to 1 over the choices.

        Of several questions, ``choices`` holds one list for each.
        """
        self._need("choose", "multiple_choice")
        step = partial(runtime.choose, self._run)
        if isinstance(question, str):
            return step([(question, choices)])[0]
        return self._each(stream.paired(question, choices), step)

    @overload
    def tag(self, texts: str, words: str = ...) -> list[Entity]: ...
    @overload
    def tag(self, texts: list[str], words: str = ...) -> list[list[Entity]]: ...
    @overload
    def tag(self, texts: Iterable[str], words: str = ...) -> Iterator[list[Entity]]: ...
    def tag(self, texts: Any, words: str = "first") -> Any:
        """The entities of each text, in its order, with character offsets; label schemes: `squeezebert.results.tags`.

        A word gets one label: that of its "first" word piece, or of the "mean" over its pieces.
        """
        self._need("tag", "token_classification")
        return self._each(texts, partial(runtime.tag, self._run, rule=words))

    def answer(
        self,
        question: str | Iterable[str],
        context: str | Iterable[str],
        top_k: int = 1,
        max_answer_length: int = 30,
        null_threshold: float | None = None,
    ) -> Any:
        """The answer to each question in its context: an Answer of two str, a list of lists, else a generator.

        One str goes with every item of the other argument. ``spans`` lists the ``top_k`` best, none longer than
        ``max_answer_length`` tokens. With a ``null_threshold`` (0.0 for a model trained on SQuAD 2.0) the answer is
        empty where ``null_score`` is above it.
        """
        self._need("answer", "question_answering")
        rules = AnswerRules(top_k, max_answer_length, null_threshold)
        return self._each(stream.paired(question, context), partial(runtime.answer, self._run, rules=rules))

    @overload
    def fill(self, texts: str, top_k: int = ...) -> Fill: ...
    @overload
    def fill(self, texts: list[str], top_k: int = ...) -> list[Fill]: ...
    @overload
    def fill(self, texts: Iterable[str], top_k: int = ...) -> Iterator[Fill]: ...
    def fill(self, texts: Any, top_k: int = 5) -> Any:
        """The ``top_k`` likeliest tokens for every ``[MASK]`` of each text, and the text with the best filled in.

        Raises:
            InputError: a text has no mask, or ``top_k`` is below 1.
        """
        self._need("fill", "masked_lm")
        if not isinstance(top_k, int) or top_k < 1:
            raise InputError(f"top_k={top_k!r} is not a positive whole number; choose 1 or more")
        return self._each(texts, partial(runtime.fill, self._run, top_k=top_k))

    def _each(self, texts: Any, step: stream.Step) -> Any:
        if stream.is_one(texts):
            return step([texts])[0]
        if isinstance(texts, list):
            return [result for part in stream.parts(texts, step, self.progress) for result in part]
        return stream.results(texts, step, self.progress)

    def _need(self, call: str, *kinds: str) -> None:
        kind = self.artifact.head.kind
        if kind not in kinds:
            able = " or ".join(dict.fromkeys(("embed", CALLS[kind])))
            raise HeadError(
                f"{call} needs a head for {' or '.join(kinds)}, and this artifact has one for {kind}; "
                f"call {able}, or load a checkpoint that was trained for {kinds[0]}"
            )

    def _vectors(self, given: Any) -> np.ndarray:
        """Vectors of length 1, [C] or [n, C], of a text, a list or vectors."""
        if not isinstance(given, np.ndarray):
            if not isinstance(given, (str, tuple, list)):
                raise InputError(
                    f"similarity cannot take {type(given).__name__}; pass a text, a list or vectors of embed"
                )
            given = self.embed(given)
        if given.ndim not in (1, 2) or given.shape[-1] != self.dimension:
            raise InputError(
                f"vectors have shape {given.shape}; pass [C] or [n, C] with C={self.dimension}, as embed does"
            )
        return unit_rows(given)
