"""Transposed convolution: every input value is spread, times its weights, over the outputs its window covers.

A block of positions is multiplied by a block of weights in one product that sums over the channels; then each tap's
products are added where they land. One axis, stride 2, a kernel of 3 taps, positions a b c:

    products        where they land, at stride * position + tap
    tap 0  a b c    0     2     4
    tap 1  a b c       1     3     5
    tap 2  a b c          2     4     6

    output          0  1  2  3  4  5  6

A tap's positions land a stride apart. Taps whose targets have the same remainder, here taps 0 and 2, share a *phase*:
they are first added side by side in an array of their own, because adding to targets a stride apart is slow:

    phase 0, targets    0  2  4  6        phase 1, targets    1  3  5
             tap 0      a  b  c                    tap 1      a  b  c
             tap 2         a  b  c
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import NamedTuple, cast

import numpy as np

from convcalc.axis.window import Window, transposed_size
from convcalc.engine import tuning
from convcalc.engine.algorithms import AUTO
from convcalc.engine.algorithms.direct import batch_third
from convcalc.engine.arithmetic import Arithmetic
from convcalc.engine.counter import Choice, Counter
from convcalc.engine.work.blocks import Index, block_shape, blocks, length, shaped, workspaces
from convcalc.engine.work.products import multiply
from convcalc.storage.memory import check_memory


def transposed_correlate(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    windows: tuple[Window, ...],
    output_padding: tuple[int, ...],
    groups: int,
    *,
    arithmetic: Arithmetic,
    algorithm: str = AUTO,
    counter: Counter | None = None,
) -> np.ndarray:
    """Outputs (batch, out_channels, *sizes) in `arithmetic.result`, C-contiguous.

    x: (batch, in_channels, *spatial); weight: (in_channels, out_channels / groups, *kernel); bias:
    (out_channels,). A window's before and after crop the full result, output_padding lengthens it at the end.
    Each input value is multiplied by each of its weights once, even if the product is cropped away, and no zeros are
    inserted; an output that no product reaches is 0 plus bias. Takes less than 64 MiB in addition to input, weights and
    output. This is the direct algorithm, the only one here; `counter` records if another one was asked for.

    Raises ShapeError if the crop leaves nothing, DataError if the output is sure not to fit the memory.

    >>> from convcalc.engine.arithmetic import choose_arithmetic
    >>> x, weight = np.array([[[1, 2]]]), np.array([[[1, 10, 100]]])
    >>> arithmetic = choose_arithmetic(x, weight, None)
    >>> transposed_correlate(x, weight, None, (Window(3, stride=2),), (0,), 1, arithmetic=arithmetic)
    array([[[  1,  10, 102,  20, 200]]])
    """
    batch, channels, *spatial = x.shape
    filters = weight.shape[1]
    sizes = tuple(
        transposed_size(size, window, extra)
        for size, window, extra in zip(spatial, windows, output_padding, strict=True)
    )
    compute, result = arithmetic.compute, arithmetic.result
    check_memory(batch * groups * filters * prod(sizes) * result.itemsize, "the output")
    out = np.empty((batch, groups * filters, *sizes), result)
    blocked = out.reshape(batch, groups, filters, *sizes)
    x = x.reshape(batch, groups, channels // groups, *spatial)
    weight = weight.reshape(groups, channels // groups, *weight.shape[1:])
    if weight.size * compute.itemsize <= tuning.MAX_CONVERTED_BYTES:  # else converted block by block
        weight = np.ascontiguousarray(weight, compute)
    start = None if bias is None else bias.reshape(groups, filters, *(1 for _ in sizes))

    if counter is not None:
        spread = "every input value is spread over the outputs its window covers"
        refused = "" if algorithm in (AUTO, "direct") else f"{algorithm} was asked for and does not fit: "
        counter.choice = Choice("direct", refused + spread)

    # Products are added in the compute dtype: in the output itself, or if its dtype differs (float16, integers) in a
    # tile of sums, since rounding to float16 after every tap would lose what computing in float32 gained.
    in_output = compute == out.dtype
    tile_block = blocked.shape if in_output else block_shape(blocked.shape, compute.itemsize, tuning.SUMS_BYTES)
    sums = np.empty(0 if in_output else prod(tile_block), compute)
    # Overflow and NaN are results here. Unlike in `algorithms`, NumPy's buffers stay: they suit runs a stride apart.
    with np.errstate(all="ignore"):
        for tile in blocks(blocked.shape, tile_block):
            target = blocked if in_output else shaped(sums, tuple(map(length, tile)))
            if start is None:
                target[...] = 0
            else:
                target[...] = start[tile[1:3]]
            in_batch, in_groups, in_filters, *regions = tile
            for parts in product(*map(_parts, regions, sizes, spatial, windows)):
                at, taps, lines = zip(*parts, strict=True)
                _spread(
                    x[in_batch, in_groups, :, *at],
                    weight[in_groups, :, in_filters, *taps],
                    target,
                    lines,
                    counter,
                )
            if not in_output:
                blocked[tile] = target
    return out


def by_output_channel(weight: np.ndarray, groups: int) -> np.ndarray:
    """A view (groups, out_channels / groups, in_channels / groups, *kernel) of transposed weights.

    Its first two axes number the output channels, as `choose_arithmetic(..., filter_axes=2)` wants them.
    """
    return weight.reshape(groups, -1, *weight.shape[1:]).swapaxes(1, 2)


class Landing(NamedTuple):
    """Where products land along one axis: tap t of position p at offset + p*stride + t*dilation, 0 <= that < size."""

    offset: int
    stride: int
    dilation: int
    size: int

    def phases(self, positions: slice, taps: slice) -> list[Phase]:
        """Where the products of a block land, by the remainder of their targets.

        All positions of one tap land a stride apart, and all taps of one position a dilation apart. The fewer of the
        two become lines, because each line costs a NumPy call.
        """
        start = self.offset + positions.start * self.stride + taps.start * self.dilation
        few, jump, many, step = length(taps), self.dilation, length(positions), self.stride
        by_tap = few <= many
        if not by_tap:
            few, jump, many, step = many, step, few, jump
        found: dict[int, list[Line]] = {}
        for index in range(few):
            shift, phase = divmod(start + index * jump, step)
            hit = slice(max(0, -shift), min(many, -((phase - self.size) // step) - shift))
            if hit.start < hit.stop:
                line = Line(index, hit, shift) if by_tap else Line(hit, index, shift)
                found.setdefault(phase, []).append(line)
        return [one for phase, lines in found.items() for one in _phases(phase, step, lines)]


class Line(NamedTuple):
    """A tap at some positions, or some taps at one position; index i of these lands at index i + shift of a phase."""

    tap: int | slice
    position: int | slice
    shift: int

    @property
    def hit(self) -> slice:
        """The positions or taps."""
        return self.position if isinstance(self.position, slice) else cast(slice, self.tap)


class Phase(NamedTuple):
    """Targets a step apart along one axis, `size` of them from index `first` on, and all lines that land there."""

    target: slice
    first: int
    size: int
    lines: list[Line]

    def at(self, line: Line) -> slice:
        """The targets that a line lands on."""
        begin = line.hit.start + line.shift - self.first
        return slice(begin, begin + length(line.hit))


def _phases(phase: int, step: int, lines: list[Line]) -> Iterator[Phase]:
    """Lines with the same remainder, as one phase unless targets are neighbours anyway or the lines lie far apart."""
    first = min(line.hit.start + line.shift for line in lines)
    last = max(line.hit.stop + line.shift for line in lines)
    if len(lines) > 1 and (step == 1 or last - first > sum(length(line.hit) for line in lines)):
        for line in lines:
            yield from _phases(phase, step, [line])
        return
    yield Phase(slice(phase + first * step, phase + (last - 1) * step + 1, step), first, last - first, lines)


def _parts(region: slice, size: int, positions: int, window: Window) -> Iterator[tuple[slice, slice, Landing]]:
    """Rectangles of (positions, taps) whose products land in a region of the output, and where they land.

    Over all regions of an axis each pair is in exactly one rectangle; cropped pairs belong to the outermost regions.
    """
    stride, dilation, before = window.stride, window.dilation, window.before
    if length(region) == size:
        yield slice(0, positions), slice(0, window.kernel), Landing(-before, stride, dilation, size)
        return
    # As in Landing.phases: per tap a run of positions, or per position a run of taps.
    by_tap = window.kernel <= positions
    few, jump, many, step = window.kernel, dilation, positions, stride
    if not by_tap:
        few, jump, many, step = many, step, few, jump
    for index in range(few):
        first = index * jump - before
        begin = 0 if region.start == 0 else min(many, max(0, -((first - region.start) // step)))
        end = many if region.stop == size else min(many, max(0, -((first - region.stop) // step)))
        if begin < end:
            run, one = slice(begin, end), slice(index, index + 1)
            landing = Landing(first + begin * step - region.start, stride, dilation, length(region))
            yield (run, one, landing) if by_tap else (one, run, landing)


def _spread(
    x: np.ndarray, weight: np.ndarray, target: np.ndarray, landings: tuple[Landing, ...], counter: Counter | None
) -> None:
    """Adds the products of x (batch, groups, channels, *positions) and weight (groups, channels, filters, *taps).

    target: (batch, groups, filters, *sizes), in the dtype to compute in. Blocks of positions times blocks of
    weights, in products that sum over the channels.
    """
    batch, groups, channels, *positions = x.shape
    outputs = weight.shape[2:]
    item = target.dtype.itemsize
    lanes = min(batch * prod(positions), tuning.MIN_COLUMNS)
    source_block = block_shape((groups, channels), lanes * item)
    # Room for MIN_COLUMNS rows of weights per block of positions: products of one row are slow.
    rows = max(source_block[1], min(prod(outputs), tuning.MIN_COLUMNS))
    position_block = block_shape((batch, *positions), source_block[0] * rows * item)
    # A block of weights may need a copy in another dtype, hence channels/8: it takes 8 budgets at most.
    output_block = block_shape(outputs, source_block[0] * item * max(prod(position_block), source_block[1] / 8))
    pairs = source_block[0] * prod(position_block)
    product_size = pairs * prod(output_block)
    columns, products, sums = workspaces(target.dtype, pairs * source_block[1], product_size, product_size)
    axes = range(len(positions))
    paired = [axis for i in axes for axis in (2 + i, 3 + len(positions) + i)]

    for in_groups, in_channels in blocks((groups, channels), source_block):
        stack, depth = length(in_groups), length(in_channels)
        for in_batch, *at in blocks((batch, *positions), position_block):
            counts = length(in_batch), *map(length, at)
            values = shaped(columns, (stack, depth, *counts))
            values[...] = batch_third(x[in_batch, in_groups, in_channels, *at])
            right = values.reshape(stack, depth, -1)
            for in_filters, *taps in blocks(outputs, output_block):
                left = weight[in_groups, in_channels, in_filters, *taps]
                kinds = left.shape[2:]
                left = left.reshape(stack, depth, -1).astype(target.dtype, copy=False).swapaxes(1, 2)
                term = shaped(products, (stack, prod(kinds), prod(counts)))
                multiply(left, right, term, counter)
                # (batch, groups, filters, then tap and position of each axis side by side)
                spread = term.reshape(stack, *kinds, *counts).transpose(2 + len(axes), 0, 1, *paired)
                goal = target[in_batch, in_groups, in_filters]
                for phases in product(*(axis.phases(*block) for axis, *block in zip(landings, at, taps, strict=True))):
                    into: Index = (..., *(phase.target for phase in phases))
                    lines = list(product(*(phase.lines for phase in phases)))
                    if len(lines) == 1:
                        part = goal[into]
                        part += spread[_source(lines[0])]
                        continue
                    # Summed side by side first, because adding to targets a step apart is slow.
                    total = shaped(sums, (*spread.shape[:3], *(phase.size for phase in phases)))
                    total[...] = 0
                    for some in lines:
                        _add(spread, total, phases, some)
                    part = goal[into]
                    part += total


def _add(spread: np.ndarray, total: np.ndarray, phases: tuple[Phase, ...], lines: tuple[Line, ...]) -> None:
    """Adds the products of one line per axis to the sums of one phase per axis.

    If rows of both have the same length, all rows of a shifted line are added as one run. What the shift would carry
    over the ends of rows is cleared first, in `spread` itself:

        products of the tap     a0 a1 a2 | b0 b1 b2       shifted by one column: a2 and b2 leave their rows
        cleared                 a0 a1  0 | b0 b1  0
        added from column 1     .  a0 a1 | 0  b0 b1       one run, and no value lands in a wrong row
    """
    *others, last = lines
    at = [phase.at(line) for phase, line in zip(phases, lines, strict=True)]
    width = spread.shape[-1]
    by_tap = all(isinstance(line.position, slice) for line in lines[-2:])
    if not others or last.shift == phases[-1].first or not by_tap or total.shape[-1] != width:
        sums: Index = (..., *at)
        part = total[sums]
        part += spread[_source(lines)]
        return
    products = spread[_source((*others, Line(last.tap, slice(0, width), last.shift)))]
    for column in (*range(last.hit.start), *range(last.hit.stop, width)):
        products[..., column] = 0
    shift = last.shift - phases[-1].first
    run = products.reshape(*products.shape[:-2], -1)
    begin = at[-2].start * width + shift
    sums = (..., *at[:-2], slice(max(begin, 0), begin + run.shape[-1]))
    goal = total.reshape(*total.shape[:-2], -1)[sums]
    cut = max(-begin, 0)
    goal += run[..., cut : cut + goal.shape[-1]]


def _source(lines: tuple[Line, ...]) -> Index:
    """The index of the products of one line per axis."""
    return (..., *(index for line in lines for index in (line.tap, line.position)))
