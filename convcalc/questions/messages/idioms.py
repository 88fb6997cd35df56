"""The line to type, in the words of each framework."""

from __future__ import annotations

from collections.abc import Sequence

from convcalc.errors import plural
from convcalc.notation import show_size

CHANNELS_FIRST = ("PyTorch", "ONNX Runtime")
"""Frameworks whose tensors are (batch, channels, *spatial) unless told otherwise; in the others channels are last."""


def channel_axis(framework: str, shape: Sequence[int | None]) -> int:
    """The axis of the channels in a whole shape."""
    return 1 if framework in CHANNELS_FIRST else len(shape) - 1


def shown(shape: Sequence[int | None]) -> str:
    """A shape as code has it: (1, 3, 224, 224)."""
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


def size_text(sizes: Sequence[int | None]) -> str:
    """Sizes as people write them, 6x32; an unknown one is a question mark."""
    return "x".join("?" if size is None else str(size) for size in sizes) if None in sizes else show_size(list(sizes))  # type: ignore[arg-type]


def moved(framework: str, order: Sequence[int], name: str = "x") -> str:
    """Axes in another order."""
    axes = ", ".join(map(str, order))
    match framework:
        case "PyTorch":
            return f"{name} = {name}.permute({axes})"
        case "Keras":
            return f"{name} = keras.ops.transpose({name}, ({axes}))"
        case "TensorFlow":
            return f"{name} = tf.transpose({name}, ({axes}))"
        case _:
            return f"{name} = {name}.transpose({axes})"


def reshaped(shape: Sequence[int | None]) -> str:
    """The same elements as another shape; the first axis may be left open."""
    return f"x = x.reshape({', '.join('-1' if length is None else str(length) for length in shape)})"


def flattened(framework: str) -> str:
    """Everything but the batch as one row."""
    match framework:
        case "PyTorch":
            return "x = torch.flatten(x, 1)"
        case "Keras":
            return "x = layers.Flatten()(x)"
        case "TensorFlow":
            return "x = tf.reshape(x, (x.shape[0], -1))"
        case _:
            return "x = x.reshape(x.shape[0], -1)"


def convolution(framework: str, dims: int, channels: int, filters: int | None, kernel: Sequence[int | None]) -> str:
    """The constructor of a convolution for this many channels."""
    square = len(set(kernel)) == 1
    size = "k" if not kernel else str(kernel[0]) if square else shown(kernel)
    out = "filters" if filters is None else filters
    match framework:
        case "PyTorch":
            return f"nn.Conv{dims}d({channels}, {out}, {size})"
        case "Keras":
            return f"layers.Conv{dims}D({out}, {size})"
        case _:
            return f"weights for {plural(channels, 'channel')}"


def linear(framework: str, features: int, out: int | None) -> str:
    """The constructor of a linear layer for this many features."""
    result = "out_features" if out is None else str(out)
    match framework:
        case "PyTorch":
            return f"nn.Linear({features}, {result})"
        case "Keras":
            return f"layers.Dense({'units' if out is None else out}) on {features} features"
        case "Flax" | "JAX":
            return f"nnx.Linear({features}, {result}, rngs=rngs)"
        case _:
            return f"a matrix of ({features}, {result})"


def axis_added(framework: str, axis: int, rank: int) -> str:
    """A new axis of length 1 at the front, in second place or at the end."""
    if framework == "PyTorch":
        return f"x = x.unsqueeze({axis})"
    parts = ["..."] if axis in (0, rank) else [":"] * axis
    index = ["None", *parts] if axis == 0 else [*parts, "None"]
    return "x = x[None]" if axis == 0 else f"x = x[{', '.join(index)}]"
