"""Chains of layers that make one size of another: the sizes between them first, then the layers from size to size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from math import prod
from typing import Any

from convcalc.errors import NotationError
from convcalc.notation import Axes
from convcalc.notation.spans import Span, Target
from convcalc.questions.schema import SCHEMA
from convcalc.questions.solve import (
    MAX_SOLUTIONS,
    Family,
    Layer,
    Options,
    Searched,
    asked,
    each_axis,
    families,
    layer_dict,
    layer_simplicity,
)
from convcalc.questions.solve_axis import AxisTask, Group
from convcalc.questions.solve_search import axis_groups, layers_within, strides_with_layers

MAX_LAYERS = 64
MAX_TRIED = 15_000
"""Most sizes and layers that a search looks at, about a second's worth."""
SCALED = "every layer makes stride times its input"
DIVIDED = "every layer makes its input over its stride, without a rest"
ROUNDED = "every layer makes its input over its stride, rounded up"
FREE_LAST = "; the last layer alone makes up the rest"
ANY = "any size between input and output"


@dataclass(frozen=True, slots=True)
class Choice:
    """The layers of one kernel, stride and dilation that make one size of another; the paddings are theirs."""

    simplest: Layer
    families: tuple[Family, ...]

    @staticmethod
    def of(families: Sequence[Family]) -> Choice:
        """The choice among these families of one kernel, stride and dilation."""
        return Choice(min((family.simplest for family in families), key=layer_simplicity), tuple(families))

    @property
    def count(self) -> int:
        """How many layers these are."""
        return sum(family.count for family in self.families)

    def others(self) -> list[Layer]:
        """All but the simplest."""
        every = sorted((layer for family in self.families for layer in family.layers()), key=layer_simplicity)
        return every[1:]


@dataclass(frozen=True, slots=True)
class Path:
    """Sizes from the input to the output, and the layers from each to the next, simplest first."""

    sizes: tuple[Axes, ...]
    choices: tuple[tuple[Choice, ...], ...]

    @property
    def count(self) -> int:
        """How many chains take this path; layers that differ in their padding alone count once."""
        return prod(map(len, self.choices))

    @property
    def simplest(self) -> tuple[Layer, ...]:
        return tuple(choices[0].simplest for choices in self.choices)


@dataclass(frozen=True, slots=True)
class SolvedChains:
    """The chains that make one size of another, by the sizes between their layers, simplest first."""

    tasks: tuple[AxisTask, ...]
    searched: Searched
    layers: int
    between: str
    paths: tuple[Path, ...]

    @property
    def count(self) -> int:
        """How many chains there are."""
        return sum(path.count for path in self.paths)

    def chains(self) -> list[tuple[Path, tuple[Choice, ...]]]:
        """All chains, simplest first. Raises NotationError if there are more than MAX_SOLUTIONS."""
        if remedy := self.narrower():
            raise NotationError(f"solve: lists up to {MAX_SOLUTIONS:,} chains, got {self.count:,}; {remedy}")
        every = [(path, chain) for path in self.paths for chain in product(*path.choices)]
        keys = {id(c): layer_simplicity(c.simplest) for path in self.paths for choices in path.choices for c in choices}
        return sorted(every, key=lambda found: _total([keys[id(choice)] for choice in found[1]]))

    def narrower(self) -> str:
        """If there are more than MAX_SOLUTIONS, how to narrow the ranges: one kernel leaves few chains per path."""
        if self.count <= MAX_SOLUTIONS:
            return ""
        windows = [solution.window for layer in self.paths[0].simplest for solution in layer]
        several = any(task.ranges.dilation.size > 1 for task in self.tasks)
        dilation = f" -d {min(window.dilation for window in windows)}" if several else ""
        return f"narrow the ranges, such as -k {max(window.kernel for window in windows)}{dilation}"

    def to_dict(self) -> dict[str, Any]:
        """All chains as plain JSON values; layers that differ in their padding alone are `alternatives` of one."""
        task = self.tasks[0]
        written = {id(c): _choice_dict(c) for path in self.paths for choices in path.choices for c in choices}
        return {
            "schema": SCHEMA,
            "input": each_axis([task.inputs.first for task in self.tasks]),
            "output": each_axis([task.target.number for task in self.tasks]),
            "transposed": task.transposed,
            "layers": self.layers,
            "searched": {**self.searched.to_dict(), "sizes": self.between},
            "solutions": [
                {
                    "sizes": [each_axis(list(size)) for size in path.sizes],
                    "layers": [written[id(choice)] for choice in chain],
                }
                for path, chain in self.chains()
            ],
        }


