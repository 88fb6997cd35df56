"""A shape error explained: the cause, the fix, then the evidence; and the messages that are known."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from textwrap import wrap

from convcalc.errors import one_line
from convcalc.questions.messages import KNOWN
from convcalc.questions.why import Why
from convcalc.render.table import Table, show, terminal

WIDEST = 100
"""Columns of running text."""
SHOWN = 3
"""Messages of a framework that a terminal shows,"""
MAX_SHORT = 64
"""of those whose wording fits a line."""


def show_why(found: Why) -> None:
    """Print the answer: lines of text on a terminal, rows of what and text elsewhere."""
    if not sys.stdout.isatty():
        show(Table("why", ("what", "text"), tuple(_rows(found))))
        return
    console = terminal(sys.stdout)
    width = min(WIDEST, console.width)
    lines = [(what, line) for what, text in _rows(found) for line in _paragraph(what, one_line(text), width)]
    for what, line in lines:
        console.print(line, style="bold" if what in ("cause", "fix") else "")


def _rows(found: Why) -> Iterator[tuple[str, str]]:
    answer = found.answer
    yield "cause", answer.cause
    yield "fix", found.fix
    if found.asked:
        yield "where", "none of the layers has these numbers" if found.where is None else found.where.text
        if found.where is not None and found.where.fix not in (None, answer.fix):
            yield "or", answer.fix
    yield "read", f"{found.reading.framework}: {found.reading.text}"
    for line in answer.evidence:
        yield "numbers", line
    for line in answer.others:
        yield "or", line


def _paragraph(what: str, text: str, width: int) -> list[str]:
    """The text in lines of this width, broken at spaces alone; `what` it is stands in front of the first."""
    head = f"{what:<8} "
    broken = wrap(text, max(width - len(head), 20), break_long_words=False, break_on_hyphens=False) or [""]
    return [f"{head if n == 0 else ' ' * len(head)}{line}" for n, line in enumerate(broken)]


def known_view() -> Table:
    """The messages that are known: all of them where they are read by a program, some of each framework for people."""
    rows = tuple((known.framework, known.wording) for known in KNOWN)
    frameworks = dict.fromkeys(framework for framework, _ in rows)
    short = [row for row in rows if len(row[1]) <= MAX_SHORT]
    some = [row for framework in frameworks for row in [row for row in short if row[0] == framework][:SHOWN]]
    left = len(rows) - len(some)
    title, columns = "Messages that are known", ("framework", "message")
    people = Table(
        title, columns, tuple(some), wrapped="message", aside=(f"and {left} more: convcalc why | cat lists them all",)
    )
    return Table(title, columns, rows, on_terminal=people)
