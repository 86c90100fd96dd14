# Everything is set up on its own in the folder .venv; nothing needs root.

TORCH ?= cpu
export TORCH

.PHONY: help run test bench bench-chip bench-circuit catalogue format clean
.NOTPARALLEL:

help:
	@echo 'make run      set up and run the main job: an LSTM on the airline series, put on a memristor chip'
	@echo 'make test     set up and run the checks and the tests'
	@echo 'make bench    set up and measure the compiled loops beside torch: about ten minutes on an idle machine'
	@echo 'make bench-chip   set up and measure exact wires, chips and programming: about five minutes on an idle machine'
	@echo 'make bench-circuit   set up and measure analog circuits in ngspice beside their twins: hours from nothing'
	@echo 'make catalogue  write docs/catalogue.md and its pictures anew, from the definitions of cells and topologies'
	@echo 'make format   set up and let ruff put the code in order'
	@echo 'make clean    remove the environment and all caches; results stay'
	@echo
	@echo 'make run DIR=results ARGS="--recipe survey"   where results go, and options of `cellwright run airline`'
	@echo 'make run TORCH=cuda                           a build of torch for NVIDIA GPUs instead of the CPU build'
	@echo 'make test ARGS="tests/cells -x"               options of pytest'
	@echo 'make bench ARGS="--only vanilla --threads 1"   some sections, one thread count; ARGS=--help has the rest'
	@echo 'make bench-chip ARGS="--aihwkit PYTHON"       beside a Python that has aihwkit, and --badcrossbar likewise'
	@echo 'PYTHON=python3.12 make run                    the Python to set up with (3.11 or newer)'

run:
	@tools/setup.sh run
	.venv/bin/cellwright run airline $(strip $(if $(DIR),--out "$(DIR)") $(ARGS))

test:
	@tools/setup.sh test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	OMP_NUM_THREADS=1 .venv/bin/pytest -n 2 --dist loadfile $(ARGS)

bench:
	@tools/setup.sh run
	.venv/bin/python benchmarks/kernels $(ARGS)

bench-chip:
	@tools/setup.sh run
	.venv/bin/python benchmarks/chip $(ARGS)

bench-circuit:
	@tools/setup.sh run
	.venv/bin/python benchmarks/circuit $(ARGS)

catalogue:
	@tools/setup.sh run
	.venv/bin/python tools/catalogue.py

format:
	@tools/setup.sh test
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build src/*.egg-info
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
