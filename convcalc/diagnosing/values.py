"""Mistakes in the values: bias, activation, scale."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import prod

import numpy as np

from convcalc.diagnosing.reading import Reading, axis_words, named, of_stage
from convcalc.diagnosing.setup import Finish, Setup, Stage, by_filter, stage_shape
from convcalc.engine.ops.activations import elementwise

ACTIVATIONS: tuple[tuple[str, dict[str, float], str], ...] = (
    ("relu", {}, "ReLU"), ("relu6", {}, "ReLU6"), ("leaky_relu", {"alpha": 0.01}, "leaky ReLU of slope 0.01"),
    ("leaky_relu", {"alpha": 0.1}, "leaky ReLU of slope 0.1"),
    ("leaky_relu", {"alpha": 0.2}, "leaky ReLU of slope 0.2"),
    ("leaky_relu", {"alpha": 0.3}, "leaky ReLU of slope 0.3"), ("silu", {}, "SiLU"), ("gelu", {}, "GELU"),
    ("gelu_tanh", {}, "GELU by tanh"), ("sigmoid", {}, "sigmoid"), ("tanh", {}, "tanh"), ("elu", {}, "ELU"),
    ("selu", {}, "SELU"), ("softplus", {}, "softplus"), ("mish", {}, "Mish"), ("hard_swish", {}, "hard swish"),
    ("hard_sigmoid", {}, "hard sigmoid"), ("hard_tanh", {}, "hard tanh"), ("abs", {}, "the absolute value"),
    ("square", {}, "the square"), ("softsign", {}, "softsign"), ("exp", {}, "exp"),
)  # fmt: skip


WHOLE = {"relu", "relu6", "abs", "square", "hard_tanh"}
"""Activations that give whole numbers for whole numbers; the others are not tried where all are whole."""


def value_readings(setup: Setup, whole: bool) -> Iterator[Reading]:
    """Bias and activation of every stage, scale of the output. `whole`: input, kernels and y are whole numbers."""
    for number, stage in enumerate(setup.stages):
        yield from _bias(setup, number, stage)
    if not np.iscomplexobj(setup.x) and not np.iscomplexobj(setup.stages[-1].weight):
        yield from _activations(setup, whole)
    yield from _scales(setup)


def finished(id: str, text: str, finish: Finish, family: str, fix: str = "") -> Reading:
    """A reading that is a function of every output alone."""

    def change(setup: Setup) -> Setup:
        last = setup.stages[-1]
        return setup._replace(stages=(*setup.stages[:-1], last._replace(after=(*last.after, finish))))

    return Reading(id, text, fix, change, family, finish)


def _bias(setup: Setup, number: int, stage: Stage) -> Iterator[Reading]:
    if stage.bias is None or not stage.bias.any():
        return
    last = number == len(setup.stages) - 1
    for id, text, times, fix in (
        ("bias-missing", "the bias is missing", 0, "leave --bias out"),
        ("bias-twice", "the bias is added twice", 2, "b = 2 * b"),
        ("bias-subtracted", "the bias is subtracted", -1, "b = -b"),
    ):

        def change(stage: Stage, times: int = times) -> Stage | None:
            if stage.bias is None:
                return None
            return stage._replace(bias=None if not times else times * stage.bias)

        own = fix if len(setup.stages) == 1 else ""
        yield Reading(*named(setup, number, id, text), own, of_stage(number, change), "bias")
    back = "b = b[::-1]" if len(setup.stages) == 1 else ""
    yield Reading(
        *named(setup, number, "bias-reversed", "the bias is in reverse order"), back,
        of_stage(number, lambda s: s._replace(bias=None if s.bias is None else s.bias[::-1])), "bias",
    )  # fmt: skip
    for axis in range(setup.dims) if last else ():

        def along(stage: Stage, axis: int = axis) -> Stage | None:
            bias = stage.bias
            if bias is None:
                return None

            def finish(values: np.ndarray, positions: np.ndarray, bias: np.ndarray = bias) -> np.ndarray:
                added = bias[np.minimum(positions[:, 1 + axis], len(bias) - 1)]
                total: np.ndarray = values + added[:, np.newaxis]
                return total

            return stage._replace(bias=None, after=(finish, *stage.after))

        if stage_shape(stage)[axis] == len(stage.bias):
            where = axis_words(setup.dims, [axis])
            text = f"the bias is added along the {where}, not the channels"
            id, text = named(setup, number, f"bias-along-{where}", text)
            yield Reading(id, text, "", of_stage(number, along), "bias")


def _activations(setup: Setup, whole: bool) -> Iterator[Reading]:
    for kind, settings, words in ACTIVATIONS:
        if whole and kind not in WHOLE:
            continue

        def finish(
            values: np.ndarray, _: np.ndarray, kind: str = kind, settings: dict[str, float] = settings
        ) -> np.ndarray:
            with np.errstate(all="ignore"):
                return elementwise(kind, values.astype(np.float64), settings)

        name = "-".join([kind.replace("_", "-"), *(f"{value:g}" for value in settings.values())])
        text, fix = f"{words} is applied to the output", "take y before its activation"
        yield finished(f"activation-{name}", text, finish, "activation", fix)
    for number, stage in enumerate(setup.stages[:-1]):

        def relu(stage: Stage) -> Stage:
            return stage._replace(after=(*stage.after, lambda values, _: np.maximum(values, 0)))

        yield Reading(
            f"{stage.name}/activation-relu",
            f"ReLU is applied after the {stage.name} stage",
            "",
            of_stage(number, relu),
            "activation",
        )


def _scales(setup: Setup) -> Iterator[Reading]:
    inner = [prod(by_filter(stage).shape[2:]) for stage in setup.stages]
    taps = [prod(stage.kernel) for stage in setup.stages]
    found: dict[float, tuple[str, str]] = {}
    for id, text, factor in (
        ("negated", "the output is negated", -1.0),
        ("mean", f"the output is the mean of its {prod(inner)} products instead of their sum", 1 / prod(inner)),
        ("mean-taps", f"the output is divided by the {prod(taps)} taps of the kernel", 1 / prod(taps)),
        ("mean-channels", "the output is divided by the channels", 1 / (prod(inner) / prod(taps))),
        ("scale-1/255", "the input or output is divided by 255", 1 / 255),
        ("scale-255", "the input or output is not divided by 255", 255.0),
        ("scale-2", "the output is doubled", 2.0),
        ("scale-1/2", "the output is halved", 0.5),
    ):
        if factor != 1 and factor not in found:
            found[factor] = id, text
    for factor, (id, text) in found.items():
        yield finished(id, text, partial(_times, factor), "scale", f"y = y / {factor!r}")


def _times(factor: float, values: np.ndarray, _: np.ndarray) -> np.ndarray:
    return values * factor
