"""How tests run convcalc: in this process, or as one of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from convcalc import cli
from tests.cases import Case

ASKING = ("shape", "params", "cost", "rf")
COMMANDS = (*ASKING, "net", "solve", "tile", "stream", "lint", "why", "run", "probe", "types")
CONVCALC = [sys.executable, "-m", "convcalc"]
DEFECT = "please report"
"""How the last resort ends that turns a crash into one line; no request should get there."""
Run = Callable[..., str]


class OnTerminal(Protocol):
    """Runs convcalc as on a terminal of this width, returns the lines that it prints."""

    def __call__(self, width: int, *arguments: str, wrapped: bool = False) -> list[str]: ...


def exit_code(*arguments: str) -> int:
    """Runs convcalc on these arguments in this process, through `main`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["convcalc", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
    code = stop.value.code
    assert isinstance(code, int)
    return code


def process(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Runs convcalc as a process of its own."""
    return subprocess.run([*CONVCALC, *arguments], capture_output=True, text=True, timeout=60, check=False, **settings)


def as_arguments(case: Case) -> list[str]:
    """A case as one would type it."""
    arguments = ["-t", case.type]
    for name, value in case.options.items():
        option = "--" + name.replace("_", "-")
        if name == "bias":
            arguments += [option] if value else []
        elif name == "padding" and isinstance(value, tuple):
            pairs = [v if isinstance(v, tuple) else (v, v) for v in value]
            arguments += [option, "x".join(f"{before}:{after}" for before, after in pairs)]
        elif isinstance(value, tuple):
            arguments += [option, "x".join(map(str, value))]
        else:
            arguments += [option, str(value)]
    return arguments
