"""Samples that do not make a batch, and batches of predictions and labels that differ."""

from __future__ import annotations

from fractions import Fraction
from math import prod

from convcalc.graph.primitives import Concat
from convcalc.questions.messages.answer import Answer, accepts, confirm
from convcalc.questions.messages.idioms import flattened, shown, size_text
from convcalc.questions.messages.troubles import Batches, Samples

IMAGE_AXES = 3
"""Axes of one image: channels, height, width."""


def samples_answer(trouble: Samples) -> Answer:
    """Why samples cannot be stacked: images of other sizes, or grey ones among colour ones."""
    left, right = trouble.left, trouble.right
    confirm(not accepts(Concat(0), (1, *left), (1, *right)), f"{shown(left)} and {shown(right)} make no batch")
    evidence = (f"first: {shown(left)}", f"another: {shown(right)}")
    if len(left) == len(right) == IMAGE_AXES and left[1:] == right[1:]:
        return Answer(
            f"images with {left[0]} and {right[0]} channels cannot make one batch.",
            "image.convert('RGB') for every image that is loaded", evidence,
        )  # fmt: skip
    if len(left) == len(right) == IMAGE_AXES:
        height, width = left[1:]
        return Answer(
            "images of different sizes cannot make one batch.",
            f"transforms.Resize(({height}, {width})), or RandomCrop, before ToTensor()",
            evidence, ("pad them to one size in collate_fn, if they must keep theirs",),
        )  # fmt: skip
    return Answer(
        "samples of different shapes cannot make one batch.", "a collate_fn that pads them to the longest", evidence
    )


def batches_answer(framework: str, trouble: Batches) -> Answer:
    """Why predictions and labels are for different numbers of samples."""
    got, wanted, shapes = trouble.got, trouble.wanted, trouble.shapes
    evidence = (f"predictions: {got}", f"labels: {wanted}")
    if len(shapes) > 1:
        evidence = (f"predictions: {shown(shapes[0])}", f"labels: {shown(shapes[1])}")
        if prod(n or 1 for n in shapes[0]) == prod(n or 1 for n in shapes[1]) and len(shapes[0]) == len(shapes[1]) + 1:
            code = f"y = y.reshape{shown(shapes[0])}"
            return Answer("the labels lack an axis that the predictions have.", code, evidence)
        predicted, labelled = shapes[0][2:], shapes[1][-len(shapes[0]) + 2 :]
        if len(predicted) > 1 and shapes[0][0] == shapes[1][0] and predicted != labelled and None not in labelled:
            resized = f"x = F.interpolate(x, size={shown(labelled)})"
            return Answer(
                f"predictions are for {size_text(predicted)} pixels and labels for {size_text(labelled)}.",
                f"{resized}, before the loss", evidence,
                ("layers that keep the size: convcalc solve --sizes LAYER ... says which sizes come back",),
            )  # fmt: skip
        return Answer(
            "predictions and labels have different shapes.",
            f"predictions of {shown(shapes[1])}: the network's stride or padding must keep the size of the labels",
            evidence,
        )
    ratio = Fraction(got, wanted)
    if ratio.denominator == 1:
        return Answer(
            f"a reshape with -1 made {ratio} rows of every sample: {got} = {ratio} · {wanted}.",
            f"{flattened(framework)}, with in_features {ratio} times as large",
            (*evidence, f"a sample has {ratio} times the features that the reshape takes per row"),
        )  # fmt: skip
    return Answer(
        f"predictions are for {got} samples and labels for {wanted}: a reshape with -1 cut the samples otherwise, or "
        "the two are of different batches.",
        flattened(framework),
        (*evidence, f"{got}/{wanted} of a sample per row"),
    )
