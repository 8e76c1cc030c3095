"""Write docs/cli.md: the help of every command, as the command line prints it.

python docs/cli_help.py docs/cli.md            writes the page
python docs/cli_help.py docs/cli.md --check    exits 1 when the page is out of date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from squeezebert.cli import COMMANDS, group

WIDTH = 100
INTRODUCTION = """# The command line

Written from the real `--help` by `docs/cli_help.py`; do not edit.

* Texts come from files, or from standard input as `-`. They are UTF-8: an error names the line that is not.
* `--json` puts JSON on standard output, one object a line, and nothing else.
* Exit codes: 0 done; 2 an error that the user can mend, said on one line of standard error; 130 Ctrl-C; 141 the reader
  of our output went away. Anything else is a bug of ours and shows its traceback.
* A file that a command writes appears whole or not at all.
"""


def page() -> str:
    """The whole page."""
    sections = [f"## {' '.join(path)}\n\n```text\n{text}\n```\n" for path, text in helps(group, ("squeezebert",), None)]
    return "\n".join([INTRODUCTION, *sections])


def helps(
    command: click.Command, path: tuple[str, ...], parent: click.Context | None
) -> Iterator[tuple[tuple[str, ...], str]]:
    """The help of a command and, where it is a group, of its commands: the words that call it, and the text."""
    settings = {**command.context_settings, "terminal_width": WIDTH}
    context = click.Context(command, info_name=path[-1], parent=parent, **settings)
    yield path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    if isinstance(command, click.Group):
        for name in COMMANDS if command is group else command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                yield from helps(found, (*path, name), context)


def main(arguments: list[str]) -> int:
    """Write the page that is named, or compare with ``--check``."""
    target, new = Path(arguments[0]), page()
    if "--check" not in arguments:
        target.write_text(new, encoding="utf-8")
        return 0
    if target.exists() and target.read_text(encoding="utf-8") == new:
        return 0
    print(f"{target} is out of date; run: python docs/cli_help.py {target}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
