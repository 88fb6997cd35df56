"""How receptive fields come about: by the recurrence over sizes if it is exact, else from the positions read."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from convcalc import formulas
from convcalc.axis.strands import AxisField
from convcalc.axis.window import Window
from convcalc.explain.rows import Explanation, listed, named_axes, row_of
from convcalc.explain.sizes import window_symbols
from convcalc.formulas import Symbol
from convcalc.graph.graph import Node
from convcalc.graph.primitives import ShuffleChannels, TransposedCorrelate, Windowed, windows
from convcalc.questions.follow import Along
from convcalc.questions.report import Report
from convcalc.questions.schema import number

JUMP, START, COVERAGE = "jump along", "start along", "coverage along"


class Reached(NamedTuple):
    """The field of a node along an axis: exactly, and as it is shown."""

    along: Along
    summary: AxisField


class Hop(NamedTuple):
    """One stage along an axis: its window, and whether it is transposed."""

    window: Window
    transposed: bool


class Steps(NamedTuple):
    """How the field of a layer comes about along one axis: the field before, what the layer does, the field after.

    `outputs` and `size` are those of the layer's output and of the graph's input along the axis.
    """

    before: Reached
    hops: tuple[Hop, ...]
    after: Reached
    outputs: int
    size: int

    @property
    def key(self) -> tuple[Hashable, ...]:
        """What the working-out depends on, with fields by identity."""
        field, own = self.after.along.field, (id(self.before.along.field), self.hops) if self.hops else ()
        bordered = bool(field.whole.runs)  # only then do outputs and size matter, or if strands move unequally
        outputs = self.outputs if bordered or len(field.strands) > 1 else 0
        return id(field), outputs, self.size if bordered else 0, own


class FieldRows:
    """The working-out of receptive fields in one report; steps that several layers share are worked out once."""

    def __init__(self, report: Report) -> None:
        self._nodes, self._fields, self._sizes = report.graph.nodes, report.fields, report.input[1:]
        self._size = "size along" if report.form == "stages" else "receptive field along"
        self._known: dict[tuple[Hashable, ...], list[Explanation]] = {}
        """The rows of one axis, and of all axes, without a layer. The report keeps the fields in keys alive."""

    def rows(self, where: str, nodes: range) -> Iterator[Explanation]:
        """Size, jump, start and coverage after the last of some nodes that follow one another."""
        axes = [self._steps(nodes, axis) for axis in range(len(self._sizes))]
        key = tuple(steps.key for steps in axes)
        if axes and key not in self._known:
            self._known[key] = list(named_axes([self._of_axis(steps) for steps in axes]))
        for row in self._known[key] if axes else ():
            yield Explanation(where, row.quantity, row.formula, row.numbers, row.result, row.source)

    def _steps(self, nodes: range, axis: int) -> Steps:
        """What leads to the field of the last node along an axis."""
        first, last, size = self._nodes[nodes.start], nodes[-1], self._sizes[axis]
        after = Reached(self._fields.seen[last][axis], self._fields.fields[last][axis])
        before, hops = after, tuple[Hop, ...]()
        if first.inputs:
            before = Reached(self._fields.seen[first.inputs[0]][axis], self._fields.fields[first.inputs[0]][axis])
            hops = _hops([self._nodes[i] for i in nodes], before.along.axis)
        shape = self._nodes[last].shape
        outputs = 1 if after.along.axis is None or shape is None else shape[after.along.axis]
        return Steps(before, hops, after, outputs, size)

    def _of_axis(self, steps: Steps) -> list[Explanation]:
        if steps.key not in self._known:
            self._known[steps.key] = list(_worked_out(self._size, steps))
        return self._known[steps.key]


def _worked_out(quantity: str, steps: Steps) -> Iterator[Explanation]:
    """Size, jump, start and coverage along one axis; `quantity` is what the size is called."""
    before, hops, after, outputs, size = steps
    window, found, widest = _only_window(hops), after.summary, after.along.field.widest(outputs, size)
    if window is not None and _is_plain(before):
        seen = before.along.field.strands[0].phases[0]
        symbols = {
            **window_symbols(window), "size_before": seen.span, "jump_before": before.summary.jump.numerator,
            "start_before": seen.first,
        }  # fmt: skip
        yield row_of("", quantity, formulas.SIZE, found.size, **symbols)
        yield row_of("", JUMP, formulas.JUMP, number(found.jump), **symbols)
        yield row_of("", START, formulas.START, found.start, **symbols)
    else:
        symbols = {"first": widest.first, "last": widest.last} if widest.runs else {}
        yield row_of("", quantity, formulas.SPAN if widest.runs else formulas.SPAN_OF_NONE, found.size, **symbols)
        yield _jump(before, after, hops)
        text, formula = "none" if found.start is None else str(found.start), formulas.FIRST
        yield Explanation("", START, formula.text, text, found.start, formula.source)
    text, formula = f"count({listed(widest)})", formulas.COVERAGE
    yield Explanation("", COVERAGE, formula.text, text, found.coverage, formula.source)


def _hops(nodes: Sequence[Node], axis: int | None) -> tuple[Hop, ...]:
    """The windows of consecutive nodes along an axis of their input; empty if one of them has no window there.

    Layers without hops are explained by the positions themselves, which is right for every layer.
    """
    hops = []
    for node in nodes if axis is not None and axis >= 2 else ():
        if isinstance(node.primitive, Windowed):
            assert axis is not None
            window = windows(node.primitive)[axis - 2]
            hops.append(Hop(window, isinstance(node.primitive, TransposedCorrelate)))
        elif isinstance(node.primitive, ShuffleChannels):
            hops.append(Hop(Window(1), False))
        else:
            return ()
    return tuple(hops)


def _only_window(hops: Sequence[Hop]) -> Window | None:
    """The one window along an axis that reads other positions than its output's own; None if there are several."""
    if not hops or any(hop.transposed for hop in hops):
        return None
    windows = [hop.window for hop in hops if hop.window != Window(1)] or [Window(1)]
    return windows[0] if len(windows) == 1 else None


def _is_plain(reached: Reached) -> bool:
    """Whether every output reads the same positions, `jump` further on than the output before.

    Only then is the recurrence over sizes exact; the positions may have holes.
    """
    strands, whole = reached.along.field.strands, reached.along.field.whole
    if len(strands) != 1 or len(strands[0].phases) != 1 or whole.runs or not strands[0].phases[0].runs:
        return False
    return reached.summary.jump == strands[0].jump > 0  # unequal if a transposed stride has too many phases


def _jump(before: Reached, after: Reached, hops: Sequence[Hop]) -> Explanation:
    """By the strides of a layer that has any, else by how the pattern of positions recurs."""
    jump, window, transposed = after.summary.jump, _only_window(hops), [hop.transposed for hop in hops]
    symbols: dict[str, Symbol] = {"jump_before": before.summary.jump}
    if not after.along.field.strands:
        formula = formulas.NO_JUMP
    elif window is not None:
        formula, symbols["stride"] = formulas.JUMP, window.stride
    elif transposed == [True]:
        formula, symbols["stride"] = formulas.JUMP_TRANSPOSED, hops[0].window.stride
    elif hops and not any(transposed):
        formula, symbols["stride"] = formulas.JUMP_OF_STAGES, [hop.window.stride for hop in hops]
    else:
        strand = after.along.field.strands[0]
        period = Fraction(strand.advance) / jump if jump else len(strand.phases)
        formula, symbols = formulas.JUMP_OF_PATTERN, {"advance": strand.advance, "period": period}
    return row_of("", JUMP, formula, number(jump), **symbols)
