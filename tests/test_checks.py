"""The checks of a run: each fails when what it guards is wrong, and every correct run passes them all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcalc import ConvcalcError, Report, analyze
from convcalc.axis.window import Window
from convcalc.cli import exit_code
from convcalc.engine import correlate as engine
from convcalc.engine import transposed
from convcalc.engine.counter import Counter
from convcalc.engine.primitive import run_stage
from convcalc.graph.stages import Correlate, ShuffleChannels, TransposedCorrelate
from convcalc.graph.trace import Step
from convcalc.proof import checks
from convcalc.proof.checks import (
    Check,
    Executed,
    check_multiplications,
    check_output_shape,
    check_parameters,
    check_receptive_field,
    check_values,
)
from convcalc.proof.direct import WIDE, direct_sums
from convcalc.proof.forms import Named
from convcalc.proof.run import Run, RunOptions, run
from tests.layers import random_layers
from tests.reference import field

CHECKS = ["output_shape", "parameters", "multiplications", "receptive_field", "values"]
NAN, INF = float("nan"), float("inf")


def filled(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Random numbers of that type."""
    kind = np.dtype(dtype).kind
    if kind in "bui":
        return rng.integers(0 if kind != "i" else -9, 2 if kind == "b" else 10, shape).astype(dtype)
    values = rng.standard_normal(shape)
    return (values + 1j * rng.standard_normal(shape) if kind == "c" else values).astype(dtype)


def kernel_shapes(report: Report) -> list[tuple[int, ...]]:
    stages = [stage.step.stage for stage in report.stages]
    return [stage.weight_shape for stage in stages if isinstance(stage, Correlate | TransposedCorrelate)]


def ran(type: str, options: dict[str, Any], x: np.ndarray, kernels: list[np.ndarray], *biases: np.ndarray) -> Run:
    """A run of a layer as `analyze` takes it on these arrays."""
    common = ("stride", "padding", "dilation", "groups", "output_padding", "padding_mode")
    known = {name: options[name] for name in common if name in options}
    chosen = RunOptions(type=type, dims=x.ndim - 2, **known)
    return run(Named("x", x), [Named("k", k) for k in kernels], [Named("b", b) for b in biases], chosen)


def executed(report: Report, dtype: str = "float32", mode: str = "zeros", seed: int = 0) -> list[Executed]:
    """The report's steps run by the engine on random arrays."""
    rng = np.random.default_rng(seed)
    x = filled(rng, (report.batch, *report.input), dtype)
    steps = []
    for stage in report.stages:
        weight = bias = None
        if isinstance(stage.step.stage, Correlate | TransposedCorrelate):
            weight = filled(rng, stage.step.stage.weight_shape, dtype)
            bias = filled(rng, (stage.step.stage.out_channels,), dtype) if stage.step.stage.bias else None
        counter = Counter()
        out = run_stage(stage.step.stage, x, weight, bias, padding_mode=mode, counter=counter)
        steps.append(Executed(stage.step, x, weight, bias, out, mode, counter))
        x = out
    return steps


def failed(found: Run) -> list[str]:
    assert [check.name for check in found.checks] == CHECKS
    return [check.name for check in found.checks if not check.ok]


# Wrong predictions

LAYER = analyze(
    "standard", input=(3, 9, 11), kernel=(3, 2), filters=4, stride=(2, 1), padding=((1, 0), (2, 1)), dilation=(1, 3),
    bias=True, batch=2,
)  # fmt: skip
CHAIN = analyze("depthwise-separable", input=(3, 9, 11), kernel=(3, 2), filters=4, dilation=(2, 1))
TRANSPOSED = analyze("transposed", input=(3, 4, 5), kernel=(3, 4), filters=2, stride=(2, 3), padding=((1, 0), (0, 2)))


@pytest.fixture(params=[LAYER, CHAIN, TRANSPOSED], ids=["standard", "chain", "transposed"])
def report(request: pytest.FixtureRequest) -> Report:
    assert isinstance(request.param, Report)
    return request.param


def with_last(report: Report, **changed: Any) -> Report:
    """The report with its last stage changed."""
    return replace(report, stages=(*report.stages[:-1], replace(report.stages[-1], **changed)))


def assert_notices(check: Callable[[Report], Check], right: Report, *wrong: Report) -> None:
    agreed = check(right)
    assert agreed.ok
    assert agreed.predicted == agreed.measured
    for report in wrong:
        found = check(report)
        assert not found.ok
        assert found.predicted != found.measured
        assert found.measured == agreed.measured


