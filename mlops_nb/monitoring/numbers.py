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

LOOKED_AT = 2_048
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
    """A sample spread over the cells of a grid; the values of those cells that were looked at are known in order."""

    values: Numbers
    grid: Grid
    cells: NDArray[np.uint16] = field(init=False)
    below: Counts = field(init=False)
    """How many lie in the cells before each cell; one more than there are cells."""
    seen: Mask = field(init=False)
    known: Numbers = field(init=False)
    _before: Counts = field(init=False)
    """How many values of cells that were not looked at lie before the end of each cell."""

    def __post_init__(self) -> None:
        self.cells = self.grid.places(self.values)
        counts = np.bincount(self.cells, minlength=self.grid.cells + 2)
        self.below = np.concatenate(([0], np.cumsum(counts)))
        self.seen = np.zeros(len(counts), dtype=np.bool_)
        self.known, self._before = self.values[:0], self.below[1:]

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.values)

    @cached_property
    def shares(self) -> Numbers:
        """The share of the sample in all cells up to each."""
        return np.asarray(self.below[1:] / self.size)

    def look_at(self, wanted: Mask) -> None:
        """Know the values of these cells, too."""
        self.seen = self.seen | wanted
        self.known = np.sort(self.values[self.seen[self.cells]])
        counts = np.diff(self.below)
        counts[self.seen] = 0
        self._before = np.cumsum(counts)

    def _look_at(self, cells: NDArray[np.integer]) -> None:
        if not self.seen[cells].all():
            wanted = np.zeros_like(self.seen)
            wanted[cells] = True
            self.look_at(wanted)

    def rank(self, points: Numbers) -> Counts:
        """How many lie at or below each point."""
        cells = self.grid.places(points)
        self._look_at(cells)
        return np.searchsorted(self.known, points, side="right") + self._before[cells]

    def cells_of(self, places: Counts) -> NDArray[np.integer]:
        """The cells in which the values at these places of their order lie."""
        return np.searchsorted(self.below, places, side="right") - 1

    def ordered(self, places: Counts) -> Numbers:
        """The values at these places."""
        cells = self.cells_of(places)
        self._look_at(cells)
        found: Numbers = self.known[places - self._before[cells]]
        return found


def pair(reference: Numbers, current: Numbers) -> tuple[Sample, Sample]:
    """Both samples, in the form in which they are compared fastest: sorted, or on one grid.

    >>> one, other = pair(np.array([2.0, 1.0]), np.array([3.0]))
    >>> one.rank(np.array([1.5])).tolist(), other.size
    ([1], 1)
    """
    if len(reference) and max(len(reference), len(current)) > SMALL and (grid := _grid(reference, current)):
        one, other = Gridded(reference, grid), Gridded(current, grid)
        _look(one, other)
        return one, other
    return Sorted(np.sort(reference)), Sorted(np.sort(current))


