"""How every number of a network's rows, and of what is said below them, comes about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from convcalc import formulas
from convcalc.explain.layer import Explanation, explain_output, explain_stage, listed, named_axes, row_of
from convcalc.formulas import Formula, Symbol
from convcalc.graph import primitives as operators
from convcalc.graph.graph import Node, with_space
from convcalc.graph.primitives import Convolve, Linear, MatMul, parameter_shapes
from convcalc.graph.stages import Axes, Correlate, Pool, ShuffleChannels, TransposedCorrelate, windows
from convcalc.graph.trace import AXIS_NAMES
from convcalc.questions.cost import BYTES, Cost, cost, total
from convcalc.questions.layer_report import Counted, StageReport, memory, number
from convcalc.questions.memory import live_tensors
from convcalc.questions.network_cost import layer_cost
from convcalc.questions.networks_compared import ratio_of
from convcalc.questions.receptive import Along, Seen
from convcalc.questions.report import LayerReport, NetworkReport
from convcalc.questions.roofline import Machine

SUMMED = {
    "weights": "weights",
    "biases": "biases",
    "parameters": "parameters",
    "multiplications": "multiplications",
    "multiplications_effective": "effective multiplications",
    "additions": "additions",
    "activations": "activations",
}
"""What is a sum over layers or stages, with what it is called."""


def explain_network(report: NetworkReport, shown: Sequence[LayerReport]) -> tuple[Explanation, ...]:
    """The working-out of the layers shown, and of the totals over all layers."""
    numbers = {node.name: number for number, node in enumerate(report.network.nodes)}
    rows: list[Explanation] = []
    for layer in shown:
        rows += _layer(layer, report, numbers[layer.name])
    if len(shown) < len(report.layers):
        rows += _sums("shown", "the layers shown", shown, replace(report, cost=total(each.cost for each in shown)))
        rows += _of_the_whole("shown", shown, report)
    rows += _sums("total", "the layers that are counted" if report.unsupported else "the layers", report.layers, report)
    rows += _of_the_whole("total", report.layers, report)
    rows += _memory(report)
    rows += _by_kind(report)
    mapped = report.network.nodes[report.fields.mapped]
    rows += _field("total", mapped, report.fields.seen, report.fields.mapped, report)
    rows += _since(report)
    return tuple(rows)


def _layer(layer: LayerReport, report: NetworkReport, at: int) -> Iterator[Explanation]:
    """The rows of one layer; of what is not counted, its output and its receptive field."""
    node, name = layer.node, layer.name
    if isinstance(node.operator, Convolve):
        yield from _convolution(layer)
    else:
        yield from _output(layer)
        yield from _counts(layer)
        if node.shape is not None:
            yield row_of(name, "activations", formulas.ACTIVATIONS_LAYER, layer.activations, shape=node.shape)
    if node.counted:
        yield _share(name, layer, float(layer.share), report)
    yield from _field(name, node, report.fields.seen, at, report)
    yield from _movement(layer, report.dtype)
    if report.machine:
        yield from _bound(layer, report.dtype, report.machine)


def _convolution(layer: LayerReport) -> Iterator[Explanation]:
    """Stage by stage, and of several the sums."""
    node, name = layer.node, layer.name
    batch = (node.shape or (1,))[0]
    several = len(node.steps) > 1
    stages = [StageReport(step, cost(step, batch), layer.receptive_field) for step in node.steps]
    for stage in stages:
        where = f"{name}/{stage.name}" if several else name
        yield from (replace(row, where=where) for row in explain_stage(stage, batch))
    if several:
        yield from _sums(name, "the stages", stages, layer)
        yield from _macs(name, layer)
    yield from _without_shared(layer)


def _sums(where: str, of: str, parts: Sequence[Counted], whole: Counted) -> Iterator[Explanation]:
    for name, quantity in SUMMED.items():
        terms = " + ".join(str(value) for part in parts if (value := getattr(part, name))) or "0"
        yield Explanation(where, quantity, f"the sum over {of}", terms, getattr(whole, name), formulas.DEFINITION)


def _macs(where: str, counted: Counted) -> Iterator[Explanation]:
    yield row_of(where, "macs", formulas.MACS, counted.macs, multiplications=counted.multiplications)
    yield row_of(where, "flops", formulas.FLOPS, counted.flops, macs=counted.macs)


def _output(layer: LayerReport) -> Iterator[Explanation]:
    """The output's sizes, axis by axis, of anything but a convolution."""
    node, name = layer.node, layer.name
    match node.operator:
        case Pool():
            [step] = node.steps
            yield row_of(name, "output channels", formulas.OUTPUT_POOLED, step.output[0], input=step.input[0])
            yield from explain_output(name, step)
        case ShuffleChannels():
            yield from explain_output(name, node.steps[0])
        case _ if layer.output:
            axes = []
            for axis, size in enumerate(layer.output, 1):
                formula, symbols = _along(node, axis)
                axes.append([row_of(name, "output", formula, size, **symbols)])
            yield from named_axes(axes, _names(len(layer.output)))


