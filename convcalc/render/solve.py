"""Layers and chains found by `solve` as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from convcalc.errors import plural
from convcalc.notation import Axes, show_axes
from convcalc.questions.solve import Family, Layer, Solved, layer_word, padding_text
from convcalc.questions.solve_axis import ORDER, AxisTask, Ranges
from convcalc.questions.solve_chain import Path, SolvedChains
from convcalc.questions.solve_field import SolvedFields
from convcalc.render.table import Cell, Table

ROWS = 10
"""Rows that a terminal shows."""
HINT = {False: "add --transposed", True: "leave --transposed out"}
LONG = 40
"""Characters of a chain that may take two lines."""
ALSO = 3
"""Other paddings that a row names."""


def brief_view(solved: Solved) -> Table:
    """The simplest layers; those that differ in their padding alone share a row."""
    searched = searched_text(solved.searched.axes, solved.tasks[0].transposed)
    if not solved.families:
        return _none(solved, searched)
    shown = solved.families[:ROWS]
    left = solved.count - sum(family.count for family in shown)
    which = any(task.which_inputs for task in solved.tasks)
    every = any(task.inputs.size > 1 for task in solved.tasks) and not which
    rows = [_family_row(family, which) for family in shown]
    unread = any(any(map(any, _borders(family.simplest))) for family in shown)
    kept = [0, 1, 2, *([] if every else [3]), *([4] if unread else [])]
    columns = ("layer", "also with padding", "extent", "inputs" if which else "same output of", "never read")
    return Table(
        f"{_sizes(solved.tasks)}  ({plural(solved.count, 'layer')})",
        tuple(columns[i] for i in kept),
        tuple(tuple(row[i] for i in kept) for row in rows),
        aside=(
            *_more(left, solved.narrower()),
            *(["the same on all axes if possible; --json has the layers of each axis too"] * (len(solved.tasks) > 1)),
            f"searched: {searched}",
            f"simplest first: {ORDER}",
        ),
        legend=(("never read", "never read: pixels at the begin and end of the input, begin:end"),),
        optional=("extent",),
        wrapped="also with padding",
    )


def full_view(solved: Solved) -> Table:
    """Every layer a row."""
    searched = searched_text(solved.searched.axes, solved.tasks[0].transposed)
    if not solved.families:
        return _none(solved, searched)
    columns = (
        "layer", "kernel", "stride", "padding", "dilation", "output padding", "extent", "input", "output",
        "same output of", "never read",
    )  # fmt: skip
    rows = tuple(_row(layer) for layer in solved.layers())
    return Table(_sizes(solved.tasks), columns, rows, aside=(f"searched: {searched}",))


def brief_chains_view(solved: SolvedChains) -> Table:
    """The sizes between the layers, each with its simplest chain and the kernels that others have."""
    if not solved.paths:
        return _no_chains(solved)
    shown = solved.paths[: ROWS if solved.layers < 4 else ROWS // 2]
    left = solved.count - sum(path.count for path in shown)
    rows = tuple(
        (
            _repeated(list(map(layer_word, path.simplest))),
            " -> ".join("x".join(map(str, size)) for size in path.sizes[1:-1]),
            "; ".join(_kernels(path)),
            path.count,
        )
        for path in shown
    )
    return Table(
        f"{_sizes(solved.tasks)}  in {plural(solved.layers, 'layer')}  ({plural(solved.count, 'chain')})",
        ("simplest chain", "sizes between", "kernels", "chains"),
        rows,
        aside=(
            *_more(left, solved.narrower()),
            f"searched: {_searched_chains(solved)}",
            f"simplest first, all layers together: {ORDER}",
        ),
        optional=("chains", *(["sizes between"] if solved.layers > 6 else [])),
        folding=True,
        wrapped="kernels",
    )


def full_chains_view(solved: SolvedChains) -> Table:
    """Every chain a row."""
    if not solved.paths:
        return _no_chains(solved)
    columns = ("chain", "sizes", "kernels", "strides", "paddings")
    rows = []
    for path, chain in solved.chains():
        layers = [choice.simplest for choice in chain]
        windows = [[solution.window for solution in layer] for layer in layers]
        rows.append(
            (
                " ".join(map(layer_word, layers)),
                " ".join("x".join(map(str, size)) for size in path.sizes),
                " ".join(show_axes([window.kernel for window in axes]) for axes in windows),
                " ".join(show_axes([window.stride for window in axes]) for axes in windows),
                " ".join(show_axes([f"{window.before}:{window.after}" for window in axes]) for axes in windows),
            )
        )
    return Table(_sizes(solved.tasks), columns, tuple(rows), aside=(f"searched: {_searched_chains(solved)}",))


def fields_view(solved: SolvedFields, rows: int = ROWS) -> Table:
    """The chains that see so many pixels; if there are more than can be listed, the first ones."""
    searched = f"searched: kernel {solved.kernel}, dilation {solved.dilation}, layers {solved.layers}, stride 1"
    title = f"receptive field {solved.size} without holes"
    if not solved.chains:
        near = " and ".join(f"{size:,}" for size in solved.nearest)
        note = [f"the nearest that they see: {near}"] if near else ["without dilation 1 every chain has holes"]
        return Table(title, ("chain",), (), verdict=f"none; {searched}", good=False, aside=tuple(note))
    long = any(len(chain.words) > LONG for chain in solved.chains[:rows])
    shown = solved.chains[: rows // 2 if long and rows == ROWS else rows]
    left = len(solved.chains) - len(shown)
    more = [f"these are the first; for fewer, {solved.narrower()}"] if solved.more else _more(left)
    count = f"more than {len(solved.chains):,} chains" if solved.more else plural(len(solved.chains), "chain")
    return Table(
        f"{title}  ({count})",
        ("chain", "layers", "largest dilation", "multiplications"),
        tuple(
            (chain.words, len(chain.layers), max(layer.dilation for layer in chain.layers), chain.multiplications)
            for chain in shown
        ),
        aside=(
            *more,
            searched,
            "fewest multiplications first, then fewest layers, then small dilations",
        ),
        optional=("largest dilation", "layers"),
        legend=(("multiplications", "multiplications: of one output along one axis, per pair of channels"),),
        folding=True,
    )


def searched_text(axes: Sequence[Ranges], transposed: bool, *, kernel: str = "") -> str:
    """The ranges that were searched, in words."""
    texts = [
        f"{name.replace('_', ' ')} {_of_axes(getattr(each, name) for each in axes)}"
        for name in (*([] if kernel else ["kernel"]), "stride", "dilation", *(["output_padding"] if transposed else []))
    ]
    padding = f"padding {_of_axes(padding_text(each.padding) for each in axes)}"
    return ", ".join([*([f"kernel {kernel}"] if kernel else []), *texts, padding])


def _of_axes(values: Iterable[object]) -> str:
    return show_axes([str(value) for value in values])


def _more(left: int, narrower: str = "") -> list[str]:
    """What is not shown, and how to see it."""
    return (
        [f"and {left:,} more" + (f": {narrower}" if narrower else " (all when piped or with --json)")] if left else []
    )


def _none(solved: Solved, searched: str) -> Table:
    notes = dict[str, None]()
    for task, (below, above) in zip(solved.tasks, solved.nearest, strict=False):
        near = [f"{each:,}" for each in (below, above) if each is not None]
        if near:
            notes[f"the nearest outputs that these ranges reach from {task.inputs}: {' and '.join(near)}"] = None
    task = solved.tasks[0]
    if (task.target.of(task.inputs.last) > task.inputs.last) != task.transposed:
        notes["transposed layers make a size larger, others make it smaller; " + HINT[task.transposed]] = None
    if len(solved.tasks) > 2:
        notes["sizes here are spatial axes alone; leave out the channels"] = None
    title = f"{_sizes(solved.tasks)}  (no layer)"
    return Table(title, ("layer",), (), verdict=f"none; searched: {searched}", good=False, aside=tuple(notes))


def _no_chains(solved: SolvedChains) -> Table:
    return Table(
        f"{_sizes(solved.tasks)}  in {plural(solved.layers, 'layer')}",
        ("chain",),
        (),
        verdict=f"none; searched: {_searched_chains(solved)}",
        good=False,
    )


def _searched_chains(solved: SolvedChains) -> str:
    kernel = "" if "kernel" in solved.searched.given else "of the stride, and from 2*stride-1 to 2*stride+1"
    return searched_text(solved.searched.axes, solved.tasks[0].transposed, kernel=kernel) + f"; {solved.between}"


def _sizes(tasks: Sequence[AxisTask]) -> str:
    inputs, outputs = ("x".join(str(getattr(task, name)) for task in tasks) for name in ("inputs", "target"))
    return f"{'transposed  ' * tasks[0].transposed}{inputs} -> {outputs}"


def _kernels(path: Path) -> list[str]:
    """The kernels of each layer's choices, `15, 29..31`; those of equal layers in a row are written once."""
    texts = [
        _listed({tuple(s.window.kernel for s in choice.simplest) for choice in choices}) for choices in path.choices
    ]
    runs = [(text, len(list(run))) for text, run in groupby(texts)]
    return [f"{count} times {text}" if count > 1 else text for text, count in runs]


