"""`convcalc solve --sizes`: which sizes of input layers or a network accept."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from convcalc.cli.answer import Form, answer
from convcalc.errors import NotationError
from convcalc.notation import is_size, typed_words, whole_number
from convcalc.recipes import BY_NAME

if TYPE_CHECKING:
    from convcalc.explain.rows import Explanation


def answer_sizes(
    words: Sequence[str], input: str | None, first: str | None, last: str | None, explain: bool, json: bool
) -> int:
    """The sizes from `first` to `last` that the words accept; a size before them, or `input`, is asked about too."""
    from convcalc.questions.report import layer_report
    from convcalc.questions.sizes import at_smallest, sizes_of
    from convcalc.render.accepted import sizes_view

    rest = typed_words(tuple(words), tuple(BY_NAME))
    if rest and is_size(rest[0]):
        if input is not None:
            raise NotationError(f"solve: the input is given twice, got {rest[0]} and --input; give one of the two")
        input, rest = rest[0], rest[1:]
    if not rest:
        raise NotationError("solve: --sizes needs layer words or a model, got none; write for example --sizes k3s2*4")
    start = whole_number(1 if first is None else first, "from")
    end = whole_number(512 if last is None else last, "to")
    found = sizes_of(rest, input, first=start, last=end)

    def working_out(whole: ModuleType) -> Sequence[Explanation]:
        graph = at_smallest(rest, input, found.sizes)
        return () if graph is None else whole.explain_shape(layer_report(graph))

    return answer(Form(explain, json), found.to_dict, lambda: sizes_view(found), working_out)
