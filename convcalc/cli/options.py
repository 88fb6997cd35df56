"""The arguments and options that describe a layer or a row of layers, shared by the commands about layers."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields, replace
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcalc.cli.typer_compat import with_parameters
from convcalc.errors import NotationError, quoted, shortened
from convcalc.graph.graph import Graph
from convcalc.notation import (
    LAYOUTS,
    PADDING_MODES,
    PADDING_WORDS,
    Axes,
    Layout,
    is_size,
    parse_layout,
    parse_words,
    parted_size,
    typed_words,
    whole_number,
)
from convcalc.questions.cost import BYTES
from convcalc.questions.report import Report, layer_report
from convcalc.recipes import BY_NAME, recipe_named
from convcalc.recipes.options import LayerOptions, layer_graph

if TYPE_CHECKING:
    from convcalc.questions.subject import Subject

NOT_IN_WORDS = ("in-channels", "mid-channels", "output-size", "padding-mode")
"""Options of a layer that its word has no letter for."""
SIZELESS = ("rf", "tile", "stream", "lint", "probe")
"""Commands that answer for a row of layer words without the size of the input."""
WITH_MODELS = ("tile", "stream", "lint")
"""Commands that take a MODEL in place of layer words."""


def complete_type(incomplete: str) -> list[tuple[str, str]]:
    """The type names with this beginning, each with its summary."""
    return [(name, recipe.summary) for name, recipe in BY_NAME.items() if name.startswith(incomplete)]


def completing(names: Collection[str]) -> Callable[[str], list[str]]:
    """A function that completes one of the names."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return complete


complete_dtype = completing(BYTES)


def option(*names: str, metavar: str, help: str, panel: str = "Layer", complete: Any = None) -> Any:
    option = typer.Option(
        *names, metavar=metavar, help=help, rich_help_panel=panel, autocompletion=complete, show_default=False
    )
    return Annotated[str | None, option]


def flag(*names: str, help: str, panel: str) -> Any:
    return Annotated[bool, typer.Option(*names, help=help, rich_help_panel=panel, show_default=False)]


POOLS = ("max", "avg")
TYPE = option(
    "-t", "--type", metavar="TYPE", help="Convolution type, see 'convcalc types' [standard].", complete=complete_type
)
INPUT = option("-i", "--input", metavar="SIZE", help="Input, channels first: 3x224x224.")
STRIDE = option("-s", "--stride", metavar="N[xN]", help="Stride, one number or one per axis [1].")
PADDING = option(
    "-p", "--padding", metavar="PAD", complete=completing(PADDING_WORDS),
    help=f"Padding: 1, 1x2, begin:end as 0:1x2:2, or {', '.join(PADDING_WORDS)} [0].",
)  # fmt: skip
MODE = option(
    "--padding-mode", metavar="MODE", complete=completing(PADDING_MODES), help=f"{', '.join(PADDING_MODES)} [zeros]."
)
DILATION = option("-d", "--dilation", metavar="N[xN]", help="Dilation [1; dilated: 2].")
GROUPS = option("-g", "--groups", metavar="N", help="Groups of channels [1; grouped types: 2].")
OUTPUT_PADDING = option("--output-padding", metavar="N[xN]", help="Transposed: outputs added at the end [0].")
LAYOUT = option(
    "--layout", metavar="ORDER", complete=completing(LAYOUTS), panel="Reading and writing",
    help="channels-first, or channels-last for sizes as 224x224x3 [channels-first].",
)  # fmt: skip
JSON = flag("--json", help="Print one JSON object.", panel="Reading and writing")

EXPLAIN = flag("--explain", help="Show how every number comes about.", panel="Reading and writing")

LAYER = {
    "type": TYPE,
    "input": INPUT,
    "kernel": option(
        "-k", "--kernel", "--kernel-size", metavar="N[xN]", help="Kernel, one number or one per axis [3]."
    ),
    "filters": option("-f", "--filters", "--out-channels", metavar="N", help="Filters: the output channels."),
    "in_channels": option("--in-channels", metavar="N", help="Channels of the input, checked against it."),
    "stride": STRIDE,
    "padding": PADDING,
    "padding_mode": MODE,
    "dilation": DILATION,
    "groups": GROUPS,
    "multiplier": option("-m", "--multiplier", metavar="N", help="Depthwise: filters per channel [1]."),
    "mid_channels": option("--mid-channels", metavar="N", help="Spatially separable: channels between [filters]."),
    "output_padding": OUTPUT_PADDING,
    "output_size": option(
        "--output-size", metavar="N[xN]", help="Transposed: the output size; derives the output padding."
    ),
    "bias": flag("--bias", help="One bias per filter, in every stage.", panel="Layer"),
    "batch": option("--batch", metavar="N", help="Batch size; counts are for the whole batch [1]."),
    "layout": LAYOUT,
    "explain": EXPLAIN,
    "json": JSON,
}


