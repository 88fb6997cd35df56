"""The numbers of one filter: every product behind an output and their sum, as one would write them down."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from convcalc.axis.modes import source, zones
from convcalc.graph.primitives import Convolution, Correlate, windows
from convcalc.notation import Axes
from convcalc.scenes.taps import meets, read_by
from convcalc.scenes.view import factor_text, number_text

if TYPE_CHECKING:
    import numpy as np

MAX_CHANNELS = 4
"""Input channels with a line of products each; the others share one."""


class Sums(NamedTuple):
    """One filter of a convolution that was run.

    x: (channels, *spatial), all that the filter reads; weight: (channels, *kernel); out: (*spatial).
    """

    convolution: Convolution
    x: np.ndarray
    weight: np.ndarray
    out: np.ndarray
    mode: str = "zeros"

    def input_text(self, source: Axes) -> str:
        """The first channel's value at a position of the input."""
        return number_text(self.x[(0, *source)].item())

    def output_text(self, place: Axes) -> str:
        return number_text(self.out[place].item())

    def lines(self, place: Axes) -> tuple[str, ...]:
        """The products of an output, a line per input channel, and their sum."""
        pairs = list(self._pairs(place))
        lines = []
        for channel, values in enumerate(self.x[:MAX_CHANNELS]):
            own = self.weight[channel]
            terms = [
                f"{'0' if at is None else number_text(values[at].item())}*{factor_text(own[tap].item())}"
                for at, tap in pairs
            ]
            start = f"channel {channel}: " if len(self.x) > 1 else ""
            lines.append(start + " + ".join(terms) if terms else f"{start}nothing")
        if len(self.x) > MAX_CHANNELS:
            lines.append(f"and the products of {len(self.x) - MAX_CHANNELS} more channels")
        return (*lines, f"sum {self.output_text(place)}")

    def _pairs(self, place: Axes) -> Iterator[tuple[Axes | None, Axes]]:
        """(where the value under a tap comes from, None for a padding zero; the tap) for every tap that counts."""
        axes, sizes = windows(self.convolution), self.x.shape[1:]
        along: list[list[tuple[int | None, int]]] = []
        for axis, size, at in zip(axes, sizes, place, strict=True):
            if isinstance(self.convolution, Correlate):
                shown = zones(size, axis, self.mode)
                along.append([(source(shown, read), tap) for tap, read in enumerate(read_by(axis, at))])
            else:
                along.append([*meets(axis, size, at, transposed=True)])
        for met in product(*along):
            found = tuple(at for at, _ in met if at is not None)
            yield found if len(found) == len(met) else None, tuple(tap for _, tap in met)


def sums_of(
    convolution: Convolution,
    x: np.ndarray,
    weight: np.ndarray,
    out: np.ndarray,
    *,
    filter: int = 0,
    mode: str = "zeros",
) -> Sums:
    """The numbers of one filter, from whole arrays: x and out (1, channels, *spatial), weight in the layer's layout."""
    per_group = convolution.in_channels // convolution.groups
    group, own = divmod(filter, convolution.out_channels // convolution.groups)
    channels = slice(group * per_group, (group + 1) * per_group)
    kernel = weight[filter] if isinstance(convolution, Correlate) else weight[channels, own]
    return Sums(convolution, x[0, channels], kernel, out[0, filter], mode)
