"""The working-out of whole reports: of a layer, a row of layer words, a network, a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from convcalc import formulas
from convcalc.explain import counts
from convcalc.explain.fields import FieldRows
from convcalc.explain.node import parts
from convcalc.explain.rows import Explanation, row_of
from convcalc.formulas import Symbol
from convcalc.graph.graph import Node
from convcalc.questions.compare import Comparison, ratio_of
from convcalc.questions.cost import BYTES, Cost, total
from convcalc.questions.memory import live_tensors, read_elements
from convcalc.questions.report import LayerReport, Report
from convcalc.questions.roofline import Machine
from convcalc.questions.schema import memory
from convcalc.questions.summary import Row

TOTALS = (
    "parameters", "buffers", "multiplications", "multiplications_effective", "additions", "macs", "flops",
    "activations",
)  # fmt: skip
"""What a cost table sums up over stages."""


def explain_shape(report: Report) -> tuple[Explanation, ...]:
    """The working-out of every output size of a layer, or of a row of layer words."""
    return tuple(row for stage in report.stages for row in parts(stage.name, stage).sizes)


def explain_params(report: Report) -> tuple[Explanation, ...]:
    """The working-out of weights, biases and parameters."""
    rows = [row for stage in report.stages for row in parts(stage.name, stage).parameters]
    return (*rows, *_totals(report, ("weights", "biases", "parameters", "buffers")))


def explain_cost(report: Report) -> tuple[Explanation, ...]:
    """The working-out of every count of the cost report."""
    rows: list[Explanation] = []
    for stage in report.stages:
        for part in parts(stage.name, stage):
            rows += part
        rows += counts.stored(stage.name, stage.cost, read_elements(stage.node), report.dtype)
    rows += _totals(report, TOTALS)
    if len(report.stages) > 1:
        rows += counts.stored("total", report.cost, report.graph.inputs[0].elements, report.dtype)
    return tuple(rows)


def explain_rf(report: Report, *, sizes: bool = True) -> tuple[Explanation, ...]:
    """The working-out of sizes, unless they are unknown, and of receptive fields.

    A layer is explained stage by stage, a row of layer words word by word.
    """
    fields, rows = FieldRows(report), list[Explanation]()
    for layer in report.layers if sizes else ():
        for stage in layer.stages:
            rows += parts(_within(layer.op, layer, stage.node.stage) if layer.name else stage.name, stage).sizes
    for layer in report.layers:
        if layer.name:
            rows += fields.rows(layer.op, layer.group.nodes)
        else:
            for stage in layer.stages:
                rows += fields.rows(stage.name, range(stage.number, stage.number + 1))
    return tuple(rows)


def explain_run(report: Report) -> tuple[Explanation, ...]:
    """The working-out of all that a run checks: sizes, counts and receptive fields."""
    return (*explain_cost(report), *explain_rf(report, sizes=False))


def explain_comparison(comparison: Comparison) -> tuple[Explanation, ...]:
    """The working-out of the base, of every compared type, and of the ratios."""
    rows = [*explain_cost(comparison.base)]
    for compared in comparison.compared:
        name, report = compared.name, compared.report
        rows += [row._replace(where=f"{name}: {row.where}") for row in explain_cost(report)]
        for quantity, ratio in (
            ("multiplications", compared.ratio_multiplications),
            ("parameters", compared.ratio_parameters),
        ):
            if ratio is not None:
                rows.append(_ratio(name, f"ratio of {quantity}", quantity, ratio, report, comparison.base))
        if compared.closed_form and compared.ratio_formula and compared.ratio_multiplications is not None:
            rows.append(
                Explanation(
                    name, "ratio, closed form", compared.closed_form, compared.ratio_formula,
                    float(compared.ratio_multiplications), "the stages' multiplications over the base's",
                )
            )  # fmt: skip
    return tuple(rows)


SHOWN = ("parameters", "multiplications", "activations")
"""The counts in the table of a network."""


def explain_network(
    report: Report, layers: Sequence[LayerReport], rows: Sequence[Row] = (), *, part: bool = False
) -> tuple[Explanation, ...]:
    """The working-out of layers, of the rows that several of them share, and of the totals over all layers.

    With `part` only some layers are shown: of the network there are the totals beside theirs, and no more.
    """
    fields, worked = FieldRows(report), list[Explanation]()
    known: dict[tuple[tuple[Node, ...], int], tuple[list[Explanation], list[Explanation]]] = {}
    for layer in layers:  # layers that are alike are worked out once; only their names and fields differ
        alike = tuple(stage.node._replace(name="", inputs=()) for stage in layer.stages), layer.moved
        if alike not in known:
            known[alike] = [*_counts(layer, report)], [*_movement(layer, report)]
        before, after = known[alike]
        worked += [Explanation(layer.name + row.where, *row[1:]) for row in before]
        worked += fields.rows(layer.name, layer.group.nodes)
        worked += [Explanation(layer.name, *row[1:]) for row in after]
    for row in rows:
        if len(row.layers) > 1:
            worked += _of_row(row, report)
    counted = "the layers that are counted" if report.unsupported else "the layers"
    if part:
        whole = total(layer.cost for layer in layers)
        worked += _of_layers("shown", "the layers shown", layers, whole, report, SHOWN)
        worked += _of_layers("total", counted, report.layers, report.cost, report, SHOWN)
        return tuple(worked)
    worked += _of_layers("total", counted, report.layers, report.cost, report)
    worked += _memory(report)
    worked += _by_kind(report)
    worked += fields.rows("total", _up_to(report, report.fields.mapped))
    worked += _since(report)
    return tuple(worked)


def _of_row(row: Row, report: Report) -> Iterator[Explanation]:
    """What a row of several layers shows: their sums, and the size and receptive field of the last of them."""
    where = f"{row.name} ({len(row.layers)} layers)"
    yield from _of_layers(where, "its layers", row.layers, row.cost, report, SHOWN)
    if row.bound and report.machine:
        moved = row.moved * BYTES[report.dtype]
        if moved:
            symbols: dict[str, Symbol] = {"flops": row.flops, "bytes_moved": moved}
            intensity = row.intensity(report.dtype)
            yield row_of(where, "operations per byte", formulas.INTENSITY, intensity, **symbols)
        bounded = _bounded(row.layers, report)
        yield row_of(where, "bound", formulas.BOUND_OF_ALL, row.bound.by, **bounded)
    last = row.layers[-1].name
    yield Explanation(where, "output and receptive field", f"those of {last}", last, last, formulas.DEFINITION)


def _within(name: str, layer: LayerReport, stage: str) -> str:
    """The stage's name within its layer, or the layer's own if it is the only stage."""
    return f"{name}/{stage}" if len(layer.stages) > 1 else name


def _totals(report: Report, names: Sequence[str]) -> Iterator[Explanation]:
    if len(report.stages) > 1:
        yield from counts.sums("total", "the stages", [stage.cost for stage in report.stages], report.cost, names)


def _counts(layer: LayerReport, report: Report) -> Iterator[Explanation]:
    """Sizes, counts and share of one layer of a network, without its name; if it is not counted, its output."""
    for stage in layer.stages:
        for part in parts(_within("", layer, stage.node.stage), stage):
            yield from part
    if len(layer.stages) > 1:
        yield from counts.sums("", "the stages", [stage.cost for stage in layer.stages], layer.cost)
        yield from counts.macs("", layer.cost)
    if layer.counted:
        yield _share("", layer.multiplications, layer.share, report)


def _share(where: str, multiplications: int, share: Fraction, report: Report) -> Explanation:
    formula = formulas.SHARE if report.multiplications else formulas.SHARE_OF_NONE
    symbols = {"multiplications": multiplications, "all_multiplications": report.multiplications}
    return row_of(where, "share", formula, float(share), **symbols)


def _movement(layer: LayerReport, report: Report) -> Iterator[Explanation]:
    """Bytes that have to move, the operations on each, and what they mean on a machine."""
    parameters = sum(sum(counts.own_parameters(stage.node).values()) for stage in layer.stages)
    moved, dtype = layer.moved * BYTES[report.dtype], report.dtype
    symbols: dict[str, Symbol] = {
        "read": layer.moved - parameters - layer.activations,
        "parameters": parameters,
        "written": layer.activations,
        "bytes_per_element": BYTES[dtype],
    }
    if layer.moved == layer.moved_unfused:
        yield row_of("", f"{dtype} bytes moved", formulas.BYTES_MOVED, moved, **symbols)
    else:
        yield row_of("", f"{dtype} bytes moved", formulas.BYTES_OF_FREE, moved)
    symbols = {"flops": layer.flops, "bytes_moved": moved}
    if moved:
        yield row_of("", "operations per byte", formulas.INTENSITY, layer.intensity(dtype), **symbols)
    if layer.bound and report.machine:
        symbols |= _rates(report.machine)
        yield row_of("", "bound", formulas.BOUND, layer.bound.by, **symbols)
        yield row_of("", "least seconds", formulas.LEAST_SECONDS, layer.bound.seconds, **symbols)


def _rates(machine: Machine) -> dict[str, Symbol]:
    return {"peak": Fraction(machine.peak), "bandwidth": Fraction(machine.bandwidth)}


def _of_layers(
    where: str, of: str, layers: Sequence[LayerReport], summed: Cost, report: Report,
    names: Sequence[str] = counts.SUMMED,
) -> Iterator[Explanation]:  # fmt: skip
    """Totals of some or all layers: the counts named, their share of the network, and the least time."""
    yield from counts.sums(where, of, [layer.cost for layer in layers], summed, names)
    yield _share(where, summed.multiplications, report.share(summed), report)
    if report.machine:
        seconds = report.least_seconds(layers)
        yield row_of(where, "least seconds", formulas.LEAST_SECONDS_OF_ALL, seconds, **_bounded(layers, report))


def _bounded(layers: Sequence[LayerReport], report: Report) -> dict[str, Symbol]:
    """The operations of the layers that arithmetic bounds, the bytes of the others, and the machine's rates."""
    bound = [(layer, layer.bound.by) for layer in layers if layer.bound]
    return {
        "compute_bound_flops": sum(layer.flops for layer, by in bound if by == "compute"),
        "memory_bound_bytes": sum(layer.moved * BYTES[report.dtype] for layer, by in bound if by == "memory"),
        **(_rates(report.machine) if report.machine else {}),
    }


