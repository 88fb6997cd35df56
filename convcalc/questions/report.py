"""The report of any graph (a layer, a row of layer words, a network): a row for every layer, and totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from convcalc.axis.strands import AxisField
from convcalc.errors import first_of, plural
from convcalc.graph.graph import Graph, Group, Node
from convcalc.graph.primitives import Correlate, Pool, ShuffleChannels, TransposedCorrelate, Unknown
from convcalc.notation import Axes
from convcalc.questions.cost import BYTES, NETWORK_RULE, RULES, Cost, Counted, cost, total
from convcalc.questions.memory import (
    Peak,
    Placement,
    deployed,
    free_nodes,
    layer_by_layer,
    moved_elements,
    peak,
    read_elements,
)
from convcalc.questions.receptive import Fields, receptive_fields
from convcalc.questions.schema import (
    KINDS,
    SCHEMA,
    counts_dict,
    element_type,
    field_dict,
    geometry_dict,
    kind_of,
    without_batch,
)

if TYPE_CHECKING:
    from convcalc.questions.roofline import Bound, Machine

GEOMETRY = (
    "in_channels", "out_channels", "kernel", "stride", "padding", "dilation", "groups", "output_padding",
)  # fmt: skip
"""The geometry in a network's row for a layer with a window."""

AT_LEAST = "totals are at least"
"""How the note about layers that are not counted begins."""


@dataclass(frozen=True)
class StageReport(Counted):
    """One node: its place in the graph, its cost for the whole batch, its receptive field on the graph's input.

    `name` is the stage's, after the layer's if that has one.
    """

    name: str
    number: int
    node: Node
    cost: Cost
    receptive_field: tuple[AxisField, ...]

    @property
    def input(self) -> Axes:
        return without_batch(self.node.input_shapes[0]) or ()

    @property
    def output(self) -> Axes:
        return without_batch(self.node.shape) or ()

    def to_dict(self, dtype: str) -> dict[str, Any]:
        """The stage as plain JSON values."""
        return {
            "name": self.name,
            **geometry_dict(self.node),
            **counts_dict(self.cost, dtype, read_elements(self.node)),
            "receptive_field": field_dict(self.receptive_field),
        }


@dataclass(frozen=True)
class LayerReport(Counted):
    """One layer: its stages and what they cost together."""

    group: Group
    stages: tuple[StageReport, ...]
    inputs: tuple[str, ...]
    cost: Cost
    share: Fraction
    """Its share of the graph's multiplications."""
    moved: int
    """Elements that a deployment must at least read and write."""
    moved_unfused: int
    """The same if every layer runs on its own."""
    bound: Bound | None
    bound_unfused: Bound | None

    @property
    def name(self) -> str:
        return self.group.name

    @property
    def op(self) -> str:
        return self.group.op

    @property
    def kind(self) -> str:
        return kind_of(self.stages[0].node.primitive)

    @property
    def counted(self) -> bool:
        """Whether everything about the layer is known."""
        return all(stage.node.counted for stage in self.stages)

    @property
    def input(self) -> Axes | None:
        shapes = self.stages[0].node.input_shapes
        return without_batch(shapes[0]) if shapes else None

    @property
    def output(self) -> Axes | None:
        return without_batch(self.stages[-1].node.shape)

    @property
    def receptive_field(self) -> tuple[AxisField, ...]:
        return self.stages[-1].receptive_field

    def intensity(self, dtype: str) -> float:
        """Floating-point operations per byte moved."""
        return self.flops / (self.moved * BYTES[dtype]) if self.moved else 0.0

    def to_dict(self, dtype: str) -> dict[str, Any]:
        """The row of a network as plain JSON values; unknown numbers are null, never 0."""
        counts: dict[str, int | None] = {**counts_dict(self.cost, dtype), "buffers": self.buffers}
        if not self.counted:
            counts = {key: value or None for key, value in counts.items()}
        return {
            "name": self.name,
            "op": self.op,
            "kind": self.kind,
            "inputs": list(self.inputs),
            "input": None if self.input is None else list(self.input),
            "output": None if self.output is None else list(self.output),
            **self._geometry(dtype),
            **counts,
            "bytes_moved": self.moved * BYTES[dtype],
            "bytes_moved_unfused": self.moved_unfused * BYTES[dtype],
            "intensity": self.intensity(dtype),
            "share": float(self.share),
            "receptive_field": field_dict(self.receptive_field),
            **({} if self.bound is None else self.bound.to_dict()),
            **({} if self.bound_unfused is None else {"least_seconds_unfused": self.bound_unfused.seconds}),
        }

    def _geometry(self, dtype: str) -> dict[str, Any]:
        """The window of a layer of one stage; for several, every stage with all its counts."""
        if not isinstance(self.stages[0].node.primitive, Correlate | TransposedCorrelate | Pool | ShuffleChannels):
            return {}
        geometry = [geometry_dict(stage.node) for stage in self.stages]
        if len(geometry) == 1:
            return {key: geometry[0][key] for key in GEOMETRY}
        stages = [
            {"name": stage.node.stage, **each, **counts_dict(stage.cost, dtype)}
            for stage, each in zip(self.stages, geometry, strict=True)
        ]
        ends = {"in_channels": geometry[0]["in_channels"], "out_channels": geometry[-1]["out_channels"]}
        return {**ends, "stages": stages}