def _names(axes: int) -> tuple[str, ...]:
    """What the axes of a tensor are called, the batch aside."""
    if axes == 1:
        return ("features",)
    return ("channels", *AXIS_NAMES[axes - 1]) if axes <= 4 else tuple(f"axis {axis + 1}" for axis in range(axes))


def _along(node: Node, axis: int) -> tuple[Formula, dict[str, Symbol]]:
    """The formula of an output's size along one axis, and its symbols."""
    shape, operator = node.shape or (), node.operator
    shapes = [each for each in node.input_shapes if each is not None]
    kept = formulas.OUTPUT_KEPT
    match operator:
        case operators.Unknown():
            return formulas.OUTPUT_STATED, {"size": shape[axis]}
        case operators.Constant():
            return formulas.OUTPUT_OWN, {"size": shape[axis]}
        case Linear() if axis == len(shape) - 1:
            return formulas.OUTPUT_FEATURES, {"filters": operator.out_features}
        case MatMul() if axis >= len(shape) - 2:
            return kept, {"input": shapes[0][-2] if axis == len(shape) - 2 else shapes[1][-1]}
        case MatMul():
            return _stretched([each[:-2] for each in shapes], len(shape) - 2, axis)
        case operators.Merge():
            full = [with_space(each, len(shape)) if operator.flat else each for each in shapes]
            return _stretched(full, len(shape), axis)
        case operators.WithConstant() | operators.Expand():
            return _stretched([shapes[0], operator.shape], len(shape), axis)
        case operators.Concat() if axis == operator.axis:
            return formulas.OUTPUT_SIDE_BY_SIDE, {"inputs": [each[axis] for each in shapes]}
        case operators.Reduce():
            left = [i for i in range(len(shapes[0])) if operator.keep or i not in operator.axes]
            if left[axis] in operator.axes:
                return formulas.OUTPUT_REDUCED, {}
            return kept, {"input": shapes[0][left[axis]]}
        case operators.Slice() if axis == operator.axis:
            return formulas.OUTPUT_TAKEN, {"size": operator.count}
        case operators.Take():
            more = len(operator.shape)
            if axis < operator.axis or axis >= operator.axis + more:
                return kept, {"input": shapes[0][axis if axis < operator.axis else axis - more + 1]}
            return formulas.OUTPUT_TAKEN, {"size": operator.shape[axis - operator.axis]}
        case operators.Pad() if operator.pairs[axis] != (0, 0):
            before, after = operator.pairs[axis]
            symbols: dict[str, Symbol] = {"input": shapes[0][axis], "padding_begin": before, "padding_end": after}
            return formulas.OUTPUT_PADDED, symbols
        case operators.Reshape() if len(shape) == 2 and shape[0] == shapes[0][0]:
            return formulas.OUTPUT_FLAT, {"input": shapes[0][1:]}
        case operators.Reshape():
            return formulas.OUTPUT_GIVEN, {"size": operator.shape[axis]}
        case operators.Transpose():
            return kept, {"input": shapes[0][operator.order[axis]]}
        case operators.Resize() | operators.AdaptivePool() if axis >= len(shape) - len(operator.sizes):
            return formulas.OUTPUT_GIVEN, {"size": operator.sizes[axis - len(shape)]}
        case _:
            return kept, {"input": shapes[0][axis]}


