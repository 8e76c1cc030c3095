"""Labelled data of every task, out of files in their official layouts, tables of one's own, or the hub. No torch.

=============  =====================================================================================
records.py     Labelled, Tagged, Question, Choices, and Split, which holds them
places.py      which file of a folder holds which split, and what is to be said of a reduced one
examples.py    rows of a table to examples: columns, labels, numbers, several labels, choices
targets.py     what stands in a label's or a number's place, checked
glue.py        GLUE's own files: no quotes, CoLA without a header, torn lines
squad.py       SQuAD's JSON, and its rows on the hub
tagged.py      one token and tag a line; seq.in, seq.out and label of ATIS and SNIPS
clinc.py       CLINC150's JSON, with the queries that are out of scope
hub.py         rows of the hub's data sets, through ``datasets``
words.py       sentences of given words, and which token of an encoding begins which word
=============  =====================================================================================

>>> from squeezebert.data import read_split
>>> read_split("sst-2", "glue", "train").examples[0]                     # doctest: +SKIP
Labelled(text='hide new secretions from the parental units', target='negative')
"""

from __future__ import annotations

from squeezebert.data.reading import read_split, splits_in, task_named
from squeezebert.data.records import Choices, Example, Labelled, Question, Split, Tagged

__all__ = [
    "Choices",
    "Example",
    "Labelled",
    "Question",
    "Split",
    "Tagged",
    "read_split",
    "splits_in",
    "task_named",
]
