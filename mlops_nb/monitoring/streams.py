"""Values that come one after another, and the places where they change: river's detectors behind one small interface.

A detector is fed and says "stable", "warning" or "alarm". An alarm says where, what the mean was before and what it is
since. After an alarm a detector begins anew, as river's do. Its state is plain values, and a resumed one goes on
exactly as the one that was saved would have.
"""

from __future__ import annotations

import base64
import binascii
import math
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import metadata
from itertools import compress, count, islice
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from mlops_nb.errors import BadArgument, MissingExtra, nearest
from mlops_nb.record import Record, json_value
from mlops_nb.tracking.values import safe_repr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

State = Literal["stable", "warning", "alarm"]

CHUNK, SLOW_CHUNK = 65_536, 4_096
"""Values that are taken at a time, and by a detector that takes microseconds for each."""

SLICES = 150
"""A stream is drawn by at least so many slices where it has as many values, and by at most twice as many."""

RECENT = 1_000
"""Among so many values before an alarm the place is looked for where the change began."""


@dataclass(frozen=True, slots=True)
class Alarm(Record):
    """A change that was detected.

    `index` is the place of the `value` at which it was, counted from 0; `start` about where the change began; `before`
    and `after` the means from the alarm before (or the beginning) to `start`, and from there on:
    the place among the last thousand values that splits them into two constants best (least squares), for KSWIN its
    newest values. `warned_at` is where
    the warning zone began, for a detector that has one.
    """

    index: int
    value: float
    start: int
    before: float
    after: float
    warned_at: int | None = None


