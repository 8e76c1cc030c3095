"""API keys: where they are read from, and who is let in."""

from __future__ import annotations

import pytest

from squeezebert.errors import InputError
from squeezebert.serve import keys
from squeezebert.serve.keys import Keys, read_keys

ONE, OTHER = "0123456789abcdef", "fedcba9876543210"


def test_without_keys_everyone_is_let_in():
    assert Keys(()).let_in(b"")
    assert not Keys(())


@pytest.mark.parametrize(
    ("header", "is_let_in"),
    [
        (f"Bearer {ONE}", True),
        (f"bearer  {OTHER} ", True),
        (f"Bearer {ONE}x", False),
        (f"Bearer {ONE[:-1]}", False),
        (f"Token {ONE}", False),
        (ONE, False),
        ("Bearer", False),
        ("Bearer \xff", False),
        ("", False),
    ],
)
def test_a_key_must_be_one_of_them_and_be_borne(header, is_let_in):
    assert Keys((ONE, OTHER)).let_in(header.encode("latin-1")) is is_let_in


def test_every_key_is_compared_in_constant_time_whatever_was_found(monkeypatch):
    compared: list[tuple[int, int]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr(keys.hmac, "compare_digest", compare)
    assert Keys((ONE, OTHER)).let_in(f"Bearer {ONE}".encode())
    assert compared == [(32, 32)] * 2


def test_keys_come_from_a_file_and_from_a_list(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"# the first\n\n{ONE}\n")
    assert read_keys(file, f" {OTHER},") == (OTHER, ONE)
    assert read_keys(None) == ()


def test_files_without_a_good_key_are_refused(tmp_path):
    file = tmp_path / "keys"
    with pytest.raises(InputError, match=r"cannot read the API keys in .*; give a text file with one key a line"):
        read_keys(file)
    file.write_text("# none\n")
    with pytest.raises(InputError, match="holds no API key; write one a line, or leave the option out"):
        read_keys(file)
    with pytest.raises(InputError, match="an API key has 3 characters; take at least 16, at random"):
        read_keys(None, "abc")
