"""Fixtures of the ONNX reader's tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from convcalc.cli import exit_code


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs convcalc on its arguments in this process, expects an answer, returns stdout."""

    def run(*arguments: str) -> str:
        code = exit_code(list(arguments))
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return printed.out

    return run
