"""Training: one loop, and the recipes that give it something to learn. Needs the extra ``train``.

===============  =======================================================================================
settings.py      TrainSettings: the numbers of a run, readable without torch
loop.py          fit: the loop itself
batching.py      the plan of an epoch: batches of similar lengths within a budget of tokens
optimizers.py    AdamW and LAMB over groups of parameters, and the schedules of their learning rate
hardware.py      what the machine offers: processes, number formats, a compiler, and memory that ends
checkpoint.py    a run's state on disk: written whole or not at all, verified when read
interrupts.py    Ctrl-C;  meter.py: the numbers of steps;  watch.py: NaN and divergence
journal.py       what a run tells: progress bar, log.jsonl, TensorBoard, curves.png
finetune.py      an encoder and labelled data to a model of a task; tasks/ has what each head needs
distill.py       a student learns from its teacher;  distilling.py: what it is asked to have of it
transplant.py    the student as it begins, cut out of its teacher;  grouping.py: channels into groups
refitting.py     least squares: what is left of an encoder, fitted to what there was
pruning.py       what goes and what stays;  importance.py: by examples;  narrowing.py: smaller heads
pretrain.py      an encoder learns a language from text;  language.py: what is trained
masking.py       which words are hidden;  packing.py: documents to sequences
recipes.py       the paper's recipe within a budget;  pace.py: how many tokens fit in so many hours
corpus.py        text as tokens on disk;  corpus_files.py: its folder;  tokenizing.py: how it is made
runner.py        a Model whose arrays come from torch
===============  =======================================================================================
"""
