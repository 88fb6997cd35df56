"""The receptive field along a row of layer words, whose sizes may be unknown."""

from __future__ import annotations

from typing import Any, NamedTuple

from convcalc.axis.strands import AxisField
from convcalc.graph.graph import Graph
from convcalc.notation import Axes
from convcalc.questions.receptive import receptive_fields
from convcalc.questions.schema import SCHEMA, field_dict, without_batch


class LayerField(NamedTuple):
    """One layer of a row: its word, the field on the row's input after it, and its output if sizes are known."""

    layer: str
    receptive_field: tuple[AxisField, ...]
    output: Axes | None


class ChainFields(NamedTuple):
    """The receptive field after every layer of a row; sizes only if the size of the input is known."""

    input: Axes | None
    layers: tuple[LayerField, ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {
            "schema": SCHEMA,
            "input": None if self.input is None else list(self.input),
            "layers": [
                {
                    "layer": layer.layer,
                    "receptive_field": field_dict(layer.receptive_field),
                    "output": None if layer.output is None else list(layer.output),
                }
                for layer in self.layers
            ],
            "receptive_field": field_dict(self.layers[-1].receptive_field),
            "notes": list(self.notes),
        }


def chain_fields(graph: Graph, *, sized: bool) -> ChainFields:
    """The fields along a row of layer words; its sizes are left out unless `sized`, since they are made up.

    A receptive field of too many separate pieces to enumerate is an upper bound, and a note says so.
    """
    found = receptive_fields(graph)
    fields = found.fields
    layers = [
        LayerField(group.op, fields[group.last], without_batch(graph.nodes[group.last].shape) if sized else None)
        for group in graph.layers
    ]
    return ChainFields(
        without_batch(graph.inputs[0].shape) if sized else None,
        tuple(layers),
        (*graph.notes, *([found.bound] if found.bound else ())),
    )
