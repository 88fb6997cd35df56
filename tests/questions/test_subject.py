"""What a question is asked of: rows and models on their own inputs and on others."""

from __future__ import annotations

import pytest

from convcalc.errors import ConvcalcError
from convcalc.questions.subject import subject_of


def test_a_row_is_placed_on_other_inputs() -> None:
    subject = subject_of(["k3s2p1f8", "k5"], "3x33x17")
    assert subject.size == (3, 33, 17)
    assert subject.graph.nodes[-1].shape == (1, 8, 13, 5)
    assert subject.at((3, 20, 31)).nodes[-1].shape == (1, 8, 6, 12)


def test_a_row_without_a_size_fits_somewhere() -> None:
    subject = subject_of(["k3f8", "k5s2"])
    assert subject.size is None
    assert subject.at((4, 9, 11)).nodes[-1].shape == (1, 8, 2, 3)


def test_a_model_has_its_own_input() -> None:
    subject = subject_of(["ResNet-18"])
    assert (subject.name, subject.size) == ("resnet18", (3, 224, 224))
    assert subject.at((3, 64, 96)).nodes[-3].shape == (1, 512, 2, 3)
    assert subject_of(["resnet18"], "64x96x3", layout="channels-last").size == (3, 64, 96)


@pytest.mark.parametrize(
    ("words", "bias", "error"),
    [
        (["resnet18", "k3"], False, "resnet18: a model stands alone, got k3 after it; leave it out"),
        (["resnet18"], True, "bias: is for layer words, got it with resnet18"),
        (["missing.toml"], False, "missing.toml: must be a file that can be read"),
    ],
)
def test_what_is_no_subject(words: list[str], bias: bool, error: str) -> None:
    with pytest.raises(ConvcalcError, match=error):
        subject_of(words, bias=bias)
