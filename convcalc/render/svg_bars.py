"""Bars, and a network's blocks to scale, as parts of an SVG file."""

from __future__ import annotations

from convcalc.render.svg_style import FAINT, INK, LINE, LOOKS, MARGIN, SMALL, WIDTH, escaped, text_at
from convcalc.scenes.scene import Role, Scene

BAR = 14
BLOCK, ARCS, MOST_LABEL = 170, 70, 20


def blocks(scene: Scene, y: float) -> tuple[list[str], float]:
    """The blocks side by side on one ground line, arcs above them, labels below, and where the page goes on."""
    if not scene.blocks:
        return [], y
    parts, x, gap = list[str](), float(MARGIN), min(6.0, 200 / len(scene.blocks))
    unit = (WIDTH - 2 * MARGIN - gap * (len(scene.blocks) - 1)) / sum(block.width for block in scene.blocks)
    ground, darkest = y + (ARCS if scene.arcs else LINE) + BLOCK, max(block.shade for block in scene.blocks) or 1
    middles = []
    for block in scene.blocks:
        wide, high = block.width * unit, max(3.0, block.height * BLOCK)
        place = f"x='{x:.5g}' y='{ground - high:.5g}' width='{wide:.4g}' height='{high:.4g}'"
        parts.append(
            f"<rect class='weight' fill='{LOOKS[Role.WEIGHT].fill}' stroke='{FAINT}' "
            f"fill-opacity='{0.1 + 0.9 * block.shade / darkest:.3g}' {place}/>"
        )
        middles.append(x + wide / 2)
        at = f"{x + wide / 2 + 3:.5g} {ground + 6:.5g}"
        words = escaped(f"{block.label[:MOST_LABEL]}  {block.text}")
        parts.append(
            f"<text class='ink' transform='translate({at}) rotate(90)' font-size='{SMALL * 0.85:.3g}' "
            f"fill='{INK}'>{words}</text>"
        )
        x += wide + gap
    for source, target in scene.arcs:
        a, b = middles[source], middles[target]
        top = ground - BLOCK - min(ARCS * 0.9, 8 + (b - a) / 6)
        parts.append(
            f"<path class='between' fill='none' stroke='{FAINT}' stroke-width='1.2' "
            f"d='M{a:.5g} {ground - BLOCK:.5g}C{a:.5g} {top:.5g} {b:.5g} {top:.5g} {b:.5g} {ground - BLOCK:.5g}'/>"
        )
    longest = max(len(block.label[:MOST_LABEL]) + 2 + len(block.text) for block in scene.blocks)
    return parts, ground + 12 + 0.62 * SMALL * 0.85 * longest


def bars(scene: Scene, y: float) -> tuple[list[str], float]:
    """The bars below one another, and where the page goes on."""
    if not scene.bars:
        return [], y
    parts = []
    label = MARGIN + 0.62 * SMALL * max(len(bar.label) for bar in scene.bars) + 10
    room = WIDTH - MARGIN - label - 0.62 * SMALL * max(len(bar.text) for bar in scene.bars) - 8
    y += LINE * 0.8
    for bar in scene.bars:
        y += BAR + (8 if bar.label else 2)
        if bar.label:
            parts.append(text_at(MARGIN, y - 3, bar.label, SMALL, "ink"))
        left, wide = label + bar.begin * room, max(1.0, (bar.end - bar.begin) * room)
        look = LOOKS[bar.role]
        parts.append(
            f"<rect class='{bar.role.value}' fill='{look.fill}' x='{left:.4g}' y='{y - BAR:.5g}' width='{wide:.4g}' "
            f"height='{BAR}'/>"
        )
        parts.append(text_at(round(left + wide + 6, 1), y - 3, bar.text, SMALL, "faint"))
    return parts, y + 4
