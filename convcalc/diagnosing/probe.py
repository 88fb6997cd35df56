"""The smallest arrays of whole numbers that tell all mistakes apart for a layer: `convcalc probe`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any, NamedTuple

import numpy as np

from convcalc.diagnosing.evaluate import computable, whole
from convcalc.diagnosing.layer import stages_of
from convcalc.diagnosing.reading import Reading
from convcalc.diagnosing.search import Progress, random_setup
from convcalc.diagnosing.setup import Files, Setup, stage_shape, stored_shape
from convcalc.diagnosing.table import readings_of
from convcalc.errors import DataError
from convcalc.graph.graph import Graph
from convcalc.graph.primitives import Correlate, Input, ShuffleChannels, TransposedCorrelate, weight_count
from convcalc.notation import Axes, Layout
from convcalc.proof.walk import executed
from convcalc.questions.schema import SCHEMA
from convcalc.questions.subject import Subject
from convcalc.storage.memory import check_memory

SPREAD = 150
"""Typical size of the sums of the first draw, which 8 bits hold or not; it grows with every draw."""
SEEDS, MORE_SEEDS, GROWTH = 2, 8, 6
"""Draws of numbers tried for every size, of small kernels more, and sizes tried for every axis."""
SMALL = 1 << 12
"""Weights of small kernels."""
MIN_OUTPUTS = 3
MAX_WEIGHTS = 1 << 19
"""With more weights, every mistake would take long."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Arrays that tell mistakes apart: x (1, C, *spatial), kernels and biases in stage order, and the right output.

    `classes` are the sets of mistakes that are the same function for this layer, the right result being one;
    `separated` is how many different outputs they give here, and `together` has those that give the same one;
    `equal` has the mistakes of every set of more than one.
    """

    x: np.ndarray
    kernels: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    y: np.ndarray
    mistakes: int
    classes: int
    together: tuple[tuple[str, ...], ...]
    equal: tuple[tuple[str, ...], ...]

    @property
    def missed(self) -> int:
        """Functions that give the same output here as another one."""
        return sum(len(ids) - 1 for ids in self.together)

    @property
    def separated(self) -> int:
        return self.classes - self.missed

    def to_dict(self, files: Sequence[str]) -> dict[str, Any]:
        """What the probe can do as plain JSON values, and the files that have its arrays."""
        return {
            "schema": SCHEMA,
            "input": list(self.x.shape[1:]),
            "kernels": [list(kernel.shape) for kernel in self.kernels],
            "output": list(self.y.shape[1:]),
            "files": list(files),
            "mistakes": self.mistakes,
            "classes": self.classes,
            "separated": self.separated,
            "together": [list(ids) for ids in self.together],
            "equal": [list(ids) for ids in self.equal],
        }


def probe(subject: Subject, mode: str, word: str | None, progress: Progress | None = None) -> Probe:
    """The smallest probe for the layer, on an input of its own size at most; its size has the same rest by the stride.

    Every mistake of the table is applied to it. Raises DataError if the layer is more than one, is no convolution, or
    its weights alone are too large.
    """
    seeds = SEEDS if _checked(subject.graph) > SMALL else MORE_SEEDS
    best: Probe | None = None
    for step, size in enumerate(_sizes(subject.graph, subject.size)):
        graph = subject.at((_channels(subject.graph), *size))
        for seed in range(seeds):
            if progress is not None:
                progress(step * seeds + seed, GROWTH * seeds)
            found = _probe(graph, mode, word, seed)
            if best is None or found.missed < best.missed:
                best = found
            if not found.together:
                return found
    assert best is not None
    return best


def _checked(graph: Graph) -> int:
    """The weights of the layer. Raises DataError unless it is one layer of convolutions with not too many weights."""
    kinds = (Input, Correlate, TransposedCorrelate, ShuffleChannels)
    odd = [node.name for node in graph.nodes if not isinstance(node.primitive, kinds)]
    if odd or len(graph.layers) != 1:
        got = f"{odd[0]}, which is no convolution" if odd else f"{len(graph.layers)} layers"
        raise DataError(f"probe: takes one convolutional layer, got {got}; give one such as -t depthwise -k 3")
    weights = sum(
        weight_count(n.primitive) for n in graph.nodes if isinstance(n.primitive, Correlate | TransposedCorrelate)
    )
    if weights > MAX_WEIGHTS:
        raise DataError(
            f"probe: the kernels must have at most {MAX_WEIGHTS:,} weights, got {weights:,}; "
            "use fewer filters or input channels, on which mistakes show as well"
        )
    return weights


def _channels(graph: Graph) -> int:
    return (graph.inputs[0].shape or (1, 1))[1]


def _sizes(graph: Graph, most: Axes | None) -> Iterator[Axes]:
    """Spatial sizes from the smallest useful one on, with unequal axes if possible; the layer's own is the last."""
    shape = graph.inputs[0].shape or ()
    own = shape[2:]
    strides = [1] * len(own)
    least = [1] * len(own)
    for node in graph.nodes:
        primitive = node.primitive
        if isinstance(primitive, Correlate | TransposedCorrelate):
            for axis in range(len(own)):
                extent = primitive.dilation[axis] * (primitive.kernel[axis] - 1) + 1
                transposed = isinstance(primitive, TransposedCorrelate)
                least[axis] += 0 if transposed else (extent - 1) * strides[axis]
                strides[axis] *= 1 if transposed else primitive.stride[axis]
    limit = own if most is not None else tuple(8 * (n + s * GROWTH) for n, s in zip(least, strides, strict=True))
    seen = set()
    for step in range(GROWTH):
        size = []
        for axis, (stride, low) in enumerate(zip(strides, least, strict=True)):
            wanted = low + stride * (MIN_OUTPUTS - 1 + step + axis)
            rest = (own[axis] - wanted) % stride
            size.append(min(limit[axis], wanted + rest) if wanted + rest <= limit[axis] else limit[axis])
        if tuple(size) not in seen:
            seen.add(tuple(size))
            yield tuple(size)


