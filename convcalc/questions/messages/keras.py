"""The shape errors of Keras and TensorFlow, those of Keras 2 too. Shapes are channels last unless told otherwise."""

from __future__ import annotations

from convcalc.questions.messages.known import Known, shape_of
from convcalc.questions.messages.pytorch import sizes_of
from convcalc.questions.messages.text import Shape
from convcalc.questions.messages.troubles import (
    Axes,
    Channels,
    Elements,
    Features,
    Fed,
    Groups,
    OutputPadding,
    Padded,
    Rule,
    Sizes,
    Smallest,
    TooSmall,
    Trouble,
    Weights,
)


def _last_axis(layer: str | None, axis: int, expected: int, shape: Shape) -> Trouble | None:
    if not shape or not -len(shape) <= axis < len(shape) or shape[axis] is None:
        return None
    got, name = shape[axis] or 0, layer or ""
    if "norm" in name:
        return Channels(expected, got, shape, layer="norm")
    if "dense" in name or len(shape) == 2:
        return Features(expected, got, shape=shape)
    return Channels(expected, got, shape)


def _axes(layer: str, needed: int, got: int, shape: Shape | None) -> Trouble:
    convolution = "conv" in layer or "pool" in layer
    return Axes((needed,), got, shape or (), needed - 2 if convolution and needed > 2 else None, layer)


def _conv_small(shape: Shape, weight: Shape, dilation: Shape) -> Trouble:
    dims = max(len(weight) - 2, 0)
    extents = tuple((d or 1) * ((k or 1) - 1) + 1 for k, d in zip(weight[:dims], dilation, strict=False))
    return TooSmall(shape[1:-1], extents, shape, weight)


def _pool_small(shape: Shape, kernel: Shape | int) -> Trouble:
    return TooSmall(shape[1:-1], shape_of(kernel), shape, pool=True)


def _negative(extent: int, size: int, pool: Shape | None, shape: Shape, weight: Shape | None) -> Trouble | None:
    if len(shape) < 3 or size not in shape:
        return None
    if pool and len(pool) == len(shape):
        return TooSmall(shape[1:-1], pool[1:-1], shape, pool=True)
    if weight and len(weight) == len(shape):
        return TooSmall(shape[1:-1], weight[:-2], shape, weight)
    extents = tuple(extent if length == size else 1 for length in shape[1:-1])
    return TooSmall(shape[1:-1], extents, shape, pool=True)


def _downsampled(shape: Shape) -> Trouble:
    return TooSmall(shape[1:-1], shape=shape)


def _depth(got: int, expected: int, shape: Shape | None, weight: Shape | None) -> Trouble:
    return Channels(expected, got, shape or (), weight or ())


def _equal(left: int, right: int, op: str | None, first: Shape | None, second: Shape | None) -> Trouble | None:
    if op == "MatMul" and first and second:
        return Features(second[0] or 0, first[-1] or 0, first[0], second[-1])
    if first and second and (found := sizes_of(first, second)):
        return found
    return Sizes(left, right)


def _joined(first: Shape, second: Shape) -> Trouble | None:
    return sizes_of(first, second, joined=True, skipped=len(first) - 1) or sizes_of(first, second, joined=True)


def _joined_at(axis: int, first: Shape, second: Shape) -> Trouble | None:
    if not axis < min(len(first), len(second)):
        return None
    return Sizes(first[axis] or 0, second[axis] or 0, axis, True, (first, second))


def _reshape(shape: Shape, target: Shape) -> Trouble | None:
    if None in shape:
        return None
    elements = 1
    for length in shape:
        elements *= length or 1
    return Elements(elements, (None, *target), (None, *shape))


def _fed(name: str, wanted: Shape, found: Shape) -> Trouble | None:
    if len(wanted) == len(found):
        pairs = enumerate(zip(found, wanted, strict=True))
        differing = tuple((axis, g, w) for axis, (g, w) in pairs if None not in (g, w) and g != w)
        return Fed(name, differing, found, wanted) if differing else None
    return Fed(name, (), found, wanted)


def _mismatch(wanted: Shape, found: Shape) -> Trouble | None:
    return _fed("input", wanted, found)