def _stretched(shapes: Sequence[Axes], rank: int, axis: int) -> tuple[Formula, dict[str, Symbol]]:
    """Along an axis of inputs that are broadcast; the shorter ones lack the first axes."""
    sizes = [((1,) * (rank - len(shape)) + shape)[axis] for shape in shapes]
    if len(set(sizes)) == 1:
        return formulas.OUTPUT_KEPT, {"input": sizes[0]}
    return formulas.OUTPUT_STRETCHED, {"inputs": sizes}


def _counts(layer: LayerReport) -> Iterator[Explanation]:
    """Parameters, multiplications and additions of anything but a convolution."""
    name, operator = layer.name, layer.node.operator
    if not layer.node.counted:
        return
    arrays, whole = dict(parameter_shapes(operator)), _unshared(layer)
    symbols: dict[str, Symbol] = {"bias": int("bias" in arrays)}
    if isinstance(operator, Linear):
        rows = layer.node.elements // operator.out_features
        symbols |= {"rows": rows, "in_features": operator.in_features, "filters": operator.out_features}
        yield row_of(name, "weights", formulas.WEIGHTS_LINEAR, whole.weights, **symbols)
        yield row_of(name, "biases", formulas.BIASES, whole.biases, **symbols)
    elif arrays:
        symbols["array"] = arrays["weight"]
        yield row_of(name, "weights", formulas.WEIGHTS_ARRAY, whole.weights, **symbols)
        yield row_of(name, "biases", formulas.BIASES_ARRAY, whole.biases, **symbols)
    parameters = formulas.PARAMETERS if arrays else formulas.NOT_LEARNED
    yield row_of(name, "parameters", parameters, whole.parameters, weights=whole.weights, biases=whole.biases)
    yield from _without_shared(layer)
    match operator:
        case Linear():
            multiplications, additions = formulas.MULTIPLICATIONS_LINEAR, formulas.ADDITIONS_LINEAR
        case MatMul():
            multiplications, additions = formulas.MULTIPLICATIONS_MATMUL, formulas.ADDITIONS_MATMUL
            symbols = {"elements": layer.activations, "summed": (layer.node.input_shapes[0] or (1,))[-1]}
        case _:
            yield row_of(name, "multiplications", formulas.NOT_COUNTED, layer.multiplications)
            return
    products = layer.multiplications
    yield row_of(name, "multiplications", multiplications, products, **symbols)
    effective = layer.multiplications_effective
    yield row_of(name, "effective multiplications", formulas.EFFECTIVE_UNPADDED, effective, multiplications=products)
    yield row_of(name, "additions", additions, layer.additions, **symbols)
    yield from _macs(name, layer)


def _unshared(layer: LayerReport) -> Cost:
    """The cost with all of the layer's arrays, those among them that an earlier layer has too."""
    return layer_cost(replace(layer.node, shared=frozenset()))


def _without_shared(layer: LayerReport) -> Iterator[Explanation]:
    """The parameters that count here, where some are an earlier layer's too."""
    if layer.node.shared:
        whole = _unshared(layer)
        symbols = {"weights": whole.weights, "biases": whole.biases, "shared": whole.parameters - layer.parameters}
        yield row_of(layer.name, "parameters", formulas.PARAMETERS_SHARED, layer.parameters, **symbols)


def _share(where: str, counted: Counted, share: float, report: NetworkReport) -> Explanation:
    symbols = {"multiplications": counted.multiplications, "all_multiplications": report.multiplications}
    return row_of(
        where, "share", formulas.SHARE if report.multiplications else formulas.SHARE_OF_NONE, share, **symbols
    )