@dataclass(frozen=True, slots=True)
class Zone(Record):
    """A warning zone that ended without an alarm, from its first to its last value."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Slice(Record):
    """Values that follow each other, as they are drawn: their first index, how many, how many of them known, and of
    those the lowest, the highest and the mean (NaN where none is known)."""

    start: int
    size: int
    known: int
    low: float
    high: float
    mean: float


@dataclass(frozen=True, slots=True)
class Watch(Record):
    """What a detector found in a stream.

    `seen` values came, `skipped` of them no finite numbers; `first` is the index of the first one here (a resumed
    detector goes on counting). `warned_at` is where a warning zone that is still open began. `notes` say where the
    detector and the values do not fit. `slices` is the stream as it is drawn, `state` what a later call resumes from.
    """

    name: str
    detector: str
    options: Mapping[str, object]
    first: int
    seen: int
    skipped: int
    mean: float
    alarms: tuple[Alarm, ...]
    zones: tuple[Zone, ...]
    warned_at: int | None
    notes: tuple[str, ...] = ()
    slices: tuple[Slice, ...] = field(default=(), repr=False)
    state: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Setting:
    """An option of a detector: its default, whose type it has, and its bounds or the values that it may have."""

    default: bool | float | str
    low: float = 0.0
    high: float = math.inf
    choices: tuple[str, ...] = ()

    def checked(self, name: str, value: object) -> object:
        """The value, if it is one that the option may have."""
        if self.choices:
            if value in self.choices:
                return value
            raise BadArgument(f"{name} == {safe_repr(value, 40)}, must be one of {', '.join(self.choices)}")
        if isinstance(self.default, bool):
            if isinstance(value, bool):
                return value
            raise BadArgument(f"{name} == {safe_repr(value, 40)}, must be True or False")
        number = _number(value)
        whole = isinstance(self.default, int)
        if number is None or not self.low <= number <= self.high or (whole and number != int(number)):
            kind = "a whole number" if whole else "a number"
            above = "" if math.isinf(self.high) else f" to {self.high:g}"
            raise BadArgument(f"{name} == {safe_repr(value, 40)}, must be {kind}, {self.low:g}{above or ' or more'}")
        return int(number) if whole else number


class Detector:
    """One of river's detectors, fed value by value or many at a time.

    `seen` counts the values, `skipped` those of them that were no finite number; `alarm` is the last alarm,
    `warned_at` where the warning zone began that is open.
    """

    name: ClassVar[str]
    settings: ClassVar[Mapping[str, Setting]]
    takes_errors: ClassVar[bool] = False

    def __init__(self, **options: object) -> None:
        for option in options:
            if option not in self.settings:
                near = nearest(option, self.settings) or next(iter(self.settings))
                raise BadArgument(f"{self.name} has no option {option[:60]!r}", f"detector({self.name!r}, {near}=...)")
        given = {name: options.get(name, setting.default) for name, setting in self.settings.items()}
        self.options: dict[str, Any] = {name: self.settings[name].checked(name, each) for name, each in given.items()}
        self.seen = self.skipped = 0
        self.warned_at: int | None = None
        self.alarm: Alarm | None = None
        self._count, self._total = 0, 0.0
        self._recent: deque[float] = deque(maxlen=RECENT)
        try:
            self._river: Any = self._made()
        except ImportError as error:
            raise MissingExtra(f"{self.name} is river's: {error}", "pip install 'mlops-nb[monitoring]'") from None
        except ValueError as error:
            raise BadArgument(f"{self.name}: {error}") from None

    def _made(self) -> Any:
        raise NotImplementedError

    def update(self, value: object) -> State:
        """Take the next value, and say where the stream stands; what is no finite number is counted, and skipped.

        Raises:
            BadArgument: the detector reads errors, 0 or 1, and this is neither.
        """
        index = self.seen
        number = value if type(value) is float and math.isfinite(value) else _number(value)
        if self.takes_errors and number not in (0.0, 1.0, None):
            raise BadArgument(
                f"{self.name} reads errors, 1 or 0, not {number:g} (index {index})", 'watch(values, detector="adwin")'
            )
        self.seen += 1
        if number is None:
            self.skipped += 1
            self._recent.append(math.nan)
            return "stable" if self.warned_at is None else "warning"
        self._count += 1
        self._total += number
        self._recent.append(number)
        if self._detects(number):
            self._raise(index, number, np.array(self._recent))
            return "alarm"
        self._look(index)
        return "stable" if self.warned_at is None else "warning"

    def feed(self, values: Iterable[object]) -> list[Alarm | Zone]:
        """Take many values; the alarms, and the warning zones that ended without one, in order."""
        found: list[Alarm | Zone] = []
        for value in values:
            warned = self.warned_at
            state = self.update(value)
            if state == "alarm" and self.alarm is not None:
                found.append(self.alarm)
            elif warned is not None and state == "stable":
                found.append(Zone(warned, self.seen - 2))
        return found

    def alarms(self, values: Iterable[object]) -> Iterator[Alarm]:
        """Each alarm as soon as it is there, from an iterator that may have no end."""
        for value in values:
            if self.update(value) == "alarm" and self.alarm is not None:
                yield self.alarm

    def _detects(self, number: float) -> bool:
        """Give river's detector the value; whether it detects a change."""
        self._river.update(number)
        return bool(self._river.drift_detected)

    def _look(self, index: int) -> None:
        """Note after a value without an alarm whether a warning zone is open."""

    def _changed(self, recent: Numbers) -> int:
        """How many of the newest values lie after the change that was detected just now."""
        return _newer_part(recent, self._count, self._total)

    def _raise(self, index: int, value: float, recent: Numbers) -> None:
        known = np.flatnonzero(~np.isnan(recent))
        newer = self._changed(recent[known])
        after = recent[known[-newer:]]
        older, total = self._count - newer, self._total - float(after.sum())
        start = index + 1 - len(recent) + int(known[-newer])
        before = total / older if older else math.nan
        self.alarm = Alarm(index, value, start, before, float(after.mean()), self.warned_at)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._river._reset()  # river does this when the next value comes
        self._count, self._total, self.warned_at = 0, 0.0, None
        self._recent.clear()

    def to_dict(self) -> dict[str, object]:
        """The state: plain values that JSON holds, from which `resumed` makes a detector that goes on exactly."""
        state: dict[str, object] = {
            "detector": self.name,
            "options": self.options,
            "river": _river_version(),
            "seen": self.seen,
            "skipped": self.skipped,
            "count": self._count,
            "total": self._total,
            "recent": list(self._recent),
            "warned_at": self.warned_at,
            "inner": self._inner(),
        }
        plain: dict[str, object] = json_value(state)
        return plain

    def _inner(self) -> object:
        return _plain(self._river)

    def _take_inner(self, inner: Any) -> None:
        _restore(self._river, inner)

    def _resume(self, state: Mapping[str, Any]) -> None:
        self.seen, self.skipped = int(state["seen"]), int(state["skipped"])
        self._count, self._total = int(state["count"]), float(state["total"])
        self._recent.extend(map(float, state["recent"]))
        self.warned_at = None if state["warned_at"] is None else int(state["warned_at"])
        self._take_inner(state["inner"])


