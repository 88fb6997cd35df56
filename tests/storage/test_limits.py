"""The memory that containers and shells leave to a process, read from files as Linux writes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from convcalc.storage import memory
from convcalc.storage.limits import allowed_memory, group_memory
from tests.commands import Run

MIB = 2**20
NO_LIMIT = 9223372036854771712
"""What version 1 writes: the largest multiple of a page below 2^63."""


def second(group: Path, limit: object, used: int = 0, droppable: int = 0) -> None:
    """A control group of version 2."""
    group.mkdir(parents=True, exist_ok=True)
    (group / "memory.max").write_text(f"{limit}\n")
    (group / "memory.current").write_text(f"{used}\n")
    (group / "memory.stat").write_text(f"anon 17\ninactive_file {droppable}\nactive_file 5\n")


def first(group: Path, limit: object, used: int = 0, droppable: int = 0) -> None:
    """A control group of version 1."""
    group.mkdir(parents=True, exist_ok=True)
    (group / "memory.limit_in_bytes").write_text(f"{limit}\n")
    (group / "memory.usage_in_bytes").write_text(f"{used}\n")
    (group / "memory.stat").write_text(f"inactive_file 99999999999\ntotal_inactive_file {droppable}\n")


def test_a_container_of_version_2(tmp_path: Path) -> None:
    """Its own group is at the top, whether or not the path is that of the machine."""
    second(tmp_path, 512 * MIB, 300 * MIB, 40 * MIB)
    for path in ("/", "/docker/0123abc", "/../../kubepods/pod7"):
        assert [*group_memory(f"0::{path}\n", tmp_path)] == [252 * MIB]


def test_the_smallest_of_nested_groups_counts(tmp_path: Path) -> None:
    second(tmp_path / "user.slice", 300 * MIB, 100 * MIB)
    second(tmp_path / "user.slice" / "app:1.scope", "max", 90 * MIB)
    second(tmp_path / "user.slice" / "app:1.scope" / "job", 900 * MIB, 80 * MIB)
    (tmp_path / "cgroup").write_text("0::/user.slice/app:1.scope/job\n")
    assert [*group_memory("0::/user.slice/app:1.scope/job", tmp_path)] == [200 * MIB, 820 * MIB]
    assert allowed_memory(str(tmp_path), str(tmp_path)) == 200 * MIB


def test_version_1(tmp_path: Path) -> None:
    lines = "12:cpu,cpuacct:/docker/a\n4:memory:/docker/a\n1:name=systemd:/docker/a\n"
    first(tmp_path / "memory", NO_LIMIT)
    assert [*group_memory(lines, tmp_path)] == []
    first(tmp_path / "memory" / "docker", 700 * MIB, 650 * MIB, 150 * MIB)
    first(tmp_path / "memory" / "docker" / "a", 64 * MIB, 80 * MIB)  # above its limit for a moment
    assert [*group_memory(lines, tmp_path)] == [200 * MIB, 0]


def test_both_versions_at_once(tmp_path: Path) -> None:
    """Version 2 then has no memory controller, and its groups no such files."""
    first(tmp_path / "memory", 100 * MIB, 1 * MIB)
    (tmp_path / "unified").mkdir()
    assert [*group_memory("3:memory:/\n0::/unified\n", tmp_path)] == [99 * MIB]


@pytest.mark.parametrize("text", ["", "max", "-1", "12x", "9" * 30, "²", "\xff"])
def test_what_is_no_limit(text: str, tmp_path: Path) -> None:
    second(tmp_path, text)
    assert [*group_memory("0::/\nnonsense\n5:memory\n::\n", tmp_path)] == []
    assert allowed_memory(str(tmp_path / "absent"), str(tmp_path / "absent")) is None


def test_the_limit_of_the_address_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    page = os.sysconf("SC_PAGE_SIZE")
    (tmp_path / "statm").write_text("1000 10 5 1 0 7 0\n")
    monkeypatch.setattr(resource, "getrlimit", lambda which: {resource.RLIMIT_AS: (1500 * page, 10**15)}[which])
    assert allowed_memory(str(tmp_path), str(tmp_path)) == 500 * page
    second(tmp_path, 100 * page)
    (tmp_path / "cgroup").write_text("0::/\n")
    assert allowed_memory(str(tmp_path), str(tmp_path)) == 100 * page
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert allowed_memory(str(tmp_path), str(tmp_path / "absent")) is None


def test_the_smallest_limit_is_what_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    free = memory.available_memory()
    assert free is not None
    for allowed, want in ((1234, 1234), (0, 0), (2**60, None)):
        monkeypatch.setattr(memory, "allowed_memory", lambda allowed=allowed: allowed)
        available = memory.available_memory()
        assert available == want if want is not None else available is not None and available < 2**60


def test_weights_that_do_not_fit_are_not_drawn(refusal: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "allowed_memory", lambda: 300 * MIB)
    monkeypatch.setattr("convcalc.proof.arrays._drawn", lambda *_: pytest.fail("drawn"))
    assert refusal("net", "vgg16", "--check") == (
        f"memory: must hold the weights, got {138_357_544 * 4} bytes with {300 * MIB} available; "
        "free memory or use a smaller network"
    )
