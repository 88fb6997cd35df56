"""`convcalc tile`: how to cut a large input into tiles."""

# mypy: disable-error-code="valid-type"
# The annotations are made by functions, for Typer, which reads them at run time.

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from convcalc.cli import ANSWERED, DISAGREED
from convcalc.cli.answer import answer, print_json
from convcalc.cli.conflicts import TILES, check_conflicts
from convcalc.cli.options import WORDS_OR_MODEL, SharedOptions, flag, layer_command, option
from convcalc.errors import NotationError
from convcalc.notation import parse_padding_mode
from convcalc.questions.tile_plan import tile_sweep, tiling
from convcalc.render.tile import tile_checks_view, tile_sweep_view, tile_view

if TYPE_CHECKING:
    from convcalc.explain.rows import Explanation
    from convcalc.questions.subject import Subject

PANEL = "Tiles"
TILE = option("--tile", metavar="N[xN]", help="Input pixels that a tile answers for, without its halo.", panel=PANEL)
UNTIL = option("--until", metavar="LAYER", help="Stop after this layer, by its name or number.", panel=PANEL)
SWEEP = option("--sweep", metavar="SIZES", help="What tiles of these sizes cost, e.g. 128..1024.", panel=PANEL)
CHECK = flag("--check", help="Run the tiles and the whole, and compare.", panel=PANEL)


@partial(layer_command, words=WORDS_OR_MODEL)
def command(
    options: SharedOptions, tile: TILE = None, sweep: SWEEP = None, until: UNTIL = None, check: CHECK = False
) -> int:
    """How to cut a large input into tiles that give exactly the output of the whole: halo, grid, cost and memory.

    LAYER words, or a MODEL: a network of the zoo, a .toml or .onnx file. Without a size: halo, multiple, and one tile.

    Examples:
      convcalc tile 3x1024x1024 k7s2p3f64 k3p1f64 t:k4s2p1f3 --tile 256
      convcalc tile k3p1 k3s2p1 k3d2p2 t:k4s2p1
      convcalc tile 1x96x96 k3p1 k3s2p1 k3d2p2 t:k4s2p1 --tile 32 --check
      convcalc tile unet --input 3x2044x2044 --tile 512
      convcalc tile unet --input 3x2044x2044 --sweep 128..1024
      convcalc tile resnet50 --until layer2/4/relu3 --input 3x2048x2048 --tile 512
    """
    from convcalc.cli.progress import progress

    check_conflicts("tile", TILES, {"--check": check, "--explain": options.explain, "--tile": tile, "--sweep": sweep})
    subject = options.subject()
    if until is not None:
        from convcalc.questions.subject import subject_until

        subject = subject_until(subject, until)
    mode = "zeros" if options.layer.padding_mode is None else parse_padding_mode(options.layer.padding_mode)
    if sweep is not None:
        _check_sized(options, subject, "--sweep")
        with progress(f"{subject.name}: planning") as show_progress:
            swept = tile_sweep(subject, sweep, mode=mode, progress=show_progress)
        return answer(options, swept.to_dict, lambda: tile_sweep_view(swept), None)
    plan = tiling(subject, tile, mode=mode)
    if not check:

        def working_out(_: object) -> tuple[Explanation, ...]:
            from convcalc.explain.tiles import explain_tiles

            return explain_tiles(plan)

        return answer(options, plan.to_dict, lambda: tile_view(plan, options.layout), working_out)
    _check_sized(options, subject, "--check")
    from convcalc.proof.tiled import check_tiles
    from convcalc.render.table import show

    with progress(f"{plan.name}: checking") as show_progress:
        run = check_tiles(subject, plan, mode=mode, progress=show_progress)
    if options.json:
        print_json({**plan.to_dict(), **run.to_dict()})
    else:
        show(tile_checks_view(plan, run), sys.stdout)
    return ANSWERED if run.ok else DISAGREED


def _check_sized(options: SharedOptions, subject: Subject, option: str) -> None:
    """Raises NotationError for an option that needs the size of the input if there is none."""
    if subject.size is None:
        from convcalc.readers.words import example_input

        raise NotationError(
            f"tile: {option} is about an input of known size, got none; "
            f"add {example_input(options.words)} before the layers"
        )
