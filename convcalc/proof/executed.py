"""What was executed, node by node, and the result of comparing a prediction with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from convcalc.engine.counter import Counter
from convcalc.graph.graph import Node
from convcalc.graph.primitives import Convolution, Correlate, TransposedCorrelate, parameter_shapes


@dataclass(frozen=True, slots=True)
class Check:
    """One number predicted and measured; `how` says how it was measured, `layer` names the layer of a network.

    `ok` is None if the check was not made, and then `how` says why.
    """

    name: str
    predicted: Any
    measured: Any
    ok: bool | None
    how: str = ""
    layer: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The check as plain JSON values."""
        return {
            "name": self.name,
            **({"layer": self.layer} if self.layer else {}),
            "predicted": self.predicted,
            "measured": self.measured,
            "ok": self.ok,
            "how": self.how,
        }


def equal(name: str, predicted: Any, measured: Any, how: str, layer: str = "") -> Check:
    """The check that two values are the same."""
    return Check(name, predicted, measured, predicted == measured, how, layer)


def skipped(name: str, why: str) -> Check:
    """A check that was not made, and why."""
    return Check(name, None, None, None, why)


def agree(checks: Iterable[Check]) -> bool:
    """Whether no check disagrees. Those that were not made say nothing."""
    return all(check.ok is not False for check in checks)


@dataclass(frozen=True, slots=True)
class Executed:
    """One node as it was run: its number in the graph, its whole inputs, all its arrays, and its whole output.

    `counter` has the multiplications that were executed, and for a convolution the algorithm that did so.
    """

    number: int
    node: Node
    inputs: tuple[np.ndarray, ...]
    arrays: tuple[np.ndarray, ...]
    out: np.ndarray
    counter: Counter
    padding_mode: str = "zeros"

    @property
    def parameters(self) -> int:
        """Elements of the learned arrays that were used; those shared with an earlier node count there."""
        roles = [role for role, _ in parameter_shapes(self.node.primitive)]
        learned = zip(roles, self.arrays[: len(roles)], strict=True)
        return sum(array.size for role, array in learned if role not in self.node.shared)


@dataclass(frozen=True, slots=True)
class Convolved:
    """A convolution as it was run, with its arrays by name."""

    primitive: Convolution
    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray | None
    out: np.ndarray
    counter: Counter
    padding_mode: str = "zeros"

    def along(self, axis: int) -> Convolution:
        """The convolution along one axis with one channel; its kernel is as long as the array's."""
        primitive = self.primitive
        assert not isinstance(primitive.padding, str), "padding is resolved before anything is run"
        alone = primitive._replace(
            in_channels=1,
            out_channels=1,
            groups=1,
            bias=False,
            kernel=(self.weight.shape[2 + axis],),
            stride=(primitive.stride[axis],),
            padding=(primitive.padding[axis],),
            dilation=(primitive.dilation[axis],),
        )
        if isinstance(alone, TransposedCorrelate):
            return alone._replace(output_padding=(alone.output_padding[axis],))
        return alone


def convolved(run: Executed) -> Convolved | None:
    """The run of a node that is a convolution; None for other nodes."""
    primitive = run.node.primitive
    if not isinstance(primitive, Correlate | TransposedCorrelate):
        return None
    bias = run.arrays[1] if primitive.bias else None
    return Convolved(primitive, run.inputs[0], run.arrays[0], bias, run.out, run.counter, run.padding_mode)
