"""Do the tests notice a wrong sign? `python -m tests.mutants [FILE ...] [--sample N]`

The files of the arithmetic are changed in one place at a time, a plus to a minus, a `<` to a `<=`, a number to the
next one, and the tests of that file must fail. Changes that no test notices are printed. A change that makes no
visible difference, such as another choice between two ways to the same result, is listed in equivalent.toml with the
reason.

A process per file collects the tests and runs them once unchanged, noting how long each test takes and which functions
it calls. It then forks for every change, replaces the code of the changed function, and runs the tests that call the
function, the fastest first. Changes outside functions need a fresh import: those processes fork before any collection.
"""

from __future__ import annotations

import argparse
import builtins
import gc
import importlib
import importlib.util
import os
import pickle
import random
import resource
import select
import signal
import sys
import time
import tomllib
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from math import ceil
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from tests.mutations import PACKAGE, Mutation, compiled, mutations, noting_calls, outermost

LONGEST = 300
"""Seconds after which the tests of one mutation are stopped, and the processor time is limited to a few times of what
the tests take unchanged: a loop without end is noticed too."""
BROKEN = 77
"""Exit code of a process that met an error of this script."""
ERRORS = os.dup(2)
"""Where such an error is printed."""
NOTE = "__called__"
"""A name that is known everywhere while calls are noted."""
ENGINE = (
    "tests/engine/test_transposed.py",
    "tests/engine/test_engine.py::test_equals_loops",
    "tests/engine/test_engine.py::test_float16_is_summed_in_float32",
    "tests/engine/test_engine.py::test_extra_memory_is_bounded[weights of bytes-transposed]",
    "tests/engine/test_engine.py::test_extra_memory_is_bounded[kernel-transposed]",
)
TESTS: Mapping[str, Sequence[str]] = {
    "axis/inverse.py": ("tests/axis/test_inverse.py",),
    "axis/modes.py": ("tests/axis/test_modes.py", "tests/engine/test_engine.py::test_padding_modes"),
    "axis/padding.py": ("tests/axis/test_window.py",),
    "axis/positions.py": ("tests/axis/test_positions.py", "tests/axis/test_strands.py"),
    "axis/sampling.py": ("tests/axis/test_sampling.py", "tests/axis/test_strands.py"),
    "axis/strands.py": ("tests/axis/test_strands.py", "tests/axis/test_sampling.py"),
    "axis/window.py": ("tests/axis/test_window.py", "tests/questions/test_cost.py"),
    "diagnosing/integers.py": ("tests/diagnosing/test_integers.py",),
    "engine/padded.py": ("tests/engine/test_padded.py", "tests/engine/test_engine.py::test_padding_modes"),
    "engine/transposed.py": ENGINE,
    "graph/shapes.py": ("tests/graph/test_shapes.py",),
    "questions/cost.py": ("tests/questions/test_cost.py",),
    "questions/follow.py": ("tests/questions/test_follow.py", "tests/questions/test_receptive.py"),
    "questions/memory.py": ("tests/questions/test_memory.py",),
    "questions/receptive.py": ("tests/questions/test_receptive.py",),
}
"""The files of the arithmetic, and the tests that watch over each; the examples in its docstrings count too."""
EQUIVALENT = Path(__file__).parent / "equivalent.toml"
"""Changes that nobody can see, and why."""


class _Served(MetaPathFinder):
    """Serves one module of the package with other code."""

    def __init__(self, file: str, code: CodeType) -> None:
        self.name = f"convcalc.{file.removesuffix('.py').replace('/', '.')}"
        self.path, self.code = str(PACKAGE / file), code

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        del path, target
        return importlib.util.spec_from_loader(name, _Loader(self)) if name == self.name else None


class _Loader(SourceFileLoader):
    def __init__(self, served: _Served) -> None:
        super().__init__(served.name, served.path)
        self.changed = served.code

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        return self.changed


def in_a_fork(work: Callable[[], Any], longest: float | None = None, busy: float | None = None) -> Any:
    """What `work` returns in a process of its own; None if that process dies or takes longer than so many seconds.

    `busy` are seconds of processor time.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if busy is not None:
            used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
            resource.setrlimit(resource.RLIMIT_CPU, (ceil(used + busy),) * 2)
        try:
            with os.fdopen(write, "wb") as pipe:
                pipe.write(pickle.dumps(work()))
        except SystemExit as error:
            os.write(ERRORS, f"{error}\n".encode())
            os._exit(BROKEN)
        except BaseException:  # what is above this call on the stack belongs to the parent
            os.write(ERRORS, traceback.format_exc().encode())
            os._exit(BROKEN)
        os._exit(0)
    os.close(write)
    until = time.monotonic() + longest if longest else None
    parts = []
    while select.select([read], [], [], max(0.0, until - time.monotonic()) if until else None)[0]:
        if not (part := os.read(read, 1 << 16)):
            break
        parts.append(part)
    else:
        os.kill(child, signal.SIGKILL)
    os.close(read)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) == BROKEN:
        raise SystemExit("mutants: stopped")
    return pickle.loads(b"".join(parts)) if status == 0 and parts else None


class Silent:
    """A plugin that says nothing and keeps which tests ran and which failed."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)


