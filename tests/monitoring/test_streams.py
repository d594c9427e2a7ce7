"""Detectors of streams: river's alarms, on the published streams and on random ones; saved and resumed exactly."""

from __future__ import annotations

import itertools
import json
import math
import random
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from river import drift
from river.drift import binary

import mlops_nb
from mlops_nb.errors import BadArgument
from mlops_nb.monitoring.streams import DETECTORS, Alarm, Zone, detector, resumed, watch

VECTORS = {
    one["id"]: one for one in json.loads((Path(__file__).parents[1] / "reference/drift_vectors.json").read_text())
}


def canonical() -> list[int]:
    rng = np.random.RandomState(12345)
    return np.concatenate((rng.randint(2, size=1000), rng.randint(8, size=1000))).tolist()


def several() -> list[int]:
    rng = random.Random(42)
    parts = ([0, 1], range(4, 8), range(8, 12), range(12, 16))
    return [value for part in parts for value in rng.choices(part, k=1000)]


STREAMS = {
    "adwin_step_clock32": [0] * 1000 + [1] * 1000,
    "adwin_alt_plus2_clock32": [0, 1] * 500 + [2, 3] * 500,
    "adwin_0_100_delta.01_clock1": [0] * 200 + [100] * 100,
    "adwin_river_regression_canonical": canonical(),
    "adwin_river_regression_multi": several(),
    "ddm_bernoulli_cycle": [0, 0, 0, 0, 1] * 100 + [0, 1, 1, 1, 1] * 100,
}


def test_every_stream_of_the_published_vectors_is_tested():
    assert {name for name in VECTORS if name.startswith(("adwin", "ddm"))} == set(STREAMS)


@pytest.mark.parametrize("name", STREAMS)
def test_alarms_are_where_the_published_streams_have_them(name):
    options = VECTORS[name]["input"].get("params", {})
    found = watch(STREAMS[name], detector=name.split("_")[0], **options)
    assert [alarm.index for alarm in found.alarms] == VECTORS[name]["expected"]
    made = detector(name.split("_")[0], **options)
    assert [alarm.index for alarm in made.alarms(STREAMS[name])] == VECTORS[name]["expected"]


RIVER = {
    "adwin": (lambda: drift.ADWIN(), {}),
    "ddm": (lambda: binary.DDM(), {"min_errors": 0}),
    "eddm": (lambda: binary.EDDM(), {"warm_start": 30, "alpha": 0.95, "beta": 0.9}),
    "page_hinkley": (
        lambda: drift.PageHinkley(),
        {"delta": 0.005, "threshold": 50, "alpha": 1 - 0.0001, "standardize": False},
    ),
    "kswin": (lambda: drift.KSWIN(seed=1), {"alpha": 0.005, "window_size": 100, "stat_size": 30, "seed": 1}),
}


