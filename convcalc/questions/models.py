"""Questions about a model by name: its report, changed or not, compared with others, or over sizes and widths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_fields
from fractions import Fraction
from numbers import Real
from os import PathLike, fspath

from convcalc.errors import ConvcalcError, DataError, NotationError, ShapeError, one_line, quoted
from convcalc.graph.graph import Graph
from convcalc.notation import (
    Axes,
    Layout,
    Number,
    PerAxis,
    asking,
    axis_count,
    is_size,
    parse_axes,
    parse_features,
    parse_layout,
    parse_words,
    show_size,
    size_questions,
    split_words,
    truth_value,
    whole_number,
)
from convcalc.questions.compare import NetworkComparison
from convcalc.questions.replace import replaced
from convcalc.questions.report import Report, network_report
from convcalc.questions.roofline import Machine
from convcalc.questions.sweep import Progress, Sweep, sizes, swept, width_of, widths
from convcalc.readers import is_model, load_network
from convcalc.readers.words import row_graph
from convcalc.recipes import BY_NAME


def network(
    model: str | PathLike[str] | Sequence[str],
    input: PerAxis | None = None,
    batch: Number = 1,
    *,
    width: str | float | None = None,
    replace: str | None = None,
    bias: bool = False,
    dtype: str = "float32",
    layout: str = "channels-first",
) -> Report:
    """Shapes, parameters, costs, receptive fields and memory of a network, layer by layer.

    model: a network of the zoo, the path of a .toml or .onnx file, or layer words: a list of them, or one text such as
    "3x224x224 k7s2p3f64 max:k3s2p1 gap fc1000", whose first word may be the input's size. input is (channels,
    *spatial); width scales the filters of a TOML file; replace is TYPE=TYPE; bias is for layer words.

    Raises ConvcalcError (a ValueError), naming the file and the layer, for input that cannot be read or does not fit.

    >>> network("1x28x28 k5f6 max:k2 k5f16 max:k2 fc120 fc84 fc10", bias=True).parameters
    44426
    """
    size = None if input is None else parse_features(input, "input", parse_layout(layout))
    count, biased, words = whole_number(batch, "batch"), truth_value(bias, "bias"), layer_words(model)
    if not (width is None or isinstance(width, str | Real)):
        raise NotationError(f"width: must be a number, got {quoted(width)}; write for example 0.5")
    if words is None:
        named = model if isinstance(model, str) else fspath(model)  # type: ignore[arg-type]  # no sequence here
        scale = None if width is None else str(width)
        return report_of(named, NetworkOptions(size, count, scale, replace, dtype, layout=parse_layout(layout)))
    if width is not None:
        raise NotationError(
            f"width: scales the filters of a TOML file, got layer words and {one_line(str(width))}; write the filters"
        )
    if words and is_size(words[0]):
        if size is not None:
            raise NotationError(
                f"input: is given twice, got {words[0]} among the words and {show_size(size)}; give one"
            )
        input, words = words[0], words[1:]
    if not words:
        raise NotationError("model: must have layer words, got none; for example 3x224x224 k7s2p3f64 max:k3s2p1")
    if input is None:
        raise NotationError("input: a row of layer words needs its size, got none; write it first, as in 3x224x224 k3")
    graph = row_graph(words, input, batch=count, bias=biased, layout=layout)
    report = network_report(graph if replace is None else replaced(graph, replace), dtype=dtype)
    return report if replace is None else with_fields(report, before=network_report(graph, dtype=dtype))


def layer_words(model: str | PathLike[str] | Sequence[str]) -> Sequence[str] | None:
    """The layer words that a model is given as, None if it is a name or a path."""
    if isinstance(model, PathLike):
        return None
    if isinstance(model, str):
        words = split_words(model)
        if is_model(model):
            return None
        return words if len(words) > 1 or (words and is_layer_word(words[0])) else None
    if isinstance(model, bytes) or not isinstance(model, Iterable):
        raise NotationError(f"model: must be a name, a path or layer words, got {quoted(model)}")
    try:
        words = list(model)
    except TypeError:  # an array without axes
        raise NotationError(f"model: must be a name, a path or layer words, got {quoted(model)}") from None
    for word in words:
        if not isinstance(word, str):
            raise NotationError(f"model: layer words must be strings, got {quoted(word)}; write for example 'k3'")
    return words


def is_layer_word(text: str) -> bool:
    """Whether a text without blanks is a layer word or meant as one, rather than as a network's name."""
    try:
        parse_words([text], tuple(BY_NAME))
    except NotationError:
        return "(" in text or is_size(text) or any(c.isdigit() for c in text.partition(":")[2])
    return True


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """Changes to a model, and what to report with; None leaves the model as it is."""

    input: PerAxis | None = None
    batch: int = 1
    width: str | None = None
    replace: str | None = None
    dtype: str = "float32"
    machine: Machine | None = None
    layout: Layout = "channels-first"
    """The layout that the input was written in."""
    advice: bool = True
    """Whether the error of an input that does not fit names the nearest that do."""

    @property
    def changes(self) -> tuple[str, ...]:
        """The changes to the network itself, in words."""
        width = () if self.width is None else (f"width {self.width}",)
        return width if self.replace is None else (*width, self.replace)


