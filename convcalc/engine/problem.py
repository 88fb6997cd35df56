"""One convolution on arrays as every algorithm is given it: groups apart, padding described, dtypes decided."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np

from convcalc.engine.padded import PaddedAxis
from convcalc.window import Window


@dataclass(frozen=True, slots=True)
class Cut:
    """What to cut into a part for every thread: `batch`, `groups`, `filters` or `rows`, and into multiples of what."""

    axis: str
    grain: int = 1


@dataclass(frozen=True)
class Problem:
    """x: (batch, groups, channels, *spatial); weight: (groups, filters, channels, *kernel); bias: (groups, filters).

    An algorithm fills an array (batch, groups, filters, *positions) in the result's dtype, from sums in `compute`.
    """

    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray | None
    axes: tuple[PaddedAxis, ...]
    positions: tuple[int, ...]
    compute: np.dtype
    exact: bool = False
    """Whether results are integers, to be computed as such."""

    @property
    def is_real(self) -> bool:
        """Whether sums are of real floats, which may be rounded."""
        return self.compute.kind in "fO" and not self.exact

    @property
    def batch(self) -> int:
        return int(self.x.shape[0])

    @property
    def groups(self) -> int:
        return int(self.x.shape[1])

    @property
    def channels(self) -> int:
        """Input channels of one group."""
        return int(self.x.shape[2])

    @property
    def filters(self) -> int:
        """Output channels of one group."""
        return int(self.weight.shape[1])

    @cached_property
    def kernel(self) -> tuple[int, ...]:
        return self.weight.shape[3:]

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        return tuple(axis.window for axis in self.axes)

    @cached_property
    def stride(self) -> tuple[int, ...]:
        return tuple(axis.window.stride for axis in self.axes)

    @cached_property
    def dilation(self) -> tuple[int, ...]:
        return tuple(axis.window.dilation for axis in self.axes)

    @cached_property
    def terms(self) -> int:
        """Products in the sum of one output."""
        return self.channels * prod(self.kernel)

    def part(self, batch: slice, groups: slice, filters: slice, rows: slice) -> Problem:
        """The problem of some images, groups, filters and positions of the first axis: slices with start and stop."""
        first = self.axes[0]
        # Positions that begin further on are a window with that much less before it.
        window = replace(first.window, before=first.window.before - rows.start * first.window.stride)
        return replace(
            self,
            x=self.x[batch, groups],
            weight=self.weight[groups, filters],
            bias=None if self.bias is None else self.bias[groups, filters],
            axes=(replace(first, window=window), *self.axes[1:]),
            positions=(rows.stop - rows.start, *self.positions[1:]),
        )

    def independent(self, grain: int = 1) -> Cut:
        """The cut along groups or images, which share nothing, or if there is one of each along rows."""
        return Cut("groups") if self.groups > 1 else Cut("batch") if self.batch > 1 else Cut("rows", grain)
