"""The fixtures of all rooms; and where the oracle must not be missing, a run without it stops instead of skipping."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import configuration, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from tests.commands import DEFECT, OnTerminal, Run, exit_code
from tests.render.browser import CHROMIUM, RSVG

NEEDED = (
    ("torch", "oracle (PyTorch)", "oracle"),
    ("onnxruntime", "oracle (ONNX Runtime)", "oracle"),
    ("scipy", "oracle (SciPy)", "oracle"),
    ("onnx", "ONNX", "onnx"),
    ("PIL", "Pillow", "images"),
    ("distributed", "Dask", "dask"),
    ("mypy", "mypy", "lint"),
)
"""Module, what it is called, and the extra that brings it."""
PROGRAMS = (("Chromium", CHROMIUM, "chromium"), ("librsvg", RSVG, "librsvg2-bin"))
"""What draws pictures in tests, where it is, and Debian's package."""

# Properties are tried on the same few examples in every run, whatever modules a worker has loaded; nothing is kept.
settings.register_profile("same", max_examples=40, derandomize=True, database=None, deadline=None, print_blob=False)
settings.register_profile("many", settings.get_profile("same"), max_examples=1000, derandomize=False)
settings.load_profile("same")
configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir(), f"convcalc-hypothesis-{os.getuid()}"))
providers._get_local_constants = Constants


def pytest_configure(config: pytest.Config) -> None:
    """CI sets CONVCALC_ORACLE=required: without what there is to compare with, the run stops rather than skipping.

    Programs cannot be installed everywhere: CONVCALC_PICTURES=required says that they were.
    """
    del config
    for name, program, _ in PROGRAMS:
        if os.environ.get("CONVCALC_PICTURES") == "required" and program is None:
            pytest.exit(f"CONVCALC_PICTURES=required, but {name} is not installed", returncode=1)
    for module, name, _ in NEEDED:
        if os.environ.get("CONVCALC_ORACLE") == "required" and importlib.util.find_spec(module) is None:
            pytest.exit(f"CONVCALC_ORACLE=required, but {name} is not installed", returncode=1)


def pytest_report_header() -> list[str]:
    """Say which of the oracles, extras and programs are there."""
    programs = [
        f"{name}: {'found' if program else f'absent, its tests are skipped; install the package {package} to run them'}"
        for name, program, package in PROGRAMS
    ]
    return programs + [
        f"{name}: {'found' if found else f'absent, its tests are skipped; install .[{extra}] to run them'}"
        for name, extra, found in (
            (name, extra, importlib.util.find_spec(module) is not None) for module, name, extra in NEEDED
        )
    ]


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs convcalc on its arguments in this process, expects an answer, returns stdout."""

    def run(*arguments: str) -> str:
        code = exit_code(*arguments)
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return printed.out

    return run


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs convcalc, expects exit 2, nothing on stdout and one line on stderr, returns the line after `error: `."""

    def run(*arguments: str) -> str:
        code = exit_code(*arguments)
        printed = capsys.readouterr()
        assert (code, printed.out) == (2, "")
        assert printed.err.startswith("error: ")
        assert printed.err.endswith("\n")
        assert printed.err.count("\n") == 1
        assert DEFECT not in printed.err
        return printed.err.removeprefix("error: ").strip()

    return run


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> OnTerminal:
    """The lines that convcalc prints on a terminal of so many columns; none is longer, unless left to be wrapped."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")

    def run(width: int, *arguments: str, wrapped: bool = False) -> list[str]:
        with monkeypatch.context() as patch:
            patch.setenv("COLUMNS", str(width))
            patch.setattr(sys.stdout, "isatty", lambda: True)
            code = exit_code(*arguments)
        printed = capsys.readouterr()
        assert code == 0, printed.err
        lines = [line.rstrip() for line in printed.out.splitlines()]
        assert wrapped or max(map(len, lines)) <= width
        return lines

    return run


def pytest_collection_finish() -> None:
    """Thousands of tests stay for good: the garbage collector need not look at them again and again."""
    gc.collect()
    gc.freeze()
