"""Every formula as text in option names, with its source; the functions that compute live beside the walks.

The text is plain arithmetic: whole numbers, + - * /, floor, ceil, max, product over axes, and a count of pairs.
The tests evaluate it, as it stands and with the numbers put in, and demand what the functions return.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

DUMOULIN = "Dumoulin & Visin 2016"
ARAUJO = "Araujo, Norris & Sim 2019"
DEFINITION = "by definition"

_PRODUCT = re.compile(r"product\((\w+)\)")
_NAME = re.compile(r"[a-z_]\w*")


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula in option names, and where it comes from."""

    text: str
    source: str

    def with_numbers(self, **symbols: int | Sequence[int]) -> str:
        """The text with every symbol replaced by its number, and products written out over the axes.

        >>> Formula("filters * product(kernel)", "").with_numbers(filters=4, kernel=(3, 5))
        '4 * (3*5)'
        """

        def written_out(match: re.Match[str]) -> str:
            values = symbols[match[1]]
            assert isinstance(values, Sequence)
            return f"({'*'.join(map(str, values))})" if len(values) > 1 else str(values[0])

        def put_in(match: re.Match[str]) -> str:
            value = symbols.get(match[0], match[0])
            return f"({value})" if isinstance(value, int) and value < 0 else str(value)

        return _NAME.sub(put_in, _PRODUCT.sub(written_out, self.text))


OUTPUT = Formula("floor((input + padding_begin + padding_end - kernel) / stride) + 1", f"{DUMOULIN}, relationship 6")
OUTPUT_DILATED = Formula(
    "floor((input + padding_begin + padding_end - dilation*(kernel - 1) - 1) / stride) + 1",
    f"{DUMOULIN}, relationship 15",
)
OUTPUT_TRANSPOSED = Formula(
    "(input - 1)*stride + dilation*(kernel - 1) + 1 + output_padding - padding_begin - padding_end",
    f"{DUMOULIN}, relationship 14",
)
OUTPUT_CHANNELS = Formula("filters", "one output channel per filter")
OUTPUT_CHANNELS_DEPTHWISE = Formula("channels * multiplier", "multiplier filters for every channel alone")
PADDING_BEGIN = Formula("floor(total / 2)", "the odd pixel goes to the end")
PADDING_BEGIN_LOWER = Formula("ceil(total / 2)", "the odd pixel goes to the beginning")
LENGTHENED = Formula(
    "output - ((input - 1)*stride + dilation*(kernel - 1) + 1 - padding_begin - padding_end)",
    "what the output wanted has beyond the full result",
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
BIASES = Formula("filters * bias", "one bias per filter where --bias is given")
PARAMETERS = Formula("weights + biases", DEFINITION)

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
    "n products need n - 1 additions, at every output that any reaches",
)
ACTIVATIONS = Formula("batch * filters * product(output)", "elements of the output")
MACS = Formula("multiplications", "one multiply-accumulate per multiplication")
FLOPS = Formula("2 * macs", "the convention of most papers")
BYTES = Formula("(parameters + activations) * bytes_per_element", DEFINITION)

WEIGHTS_LINEAR = Formula("in_features * filters", "one weight for every pair of features")
MULTIPLICATIONS_LINEAR = Formula("rows * in_features * filters", "every input feature times each of its weights")
ADDITIONS_LINEAR = Formula("rows * filters * (in_features - 1 + bias)", ADDITIONS.source)
MULTIPLICATIONS_MATMUL = Formula("elements * summed", "a sum of so many products for every element of the output")
ADDITIONS_MATMUL = Formula("elements * (summed - 1)", ADDITIONS.source)
PARAMETERS_NORM = Formula("2 * channels", "a scale and a shift for every channel")
BYTES_MOVED = Formula("(read + parameters + written) * bytes_per_element", "inputs, parameters and outputs, once each")

RATIO = Formula("compared / base", DEFINITION)

SIZE = Formula("size_before + (kernel - 1)*dilation*jump_before", ARAUJO)
JUMP = Formula("jump_before * stride", f"{ARAUJO}; a transposed stride divides")
START = Formula("start_before - padding_begin*jump_before", ARAUJO)
SPAN = Formula("last - first + 1", "the widest set of positions that one output reads")
FIRST = Formula("first", "the first position that output 0 reads")
COVERAGE = Formula("count(positions)", "the positions that one output reads, one by one")
