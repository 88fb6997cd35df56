"""How every primitive runs on arrays: one match. Its output shape is in `convcalc.graph.shapes`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import numpy as np

from convcalc.axis import sampling
from convcalc.engine.algorithms import AUTO
from convcalc.engine.counter import Counter
from convcalc.engine.ops.activations import ELEMENTWISE, combined, combines, elementwise
from convcalc.engine.ops.convolution import convolve
from convcalc.engine.ops.moving import padded, shuffled, sliced, taken
from convcalc.engine.ops.normalizing import KINDS, normalize, softmax
from convcalc.engine.ops.pools import POOLED, REDUCED, adaptive_pool, pool, reduced
from convcalc.engine.ops.products import linear, matrix_product
from convcalc.engine.ops.resampling import resize
from convcalc.errors import DataError
from convcalc.graph.primitives import (
    AdaptivePool,
    Concat,
    Constant,
    Correlate,
    Elementwise,
    Expand,
    Input,
    Linear,
    MatMul,
    Merge,
    Normalize,
    Pad,
    Pool,
    Primitive,
    Reduce,
    Reshape,
    Resize,
    ShuffleChannels,
    Slice,
    Softmax,
    Take,
    Transpose,
    TransposedCorrelate,
    Unknown,
    WithConstant,
)  # fmt: skip
from convcalc.graph.shapes import with_space


@np.errstate(all="ignore")  # overflow and NaN are results here, not accidents
def run_primitive(
    primitive: Primitive,
    inputs: Sequence[np.ndarray],
    arrays: Sequence[np.ndarray] = (),
    *,
    padding_mode: str = "zeros",
    algorithm: str = AUTO,
    counter: Counter | None = None,
) -> np.ndarray:
    """The output of a primitive that has been placed on the shapes of these inputs.

    `arrays` are its weight, then its bias if it has one, then further constants, as `proof.arrays.array_shapes` lists
    them. `padding_mode` and `algorithm` are for convolutions; `counter` counts multiplications.
    Raises DataError or ShapeError for arrays or modes that it does not accept.

    >>> run_primitive(ShuffleChannels(2), [np.arange(4).reshape(1, 4, 1)]).ravel().tolist()
    [0, 2, 1, 3]
    """
    match primitive:
        case Correlate() | TransposedCorrelate():
            bias = arrays[1] if primitive.bias else None
            return convolve(
                primitive, inputs[0], arrays[0], bias,
                padding_mode=padding_mode, algorithm=algorithm, counter=counter,
            )  # fmt: skip
        case Input():
            return inputs[0]
        case Constant():
            return arrays[0]
        case ShuffleChannels():
            return shuffled(inputs[0], primitive.groups)
        case Pool():
            return pool(primitive, inputs[0])
        case Linear():
            return linear(primitive, inputs[0], arrays, counter)
        case MatMul():
            return matrix_product(inputs[0], inputs[1], counter)
        case Normalize():
            return normalize(primitive, inputs[0], arrays)
        case Elementwise():
            return elementwise(primitive.kind, inputs[0], dict(primitive.settings))
        case WithConstant():
            constant = arrays[0].astype(inputs[0].dtype, copy=False)
            operands = [constant, inputs[0]] if primitive.first else [inputs[0], constant]
            return combined(primitive.kind, operands)
        case Merge():
            rank = max(x.ndim for x in inputs)
            full = [x.reshape(with_space(x.shape, rank)) if primitive.flat else x for x in inputs]
            return combined(primitive.kind, full)
        case Softmax():
            return softmax(inputs[0], primitive.axis, primitive.log)
        case Concat():
            return np.concatenate(inputs, primitive.axis)
        case Reduce():
            return reduced(primitive.kind, inputs[0], primitive.axes, primitive.keep)
        case AdaptivePool():
            return adaptive_pool(primitive.kind, inputs[0], primitive.sizes)
        case Slice():
            return sliced(primitive, inputs[0])
        case Take():
            return taken(primitive, inputs[0])
        case Pad():
            return padded(primitive, inputs[0])
        case Reshape():
            return inputs[0].reshape(primitive.shape)
        case Transpose():
            return inputs[0].transpose(primitive.order)
        case Expand():
            shape = np.broadcast_shapes(inputs[0].shape, primitive.shape)
            return np.broadcast_to(inputs[0], shape)
        case Resize():
            return resize(primitive, inputs[0])
        case Unknown():
            raise DataError(f"cannot be run: {primitive.reason}")
        case _:
            assert_never(primitive)


def obstacle(primitive: Primitive) -> str | None:
    """Why a primitive cannot be run, None if it can."""
    match primitive:
        case Unknown():
            return primitive.reason
        case Elementwise():
            return None if primitive.kind in ELEMENTWISE else f"no definition of {primitive.kind}"
        case Merge() | WithConstant():
            return None if combines(primitive.kind) else f"no definition of {primitive.kind}"
        case Normalize():
            return None if primitive.kind in KINDS else f"no definition of {primitive.kind}"
        case Resize():
            known = primitive.coordinates in sampling.KINDS
            return None if known else f"no definition of coordinates {primitive.coordinates}"
        case Pool():
            return None if primitive.kind in POOLED else f"no definition of pooling by {primitive.kind}"
        case Reduce():
            return None if primitive.kind in REDUCED else f"no definition of reducing by {primitive.kind}"
        case (
            Input() | Constant() | Correlate() | TransposedCorrelate() | ShuffleChannels() | Linear() | MatMul()
            | Softmax() | Concat() | AdaptivePool() | Slice() | Take() | Pad() | Reshape() | Transpose() | Expand()
        ):  # fmt: skip
            return None
        case _:
            assert_never(primitive)
