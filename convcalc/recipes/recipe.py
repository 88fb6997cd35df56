"""What every convolution type states about itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from convcalc.graph.request import Request
from convcalc.graph.stages import Axes, Chain

Told: TypeAlias = dict[str, int | Axes]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A convolution type: its names, the stages it lowers to, and where it comes from.

    `told_by` reads options off the shapes of the stages' kernels, given the input channels and the groups asked for.
    `options` are those it understands beyond kernel, filters, stride, padding, dilation and bias.
    `multiplications` is the cost for P output positions, K = product(kernel), in option names.
    `ratio` is the closed form of its multiplications over the standard convolution's, where there is one: N filters,
    K taps, m multiplier, g groups.
    """

    name: str
    aliases: tuple[str, ...]
    summary: str
    multiplications: str
    source: str
    lower: Callable[[Request], Chain]
    told_by: Callable[[Sequence[Axes], int, int | None], Told]
    options: frozenset[str] = frozenset()
    ratio: str | None = None
    default_kernel: int = 3
    default_dilation: int = 1
    default_groups: int = 1
