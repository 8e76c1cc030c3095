"""The demo: index passages of 28 novels, find them by what they are about, and ask the task models a thing or two.

    python demo/demo.py [MODEL] --index FOLDER

``make demo`` runs it with mini, which comes with the package. The index is built on the first run and used again on
the next.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tasks

if TYPE_CHECKING:
    from squeezebert import Model
    from squeezebert.search import Hit, Index

HERE = Path(__file__).resolve().parent
PASSAGES = HERE / "passages.jsonl"
QUERIES = HERE / "queries.jsonl"
TOP = 3
SHOWN = 150  # characters of a passage
MEBI = 2**20


def main() -> int:
    """Load, index, search, and say what it took."""
    arguments = parse_arguments()
    started = time.perf_counter()
    import squeezebert as sb

    model = sb.load(arguments.model, threads=arguments.threads)
    print(f"model     {arguments.model}: {model.artifact.num_parameters / 1e6:.1f} M parameters, ", end="")
    print(f"{model.engine.kernel} kernel, {model.threads} thread(s), loaded in {time.perf_counter() - started:.2f} s")
    index = open_index(model, arguments.index)
    passages = read_rows(PASSAGES)
    model.embed("the first text of a process also pays for its memory")
    seconds, right = [], 0
    for row in read_rows(QUERIES):
        began = time.perf_counter()
        hits = index.search(model, row["query"], top=TOP)
        seconds.append(time.perf_counter() - began)
        found = [passages[hit.line - 1] for hit in hits]
        right += found[0]["title"] == row["expected"]
        show(row, hits, found)
    summary(seconds, right, len(index))
    print(f"\n{bold('models/')}")
    for line in tasks.lines():
        print(f"  {line}")
    print(f"\nask it    {Path(sys.executable).parent / 'squeezebert'} search query {arguments.index}")
    return 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="mini", help="a model's name or folder")
    parser.add_argument("--index", type=Path, required=True, help="where the index is kept")
    parser.add_argument("--threads", type=int, help="CPU threads; by default one a physical core")
    return parser.parse_args()


def open_index(model: Model, folder: Path) -> Index:
    """The index of an earlier run if it still fits the passages and the model, else a new one."""
    from squeezebert import SqueezeBertError
    from squeezebert.search import Index, IndexSettings

    try:
        index = Index.load(folder)
        index.check_model(model)
        if (folder / "index.json").stat().st_mtime > PASSAGES.stat().st_mtime:
            print(f"index     {folder}: {len(index)} passages, from an earlier run")
            return index
    except SqueezeBertError:
        pass  # none there, or one of another model
    began = time.perf_counter()
    index = Index.build(model, [PASSAGES], folder, IndexSettings(reuse=False))
    took = time.perf_counter() - began
    print(f"index     {folder}: {len(index)} passages in {took:.1f} s, {len(index) / took:.0f} passages a second")
    return index


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def show(row: dict[str, Any], hits: list[Hit], found: list[dict[str, Any]]) -> None:
    """One query with its best passages."""
    print(f"\n{bold(row['query'])}")
    for hit, passage in zip(hits, found, strict=True):
        print(f"  {hit.score:.3f}  {bold(passage['title'])}, {passage['author']}")
        text = textwrap.shorten(passage["text"], SHOWN, placeholder=" …")
        print(textwrap.fill(text, 88, initial_indent=" " * 9, subsequent_indent=" " * 9))


def summary(seconds: list[float], right: int, passages: int) -> None:
    """What it took."""
    print(f"\nright     the first result is the expected book for {right} of {len(seconds)} queries")
    print(f"time      {statistics.median(seconds) * 1e3:.1f} ms a query, the median of {len(seconds)}, ", end="")
    print(f"embedding and search over {passages} passages together")
    print(f"memory    {peak_memory() / MEBI:.0f} MiB at most, Python and the model included")


def peak_memory() -> int:
    """The most memory this process has held so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def bold(text: str) -> str:
    """The text in bold on a terminal, as it is elsewhere."""
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text


if __name__ == "__main__":
    sys.exit(main())
