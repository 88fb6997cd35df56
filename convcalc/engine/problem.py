"""One convolution as every algorithm is given it: groups on an axis of their own, padding described, dtypes decided."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from convcalc.engine.padded import PaddedAxis


@dataclass(frozen=True, slots=True)
class Cut:
    """The axis to split across threads (batch, groups, filters or rows), and the multiple its parts must have."""

    axis: str
    multiple_of: int = 1


@dataclass(eq=False)
class Problem:
    """x: (batch, groups, channels, *spatial); weight: (groups, filters, channels, *kernel); bias: (groups, filters).

    An algorithm fills an array (batch, groups, filters, *positions) in the result's dtype, from sums in `compute`.
    `exact` says that results are integers, to be computed as such. `whole` are the images and positions of the problem
    that this one is a part of, (batch, *positions): blocks are cut as there, so that the bits of a sum do not depend on
    the part. A problem is not changed once it is made.
    """

    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray | None
    axes: tuple[PaddedAxis, ...]
    positions: tuple[int, ...]
    compute: np.dtype
    exact: bool = False
    whole: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.batch: int = self.x.shape[0]
        self.whole = self.whole or (self.batch, *self.positions)
        self.groups: int = self.x.shape[1]
        self.channels: int = self.x.shape[2]  # of one group, like the filters
        self.filters: int = self.weight.shape[1]
        self.kernel: tuple[int, ...] = self.weight.shape[3:]
        self.terms: int = self.channels * prod(self.kernel)  # products in the sum of one output
        self.windows = tuple([axis.window for axis in self.axes])
        self.stride = tuple([window.stride for window in self.windows])
        self.dilation = tuple([window.dilation for window in self.windows])

    @property
    def is_real(self) -> bool:
        """Whether sums are of real floats, which may be rounded."""
        return self.compute.kind in "fO" and not self.exact

    def part(self, batch: slice, groups: slice, filters: slice, rows: slice) -> Problem:
        """The problem of some images, groups, filters and positions of the first axis: slices with start and stop."""
        first = self.axes[0]
        # Positions that begin further on are a window with that much less before it.
        window = first.window._replace(before=first.window.before - rows.start * first.window.stride)
        return replace(
            self,
            x=self.x[batch, groups],
            weight=self.weight[groups, filters],
            bias=None if self.bias is None else self.bias[groups, filters],
            axes=(first._replace(window=window), *self.axes[1:]),
            positions=(rows.stop - rows.start, *self.positions[1:]),
        )

    def independent(self, multiple_of: int = 1) -> Cut:
        """The cut along groups or images, which share nothing, or if there is only one of each along rows."""
        return Cut("groups") if self.groups > 1 else Cut("batch") if self.batch > 1 else Cut("rows", multiple_of)
