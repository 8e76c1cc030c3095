"""From targets to a model: which steps, in which order, run, measured and told. See docs/squeeze.md.

=============  ===================================================================================
targets.py     latency<5ms@128, size<8MB, memory<100MB, accuracy>=0.98x: read and checked
settings.py    what a squeeze is asked beside its targets
forms.py       what a model of some shape weighs and computes, before there is one
plans.py       the steps there are, how far each may go, and plans in the order of what they lose
measures.py    latency, memory and joules of a model on this machine; a calibration to predict by
steps.py       running one step: an artifact to an artifact
probes.py      what each step loses, untrained, on examples held out of the training set
store.py       OUT.squeeze: every step's artifact and figures, so that a squeeze can go on
opening.py     everything that is known and measured before the first plan
recovering.py  training within a budget, the start as teacher
running.py     plan, cut, recover, quantize, verify, and again until the targets are met
foresight.py   the first plan with predictions only
report.py      report.md and report.json;  plot.py: pareto.png
=============  ===================================================================================

torch is needed to cut and to recover, and is imported then, by way of ``train``.
"""
