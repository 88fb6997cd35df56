"""The bytes of an ONNX file become a checked model; nothing in the file is trusted."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from google.protobuf.message import DecodeError
from onnx import ModelProto

from convcalc.errors import DataError
from convcalc.readers.onnx.names import clean
from convcalc.storage.memory import available_memory

MAX_BYTES = 2**31 - 1
"""Largest model without its external data: protocol buffers hold no more."""
OWN_DOMAINS = ("", "ai.onnx")
"""How files name ONNX's own set of operators."""


def read_model(path: str) -> ModelProto:
    """The model in a file; its external data is not read.

    Raises DataError if the path is not a regular file, is too large, or is not ONNX.
    """
    data, model = _read(path), ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, UnicodeDecodeError, RecursionError, MemoryError, ValueError):
        raise DataError(f"{path}: must be an ONNX model, got bytes that are not one; export it again") from None
    if not model.HasField("graph"):
        raise DataError(f"{path}: must have a graph, got a model without one; export it again")
    if not all(isinstance(text, str) for text in _texts(model)):  # protobuf leaves text that is not UTF-8 as bytes
        raise DataError(f"{path}: must have names in UTF-8, got other bytes; export it again")
    return model


def opset_of(model: ModelProto) -> int:
    """The version of ONNX's own operators that the model was written for."""
    return max((entry.version for entry in model.opset_import if entry.domain in OWN_DOMAINS), default=1)


def source_of(model: ModelProto) -> str:
    """Which program wrote the model, for which opset."""
    producer = " ".join(clean(part) for part in (model.producer_name, model.producer_version) if part)
    return f"{producer}{', ' if producer else ''}opset {opset_of(model)}"


def _read(path: str) -> bytes:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{path}: must be a file, got something else; name an .onnx file")
        if not 0 < status.st_size <= MAX_BYTES:
            raise DataError(f"{path}: must have from 1 to {MAX_BYTES} bytes, got {status.st_size}; export it again")
        available = available_memory()
        if available is not None and 2 * status.st_size > available:  # the bytes and the parsed model
            raise DataError(f"{path}: must fit memory twice, got {status.st_size} bytes with {available} available")
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(f"{path}: must be a file that can be read, got {reason.lower()}; check the name") from None


def _texts(model: ModelProto) -> Iterator[object]:
    """All names in a model and in the graphs inside it."""
    yield from (model.producer_name, model.producer_version, *(entry.domain for entry in model.opset_import))
    pending = [model.graph]
    while pending:
        graph = pending.pop()
        tensors = [*graph.initializer, *(sparse.values for sparse in graph.sparse_initializer)]
        for value in (*graph.input, *graph.output, *graph.value_info):
            yield value.name
            if value.type.HasField("tensor_type"):
                yield from (dim.dim_param for dim in value.type.tensor_type.shape.dim)
        for node in graph.node:
            yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
            for attribute in node.attribute:
                yield attribute.name
                tensors.append(attribute.t)
                pending += [attribute.g] if attribute.HasField("g") else []
                pending += attribute.graphs
        for tensor in tensors:
            yield tensor.name
            for entry in tensor.external_data:
                yield from (entry.key, entry.value)
