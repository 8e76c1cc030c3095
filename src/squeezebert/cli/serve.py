"""``squeezebert serve``: models behind HTTP, for the clients that people have."""

from __future__ import annotations

from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from squeezebert.cli.options import threads_option
from squeezebert.errors import MissingExtraError
from squeezebert.serve.settings import (
    LOG_FORMATS,
    LOG_LEVELS,
    Limits,
    ModelSpec,
    ServeSettings,
    model_spec,
    with_limits,
)

NEEDED = ("fastapi", "uvicorn", "prometheus_client", "orjson")
DEFAULTS = ServeSettings((ModelSpec("model", "model"),))
LIMITS = ", ".join(f"{each.name}={getattr(DEFAULTS.limits, each.name)}" for each in fields(Limits))


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--host", default=DEFAULTS.host, show_default=True, help="The address to listen on; 0.0.0.0 is all.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULTS.port, show_default=True, help="0 takes a free one."
)
@threads_option
@click.option("--lazy", is_flag=True, help="Load models when they are first asked for.")
@click.option("--pin", "pinned", multiple=True, metavar="NAME", help="With --lazy: load this one at once, and keep it.")
@click.option(
    "--idle",
    "idle_seconds",
    type=click.FloatRange(0),
    default=DEFAULTS.idle_seconds,
    metavar="SECONDS",
    help="With --lazy: drop a model that nobody asks for that long.  [default: never]",
)
@click.option(
    "--reload",
    "reload_seconds",
    type=click.FloatRange(0),
    default=DEFAULTS.reload_seconds,
    show_default=True,
    metavar="SECONDS",
    help="How often to look for a replaced model; 0 is never.",
)
@click.option(
    "--batch-ms",
    type=click.FloatRange(1),
    default=DEFAULTS.batch_ms,
    show_default=True,
    help="About how long one call of the engine takes while requests wait.",
)
@click.option(
    "--drain",
    "drain_seconds",
    type=click.IntRange(1),
    default=DEFAULTS.drain_seconds,
    show_default=True,
    metavar="SECONDS",
    help="How long requests may take to end after SIGTERM.",
)
@click.option("--api-keys", type=click.Path(path_type=Path, dir_okay=False), help="A file with one API key a line.")
@click.option(
    "--cors", "origins", multiple=True, metavar="ORIGIN", help="Let pages of this origin call the server; '*' is all."
)
@click.option(
    "--web/--no-web",
    default=DEFAULTS.web,
    show_default=True,
    help="Have the browser's demo and the models' files at /web/.",
)
@click.option("--limit", "limits", multiple=True, metavar="NAME=NUMBER", help=f"Change a limit. There are {LIMITS}.")
@click.option(
    "--log-level",
    type=click.Choice(LOG_LEVELS),
    default=DEFAULTS.log_level,
    show_default=True,
    help="The least that is logged.",
)
@click.option(
    "--log-format",
    type=click.Choice(LOG_FORMATS),
    default=DEFAULTS.log_format,
    show_default=True,
    help="JSON, or words; auto is words on a terminal.",
)
@click.option("--log-texts", is_flag=True, help="Let what an error quotes of a text into the log.")
def command(models: tuple[str, ...], api_keys: Path | None, limits: tuple[str, ...], **options: Any) -> None:
    """Serve each MODEL over HTTP, until Ctrl-C or SIGTERM.

    MODEL is a folder or a Hugging Face hub id, or NAME=MODEL; requests call it by NAME, by default the end of its path.
    The addresses are those of Text Embeddings Inference (/embed, /predict, /rerank ...), OpenAI (/v1/embeddings) and
    Hugging Face's inference API (/models/NAME), and /answer, /tag, /fill and /classify. A page to try them is at /,
    the OpenAPI document at /openapi.json. The log is on standard error.

    SQUEEZEBERT_API_KEYS may hold API keys too, with commas. Without any, everyone who reaches the port may ask.

    \b
    squeezebert serve mini
    squeezebert serve mini sentiment=models/mini-sst2 --host 0.0.0.0 --api-keys keys.txt
    curl localhost:8080/embed -H 'Content-Type: application/json' -d '{"inputs": "A text."}'
    """
    for package in NEEDED:
        if find_spec(package) is None:
            raise MissingExtraError("serve", package)
    _run(models, api_keys, limits, options)


def _run(models: tuple[str, ...], api_keys: Path | None, limits: tuple[str, ...], options: dict[str, Any]) -> None:
    import os

    from squeezebert.serve.keys import read_keys
    from squeezebert.serve.log import opened
    from squeezebert.serve.server import serve

    # One text is tokenized sooner here than handed to threads, which would take the cores from the engine.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    settings = ServeSettings(
        models=tuple(map(model_spec, models)),
        keys=read_keys(api_keys, os.environ.get("SQUEEZEBERT_API_KEYS", "")),
        limits=with_limits(limits),
        **options,
    )
    serve(settings, opened(settings.log_level, settings.log_format, settings.log_texts))
