"""What a squeeze did, as report.md for people and report.json for machines, and its picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from squeezebert.bench.machine import this_machine
from squeezebert.errors import MissingExtraError
from squeezebert.squeeze.measures import JOULES, meter_here
from squeezebert.squeeze.opening import HELD_OUT
from squeezebert.squeeze.plot import draw
from squeezebert.squeeze.running import DEV, SECONDS, Squeezed, told
from squeezebert.squeeze.targets import ACCURACY, LATENCY, MEMORY, SIZE, figure_of

MARKDOWN, JSON, PICTURE = "report.md", "report.json", "pareto.png"
START = "start"


def report_of(found: Squeezed) -> dict[str, Any]:
    """Everything there is to say of a squeeze, as JSON values. Figures: MB are 10^6 bytes, latencies milliseconds."""
    under_way = found.under_way
    rows = [{"step": START, "plan": 0, "folder": "", **under_way.figures}]
    for trial in found.trials:
        known = {row["folder"] for row in rows}
        rows += [
            {"step": row.name, "plan": row.plan, "folder": row.folder, **row.figures}
            for row in trial.rows
            if row.folder not in known
        ]
    return {
        "target": str(under_way.targets),
        "met": found.met,
        "out": str(under_way.out.folder) if found.met else None,
        "best": found.best.place.folder.name if found.best else None,
        "missed": missed(found),
        "task": under_way.settings.task,
        "threads": under_way.settings.threads,
        "plans": [_plan(found, number) for number in range(len(found.trials))],
        "rows": rows,
        "losses": under_way.probes.found,
        "energy": meter_here().source,
        "machine": this_machine().cpu,
    }


def _plan(found: Squeezed, number: int) -> dict[str, Any]:
    under_way, trial = found.under_way, found.trials[number]
    lost = [str(target) for target in under_way.targets.missed(trial.figures, under_way.figures)]
    return {
        "plan": str(trial.plan),
        "folder": trial.place.folder.name,
        "verified": DEV in trial.figures,
        "missed": lost,
    }


def missed(found: Squeezed) -> list[str]:
    """A clause for each target that the best artifact misses: what is asked, and how near it came."""
    if found.met or found.best is None:
        return []
    under_way, figures = found.under_way, found.best.figures
    asked = under_way.targets.missed(figures, under_way.figures)
    return [f"{target} comes to {told(target, figures)}" for target in asked]


def write_report(found: Squeezed) -> dict[str, Any]:
    """Writes the report and its picture into OUT.squeeze; without matplotlib there is no picture. Gives the report."""
    report, folder = report_of(found), found.under_way.out.state
    (folder / JSON).write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    try:
        draw(report, folder / PICTURE)
    except MissingExtraError as error:
        found.under_way.out.say(f"note: {PICTURE} is not drawn: {error}")
    (folder / MARKDOWN).write_text(markdown(report, folder), encoding="utf-8")
    return report


def markdown(report: Mapping[str, Any], folder: Path) -> str:
    """The report as a page."""
    if report["met"]:
        verdict = "Met by the start as it is." if report["best"] is None else f"Met by {report['best']}."
    else:
        verdict = f"Not met. Nearest is {report['best']}: {'; '.join(report['missed'])}."
    lines = [f"# {report['task']}: {report['target']}", "", verdict, "", *table(report), ""]
    lines += [
        f"Latency is the median of the engine, threads: {report['threads']}. Accuracy is on the dev set; in "
        "parentheses on held-out training examples, of steps that are not trained yet. Memory is the peak of a "
        "process that loads the model.",
        "",
    ]
    if report["energy"]:
        lines += [f"Energy: {report['energy']}; joules of 1,000 texts.", ""]
    lines += [f"Machine: {report['machine']}.", ""]
    if (folder / PICTURE).exists():
        lines += [f"![accuracy against latency and size]({PICTURE})", ""]
    lines += ["## Plans", ""]
    lines += [f"{at}. {_outcome(plan)}" for at, plan in enumerate(report["plans"], 1)] or ["None was needed."]
    return "\n".join([*lines, "", "## What steps lose alone, untrained", "", *_losses(report["losses"])]) + "\n"


def _outcome(plan: Mapping[str, Any]) -> str:
    if not plan["missed"]:
        return f"{plan['plan']}: meets every target ({plan['folder']})"
    when = "after it was trained" if plan["verified"] else "before anything was trained"
    return f"{plan['plan']}: misses {', '.join(plan['missed'])}, {when} ({plan['folder']})"


def _losses(found: Mapping[str, float | None]) -> list[str]:
    if START not in found:
        return ["Nothing had to be measured."]
    whole = found[START] or 0.0
    rows = ["| step | figure on held-out training examples | points lost |", "|---|---|---|"]
    for name, value in found.items():
        lost = "cannot be made | " if value is None else f"{value:.4f} | {100 * (whole - value):.2f}"
        rows.append(f"| {name} | {lost} |")
    return rows


def table(report: Mapping[str, Any]) -> list[str]:
    """The table of steps as lines of Markdown."""
    header, rows = cells(report)
    return [_line(header), "|" + "---|" * len(header), *map(_line, rows)]


def cells(report: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """(the header, a row a step) of the table of steps."""
    lengths = [name for name in report["rows"][0] if name.startswith(f"{LATENCY}_")]
    header = ["step", "accuracy", "MB", *(f"ms at {name.partition('@')[2]}" for name in lengths)]
    header += ["memory MB", "J", "trained s"]
    rows = []
    for row in report["rows"]:
        name = row["folder"] or row["step"]
        cost = [f"{row[figure_of(SIZE)]:.2f}", *(f"{row[length]:.2f}" for length in lengths)]
        more = [f"{row[figure_of(MEMORY)]:.0f}", f"{row[JOULES]:.1f}" if JOULES in row else "", _seconds(row)]
        rows.append([name, _accuracy(row), *cost, *more])
    return header, rows


def _accuracy(row: Mapping[str, Any]) -> str:
    return f"{row[ACCURACY]:.4f}" if ACCURACY in row else f"({row[HELD_OUT]:.4f})"


def _seconds(row: Mapping[str, Any]) -> str:
    return f"{row[SECONDS]:.0f}" if SECONDS in row else ""


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
