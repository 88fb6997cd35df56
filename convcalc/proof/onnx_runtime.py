"""A check of an ONNX file: with its weights, and with ONNX Runtime, which can run it too."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec

import numpy as np
from onnx import TensorProto

from convcalc.errors import DataError
from convcalc.graph.graph import Graph
from convcalc.notation import PerAxis
from convcalc.proof.arrays import Arrays
from convcalc.proof.reference import Reference
from convcalc.readers.onnx.graph import weights_of
from convcalc.readers.onnx.model import read_model
from convcalc.readers.onnx.names import clean

RUNTIME = "ONNX Runtime"
TYPES = {
    TensorProto.FLOAT16: "float16", TensorProto.DOUBLE: "float64", TensorProto.BOOL: "bool",
    TensorProto.INT8: "int8", TensorProto.INT16: "int16", TensorProto.INT32: "int32", TensorProto.INT64: "int64",
    TensorProto.UINT8: "uint8", TensorProto.UINT16: "uint16", TensorProto.UINT32: "uint32",
    TensorProto.UINT64: "uint64",
}  # fmt: skip
"""The dtypes of inputs in NumPy, but for float32."""
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
    if not find_spec("onnxruntime"):
        return Reference(RUNTIME, None)
    return Reference(RUNTIME, _runner(path, graph), types=input_types(path))


def input_types(path: str) -> dict[str, np.dtype]:
    """The dtypes of a file's inputs that are not float32, by the names of the graph's."""
    kinds = {clean(value.name): value.type.tensor_type.elem_type for value in read_model(path).graph.input}
    return {name: np.dtype(TYPES[kind]) for name, kind in kinds.items() if kind in TYPES}


def _runner(path: str, graph: Graph) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
    def run(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
            named = {node.name: x for node, x in zip(graph.inputs, inputs, strict=True)}
            types = input_types(path)
            feed = {}
            for number, each in enumerate(session.get_inputs()):
                name = clean(each.name)
                x = named.get(name, inputs[min(number, len(inputs) - 1)])
                feed[each.name] = x.astype(types.get(name, np.dtype(np.float32)))
            return [np.asarray(out) for out in session.run(None, feed)]
        except Exception as error:  # it has a dozen types of errors of its own
            text = str(error).splitlines()[0] if str(error) else type(error).__name__
            text = _PREFIX.sub("", text)[:200]
            raise DataError(f"{RUNTIME} cannot run it: {clean(text)}") from None

    return run
