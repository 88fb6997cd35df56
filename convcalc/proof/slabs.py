"""A convolution of an input that is larger than memory: slab by slab from its file, and into a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from time import perf_counter
from typing import NamedTuple, TypeAlias

import numpy as np

from convcalc.engine.algorithms import direct
from convcalc.engine.arithmetic import Arithmetic, choose_arithmetic
from convcalc.engine.correlate import correlate
from convcalc.engine.counter import Counter
from convcalc.engine.padded import padded_axis
from convcalc.engine.problem import Problem
from convcalc.engine.work.threads import thread_count
from convcalc.errors import DataError
from convcalc.graph.graph import Node
from convcalc.graph.primitives import Correlate, windows
from convcalc.notation import Axes, Layout, parse_layout
from convcalc.proof.executed import Check, Executed
from convcalc.proof.forms import Named, full_input, restored
from convcalc.proof.planned import RunOptions
from convcalc.proof.reread import rows_differ
from convcalc.proof.run import Engine, Prepared, Result, engine_of, number_checks, prepared
from convcalc.proof.statistics import Output, Statistics, merged, statistics
from convcalc.proof.values import Compared, check_compared, compared, spread
from convcalc.questions.report import layer_report
from convcalc.storage.memory import more_memory, resident_memory
from convcalc.storage.regions import Stored, read_region, write_region

WORKSPACES = 52 * 2**20
"""Bytes that the engine may take per thread beside a slab, and what reading and checking take."""
CHECKED = 8
"""Slabs whose values are checked: the first, the last, and others evenly between."""
Begin: TypeAlias = Callable[[Axes, np.dtype], Stored]
"""Begins the output's file, given its shape and dtype."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A convolution in slabs: some images with all their rows, or some output rows of one image at a time."""

    layer: Prepared
    node: Node
    primitive: Correlate
    images: int
    rows: int

    @property
    def count(self) -> int:
        """How many slabs there are."""
        batch, _, rows, *_ = self.node.shape or ()
        return -(-batch // self.images) * -(-rows // self.rows)


class Slab(NamedTuple):
    """The images and output rows of a slab."""

    images: slice
    rows: slice


def planned_slabs(
    input: Stored, kernels: Sequence[Named], biases: Sequence[Named], options: RunOptions, memory: int
) -> Plan | None:
    """The slabs of a run whose arrays do not fit `memory` bytes; None if they do, and then it is run in one piece.

    Raises DataError if the layer is no single convolution, or if not even one output row fits.
    """
    itself = Named(input.name, _no_memory(input.shape, input.dtype))
    layer = prepared(itself, kernels, biases, options)
    nodes = [node for node in layer.graph.nodes if node.inputs]
    sizes = [prod(node.shape or ()) for node in layer.graph.nodes]
    room = memory - resident_memory() - WORKSPACES * thread_count()
    needed = sum(sizes) * input.dtype.itemsize
    if needed <= room:
        return None
    node, primitive = nodes[0], nodes[0].primitive
    if len(nodes) > 1 or not isinstance(primitive, Correlate):
        raise DataError(
            f"{input.name}: must fit memory, got {needed} bytes with {memory}, and only a single convolution is run in "
            f"slabs; {more_memory(needed + memory - room, 'run the stages one by one')}"
        )
    return _cut(input, layer, node, primitive, room, memory)


def _cut(input: Stored, layer: Prepared, node: Node, primitive: Correlate, room: int, memory: int) -> Plan:
    """Slabs that take `room` bytes."""
    batch, channels, _, *inner = layer.x.shape
    _, filters, rows, *out_inner = node.shape or ()
    window = windows(primitive)[0]
    item, result = input.dtype.itemsize, max(input.dtype.itemsize, _arithmetic(input, layer).result.itemsize)
    # The rows read from the file, with padding a copy of them, and of the output.
    per_row = 2 * channels * prod(inner) * item * window.stride + 2 * filters * prod(out_inner) * result
    fixed = 2 * channels * prod(inner) * item * max(0, window.extent - window.stride)
    fitting = (room - fixed) // per_row
    images, step = direct.parts(_problem(input, layer, node, primitive))
    if fitting >= rows * images and batch > 1:
        return Plan(layer, node, primitive, min(batch, fitting // rows // images * images), rows)
    if fitting < 1:
        needed = memory - room + fixed + per_row
        raise DataError(
            f"{input.name}: a slab of one output row must fit memory, got {needed} bytes with {memory}; "
            f"{more_memory(needed)}"
        )
    if fitting >= step and images == 1:  # slabs of these have the bits of a run in one piece
        fitting = fitting // step * step
    return Plan(layer, node, primitive, 1, min(rows, fitting))


def _arithmetic(input: Stored, layer: Prepared) -> Arithmetic:
    """The dtypes of the computation; integers may be computed in another one where they are large."""
    (weight, *bias) = next(iter(layer.arrays.values()))
    return choose_arithmetic(np.zeros((1, 1, 1), input.dtype), weight, bias[0] if bias else None)


def _problem(input: Stored, layer: Prepared, node: Node, primitive: Correlate) -> Problem:
    """The whole problem, on an input without memory, for the engine to say where it may be cut."""
    (weight, *_), groups, along = layer.arrays[node.name], primitive.groups, windows(primitive)
    x, shape = layer.x, node.shape or ()
    axes = tuple(padded_axis(size, window, "zeros") for size, window in zip(x.shape[2:], along, strict=True))
    return Problem(
        _no_memory((x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]), input.dtype),
        weight.reshape(groups, -1, *weight.shape[1:]), None, axes, shape[2:], _arithmetic(input, layer).compute,
    )  # fmt: skip


class Part(NamedTuple):
    """What is kept of a slab: the shape of its output and the range of its values, how it was computed, its checks.

    `compared` is None if it was not checked; `misplaced` says that rows of it are not in a file where they belong.
    """

    shape: Axes
    found: Statistics
    engine: Engine
    as_defined: bool
    compared: Compared | None
    misplaced: bool


def run_in_slabs(
    plan: Plan,
    input: Stored,
    options: RunOptions,
    begin: Begin | None,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """The convolution slab by slab, and every check; values are checked in up to CHECKED slabs.

    The direct algorithm gives the bits of a run in one piece. Raises DataError for values that it refuses.
    """
    layer, layout, began = plan.layer, parse_layout(options.layout), perf_counter()
    whole = _no_memory(plan.node.shape or (), _arithmetic(input, layer).result)
    shape = _given(whole, len(input.shape) - layer.dims, layer.dims, layout).shape
    target = None if begin is None else begin(shape, whole.dtype)
    slabs, parts = list(_slabs(plan)), list[Part]()
    checked = spread(len(slabs), CHECKED) if options.check else []
    for number, slab in enumerate(slabs):
        parts.append(_part(plan, slab, input, target, options, number in checked))
        if progress is not None:
            progress(number + 1, len(slabs))
    seconds = perf_counter() - began
    note = f"in {len(slabs)} slabs of at most {_described(plan)}, read from the file one after the other"
    report = layer_report(layer.graph)
    report = replace(report, dtype=str(whole.dtype), notes=(*layer.made.notes, note, *report.notes))
    checks, error = tuple[Check, ...](), None
    if options.check:
        out = _no_memory(_together(slabs, parts), whole.dtype)
        counter = Counter(
            sum(part.engine.multiplications_executed for part in parts), all(part.as_defined for part in parts)
        )
        arrays = tuple(layer.arrays[plan.node.name])
        done = Executed(1, plan.node, (layer.x,), arrays, out, counter, options.padding_mode)
        values, error = _check_values(parts, out.size)
        checks = (*number_checks(report, [done]), values)
    output = Output(shape, whole.dtype, merged([(part.found, prod(part.shape)) for part in parts]), None)
    return Result(report, output, checks, seconds, error, tuple(_engines(parts)))


def _no_memory(shape: Axes, dtype: np.dtype) -> np.ndarray:
    """An array of zeros that takes no memory."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def _part(plan: Plan, slab: Slab, input: Stored, target: Stored | None, options: RunOptions, checked: bool) -> Part:
    """A slab convolved, written to the target if there is one, and checked if that is asked for."""
    dims, layout, mode = plan.layer.dims, parse_layout(options.layout), options.padding_mode
    x = _read(input, plan, slab, layout, mode)
    done = _executed(plan, x, options)
    window = windows(plan.primitive)[0]
    first = slab.rows.start * window.stride - window.before
    misplaced = checked and rows_differ(input, x, slab.images, first, layout, mode)
    if target is not None:
        values = _given(done.out, len(input.shape) - dims, dims, layout)
        write_region(target, _rows(target, slab.images, slab.rows, dims, layout), values)
        if checked and target.file.readable():
            target.file.flush()
            misplaced |= rows_differ(target, done.out, slab.images, slab.rows.start, layout, "zeros")
    (engine,) = engine_of([done])
    found = compared([done]) if checked else None
    return Part(done.out.shape, statistics(done.out), engine, done.counter.as_defined, found, misplaced)


def _executed(plan: Plan, x: np.ndarray, options: RunOptions) -> Executed:
    """The convolution of the padded rows under a slab."""
    node, (batch, _, *positions) = plan.node, plan.node.shape or ()
    primitive = plan.primitive._replace(padding=((0, 0), *plan.primitive.padding[1:]))
    weight, *biases = plan.layer.arrays[node.name]
    bias, counter = biases[0] if biases else None, Counter()
    out = correlate(
        x, weight, bias, windows(primitive), primitive.groups, arithmetic=choose_arithmetic(x, weight, bias),
        padding_mode=options.padding_mode, algorithm=options.algorithm, counter=counter,
        whole=(batch, *positions),
    )  # fmt: skip
    return Executed(1, node._replace(primitive=primitive), (x,), (weight, *biases), out, counter, options.padding_mode)


def _together(slabs: Sequence[Slab], parts: Sequence[Part]) -> Axes:
    """The shape of the outputs of all slabs put together."""
    _, filters, _, *inner = parts[0].shape
    images = sum(part.shape[0] for slab, part in zip(slabs, parts, strict=True) if slab.rows.start == 0)
    rows = sum(part.shape[2] for slab, part in zip(slabs, parts, strict=True) if slab.images.start == 0)
    return (images, filters, rows, *inner)


def _check_values(parts: Sequence[Part], of: int) -> tuple[Check, float]:
    """The check of the slabs that were compared, out of so many values, and the largest error."""
    check, error = check_compared([part.compared for part in parts if part.compared is not None], of)
    if any(part.misplaced for part in parts):
        check = replace(check, ok=False, measured="rows at another place of a file", how="rows were read again")
    return check, error


def _engines(parts: Sequence[Part]) -> Iterator[Engine]:
    """Every algorithm that was used, with the multiplications of all its slabs."""
    used = [part.engine for part in parts]
    for algorithm in dict.fromkeys(each.algorithm for each in used):
        own = [each for each in used if each.algorithm == algorithm]
        yield replace(own[-1], multiplications_executed=sum(each.multiplications_executed for each in own))


def _described(plan: Plan) -> str:
    return f"{plan.rows} output rows" if plan.images == 1 else f"{plan.images} images"


def _slabs(plan: Plan) -> Iterator[Slab]:
    batch, _, rows, *_ = plan.node.shape or ()
    for image in range(0, batch, plan.images):
        for row in range(0, rows, plan.rows):
            yield Slab(slice(image, min(batch, image + plan.images)), slice(row, min(rows, row + plan.rows)))


def _read(input: Stored, plan: Plan, slab: Slab, layout: Layout, mode: str) -> np.ndarray:
    """The padded rows under a slab, (images, channels, rows, *inner)."""
    dims, size = plan.layer.dims, plan.layer.x.shape[2]
    window = windows(plan.primitive)[0]
    first = slab.rows.start * window.stride - window.before
    span = (slab.rows.stop - slab.rows.start - 1) * window.stride + window.extent
    pieces = list(padded_axis(size, window, mode).pieces(first, span))
    x = None
    for into, source in pieces:
        # A piece that runs backwards, or repeats one row, is read forwards.
        step = source.step or 1
        rows = range(*source.indices(size)) if step != 1 else range(source.start, source.stop)
        region = _rows(input, slab.images, slice(min(rows), max(rows) + 1), dims, layout)
        read = full_input(Named(input.name, read_region(input, region)), dims, layout)
        if len(pieces) == 1 and step == 1 and len(rows) == span:
            return np.ascontiguousarray(read)
        if x is None:
            x = np.zeros((read.shape[0], read.shape[1], span, *read.shape[3:]), input.dtype)
        x[:, :, into] = read[:, :, ::-1] if step < 0 else read
    if x is None:  # all of it is padding
        shape = plan.layer.x.shape
        x = np.zeros((slab.images.stop - slab.images.start, shape[1], span, *shape[3:]), input.dtype)
    return x


def _rows(array: Stored, images: slice, rows: slice, dims: int, layout: Layout) -> list[slice]:
    """The part of an array in its own form: some images, if it has a batch, and some rows."""
    form = len(array.shape) - dims
    region = [slice(0, length) for length in array.shape]
    at = form if layout == "channels-first" else max(0, form - 1)
    region[at] = rows
    if form == 2:
        region[0] = images
    return region


def _given(out: np.ndarray, form: int, dims: int, layout: Layout) -> np.ndarray:
    """An output in the form that the input has."""
    like = Named("", _no_memory((1,) * (form + dims), np.dtype(float)))
    return restored(out, like, dims, layout)
