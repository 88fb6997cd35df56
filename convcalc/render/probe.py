"""A probe: its arrays, and how many mistakes they tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from convcalc.diagnosing.probe import Probe
from convcalc.errors import first_of
from convcalc.notation import show_size
from convcalc.render.table import Cell, Table

if TYPE_CHECKING:
    import numpy as np

MAX_TOGETHER = 4


def probe_view(probe: Probe, arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> Table:
    """A row for every file; below, what the arrays can do, and which mistakes they cannot tell apart."""
    kinds = [(show_size(array.shape), str(array.dtype)) for array in arrays.values()]
    rows: list[tuple[Cell, ...]] = [(name, *kinds[at % len(kinds)]) for at, name in enumerate(names)]
    every = f"{probe.classes:,} outputs that {probe.mistakes:,} mistakes and the right layer can give"
    alike = [" = ".join(ids) for ids in probe.together]
    return Table(
        f"probe  {show_size(probe.x.shape[1:])} -> {show_size(probe.y.shape[1:])}",
        ("file", "shape", "dtype"),
        tuple(rows),
        aside=(f"not told apart: {first_of(alike, MAX_TOGETHER, '; ')}",) if alike else (),
        verdict=f"tells apart {f'all {every}' if not alike else f'{probe.separated:,} of {every}'}",
        good=not alike,
    )