def _field(where: str, node: Node, seen: Sequence[Seen], at: int, report: NetworkReport) -> Iterator[Explanation]:
    """Size and coverage from the set itself; of what the recurrences say they are the proof."""
    axes = []
    for axis, (along, found) in enumerate(zip(seen[at], report.fields.fields[at], strict=True)):
        size, shape = report.input[axis + 1], node.shape or ()
        widest = along.field.widest(1 if along.axis is None else shape[along.axis], size)
        symbols = {"first": widest.first, "last": widest.last} if widest.runs else {}
        formula = formulas.SPAN if widest.runs else formulas.SPAN_OF_NONE
        span = row_of(where, "receptive field along", formula, found.size, **symbols)
        before = seen[node.inputs[0]][axis] if node.inputs else None
        axes.append(
            [
                span,
                _jump(where, node, along, before, number(found.jump)),
                _start(where, node, before, size, found.start),
                Explanation(
                    where, "coverage along", formulas.COVERAGE.text, f"count({listed(widest)})", found.coverage,
                    formulas.COVERAGE.source,
                ),
            ]
        )  # fmt: skip
    if axes:
        yield from named_axes(axes)


def _jump(where: str, node: Node, along: Along, before: Along | None, jump: float) -> Explanation:
    """By the strides of a layer that has any, else by how the pattern of positions recurs."""
    quantity = "jump along"
    if not along.field.strands:
        return row_of(where, quantity, formulas.NO_JUMP, jump)
    strand = along.field.strands[0]
    steps = [step.stage for step in node.steps if not isinstance(step.stage, ShuffleChannels)]
    if steps and before and before.field.strands and before.axis is not None:
        strides = [windows(stage)[before.axis - 2].stride for stage in steps]
        own = before.field.strands[0].jump
        match steps:
            case [Correlate() | Pool()]:
                return row_of(where, quantity, formulas.JUMP, jump, jump_before=own, stride=strides[0])
            case [TransposedCorrelate()]:
                return row_of(where, quantity, formulas.JUMP_TRANSPOSED, jump, jump_before=own, stride=strides[0])
            case _ if not any(isinstance(stage, TransposedCorrelate) for stage in steps):
                return row_of(where, quantity, formulas.JUMP_OF_STAGES, jump, jump_before=own, stride=strides)
    pattern = formulas.JUMP_OF_PATTERN
    return row_of(where, quantity, pattern, jump, advance=strand.advance, period=len(strand.phases))


def _start(where: str, node: Node, before: Along | None, size: int, start: int | None) -> Explanation:
    """By the recurrence where one window moves over intervals or what else moves as one, else from the set itself."""
    quantity = "start along"
    match [step.stage for step in node.steps], before:
        case [Correlate() | Pool() as stage], Along(int(axis), field) if (
            axis >= 2
            and len(field.strands) == 1
            and len(field.strands[0].phases) == 1
            and field.strands[0].advance > 0
            and not field.whole.runs
            and field.seen(0, size).runs
        ):
            symbols: dict[str, Symbol] = {
                "start_before": field.seen(0, size).first,
                "padding_begin": windows(stage)[axis - 2].before,
                "jump_before": field.strands[0].jump,
            }
            return row_of(where, quantity, formulas.START, start, **symbols)
    text = "none" if start is None else str(start)
    return Explanation(where, quantity, formulas.FIRST.text, text, start, formulas.FIRST.source)


def _movement(layer: LayerReport, dtype: str) -> Iterator[Explanation]:
    """Bytes that have to move, and the operations on each."""
    parameters = _unshared(layer).parameters
    symbols = {
        "read": layer.moved - parameters - layer.activations,
        "parameters": parameters,
        "written": layer.activations,
        "bytes_per_element": BYTES[dtype],
    }
    moved = layer.moved * BYTES[dtype]
    yield row_of(layer.name, f"{dtype} bytes moved", formulas.BYTES_MOVED, moved, **symbols)
    if moved:
        intensity = layer.intensity(dtype)
        yield row_of(
            layer.name, "operations per byte", formulas.INTENSITY, intensity, flops=layer.flops, bytes_moved=moved
        )  # fmt: skip


