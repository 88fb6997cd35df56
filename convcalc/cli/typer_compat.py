"""The places that lean on Typer's inside, gathered so that a new Typer can break nothing but this file.

1. `as_typed`: Typer imports pydantic (a third of its own start) for the first value that it converts, even for one
   that needs no conversion. Parameters here are text or flags for our own strict parsers, so they get a converter
   that returns them unchanged.
2. `with_parameters`: Typer reads a command's parameters off its signature; shared options are put there.
3. `complaint`: errors about the command line come from a Click that Typer brings along under a name of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class _AsTyped:
    """Stands in for Typer's converter: every parameter here is text or a flag, and stays as it was typed."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        del ctx
        several = getattr(param, "multiple", False) or getattr(param, "nargs", 1) == -1
        return () if value is None and several else value


def as_typed(params: list[Any]) -> list[Any]:
    """The parameters of a command, their values left as text."""
    for param in params:
        param._runtime_param = _AsTyped()  # a Typer without this attribute converts as usual
    return params


def with_parameters(command: Callable[..., int], parameters: Sequence[inspect.Parameter]) -> Callable[..., int]:
    """The command, taken by Typer to have these parameters, by keyword."""
    keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    command.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


class Complaint(NamedTuple):
    """Typer's message about a command line that it cannot parse, the command's path, and the option if it has none."""

    message: str
    path: str
    unknown: str | None


def complaint(error: Exception) -> Complaint | None:
    """What Typer complains about; None for other errors."""
    message = getattr(error, "format_message", None)
    if message is None:
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context else ""
    if hasattr(error, "possibilities"):
        return Complaint(f"no such option: {error.option_name}", path, error.option_name)  # type: ignore[attr-defined]
    return Complaint(message(), path, None)