class Adwin(Detector):
    """ADWIN: a window that grows while its mean holds, and loses its older part when two parts of it differ.

    Two parts differ where their means lie further apart than the bound of Bifet and Gavalda at `delta` allows; the
    window is looked at every `clock` values. The bound holds for values between 0 and 1: they are divided by `scale`
    first. The options are river's but for that.

    Bifet and Gavalda, Learning from time-changing data with adaptive windowing, SIAM SDM 2007.

    >>> Adwin().feed([0] * 1000 + [1] * 1000)
    [Alarm(index=1023, value=1.0, start=1000, before=0.0, after=1.0, warned_at=None)]
    """

    name = "adwin"
    settings: ClassVar = {
        "delta": Setting(0.002, 1e-300, 1.0),
        "clock": Setting(32, 1, 2**31 - 1),
        "max_buckets": Setting(5, 1, 1_000),
        "min_window_length": Setting(5, 1, 2**31 - 1),
        "grace_period": Setting(10, 0, 2**31 - 1),
        "scale": Setting(1.0, 1e-300),
    }

    def _made(self) -> Any:
        from river import drift

        return drift.ADWIN(**{name: value for name, value in self.options.items() if name != "scale"})

    def _detects(self, number: float) -> bool:
        return bool(self._river._helper.update(number / self.options["scale"]))

    def feed(self, values: Iterable[object]) -> list[Alarm | Zone]:
        """Take many values, at the speed of river's compiled window: no line of Python runs for a value."""
        found: list[Alarm | Zone] = []
        for chunk in _chunks(values):
            found += self._fed(chunk)
        return found

    def _fed(self, chunk: Numbers) -> Iterator[Alarm]:
        places = np.flatnonzero(np.isfinite(chunk))
        known = chunk[places]
        coming, first, done = iter((known / self.options["scale"]).tolist()), self.seen, 0
        while done < len(known):
            hits = compress(count(done), map(self._river._helper.update, coming))
            until = next(hits, len(known)) + 1
            self._count += min(until, len(known)) - done
            self._total = float(np.add.accumulate(np.concatenate(([self._total], known[done:until])))[-1])
            if until <= len(known):
                at = int(places[until - 1])
                recent = self._with_recent(chunk, self.seen - first, at + 1)
                self.seen = first + at + 1
                self._raise(self.seen - 1, float(chunk[at]), recent)
                assert self.alarm is not None
                yield self.alarm
            done = until
        self._recent = deque(self._with_recent(chunk, self.seen - first, len(chunk)).tolist(), RECENT)
        self.seen = first + len(chunk)
        self.skipped += len(chunk) - len(known)

    def _with_recent(self, chunk: Numbers, start: int, end: int) -> Numbers:
        newest = chunk[max(start, end - RECENT) : end]
        newest = np.where(np.isfinite(newest), newest, np.nan)
        return np.concatenate((self._recent, newest))[-RECENT:]

    def _inner(self) -> object:
        window = self._river._helper.__getstate__()
        return {"window": base64.b64encode(window).decode(), "sha256": sha256(window).hexdigest()}

    def _take_inner(self, inner: Any) -> None:
        window = base64.b64decode(inner["window"], validate=True)
        if sha256(window).hexdigest() != inner["sha256"]:  # compiled code takes the bytes as they are
            raise ValueError("its window is damaged")
        self._river._helper.__setstate__(window)


class _ErrorDetector(Detector):
    """Of errors, 1 or 0, with a warning zone before an alarm."""

    takes_errors = True

    def _look(self, index: int) -> None:
        if not self._river.warning_detected:
            self.warned_at = None
        elif self.warned_at is None:
            self.warned_at = index


