"""Where the oracle must not be missing, a test that would skip for want of it fails instead."""

from __future__ import annotations

import importlib.util
import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """CI sets CONVCALC_ORACLE=required: without PyTorch or ONNX the run stops rather than skipping their tests."""
    del config
    for module, name in (("torch", "PyTorch"), ("onnx", "ONNX")):
        if os.environ.get("CONVCALC_ORACLE") == "required" and importlib.util.find_spec(module) is None:
            pytest.exit(f"CONVCALC_ORACLE=required, but {name} is not installed", returncode=1)


def pytest_report_header() -> list[str]:
    """Say whether the oracle and the extra are there."""
    return [
        f"{title}: {'found' if found else f'absent, its tests are skipped; install .[{extra}] to run them'}"
        for title, extra, found in (
            ("oracle (PyTorch)", "oracle", importlib.util.find_spec("torch") is not None),
            ("ONNX", "onnx", importlib.util.find_spec("onnx") is not None),
        )
    ]
