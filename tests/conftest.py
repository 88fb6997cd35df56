"""Where the oracle must not be missing, a test that would skip for want of it fails instead."""

from __future__ import annotations

import importlib.util
import os

import pytest

NEEDED = (
    ("torch", "oracle (PyTorch)", "oracle"),
    ("onnxruntime", "oracle (ONNX Runtime)", "oracle"),
    ("onnx", "ONNX", "onnx"),
)
"""Module, what it is called, and the extra that brings it."""


def pytest_configure(config: pytest.Config) -> None:
    """CI sets CONVCALC_ORACLE=required: without what there is to compare with, the run stops rather than skipping."""
    del config
    for module, name, _ in NEEDED:
        if os.environ.get("CONVCALC_ORACLE") == "required" and importlib.util.find_spec(module) is None:
            pytest.exit(f"CONVCALC_ORACLE=required, but {name} is not installed", returncode=1)


def pytest_report_header() -> list[str]:
    """Say which of the oracles and extras are there."""
    return [
        f"{name}: {'found' if found else f'absent, its tests are skipped; install .[{extra}] to run them'}"
        for name, extra, found in (
            (name, extra, importlib.util.find_spec(module) is not None) for module, name, extra in NEEDED
        )
    ]
