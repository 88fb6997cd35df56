"""Fixtures of `convcalc run`: files that hold arrays, the command on them, and its answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcalc.cli import exit_code
from tests.proof.command import CHECKS, Invoked, Saved


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """Saves an array and gives its file's name."""

    def save(name: str, array: Any) -> str:
        np.save(tmp_path / f"{name}.npy", np.asarray(array))
        return str(tmp_path / f"{name}.npy")

    return save


@pytest.fixture
def invoked(capsys: pytest.CaptureFixture[str]) -> Invoked:
    """Exit code, stdout and stderr of `convcalc run` on these arguments."""

    def invoke(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = exit_code(["run", *map(str, arguments)])
        return code, *capsys.readouterr()

    return invoke


@pytest.fixture
def answered(saved: Saved, invoked: Invoked, tmp_path: Path) -> Callable[..., tuple[dict[str, Any], np.ndarray]]:
    """The JSON and the output array of a run on these arrays that must succeed."""

    def answer(
        x: Any, kernels: Sequence[Any], *arguments: str, biases: Sequence[Any] = ()
    ) -> tuple[dict[str, Any], np.ndarray]:
        names = [saved("input", x), *(saved(f"kernel{i}", kernel) for i, kernel in enumerate(kernels))]
        flags = [part for i, bias in enumerate(biases) for part in ("--bias", saved(f"bias{i}", bias))]
        out = str(tmp_path / "out.npy")
        code, stdout, stderr = invoked(*names, *flags, *arguments, "--json", "-o", out)
        assert (code, stderr) == (0, ""), stderr + stdout
        found = json.loads(stdout)
        assert found["ok"]
        assert [(check["name"], check["ok"]) for check in found["checks"]] == [(name, True) for name in CHECKS]
        return found, np.load(out, allow_pickle=False)

    return answer
