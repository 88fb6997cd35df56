"""`why` on any text: an answer or one line, and the numbers put into a message are those that it reads."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from convcalc.errors import NotationError
from convcalc.questions.why import why
from tests.questions.test_why import PROVOKED, THREADS
from tests.strategies import answer_or_line, near

TEXTS = [case["text"] for case in (*PROVOKED, *THREADS)]
NUMBER = st.integers(1, 10**6)


@given(near("0123456789 []()x,.:'-\n\x1b\u202e", *TEXTS))
def test_any_message(text: str) -> None:
    found = answer_or_line(lambda: why(text), NotationError)
    if found is not None:
        assert found.fix.isprintable()
        json.dumps(found.to_dict(), allow_nan=False)


@given(NUMBER, NUMBER, NUMBER, NUMBER)
def test_the_numbers_of_matrices(rows: int, columns: int, features: int, outputs: int) -> None:
    text = f"mat1 and mat2 shapes cannot be multiplied ({rows}x{columns} and {features}x{outputs})"
    found = answer_or_line(lambda: why(text), NotationError)
    if columns != features:
        assert found is not None
        assert {columns, features} <= set(found.to_dict()["numbers"].values())
