"""How fast and how large the engine is, beside the other runtimes that are installed here. See docs/benchmarks.md.

================ =======================================================================================
settings.py      shapes, rounds and limits of a run
clock.py         calls in turn, on one machine, in one process: CPU and wall time of each
subject.py       what is measured: a model folder, or a preset with random weights
reference.py     the same weights in transformers' own network, which the peers run
peers.py         the table of peers; onnx_peer.py, openvino_peer.py and torch_peer.py hold them
matrix_forms.py  grouped networks as matrix products, the form that those two run and quantize best
entrants.py      who takes part, each in its fastest form;  agreement.py: whether it computes the same
speed.py         hidden states by shape;  texts.py: texts per second;  cold.py: process start and memory
text_peers.py    peers from strings to vectors;  cold_files.py: what fresh processes load;  corpora.py: the texts
profile.py       our time by kind of operation
pareto.py        accuracy against latency;  onnx_engine.py, headed.py: dense models with heads in onnxruntime
grouped_layer.py forms of a grouped layer in training
training.py      training beside transformers' Trainer;  trainers.py: both, each in its own process
machine.py       CPU, versions and commit;  record.py: beside a measurement of training
report.py        one run as JSON;  tables.py: as Markdown;  plot.py: as a picture
readme.py        README tables out of benchmarks/results
================ =======================================================================================
"""
