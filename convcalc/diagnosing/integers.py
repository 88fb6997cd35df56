"""Mistakes of integer arithmetic: wrap, saturation, signs read wrongly, shifts and how they round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from convcalc.diagnosing.reading import Reading, of_stage
from convcalc.diagnosing.setup import Finish, Setup, Stage
from convcalc.diagnosing.values import finished

Rounding = Callable[[np.ndarray], np.ndarray]

WIDTHS = (8, 16, 32)
ROUNDINGS: tuple[tuple[str, str, Rounding], ...] = (
    ("floor", "rounded down", np.floor),
    ("nearest", "rounded to the nearest, halves up", lambda v: np.floor(v + 0.5)),
    ("even", "rounded to the nearest, halves to even", np.rint),
    ("truncated", "rounded towards 0", np.trunc),
)
WIDER = "sum in int32 or wider: convert x and w before they are convolved"


def integer_readings(
    dtype: np.dtype, files: tuple[np.dtype, ...], largest: float, right: float | None = None
) -> Iterator[Reading]:
    """Readings for a y of this dtype; `files` are the dtypes of x and the kernels.

    `largest` is the largest |output|, y's among them, and `right` that of the right ones, `largest` unless it is given.
    """
    whole = all(kind.kind in "biu" for kind in files)
    if "c" in (dtype.kind, *(kind.kind for kind in files)):
        return
    for bits in WIDTHS:
        if largest < 1 << (bits - 1) or (bits == 32 and not whole):
            continue
        for signed in (True, False):
            low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
            name = f"{'' if signed else 'u'}int{bits}"
            if whole:
                text = f"the sums wrap around in {name}"
                yield finished(f"wrapped-{name}", text, partial(_wrap, low, bits), "integer", WIDER)
            text = f"the sums are cut off at {low} and {high} ({name})"
            yield finished(f"saturated-{name}", text, partial(_clip, low, high), "integer", WIDER)
    if not whole and dtype.kind in "biu":
        for id, text, rounding in ROUNDINGS:
            yield finished(f"rounded-{id}", f"the outputs are {text}", partial(_round, rounding), "integer")
    if whole:
        yield from _shifts(largest)
        for bits in (8, 16):
            if (largest if right is None else right) >= 1 << (bits - 1):
                continue  # they do not fit the signed integer that the fix reads again
            text, fix = f"negative outputs are read as uint{bits}", f"y = y.astype(np.int{bits})"
            yield finished(f"unsigned-{bits}", text, partial(_unsigned, bits), "integer", fix)
        yield from _signs(files)


def _shifts(largest: float) -> Iterator[Reading]:
    """Sums shifted right, with every rounding, and then cut off at 8 bits."""
    for bits in range(1, min(24, max(2, int(largest).bit_length()))):
        for id, words, rounding in ROUNDINGS:
            shift = partial(_shift, rounding, bits)
            text = f"the sums are shifted right by {bits} bit{'s' if bits > 1 else ''} and {words}"
            yield finished(f"shifted-{bits}-{id}", text, shift, "shift")
            for name, low, high in (("int8", -128, 127), ("uint8", 0, 255)):
                if name == "int8" and largest < high << bits:
                    continue
                cut = partial(_clip, low, high, before=shift)
                yield finished(f"shifted-{bits}-{id}-{name}", f"{text}, then cut off at {low} and {high}", cut, "shift")


def _signs(files: tuple[np.dtype, ...]) -> Iterator[Reading]:
    """Input or kernel read with the other sign, or off by the zero point."""
    for name, dtype in zip(("x", "w"), files, strict=False):
        if dtype.itemsize not in (1, 2) or dtype.kind not in "iu":
            continue
        bits, what = 8 * dtype.itemsize, "input" if name == "x" else "kernel"
        low = 0 if dtype.kind == "i" else -(1 << (bits - 1))
        other = f"{'u' if dtype.kind == 'i' else ''}int{bits}"
        yield Reading(
            f"{what}-as-{other}", f"the {what} is read as {other} instead of {dtype}",
            f"{name} = {name}.view(np.{other})", _of(name, partial(wrapped, low=low, bits=bits)), "sign",
        )  # fmt: skip
        zero = 1 << (bits - 1)
        for sign, word in (("+", "added to"), ("-", "subtracted from")):
            yield Reading(
                f"{what}-zero-point{sign}{zero}", f"the zero point {zero} is {word} the {what}",
                f"{name} = {name}.astype(np.int32) {sign} {zero}",
                _of(name, partial(np.add, zero if sign == "+" else -zero)), "sign",
            )  # fmt: skip


def wrapped(values: np.ndarray, low: int, bits: int) -> np.ndarray:
    """Values as an integer of that many bits whose lowest is `low` holds them.

    >>> wrapped(np.array([130, -129, 5]), -128, 8).tolist()
    [-126, 127, 5]
    """
    with np.errstate(all="ignore"):
        kept = np.where(np.abs(values) < 1 << 62, values, 0).astype(np.int64)
    held: np.ndarray = np.asarray((kept - low) % (1 << bits) + low, values.dtype)
    return held


def _wrap(low: int, bits: int, values: np.ndarray, _: np.ndarray) -> np.ndarray:
    return wrapped(values, low, bits)


def _clip(low: int, high: int, values: np.ndarray, at: np.ndarray, *, before: Finish | None = None) -> np.ndarray:
    cut: np.ndarray = np.clip(values if before is None else before(values, at), low, high)
    return cut


def _round(rounding: Rounding, values: np.ndarray, _: np.ndarray) -> np.ndarray:
    return rounding(values)


def _shift(rounding: Rounding, bits: int, values: np.ndarray, _: np.ndarray) -> np.ndarray:
    return rounding(values / (1 << bits))


def _unsigned(bits: int, values: np.ndarray, _: np.ndarray) -> np.ndarray:
    return np.where(values < 0, values + (1 << bits), values)


def _of(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Setup], Setup | None]:
    """The change of x, or of the first kernel."""
    if name == "x":
        return lambda setup: setup._replace(x=change(setup.x))

    def weights(stage: Stage) -> Stage:
        return stage._replace(weight=change(stage.weight))

    return of_stage(0, weights)
