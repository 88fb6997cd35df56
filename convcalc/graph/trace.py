"""The forward walk: one step per stage, with its input and output size and its padding resolved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd
from typing import TypeVar, assert_never

from convcalc.axis.padding import cropped, padded
from convcalc.axis.window import Window, ceiled_size, output_size, transposed_size
from convcalc.errors import ShapeError
from convcalc.graph.stages import (
    Axes,
    Chain,
    Convolution,
    Correlate,
    Pool,
    ShuffleChannels,
    Stage,
    TransposedCorrelate,
    Windowed,
    windows,
)

W = TypeVar("W", bound=Windowed)
MOST_DIVISOR = 1 << 16
"""Group counts suggested in messages are sought up to here."""
AXIS_NAMES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


@dataclass(frozen=True, slots=True)
class Step:
    """One stage at its place: path, the stage with numeric padding, input and output as (channels, *spatial).

    `padding_word` is the word that the padding was asked for with, if it was.
    """

    path: str
    stage: Stage
    input: Axes
    output: Axes
    padding_word: str | None = None


def trace(chain: Chain, input: Axes) -> tuple[Step, ...]:
    """The steps of a chain on an input of (channels, *spatial).

    Raises ShapeError, naming the stage and the axis, where something does not fit.
    """
    steps = []
    for path, stage in chain.stages():
        steps.append(trace_stage(path, stage, input))
        input = steps[-1].output
    return tuple(steps)


def trace_stage(path: str, stage: Stage, input: Axes) -> Step:
    """One step, on an input of (channels, *spatial); raises ShapeError as `trace` does."""
    try:
        return _step(path, stage, input)
    except ShapeError as error:
        raise ShapeError(f"{path}: {error}") from None


def resolved(stage: W, spatial: tuple[int | None, ...]) -> W:
    """The stage with its padding as numbers; `spatial` may be unknown where the word does not depend on it."""
    if not isinstance(stage.padding, str):
        return stage
    word = stage.padding
    plain = [Window(*axis) for axis in zip(stage.kernel, stage.stride, stage.dilation, strict=True)]
    if isinstance(stage, TransposedCorrelate):
        crops = [cropped(word, window) for window in plain]
        lengthened = tuple(own + crop[2] for own, crop in zip(stage.output_padding, crops, strict=True))
        return replace(stage, padding=tuple(crop[:2] for crop in crops), output_padding=lengthened)
    pairs = tuple(padded(word, size, window) for size, window in zip(spatial, plain, strict=True))
    return replace(stage, padding=pairs)


def _step(path: str, stage: Stage, input: Axes) -> Step:
    channels, *spatial = input
    asked = getattr(stage, "padding", None)
    match stage:
        case Correlate() | TransposedCorrelate():
            _check_channels(stage, channels)
            stage = resolved(stage, tuple(spatial))
            output = (stage.out_channels, *_along_axes(stage, spatial))
        case Pool():
            stage = resolved(stage, tuple(spatial))
            output = (channels, *_along_axes(stage, spatial))
        case ShuffleChannels():
            _check_divides(stage.groups, channels, "channels", channels)
            output = input
        case _:
            assert_never(stage)
    return Step(path, stage, input, output, asked if isinstance(asked, str) else None)


def _along_axes(stage: Windowed, spatial: list[int]) -> Axes:
    names = AXIS_NAMES[len(spatial)]
    sizes = []
    for axis, (size, window) in enumerate(zip(spatial, windows(stage), strict=True)):
        try:
            if isinstance(stage, TransposedCorrelate):
                _check_output_padding(stage.output_padding[axis], window)
                sizes.append(transposed_size(size, window, stage.output_padding[axis]))
            elif isinstance(stage, Pool) and stage.ceil_mode:
                sizes.append(ceiled_size(size, window))
            else:
                sizes.append(output_size(size, window))
        except ShapeError as error:
            raise ShapeError(f"{names[axis]}: {error}") from None
    return tuple(sizes)


def _check_output_padding(output_padding: int, window: Window) -> None:
    """Output padding beyond both stride and dilation would append outputs that no input size can explain."""
    most = max(window.stride, window.dilation) - 1
    if output_padding > most:
        raise ShapeError(
            f"output-padding must be smaller than stride or dilation, got {output_padding} "
            f"for stride {window.stride} and dilation {window.dilation}; use at most {most}"
        )


def _check_channels(stage: Convolution, channels: int) -> None:
    if stage.in_channels != channels:
        raise ShapeError(f"input channels must match the stage, got {channels} for in_channels={stage.in_channels}")
    common = gcd(stage.in_channels, stage.out_channels)
    _check_divides(stage.groups, stage.in_channels, "in_channels", common)
    _check_divides(stage.groups, stage.out_channels, "filters", common)


def _check_divides(groups: int, channels: int, name: str, common: int) -> None:
    """Raises ShapeError unless groups divides the channels, with the nearest divisors of `common`, which would."""
    if channels % groups:
        divisors = [d for d in range(1, min(common, MOST_DIVISOR) + 1) if common % d == 0]
        near = sorted(sorted(divisors, key=lambda d: abs(d - groups))[:2])
        raise ShapeError(
            f"groups must divide {name}, got groups={groups} and {name}={channels}; try {' or '.join(map(str, near))}"
        )
