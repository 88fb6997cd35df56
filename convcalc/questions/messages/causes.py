"""The answer to a message: one match over the troubles."""

from __future__ import annotations

from typing import assert_never

from convcalc.questions.messages.answer import Answer
from convcalc.questions.messages.axes import axes_answer, fed_answer
from convcalc.questions.messages.batches import batches_answer, samples_answer
from convcalc.questions.messages.channels import channels_answer, groups_answer, one_value_answer, weights_answer
from convcalc.questions.messages.consistent import check_consistent
from convcalc.questions.messages.sizes import elements_answer, features_answer, sizes_answer
from convcalc.questions.messages.troubles import (
    Axes,
    Batches,
    Channels,
    Elements,
    Features,
    Fed,
    Groups,
    OneValue,
    OutputPadding,
    OutputSize,
    Padded,
    Rule,
    Samples,
    Sizes,
    Smallest,
    TooSmall,
    Trouble,
    Weights,
)
from convcalc.questions.messages.windows import (
    output_padding_answer,
    output_size_answer,
    padded_answer,
    smallest_answer,
    too_small_answer,
)


def answer_to(framework: str, trouble: Trouble) -> Answer:
    """Cause, fix and evidence of a trouble, in the words of the framework.

    Raises NotationError for a message whose numbers contradict each other.
    """
    check_consistent(framework, trouble)
    match trouble:
        case Channels():
            return channels_answer(framework, trouble)
        case Axes():
            return axes_answer(framework, trouble)
        case TooSmall():
            return too_small_answer(framework, trouble)
        case Smallest():
            return smallest_answer(trouble)
        case OneValue():
            return one_value_answer(trouble)
        case Features():
            return features_answer(framework, trouble)
        case Sizes():
            return sizes_answer(framework, trouble)
        case Elements():
            return elements_answer(framework, trouble)
        case Groups():
            return groups_answer(trouble)
        case OutputSize():
            return output_size_answer(trouble)
        case OutputPadding():
            return output_padding_answer(trouble)
        case Padded():
            return padded_answer(trouble)
        case Weights():
            return weights_answer(framework, trouble)
        case Fed():
            return fed_answer(framework, trouble)
        case Samples():
            return samples_answer(trouble)
        case Batches():
            return batches_answer(framework, trouble)
        case Rule():
            return Answer(trouble.cause, trouble.fix)
        case _:
            assert_never(trouble)