def _look(reference: Gridded, current: Gridded) -> None:
    """Look at once at all cells that the statistics below need: without this, the distance would not be exact."""
    wanted = _may_be_farthest(reference, current) if current.size else np.zeros_like(reference.seen)
    wanted[[0, -1]] = True
    places = (np.array([*_ENDS_AND_MIDDLE, *_SPREAD, *_INNER]) * (reference.size - 1)).astype(np.int64)
    wanted[reference.cells_of(np.concatenate((places, np.minimum(places + 1, reference.size - 1))))] = True
    reference.look_at(wanted)
    if current.size:
        middle = np.array([(current.size - 1) // 2, current.size // 2])
        wanted[current.cells_of(middle)] = True
        current.look_at(wanted)


_ENDS_AND_MIDDLE, _SPREAD, _INNER = (0.0, 0.5, 1.0), (0.01, 0.25, 0.75, 0.99), [each / BINS for each in range(1, BINS)]


def _grid(reference: Numbers, current: Numbers) -> Grid | None:
    """A grid over all but a thousandth of the reference on each side; None where too many values share a cell of it."""
    seen = reference[np.random.default_rng(0).integers(0, len(reference), LOOKED_AT)]
    seen.sort()
    low, high = seen[LOOKED_AT // 1000], seen[-1 - LOOKED_AT // 1000]
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
    points = np.concatenate((everything(reference), everything(current)))
    points.sort(kind="stable")
    return _largest(points, reference.rank(points) / reference.size, current.rank(points) / current.size)


def everything(sample: Sample) -> Numbers:
    """All values in order."""
    return sample.ordered(np.arange(sample.size))


def _largest(points: Numbers, reference: Numbers, current: Numbers) -> Distance:
    place = int(np.argmax(np.abs(reference - current)))
    here, there = float(reference[place]), float(current[place])
    return Distance(abs(here - there), float(points[place]), here, there)


def _on_a_grid(reference: Gridded, current: Gridded) -> Distance:
    """The distance at the ends of the cells, or inside those cells where it can be larger than at any end."""
    wanted = reference.seen & current.seen
    points = np.concatenate((reference.known, current.known))
    points = points[wanted[reference.grid.places(points)]]
    points.sort(kind="stable")
    return _largest(points, reference.rank(points) / reference.size, current.rank(points) / current.size)


def _may_be_farthest(reference: Gridded, current: Gridded) -> Mask:
    """The cells between whose ends the shares may be farther apart than at any end."""
    here, there = reference.shares, current.shares
    apart = np.abs(here - there)
    place = int(np.argmax(apart))
    wanted = np.zeros(len(here), dtype=np.bool_)
    wanted[1:] = np.maximum(here[1:] - there[:-1], there[1:] - here[:-1]) > apart[place]
    wanted[0] = max(here[0], there[0]) > apart[place]
    if reference.grid.is_whole:
        wanted[1:-1] = False
    while place and not (reference.below[place + 1] - reference.below[place]) + (
        current.below[place + 1] - current.below[place]
    ):
        place -= 1  # an empty cell ends with the shares of the one before
    wanted[place] = True
    return wanted


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
        return _area(everything(reference), everything(current), (reference.size, current.size))
    grid, apart = reference.grid, np.abs(reference.shares - current.shares)
    inside = float(apart[:-2].sum() + apart[1:-1].sum()) / 2 / grid.scale
    return inside + _beyond(reference, current, 0, grid.low) + _beyond(reference, current, -1, grid.high)


def _beyond(reference: Gridded, current: Gridded, cell: int, corner: float) -> float:
    """The area beyond one end of a grid."""
    wanted = np.zeros(reference.grid.cells + 2, dtype=np.bool_)
    wanted[cell] = True
    values, before = [], []
    for each in (reference, current):
        if not each.seen[cell]:
            each.look_at(wanted)
        values.append(each.known[: each.below[1]] if cell == 0 else each.known[len(each.known) - _last(each) :])
        before.append(0 if cell == 0 else int(each.below[-2]))
    return _area(values[0], values[1], (reference.size, current.size), (before[0], before[1]), np.array([corner]))


def _last(sample: Gridded) -> int:
    return int(sample.below[-1] - sample.below[-2])


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
    return _spread(*map(float, quantiles(sample, _SPREAD))) if sample.size else float("nan")


def _spread(lowest: float, low: float, high: float, highest: float) -> float:
    width = (high - low) / 1.349 or (highest - lowest) / 4.653
    return width if math.isfinite(width) else 0.0


class Summary(NamedTuple):
    """What is told of a sample: its range, its median, its spread, the edges of its bins."""

    low: float
    median: float
    high: float
    spread: float
    edges: Numbers


def summary(sample: Sample, bins: int = BINS) -> Summary:
    """All of it from one look at the values; there must be some.

    >>> summary(Sorted(np.arange(101.0)), 2)  # doctest: +ELLIPSIS
    Summary(low=0.0, median=50.0, high=100.0, spread=37.064492..., edges=array([50.]))
    """
    inner = _INNER if bins == BINS else [share / bins for share in range(1, bins)]
    found = quantiles(sample, (*_ENDS_AND_MIDDLE, *_SPREAD, *inner))
    low, median, high = map(float, found[:3])
    return Summary(low, median, high, _spread(*map(float, found[3:7])), _edges(sample, found[7:]))


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
    return _edges(reference, quantiles(reference, [share / bins for share in range(1, bins)]))


def _edges(reference: Sample, inner: Numbers) -> Numbers:
    found = np.unique(inner)
    distinct = _few_values(reference) if len(found) < len(inner) or reference.size <= FEW_VALUES else None
    return found if distinct is None else np.concatenate(([np.nextafter(distinct[0], -np.inf)], distinct))


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
