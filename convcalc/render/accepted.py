"""Accepted sizes as tables, and what a refused size lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from convcalc.errors import first_of
from convcalc.notation import Axes, show_size
from convcalc.questions.accepted import AcceptedSizes, AxisSizes
from convcalc.questions.ranges import Range
from convcalc.questions.sizes import AskedSize, SizesAnswer
from convcalc.render.table import Cell, Table

MAX_RANGES = 4
"""Most ranges that a terminal lists."""


def sizes_view(answer: SizesAnswer) -> Table:
    """The accepted sizes; if one input was asked about whose branches do not meet, where and by how much."""
    asked = answer.asked
    if asked is not None and asked.unmet:
        return _unmet_view(answer.sizes, asked)
    sizes = answer.sizes
    notes = [] if asked is None else _asked_notes(asked)
    several = (sizes.every,) if sizes.alike else (sizes.every, *sizes.axes)
    rows = tuple(
        (axis.axis, what, *each)
        for axis in several
        for what, ranges in (("smallest", _only(axis.smallest)), ("accepted", axis.accepted), ("returns", axis.returns))
        for each in ranges
    )
    heading = f"{sizes.name}: sizes from {sizes.first:,} to {sizes.last:,}"
    table = Table(heading, ("axis", "sizes", "first", "last", "step"), rows, aside=(*notes, *sizes.notes))
    people: list[tuple[Cell, ...]] = [
        ("smallest", *(_smallest(axis) for axis in several)),
        ("accepted", *(_listed(axis.accepted) for axis in several)),
        ("rule", *(_rule(axis) for axis in several)),
        ("come back as large", *(_back(axis) for axis in several)),
    ]
    if sizes.found == "tried":
        notes = [*notes, "tried one by one: the sizes of this network follow no rule that is known here"]
    terminal = Table(
        heading, ("sizes", *(_named(axis, sizes) for axis in several)), tuple(people),
        aside=(*notes, *sizes.notes), folding=True,
        explained=("below: the sizes of all layers on the smallest input",) if sizes.every.smallest else (),
    )  # fmt: skip
    return replace(table, on_terminal=terminal)


def _named(axis: AxisSizes, sizes: AcceptedSizes) -> str:
    return "on every axis" if axis is sizes.every else f"{axis.axis} alone"


def _only(size: int | None) -> tuple[Range, ...]:
    return () if size is None else (Range(size, size, 1),)


def _smallest(axis: AxisSizes) -> str:
    return "none" if axis.smallest is None else f"{axis.smallest:,}"


def _listed(ranges: Sequence[Range]) -> str:
    """Ranges in words, the first few."""
    texts = []
    for first, last, step in ranges:
        if first == last:
            texts.append(f"{first:,}")
        elif step == 1:
            texts.append(f"{first:,} to {last:,}")
        else:
            texts.append(f"{first:,}, {first + step:,}{', ...' if last > first + 2 * step else ''}, {last:,}")
    return first_of(texts, MAX_RANGES, "; ") or "none here"


def _rule(axis: AxisSizes) -> str:
    """The rule behind the accepted sizes."""
    if axis.smallest is None:
        return "none found"
    if axis.modulus is None:
        return "these sizes only"
    if len(axis.remainders) == axis.modulus:
        return (
            "every size from some on" if axis.accepted and len(axis.accepted) > 1 else f"all from {axis.smallest:,} on"
        )
    return _remainders(axis.modulus, axis.remainders)


def _back(axis: AxisSizes) -> str:
    """The sizes that come back, in words."""
    if axis.modulus is None or not axis.return_remainders:
        return _listed(axis.returns) if axis.returns else "none"
    if axis.return_remainders == axis.remainders:
        return "all that are accepted"
    return _remainders(axis.modulus, axis.return_remainders)


def _remainders(modulus: int, remainders: Sequence[int]) -> str:
    """The numbers with these remainders, in words.

    >>> _remainders(32, [0]), _remainders(16, [12]), _remainders(4, [0, 3])
    ('multiples of 32', '12 more than a multiple of 16', 'remainders 0, 3 on division by 4')
    """
    if list(remainders) == [0]:
        return f"multiples of {modulus:,}"
    if len(remainders) == 1:
        return f"{remainders[0]:,} more than a multiple of {modulus:,}"
    return f"remainders {first_of([str(each) for each in remainders], 8)} on division by {modulus:,}"


def _asked_notes(asked: AskedSize) -> list[str]:
    size = show_size(asked.input)
    if asked.accepted:
        return [f"{size} is accepted" + ("" if asked.output is None else f"; the output is {show_size(asked.output)}")]
    return [f"{size} is refused: {asked.error}", *_near(asked)]


def _near(asked: AskedSize) -> list[str]:
    near = [show_size(size) for size in (asked.below, asked.above) if size is not None]
    return [f"nearest accepted: {' and '.join(near)}"] if near else []


def _unmet_view(sizes: AcceptedSizes, asked: AskedSize) -> Table:
    """One row per branch that must be padded or cropped."""
    rows: list[tuple[Cell, ...]] = []
    for each in asked.unmet:
        for name, size, pad, crop in zip(each.inputs, each.sizes, each.pad, each.crop, strict=True):
            rows.append((each.layer, name, show_size(size), _pixels(pad), _pixels(crop)))
    legend = (
        ("pad by", "pad by: what the smaller branch lacks if every smaller one before it is padded"),
        ("or crop by", "or crop by: what the larger has too many if every larger one before it is cropped"),
    )
    return Table(
        f"{sizes.name}: branches that do not meet on {show_size(asked.input)}",
        ("layer", "reads", "size", "pad by", "or crop by"), tuple(rows), legend=legend,
        aside=(*_near(asked), f"accepted: {_rule(sizes.every)}, smallest {_smallest(sizes.every)}", *sizes.notes),
        folding=True,
    )  # fmt: skip


def _pixels(pixels: Axes) -> str | None:
    return show_size(pixels) if any(pixels) else None
