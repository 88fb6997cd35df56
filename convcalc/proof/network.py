"""Every number of a network against its execution, layer by layer and in total: `net --check`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from convcalc.engine.algorithms import AUTO
from convcalc.engine.arithmetic import all_finite
from convcalc.graph.graph import Graph, Group
from convcalc.proof.arrays import Arrays, drawn_arrays, drawn_for, held
from convcalc.proof.checks import (
    Numbers,
    check_multiplications,
    check_parameters,
    check_shape,
    check_total_multiplications,
    measured,
    together,
)
from convcalc.proof.executed import Check, agree, skipped
from convcalc.proof.probe import Probe, check_fields, probe_count
from convcalc.proof.reference import Reference, check_reference
from convcalc.proof.rounding import run_count
from convcalc.proof.statistics import output_of
from convcalc.proof.walk import NodeError, check_runnable, executed, numbered_inputs
from convcalc.questions.cost import cost, total
from convcalc.questions.receptive import Fields, receptive_fields

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of node runs that are done, and the number of all."""


@dataclass(frozen=True, slots=True)
class NetworkRun:
    """A network's output, and its checks: totals first, then layer by layer."""

    out: np.ndarray | None
    checks: tuple[Check, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        return agree(self.checks)

    @property
    def totals(self) -> tuple[Check, ...]:
        """The checks of the whole network."""
        return tuple(check for check in self.checks if not check.layer)

    @property
    def wrong_layers(self) -> tuple[str, ...]:
        """The layers whose own checks disagree, each once."""
        return tuple(dict.fromkeys(check.layer for check in self.checks if check.layer and check.ok is False))

    def to_dict(self, path: str | None) -> dict[str, Any]:
        """What a check adds to the network's report, as plain JSON values."""
        return {
            "checks": [check.to_dict() for check in self.checks],
            "ok": self.ok,
            "result": None if self.out is None else output_of(self.out).to_dict(path),
            "seconds": self.seconds,
        }


def check_network(
    graph: Graph,
    x: np.ndarray | None = None,
    arrays: Arrays | None = None,
    *,
    fields: Fields | None = None,
    reference: Reference | None = None,
    algorithm: str = AUTO,
    progress: Progress | None = None,
) -> NetworkRun:
    """The network run on x, or on random data, with every prediction about it checked.

    x: whole, as the network's first input; `arrays` by node name, random ones for nodes that have none there.
    `fields` are the receptive fields predicted, worked out if None; `reference` is another program that can run the
    network. Raises DataError for a network that cannot be run or does not fit in memory.
    """
    check_runnable(graph)
    types = reference.types if reference is not None else {}
    drawn = [drawn_for(node.shape or (1,), seed, types.get(node.name)) for seed, node in enumerate(graph.inputs)]
    inputs = drawn if x is None else [x, *drawn[1:]]
    inputs = [held(x, node.name, types.get(node.name)) for node, x in zip(graph.inputs, inputs, strict=True)]
    finite = inputs if all_finite(inputs[0]) else [drawn[0], *inputs[1:]]
    arrays = arrays or {}
    arrays = {**drawn_arrays(graph, without=arrays), **arrays}
    fields = receptive_fields(graph) if fields is None else fields
    count = len(graph.nodes) - len(graph.inputs)
    shown, again = _Shown(progress, count), 0
    if reference is not None and reference.run is not None:
        again = run_count(min(max(1, graph.nodes[i].elements) for i in (graph.output, *graph.others)))
    probe = Probe(graph, fields, finite, arrays, graph.nodes[fields.mapped].shape or (), ran=lambda: shown.more(count))
    shown.of += count * (probe_count(probe) + again)
    began = perf_counter()
    ran, failed = dict[int, Numbers](), None
    wanted, outs = {graph.output, *graph.others}, numbered_inputs(graph, inputs)
    try:
        for run in executed(graph, inputs, arrays, algorithm=algorithm):
            ran[run.number] = measured(run)
            if run.number in wanted:
                outs[run.number] = run.out
            shown.more(1)
            del run  # so that its tensors can go
    except NodeError as error:
        failed = error
    seconds, out = perf_counter() - began, outs.get(graph.output)
    if fields.mapped in ran:
        probe = replace(probe, shape=ran[fields.mapped].shape or ())
    layers = dict(_layers(graph, ran))
    checks = [*_totals(graph, [*layers.values()], out, failed), *_field_checks(probe)]
    if reference is not None:
        checks += (
            [skipped("values", _not_run(graph, failed))]
            if failed is not None
            else check_reference(
                graph, reference, inputs, arrays, {number: outs[number] for number in wanted}, ran=lambda: shown.more(1)
            )
        )
    for number, found in layers.items():
        checks += _layer_checks(graph, graph.groups[number], found)
    if failed is not None:
        checks.append(_failure(graph, failed))
    shown.more(shown.of)
    return NetworkRun(out, tuple(checks), seconds)


class _Shown:
    """The progress as it is shown; several threads count."""

    def __init__(self, progress: Progress | None, of: int) -> None:
        self.progress, self.done, self.of = progress, 0, of
        self.lock = Lock()

    def more(self, count: int) -> None:
        with self.lock:
            self.done += count
            if self.progress is not None:
                self.progress(min(self.done, self.of), self.of)


def _layers(graph: Graph, ran: Mapping[int, Numbers]) -> Iterator[tuple[int, Numbers]]:
    """(number of the group, what was measured) for every layer that was run completely."""
    for number, group in enumerate(graph.groups):
        if all(node in ran for node in group.nodes):
            yield number, together((ran[node] for node in group.nodes), ran[group.last].shape)


def _totals(
    graph: Graph, layers: Sequence[Numbers], out: np.ndarray | None, failed: NodeError | None
) -> Iterator[Check]:
    """The checks of the whole network; without a layer that could not be run there is nothing to compare with."""
    if failed is not None:
        yield from (
            skipped(name, _not_run(graph, failed)) for name in ("output_shape", "parameters", "multiplications")
        )
        return
    assert out is not None, "a run without a failure reaches the output"
    whole = total(cost(graph.nodes[number]) for group in graph.layers for number in group.nodes)
    yield check_shape(graph.nodes[graph.output].shape, out.shape)
    yield check_parameters(whole.parameters, sum(layer.parameters for layer in layers))
    yield check_total_multiplications(whole.multiplications, layers)


def _layer_checks(graph: Graph, group: Group, found: Numbers) -> Iterator[Check]:
    """The checks of one layer; parameters and multiplications are left out if there are none."""
    predicted, name = total(cost(node) for node in graph.stages(group)), _name(graph, group)
    yield check_shape(graph.nodes[group.last].shape, found.shape, name)
    if predicted.parameters or found.parameters:
        yield check_parameters(predicted.parameters, found.parameters, name)
    if predicted.multiplications or found.multiplications:
        yield check_multiplications(predicted.multiplications, found, name)


def _field_checks(probe: Probe) -> Iterator[Check]:
    try:
        yield from check_fields(probe)
    except NodeError as error:
        yield skipped("receptive_field", _not_run(probe.graph, error))


def _failure(graph: Graph, error: NodeError) -> Check:
    group = _group(graph, error)
    shape = graph.nodes[group.last].shape
    predicted = None if shape is None else [*shape[1:]]
    how = "could not be run on what reached it"
    return Check("execution", predicted, str(error.error), False, how, _name(graph, group))


def _not_run(graph: Graph, error: NodeError) -> str:
    return f"{_name(graph, _group(graph, error))} could not be run"


def _group(graph: Graph, error: NodeError) -> Group:
    return next(group for group in graph.groups if error.number in group.nodes)


def _name(graph: Graph, group: Group) -> str:
    """A layer's name for messages: its last stage's if it has none of its own."""
    return group.name or graph.labels[group.last]