def wandering(seed: int, size: int, is_error: bool) -> np.ndarray:
    """Values whose level, or rate of errors, changes now and then."""
    rng = np.random.default_rng(seed)
    levels = np.repeat(rng.random(-(-size // 150)), 150)[:size]
    return (rng.random(size) < levels).astype(float) if is_error else rng.normal(levels * 5, 1)


def test_every_detector_is_compared_with_rivers():
    assert set(RIVER) == set(DETECTORS)


@pytest.mark.parametrize("name", RIVER)
@pytest.mark.parametrize("seed", range(3))
def test_with_rivers_options_every_state_is_that_of_rivers_detector(name, seed):
    make, options = RIVER[name]
    theirs, ours, alarms = make(), detector(name, **options), 0
    for value in wandering(seed, 1500, ours.takes_errors):
        theirs.update(value)
        warns = getattr(theirs, "warning_detected", False)
        expected = "alarm" if theirs.drift_detected else "warning" if warns else "stable"
        assert ours.update(value) == expected
        alarms += expected == "alarm"
    assert alarms


streams = st.tuples(st.integers(0, 10_000), st.integers(0, 900), st.lists(st.integers(0, 899), max_size=5))


def with_gaps(name: str, stream: tuple[int, int, list[int]]) -> np.ndarray:
    seed, size, gaps = stream
    values = wandering(seed, size, DETECTORS[name].takes_errors)
    values[[gap for gap in gaps if gap < size]] = np.nan
    return values


@pytest.mark.parametrize("name", ["adwin", "ddm", "eddm", "page_hinkley"])
@settings(max_examples=40, deadline=None)
@given(stream=streams, cut=st.integers(0, 900))
@example(stream=(1, 900, [150, 151]), cut=400)
def test_a_resumed_detector_gives_what_one_gives_that_never_stopped(name, stream, cut):
    values = with_gaps(name, stream)
    whole, first = detector(name, **RIVER[name][1]), detector(name, **RIVER[name][1])
    expected = whole.feed(values)
    found = first.feed(values[:cut])
    second = resumed(json.loads(json.dumps(first.to_dict(), allow_nan=False)))
    assert repr([*found, *second.feed(values[cut:])]) == repr(expected)
    assert second.to_dict() == whole.to_dict()


def test_a_resumed_kswin_draws_what_it_would_have_drawn():
    values = wandering(3, 600, False)
    whole, first = (detector("kswin", window_size=60, stat_size=20, alpha=0.01) for _ in range(2))
    expected = whole.feed(values)
    found = first.feed(values[:333])
    assert [*found, *resumed(json.loads(json.dumps(first.to_dict()))).feed(values[333:])] == expected
    assert expected


@settings(max_examples=60, deadline=None)
@given(stream=streams, scale=st.sampled_from([1.0, 0.5, 4.0]), chunk=st.integers(1, 400))
@example(stream=(1, 900, [150, 151]), scale=1.0, chunk=37)
def test_adwin_finds_the_same_value_by_value_and_many_at_a_time(stream, scale, chunk):
    values = with_gaps("adwin", stream)
    one, many = detector("adwin", scale=scale), detector("adwin", scale=scale)
    expected = [one.alarm for value in values if one.update(value) == "alarm"]
    found = [each for start in range(0, len(values), chunk) for each in many.feed(values[start : start + chunk])]
    assert repr(found) == repr(expected)
    assert many.to_dict() == one.to_dict()


@pytest.mark.parametrize("name", ["adwin", "page_hinkley"])
def test_an_alarm_says_where_the_change_began_and_what_the_mean_was_on_both_sides(name):
    values = np.concatenate((np.full(1000, 3.0), np.full(500, 9.0))) + np.tile([-0.5, 0.5], 750)
    (alarm,) = watch(values, detector=name).alarms
    assert (alarm.start, alarm.before, alarm.after) == pytest.approx((1000, 3.0, 9.0), abs=0.5)
    assert 1000 < alarm.index < 1064


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 200), st.integers(20, 200), st.booleans())
def test_the_means_of_an_alarm_are_those_of_the_values_on_both_sides_of_its_start(seed, size, more, gaps):
    rng = np.random.default_rng(seed)
    values = np.concatenate((rng.normal(0, 1, size * 5), rng.normal(8, 1, more * 5)))
    if gaps:
        values[rng.integers(0, len(values), 20)] = np.nan
    first, begin = None, 0
    for alarm in watch(values, clock=8).alarms:
        assert begin <= alarm.start <= alarm.index
        assert alarm.before == pytest.approx(np.nanmean(values[begin : alarm.start]), abs=1e-9)
        assert alarm.after == pytest.approx(np.nanmean(values[alarm.start : alarm.index + 1]), abs=1e-9)
        first, begin = first or alarm, alarm.index + 1
    assert first is not None


def test_a_warning_zone_ends_in_an_alarm_or_is_told_by_itself():
    rng = random.Random(42)
    values = rng.choices([0, 1], k=1000) + rng.choices([0, 1], k=1000, weights=[0.3, 0.7])
    found = watch(values, detector="ddm")
    assert [alarm.index for alarm in found.alarms] == [1334]  # river's docstring of DDM
    assert 1084 in [found.alarms[0].warned_at, *(zone.start for zone in found.zones)]
    states = detector("ddm")
    warned = [place for place, value in enumerate(values) if states.update(value) == "warning"]
    told = [*found.zones, Zone(found.alarms[0].warned_at, found.alarms[0].index - 1)]
    assert found.warned_at is None
    assert watch(values[: warned[-1] + 1], detector="ddm").warned_at == found.zones[-1].start
    assert sorted(place for zone in told for place in range(zone.start, zone.end + 1)) == warned


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["normal", "binary", "lognormal", "t"])
def test_our_page_hinkley_is_quiet_where_nothing_changes_and_rivers_is_not(seed, kind):
    rng = np.random.default_rng(seed)
    size = 10_000
    values = {
        "normal": lambda: rng.normal(1e6, 300, size),
        "binary": lambda: (rng.random(size) < 0.1) * 1e-3,
        "lognormal": lambda: rng.lognormal(0, 1, size),
        "t": lambda: rng.standard_t(3, size),
    }[kind]()
    assert watch(values, detector="page_hinkley").alarms == ()
    if kind == "normal":
        assert len(watch(values, detector="page_hinkley", **RIVER["page_hinkley"][1]).alarms) > 100


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e9])
def test_page_hinkley_finds_a_shift_in_any_unit_and_no_single_outlier(unit):
    rng = np.random.default_rng(5)
    values = np.concatenate((rng.normal(0, 1, 3000), rng.normal(1.5, 1, 1000)))
    values[1000] = 1e6
    values[3000:] += values[:1000] * 0
    clean = np.delete(values, 1000) * unit
    assert [2999 <= alarm.index < 3060 for alarm in watch(clean, detector="page_hinkley").alarms] == [True]
    assert all(alarm.index > 3000 for alarm in watch(values * unit, detector="page_hinkley").alarms)


