"""`convcalc shape`: output sizes."""

from __future__ import annotations

from convcalc.cli.answer import answer
from convcalc.cli.options import SharedOptions, layer_command
from convcalc.render.views import shape_view


@layer_command
def command(options: SharedOptions) -> int:
    """Output size of every stage of a layer, or of a row of layers.

    Examples:
      convcalc shape -i 3x224x224 -k 7 -s 2 -p 3 -f 64
      convcalc shape 3x224x224 k7s2p3f64 max:k3s2p1 k3p1*2
      convcalc shape -t transposed -i 16x8x8 -k 4 -s 2 -p 1 -f 8 --explain
      convcalc shape -t depthwise-separable -i 32x112x112 -f 64 -p same --json
    """
    result = options.report()
    return answer(
        options, result.to_dict, lambda: shape_view(result, options.layout), lambda whole: whole.explain_shape(result)
    )
