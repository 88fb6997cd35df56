"""How much of its memory the system leaves to this process: the limits of containers, and those of the shell.

Linux puts every process into control groups, which may be nested; a container is one. Each may have a limit, and the
files of a group say how much of it is used. What the system can drop, such as files read before, counts as free.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

UNLIMITED = 2**62
"""Version 1 writes a limit that is none as a number near 2^63."""


class Version(NamedTuple):
    """Where a version of control groups says what: a folder below the root, and the names of its files and lines."""

    folder: str
    limit: str
    used: str
    droppable: str


FIRST = Version("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
SECOND = Version("", "memory.max", "memory.current", "inactive_file")


def allowed_memory(proc: str = "/proc/self", groups: str = "/sys/fs/cgroup") -> int | None:
    """Bytes that this process may still allocate by the smallest of the limits it has, None if it has none.

    `proc` has what Linux says of the process, `groups` the control groups.
    """
    memberships = _text(Path(proc, "cgroup"))
    left = [*group_memory(memberships, Path(groups)), *_address_space(_text(Path(proc, "statm")))]
    return min(left, default=None)


def group_memory(memberships: str, root: Path) -> Iterator[int]:
    """What every control group with a limit has left; `memberships` has a line `number:controllers:path` per tree."""
    for line in memberships.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            version = SECOND
        elif "memory" in controllers.split(","):
            version = FIRST
        else:
            continue
        top = root / version.folder
        inside = [part for part in path.split("/") if part not in ("", "..")]
        # A container sees its own groups at the top, and the path, which is the machine's, leads nowhere there.
        for depth in range(len(inside) + 1):
            yield from _left(top.joinpath(*inside[:depth]), version)


def _left(group: Path, version: Version) -> Iterator[int]:
    limit, used = _number(_text(group / version.limit)), _number(_text(group / version.used))
    if limit is None or limit >= UNLIMITED:
        return
    statistics = dict(line.split(" ", 1) for line in _text(group / "memory.stat").splitlines() if " " in line)
    yield max(0, limit - max(0, (used or 0) - _droppable(statistics, version)))


def _droppable(statistics: Mapping[str, str], version: Version) -> int:
    return _number(statistics.get(version.droppable, "")) or 0


def _address_space(statm: str) -> Iterator[int]:
    """What `ulimit -v` leaves, if it is set; the first number of statm is the address space in use, in pages."""
    with suppress(ImportError, IndexError, ValueError):
        import resource  # Unix alone has it

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            yield max(0, limit - int(statm.split()[0]) * os.sysconf("SC_PAGE_SIZE"))


def _number(text: str) -> int | None:
    return int(text) if text.strip().isascii() and text.strip().isdigit() else None


def _text(path: Path) -> str:
    with suppress(OSError, ValueError):
        return path.read_text(encoding="ascii")
    return ""
