"""nn without torch says which extra brings it."""

from __future__ import annotations

import sys

import pytest

from squeezebert.errors import MissingExtraError


def test_missing_torch_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("squeezebert.nn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'squeezebert\[train\]'"):
        import squeezebert.nn  # noqa: F401