def complete_word(incomplete: str) -> list[str]:
    """The types that a layer word with this beginning may name, each with its colon."""
    return [f"{name}:" for name in (*POOLS, *BY_NAME) if name.startswith(incomplete)]


def words_argument(metavar: str, or_model: str) -> Any:
    """The argument that is a row of layer words; Annotated, for Typer."""
    row = "The input's size, then layer words such as k7s2p3f64 max:k3s2p1 ds:k3p1f128 gap fc1000"
    argument = typer.Argument(
        metavar=metavar, help=f"{row}{or_model}.", autocompletion=complete_word, show_default=False
    )
    return Annotated[list[str] | None, argument]


WORDS = words_argument("[SIZE] [LAYER]...", "")
WORDS_OR_MODEL = words_argument("[SIZE] [LAYER]... | MODEL", "; or a network of the zoo, a .toml or .onnx file")


def check_one_size(command: str, input: str | None, words: Sequence[str]) -> None:
    """Raises NotationError for a size whose numbers are several arguments, with the form that works."""
    size = parted_size((*([] if input is None else [input]), *words))
    if size:
        option, apart = "" if input is None else "--input ", size.replace("x", " ")
        raise NotationError(f"{command}: a size is one argument, got {shortened(apart)}; write {option}{size}")


@dataclass(frozen=True, slots=True)
class SharedOptions:
    """The shared arguments and options: a layer or a row of layer words, and how to answer."""

    command: str
    words: tuple[str, ...]
    type: str | None
    layer: LayerOptions
    batch: int
    explain: bool
    json: bool
    leading: str | None = None

    @property
    def layout(self) -> Layout:
        return parse_layout(self.layer.layout)

    @property
    def sized(self) -> bool:
        """Whether the size of the input was given."""
        return self.layer.input is not None

    def graph(self) -> Graph:
        """The layer that the options describe, or the row of layer words."""
        if not self.words:
            return layer_graph("standard" if self.type is None else self.type, self.layer, self.batch)
        from convcalc.readers.words import row_graph

        self.check_row()
        layer = self.layer
        return row_graph(self.words, layer.input, batch=self.batch, bias=layer.bias, layout=layer.layout)

    def subject(self, dims: int = 2, *, any_size: bool = False) -> Subject:
        """The layer, the row or the model of a command that takes a MODEL too; it can be placed on other inputs.

        `dims` are the spatial axes of a row without a size, if its words leave it open; with `any_size` it may have
        words that depend on its size.
        """
        from convcalc.questions.subject import Subject, subject_of
        from convcalc.readers import is_model

        if self.words:
            if is_model(self.words[0]):
                self._check_alone("a model")
            else:
                self.check_row()
            layer = self.layer
            return subject_of(
                self.words, layer.input, batch=self.batch, bias=layer.bias, layout=self.layout, dims=dims,
                any_size=any_size,
            )  # fmt: skip
        type = "standard" if self.type is None else self.type

        def build(size: Axes) -> Graph:
            return layer_graph(type, replace(self.layer, input=size, layout="channels-first"), self.batch)

        graph = self.graph()
        return Subject(type, (graph.inputs[0].shape or ())[1:], (), graph, build)

    def check_row(self) -> None:
        """Raises NotationError for a row without a size where one is needed, and for options of a layer beside it."""
        from convcalc.readers.words import example_input

        sizeless = self.sized or self.command in SIZELESS
        if self.words[0] == "1x1" and not sizeless:
            row = shortened(" ".join(self.words))
            raise NotationError(
                f"{self.command}: must have the size of the input first, got the pointwise convolution 1x1; "
                f"write 3x224x224 {row}, or --input 1x1 if it is the size"
            )
        self._check_alone("layer words")
        self._check_words()  # an unreadable word is reported before a missing size
        if not sizeless:
            alone = next((word for word in self.words if word in BY_NAME), None)
            if alone is not None:
                raise NotationError(
                    f"{self.command}: a type alone is no layer word, got {quoted(alone)}; "
                    f"use -t {alone}, or {with_kernel(alone)} after the input's size"
                )
            before = [self.command] if self.leading is None else [self.command, self.leading]
            raise NotationError(
                f"{self.command}: must have the size of the input before layer words, got none; "
                f"use convcalc {' '.join(before)} {example_input(self.words)} {shortened(shlex.join(self.words))}"
            )

    def _check_alone(self, what: str) -> None:
        """Raises NotationError for options of a layer beside `what` the words are."""
        others = [name for name in ("type", *self.layer.given()) if name not in ("input", "bias")]
        if self.type is None:
            others.remove("type")
        if not others:
            return
        other = others[0].replace("_", "-")
        if self.type is None and len(self.words) == 1 and self.words[0] in BY_NAME:
            raise NotationError(
                f"{self.command}: a type alone is no layer word, got {quoted(self.words[0])} and --{other}; "
                f"use -t {self.words[0]}"
            )
        if self.type is not None and f"{self.type}-{self.words[0]}" in BY_NAME:
            typed = f"{self.type} {self.words[0]}"
            raise NotationError(
                f"{self.command}: a type is one word, got {quoted(typed)}; use -t {typed.replace(' ', '-')}"
            )
        remedy = ""
        if what != "a model" and other not in NOT_IN_WORDS and (self.type is None or self.type in BY_NAME):
            word = "k3s2p1" if self.type is None else with_kernel(self.type)
            remedy = f" and write it into the words, as {word}"
        raise NotationError(
            f"{self.command}: takes {what} or the options of one layer, got both, --{other} among them; "
            f"leave --{other} out{remedy}"
        )

    def _check_words(self) -> None:
        """Raises NotationError for words that are no layers; a network has its own command, options have dashes."""
        try:
            parse_words(self.words, tuple(BY_NAME))
        except NotationError:
            from convcalc.cli.misnamed import as_options
            from convcalc.readers import zoo_family

            typed = as_options(self.words)
            if typed is not None:
                got = quoted(" ".join(self.words))
                raise NotationError(
                    f"{self.command}: an option is written with dashes, got {got}; use {typed}"
                ) from None
            found = next((names[0] for word in self.words if (names := zoo_family(word))), None)
            if found is None:
                raise
            if self.command in WITH_MODELS:
                got = shortened(self.words[0])
                raise NotationError(
                    f"{self.command}: takes the whole name of a network, got {got}; use convcalc {self.command} {found}"
                ) from None
            net = "draw net" if self.command == "draw" else "net"
            raise NotationError(f"{self.command}: takes layers, got a network; use convcalc {net} {found}") from None

    def report(self, dtype: str = "float32") -> Report:
        """The report of that graph."""
        return layer_report(self.graph(), dtype=dtype)


