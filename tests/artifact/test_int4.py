"""Int4 on disk: what is packed comes back bit for bit, and files that lie are refused with what they say."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from random_models import random_artifact, tiny_config, with_factors

from squeezebert.artifact import Artifact
from squeezebert.artifact import int4 as module
from squeezebert.artifact.int4 import (
    GROUP,
    HIGHEST,
    LARGEST,
    MULTIPLIER,
    PACKED,
    fits,
    multipliers_of,
    pack,
    packed,
    spread,
    unpack,
    unpacked,
)
from squeezebert.artifact.tensors import (
    SCALE,
    Entry,
    Tensors,
    check_weights,
    held,
    open_safetensors,
    write_safetensors,
)
from squeezebert.compress.quantize import quantize
from squeezebert.errors import ArtifactError

NAME = "encoder.layers.0.attention.query.weight"


@st.composite
def products(draw: st.DrawFn) -> np.ndarray:
    """int8 [rows, K] of values times multipliers, K even; a single group is not multiplied."""
    rows, inputs = draw(st.integers(1, 4)), 2 * draw(st.integers(1, 400))
    values = draw(arrays(np.int8, (rows, inputs), elements=st.integers(-LARGEST, LARGEST)))
    groups = (rows, math.ceil(inputs / GROUP))
    highest = 1 if inputs <= GROUP else HIGHEST
    return values * spread(draw(arrays(np.int8, groups, elements=st.integers(1, highest))), inputs)


@given(products())
def test_what_is_packed_comes_back(values: np.ndarray) -> None:
    multipliers = multipliers_of(values)
    assert multipliers is not None
    halves = pack(values, multipliers)
    assert (halves.dtype, halves.shape) == (np.uint8, (len(values), values.shape[1] // 2))
    assert np.array_equal(unpack(halves, multipliers), values)


@given(arrays(np.int8, st.tuples(st.integers(1, 3), st.integers(385, 800)), elements=st.integers(-128, 127)))
def test_a_multiplier_is_the_least_that_there_is(values: np.ndarray) -> None:
    found = multipliers_of(values)
    groups = [row[at : at + GROUP].astype(int) for row in values for at in range(0, len(row), GROUP)]
    least = [
        next((m for m in range(1, HIGHEST + 1) if not (g % m).any() and abs(g).max() <= LARGEST * m), 0) for g in groups
    ]
    assert (found is None) == (0 in least)
    assert found is None or found.reshape(-1).tolist() == least


@given(arrays(np.int8, st.tuples(st.integers(1, 3), st.integers(1, 384)), elements=st.integers(-9, 9)))
def test_a_row_of_one_group_has_a_multiplier_of_one(values: np.ndarray) -> None:
    found = multipliers_of(values)
    assert (found is None) == (np.abs(values).max() > LARGEST)
    assert found is None or found.tolist() == [[1]] * len(values)


def test_the_first_of_two_values_is_in_the_low_half() -> None:
    assert pack(np.array([[-14, 0, 2, 12]], np.int8), np.array([[2]], np.uint8)).tolist() == [[0x81, 0xE9]]


@pytest.mark.parametrize(
    ("shape", "there"),
    [((4, 6), True), ((4, 6, 1), True), ((4, 7), False), ((4, 0), False), ((4,), False), ((4, 6, 2), False)],
)
def test_only_matrices_of_even_width_are_kept_so(shape: tuple[int, ...], there: bool) -> None:
    assert fits(shape) is there


@pytest.mark.parametrize("thin", [False, True])
@pytest.mark.parametrize("hidden", [24, 396])  # where rows are one group, and where they are two
def test_an_int4_artifact_survives_the_disk(tmp_path: Path, thin: bool, hidden: int) -> None:
    artifact = random_artifact(tiny_config(hidden_size=hidden, groups=1, conv_kernel=3))
    small = quantize(with_factors(artifact, 4) if thin else artifact, "int4", "int4")
    back = Artifact.load(small.save(tmp_path / "small"))
    back.verify()
    assert (back.precision, back.int4) == ("int4", small.int4)
    assert set(back.tensors) == set(small.tensors)
    for name in small.tensors:
        assert back.tensors[name].dtype == small.tensors[name].dtype
        assert np.array_equal(back.tensors[name], small.tensors[name])
    again = back.save(tmp_path / "again") / "model.safetensors"
    assert again.read_bytes() == (tmp_path / "small" / "model.safetensors").read_bytes()


def file_of(folder: Path, entries: dict[str, Entry]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Dtype and shape of every tensor of the file that keeps these."""
    write_safetensors(folder / "x", Tensors(packed(entries)))
    return {name: (entry.dtype, entry.shape) for name, entry in open_safetensors(folder / "x").entries.items()}


