"""What the names in formulas stand for in a network, from the JSON of its report.

So a formula meets numbers that it was not made from; only what JSON does not have is taken from the graph.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from math import prod
from typing import Any

from convcalc import Report
from convcalc.axis.positions import Positions
from convcalc.explain.rows import Explanation
from convcalc.graph import primitives as p
from convcalc.graph.graph import Node
from tests.explain.networks import MACHINE
from tests.explain.working_out import AXES


def of_window(stage: dict[str, Any]) -> dict[str, Any]:
    """Sizes of a window's layer, and its counts along every axis by going through every position."""
    outputs, inputs, channels = stage["output"][1:], stage["input"][1:], stage["input"][0]
    ends = (inputs, outputs) if stage.get("op") == "conv_transpose" else (outputs, inputs)
    before = [pair[0] for pair in stage["padding"]]
    met = map(meetings, *ends, stage["kernel"], stage["stride"], stage["dilation"], before)
    taps, reached = map(list, zip(*met, strict=True))
    return {
        "filters": stage["output"][0], "channels": channels, "multiplier": stage["output"][0] // channels,
        "input": inputs, "output": outputs, "taps_on_data": taps, "outputs_reached": reached,
    }  # fmt: skip


@cache
def meetings(positions: int, size: int, kernel: int, stride: int, dilation: int, before: int) -> tuple[int, int]:
    """How many pairs of a position and a tap meet a pixel of the other end, and how many pixels are met."""
    hit = [at * stride - before + tap * dilation for at in range(positions) for tap in range(kernel)]
    inside = [at for at in hit if 0 <= at < size]
    return len(inside), len(set(inside))


def of_window_along(stage: dict[str, Any], axis: int) -> dict[str, Any]:
    return {
        **{key: stage[key][axis] for key in ("kernel", "stride", "dilation", "output_padding")},
        **{key: stage[key][axis + 1] for key in ("input", "output")},
        **dict(zip(("padding_begin", "padding_end"), stage["padding"][axis], strict=True)),
        "total": sum(stage["padding"][axis]),
    }


