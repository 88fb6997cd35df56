"""A progress bar on stderr, if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic

AFTER = 1.0
"""Seconds before a bar is shown: what ends sooner needs none."""


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A function that shows (steps done, steps in all), None if stderr is no terminal; the bar vanishes at the end.

    It is shown with the first step that ends AFTER so many seconds.
    """
    if not sys.stderr.isatty():
        yield None
        return
    began, shown = monotonic(), list[Callable[[int, int], None]]()
    with ExitStack() as stack:

        def show(done: int, of: int) -> None:
            if not shown and monotonic() - began > AFTER:
                shown.append(stack.enter_context(_bar(what)))
            for each in shown:
                each(done, of)

        yield show


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    from convcalc.errors import one_line
    from convcalc.render.console import console
    from convcalc.render.streams import live, with_cursor_back

    file = live(sys.stderr)
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()
    with with_cursor_back(file, "\r\x1b[K") as shown:
        with Progress(*columns, console=console(file), transient=True) as bar:
            task = bar.add_task(one_line(what))
            yield lambda done, of: bar.update(task, completed=done, total=of)
        shown.keep()
