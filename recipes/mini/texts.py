"""The unlabelled sentences that ``mini`` learns from besides Wikipedia: one a line, from the training sets of public
tasks; their labels are left out. STS-B is not among them, so that it measures a model that never saw its texts.

    python recipes/mini/texts.py DATA OUT.txt
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

# file -> the columns that hold text, by number
TABLES = {
    "glue/SST-2/train.tsv": (0,),
    "glue/CoLA/train.tsv": (3,),
    "glue/MRPC/train.tsv": (3, 4),
    "glue/MNLI/train_subset10k.tsv": (1, 2),
    "glue/QQP/train_subset9k.tsv": (1, 2),
    "glue/QNLI/train_rebuilt_from_squad.tsv": (1, 2),
    "glue/RTE/train.tsv": (1, 2),
    "nli/snli_train_subset10k.tsv": (1, 2),
    "nli/conjnli_train_15k.tsv": (1, 2),
}
LINES = ("intents/atis/train/seq.in", "intents/snips/train/seq.in")


def sentences(data: Path) -> Iterator[str]:
    """Every text of every training set below ``data``."""
    for name, columns in TABLES.items():
        for line in (data / name).read_text(encoding="utf-8-sig").splitlines():
            cells = line.split("\t")
            yield from (cells[at] for at in columns if at < len(cells))
    for name in LINES:
        yield from (data / name).read_text(encoding="utf-8").splitlines()
    clinc = json.loads((data / "intents/clinc150/train_val.json").read_text(encoding="utf-8"))
    yield from (text for name in ("train", "oos_train") for text, _ in clinc.get(name, ()))
    with open(data / "intents/banking77/train.csv", encoding="utf-8", newline="") as file:
        yield from (row["text"] for row in csv.DictReader(file))


def main() -> None:
    """Write the sentences that are not empty, each once, in the order in which they come."""
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    found = dict.fromkeys(" ".join(text.split()) for text in sentences(data))
    found.pop("", None)
    out.write_text("".join(f"{text}\n" for text in found), encoding="utf-8")
    print(f"{len(found)} sentences in {out}")


if __name__ == "__main__":
    main()