def _listed(kernels: set[Axes]) -> str:
    """Kernels in order, three and more that follow one another as a range."""
    ordered = sorted(kernels)
    if any(len(set(each)) > 1 for each in ordered):
        return ", ".join(map(show_axes, ordered))
    numbers = [each[0] for each in ordered]
    runs = [[n for _, n in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    return ", ".join(f"{run[0]}..{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def _repeated(words: Sequence[str]) -> str:
    """Layer words in a row; those that are repeated are written once, `k3*4`."""
    runs = [(word, len(list(run))) for word, run in groupby(words)]
    return " ".join(word + f"*{count}" * (count > 1) for word, count in runs)


def _family_row(family: Family, which: bool) -> tuple[Cell, ...]:
    simplest = family.simplest
    if family.alike:
        own = simplest[0].window.before, simplest[0].window.after
        others: list[str] = []
        for solution in family.groups[0].solutions():
            pair = solution.window.before, solution.window.after
            if pair != own:
                others.append(show_axes([f"{pair[0]}:{pair[1]}" if pair[0] != pair[1] else f"{pair[0]}"]))
            if len(others) == ALSO:
                break
        left = family.count - 1 - len(others)
        also = ", ".join(others) + (f" and {left:,} more" if left else "")
    else:
        also = f"{family.count - 1:,} others" if family.count > 1 else ""
    spans = [solution.inputs if which else solution.same_output for solution in simplest]
    return (
        layer_word(simplest),
        also or None,
        show_axes([solution.window.extent for solution in simplest]),
        show_axes([str(span) for span in spans]),
        show_axes(["0" if borders == (0, 0) else f"{borders[0]}:{borders[1]}" for borders in _borders(simplest)]),
    )


def _borders(layer: Layer) -> list[tuple[int, int]]:
    return [solution.never_read for solution in layer]


def _row(layer: Layer) -> tuple[Cell, ...]:
    windows = [solution.window for solution in layer]
    return (
        layer_word(layer),
        show_axes([window.kernel for window in windows]),
        show_axes([window.stride for window in windows]),
        show_axes([f"{window.before}:{window.after}" for window in windows]),
        show_axes([window.dilation for window in windows]),
        show_axes([solution.output_padding for solution in layer]),
        show_axes([window.extent for window in windows]),
        show_axes([str(solution.inputs) for solution in layer]),
        show_axes([str(solution.outputs) for solution in layer]),
        show_axes([str(solution.same_output) for solution in layer]),
        show_axes([f"{begin}:{end}" for begin, end in _borders(layer)]),
    )
