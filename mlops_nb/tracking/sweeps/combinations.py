"""Which combinations of parameters a sweep tries, and what came of them."""

from __future__ import annotations

import ast
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from mlops_nb.errors import BadArgument
from mlops_nb.record import Record
from mlops_nb.tracking.metrics import lower_is_better
from mlops_nb.tracking.runs import RunSummary, Status
from mlops_nb.tracking.values import Value, bounded_text

MOST = 10_000
"""More combinations than this are asked to be sampled."""

Scalar = None | bool | int | float | str


@dataclass(frozen=True, slots=True)
class Axis(Record):
    """A parameter and the values it takes: those listed or, where `low` is set, any between `low` and `high`."""

    name: str
    text: str
    values: tuple[Scalar, ...] = ()
    low: float | None = None
    high: float | None = None
    is_log: bool = False

    def drawn(self, rng: random.Random) -> float:
        """A value between `low` and `high`, uniform or (`is_log`) uniform in its logarithm."""
        low, high = float(self.low or 0.0), float(self.high or 0.0)
        return math.exp(rng.uniform(math.log(low), math.log(high))) if self.is_log else rng.uniform(low, high)


@dataclass(frozen=True, slots=True)
class Sweep(Record):
    """A sweep and its trials, finished or not.

    `metric` is the one the trials are judged by; `best` is the number of the trial with its best value.
    `planned` combinations there are in all; `status` is the sweep's own.
    """

    id: int
    name: str
    status: Status
    axes: tuple[str, ...]
    planned: int
    trials: tuple[RunSummary, ...]
    metric: str = ""
    best: int | None = None
    notes: tuple[str, ...] = ()


_FORMS = "a,b,c or range(3,9) or linspace(0,1,5) or logspace(1e-4,1,5) or uniform(0,1) or loguniform(1e-4,1)"


def axis(text: str) -> Axis:
    """The axis that `NAME=VALUES` names.

    Values are listed (`0.1,0.2`, `[1, 2]`; what is no Python literal is text), counted as `range` counts,
    `linspace(low, high, n)` or `logspace(low, high, n)`, or drawn: `uniform(low, high)`, `loguniform(low, high)`.

    Raises:
        BadArgument: it cannot be read.

    >>> axis("depth=range(3,9,2)").values, axis("lr=0.1,1e-2").values, axis("solver=saga,None").values
    ((3, 5, 7), (0.1, 0.01), ('saga', None))
    >>> [round(value, 9) for value in axis("C=logspace(0.01, 100, 5)").values]
    [0.01, 0.1, 1.0, 10.0, 100.0]
    """
    name, equals, values = text.partition("=")
    name, values = name.strip(), values.strip()
    if not (equals and values):
        raise BadArgument(f"--param {bounded_text(text, 60)!r} has no values", f"--param {name or 'depth'}=3,5,7")
    if not name.isidentifier():
        raise BadArgument(f"--param {bounded_text(name, 60)!r} is not a name of Python", f"--param depth={values}")
    try:
        call = _call(values)
        if call is None:
            return _distinct(Axis(name, values, _listed(values)))
        return call[0](name, values, *call[1])
    except (ValueError, OverflowError) as error:
        raise BadArgument(f"--param {name}={bounded_text(values, 60)}: {error}", f"--param {name}=  {_FORMS}") from None


def _distinct(made: Axis) -> Axis:
    values = tuple({(type(value), value): value for value in made.values}.values())
    return Axis(made.name, made.text, values)


def listed(name: str, values: Iterable[Scalar]) -> Axis:
    """The axis with these values.

    Raises:
        BadArgument: there is none, or one is neither a number nor text.
    """
    try:
        return _distinct(Axis(name, repr(list(values)), _checked(tuple(values))))
    except (ValueError, TypeError) as error:
        raise BadArgument(f"axis {name!r}: {error}", f'{{"{name}": [3, 5, 7]}}') from None


