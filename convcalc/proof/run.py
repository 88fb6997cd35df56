"""Runs a layer on arrays node by node, then checks every predicted number: `convcalc run`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from convcalc.engine.counter import Counter
from convcalc.errors import ConvcalcError, DataError, located
from convcalc.graph.graph import Graph
from convcalc.notation import Axes, Layout, asking, parse_layout, size_in_words, size_questions
from convcalc.proof.arrays import Arrays
from convcalc.proof.checks import check_multiplications, check_parameters, check_shape, measured, together
from convcalc.proof.executed import Check, Convolved, Executed, agree
from convcalc.proof.forms import Named, full_input, order_questions, restored
from convcalc.proof.planned import Kernels, RunOptions, dims_of, kernels_of, planned, unfactored
from convcalc.proof.probe_layer import check_receptive_field
from convcalc.proof.remedies import with_remedy
from convcalc.proof.statistics import Output, json_number, missing, output_of
from convcalc.proof.values import check_values
from convcalc.proof.walk import NodeError, executed
from convcalc.questions.report import Report, layer_report
from convcalc.questions.schema import SCHEMA
from convcalc.recipes import recipe_named

__all__ = ["Engine", "Result", "Run", "RunOptions", "run"]

KERNELS_AND_BIASES = "the sizes of the kernels and biases"


@dataclass(frozen=True, slots=True)
class Engine:
    """What the engine did for one stage: the algorithm, why it was chosen, the multiplications it executed."""

    stage: str
    algorithm: str
    reason: str
    multiplications_executed: int


@dataclass(frozen=True, slots=True)
class Result:
    """What is told of a run: its report, its checks, and what came out."""

    report: Report
    output: Output
    checks: tuple[Check, ...]
    seconds: float
    max_abs_error: float | None
    engine: tuple[Engine, ...]

    @property
    def ok(self) -> bool:
        return agree(self.checks)

    @property
    def algorithm(self) -> str:
        """The algorithms of the stages, each once."""
        return ", ".join(dict.fromkeys(stage.algorithm for stage in self.engine))

    @property
    def multiplications_executed(self) -> int:
        """The multiplications that the algorithms executed, transforms included; may differ from the definition's."""
        return sum(stage.multiplications_executed for stage in self.engine)

    def to_dict(self, path: str | None) -> dict[str, Any]:
        """The run as plain JSON values; what is not finite has no JSON number and is null."""
        return {
            "schema": SCHEMA,
            "report": self.report.to_dict(),
            "checks": [check.to_dict() for check in self.checks],
            "ok": self.ok,
            "output": self.output.to_dict(path),
            "algorithm": self.algorithm,
            "multiplications_executed": self.multiplications_executed,
            "engine": [asdict(stage) for stage in self.engine],
            "seconds": self.seconds,
            "max_abs_error": json_number(self.max_abs_error),
        }


@dataclass(frozen=True, slots=True)
class Run(Result):
    """A run in one piece, with its output in the input's form."""

    out: np.ndarray
    dims: int


def engine_of(done: Iterable[Executed]) -> Iterator[Engine]:
    """What the engine did for every convolution among the nodes."""
    for each in done:
        if (choice := each.counter.choice) is not None:
            yield Engine(each.node.name, choice.algorithm, choice.reason, each.counter.multiplications)


class Prepared(NamedTuple):
    """A layer and all that it runs on: the input whole, (batch, channels, *spatial), and the arrays of every node."""

    graph: Graph
    x: np.ndarray
    arrays: Arrays
    made: Kernels
    dims: int


