"""Encodings to Batches without padding: the tokens of all sequences back to back, cut by a token budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

import numpy as np

from squeezebert.errors import InputError
from squeezebert.text.tokenization import Encoding

# Enough rows to keep every kernel busy, few enough that the activations of one layer (2048 x 1536 float32: 12 MB)
# stay in or near the cache, and that progress and Ctrl-C are answered several times a second.
MAX_TOKENS = 2048


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """B sequences of T tokens in all; sequence b is the tokens ``cu_seqlens[b]:cu_seqlens[b + 1]``."""

    ids: np.ndarray  # int32 [T]
    types: np.ndarray  # int32 [T]
    cu_seqlens: np.ndarray  # int32 [B + 1]
    order: np.ndarray  # int64 [B], the position of each sequence in the caller's list

    def __len__(self) -> int:
        return len(self.order)


def pack(encodings: Sequence[Encoding], order: Sequence[int] | np.ndarray | None = None) -> Batch:
    """One Batch of the encodings as they come. ``order`` are their positions in the caller's list, by default 0..B-1.

    Raises:
        InputError: there is no encoding, one has no token, or ``order`` has another length.
    """
    if not encodings:
        raise InputError("there are no encodings to pack; pass at least one")
    positions = np.arange(len(encodings)) if order is None else np.asarray(order)
    if len(positions) != len(encodings):
        raise InputError(f"order has {len(positions)} positions for {len(encodings)} encodings; pass one each")
    lengths = _lengths(encodings)
    if not lengths.all():
        empty = int(np.flatnonzero(lengths == 0)[0])
        raise InputError(f"encodings[{empty}] has no tokens; leave it out, or use a tokenizer that adds special tokens")
    cu_seqlens = np.zeros(len(encodings) + 1, dtype=np.int32)
    np.cumsum(lengths, out=cu_seqlens[1:])
    return Batch(
        np.concatenate([encoding.ids for encoding in encodings], dtype=np.int32, casting="same_kind"),
        np.concatenate([encoding.types for encoding in encodings], dtype=np.int32, casting="same_kind"),
        cu_seqlens,
        positions.astype(np.int64),
    )


def batches(encodings: Sequence[Encoding], max_tokens: int = MAX_TOKENS) -> Iterator[Batch]:
    """Batches of at most ``max_tokens`` tokens that together hold each encoding once, the longest first.

    Neighbours in length share a batch, so its threads end together, and the first batch needs the most memory. A
    sequence longer than the budget gets a batch of its own. No encodings give no batches.

    Raises:
        InputError: ``max_tokens`` is not a number above 0, or an encoding has no token.
    """
    if not isinstance(max_tokens, int) or isinstance(max_tokens, bool) or max_tokens < 1:
        raise InputError(f"max_tokens={max_tokens!r} is not a number of tokens; choose 1 or more, such as {MAX_TOKENS}")
    return _batches(encodings, max_tokens)


def _batches(encodings: Sequence[Encoding], max_tokens: int) -> Iterator[Batch]:
    lengths = _lengths(encodings)
    order = np.argsort(-lengths, kind="stable")
    ends = np.cumsum(lengths[order])
    start = 0
    while start < len(order):
        before = ends[start - 1] if start else 0
        end = max(int(np.searchsorted(ends, before + max_tokens, side="right")), start + 1)
        chosen = order[start:end]
        yield pack([encodings[index] for index in chosen], chosen)
        start = end


def _lengths(encodings: Sequence[Encoding]) -> np.ndarray:
    return np.fromiter((len(encoding.ids) for encoding in encodings), dtype=np.int64, count=len(encodings))


def split(rows: np.ndarray, batch: Batch) -> list[np.ndarray]:
    """The rows [T, ...] of a batch's tokens, as one view [S, ...] a sequence, in the batch's order.

    Raises:
        InputError: there is not one row a token.
    """
    if len(rows) != len(batch.ids):
        raise InputError(f"there are {len(rows)} rows for a batch of {len(batch.ids)} tokens; pass one row a token")
    return [rows[start:end] for start, end in pairwise(batch.cu_seqlens.tolist())]


def restore(
    outputs: Iterable[np.ndarray | list[np.ndarray]], orders: Iterable[Sequence[int] | np.ndarray], n: int
) -> np.ndarray | list[np.ndarray]:
    """The outputs of all batches in the caller's order: an array [n, ...] of arrays [B, ...], or a list of lists.

    ``orders`` are the batches' ``order``, in the same sequence as ``outputs``; both may be generators, and of the
    outputs only the result is kept. With ``n`` 0 and no outputs the result is an empty list.

    Raises:
        InputError: the outputs do not hold each of the ``n`` positions once, or their shapes differ.
    """
    result: np.ndarray | list = []
    seen = np.zeros(n, dtype=bool)
    for count, (output, order) in enumerate(zip_longest(outputs, orders)):
        if output is None or order is None:
            raise InputError(f"outputs and orders differ in number after {count}; pass one order for each output")
        positions = np.asarray(order, dtype=np.int64)
        if count == 0:
            result = np.empty((n, *output.shape[1:]), output.dtype) if isinstance(output, np.ndarray) else [None] * n
        _check_places(output, positions, seen)
        seen[positions] = True
        _put(result, positions, output)
    if not seen.all():
        raise InputError(f"position {int(np.argmin(seen))} of {n} has no output; pass the outputs of every batch")
    return result


def _put(result: np.ndarray | list, positions: np.ndarray, output: np.ndarray | list[np.ndarray]) -> None:
    if not isinstance(result, np.ndarray):
        for position, value in zip(positions.tolist(), output, strict=True):
            result[position] = value
    elif np.shape(output)[1:] == result.shape[1:]:
        result[positions] = output
    else:
        raise InputError(
            f"a batch has outputs of shape {np.shape(output)[1:]} a sequence where the first has {result.shape[1:]}; "
            f"pass outputs of one model"
        )


def _check_places(output: Sequence | np.ndarray, positions: np.ndarray, seen: np.ndarray) -> None:
    if len(output) != len(positions):
        raise InputError(f"a batch of {len(positions)} sequences has {len(output)} outputs; pass one each")
    bad = (positions < 0) | (positions >= len(seen))
    if bad.any() or len(np.unique(positions)) < len(positions) or seen[positions].any():
        raise InputError(f"an order is not made of new positions below {len(seen)}; pass each batch once, with its n")
