"""`convcalc rf`: the receptive field of a layer or of a chain of layers."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.answer import answer
from convcalc.cli.options import Asked, complete_type, layer_command
from convcalc.errors import NotationError
from convcalc.explain.layer import explain_chain, explain_rf, explain_shape
from convcalc.questions.chain import POOLS, chain_fields
from convcalc.questions.layer_report import report
from convcalc.render.views import chain_view, layer_rf_view


def _complete_layer(incomplete: str) -> list[str]:
    return [f"{name}:" for name in (*POOLS, *(n for n, _ in complete_type(incomplete))) if name.startswith(incomplete)]


@layer_command
def command(
    asked: Asked,
    layers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="LAYER",
            help="A chain of layer words such as k3s2p1, max:k2s2, t:k4s2p1.",
            autocompletion=_complete_layer,
        ),
    ] = None,
) -> int:
    """Receptive field: size, jump, start and coverage, of one layer or after each layer of a chain.

    Letters of a layer word: k kernel, s stride, p padding, d dilation, g groups, f filters, a output padding.

    Examples:
      convcalc rf k3 k3d2 k3d4
      convcalc rf k7s2p3f64 max:k3s2p1 k3p1 k3p1 -i 3x224x224
      convcalc rf k3s2p1 t:k4s2p1 --explain
      convcalc rf -t dilated -k 3 -d 4 -p 4
    """
    if not layers:
        result = report(asked.layer(), batch=asked.batch)
        return answer(
            asked,
            result.to_dict(),
            lambda: layer_rf_view(result, asked.layout),
            lambda: (
                *explain_shape(result),
                *explain_rf([s.name for s in result.stages], [(s.step.stage,) for s in result.stages]),
            ),
        )
    if asked.type or set(asked.options.given()) - {"input"} or asked.batch != 1:
        raise NotationError(
            "rf: takes layer words or the options of one layer, got both; write the options into the words, as k3s2p1"
        )
    chain = chain_fields(layers, asked.options.input, asked.layout)
    return answer(
        asked,
        chain.to_dict(),
        lambda: chain_view(chain, asked.layout),
        lambda: explain_chain(chain),
    )
