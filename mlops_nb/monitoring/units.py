"""Whether numbers are those of a reference in another unit: multiplied by a thousand, in minutes, in Fahrenheit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

FEW = 30
"""Of fewer values than this a column is not called constant, and no unit is told."""

SAMPLE = 50_000
"""Quantiles are those of so many values, drawn from a generator of our own; counts are of all."""

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)

FACTORS = (
    *(10.0**power for power in range(1, 10)),
    24.0,
    60.0,
    3600.0,
    86_400.0,
    *(1024.0**power for power in (1, 2, 3)),
)
"""By so much, or one part in so much, values look multiplied: powers of ten, time, bytes."""

_CELSIUS, _FAHRENHEIT, _KELVIN = (-100.0, 200.0), (-150.0, 400.0), (170.0, 480.0)
TEMPERATURES = (
    (1.8, 32.0, "converted from °C to °F", _CELSIUS),
    (1 / 1.8, -32.0 / 1.8, "converted from °F to °C", _FAHRENHEIT),
    (1.0, 273.15, "converted from °C to K", _CELSIUS),
    (1.0, -273.15, "converted from K to °C", _KELVIN),
)


def unit_change(reference: Numbers, current: Numbers) -> str:
    """What was done to the unit, if five quantiles are those of the reference after it and were not before.

    The 5, 25, 50, 75 and 95 % quantiles must lie within 0.15 of the reference's 5 to 95 % spread, in the new unit, of
    where the change puts them, and at least one more than 0.3 away from where it was. Where the values are too few to
    tell 1,000 from 1,024, both are said, a power of ten first.

    >>> degrees = np.arange(-5.0, 30.0, 0.5)
    >>> [unit_change(degrees, each) for each in (degrees * 60, degrees / 1000, degrees * 1.8 + 32, degrees + 3)]
    ['multiplied by 60', 'divided by 1,000', 'converted from °C to °F', '']
    """
    if min(len(reference), len(current)) < FEW:
        return ""
    one, other = (np.quantile(drawn(each), SHARES) for each in (reference, current))
    spread = float(one[-1] - one[0])
    if not 0 < spread < math.inf or float(np.abs(other - one).max()) / spread <= 0.3:
        return ""
    fits: list[tuple[float, str]] = []
    for factor, offset, said in _unit_changes(float(one[0]), float(one[-1])):
        fits.append((float(np.abs(other - (factor * one + offset)).max()) / (factor * spread), said))
    best = min(fits)[0]
    if best > 0.15:
        return ""
    chance = min(3 / math.sqrt(min(len(reference), len(current), SAMPLE)), 4 * best + 0.01)
    near = [said for error, said in sorted(fits) if error <= best + chance]
    first, *others = sorted(near, key=lambda said: set(said.rpartition(" ")[2]) - set("10,") != set())
    verb = first.rpartition(" ")[0]
    return " or ".join([first, *(each.removeprefix(f"{verb} ") for each in others)])


def _unit_changes(low: float, high: float) -> Iterator[tuple[float, float, str]]:
    for factor in FACTORS:
        yield factor, 0.0, f"multiplied by {factor:,.0f}"
        yield 1 / factor, 0.0, f"divided by {factor:,.0f}"
    for factor, offset, said, (coldest, hottest) in TEMPERATURES:
        if coldest <= low and high <= hottest:
            yield factor, offset, said


def drawn(numbers: Numbers, most: int = SAMPLE) -> Numbers:
    """Some of the numbers, from a generator of our own; all where they are few."""
    if len(numbers) <= most:
        return numbers
    return numbers[np.random.default_rng(0).integers(0, len(numbers), most)]
