"""How good a model is, on a data set that lies on disk or on the hub. Runs on any ``Model``, whatever computes it.

===============  ===================================================================================
records.py       Evaluation: what was measured; Options: how; Measured: what one kind of task gives
running.py       evaluate, evaluate_split: from a task and its data to figures
classes.py       classification, several labels, CLINC150's queries out of scope
labels.py        the model's labels and the data's, put side by side
numbers.py       regression, and the similarity of pairs by a head or by the cosine of embeddings
tagging.py       entities and their types; the tag of each given word
questions.py     answers in a context, and several choices
squad.py         EM and F1 as SQuAD's own scripts compute them, with the best threshold of no answer
retrieval.py     documents ranked for queries
confidence.py    temperatures and the thresholds of cascades, chosen and judged by folds
glue.py          every GLUE task, one model each, and the average
marks.py         figures that others published, with their sources
===============  ===================================================================================
"""

from __future__ import annotations

from squeezebert.evaluate.glue import GlueReport, evaluate_glue
from squeezebert.evaluate.records import Evaluation, Options
from squeezebert.evaluate.running import evaluate, evaluate_split

__all__ = ["Evaluation", "GlueReport", "Options", "evaluate", "evaluate_glue", "evaluate_split"]