def run(input: Named, kernels: Sequence[Named], biases: Sequence[Named], options: RunOptions) -> Run:
    """The layer run on these arrays, with every check unless options.check is false.

    input: (batch, channels, *spatial), batch and channel axis optional; kernels in stage order, full or short;
    biases (filters,), one per stage with a kernel, or one for the last.
    Raises DataError, NotationError or ShapeError, naming the file or option, for arrays and options that do not fit.
    """
    layer = prepared(input, kernels, biases, options)
    x, made = layer.x, layer.made
    report = layer_report(layer.graph)
    odd = (f"{given.name}: {counts}" for given in (input, *kernels, *biases) if (counts := missing(given.array)))
    report = replace(report, notes=(*made.notes, *odd, *report.notes))

    began = perf_counter()
    done = executed_nodes(layer, options)
    seconds = perf_counter() - began
    out, error, checks = done[-1].out, None, tuple[Check, ...]()
    report = replace(report, dtype=str(out.dtype))
    if options.check:
        whole = None
        if made.whole is not None and len(biases) < 2:
            convolution, bias = unfactored(options, made.whole, x.shape), done[-1].arrays[1:]
            one = bias[0] if bias else None
            whole = Convolved(convolution, x, made.whole.array, one, out, Counter(), options.padding_mode)
        values, error = check_values(done, whole)
        checks = (*number_checks(report, done), values)
    engine = tuple(engine_of(done))
    given = restored(out, input, layer.dims, parse_layout(options.layout))
    return Run(report, output_of(given), checks, seconds, error, engine, given, layer.dims)


def number_checks(report: Report, done: Sequence[Executed]) -> tuple[Check, ...]:
    """The checks of all numbers but the values."""
    found = together(map(measured, done), done[-1].out.shape)
    return (
        check_shape((report.batch, *(report.output or ())), found.shape),
        check_parameters(report.parameters, found.parameters, how=KERNELS_AND_BIASES),
        check_multiplications(report.multiplications, found),
        check_receptive_field(report.receptive_field, done),
    )


def prepared(input: Named, kernels: Sequence[Named], biases: Sequence[Named], options: RunOptions) -> Prepared:
    """The layer that these arrays and options describe; the arrays and errors are those of `run`."""
    for given in (input, *kernels, *biases):
        if given.array.size == 0:
            raise DataError(f"{given.name}: every axis must have at least one element, got shape {given.array.shape}")

    def fitted(options: RunOptions, input: Named, kernels: Sequence[Named]) -> Prepared:
        return _fitted(input, kernels, biases, options)

    try:
        return fitted(options, input, kernels)
    except ConvcalcError as error:
        raise with_remedy(error, options, input, kernels, fitted) from None


def _fitted(input: Named, kernels: Sequence[Named], biases: Sequence[Named], options: RunOptions) -> Prepared:
    recipe, layout = recipe_named("standard" if options.type is None else options.type), parse_layout(options.layout)
    dims = dims_of(options, recipe, input, kernels, layout)
    x = full_input(input, dims, layout)
    made = kernels_of(options, recipe, kernels, x.shape[1], dims, layout)
    questions = (
        *_questions(input, kernels, x.shape[1:], layout),
        *order_questions(recipe, kernels, dims, layout),
    )
    with asking(questions):
        graph, arrays = planned(options, recipe, x.shape, made.stages, biases)
    return Prepared(replace(graph, notes=(*questions, *graph.notes)), x, arrays, made, dims)


def _questions(input: Named, kernels: Sequence[Named], size: Axes, layout: Layout) -> tuple[str, ...]:
    """A note that asks where the channels are, if the input looks like an image that has them elsewhere.

    Kernels with an axis of channels say themselves how many there are.
    """
    if input.array.ndim < len(size) or any(kernel.array.ndim >= len(size) for kernel in kernels):
        return ()
    if not size_questions(size, layout, len(size) - 1):
        return ()
    first = layout == "channels-first"
    how = "last, add --layout channels-last" if first else "first, leave --layout channels-last out"
    return (f"{input.name} was read as {size_in_words(size)}; if its channels are {how}",)


def executed_nodes(layer: Prepared, options: RunOptions) -> tuple[Executed, ...]:
    """Every node as it was run. Raises ConvcalcError, naming the stage, for arrays or options that it refuses."""
    mode, algorithm = options.padding_mode, options.algorithm
    try:
        return tuple(executed(layer.graph, [layer.x], layer.arrays, padding_mode=mode, algorithm=algorithm))
    except NodeError as failed:
        with located(failed.node.name):
            raise failed.error from None