class Ddm(_ErrorDetector):
    """DDM: a model's error rate, against the lowest it has had.

    Warning, or alarm, where p + s > p_min + 2, or 3, s_min, with s = sqrt(p (1 - p) / n). river's begins after
    `warm_start` values: where none of those was an error, its lowest rate is 0 and the first error an alarm. Ours waits
    for `min_errors` errors, too; with 0 it is river's. In 720,000 values of six constant rates, 0.002 to 0.5, river's
    raises 117 alarms, ours 5.

    Gama, Medas, Castillo and Rodrigues, Learning with drift detection, SBIA 2004.

    >>> [alarm.index for alarm in Ddm().alarms([0, 0, 0, 0, 1] * 100 + [0, 1, 1, 1, 1] * 100)]
    [529]
    """

    name = "ddm"
    settings: ClassVar = {
        "warm_start": Setting(30, 1, 2**31 - 1),
        "warning_threshold": Setting(2.0),
        "drift_threshold": Setting(3.0),
        "min_errors": Setting(30, 0, 2**31 - 1),
    }

    def _made(self) -> Any:
        from river.drift import binary

        return binary.DDM(**{name: value for name, value in self.options.items() if name != "min_errors"})

    def _detects(self, number: float) -> bool:
        has_enough = self._total >= self.options["min_errors"]
        self._river.warm_start = self.options["warm_start"] if has_enough else math.inf
        return super()._detects(number)


class Eddm(_ErrorDetector):
    """EDDM: the distance between two errors of a model, against the longest it has been on average.

    Warning, or alarm, where (m + 2 s) / max(m + 2 s) < alpha, or beta. With river's 0.95 and 0.9 it raises one alarm
    in 1,300 values of a constant error rate; with ours, 0.8 and 0.75 after 100 errors, one in 40,000.

    Baena-Garcia and others, Early drift detection method, 2006.

    >>> rng = np.random.default_rng(0)
    >>> errors = [*(rng.random(3000) < 0.1), *(rng.random(3000) < 0.5)]
    >>> [3000 < alarm.index < 3300 for alarm in Eddm().alarms(errors)]
    [True]
    """

    name = "eddm"
    settings: ClassVar = {
        "warm_start": Setting(100, 1, 2**31 - 1),
        "alpha": Setting(0.8, 0.0, 1.0),
        "beta": Setting(0.75, 0.0, 1.0),
    }

    def _made(self) -> Any:
        from river.drift import binary

        return binary.EDDM(**self.options)


class PageHinkley(Detector):
    """Page-Hinkley: the sum of what each value lies above (or below) the mean so far, less `delta` a value.

    Alarm where the sum has come `threshold` above its lowest point (below its highest).
    river's defaults are in the values' own unit and forget a ten-thousandth a value, so that the sum wanders for ever:
    one alarm in 1,400 values of a normal stream without a change. Ours count in standard deviations of the values so
    far, one value as at most `clip` of them, and forget nothing (alpha 1): none in 720,000 values, normal, binary,
    lognormal and of Student's t, and a shift of one standard deviation is found after about 50 values.
    `standardize=False` with `alpha`, `delta` and `threshold` as river has them is river's.

    Page, Continuous inspection schemes, Biometrika 1954; Hinkley, Biometrika 1971.

    >>> rng = np.random.default_rng(0)
    >>> values = [*rng.normal(0, 1, 10_000), *rng.normal(1, 1, 10_000)]
    >>> [10_000 < alarm.index < 10_100 for alarm in PageHinkley().alarms(values)]
    [True]
    """

    name = "page_hinkley"
    settings: ClassVar = {
        "min_instances": Setting(30, 1, 2**31 - 1),
        "delta": Setting(0.15),
        "threshold": Setting(40.0),
        "alpha": Setting(1.0, 0.0, 1.0),
        "mode": Setting("both", choices=("both", "up", "down")),
        "standardize": Setting(True),
        "clip": Setting(5.0, 1e-300),
    }

    def __init__(self, **options: object) -> None:
        self._squares = 0.0
        self._mean = 0.0
        super().__init__(**options)

    def _made(self) -> Any:
        from river import drift

        ours = ("standardize", "clip")
        return drift.PageHinkley(**{name: value for name, value in self.options.items() if name not in ours})

    def _detects(self, number: float) -> bool:
        return super()._detects(self._standardized(number) if self.options["standardize"] else number)

    def _standardized(self, number: float) -> float:
        off = number - self._mean
        self._mean += off / self._count
        self._squares += off * (number - self._mean)
        spread = math.sqrt(self._squares / (self._count - 1)) if self._count > 1 else 0.0
        clip: float = self.options["clip"]
        return max(-clip, min(clip, (number - self._mean) / spread)) if spread else 0.0

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._squares = self._mean = 0.0

    def _inner(self) -> object:
        return {"river": _plain(self._river), "squares": self._squares, "mean": self._mean}

    def _take_inner(self, inner: Any) -> None:
        self._squares, self._mean = float(inner["squares"]), float(inner["mean"])
        _restore(self._river, inner["river"])


