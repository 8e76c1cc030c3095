"""Reports as Markdown: everything of one run, or a summary of several for the README."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from squeezebert.bench.cold import ColdRow
from squeezebert.bench.peers import OURS, OURS_INT8
from squeezebert.bench.profile import ProfileRow
from squeezebert.bench.report import Report
from squeezebert.bench.speed import SpeedRow
from squeezebert.bench.texts import TextsRow
from squeezebert.errors import InputError

Cells = list[list[str]]


def full(report: Report) -> str:
    """One run as a page: the summary, every figure, and where they come from."""
    title = _TITLES[report.mode]
    models = ", ".join(dict.fromkeys(row.model for row in report.rows))
    details = [] if report.mode != "speed" else ["## Every figure", _details(report), _DETAILS_NOTE]
    left_out = [f"Left out: {skipped.name} ({skipped.reason})." for skipped in report.skipped]
    return "\n\n".join([f"# {title}: {models}", summary([report]), *details, *left_out, _versions(report)]) + "\n"


def summary(reports: Sequence[Report]) -> str:
    """One table over reports of one mode, and a line that says where they were measured.

    Raises:
        InputError: there are no reports, or they are of several modes.
    """
    modes = {report.mode for report in reports}
    if len(modes) != 1:
        raise InputError(
            f"a table needs reports of one mode and got {', '.join(sorted(modes)) or 'none'}; use one table each"
        )
    header, cells = _SUMMARIES[modes.pop()](reports)
    lines = dict.fromkeys(_provenance(report) for report in reports)
    commands = dict.fromkeys(f"`{report.command}`" for report in reports)
    return "\n\n".join([markdown(header, cells), *lines, "Made by " + ", ".join(commands) + "."])


def markdown(header: Sequence[str], cells: Cells) -> str:
    """A Markdown table; the cells of all columns but the first are aligned to the right."""
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(line, widths) for line in [list(header), rule, *cells])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cells[0].ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)),
    ]
    return f"| {' | '.join(padded)} |"


def number(value: float) -> str:
    """Three digits, or all those before the point.

    >>> number(5.2049), number(30.66), number(1791.5)
    ('5.20', '30.7', '1,792')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def headline(row: SpeedRow) -> tuple[float, float]:
    """(milliseconds, ratio to ours) that a summary shows: median CPU time on one thread, median wall time on more."""
    if row.threads == 1:
        return row.cpu_median, row.cpu_ratio_of_medians
    return row.wall_median, row.wall_ratio_of_medians


def _speed(reports: Sequence[Report]) -> tuple[list[str], Cells]:
    rows = [row for report in reports for row in report.rows if isinstance(row, SpeedRow)]
    runtimes = list(dict.fromkeys(row.runtime for row in rows))
    several = len({row.threads for row in rows}) > 1
    places: dict[tuple[str, int, str], dict[str, SpeedRow]] = {}
    for row in rows:
        places.setdefault((row.model, row.threads, row.shape), {})[row.runtime] = row
    cells = [
        [model, *([str(threads)] if several else []), shape, *(_time(found.get(name)) for name in runtimes)]
        for (model, threads, shape), found in places.items()
    ]
    return ["model", *(["threads"] if several else []), "texts x tokens", *(f"{name}, ms" for name in runtimes)], cells


def _time(row: SpeedRow | None) -> str:
    if row is None:
        return "-"
    time, ratio = headline(row)
    return number(time) if row.runtime in (OURS, OURS_INT8) else f"{number(time)} ({ratio:.2f}x)"


def _texts(reports: Sequence[Report]) -> tuple[list[str], Cells]:
    header = [
        "model",
        "texts",
        "threads",
        "runtime",
        "texts/s, median",
        "best",
        "ours is faster by",
        "CPU s per 1,000 texts",
        "cosine",
        "batches",
    ]
    rows = [row for report in reports for row in report.rows if isinstance(row, TextsRow)]
    has_energy = any(row.energy for row in rows)
    cells = [
        [
            *(row.model, f"{row.texts:,}", str(row.threads), row.runtime, f"{row.rate_median:,.0f}"),
            *(f"{row.rate_best:,.0f}", _factor(row.runtime, row.speedup_of_medians), number(row.cpu_seconds_per_1000)),
            *(f"{row.cosine:.4f}", row.note),
            *([number(row.joules_per_1000)] if has_energy else []),
        ]
        for row in rows
    ]
    return [*header, *(["J per 1,000 texts"] if has_energy else [])], cells


def _factor(runtime: str, ratio: float) -> str:
    return "" if runtime in (OURS, OURS_INT8) else f"{ratio:.2f}x"


def _cold(reports: Sequence[Report]) -> tuple[list[str], Cells]:
    header = [
        "model",
        "threads",
        "runtime",
        "first embedding, s",
        "best",
        "peak memory, MB",
        "weights, MB",
        "beyond weights, MB",
    ]
    return header, [
        [
            *(row.model, str(row.threads), row.runtime, f"{row.seconds_median:.2f}", f"{row.seconds_minimum:.2f}"),
            *(f"{row.peak_mb:,.0f}", f"{row.weights_mb:,.0f}", f"{row.over_weights_mb:,.0f}"),
        ]
        for report in reports
        for row in report.rows
        if isinstance(row, ColdRow)
    ]


