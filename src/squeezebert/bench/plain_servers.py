"""Servers as people write them around other runtimes: ``... bench.plain_servers NAME SOURCE PORT THREADS``.

A FastAPI endpoint that tokenizes, runs and answers with lists of numbers, one request at a time: without the lock
requests would take the cores from each other, and every one of them would be slower. NAME is one of SERVERS; SOURCE is
what it loads: a folder that sentence-transformers reads, or one with ``texts-int8.onnx`` and ``tokenizer.json``.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from squeezebert.errors import InputError, MissingExtraError

Embed = Callable[[list[str]], np.ndarray]
ONNX = "texts-int8.onnx"
LONGEST = 256  # tokens, where all-MiniLM-L6-v2 cuts


def _sentence_transformers(source: Path, threads: int) -> Embed:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    torch.set_num_threads(threads)
    model = SentenceTransformer(str(source), device="cpu")
    return lambda texts: np.asarray(model.encode(texts, show_progress_bar=False))


def _onnxruntime(source: Path, threads: int) -> Embed:
    from tokenizers import Tokenizer

    from squeezebert.bench.onnx_peer import open_session

    session = open_session(source / ONNX, threads)
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.enable_padding()
    tokenizer.enable_truncation(LONGEST)

    def embed(texts: list[str]) -> np.ndarray:
        found = tokenizer.encode_batch(texts)
        mask = np.array([each.attention_mask for each in found], np.int64)  # [B, S]
        types = np.zeros_like(mask)
        feed = {"input_ids": np.array([each.ids for each in found], np.int64), "attention_mask": mask}
        hidden = np.asarray(session.run(None, {**feed, "token_type_ids": types})[0])  # [B, S, C]
        vectors = (hidden * mask[:, :, None]).sum(axis=1)  # of length 1 in the end, so the mean is the sum
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return embed


SERVERS: dict[str, Callable[[Path, int], Embed]] = {
    "sentence-transformers": _sentence_transformers,
    "onnxruntime-int8": _onnxruntime,
}


def make_app(embed: Embed) -> Any:
    """An application with ``POST /embed`` and ``GET /health``.

    Raises:
        MissingExtraError: fastapi is not installed.
    """
    try:
        from fastapi import Body, FastAPI
    except ImportError as error:
        raise MissingExtraError("serve", "fastapi") from error
    app, lock = FastAPI(), threading.Lock()

    def answer(inputs: Any = Body(embed=True)) -> list[list[float]]:  # noqa: B008
        with lock:
            return embed([inputs] if isinstance(inputs, str) else inputs).tolist()

    app.add_api_route("/embed", answer, methods=["POST"], response_model=None)
    app.add_api_route("/health", lambda: "well", methods=["GET"])
    return app


def main(arguments: list[str]) -> None:
    """Serve until the process is ended.

    Raises:
        InputError: there is no such server.
    """
    import uvicorn

    name, source, port, threads = arguments
    if name not in SERVERS:
        raise InputError(f"there is no server {name!r}; choose one of {', '.join(SERVERS)}")
    app = make_app(SERVERS[name](Path(source), int(threads)))
    uvicorn.run(app, port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main(sys.argv[1:])