def solve_chains(
    input: int | str, output: int | str, layers: int, options: Options, *, transposed: bool = False
) -> SolvedChains:
    """The chains of so many layers that make an output size of an input size.

    Unless a padding is given, the sizes between the layers are those that strides alone make: every layer multiplies
    its input by its stride (transposed) or divides it. If no such chain ends at the output, quotients are rounded up;
    and if there is none then either, the last layer may make any size.
    Raises NotationError for what cannot be read, and for ranges with too many chains in them.

    >>> found = solve_chains(62, 18600, 2, {"kernel": "30..40", "stride": "15..20"}, transposed=True)
    >>> [path.sizes for path in found.paths]
    [((62,), (930,), (18600,)), ((62,), (1240,), (18600,))]
    """
    tasks, searched = asked(input, output, options, transposed, chain=True)
    if layers > MAX_LAYERS:
        raise NotationError(f"layers: must be at most {MAX_LAYERS}, got {layers}; use --layers {MAX_LAYERS}")
    for task in tasks:
        if task.inputs.size > 1 or task.target.kind != "size":
            got = task.inputs if task.inputs.size > 1 else task.target
            raise NotationError(
                f"solve: chains go from one size to one other, got {got}; use one number, or no --layers"
            )
    if "padding" in searched.given:
        rules = [(ANY, _Search(tasks, searched, last_free=True, exact=False, rounded=True))]
    else:
        rules = [
            (text, _Search(tasks, searched, last_free=free, exact=True, rounded=rounded))
            for text, free, rounded in (
                (SCALED if transposed else DIVIDED, False, False),
                (ROUNDED, False, True),
                ((SCALED if transposed else ROUNDED) + FREE_LAST, True, True),
            )
            if text != ROUNDED or not transposed
        ]
    each = ((text, search.paths(layers)) for text, search in rules)
    between, paths = next((found for found in each if found[1]), (rules[-1][0], []))
    ordered = sorted(paths, key=lambda path: _total(list(map(layer_simplicity, path.simplest))))
    return SolvedChains(tasks, searched, layers, between, tuple(ordered))


