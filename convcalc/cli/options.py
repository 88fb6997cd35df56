"""The options that describe a layer, shared by the commands that answer for one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import Annotated, Any

import typer

from convcalc.axis.padding import WORDS
from convcalc.notation import LAYOUTS, parse_layout, whole_number
from convcalc.recipes import BY_NAME
from convcalc.recipes.options import Layer, LayerOptions, layer


def complete_type(incomplete: str) -> list[tuple[str, str]]:
    """The type names that begin so, with their one line."""
    return [(name, recipe.summary) for name, recipe in BY_NAME.items() if name.startswith(incomplete)]


def _complete_padding(incomplete: str) -> list[str]:
    return [word for word in WORDS if word.startswith(incomplete)]


def _complete_layout(incomplete: str) -> list[str]:
    return [layout for layout in LAYOUTS if layout.startswith(incomplete)]


def option(*names: str, metavar: str, help: str, panel: str = "Layer", complete: Any = None) -> Any:
    option = typer.Option(
        *names, metavar=metavar, help=help, rich_help_panel=panel, autocompletion=complete, show_default=False
    )
    return Annotated[str | None, option]


def flag(*names: str, help: str, panel: str) -> Any:
    return Annotated[bool, typer.Option(*names, help=help, rich_help_panel=panel, show_default=False)]


TYPE = option(
    "-t", "--type", metavar="TYPE", help="Convolution type, see 'convcalc types' [standard].", complete=complete_type
)
INPUT = option("-i", "--input", metavar="SIZE", help="Input, channels first: 3x224x224.")
STRIDE = option("-s", "--stride", metavar="N[xN]", help="Stride, one number or one per axis [1].")
PADDING = option(
    "-p", "--padding", metavar="PAD", complete=_complete_padding,
    help=f"Padding: 1, 1x2, begin:end as 0:1x2:2, or {', '.join(WORDS)} [0].",
)  # fmt: skip
DILATION = option("-d", "--dilation", metavar="N[xN]", help="Dilation [1; dilated: 2].")
GROUPS = option("-g", "--groups", metavar="N", help="Groups of channels [1; grouped types: 2].")
OUTPUT_PADDING = option("--output-padding", metavar="N[xN]", help="Transposed: outputs added at the end [0].")
LAYOUT = option(
    "--layout", metavar="ORDER", complete=_complete_layout, panel="Reading and writing",
    help="channels-first, or channels-last for sizes as 224x224x3 [channels-first].",
)  # fmt: skip
JSON = flag("--json", help="Print one JSON object.", panel="Reading and writing")

EXPLAIN = flag("--explain", help="Show how every number comes about.", panel="Reading and writing")

LAYER = {
    "type": TYPE,
    "input": INPUT,
    "kernel": option("-k", "--kernel", metavar="N[xN]", help="Kernel, one number or one per axis [3]."),
    "filters": option("-f", "--filters", "--out-channels", metavar="N", help="Filters, that is output channels."),
    "stride": STRIDE,
    "padding": PADDING,
    "dilation": DILATION,
    "groups": GROUPS,
    "multiplier": option("-m", "--multiplier", metavar="N", help="Depthwise: filters per channel [1]."),
    "mid_channels": option("--mid-channels", metavar="N", help="Spatially separable: channels between [filters]."),
    "output_padding": OUTPUT_PADDING,
    "output_size": option("--output-size", metavar="N[xN]", help="Transposed: the size wanted; derives the padding."),
    "bias": flag("--bias", help="One bias per filter, in every stage.", panel="Layer"),
    "batch": option("--batch", metavar="N", help="Batch size; counts are for the whole batch [1]."),
    "layout": LAYOUT,
    "explain": EXPLAIN,
    "json": JSON,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the shared options said: the layer as typed, and how to answer."""

    type: str | None
    options: LayerOptions
    batch: int
    explain: bool
    json: bool

    @property
    def layout(self) -> str:
        return self.options.layout

    def layer(self) -> Layer:
        """The layer that the options describe."""
        return layer("standard" if self.type is None else self.type, self.options)


def layer_command(function: Callable[..., int]) -> Callable[..., int]:
    """Gives a command `function(asked, ...)` the shared options in front of its own."""
    own = [p for p in inspect.signature(function, eval_str=True).parameters.values() if p.name != "asked"]
    arguments = [p for p in own if _is_argument(p)]
    shared = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation,
            default=False if name in ("bias", "explain", "json") else None,
        )
        for name, annotation in LAYER.items()
    ]  # fmt: skip
    parameters = [*arguments, *shared, *(p for p in own if p not in arguments)]

    @wraps(function)
    def command(**given: Any) -> int:
        described = {field.name: given[field.name] for field in fields(LayerOptions)}
        described["layout"] = parse_layout("channels-first" if described["layout"] is None else described["layout"])
        asked = Asked(
            given["type"],
            LayerOptions(**described),
            whole_number(1 if given["batch"] is None else given["batch"], "batch"),
            given["explain"],
            given["json"],
        )
        return function(asked, **{p.name: given[p.name] for p in own})

    keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    command.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _is_argument(parameter: inspect.Parameter) -> bool:
    metadata = getattr(parameter.annotation, "__metadata__", ())
    return any(type(info).__name__ == "ArgumentInfo" for info in metadata)
