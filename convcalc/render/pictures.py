"""A run's result as a picture on a terminal."""

from __future__ import annotations

from typing import TextIO

import numpy as np

from convcalc.errors import NotationError
from convcalc.graph.primitives import Convolution
from convcalc.notation import Layout
from convcalc.proof.run import Run
from convcalc.questions.report import Report
from convcalc.render.preview import preview_lines
from convcalc.render.streams import styled
from convcalc.render.table import terminal


def show_picture(run: Run, layout: Layout, channel: int | None, file: TextIO) -> None:
    """Print the output's picture, as wide as the terminal and in its colours: all channels, or one, from 1."""
    console = terminal(file)
    lines = preview_lines(
        _channels_first(run, layout),
        console.width,
        color=console.color_system if file.isatty() else None,
        unicode=(file.encoding or "ascii").lower().startswith("utf"),
        dims=run.dims,
        channel=channel,
        rgb=channel is None and keeps_colours(run.report),
    )
    for line in lines:
        print(line, file=styled(file))


def check_channel(run: Run, layout: Layout, channel: int) -> None:
    """Raises NotationError if the output has no channel of this number."""
    out = _channels_first(run, layout)
    channels = out.shape[-run.dims - 1] if out.ndim > run.dims else 1
    if not 1 <= channel <= channels:
        raise NotationError(f"run: --channel must be from 1 to {channels}, got {channel}; use --channel {channels}")


def keeps_colours(report: Report) -> bool:
    """Whether three channels of an image are still its red, green and blue: no stage mixed them or made others."""
    primitives = [stage.node.primitive for stage in report.stages]
    return len(report.input) == 3 and all(
        isinstance(each, Convolution) and each.in_channels == each.out_channels == each.groups == 3
        for each in primitives
    )


def _channels_first(run: Run, layout: Layout) -> np.ndarray:
    axis = run.out.ndim - run.dims - 1
    return np.moveaxis(run.out, -1, axis) if layout == "channels-last" and axis >= 0 else run.out
