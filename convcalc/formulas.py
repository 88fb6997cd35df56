"""Every formula as text in option names, with its source; the code that computes them is in the walks.

The text is plain arithmetic: whole numbers, + - * /, floor, ceil, min, max, product over axes, sum and max over
inputs, and a count of pairs.
The tests evaluate every text, as written and with numbers, and compare it with what the code returns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TypeAlias

DUMOULIN = "Dumoulin & Visin 2016"
WILLIAMS = "Williams, Waterman & Patterson 2009"
ARAUJO = "Araujo, Norris & Sim 2019"
DEFINITION = "by definition"

_SYMBOL = re.compile(r"(?:(product|sum|max)\((\w+)\))|([a-z_]\w*)")
_LISTED = {"product": ("*", "", "1"), "sum": (" + ", "", "0"), "max": (", ", "max", "0")}
"""For several numbers: the text between them, the text before their parentheses, and the text for none."""


Symbol: TypeAlias = int | Fraction | Sequence[int]


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula in option names, and where it comes from."""

    text: str
    source: str

    def with_numbers(self, **symbols: Symbol) -> str:
        """The text with every symbol replaced by its number, and products, sums and maxima of several written out.

        >>> Formula("filters * product(kernel)", "").with_numbers(filters=4, kernel=(3, 5))
        '4 * (3*5)'
        """
        template, wanted = _template(self.text, tuple(symbols))
        return template % tuple(
            [_several(function, symbols[name]) if function else _one(symbols[name]) for function, name in wanted]
        )


