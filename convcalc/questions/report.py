"""The answers for a whole network: a row for every layer, totals, and what is worth saying."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, assert_never

from convcalc.errors import first_of, plural
from convcalc.graph import primitives as operators
from convcalc.graph.graph import Network, Node
from convcalc.graph.stages import Axes, Pool, ShuffleChannels
from convcalc.questions.cost import BYTES, Cost, cost, total
from convcalc.questions.layer_receptive import AxisField
from convcalc.questions.layer_report import SCHEMA, Counted, check_dtype, counts_dict, field_dict, geometry_dict
from convcalc.questions.memory import Peak, moved_elements, peak
from convcalc.questions.network_cost import RULE, layer_cost
from convcalc.questions.receptive import Fields, receptive_fields
from convcalc.questions.roofline import Bound, Machine

KINDS = ("conv", "linear", "matmul", "pool", "norm", "activation", "merge", "resize", "reshape", "constant", "unknown")


@dataclass(frozen=True)
class LayerReport(Counted):
    """One layer: its node, its cost for the whole batch, its receptive field on the network's input."""

    node: Node
    inputs: tuple[str, ...]
    cost: Cost
    receptive_field: tuple[AxisField, ...]
    share: Fraction
    """Of the network's multiplications."""
    moved: int
    """Elements read and written at the least."""
    bound: Bound | None

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def op(self) -> str:
        return self.node.op

    @property
    def kind(self) -> str:
        return kind_of(self.node.operator)

    @property
    def output(self) -> Axes | None:
        return _without_batch(self.node.shape)

    def intensity(self, dtype: str) -> float:
        """Floating-point operations per byte that has to move."""
        return self.flops / (self.moved * BYTES[dtype]) if self.moved else 0.0

    def to_dict(self, dtype: str) -> dict[str, Any]:
        node, shown = self.node, _without_batch(self.node.input_shapes[0]) if self.node.input_shapes else None
        return {
            "name": self.name,
            "op": self.op,
            "kind": self.kind,
            "inputs": list(self.inputs),
            "input": None if shown is None else list(shown),
            "output": None if self.output is None else list(self.output),
            **(_geometry(node, dtype) if node.steps else {}),
            **(counts_dict(self.cost, dtype) if node.counted else _unknown_counts(self.cost, dtype)),
            "bytes_moved": self.moved * BYTES[dtype],
            "intensity": self.intensity(dtype),
            "share": float(self.share),
            "receptive_field": field_dict(self.receptive_field),
            **({} if self.bound is None else self.bound.to_dict()),
        }


