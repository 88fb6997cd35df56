"""Every constant of the engine that was measured, or set with the machine in mind.

Unless a constant says otherwise it was measured in November 2026 on this machine, on one thread in float32:

    Intel Xeon at 2.8 GHz (family 6, model 106), 2 cores with AVX-512
    caches: 48 KiB L1 and 1.25 MiB L2 per core, 48 MiB L3
    Linux, Python 3.11, NumPy 2.4.6 with its own OpenBLAS 0.3.31, kernels for SkylakeX

Each constant names its date and workload. "Reasoned" means that it follows from a size or a promise, and that other
values were not timed. To measure again, run `benchmarks/engine.py` on the old and the new value in turns
(docs/BENCHMARKS.md). Code reads these as `tuning.NAME`, so that a test can replace one for all of the engine.
"""

from __future__ import annotations

MIB = 2**20

# Memory and caches

BUDGET = 2 * MIB
"""Bytes of one workspace: a copy writes it and a matrix product reads it at once, fastest from the L2 cache.

Every working array is a small multiple of it. 2026-11-24, 3x3 layers of 64 to 512 channels: 1 to 4 MiB are alike.
"""
SHARED_CACHE = 3 / 8
"""Fraction of BUDGET to use when as much input and output passes through the cache as is copied.

2026-11-28, depthwise 3x3 on 112x112 and grouped 3x3 on 14x14.
"""
MAX_KEPT_BYTES = 48 * MIB
"""Largest workspace that a thread keeps for its next call. Reasoned: below the 64 MiB promised in all."""
CACHE_LINE = 64
"""Bytes of a cache line. A fact of x86-64; other processors have 32 to 128."""
CACHE_WAY, CACHE_WAYS = 4096, 8
"""Bytes of one way of the L1 cache, and its ways. Reasoned: nearly every processor has at least these (this one 12)."""
L1_BYTES = 32 * 1024
"""Bytes of the L1 cache. Reasoned: the smallest in wide use; this machine has 48 KiB."""
UFUNC_BUFFER = 16
"""Values in the buffer of NumPy's ufuncs: the least that NumPy allows.

With the usual 8192 values ufuncs copy operands whose runs are shorter than the buffer: 3 times as long as the sum
itself. 2026-11-28, depthwise 3x3 on 112x112.
"""

# Copies

MAX_NARROW_RUN = 8
"""Values in a run up to which clearing it column by column is faster. 2026-11-24, padding of 1 to 8 pixels."""
MIN_LONG_RUN = 16
"""Taps side by side from which they are copied as one run each. 2026-11-24, 1-D kernels of 8 to 400 with strides."""
MAX_TAPS_APART = 4
"""Taps of a row with a stride up to which each is copied from the input itself. 2026-11-24, 3x3 and 7x7, stride 2."""
MIN_CHANNELS_TOGETHER = 32
"""Fewest channels worth copying in a separate pass, channels last. 2026-11-24, 3x3 layers of 64 to 512 channels."""

# Matrix products

MIN_COLUMNS = 64
"""Columns that a product keeps when its sizes are cut: with fewer it reads more than it computes.

2026-11-24, 3x3 layers of 64 to 512 channels.
"""
MIN_SHARED_MATRIX = 9216
"""Values of a matrix from which OpenBLAS splits its product with a vector among threads. A fact of OpenBLAS 0.3."""
MAX_UNPACKED = 10**6
"""Multiplications of the largest product that OpenBLAS hands to its small-matrix kernels. A fact of OpenBLAS 0.3."""
KERNEL_ROWS = 16
"""Rows that its small-matrix kernels compute together. A fact of OpenBLAS 0.3 with AVX-512."""
PANEL = 64
"""Columns that the small-matrix kernels multiply well. 2026-11-28, 7x7 on 3 channels and 1-D kernels of 3."""
MIN_PANEL_WEIGHTS = 256
"""Fewest weights for which a product with one panel is worth its call. 2026-11-28, 1-D kernels, 2 to 64 channels."""

# Direct, and transposed

MAX_CONVERTED_BYTES = 16 * MIB
"""Largest weights that are converted or transformed as a whole. Reasoned: a quarter of the 64 MiB promised."""
SUMS_BYTES = 16 * MIB
"""Bytes of sums of a transposed convolution whose result has another dtype. Reasoned: as above."""

EVEN_BLOCKS = 4
"""Images or rows are cut into a multiple of so many blocks. Reasoned: parts for 2 or 4 threads end where blocks do."""
POINTWISE_COLUMNS = 1 << 16
"""Columns of a product of a very large pointwise layer. Reasoned: BLAS packs far fewer of them at once."""