def with_kernel(word: str) -> str:
    """A word that is a type alone with the kernel that makes it a layer word."""
    bare = word in BY_NAME and recipe_named(word).default_kernel != 1
    return f"{word}:k3" if bare else word


def layer_command(
    function: Callable[..., int], leading: Collection[str] = (), words: Any = WORDS
) -> Callable[..., int]:
    """A command with the shared arguments and options, passed to `function` as `options`, in front of its own.

    If the first argument is one of the `leading` words, it stands in `options.leading` and the row begins after it.
    `words` is the argument of the row: WORDS, or WORDS_OR_MODEL for a command that takes networks too.
    """
    own = [p for p in inspect.signature(function, eval_str=True).parameters.values() if p.name != "options"]
    shared = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation,
            default=False if name in ("bias", "explain", "json") else None,
        )
        for name, annotation in {"words": words, **LAYER}.items()
    ]  # fmt: skip
    name = function.__module__.rpartition(".")[2]

    @wraps(function)
    def command(**given: Any) -> int:
        words = tuple(given["words"] or ())
        first = words[0] if words and words[0] in leading else None
        words = typed_words(words[1:] if first else words, tuple(BY_NAME))
        described = {field.name: given[field.name] for field in fields(LayerOptions)}
        described["layout"] = "channels-first" if described["layout"] is None else described["layout"]
        parse_layout(described["layout"])
        check_one_size(name, described["input"], words)
        if words and is_size(words[0]):
            if described["input"] is not None:
                raise NotationError(
                    f"{name}: the input is given twice, got {words[0]} and --input; give one of the two"
                )
            described["input"], words = words[0], words[1:]
        options = SharedOptions(
            name,
            words,
            given["type"],
            LayerOptions(**described),
            whole_number(1 if given["batch"] is None else given["batch"], "batch"),
            given["explain"],
            given["json"],
            first,
        )
        return function(options, **{p.name: given[p.name] for p in own})

    return with_parameters(command, [*shared, *own])