@cache
def _template(text: str, names: tuple[str, ...]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A formula with a %s for each of these symbols, and the symbols in order, each with its function of several."""
    pieces, wanted, end = list[str](), list[tuple[str, str]](), 0
    for found in _SYMBOL.finditer(text):
        function, name = found[1] or "", found[2] or found[3]
        if name in names:
            pieces += [text[end : found.start()].replace("%", "%%"), "%s"]
            wanted.append((function, name))
            end = found.end()
    return "".join(pieces) + text[end:].replace("%", "%%"), tuple(wanted)


def _one(value: Symbol) -> str:
    """A number as part of a formula: in parentheses if its sign or fraction bar could be misread."""
    if isinstance(value, int):  # nearly always
        return str(value) if value >= 0 else f"({value})"
    return f"({value})" if isinstance(value, Fraction) and value.denominator > 1 else str(value)


def _several(function: str, values: Symbol) -> str:
    assert not isinstance(values, int | Fraction)
    between, before, of_none = _LISTED[function]
    written = between.join(map(str, values)) or of_none
    return f"{before}({written})" if len(values) > 1 else written


OUTPUT = Formula("floor((input + padding_begin + padding_end - kernel) / stride) + 1", f"{DUMOULIN}, relationship 6")
OUTPUT_DILATED = Formula(
    "floor((input + padding_begin + padding_end - dilation*(kernel - 1) - 1) / stride) + 1",
    f"{DUMOULIN}, relationship 15",
)
OUTPUT_CEILED = Formula(
    "min(ceil((input + padding_begin + padding_end - dilation*(kernel - 1) - 1) / stride) + 1, "
    "ceil((input + padding_begin) / stride))",
    "PyTorch, torch.nn.MaxPool2d, ceil_mode: the last window begins before the padding at the end",
)
OUTPUT_TRANSPOSED = Formula(
    "(input - 1)*stride + dilation*(kernel - 1) + 1 + output_padding - padding_begin - padding_end",
    f"{DUMOULIN}, relationship 14",
)
LEAST_PADDING = Formula(
    "(output - 1)*stride + dilation*(kernel - 1) + 1 - input", f"{DUMOULIN}, relationship 15, solved for the padding"
)
GREATEST_PADDING = Formula(
    "output*stride + dilation*(kernel - 1) - input", "one pixel less than another window would need"
)
CROP = Formula(
    "(input - 1)*stride + dilation*(kernel - 1) + 1 + output_padding - output",
    f"{DUMOULIN}, relationship 14, solved for the padding",
)
LEAST_INPUT = Formula(
    "max(1, (output - 1)*stride + dilation*(kernel - 1) + 1 - padding_begin - padding_end)",
    f"{DUMOULIN}, relationship 15, solved for the input",
)
GREATEST_INPUT = Formula("output*stride + dilation*(kernel - 1) - padding_begin - padding_end", GREATEST_PADDING.source)
EXTENT = Formula("dilation*(kernel - 1) + 1", "from the first tap to the last")
OUTPUT_CHANNELS = Formula("filters", "one output channel per filter")
OUTPUT_CHANNELS_DEPTHWISE = Formula("channels * multiplier", "multiplier filters for every channel alone")
OUTPUT_KEPT = Formula("input", "the axis stays as it is")
OUTPUT_SHUFFLED = Formula("input", "only the order of channels changes")
OUTPUT_POOLED = Formula("input", "channel by channel")
OUTPUT_FEATURES = Formula("filters", "one output feature for every row of weights")
OUTPUT_SIDE_BY_SIDE = Formula("sum(inputs)", "the inputs side by side")
OUTPUT_STRETCHED = Formula("max(inputs)", "inputs with one position are repeated to match the others")
OUTPUT_REDUCED = Formula("1", "one value for all positions")
OUTPUT_FLAT = Formula("product(input)", "everything on one axis")
OUTPUT_PADDED = Formula("input + padding_begin + padding_end", "a crop is a negative padding")
OUTPUT_GIVEN = Formula("size", "the size asked for")
OUTPUT_TAKEN = Formula("size", "as many positions as are taken")
OUTPUT_OWN = Formula("size", "the layer's own array")
OUTPUT_STATED = Formula("size", "as the file says")
PADDING_BEGIN = Formula("floor(total / 2)", "the odd pixel goes to the end")
PADDING_BEGIN_LOWER = Formula("ceil(total / 2)", "the odd pixel goes to the beginning")
LENGTHENED = Formula(
    "output - ((input - 1)*stride + dilation*(kernel - 1) + 1 - padding_begin - padding_end)",
    "how far the output asked for exceeds the full result",
)
SAME = Formula(
    "max(0, (ceil(input / stride) - 1)*stride + dilation*(kernel - 1) + 1 - input)",
    "output = ceil(input / stride), as ONNX's SAME_UPPER and SAME_LOWER",
)
SAME_TRANSPOSED = Formula("max(0, dilation*(kernel - 1) + 1 - stride)", "crops the full result to input * stride")
TOTAL_PADDING = {
    "valid": Formula("0", "no padding"),
    "same": SAME,
    "same-lower": SAME,
    "full": Formula("2*dilation*(kernel - 1)", f"{DUMOULIN}, relationship 4: extent - 1 on both sides"),
    "causal": Formula("dilation*(kernel - 1)", "extent - 1 at the beginning"),
}
"""What a padding word means, before and after together, for a convolution."""

WEIGHTS = Formula("filters * (in_channels / groups) * product(kernel)", "one weight per tap and input channel")
WEIGHTS_TRANSPOSED = Formula("in_channels * (filters / groups) * product(kernel)", WEIGHTS.source)
BIASES = Formula("filters * bias", "one bias per filter if the layer has biases")
PARAMETERS = Formula("weights + biases", DEFINITION)
PARAMETERS_SHARED = Formula("weights + biases - shared", "arrays shared with an earlier layer count there")

MULTIPLICATIONS = Formula(
    "batch * filters * product(output) * (in_channels / groups) * product(kernel)",
    "every tap of every window position",
)
MULTIPLICATIONS_TRANSPOSED = Formula(
    "batch * product(input) * in_channels * (filters / groups) * product(kernel)",
    "every input value times each of its weights",
)
TAPS_ON_DATA = Formula(
    "count(0 <= p*stride + t*dilation - padding_begin < input for p in range(output) for t in range(kernel))",
    "taps that touch data, tap by tap",
)
TAPS_IN_OUTPUT = Formula(
    "count(0 <= p*stride + t*dilation - padding_begin < output for p in range(input) for t in range(kernel))",
    "taps that land inside the output, tap by tap",
)
EFFECTIVE = Formula("batch * filters * (in_channels / groups) * product(taps_on_data)", "padding zeros left out")
EFFECTIVE_TRANSPOSED = Formula(EFFECTIVE.text, "products that land outside the output left out")
ZERO_INSERTED = Formula(
    "batch * filters * product(output) * (in_channels / groups) * product(kernel)",
    f"{DUMOULIN}, figure 4.5: a convolution over the zero-inserted input",
)
ADDITIONS = Formula(
    "batch * filters * product(output) * ((in_channels / groups) * product(kernel) - 1 + bias)",
    "n products need n - 1 additions",
)
ADDITIONS_TRANSPOSED = Formula(
    "effective - batch * filters * product(outputs_reached) + batch * filters * product(output) * bias",
    "n products need n - 1 additions, at every output that receives any",
)
ACTIVATIONS = Formula("batch * filters * product(output)", "elements of the output")
MACS = Formula("multiplications", "one multiply-accumulate per multiplication")
FLOPS = Formula("2 * macs", "the convention of most papers")
INPUT_BYTES = Formula("input_elements * bytes_per_element", DEFINITION)
OUTPUT_BYTES = Formula("activations * bytes_per_element", DEFINITION)
BYTES = Formula("(parameters + activations) * bytes_per_element", DEFINITION)

ACTIVATIONS_LAYER = Formula("product(shape)", "elements of the output, batch included")
EFFECTIVE_UNPADDED = Formula("multiplications", "there is no padding")
NOT_COUNTED = Formula("0", "only convolutions, linear layers and matrix products are counted")
NOT_LEARNED = Formula("0", "nothing is learned")
WEIGHTS_LINEAR = Formula("in_features * filters", "one weight for every pair of features")
MULTIPLICATIONS_LINEAR = Formula("rows * in_features * filters", "every input feature times each of its weights")
ADDITIONS_LINEAR = Formula("rows * filters * (in_features - 1 + bias)", ADDITIONS.source)
MULTIPLICATIONS_MATMUL = Formula("elements * summed", "every element of the output is the sum of that many products")
ADDITIONS_MATMUL = Formula("elements * (summed - 1)", ADDITIONS.source)
WEIGHTS_ARRAY = Formula("product(array)", "every element of the learned array")
BUFFERS = Formula("2 * channels", "a running mean and a running variance per channel; apart from the parameters")
BUFFERS_SHARED = Formula("0", "the same statistics as an earlier layer's, where they count")
BIASES_ARRAY = Formula("product(array) * bias", "one shift per scale if the layer has shifts")
SHARE = Formula("multiplications / all_multiplications", "share of the network's multiplications")
SHARE_OF_NONE = Formula("0", "the network multiplies nothing")
BYTES_MOVED = Formula("(read + parameters + written) * bytes_per_element", "inputs, parameters and outputs, once each")
BYTES_OF_FREE = Formula("0", "as deployed: done as the layer before writes, or without any work")
INTENSITY = Formula("flops / bytes_moved", "operations per byte moved")
BOUND = Formula("flops / peak > bytes_moved / bandwidth", f"compute if this holds, else memory; {WILLIAMS}")
LEAST_SECONDS = Formula("max(flops / peak, bytes_moved / bandwidth)", WILLIAMS)
BOUND_OF_ALL = Formula(
    "compute_bound_flops / peak > memory_bound_bytes / bandwidth",
    "compute if this holds, else memory: what bounds the larger part of the time",
)
LEAST_SECONDS_OF_ALL = Formula(
    "compute_bound_flops / peak + memory_bound_bytes / bandwidth", "layer after layer, each by its bound"
)
RIDGE = Formula("peak / bandwidth", f"above this many operations per byte arithmetic is the bound; {WILLIAMS}")
PARAMETER_BYTES = Formula("parameters * bytes_per_element", DEFINITION)
PEAK_BYTES = Formula(
    "sum(live) * bytes_per_element",
    "as deployed: the tensors alive at once, each until its last reader has run, element-wise layers in place",
)
PEAK_BYTES_UNFUSED = Formula(
    "sum(live) * bytes_per_element",
    "layer by layer: the tensors alive at once, each until its last reader has run",
)

RATIO = Formula("compared / base", DEFINITION)

SIZE = Formula("size_before + (kernel - 1)*dilation*jump_before", ARAUJO)
NO_HOLE = Formula("seen_before", "no larger, or the pixel just after those seen before would be left out")
JUMP = Formula("jump_before * stride", f"{ARAUJO}; a transposed stride divides")
JUMP_TRANSPOSED = Formula("jump_before / stride", JUMP.source)
JUMP_OF_STAGES = Formula("jump_before * product(stride)", f"{ARAUJO}, stage after stage")
JUMP_OF_PATTERN = Formula(
    "advance / period", "the pattern of positions repeats every `period` outputs, `advance` pixels further on"
)
NO_JUMP = Formula("0", "every output reads the same positions")
START = Formula("start_before - padding_begin*jump_before", ARAUJO)
SPAN = Formula("last - first + 1", "the widest set of positions that one output reads")
SPAN_OF_NONE = Formula("0", "no input is read")
FIRST = Formula("first", "the first position that output 0 reads")
COVERAGE = Formula("count(positions)", "the positions that one output reads, one by one")

HALO_BEGIN = Formula(
    "ceil(wrong_outputs / (outputs_per_pixel * multiple)) * multiple",
    "a tile inside the input gets this many outputs wrong at its beginning, where layers read padding for data",
)
HALO_END = Formula(
    "ceil((ceil(wrong_outputs / outputs_per_pixel) - remainder) / multiple) * multiple + remainder",
    "a tile inside the input gets this many outputs wrong at its end, where layers read padding for data",
)
TILE_COUNT = Formula("min(ceil(input / tile), ceil(output / (tile * outputs_per_pixel)))", DEFINITION)
TILE_READ = Formula("min(input, tile + halo_begin + halo_end)", "the most that a tile reads")
TILE_INSIDE = Formula("tile + halo_begin + halo_end", "what a tile reads inside a large input")
RECOMPUTED = Formula(
    "(of_tiles - of_whole) / of_whole", "multiplications that are done again, as a share of the whole's"
)
STREAM_FIRST = Formula("first*stride - padding_begin", "the first tap of the first output that is asked for")
STREAM_LAST = Formula(
    "last*stride - padding_begin + dilation*(kernel - 1)", "the last tap of the last output that is asked for"
)
STREAM_FIRST_SPREAD = Formula(
    "ceil((first + padding_begin - dilation*(kernel - 1)) / stride)", "the first input whose last tap gets that far"
)
STREAM_LAST_SPREAD = Formula("floor((last + padding_begin) / stride)", "the last input whose first tap is not beyond")
STREAM_STATE = Formula(
    "max(0, arrived + padding_begin - given*stride)", "inputs from the first tap of the next output on"
)
STREAM_STATE_SPREAD = Formula("max(0, dilation*(kernel - 1) + 1 - stride)", "sums to which the next input adds")
STREAM_STATE_JOIN = Formula("arrived - given", "what one branch has and another has not")
STREAM_VALUES = Formula("batch * product(shape)", "the array that is kept")
STREAM_VALUES_ALL = Formula("sum(values)", "all layers")
STREAM_LEFT = Formula("max(0, -first)", "samples before a chunk that its outputs need")
STREAM_AHEAD = Formula("max(0, last + 1 - smallest_chunk)", "samples after a chunk that its outputs need")
STREAM_LATENCY = Formula("look_ahead + smallest_chunk", "from the first sample of a chunk to its outputs")
STREAM_LATENCY_CHUNKS = Formula(
    "max(0, last + 1 + chunk - common + rest)",
    "at worst; common divides chunk and smallest chunk, rest is what last + 1 lacks to a multiple of it",
)
STREAM_TIME = Formula("1000 * samples / rate", "a second has 1000 ms")
STREAM_PER_SECOND = Formula("multiplications_per_sample * rate", DEFINITION)
STREAM_OVERLAPPED = Formula(
    "ceil(left_context / smallest_chunk)*smallest_chunk + chunk + look_ahead", "begins where the strides do"
)
STREAM_RECOMPUTED = Formula("(samples - chunk) / samples", "context whose outputs are thrown away")
