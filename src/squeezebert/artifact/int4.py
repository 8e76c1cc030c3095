"""Int4: int8 matrices that a file keeps in four bits a value. Unpacking gives back the same int8, so that is all of it.

A row [K] is cut into groups of 384 neighbouring inputs. A group is its values, -7 to 7, times a multiplier of its own,
1 to 18; the product is the int8 value, 126 at most, and its scale is that of the row. A row of one group needs no
multiplier beside its scale: it is 1 there, and not in the file. In a file NAME int8 [rows, K] is

===================  ==========================  =================================================================
``NAME_int4``        U8 [rows, K / 2]            two values a byte, the first in the low half, each plus 8
``NAME_multiplier``  U8 [rows, ceil(K / 384)]    of each group; the last may be shorter; only where K is over 384
``NAME_scale``       F16 [rows]                  as beside any int8 matrix
===================  ==========================  =================================================================

and a third axis of 1 stays. Beside int4 matrices every tensor of floats that float16 holds exactly is F16, of scales,
biases and LayerNorm alike; ``quantize`` rounds them so, and what is not rounded stays as it is.

Scales for groups of weights: Frantar et al. 2022, GPTQ, arXiv 2210.17323, section 4. Small integers in place of those
scales, with one for the channel outside: Lin et al. 2024, QServe, arXiv 2405.04532, section 4.1. How the values are
chosen stands in ``squeezebert.compress.quantize``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from squeezebert.artifact.tensors import WHOLE, Entry
from squeezebert.errors import ArtifactError

PACKED, MULTIPLIER = "_int4", "_multiplier"  # end the names of the two tensors that stand in a file for NAME
GROUP = 384  # neighbouring inputs that share a multiplier
LARGEST, HIGHEST = 7, 18  # the largest value and multiplier
TOP = LARGEST * HIGHEST  # the largest product
ZERO = 8  # what is added to a value, so that a half byte of 0 never stands for one
AGAIN = "; quantize the float32 model again, or copy the file again"


def fits(shape: tuple[int, ...]) -> bool:
    """Whether a matrix of that shape can be kept so: [rows, K] or [rows, K, 1], K even and not 0."""
    return len(shape) in (2, 3) and shape[2:] in ((), (1,)) and shape[1] > 0 and shape[1] % 2 == 0


def one_group(inputs: int) -> bool:
    """Whether a row of so many inputs is a single group, whose multiplier is 1 and in no file."""
    return inputs <= GROUP


def grouped(rows: np.ndarray) -> np.ndarray:
    """[rows, K] as [rows, ceil(K / 384), 384], with zeros where the last group is shorter."""
    short = -rows.shape[1] % GROUP
    return np.pad(rows, ((0, 0), (0, short))).reshape(len(rows), -1, GROUP)


def spread(multipliers: np.ndarray, inputs: int) -> np.ndarray:
    """A multiplier for each of the inputs: [rows, groups] -> [rows, inputs]."""
    return np.repeat(multipliers, GROUP, axis=1)[:, :inputs]


def in_float16(values: np.ndarray) -> np.ndarray:
    """float32 values as float16 has them, float32 still; those beyond its range, 65504, stay as they are."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float16).astype(np.float32)
    return np.where(np.isfinite(narrow), narrow, values)


def is_float16(values: np.ndarray) -> bool:
    """Whether float16 holds every value exactly."""
    with np.errstate(over="ignore"):
        return bool((values.astype(np.float16) == values).all())


def multipliers_of(values: np.ndarray) -> np.ndarray | None:
    """The least multiplier of each group of int8 [rows, K], U8 [rows, groups]; None where a group has none."""
    if values.size and not -TOP <= int(values.min()) <= int(values.max()) <= TOP:
        return None
    groups = np.abs(grouped(values))
    found = _LEAST[np.gcd.reduce(groups, axis=2), groups.max(axis=2, initial=0)]
    return found if found.all() and not (one_group(values.shape[1]) and found.max(initial=1) > 1) else None


def _least() -> np.ndarray:
    """The least multiplier by what divides a group and by its largest value; 0 where there is none."""
    table = np.zeros((TOP + 1, TOP + 1), np.uint8)
    for divisor in range(TOP + 1):
        for multiplier in range(HIGHEST, 0, -1):
            if divisor % multiplier == 0:
                table[divisor, : LARGEST * multiplier + 1] = multiplier
    return table


_LEAST = _least()