def _bound(layer: LayerReport, dtype: str, machine: Machine) -> Iterator[Explanation]:
    assert layer.bound is not None
    symbols = {"flops": layer.flops, "bytes_moved": layer.moved * BYTES[dtype], **_rates(machine)}
    yield row_of(layer.name, "bound", formulas.BOUND, layer.bound.by, **symbols)
    yield row_of(layer.name, "least seconds", formulas.LEAST_SECONDS, layer.bound.seconds, **symbols)


def _rates(machine: Machine) -> dict[str, Symbol]:
    return {"peak": Fraction(machine.peak), "bandwidth": Fraction(machine.bandwidth)}


def _of_the_whole(where: str, layers: Sequence[LayerReport], report: NetworkReport) -> Iterator[Explanation]:
    """What some layers, or all, are of the whole, and the least time that they take."""
    summed = total(layer.cost for layer in layers)
    yield _share(where, replace(report, cost=summed), float(report.share(summed)), report)
    if report.machine:
        bound = [(layer, layer.bound.by) for layer in layers if layer.bound]
        symbols = {
            "compute_bound_flops": sum(layer.flops for layer, by in bound if by == "compute"),
            "memory_bound_bytes": sum(layer.moved * BYTES[report.dtype] for layer, by in bound if by == "memory"),
            **_rates(report.machine),
        }
        seconds = report.least_seconds(layers)
        yield row_of(where, "least seconds", formulas.LEAST_SECONDS_OF_ALL, seconds, **symbols)


def _memory(report: NetworkReport) -> Iterator[Explanation]:
    """Macs and flops, bytes of parameters, and the tensors that make the peak of memory."""
    yield from _macs("total", report)
    size, dtype = BYTES[report.dtype], report.dtype
    weights = memory(report.cost, dtype)["parameter_bytes"]
    symbols = {"parameters": report.parameters, "bytes_per_element": size}
    yield row_of("total", f"{dtype} bytes of parameters", formulas.PARAMETER_BYTES, weights, **symbols)
    live = list(live_tensors(report.network, report.peak))
    tensors = [
        row_of("total", f"live at {report.peak_layer}: {name}", formulas.ACTIVATIONS_LAYER, count, shape=shape)
        for name, shape, count in live
    ]
    yield from tensors
    peak = report.peak_activation_bytes
    counts = [count for *_, count in live]
    yield row_of(
        "total", "peak activation bytes", formulas.PEAK_BYTES, peak, live=counts, bytes_per_element=size
    )  # fmt: skip
    if report.machine:
        yield row_of(
            "total", "ridge, operations per byte", formulas.RIDGE, report.machine.ridge, **_rates(report.machine)
        )


def _by_kind(report: NetworkReport) -> Iterator[Explanation]:
    """The totals of every kind of layer that has any."""
    for kind, part in report.by_kind().items():
        layers = [layer for layer in report.layers if layer.kind == kind]
        for name in ("parameters", "multiplications", "activations"):
            if result := getattr(part, name):
                terms = " + ".join(str(value) for layer in layers if (value := getattr(layer, name)))
                of = f"the sum over the {kind} layers"
                yield Explanation("total", f"{kind}: {name}", of, terms, result, formulas.DEFINITION)


def _since(report: NetworkReport) -> Iterator[Explanation]:
    """What became of the totals where convolutions are replaced."""
    for name in ("multiplications", "parameters") if report.before else ():
        assert report.before is not None
        ratio = ratio_of(report, report.before, name)
        if ratio is not None:
            ours, theirs = getattr(report, name), getattr(report.before, name)
            yield row_of("total", f"{name}, now of before", formulas.RATIO, float(ratio), compared=ours, base=theirs)