# Rows

MAX_ROWS_BYTES = 24 * MIB
"""Largest smallest block of `rows` and `bands`. Reasoned: leaves room in the 64 MiB promised."""
ROWS_BUDGETS = 2
"""Budgets of a block of `rows` unless it stays in the cache. 2026-11-24, 7x7 on 3 channels with 64 filters."""
MAX_ROW_COLUMNS = 512
"""Output columns at a time. 2026-11-24, 3x3 to 7x7 on 3 channels."""
MAX_SIGNAL_COLUMNS = 2048
"""Output columns at a time for one channel per group. 2026-11-28, 1-D kernels of 3 to 9 on 64 to 512 channels."""
MAX_CACHED_FILTERS = 16
"""Filters up to which copying takes about as long as multiplying, so that a block is best kept in the cache.

2026-11-28, 3x3 on 1 to 3 channels and depthwise 3x3; with Haswell's kernels too.
"""

# Bands

MAX_BAND_ROWS = 4
"""Output rows that one banded matrix computes, fewer with a stride. 2026-11-28, one channel, 3x3 to 19x19: 2 to 8."""
MAX_BAND_COLUMNS = 256
"""Output columns at a time. 2026-11-28, one channel, 9x9 to 19x19."""
MAX_ZEROS_PER_TAP = 8
"""Input rows under a banded matrix per kernel row, beyond which its zeros cost more than they save.

2026-11-28, depthwise 3x3 with dilation 2 to 20.
"""

# Planes

MAX_PLANES_BYTES = 16 * MIB
"""Bytes that one group may take in `planes`. Reasoned: room for matrix, sums and weights within 64 MiB."""

# Winograd

MAX_TILES_BYTES = 10 * MIB
"""Largest block of Winograd's tiles. Reasoned: two such arrays, image and weights fit into 64 MiB."""
TILES_BYTES = 4 * MIB
"""Bytes of a block of tiles, unless fewer than MIN_COLUMNS fit. 2026-11-24, 3x3 layers of 64 to 512 channels."""
FILTERS_TOGETHER = 32
"""Filters whose weights are copied side by side in one pass. 2026-11-28, 3x3 layers of 128 to 512 channels."""
MAX_WINOGRAD_ERROR = 4
"""Safety factor on the rounding error expected of Winograd.

2026-11-24, constant, alternating, positive and normal data: a margin of about six is left.
"""

# FFT

MAX_TILE_SIDE = {1: 1 << 16, 2: 320, 3: 64}
"""Longest side of a tile, by number of axes, unless the kernel is longer: larger transforms leave the cache.

2026-11-24, kernels of 64 to 1000 taps, 17x17 to 101x101, and 5x5x5.
"""
MAX_SPECTRA_BYTES = 32 * MIB
"""Bytes of the spectra of one group's kernels and of one tile. Reasoned: half of the 64 MiB promised."""
MAX_FFT_ERROR = 4
"""Safety factor on the rounding error expected of FFT. 2026-11-24, data as for Winograd."""

# The look at magnitudes before values are mixed

LOOK_BYTES = MIB
"""Bytes looked at at once. Reasoned: they are read twice, the second time from the L2 cache."""
VALUES_SAMPLED = 32
"""Values of a block that are looked at first. Reasoned: after a ReLU so many are hardly ever all zeros."""
MAX_FOLDED_SIDE = 16
"""Side of a block up to which comparing strided arrays is faster than reducing an axis. 2026-11-29, 3x3 and 31x31."""
SURELY_FINITE = 1e-9
"""Fraction of the largest number below which max|x| * sum|weight| cannot overflow in any transform. Reasoned: these
enlarge by less than 10^6."""

# Threads

MIN_SHARED_MULTIPLICATIONS = {
    "direct": 8 * 10**6,
    "rows": 12 * 10**6,
    "bands": 16 * 10**6,
    "planes": 8 * 10**6,
    "winograd": 128 * 10**6,
    "fft": 8 * 10**6,
}
"""Multiplications of the definition from which a layer is split among threads, which wait for each other at every call.

2026-11-28, two threads, the layers of docs/BENCHMARKS.md and halves and quarters of them.
"""

# The rules of choice.py, which compare what the algorithms were measured to take

