"""Training: one loop, and the recipes that give it something to learn. Needs the extra ``train``.

==============  ========================================================================================
settings.py     TrainSettings: the numbers of a run, readable without torch
batching.py     the plan of an epoch: batches of similar lengths within a budget of tokens
optimizers.py   AdamW and LAMB over groups of parameters, and the schedules of their learning rate
checkpoint.py   a run's state on disk: written whole or not at all, verified when read
journal.py      what a run tells: progress bar, log.jsonl, TensorBoard, curves.png
watch.py        NaN and divergence, seen before they spread
hardware.py     processes, number formats and memory: what the machine offers
loop.py         fit: the loop itself
==============  ========================================================================================
"""
