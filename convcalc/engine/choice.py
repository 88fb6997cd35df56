"""Which algorithm computes a convolution: one table of rules, tried in order, and the predicates behind them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from convcalc.engine import tuning
from convcalc.engine.algorithms import ALGORITHMS, AUTO, bands, direct, fourier, winograd
from convcalc.engine.counter import Choice
from convcalc.engine.magnitudes import Look, look
from convcalc.engine.problem import Problem
from convcalc.engine.work.blas import multiplies_small_matrices_in_place

# (algorithm, when, why). The first that holds and fits is taken.
RULES: tuple[tuple[str, Callable[[Problem], bool], str], ...] = (
    ("direct", direct.is_pointwise, "a pointwise kernel is one matrix product with the data as it lies"),
    ("winograd", lambda p: _tiles_pay(p), "3x3 over enough tiles and channels: a quarter of the multiplications"),
    ("fft", lambda p: _spectra_pay(p), "many taps per filter: transforms cost the same for any kernel"),
    ("planes", lambda p: _has_short_rows(p), "short rows: whole planes are copied instead of rows one by one"),
    ("bands", lambda p: _bands_pay(p), "one channel, many taps or dilated rows: several output rows at a time"),
    ("rows", lambda p: _is_narrow(p), "few channels or filters: copied once per kernel column, not per tap"),
    ("direct", lambda _: True, "one matrix product over the values under the windows"),
)


def choose(problem: Problem, requested: str = AUTO) -> Choice:
    """The algorithm for a problem: `requested` if it fits, direct if it does not, and by the rules if it is AUTO.

    The rules pass over an algorithm that mixes values if these would lose their digits by it.
    """
    if requested != AUTO:
        if ALGORITHMS[requested].fits(problem):
            return Choice(requested, "asked for")
        return Choice("direct", f"{requested} was asked for and does not fit")
    passed_over = ""
    for name, applies, reason in RULES:
        if applies(problem) and (algorithm := ALGORITHMS[name]).fits(problem):
            seen = Look("") if algorithm.mixing is None else look(problem, algorithm.mixing(problem))
            if not seen.objection:
                return Choice(name, reason + passed_over, seen.finite)
            passed_over += f"; not {name}: {seen.objection}"
    raise AssertionError("the last rule always holds")


def _tiles_pay(problem: Problem) -> bool:
    """Whether the products that Winograd saves are worth its transforms of input, output and weights.

    The unit is the time of the direct products. The weights' share is divided by the number of outputs that they
    serve; tiles that reach beyond the output cost products all the same.
    """
    transforms = tuning.WINOGRAD_PER_FILTER / problem.filters + tuning.WINOGRAD_PER_CHANNEL / problem.channels
    if transforms > tuning.MAX_WINOGRAD_TRANSFORMS or not winograd.fits(problem):
        return False
    tiles, outputs = winograd.tile_count(problem), problem.batch * prod(problem.positions)
    if len(problem.kernel) > 2 and tiles < tuning.MIN_TILES_WITH_DEPTH:
        return False
    products = tuning.WINOGRAD_PER_TILE * tiles * prod(problem.positions[:-2])
    near = winograd.weight_bytes(problem) <= tuning.MAX_CACHED_WEIGHTS
    weights = tuning.WINOGRAD_PER_WEIGHT if near else tuning.WINOGRAD_PER_FAR_WEIGHT
    return transforms + (weights + products) / outputs < tuning.MAX_WINOGRAD_COST


def _spectra_pay(problem: Problem) -> bool:
    """Whether transforming the tiles of a group takes less time than multiplying the values under its windows."""
    if prod(problem.kernel) < tuning.MIN_FFT_TAPS:
        return False
    transforms = tuning.FFT_FIXED_NS + tuning.FFT_VALUE_NS * fourier.transformed_values(problem)
    under_windows = problem.batch * prod(problem.positions) * problem.terms
    return transforms < _nanoseconds_per_value(problem) * under_windows


def _nanoseconds_per_value(problem: Problem) -> float:
    """Time that the other algorithms take per value under a window: to copy it, or to multiply it by the filters."""
    filters, dilation = problem.filters, problem.dilation[0]
    small = multiplies_small_matrices_in_place()
    several = problem.channels > 1 or filters > tuning.MAX_BAND_FILTERS
    if len(problem.kernel) != 2 or (dilation > 1 and several):  # direct: copied for every tap
        return tuning.COPIED_NS + filters / (tuning.PRODUCTS_PER_NS if small else tuning.PRODUCTS_PER_NS_PACKED)
    if dilation > 1:
        return tuning.DILATED_NS * filters * dilation
    if filters <= tuning.MAX_STRIDED_FILTERS and problem.terms >= tuning.MIN_STRIDED_TERMS:
        return tuning.STRIDED_NS * problem.stride[1]
    if filters == 1:
        return tuning.SINGLE_FILTER_NS
    if small:
        return tuning.ROW_NS + filters / tuning.ROW_PRODUCTS_PER_NS
    return tuning.ROW_NS_PACKED + filters / tuning.ROW_PRODUCTS_PER_NS_PACKED


def _has_short_rows(problem: Problem) -> bool:
    """Whether output rows are short, and the images are not worth joining in one product.

    If `rows` also applies, only for kernels with few taps.
    """
    width = problem.positions[-1]
    few_reads = width * prod(problem.kernel) < tuning.MAX_PLANE_READS or not _is_narrow(problem)
    alone = problem.batch == 1 or problem.filters <= tuning.MAX_SHORT_ROW_FILTERS
    return few_reads and width <= tuning.MAX_SHORT_ROW and alone


def _bands_pay(problem: Problem) -> bool:
    """Whether computing several output rows at once pays for the zeros it multiplies.

    It does when rows no longer fit into L1, and when rows are dilated, which no other algorithm copies only once.
    """
    one_channel = problem.channels == 1 and len(problem.kernel) == 2
    if not one_channel or problem.filters > tuning.MAX_BAND_FILTERS or not bands.zeros_pay(problem):
        return False
    if problem.dilation[0] > 1:
        return True
    if problem.filters > 1 or problem.positions[-1] < tuning.MIN_BAND_WIDTH:
        return False
    small = multiplies_small_matrices_in_place()
    return prod(problem.kernel) >= (tuning.MIN_BAND_TAPS if small else tuning.MIN_BAND_TAPS_PACKED)


def _is_narrow(problem: Problem) -> bool:
    """Whether copying the values under the windows takes longer than multiplying them.

    In 1-D: one channel per group, and enough groups to amortise the calls.
    """
    if len(problem.kernel) == 1:
        few = problem.channels == 1 and problem.filters <= tuning.MAX_SIGNAL_FILTERS
        block = min(problem.positions[0], tuning.MAX_SIGNAL_COLUMNS)
        return few and problem.groups * block >= tuning.MIN_SIGNAL_VALUES
    return problem.filters <= tuning.MAX_NARROW_FILTERS or problem.terms <= tuning.MAX_NARROW_TERMS
