# The shipped encoders, from data to artifact, each by one command:  make -f recipes/mini.mk mini DATA=data
#
# mini is all-MiniLM-L6-v2 with groups of 4, small with groups of 2: cut out of it, refitted, then distilled from it on text
# alone, the sentences of the tasks' training sets (STS-B is not among them) and Wikipedia articles of 2018 and later. The
# run resumes where it was stopped; log, curves and checkpoints lie in OUT/NAME.training. STEPS sets how long it learns.

TEACHER ?= build/demo/all-MiniLM-L6-v2
DATA ?= $(SQUEEZEBERT_DATA)
OUT ?= build/mini
STEPS ?= 5000
SB ?= squeezebert
PYTHON ?= python3
HERE := $(dir $(lastword $(MAKEFILE_LIST)))

STUDENTS := mini small
.PHONY: $(STUDENTS) figures
$(STUDENTS): %: $(OUT)/%-int8/squeezebert.json

$(OUT)/tasks.txt:
	mkdir -p $(OUT)
	$(PYTHON) $(HERE)mini/texts.py $(DATA) $@

$(STUDENTS:%=$(OUT)/%/squeezebert.json): $(OUT)/%/squeezebert.json: $(OUT)/tasks.txt
	$(SB) distill --teacher $(TEACHER) --student $* --out $(OUT)/$* --max-steps $(STEPS) \
	  --text $(OUT)/tasks.txt --text $(DATA)/corpus/enwiki_2018_new.txt

$(STUDENTS:%=$(OUT)/%-int8/squeezebert.json): $(OUT)/%-int8/squeezebert.json: $(OUT)/%/squeezebert.json $(HERE)%/about.json
	$(SB) quantize $(OUT)/$* $(OUT)/$*-int8
	$(SB) card $(OUT)/$*-int8 --about $(HERE)$*/about.json

# What the README's table says of both; STS-B was not looked at while they learned.
figures: $(STUDENTS)
	for model in $(TEACHER) $(foreach name,$(STUDENTS),$(OUT)/$(name) $(OUT)/$(name)-int8); do \
	  $(SB) evaluate $$model --task sts-b --data $(DATA) --json; \
	  $(SB) evaluate $$model --task retrieval --data $(DATA) --json; done