def _profile(reports: Sequence[Report]) -> tuple[list[str], Cells]:
    header = ["operation", "model", "shape", "threads", "runtime", "ms", "share", "GOP/s", "of peak"]
    return header, [
        [
            *(row.operation, row.model, row.shape, str(row.threads), row.runtime, f"{row.milliseconds:.3f}"),
            *(f"{row.share:.1%}", number(row.gops) if row.gop else "", of_peak(report, row)),
        ]
        for report in reports
        for row in report.rows
        if isinstance(row, ProfileRow)
    ]


def of_peak(report: Report, row: SpeedRow | ProfileRow) -> str:
    """The share of the measured peak in the row's precision; "" where there is no figure for one of the two.

    GOP/s of a profile are of wall time and all threads, those of a SpeedRow of CPU time.
    """
    peak = report.machine.peak.get(row.precision, 0.0) * (row.threads if isinstance(row, ProfileRow) else 1)
    return f"{row.gops / peak:.0%}" if peak and row.gops else ""


_SUMMARIES = {"speed": _speed, "texts": _texts, "cold": _cold, "profile": _profile}
_TITLES = {
    "speed": "Hidden states",
    "texts": "Texts per second",
    "cold": "Cold start",
    "profile": "Where the time goes",
}

_DETAILS_NOTE = (
    "Milliseconds a call; CPU time counts all threads of the process. A ratio is the runtime's time divided by ours: "
    "above 1, we are faster; float32 is compared with our float32, less than that with our int8. Difference: the "
    "largest absolute difference of the hidden states from our float32 ones; cosine: of the embeddings, on average. "
    "Of peak: operations a second of CPU time, beside those of one core in registers, in that precision. "
    "Load: with the making of the runtime's own files, which exports of PyTorch dominate."
)


def _details(report: Report) -> str:
    header = ["shape", "threads", "runtime", "rounds"]
    header += [f"{clock} {figure}" for clock in ("CPU", "wall") for figure in ("min", "median", "p95")]
    header += [f"{clock} ratio, {figure}" for clock in ("CPU", "wall") for figure in ("minima", "medians")]
    header += ["texts/s", "GOP/s", "of peak", "difference", "cosine", "load, s", "form"]
    return markdown(header, [_detail(report, row) for row in report.rows if isinstance(row, SpeedRow)])


def _detail(report: Report, row: SpeedRow) -> list[str]:
    times = (row.cpu_minimum, row.cpu_median, row.cpu_p95, row.wall_minimum, row.wall_median, row.wall_p95)
    ratios: Iterable[float] = (
        *(row.cpu_ratio_of_minima, row.cpu_ratio_of_medians),
        *(row.wall_ratio_of_minima, row.wall_ratio_of_medians),
    )
    first = [row.shape, str(row.threads), row.runtime, str(row.rounds)]
    figures = [*map(number, times), *(f"{ratio:.3f}" for ratio in ratios)]
    figures += [number(row.texts_per_second), number(row.gops), of_peak(report, row)]
    return [*first, *figures, f"{row.difference:.1e}", f"{row.cosine:.4f}", f"{row.load:.2f}", row.note]


def _provenance(report: Report) -> str:
    machine = report.machine
    threads = ", ".join(map(str, report.settings.get("threads", (1,))))
    commit = f", commit {report.commit[:12]}" if report.commit else ""
    peaks = ", ".join(f"{value:,.0f} GOP/s in {name}" for name, value in machine.peak.items())
    peak = f" (one core at most {peaks})" if peaks else ""
    return " ".join(
        [
            f"{machine.cpu}, {machine.usable_cores} cores ({', '.join(_shown(machine.flags))});",
            f"our kernel: {machine.kernel}{peak}; threads: {threads};",
            f"{_peer_versions(report)}{_energy(report)}{report.date}{commit}.",
        ]
    )


def _energy(report: Report) -> str:
    sources = {row.energy for row in report.rows if isinstance(row, TextsRow)} - {""}
    return "".join(f"joules: {source}; " for source in sorted(sources))


def _shown(flags: Sequence[str]) -> Iterator[str]:
    wanted = ("avx2", "avx512f", "avx512_vnni", "amx_int8", "asimd", "asimddp", "i8mm", "sve")
    return (flag for flag in flags if flag in wanted)


def _peer_versions(report: Report) -> str:
    names = {"speed": ("onnxruntime", "openvino", "nncf", "torch", "transformers"), "profile": ()}.get(
        report.mode, ("onnxruntime", "openvino", "torch", "sentence-transformers")
    )
    return "".join(f"{name} {report.versions[name]}; " for name in names if name in report.versions)


def _versions(report: Report) -> str:
    return "Versions: " + ", ".join(f"{name} {version}" for name, version in report.versions.items()) + "."