def packed(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The entries as a file keeps them: those marked ``int4`` in their parts, where their values allow it.

    Where there are such, floats that float16 holds exactly are marked ``float16``.
    """
    found: dict[str, Entry] = {}
    for name, entry in entries.items():
        found |= _parts(name, entry) if entry.int4 and entry.dtype == "I8" and fits(entry.shape) else {name: entry}
    if not any(name.endswith(PACKED) for name in found):
        return found
    return {name: entry if entry.dtype in WHOLE else _narrowed(entry) for name, entry in found.items()}


def _narrowed(floats: Entry) -> Entry:
    return replace(floats, dtype="F16", float16=True) if is_float16(floats.read()) else floats


def _parts(name: str, entry: Entry) -> dict[str, Entry]:
    rows, inputs, *rest = entry.shape
    multipliers = multipliers_of(entry.read().reshape(rows, inputs))
    if multipliers is None:
        return {name: entry}
    shape = (rows, inputs // 2, *rest)
    found = {name + PACKED: Entry(shape, "U8", lambda: pack(entry.read(), multipliers).reshape(shape))}
    if not one_group(inputs):
        found[name + MULTIPLIER] = Entry(multipliers.shape, "U8", lambda: multipliers)
    return found


def pack(values: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
    """int8 [rows, K] over its multipliers [rows, groups], two to a byte: U8 [rows, K / 2]."""
    rows = values.reshape(len(values), -1)
    halves = (rows // spread(multipliers.astype(np.int8), rows.shape[1]) + ZERO).astype(np.uint8)
    return halves[:, 0::2] | halves[:, 1::2] << 4


def unpack(halves: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
    """int8 [rows, K] of U8 [rows, K / 2] and its multipliers [rows, groups].

    >>> unpack(np.array([[0x79, 0xF8]], np.uint8), np.array([[3]], np.uint8)).tolist()
    [[3, -3, 0, 21]]

    Raises:
        ArtifactError: a value or a multiplier is out of range.
    """
    seen = multipliers[(multipliers < 1) | (multipliers > HIGHEST)]
    if seen.size:
        raise ArtifactError(f"there is a multiplier of {seen.flat[0]}, and they are 1 to {HIGHEST}")
    rows, inputs = len(halves), 2 * halves.shape[1]
    values = np.empty((rows, inputs), np.int8)
    np.bitwise_and(halves, 15, out=values[:, 0::2], casting="unsafe")
    np.right_shift(halves, 4, out=values[:, 1::2], casting="unsafe")
    if not values.all():
        raise ArtifactError(f"there is a half byte of 0, and they are 1 to {ZERO + LARGEST}")
    values -= ZERO
    values *= spread(multipliers.astype(np.int8), inputs)
    return values


def unpacked(path: Path, entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The entries of a file with NAME int8, marked ``int4``, in place of its parts; it is unpacked when it is read.

    Raises:
        ArtifactError: a part is missing, of another type or shape than the other asks for, or NAME is there too; when
            an entry is read, a value or a multiplier is out of range.
    """
    found = {name: entry for name, entry in entries.items() if not name.endswith((PACKED, MULTIPLIER))}
    for name in sorted({name.removesuffix(PACKED).removesuffix(MULTIPLIER) for name in set(entries) - set(found)}):
        if name + PACKED not in entries:
            raise ArtifactError(f"{path}: tensor {name} is in int4 and has no {name}{PACKED}{AGAIN}")
        if name in entries:
            raise ArtifactError(f"{path}: tensor {name} is there twice, as it is and in int4{AGAIN}")
        found[name] = _whole(f"{path}: tensor {name}", entries[name + PACKED], entries.get(name + MULTIPLIER))
    return found


def _whole(where: str, halves: Entry, multipliers: Entry | None) -> Entry:
    if not _agree(halves, multipliers):
        beside = f"with multipliers {multipliers.dtype} {list(multipliers.shape)}" if multipliers else "alone"
        raise ArtifactError(
            f"{where}: {halves.dtype} {list(halves.shape)} {beside} is no int4 matrix, which is U8 [rows, K / 2] with "
            f"multipliers U8 [rows, K / {GROUP}], or alone where K is at most {GROUP}{AGAIN}"
        )
    rows, half, *rest = halves.shape
    shape = (rows, 2 * half, *rest)

    def read() -> np.ndarray:
        found = multipliers.read() if multipliers else np.ones((rows, 1), np.uint8)
        try:
            return unpack(halves.read().reshape(rows, half), found).reshape(shape)
        except ArtifactError as error:
            raise ArtifactError(f"{where}: {error}{AGAIN}") from error

    return replace(halves, shape=shape, dtype="I8", read=read, int4=True)


def _agree(halves: Entry, multipliers: Entry | None) -> bool:
    if halves.dtype != "U8" or len(halves.shape) < 2:
        return False
    rows, half, *rest = halves.shape
    if not fits((rows, 2 * half, *rest)):
        return False
    if multipliers is None or one_group(2 * half):
        return multipliers is None and one_group(2 * half)
    return (multipliers.dtype, multipliers.shape) == ("U8", (rows, -(-2 * half // GROUP)))