def test_output_shape_notices_every_axis(report: Report) -> None:
    out = executed(report)[-1].out
    sizes = report.output
    wrong = [
        with_last(
            report, step=replace(report.stages[-1].step, output=tuple(n + (a == axis) for a, n in enumerate(sizes)))
        )
        for axis in range(len(sizes))
    ]
    swapped = replace(report.stages[-1].step, output=(sizes[0], *sizes[:0:-1]))
    assert_notices(lambda told: check_output_shape(told, out), report, *wrong, with_last(report, step=swapped))


def test_parameters_notices_weights_and_biases(report: Report) -> None:
    steps, cost = executed(report), report.cost
    wrong = [replace(report, cost=replace(cost, weights=cost.weights + d, biases=cost.biases)) for d in (-1, 1)]
    wrong.append(replace(report, cost=replace(cost, biases=cost.biases + 1)))
    assert_notices(lambda told: check_parameters(told, steps), report, *wrong)


def test_multiplications_notices_one_more_or_less(report: Report) -> None:
    steps, counted = executed(report), report.multiplications
    wrong = [replace(report, cost=replace(report.cost, multiplications=counted + d)) for d in (-1, 1)]
    assert_notices(lambda told: check_multiplications(told, steps), report, *wrong)


@pytest.mark.parametrize("algorithm", ["winograd", "fft"])
def test_multiplications_of_an_algorithm_that_executes_others(algorithm: str) -> None:
    """They are measured by the definition, axis by axis, and not by what the algorithm happened to multiply."""
    told = analyze("standard", input=(2, 9, 11), kernel=3, filters=5, padding=((1, 0), (2, 1)), batch=3)
    x, weight = np.ones((3, 2, 9, 11), np.float32), np.ones((5, 2, 3, 3), np.float32)
    [stage], counter = told.stages, Counter()
    out = run_stage(stage.step.stage, x, weight, algorithm=algorithm, counter=counter)
    assert counter.choice is not None
    assert counter.choice.algorithm == algorithm
    assert counter.multiplications != told.multiplications
    steps = [Executed(stage.step, x, weight, None, out, "zeros", counter)]
    wrong = replace(told, cost=replace(told.cost, multiplications=counter.multiplications))
    assert_notices(lambda told: check_multiplications(told, steps), told, wrong)


@pytest.mark.parametrize("part", ["size", "jump", "start", "coverage"])
def test_receptive_field_notices_every_part(part: str, report: Report) -> None:
    steps, fields = executed(report), report.receptive_field
    wrong = []
    for axis, delta in product(range(len(fields)), (-1, 1)):
        moved = replace(fields[axis], **{part: getattr(fields[axis], part) + delta})
        wrong.append(with_last(report, receptive_field=(*fields[:axis], moved, *fields[axis + 1 :])))
    wrong.append(with_last(report, receptive_field=fields[::-1]))
    assert_notices(lambda told: check_receptive_field(told, steps), report, *wrong)


def test_receptive_field_notices_none_for_a_start() -> None:
    report = analyze("transposed", input=(1, 4), kernel=1, filters=1, stride=3, padding=((1, 0),))
    [axis] = report.receptive_field
    assert axis.start is None
    steps = executed(report)
    assert_notices(
        lambda told: check_receptive_field(told, steps),
        report,
        with_last(report, receptive_field=(replace(axis, start=0),)),
    )


