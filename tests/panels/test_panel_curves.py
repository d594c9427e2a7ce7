"""Series as curves: what is drawn of them, over what, and that a million values need no more room than a few."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from itertools import pairwise
from xml.etree import ElementTree

import pytest

import mlops_nb
from mlops_nb.panels.blocks import as_html, as_text
from mlops_nb.panels.comparison import comparison_panel
from mlops_nb.panels.curves import METRICS, curve_blocks
from mlops_nb.panels.run import run_panel
from mlops_nb.panels.run_card import run_card
from mlops_nb.store import open_store
from mlops_nb.store import runs as rows
from mlops_nb.tracking import service
from mlops_nb.tracking.series import Bucket, Curve
from tests.panels.records import HOSTILE, Markup, a_run


def logged(*values: float, steps=None, name: str = "loss"):
    """A run that logged these, as it is shown."""
    with mlops_nb.run("fit") as run:
        for place, value in enumerate(values):
            run.log(steps[place] if steps else place, **{name: value})
    return mlops_nb.show(run.id)


def curve_of(run, name: str = "loss") -> Curve:
    return next(curve for curve in run.curves if curve.metric == name)


def paths(html: str) -> list[str]:
    """The curves of a picture; its axes have another colour."""
    return re.findall(r'<path d="([^"]*)" fill="none" stroke="#', html)


def test_a_short_series_is_drawn_value_by_value_over_its_steps(folder):
    run = logged(3.0, 1.0, 2.0, steps=[10, 20, 40])
    assert curve_of(run).points(by_step=True) == [(10, 3.0), (20, 1.0), (40, 2.0)]
    html = run_panel(run).html()
    assert len(paths(html)) == 1
    assert ">step<" in html


def test_a_value_that_is_no_number_leaves_a_gap(folder):
    run = logged(1.0, math.nan, 2.0, math.inf, 3.0, 4.0)
    assert curve_of(run).points(by_step=True) == [(0, 1.0), None, (2, 2.0), None, (4, 3.0), (5, 4.0)]
    (path,) = paths(run_panel(run).html())
    assert (path.count("M"), path.count("L")) == (3, 1)


@pytest.mark.parametrize("steps", [[1, 2, 2, 3], [5, 6, 3, 4], [1, 2, None, 3]], ids=["repeat", "back", "missing"])
def test_steps_that_say_no_place_give_way_to_the_order_logged(folder, steps):
    run = logged(1.0, 2.0, 3.0, 4.0, steps=steps)
    assert not curve_of(run).has_steps
    assert curve_of(run).points(by_step=False) == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)]
    assert ">in the order logged<" in run_panel(run).html()


def test_a_clock_that_goes_back_changes_no_curve(folder, monkeypatch):
    times = iter([100.0, 50.0, 75.0, *[80.0] * 50])
    monkeypatch.setattr(service.time, "time", lambda: next(times))
    run = logged(1.0, 2.0, 3.0)
    assert [value for _, value in curve_of(run).points(by_step=True)] == [1.0, 2.0, 3.0]


def test_what_a_resumed_run_logs_later_is_drawn_as_finely_as_before(folder):
    first = logged(*range(100))
    logged(*range(3000), name="other")
    with mlops_nb.resume(first.id) as run:
        for step in range(100, 200):
            run.log(step, loss=step)
    assert [value for _, value in curve_of(mlops_nb.show(first.id)).points(by_step=True)] == list(range(200))


def test_two_notebooks_that_log_one_metric_are_drawn_in_the_order_logged(folder):
    run = logged(0.0)
    code = "import mlops_nb\nwith mlops_nb.resume('fit') as run:\n    for step in range(50): run.log(step, loss=step)"
    writers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    curve = curve_of(mlops_nb.show(run.id))
    assert (curve.count, curve.has_steps) == (101, False)
    logged_values = [value for _, value, _ in rows.points(open_store(), run.id, "loss")]
    assert [value for _, value in curve.points(by_step=False)] == logged_values


def test_a_long_series_keeps_its_extremes_and_says_by_how_many_it_is_drawn(folder):
    values = [math.sin(k / 500) for k in range(5000)]
    values[1234], values[4321] = -7.0, 9.0
    with mlops_nb.run("fit") as run, run.together():
        for step, value in enumerate(values):
            run.log(step, loss=value)
    shown = mlops_nb.show(run.id)
    drawn = [point[1] for point in curve_of(shown).points(by_step=True)]
    assert (min(drawn), max(drawn)) == (-7.0, 9.0)
    panel = run_panel(shown)
    assert "loss: 5,000 values, drawn by 600" in panel.text()
    assert len(panel.html()) < 30_000


def test_a_falling_series_falls_within_its_buckets_too():
    curve = Curve("loss", tuple(Bucket(100, 1 / (k + 2), 1 / (k + 1), 100 * k, 100 * k + 99, 100) for k in range(9)))
    drawn = [point[1] for point in curve.points(by_step=True)]
    assert drawn == sorted(drawn, reverse=True)
    assert curve.thinned(3).count == curve.count == 900
    assert [point[1] for point in curve.thinned(3).points(by_step=True)][::5] == [1.0, 1 / 10]


def test_a_million_values_are_shown_in_bounded_memory(folder):
    run = logged(1.0)
    logged(3.0, 2.0, 1.0)
    with open_store().transaction() as connection:
        connection.execute(
            "WITH RECURSIVE place (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM place WHERE k < 999999) INSERT INTO "
            "metric_points (run_id, name, step, value, time) SELECT ?, 'loss', k, 1.0 / (k + 1), k FROM place",
            [run.id],
        )
        connection.execute(
            "UPDATE metrics SET count = 1000000, last_point = (SELECT max(id) FROM metric_points) WHERE run_id = ?",
            [run.id],
        )
    code = """
