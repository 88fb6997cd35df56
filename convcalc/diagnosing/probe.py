"""The smallest whole-number input and kernels that tell the mistakes of a layer apart, with the right output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from convcalc.diagnosing.asked import (
    Arrays,
    Asked,
    drawn,
    first_size,
    graph_on,
    largest_number,
    named,
    run_options,
    setup_for,
    strides,
    typed_options,
)
from convcalc.diagnosing.climb import climbed
from convcalc.diagnosing.evaluate import terms, whole
from convcalc.diagnosing.search import Progress
from convcalc.diagnosing.separation import Members, Separation, mistakes, outputs, separation
from convcalc.graph.primitives import Correlate, TransposedCorrelate, weight_count
from convcalc.notation import Axes, parse_layout, parse_size
from convcalc.proof.run import run
from convcalc.questions.schema import SCHEMA

PATIENCE = 2
"""How often a larger input may tell no more apart until the search for one ends; half as often for volumes."""
SEEDS, LARGER = 2, (0, 1, 3, 7)
"""Inputs of one size, and how much larger sizes are, that are tried while some classes are not told apart."""
SMALL = 1 << 12
"""Weights of small kernels, and half the numbers of small inputs; with larger ones fewer inputs are tried."""
MIN_SUMS = 36
"""Outputs of the smallest probe: fewer sums cannot show every rounding."""
MAX_STEPS = 20
WIDE = 1 << 15
"""Sums of this size do not fit 16 bits."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Arrays as `run` takes them with `options`, in PyTorch's layouts, their right output, and what they tell apart.

    `overflowing` is a larger bound of their numbers with which sums may not fit 16 bits, None if there is none.
    """

    arrays: Arrays
    y: np.ndarray
    options: tuple[str, ...]
    found: Separation
    largest: int
    overflowing: int | None

    def to_dict(self, files: Sequence[str], command: str) -> dict[str, Any]:
        """The probe as plain JSON values, shapes (C, *spatial) and those of PyTorch's kernels."""
        arrays, found = self.arrays, self.found
        hidden = [["the right result", *(members[0].id for members in found.hidden)]] if found.hidden else []
        return {
            "schema": SCHEMA,
            "files": list(files),
            "input": list(arrays.x.shape[1:]),
            "kernels": [list(kernel.shape) for kernel in arrays.kernels],
            "output": list(self.y.shape[1:]),
            "largest": self.largest,
            "largest_sum": int(np.abs(self.y).max()),
            "mistakes": found.mistakes,
            "classes": found.classes,
            "separated": len(found.separated),
            "together": [*hidden, *([members[0].id for members in group] for group in found.mixed)],
            "equal": [_ids(members) for members in found.all_classes if len(members) > 1],
            "no_difference": _ids(found.idle),
            "too_plain": [_ids(members) for members in found.plain],
            "command": command,
        }


def _ids(members: Members) -> list[str]:
    return [reading.id for reading in members]


def probe(asked: Asked, progress: Progress | None = None) -> Probe:
    """Arrays that tell as many classes of mistakes apart as any that were tried, the first and smallest of these.

    Every mistake of the table is applied to them. Raises NotationError or ShapeError for options that make no layer,
    and for a layer of too many numbers.
    """
    best: tuple[tuple[int, int], Arrays, Separation] | None = None
    steps = _counted(progress)
    for size in _sizes(asked, steps):
        most = largest_number(asked, size)
        small = max(_weights(asked, size), prod(size) // 2) <= SMALL
        for seed in range(SEEDS):
            next(steps)
            arrays = drawn(asked, size, seed, most)
            setup, kinds = setup_for(asked, arrays), (arrays.x.dtype,) * (1 + len(arrays.kernels))
            arrays = arrays._replace(x=climbed(setup, kinds, most, seed).astype(arrays.x.dtype))
            found = separation(setup_for(asked, arrays), kinds)
            left = found.classes - len(found.separated), len(found.plain)
            if best is None or left < best[0]:
                best = left, arrays, found
            if not (any(left) if small else left[0]):
                return _proved(asked, arrays, found)
        if best is not None and (not best[0][0] or not small):
            break
    assert best is not None
    return _proved(asked, *best[1:])


def _counted(progress: Progress | None) -> Iterator[None]:
    """Steps that are told to a progress bar; how many there will be is not known."""
    for done in range(1 << 30):
        if progress is not None:
            progress(min(done, MAX_STEPS), MAX_STEPS)
        yield


def _sizes(asked: Asked, steps: Iterator[None]) -> Iterator[Axes]:
    """The first size from which on larger ones tell no more apart, then larger ones; none larger than a given input."""
    own = None
    if asked.layer.input is not None:
        own = parse_size(asked.layer.input, "input", parse_layout(asked.layer.layout))
        if asked.layer.output_size is not None:
            yield own
            return
    first = first_size(asked, own)
    most = largest_number(asked, _placed(asked, first, own))
    counts: list[int] = []
    while not counts or len(counts) - counts.index(max(counts)) <= (PATIENCE if asked.dims < 3 else PATIENCE // 2):
        next(steps)
        arrays = drawn(asked, _placed(asked, _grown(first, len(counts)), own), 0, most)
        setup = setup_for(asked, arrays)
        # What is a function of every output alone depends on the outputs, not on the size.
        made = mistakes(setup, (arrays.x.dtype,) * (1 + len(arrays.kernels)), 0)
        keys = outputs(setup, [None, *(reading for reading in made if reading.finish is None)])
        counts.append(len({key for key in keys if key is not None}))
    by = counts.index(max(counts))
    while (size := _placed(asked, _grown(first, by), own)) != own and _outputs(asked, size) < MIN_SUMS:
        by += 1
    yield from dict.fromkeys(_placed(asked, _grown(first, by + more), own) for more in LARGER)


def _weights(asked: Asked, size: Axes) -> int:
    kinds = Correlate | TransposedCorrelate
    return sum(weight_count(n.primitive) for n in graph_on(asked, size).nodes if isinstance(n.primitive, kinds))


def _outputs(asked: Asked, size: Axes) -> int:
    return prod(graph_on(asked, size).nodes[-1].shape or ())


def _grown(size: Axes, by: int) -> Axes:
    return (size[0], *(n + by for n in size[1:]))


def _placed(asked: Asked, size: Axes, own: Axes | None) -> Axes:
    """A size or a little more, with the rest by the stride that the given input has, on which padding may depend."""
    if own is None:
        return size
    steps = strides(asked, own)
    wanted = (n + (o - n) % s for n, o, s in zip(size[1:], own[1:], steps, strict=True))
    return (size[0], *map(min, wanted, own[1:]))


def _proved(asked: Asked, arrays: Arrays, found: Separation) -> Probe:
    """The probe with the output that the engine computes and every check of `run` confirms."""
    result = run(*named(arrays), run_options(asked))
    if not result.ok or not np.array_equal(result.out, whole(setup_for(asked, arrays))):
        raise AssertionError("the output of a probe must be the same by the engine and by the definition")
    largest = max(int(np.abs(array).max()) for array in (arrays.x, *arrays.kernels))
    most = (1 << (asked.bits - 1)) - 1
    wide = largest < most and terms(setup_for(asked, arrays)) * most * most >= WIDE
    return Probe(arrays, result.out, typed_options(asked), found, largest, most if wide else None)