def test_wrong_prediction_is_exit_1(saved: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """A receptive field twice as wide as it is, all the way through the command line."""
    known = analyze.__globals__["receptive_field"]

    def doubled(*arguments: Any) -> Any:
        return tuple(replace(axis, size=2 * axis.size) for axis in known(*arguments))

    monkeypatch.setattr("convcalc.questions.layer_report.receptive_field", doubled)
    code, found = json_of(saved())
    assert code == 1
    assert not found["ok"]
    assert [check["name"] for check in found["checks"] if not check["ok"]] == ["receptive_field"]


# Wrong values


def values_after(steps: list[Executed], which: int, change: Callable[[np.ndarray], np.ndarray]) -> Check:
    """The check of values when one step's output is changed after the fact, before the next one uses it."""
    altered, x = [], steps[0].x
    for index, step in enumerate(steps):
        out = run_stage(step.step.stage, x, step.weight, step.bias, padding_mode=step.padding_mode)
        if index == which:
            out = np.ascontiguousarray(change(out.copy()))
        altered.append(replace(step, x=x, out=out))
        x = out
    return check_values(altered)[0]


def corners(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    return product(*({0, size - 1} for size in shape))


@pytest.mark.parametrize("dtype", ["int16", "float16", "float32", "float64", "complex64"])
def test_values_notices_any_corner(dtype: str, report: Report) -> None:
    steps = executed(report, dtype)
    assert check_values(steps)[0].ok
    largest = float(np.abs(steps[-1].out).max())
    off = 1 if dtype == "int16" else 64 * float(np.finfo(dtype).eps) * largest
    for corner in corners(steps[-1].out.shape):

        def change(out: np.ndarray, corner: tuple[int, ...] = corner) -> np.ndarray:
            out[corner] += off
            return out

        assert not values_after(steps, len(steps) - 1, change).ok


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "shifted": lambda out: np.roll(out, 1, -1),
    "shifted down": lambda out: np.roll(out, 1, 2),
    "mirrored": lambda out: out[..., ::-1],
    "filters exchanged": lambda out: out[:, ::-1],
    "negative": lambda out: -out,
    "nothing": lambda out: out * 0,
    "one NaN": lambda out: np.where(np.arange(out.size).reshape(out.shape) == out.size // 2, np.nan, out).astype(
        out.dtype
    ),
    "one Inf": lambda out: np.where(np.arange(out.size).reshape(out.shape) == 0, np.inf, out).astype(out.dtype),
    "a permille too large": lambda out: out * out.dtype.type(1.001),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("stage", [0, -1])
def test_values_notices_changes_in_every_stage(change: str, stage: int, report: Report) -> None:
    steps = executed(report)
    assert not values_after(steps, stage % len(steps), CHANGES[change]).ok


@pytest.mark.parametrize("stage", [0, 1])
def test_values_notices_a_wrong_shuffle(stage: int) -> None:
    steps = executed(analyze("shuffled-grouped", input=(6, 5, 4), kernel=2, filters=12, groups=3))
    assert isinstance(steps[1].step.stage, ShuffleChannels)
    assert check_values(steps)[0].ok
    for change in (lambda out: out[:, ::-1], lambda out: np.roll(out, 1, 1), lambda out: out.swapaxes(-1, -2) * 0):
        assert not values_after(steps, stage, change).ok
    undone = replace(steps[1], out=steps[1].x)
    assert not check_values([steps[0], undone])[0].ok


def test_values_notices_a_missing_bias_and_another_mode() -> None:
    [step] = executed(LAYER, mode="reflect")
    assert check_values([step])[0].ok
    assert step.bias is not None
    assert not check_values([replace(step, bias=None)])[0].ok
    assert not check_values([replace(step, bias=step.bias[::-1].copy())])[0].ok
    for mode in ("zeros", "replicate", "circular"):
        assert not check_values([replace(step, padding_mode=mode)])[0].ok


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_values_notices_nan_and_inf_that_moved(bad: float) -> None:
    x, w = np.ones((1, 1, 9), np.float32), np.ones((1, 1, 2), np.float32)
    x[0, 0, 4] = bad
    [step] = executed(analyze(input=(1, 9), kernel=2, filters=1))
    right = np.array([[[2, 2, 2, bad, bad, 2, 2, 2]]], np.float32)
    step = replace(step, x=x, weight=w, bias=None, out=right)
    assert check_values([step])[0].ok
    others = [other for other in (NAN, INF, -INF, 2, 1e38) if str(other) != str(bad)]
    wrong = [np.roll(right, 1, -1), np.where(np.arange(8) == 0, np.float32(bad), right)]
    wrong += [np.where(np.arange(8) == 3, np.float32(other), right) for other in others]
    for out in wrong:
        assert not check_values([replace(step, out=out)])[0].ok


def test_values_notices_an_overflow_that_is_none() -> None:
    """float16 is computed in float32, where 8*60000 is no overflow: the result must be Inf."""
    x, w = np.full((1, 1, 4), 60000, np.float16), np.full((1, 1, 2), 4, np.float16)
    found = ran("standard", {}, x, [w])
    assert found.ok
    assert np.isinf(found.out).all()
    [step] = executed(analyze(input=(1, 4), kernel=2, filters=1), "float16")
    largest = np.full_like(found.out, 65504)
    assert not check_values([replace(step, x=x, weight=w, out=largest)])[0].ok


def test_values_of_sums_that_may_overflow_on_their_way() -> None:
    """3e38 + 3e38 - 3e38 is 3e38, or Inf in float32, as the order of the terms decides."""
    found = ran("standard", {}, np.full((1, 1, 3), 3e38, np.float32), [np.array([[[1, 1, -1]]], np.float32)])
    assert found.ok


def test_values_of_a_large_array_are_a_sample_with_every_corner() -> None:
    report = analyze(input=(3, 300, 400), kernel=3, filters=5, padding=1)
    [step] = executed(report)
    agreed, _ = check_values([step])
    assert agreed.ok
    checked, of = (int(n.replace(",", "")) for n in (agreed.how.split()[0], agreed.how.split()[2]))
    assert (checked < of, of) == (True, 5 * 300 * 400)
    assert "corners and edges" in agreed.how
    for n, y, x in product((0, 4), (0, 150, 299), (0, 200, 399)):
        out = step.out.copy()
        out[0, n, y, x] += 0.01
        assert not check_values([replace(step, out=out)])[0].ok
    for change in ("shifted", "mirrored", "filters exchanged", "a permille too large"):
        assert not values_after([step], 0, CHANGES[change]).ok


def test_values_of_a_small_array_are_all_checked() -> None:
    found = ran("standard", {}, np.ones((1, 1, 200, 200)), [np.ones((1, 1, 3, 3))])
    assert found.checks[-1].how.startswith("39,204 of 39,204 outputs")


def test_sampled_channels_are_not_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "SUMMED_PRODUCTS", 1 << 13)
    monkeypatch.setattr(checks, "PRODUCTS_AT_ONCE", 64)
    for type, options in (
        ("standard", {"filters": 64, "groups": 2}), ("depthwise", {"multiplier": 3}), ("transposed", {"filters": 64}),
    ):  # fmt: skip
        report = analyze(type, input=(16, 30, 20), kernel=3, **options)
        [step] = executed(report)
        seen = [filters for _, filters in checks._sample(step)]
        assert len(seen[0]) < report.output[0]
        assert len(set(np.concatenate(seen))) > 3 * report.output[0] // 4
        assert check_values([step])[0].ok


# Wrong engines


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., list[str]]:
    """Files of an input and a kernel, and options, of a layer that tells mistakes apart."""

    def save(*options: str, x: tuple[int, ...] = (3, 12, 13), kernel: tuple[int, ...] = (4, 3, 2, 3)) -> list[str]:
        rng = np.random.default_rng(0)
        np.save(tmp_path / "x.npy", rng.standard_normal(x).astype(np.float32))
        np.save(tmp_path / "k.npy", rng.standard_normal(kernel).astype(np.float32))
        return ["run", str(tmp_path / "x.npy"), str(tmp_path / "k.npy"), *options]

    return save


