# Two commands: `make chat` on a fresh machine opens a chat; `make test` passes the tests.
# Everything lands in .venv; weights are stored once per user (`memos models list`).
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
AGENT  ?= default

# Build options for llama.cpp, e.g. make install CMAKE_ARGS="-DGGML_CUDA=on"; see README.
export CMAKE_ARGS ?=
# With options of its own, llama.cpp is compiled anew: pip's cache does not tell one build from another.
OWN_BUILD := $(if $(CMAKE_ARGS),--no-cache-dir --no-binary llama-cpp-python)

.PHONY: help install chat demo screenshots check format test test-slow bench clean
.DEFAULT_GOAL := help

help:
	@echo "make chat       install everything, pull the models, open a chat (AGENT=name for another agent)"
	@echo "make test       install what is missing, run the tests"
	@echo "make check      ruff, ruff format, mypy --strict, import contracts"
	@echo "make demo       the scripted session in a 2,048-token window; writes bench/results/demo.json"
	@echo "make screenshots  the pictures in docs/images, from a session with the default model"
	@echo "make bench      the benchmarks, some hours; writes bench/results/*.json"
	@echo "make test-slow  also the tests that need the 1.5B model or minutes"

# A stamp, so that nothing is installed twice. llama.cpp is compiled once (about 5 minutes on 2 cores) and then
# comes from pip's cache.
$(VENV)/.installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || { echo "memos: making a virtual environment in $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "memos: installing (the first time compiles llama.cpp, about 5 minutes on 2 cores)"
	$(BIN)/python -m pip install --progress-bar on --upgrade "pip>=24.1"
	$(BIN)/python -m pip install --progress-bar on --constraint constraints.txt $(OWN_BUILD) --editable ".[dev]"
	@touch $@

install: $(VENV)/.installed

chat: install
	@$(BIN)/memos models pull
	@$(BIN)/memos chat $(AGENT)

demo: install
	@$(BIN)/memos models pull
	$(BIN)/python -m bench.demo

# The pictures in docs/images, with the default model: some minutes.
screenshots: install
	@$(BIN)/memos models pull
	$(BIN)/python -m bench.screenshots

# What reads data that is not in the repository is run by hand: `memos eval`, bench.paging, bench.rope, bench.shift,
# bench.surprise.
bench: demo
	@$(BIN)/memos models pull qwen2.5-coder-0.5b
	$(BIN)/python -m bench.tui
	$(BIN)/python -m bench.probes
	$(BIN)/python -m bench.untold
	$(BIN)/python -m bench.hops
	$(BIN)/python -m bench.updates
	$(BIN)/python -m bench.grounding
	$(BIN)/python -m bench.saving
	$(BIN)/python -m bench.changing
	$(BIN)/python -m bench.decoding
	$(BIN)/python -m bench.attention
	$(BIN)/python -m bench.controller
	$(BIN)/python -m bench.ingest
	$(BIN)/python -m bench.search
	$(BIN)/python -m bench.tables

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A process a core, since most tests use one. Those with a model in them take turns at the cores, so a thread that waits
# sleeps; a file stays in one process, which loads its models once.
test: install
	@$(BIN)/memos models pull smollm2-135m all-minilm-l6-v2
	OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -m "not slow" --numprocesses auto --maxprocesses 4 --dist loadfile

test-slow: install
	@$(BIN)/memos models pull smollm2-135m all-minilm-l6-v2 qwen2.5-coder-1.5b
	$(BIN)/python -m pytest

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