import resource
import mlops_nb
from mlops_nb.panels.run import run_panel

run_panel(mlops_nb.show(2)).html()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
panel = run_panel(mlops_nb.show(1))
print(panel.text().split("\\n")[2])
print(len(panel.html()))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    words, length, kilobytes = shown.splitlines()
    assert words == "loss: 1,000,000 values, drawn by 600."
    assert int(length) < 30_000
    assert int(kilobytes) < 20_000


def test_runs_are_drawn_over_each_other_each_with_its_name_and_colour(folder):
    logged(3.0, 2.0, 1.0)
    logged(3.5, 2.5, 1.5)
    html = comparison_panel(mlops_nb.compare(1, 2)).html()
    assert len(paths(html)) == 2
    assert html.index("#0072B2") < html.index("#E69F00")
    for label in ("run 1 1", "run 2 1.5"):
        assert label in Markup(html).words or any(label in word for word in Markup(html).words)


def test_labels_at_the_ends_of_curves_do_not_lie_on_each_other(folder):
    for _ in range(4):
        logged(3.0, 1.0)
    html = comparison_panel(mlops_nb.compare(1, 2, 3, 4)).html()
    heights = sorted(int(y) for y in re.findall(r'y="(\d+)"[^>]*><tspan', html))
    assert len(heights) == 4
    assert all(after - before >= 11 for before, after in pairwise(heights))


def test_more_metrics_than_fit_are_named(folder):
    with mlops_nb.run("fit") as run:
        for step in range(3):
            run.log_metrics({f"m{k}": step for k in range(METRICS + 2)}, step)
    assert f"Not drawn: m{METRICS} and m{METRICS + 1}." in run_panel(mlops_nb.show(run.id)).text()


def test_a_logarithmic_axis_is_for_values_above_nought(folder):
    positive, mixed = logged(1.0, 10.0, 100.0), logged(-1.0, 10.0, 100.0)
    assert "log scale" in as_html(curve_blocks([positive], is_log=True))
    assert "log scale" not in as_html(curve_blocks([mixed], is_log=True))


def test_a_card_shows_the_course_of_a_series(folder):
    run = logged(3.0, 2.0, 1.0)
    card = run_card(service.card(run.id, store=open_store()))
    assert len(paths(card.html())) == 1
    assert "3 values, from 3.00 to 1.00" in card.html()
    assert "3 values" in card.text()


def test_a_single_value_has_no_curve(folder):
    run = logged(1.0)
    assert run.curves == ()
    assert "<svg" not in run_panel(run).html()


@pytest.mark.parametrize("values", [(1.0, 1.0), (math.nan, math.nan), (1e299, -1e299), (5e-324, 1e-320), (0.0, 0.0)])
def test_odd_values_make_a_well_formed_picture(folder, values):
    run = logged(*values)
    for is_log in (False, True):
        (picture, *_) = curve_blocks([run], is_log=is_log)
        ElementTree.fromstring(picture.svg)
        assert not re.search(r'="[^"]*(nan|inf)', picture.svg)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_text_at_a_curve(name):
    curve = Curve(name, (Bucket(1, 1.0, 1.0, 1, 1, 1), Bucket(1, 2.0, 2.0, 2, 2, 1)))
    blocks = list(curve_blocks([a_run(1, name=name, curves=(curve,)), a_run(2, name=name, curves=(curve,))]))
    assert Markup(as_html(blocks)).is_inert
    ElementTree.fromstring(blocks[0].svg)
    assert "\x1b" not in as_text(blocks)
