"""Errors in a node or a file, and their messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from convcalc.errors import ConvcalcError, DataError
from convcalc.readers.onnx.names import clean


class MalformedError(Exception):
    """A node that breaks ONNX's rules; `invalid_node` adds which node it is."""


class UnsupportedError(Exception):
    """A valid node that convcalc does not understand; it becomes an Unknown layer with this reason."""


@contextmanager
def invalid_node(name: str, op: str) -> Iterator[None]:
    """Turns the errors of a broken node into a DataError that names the node; UnsupportedError passes through.

    These are MalformedError, and the errors that NumPy and Python raise for numbers that no exporter writes.
    """
    try:
        yield
    except ConvcalcError:
        raise
    except (MalformedError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError) as error:
        reason = str(error) if isinstance(error, MalformedError) else clean(str(error).split("\n", 1)[0])
        raise DataError(f"{name}: invalid {clean(op)} node: {reason}") from None
