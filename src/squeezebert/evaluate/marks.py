"""Figures that others published for models of this size, in percent, each with where it was read."""

from __future__ import annotations

from dataclasses import dataclass

AVERAGE = "average"


@dataclass(frozen=True)
class Mark:
    """A published figure: whose, on which task ("average" over GLUE), in percent, on which split, and its source."""

    model: str
    task: str
    percent: float
    source: str
    split: str = "dev"


DESIGN = "this project's list of marks to beat, not looked up again"
ETTIN = f"{DESIGN}; the model: Weller et al. 2025, arXiv 2507.11412"
MINILM = "the model card of microsoft/MiniLM-L12-H384-uncased (Wang et al. 2020, arXiv 2002.10957)"
MOBILEBERT = f"{DESIGN}; the model: Sun et al. 2020, arXiv 2004.02984"
SQUEEZEBERT = "GLUE's test server, as listed on paperswithcode.com for Iandola et al. 2020, arXiv 2006.11316"
TINYBERT = f"{DESIGN}; the model: Jiao et al. 2020, arXiv 1909.10351"

# The card of MiniLM does not say whether MRPC and QQP are accuracy or F1: they are left out. Its SQuAD is version 2.0.
_ON_THE_CARD = ("squad2", "mnli", "sst-2", "qnli", "cola", "rte")
_CARD = {
    "BERT-base": (76.8, 84.5, 93.2, 91.7, 58.9, 68.6),
    "MiniLM-L12": (81.7, 85.7, 93.0, 91.5, 58.5, 73.3),
}

_ON_THE_SERVER = {"cola": 46.5, "mnli": 82.0, "qnli": 90.1, "rte": 73.2, "sst-2": 91.4}

MARKS: tuple[Mark, ...] = (
    Mark("SqueezeBERT, rerun", AVERAGE, 80.0, DESIGN),
    Mark("TinyBERT-4", AVERAGE, 77.0, TINYBERT, "test"),
    Mark("Ettin-17m", AVERAGE, 79.2, ETTIN),
    Mark("MiniLM-L12", AVERAGE, 84.6, DESIGN),
    Mark("SqueezeBERT, rerun", "squad", 85.8, DESIGN),
    Mark("MobileBERT", "squad", 90.0, MOBILEBERT),
    Mark("TinyBERT-4", "squad", 82.1, TINYBERT),
    Mark("Ettin-17m", "sst-2", 91.2, ETTIN),
    *(Mark("SqueezeBERT", task, percent, SQUEEZEBERT, "test") for task, percent in _ON_THE_SERVER.items()),
    *(
        Mark(model, task, percent, MINILM)
        for model, row in _CARD.items()
        for task, percent in zip(_ON_THE_CARD, row, strict=True)
    ),
)


def marks_for(task: str) -> tuple[Mark, ...]:
    """The published figures of a task, the highest first."""
    return tuple(sorted((mark for mark in MARKS if mark.task == task), key=lambda mark: -mark.percent))
