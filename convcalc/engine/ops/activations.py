"""Functions of every element, and of two arrays element by element. NaN stays NaN in all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial, reduce
from math import erf as erf_of_one
from math import pi, sqrt
from typing import Any, TypeAlias

import numpy as np

Settings: TypeAlias = Mapping[str, float]

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
"""Source: Klambauer et al. 2017, equation 14."""
ERF_STEP, ERF_END = 1 / 64, 6.0
"""Distance of the points that erf is expanded around, and from where on it is 1 in float64."""


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, to 1e-14: Taylor's series to the fifth order around the nearest of some known points.

    >>> erf(np.array([0.0, 0.5, -7.0])).round(12).tolist()
    [0.0, 0.520499877813, -1.0]
    """
    wide = np.clip(x.astype(np.float64, copy=False), -ERF_END, ERF_END)
    nearest = np.round(np.nan_to_num(wide) / ERF_STEP)
    at, d = nearest * ERF_STEP, wide - nearest * ERF_STEP
    slope = 2 / sqrt(pi) * np.exp(-at * at)
    # erf' = slope, and each further derivative is -2 * at * the one before - 2 * order * the one before that
    second, third = -2 * at, 4 * at**2 - 2
    fourth, fifth = -8 * at**3 + 12 * at, 16 * at**4 - 48 * at**2 + 12
    series = d * (1 + d * (second / 2 + d * (third / 6 + d * (fourth / 24 + d * fifth / 120))))
    known = _erf_table()[(nearest + ERF_END / ERF_STEP).astype(np.intp)]
    result: np.ndarray = (known + slope * series).astype(x.dtype if x.dtype.kind == "f" else np.float64)
    return result


@cache
def _erf_table() -> np.ndarray:
    points = round(ERF_END / ERF_STEP)
    return np.array([erf_of_one(i * ERF_STEP) for i in range(-points, points + 1)])


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow on either side."""
    result: np.ndarray = np.exp(-np.logaddexp(0, -x))
    return result


def _elu(x: np.ndarray, alpha: float, scale: float = 1.0) -> np.ndarray:
    result: np.ndarray = np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / scale))
    return result


def _gelu(x: np.ndarray) -> Any:
    return 0.5 * x * (1 + erf(x / np.asarray(sqrt(2), x.dtype)))


def _shrunk(x: np.ndarray, bias: float, limit: float) -> Any:
    shrunk = np.where(x < -limit, x + bias, np.where(x > limit, x - bias, 0))
    return np.where(np.isnan(x), x, shrunk)


def _as_numpy(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, _: Settings) -> np.ndarray:
    return function(x)


TRIGONOMETRIC: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    "asinh": np.arcsinh,
}  # fmt: skip
ELEMENTWISE: dict[str, Callable[[np.ndarray, Settings], Any]] = {
    "identity": lambda x, _: x,
    "dropout": lambda x, _: x,  # at inference
    "float16": lambda x, _: x.astype(np.float16).astype(x.dtype),  # rounded as that type; runs keep their own
    "float32": lambda x, _: x,
    "float64": lambda x, _: x,
    "relu": lambda x, _: np.maximum(x, 0),
    "relu6": lambda x, _: np.clip(x, 0, 6),
    "leaky_relu": lambda x, s: np.where(x > 0, x, s.get("alpha", 0.01) * x),
    "elu": lambda x, s: _elu(x, s.get("alpha", 1.0)),
    "selu": lambda x, s: s.get("gamma", SELU_SCALE) * _elu(x, s.get("alpha", SELU_ALPHA)),
    "celu": lambda x, s: _elu(x, s.get("alpha", 1.0), s.get("alpha", 1.0)),
    "gelu": lambda x, _: _gelu(x),
    "gelu_tanh": lambda x, _: 0.5 * x * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))),
    "silu": lambda x, s: x * sigmoid(s.get("alpha", 1.0) * x),
    "mish": lambda x, _: x * np.tanh(np.logaddexp(0, x)),
    "sigmoid": lambda x, _: sigmoid(x),
    "tanh": lambda x, _: np.tanh(x),
    "softplus": lambda x, _: np.logaddexp(0, x),
    "softsign": lambda x, _: x / (1 + np.abs(x)),
    "hard_sigmoid": lambda x, s: np.clip(s.get("alpha", 1 / 6) * x + s.get("beta", 0.5), 0, 1),
    "hard_swish": lambda x, _: x * np.clip(x + 3, 0, 6) / 6,
    "hard_tanh": lambda x, _: np.clip(x, -1, 1),
    "log_sigmoid": lambda x, _: -np.logaddexp(0, -x),
    "thresholded_relu": lambda x, s: np.where(x <= s.get("alpha", 1.0), 0, x),
    "clip": lambda x, s: np.clip(x, s.get("min", -np.inf), s.get("max", np.inf)),
    "erf": lambda x, _: erf(x),
    "exp": lambda x, _: np.exp(x),
    "log": lambda x, _: np.log(x),
    "sqrt": lambda x, _: np.sqrt(x),
    "reciprocal": lambda x, _: 1 / x,
    "abs": lambda x, _: np.abs(x),
    "negative": lambda x, _: -x,
    "sign": lambda x, _: np.sign(x),
    "square": lambda x, _: x * x,
    "floor": lambda x, _: np.floor(x),
    "ceil": lambda x, _: np.ceil(x),
    "round": lambda x, _: np.rint(x),
    "shrink": lambda x, s: _shrunk(x, s.get("bias", 0.0), s.get("lambd", 0.5)),
    **{name: partial(_as_numpy, function) for name, function in TRIGONOMETRIC.items()},
}
"""By name, from the array and the settings."""


def elementwise(kind: str, x: np.ndarray, settings: Settings) -> np.ndarray:
    """The function of that name of every element, in x's dtype."""
    return np.asarray(ELEMENTWISE[kind](x, settings), x.dtype)


COMBINED: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "prelu": lambda x, slope: np.where(x > 0, x, slope * x),
}
"""Operations of two arrays, by name."""


def combines(kind: str) -> bool:
    """Whether there is an operation of that name to combine arrays with."""
    return kind in COMBINED or kind == "mean"


def combined(kind: str, arrays: list[np.ndarray]) -> np.ndarray:
    """The arrays combined one after the other, broadcast against each other, in the first one's dtype."""
    if kind == "mean":
        return np.asarray(reduce(np.add, arrays) / len(arrays), arrays[0].dtype)
    return np.asarray(reduce(COMBINED[kind], arrays), arrays[0].dtype)
