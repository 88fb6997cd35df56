"""What can be asked of a model by name: its report as it is, changed, beside others, or over sizes and widths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from convcalc.errors import ConvcalcError, NotationError, ShapeError
from convcalc.graph.graph import Network
from convcalc.graph.stages import Axes
from convcalc.notation import PerAxis, axis_count, parse_axes, parse_features, show_size
from convcalc.questions.networks_compared import NetworkComparison
from convcalc.questions.replace import replaced
from convcalc.questions.report import NetworkReport, network_report
from convcalc.questions.roofline import Machine
from convcalc.questions.sweep import Sweep, sizes, swept, width_of, widths
from convcalc.readers import load_network


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """How a model is asked about; None is as the model has it."""

    input: PerAxis | None = None
    batch: int = 1
    width: str | None = None
    replace: str | None = None
    dtype: str = "float32"
    machine: Machine | None = None

    @property
    def changes(self) -> tuple[str, ...]:
        """What is changed of the network itself, in words."""
        width = () if self.width is None else (f"width {self.width}",)
        return width if self.replace is None else (*width, self.replace)


def network_of(model: str, options: NetworkOptions) -> Network:
    """The network, at the input, batch and width asked for, with its convolutions replaced if they are to be."""
    width = 1 if options.width is None else width_of(options.width, "width")
    network = load_network(model, input=options.input, batch=options.batch, width=width)
    return network if options.replace is None else replaced(network, options.replace)


def report_of(model: str, options: NetworkOptions) -> NetworkReport:
    """The report of a model; of one with convolutions replaced, with the totals before."""
    report = network_report(network_of(model, options), dtype=options.dtype, machine=options.machine)
    before = None if options.replace is None else report_of(model, replace(options, replace=None))
    return replace(report, changes=options.changes, before=before)


def compared(model: str, others: Sequence[str], options: NetworkOptions) -> NetworkComparison:
    """A model, changed as the options say, beside others as they are."""
    plain = replace(options, replace=None, width=None)
    return NetworkComparison(report_of(model, options), tuple(report_of(other, plain) for other in others))


def over_sizes(model: str, text: str, options: NetworkOptions) -> Sweep:
    """A model at input sizes written as `128..320:32`, its channels as they are.

    One number is the height and the width, or the length. A depth changes with them where it is as long as the width,
    as in a cube; the frames of a clip stay. Raises NotationError where an input is given to a model that has its own.
    """
    shape = _own_input(model, options)
    if len(shape) < 2:
        raise ShapeError(f"sweep: needs an input with spatial axes, got {show_size(shape)} features")
    channels, *spatial = shape
    depth = spatial[:-2] if spatial[0] != spatial[-1] else []

    def at(size: str) -> NetworkReport:
        sides = parse_axes(size, "sweep", len(spatial))
        if axis_count(size) == 1:
            sides = (*depth, *sides[len(depth) :])
        return report_of(model, replace(options, input=(channels, *sides)))

    return swept("size", sizes(text), at, options.changes)


def _own_input(model: str, options: NetworkOptions) -> Axes:
    """The size that a sweep is over: the model's own, or the one given where it leaves its own open."""
    try:
        own = load_network(model)
    except ConvcalcError:
        if options.input is None:
            raise
        own = load_network(model, input=options.input)
    else:
        if options.input is not None:
            given = show_size(parse_features(options.input))
            raise NotationError(f"sweep: gives the sizes, got an input of {given} too; give one of the two")
    return (own.inputs[0].shape or ())[1:]


def over_widths(model: str, text: str, options: NetworkOptions) -> Sweep:
    """A model at widths written as `0.25,0.5,1.0`. Raises NotationError where it has a width already."""
    if options.width is not None:
        raise NotationError(f"sweep-width: gives the widths, got a width of {options.width} too; give one of the two")
    return swept("width", widths(text), lambda width: report_of(model, replace(options, width=width)), options.changes)
