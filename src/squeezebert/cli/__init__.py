"""The command line. A command is a module of this package with a click command named ``command``, and a row below.

Only click is imported until a command is chosen, so that help is instant; modules import numpy, the engine and
everything else inside their functions.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

from squeezebert.errors import AccuracyError, SqueezeBertError

# name -> (module, help in one line); the order is the order of `squeezebert --help`
COMMANDS: dict[str, tuple[str, str]] = {
    "import": ("squeezebert.cli.import_", "Turn a BERT, DistilBERT or SqueezeBERT checkpoint into an artifact."),
    "export": ("squeezebert.cli.export", "Write an artifact as a checkpoint for other libraries."),
    "factorize": ("squeezebert.cli.factorize", "Put layers into two thin factors each, or attention into few rows."),
    "quantize": ("squeezebert.cli.quantize", "Make a model's weights int8: a quarter of the size, and faster."),
    "prior": ("squeezebert.cli.prior", "Make one class of a classifier as likely as it will be in use."),
    "prune": ("squeezebert.cli.prune", "Take away the heads, channels and layers that matter least."),
    "squeeze": (
        "squeezebert.cli.squeeze",
        "Squeeze a finetuned model until it meets targets: size, latency, accuracy.",
    ),
    "calibrate": ("squeezebert.cli.calibrate", "Make a classifier's scores as often right as they say."),
    "cascade": ("squeezebert.cli.cascade", "Join a small and a large classifier: the large one where it is needed."),
    "info": ("squeezebert.cli.info", "Show a model's size, cost, labels, history and metrics."),
    "card": ("squeezebert.cli.card", "Show a model's card, or say more in it."),
    "embed": ("squeezebert.cli.embed", "Turn texts into vectors."),
    "search": ("squeezebert.cli.search", "Index texts and find the nearest to a query."),
    "predict": ("squeezebert.cli.predict", "Classify, tag or score texts, as the model's head does."),
    "answer": ("squeezebert.cli.answer", "Find the answer to a question in a text."),
    "fill": ("squeezebert.cli.fill", "Fill the mask in a text."),
    "serve": ("squeezebert.cli.serve", "Serve models over HTTP, for the clients that people have."),
    "distill": ("squeezebert.cli.distill", "Teach a small student to embed as its teacher does, from text alone."),
    "finetune": ("squeezebert.cli.finetune", "Train a model on a task, from labelled data."),
    "pretrain": ("squeezebert.cli.pretrain", "Train an encoder on text alone, by masked words."),
    "train-tokenizer": ("squeezebert.cli.train_tokenizer", "Learn a tokenizer from text, in any language."),
    "evaluate": ("squeezebert.cli.evaluate", "Measure a model's quality on a data set."),
    "bench": ("squeezebert.cli.bench", "Measure a model's speed and memory, beside other runtimes."),
}

EXIT_USER_ERROR = 2
EXIT_REFUSED = 3  # what was made loses more than --max-drop allows, or misses a target
EXIT_INTERRUPTED = 130  # what a shell reports for SIGINT
EXIT_BROKEN_PIPE = 141  # what a shell reports for SIGPIPE


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called; their one-line help comes from the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The click command of that name, imported now; None when the table has no such row."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        return import_module(module).command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click does, but an unknown command is answered with the known ones."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}; choose one of {', '.join(COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(version("squeezebert"))
    except PackageNotFoundError:
        click.echo("unknown (squeezebert runs from a source tree that is not installed)")
    ctx.exit()


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
@click.pass_context
def group(ctx: click.Context) -> None:
    """Small, fast text encoders on a CPU: embed, search, classify, tag, answer and fill in text.

    MODEL is a folder or a Hugging Face hub id. Texts come from files, or from standard input as "-".
    """
    if os.environ.get("NO_COLOR"):  # https://no-color.org
        ctx.color = False
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 is success, 2 a user's error (one line on stderr), 3 a result that --max-drop refused (the same), 130 Ctrl-C, 141
    a reader of our output that went away.
    Any other exception is a bug and leaves as it is, with its traceback.
    """
    _write_utf8()
    if args is None:  # this process is ours
        signal.signal(signal.SIGTERM, _terminate)
    try:
        with group.make_context("squeezebert", list(sys.argv[1:] if args is None else args)) as ctx:
            group.invoke(ctx)
            _flush()
        return 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return EXIT_INTERRUPTED
    except click.UsageError as error:
        where = f"; see: {error.ctx.command_path} --help" if error.ctx else ""
        return _fail(error.format_message().rstrip(".") + where)
    except AccuracyError as error:
        return _fail(str(error), EXIT_REFUSED)
    except (SqueezeBertError, click.ClickException) as error:
        return _fail(str(error))
    except OSError as error:
        return _system_error(error)


def _terminate(number: int, frame: object) -> None:
    """End as the default would, but by way of every ``finally``, so that no half-written file stays behind."""
    sys.exit(128 + number)


def _write_utf8() -> None:
    """Output is UTF-8 wherever it goes; what cannot be encoded is escaped instead of stopping a run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _flush() -> None:
    """Write out what is buffered now, where a closed pipe or a full disk can still be reported."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _fail(message: str, code: int = EXIT_USER_ERROR) -> int:
    line = " ".join(message.split())
    click.echo(f"{click.style('error:', fg='red')} {line}", err=True)
    return code


def _system_error(error: OSError) -> int:
    """A closed pipe ends quietly; a full disk or a missing permission is the user's; without errno it is a bug."""
    if error.errno is None:
        raise error
    if error.errno not in (errno.EPIPE, errno.ESHUTDOWN):
        return _fail(f"{error.filename or 'standard output'}: {error.strerror}")
    # The interpreter flushes stdout once more when it exits; let that go nowhere instead of failing.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_BROKEN_PIPE