class Forking(Silent):
    """Collects as usual; in place of the tests, forks for every mutation and runs in each what calls the function."""

    def __init__(self, file: str, every: Sequence[Mutation], show: Callable[[str], None]) -> None:
        super().__init__()
        self.file, self.every, self.show = file, every, show
        self.survivors: list[Mutation] = []
        self.trouble = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        path = str(PACKAGE / self.file)
        functions: dict[str, list[FunctionType]] = {}
        gc.unfreeze()  # conftest.py keeps imported modules out of the collector's sight
        for function in gc.get_objects():
            if isinstance(function, FunctionType) and function.__code__.co_filename == path:
                functions.setdefault(function.__code__.co_qualname, []).append(function)
        known = in_a_fork(lambda: self._measured(session, functions))
        if known is None or known[1]:
            self.trouble = f"the tests fail without any change: {known and known[1]}"
            return True
        tests: dict[str, tuple[float, set[str]]] = known[0]
        busy = 3 * known[2] + 2
        self.show(f"{self.file}: {len(tests)} tests, {known[2]:.1f} s")
        order = sorted(session.items, key=lambda item: tests[item.nodeid][0])
        for mutation in self.every:
            items = [item for item in order if mutation.function in tests[item.nodeid][1]]
            failed = in_a_fork(lambda m=mutation, i=items: self._tried(m, i, functions), LONGEST, busy)  # type: ignore[misc]
            if failed == []:
                self.survivors.append(mutation)
                self.show(f"{mutation.place}   ({len(items)} tests)")
            elif failed:  # what noticed one change will notice the next
                order.sort(key=lambda item, nodeid=failed[0]: item.nodeid != nodeid)  # type: ignore[misc]
        return True

    def _measured(
        self, session: pytest.Session, functions: Mapping[str, Sequence[FunctionType]]
    ) -> tuple[dict[str, tuple[float, set[str]]], list[str], float]:
        """The seconds of every test and the functions of the file that it calls; what fails; all seconds."""
        start = time.process_time()
        called: set[str] = set()
        setattr(builtins, NOTE, called.add)
        for name, code in outermost(noting_calls(self.file, NOTE)):
            for function in functions.get(name, ()):
                function.__code__ = code
        found = {}
        for item in session.items:
            called.clear()
            begin = time.process_time()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            found[item.nodeid] = time.process_time() - begin, {*called}
        return found, self.failed, time.process_time() - start

    def _tried(
        self, mutation: Mutation, items: Sequence[pytest.Item], functions: Mapping[str, Sequence[FunctionType]]
    ) -> list[str]:
        changed = dict(outermost(compiled(mutation)))[mutation.function]
        for function in functions[mutation.function]:
            function.__code__ = changed
        for item in items:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if self.failed:
                break
        return self.failed


def run_pytest(file: str, plugin: Silent) -> int:
    """pytest on the tests of a file, in this process and without a word."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    seed = ["--hypothesis-seed=0"] if importlib.util.find_spec("hypothesis") else []
    options = ["-x", "-s", "-n", "0", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:cov", *seed]
    return int(
        pytest.main(
            [*options, f"convcalc/{file}", *(t for t in TESTS[file] if os.path.exists(t.split(":")[0]))],
            plugins=[plugin],
        )
    )


def survivors(file: str, every: Sequence[Mutation], show: Callable[[str], None]) -> list[str]:
    """The mutations of a file that its tests do not notice, without those known to change nothing."""

    def inside() -> list[str]:
        plugin = Forking(file, [m for m in every if m.function], show)
        code = run_pytest(file, plugin)
        if plugin.trouble or code not in (0, 5):
            raise SystemExit(f"{file}: {plugin.trouble or f'pytest ended with {code}: {plugin.failed}'}")
        return [m.place for m in plugin.survivors]

    def fresh(mutation: Mutation) -> bool:
        served = _Served(file, compiled(mutation))
        sys.meta_path.insert(0, served)
        try:
            importlib.import_module(served.name)  # before pytest, which loads files in its own way
        except Exception:
            return False
        return run_pytest(file, Silent()) == 0

    found: list[str] | None = in_a_fork(inside)
    if found is None:
        raise SystemExit(f"{file}: the tests could not be run")
    for mutation in every:
        if not mutation.function and in_a_fork(lambda m=mutation: fresh(m), LONGEST):  # type: ignore[misc]
            found.append(mutation.place)
            show(mutation.place)
    return found


def main() -> int:
    """Makes the mutations, runs their tests and prints those that survive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help="below convcalc/, such as axis/window.py [all of the arithmetic]")
    parser.add_argument("--sample", type=int, help="mutations per file, chosen at random but always the same [all]")
    asked = parser.parse_args()
    import numpy  # noqa: F401  # once for all processes
    import rich.console  # noqa: F401
    import typer  # noqa: F401

    terminal = os.dup(1)

    def show(text: str) -> None:
        os.write(terminal, f"{text}\n".encode())

    equivalent = tomllib.loads(EQUIVALENT.read_text())
    alive = 0
    for file in asked.files or TESTS:
        every = list(mutations(file))
        if asked.sample is not None and asked.sample < len(every):
            every = random.Random(0).sample(every, asked.sample)
        known = [m for m in every if m.label in equivalent.get(file, {})]
        every = [m for m in every if m not in known]
        missed = survivors(file, every, show)
        killed = len(every) - len(missed)
        alive += len(missed)
        share = killed / max(1, len(every))
        show(f"{file}: {killed} of {len(every)} noticed ({share:.1%}), {len(known)} known to change nothing")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
