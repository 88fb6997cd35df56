"""How parameters, multiplications, additions and bytes come about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from convcalc import formulas
from convcalc.explain.rows import MAX_TERMS, Explanation, named_axes, row_of
from convcalc.explain.sizes import known, window_symbols
from convcalc.formulas import Formula, Symbol
from convcalc.graph.graph import Node
from convcalc.graph.primitives import Convolution, Linear, TransposedCorrelate, parameter_shapes, windows
from convcalc.questions.cost import BYTES, Cost, buffers, reached_outputs, taps_on_data
from convcalc.questions.schema import memory

QUANTITIES = {"multiplications_effective": "effective multiplications"}
"""Names of counts in the working-out, if they differ."""
SUMMED = (
    "weights", "biases", "parameters", "buffers", "multiplications", "multiplications_effective", "additions",
    "activations",
)  # fmt: skip
"""The counts of a network, or of a layer in it, that are sums over layers or stages."""


def own_parameters(node: Node) -> dict[str, int]:
    """How many weights and biases a node has, including those shared with an earlier node."""
    return {role: prod(shape) for role, shape in parameter_shapes(node.primitive)}


def parameters_of_convolution(where: str, node: Node, primitive: Convolution, cost: Cost) -> Iterator[Explanation]:
    """Weights, biases and parameters of a convolution."""
    transposed = isinstance(primitive, TransposedCorrelate)
    formula = formulas.WEIGHTS_TRANSPOSED if transposed else formulas.WEIGHTS
    yield from _parameters(where, node, cost, formula, formulas.BIASES, _kernel_symbols(primitive))


def parameters_of_linear(where: str, node: Node, primitive: Linear, cost: Cost) -> Iterator[Explanation]:
    """Weights, biases and parameters of a linear layer."""
    symbols = _linear_symbols(node, primitive)
    yield from _parameters(where, node, cost, formulas.WEIGHTS_LINEAR, formulas.BIASES, symbols)


def parameters_of_array(where: str, node: Node, cost: Cost) -> Iterator[Explanation]:
    """Weights, biases and parameters of a layer that learns an array, or why it has none."""
    shapes = dict(parameter_shapes(node.primitive))
    if not shapes:
        yield from no_parameters(where, cost)
        return
    symbols: dict[str, Symbol] = {"array": shapes["weight"], "bias": int("bias" in shapes)}
    yield from _parameters(where, node, cost, formulas.WEIGHTS_ARRAY, formulas.BIASES_ARRAY, symbols)


def statistics(where: str, node: Node, cost: Cost) -> Iterator[Explanation]:
    """The running statistics of a batch norm, nothing for other norms."""
    if cost.buffers:
        yield row_of(where, "buffers", formulas.BUFFERS, cost.buffers, channels=known(node.shape)[1])
    elif node.shared and buffers(node._replace(shared=frozenset())):
        yield row_of(where, "buffers", formulas.BUFFERS_SHARED, 0)


def no_parameters(where: str, cost: Cost) -> Iterator[Explanation]:
    """Why a layer has no parameters."""
    yield row_of(where, "parameters", formulas.NOT_LEARNED, cost.parameters)


def counts_of_convolution(where: str, node: Node, primitive: Convolution, cost: Cost) -> Iterator[Explanation]:
    """Multiplications of every kind, additions, and activations of a convolution."""
    output, input, on_data = known(node.shape), known(node.input_shapes[0]), taps_on_data(node)
    symbols: dict[str, Symbol] = {
        **_kernel_symbols(primitive), "batch": output[0], "input": input[2:], "output": output[2:],
        "taps_on_data": on_data,
    }  # fmt: skip
    transposed = isinstance(primitive, TransposedCorrelate)
    formula = formulas.MULTIPLICATIONS_TRANSPOSED if transposed else formulas.MULTIPLICATIONS
    yield row_of(where, "multiplications", formula, cost.multiplications, **symbols)
    yield from named_axes([[_taps(where, node, primitive, axis, taps)] for axis, taps in enumerate(on_data)])
    formula = formulas.EFFECTIVE_TRANSPOSED if transposed else formulas.EFFECTIVE
    yield row_of(where, "effective multiplications", formula, cost.multiplications_effective, **symbols)
    additions = formulas.ADDITIONS
    if transposed:
        zero_inserted, additions = cost.multiplications_zero_inserted, formulas.ADDITIONS_TRANSPOSED
        yield row_of(where, "zero-inserted multiplications", formulas.ZERO_INSERTED, zero_inserted, **symbols)
        symbols |= {"effective": cost.multiplications_effective, "outputs_reached": reached_outputs(node)}
    yield row_of(where, "additions", additions, cost.additions, **symbols)
    yield from macs(where, cost)
    yield row_of(where, "activations", formulas.ACTIVATIONS, cost.activations, **symbols)


def counts_of_linear(where: str, node: Node, primitive: Linear, cost: Cost) -> Iterator[Explanation]:
    """Multiplications, additions and activations of a linear layer."""
    multiplications, additions = formulas.MULTIPLICATIONS_LINEAR, formulas.ADDITIONS_LINEAR
    yield from _products(where, node, cost, multiplications, additions, _linear_symbols(node, primitive))


def counts_of_product(where: str, node: Node, cost: Cost) -> Iterator[Explanation]:
    """Multiplications, additions and activations of a matrix product."""
    symbols: dict[str, Symbol] = {"elements": node.elements, "summed": known(node.input_shapes[0])[-1]}
    multiplications, additions = formulas.MULTIPLICATIONS_MATMUL, formulas.ADDITIONS_MATMUL
    yield from _products(where, node, cost, multiplications, additions, symbols)


def not_counted(where: str, node: Node, cost: Cost) -> Iterator[Explanation]:
    """Why a layer counts no multiplications, and its activations."""
    yield row_of(where, "multiplications", formulas.NOT_COUNTED, cost.multiplications)
    yield from activations(where, node, cost)


def activations(where: str, node: Node, cost: Cost) -> Iterator[Explanation]:
    """The elements of the output, if its shape is known."""
    if node.shape is not None:
        yield row_of(where, "activations", formulas.ACTIVATIONS_LAYER, cost.activations, shape=node.shape)


def macs(where: str, cost: Cost) -> Iterator[Explanation]:
    """Macs and flops, from the multiplications."""
    yield row_of(where, "macs", formulas.MACS, cost.macs, multiplications=cost.multiplications)
    yield row_of(where, "flops", formulas.FLOPS, cost.flops, macs=cost.macs)


def stored(where: str, cost: Cost, read: int, dtype: str) -> Iterator[Explanation]:
    """Bytes of the `read` elements of the input, of parameters and of outputs, and of the last two together."""
    size, found = BYTES[dtype], memory(cost, dtype, read)
    own: dict[str, Symbol] = {"parameters": cost.parameters, "activations": cost.activations}
    for quantity, key, formula, symbols in (
        ("input bytes", "input_bytes", formulas.INPUT_BYTES, {"input_elements": read}),
        ("weight bytes", "parameter_bytes", formulas.PARAMETER_BYTES, {"parameters": cost.parameters}),
        ("output bytes", "activation_bytes", formulas.OUTPUT_BYTES, {"activations": cost.activations}),
        (f"{dtype} bytes", "bytes", formulas.BYTES, own),
    ):
        yield row_of(where, quantity, formula, found[key], **symbols, bytes_per_element=size)


def sums(
    where: str, of: str, parts: Sequence[Cost], whole: Cost, names: Sequence[str] = SUMMED
) -> Iterator[Explanation]:
    """Every count named as the sum over the parts, which `of` calls by name; zeros among them are left out."""
    all_counts, sum_of = [part.counts() for part in parts], whole.counts()
    for name in names:
        if name not in sum_of:  # buffers, of which there are none
            continue
        terms = " + ".join([str(count[name]) for count in all_counts if count.get(name)]) or "0"
        quantity = QUANTITIES.get(name, name)
        yield Explanation(where, quantity, f"the sum over {of}", terms, sum_of[name], formulas.DEFINITION)


def _parameters(
    where: str, node: Node, cost: Cost, weights: Formula, biases: Formula, symbols: dict[str, Symbol]
) -> Iterator[Explanation]:
    """The parameters that a node has; if some are shared with an earlier node, also those that count here."""
    own = own_parameters(node)
    counts = {"weights": own["weight"], "biases": own.get("bias", 0)}
    yield row_of(where, "weights", weights, counts["weights"], **symbols)
    yield row_of(where, "biases", biases, counts["biases"], **symbols)
    whole = sum(own.values())
    yield row_of(where, "parameters", formulas.PARAMETERS, whole, **counts)
    if node.shared:
        shared = whole - cost.parameters
        yield row_of(where, "parameters", formulas.PARAMETERS_SHARED, cost.parameters, **counts, shared=shared)


def _products(
    where: str, node: Node, cost: Cost, multiplications: Formula, additions: Formula, symbols: dict[str, Symbol]
) -> Iterator[Explanation]:
    """The counts of a layer that multiplies and pads nothing."""
    products, effective = cost.multiplications, cost.multiplications_effective
    yield row_of(where, "multiplications", multiplications, products, **symbols)
    yield row_of(where, "effective multiplications", formulas.EFFECTIVE_UNPADDED, effective, multiplications=products)
    yield row_of(where, "additions", additions, cost.additions, **symbols)
    yield from macs(where, cost)
    yield from activations(where, node, cost)


def _taps(where: str, node: Node, primitive: Convolution, axis: int, result: int) -> Explanation:
    """Tap by tap if there are few, as one would count with a pencil."""
    window = windows(primitive)[axis]
    size, positions = known(node.input_shapes[0])[2 + axis], known(node.shape)[2 + axis]
    transposed = isinstance(primitive, TransposedCorrelate)
    formula, quantity = formulas.TAPS_IN_OUTPUT if transposed else formulas.TAPS_ON_DATA, "taps on data along"
    if window.kernel > MAX_TERMS:
        return row_of(where, quantity, formula, result, input=size, output=positions, **window_symbols(window))
    if transposed:
        positions, size = size, positions
    terms = []
    for tap in range(window.kernel):
        offset = tap * window.dilation - window.before
        first = max(0, -(offset // window.stride))
        last = min(positions - 1, (size - 1 - offset) // window.stride)
        terms.append(max(0, last - first + 1))
    return Explanation(where, quantity, formula.text, " + ".join(map(str, terms)), result, formula.source)


def _kernel_symbols(primitive: Convolution) -> dict[str, Symbol]:
    return {
        "filters": primitive.out_channels,
        "in_channels": primitive.in_channels,
        "groups": primitive.groups,
        "kernel": primitive.kernel,
        "bias": int(primitive.bias),
    }


def _linear_symbols(node: Node, primitive: Linear) -> dict[str, Symbol]:
    return {
        "rows": node.elements // primitive.out_features,
        "in_features": primitive.in_features,
        "filters": primitive.out_features,
        "bias": int(primitive.bias),
    }
