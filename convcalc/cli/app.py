"""The top of the command line: the groups of commands, and their run without Typer's own error handling."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Annotated, Any, ClassVar

import typer
from typer.main import get_command

from convcalc.cli.commands import Group
from convcalc.cli.typer_compat import Complaint, complaint
from convcalc.errors import NotationError

COMPLETION_VARIABLE = "_CONVCALC_COMPLETE"


class Convcalc(Group):
    groups: ClassVar = {
        "Ask about a layer or a row of layers": {
            "shape": "output size of every stage",
            "params": "weights and biases of every stage",
            "cost": "multiplications, additions, memory; --compare with other types",
            "rf": "receptive field of a layer or along a row of layers",
        },
        "Ask about a network": {
            "net": "every layer of a whole network, from the zoo, TOML or ONNX",
        },
        "Work backwards": {
            "solve": "layers that make one size of another, and the sizes that layers accept",
            "tile": "how to cut a large input into tiles: halo, grid, cost and memory",
            "stream": "layers over a stream: latency, look-ahead, and the state they keep",
            "lint": "what will hurt in layers or a network, and how to mend it",
            "why": "what a framework's shape error means, and which layer it is about",
        },
        "Prove it": {
            "draw": "pictures of a layer",
            "run": "convolve arrays and check every number; why another output differs",
            "probe": "small arrays that tell the mistakes of a layer apart",
        },
        "Look up": {
            "types": "the convolution types with their formulas",
        },
    }


app = typer.Typer(
    cls=Convcalc,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Shapes, receptive fields, parameters and multiplications of every convolution type, proved by execution.

    Without options a command answers for a worked example: input 3x7x7, kernel 3, 128 filters.
    """
    if version:
        from convcalc import __version__

        print(f"convcalc {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def invoke(arguments: list[str]) -> int:
    """The exit code that the command returned.

    Typer's own main is not used: it exits 1 if the reader of a pipe went away, and prints usage over several lines.
    Raises NotationError for a command line that cannot be parsed.
    """
    command = get_command(app)
    if COMPLETION_VARIABLE in os.environ:
        with suppress(SystemExit):
            command.main(arguments, prog_name="convcalc")
        return 0
    try:
        with command.make_context("convcalc", list(arguments)) as context:
            return command.invoke(context) or 0
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        found = complaint(error)
        if found is None:
            raise
        raise NotationError(_usage_line(found, arguments, command)) from None


def _usage_line(found: Complaint, arguments: list[str], group: Any) -> str:
    """Typer's complaint as `where: rule; what would work`."""
    names = group.list_commands(None)
    path = found.path or " ".join(["convcalc", *(a for a in arguments[:1] if a in names)])
    command = path.removeprefix("convcalc").strip()
    message = found.message.strip().rstrip(".")
    line = f"{command or 'convcalc'}: {message[:1].lower()}{message[1:]}"
    if found.unknown is not None and command:
        from convcalc.cli.misnamed import instead, options_of

        options = {name: options_of(group.get_command(None, name)) for name in names}
        if remedy := instead(found.unknown, command, options, arguments):
            return f"{line}; {remedy}"
    return f"{line}; see '{path} --help'"
