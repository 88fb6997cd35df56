"""`convcalc rf`: the receptive field of a layer or of a row of layers."""

from __future__ import annotations

from convcalc.cli.answer import answer
from convcalc.cli.options import SharedOptions, layer_command
from convcalc.questions.chain import chain_fields
from convcalc.questions.report import layer_report
from convcalc.render.views import chain_rf_view, rf_view


@layer_command
def command(options: SharedOptions) -> int:
    """Receptive field: size, jump, start and coverage, of one layer or after each layer of a row.

    Letters of a layer word: k kernel, s stride, p padding, d dilation, g groups, f filters, a output padding,
    m multiplier, b bias, c round up; *N repeats it. A row needs no size.

    Examples:
      convcalc rf k3 k3d2 k3d4
      convcalc rf 3x224x224 k7s2p3f64 max:k3s2p1 k3p1*4
      convcalc rf k3s2p1 t:k4s2p1 --explain
      convcalc rf -t dilated -k 3 -d 4 -p 4
    """
    if options.words:
        graph = options.graph()
        chain = chain_fields(graph, sized=options.sized)
        return answer(
            options,
            chain.to_dict,
            lambda: chain_rf_view(chain, options.layout),
            lambda whole: whole.explain_rf(layer_report(graph), sizes=options.sized),
        )
    result = options.report()
    return answer(
        options, result.to_dict, lambda: rf_view(result, options.layout), lambda whole: whole.explain_rf(result)
    )
