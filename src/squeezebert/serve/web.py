"""The demo of the browser package, at ``/web/``: its page, the package, and the models as a page loads them.

``/web/``                  the demo's page and what it needs (``web/demo``)
``/web/squeezebert/``      the package: its modules and its engine
``/web/models/``           ``index.json``, and below ``NAME/`` the folder that `export_web` writes of each model

The first two are what the package has, found once; a model's folder is written when a page first asks for it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections import defaultdict, deque
from itertools import count
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles

from squeezebert.convert.web import FILES, MANIFEST, export_web, web_home
from squeezebert.errors import ArtifactError
from squeezebert.serve.models import Identity, Loaded
from squeezebert.serve.refusals import Refusal
from squeezebert.serve.service import Service

PREFIX = "/web/"
MODELS = "models/"
INDEX = "index.json"
HOME = "index.html"
KEPT = 2  # folders of one model: that of a replaced one may still be read
TYPES = {  # what browsers insist on, whatever the system's own table says
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",  # both are needed for memory that threads share
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cache-Control": "no-cache",
}
CHECKS = StaticFiles()  # for its look at If-None-Match


def is_open(path: str) -> bool:
    """Whether an address needs no key: the page and the package do not; models do, as everywhere."""
    return path == PREFIX.rstrip("/") or (path.startswith(PREFIX) and not path.startswith(PREFIX + MODELS))


class Web:
    """What is below ``/web/``. As a context it removes the models' folders in the end."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._home, self._numbers = Path(), count()
        self._folders: dict[str, deque[tuple[Identity, Path]]] = defaultdict(deque)
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._files, self._complaint = _package()

    def __enter__(self) -> Web:
        self._home = Path(tempfile.mkdtemp(prefix="squeezebert-web-"))
        return self

    def __exit__(self, *reason: object) -> None:
        shutil.rmtree(self._home, ignore_errors=True)

    async def respond(self, request: Request) -> Response:
        """What is at a path below ``/web/``.

        Raises:
            Refusal: 404 where there is nothing, 424 for a model that a page cannot run.
        """
        path = request.scope["path"].removeprefix(PREFIX)
        if path == PREFIX.rstrip("/"):
            return RedirectResponse("web/")
        if path == MODELS + INDEX:
            return Response(orjson.dumps(self._index()), headers=HEADERS, media_type=TYPES[".json"])
        if path.startswith(MODELS):
            return _file(request, await self._model_file(path.removeprefix(MODELS)))
        if path not in self._files:
            raise Refusal(404, self._complaint or f"there is no {PREFIX}{path}; the page is at {PREFIX}")
        return _file(request, self._files[path])

    def _index(self) -> dict[str, Any]:
        heads = self._service.catalogue.heads()
        return {"models": [{"name": name, "kind": head.kind} for name, (head, _) in heads.items()]}

    async def _model_file(self, path: str) -> Path:
        name, _, file = path.partition("/")
        loaded = await self._service.model(name, "any")
        if file not in (MANIFEST, *FILES):
            raise Refusal(404, f"a model's folder has no such file; {MANIFEST} lists what it has")
        return await self._folder(loaded) / file

    async def _folder(self, loaded: Loaded) -> Path:
        """The model's folder, written now if there is none of this version yet."""
        async with self._locks[loaded.name]:
            folders = self._folders[loaded.name]
            if not folders or folders[-1][0] != loaded.identity:
                folders.append((loaded.identity, await self._export(loaded)))
            if len(folders) > KEPT:
                shutil.rmtree(folders.popleft()[1], ignore_errors=True)
            return folders[-1][1]

    async def _export(self, loaded: Loaded) -> Path:
        folder = self._home / f"{loaded.name}-{next(self._numbers)}"
        try:
            return await self._service.aside(lambda: export_web(loaded.model.artifact, folder, name=loaded.name))
        except ArtifactError as error:
            raise Refusal(424, str(error)) from error


def _package() -> tuple[dict[str, Path], str]:
    """The files of the package by their path below ``/web/``; why there are none, where there are none."""
    try:
        home = web_home()
    except ArtifactError as error:
        return {}, str(error)
    files = {path.name: path for path in (home / "demo").iterdir() if path.suffix in TYPES}
    files[""] = files[HOME]
    parts = [home / "package.json", *(home / "src").rglob("*.js"), *(home / "engine").glob("*.wasm")]
    return files | {f"squeezebert/{path.relative_to(home).as_posix()}": path for path in parts}, ""


def _file(request: Request, path: Path) -> Response:
    found = FileResponse(
        path, headers=HEADERS, media_type=TYPES.get(path.suffix, "application/octet-stream"), stat_result=os.stat(path)
    )
    return NotModifiedResponse(found.headers) if CHECKS.is_not_modified(found.headers, request.headers) else found
