"""The real thing: a layer run on arrays, stage after stage, and then every number checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from math import isfinite
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from convcalc.engine.counter import Counter
from convcalc.engine.primitive import check_arrays, run_stage
from convcalc.errors import ConvcalcError, DataError, NotationError
from convcalc.graph.stages import Axes, Chain, Convolution, Stage
from convcalc.graph.trace import Step, trace
from convcalc.notation import Number, PaddingValue, PerAxis, parse_layout, whole_number
from convcalc.proof.checks import (
    Check,
    Executed,
    check_multiplications,
    check_output_shape,
    check_parameters,
    check_receptive_field,
    check_values,
)
from convcalc.proof.factor import factored
from convcalc.proof.forms import Named, full_input, full_kernels, restored, spatial_axes
from convcalc.questions.layer_report import SCHEMA, Report, report
from convcalc.recipes import named_dims, recipe_named
from convcalc.recipes.options import Layer, LayerOptions, layer
from convcalc.recipes.recipe import Recipe

Arrays: TypeAlias = dict[str, tuple[np.ndarray, np.ndarray | None]]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What may be said about a run besides its arrays, which give kernel, channels and filters."""

    type: str | None = None
    stride: PerAxis | None = None
    padding: PaddingValue | None = None
    dilation: PerAxis | None = None
    groups: Number | None = None
    output_padding: PerAxis | None = None
    output_size: PerAxis | None = None
    dims: Number | None = None
    layout: str = "channels-first"
    padding_mode: str = "zeros"
    flip: bool = False
    rank: Number | None = None
    algorithm: str = "auto"
    check: bool = True


@dataclass(frozen=True, slots=True)
class Engine:
    """What the engine did for one stage: the algorithm, why it was chosen, the multiplications it executed."""

    stage: str
    algorithm: str
    reason: str
    multiplications_executed: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run's result in the input's form, its report and its checks."""

    report: Report
    out: np.ndarray
    dims: int
    checks: tuple[Check, ...]
    seconds: float
    max_abs_error: float | None
    engine: tuple[Engine, ...]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    @property
    def algorithm(self) -> str:
        """The algorithms of the stages, each once."""
        return ", ".join(dict.fromkeys(stage.algorithm for stage in self.engine))

    @property
    def multiplications_executed(self) -> int:
        """What the algorithms multiplied, transforms and all, whatever the definition's number is."""
        return sum(stage.multiplications_executed for stage in self.engine)

    @property
    def statistics(self) -> dict[str, float | int]:
        """min, max and mean of the output; of complex values, of their magnitudes."""
        return statistics(self.out)

    def to_dict(self, path: str | None) -> dict[str, Any]:
        """The run as plain JSON values; statistics that are not finite have no JSON number and are null."""
        return {
            "schema": SCHEMA,
            "report": self.report.to_dict(),
            "checks": [check.to_dict() for check in self.checks],
            "ok": self.ok,
            "output": output_dict(self.out, path),
            "algorithm": self.algorithm,
            "multiplications_executed": self.multiplications_executed,
            "engine": [asdict(stage) for stage in self.engine],
            "seconds": self.seconds,
            "max_abs_error": None if self.max_abs_error is None else _json_number(self.max_abs_error),
        }


def run(input: Named, kernels: Sequence[Named], biases: Sequence[Named], options: RunOptions) -> Run:
    """The layer run on these arrays, with every check unless options.check is false.

    input: (batch, channels, *spatial), without batch or channel axis if it has none; kernels in stage order, full
    or short; biases (filters,), one per stage with a kernel, or one for the last.
    Raises DataError, NotationError or ShapeError, naming the file or option, for what does not go together.
    """
    for given in (input, *kernels, *biases):
        if given.array.size == 0:
            raise DataError(f"{given.name}: every axis must have at least one element, got shape {given.array.shape}")
    recipe, layout = recipe_named("standard" if options.type is None else options.type), parse_layout(options.layout)
    factoring = recipe.name == "spatially-separable" and len(kernels) == 1
    dims = _given_dims(options)
    if dims is None:
        unfactored = recipe_named("standard") if factoring else recipe
        dims = spatial_axes(input, kernels, lambda dims: _fits(options, unfactored, input, kernels, dims, layout))
    x = full_input(input, dims, layout)
    if factoring:
        [whole] = full_kernels(recipe_named("standard"), kernels, x.shape[1], dims, layout)
        whole = _flipped(whole, dims) if options.flip else whole
        rank = None if options.rank is None else whole_number(options.rank, "rank")
        factors = factored(whole.array, rank, whole.name)
        full = [Named(f"{whole.name} (factor {i})", kernel) for i, kernel in enumerate(factors.kernels, 1)]
        notes: tuple[str, ...] = (factors.note,)
        whole_if_exact = whole if factors.exact and len(biases) < 2 else None
    elif options.rank is not None:
        raise NotationError("rank: is for one full kernel of type spatially-separable; leave --rank out")
    else:
        full = full_kernels(recipe, kernels, x.shape[1], dims, layout)
        full = [_flipped(kernel, dims) for kernel in full] if options.flip else full
        notes, whole_if_exact = (), None
    planned = _planned(options, recipe, x.shape[1], full, x.shape[1:])
    chain, arrays = _with_arrays(planned, full, biases)
    planned = replace(planned, chain=chain)
    predicted = report(planned, batch=x.shape[0])
    predicted = replace(predicted, notes=(*notes, *predicted.notes))

    began = perf_counter()
    executed = _execute([stage.step for stage in predicted.stages], x, arrays, options)
    seconds = perf_counter() - began
    out, last_bias = executed[-1].out, executed[-1].bias
    predicted = replace(predicted, dtype=str(out.dtype))
    checks: tuple[Check, ...] = ()
    error = None
    if options.check:
        at_once = _as_one(options, whole_if_exact, x, last_bias, out) if whole_if_exact else None
        values, error = check_values(executed, at_once)
        checks = (
            check_output_shape(predicted, out),
            check_parameters(predicted, executed),
            check_multiplications(predicted, executed),
            check_receptive_field(predicted, executed),
            values,
        )
    engine = tuple(
        Engine(done.step.path, choice.algorithm, choice.reason, done.counter.multiplications)
        for done in executed
        if (choice := done.counter.choice) is not None
    )
    return Run(predicted, restored(out, input, dims, layout), dims, checks, seconds, error, engine)