LAYER = r"(?: with name '[^']{0,80}')? (?:of|is incompatible with) layer:? '?\"?([\w/]{1,80})'?\"?"
MESSAGES = (
    Known(
        "Keras", "Input 0 of layer 'conv2d' is incompatible with the layer: expected axis -1 of input shape to have ..",
        rf"Input 0{LAYER}(?: is incompatible with the layer)?: expected axis <n> of input shape to have value:? <n>,? "
        r"but (?:received input with|got) shape ?<shape>", _last_axis,
    ),
    Known(
        "Keras", "Input 0 of layer 'conv2d' is incompatible with the layer: expected min_ndim=4, found ndim=3",
        rf"Input 0{LAYER}(?: is incompatible with the layer)?: ?expected (?:min_)?ndim=<n>, found ndim=<n>"
        r"(?:\. Full shape received: ?<shape>)?", _axes,
    ),
    Known(
        "Keras", "Error when checking input: expected conv2d_input to have 4 dimensions, but got array with shape (..)",
        r"expected ([\w/]{1,80}) to have <n> dimensions, but got array with shape <shape>",
        lambda layer, needed, shape: _axes(layer, needed, len(shape), shape),
    ),
    Known(
        "Keras", "Input 0 of layer 'functional' is incompatible with the layer: expected shape=(..), found shape=(..)",
        rf"Input 0{LAYER}(?: is incompatible with the layer)?: ?expected shape=<shape>, found shape=<shape>", _fed,
    ),
    Known(
        "Keras", "Computed output size would be zero or negative. Received 'inputs shape=(..)', 'kernel shape=(..)'",
        r"[Cc]omputed output size would be (?:zero or )?negative\. Received:? '?inputs[ .]shape=<shape>'?, "
        r"'?kernel shape=<shape>'?, '?dilation_rate=<shape>", _conv_small,
    ),
    Known(
        "Keras", "Computed output size would be zero or negative. Received: 'inputs.shape=[..]', 'pool_size=[..]'",
        r"[Cc]omputed output size would be (?:zero or )?negative\. Received:? '?inputs[ .]shape=<shape>'?, "
        r"'?pool_size=<shape>", _pool_small,
    ),
    Known(
        "Keras", "One of the dimensions in the output is <= 0 due to downsampling in conv2d",
        r"in the output is <= 0 due to downsampling in [\w/]{1,80}\.[\w ]{0,60}\. Received input shape <shape>",
        _downsampled,
    ),
    Known(
        "TensorFlow", "Negative dimension size caused by subtracting 3 from 2 for .. with input shapes: [..], [..]",
        r"Negative dimension size caused by subtracting <n> from <n> for (?:[^;]{0,400}?ksize=<shape>)?[^;]{0,400}? "
        r"with input shapes: ?<shape>(?:, ?<shape>)?", _negative,
    ),
    Known(
        "Keras", "Input size must be at least 32x32; Received: input_shape=(31, 31, 3)",
        r"Input size must be at least (\d+x\d+);? Received: input_shape=<shape>",
        lambda least, shape: Smallest(shape_of(least), shape_of(shape)),
    ),
    Known(
        "Keras", "A 'Concatenate' layer requires inputs with matching shapes except for the concatenation axis",
        r"'?Concatenate'? layer requires inputs with matching shapes except for the concat(?:enation)? axis[.:] ?"
        r"(?:Received: |Got inputs shapes: )?(?:input_shape=)?\[<shape>, ?<shape>", _joined,
    ),
    Known(
        "Keras", "Inputs have incompatible shapes. Received shapes (..) and (..)",
        r"(?:Inputs have|Operands could not be broadcast together with) (?:incompatible )?shapes\.? "
        r"(?:Received shapes )?<shape> (?:and )?<shape>",
        lambda left, right: sizes_of((None, *left), (None, *right)),
    ),
    Known(
        "Keras", "The total size of the tensor must be unchanged. Received: input_shape=(..), target_shape=(..)",
        r"[Tt]otal size of (?:the tensor|new array) must be unchanged[.,] ?(?:Received: )?input_shape ?= ?<shape>, "
        r"(?:target_shape|output_shape) ?= ?<shape>", _reshape,
    ),
    Known(
        "Keras", "The number of filters must be evenly divisible by the number of groups. Received: groups=2, ..",
        r"divisible by the number of groups\. Received: groups=<n>, filters=<n>",
        lambda groups, filters: Groups(groups, filters=filters),
    ),
    Known(
        "Keras", "The number of input channels must be evenly divisible by the number of groups. Received groups=2, ..",
        r"divisible by the number of groups\. Received:? groups=<n>, but the input has <n> channels",
        lambda groups, channels: Groups(groups, channels=channels),
    ),
    Known(
        "Keras", "'output_padding' must be strictly less than 'strides'. Received: output_padding=(..), strides=(..)",
        r"'?output_padding'? must be strictly less than '?strides'?[^;]{0,160}?Received: output_padding=<shape>, "
        r"strides=<shape>", OutputPadding,
    ),
    Known(
        "Keras", "Layer conv2d weight shape (..) is not compatible with provided weight shape (..)",
        r"Layer '?([\w/]{1,80})'? weight shape <shape> is not compatible with provided weight shape <shape>",
        lambda name, model, file: Weights(name, shape_of(file), shape_of(model)),
    ),
    Known(
        "Keras", "Arguments 'target' and 'output' must have the same shape. Received: target.shape=(..), ..",
        r"Received: target\.shape=<shape>, output\.shape=<shape>", lambda wanted, got: sizes_of(got, wanted),
    ),
    Known(
        "TensorFlow", "input depth must be evenly divisible by filter depth: 4 vs 3",
        r"input depth must be evenly divisible by filter depth: <n> vs <n>",
        lambda got, expected: Channels(expected, got),
    ),
    Known(
        "TensorFlow", "Depth of input (4) is not a multiple of input depth of filter (3)",
        r"Depth of input \(<n>\) is not a multiple of input depth of filter \(<n>\)"
        r"(?:[^;]{0,700}? with input shapes: ?<shape>, ?<shape>)?", _depth,
    ),
    Known(
        "TensorFlow", "output depth must be evenly divisible by number of groups: 7 vs 2",
        r"output depth must be evenly divisible by number of groups: <n> vs <n>",
        lambda filters, groups: Groups(groups, filters=filters),
    ),
    Known(
        "TensorFlow", "Matrix size-incompatible: In[0]: [32,400], In[1]: [120,84]",
        r"Matrix size-incompatible: In\[0\]: \[<n>, ?<n>\], In\[1\]: \[<n>, ?<n>\]",
        lambda rows, got, expected, out: Features(expected, got, rows, out),
    ),
    Known(
        "TensorFlow", "Dimensions must be equal, but are 28 and 27 for .. with input shapes: [..], [..]",
        r"Dimensions must be equal, but are <n> and <n>(?: for '?(?:\{\{node [^}]{0,200}\}\} = ([A-Za-z0-9]{1,40})\[)?"
        r"[^;]{0,700}? with input shapes: ?<shape>, ?<shape>)?", _equal,
    ),
    Known(
        "TensorFlow", "Incompatible shapes: [1,28,28,3] vs. [1,27,28,3]",
        r"Incompatible shapes: ?<shape> vs\. ?<shape>", sizes_of,
    ),
    Known(
        "TensorFlow", "ConcatOp : Dimension 1 in both shapes must be equal: shape[0] = [..] vs. shape[1] = [..]",
        r"Dimension <n> in both shapes must be equal: shape\[0\] = <shape> vs\. shape\[\d+\] = <shape>", _joined_at,
    ),
    Known(
        "TensorFlow", "Dimension 1 in both shapes must be equal, but are 28 and 27",
        r"Dimension <n> in both shapes must be equal, but are <n> and <n>",
        lambda axis, left, right: Sizes(left, right, axis, joined=True),
    ),
    Known(
        "TensorFlow", "Input to reshape is a tensor with 2304 values, but the requested shape has 1600",
        r"Input to reshape is a tensor with <n> values, but the requested shape (?:has|requires a multiple of) <n>",
        lambda elements, wanted: Elements(elements, (None, wanted)),
    ),
    Known(
        "TensorFlow", "Cannot reshape a tensor with 2304 elements to shape [4,400]",
        r"Cannot reshape a tensor with <n> elements to shape ?<shape>", Elements,
    ),
    Known(
        "TensorFlow", "paddings must be less than the dimension size: 4, 4 not less than 4",
        r"paddings must be less than the dimension size: <n>, <n> not less than <n>",
        lambda before, after, size: Padded(max(before, after), size),
    ),
    Known(
        "TensorFlow", "Shapes (..) and (..) are incompatible",
        r"Shapes <shape> and <shape> are incompatible", sizes_of,
    ),
    Known(
        "Keras", "Shapes used to initialize variables must be fully-defined. Received: shape=(None, 10)",
        r"Shapes used to initialize variables must be fully-defined()", lambda _: Rule(
            "the image size is open, so that Flatten gives an unknown number of features.",
            "Input(shape=(height, width, channels)) with numbers, or GlobalAveragePooling2D in place of Flatten",
        ),
    ),
    Known(
        "TensorFlow", "could not create a descriptor for a pooling forward propagation primitive",
        r"could not create a descriptor for a pooling forward propagation primitive()", lambda _: Rule(
            "the map is smaller than the pool's window.", "padding='same' in the pool, or a larger image"
        ),
    ),
)  # fmt: skip
