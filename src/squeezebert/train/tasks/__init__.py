"""What finetuning trains: a head of each kind, from labelled examples to a loss.

=============  =====================================================================================
settings.py    FinetuneSettings: the numbers of a finetuning, and what suits each kind; no torch
sources.py     which data is read: training set, dev sets, texts without labels
preparing.py   Prepared: model, head, data and settings checked and put together, before any step
heads.py       a new head on an encoder
encoding.py    labelled examples to arrays; answers.py and words.py find their targets among tokens
units.py       the unit of a regression's numbers, taken out and given back
weights.py     how much each class counts
examples.py    those arrays, and batches of tensors out of them
rows.py        a batch through the network to rows of logits
losses.py      what rows of logits cost, against targets, against a teacher, against each other
attack.py      adversarial training (FGM)
teaching.py    a teacher: whether it fits, its logits, and the terms of hidden states and attention
objective.py   Finetuning: the module that the loop trains, its loss put together of the above
=============  =====================================================================================
"""
