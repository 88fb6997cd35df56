"""A scene as one SVG file: light and dark, still or animated, without scripts, links or fonts.

Attributes alone make a good picture; the style sheet only changes colours in the dark and moves the marks. Custom
properties (`var()`) are not used, as some programs that draw SVG do not know them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from textwrap import wrap
from typing import NamedTuple

from convcalc.render.svg_bars import bars, blocks
from convcalc.render.svg_style import (
    FAINT,
    FONT,
    INK,
    LINE,
    LOOKS,
    MARGIN,
    NARROWEST,
    PAPER,
    SMALL,
    TEXT,
    WIDTH,
    dark_colours,
    escaped,
    text_at,
)
from convcalc.scenes.scene import Grid, Mark, Role, Scene

LARGEST_CELL, SMALLEST_CELL = 30, 6
USUAL_CELL = 16
"""With smaller cells, the next grid begins a new line."""
GAP, WIDE_GAP = 48, 150
"""Room between grids side by side; the wide one if lines lead from one to the next and the page has it."""


class Placed(NamedTuple):
    """A grid on the page: its top left corner, the size of its cells, and where its title and remark end."""

    grid: Grid
    x: float
    y: float
    cell: float
    words_end: float = 0

    def corner(self, row: int, column: int) -> tuple[float, float]:
        return self.x + column * self.cell, self.y + row * self.cell


def scenes_svg(scenes: Sequence[Scene], seconds_per_step: float | None = None) -> str:
    """The pictures below one another as the text of an SVG file; animated if a step lasts `seconds_per_step`."""
    width = max(page_width(scene) for scene in scenes)
    moves = [seconds_per_step is not None and len(scene.steps) > 1 for scene in scenes]
    drawn = [_drawn(scene, number, moves[number], width) for number, scene in enumerate(scenes)]
    rules = "".join(
        _movement(number, len(scene.steps), seconds_per_step)
        for number, scene in enumerate(scenes)
        if moves[number] and seconds_per_step is not None
    )
    return _file(scenes, drawn, width, rules)


def _file(scenes: Sequence[Scene], drawn: Sequence[tuple[list[str], float]], width: int, rules: str) -> str:
    """The drawn pictures below one another, with the title, the words and the style sheet."""
    parts, y = list[str](), 0.0
    for number, (own, height) in enumerate(drawn):
        parts += [f"<g transform='translate(0 {y:g})'>", *own, "</g>"] if number else own
        y += height
    height = round(y + MARGIN)
    movement = f"@media (prefers-reduced-motion:no-preference){{{rules}}}" if rules else ""
    title = "; ".join(f"{scene.title}: {scene.described}" for scene in scenes)
    words = " ".join(line for scene in scenes for line in scene.steps[scene.shown].lines)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' "
        f"role='img' font-family=\"{FONT}\">\n"
        f"<title>{escaped(title)}</title>\n<desc>{escaped(words)}</desc>\n<style>{dark_colours()}{movement}</style>\n"
        f"<rect class='paper' width='{width}' height='{height}' fill='{PAPER}'/>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def page_width(scene: Scene) -> int:
    """How wide a page with this picture is: as its grids need, or whole for bars and blocks."""
    if scene.bars or scene.blocks:
        return WIDTH
    rights = (max(here.x + here.cell * len(here.grid.column_labels), here.words_end) for here in _placed(scene, 0)[0])
    return max(NARROWEST, min(WIDTH, ceil(max(rights)) + MARGIN))


def stepped_svg(scene: Scene) -> str:
    """One picture with all its steps, of which the shown one is visible; a script can show another."""
    return _file([scene], [_drawn(scene, 0, True, page_width(scene))], page_width(scene), "")


def _drawn(scene: Scene, number: int, animated: bool, width: int) -> tuple[list[str], float]:
    """One picture, and its height."""
    parts: list[str] = []
    y = float(MARGIN)
    for text, weight in ((scene.title, "bold"), (scene.described, "")):
        for line in _wrapped(text, width):
            y += LINE
            parts.append(text_at(MARGIN, y, line, TEXT, "ink", weight=weight))
    placed, y, cells = _placed(scene, y)
    parts += [*_links(scene, placed, within=False), *cells, *_links(scene, placed, within=True)]
    for here in placed:
        parts += [_value(here, cell.row, cell.column, cell.text, cell.role) for cell in here.grid.cells if cell.text]
    for draw in (blocks, bars):
        drawn, y = draw(scene, y)
        parts += drawn
    steps = range(len(scene.steps)) if animated else range(scene.shown, scene.shown + 1)
    parts += _moments(scene, placed, steps, number)
    y += LINE * 1.6
    top = y
    for step in steps:
        lines = [line for text in scene.steps[step].lines for line in _wrapped(text, width)]
        body = "".join(text_at(MARGIN, top + LINE * i, line, TEXT, "ink") for i, line in enumerate(lines))
        parts.append(_moment(f"{number}-{step}", body, step == scene.shown, animated))
        y = max(y, top + LINE * len(lines))
    for note in scene.notes:
        for line in _wrapped(note, width):
            parts.append(text_at(MARGIN, y, line, TEXT, "faint"))
            y += LINE
    legend, y = _legend(scene, y, width)
    return [*parts, *legend], y


def _placed(scene: Scene, y: float) -> tuple[list[Placed], float, list[str]]:
    """Every grid at its place below y, where the page goes on, and the cells, which are all of one size."""
    placed, parts = [Placed(grid, 0, 0, 0) for grid in scene.grids], list[str]()
    lines = [[i for i, grid in enumerate(scene.grids) if grid.line == line] for line in range(len(scene.grids))]
    groups = [found for line in lines if line for found in _fitting(scene, line)]
    cell = min((size for _, size in groups), default=0)
    for group, _ in groups:
        x, top, bottom = float(MARGIN), y + LINE * 1.5, y
        for i in group:
            grid = scene.grids[i]
            words_end = x + _words_width(grid)
            here = Placed(grid, x + _gutter(grid), top + (SMALL + 10 if grid.title else 0), cell, words_end)
            placed[i] = here
            parts += _grid(here, x, top)
            x += _grid_width(grid, cell) + _gap(scene, group)
            bottom = max(bottom, here.y + cell * len(grid.row_labels) + (LINE if grid.left_out else 0))
        y = bottom
    return placed, y, parts


def _fitting(scene: Scene, members: Sequence[int]) -> Iterator[tuple[list[int], float]]:
    """The grids of a line in order, as many side by side as there is room for, each with the size of its cells."""
    group: list[int] = []
    for i in members:
        if group and _cell_size(scene, [*group, i]) < USUAL_CELL:
            yield group, _cell_size(scene, group)
            group = []
        group.append(i)
    yield group, _cell_size(scene, group)


def _links(scene: Scene, placed: Sequence[Placed], *, within: bool) -> list[str]:
    """Lines from the middle of one cell to the middle of another, or above the value that it has.

    Lines over cells have a halo, as they cross dark and light ones.
    """
    path = ""
    valued = {(i, cell.row, cell.column) for i, grid in enumerate(scene.grids) for cell in grid.cells if cell.text}
    for link in scene.links:
        if (link.source[0] == link.target[0]) == within:
            ends = []
            for grid, row, column in link:
                x, y = placed[grid].corner(row, column)
                share = 0.15 if within and (grid, row, column) in valued else 0.5
                ends.append(f"{x + placed[grid].cell / 2:g} {y + placed[grid].cell * share:g}")
            path += f"M{ends[0]}L{ends[1]}"
    colour, name = (INK, "link") if within else (FAINT, "between")
    if not path:
        return []
    halo = [f"<path class='halo' fill='none' stroke='{PAPER}' stroke-width='4' d='{path}'/>"] if within else []
    return [*halo, f"<path class='{name}' fill='none' stroke='{colour}' stroke-width='1.4' d='{path}'/>"]


def _gap(scene: Scene, members: Sequence[int]) -> float:
    """Room between grids side by side: more if lines lead from one to the next, so that all stand in one row."""
    if len(members) < 2 or all(link.source[0] == link.target[0] for link in scene.links):
        return GAP
    free = WIDTH - 2 * MARGIN - sum(_grid_width(scene.grids[i], LARGEST_CELL) for i in members)
    return min(WIDE_GAP, max(GAP / 2, free / (len(members) - 1)))


def _grid(here: Placed, left: float, top: float) -> Iterator[str]:
    """The title, the labels and the cells; cells of a role are one path."""
    grid, cell = here.grid, here.cell
    yield text_at(left, top, grid.title, SMALL * 1.15, "ink", weight="bold")
    every = 1 if cell >= 18 else 5
    for column, label in enumerate(grid.column_labels):
        if _is_shown(label, every):
            yield text_at(here.x + (column + 0.5) * cell, here.y - 4, label, min(SMALL, cell * 0.6), "faint", "middle")
    for row, label in enumerate(grid.row_labels):
        if _is_shown(label, every):
            yield text_at(here.x - 4, here.y + (row + 0.5) * cell + 4, label, min(SMALL, cell * 0.6), "faint", "end")
    for role in Role:
        own = [each for each in grid.cells if each.role == role]
        if own:
            yield _squares(here, [(each.row, each.column) for each in own], role)
    unread = [here.corner(each.row, each.column) for each in grid.cells if each.unread]
    if unread:
        yield _crosses(unread, cell)
    if grid.left_out:
        yield text_at(left, here.y + cell * len(grid.row_labels) + SMALL + 4, grid.left_out, SMALL, "faint")


def _crosses(corners: Sequence[tuple[float, float]], cell: float) -> str:
    """A cross in each of these cells."""
    near, far = cell * 0.25, cell * 0.75
    path = "".join(
        f"M{x + near:g} {y + near:g}L{x + far:g} {y + far:g}M{x + far:g} {y + near:g}L{x + near:g} {y + far:g}"
        for x, y in corners
    )
    return f"<path class='unread' fill='none' stroke='{FAINT}' d='{path}'/>"


def _is_shown(label: str, every: int) -> bool:
    """Whether a label has room: all words do, and every so many of the numbers."""
    return bool(label) and (not label.lstrip("-").isdigit() or int(label) % every == 0)


def _moments(scene: Scene, placed: Sequence[Placed], steps: Sequence[int], scene_number: int) -> Iterator[str]:
    """The marks of every step, a group each."""
    for number in steps:
        body = ""
        for role in (Role.HOLE, Role.TAP, Role.MADE):
            for i, here in enumerate(placed):
                own = [mark for mark in scene.steps[number].marks if mark.role == role and mark.grid == i]
                if own:
                    body += _squares(here, [(mark.row, mark.column) for mark in own], role)
                    body += "".join(_marked_values(here, own))
        yield _moment(f"{scene_number}-{number}", body, number == scene.shown, len(steps) > 1)


def _marked_values(here: Placed, marks: Sequence[Mark]) -> Iterator[str]:
    texts = {(cell.row, cell.column): cell.text for cell in here.grid.cells if cell.text}
    for mark in marks:
        if text := texts.get((mark.row, mark.column)):
            yield _value(here, mark.row, mark.column, text, mark.role)


def _moment(name: str, body: str, shown: bool, animated: bool) -> str:
    """What is seen during one step; at rest only the one that is shown."""
    if not animated:
        return f"<g>{body}</g>"
    hidden = "" if shown else " visibility='hidden'"
    return f"<g class='m{name}'{hidden}>{body}</g>"


def _squares(here: Placed, cells: Sequence[tuple[int, int]], role: Role) -> str:
    look, inset = LOOKS[role], 1 if here.cell > 10 else 0.5
    side = here.cell - 2 * inset
    path = ""
    for row, column in cells:
        x, y = here.corner(row, column)
        path += f"M{x + inset:g} {y + inset:g}h{side:g}v{side:g}h{-side:g}z"
    return f"<path class='{role.value}' fill='{look.fill}' stroke='{FAINT}' {look.outline} d='{path}'/>"


def _value(here: Placed, row: int, column: int, text: str, role: Role) -> str:
    x, y = here.corner(row, column)
    size = min(TEXT, here.cell * 0.5, here.cell / (0.66 * len(text)))
    middle = x + here.cell / 2
    return (
        f"<text class='on-{role.value}' x='{middle:g}' y='{y + here.cell / 2 + size * 0.36:g}' "
        f"font-size='{size:.3g}' fill='{LOOKS[role].ink}' text-anchor='middle'>{escaped(text)}</text>"
    )


def _wrapped(text: str, width: int) -> list[str]:
    return wrap(text, int((width - 2 * MARGIN) / (0.62 * TEXT)))


def _words_width(grid: Grid) -> float:
    """Room for the title and for what is left out."""
    return 0.62 * SMALL * max(1.15 * len(grid.title), len(grid.left_out))


def _grid_width(grid: Grid, cell: float) -> float:
    return max(_gutter(grid) + cell * len(grid.column_labels), _words_width(grid))


def _gutter(grid: Grid) -> float:
    return 0.62 * SMALL * max(map(len, grid.row_labels)) + 6 if any(grid.row_labels) else 0


def _cell_size(scene: Scene, members: Sequence[int]) -> float:
    """The largest cell with which these grids fit the page side by side."""
    grids = [scene.grids[i] for i in members]
    free = WIDTH - 2 * MARGIN - _gap(scene, members) * (len(grids) - 1)
    sizes = range(LARGEST_CELL, SMALLEST_CELL, -1)
    return next((cell for cell in sizes if sum(_grid_width(grid, cell) for grid in grids) <= free), SMALLEST_CELL)


def _legend(scene: Scene, y: float, width: int) -> tuple[list[str], float]:
    """A square and words for every role, and where the next line would be."""
    parts, x = [], float(MARGIN)
    entries: list[tuple[Role | None, str]] = [*scene.legend]
    if any(cell.unread for grid in scene.grids for cell in grid.cells):
        entries.append((None, "never read"))
    y += 6
    for role, text in entries:
        wide = 22 + 0.62 * SMALL * len(text)
        if x + wide > width - MARGIN and x > MARGIN:
            x, y = float(MARGIN), y + LINE
        sign = Placed(Grid("", (), ("",), ("",)), x, y - 12, 16)
        parts.append(_crosses([(sign.x, sign.y)], sign.cell) if role is None else _squares(sign, [(0, 0)], role))
        parts.append(text_at(x + 22, y, text, SMALL, "ink"))
        x += wide + 22
    return parts, y + 4


def _movement(number: int, steps: int, seconds: float) -> str:
    """Every step of a picture visible for its share of the round."""
    hidden = "{visibility:hidden}"
    share = 100 / steps
    frames = f"@keyframes k{number}{{0%{{visibility:visible}}{share:.6g}%{hidden}100%{hidden}}}"
    names = ",".join(f".m{number}-{step}" for step in range(steps))
    begins = "".join(f".m{number}-{step}{{animation-delay:{step * seconds:g}s}}" for step in range(steps))
    return f"{frames}{names}{{visibility:hidden;animation:k{number} {steps * seconds:g}s step-end infinite}}{begins}"
