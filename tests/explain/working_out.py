"""What the names in formulas stand for in a layer: geometry from its JSON, counts from plain loops."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any

from convcalc import Report
from convcalc.explain.rows import Explanation
from tests import formula
from tests.reference import Stage, counts

AXES = {1: ["length"], 2: ["height", "width"], 3: ["depth", "height", "width"]}
WORDS = ("the sum over the stages", "input")
"""Formulas that are words rather than arithmetic; their numbers are checked all the same."""


def split(row: Explanation) -> tuple[str, list[str]]:
    """The quantity without its axes, and the axes: `size along height and width` is of two axes."""
    words = row.quantity.replace(",", "").split()
    axes = [word for word in words if word in AXES[3] or word in AXES[1]]
    return " ".join(word for word in words if word not in (*axes, "and", "along")), axes


def symbols_of(stage: Stage, options: dict[str, Any], dtype_bytes: int = 4) -> dict[str, Any]:
    """What the option names of a formula stand for, from the geometry and from plain loops."""
    bias, batch = options.get("bias", False), options.get("batch", 1)
    loop = counts(stage, bias=bias, batch=batch)
    return {
        "channels": stage["in_channels"], "multiplier": stage["out_channels"] // stage["in_channels"],
        "filters": stage["out_channels"], "in_channels": stage["in_channels"], "groups": stage["groups"],
        "bias": int(bias), "batch": batch, "kernel": stage["kernel"], "input": stage["input"][1:],
        "output": loop.output[1:], "shape": [batch, *loop.output], "taps_on_data": loop.taps_on_data,
        "outputs_reached": loop.outputs_reached, "effective": loop.effective, "weights": loop.weights,
        "biases": loop.biases, "parameters": loop.weights + loop.biases, "multiplications": loop.multiplications,
        "macs": loop.multiplications, "activations": stage["activations"], "bytes_per_element": dtype_bytes,
        "input_elements": batch * prod(stage["input"]),
    }  # fmt: skip


def symbols_along(stage: Stage, axis: int, symbols: dict[str, Any]) -> dict[str, Any]:
    return {
        **symbols,
        **{name: stage[name][axis] for name in ("kernel", "stride", "dilation", "output_padding")},
        "padding_begin": stage["padding"][axis][0],
        "padding_end": stage["padding"][axis][1],
        "total": sum(stage["padding"][axis]),
        "input": stage["input"][axis + 1],
        "output": stage["output"][axis + 1],
    }


def total_symbols(report: Report) -> dict[str, int]:
    """What the names stand for in the working-out of the whole layer."""
    stages = report.to_dict()["stages"]
    sums = {name: sum(stage[name] for stage in stages) for name in ("parameters", "activations")}
    return {**sums, "input_elements": report.batch * prod(stages[0]["input"]), "bytes_per_element": 4}


def same(value: Fraction, result: Any) -> bool:
    return value == result if isinstance(result, int) else float(value) == result


def assert_numbers(row: Explanation) -> None:
    """The numbers put in give the result; names in them would not evaluate."""
    assert row.result is not None
    if isinstance(row.result, str):
        assert (row.formula, row.numbers) == ("input", row.result)
    elif "..., " not in row.numbers:
        assert same(formula.value(row.numbers), row.result), row


def assert_text(row: Explanation, stage: Stage, symbols: dict[str, Any]) -> None:
    """The formula in option names gives the result, for every axis that the row names."""
    names = AXES[len(stage["kernel"])]
    _, axes = split(row)
    for axis in axes or [None]:
        known = symbols if axis is None else symbols_along(stage, names.index(axis), symbols)
        assert same(formula.value(row.formula, known), row.result), (row, axis)
