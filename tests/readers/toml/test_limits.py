"""Files that Python's TOML parser, or a search for a similar name, would take very long for."""

from __future__ import annotations

import random

import pytest

from convcalc.errors import ConvcalcError
from convcalc.notation import similar
from convcalc.readers.toml.document import network_from_toml

LAYER = "[[layers]]\nop = 'relu'\n"


def refused(text: str) -> str:
    with pytest.raises(ConvcalcError) as error:
        network_from_toml(f"input = '3x8x8'\n{text}".encode(), "net.toml")
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n".join(f"k{i}{'.a' * 990} = 1" for i in range(300)), "a key may have 8 dots, got 990"),
        ("[t" + ".a" * 990 + "]\n", "a key may have 8 dots, got 990"),
        ('"k"' + ' . "a"' * 9 + " = 1", "a key may have 8 dots, got 9"),
        ("x = {" + "a." * 9 + "b = 1}", "a key may have 8 dots, got 9"),
        (f"x = {'9' * 900_000}", "a number may have 100 digits, got 900000"),
        (f"x = [1, -{'9' * 300_000}_1]", "a number may have 100 digits, got 300002"),
    ],
    ids=range(6),
)
def test_what_takes_long_is_refused(text: str, said: str) -> None:
    assert refused(text) == f"net.toml: {said}"


@pytest.mark.parametrize(
    "text",
    [
        f"source = '{'a.' * 50}'",
        f'notes = ["J. D., W. D., R. S., L.-J. L., K. L. and L. F.-F. 2009.", "{"a.b" * 20}\\" {"." * 9}"]',
        f"notes = '''\n{'a.' * 20}\n\"\"\" {'9' * 2000}'''",
        f'notes = """\n{"a." * 20}\\""" {"9" * 2000}"""',
        f"# {'a.' * 20} {'9' * 2000}",
        "notes = [" + ", ".join(f"'{i}.5'" for i in range(40)) + "]",
    ],
    ids=range(6),
)
def test_texts_and_comments_may_have_what_keys_may_not(text: str) -> None:
    graph = network_from_toml(f"input = '3x8x8'\n{text}\n{LAYER}".encode(), "net.toml")
    assert len(graph.layers) == 1


def test_the_most_similar_of_very_many_and_of_very_long_names() -> None:
    letters = random.Random(1)
    names = ["".join(letters.choices("abcdefgh", k=12)) for _ in range(20_000)]
    meant = names[7_777]
    assert similar(meant[:5] + meant[6:], names)[0] == meant
    assert similar("w" * 12, names) == []
    long = ["ab" * 450 + str(number) for number in range(300)]
    assert similar("x" + "ab" * 450, long)[0].startswith("abab")
    assert "did you mean layer7? " in refused(
        "".join(f"{LAYER}name = 'layer{i}'\n" for i in range(9)) + f"{LAYER}from = 'layr7'\n"
    )
