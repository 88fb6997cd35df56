"""A plan of tiles as a table: a column for each axis, and one for all of them together."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from convcalc.errors import plural, shortened
from convcalc.graph.shapes import AXIS_NAMES
from convcalc.notation import Layout, show_axes, show_size
from convcalc.questions.tile import TileSweep, Tiling
from convcalc.render.cells import size_cell
from convcalc.render.checks import agreement, checks_table
from convcalc.render.table import Bar, Cell, Table

if TYPE_CHECKING:
    from convcalc.proof.tiled import TiledRun


def tile_view(plan: Tiling, layout: Layout) -> Table:
    """Halo and multiple; if there are tiles, also the grid, what is computed twice, and memory."""
    axes = plan.axes
    rows: list[tuple[Cell, ...]] = [
        ("halo at the beginning", *(axis.halo[0] for axis in axes), ""),
        ("halo at the end", *(axis.halo[1] for axis in axes), ""),
        ("tiles begin at multiples of", *(axis.multiple for axis in axes), ""),
    ]
    if plan.input is not None:
        rows.insert(0, ("input", *(axis.size for axis in axes), size_cell(plan.input, layout)))
        rows.insert(1, ("output", *(axis.output for axis in axes), ""))
    if plan.largest is not None:
        mine, whole = plan.peak_bytes(plan.largest), plan.peak_bytes(plan.whole)
        blank = ("",) * len(axes)
        recomputed = None if plan.recomputed is None else _percent(float(plan.recomputed))
        rows += [
            ("tile", *(axis.tile for axis in axes), ""),
            ("largest tile with its halo", *(plan.reads or ()), ""),
            ("tiles", *(plan.grid or ()), prod(plan.grid or ())),
            ("multiplications of all tiles", *blank, plan.multiplications),
            ("multiplications of the whole", *blank, plan.multiplications_whole),
            ("computed twice", *blank, recomputed),
            ("peak activation bytes of a tile", *blank, mine),
            ("peak activation bytes of the whole", *blank, whole),
        ]
    elif plan.reads is not None:
        recomputed = None if plan.recomputed is None else _percent(float(plan.recomputed))
        rows += [
            ("tile", *(axis.tile for axis in axes), ""),
            ("largest tile with its halo", *plan.reads, ""),
            ("computed twice", *("",) * len(axes), recomputed),
            ("peak activation bytes of a tile", *("",) * len(axes), plan.peak_tile),
        ]
    columns = ("quantity", *AXIS_NAMES[len(axes)], "together")
    if plan.input is None and plan.reads is None:
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return Table(_title(plan), columns, tuple(rows), aside=(*_notes(plan), *plan.notes))


def tile_sweep_view(sweep: TileSweep) -> Table:
    """A row for every size of the tiles."""
    rows: list[tuple[Cell, ...]] = [(size, *_point_cells(plan)) for size, plan in sweep.points]
    whole = ("whole", show_size(sweep.plan.input[1:] if sweep.plan.input else ()), 1, sweep.plan.multiplications_whole)
    rows.append((*whole, None, sweep.plan.peak_bytes(sweep.plan.whole)))
    left_out = [f"{size}: {plan}" for size, plan in sweep.points if isinstance(plan, str)]
    columns = ("tile", "with its halo", "tiles", "multiplications", "computed twice", "peak activation bytes")
    halo = "x".join(f"{begin}:{end}" for begin, end in (axis.halo for axis in sweep.plan.axes))
    shared = f"halo {halo}, tiles begin at multiples of {show_axes([axis.multiple for axis in sweep.plan.axes])}"
    return Table(shortened(sweep.plan.name), columns, tuple(rows), 1, aside=(shared, *left_out))


def _point_cells(plan: Tiling | str) -> tuple[Cell, ...]:
    if isinstance(plan, str):
        return (None,) * 5
    share = None if plan.recomputed is None else _percent(float(plan.recomputed))
    reads, count = show_size(plan.reads or ()), prod(plan.grid or ())
    return reads, count, plan.multiplications, share, plan.peak_bytes(plan.largest)


def tile_checks_view(plan: Tiling, run: TiledRun) -> Table:
    """The checks of tiles that were run."""
    wrong = ", ".join(check.name for check in run.checks if check.ok is False)
    verdict = agreement(run.checks) if run.ok else f"DISAGREES: {wrong}"
    floats = [f"{check.name}: {check.how}" for check in run.checks if isinstance(check.predicted, str)]
    return checks_table(_title(plan), run.checks, verdict, good=run.ok, aside=floats)


def _title(plan: Tiling) -> str:
    tiles = f" in tiles of {show_axes([axis.tile or 0 for axis in plan.axes])}" if plan.reads is not None else ""
    return f"{shortened(plan.name)}{tiles}"


def _notes(plan: Tiling) -> tuple[str, ...]:
    if plan.inside is not None:
        channels = (plan.inside.graph.inputs[0].shape or ())[1]
        example = show_size((channels, *(4 * size for size in plan.reads or ())))
        inside = f"a tile inside a large input of {plural(channels, 'channel')}"
        return (f"{inside}; write the input's size first, such as {example}, for the grid and the totals",)
    if plan.largest is None:
        return () if plan.input is None else ("add --tile for the grid and its costs, such as --tile 256",)
    if all(read == axis.size for read, axis in zip(plan.reads or (), plan.axes, strict=True)):
        return ("the largest tile reads the whole input; larger inputs or smaller halos gain from tiles",)
    return ()


def _percent(share: float) -> str:
    return Bar(share).per_cent()