def network_of(model: str, options: NetworkOptions) -> Graph:
    """The network at the input, batch and width of the options, its convolutions replaced if they say so."""
    width = Fraction(1) if options.width is None else width_of(options.width, "width")
    size = None if options.input is None else parse_features(options.input)
    questions = size_questions(size, options.layout, len(size) - 1) if size else ()
    with asking(questions):
        try:
            network = load_network(model, input=size, batch=options.batch, width=width)
        except (ShapeError, DataError) as error:
            if size is None:
                raise
            likely = with_fields(options, advice=options.advice and not questions)
            raise _with_remedy(error, model, size, likely, width) from None
    network = with_fields(network, notes=(*questions, *network.notes))
    return network if options.replace is None else replaced(network, options.replace)


def _with_remedy(
    error: ConvcalcError, model: str, size: Axes, options: NetworkOptions, width: Fraction
) -> ConvcalcError:
    """The error of a network on this input, with the nearest inputs that it accepts, if `options.advice` is wanted.

    What the layer itself advises is left out: the smallest input of a layer is not the network's.
    """
    from convcalc.questions.fitting_sizes import fitting

    problem, small, _ = str(error).partition("; the smallest input that fits")
    if not options.advice:
        return type(error)(problem)

    def at(input: Axes) -> Graph:
        return load_network(model, input=input, batch=options.batch, width=width)

    try:
        found = fitting(load_network(model, batch=options.batch, width=width), at, size)
    except ConvcalcError:  # it has no input of its own
        found = None
    if found is not None and (advice := found.advice(options.layout)):
        return type(error)(f"{problem if small else problem.rpartition('; ')[0] or problem}; {advice}")
    return ShapeError(f"{problem}; leave --input out or use a larger one") if small else error


def report_of(model: str, options: NetworkOptions) -> Report:
    """The report of a model; of one with convolutions replaced, with the totals before."""
    report = network_report(network_of(model, options), dtype=options.dtype, machine=options.machine)
    before = None if options.replace is None else report_of(model, with_fields(options, replace=None))
    return with_fields(report, changes=options.changes, before=before)


def compared(model: str, others: Sequence[str], options: NetworkOptions) -> NetworkComparison:
    """A model, changed as the options say, compared with others, unchanged."""
    plain = with_fields(options, replace=None, width=None)
    return NetworkComparison(report_of(model, options), tuple(report_of(other, plain) for other in others))


def over_sizes(model: str, text: str, options: NetworkOptions, progress: Progress | None = None) -> Sweep:
    """A model at input sizes written as `128..320:32`, its channels as they are.

    One number is the height and the width, or the length. A depth changes with them if it is as long as the width,
    as in a cube; the frames of a clip stay. Raises NotationError if an input is given to a model that has its own.
    """
    shape = _own_input(model, options)
    if len(shape) < 2:
        raise ShapeError(f"sweep: needs an input with spatial axes, got {show_size(shape)} features")
    channels, *spatial = shape
    depth = spatial[:-2] if spatial[0] != spatial[-1] else []

    def at(size: str) -> Report:
        sides = parse_axes(size, "sweep", len(spatial))
        if axis_count(size) == 1:
            sides = (*depth, *sides[len(depth) :])
        return report_of(model, with_fields(options, input=(channels, *sides), advice=False))

    return swept("size", sizes(text), at, options.changes, progress)


def _own_input(model: str, options: NetworkOptions) -> Axes:
    """The size that a sweep varies: the model's own, or the given one if the model has none."""
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


def over_widths(model: str, text: str, options: NetworkOptions, progress: Progress | None = None) -> Sweep:
    """A model at widths written as `0.25,0.5,1.0`. Raises NotationError if the options have a width."""
    if options.width is not None:
        raise NotationError(f"sweep-width: gives the widths, got a width of {options.width} too; give one of the two")
    return swept(
        "width",
        widths(text),
        lambda width: report_of(model, with_fields(options, width=width)),
        options.changes,
        progress,
    )
