"""What PyTorch's losses say about predictions and labels that do not fit together."""

from __future__ import annotations

from convcalc.questions.messages.known import Known
from convcalc.questions.messages.text import Shape
from convcalc.questions.messages.troubles import Batches, Rule, Trouble


def _labels(labels: Shape, predictions: Shape) -> Trouble | None:
    if not labels or not predictions:
        return None
    return Batches(predictions[0] or 0, labels[0] or 0, (predictions, labels)) if labels != predictions else None


def _pixel_labels(predictions: Shape, labels: Shape) -> Trouble | None:
    """Class scores (N, classes, H, W) and labels (N, H, W) of other sizes."""
    if len(predictions) != len(labels) + 1 or (predictions[0], *predictions[2:]) == labels:
        return None
    return _labels(labels, predictions)


def _label_axes(got: int) -> Trouble:
    squeezed = "y = y.squeeze(1).long() if axis 1 is 1, y = y.argmax(1) if it has a map per class"
    return Rule(
        f"the class numbers of pixels are (N, H, W), and the labels have {got} axes.",
        squeezed if got == 4 else "labels of (N, H, W)",
    )


def _no_class(label: int) -> Trouble:
    return Rule(
        f"there is no class {label}: labels count from 0 to classes - 1.",
        f"a last layer of {label + 1} outputs or more, or smaller labels" if label >= 0 else "labels from 0 on",
    )


MESSAGES = (
    Known(
        "PyTorch", "Expected input batch_size (4) to match target batch_size (5)",
        r"Expected input batch_size \(<n>\) to match target batch_size \(<n>\)", Batches,
    ),
    Known(
        "PyTorch", "Using a target size ([4]) that is different to the input size ([4, 1])",
        r"Using a target size \((?:torch\.Size\()?<shape>\)?\) that is different to the input size "
        r"\((?:torch\.Size\()?<shape>", _labels,
    ),
    Known(
        "PyTorch", "size mismatch (got input: [4, 10, 8, 8], target: [4, 9, 9]",
        r"size mismatch \(got input: <shape> ?, target: <shape>", _pixel_labels,
    ),
    Known(
        "PyTorch", "Target size ([4, 10, 10]) must be the same as input size ([4, 1, 10, 10])",
        r"Target size \((?:torch\.Size\()?<shape>\)?\) must be the same as input size \((?:torch\.Size\()?<shape>",
        _labels,
    ),
    Known(
        "PyTorch", "only batches of spatial targets supported (3D tensors) but got targets of dimension: 4",
        r"only batches of spatial targets supported \(3D tensors\) but got targets of dimension: <n>", _label_axes,
    ),
    Known("PyTorch", "Target 10 is out of bounds", r"Target <n> is out of bounds", _no_class),
)  # fmt: skip
