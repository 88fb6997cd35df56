"""How tests ask why an output differs: with arrays in this process, and by applying the fix that was answered."""

from __future__ import annotations

from typing import Any

import numpy as np

from convcalc.diagnosing.expect import expect
from convcalc.notation import parse_padding_mode
from convcalc.proof.forms import Named
from convcalc.proof.run import RunOptions, run

FIX_OPTIONS = ("stride", "padding", "dilation", "output-padding", "padding-mode", "dims")


def asked(x: Any, w: Any, y: Any, *, b: Any = None, tolerance: float | None = None, **options: Any) -> dict[str, Any]:
    """The JSON `expect` of a run on these arrays; `w` may be a list of several kernels."""
    data = Named("x", np.asarray(x))
    kernels = [Named(f"w{i}", np.asarray(kernel)) for i, kernel in enumerate(w if isinstance(w, list) else [w])]
    biases = [] if b is None else [Named("b", np.asarray(b))]
    settings = RunOptions(check=False, **options)
    done = run(data, kernels, biases, settings)
    found = expect(data, kernels, biases, settings, done, Named("y", np.asarray(y)), tolerance=tolerance)
    return found.to_dict()


def names(found: dict[str, Any]) -> set[str]:
    """Every reading that explains it, those included that are the same function."""
    return {name["id"] for each in found["explanations"] for name in (each, *each["equivalent"])}


def mended(x: Any, w: Any, y: Any, fix: str, *, b: Any = None, **options: Any) -> bool:
    """Whether both agree after the fix, as one would type it: NumPy on x, w, b and y, and options of `run`.

    `w` may be a list of kernels, which a fix calls w1, w2 and so on. What the other program must do cannot be tried.
    """
    if "take y before" in fix or "sum in int32" in fix:
        return True
    kernels = w if isinstance(w, list) else [w]
    arrays: dict[str, Any] = {"x": x, "y": y, "b": b, "np": np, "w": kernels[0]}
    arrays |= {f"w{number}": kernel for number, kernel in enumerate(kernels, 1)}
    for part in fix.split("; "):
        if part == "leave --flip out":
            options["flip"] = False
        elif part == "leave --bias out":
            arrays["b"] = None
        elif part.startswith("--"):
            words = iter(part.split())
            for word in words:
                name = word.removeprefix("--")
                if name == "flip":
                    options["flip"] = True
                    continue
                assert name in FIX_OPTIONS, part
                value = next(words)
                options[name.replace("-", "_")] = parse_padding_mode(value) if name == "padding-mode" else value
        else:
            exec(part, arrays)
    names = ["w"] if len(kernels) == 1 else [f"w{number}" for number in range(1, len(kernels) + 1)]
    biases = [] if arrays["b"] is None else [Named("b", np.asarray(arrays["b"]))]
    settings = RunOptions(check=False, **options)
    out = run(Named("x", np.asarray(arrays["x"])), [Named(n, arrays[n]) for n in names], biases, settings).out
    return out.size == arrays["y"].size and np.allclose(out.reshape(arrays["y"].shape), arrays["y"], 1e-5, 1e-4)
