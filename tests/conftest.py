"""Where the oracle must not be missing, a test that would skip for want of it fails instead."""

from __future__ import annotations

import importlib.util
import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """CI sets CONVCALC_ORACLE=required: without PyTorch the run stops rather than skipping its oracle tests."""
    del config
    if os.environ.get("CONVCALC_ORACLE") == "required" and importlib.util.find_spec("torch") is None:
        pytest.exit("CONVCALC_ORACLE=required, but PyTorch is not installed", returncode=1)


def pytest_report_header() -> str:
    """Say whether the oracle is there."""
    found = importlib.util.find_spec("torch") is not None
    return f"oracle (PyTorch): {'found' if found else 'absent, its tests are skipped; install .[oracle] to run them'}"