def _call(text: str) -> tuple[Callable[..., Axis], list[Any]] | None:
    """The form and its numbers, where the text is a call of one."""
    form, opens, rest = text.partition("(")
    if not opens or not text.endswith(")") or form.strip() not in _CALLS:
        return None
    make, few, many = _CALLS[form.strip()]
    numbers = [_literal(part) for part in _parts(rest[:-1])]
    if not all(type(number) in (int, float) for number in numbers) or not few <= len(numbers) <= many:
        raise ValueError(f"{form.strip()} takes {few}{f' to {many}' if many > few else ''} numbers")
    return make, numbers


def _range(name: str, text: str, *numbers: int) -> Axis:
    if not all(type(number) is int for number in numbers):
        raise ValueError("range takes whole numbers; for others there is linspace(low,high,n)")
    counted = range(*numbers)
    if not 0 < len(counted) <= MOST:
        raise ValueError(f"{len(counted):,} values, must be 1 to {MOST:,}")
    return Axis(name, text, tuple(counted))


def _spaced(name: str, text: str, low: float, high: float, n: int) -> Axis:
    if type(n) is not int or not 2 <= n <= MOST:
        raise ValueError(f"the third number says how many values, a whole number from 2 to {MOST:,}")
    between = (low + (high - low) * place / (n - 1) for place in range(1, n - 1))
    return Axis(name, text, (float(low), *between, float(high)))


def _log_spaced(name: str, text: str, low: float, high: float, n: int) -> Axis:
    _check_positive(low, high)
    logs = _spaced(name, text, math.log(low), math.log(high), n).values[1:-1]
    between = (float(f"{math.exp(float(str(each))):.12g}") for each in logs)
    return Axis(name, text, (float(low), *between, float(high)))


def _uniform(name: str, text: str, low: float, high: float) -> Axis:
    if not low < high:
        raise ValueError("the first number must be below the second")
    return Axis(name, text, low=low, high=high)


def _log_uniform(name: str, text: str, low: float, high: float) -> Axis:
    _check_positive(low, high)
    return Axis(name, text, low=_uniform(name, text, low, high).low, high=high, is_log=True)


def _check_positive(low: float, high: float) -> None:
    if low <= 0 or high <= 0:
        raise ValueError("a logarithm needs numbers above 0")


_CALLS: dict[str, tuple[Callable[..., Axis], int, int]] = {
    "range": (_range, 1, 3),
    "linspace": (_spaced, 3, 3),
    "logspace": (_log_spaced, 3, 3),
    "uniform": (_uniform, 2, 2),
    "loguniform": (_log_uniform, 2, 2),
}
"""The forms: what makes the axis, and the least and the most numbers it takes."""


def _listed(text: str) -> tuple[Scalar, ...]:
    """Listed values; each is what Python reads in it, else text."""
    try:
        whole = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        whole = tuple(_literal(part) for part in _parts(text))
    return _checked(tuple(whole) if isinstance(whole, list | tuple | set) else (whole,))


def _checked(values: tuple[Any, ...]) -> tuple[Scalar, ...]:
    if not values:
        raise ValueError("there is no value in it")
    for value in values:
        if not (value is None or type(value) in (bool, int, float, str)):
            raise ValueError(f"{bounded_text(repr(value), 40)} is neither a number nor text")
    return values


