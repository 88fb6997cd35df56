# `just` lists the commands. They use the environment in .venv, which `just env` makes.

python := ".venv/bin/python"

default:
    @just --list

# All of what CI runs, in its own environment, from the lint to the last oracle
ci:
    bash .ci/run

# Everything that tests, linting and the oracles need
env:
    python3 -m venv .venv
    {{python}} -m pip install --quiet torch==2.13.0 onnxruntime scipy
    {{python}} -m pip install --quiet --editable '.[test,lint,onnx,images,dask]'

lint:
    .venv/bin/ruff check .
    .venv/bin/ruff format --check .
    .venv/bin/codespell
    .venv/bin/mypy

# The tests; arguments go to pytest, as in `just test tests/engine -x`
test *arguments:
    {{python}} -m pytest {{arguments}}

# Changes the arithmetic in one place at a time and prints the changes that no test notices, as in `just mutants axis/window.py`
mutants *arguments:
    {{python}} -m tests.mutants {{arguments}}

# The engine beside PyTorch and others, with ratios of one run
bench *arguments:
    {{python}} benchmarks/engine.py {{arguments}}