@dataclass
class _Search:
    """One search; what it has found from a size on is kept."""

    tasks: tuple[AxisTask, ...]
    searched: Searched
    last_free: bool
    exact: bool
    rounded: bool
    steps: int = 0
    tails: dict[tuple[Axes, int], list[tuple[Axes, ...]]] = field(default_factory=dict)
    layers: dict[tuple[Axes, Axes, bool], tuple[Choice, ...]] = field(default_factory=dict)
    groups: dict[tuple[int, int, AxisTask, bool], list[Group]] = field(default_factory=dict)

    def paths(self, count: int) -> list[Path]:
        """Every path of that many layers."""
        start = tuple(task.inputs.first for task in self.tasks)
        found = [(start, *tail) for tail in self._tails(start, count)]
        return [
            Path(
                sizes, tuple(self._choices(*pair, self._is_free(count - at)) for at, pair in enumerate(pairwise(sizes)))
            )
            for sizes in found
        ]

    def _is_free(self, left: int) -> bool:
        """Whether a layer, one of `left` to the end, need not scale by its stride."""
        return not self.exact or (left == 1 and self.last_free)

    def _tails(self, start: Axes, count: int) -> list[tuple[Axes, ...]]:
        """The sizes after `start` on every path of that many layers to the output."""
        if (start, count) not in self.tails:
            self.tails[start, count] = found = []
            end = tuple(task.target.number for task in self.tasks)
            following = [end] if count == 1 and self._is_free(count) else self._following(start)
            for size in following:
                rest = self._tails(size, count - 1) if count > 1 else [()] if size == end else []
                if rest and self._choices(start, size, self._is_free(count)):
                    found += [(size, *tail) for tail in rest]
                    self._step(len(rest))
        return self.tails[start, count]

    def _step(self, steps: int = 1) -> None:
        self.steps += steps
        if self.steps > MAX_TRIED:
            raise NotationError(
                "solve: these ranges have too many chains in them, got more than can be tried; "
                "narrow them, such as -k 3 -s 1..2 -d 1, without -p"
            )

    def _following(self, start: Axes) -> Sequence[Axes]:
        """The sizes that one layer may make, between the input and the output, each once."""
        ends = [Span(*sorted((task.inputs.first, task.target.number))) for task in self.tasks]
        if self.exact:
            each = [list(self._scaled(size, task)) for size, task in zip(start, self.tasks, strict=True)]
            alike = all(task.ranges.stride == self.tasks[0].ranges.stride for task in self.tasks)
            together = list(dict.fromkeys(zip(*each, strict=False))) if alike and self._one_ratio() else None
            sizes: Iterator[Axes] | list[Axes] = together if together is not None else product(*each)
        else:
            sizes = self._made(start)
        kept = dict[Axes, None]()
        for size in sizes:
            self._step()
            if all(one in range(span.first, span.last + 1) for one, span in zip(size, ends, strict=True)):
                kept[size] = None
        return list(kept)

    def _one_ratio(self) -> bool:
        """Whether all axes grow or shrink by the same factor."""
        first, *others = self.tasks
        return all(
            first.inputs.first * task.target.number == task.inputs.first * first.target.number for task in others
        )

    def _scaled(self, size: int, task: AxisTask) -> Iterator[int]:
        """What the strides alone make of a size; only sizes that end at the output if all that follow do so too."""
        end, strides = task.target.number, task.ranges.stride
        if not task.transposed:
            for stride in range(strides.first, strides.last + 1):
                self._step()
                if self.rounded or (size % stride == 0 and size // stride % end == 0):
                    yield -(-size // stride)
            return
        for stride in range(strides.first, min(strides.last, end // size) + 1):
            self._step()
            if self.last_free or end % (size * stride) == 0:
                yield size * stride

    def _made(self, start: Axes) -> Iterator[Axes]:
        """What the layers within the ranges make of a size, the same layer on all axes if their ranges are the same."""
        each: list[dict[object, int]] = []
        word = isinstance(self.tasks[0].ranges.padding, str)
        for size, task in zip(start, self.tasks, strict=True):
            made = dict[object, int]()
            for layer in layers_within(task._replace(inputs=Span(size, size))):
                self._step()
                window = layer.window._replace(before=0, after=0) if word else layer.window
                made[window, layer.output_padding] = layer.outputs.first
            each.append(made)
        if all(task.ranges == self.tasks[0].ranges for task in self.tasks):
            common = set.intersection(*(set(made) for made in each))
            yield from (tuple(made[layer] for made in each) for layer in common)
        else:
            yield from product(*(sorted(set(made.values())) for made in each))

    def _choices(self, start: Axes, end: Axes, free: bool) -> tuple[Choice, ...]:
        """The layers that make one size of another, simplest first; by their stride unless they are free."""
        if (start, end, free) not in self.layers:
            found = dict[object, list[Family]]()
            for family in families([self._groups(*axis, free) for axis in zip(start, end, self.tasks, strict=True)]):
                self._step(2 * len(start))
                found.setdefault(tuple(group.window for group in family.groups), []).append(family)
            choices = map(Choice.of, found.values())
            self.layers[start, end, free] = tuple(sorted(choices, key=lambda choice: layer_simplicity(choice.simplest)))
        return self.layers[start, end, free]

    def _scaling(self, size: int, output: int, transposed: bool) -> Span:
        """The strides that alone make one size of another, by the rule of this search."""
        if transposed or not self.rounded:
            return Span(max(size, output) // min(size, output), max(size, output) // min(size, output))
        return Span(-(-size // output), (size - 1) // (output - 1) if output > 1 else size)

    def _groups(self, size: int, output: int, task: AxisTask, free: bool) -> list[Group]:
        """The layers that make one size of another along an axis."""
        key = size, output, task, free
        if key in self.groups:
            return self.groups[key]
        own = task._replace(inputs=Span(size, size), target=Target("size", output))
        strides = task.ranges.stride
        if not free:
            strides = strides.within(self._scaling(size, output, task.transposed))
        elif "kernel" not in self.searched.given:
            most = Span(1, usual_kernels(strides.last)[-1].last)
            strides = strides_with_layers(own._replace(ranges=own.ranges._replace(kernel=most)))
        found = list[Group]()
        for stride in range(strides.first, strides.last + 1):
            kernels = (own.ranges.kernel,) if "kernel" in self.searched.given else usual_kernels(stride)
            for kernel in kernels:
                found += axis_groups(
                    own._replace(ranges=own.ranges._replace(kernel=kernel, stride=Span(stride, stride)))
                )
        self._step(1 + 2 * len(found) + strides.size)
        self.groups[key] = found
        return found


def usual_kernels(stride: int) -> tuple[Span, ...]:
    """The kernels searched for a stride if none were given: the stride, and twice the stride with its neighbours."""
    return (
        (Span(1, 3),) if stride == 1 else (Span(stride, stride), Span(max(stride + 1, 2 * stride - 1), 2 * stride + 1))
    )


def _total(keys: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*keys, strict=True)))


def _choice_dict(choice: Choice) -> dict[str, Any]:
    others = [layer_dict(layer) for layer in choice.others()]
    return {
        **layer_dict(choice.simplest),
        "alternatives": [{name: other[name] for name in ("padding", "output_padding")} for other in others],
    }
