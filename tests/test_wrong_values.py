"""Values of every wrong kind for every option of every public function: one line of the package's own, nothing else."""

from __future__ import annotations

import datetime
import inspect
import warnings
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
import pytest

from convcalc import ConvcalcError, analyze, conv, conv_transpose, network
from convcalc.recipes import RECIPES


class Sparse:
    """Like SciPy's sparse arrays: it has a shape, but no length and no truth."""

    shape, ndim, dtype = (1, 2), 2, np.dtype("f4")

    def __len__(self) -> int:
        raise TypeError("sparse array length is ambiguous")

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array with more than one element is ambiguous")


class Hostile:
    """An object of another library that cannot be shown, compared or made an array."""

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        raise RuntimeError("cannot be shown")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("cannot be compared")

    def __index__(self) -> int:
        raise RuntimeError("cannot be counted")

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad")


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # NumPy advises against its matrix
    MATRIX = np.matrix([[1, 2], [3, 4]])
ITSELF: list[Any] = []
ITSELF.append(ITSELF)
WRONG: dict[str, Any] = {
    "array": np.array([1.5, 2.5, 3.5]),
    "array in rows": np.full((9, 9), 0.5),
    "empty array": np.array([]),
    "array of text": np.array(["zeros", "reflect"]),
    "array of objects": np.array([None, {}], dtype=object),
    "records": np.zeros(2, [("a", "i4")]),
    "date of NumPy": np.datetime64("2026-01-01"),
    "masked array": np.ma.masked_array([1, 2], [False, True]),
    "masked value": np.ma.masked,
    "matrix": MATRIX,
    "sparse": Sparse(),
    "hostile": Hostile(),
    "text": "hello",
    "no text": "",
    "broken text": "\udc80\0\n",
    "bytes": b"zeros",
    "list": [],
    "list of lists": [[1, [2]]],
    "list of unequal lists": [[1, 2], [3]],
    "list with None": [None],
    "list in itself": ITSELF,
    "deep list": reduce(lambda inner, _: [inner], range(5000), []),  # type: ignore[arg-type, return-value]
    "dictionary": {"a": 1},
    "set": {1, 2},
    "class": int,
    "function": len,
    "object": object(),
    "date": datetime.date(2026, 1, 1),
    "fraction": Fraction(1, 3),
    "decimal": Decimal("1.5"),
    "NaN": float("nan"),
    "complex": 1j,
    "negative": -1,
    "endless": 10**200,
}
X, KERNEL = np.ones((1, 2, 5, 5)), np.ones((2, 2, 3, 3))
CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "conv": (conv, {"x": X, "w": KERNEL}),
    "conv_transpose": (conv_transpose, {"x": X, "w": KERNEL}),
    **{f"analyze {recipe.name}": (analyze, {"type": recipe.name, "input": (4, 9, 9)}) for recipe in RECIPES},
    "network by name": (network, {"model": "lenet5"}),
    "network of words": (network, {"model": ["k3", "max:k2"], "input": (3, 20, 20)}),
}
OPTIONS = [(call, option) for call, (function, _) in CALLS.items() for option in inspect.signature(function).parameters]


def outcome(call: str, option: str, value: Any) -> str:
    """The message of the error; "" if the value was accepted. Any other exception and any warning is a failure."""
    function, fitting = CALLS[call]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            function(**{**fitting, option: value})
        except ConvcalcError as error:
            return str(error)
    return ""


@pytest.mark.parametrize(("call", "option"), OPTIONS)
def test_wrong_values_are_refused_in_one_line(call: str, option: str) -> None:
    accepted = set()
    for kind, value in WRONG.items():
        message = outcome(call, option, value)
        assert "\n" not in message, (kind, message)
        if not message:
            accepted.add(kind)
    matrices = {"matrix"} if option == "padding" else set()  # is ((1, 2), (3, 4))
    assert accepted <= matrices, accepted


@pytest.mark.parametrize("function", [conv, conv_transpose])
def test_masked_values_are_not_taken_for_values(function: Callable[..., np.ndarray]) -> None:
    whole = {"x": np.arange(9.0).reshape(1, 9), "w": np.ones((1, 1, 3)), "bias": np.ones(1)}
    want = function(**whole)
    for name in whole:
        array = np.ma.masked_array(whole[name])
        np.testing.assert_array_equal(function(**{**whole, name: array}), want)  # nothing is masked
        array = np.ma.masked_array(whole[name], np.arange(whole[name].size).reshape(whole[name].shape) == 0)
        with pytest.raises(ConvcalcError, match=r"masked ones; fill them, as with \.filled\(0\)$"):
            function(**{**whole, name: array})
        function(**{**whole, name: array.filled(0)})


@pytest.mark.parametrize("option", ["padding_mode", "algorithm"])
def test_an_array_for_a_word_is_refused(option: str) -> None:
    with pytest.raises(ConvcalcError, match=r"must be one of .*, got array\(\[0, 1\]\)"):
        conv(X, KERNEL, **{option: np.arange(2)})
