"""README tables out of benchmarks/results: ``python -m squeezebert.bench.readme README.md [--check]``.

A table stands between ``<!-- bench:NAME -->`` and ``<!-- /bench -->``; NAME is a file of ``benchmarks/results`` beside
the README, without ``.json``, or several of one mode with commas between them, and @1 after them takes the rows of one
thread. ``quality...`` is a JSONL file of ``squeezebert evaluate --json``, ``quality-torch`` one of both backends;
`record_tables` has the tables of records.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from squeezebert.bench.backends import backends_table
from squeezebert.bench.quality import SUFFIX, quality_table
from squeezebert.bench.record_tables import is_record, record_table
from squeezebert.bench.report import Report
from squeezebert.bench.tables import summary
from squeezebert.errors import InputError, SqueezeBertError

QUALITY, BACKENDS = "quality", "quality-torch"
RESULTS = Path("benchmarks") / "results"
_OPENING = re.compile(r"<!-- bench:(\S*) -->")
_BLOCK = re.compile(r"(<!-- bench:([\w.,-]+(?:@\d+)?) -->\n)(.*?)(<!-- /bench -->)", re.DOTALL)


def rendered(text: str, results: Path) -> str:
    """The text with every table between markers written anew from the reports in ``results``.

    Raises:
        InputError: a report is missing or damaged, or a marker is not closed.
    """
    for opening in _OPENING.finditer(text):
        block = _BLOCK.match(text, opening.start())
        if not block or _OPENING.search(block[3]):
            raise InputError(
                f"the marker {opening[0]} has no <!-- /bench --> of its own, or no name or an odd one; "
                "write <!-- bench:NAME --> and <!-- /bench --> on lines of their own"
            )
    return _BLOCK.sub(lambda block: f"{block[1]}{_table(block[2], results)}\n{block[4]}", text)


def _table(names: str, results: Path) -> str:
    if names.startswith(QUALITY):
        table = backends_table if names == BACKENDS else quality_table
        return table(results / f"{names}{SUFFIX}")
    names, _, threads = names.partition("@")
    paths = [results / f"{name}.json" for name in names.split(",")]
    if is_record(paths[0]):
        return record_table(paths)
    reports = [Report.read(path) for path in paths]
    return summary([_with_threads(report, int(threads)) for report in reports] if threads else reports)


def _with_threads(report: Report, threads: int) -> Report:
    """The part of a report that was measured with so many threads.

    Raises:
        InputError: there is none.
    """
    rows = tuple(row for row in report.rows if row.threads == threads)
    if not rows:
        raise InputError(f"{report.command} measured nothing with threads={threads}; correct the number after the @")
    return replace(report, rows=rows, settings={**report.settings, "threads": (threads,)})


def main(arguments: Sequence[str]) -> int:
    """Rewrites the file that is named; with ``--check`` only says whether it is current: 0, or 1 when it is stale.

    2 is an error of the user's, one line on stderr.
    """
    paths = [argument for argument in arguments if argument != "--check"]
    if len(paths) != 1:
        print("usage: python -m squeezebert.bench.readme README.md [--check]", file=sys.stderr)
        return 2
    path = Path(paths[0])
    try:
        before = path.read_text(encoding="utf-8")
        after = rendered(before, path.resolve().parent / RESULTS)
    except (SqueezeBertError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if "--check" in arguments:
        if before != after:
            print(f"{path} is stale; run: python -m squeezebert.bench.readme {path}", file=sys.stderr)
        return int(before != after)
    if before != after:
        path.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
