"""`convcalc params`: weights and biases."""

from __future__ import annotations

from convcalc.cli.answer import answer
from convcalc.cli.options import SharedOptions, layer_command
from convcalc.render.views import params_view


@layer_command
def command(options: SharedOptions) -> int:
    """Weights and biases of every stage of a layer, or of a row of layers.

    Examples:
      convcalc params -i 64x56x56 -k 3 -f 128 --bias
      convcalc params 1x28x28 k5f6 max:k2 k5f16 max:k2 fc120 fc84 fc10 --bias
      convcalc params -t grouped -g 32 -i 256x14x14 -k 3 -f 256
      convcalc params -t spatially-separable -i 64x28x28 -k 7 -f 64 --explain
    """
    result = options.report()
    return answer(
        options, result.to_dict, lambda: params_view(result, options.layout), lambda whole: whole.explain_params(result)
    )