@dataclass(frozen=True)
class Report(Counted):
    """All answers for one graph. Sizes are channels first and without the batch, counts for the whole batch.

    `form` says which of the two JSON forms it has: by stages, for a layer and a row of layer words, or by layers.
    """

    graph: Graph
    form: Literal["stages", "layers"]
    dtype: str
    cost: Cost
    layers: tuple[LayerReport, ...]
    fields: Fields
    notes: tuple[str, ...]
    machine: Machine | None = None
    changes: tuple[str, ...] = ()
    """The changes to the network as its file has it."""
    before: Report | None = None
    """The network before its convolutions were replaced, if they were."""
    unfused: bool = False
    """Whether memory and least times are those of every layer on its own, rather than of a deployment."""

    @property
    def type(self) -> str:
        """The convolution type of a layer, `chain` for a row of layer words."""
        return self.graph.name

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def batch(self) -> int:
        return (self.graph.inputs[0].shape or (1,))[0]

    @property
    def input(self) -> Axes:
        return without_batch(self.graph.inputs[0].shape) or ()

    @property
    def output(self) -> Axes | None:
        return without_batch(self.graph.nodes[self.graph.output].shape)

    @cached_property
    def stages(self) -> tuple[StageReport, ...]:
        """The stages of all layers, in order."""
        return tuple(stage for layer in self.layers for stage in layer.stages)

    @property
    def receptive_field(self) -> tuple[AxisField, ...]:
        """The output's, or for a network that of the last map before the whole image is read."""
        return self.fields.fields[self.graph.output if self.form == "stages" else self.fields.mapped]

    @cached_property
    def placement(self) -> Placement:
        """Which buffers hold the tensors."""
        return layer_by_layer(self.graph) if self.unfused else deployed(self.graph)

    @cached_property
    def peak(self) -> Peak:
        """The largest sum of elements that are live at once."""
        return peak(self.graph, self.placement)

    @property
    def peak_activation_bytes(self) -> int:
        return self.peak.elements * BYTES[self.dtype]

    @property
    def peak_layer(self) -> str:
        return self.graph.groups[self.graph.group_of[self.peak.node]].name

    @cached_property
    def layer_by_layer(self) -> Report:
        """The report with memory and least times of every layer on its own."""
        layers = tuple(
            replace(layer, moved=layer.moved_unfused, bound=layer.bound_unfused) for layer in self.layers
        )  # fmt: skip
        return self if self.unfused else replace(self, layers=layers, unfused=True)

    @property
    def unsupported(self) -> tuple[str, ...]:
        """Layers that are not counted, so that all totals are lower bounds."""
        return tuple(layer.name for layer in self.layers if not layer.counted)

    @property
    def seconds(self) -> float | None:
        """The least time on the machine, one layer after another."""
        return self.least_seconds(self.layers) if self.machine else None

    def least_seconds(self, layers: Sequence[LayerReport]) -> float:
        """The least time of some layers, one after the other."""
        return sum(layer.bound.seconds for layer in layers if layer.bound)

    def share(self, cost: Cost) -> Fraction:
        """A cost's multiplications as a share of the graph's."""
        return Fraction(cost.multiplications, self.multiplications or 1)

    @cached_property
    def of_kind(self) -> dict[str, list[LayerReport]]:
        """The layers of every kind there is, in a fixed order."""
        found: dict[str, list[LayerReport]] = {kind: [] for kind in KINDS}
        for layer in self.layers:
            found[layer.kind].append(layer)
        return {kind: layers for kind, layers in found.items() if layers}

    def by_kind(self) -> dict[str, Cost]:
        """The totals of every kind of layer there is, in a fixed order."""
        return {kind: total(layer.cost for layer in layers) for kind, layers in self.of_kind.items()}

    def total(self, name: str) -> int:
        """A total by its name in JSON: a count, or the peak of memory."""
        return self.peak_activation_bytes if name == "peak_activation_bytes" else self.cost.counts()[name]

    def totals(self) -> dict[str, Any]:
        """The totals of a network as JSON values."""
        return {
            **counts_dict(self.cost, self.dtype),
            "buffers": self.buffers,
            "peak_activation_bytes": self.peak_activation_bytes,
            "peak_activation_layer": self.peak_layer,
            "peak_activation_bytes_unfused": self.layer_by_layer.peak_activation_bytes,
            "layers": len(self.layers),
            "at_least": bool(self.unsupported),
            "by_kind": {
                kind: {
                    "layers": len(self.of_kind[kind]),
                    "parameters": part.parameters,
                    "multiplications": part.multiplications,
                    "activations": part.activations,
                }
                for kind, part in self.by_kind().items()
            },
            **({} if self.seconds is None else {"least_seconds": self.seconds}),
            **({} if (each := self.layer_by_layer.seconds) is None else {"least_seconds_unfused": each}),
        }

    def to_dict(self, shown: Sequence[LayerReport] | None = None) -> dict[str, Any]:
        """The report as plain JSON values, schema 1; of a network, with only the layers `shown` if they are given."""
        return self._by_stages() if self.form == "stages" else self._by_layers(self.layers if shown is None else shown)

    def _by_stages(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "type": self.type,
            "batch": self.batch,
            "dtype": self.dtype,
            "input": list(self.input),
            "output": None if self.output is None else list(self.output),
            **counts_dict(self.cost, self.dtype, self.graph.inputs[0].elements),
            "receptive_field": field_dict(self.receptive_field),
            "stages": [stage.to_dict(self.dtype) for stage in self.stages],
            "notes": list(self.notes),
        }

    def _by_layers(self, shown: Sequence[LayerReport]) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "name": self.name,
            "source": self.graph.source,
            "changes": list(self.changes),
            "batch": self.batch,
            "dtype": self.dtype,
            "input": list(self.input),
            "output": None if self.output is None else list(self.output),
            "totals": self.totals(),
            **({} if self.before is None else {"before": self.before.totals()}),
            "receptive_field": field_dict(self.receptive_field),
            "layers": [layer.to_dict(self.dtype) for layer in shown],
            "notes": list(self.notes),
            "unsupported": [
                {"name": layer.name, "op": layer.op, "reason": _reason(layer)}
                for layer in self.layers
                if not layer.counted
            ],
        }