def json_of(arguments: list[str]) -> tuple[int, dict[str, Any]]:
    from contextlib import redirect_stdout
    from io import StringIO

    with redirect_stdout(StringIO()) as stdout:
        code = exit_code([*arguments, "--json"])
    found = json.loads(stdout.getvalue())
    assert isinstance(found, dict)
    return code, found


OPTIONS = ("-p", "3:1x0:2", "-d", "2x3", "-s", "1x2")


def flipped(array: np.ndarray) -> np.ndarray:
    """Backwards along every spatial axis."""
    return np.flip(array, tuple(range(2, array.ndim)))


def undilated(window: Window) -> Window:
    return window._replace(dilation=1, after=window.after - (window.extent - window.kernel))


FAULTS: dict[str, tuple[Callable[..., Any], set[str]]] = {
    "ignores dilation": (
        lambda x, w, b, windows, *rest, **more: engine.correlate(
            x, w, b, tuple(map(undilated, windows)), *rest, **more
        ),
        {"receptive_field", "values"},
    ),
    "flips the kernel": (
        lambda x, w, *rest, **more: engine.correlate(x, flipped(w), *rest, **more),
        {"values"},
    ),
    "exchanges the sides of the padding": (
        lambda x, w, b, windows, *rest, **more: engine.correlate(
            x, w, b, tuple(v._replace(before=v.after, after=v.before) for v in windows), *rest, **more
        ),
        {"receptive_field", "values"},
    ),
    "ignores padding": (
        lambda x, w, b, windows, *rest, **more: engine.correlate(
            x, w, b, tuple(v._replace(before=0, after=0) for v in windows), *rest, **more
        ),
        {"output_shape", "multiplications", "receptive_field", "values"},
    ),
    "ignores stride": (
        lambda x, w, b, windows, *rest, **more: engine.correlate(
            x, w, b, tuple(v._replace(stride=1) for v in windows), *rest, **more
        ),
        {"output_shape", "multiplications", "receptive_field", "values"},
    ),
    "exchanges the axes": (
        lambda x, w, b, windows, *rest, **more: engine.correlate(x, w, b, windows[::-1], *rest, **more),
        {"output_shape", "multiplications", "values"},
    ),
    "exchanges channels": (
        lambda x, *rest, **more: engine.correlate(np.ascontiguousarray(x[:, ::-1]), *rest, **more),
        {"values"},
    ),
    "counts nothing": (
        lambda *rest, **more: engine.correlate(*rest, **more | {"counter": None}),
        {"multiplications"},
    ),
    "skips what is zero": (
        lambda x, *rest, **more: engine.correlate(np.where(np.isnan(x), np.float32(0), x), *rest, **more),
        {"receptive_field"},
    ),
    "loses the last tap": (
        lambda x, w, *rest, **more: engine.correlate(
            x, np.concatenate([w[..., :-1], 0 * w[..., -1:]], -1), *rest, **more
        ),
        {"values"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_engine_is_exit_1(
    fault: str, saved: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = json_of(saved(*OPTIONS))
    assert (code, found["ok"]) == (0, True)
    faulty, noticing = FAULTS[fault]
    monkeypatch.setattr("convcalc.engine.primitive.correlate", faulty)
    code, found = json_of(saved(*OPTIONS))
    assert code == 1
    assert found["ok"] is False
    assert {check["name"] for check in found["checks"] if not check["ok"]} == noticing
    capsys.readouterr()
    assert exit_code(saved(*OPTIONS)) == 1
    printed = capsys.readouterr()
    assert "DISAGREES" in printed.out + printed.err
    assert all(name in printed.out for name in noticing)


TRANSPOSED_FAULTS: dict[str, tuple[Callable[..., Any], set[str]]] = {
    "exchanges the sides of the crop": (
        lambda x, w, b, windows, *rest, **more: transposed.transposed_correlate(
            x, w, b, tuple(v._replace(before=v.after, after=v.before) for v in windows), *rest, **more
        ),
        {"receptive_field", "values"},
    ),
    "flips the kernel": (
        lambda x, w, *rest, **more: transposed.transposed_correlate(x, flipped(w), *rest, **more),
        {"values"},
    ),
    "lengthens at the beginning": (
        lambda x, w, b, windows, longer, *rest, **more: transposed.transposed_correlate(
            flipped(x), flipped(w), b, windows, longer, *rest, **more
        )[(..., *(slice(None, None, -1) for _ in longer))],
        {"receptive_field", "values"},
    ),
    "spreads NaN over everything": (
        lambda *rest, **more: (lambda out: out + 0 * out.sum())(transposed.transposed_correlate(*rest, **more)),
        {"receptive_field"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", TRANSPOSED_FAULTS)
def test_faulty_transposed_engine_is_exit_1(
    fault: str, saved: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = saved(
        "-t",
        "t",
        "-p",
        "2:0x1:2",
        "-d",
        "2x1",
        "-s",
        "2x3",
        "--output-padding",
        "1x2",
        x=(3, 5, 4),
        kernel=(3, 2, 2, 3),
    )
    assert json_of(arguments)[0] == 0
    faulty, noticing = TRANSPOSED_FAULTS[fault]
    monkeypatch.setattr("convcalc.engine.primitive.transposed_correlate", faulty)
    code, found = json_of(arguments)
    assert code == 1
    assert {check["name"] for check in found["checks"] if not check["ok"]} == noticing


def test_factoring_that_is_wrong_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two factors that agree with their own steps but not with the kernel they come from."""
    from convcalc.proof import factor

    for kernel in (np.outer([1, 2, 3], [1, 0, -1]), np.outer([1, 2, 3], [1, 0, -1.5])):
        np.save(tmp_path / "x.npy", np.arange(49.0 if kernel.dtype.kind == "f" else 49).reshape(7, 7) ** 2 % 13)
        np.save(tmp_path / "k.npy", kernel)
        arguments = ["run", str(tmp_path / "x.npy"), str(tmp_path / "k.npy"), "-t", "spatial"]
        assert json_of(arguments)[0] == 0

        def swapped(*given: Any) -> factor.Factors:
            found = factor.factored(*given)
            column, row = found.kernels
            return replace(found, kernels=(row.swapaxes(2, 3), column.swapaxes(2, 3)))

        with monkeypatch.context() as patched:
            patched.setattr("convcalc.proof.run.factored", swapped)
            code, found = json_of(arguments)
        assert code == 1
        assert [check["name"] for check in found["checks"] if not check["ok"]] == ["values"]


# Right runs

DTYPES = ("float32", "float16", "float64", "complex64", "complex128", "int8", "uint8", "bool", "int64")


@pytest.mark.parametrize("seed", range(len(DTYPES)))
def test_random_layers_pass(seed: int) -> None:
    """Layers of every type; the measured receptive field is also that of sets of positions followed forwards."""
    rng = np.random.default_rng(seed)
    for number, (type, options, report) in enumerate(random_layers(100 + seed, 6)):
        dtype = DTYPES[seed]
        x = filled(rng, (report.batch, *report.input), dtype)
        kernels = [filled(rng, shape, dtype) for shape in kernel_shapes(report)]
        weighted = [stage for stage in report.stages if not isinstance(stage.step.stage, ShuffleChannels)]
        biases = [filled(rng, (stage.output[0],), dtype) for stage in weighted] if options["bias"] else []
        if np.dtype(dtype).kind == "f":
            x.flat[rng.integers(x.size)] = (NAN, INF, -INF, 0)[number % 4]
            kernels[0].flat[rng.integers(kernels[0].size)] = (0, 0, 1, NAN, INF)[number % 5]
        found = ran(type, options, x, kernels, *biases)
        assert failed(found) == [], (type, options)
        if number % 6 == 0:
            stages = report.to_dict()["stages"]
            expected = [field(stages, axis) for axis in range(len(report.input) - 1)]
            measured = found.checks[3].measured
            assert measured["size"] == [axis.size for axis in expected]
            assert [Fraction(jump).limit_denominator(99) for jump in measured["jump"]] == [a.jump for a in expected]
            assert measured["start"] == [axis.start for axis in expected]
            assert measured["coverage"] == [axis.coverage for axis in expected]


SPECIAL: dict[str, tuple[str, tuple[int, ...], list[tuple[int, ...]], dict[str, Any]]] = {
    "gaps between the outputs of inputs": ("transposed", (1, 2, 7), [(2, 3, 2)], {"stride": 5}),
    "one tap, spread": ("transposed", (1, 2, 7), [(2, 3, 1)], {"stride": 3, "output_padding": 2}),
    "common divisor of stride and dilation": ("transposed", (1, 1, 9), [(1, 1, 3)], {"stride": 2, "dilation": 4}),
    "coprime stride and dilation": ("transposed", (1, 1, 9), [(1, 1, 4)], {"stride": 4, "dilation": 3}),
    "crop larger than the kernel": ("transposed", (1, 1, 40), [(1, 1, 3)], {"stride": 2, "padding": "31:29"}),
    "crop at the end alone": ("transposed", (1, 1, 400), [(1, 1, 3)], {"stride": 2, "padding": "0:500"}),
    "transposed words": ("transposed", (1, 1, 7, 6), [(1, 1, 2, 5)], {"stride": (3, 2), "padding": "same"}),
    "transposed, lower": ("transposed", (1, 1, 7, 6), [(1, 1, 4, 2)], {"stride": (1, 5), "padding": "same-lower"}),
    "padding larger than the kernel": ("standard", (1, 2, 3), [(2, 2, 3)], {"padding": "50:0"}),
    "padding after, larger than the kernel": ("standard", (1, 2, 3), [(2, 2, 3)], {"padding": "0:50", "stride": 7}),
    "kernel longer than the input": ("standard", (1, 1, 3), [(1, 1, 40)], {"padding": "full"}),
    "pixels never read": ("standard", (1, 1, 14, 13), [(2, 1, 1, 2)], {"stride": (3, 5)}),
    "holes": ("standard", (1, 1, 60), [(1, 1, 3)], {"dilation": 20, "stride": 3}),
    "even kernels, same": ("standard", (1, 1, 9, 8), [(1, 1, 4, 2)], {"padding": "same", "stride": (2, 1)}),
    "even kernels, same-lower": ("standard", (1, 1, 9, 8), [(1, 1, 4, 2)], {"padding": "same-lower"}),
    "causal": ("standard", (1, 2, 9), [(2, 2, 3)], {"padding": "causal", "dilation": 4}),
    "reflect": ("standard", (1, 2, 5, 4), [(2, 2, 3, 3)], {"padding": "4:1x3:0", "padding_mode": "reflect"}),
    "circular": ("standard", (1, 2, 5, 4), [(2, 2, 3, 3)], {"padding": "5:1x4:0", "padding_mode": "circular"}),
    "replicate": ("standard", (1, 2, 5, 4), [(2, 2, 3, 3)], {"padding": "9:1x7:0", "padding_mode": "replicate"}),
    "one pixel": ("standard", (1, 1, 1, 1), [(1, 1, 1, 1)], {}),
    "stride of a whole image": ("standard", (1, 1, 5), [(1, 1, 2)], {"stride": 100_000}),
    "dilation of a whole signal": ("standard", (1, 1, 30_000), [(1, 1, 3)], {"dilation": 14_000}),
    "long kernel": ("standard", (1, 1, 900), [(1, 1, 400)], {"dilation": 2}),
    "upsampling by a hundred": ("transposed", (1, 1, 9), [(1, 1, 2)], {"stride": 100, "padding": "3:7"}),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECIAL)
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_special_layers_pass(name: str, dtype: str) -> None:
    type, x, kernels, options = SPECIAL[name]
    rng = np.random.default_rng(0)
    found = ran(type, options, filled(rng, x, dtype), [filled(rng, shape, dtype) for shape in kernels])
    assert failed(found) == []


@pytest.mark.parametrize(
    ("x", "w"),
    [("float16", "float32"), ("uint8", "float16"), ("int64", "float32"), ("float32", "complex128"), ("bool", "uint8"),
     ("uint64", "int8"), (">f4", "<f8"), ("complex64", "int32")],
)  # fmt: skip
def test_mixed_dtypes_pass(x: str, w: str) -> None:
    rng = np.random.default_rng(0)
    for type, kernel in (("standard", (4, 3, 3, 2)), ("transposed", (3, 4, 3, 2))):
        found = ran(type, {"padding": 1}, filled(rng, (2, 3, 7, 8), x), [filled(rng, kernel, w)], filled(rng, (4,), w))
        assert failed(found) == []


def test_integers_beyond_float_are_compared_exactly() -> None:
    big = 2**61 + 1
    found = ran("standard", {}, np.full((1, 1, 3), big), [np.ones((1, 1, 2), int)], np.array([2**60 + 1], np.uint64))
    assert failed(found) == []
    assert (found.out == 2 * big + 2**60 + 1).all()
    [step] = executed(analyze(input=(1, 3), kernel=2, filters=1, bias=True), "int64")
    alone = replace(
        step, x=np.full((1, 1, 3), big), weight=np.ones((1, 1, 2), int), bias=np.array([2**60 + 1], np.uint64),
        out=found.out,
    )  # fmt: skip
    assert check_values([alone])[0].ok
    assert not check_values([replace(alone, out=found.out + 1)])[0].ok


@pytest.mark.parametrize("x", ["float16", "float32", "float64", "complex64"])
@pytest.mark.parametrize("w", ["float16", "float32", "float64", "int64"])
def test_factored_kernels_pass(x: str, w: str) -> None:
    rng = np.random.default_rng(0)
    image, impulse = filled(rng, (1, 1, 9, 11), x), np.zeros((1, 1, 9, 11), x)
    impulse[0, 0, 4, 5] = 1
    slope = np.exp(-(np.linspace(-3, 3, 5) ** 2))
    kernels = [np.outer(slope, slope), np.outer([1, 0, 2, 1], [3, -1, 0])]
    for data, kernel in product((image, impulse), kernels):
        taps = (kernel if w != "int64" else np.rint(9 * slope[:, None]) * [[1, 2, 0]]).astype(w)
        found = ran("spatially-separable", {"padding": "full"}, data, [taps[None, None]])
        assert failed(found) == []


# Receptive fields too long to probe input by input


@pytest.mark.parametrize("margin", [checks.MARGIN_PRODUCTS, 1])
def test_probing_some_inputs_of_many(margin: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "PROBED_PRODUCTS", 1 << 10)
    monkeypatch.setattr(checks, "MARGIN_PRODUCTS", margin)
    for report in (
        LAYER,
        CHAIN,
        TRANSPOSED,
        analyze(input=(1, 99), kernel=5, filters=1, dilation=9, padding=7, stride=2),
    ):
        steps = executed(report)
        wrong = []
        for part, delta in product(("size", "jump", "start", "coverage"), (-1, 1)):
            first, *others = report.receptive_field
            moved = replace(first, **{part: getattr(first, part) + delta})
            wrong.append(with_last(report, receptive_field=(moved, *others)))
        assert_notices(lambda told, steps=steps: check_receptive_field(told, steps), report, *wrong)  # type: ignore[misc]


def test_signal_too_long_to_probe_is_refused() -> None:
    with pytest.raises(ConvcalcError, match=r"^stride: .*3000000003 pixels; run it without checks"):
        ran("standard", {"stride": 10**9}, np.ones((1, 1, 5)), [np.ones((1, 1, 2))])


# The direct sums themselves


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_direct_sums_by_numpy(mode: str) -> None:
    rng = np.random.default_rng(0)
    x, w, bias = rng.integers(-9, 10, (2, 4, 6, 7)), rng.integers(-9, 10, (6, 2, 2, 3)), rng.integers(-9, 10, 6)
    stage = Correlate(4, 6, (2, 3), (2, 1), ((1, 3), (2, 0)), (3, 2), 2, bias=True)
    how = {"zeros": "constant", "replicate": "edge", "circular": "wrap"}.get(mode, mode)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 3), (2, 0)), how)
    for group in (0, 1):
        filters = np.array([3 * group, 3 * group + 2])
        positions = np.array(list(np.ndindex(2, 4, 5)))
        sums = direct_sums(stage, x, w, bias, positions, filters, WIDE[np.dtype(np.int64)], mode)
        for (batch, row, column), values in zip(positions, sums.values, strict=True):
            under = padded[batch, 2 * group : 2 * group + 2, 2 * row : 2 * row + 4 : 3, column : column + 5 : 2]
            np.testing.assert_array_equal(values, [(under * w[n]).sum() + bias[n] for n in filters])
        assert (sums.terms == 2 * 2 * 3 + 1).all()


def test_direct_sums_of_the_transposed_by_spreading() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 10, (1, 4, 3)), rng.integers(-9, 10, (4, 3, 4))
    stage = TransposedCorrelate(4, 6, (4,), (3,), ((2, 1),), (2,), 2, (1,))
    full, met = np.zeros((6, 14), int), np.zeros(14, int)
    for c, i, n, tap in np.ndindex(4, 3, 3, 4):
        full[n + 3 * (c // 2), 3 * i + 2 * tap] += x[0, c, i] * w[c, n, tap]
    for i, tap in np.ndindex(3, 4):
        met[3 * i + 2 * tap] += 2
    positions = np.array([[0, at] for at in range(11)])
    for group in (0, 1):
        filters = 3 * group + np.arange(3)
        sums = direct_sums(stage, x, w, None, positions, filters, np.dtype(np.int64))
        np.testing.assert_array_equal(sums.values, full[filters, 2:13].T)
        np.testing.assert_array_equal(sums.terms[:, 0], met[2:13] + 1)


def test_direct_sums_leave_out_what_no_tap_meets() -> None:
    stage = TransposedCorrelate(1, 1, (2,), (2,), ((0, 0),), (1,), 1, (0,))
    x, w = np.ones((1, 1, 2)), np.array([[[1, NAN]]])
    sums = direct_sums(
        stage, x, w, None, np.array([[0, at] for at in range(4)]), np.array([0]), np.dtype(np.longdouble)
    )
    np.testing.assert_array_equal(sums.values[:, 0], [1, NAN, 1, NAN])
    np.testing.assert_array_equal(sums.magnitudes[:, 0], [1, 0, 1, 0])


def test_step_is_what_the_checks_read() -> None:
    """Executed steps carry the padding as numbers, whatever word asked for them."""
    [step] = executed(analyze(input=(1, 7), kernel=2, filters=1, padding="same", stride=2))
    assert isinstance(step.step, Step)
    assert isinstance(step.step.stage, Correlate)
    assert step.step.stage.padding == ((0, 1),)
