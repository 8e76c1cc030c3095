"""Node.js for the tests of the browser package: its scripts with JSON in and out, and model folders behind HTTP."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from served import artifact
from source_tree import ROOT

from squeezebert.convert import export_web

WEB = ROOT / "web"
OLDEST_NODE = 20
SECONDS = 600


class Silent(SimpleHTTPRequestHandler):
    """Serves files with some headers on each, and says nothing of it."""

    def __init__(self, *arguments: Any, headers_on_all: dict[str, str], **options: Any) -> None:
        self._headers_on_all = headers_on_all
        super().__init__(*arguments, **options)

    def end_headers(self) -> None:
        """Ends the headers with ours."""
        for name, value in self._headers_on_all.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="session")
def node() -> Callable[..., str]:
    """``node("--test", file)``: what Node.js prints, run in the package's folder."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("Node.js is missing; run: apt-get install nodejs")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        pytest.skip(f"Node.js is {version.strip()}; install {OLDEST_NODE} or newer")

    def run(*arguments: object) -> str:
        command = [found, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=WEB, timeout=SECONDS)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    return run


@pytest.fixture
def script(node: Callable[..., str], tmp_path: Path) -> Callable[..., Any]:
    """``script("run_calls.mjs", values)``: the JSON that a script of web/test makes of these values."""

    def run(name: str, values: Any) -> Any:
        given = tmp_path / "given.json"
        given.write_text(json.dumps(values), encoding="utf-8")
        return json.loads(node(WEB / "test" / name, given))

    return run


@pytest.fixture(scope="session")
def serve_folder() -> Iterator[Callable[..., str]]:
    """``serve_folder(path, headers)``: its address on a server of files, stopped in the end."""
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(folder: Path, headers: dict[str, str] | None = None) -> str:
        handler = partial(Silent, directory=str(folder), headers_on_all=headers or {})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_address[1]}/"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join(10)
        server.server_close()


@pytest.fixture(scope="session")
def web_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``web_folder("regression")``: a small random model of that kind as a page loads it, in float32."""
    home = tmp_path_factory.mktemp("web")

    def make(kind: str, **config: Any) -> Path:
        target = home / "-".join([kind, *map(str, config.values())])
        return target if target.exists() else export_web(artifact(kind, **config), target, precision="float32")

    return make
