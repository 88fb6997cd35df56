"""Chains of dilated layers that see so many pixels without a hole, those of the fewest multiplications first.

Layers of stride 1 commute, so a chain is stated with its dilations growing. It leaves no hole if and only if no
dilation is larger than what the layers before it see: a larger one would leave out the pixel just after that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from convcalc.axis.inverse import first_true
from convcalc.axis.positions import Positions, spread_from
from convcalc.axis.window import Window
from convcalc.errors import NotationError
from convcalc.notation import whole_number
from convcalc.notation.spans import Span, parse_spans
from convcalc.questions.schema import SCHEMA

MAX_CHAINS = 1_000
"""Most chains that are listed; if there are more, the first ones."""
MAX_LAYERS = 64
MAX_KERNELS = 8
"""Most kernels among which a chain may choose."""
MAX_STATES = 100_000
"""Most states of a search, about a second's worth."""
NEAR = 64
"""How far to look for the nearest size that chains see."""
Kernels: TypeAlias = tuple[Window, ...]


class FieldChain(NamedTuple):
    """Layers in the order of their dilations, and what one output of theirs sees."""

    layers: Kernels
    multiplications: int

    def to_dict(self, size: int) -> dict[str, Any]:
        return {
            "layers": [{"kernel": layer.kernel, "dilation": layer.dilation} for layer in self.layers],
            "words": self.words,
            "multiplications": self.multiplications,
            "receptive_field": size,
            "coverage": size,
        }

    @property
    def words(self) -> str:
        """The chain as layer words; equal layers in a row are one word, repeated."""
        words = [f"k{layer.kernel}" + f"d{layer.dilation}" * (layer.dilation > 1) for layer in self.layers]
        times = [words.count(word) for word in dict.fromkeys(words)]
        return " ".join(word + f"*{n}" * (n > 1) for word, n in zip(dict.fromkeys(words), times, strict=True))


@dataclass(frozen=True, slots=True)
class SolvedFields:
    """The chains that see `size` pixels without a hole, fewest multiplications first.

    `more` says whether there are further ones that are not among them; `nearest` are the sizes next to it that chains
    do see, if none sees this one.
    """

    size: int
    kernel: Span
    dilation: Span
    layers: Span
    chains: tuple[FieldChain, ...]
    more: bool
    nearest: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """The chains as plain JSON values."""
        return {
            "schema": SCHEMA,
            "receptive_field": self.size,
            "searched": {"kernel": list(self.kernel), "dilation": list(self.dilation), "layers": list(self.layers)},
            "solutions": [chain.to_dict(self.size) for chain in self.chains],
            "more": self.more,
            "nearest": list(self.nearest),
        }

    def narrower(self) -> str:
        """What leaves fewer chains, if there are more than are listed."""
        fewest = len(self.chains[0].layers)
        largest = max(layer.dilation for layer in self.chains[0].layers)
        return f"add --layers {fewest}" if self.layers.size > 1 else f"narrow --dilation, such as -d 1..{largest}"