def _memory(report: Report) -> Iterator[Explanation]:
    """Macs and flops, bytes of parameters, and the tensors that live at the peak of memory."""
    yield from counts.macs("total", report.cost)
    size, dtype = BYTES[report.dtype], report.dtype
    weights = memory(report.cost, dtype)["parameter_bytes"]
    symbols: dict[str, Symbol] = {"parameters": report.parameters, "bytes_per_element": size}
    yield row_of("total", f"{dtype} bytes of parameters", formulas.PARAMETER_BYTES, weights, **symbols)
    yield from _peak(report)
    if report.machine:
        ridge = report.machine.ridge
        yield row_of("total", "ridge, operations per byte", formulas.RIDGE, ridge, **_rates(report.machine))


def _peak(report: Report) -> Iterator[Explanation]:
    """The tensors that live at the peak of memory, and their bytes."""
    live, size = list(live_tensors(report.graph, report.placement, report.peak)), BYTES[report.dtype]
    for label, shape, count in live:
        quantity = f"live at {report.peak_layer}: {label}"
        yield row_of("total", quantity, formulas.ACTIVATIONS_LAYER, count, shape=shape)
    symbols: dict[str, Symbol] = {"live": [count for *_, count in live], "bytes_per_element": size}
    formula = formulas.PEAK_BYTES_UNFUSED if report.unfused else formulas.PEAK_BYTES
    yield row_of("total", "peak activation bytes", formula, report.peak_activation_bytes, **symbols)


def _by_kind(report: Report) -> Iterator[Explanation]:
    """The totals of every kind of layer that has any."""
    for kind, whole in report.by_kind().items():
        own = [layer.cost for layer in report.of_kind[kind]]
        names = [name for name in ("parameters", "multiplications", "activations") if whole.counts()[name]]
        for row in counts.sums("total", f"the {kind} layers", own, whole, names):
            yield row._replace(quantity=f"{kind}: {row.quantity}")


def _up_to(report: Report, number: int) -> range:
    """The nodes of a layer from its first to this one."""
    return range(report.graph.groups[report.graph.group_of[number]].nodes.start, number + 1)


def _since(report: Report) -> Iterator[Explanation]:
    """The totals compared with those before convolutions were replaced, if any were."""
    if report.before is not None:
        for name in ("multiplications", "parameters"):
            ratio = ratio_of(report, report.before, name)
            if ratio is not None:
                yield _ratio("total", f"{name}, now of before", name, ratio, report, report.before)


def _ratio(where: str, quantity: str, count: str, ratio: Fraction, compared: Report, base: Report) -> Explanation:
    numbers = {"compared": compared.total(count), "base": base.total(count)}
    return row_of(where, quantity, formulas.RATIO, float(ratio), **numbers)
