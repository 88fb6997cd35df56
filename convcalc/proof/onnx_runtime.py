"""A check of an ONNX file: with its weights, and with ONNX Runtime, which can run it too."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec

import numpy as np

from convcalc.errors import DataError
from convcalc.graph.graph import Graph
from convcalc.notation import PerAxis
from convcalc.proof.arrays import Arrays
from convcalc.proof.reference import Reference
from convcalc.readers.onnx.graph import weights_of
from convcalc.readers.onnx.names import clean

RUNTIME = "ONNX Runtime"
_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")


def file_weights(path: str, *, input: PerAxis | None, batch: int) -> tuple[Arrays | None, str]:
    """The arrays of a file's layers and a name for them; None and the reason if some are missing."""
    try:
        return weights_of(path, input=input, batch=batch), "the file's weights"
    except DataError as error:
        return None, f"random weights, for the file lacks some ({error})"


def runtime_reference(path: str, graph: Graph, *, whole: bool) -> Reference:
    """ONNX Runtime on the same file, if it is installed and the file is `whole`, with all its weights."""
    if not whole:
        return Reference(RUNTIME, None, f"{RUNTIME} has no weights to run, for the file lacks some")
    return Reference(RUNTIME, _runner(path, graph) if find_spec("onnxruntime") else None)


def _runner(path: str, graph: Graph) -> Callable[[Sequence[np.ndarray]], np.ndarray]:
    def run(inputs: Sequence[np.ndarray]) -> np.ndarray:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
            named = {node.name: x for node, x in zip(graph.inputs, inputs, strict=True)}
            expected = session.get_inputs()
            given = [named.get(each.name, inputs[min(i, len(inputs) - 1)]) for i, each in enumerate(expected)]
            types = {"tensor(float16)": np.float16, "tensor(double)": np.float64}
            feed = {
                each.name: x.astype(types.get(each.type, np.float32)) for each, x in zip(expected, given, strict=True)
            }
            first = session.get_outputs()[0].name
            result: np.ndarray = session.run([first], feed)[0]
        except Exception as error:  # it has a dozen types of errors of its own
            text = str(error).splitlines()[0] if str(error) else type(error).__name__
            text = _PREFIX.sub("", text)[:200]
            raise DataError(f"{RUNTIME} cannot run it: {clean(text)}") from None
        return result

    return run