def solve_field(
    size: int | str, kernel: int | str | None = None, dilation: int | str | None = None, layers: int | None = None
) -> SolvedFields:
    """The chains of layers of stride 1 that see exactly `size` pixels without a hole.

    Kernels are 3 and dilations all that fit unless given. Without a number of layers, chains of the fewest
    multiplications and all that need at most one more layer's.
    Raises NotationError for what cannot be read, and if more than MAX_LAYERS layers are needed.

    >>> [chain.words for chain in solve_field(15, 3, "1..4").chains[:3]]
    ['k3 k3d3*2', 'k3 k3d2 k3d4', 'k3 k3d2*3']
    """
    seen = whole_number(size, "receptive-field", 2)
    kernels = parse_spans(3 if kernel is None else kernel, "kernel", 1)[0]
    if kernels.last == 1:
        raise NotationError(f"kernel: must be at least 2 to see {seen} pixels, got 1; use -k 3")
    widest = max(1, (seen - 1) // max(1, kernels.first - 1))
    dilations = parse_spans(f"1..{widest}" if dilation is None else dilation, "dilation", 1)[0]
    if kernels.size > MAX_KERNELS:
        raise NotationError(
            f"kernel: may be one of {MAX_KERNELS} at most here, got {kernels}; "
            f"use -k {Span(kernels.first, kernels.first + MAX_KERNELS - 1)}"
        )
    if layers is not None and layers > MAX_LAYERS:
        raise NotationError(f"layers: must be at most {MAX_LAYERS}, got {layers}; use --layers {MAX_LAYERS}")
    search = _Search(Span(max(2, kernels.first), kernels.last), dilations)
    searched = Span(layers, layers) if layers else Span(1, MAX_LAYERS)
    found = search.fewest(seen - 1, searched)
    more = len(found) > MAX_CHAINS
    found = found[:MAX_CHAINS]
    for chain in found:
        _confirm(chain, seen)
    if found and not layers:
        searched = Span(min(len(chain.layers) for chain in found), max(len(chain.layers) for chain in found))
    nearest = () if found else search.nearest(seen - 1, searched)
    return SolvedFields(seen, kernels, dilations, searched, tuple(found), more, nearest)


@dataclass
class _Search:
    """One search, from the last layer to the first; the greatest reaches are kept. Reach: pixels seen, less one."""

    kernels: Span
    dilations: Span
    greatest: dict[tuple[int, int, int], int] = field(default_factory=dict)

    def fewest(self, reach: int, layers: Span) -> list[FieldChain]:
        """The chains of the fewest multiplications, and of one layer's more at most; MAX_CHAINS + 1 are enough."""
        found, most = list[FieldChain](), layers.last * self.kernels.last
        for cost, count in self._costs(layers) if self._possible(reach, layers) else ():
            if cost > most or len(found) > MAX_CHAINS:
                break
            chains = self.chains(reach, count, cost, self._largest)
            found += (FieldChain(chain, cost) for chain in islice(chains, MAX_CHAINS + 1 - len(found)))
            if found and layers.size > 1:
                most = min(most, found[0].multiplications + self.kernels.first)
        return found

    def nearest(self, reach: int, layers: Span) -> tuple[int, ...]:
        """The sizes just below and above that chains see; of those far away, only the ends of what chains see."""
        if self.dilations.first > 1 or not self.kernels:
            return ()
        below, above = min(reach - 1, self._most(layers)), max(reach + 1, layers.first * (self.kernels.first - 1))
        step = self.kernels.first - 1
        if self.kernels.size == 1:
            near = [below // step * step], [-(-above // step) * step]
        else:
            near = [below - i for i in range(NEAR)], [above + i for i in range(NEAR)]
        ends = (next((at for at in reaches if at > 0 and self._reached(at, layers)), None) for reaches in near)
        return tuple(end + 1 for end in ends if end is not None)

    def _reached(self, reach: int, layers: Span) -> bool:
        """Whether any chain reaches just that far."""
        costs = self._costs(layers) if self._possible(reach, layers) else ()
        return any(next(self.chains(reach, count, cost, self._largest), None) for cost, count in costs)

    @property
    def _largest(self) -> Window:
        return Window(self.kernels.last, dilation=self.dilations.last)

    def _costs(self, layers: Span) -> list[tuple[int, int]]:
        """The sums that the kernels may have, each with the number of layers, the smallest sums first."""
        counts = range(layers.first, layers.last + 1)
        low, high = self.kernels
        return sorted((cost, count) for count in counts for cost in range(count * low, count * high + 1))

    def _possible(self, reach: int, layers: Span) -> bool:
        """Whether a chain may reach that far: it begins with dilation 1, and every layer adds a multiple."""
        odd = self.kernels.size == 1 and reach % (self.kernels.first - 1)
        return bool(self.kernels) and self.dilations.first == 1 and not odd and reach <= self._most(layers)

    def _most(self, layers: Span) -> int:
        """The farthest that so many layers reach."""
        return self._greatest(layers.last, layers.last * self.kernels.last, self.dilations.last)

    def chains(self, reach: int, count: int, cost: int, largest: Window) -> Iterator[Kernels]:
        """The chains of `count` layers, kernels that sum to `cost` and that reach, none larger than `largest`.

        In the order of their dilations, compared from the last layer on: the smallest large dilations come first.
        """
        if count == 0:
            if reach == cost == 0:
                yield ()
            return
        if not self._within(reach, count, cost, largest.dilation):
            return
        for dilation in self._dilations(reach, count, cost, largest.dilation):
            top = largest.kernel if dilation == largest.dilation else self.kernels.last
            for kernel in range(self.kernels.first, min(top, cost) + 1):
                rest = reach - dilation * (kernel - 1)
                if rest < dilation - 1:
                    break
                layer = Window(kernel, dilation=dilation)
                yield from ((*before, layer) for before in self.chains(rest, count - 1, cost - kernel, layer))

    def _dilations(self, reach: int, count: int, cost: int, largest: int) -> range:
        """The dilations that the last layer may have: the others must reach far enough with no larger ones."""

        def enough(dilation: int) -> bool:
            return self._greatest(count, cost, dilation) >= reach

        first = first_true(self.dilations.first, largest + 1, enough)
        return range(first, min(largest, (reach + 1) // self.kernels.first, self.dilations.last) + 1)

    def _within(self, reach: int, count: int, cost: int, largest: int) -> bool:
        """Whether the reach is between the least and the greatest of so many layers."""
        kernels = self.kernels
        if not count * kernels.first <= cost <= count * kernels.last:
            return False
        return (cost - count) * self.dilations.first <= reach <= self._greatest(count, cost, largest)

    def _greatest(self, count: int, cost: int, largest: int) -> int:
        """The greatest reach of `count` layers whose kernels sum to `cost`, dilations up to `largest`; -1: none."""
        if self.kernels.size == 1:
            return _greatest_of_one(count, self.kernels.first, largest) if cost == count * self.kernels.first else -1
        key = count, cost, largest
        known = self.greatest.get(key)
        if known is None:
            known = self.greatest[key] = self._found_greatest(*key)
        return known

    def _found_greatest(self, count: int, cost: int, largest: int) -> int:
        if count == 0:
            return 0 if cost == 0 else -1
        if len(self.greatest) > MAX_STATES // self.kernels.size:
            raise NotationError(
                f"solve: these ranges have too many chains in them, got kernel {self.kernels} and dilation "
                f"{self.dilations}; use one kernel, such as -k {self.kernels.last}"
            )
        first = max(self.kernels.first, cost - (count - 1) * self.kernels.last)
        last = min(self.kernels.last, cost - (count - 1) * self.kernels.first)
        most = -1
        for kernel in range(first, last + 1):
            before = self._greatest(count - 1, cost - kernel, largest)
            if before >= 0:
                most = max(most, before + min(largest, before + 1) * (kernel - 1))
        return most


def _greatest_of_one(count: int, kernel: int, largest: int) -> int:
    """The greatest reach of `count` layers of one kernel: each sees `kernel` times as much, until dilations end."""
    seen = 1
    while count and seen <= largest:
        seen, count = seen * kernel, count - 1
    return seen - 1 + count * largest * (kernel - 1)


def _confirm(chain: FieldChain, size: int) -> None:
    """Raises RuntimeError unless one output, followed back through the layers, depends on every pixel of `size`."""
    seen = reduce(spread_from, chain.layers, Positions.single(0))
    if not seen.count == seen.span == size:
        raise RuntimeError(f"solve: {chain.words} sees {seen.count} of {seen.span} pixels, not {size}")
