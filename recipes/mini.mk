# The shipped encoder, from data to artifact by one command:  make -f recipes/mini.mk DATA=data
#
# mini is all-MiniLM-L6-v2 with groups of 4: cut out of it, refitted, then distilled from it on text alone, the sentences
# of the tasks' training sets (STS-B is not among them) and Wikipedia articles of 2018 and later. The run resumes where
# it was stopped; log, curves and checkpoints lie in OUT/mini.training. STEPS sets how long it learns.

TEACHER ?= build/demo/all-MiniLM-L6-v2
DATA ?= $(SQUEEZEBERT_DATA)
OUT ?= build/mini
STEPS ?= 5000
SB ?= squeezebert
PYTHON ?= python3
HERE := $(dir $(lastword $(MAKEFILE_LIST)))

.PHONY: mini figures
mini: $(OUT)/mini-int8/squeezebert.json

$(OUT)/tasks.txt:
	mkdir -p $(OUT)
	$(PYTHON) $(HERE)mini/texts.py $(DATA) $@

$(OUT)/mini/squeezebert.json: $(OUT)/tasks.txt
	$(SB) distill --teacher $(TEACHER) --student mini --out $(OUT)/mini --max-steps $(STEPS) \
	  --text $(OUT)/tasks.txt --text $(DATA)/corpus/enwiki_2018_new.txt

$(OUT)/mini-int8/squeezebert.json: $(OUT)/mini/squeezebert.json $(HERE)mini/about.json
	$(SB) quantize $(OUT)/mini $(OUT)/mini-int8
	$(SB) card $(OUT)/mini-int8 --about $(HERE)mini/about.json

# What the README's table of mini says; STS-B was not looked at while it learned.
figures: $(OUT)/mini-int8/squeezebert.json
	for model in $(TEACHER) $(OUT)/mini $(OUT)/mini-int8; do \
	  $(SB) evaluate $$model --task sts-b --data $(DATA) --json; \
	  $(SB) evaluate $$model --task retrieval --data $(DATA) --json; done
