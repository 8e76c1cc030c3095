"""What the browser benchmark's pages are served: our package, others out of npm, the weights in every form, and a host.

The host isolates its pages, so that every runtime may have threads, and counts what they fetch.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squeezebert.convert.web import export_web, web_home
from squeezebert.errors import InputError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from squeezebert.artifact import Artifact

PEERS = {"onnxruntime-web": "1.30.0", "@huggingface/transformers": "4.3.1"}
NPM = Path("build/browser")
PAGE = Path(__file__).parent / "browser_page"
NAMES = {"hidden": "last_hidden_state"}  # what transformers.js calls the output
CODE = (".wasm", ".mjs", ".js")
HEADERS = (
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-embedder-policy", b"require-corp"),
    (b"cache-control", b"no-cache"),
)


def install(folder: Path) -> Path:
    """The peers in their pinned versions, installed below ``folder`` by npm unless they are there; their node_modules.

    Raises:
        InputError: there is no npm, or it fails.
    """
    home, wanted = folder / "node_modules", {"private": True, "dependencies": PEERS}
    known = folder / "package.json"
    if known.is_file() and json.loads(known.read_text(encoding="utf-8")) == wanted and (folder / "done").exists():
        return home
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(
            "there is no npm, which brings the other runtimes; install Node.js, or leave them out: --alone"
        )
    folder.mkdir(parents=True, exist_ok=True)
    known.write_text(json.dumps(wanted), encoding="utf-8")
    command = [npm, "install", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InputError(f"npm cannot install {PEERS}: {done.stderr.strip()[-300:]}; look at its registry and network")
    (folder / "done").touch()
    return home


@dataclass(frozen=True)
class Form:
    """One of onnxruntime's files: its name, where a page fetches it, and which runtime it stands for."""

    name: str
    url: str
    runtime: str


def write_model(artifact: Artifact, site: Path) -> str:
    """Our int8 model folder below ``site``; its address."""
    export_web(artifact, site / "ours")
    return "/files/ours/"


def write_forms(artifact: Artifact, site: Path) -> tuple[Form, ...]:
    """onnxruntime's files in every form, float32 and int8, below ``site``."""
    from squeezebert.bench import onnx_peer
    from squeezebert.bench.peers import Room

    (site / "onnx").mkdir()
    room = Room(artifact, 1, site / "onnx", ())
    made = {"onnxruntime-web": onnx_peer.quantize_all(room), "onnxruntime-web, float32": onnx_peer.export_all(room)}
    return tuple(
        Form(name, f"/files/onnx/{path.name}", runtime)
        for runtime, files in made.items()
        for name, path in files.items()
    )


def write_transformers(artifact: Artifact, site: Path) -> str:
    """The folder that transformers.js loads as "model", of what it calls q8; the address of the folder above it."""
    import onnx

    from squeezebert.convert import export_hf

    folder = export_hf(artifact, site / "transformers" / "model", model_type="bert")
    (folder / "onnx").mkdir()
    source = site / "onnx" / "int8-optimizer-per-column.onnx"
    network = onnx.load(str(source))
    for node in network.graph.node:
        node.output[:] = [NAMES.get(name, name) for name in node.output]
    network.graph.output[0].name = NAMES[network.graph.output[0].name]
    onnx.save(network, str(folder / "onnx" / "model_quantized.onnx"))
    return "/files/transformers/"


@dataclass
class Host:
    """Where the pages are, and the bytes of code that they have fetched, by address."""

    url: str
    fetched: dict[str, int] = field(default_factory=dict)

    def code(self, prefix: str) -> dict[str, int]:
        """The bytes of each file of a runtime that has been fetched since `forget`."""
        return {path: size for path, size in self.fetched.items() if path.startswith(prefix) and path.endswith(CODE)}

    def forget(self) -> None:
        """Count anew."""
        self.fetched.clear()


@contextmanager
def hosted(site: Path, modules: Path) -> Iterator[Host]:
    """A host of the pages, the package, npm's modules and the files below ``site``, for as long as this lasts."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    folders = {"page": PAGE, "web": web_home(), "npm": modules, "files": site}
    app = Starlette(
        routes=[Mount(f"/{name}", StaticFiles(directory=path, check_dir=False)) for name, path in folders.items()]
    )
    with socket.create_server(("127.0.0.1", 0)) as place:
        host = Host(f"http://127.0.0.1:{place.getsockname()[1]}")
        server = uvicorn.Server(uvicorn.Config(_isolated(app, host), log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([place],), daemon=True)
        thread.start()
        try:
            yield host
        finally:
            server.should_exit = True
            thread.join(10)


def _isolated(app: ASGIApp, host: Host) -> ASGIApp:
    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
                host.fetched[scope["path"]] = int(dict(message["headers"]).get(b"content-length", 0))
            await send(message)

        await app(scope, receive, pass_on)

    return call


def chromium() -> str:
    """The system's Chromium.

    Raises:
        InputError: there is none.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise InputError("there is no Chromium to measure in; install it: apt-get install chromium")
    return found


def options() -> dict[str, Any]:
    """How Chromium is started: as root it refuses its own sandbox."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return {"executable_path": chromium(), "args": ["--no-sandbox"] if is_root else []}
