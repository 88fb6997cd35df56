"""How the numbers of tiles come about: halo, grid, what is computed twice."""

from __future__ import annotations

from convcalc import formulas
from convcalc.explain.rows import Explanation, named_axes, row_of
from convcalc.formulas import Symbol
from convcalc.questions.tile import TiledAxis, Tiling


def explain_tiles(plan: Tiling) -> tuple[Explanation, ...]:
    """The working-out of halos, and of the grid if there is one."""
    rows = [*named_axes([_halo(axis) for axis in plan.axes])]
    if plan.inside is not None:
        rows += named_axes([_inside(axis) for axis in plan.axes])
        if plan.inside.share and plan.recomputed is not None:
            products: dict[str, Symbol] = {"of_tiles": plan.inside.multiplications, "of_whole": plan.inside.share}
            rows.append(row_of("tile", "computed twice", formulas.RECOMPUTED, float(plan.recomputed), **products))
    if plan.reads is None or plan.grid is None or plan.multiplications is None:
        return tuple(rows)
    each = zip(plan.axes, plan.grid, plan.reads, strict=True)
    rows += named_axes([_grid(axis, count, read) for axis, count, read in each])
    symbols = {"of_tiles": plan.multiplications, "of_whole": plan.multiplications_whole}
    if plan.multiplications_whole and plan.recomputed is not None:
        rows.append(row_of("tiles", "computed twice", formulas.RECOMPUTED, float(plan.recomputed), **symbols))
    return tuple(rows)


def _halo(axis: TiledAxis) -> list[Explanation]:
    begin, end = axis.wrong
    common: dict[str, Symbol] = {"outputs_per_pixel": axis.ratio, "multiple": axis.multiple}
    return [
        row_of("halo", "halo at the beginning,", formulas.HALO_BEGIN, axis.halo[0], wrong_outputs=begin, **common),
        row_of(
            "halo", "halo at the end,", formulas.HALO_END, axis.halo[1],
            wrong_outputs=end, remainder=axis.remainder, **common,
        ),
    ]  # fmt: skip


def _inside(axis: TiledAxis) -> list[Explanation]:
    assert axis.tile is not None
    symbols = {"tile": axis.tile, "halo_begin": axis.halo[0], "halo_end": axis.halo[1]}
    return [row_of("tile", "a tile with its halo,", formulas.TILE_INSIDE, axis.tile + sum(axis.halo), **symbols)]


def _grid(axis: TiledAxis, count: int, read: int) -> list[Explanation]:
    assert axis.size is not None
    assert axis.output is not None
    assert axis.tile is not None
    symbols: dict[str, Symbol] = {
        "input": axis.size, "output": axis.output, "tile": axis.tile, "outputs_per_pixel": axis.ratio,
        "halo_begin": axis.halo[0], "halo_end": axis.halo[1],
    }  # fmt: skip
    return [
        row_of("tiles", "tiles along", formulas.TILE_COUNT, count, **symbols),
        row_of("tiles", "most that a tile reads along", formulas.TILE_READ, read, **symbols),
    ]
