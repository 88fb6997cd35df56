"""How an output comes about, as plain data that a reading can change: the input, the stages, how the output is stored.

Along one axis every convolution, transposed or not, is a table: the input position that each tap of each output reads.
So a mistake in padding, stride, dilation or crop is another table, and nothing else changes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import NamedTuple, TypeAlias

import numpy as np

from convcalc.notation import Axes, Layout

Finish: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""What happens to the values (outputs, filters) of a stage at positions (outputs, 1 + dims), batch first."""
View: TypeAlias = Callable[[np.ndarray], np.ndarray]
"""How an output (batch, N, *positions) is stored in y's file, by moving elements only."""

NOTHING = -1
"""In a table of reads: a zero of the padding, or no input at all."""


class Axis(NamedTuple):
    """One axis of a stage. before and after are padding (transposed: crop) and may be negative.

    `mode` is a padding mode, or NumPy's `symmetric`; the last `blank` outputs read nothing.
    """

    size: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0
    mode: str = "zeros"
    transposed: bool = False
    output_padding: int = 0
    blank: int = 0


class Stage(NamedTuple):
    """One convolution: weight (N, C/groups, *kernel), transposed (C, N/groups, *kernel), and bias (N,) or None.

    `word` is the padding word it was given, `reads` and `gives` are the order of its input and output channels.
    """

    name: str
    weight: np.ndarray
    bias: np.ndarray | None
    groups: int
    axes: tuple[Axis, ...]
    word: str | None = None
    reads: np.ndarray | None = None
    gives: np.ndarray | None = None
    after: tuple[Finish, ...] = ()

    @property
    def kernel(self) -> Axes:
        return self.weight.shape[2:]

    @property
    def transposed(self) -> bool:
        return self.axes[0].transposed

    @property
    def channels(self) -> int:
        outer, inner = self.weight.shape[:2]
        return int(outer if self.transposed else inner * self.groups)

    @property
    def filters(self) -> int:
        outer, inner = self.weight.shape[:2]
        return int(inner * self.groups if self.transposed else outer)


class Files(NamedTuple):
    """How the user's arrays are written, so that a fix can be typed: layout, axes of x, flip, forms of the kernels,
    and whether `--dims` says how they are read."""

    layout: Layout = "channels-first"
    input_axes: int = 4
    flipped: bool = False
    kernel_axes: tuple[int, ...] = ()
    typed: bool = True
    """Whether the options of the command describe the one stage, so that an option can mend it."""
    dims_given: bool = True


class Setup(NamedTuple):
    """An input (batch, C, *spatial), the stages it runs through, and how the output is stored."""

    x: np.ndarray
    stages: tuple[Stage, ...]
    views: tuple[View, ...] = ()
    files: Files = Files()

    @property
    def dims(self) -> int:
        return self.x.ndim - 2


def output_count(axis: Axis, kernel: int) -> int:
    """Outputs along an axis, 0 if the window does not fit."""
    extent = axis.dilation * (kernel - 1) + 1
    if axis.transposed:
        return max(0, (axis.size - 1) * axis.stride + extent - axis.before - axis.after + axis.output_padding)
    room = axis.size + axis.before + axis.after - extent
    return 0 if room < 0 else room // axis.stride + 1


def reads(axis: Axis, kernel: int) -> np.ndarray:
    """(outputs, taps): the input position that each tap of each output reads, NOTHING for none."""
    outputs = np.arange(output_count(axis, kernel))[:, np.newaxis]
    taps, size = np.arange(kernel) * axis.dilation, axis.size
    if axis.transposed:
        at, rest = np.divmod(outputs + axis.before - taps, axis.stride)
        at = np.where((rest == 0) & (at >= 0) & (at < size), at, NOTHING)
    else:
        at = _shown(outputs * axis.stride + taps - axis.before, size, axis.mode)
    if axis.blank:
        at[len(at) - axis.blank :] = NOTHING
    return at


def _shown(at: np.ndarray, size: int, mode: str) -> np.ndarray:
    """The input positions that positions of the padded input show."""
    shown: np.ndarray
    match mode:
        case "replicate":
            shown = np.clip(at, 0, size - 1)
        case "circular":
            shown = at % size
        case "reflect" if size > 1:
            at = at % (2 * size - 2)
            shown = np.where(at < size, at, 2 * size - 2 - at)
        case "symmetric":
            at = at % (2 * size)
            shown = np.where(at < size, at, 2 * size - 1 - at)
        case _:
            shown = np.where((at >= 0) & (at < size), at, NOTHING)
    return shown


def stage_shape(stage: Stage) -> Axes:
    """Outputs of a stage along its axes."""
    return tuple([output_count(axis, kernel) for axis, kernel in zip(stage.axes, stage.kernel, strict=True)])


def output_shape(setup: Setup) -> Axes | None:
    """(batch, N, *positions), None if the stages do not fit together."""
    channels, spatial = setup.x.shape[1], setup.x.shape[2:]
    for stage in setup.stages:
        if channels != stage.channels or tuple(axis.size for axis in stage.axes) != spatial:
            return None
        channels, spatial = stage.filters, stage_shape(stage)
        if not prod(spatial):
            return None
    return (setup.x.shape[0], channels, *spatial)


def stored_shape(setup: Setup) -> Axes | None:
    """The shape that the output has in y's file, None if the stages do not fit together."""
    shape = output_shape(setup)
    if shape is None or not setup.views:
        return shape
    places = np.broadcast_to(np.int8(0), shape)
    for view in setup.views:
        places = view(places)
    return places.shape


def by_filter(stage: Stage) -> np.ndarray:
    """The weights as (groups, N/groups, C/groups, *kernel), a view."""
    grouped: np.ndarray = stage.weight.reshape(stage.groups, -1, *stage.weight.shape[1:])
    return grouped.swapaxes(1, 2) if stage.transposed else grouped


def with_stage(setup: Setup, number: int, stage: Stage) -> Setup:
    """The setup with another stage in the place of one, the sizes of the stages after it adapted."""
    stages = list(setup.stages)
    stages[number] = stage
    for i in range(number + 1, len(stages)):
        spatial = stage_shape(stages[i - 1])
        axes = tuple([axis._replace(size=size) for axis, size in zip(stages[i].axes, spatial, strict=True)])
        stages[i] = stages[i]._replace(axes=axes)
    return setup._replace(stages=tuple(stages))
