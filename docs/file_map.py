"""Write the README's map: every source file with the first sentence of its own description.

    python docs/file_map.py README.md            writes the map between its markers
    python docs/file_map.py README.md --check    exits 1 when the map is out of date

A file says in one place what it is: where its reader meets it first.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- map -->", "<!-- /map -->"
FOLDERS = (("src/squeezebert", "*.py"), ("native", "*.[ch]*"), ("examples", "*.py"), ("demo", "*.py"), ("docs", "*.py"))


def describe(path: Path) -> str:
    """The first sentence of a Python module's docstring, or of a C++ file's first comment."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        about = ast.get_docstring(ast.parse(text)) or ""
    else:
        opening = re.match(r"(?:#[^\n]*\n|\s)*((?://[^\n]*\n)+|/\*.*?\*/)", text, re.DOTALL)
        about = re.sub(r"^[ \t]*(//+|/\*+|\*+/?)[ \t]?", "", opening[1], flags=re.MULTILINE) if opening else ""
        about = about or f"What `{path.stem}.hpp` declares"
    paragraph = " ".join(about.replace("*/", "").strip().split("\n\n")[0].split())
    return re.split(r"(?<=[^.\d][.!?:]) (?=[A-Z`])", paragraph + " ", maxsplit=1)[0].strip().rstrip(":.")


def file_map(root: Path = ROOT) -> str:
    """The map: one table a folder, one row a file."""
    parts = []
    for folder, pattern in FOLDERS:
        files = sorted((root / folder).rglob(pattern), key=lambda path: (path.parent.as_posix(), path.name))
        rows = [f"| `{path.relative_to(root / folder).as_posix()}` | {describe(path)} |" for path in files]
        if rows:
            parts.append("\n".join([f"**{folder}/**", "", "| file | what it is |", "|---|---|", *rows]))
    return "\n\n".join(parts)


def with_map(text: str, new: str) -> str:
    """The page with its map replaced; ValueError when a marker is missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} ... {END}; add the two lines where the map belongs")
    return f"{before}{BEGIN}\n{new}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Write the map into the page that is named, or compare with ``--check``."""
    page = Path(arguments[0])
    old = page.read_text(encoding="utf-8")
    new = with_map(old, file_map())
    if "--check" in arguments:
        if new != old:
            print(f"the map in {page} is out of date; run: make docs", file=sys.stderr)
        return int(new != old)
    page.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
