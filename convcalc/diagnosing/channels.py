"""Mistakes in the channels: groups interleaved, channels left out, shuffles missing or turned round."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from convcalc.diagnosing.reading import Reading, named, of_stage
from convcalc.diagnosing.setup import Setup, Stage


def channel_readings(setup: Setup) -> Iterator[Reading]:
    """All of this file, for every stage."""
    for number, stage in enumerate(setup.stages):
        if stage.gives is not None:
            yield _reading(setup, number, "shuffle-missing", "the channels are not shuffled", gives=None)
            turned = np.argsort(stage.gives)
            yield _reading(
                setup, number, "shuffle-inverse", "the channels are shuffled the other way round", gives=turned
            )
        yield from _grouped(setup, number, stage)
        yield from _fewer(setup, number, stage)


def _reading(setup: Setup, number: int, id: str, text: str, *, fix: str = "", **orders: np.ndarray | None) -> Reading:
    def change(stage: Stage) -> Stage | None:
        return stage._replace(**orders)  # type: ignore[arg-type]

    return Reading(*named(setup, number, id, text), fix, of_stage(number, change), "channel")


def interleaved(channels: int, groups: int) -> np.ndarray:
    """For every channel in blocks of groups, the one that it is where channel c belongs to group c % groups.

    >>> interleaved(6, 2).tolist()
    [0, 2, 4, 1, 3, 5]
    """
    return np.arange(channels).reshape(-1, groups).T.ravel()


def _grouped(setup: Setup, number: int, stage: Stage) -> Iterator[Reading]:
    groups, first, last = stage.groups, number == 0, number == len(setup.stages) - 1
    plain = setup.files.layout == "channels-first"
    every = [d for d in range(2, stage.channels + 1) if stage.channels % d == 0 and d < stage.channels]
    for g in dict.fromkeys([groups, *every][:8]) if groups > 1 else ():
        if g in (1, stage.channels):
            continue
        for name, order, text in (
            (
                "interleaved",
                interleaved(stage.channels, g),
                f"the input's channels are dealt to {g} groups in turn instead of in blocks",
            ),
            (
                "gathered",
                np.argsort(interleaved(stage.channels, g)),
                f"the input's channels lie as if dealt to {g} groups in turn",
            ),
        ):
            fix = _taken("x", order, setup.dims, plain) if first else ""
            yield _reading(setup, number, f"groups-in-{name}-{g}", text, fix=fix, reads=order)
    if 1 < groups < min(stage.channels, stage.filters) and stage.gives is None:
        dealt, back = interleaved(stage.channels, groups), np.argsort(interleaved(stage.filters, groups))
        lines = _taken("x", dealt, setup.dims, plain), _taken("y", np.argsort(back), setup.dims, plain)
        fix = "; ".join(lines) if first and last and all(lines) else ""
        text = f"input and output channels are dealt to {groups} groups in turn instead of in blocks"
        yield _reading(setup, number, f"groups-interleaved-{groups}", text, fix=fix, reads=dealt, gives=back)
    for g in dict.fromkeys([groups, stage.filters // groups]) if groups > 1 else ():
        if g in (1, stage.filters):
            continue
        order = interleaved(stage.filters, g)
        for name, gives in (("interleaved", np.argsort(order)), ("gathered", order)):
            at = np.arange(stage.filters) if stage.gives is None else stage.gives
            fix = _taken("y", np.argsort(gives), setup.dims, plain) if last and stage.gives is None else ""
            text = (
                f"the output's channels take {g} groups in turn instead of in blocks"
                if name == "interleaved"
                else (f"the output's channels are regrouped as a shuffle over {g} groups does it")
            )
            yield _reading(setup, number, f"groups-out-{name}-{g}", text, fix=fix, gives=at[gives])
    if groups == 1 and stage.channels == stage.filters > 1 and not stage.transposed:

        def own(stage: Stage) -> Stage:
            mask = np.eye(stage.filters, dtype=stage.weight.dtype)
            return stage._replace(weight=stage.weight * mask.reshape(*mask.shape, *(1,) * len(stage.kernel)))

        yield Reading(
            *named(setup, number, "channels-apart", "every filter reads only the channel of its own number"), "",
            of_stage(number, own), "channel",
        )  # fmt: skip
    if (groups > 1 and stage.channels // groups > 1) or (1 < groups < stage.channels):
        size = stage.channels // groups
        order = np.arange(stage.channels).reshape(groups, size)[::-1].ravel()
        fix = _taken("x", order, setup.dims, plain) if first else ""
        yield _reading(
            setup, number, "groups-reversed", "the groups read the input in reverse order", fix=fix, reads=order
        )


def _taken(name: str, order: np.ndarray, dims: int, first: bool) -> str:
    """NumPy that puts channels into an order."""
    return f"{name} = np.take({name}, {order.tolist()}, {-1 - dims if first else -1})" if len(order) <= 64 else ""


def _fewer(setup: Setup, number: int, stage: Stage) -> Iterator[Reading]:
    """Input channels that are left out of the sums."""
    inner = stage.weight.shape[1] if not stage.transposed else stage.channels // stage.groups
    if inner < 2:
        return
    for id, text, lost in (
        ("channel-last-lost", "the last input channel of every sum is left out", (inner - 1,)),
        ("channel-first-lost", "the first input channel of every sum is left out", (0,)),
        ("channel-first-only", "only the first input channel is summed", tuple(range(1, inner))),
    ):

        def cut(stage: Stage, lost: tuple[int, ...] = lost) -> Stage:
            axis = 0 if stage.transposed else 1
            keep = np.ones(stage.weight.shape[axis], stage.weight.dtype)
            keep.reshape(-1, inner)[:, list(lost)] = 0
            return stage._replace(weight=stage.weight * keep.reshape(-1, *(1,) * (stage.weight.ndim - 1 - axis)))

        yield Reading(*named(setup, number, id, text), "", of_stage(number, cut), "channel")
