"""The engine compared with PyTorch, ONNX Runtime, JAX and SciPy, whichever are installed: time, memory and error.

Run: python benchmarks/engine.py [--threads 1|2|both] [--only REGEX] [--quick] [--write]

One process per library, so that nobody's allocator or threads help another. In every round all of them do the same
work in turn, the others stopped, so a machine whose speed drifts slows them alike; a ratio is the median over the
rounds of our time over theirs. Our whole call counts; the others keep their weights, sessions and compiled code from
call to call, and get their input in their own form. Memory and error come from a process of their own, a fresh one
for every work.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import re
import signal
import sys
import tempfile
import traceback
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from math import exp, fsum, log, nan, prod
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, Self, TypeAlias

import numpy as np
from processes import process_seconds

import convcalc
from convcalc.engine.algorithms import ALGORITHMS
from convcalc.engine.counter import Counter
from convcalc.engine.primitive import run_primitive
from convcalc.engine.work.blas import openblas
from convcalc.graph.primitives import Correlate, TransposedCorrelate
from convcalc.proof.direct import WIDE, direct_sums

OURS = "convcalc"
PACKAGES = ("numpy", "torch", "onnxruntime", "jax", "scipy")
PAGE = Path(__file__).parent.parent / "docs" / "BENCHMARKS.md"
DECISIONS = "\n## Decisions\n"
"""From this heading on the page is written by hand, and kept."""
MIB = 2**20

ROUNDS, QUICK_ROUNDS = 15, 3
VISIT = 0.03  # seconds a library works in a round, at least one call
SLOW, SLOW_ROUNDS = 1.0, 2  # whoever needs longer than this for a call joins that many rounds only
PATIENCE = 60.0  # seconds until a library's first call is given up
CHECKED_PRODUCTS, PRODUCTS_AT_ONCE, CHECKED_GROUPS = 2**26, 2**21, 16
COMPARED_OUTPUTS = 256


@dataclass(frozen=True, slots=True)
class Work:
    """One convolution, named by its letter in the table below; sizes per axis, other options the same on all axes."""

    letter: str
    in_channels: int
    out_channels: int
    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    transposed: bool = False
    batch: int = 1
    dtype: str = "float32"

    def __str__(self) -> str:
        words = ["x".join(map(str, self.kernel)), f"{self.in_channels}→{self.out_channels}"]
        words += ["@" + "x".join(map(str, self.size))]
        words += [f"{name} {value}" for name, value in (("s", self.stride), ("d", self.dilation)) if value != 1]
        words += [f"groups {self.groups}"] * (self.groups != 1) + ["transposed"] * self.transposed
        words += [f"batch {self.batch}"] * (self.batch != 1) + [self.dtype] * (self.dtype != "float32")
        return f"({self.letter}) {' '.join(words)}"

    @property
    def network(self) -> bool:
        """Whether networks have such layers."""
        return self.letter <= "m" or self.letter == "p"

    @property
    def stage(self) -> Correlate | TransposedCorrelate:
        def every(value: int) -> tuple[int, ...]:
            return (value,) * len(self.kernel)

        padding = ((self.padding, self.padding),) * len(self.kernel)
        options: dict[str, Any] = {"padding": padding, "groups": self.groups, "kernel": self.kernel}
        options |= {"stride": every(self.stride), "dilation": every(self.dilation)}
        if self.transposed:
            options["output_padding"] = every(0)
        kind = TransposedCorrelate if self.transposed else Correlate
        return kind(in_channels=self.in_channels, out_channels=self.out_channels, **options)

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Input and weights, the same in every process; small whole numbers if they are integers."""
        channels = (self.in_channels, self.out_channels) if self.transposed else (self.out_channels, self.in_channels)
        shapes = (self.batch, self.in_channels, *self.size), (channels[0], channels[1] // self.groups, *self.kernel)
        random = np.random.default_rng(0)
        if self.dtype == "int64":
            return random.integers(0, 256, shapes[0]), random.integers(-8, 9, shapes[1])
        x, weight = (random.standard_normal(shape, np.float32).astype(self.dtype) for shape in shapes)
        return x, weight

    def multiplications(self, out_shape: tuple[int, ...]) -> int:
        """What the direct sum multiplies, padding zeros included."""
        positions = prod(self.size) if self.transposed else prod(out_shape[2:])
        return self.batch * positions * self.in_channels * self.out_channels // self.groups * prod(self.kernel)


WORKS = (
    Work("a", 3, 64, (224, 224), (7, 7), stride=2, padding=3),
    Work("b", 64, 64, (56, 56), (3, 3), padding=1),
    Work("c", 128, 128, (28, 28), (3, 3), padding=1),
    Work("d", 256, 256, (14, 14), (3, 3), padding=1),
    Work("e", 512, 512, (7, 7), (3, 3), padding=1),
    Work("f", 256, 64, (56, 56), (1, 1)),
    Work("f", 1024, 2048, (14, 14), (1, 1), stride=2),
    Work("g", 64, 64, (224, 224), (3, 3), padding=1),
    Work("h", 32, 32, (112, 112), (3, 3), padding=1, groups=32),
    Work("h", 144, 144, (56, 56), (3, 3), stride=2, padding=1, groups=144),
    Work("h", 512, 512, (14, 14), (3, 3), padding=1, groups=512),
    Work("h", 96, 96, (56, 56), (7, 7), padding=3, groups=96),
    Work("i", 256, 256, (14, 14), (3, 3), padding=1, groups=32),
    Work("j", 256, 256, (28, 28), (3, 3), padding=2, dilation=2),
    Work("j", 256, 256, (28, 28), (3, 3), padding=4, dilation=4),
    Work("k", 64, 64, (16, 56, 56), (3, 3, 3), padding=1),
    Work("l", 256, 128, (16, 16), (4, 4), stride=2, padding=1, transposed=True),
    Work("l", 512, 256, (8, 8), (4, 4), stride=2, padding=1, transposed=True),
    Work("m", 64, 64, (16000,), (3,), padding=4, dilation=4),
    Work("m", 1, 512, (160000,), (400,), stride=160),
    Work("n", 1, 1, (2048, 2048), (3, 3)),
    Work("n", 1, 1, (2048, 2048), (11, 11)),
    Work("n", 1, 1, (2048, 2048), (31, 31)),
    Work("n", 1, 1, (2048, 2048), (101, 101)),
    Work("o", 64, 64, (56, 56), (3, 3), padding=1, dtype="float64"),
    Work("o", 64, 64, (224, 224), (3, 3), padding=1, dtype="float64"),
    Work("p", 256, 256, (14, 14), (3, 3), padding=1, batch=32),
    Work("q", 1, 1, (1024, 1024), (3, 3), dtype="int64"),
)


# The libraries. Each prepares a work once, outside the timing, and returns the call to be timed; UnsupportedError says
# that it has no such convolution, ImportError that it is not installed.

Call: TypeAlias = Callable[[], Any]


class UnsupportedError(Exception):
    pass


def our_call(work: Work, _threads: int) -> Call:
    (x, weight), options = work.arrays(), {"stride": work.stride, "padding": work.padding, "groups": work.groups}
    conv: Callable[..., np.ndarray] = convcalc.conv_transpose if work.transposed else convcalc.conv
    return lambda: conv(x, weight, dilation=work.dilation, **options)


def torch_call(work: Work, threads: int) -> Call:
    import torch

    torch.set_num_threads(threads)
    name = f"conv{'_transpose' if work.transposed else ''}{len(work.kernel)}d"
    conv, (x, weight) = getattr(torch.nn.functional, name), map(torch.from_numpy, work.arrays())

    def call() -> Any:
        with torch.inference_mode():
            return conv(x, weight, stride=work.stride, padding=work.padding, dilation=work.dilation, groups=work.groups)

    return call


def onnxruntime_call(work: Work, threads: int) -> Call:
    import onnx
    import onnxruntime

    x, weight = work.arrays()
    kind = onnx.helper.np_dtype_to_tensor_dtype(x.dtype)
    dims = len(work.kernel)
    node = onnx.helper.make_node(
        "ConvTranspose" if work.transposed else "Conv", ["x", "w"], ["y"], group=work.groups,
        strides=[work.stride] * dims, pads=[work.padding] * 2 * dims, dilations=[work.dilation] * dims,
    )  # fmt: skip
    graph = onnx.helper.make_graph(
        [node],
        "work",
        [onnx.helper.make_tensor_value_info("x", kind, x.shape)],
        [onnx.helper.make_tensor_value_info("y", kind, None)],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    except Exception as error:  # its own exception classes are private
        raise UnsupportedError("no kernel") from error
    return lambda: session.run(None, {"x": x})[0]


def jax_call(work: Work, _threads: int) -> Call:
    import jax

    x, weight = work.arrays()
    dims, padding = len(work.kernel), work.padding
    options: dict[str, Any] = {}
    strides = (work.stride,) * dims
    if work.transposed:  # a convolution of the input with zeros between its values
        weight = np.ascontiguousarray(np.flip(weight.swapaxes(0, 1), tuple(range(2, 2 + dims))))
        padding, options, strides = work.kernel[0] - 1 - padding, {"lhs_dilation": strides}, (1,) * dims
    x, weight = jax.device_put(x), jax.device_put(weight)
    compiled = jax.jit(
        lambda x, weight: jax.lax.conv_general_dilated(
            x, weight, strides, [(padding, padding)] * dims, rhs_dilation=(work.dilation,) * dims,
            feature_group_count=work.groups, **options,
        )
    )  # fmt: skip
    return lambda: compiled(x, weight).block_until_ready()


def image_and_kernel(work: Work) -> list[np.ndarray]:
    """Image and kernel of a work on plain images, the only ones that SciPy has functions for."""
    if work.in_channels * work.out_channels * work.stride * work.dilation != 1 or work.padding:
        raise UnsupportedError("plain images only")
    return [array[0, 0] for array in work.arrays()]


def signal_call(name: str) -> Callable[[Work, int], Call]:
    def prepare(work: Work, threads: int) -> Call:
        import scipy.fft
        import scipy.signal

        image, kernel = image_and_kernel(work)
        function = getattr(scipy.signal, name)
        if name != "correlate":
            if work.dtype == "int64":
                raise UnsupportedError("gives floats")
            kernel = np.ascontiguousarray(np.flip(kernel))

        def call() -> np.ndarray:
            with scipy.fft.set_workers(threads):
                result: np.ndarray = function(image, kernel, mode="valid")
            return result

        return call

    return prepare


def ndimage_call(work: Work, _threads: int) -> Call:
    import scipy.ndimage

    image, kernel = image_and_kernel(work)
    if kernel.size > 1000:
        raise UnsupportedError("takes minutes")
    inside = tuple(slice(size // 2, -(size // 2)) for size in kernel.shape)  # all kernels are odd
    return lambda: scipy.ndimage.correlate(image, kernel, mode="constant")[inside]


LIBRARIES: dict[str, Callable[[Work, int], Call]] = {
    OURS: our_call,
    "torch": torch_call,
    "onnxruntime": onnxruntime_call,
    "jax": jax_call,
    **{f"scipy.signal.{name}": signal_call(name) for name in ("correlate", "fftconvolve", "oaconvolve")},
    "scipy.ndimage": ndimage_call,
}


# What happens in a library's own process.


@dataclass(frozen=True, slots=True)
class Prepared:
    """A work's first results: seconds of a warm call, the output's shape, and some of its values."""

    seconds: float
    shape: tuple[int, ...]
    values: np.ndarray


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds of a call, and how many processors worked at once."""

    seconds: float
    processors: float


@dataclass(frozen=True, slots=True)
class Inspected:
    """The algorithm; extra bytes at the peak; the largest error, divided by its bound and by the scale.

    The bound is the one stated for the algorithm, for sums terms * eps * sum|products| (Higham 2002, section 3.1); the
    scale is the largest |output|. Extra bytes are those in addition to input, weights and output.
    """

    algorithm: str
    extra_bytes: int
    of_bound: float
    of_scale: float


@dataclass(frozen=True, slots=True)
class Machine:
    """Multiplications per second of large matrix products, bytes per second of a large copy, and the BLAS kernels."""

    products: dict[str, float]
    copied: float
    kernels: str


def prepare(library: str, work: Work, threads: int) -> tuple[Call, Prepared]:
    call = LIBRARIES[library](work, threads)
    began = perf_counter()
    out = np.asarray(call())
    seconds = perf_counter() - began
    if seconds < SLOW:  # else a warm call cannot be much faster
        began = perf_counter()
        call()
        seconds = perf_counter() - began
    flat = out.reshape(-1)
    return call, Prepared(seconds, out.shape, flat[:: max(1, flat.size // COMPARED_OUTPUTS)].astype(np.float64))


def timed(call: Call, count: int) -> Timed:
    """The median of `count` calls, after one that brings code and data back into the caches."""
    if count > 1:
        call()
    wall, busy, seconds = perf_counter(), process_time(), []
    for _ in range(count):
        began = perf_counter()
        call()
        seconds.append(perf_counter() - began)
    return Timed(median(seconds), (process_time() - busy) / (perf_counter() - wall))


def inspected(work: Work) -> Inspected:
    """To be asked once in a process, so that a workspace kept between calls counts."""
    (x, weight), counter = work.arrays(), Counter()
    tracemalloc.start()
    out = run_primitive(work.stage, [x], [weight], counter=counter)
    extra = tracemalloc.get_traced_memory()[1] - out.nbytes
    tracemalloc.stop()
    assert counter.choice is not None
    of_bound, error, scale = 0.0, 0.0, 0.0
    own = ALGORITHMS[counter.choice.algorithm].error_scale
    largest = float(np.abs(x).max())
    wide, eps = WIDE[out.dtype], 0.0 if out.dtype.kind == "i" else float(np.finfo(out.dtype).eps)
    for positions, filters in sampled(work, out.shape):
        sums = direct_sums(work.stage, x, weight, None, positions, filters, wide)
        at = tuple(positions[:, axis, np.newaxis] for axis in range(positions.shape[1]))
        errors = np.abs(out[(at[0], filters, *at[1:])] - sums.values).astype(np.float64)
        bounds = (sums.terms * eps * sums.magnitudes).astype(np.float64)
        if own is not None and counter.problem is not None:
            bounds = np.broadcast_to(own(counter.problem).reshape(-1)[filters] * eps * largest, bounds.shape)
        shares = np.where(errors == 0, 0.0, errors / np.maximum(bounds, np.finfo(np.float64).tiny))
        of_bound, error = max(of_bound, float(shares.max())), max(error, float(errors.max()))
        scale = max(scale, float(np.abs(sums.values).max()))
    return Inspected(counter.choice.algorithm, max(0, extra), of_bound, error / scale)


def sampled(work: Work, shape: tuple[int, ...]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Random output positions, corners first, with all filters of some groups, in parts that fit in memory."""
    batch, _, *sizes = shape
    per_group = work.out_channels // work.groups
    groups = np.unique(np.linspace(0, work.groups - 1, min(work.groups, CHECKED_GROUPS)).astype(int))
    each = per_group * work.in_channels // work.groups * prod(work.kernel)
    count = max(2 ** len(sizes), CHECKED_PRODUCTS // (each * len(groups)))
    if count >= batch * prod(sizes):
        positions = np.stack(np.unravel_index(np.arange(batch * prod(sizes)), (batch, *sizes)), axis=1)
    else:
        corners = np.stack(np.meshgrid([0], *([0, size - 1] for size in sizes)), axis=-1).reshape(-1, 1 + len(sizes))
        random = np.random.default_rng(1).integers(0, (batch, *sizes), (count - len(corners), 1 + len(sizes)))
        positions = np.concatenate([corners, random])
    step = max(1, PRODUCTS_AT_ONCE // each)
    for group in groups:
        for start in range(0, len(positions), step):
            yield positions[start : start + step], np.arange(group * per_group, (group + 1) * per_group)


def machine() -> Machine:
    def best(call: Callable[[], object]) -> float:
        return min(timed(call, 1).seconds for _ in range(10))

    def products(dtype: str, size: int = 2048) -> float:
        left, right, out = np.ones((3, size, size), dtype)
        return size**3 / best(lambda: np.matmul(left, right, out=out))

    source, target = np.ones((2, 64 * MIB), np.uint8)
    rates = {dtype: products(dtype) for dtype in ("float32", "float64")}
    return Machine(rates, 2 * source.nbytes / best(lambda: np.copyto(target, source)), blas_kernels())


def blas_kernels() -> str:
    """The kernels that NumPy's OpenBLAS chose for this processor, asked of the loaded library itself."""
    if (own := openblas()) is not None:
        return f"OpenBLAS, {own.processor}"
    blas: Any = np.show_config(mode="dicts")
    return f"{blas['Build Dependencies']['blas']['name']}, kernels unknown"


def serve(pipe: Any, library: str, threads: int) -> None:
    """Answers requests until the pipe closes; an exception is an answer too."""
    # Once a large block has been freed, glibc keeps freed memory instead of giving it back after every call. Everybody
    # begins like that, or getting pages anew would make layers ten times slower depending on what ran before them.
    np.empty(31 * MIB, np.uint8)
    call: Call | None = None
    answer: object
    with suppress(EOFError):
        while True:
            request, *arguments = pipe.recv()
            try:
                if request == "prepare":
                    call = None  # frees the arrays of the work before
                    call, answer = prepare(library, arguments[0], threads)
                elif request == "time":
                    assert call is not None
                    answer = timed(call, *arguments)
                elif request == "inspect":
                    answer = inspected(*arguments)
                else:
                    answer = machine()
            except Exception as error:
                known = isinstance(error, UnsupportedError | ImportError)
                answer = error if known else RuntimeError(traceback.format_exc(limit=-1))
            pipe.send(answer)


# What happens in the process that asks.


class Process(AbstractContextManager["Process"]):
    """A library's process, stopped except while it answers: threads that spin for work must not disturb others."""

    def __init__(self, library: str, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, library, threads), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, *request: object, patience: float | None = None) -> Any:
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGCONT)
        self.pipe.send(request)
        if not self.pipe.poll(patience):
            raise TimeoutError(f"no answer after {patience:.0f} s")
        answer = self.pipe.recv()
        os.kill(self.process.pid, signal.SIGSTOP)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


@dataclass(slots=True)
class Figures:
    """What was measured of a work: our time, our time over every peer's, memory and error, fractions of the machine."""

    work: Work
    seconds: float
    ratios: dict[str, float]
    inspected: Inspected
    of_products: float
    of_copy: float

    @property
    def fastest(self) -> tuple[str, float]:
        return max(self.ratios.items(), key=lambda item: item[1], default=("-", nan))


@dataclass(slots=True)
class Session:
    """All that was measured with one number of threads."""

    threads: int
    machine: Machine
    cold: float
    figures: list[Figures] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def measure(works: Iterable[Work], threads: int, rounds: int) -> Session:
    set_environment(threads)
    with Process(OURS, threads) as ours:
        session = Session(threads, ours.ask("machine"), cold_ratio(rounds))
    installed, processors = dict(LIBRARIES), dict.fromkeys(LIBRARIES, 0.0)
    with ExitStack() as stack:
        processes = {name: stack.enter_context(Process(name, threads)) for name in installed}
        for work in works:
            print(f"{threads} thread{'s' * (threads > 1)} {work}", file=sys.stderr)
            prepared: dict[str, Prepared] = {}
            for name in list(processes):
                try:
                    prepared[name] = processes[name].ask("prepare", work, patience=PATIENCE)
                except UnsupportedError:
                    continue
                except ImportError:
                    session.notes.append(f"{name} is not installed")
                    del processes[name]
                    continue
                except (TimeoutError, RuntimeError, EOFError) as error:
                    if name == OURS:
                        raise
                    session.notes.append(f"{work}: {name} left out: {str(error).strip().splitlines()[-1]}")
                    processes[name].__exit__()
                    processes[name] = stack.enter_context(Process(name, threads))
                    continue
                if not agree(prepared[OURS], prepared[name]):
                    session.notes.append(f"{work}: {name} left out: it computes something else")
                    del prepared[name]
            times = interleaved({name: processes[name] for name in prepared}, prepared, rounds)
            for name, timings in times.items():
                processors[name] = max(processors[name], median(timing.processors for timing in timings))
            session.figures.append(summary(work, times, prepared[OURS].shape, session.machine, threads))
    session.notes += [
        f"{name} used {used:.1f} processors with {threads} allowed"
        for name, used in processors.items()
        if used > threads + 0.15
    ]
    return session


def set_environment(threads: int) -> None:
    """For processes started from now on. OPENBLAS_CORETYPE would slow NumPy with kernels of another processor."""
    os.environ.pop("OPENBLAS_CORETYPE", None)
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"):  # XLA reads the last
        os.environ[name] = str(threads)
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    os.environ |= {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}


def agree(ours: Prepared, theirs: Prepared) -> bool:
    """Whether both computed the same, which only the arrangement of a peer's axes and options can spoil."""
    scale = np.abs(ours.values).max()
    return ours.values.shape == theirs.values.shape and bool((abs(ours.values - theirs.values) <= 1e-3 * scale).all())


def interleaved(processes: dict[str, Process], prepared: dict[str, Prepared], rounds: int) -> dict[str, list[Timed]]:
    """Every library's times round by round, in turn, and every other round in the opposite order."""
    times: dict[str, list[Timed]] = {name: [] for name in processes}
    for number in range(rounds):
        for name in list(processes)[:: -1 if number % 2 else 1]:
            seconds = prepared[name].seconds
            if seconds <= SLOW or number < SLOW_ROUNDS:
                times[name].append(processes[name].ask("time", max(1, min(50, int(VISIT / seconds)))))
    return times


def summary(
    work: Work, times: dict[str, list[Timed]], shape: tuple[int, ...], machine: Machine, threads: int
) -> Figures:
    ours = [timing.seconds for timing in times[OURS]]
    ratios = {
        name: median(our / their.seconds for our, their in zip(ours, timings, strict=False))
        for name, timings in times.items()
        if name != OURS
    }
    with Process(OURS, threads) as process:
        result = process.ask("inspect", work)
    seconds, (x, weight) = median(ours), work.arrays()
    peak = machine.products["float32" if work.dtype == "float32" else "float64"]
    data = x.nbytes + weight.nbytes + prod(shape) * x.itemsize
    of_products = work.multiplications(shape) / seconds / peak
    return Figures(work, seconds, ratios, result, of_products, data / seconds / machine.copied)


TORCH_SCRIPT = """
import sys
import numpy as np
import torch
x, weight = (torch.from_numpy(np.load(path)) for path in sys.argv[1:])
with torch.inference_mode():
    out = torch.nn.functional.conv2d(x, weight, padding=1)
assert out.shape == (1, 64, 56, 56)
print(tuple(out.shape))
"""


def cold_ratio(rounds: int) -> float:
    """`convcalc run` with all its checks over a torch script that does the same work, whole processes."""
    try:
        version("torch")
    except PackageNotFoundError:
        return nan
    [work] = [work for work in WORKS if work.letter == "b"]
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, name) for name in ("x.npy", "weight.npy")]
        for name, array in zip(files, work.arrays(), strict=True):
            np.save(name, array)
        ours = [sys.executable, "-m", "convcalc", "run", *files, "-p", "1"]
        theirs = [sys.executable, "-c", TORCH_SCRIPT, *files]
        process_seconds(ours), process_seconds(theirs)
        return median(process_seconds(ours) / process_seconds(theirs) for _ in range(rounds))


# The page.

EXPLANATION = """
Median of {rounds} rounds; in each every library works in turn, in a process of its own. Ratios are our time over
theirs, so below 1 convcalc is faster. Our whole call counts, the others' weights are prepared. `MiB` is extra memory
in addition to input, weights and output. `error` is the largest error against a direct sum in a wider type, at sampled
positions, as a share of the largest output; `of bound` the same as a share of the bound stated for the algorithm.
`of matmul` is the rate of direct multiplications as a fraction of a large matrix product's, float64's for integers
(above 1 where an algorithm saves multiplications), `of copy` the rate of input, weights and output as a fraction of a
large copy's.
""".strip()


def geometric_mean(values: Iterable[float]) -> float:
    logarithms = [log(value) for value in values]
    return exp(fsum(logarithms) / len(logarithms)) if logarithms else nan


def goals(session: Session) -> Iterator[tuple[str, float, float]]:
    """Every goal: what is measured, the figure, and the most that it may be."""
    figures = session.figures
    over_torch = [(figure.work, figure.ratios["torch"]) for figure in figures if "torch" in figure.ratios]
    yield "time / torch, geometric mean of all", geometric_mean(ratio for _, ratio in over_torch), 0.65
    layers = [ratio for work, ratio in over_torch if work.network]
    yield "time / torch, geometric mean of network layers, (a) to (m) and (p)", geometric_mean(layers), 1.05
    fastest = [figure.fastest[1] for figure in figures if figure.ratios]
    yield "time / fastest peer, geometric mean of all", geometric_mean(fastest), 1.3
    yield "time / torch, the worst", max((ratio for _, ratio in over_torch), default=nan), 3
    yield "extra memory in MiB, the most", max(figure.inspected.extra_bytes for figure in figures) / MIB, 64
    yield "error / bound, the worst", max(figure.inspected.of_bound for figure in figures), 1
    yield "cold process / torch script", session.cold, 0.25


def page(sessions: list[Session], rounds: int) -> str:
    blocks = [
        "# Benchmarks",
        "Written by `python benchmarks/engine.py --write`; the numbers hold for the machine below.",
        "\n".join(f"- {line}" for line in surroundings()),
        EXPLANATION.format(rounds=rounds),
    ]
    for session in sessions:
        blocks += [
            f"## {session.threads} thread{'s' * (session.threads > 1)}",
            f"Matrix products: {rates(session.machine)}; copy: {session.machine.copied / 1e9:.1f} GB/s read and "
            f"written; NumPy's kernels: {session.machine.kernels}.",
            table(
                ["goal", "measured", "at most", ""],
                [
                    [
                        name,
                        f"{value:.2f}",
                        f"{limit:g}",
                        "-" if value != value else "met" if value <= limit else "not met",
                    ]
                    for name, value, limit in goals(session)
                ],
            ),
            table(
                [
                    "work",
                    "algorithm",
                    "ms",
                    "/ torch",
                    "/ fastest",
                    "fastest peer",
                    "MiB",
                    "error",
                    "of bound",
                    "of matmul",
                    "of copy",
                ],
                [figure_row(figure) for figure in session.figures],
            ),
            "\n".join(f"- {note}" for note in session.notes),
        ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def surroundings() -> Iterator[str]:
    cpu = re.search(r"model name\s*: (.*)", text_of("/proc/cpuinfo"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB"
    yield f"{platform.system()}, Python {platform.python_version()}, convcalc {convcalc.__version__}"
    yield ", ".join(f"{name} {version(name)}" for name in PACKAGES if is_installed(name))


def is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def text_of(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def rates(machine: Machine) -> str:
    return ", ".join(f"{rate / 1e9:.0f} G multiplications/s in {dtype}" for dtype, rate in machine.products.items())


def figure_row(figure: Figures) -> list[str]:
    peer, ratio = figure.fastest
    measured = figure.inspected
    return [
        str(figure.work), measured.algorithm, f"{figure.seconds * 1e3:.2f}",
        number(figure.ratios.get("torch", nan)), number(ratio), peer, f"{measured.extra_bytes / MIB:.1f}",
        f"{measured.of_scale:.1e}", f"{measured.of_bound:.1e}", f"{figure.of_products:.2f}", f"{figure.of_copy:.2f}",
    ]  # fmt: skip


def number(value: float) -> str:
    return "-" if value != value else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table that is aligned in plain text too."""
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in [heads, rule, *rows]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", choices=("1", "2", "both"), default="both")
    parser.add_argument(
        "--only", metavar="REGEX", default="", help="works whose names it finds, as '^.[a-e]' or 'groups'"
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds instead of {ROUNDS}")
    parser.add_argument("--write", action="store_true", help="also write docs/BENCHMARKS.md")
    options = parser.parse_args()
    works = [work for work in WORKS if re.search(options.only, str(work))]
    if options.write and options.only:
        parser.error("--write: the page has all works, leave out --only")
    if not works:
        parser.error(f"--only: no work's name has {options.only}")
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    counts = (1, 2) if options.threads == "both" else (int(options.threads),)
    load = os.getloadavg()[0]
    sessions = [measure(works, threads, rounds) for threads in counts]
    if load > 0.5:  # threads that wait for each other then wait whole time slices
        sessions[0].notes.append(f"others kept {load:.1f} processors busy at the start: two threads measure them too")
    text = page(sessions, rounds)
    print(text, end="")
    if options.write:
        PAGE.write_text(text + DECISIONS.join(["", *PAGE.read_text().split(DECISIONS)[1:]]))


if __name__ == "__main__":
    main()