class Kswin(Detector):
    """KSWIN: the newest `stat_size` values against as many of the window before, by Kolmogorov and Smirnov.

    It sees changes of spread and shape, too, and is slow: one test a value, a few thousand values a second. As it tests
    at each value, river's alpha of 0.005 raises an alarm in 1,100 values without a change, and windows of 30 values
    are too small for a smaller one; ours are 300 and 100 values and 0.00001. The sample is drawn by `seed`.

    Raab, Heusinger and Schleif, Reactive soft prototype computing, Neurocomputing 2020.

    >>> rng = np.random.default_rng(0)
    >>> [1000 < alarm.index < 1100 for alarm in Kswin().alarms([*rng.normal(0, 1, 1000), *rng.normal(0, 5, 200)])]
    [True]
    """

    name = "kswin"
    settings: ClassVar = {
        "alpha": Setting(0.00001, 0.0, 1.0),
        "window_size": Setting(300, 2, 1_000_000),
        "stat_size": Setting(100, 1, 1_000_000),
        "seed": Setting(0, 0, 2**31 - 1),
    }

    def _made(self) -> Any:
        from river import drift

        if 2 * self.options["stat_size"] > self.options["window_size"]:
            raise ValueError(
                f"stat_size == {self.options['stat_size']}, must be at most half of window_size, "
                f"{self.options['window_size']}"
            )
        return drift.KSWIN(**self.options)

    def _changed(self, recent: Numbers) -> int:
        return min(len(recent), len(self._river.window))


DETECTORS: Mapping[str, type[Detector]] = {each.name: each for each in (Adwin, Ddm, Eddm, PageHinkley, Kswin)}


def detector(name: str = "adwin", **options: object) -> Detector:
    """A detector by its name: adwin, ddm, eddm, page_hinkley, kswin.

    Args:
        name: ADWIN and Page-Hinkley see a change of the mean, KSWIN any change; DDM and EDDM read a model's errors,
            1 or 0, and warn before they raise an alarm.
        options: of this detector, as its class says.

    Raises:
        BadArgument: there is no such detector or option, or an option cannot have this value.
        MissingExtra: river is not installed.

    >>> found = detector("adwin", delta=0.01, clock=1)
    >>> [found.update(value) for value in [0] * 200 + [100, 100]][-2:]
    ['stable', 'alarm']
    >>> found.alarm.index
    201
    """
    if name not in DETECTORS:
        near = nearest(str(name), DETECTORS) or "adwin"
        raise BadArgument(f"there is no detector {str(name)[:60]!r}: {', '.join(DETECTORS)}", f"detector({near!r})")
    return DETECTORS[name](**options)


def resumed(state: Mapping[str, Any]) -> Detector:
    """The detector whose `to_dict()` this is, also after JSON: it raises the alarms that one would have raised.

    Raises:
        BadArgument: this is no such state, or one of another version of river.
    """
    try:
        saved_by = state["river"]
        made = detector(state["detector"], **state["options"])
        if saved_by == _river_version():
            made._resume(state)
            return made
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise BadArgument(f"this is no detector's state: {type(error).__name__} {error}") from None
    raise BadArgument(
        f"the state was saved with river {str(saved_by)[:20]}, here is {_river_version()}: begin anew",
        f"detector({made.name!r})",
    )


