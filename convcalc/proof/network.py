"""Every number of a network against its execution: shapes, parameters, multiplications, and what an output sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from convcalc.engine.algorithms import AUTO
from convcalc.errors import plural
from convcalc.graph.graph import Network, Node
from convcalc.graph.primitives import parameter_shapes
from convcalc.graph.stages import Axes
from convcalc.proof.arrays import Arrays, drawn_arrays, drawn_input
from convcalc.proof.checks import Check, counted_multiplications
from convcalc.proof.probe import Probe, check_fields, probe_count
from convcalc.proof.reference import Reference, check_values
from convcalc.proof.run import output_dict
from convcalc.proof.walk import LayerError, LayerRun, check_runnable, run_layers
from convcalc.questions.network_cost import layer_cost
from convcalc.questions.receptive import Fields, receptive_fields

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many runs of a layer or of the network are done, and of how many."""


@dataclass(frozen=True, slots=True)
class NetworkRun:
    """A network's output, and its checks: totals first, then layer by layer."""

    out: np.ndarray | None
    checks: tuple[Check, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    @property
    def totals(self) -> tuple[Check, ...]:
        """The checks of the whole network."""
        return tuple(check for check in self.checks if not check.layer)

    @property
    def wrong_layers(self) -> tuple[str, ...]:
        """The layers whose own checks disagree, each once."""
        return tuple(dict.fromkeys(check.layer for check in self.checks if check.layer and not check.ok))

    def to_dict(self, path: str | None) -> dict[str, Any]:
        """What a check adds to the network's report, as plain JSON values."""
        return {
            "checks": [check.to_dict() for check in self.checks],
            "ok": self.ok,
            "result": None if self.out is None else output_dict(self.out, path),
            "seconds": self.seconds,
        }


def check_network(
    network: Network,
    x: np.ndarray | None = None,
    arrays: Arrays | None = None,
    *,
    fields: Fields | None = None,
    reference: Reference | None = None,
    algorithm: str = AUTO,
    progress: Progress | None = None,
) -> NetworkRun:
    """The network run on x, or on random data, with every prediction about it checked.

    x: whole, as the network's first input; `arrays` by layer name, random ones for layers that have none there.
    `fields` are the receptive fields predicted, worked out if None; `reference` is what else can run the network.
    Raises DataError for a network that cannot be run, or that memory does not suffice for.
    """
    check_runnable(network)
    inputs = [drawn_input(node.shape or (1,), seed) for seed, node in enumerate(network.inputs)]
    finite = inputs if x is None or not np.isfinite(x).all() else [x, *inputs[1:]]
    inputs = inputs if x is None else [x, *inputs[1:]]
    arrays = {**drawn_arrays(network), **({} if arrays is None else arrays)}
    fields = receptive_fields(network) if fields is None else fields
    layers = len(network.layers)
    mapped = network.nodes[fields.mapped]
    done, of, lock = 0, layers, Lock()

    def told(more: int) -> None:
        nonlocal done
        with lock:  # axes are looked along by several threads
            done += more
            if progress is not None:
                progress(min(done, of), of)

    probe = Probe(network, fields, finite, arrays, mapped.shape or (), lambda: told(layers))
    of += layers * probe_count(probe)
    began = perf_counter()
    ran, out, failed = list[Measured](), None, None
    try:
        for run in run_layers(network, inputs, arrays, algorithm=algorithm):
            ran.append(_measured(run))
            if run.number == network.output:
                out = run.out
            told(1)
            del run  # so that its tensors can go
    except LayerError as error:
        failed = error
    seconds = perf_counter() - began
    shape = next((measured.shape for measured in ran if measured.node is mapped), mapped.shape or ())
    checks = [*_totals(network, ran), *_field_checks(replace(probe, shape=shape))]
    if reference is not None and out is not None:
        checks.append(check_values(network, reference, inputs, out))
    checks += [check for measured in ran for check in measured.checks()]
    if failed is not None:
        how = "could not be run on what reached it"
        checks.append(Check("execution", _shown(failed.node), failed.reason, False, how, failed.node.name))
    told(of)
    return NetworkRun(out, tuple(checks), seconds)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the run of one layer showed."""

    node: Node
    shape: Axes
    parameters: int
    multiplications: int
    as_defined: bool

    def checks(self) -> Iterator[Check]:
        cost, name = layer_cost(self.node), self.node.name
        predicted, measured = _without_batch(self.node.shape, self.shape)
        yield _equal("output_shape", predicted, measured, SHAPE, name)
        if cost.parameters or self.parameters:
            yield _equal("parameters", cost.parameters, self.parameters, SIZES, name)
        if cost.multiplications or self.multiplications:
            how = COUNTED if self.as_defined else BY_AXES
            yield _equal("multiplications", cost.multiplications, self.multiplications, how, name)


SHAPE = "the output array's shape"
SIZES = "the sizes of the arrays used"
COUNTED = "counted as the engine executed them"
BY_AXES = "counted along every axis with one channel, times the channel pairs; the algorithm executes others"


def _measured(run: LayerRun) -> Measured:
    counted = run.multiplications + sum(counted_multiplications(done) for done in run.convolutions)
    as_defined = all(done.counter.as_defined for done in run.convolutions)
    roles = [role for role, _ in parameter_shapes(run.node.operator)]
    own = sum(array.size for role, array in zip(roles, run.parameters, strict=True) if role not in run.node.shared)
    return Measured(run.node, run.out.shape, own, counted, as_defined)


def _totals(network: Network, ran: Sequence[Measured]) -> Iterator[Check]:
    costs = [layer_cost(node) for node in network.layers]
    last = network.nodes[network.output]
    found = next((measured.shape for measured in ran if measured.node is last), None)
    predicted, measured = _without_batch(last.shape, found)
    yield _equal("output_shape", predicted, measured, SHAPE)
    yield _equal("parameters", sum(cost.parameters for cost in costs), sum(m.parameters for m in ran), SIZES)
    how = COUNTED
    if others := sum(not measured.as_defined for measured in ran):
        how += f"; in {plural(others, 'layer')} {BY_AXES}"
    yield _equal("multiplications", sum(c.multiplications for c in costs), sum(m.multiplications for m in ran), how)


def _field_checks(probe: Probe) -> Iterator[Check]:
    try:
        yield from check_fields(probe)
    except LayerError as error:
        yield Check("receptive_field", None, None, False, f"not measured: {error.node.name} could not be run")


def _without_batch(predicted: Axes | None, measured: Axes | None) -> tuple[list[int] | None, list[int] | None]:
    """Two shapes to compare, without a first axis that they share."""
    if predicted is not None and measured is not None and predicted[:1] == measured[:1]:
        return [*predicted[1:]], [*measured[1:]]
    return None if predicted is None else [*predicted], None if measured is None else [*measured]


def _shown(node: Node) -> list[int] | None:
    return None if node.shape is None else [*node.shape[1:]]


def _equal(name: str, predicted: Any, measured: Any, how: str, layer: str = "") -> Check:
    return Check(name, predicted, measured, predicted == measured, how, layer)
