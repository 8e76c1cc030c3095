"""``squeezebert serve``: the options reach the server, and what cannot be served is one line."""

from __future__ import annotations

from typing import Any

import pytest

from squeezebert.serve import server
from squeezebert.serve.settings import Limits, ModelSpec, ServeSettings


@pytest.fixture
def served(monkeypatch):
    """What a server would have been started with, instead of one."""
    found: list[tuple[ServeSettings, Any]] = []
    monkeypatch.setattr(server, "serve", lambda settings, log: found.append((settings, log)))
    return found


def test_defaults_are_those_of_the_settings(run, served):
    assert run("serve", "models/mini").code == 0
    assert served[0][0] == ServeSettings((ModelSpec("mini", "models/mini"),))


def test_options_reach_the_settings(run, served, tmp_path, monkeypatch):
    keys = tmp_path / "keys"
    keys.write_text("0123456789abcdef\n")
    monkeypatch.setenv("SQUEEZEBERT_API_KEYS", "fedcba9876543210")
    done = run(
        *("serve", "a=x/y", "b", "--host", "::1", "--port", "0", "--threads", "2", "--lazy", "--pin", "b"),
        *("--idle", "60", "--reload", "0", "--batch-ms", "5", "--drain", "7", "--api-keys", keys),
        *("--cors", "https://a.example", "--limit", "texts=9", "--log-level", "error", "--log-texts"),
        "--no-web",
    )
    assert done.code == 0, done.err
    settings, log = served[0]
    assert settings == ServeSettings(
        models=(ModelSpec("a", "x/y"), ModelSpec("b", "b")),
        host="::1",
        port=0,
        threads=2,
        batch_ms=5.0,
        lazy=True,
        pinned=("b",),
        idle_seconds=60.0,
        reload_seconds=0.0,
        drain_seconds=7,
        keys=("fedcba9876543210", "0123456789abcdef"),
        origins=("https://a.example",),
        web=False,
        limits=Limits(texts=9),
        log_level="error",
        log_format="auto",
        log_texts=True,
    )
    assert (log.level, log.texts) == ("error", True)


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["a", "a"], "two models are called 'a'; write one of them as NAME=MODEL"),
        (["a", "--limit", "x=1"], "is not a limit; write NAME=NUMBER"),
        (["a", "--pin", "b"], "there is no model 'b' to pin; choose one of a"),
        (["a", "--api-keys", "none-such"], "cannot read the API keys in none-such"),
        (["models/none/such/at-all", "--port", "0"], "does not exist; give the folder of a model"),
    ],
)
def test_what_cannot_be_served_is_one_line(run, args, part):
    done = run("serve", *args)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert part in done.err


def test_without_the_extra_the_pip_line_is_said(run, monkeypatch):
    import squeezebert.cli.serve as command

    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "uvicorn" else object())
    done = run("serve", "a")
    assert (done.code, done.err) == (2, "error: uvicorn is not installed; run: pip install 'squeezebert[serve]'\n")


def test_help_says_the_limits(run):
    assert "texts=2048" in " ".join(run("serve", "--help").out.split())
