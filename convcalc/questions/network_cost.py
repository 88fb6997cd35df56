"""What the layers of a network cost: convolutions as everywhere, linear layers and matrix products beside them.

Multiplications and additions are those of convolutions, linear layers and matrix products. Normalization folds into
the layer before, and pooling, activations and merges are not counted, as the tables of the papers have it.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from convcalc.graph.graph import Node
from convcalc.graph.primitives import Convolve, Linear, MatMul, parameter_shapes
from convcalc.questions.cost import Cost, cost, total

RULE = (
    "multiplications and additions are those of convolutions, linear layers and matrix products; "
    "normalization, pooling, activations and merges count none"
)


def layer_cost(node: Node) -> Cost:
    """The counts of a layer for the whole batch; of an unknown one, what is known of it, which may be nothing.

    What an earlier layer has too is not among its parameters.
    """
    own = [(role, prod(shape)) for role, shape in parameter_shapes(node.operator) if role not in node.shared]
    weights = sum(count for role, count in own if role.endswith("weight"))
    biases = sum(count for role, count in own if role.endswith("bias"))
    match node.operator:
        case Convolve():
            batch = node.input_shapes[0][0] if node.input_shapes[0] else 1
            return replace(total(cost(step, batch) for step in node.steps), weights=weights, biases=biases)
        case Linear():
            rows, outputs = node.elements // node.operator.out_features, node.elements
            products = rows * node.operator.in_features * node.operator.out_features
            additions = products - outputs + (outputs if node.operator.bias else 0)
        case MatMul():
            left = node.input_shapes[0]
            assert left is not None
            outputs = node.elements
            products, additions = outputs * left[-1], outputs * (left[-1] - 1)
        case _:
            products = additions = 0
    return Cost(weights, biases, products, products, None, additions, node.elements)
