"""Engines at fault, one mistake each: the run disagrees in the numbers that the mistake changes, and in no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcalc.axis.window import Window
from convcalc.cli import exit_code
from convcalc.engine import correlate as engine
from convcalc.engine import transposed
from convcalc.proof import factor
from convcalc.proof.forms import Named
from convcalc.proof.run import Run, RunOptions, run
from tests.proof.running import disagreeing

FORWARD, TRANSPOSED = (
    "convcalc.engine.ops.convolution.correlate",
    "convcalc.engine.ops.convolution.transposed_correlate",
)
PAIR = RunOptions(padding="3:1x0:2", dilation="2x3", stride="1x2")
SPREAD = RunOptions("transposed", padding="2:0x1:2", dilation="2x1", stride="2x3", output_padding="1x2")


def result(options: RunOptions, x: tuple[int, ...] = (3, 12, 13), kernel: tuple[int, ...] = (4, 3, 2, 3)) -> Run:
    """A run that tells mistakes apart."""
    rng = np.random.default_rng(0)
    data, taps = (rng.standard_normal(shape).astype(np.float32) for shape in (x, kernel))
    return run(Named("x", data), [Named("k", taps)], [], options)


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
def test_faulty_engine(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert disagreeing(result(PAIR)) == []
    faulty, noticing = FAULTS[fault]
    monkeypatch.setattr(FORWARD, faulty)
    found = result(PAIR)
    assert not found.ok
    assert {*disagreeing(found)} == noticing


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
def test_faulty_transposed_engine(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = (3, 5, 4), (3, 2, 2, 3)
    assert disagreeing(result(SPREAD, *shapes)) == []
    faulty, noticing = TRANSPOSED_FAULTS[fault]
    monkeypatch.setattr(TRANSPOSED, faulty)
    assert {*disagreeing(result(SPREAD, *shapes))} == noticing


@pytest.mark.parametrize("fault", ["ignores stride", "flips the kernel"])
def test_what_disagrees_is_printed_and_exit_1(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for name, shape in (("x", (3, 12, 13)), ("k", (4, 3, 2, 3))):
        np.save(tmp_path / f"{name}.npy", rng.standard_normal(shape).astype(np.float32))
    arguments = ["run", str(tmp_path / "x.npy"), str(tmp_path / "k.npy"), "-p", "3:1x0:2", "-d", "2x3", "-s", "1x2"]
    assert exit_code(arguments) == 0
    faulty, noticing = FAULTS[fault]
    monkeypatch.setattr(FORWARD, faulty)
    capsys.readouterr()
    assert exit_code(arguments) == 1
    printed = capsys.readouterr()
    assert "DISAGREES" in printed.out + printed.err
    assert all(name in printed.out for name in noticing)
    assert exit_code([*arguments, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert {check["name"] for check in found["checks"] if not check["ok"]} == noticing


@pytest.mark.parametrize("kernel", [np.outer([1, 2, 3], [1, 0, -1]), np.outer([1, 2, 3], [1, 0, -1.5])])
def test_factoring_that_is_wrong_is_noticed(kernel: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two factors that agree with their own stages but not with the kernel they come from."""
    x = Named("x", np.arange(49).reshape(7, 7).astype(kernel.dtype) ** 2 % 13)
    arguments = x, [Named("k", kernel)], [], RunOptions("spatially-separable")
    assert disagreeing(run(*arguments)) == []

    def swapped(*given: Any) -> factor.Factors:
        found = factor.factored(*given)
        column, row = found.kernels
        return replace(found, kernels=(row.swapaxes(2, 3), column.swapaxes(2, 3)))

    monkeypatch.setattr("convcalc.proof.planned.factored", swapped)
    assert disagreeing(run(*arguments)) == ["values"]