def layer_report(graph: Graph, *, dtype: str = "float32") -> Report:
    """The report of a layer or of a row of layer words, stage by stage.

    A receptive field of too many separate pieces to enumerate is an upper bound, and a note says so.
    """
    return _report(graph, "stages", dtype, receptive_fields(graph), None)


def network_report(graph: Graph, *, dtype: str = "float32", machine: Machine | None = None) -> Report:
    """The report of a network, layer by layer. Raises ShapeError for layers too large for a machine's time."""
    return _report(graph, "layers", dtype, receptive_fields(graph), machine)


def _report(
    graph: Graph, form: Literal["stages", "layers"], dtype: str, fields: Fields, machine: Machine | None
) -> Report:
    dtype = element_type(dtype)
    costs = [cost(node) for node in graph.nodes]
    whole = total(costs[i] for group in graph.layers for i in group.nodes)
    layers = []
    free = free_nodes(graph)
    for group in graph.layers:
        parts = costs[group.nodes.start : group.nodes.stop]
        own = parts[0] if len(parts) == 1 else total(parts)
        alone = sum(moved_elements(node) for node in graph.stages(group))
        moved = 0 if all(free[i] for i in group.nodes) else alone
        bound, bound_alone = (
            machine.bound(own.flops, each * BYTES[dtype]) if machine else None for each in (moved, alone)
        )
        names = tuple(graph.labels[i] for i in graph.nodes[group.nodes.start].inputs)
        share = Fraction(own.multiplications, whole.multiplications or 1)
        stages = tuple(
            StageReport(stage_name(group, graph.nodes[i]), i, graph.nodes[i], costs[i], fields.fields[i])
            for i in group.nodes
        )
        layers.append(LayerReport(group, stages, names, own, share, moved, alone, bound, bound_alone))
    notes = (*fields.notes, NETWORK_RULE, RULES[-1])
    if form == "stages":
        notes = RULES if fields.bound is None else (fields.bound, *RULES)
    uncounted = [layer for layer in layers if not layer.counted]
    if uncounted:
        reasons = first_of([f"{layer.name} ({layer.op}): {_reason(layer)}" for layer in uncounted], 3, "; ")
        notes = (f"{AT_LEAST}: {plural(len(uncounted), 'layer')} not counted, {reasons}", *notes)
    return Report(graph, form, dtype, whole, tuple(layers), fields, (*graph.notes, *notes), machine)


def stage_name(group: Group, node: Node) -> str:
    """A node as rows of stages call it."""
    return f"{group.name}/{node.stage}" if group.name else node.stage


def _reason(layer: LayerReport) -> str:
    return next(stage.node.primitive.reason for stage in layer.stages if isinstance(stage.node.primitive, Unknown))
