"""The primitives every convolution type lowers to, and the chain that joins them.

A stage says what is done, not on what: its padding may still be a word such as `same`, which the forward
walk (`trace`) resolves once the input size is known. Sizes are channels first and without the batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from convcalc.axis.window import Window
from convcalc.notation import Axes as Axes  # they used to be here
from convcalc.notation import Padding as Padding
from convcalc.notation import Pairs as Pairs


@dataclass(frozen=True, slots=True)
class Correlate:
    """A grouped convolution as networks mean it: nothing is flipped.

    Weights: (out_channels, in_channels / groups, *kernel); one bias per output channel if `bias`.
    """

    in_channels: int
    out_channels: int
    kernel: Axes
    stride: Axes
    padding: Padding
    dilation: Axes
    groups: int = 1
    bias: bool = False

    @property
    def weight_shape(self) -> Axes:
        return (self.out_channels, self.in_channels // self.groups, *self.kernel)


@dataclass(frozen=True, slots=True)
class TransposedCorrelate:
    """The transpose of a convolution: every input value is spread over the outputs its window covers.

    Weights: (in_channels, out_channels / groups, *kernel). `padding` crops the full result,
    `output_padding` lengthens it at the end of each axis.
    """

    in_channels: int
    out_channels: int
    kernel: Axes
    stride: Axes
    padding: Padding
    dilation: Axes
    groups: int = 1
    output_padding: Axes = ()
    bias: bool = False

    @property
    def weight_shape(self) -> Axes:
        return (self.in_channels, self.out_channels // self.groups, *self.kernel)


@dataclass(frozen=True, slots=True)
class ShuffleChannels:
    """Channels (groups, n) regrouped as (n, groups), so that the next groups see all the former ones.

    Source: Zhang et al. 2018, ShuffleNet, section 3.1.
    """

    groups: int


@dataclass(frozen=True, slots=True)
class Pool:
    """A maximum or average over a window, channel by channel; no weights and no multiplications.

    `ceil_mode` keeps a last window that runs past the padded end; `count_include_pad` says whether an average
    divides by the padding too.
    """

    kind: str
    kernel: Axes
    stride: Axes
    padding: Padding
    dilation: Axes
    ceil_mode: bool = False
    count_include_pad: bool = True


Stage: TypeAlias = Correlate | TransposedCorrelate | ShuffleChannels | Pool
Windowed: TypeAlias = Correlate | TransposedCorrelate | Pool
Convolution: TypeAlias = Correlate | TransposedCorrelate


@dataclass(frozen=True, slots=True)
class Chain:
    """Named parts, one after the other; a part is a stage or another chain."""

    parts: tuple[tuple[str, Stage | Chain], ...]

    def stages(self, prefix: str = "") -> Iterator[tuple[str, Stage]]:
        """Every stage in order with its path, such as `block1/pointwise`."""
        for name, part in self.parts:
            if isinstance(part, Chain):
                yield from part.stages(f"{prefix}{name}/")
            else:
                yield f"{prefix}{name}", part


def windows(stage: Windowed) -> tuple[Window, ...]:
    """One window per spatial axis of a stage whose padding is resolved to numbers."""
    assert not isinstance(stage.padding, str), "trace resolves padding words before windows are asked for"
    along = zip(stage.kernel, stage.stride, stage.dilation, stage.padding, strict=True)
    return tuple([Window(kernel, stride, dilation, *padding) for kernel, stride, dilation, padding in along])


def weight_count(stage: Convolution) -> int:
    """Weights of one stage: out_channels * in_channels / groups * product(kernel)."""
    return prod(stage.weight_shape)
