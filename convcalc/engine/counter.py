"""What the engine records about a convolution while it computes it, so that predictions can be checked."""

from __future__ import annotations

from dataclasses import dataclass, field

from convcalc.engine.problem import Problem


@dataclass(frozen=True, slots=True)
class Choice:
    """The name of an algorithm, and why it was taken; `finite` says that its results are sure to be finite."""

    algorithm: str
    reason: str
    finite: bool = field(default=False, compare=False)


class StoppedError(Exception):
    """Work that another thread has given up."""


@dataclass(slots=True)
class Counter:
    """The scalar multiplications executed, whether they are the definition's, the algorithm, and the problem.

    `spoiled` says that parts with values that are not finite were computed directly instead. With `stopped`, which
    another thread sets, whoever counts next ends with StoppedError.
    """

    multiplications: int = 0
    as_defined: bool = True
    choice: Choice | None = None
    spoiled: bool = False
    stopped: bool = False
    problem: Problem | None = field(default=None, compare=False)
