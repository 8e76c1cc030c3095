# What compression costs, by one command:  make -f recipes/compressed.mk figures DATA=data
#
#   mini-sts-b   mini with 70 % of its FLOPs, by factors, and distilled again
#   mini         mini-sst2 with 70 % of its FLOPs, and with half of its feed-forward and a third of its heads pruned;
#                both trained again
#   minilm       all-MiniLM-L6-v2 with half of its feed-forward and a quarter of its heads pruned, and its form for SST-2
#                likewise, trained again
#   int4         mini and all-MiniLM-L6-v2 with layers in four bits
#   cascade      mini-sst2, whole and pruned, in front of the teacher, all in int8
#   squeeze      the teachers of SST-2 and CLINC150, to less than 10 MB with 0.98 of their accuracy
#
# after `make -f recipes/tasks.mk mini-sst2`, with the same OUT; what is made lies in OUT/compressed. `figures` prints what
# evaluate says of them all, float32 and int8, and of the cascades: benchmarks/results has these lines in
# quality-compressed.jsonl and cascade-sst-2.jsonl.

MINI ?= build/mini/mini
TEACHER ?= build/demo/all-MiniLM-L6-v2
DATA ?= $(SQUEEZEBERT_DATA)
OUT ?= build/tasks
SB ?= squeezebert
ARGS ?=
TEXT ?= $(OUT)/../mini/tasks.txt

CUT := $(OUT)/compressed
LARGE := $(OUT)/teacher/sst-2
WHOLE := $(OUT)/mini/sst-2-int4
SST2 := --task sst-2 --data $(DATA)
TAUGHT := $(SST2) --teacher $(LARGE)-int8 --text $(OUT)/sst-2-texts.txt --teach-weight 0.9 --batch-size 96 --dropout 0

define NEXT


endef

.PHONY: mini-sts-b mini minilm int4 cascade squeeze figures
mini-sts-b: $(CUT)/mini-factorized-again
mini: $(CUT)/mini-sst2-factorized-again $(CUT)/mini-sst2-pruned-again
minilm: $(CUT)/minilm-pruned $(CUT)/teacher-sst2-pruned-again

$(CUT)/mini-factorized:
	$(SB) factorize $(MINI) $@ --budget 0.7 --text $(TEXT) $(ARGS)
$(CUT)/mini-factorized-again: $(CUT)/mini-factorized
	$(SB) distill --teacher $(TEACHER) --student $< --out $@ --max-steps 1100 --learning-rate 1e-3 \
	  --text $(TEXT) --text $(DATA)/corpus/enwiki_2018_new.txt $(ARGS)

$(CUT)/mini-sst2-factorized:
	$(SB) factorize $(WHOLE) $@ --budget 0.7 $(SST2) $(ARGS)
$(CUT)/mini-sst2-factorized-again: $(CUT)/mini-sst2-factorized
	$(SB) finetune $< $(TAUGHT) --out $@ --max-steps 900 --learning-rate 2e-4 --evaluate-every 300 $(ARGS)
$(CUT)/mini-sst2-pruned:
	$(SB) prune $(WHOLE) $@ --heads 0.333 --ffn 0.5 $(SST2) $(ARGS)
$(CUT)/mini-sst2-pruned-again: $(CUT)/mini-sst2-pruned
	$(SB) finetune $< $(TAUGHT) --out $@ --max-steps 1200 --learning-rate 2e-4 --evaluate-every 300 $(ARGS)

$(CUT)/minilm-pruned:
	$(SB) prune $(TEACHER) $@ --heads 0.25 --ffn 0.5 --text $(TEXT) $(ARGS)
$(CUT)/teacher-sst2-pruned:
	$(SB) prune $(LARGE) $@ --heads 0.25 --ffn 0.5 $(SST2) $(ARGS)
$(CUT)/teacher-sst2-pruned-first: $(CUT)/teacher-sst2-pruned
	$(SB) finetune $< $(TAUGHT) --out $@ --max-steps 600 --learning-rate 5e-5 --evaluate-every 300 $(ARGS)
$(CUT)/teacher-sst2-pruned-again: $(CUT)/teacher-sst2-pruned-first
	$(SB) finetune $< $(TAUGHT) --out $@ --max-steps 1500 --learning-rate 5e-5 --evaluate-every 300 $(ARGS)

# Layers in int4, the tables in int8 or int4, rounded to the nearest or by the sentences of the task they are measured on.
ROUNDED := nearest-int8 nearest-int4 texts-int8 texts-int4
HOW_nearest := --nearest
HOW_texts := --task sts-b --data $(DATA)
INT4 := $(foreach form,$(ROUNDED),$(CUT)/mini-$(form) $(CUT)/minilm-$(form))
int4: $(INT4)
ROUND = $(SB) quantize $(1) $@ --weights int4 --embeddings $(lastword $(subst -, ,$*)) $(HOW_$(firstword $(subst -, ,$*))) $(ARGS)
$(addprefix $(CUT)/minilm-,$(ROUNDED)): $(CUT)/minilm-%:
	$(call ROUND,$(TEACHER))
$(addprefix $(CUT)/mini-,$(ROUNDED)): $(CUT)/mini-%:
	$(call ROUND,$(MINI))

# --max-cost looks at no labels; how much may be lost on the dev set is what --max-drop is for.
LIMITS := --max-cost=0.4 --max-cost=0.45 --max-cost=0.48 --max-drop=0.2
PAIRS := $(OUT)/mini-sst2 $(CUT)/mini-sst2-pruned-int8
BOTH = $(SB) cascade $(1) $(LARGE)-int8 $(CUT)/cascade $(SST2) $(2) --json $(ARGS)
cascade: $(CUT)/mini-sst2-pruned-int8
	$(foreach small,$(PAIRS),$(foreach limit,$(LIMITS),$(call BOTH,$(small),$(limit))$(NEXT)	))
$(CUT)/mini-sst2-pruned-int8: $(CUT)/mini-sst2-pruned
	$(SB) quantize $< $@

# What is met without training is not trained.
TARGET := --target "size<10MB, accuracy>=0.98x" --budget 15m
squeeze:
	$(foreach task,sst-2 clinc150,$(SB) squeeze $(OUT)/teacher/$(task) --task $(task) --data $(DATA) $(TARGET) \
	  --out $(OUT)/squeezed/$(task) $(ARGS)$(NEXT)	)

SIMILAR := $(MINI) $(CUT)/mini-factorized $(CUT)/mini-factorized-again $(TEACHER) $(CUT)/minilm-pruned
MOODS := $(LARGE) $(WHOLE) $(foreach cut,mini-sst2-factorized mini-sst2-pruned teacher-sst2-pruned,$(CUT)/$(cut) $(CUT)/$(cut)-again)
SAID = $(SB) evaluate $(1) --task $(2) --data $(DATA) --precision $(3) --json$(NEXT)	
figures: mini-sts-b mini minilm int4 cascade squeeze
	$(foreach form,float32 int8,$(foreach model,$(SIMILAR),$(call SAID,$(model),sts-b,$(form)))\
	  $(foreach model,$(MOODS),$(call SAID,$(model),sst-2,$(form))))
	$(foreach model,$(INT4),$(call SAID,$(model),sts-b,int8))
	$(call SAID,$(WHOLE),sst-2,int4)
	$(call SAID,$(OUT)/squeezed/sst-2,sst-2,int8)
	$(call SAID,$(OUT)/teacher/clinc150,clinc150,float32)
	$(call SAID,$(OUT)/squeezed/clinc150,clinc150,int8)
