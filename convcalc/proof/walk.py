"""A network run on arrays, layer after layer: what a prediction about it is held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from convcalc.axis import sampling as resizing
from convcalc.engine.algorithms import AUTO
from convcalc.engine.counter import Counter
from convcalc.engine.ops.activations import ELEMENTWISE, combined, combines, elementwise
from convcalc.engine.ops.normalizing import KINDS, normalize, softmax
from convcalc.engine.ops.pools import POOLED, REDUCED, adaptive_pool, pool, reduced
from convcalc.engine.ops.resampling import resize
from convcalc.engine.primitive import run_stage
from convcalc.engine.work.products import multiply
from convcalc.errors import DataError, first_of
from convcalc.graph import primitives as operators
from convcalc.graph.graph import Network, Node, with_space
from convcalc.graph.stages import Convolution, Pool, ShuffleChannels
from convcalc.proof.arrays import Arrays
from convcalc.proof.checks import Executed
from convcalc.questions.memory import last_reads
from convcalc.storage.memory import check_memory


@dataclass(frozen=True, slots=True)
class LayerRun:
    """One layer as it was run: its output, the arrays it learned that were used, and its convolutions one by one.

    `multiplications` are those of its matrix products; convolutions count their own.
    """

    number: int
    node: Node
    out: np.ndarray
    parameters: tuple[np.ndarray, ...]
    convolutions: tuple[Executed, ...]
    multiplications: int


class LayerError(Exception):
    """A layer that could not be run on what really reached it, although its prediction says so."""

    def __init__(self, node: Node, reason: str) -> None:
        super().__init__(f"{node.name}: {reason}")
        self.node, self.reason = node, reason


def run_layers(
    network: Network,
    inputs: Sequence[np.ndarray],
    arrays: Arrays,
    *,
    algorithm: str = AUTO,
    until: int | None = None,
) -> Iterator[LayerRun]:
    """The layers as they run, in order; a tensor is let go after its last reader.

    inputs: one array for every input of the network, whole. `until` is a layer to stop after, for which only what it
    reads, directly or not, is run. Raises DataError for a network that cannot be run, or where memory does not
    suffice, and LayerError for a layer that does not fit what its inputs turned out to be.
    """
    check_runnable(network)
    wanted = None if until is None else needed(network, until)
    given = dict(zip((node.name for node in network.inputs), inputs, strict=True))
    last, live = last_reads(network), dict[int, np.ndarray]()
    for number, node in enumerate(network.nodes):
        if wanted is not None and number not in wanted:
            continue
        read = [live[i] for i in node.inputs]
        for i in {*node.inputs}:
            if last[i] == number and i != until:
                del live[i]
        if isinstance(node.operator, operators.Input):
            live[number] = given[node.name]
            continue
        counter, steps = Counter(), list[Executed]()
        own = arrays.get(node.name, ())
        check_memory(node.elements * (read[0].itemsize if read else 8), f"the output of {node.name}")
        try:
            with np.errstate(all="ignore"):  # overflow and NaN are results here, not accidents
                out = _run(node, read, own, algorithm, counter, steps)
        except DataError:
            raise
        except (ValueError, IndexError, TypeError) as error:
            raise LayerError(node, str(error)) from None
        if last[number] > number or number == until:
            live[number] = out
        learned = own[: len(operators.parameter_shapes(node.operator))]
        yield LayerRun(number, node, out, learned, tuple(steps), counter.multiplications)
        del out, read, steps
        if number == until:
            return


def needed(network: Network, number: int) -> set[int]:
    """The layers that a layer reads, directly or not, and itself."""
    found, ahead = {number}, [number]
    while ahead:
        new = {*network.nodes[ahead.pop()].inputs} - found
        found |= new
        ahead += new
    return found


def check_runnable(network: Network) -> None:
    """Raises DataError, naming them, where there are layers that nobody knows how to run."""
    named = [f"{node.name} ({node.op}): {why}" for node in network.nodes if (why := _obstacle(node.operator))]
    if named:
        raise DataError(
            f"check: every layer must be one that can be run, got {first_of(named, 5, '; ')}; "
            "what depends on them cannot be run either"
        )


def _obstacle(operator: operators.Operator) -> str | None:
    """Why an operator cannot be run, if it cannot."""
    match operator:
        case operators.Unknown():
            return operator.reason
        case operators.Elementwise() if operator.kind not in ELEMENTWISE:
            return f"no definition of {operator.kind}"
        case operators.Merge() | operators.WithConstant() if not combines(operator.kind):
            return f"no definition of {operator.kind}"
        case operators.Normalize() if operator.kind not in KINDS:
            return f"no definition of {operator.kind}"
        case operators.Resize() if operator.coordinates not in resizing.KINDS:
            return f"no definition of coordinates {operator.coordinates}"
        case Pool() if operator.kind not in POOLED:
            return f"no definition of pooling by {operator.kind}"
        case operators.Reduce() if operator.kind not in REDUCED:
            return f"no definition of reducing by {operator.kind}"
        case _:
            return None


def _run(
    node: Node, read: list[np.ndarray], own: Sequence[np.ndarray], algorithm: str, counter: Counter,
    steps: list[Executed],
) -> np.ndarray:  # fmt: skip
    """The output of a layer; its convolutions are added to `steps`, its matrix products to `counter`."""
    operator, x = node.operator, read[0] if read else np.empty(0)
    match operator:
        case operators.Input() | operators.Unknown():
            raise AssertionError("is not run")
        case operators.Convolve():
            return _stages(node, x, own, algorithm, steps)
        case Pool():
            [step] = node.steps
            assert isinstance(step.stage, Pool)
            return pool(step.stage, x)
        case ShuffleChannels():
            return run_stage(operator, x)
        case operators.Linear():
            rows = x.reshape(-1, operator.in_features)
            # the weight is on the left, as it lies: BLAS takes a product with one column faster than with one row
            out = np.empty((own[0].shape[0], len(rows)), x.dtype)
            multiply(own[0], rows.T, out, counter)
            result = out.T + own[1] if operator.bias else out.T
            return result if operator.flatten else result.reshape(*x.shape[:-1], -1)
        case operators.MatMul():
            return _product(read[0], read[1], counter)
        case operators.Normalize():
            return normalize(operator, x, own)
        case operators.Elementwise():
            return elementwise(operator.kind, x, dict(operator.settings))
        case operators.WithConstant():
            constant = own[0].astype(x.dtype, copy=False)
            return combined(operator.kind, [constant, x] if operator.first else [x, constant])
        case operators.Merge():
            rank = max(each.ndim for each in read)
            full = [each.reshape(with_space(each.shape, rank)) if operator.flat else each for each in read]
            return combined(operator.kind, full)
        case operators.Softmax():
            return softmax(x, operator.axis, operator.log)
        case operators.Concat():
            return np.concatenate(read, operator.axis)
        case operators.Reduce():
            return reduced(operator.kind, x, operator.axes, operator.keep)
        case operators.AdaptivePool():
            return adaptive_pool(operator.kind, x, operator.sizes)
        case operators.Slice():
            stop = operator.first + operator.count * operator.step
            part = slice(operator.first, None if stop < 0 else stop, operator.step)
            return x[(slice(None),) * operator.axis + (part,)]
        case operators.Pad():
            return _padded(operator, x)
        case operators.Constant():
            return own[0]
        case operators.Take():
            taken = np.take(x, operator.indices, operator.axis)
            return taken.reshape(*x.shape[: operator.axis], *operator.shape, *x.shape[operator.axis + 1 :])
        case operators.Reshape():
            return x.reshape(operator.shape)
        case operators.Transpose():
            return x.transpose(operator.order)
        case operators.Expand():
            return np.broadcast_to(x, np.broadcast_shapes(x.shape, operator.shape))
        case operators.Resize():
            return resize(operator, x)
        case _:
            assert_never(operator)


def _stages(
    node: Node, x: np.ndarray, own: Sequence[np.ndarray], algorithm: str, steps: list[Executed]
) -> np.ndarray:  # fmt: skip
    left = list(own)
    for step in node.steps:
        if not isinstance(step.stage, Convolution):
            x = run_stage(step.stage, x)
            continue
        weight, counter = left.pop(0), Counter()
        bias = left.pop(0) if step.stage.bias else None
        out = run_stage(step.stage, x, weight, bias, algorithm=algorithm, counter=counter)
        steps.append(Executed(step, x, weight, bias, out, "zeros", counter))
        x = out
    return x


def _product(left: np.ndarray, right: np.ndarray, counter: Counter) -> np.ndarray:
    stack = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left, right = (np.broadcast_to(array, (*stack, *array.shape[-2:])) for array in (left, right))
    out = np.empty((*stack, left.shape[-2], right.shape[-1]), np.result_type(left, right))
    multiply(left, right, out, counter)
    return out


def _padded(operator: operators.Pad, x: np.ndarray) -> np.ndarray:
    """Negative numbers crop; then what is positive is added, as NumPy's mode of that name has it."""
    kept = tuple(
        slice(max(0, -before), size - max(0, -after))
        for (before, after), size in zip(operator.pairs, x.shape, strict=True)
    )
    added = [(max(0, before), max(0, after)) for before, after in operator.pairs]
    if operator.mode == "constant":
        return np.pad(x[kept], added, constant_values=operator.value)
    return np.pad(x[kept], added, operator.mode)  # type: ignore[call-overload,no-any-return]
