"""README tables of measurements that stand in records of their own (`write_record`): one function a mode."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from squeezebert.bench.tables import markdown, number
from squeezebert.errors import InputError

Record = dict[str, Any]
OURS = "squeezebert"


def is_record(path: Path) -> bool:
    """Whether the file is a record of a mode that has a table here; a file that cannot be read is none."""
    try:
        return read_record(path).get("mode") in _TABLES
    except InputError:
        return False


def record_table(paths: Sequence[Path]) -> str:
    """One table over records of one mode, then where they were measured and by which command.

    Raises:
        InputError: a file is missing or damaged, or the modes differ or are not known.
    """
    records = [read_record(path) for path in paths]
    modes = {record.get("mode", "") for record in records}
    if len(modes) != 1 or not modes <= set(_TABLES):
        raise InputError(
            f"a table needs records of one mode of {', '.join(_TABLES)} and got {', '.join(sorted(modes))}"
        )
    header, cells = _TABLES[modes.pop()](records)
    commands = ", ".join(f"`{record['command']}`" for record in records)
    return "\n\n".join([markdown(header, cells), *dict.fromkeys(map(_place, records)), f"Made by {commands}."])


def read_record(path: Path) -> Record:
    """A record of `write_record`; InputError where the file is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path} ({error}); measure it again") from error


def _place(record: Record) -> str:
    machine, versions = record["machine"], record["versions"]
    shown = ("torch", "sentence-transformers", "onnxruntime", "onnxruntime-web", "chromium", "uvicorn")
    told = [f"{name} {versions[name]}" for name in shown if name in versions]
    return f"{machine['cpu']}, {machine['usable_cores']} cores; {', '.join([*told, record['date']])}."


def _serving(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    header = ["model", "server", "texts/s", "of offline", "ours is faster by"]
    header += [f"{name}, p50 / p99 ms" for name in ("full load", "half load", "one connection")]
    return header, [_served(record, row) for record in records for row in record["rows"]]


def _served(record: Record, row: Record) -> list[str]:
    rate = row["full"]["texts_per_second"]
    rates = {other["server"]: other["full"]["texts_per_second"] for other in record["rows"]}
    is_ours = row["server"].startswith(OURS)
    ours = rates.get(f"{OURS}-int8" if "int8" in row["server"] else OURS, 0.0)
    share = f"{rate / row['offline']:.0%}" if row["offline"] else ""
    faster = "" if is_ours or not ours else f"{ours / rate:.2f}x"
    times = [row[name]["milliseconds"] for name in ("full", "half", "alone")]
    return [
        *(row["model"], row["server"], f"{rate:,.0f}", share, faster),
        *(f"{number(found['p50'])} / {number(found['p99'])}" for found in times),
    ]


def _browser(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    header = ["model", "input", "threads", "runtime", "ms, median", "best", "ours is faster by", "how"]
    header += ["first result, ms", ".wasm, kB"]
    return header, [_seen(record, row) for record in records for row in record["rows"]]


def _seen(record: Record, row: Record) -> list[str]:
    firsts = {first["runtime"]: first for first in record["first_results"]}
    first = firsts.get(row["runtime"]) if row["threads"] == 1 else None
    faster = "" if row["runtime"].startswith(OURS) else f"{row['ratio_of_medians']:.2f}x"
    return [
        *(row["model"], row["input"], str(row["threads"]), row["runtime"], number(row["median"])),
        *(number(row["minimum"]), faster, row["note"]),
        *((f"{first['median']:,.0f}", f"{first['bytes_of_wasm'] / 1e3:,.0f}") if first else ("", "")),
    ]


def _pareto(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    metrics = "/".join(dict.fromkeys(record["metric"] for record in records))
    header = ["model", "task", "runtime", "weights", metrics, "over", "ms, best", "median", "times as fast", "MB"]
    return [*header, "on the front"], [_point(record, row) for record in records for row in record["rows"]]


def _point(record: Record, row: Record) -> list[str]:
    return [
        *(row["model"], record["task"], row["runtime"], row["precision"], f"{row['figure']:.4f}", f"{row['items']:,}"),
        *(number(row["milliseconds"]), number(row["milliseconds_median"]), f"{row['faster']:.2f}x"),
        *(f"{row['bytes'] / 1e6:,.1f}", "yes" if row["on_front"] else ""),
    ]


def _next_words(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    header = ["model", "text", "words", "the first", "among 3", "among 5", "keystrokes saved"]
    return header, [_suggested(row) for record in records for row in record["rows"]]


def _suggested(row: Record) -> list[str]:
    shares = (row[name] for name in ("first", "among_3", "among_5", "saved"))
    return [row["model"], row["text"], f"{row['places']:,}", *(f"{share:.1%}" for share in shares)]


def _shares(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    rows = [row for record in records for row in record["rows"]]
    means = [sum(row[role]["mean"] for row in rows) / len(rows) for role in ("teacher", "student")]
    average = ["average", "", *(f"{mean:.4f}" for mean in means), f"{means[1] / means[0]:.1%}", "", ""]
    header = ["task", "figure", "teacher", "student", "share", "training examples", "what to know"]
    return header, [*map(_share, rows), average]


def _share(row: Record) -> list[str]:
    share = f"{row['student']['mean'] / row['teacher']['mean']:.1%}"
    notes = "; ".join(dict.fromkeys([*row["teacher"]["notes"], *row["student"]["notes"]]))
    both = [_seeded(row[role]) for role in ("teacher", "student")]
    return [row["task"], row["figure"], *both, share, f"{row['student']['examples']:,}", notes]


def _seeded(figure: Record) -> str:
    seeds = f" ({figure['seeds']} seeds, {figure['spread']:.3f} apart)" if figure["seeds"] > 1 else ""
    return f"{figure['mean']:.4f}{seeds}"


_TABLES: dict[str, Callable[[Sequence[Record]], tuple[list[str], list[list[str]]]]] = {
    "serving": _serving,
    "browser": _browser,
    "pareto": _pareto,
    "next-words": _next_words,
    "shares": _shares,
}