def statistics(out: np.ndarray) -> dict[str, float | int]:
    """min, max and mean of an array; of complex values, of their magnitudes."""
    with np.errstate(all="ignore"):
        values = np.abs(out) if out.dtype.kind == "c" else out
        mean = float(values.mean(dtype=np.float64))
    return {"min": values.min().item(), "max": values.max().item(), "mean": mean}


def output_dict(out: np.ndarray, path: str | None) -> dict[str, Any]:
    """What JSON says of an output and the file it went to."""
    numbers = {name: _json_number(value) for name, value in statistics(out).items()}
    return {"shape": list(out.shape), "dtype": str(out.dtype), "path": path, **numbers}


def _json_number(value: float | int | None) -> float | int | None:
    return value if value is None or isfinite(value) else None


def _given_dims(options: RunOptions) -> int | None:
    stated = named_dims(options.type or "")
    if options.dims is None:
        return stated
    dims = whole_number(options.dims, "dims")
    if dims > 3 or stated not in (None, dims):
        raise NotationError(f"dims: must be {stated or '1, 2 or 3'}, got {dims}")
    return dims


def _fits(options: RunOptions, recipe: Recipe, input: Named, kernels: Sequence[Named], dims: int, layout: str) -> bool:
    """Whether the arrays can be read as data of `dims` spatial axes: their axes, channels, groups and sizes agree."""
    try:
        x = full_input(input, dims, layout)
        full = full_kernels(recipe, kernels, x.shape[1], dims, layout)
        planned = _planned(options, recipe, x.shape[1], full, x.shape[1:])
        trace(_with_arrays(planned, full, ())[0], planned.input)
    except ConvcalcError:
        return False
    return True


def _planned(options: RunOptions, recipe: Recipe, channels: int, kernels: Sequence[Named], input: Axes) -> Layer:
    """The layer that the arrays and options amount to."""
    groups = None if options.groups is None else whole_number(options.groups, "groups")
    told = recipe.told_by([kernel.array.shape for kernel in kernels], channels, groups)
    common = {
        field.name: getattr(options, field.name) for field in fields(LayerOptions) if hasattr(options, field.name)
    }
    return layer(recipe.name, LayerOptions(**{**common, "input": input, "layout": "channels-first", **told}))


def _with_arrays(planned: Layer, kernels: Sequence[Named], biases: Sequence[Named]) -> tuple[Chain, Arrays]:
    """The chain with a bias just where there is one, and kernel and bias of every stage that has weights.

    Raises DataError where a shape is not the stage's.
    """
    weighted = [(n, s) for n, s in planned.chain.stages() if isinstance(s, Convolution)]
    if len(biases) not in (0, 1, len(weighted)):
        raise DataError(f"{biases[0].name}: give one bias, for the last stage, or {len(weighted)}, got {len(biases)}")
    every_bias = [None] * (len(weighted) - len(biases)) + list(biases)
    arrays: Arrays = {}
    for (name, stage), kernel, bias in zip(weighted, kernels, every_bias, strict=True):
        biases_of = None if bias is None else bias.array
        check_arrays(name, stage, kernel.array, biases_of, kernel.name, "" if bias is None else bias.name)
        arrays[name] = (kernel.array, biases_of)
    parts: list[tuple[str, Stage]] = [
        (name, replace(stage, bias=arrays[name][1] is not None) if isinstance(stage, Convolution) else stage)
        for name, stage in planned.chain.stages()
    ]
    return Chain(tuple(parts)), arrays


def _execute(steps: Sequence[Step], x: np.ndarray, arrays: Arrays, options: RunOptions) -> tuple[Executed, ...]:
    executed = []
    for step in steps:
        (weight, bias), counter = arrays.get(step.path, (None, None)), Counter()
        mode, algorithm = options.padding_mode, options.algorithm
        try:
            out = run_stage(step.stage, x, weight, bias, padding_mode=mode, algorithm=algorithm, counter=counter)
        except ConvcalcError as error:
            raise type(error)(f"{step.path}: {error}") from None
        executed.append(Executed(step, x, weight, bias, out, mode, counter))
        x = out
    return tuple(executed)


def _flipped(kernel: Named, dims: int) -> Named:
    """The kernel of a true convolution, which runs over the taps backwards."""
    return Named(kernel.name, np.flip(kernel.array, tuple(range(-dims, 0))))


def _as_one(options: RunOptions, kernel: Named, x: np.ndarray, bias: np.ndarray | None, out: np.ndarray) -> Executed:
    """A factored kernel's run as the one step it stands for, with the full kernel."""
    planned = _planned(options, recipe_named("standard"), x.shape[1], [kernel], x.shape[1:])
    [step] = trace(planned.chain, x.shape[1:])
    return Executed(step, x, kernel.array, bias, out, options.padding_mode, Counter())