@dataclass(frozen=True)
class NetworkReport(Counted):
    """All answers for one network. Sizes are channels first and without the batch, counts for the whole batch."""

    network: Network
    batch: int
    dtype: str
    cost: Cost
    layers: tuple[LayerReport, ...]
    receptive_field: tuple[AxisField, ...]
    peak: Peak
    """Where most elements are live at once."""
    fields: Fields
    notes: tuple[str, ...]
    machine: Machine | None = None
    changes: tuple[str, ...] = ()
    """How the network was changed from what its file says."""
    before: NetworkReport | None = None
    """The network as it was, where convolutions of it are replaced."""

    @property
    def name(self) -> str:
        return self.network.name

    @property
    def input(self) -> Axes:
        return _without_batch(self.network.inputs[0].shape) or ()

    @property
    def output(self) -> Axes | None:
        return _without_batch(self.network.nodes[self.network.output].shape)

    @property
    def peak_activation_bytes(self) -> int:
        return self.peak.elements * BYTES[self.dtype]

    @property
    def peak_layer(self) -> str:
        return self.network.nodes[self.peak.layer].name

    @property
    def unsupported(self) -> tuple[str, ...]:
        """Layers that are not counted, so that all totals are lower bounds."""
        return tuple(layer.name for layer in self.layers if not layer.node.counted)

    @property
    def seconds(self) -> float | None:
        """The least time on the machine given, layer after layer."""
        return self.least_seconds(self.layers) if self.machine else None

    def least_seconds(self, layers: Sequence[LayerReport]) -> float:
        """The least time of some layers, one after the other."""
        return sum(layer.bound.seconds for layer in layers if layer.bound)

    def share(self, cost: Cost) -> Fraction:
        """Of all multiplications, those of a cost."""
        return Fraction(cost.multiplications, self.multiplications or 1)

    def by_kind(self) -> dict[str, Cost]:
        """The totals of every kind of layer there is, in a fixed order."""
        return {
            kind: total(layer.cost for layer in self.layers if layer.kind == kind)
            for kind in KINDS
            if any(layer.kind == kind for layer in self.layers)
        }

    def totals(self) -> dict[str, Any]:
        """The totals as JSON values."""
        counts = counts_dict(self.cost, self.dtype)
        return {
            **counts,
            "peak_activation_bytes": self.peak_activation_bytes,
            "peak_activation_layer": self.peak_layer,
            "layers": len(self.layers),
            "at_least": bool(self.unsupported),
            "by_kind": {
                kind: {
                    "layers": sum(layer.kind == kind for layer in self.layers),
                    "parameters": part.parameters,
                    "multiplications": part.multiplications,
                    "activations": part.activations,
                }
                for kind, part in self.by_kind().items()
            },
            **({} if self.seconds is None else {"least_seconds": self.seconds}),
        }

    def to_dict(self, shown: Sequence[LayerReport] | None = None) -> dict[str, Any]:
        """The report as plain JSON values, schema 1; with only the layers shown, if not all are to be."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "source": self.network.source,
            "changes": list(self.changes),
            "batch": self.batch,
            "dtype": self.dtype,
            "input": list(self.input),
            "output": None if self.output is None else list(self.output),
            "totals": self.totals(),
            **({} if self.before is None else {"before": self.before.totals()}),
            "receptive_field": field_dict(self.receptive_field),
            "layers": [layer.to_dict(self.dtype) for layer in (self.layers if shown is None else shown)],
            "notes": list(self.notes),
            "unsupported": [_unsupported(layer) for layer in self.layers if not layer.node.counted],
        }


def network_report(network: Network, *, dtype: str = "float32", machine: Machine | None = None) -> NetworkReport:
    """The report of a network. Raises ShapeError for layers too large for a machine's time."""
    check_dtype(dtype)
    fields = receptive_fields(network)
    rows = [(i, node) for i, node in enumerate(network.nodes) if not isinstance(node.operator, operators.Input)]
    costs = {i: layer_cost(node) for i, node in rows}
    whole = total(costs.values())
    layers = []
    for i, node in rows:
        moved = moved_elements(node)
        share = Fraction(costs[i].multiplications, whole.multiplications or 1)
        bound = machine.bound(costs[i].flops, moved * BYTES[dtype]) if machine else None
        names = tuple(network.nodes[j].name for j in node.inputs)
        layers.append(LayerReport(node, names, costs[i], fields.fields[i], share, moved, bound))
    unknown = [
        f"{node.name} ({node.op}): {node.operator.reason}"
        for _, node in rows
        if isinstance(node.operator, operators.Unknown)
    ]
    least = f"totals are at least: {plural(len(unknown), 'layer')}"
    notes = (
        *network.notes,
        *([f"{least} not counted, {first_of(unknown, 3, '; ')}"] if unknown else []),
        *fields.notes,
        RULE,
        "macs = multiplications; flops = 2 x macs",
    )
    batch = (network.inputs[0].shape or (1,))[0]
    return NetworkReport(
        network, batch, dtype, whole, tuple(layers), fields.fields[fields.mapped], peak(network), fields, notes,
        machine,
    )  # fmt: skip


def kind_of(operator: operators.Operator) -> str:
    """Which of a few kinds of layer it is, for totals and `--only`."""
    match operator:
        case operators.Convolve():
            return "conv"
        case operators.Linear():
            return "linear"
        case operators.MatMul():
            return "matmul"
        case Pool() | operators.Reduce() | operators.AdaptivePool():
            return "pool"
        case operators.Normalize():
            return "norm"
        case operators.Elementwise() | operators.WithConstant() | operators.Softmax():
            return "activation"
        case operators.Merge() | operators.Concat():
            return "merge"
        case operators.Resize():
            return "resize"
        case (
            ShuffleChannels()
            | operators.Slice()
            | operators.Take()
            | operators.Pad()
            | operators.Reshape()
            | operators.Transpose()
            | operators.Expand()
            | operators.Input()
        ):
            return "reshape"
        case operators.Constant():
            return "constant"
        case operators.Unknown():
            return "unknown"
        case _:
            assert_never(operator)


def _geometry(node: Node, dtype: str) -> dict[str, Any]:
    """The window of a layer of one stage; of several, every stage with all that is counted of it."""
    batch = node.shape[0] if node.shape else 1
    if len(node.steps) == 1:
        geometry = geometry_dict(node.steps[0])
        return {key: geometry[key] for key in GEOMETRY}
    ends = {"in_channels": node.steps[0].input[0], "out_channels": node.steps[-1].output[0]}
    stages = [
        {"name": step.path, **geometry_dict(step), **counts_dict(cost(step, batch), dtype)} for step in node.steps
    ]
    return {**ends, "stages": stages}


GEOMETRY = (
    "in_channels", "out_channels", "kernel", "stride", "padding", "dilation", "groups", "output_padding",
)  # fmt: skip


def _unknown_counts(cost: Cost, dtype: str) -> dict[str, int | None]:
    """What is not known is null, never 0."""
    known = counts_dict(cost, dtype)
    return {key: known[key] or None for key in known}


def _unsupported(layer: LayerReport) -> dict[str, str]:
    assert isinstance(layer.node.operator, operators.Unknown)
    return {"name": layer.name, "op": layer.op, "reason": layer.node.operator.reason}


def _without_batch(shape: Axes | None) -> Axes | None:
    return None if shape is None else shape[1:]