@pytest.mark.parametrize(("name", "options"), [("eddm", {}), ("kswin", {}), ("ddm", {})])
def test_defaults_are_quiet_where_nothing_changes_and_see_a_change(name, options):
    rng = np.random.default_rng(8)
    errors = DETECTORS[name].takes_errors
    before = rng.random(3000) < 0.1 if errors else rng.normal(0, 1, 1500)
    after = rng.random(1500) < 0.5 if errors else rng.normal(0, 5, 300)
    (alarm,) = watch(np.concatenate((before, after)) * 1.0, detector=name, **options).alarms
    assert len(before) < alarm.index < len(before) + 600


def test_a_stream_may_be_any_row_of_numbers():
    values = [0, 1] * 300 + [5, 6] * 300
    expected = watch(values).alarms
    assert expected
    frame = pd.DataFrame({"x": values})
    for each in (
        tuple(values),
        iter(values),
        np.array(values, dtype=np.int8),
        frame["x"],
        frame["x"].astype("Int64"),
        frame["x"].astype("float64[pyarrow]"),
        pl.Series(values),
    ):
        assert watch(each).alarms == expected
    with_gaps = pd.Series([*values[:600], None, *values[600:]], dtype="Int64")
    assert watch(with_gaps).skipped == 1
    assert [alarm.after for alarm in watch(with_gaps).alarms] == pytest.approx([alarm.after for alarm in expected])


@pytest.mark.parametrize("values", [[], [None, float("nan")], [float("inf")] * 50, [1.0], [7.0] * 500])
@pytest.mark.parametrize("name", ["adwin", "page_hinkley", "kswin"])
def test_an_empty_constant_or_missing_stream_raises_no_alarm(values, name):
    found = watch(values, detector=name)
    assert found.alarms == ()
    assert found.seen == len(values)
    known = [value for value in values if value is not None and math.isfinite(value)]
    assert found.skipped == len(values) - len(known)
    assert math.isnan(found.mean) == (not known)


def test_alarms_come_from_a_stream_without_an_end():
    endless = itertools.chain([0] * 500, itertools.repeat(1))
    assert next(detector("adwin").alarms(endless)).index == 511


