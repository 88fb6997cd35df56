"""Tiles against the whole: a graph run on an input and on its tiles, which must give the same.

In whole numbers they must be equal. There the output of every layer is replaced by its remainder, which keeps sums
exact in float64 however deep the network is. In float32, sums may be rounded apart, since the engine blocks them by the
size of the map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from convcalc.engine.algorithms import AUTO
from convcalc.graph.graph import Graph
from convcalc.notation import Axes
from convcalc.proof.arrays import Arrays, array_shapes, drawn_arrays, drawn_input
from convcalc.proof.executed import Check, Executed, agree, equal
from convcalc.proof.network import Progress
from convcalc.proof.walk import check_runnable, executed
from convcalc.questions.subject import Subject
from convcalc.questions.tile import Tiling, check_count

MODULUS = 17
"""Whole numbers are kept from -8 to 8."""
STEPS, SHIFT = 1 << 16, 0.37
"""Values between whole numbers are rounded down to this part of one, after a shift: no usual value lies just there.
The remainder of STEPS itself is 1, so a whole number is replaced by its own remainder."""
ROUNDINGS = 4
"""Times the error of the whole in float32 that tiles may differ by: both have one, and it varies."""


@dataclass(frozen=True, slots=True)
class TiledRun:
    """The checks of tiles that were run."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return agree(self.checks)

    def to_dict(self) -> dict[str, Any]:
        return {"checks": [check.to_dict() for check in self.checks], "ok": self.ok}


def check_tiles(subject: Subject, plan: Tiling, *, mode: str = "zeros", progress: Progress | None = None) -> TiledRun:
    """All tiles of a plan run and compared with the whole, in whole numbers and in float32, on random data.

    Raises DataError for layers that cannot be run, and for a whole that does not fit in memory.
    """
    check_runnable(plan.whole)
    check_count(plan)
    shapes = [node.shape or () for node in plan.whole.inputs]
    count, done = 2 * prod(plan.grid or ()) + 3, 0

    def ran() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, count)

    whole = _Run(subject, plan, mode, ran)
    return TiledRun((*_in_integers(whole, shapes), _in_floats(whole, shapes)))


@dataclass(frozen=True, slots=True)
class _Run:
    subject: Subject
    plan: Tiling
    mode: str
    ran: Callable[[], None]

    def whole(self, inputs: list[np.ndarray], arrays: Arrays, **how: Any) -> tuple[np.ndarray, int]:
        """The output on the whole input, and its multiplications."""
        result = _output(self.plan.whole, inputs, arrays, self.mode, **how)
        self.ran()
        return result

    def tiled(self, inputs: list[np.ndarray], arrays: Arrays, like: np.ndarray, **how: Any) -> tuple[np.ndarray, int]:
        """The output put together from tiles, and their multiplications."""
        main, *others = inputs
        out, multiplications = np.zeros_like(like), 0
        at = _axes(self.plan)
        graphs = dict[Axes, Graph]()
        for cuts in product(*self.plan.cuts):
            size = tuple(cut.read.length for cut in cuts)
            if size not in graphs:
                graphs[size] = self.subject.at((main.shape[1], *size))
            part = np.ascontiguousarray(main[(slice(None), slice(None), *(slice(*cut.read) for cut in cuts))])
            given, count = _output(graphs[size], [part, *others], arrays, self.mode, **how)
            crop, write = [slice(None)] * out.ndim, [slice(None)] * out.ndim
            for axis, cut in zip(at, cuts, strict=True):
                crop[axis], write[axis] = slice(*cut.crop), slice(*cut.write)
            out[tuple(write)] = given[tuple(crop)]
            multiplications += count
            self.ran()
        return out, multiplications


def _axes(plan: Tiling) -> tuple[int, ...]:
    """The axes of the output that the axes of the input became."""
    return tuple(axis.place for axis in plan.axes)


def _in_integers(run: _Run, shapes: list[Axes]) -> Iterator[Check]:
    random = np.random.default_rng(0)
    inputs = [random.integers(-8, 9, shape).astype(np.float64) for shape in shapes]
    arrays = {
        node.name: tuple([_integers(random, role, shape) for role, shape in array_shapes(node)])
        for node in run.plan.whole.nodes
        if array_shapes(node)
    }
    how = {"algorithm": "direct", "change": _remainders}
    whole, counted = run.whole(inputs, arrays, **how)
    tiled, tiles = run.tiled(inputs, arrays, whole, **how)
    wrong = int(np.count_nonzero(whole != tiled))
    yield equal("outputs in integers that differ", 0, wrong, f"of {whole.size:,}, tiles against the whole")
    yield equal("multiplications", run.plan.multiplications_whole, counted, "of the whole, counted as executed")
    yield equal("multiplications of tiles", run.plan.multiplications, tiles, "counted as executed")


def _in_floats(run: _Run, shapes: list[Axes]) -> Check:
    inputs = [drawn_input(shape, seed) for seed, shape in enumerate(shapes)]
    arrays = drawn_arrays(run.plan.whole)
    exact, _ = run.whole(
        [x.astype(np.float64) for x in inputs],
        {name: tuple(array.astype(np.float64) for array in each) for name, each in arrays.items()},
    )
    whole, _ = run.whole(inputs, arrays)
    tiled, _ = run.tiled(inputs, arrays, whole)
    with np.errstate(all="ignore"):
        error = float(np.max(np.abs(whole - exact), initial=0))
        bound = ROUNDINGS * max(error, float(np.finfo(np.float32).eps) * float(np.max(np.abs(exact), initial=0)))
        off = float(np.max(np.abs(whole - tiled), initial=0))
    how = f"largest difference; at most {ROUNDINGS} times what float32 is off by on the whole, {error:.3g}"
    return Check("float32 outputs", f"at most {bound:.3g}", float(f"{off:.3g}"), off <= bound, how)


def _output(
    graph: Graph, inputs: list[np.ndarray], arrays: Arrays, mode: str, *, algorithm: str = AUTO,
    change: Callable[[Executed], np.ndarray] | None = None,
) -> tuple[np.ndarray, int]:  # fmt: skip
    multiplications, out = 0, inputs[0]
    for run in executed(
        graph, inputs, arrays, padding_mode=mode, algorithm=algorithm, until=graph.output, change=change
    ):
        multiplications, out = multiplications + run.counter.multiplications, run.out
        del run  # so that its tensors can go
    return out, multiplications


def _remainders(run: Executed) -> np.ndarray:
    """The output in whole numbers from -8 to 8; what differs before hardly ever agrees after."""
    half, out = MODULUS // 2, np.nan_to_num(run.out, posinf=0, neginf=0)
    remainders: np.ndarray = (np.floor(out * STEPS + SHIFT) + half) % MODULUS - half
    return remainders


def _integers(random: np.random.Generator, role: str, shape: Axes) -> np.ndarray:
    """Small whole numbers; variances and constants are above 0."""
    low = 1 if role in ("variance", "constant") else -3
    return random.integers(low, 4, shape).astype(np.float64)