def watch(
    values: Iterable[object],
    *,
    detector: str = "adwin",
    name: str = "",
    state: Mapping[str, Any] | None = None,
    progress: Callable[[str], None] = lambda line: None,
    **options: object,
) -> Watch:
    """The changes in a stream: `watch(latencies, detector="adwin")`.

    Args:
        values: an array, a Series, or anything that can be iterated and ends; an endless one is for
            `mlops_nb.monitoring.streams.detector(...).alarms(values)`.
        detector: adwin, ddm, eddm, page_hinkley or kswin.
        name: what the values are called.
        state: of an earlier `watch`, to go on from; the detector and its options are those of then.
        progress: told from time to time how far it is.
        options: of the detector: `delta`, `threshold`, ...

    Raises:
        BadArgument: no such detector or option, or values that are no numbers.

    >>> found = watch([0] * 1000 + [1] * 500)
    >>> [(alarm.index, alarm.start) for alarm in found.alarms]
    [(1023, 1000)]
    >>> watch([0] * 1000, state=found.state).alarms[0].index
    1535
    """
    if state is not None and options:
        raise BadArgument(f"a resumed detector keeps its options; {', '.join(options)} cannot be given again")
    made = _detector(detector, **options) if state is None else resumed(state)
    first, skipped = made.seen, made.skipped
    events: list[Alarm | Zone] = []
    drawn = _Drawing(first)
    is_fast = isinstance(made, Adwin)
    for chunk in _chunks(values, CHUNK if is_fast else SLOW_CHUNK):
        drawn.add(chunk)
        events += made.feed(chunk if is_fast else chunk.tolist())
        progress(f"{made.seen - first:,} values watched, {sum(isinstance(each, Alarm) for each in events)} alarms")
    return Watch(
        name,
        made.name,
        made.options,
        first,
        made.seen - first,
        made.skipped - skipped,
        drawn.mean,
        tuple(each for each in events if isinstance(each, Alarm)),
        tuple(each for each in events if isinstance(each, Zone)),
        made.warned_at,
        tuple(_notes(made, drawn)),
        drawn.slices(),
        made.to_dict(),
    )


_detector = detector


def _notes(made: Detector, drawn: _Drawing) -> Iterator[str]:
    if isinstance(made, Adwin) and 0 < drawn.width / made.options["scale"] < 0.1:
        yield (
            f"ADWIN is made for values between 0 and 1; these lie within {drawn.width:.3g} of each other, so that it "
            f"is slow to see a change: scale={drawn.width:.2g} makes it as quick as it can be."
        )


def _chunks(values: Iterable[object], size: int = CHUNK) -> Iterator[Numbers]:
    """The values as numbers, so many at a time; what is missing is NaN."""
    if hasattr(values, "columns"):
        raise BadArgument("a table has many columns; watch one", 'watch(frame["latency"])')
    if isinstance(values, np.ndarray) or hasattr(values, "to_numpy"):
        whole = _as_numbers(values)
        yield from (whole[start : start + size] for start in range(0, len(whole), size))
        return
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise BadArgument(f"{safe_repr(values, 40)} is no stream of numbers", "watch([0.1, 0.3, 0.2])")
    coming = iter(values)
    while chunk := list(islice(coming, size)):
        yield _as_numbers(chunk)


def _as_numbers(values: Any) -> Numbers:
    try:
        if isinstance(values, list):
            found = np.array([_or_nan(each) for each in values], dtype=np.float64)
        elif hasattr(values, "array") and hasattr(values, "to_numpy"):  # a pandas Series
            found = values.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            found = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadArgument(f"these are no numbers: {error}") from None
    kind = getattr(getattr(values, "dtype", None), "kind", "f")
    if found.ndim != 1 or kind in "mMUS":
        what = f"{found.ndim} dimensions" if found.ndim != 1 else f"the type {values.dtype}"
        raise BadArgument(f"a stream is a row of numbers; this has {what}", "watch(values)")
    return found


def _or_nan(value: object) -> float:
    if value is None or value != value:
        return math.nan
    if isinstance(value, str | bytes):
        raise TypeError(f"{safe_repr(value, 40)} is a text")
    return float(value)  # type: ignore[arg-type]