@pytest.mark.parametrize(("inputs", "groups"), [(386, 2), (1536, 4)])
def test_a_wide_matrix_takes_half_the_bytes_and_one_for_each_group(tmp_path: Path, inputs: int, groups: int) -> None:
    found = file_of(tmp_path, {"x": marked(np.zeros((8, inputs, 1), np.int8))})
    assert found == {"x" + PACKED: ("U8", (8, inputs // 2, 1)), "x" + MULTIPLIER: ("U8", (8, groups))}


@pytest.mark.parametrize("inputs", [2, 96, 384])
def test_a_matrix_of_one_group_a_row_takes_half_the_bytes(tmp_path: Path, inputs: int) -> None:
    assert file_of(tmp_path, {"x": marked(np.zeros((8, inputs), np.int8))}) == {"x" + PACKED: ("U8", (8, inputs // 2))}


def test_int8_values_that_four_bits_cannot_hold_stay_int8() -> None:
    assert list(packed({"x": marked(np.array([[127, 1]], np.int8))})) == ["x"]
    assert list(packed({"x": marked(np.array([[14, 2]], np.int8))})) == ["x"]  # one group, and no multiplier to share


def marked(values: np.ndarray) -> Entry:
    """An entry that a file shall keep in four bits."""
    return replace(held(values), int4=True)


def stored(**changes: np.ndarray | None) -> dict[str, np.ndarray]:
    """The parts of one matrix [2, 768], some of them others; None leaves one out."""
    parts = {
        PACKED: np.full((2, 384), 0x99, np.uint8),
        MULTIPLIER: np.ones((2, 2), np.uint8),
        SCALE: np.ones(2, np.float32),
    }
    parts |= {f"_{name}" if name else "": values for name, values in changes.items()}  # type: ignore[misc]
    return {f"x{part}": values for part, values in parts.items() if values is not None}


def read(folder: Path, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every tensor of a file of these."""
    from safetensors.numpy import save_file

    save_file(tensors, folder / "model.safetensors")
    entries = unpacked(folder / "model.safetensors", open_safetensors(folder / "model.safetensors").entries)
    return {name: entry.read() for name, entry in entries.items()}


def test_parts_are_read_as_one_int8_matrix(tmp_path: Path) -> None:
    found = read(tmp_path, stored())
    assert set(found) == {"x", "x_scale"}
    assert (found["x"] == 1).all()
    assert (found["x"].dtype, found["x"].shape) == (np.int8, (2, 768))


def test_a_row_of_one_group_is_read_without_a_multiplier(tmp_path: Path) -> None:
    found = read(tmp_path, stored(int4=np.array([[0x1F], [0x98]], np.uint8), multiplier=None))
    assert found["x"].tolist() == [[7, -7], [0, 1]]


@pytest.mark.parametrize("bad", [0, 19, 255])
def test_multipliers_out_of_range_are_refused(tmp_path: Path, bad: int) -> None:
    multipliers = np.array([[1, 18], [bad, 1]], np.uint8)
    with pytest.raises(
        ArtifactError, match=f"tensor x: there is a multiplier of {bad}, and they are 1 to 18; quantize"
    ):
        read(tmp_path, stored(multiplier=multipliers))


@pytest.mark.parametrize("bad", [0x09, 0x90, 0x00])
def test_a_half_byte_of_zero_is_refused(tmp_path: Path, bad: int) -> None:
    halves = np.full((2, 384), 0x99, np.uint8)
    halves[1, 383] = bad
    with pytest.raises(ArtifactError, match="tensor x: there is a half byte of 0, and they are 1 to 15; quantize the"):
        read(tmp_path, stored(int4=halves))


def test_multipliers_without_a_matrix_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="tensor x is in int4 and has no x_int4; quantize the float32 model again"):
        read(tmp_path, stored(int4=None))


def test_a_wide_matrix_without_multipliers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"tensor x: U8 \[2, 384\] alone is no int4 matrix, which is U8"):
        read(tmp_path, stored(multiplier=None))


def test_a_matrix_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="tensor x is there twice, as it is and in int4; quantize"):
        read(tmp_path, {**stored(), "x": np.ones((2, 768), np.int8)})


@pytest.mark.parametrize(
    "changes",
    [
        {"int4": np.full((2, 384), 9, np.int8)},
        {"int4": np.full((2, 384), 9, np.float32)},
        {"multiplier": np.ones((2, 2), np.int8)},
        {"multiplier": np.ones((2, 2), np.float32)},
        {"multiplier": np.ones((2, 1), np.uint8)},
        {"multiplier": np.ones((2, 3), np.uint8)},
        {"multiplier": np.ones((3, 2), np.uint8)},
        {"multiplier": np.ones(4, np.uint8)},
        {"int4": np.full(768, 9, np.uint8)},
        {"int4": np.full((2, 384, 2), 9, np.uint8)},
        {"int4": np.full((2, 192), 9, np.uint8), "multiplier": np.ones((2, 1), np.uint8)},
        {"int4": np.full((2, 192), 9, np.int8), "multiplier": None},
        {"int4": np.full((2, 0), 9, np.uint8), "multiplier": np.ones((2, 0), np.uint8)},
        {"int4": np.full((), 9, np.uint8)},
    ],
    ids=lambda changes: " ".join(
        f"{name} {getattr(x, 'dtype', x)}{getattr(x, 'shape', '')}" for name, x in changes.items()
    ),
)
def test_parts_of_other_types_and_shapes_are_refused(tmp_path: Path, changes: dict[str, np.ndarray]) -> None:
    told = (
        r"is no int4 matrix, which is U8 \[rows, K / 2\] with multipliers U8 \[rows, K / 384\], or alone where K is at"
    )
    with pytest.raises(ArtifactError, match=told):
        read(tmp_path, stored(**changes))


def test_without_its_scale_an_int4_matrix_is_no_weight(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "x", Tensors(packed({"x": marked(np.ones((2, 4), np.int8))})))
    with pytest.raises(ArtifactError, match="int8 tensor x has no x_scale; quantize the model again"):
        check_weights(tmp_path / "x", unpacked(tmp_path / "x", open_safetensors(tmp_path / "x").entries))


def test_shapes_that_the_config_does_not_have_are_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    small = quantize(random_artifact(tiny_config()), "int4")
    file = small.save(tmp_path / "small") / "model.safetensors"
    entries = unpacked(file, open_safetensors(file).entries)
    size, _ = write_safetensors(
        tmp_path / "wide", Tensors(packed({**entries, NAME: marked(np.ones((8, 64, 1), np.int8))}))
    )
    file.write_bytes((tmp_path / "wide").read_bytes())
    record = (tmp_path / "small" / "squeezebert.json").read_text()
    start = record.index('"size": ') + 8
    told = record[:start] + str(size) + record[record.index(",", start) :]
    (tmp_path / "small" / "squeezebert.json").write_text(told)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "unpack", lambda *parts: pytest.fail("unpacked"))
        with pytest.raises(ArtifactError, match=r"shapes contradict the config: .*query\.weight is \[8, 64, 1\]"):
            Artifact.load(tmp_path / "small")


def test_one_flipped_bit_is_noticed(tmp_path: Path) -> None:
    file = quantize(random_artifact(tiny_config()), "int4").save(tmp_path / "small") / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"has changed: sha256 .*; copy or download it again"):
        Artifact.load(tmp_path / "small").verify()


@given(data=st.data())
def test_damaged_parts_give_our_error_or_int8(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp()
    part = st.sampled_from([np.uint8, np.int8, np.float32])
    shape = st.lists(st.integers(0, 4), max_size=4).map(tuple)
    changes = {
        name: data.draw(st.one_of(st.none(), arrays(data.draw(part), data.draw(shape))))
        for name in ("int4", "multiplier")
    }
    with suppress(ArtifactError):
        assert all(values.dtype in (np.int8, np.float32) for values in read(folder, stored(**changes)).values())
