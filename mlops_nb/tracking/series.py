"""A metric that was logged many times, as the few points that a picture of it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mlops_nb.record import Record

MOST = 300
"""A series is read in so many groups of values that follow each other; of each the lowest and the highest are kept."""


@dataclass(frozen=True, slots=True)
class Bucket(Record):
    """Values that follow each other in the order logged: how many, how low and high, between which steps.

    `lowest` and `highest` are None where none of the values is a finite number, steps where none was given;
    `steps` counts the values that had one.
    """

    count: int
    lowest: float | None
    highest: float | None
    first_step: int | None = None
    last_step: int | None = None
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Curve(Record):
    """A series as it is drawn: `count` values of a metric, in buckets in the order logged.

    >>> values = Bucket(1, 2.0, 2.0, 5, 5, 1), Bucket(1, None, None, 6, 6, 1), Bucket(1, 1.0, 1.0, 9, 9, 1)
    >>> curve = Curve("loss", values)
    >>> curve.count, curve.has_steps, curve.points(by_step=True)
    (3, True, [(5.0, 2.0), None, (9.0, 1.0)])
    """

    metric: str
    buckets: tuple[Bucket, ...]

    @property
    def count(self) -> int:
        """How many values were logged."""
        return sum(bucket.count for bucket in self.buckets)

    @property
    def has_steps(self) -> bool:
        """Whether every value has a step and the steps go up, so that they are what the values stand over.

        Steps that repeat or go back (a run that was resumed, two notebooks that write to one) say no place:
        the order in which the values were logged does.
        """
        steps = [(bucket.first_step, bucket.last_step) for bucket in self.buckets]
        return all(bucket.steps == bucket.count for bucket in self.buckets) and all(
            before is not None and after is not None and before < after for (_, before), (after, _) in pairwise(steps)
        )

    def points(self, *, by_step: bool) -> list[tuple[float, float] | None]:
        """What a line goes through: over the steps, or over 1, 2, 3 as logged; None where a gap is.

        In a bucket of many values the line goes to the lowest and the highest by the shorter way.
        """
        found: list[tuple[float, float] | None] = []
        before = 0
        for place, bucket in enumerate(self.buckets):
            first, last = (bucket.first_step, bucket.last_step) if by_step else (before + 1, before + bucket.count)
            before += bucket.count
            if bucket.lowest is None or bucket.highest is None or first is None or last is None:
                found.append(None)
            elif bucket.lowest == bucket.highest and first == last:
                found.append((float(first), bucket.lowest))
            else:
                ends = bucket.lowest, bucket.highest
                start, end = ends if self._rises(place, found[-1] if found else None) else ends[::-1]
                found += [(float(first), start), (float(last), end)]
        return found

    def _rises(self, place: int, came_from: tuple[float, float] | None) -> bool:
        """Whether the line reaches the lowest first: it is the nearer one to where it comes from."""
        bucket = self.buckets[place]
        low, high = bucket.lowest or 0.0, bucket.highest or 0.0
        if came_from is not None:
            return abs(came_from[1] - low) <= abs(came_from[1] - high)
        after = self.buckets[place + 1] if place + 1 < len(self.buckets) else None
        if after is None or after.lowest is None or after.highest is None:
            return True
        return after.lowest + after.highest >= low + high

    def thinned(self, most: int) -> Curve:
        """The same in at most so many buckets."""
        size = -(-len(self.buckets) // max(1, most))
        if size <= 1:
            return self
        groups = [self.buckets[start : start + size] for start in range(0, len(self.buckets), size)]
        return Curve(self.metric, tuple(map(_together, groups)))


def _together(buckets: Sequence[Bucket]) -> Bucket:
    lows = [one.lowest for one in buckets if one.lowest is not None]
    highs = [one.highest for one in buckets if one.highest is not None]
    firsts = [one.first_step for one in buckets if one.first_step is not None]
    lasts = [one.last_step for one in buckets if one.last_step is not None]
    return Bucket(
        sum(one.count for one in buckets),
        min(lows, default=None),
        max(highs, default=None),
        min(firsts, default=None),
        max(lasts, default=None),
        sum(one.steps for one in buckets),
    )
