"""The example client, against the real server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from served import Server

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ask_server.py"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLE), *arguments], capture_output=True, text=True, env={"PATH": "", **environment}
    )


def test_the_example_ranks_texts(server: Server):
    texts = ["a b", "france", "the end"]
    done = run(server.url, "paris", *texts)
    assert done.returncode == 0, done.stderr
    expected = server.post("/rerank", {"query": "paris", "texts": texts}).json()
    assert [line.split("  ") for line in done.stdout.splitlines()] == [
        [f"{rank['score']:.3f}", texts[rank["index"]]] for rank in expected
    ]


def test_the_example_shows_its_key_and_says_what_the_server_says(start_server, all_specs):
    server: Server = start_server(all_specs[:1], keys=("0123456789abcdef",))
    assert "error: this server needs an API key" in run(server.url, "a", "b").stderr
    assert run(server.url, "a", "b", SQUEEZEBERT_API_KEY="0123456789abcdef").returncode == 0
    assert "usage: ask_server.py URL QUERY TEXT..." in run(server.url).stderr