class Drawn(NamedTuple):
    """A layer on small random whole numbers."""

    setup: Setup
    arrays: dict[str, tuple[np.ndarray, ...]]


def _drawn(graph: Graph, mode: str, word: str | None, seed: int) -> Drawn:
    random = np.random.default_rng(seed)
    convolutions = [n for n in graph.nodes if isinstance(n.primitive, Correlate | TransposedCorrelate)]
    primitives = [n.primitive for n in convolutions if isinstance(n.primitive, Correlate | TransposedCorrelate)]
    terms = prod(sqrt(weight_count(p) / p.out_channels) for p in primitives)
    largest = round(min(127.0, max(3.0, sqrt(3) * (SPREAD * (1 + seed) / terms) ** (1 / (len(primitives) + 1)))))

    def drawn(shape: Axes) -> np.ndarray:
        return random.integers(-largest, largest + 1, shape).astype(np.int8)

    arrays = {
        node.name: (drawn(p.weight_shape), *((drawn((p.out_channels,)),) if p.bias else ()))
        for node, p in zip(convolutions, primitives, strict=True)
    }
    shape = (1, *(graph.inputs[0].shape or ())[1:])
    stages = stages_of(graph, arrays, mode, word)
    axes = tuple(stage.weight.ndim for stage in stages)
    return Drawn(Setup(drawn(shape), stages, (), Files(input_axes=len(shape), kernel_axes=axes)), arrays)


def _probe(graph: Graph, mode: str, word: str | None, seed: int) -> Probe:
    drawn = _drawn(graph, mode, word, seed)
    setup = computable(drawn.setup)
    outputs = prod(stage_shape(setup.stages[-1])) * setup.stages[-1].filters
    check_memory(24 * (setup.x.size + outputs), "the probe")
    y = np.asarray(np.round(whole(setup)), np.int64)
    run = [node.out for node in executed(graph, [drawn.setup.x], drawn.arrays, padding_mode=mode)][-1]
    assert np.array_equal(run, y), "the engine and the tables of reads must give one result"
    whole_numbers = np.dtype(np.int8)
    readings = [
        reading
        for reading in readings_of(
            setup, whole_numbers, (whole_numbers,) * (1 + len(setup.stages)), float(np.abs(y).max())
        )
        if reading.family != "rounding"
    ]
    functions = _outputs([random_setup(setup, 1, 1.0), random_setup(setup, 2, 30.0)], readings)
    here = _outputs([setup], readings)
    by_function: dict[Any, list[str]] = {}
    by_output: dict[Any, dict[Any, str]] = {}
    for id, function, output in zip(("", *(reading.id for reading in readings)), functions, here, strict=True):
        if function is None or output is None:
            continue
        by_function.setdefault(function, []).append(id or "the right result")
        by_output.setdefault(output, {}).setdefault(function, id or "the right result")
    together = tuple(tuple(ids.values()) for ids in by_output.values() if len(ids) > 1)
    kernels = tuple(arrays[0] for arrays in drawn.arrays.values())
    biases = tuple(arrays[1] for arrays in drawn.arrays.values() if len(arrays) > 1)
    equal = tuple(tuple(ids) for ids in by_function.values() if len(ids) > 1)
    return Probe(drawn.setup.x, kernels, biases, y, len(readings), len(by_function), together, equal)


def _outputs(setups: Sequence[Setup], readings: Sequence[Reading]) -> list[tuple[Axes, bytes] | None]:
    """What every reading gives, the right result first; None for those that cannot be."""
    return [_output(setups, None), *(_output(setups, reading) for reading in readings)]


def _output(setups: Sequence[Setup], reading: Reading | None) -> tuple[Axes, bytes] | None:
    parts, shape = [], None
    for setup in setups:
        changed = setup if reading is None else reading.change(setup)
        shape = None if changed is None else stored_shape(changed)
        if changed is None or shape is None:
            return None
        # Sums of whole numbers are exact, and what is made of them is rounded the same way wherever it is the same.
        parts.append(np.round(np.asarray(whole(changed), np.float64), 6) + 0.0)
    assert shape is not None
    return shape, b"".join(part.tobytes() for part in parts)


def arrays_of(probe: Probe, layout: Layout) -> dict[str, np.ndarray]:
    """The arrays by the names of their files, without a batch, in a layout; y in the smallest dtype from int16 on."""
    wide = next(t for t in (np.int16, np.int32, np.int64) if np.abs(probe.y).max() <= np.iinfo(t).max)

    def named(letter: str, arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        return {letter if len(arrays) == 1 else f"{letter}{n}": array for n, array in enumerate(arrays, 1)}

    kernels, maps = list(probe.kernels), [probe.x[0], probe.y[0].astype(wide)]
    if layout == "channels-last":
        kernels = [np.moveaxis(kernel, (0, 1), (-1, -2)) for kernel in kernels]
        maps = [np.moveaxis(array, 0, -1) for array in maps]
    arrays = {"x": maps[0], **named("w", kernels), **named("b", probe.biases), "y": maps[1]}
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}