class Known:
    """The numbers behind the names, for every row of a network's working-out."""

    def __init__(self, report: Report, rows: Sequence[Explanation]) -> None:
        self.report, self.answer, self.nodes = report, report.to_dict(), report.graph.nodes
        self.groups = {group.name: group for group in report.graph.groups}
        self.shapes = dict(zip(report.graph.labels, (node.shape for node in self.nodes), strict=True))
        self.layers = {layer["name"]: layer for layer in self.answer["layers"]}
        self.live = [row.result for row in rows if row.quantity.startswith("live at")]
        self.all = {
            "bytes_per_element": 4, "peak": Fraction(MACHINE.peak), "bandwidth": Fraction(MACHINE.bandwidth),
            "batch": self.answer["batch"], "all_multiplications": self.answer["totals"]["multiplications"],
        }  # fmt: skip

    def symbols(self, row: Explanation, axis: str | None) -> dict[str, Any]:
        if row.where == "total":
            return self.of_totals(row, axis)
        name, stage = row.where, None
        if name not in self.layers:
            name, _, stage = row.where.rpartition("/")
        return self.of_layer(self.layers[name], stage, row, axis)

    def of_totals(self, row: Explanation, axis: str | None) -> dict[str, Any]:
        if row.quantity.startswith("live at"):
            return {"shape": self.shapes[row.quantity.partition(": ")[2]]}
        bound: dict[str, list[Any]] = {"compute": [], "memory": []}
        for layer in self.answer["layers"]:
            bound[layer["bound"]].append(layer)
        if axis is not None:
            mapped = self.report.fields.mapped
            group = next(group for group in self.report.graph.groups if mapped in group.nodes)
            own = self.layers.get(group.name, {})
            return self.of_field(range(group.nodes.start, mapped + 1), axis, own.get("stages", [own]), row)
        return {
            **self.all, **self.answer["totals"], "live": self.live,
            "compute_bound_flops": sum(layer["flops"] for layer in bound["compute"]),
            "memory_bound_bytes": sum(layer["bytes_moved"] for layer in bound["memory"]),
        }  # fmt: skip

    def of_layer(self, layer: dict[str, Any], stage: str | None, row: Explanation, axis: str | None) -> dict[str, Any]:
        """The names in a row of a layer, or of one of its stages; along an axis if the row is about one."""
        nodes = self.groups[layer["name"]].nodes
        stages = layer.get("stages", [layer])
        own = next(each for each in stages if each["name"] == stage) if stage else layer
        node = self.nodes[nodes[stages.index(own)]] if stage else self.nodes[nodes[-1]]
        counted = {name: 0 for name, value in own.items() if value is None}  # of what is not counted
        symbols: dict[str, Any] = {**self.all, **own, **counted, "bias": int(bool(own["biases"]))}
        symbols["written"] = layer["activations"] or 0
        symbols["effective"] = own.get("multiplications_effective")
        if row.quantity.startswith(("receptive", "jump", "start", "coverage")):
            assert axis is not None
            return symbols | self.of_field(nodes, axis, stages, row)
        at = 0 if axis is None else 1 + AXES[len(own["output"]) - 1].index(axis)
        if "kernel" in own:
            symbols |= of_window(self.with_op(own, node)) if axis is None else of_window_along(own, at - 1)
            if row.quantity == "output channels":
                symbols["input"] = own["input"][0]
        elif row.quantity.startswith("output"):
            symbols |= self.of_size(node, layer, at, row)
        symbols["read"] = sum(prod(self.nodes[i].shape or (0,)) for n in nodes for i in self.nodes[n].inputs)
        symbols |= {"shape": node.shape, "elements": node.elements}
        for _, array in p.parameter_shapes(node.primitive)[:1]:
            symbols["array"] = array
        match node.primitive:
            case p.Linear(flatten=flatten):
                features = prod(layer["input"]) if flatten else layer["input"][-1]
                symbols |= {"in_features": features, "filters": layer["output"][-1]}
                symbols["rows"] = node.elements // layer["output"][-1]
            case p.Normalize():
                symbols["channels"] = layer["output"][0]
            case p.MatMul():
                symbols["summed"] = layer["input"][-1]
        return symbols

    def with_op(self, stage: dict[str, Any], node: Node) -> dict[str, Any]:
        """A stage whose op says whether it is transposed, which a layer's op in a file need not."""
        return {**stage, "op": "conv_transpose" if isinstance(node.primitive, p.TransposedCorrelate) else "conv"}

    def of_size(self, node: Node, layer: dict[str, Any], at: int, row: Explanation) -> dict[str, Any]:
        """What an output's size along one axis is made of, if the layer is no window."""
        primitive, size = node.primitive, layer["output"][at]
        shapes = [list(self.nodes[i].shape or ()) for i in node.inputs]
        symbols: dict[str, Any] = {"size": size, "filters": size}
        if "product(input)" in row.formula:
            return {"input": layer["input"]}
        if isinstance(primitive, p.WithConstant | p.Expand):
            shapes.append(list(primitive.shape))
        rank = len(node.shape or ())
        if isinstance(primitive, p.Merge) and primitive.flat:
            shapes = [shape + [1] * (rank - len(shape)) for shape in shapes]
        if rank == max(map(len, shapes), default=0):
            symbols["inputs"] = [([1] * (rank - len(shape)) + shape)[at + 1] for shape in shapes]
        if isinstance(primitive, p.Pad):
            symbols |= dict(zip(("padding_begin", "padding_end"), primitive.pairs[at + 1], strict=True))
        if isinstance(primitive, p.Merge | p.WithConstant | p.Expand):
            symbols["input"] = symbols["inputs"][0]
        elif "input" in row.formula:  # of these networks, which input axis it is where it is not the same
            elsewhere = {"turned": [1, 0], "mean": [0, 2], "taken": [0, 0, 1], "scores": [0, 0]}
            symbols["input"] = layer["input"][elsewhere.get(node.name, range(rank))[at]]
        return symbols

    def of_field(self, nodes: range, axis: str, stages: list[dict[str, Any]], row: Explanation) -> dict[str, Any]:
        """The fields before and after the nodes of a layer along one axis of the network's input."""
        at = AXES[len(self.answer["input"]) - 1].index(axis)
        fields, node, first = self.report.fields, self.nodes[nodes[-1]], self.nodes[nodes.start]
        along = fields.seen[nodes[-1]][at]
        outputs = 1 if along.axis is None else (node.shape or ())[along.axis]
        symbols: dict[str, Any] = {}
        if {"positions", "first", "last"} & {*re.findall(r"\w+", row.formula)}:
            widest: Positions = along.field.widest(outputs, self.answer["input"][at + 1])
            symbols["positions"] = list(widest)
            if widest.runs:
                symbols |= {"first": widest.first, "last": widest.last}
        if row.quantity.startswith("start"):
            symbols["first"] = fields.fields[nodes[-1]][at].start
        if along.field.strands:
            strand = along.field.strands[0]
            symbols |= {"advance": strand.advance, "period": len(strand.phases)}
        if first.inputs:
            before = fields.fields[first.inputs[0]][at]
            symbols |= {"size_before": before.size, "jump_before": before.jump, "start_before": before.start}
        if stages and all("kernel" in stage for stage in stages):
            along_axis = [of_window_along(stage, at) for stage in stages]
            moving = [each for each in along_axis if (each["kernel"], each["stride"], each["total"]) != (1, 1, 0)]
            symbols |= moving[0] if moving else along_axis[0]
            if "product(stride)" in row.formula:
                symbols["stride"] = [each["stride"] for each in along_axis]
        return symbols
