"""How far two samples of numbers lie apart. Missing values are counted elsewhere: there is no NaN here.

A small sample is sorted. A large one is spread over the cells of an even grid, which takes a fifth of the time; what a
statistic needs to know of single values is then looked up in the few cells where it lies, so that ranks, quantiles and
the Kolmogorov-Smirnov distance are exact all the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Counts = NDArray[np.int64]
    Mask = NDArray[np.bool_]

BINS = 10
"""Quantile bins of a reference, as PSI is commonly computed."""

FEW_VALUES = 20
"""A reference of at most so many distinct values has a bin for each."""

SMALL = 4_096
"""A pair of samples of at most so many values each is sorted."""

LOOKED_AT = 4_096
"""Values of a large reference by which its grid is laid."""


_NO_CORNER = np.empty(0)


class Distance(NamedTuple):
    """A Kolmogorov-Smirnov distance, the value at which it is found, and the shares of both samples up to there."""

    distance: float
    at: float
    reference_share: float
    current_share: float


class Sample(Protocol):
    """Numbers of which ranks and quantiles are known."""

    @property
    def size(self) -> int:
        """How many there are."""

    def rank(self, points: Numbers) -> Counts:
        """How many lie at or below each of the points, which are in order."""

    def ordered(self, places: Counts) -> Numbers:
        """The values at these places of their order, from 0."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """A sample in order."""

    values: Numbers

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.values)

    def rank(self, points: Numbers) -> Counts:
        """How many lie at or below each point."""
        return np.searchsorted(self.values, points, side="right")

    def ordered(self, places: Counts) -> Numbers:
        """The values at these places."""
        return self.values[places]


class Grid(NamedTuple):
    """Even cells from `low` on, `scale` of them to a unit, and an open one on each side.

    `is_whole`: all numbers are whole, and each has a cell to itself but for those in the open ones.
    """

    low: float
    scale: float
    cells: int
    is_whole: bool = False

    @property
    def high(self) -> float:
        """Where the even cells end."""
        return self.low + self.cells / self.scale

    def places(self, values: Numbers) -> NDArray[np.uint16]:
        """The cell of each value; a larger value is never in an earlier cell."""
        with np.errstate(over="ignore"):
            places = (values - self.low) * self.scale
        places += 1.0
        return np.clip(places, 0.0, self.cells + 1.0, out=places).astype(np.uint16)


@dataclass
class Gridded:
    """A sample spread over the cells of a grid."""

    values: Numbers
    grid: Grid
    cells: NDArray[np.uint16] = field(init=False)
    below: Counts = field(init=False)
    """How many lie in the cells before each cell; one more than there are cells."""

    def __post_init__(self) -> None:
        self.cells = self.grid.places(self.values)
        counts = np.bincount(self.cells, minlength=self.grid.cells + 2)
        self.below = np.concatenate(([0], np.cumsum(counts)))

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.values)

    @cached_property
    def shares(self) -> Numbers:
        """The share of the sample in all cells up to each."""
        return np.asarray(self.below[1:] / self.size)

    def inside(self, wanted: Mask) -> Numbers:
        """The values in some of the cells, in order."""
        return np.sort(self.values[wanted[self.cells]])

    def rank(self, points: Numbers) -> Counts:
        """How many lie at or below each point."""
        return self.rank_among(points, *self._of(self.grid.places(points)))

    def rank_among(self, points: Numbers, wanted: Mask, inside: Numbers) -> Counts:
        """The same, where the values in the cells of the points are known."""
        before = self._unwanted_before(wanted)
        return np.searchsorted(inside, points, side="right") + before[self.grid.places(points)]

    def ordered(self, places: Counts) -> Numbers:
        """The values at these places."""
        wanted, inside = self._of(np.searchsorted(self.below, places, side="right") - 1)
        cells = np.searchsorted(self.below, places, side="right") - 1
        found: Numbers = inside[places - self._unwanted_before(wanted)[cells]]
        return found

    def _of(self, cells: NDArray[np.integer]) -> tuple[Mask, Numbers]:
        wanted = np.zeros(self.grid.cells + 2, dtype=np.bool_)
        wanted[cells] = True
        return wanted, self.inside(wanted)

    def _unwanted_before(self, wanted: Mask) -> Counts:
        """How many values of cells that are not wanted lie before each cell."""
        counts = np.diff(self.below)
        counts[wanted] = 0
        return np.cumsum(counts)


def pair(reference: Numbers, current: Numbers) -> tuple[Sample, Sample]:
    """Both samples, in the form in which they are compared fastest: sorted, or on one grid.

    >>> one, other = pair(np.array([2.0, 1.0]), np.array([3.0]))
    >>> one.rank(np.array([1.5])).tolist(), other.size
    ([1], 1)
    """
    if len(reference) and max(len(reference), len(current)) > SMALL and (grid := _grid(reference, current)):
        return Gridded(reference, grid), Gridded(current, grid)
    return Sorted(np.sort(reference)), Sorted(np.sort(current))


def _grid(reference: Numbers, current: Numbers) -> Grid | None:
    """A grid over all but a thousandth of the reference on each side; None where too many values share a cell of it."""
    seen = reference[np.random.default_rng(0).integers(0, len(reference), LOOKED_AT)]
    low, high = np.quantile(seen, (0.001, 0.999), method="nearest")
    cells = 60_000 if len(reference) + len(current) > 200_000 else 4_000
    if not 0 < high - low < math.inf:
        return None
    if high - low < cells and all(_are_whole(each) for each in (seen, reference, current)):
        return Grid(float(low) - 0.5, 1.0, int(high - low) + 1, True)
    grid = Grid(float(low), float(cells / (high - low)), cells)
    most = np.bincount(grid.places(seen)).max() if grid.scale < math.inf else LOOKED_AT
    return grid if most < LOOKED_AT / 20 else None


def _are_whole(values: Numbers) -> bool:
    return bool((np.rint(values) == values).all())


def kolmogorov_smirnov(reference: Sample, current: Sample) -> Distance:
    """The largest difference between the shares of two samples that lie at or below any one value.

    D = max over x of |F(x) - G(x)|, exact, ties included (Kolmogorov 1933, Smirnov 1939). 0 for two samples that are
    constant and equal, NaN where a sample is empty.

    >>> kolmogorov_smirnov(*pair(np.array([1.01, 2.01, 2.02, 2.03]), np.array([1.0, 2.0]))).distance
    0.75
    """
    if not reference.size or not current.size:
        return Distance(np.nan, np.nan, np.nan, np.nan)
    if isinstance(reference, Gridded) and isinstance(current, Gridded):
        return _on_a_grid(reference, current)
    points = np.concatenate((_all(reference), _all(current)))
    points.sort(kind="stable")
    return _largest(points, reference.rank(points) / reference.size, current.rank(points) / current.size)


def _all(sample: Sample) -> Numbers:
    return sample.ordered(np.arange(sample.size))


def _largest(points: Numbers, reference: Numbers, current: Numbers) -> Distance:
    place = int(np.argmax(np.abs(reference - current)))
    here, there = float(reference[place]), float(current[place])
    return Distance(abs(here - there), float(points[place]), here, there)


def _on_a_grid(reference: Gridded, current: Gridded) -> Distance:
    """The distance at the ends of the cells, or inside those cells where it can be larger than at any end."""
    here, there = reference.shares, current.shares
    apart = np.abs(here - there)
    place = int(np.argmax(apart))
    before, before_there = np.concatenate(([0.0], here[:-1])), np.concatenate(([0.0], there[:-1]))
    wanted = np.maximum(here - before_there, there - before) > apart[place]
    if reference.grid.is_whole:
        wanted[1:-1] = False
    wanted[place] = True  # for the value at which it is found
    ours, theirs = reference.inside(wanted), current.inside(wanted)
    points = np.concatenate((ours, theirs))
    points.sort(kind="stable")
    ranks = reference.rank_among(points, wanted, ours), current.rank_among(points, wanted, theirs)
    return _largest(points, ranks[0] / reference.size, ranks[1] / current.size)


def wasserstein(reference: Sample, current: Sample) -> float:
    """The mean distance that the values of one sample must be moved to become the other, in their own unit.

    W = integral of |F(x) - G(x)| dx (Vallender 1974). Exact for sorted samples; on a grid within a cell for the values
    between its ends, exact for those beyond. NaN where a sample is empty, infinite where one has infinite values that
    the other has not.

    >>> wasserstein(*pair(np.array([0.0, 1.0, 3.0]), np.array([5.0, 6.0, 8.0])))
    5.0
    """
    if not reference.size or not current.size:
        return float("nan")
    if not (isinstance(reference, Gridded) and isinstance(current, Gridded)):
        return _area(_all(reference), _all(current), (reference.size, current.size))
    grid, apart = reference.grid, np.abs(reference.shares - current.shares)
    inside = float(apart[:-2].sum() + apart[1:-1].sum()) / 2 / grid.scale
    return inside + _beyond(reference, current, 0, grid.low) + _beyond(reference, current, -1, grid.high)


def _beyond(reference: Gridded, current: Gridded, cell: int, corner: float) -> float:
    """The area beyond one end of a grid."""
    wanted = np.zeros(reference.grid.cells + 2, dtype=np.bool_)
    wanted[cell] = True
    before = (0, 0) if cell == 0 else (int(reference.below[-2]), int(current.below[-2]))
    sizes = reference.size, current.size
    return _area(reference.inside(wanted), current.inside(wanted), sizes, before, np.array([corner]))


def _area(
    one: Numbers, other: Numbers, sizes: tuple[int, int], before: tuple[int, int] = (0, 0), corner: Numbers = _NO_CORNER
) -> float:
    """The area between the two shares over these values in order, of which `before` are smaller, up to the corner."""
    points = np.concatenate((one, other, corner))
    points.sort(kind="stable")
    shares = [
        (np.searchsorted(values, points[:-1], side="right") + smaller) / size
        for values, smaller, size in zip((one, other), before, sizes, strict=True)
    ]
    apart = np.abs(shares[0] - shares[1])
    kept = apart > 0  # where nothing needs to be moved, how far does not matter
    with np.errstate(invalid="ignore"):
        widths = np.diff(points)
    return float(apart[kept] @ widths[kept]) if kept.any() else 0.0


def spread(sample: Sample) -> float:
    """A standard deviation that outliers do not move: the interquartile range over 1.349.

    Where half of the values are equal, the range that holds the middle 98 % over 4.653; 0 for a constant.

    >>> round(spread(Sorted(np.arange(101.0))), 3)
    37.064
    """
    if not sample.size:
        return float("nan")
    lowest, low, high, highest = quantiles(sample, (0.01, 0.25, 0.75, 0.99))
    width = float(high - low) / 1.349 or float(highest - lowest) / 4.653
    return width if math.isfinite(width) else 0.0


def quantiles(sample: Sample, shares: Sequence[float]) -> Numbers:
    """Quantiles, interpolated between neighbours (type 7 of Hyndman and Fan 1996).

    >>> quantiles(Sorted(np.array([1.0, 2.0, 4.0])), (0.0, 0.25, 1.0)).tolist()
    [1.0, 1.5, 4.0]
    """
    places = np.asarray(shares) * (sample.size - 1)
    low = np.floor(places).astype(np.int64)
    found = sample.ordered(np.concatenate((low, np.minimum(low + 1, sample.size - 1))))
    below, above = found[: len(low)], found[len(low) :]
    with np.errstate(invalid="ignore"):
        between = below + (above - below) * (places - low)
    return np.where(np.isnan(between), below, between)


def bin_edges(reference: Sample, bins: int = BINS) -> Numbers:
    """The inner edges of bins that hold equal shares of the reference; the two outer bins are open.

    A bin holds what lies above the edge on its left, up to the one on its right. A reference of few distinct values has
    an edge at each, and a bin for what lies below all of them.

    >>> bin_edges(Sorted(np.arange(100.0)), 4).tolist()
    [24.75, 49.5, 74.25]
    >>> bin_edges(Sorted(np.array([1.0, 1.0, 2.0]))).tolist()
    [0.9999999999999999, 1.0, 2.0]
    """
    if not reference.size:
        return np.empty(0)
    found = np.unique(quantiles(reference, [share / bins for share in range(1, bins)]))
    distinct = _few_values(reference) if len(found) < bins - 1 or reference.size <= FEW_VALUES else None
    if distinct is None:
        return found
    return np.concatenate(([np.nextafter(distinct[0], -np.inf)], distinct))


def _few_values(sample: Sample) -> Numbers | None:
    """The distinct values where they are few: each is found by looking for the next larger one."""
    found: list[float] = []
    place = 0
    while place < sample.size:
        if len(found) == FEW_VALUES:
            return None
        found.append(float(sample.ordered(np.array([place]))[0]))
        place = int(sample.rank(np.array(found[-1:]))[0])
    return np.array(found)


def bin_counts(sample: Sample, edges: Numbers) -> Counts:
    """How many values fall into each bin; one bin more than there are edges.

    >>> bin_counts(Sorted(np.array([-5.0, 1.0, 1.5, 99.0])), np.array([1.0, 2.0])).tolist()
    [2, 1, 1]
    """
    return np.diff(np.concatenate(([0], sample.rank(edges) if len(edges) else [], [sample.size]))).astype(np.int64)