def _parts(text: str) -> list[str]:
    parts = [part.strip() for part in text.strip("[]()").split(",")]
    if not all(parts):
        raise ValueError("a value is missing between the commas")
    return parts


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def combinations(axes: Sequence[Axis], sample: int | None = None, seed: int = 0) -> list[dict[str, Scalar]]:
    """The combinations to try: all of them, the last axis fastest, or `sample` of them drawn with `seed`.

    Without axes to draw from, a sample has no combination twice; of fewer than `sample` all are taken.

    Raises:
        BadArgument: a name comes twice, there are too many, or an axis to draw from has no sample.

    >>> combinations([axis("a=1,2"), axis("b=x,y")])
    [{'a': 1, 'b': 'x'}, {'a': 1, 'b': 'y'}, {'a': 2, 'b': 'x'}, {'a': 2, 'b': 'y'}]
    >>> len(combinations([axis("a=range(100)"), axis("lr=loguniform(1e-4,1)")], sample=7))
    7
    """
    names = [one.name for one in axes]
    if not axes:
        raise BadArgument("a sweep needs a parameter to vary", "%%mlops sweep NAME --param depth=3,5,7")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadArgument(f"--param {twice} comes twice", f"--param {twice}=1,2,3")
    if sample is not None and not 1 <= sample <= MOST:
        raise BadArgument(f"--sample == {sample}, must be 1 to {MOST:,}", "--sample 20")
    rng = random.Random(seed)
    drawn = [one.name for one in axes if one.low is not None]
    if drawn and sample is None:
        raise BadArgument(f"--param {drawn[0]} is drawn at random, and nothing says how often", "--sample 20")
    whole = math.prod(len(one.values) for one in axes if one.low is None)
    if sample is None:
        if whole > MOST:
            raise BadArgument(f"{whole:,} combinations are too many to try", "--sample 100")
        return [dict(zip(names, values, strict=True)) for values in product(*(one.values for one in axes))]
    if drawn:
        return [{one.name: _one(one, rng) for one in axes} for _ in range(sample)]
    return [_combination(axes, place) for place in sorted(rng.sample(range(whole), min(sample, whole)))]


def _one(one: Axis, rng: random.Random) -> Scalar:
    return one.drawn(rng) if one.low is not None else rng.choice(one.values)


def _combination(axes: Sequence[Axis], place: int) -> dict[str, Scalar]:
    """The combination at a place of the order in which the last axis is the fastest."""
    found: dict[str, Scalar] = {}
    for one in reversed(axes):
        place, which = divmod(place, len(one.values))
        found[one.name] = one.values[which]
    return {one.name: found[one.name] for one in axes}


def same_combination(params: Mapping[str, Value], wanted: Mapping[str, Scalar]) -> bool:
    """Whether a trial's parameters are those of a combination; True is not 1, and 1 is not 1.0.

    >>> same_combination({"a": 1, "seed": 7}, {"a": 1}), same_combination({"a": True}, {"a": 1})
    (True, False)
    """
    return all(
        name in params and type(params[name]) is type(value) and params[name] == value for name, value in wanted.items()
    )


def left_to_try(
    planned: Sequence[Mapping[str, Scalar]], finished: Sequence[Mapping[str, Value]]
) -> list[Mapping[str, Scalar]]:
    """The planned combinations that no finished trial has had yet; one that is planned twice needs two trials.

    >>> left_to_try([{"a": 1}, {"a": 2}, {"a": 2}], [{"a": 2, "seed": 7}])
    [{'a': 1}, {'a': 2}]
    """
    done = list(finished)
    left: list[Mapping[str, Scalar]] = []
    for wanted in planned:
        match = next((params for params in done if same_combination(params, wanted)), None)
        if match is None:
            left.append(wanted)
        else:
            done.remove(match)
    return left


def judged(trials: Sequence[RunSummary], named: Sequence[str]) -> tuple[str, int | None]:
    """The metric that trials are judged by (the first named, else the commonest), and the best trial's number.

    Only FINISHED trials with a number count; of equals the newest is the best, as in every list of runs.
    """
    finished = [trial for trial in trials if trial.status == "FINISHED"]
    counted: dict[str, int] = {name: len(finished) + 1 for name in islice(named, 1)}
    for trial in finished:
        for name in trial.metrics:
            counted[name] = counted.get(name, 0) + 1
    if not counted:
        return "", None
    metric = max(counted, key=lambda name: counted[name])
    sign = 1 if lower_is_better(metric) else -1
    having = [trial for trial in finished if math.isfinite(trial.metrics.get(metric, math.nan))]
    best = min(having, key=lambda trial: (sign * trial.metrics[metric], -trial.id), default=None)
    return metric, best.id if best else None
