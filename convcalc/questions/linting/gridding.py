"""Dilations that leave holes in the receptive field.

Source: Yu, Koltun & Funkhouser 2017, Dilated Residual Networks (gridding); Wang et al. 2018, Understanding Convolution
for Semantic Segmentation (dilations that fill the holes).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from convcalc.axis.strands import AxisField
from convcalc.graph.primitives import Windowed, windows
from convcalc.notation import Axes, show_axes
from convcalc.questions.linting.problem import Change, Inspected, Problem, axes_in_words, changed, repadded
from convcalc.questions.receptive import receptive_fields


class Step(NamedTuple):
    """What a layer adds to the field along an axis: `kernel` taps, `dilation` outputs of `jump` pixels apart."""

    node: int
    kernel: int
    dilation: int
    jump: Fraction


def gridding(inspected: Inspected) -> Iterator[Problem]:
    """Dilated layers behind an output that reads only some of the pixels that it spans.

    Holes that later layers fill are none.
    """
    graph, found = inspected.graph, inspected.fields
    for at in dict.fromkeys((found.mapped, *graph.others)):
        fields = found.fields[at]
        axes = [a for a, f in enumerate(fields) if 0 < f.coverage < f.size]
        dilated = _dilated(inspected, at, axes)
        change = _filled(inspected, at, axes, dilated) if dilated else None
        if change is None:
            continue
        changes, after = change
        spans = show_axes([fields[a].size for a in axes])
        text = (
            f"dilations {', '.join(dict.fromkeys(_dilations(graph.nodes[i].primitive) for i in dilated))} leave holes: "
            f"an output spans {spans} pixels and reads {show_axes([fields[a].coverage for a in axes])} "
            f"{axes_in_words(axes, len(fields))}"
        )
        smaller = show_axes([after[a].size for a in axes])
        yield Problem(tuple(dilated), text, changes, effect="" if smaller == spans else f"spans {smaller}")


def _dilations(primitive: object) -> str:
    assert isinstance(primitive, Windowed)
    return show_axes(primitive.dilation)


def _dilated(inspected: Inspected, at: int, axes: Sequence[int]) -> list[int]:
    """The layers before `at` that are dilated along one of the axes of the input."""
    found = []
    for number in inspected.ancestors(at) if axes else ():
        node = inspected.graph.nodes[number]
        if isinstance(node.primitive, Windowed):
            along = windows(node.primitive)
            before = inspected.fields.seen[node.inputs[0]]
            own = [before[a].axis for a in axes]
            if any(w.dilation > 1 < w.kernel for a, w in enumerate(along) if a + 2 in own):
                found.append(number)
    return found


def _filled(
    inspected: Inspected, at: int, axes: Sequence[int], dilated: Sequence[int]
) -> tuple[tuple[Change, ...], tuple[AxisField, ...]] | None:
    """Dilations that leave no holes and span as much if possible, with the field that they give.

    None if no dilations fill them, because strides leave them.
    """
    graph, found = inspected.graph, inspected.fields
    chosen: dict[int, dict[int, int]] = {number: {} for number in dilated}
    for a in axes:
        steps = []
        for number in inspected.ancestors(at):
            node = graph.nodes[number]
            if not isinstance(node.primitive, Windowed):
                continue
            along = found.seen[node.inputs[0]][a]
            if along.axis is None or along.axis < 2 or len(along.field.strands) != 1:
                continue
            window = windows(node.primitive)[along.axis - 2]
            steps.append(Step(number, window.kernel, window.dilation, along.field.strands[0].jump))
        for number, dilation in filling(steps).items():
            axis = found.seen[graph.nodes[number].inputs[0]][a].axis
            assert axis is not None
            chosen[number][axis - 2] = dilation
    ones = {n: dict.fromkeys(by_axis, 1) for n, by_axis in chosen.items()}
    for option in (chosen, ones):
        changes = tuple(_with_dilation(inspected, number, by_axis) for number, by_axis in option.items())
        other = changed(graph, changes)
        if other is None:
            continue
        after = receptive_fields(other)
        place = after.mapped if at == found.mapped else other.others[graph.others.index(at)]
        if all(after.fields[place][a].coverage == after.fields[place][a].size for a in axes):
            return changes, after.fields[place]
    return None


def filling(steps: Sequence[Step]) -> dict[int, int]:
    """Dilations for the dilated layers of a chain, by node: no holes, and the same sum if it can be.

    Layers add up in any order, so sorted by their steps: no position is missed exactly if every step is at most one
    pixel wider than what the smaller ones span. Steps too wide are narrowed, and the rest of the field goes to the
    widest that may still grow.
    """
    ordered = sorted(steps, key=lambda s: s.dilation * s.jump)
    chosen = [step.dilation for step in ordered]
    spans, lost = [Fraction(1)], Fraction(0)
    for i, step in enumerate(ordered):
        if step.dilation > 1 < step.kernel:
            chosen[i] = min(step.dilation, max(1, int(spans[i] / step.jump)))
            lost += (step.dilation - chosen[i]) * (step.kernel - 1) * step.jump
        spans.append(spans[i] + (step.kernel - 1) * chosen[i] * step.jump)
    ahead: Fraction | None = None
    for i, step in reversed([*enumerate(ordered)]):
        if step.dilation > 1 < step.kernel:
            widest = spans[i] if ahead is None else min(spans[i], ahead)
            more = min(int(lost / ((step.kernel - 1) * step.jump)), int(widest / step.jump) - chosen[i])
            if more > 0:
                chosen[i] += more
                lost -= more * (step.kernel - 1) * step.jump
        ahead = chosen[i] * step.jump
    return {step.node: d for step, d in zip(ordered, chosen, strict=True) if step.dilation > 1 < step.kernel}


def _with_dilation(inspected: Inspected, number: int, by_axis: dict[int, int]) -> Change:
    """The layer with other dilations; padding that kept the size goes on to keep it."""
    node = inspected.graph.nodes[number]
    primitive = node.primitive
    assert isinstance(primitive, Windowed)
    dilation: Axes = tuple(by_axis.get(a, d) for a, d in enumerate(primitive.dilation))
    own = primitive._replace(dilation=dilation)
    pairs = []
    for before, after in zip(windows(primitive), windows(own), strict=True):
        more = after.extent - before.extent
        padded = before.before + before.after
        if padded != before.extent - 1 or not padded:
            pairs.append((before.before, before.after))
        else:
            begin = before.before * (padded + more) // padded
            pairs.append((begin, padded + more - begin))
    return Change(number, (repadded(node, own._replace(padding=tuple(pairs))),))
