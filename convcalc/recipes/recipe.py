"""What every convolution type states about itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from convcalc.graph.primitives import Stages
from convcalc.graph.request import Request
from convcalc.notation import Axes

ImpliedOptions: TypeAlias = dict[str, int | Axes]


class Recipe(NamedTuple):
    """A convolution type: its names, the primitives it is made of, and where it comes from.

    `options_from_kernels` infers options from the shapes of the stages' kernels, the input channels and the
    requested groups.
    `options` are the ones it understands beyond kernel, filters, stride, padding, dilation and bias.
    `multiplications` is the cost for P output positions, K = product(kernel), in option names.
    `ratio` is the closed form of its multiplications over the standard convolution's, if there is one: N filters,
    K taps, m multiplier, g groups.
    """

    name: str
    aliases: tuple[str, ...]
    summary: str
    multiplications: str
    source: str
    lower: Callable[[Request], Stages]
    options_from_kernels: Callable[[Sequence[Axes], int, int | None], ImpliedOptions]
    options: frozenset[str] = frozenset()
    ratio: str | None = None
    default_kernel: int = 3
    default_dilation: int = 1
    default_groups: int = 1