def test_adwin_says_that_values_are_too_close_for_it_and_scale_makes_it_see():
    rng = np.random.default_rng(0)
    values = np.concatenate((rng.normal(0, 0.001, 5000), rng.normal(0.001, 0.001, 5000)))
    blind = watch(values)
    assert blind.alarms == ()
    assert "scale=" in blind.notes[0]
    scale = float(blind.notes[0].split("scale=")[1].split(" ")[0])
    seen = watch(values, scale=scale)
    assert [5000 < alarm.index < 5200 for alarm in seen.alarms] == [True]
    assert seen.notes == ()


def test_a_picture_of_a_long_stream_has_a_few_hundred_points_and_its_lowest_and_highest():
    values = np.random.default_rng(0).normal(size=300_001)
    values[123_456] = 99.0
    for each in (values, iter(values.tolist())):
        slices = watch(each).slices
        assert sum(one.size for one in slices) == sum(one.known for one in slices) == len(values)
        assert 150 <= len(slices) <= 300
        assert max(one.high for one in slices) == 99.0
        for one in (slices[0], slices[77], slices[-1]):
            part = values[one.start : one.start + one.size]
            assert (one.low, one.high, one.mean) == pytest.approx((part.min(), part.max(), part.mean()))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: detector("adwim"), "detector('adwin')"),
        (lambda: detector("adwin", detla=0.1), "delta=..."),
        (lambda: detector("adwin", delta=2), "delta == 2"),
        (lambda: detector("adwin", clock=1.5), "clock == 1.5, must be a whole number"),
        (lambda: detector("adwin", delta="x"), "'x' is no number"),
        (lambda: detector("page_hinkley", mode="sideways"), "both, up, down"),
        (lambda: detector("page_hinkley", standardize=1), "True or False"),
        (lambda: detector("eddm", alpha=0.5, beta=0.9), "'alpha' must be greater or equal to 'beta'"),
        (lambda: detector("kswin", stat_size=200), "at most half of window_size"),
        (lambda: watch([0, 0.5], detector="ddm"), "1 or 0, not 0.5 (index 1)"),
        (lambda: watch(["3", "4"]), "'3' is a text"),
        (lambda: watch(pd.Series(["a"])), "no numbers"),
        (lambda: watch(pd.Series(pd.to_datetime(["2026-01-01"]))), "datetime64"),
        (lambda: watch(pd.DataFrame({"x": [1]})), "many columns"),
        (lambda: watch(np.zeros((2, 2))), "2 dimensions"),
        (lambda: watch("abc"), "no stream"),
        (lambda: watch([object()]), "no numbers"),
        (lambda: detector("adwin").update("x"), "'x' is no number"),
        (lambda: resumed({}), "no detector's state"),
        (lambda: resumed({**detector("adwin").to_dict(), "inner": "§"}), "no detector's state"),
        (lambda: resumed({**detector("adwin").to_dict(), "inner": {"window": "AA=="}}), "no detector's state"),
        (
            lambda: resumed({**detector("adwin").to_dict(), "inner": {"window": "AA==", "sha256": ""}}),
            "its window is damaged",
        ),
        (lambda: resumed({**detector("ddm").to_dict(), "inner": {"who": 1}}), "no detector's state"),
        (lambda: resumed({**detector("ddm").to_dict(), "river": "0.1"}), "saved with river 0.1"),
        (lambda: watch([1], state=detector("adwin").to_dict(), delta=0.1), "delta cannot be given again"),
    ],
)
def test_what_is_wrong_is_said_with_its_value(call, said):
    with pytest.raises(BadArgument) as caught:
        call()
    assert said in str(caught.value)


def test_a_refused_value_leaves_the_detector_as_it_was():
    made = detector("ddm")
    made.feed([0, 1, 0])
    before = made.to_dict()
    with pytest.raises(BadArgument):
        made.update(7)
    assert made.to_dict() == before


def test_the_packages_watch_is_this_one():
    assert mlops_nb.watch is watch
    assert isinstance(watch([0] * 500 + [1] * 500).alarms[0], Alarm)
