"""CLINC150 with more to refuse: its training set has 100 texts out of scope, too few to learn what is no intent.

    python recipes/intents/out_of_scope.py DATA OUT

Writes OUT/clinc150/train_val.json: CLINC150 as published, with 500 questions of QQP's training set and 500 of SQuAD's
added to the training texts out of scope. The validation sets stay as they are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

EACH = 500
SEED = 0


def column(path: Path, at: int) -> list[str]:
    """The texts of a column of a TSV file with a header, each once, in order."""
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:])
    return list(dict.fromkeys(row[at].strip() for row in rows if len(row) > at))


def main() -> None:
    """Read, draw, write."""
    data, out = Path(sys.argv[1]), Path(sys.argv[2]) / "clinc150"
    published = json.loads((data / "intents/clinc150/train_val.json").read_text(encoding="utf-8"))
    rng = np.random.default_rng(SEED)
    for name in ("glue/QQP/train_subset9k.tsv", "glue/QNLI/train_rebuilt_from_squad.tsv"):
        questions = column(data / name, 1)
        drawn = rng.choice(len(questions), EACH, replace=False)
        published["oos_train"] += [[questions[at], "oos"] for at in drawn]
    out.mkdir(parents=True, exist_ok=True)
    (out / "train_val.json").write_text(json.dumps(published), encoding="utf-8")
    print(f"{len(published['oos_train'])} texts out of scope, {len(published['train'])} in scope in {out}")


if __name__ == "__main__":
    main()
