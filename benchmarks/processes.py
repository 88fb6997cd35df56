"""Whole processes timed as users have them."""

from __future__ import annotations

import os
import subprocess
from time import perf_counter

UNUSUAL = "PYTHONDONTWRITEBYTECODE"
"""Where it is set a working copy is compiled in every process; what pip installs is compiled already."""


def process_seconds(command: list[str]) -> float:
    """Wall time of one whole process."""
    environment = {name: value for name, value in os.environ.items() if name != UNUSUAL}
    began = perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    return perf_counter() - began