def _number(value: object) -> float | None:
    """The value as a finite number; None where it is missing, infinite or none."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        if value is None or type(value).__name__ in ("NAType", "NaTType"):
            return None
        raise BadArgument(f"{safe_repr(value, 40)} is no number") from None
    return number if math.isfinite(number) and not isinstance(value, str) else None


class _Drawing:
    """A stream in a few hundred slices, however long it is."""

    def __init__(self, first: int) -> None:
        self._next, self._size = first, 1
        self._slices: list[Slice] = []

    def add(self, chunk: Numbers) -> None:
        if not self._slices:
            self._size = max(1, len(chunk) // SLICES)
        starts = np.arange(0, len(chunk), self._size)
        finite = np.isfinite(chunk)
        known = np.add.reduceat(finite.astype(np.int64), starts).tolist()
        lows = np.minimum.reduceat(np.where(finite, chunk, np.inf), starts).tolist()
        highs = np.maximum.reduceat(np.where(finite, chunk, -np.inf), starts).tolist()
        sums = np.add.reduceat(np.where(finite, chunk, 0.0), starts).tolist()
        for start, many, low, high, total in zip(starts.tolist(), known, lows, highs, sums, strict=True):
            size, place = min(self._size, len(chunk) - start), self._next + start
            if many:
                self._slices.append(Slice(place, size, many, low, high, total / many))
            else:
                self._slices.append(Slice(place, size, 0, math.nan, math.nan, math.nan))
        self._next += len(chunk)
        while len(self._slices) > 2 * SLICES:
            self._size *= 2
            self._slices = [_together(self._slices[at : at + 2]) for at in range(0, len(self._slices), 2)]

    @property
    def mean(self) -> float:
        known = [each for each in self._slices if each.known]
        total = sum(each.known for each in known)
        return sum(each.mean * each.known for each in known) / total if total else math.nan

    @property
    def width(self) -> float:
        known = [each for each in self._slices if each.known]
        return max(each.high for each in known) - min(each.low for each in known) if known else 0.0

    def slices(self) -> tuple[Slice, ...]:
        return tuple(self._slices)


def _together(slices: list[Slice]) -> Slice:
    first, last = slices[0], slices[-1]
    size = last.start + last.size - first.start
    known = [each for each in slices if each.known]
    if not known:
        return Slice(first.start, size, 0, math.nan, math.nan, math.nan)
    many = sum(each.known for each in known)
    mean = sum(each.mean * each.known for each in known) / many
    return Slice(first.start, size, many, min(each.low for each in known), max(each.high for each in known), mean)


def _newer_part(recent: Numbers, many: int, total: float) -> int:
    """How many of the newest values differ most from all before them, of `many` that sum up to `total`.

    The split at which two constants fit best has the largest (S_k - k S / n)^2 / (k (n - k)), S_k being the sum of the
    k newest values (Hinkley 1970); it is looked for among the recent ones.
    """
    newer = np.arange(1, min(len(recent), many - 1) + 1)
    if not len(newer):
        return 1
    sums = np.cumsum(recent[::-1])[: len(newer)]
    gains = (sums - newer * (total / many)) ** 2 / (newer * (many - newer))
    return int(newer[int(np.argmax(gains))])


def _river_version() -> str:
    return metadata.version("river")


def _plain(thing: Any) -> Any:
    """The state of one of river's objects as plain values; what follows from its options is left out."""
    if isinstance(thing, deque):
        return list(thing)
    if isinstance(thing, random.Random):
        version, state, gauss = thing.getstate()
        return [version, list(state), gauss]
    if type(thing).__module__.startswith("river."):
        return {name: _plain(each) for name, each in vars(thing).items() if not callable(each)}
    return thing


def _restore(thing: Any, plain: Mapping[str, Any]) -> None:
    """Give one of river's objects the state that `_plain` took."""
    for name, saved in plain.items():
        now = getattr(thing, name)
        if isinstance(now, deque):
            now = deque(map(float, saved), maxlen=now.maxlen)
        elif isinstance(now, random.Random):
            now.setstate((saved[0], tuple(saved[1]), saved[2]))
        elif isinstance(saved, Mapping):
            _restore(now, saved)
        else:
            now = float(saved) if saved in ("inf", "-inf", "nan") else saved
        setattr(thing, name, now)
