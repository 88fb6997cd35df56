"""How commands are built on Typer: loaded when named, with help that starts with examples.

A command's module is imported only when the command is named, which keeps the start-up small.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from convcalc.cli.typer_compat import as_typed
from convcalc.errors import quoted


class Command(TyperCommand):
    """A command whose help is: what it answers, examples, usage, then its options in groups."""

    def get_params(self, ctx: Any) -> list[Any]:
        return as_typed(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`[OPTIONS]`, then every argument; one that is written with its own brackets gets no others."""
        pieces = [self.options_metavar or ""]
        for param in self.get_params(ctx):
            if param.param_type_name == "argument":
                name = param.metavar
                bare = name if param.required else f"[{name}]"
                pieces.append(name if "[" in name else bare + "..." * (param.nargs != 1))
        return pieces

    def format_help(self, ctx: Any, formatter: Any) -> None:
        summary, _, examples = (self.help or "").partition("\n\n")
        formatter.write(f"{summary}\n\n{examples}\n\n")
        self.format_usage(ctx, formatter)
        panels: dict[str, list[Any]] = {}
        for param in self.get_params(ctx):
            if param.param_type_name == "argument":
                panels.setdefault("Arguments", []).append((param.metavar, param.help))
            elif record := param.get_help_record(ctx):
                panels.setdefault(param.rich_help_panel or "Options", []).append(record)
        for title, records in panels.items():
            with formatter.section(title):
                formatter.write_dl(records, col_max=34)


class Group(TyperGroup):
    """The commands by name; a command's module is imported when the command is run or completed."""

    groups: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    """Heading -> command name -> one line."""

    def get_params(self, ctx: Any) -> list[Any]:
        return as_typed(super().get_params(ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return [name for commands in self.groups.values() for name in commands]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.list_commands(ctx):
            return None
        if cmd_name not in self.commands:
            module = import_module(f"convcalc.cli.{cmd_name}")
            self.commands[cmd_name] = built(module.command, cmd_name)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-"):
            from convcalc.cli.misnamed import command_meant
            from convcalc.notation import similar

            meant = command_meant(args[0]) or next(iter(similar(args[0], names, 1)), None)
            hint = f"did you mean {meant}? " if meant else ""
            ctx.fail(f"no such command {quoted(args[0])}; {hint}the commands: {', '.join(names)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        del ctx
        for heading, commands in self.groups.items():
            with formatter.section(heading):
                formatter.write_dl(list(commands.items()))


def built(function: Callable[..., int], name: str) -> Any:
    """A Typer command made of a function whose parameters are annotated with Typer options."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
    app.command(name, cls=Command, context_settings=settings, help=inspect.getdoc(function))(function)
    return get_command(app)