WINOGRAD_PER_FILTER, WINOGRAD_PER_CHANNEL = 22, 12
"""Winograd's transforms of input and output, as a fraction of the direct products: 22 / filters + 12 / channels.

2026-11-24, 3x3 layers of 16 to 512 channels and filters on 14x14 to 224x224.
"""
MAX_WINOGRAD_TRANSFORMS = 0.8
"""Largest such fraction that still pays. Same day and layers."""
WINOGRAD_PER_WEIGHT = 128
"""Transforming and reading Winograd's weights takes as long as the direct products of this many outputs.

2026-11-28, 3x3 layers of 192 to 512 channels on 14x14 to 28x28.
"""
WINOGRAD_PER_FAR_WEIGHT = 300
"""The same for weights that do not stay in the caches. Same day and layers."""
MAX_CACHED_WEIGHTS = 24 * MIB
"""Bytes of transformed weights up to which transforming and reading them is fast. Same day and layers."""
WINOGRAD_PER_TILE = 4
"""Winograd's products for one tile, in outputs. Reasoned: 36 multiplications, and a direct output takes 9."""
MAX_WINOGRAD_COST = 1.05
"""Largest sum of all these, as a fraction of the direct products, that still pays. Same day and layers."""
MIN_TILES_WITH_DEPTH = 32
"""Fewest tiles with a depth axis: every depth reads all weights again. 2026-11-28, 3x3x3 on 7x7x7 to 16x56x56."""

MIN_FFT_TAPS = 64
"""Fewest taps for which FFT is considered. 2026-11-28, one channel, 1-D and 2-D."""
FFT_FIXED_NS, FFT_VALUE_NS = 40_000, 6
"""Nanoseconds that FFT takes once, and per value transformed. 2026-11-28, 9x9 to 101x101, 1-D kernels of 51 to 400."""
COPIED_NS = 0.35
"""Nanoseconds per value copied for every tap and position. 2026-11-28, 1-D and 3-D layers, dilated 2-D ones."""
PRODUCTS_PER_NS, PRODUCTS_PER_NS_PACKED = 60, 45
"""Products per nanosecond with such copies, with small-matrix kernels and without. Same day and layers."""
DILATED_NS = 0.06
"""Nanoseconds per value, filter and step of the dilation, for one channel. 2026-11-28, dilated depthwise layers."""
STRIDED_NS = 0.3
"""Nanoseconds per value and step of the stride with few filters and many terms. 2026-11-28, 16 channels, 15x15."""
MAX_STRIDED_FILTERS, MIN_STRIDED_TERMS = 4, 2048
"""Filters and terms to which STRIDED_NS applies. Same day and layers."""
SINGLE_FILTER_NS = 0.06
"""Nanoseconds per value for one filter. 2026-11-28, one channel, 9x9 to 31x31."""
ROW_NS, ROW_PRODUCTS_PER_NS = 0.05, 80
"""Nanoseconds per value for several filters, and products per nanosecond, with small-matrix kernels. Same day."""
ROW_NS_PACKED, ROW_PRODUCTS_PER_NS_PACKED = 0.2, 60
"""The same without small-matrix kernels: OpenBLAS set to Haswell's. Same day."""

MAX_SHORT_ROW = 31
"""Longest output row for `planes`. 2026-11-28, depthwise and grouped 3x3 to 7x7 on 7x7 to 56x56."""
MAX_SHORT_ROW_FILTERS = 16
"""Filters up to which `planes` is used with several images: more are worth joining the images. 2026-11-24, 14x14."""
MAX_PLANE_READS = 700
"""Taps times row length from which reading planes again for every kernel row takes long. 2026-11-28, 7x7 to 28x28."""

MAX_BAND_FILTERS = 4
"""Filters per group for `bands`. 2026-11-28, dilated depthwise layers."""
MIN_BAND_WIDTH = 64
"""Shortest output row for `bands` without dilation. 2026-11-28, depthwise 9x9 on 56x56 and 112x112."""
MIN_BAND_TAPS, MIN_BAND_TAPS_PACKED = 81, 169
"""Fewest taps for `bands` without dilation, with small-matrix kernels and without: rows no longer fit into L1.

2026-11-28, one channel, 3x3 to 19x19; the second with OpenBLAS set to Haswell's kernels.
"""

MAX_NARROW_FILTERS = 16
"""Filters up to which copying for every tap outweighs the products. 2026-11-24, 3x3 layers of 1 to 64 channels."""
MAX_NARROW_TERMS = 255
"""Products per output up to which it does. Same day and layers."""
MAX_SIGNAL_FILTERS = 4
"""Filters per channel for `rows` in 1-D. 2026-11-28, 1-D kernels of 3 to 9 on 4 to 512 groups."""
MIN_SIGNAL_VALUES = 20_000
"""Groups times block length from which a block of `rows` is worth its calls in 1-D. Same day and layers."""
