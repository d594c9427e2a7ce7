"""The runs panel: what sorts, filters, pages and plots it, and its live side without a browser."""

from __future__ import annotations

import json
import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlops_nb.errors import StoreUnavailable
from mlops_nb.panels.runs import runs_panel
from mlops_nb.panels.runs_plot import CATEGORIES, PLOTTED, axis_of, drawn_words, main_kind, picture, spread
from mlops_nb.panels.runs_view import (
    best_run,
    cell_texts,
    columns_of,
    main_metric,
    main_param,
)
from mlops_nb.tracking.compare import Comparison
from mlops_nb.tracking.runs import RunTable
from mlops_nb.tracking.search.following import FollowedRuns
from tests.panels.records import HOSTILE, Markup, a_row, a_run, a_table, hostile_table
from tests.panels.stored import kept


def runs_in(svg: str) -> list[int]:
    """The runs that a picture has something for."""
    return [int(run) for run in re.findall(r'data-run="(\d+)"', svg)]


def ids(rows) -> list[int]:
    return [row.id for row in rows]


def test_the_best_run_is_finite_and_by_the_metric_s_direction():
    rows = tuple(a_row(k, metrics={"rmse": v}) for k, v in enumerate([3.0, math.nan, -math.inf, 1.0, 2.0], 1))
    table = a_table(rows=rows)
    assert main_metric(table) == "rmse"
    assert best_run(table.rows, "rmse").id == 4
    assert runs_panel(table).text().startswith("5 runs. rf-4 (run 4) has the lowest rmse: 1")


def test_the_parameter_drawn_first_is_one_that_varies():
    rows = tuple(a_row(k, params={"seed": 7, "depth": k}) for k in (1, 2, 3))
    assert main_param(a_table(rows=rows), "accuracy") == "depth"
    assert main_param(a_table(rows=rows[:1]), "accuracy") == "run"


def test_the_column_that_decides_stands_next_to_the_name():
    assert [column.key for column in columns_of(a_table())][:5] == [
        "name",
        "id",
        "metrics.accuracy",
        "metrics.f1",
        "status",
    ]


def test_what_is_drawn_of_many_runs_spans_them_and_is_said():
    rows = a_table(5000).rows
    drawn = spread(rows, "accuracy")
    values = [row.metrics["accuracy"] for row in rows]
    assert len({row.id for row in drawn}) == PLOTTED["scatter"]
    assert {min(values), max(values)} <= {row.metrics["accuracy"] for row in drawn}
    assert len(runs_in(picture(rows, "accuracy", "run", "parallel")[0])) == PLOTTED["parallel"]


@pytest.mark.parametrize(
    ("drawn", "having", "of", "metric", "kind", "said"),
    [
        (500, 5000, 5000, "f1", "scatter", "500 of 5,000 runs drawn, evenly from worst to best f1. Higher is better."),
        (3, 3, 4, "loss", "scatter", "3 of 4 runs drawn; the others have no value there. Lower is better."),
        (1, 1, 1, "f1", "parallel", "1 run drawn. Higher is better; blue lines are the better runs."),
    ],
)
def test_what_is_drawn_is_said(drawn, having, of, metric, kind, said):
    assert drawn_words(drawn, having, of, metric, kind) == said


def test_only_a_finished_run_is_best_as_on_the_card_and_only_finished_runs_choose_the_metric():
    failed = tuple(a_row(k, status="FAILED", metrics={"loss": 0.01}) for k in (1, 2, 3))
    finished = (a_row(4, metrics={"loss": 0.5, "accuracy": 0.8}), a_row(5, metrics={"loss": 0.4, "accuracy": 0.7}))
    rows = (*failed, *finished)
    assert best_run(rows, "loss").id == 5
    assert best_run(failed, "loss") is None
    assert main_metric(a_table(rows=rows)) == "accuracy"
    assert [one.label for one in columns_of(a_table(rows=rows))][2:4] == ["accuracy", "loss"]
    assert "best: run 5" in picture(rows, "loss", "run", "scatter")[0]


def test_the_best_of_a_part_of_the_runs_says_that_it_is_of_a_part():
    table = RunTable(a_table(3).rows, 5000, 0.0, ".mlops")
    assert runs_panel(table).text().startswith("3 of 5,000 runs. Of these, rf-")


def test_a_metric_has_the_same_digits_down_its_column():
    rows = [a_row(k, metrics={"loss": value}) for k, value in enumerate((0.04, 0.19, 0.1903))]
    columns = [one for one in columns_of(a_table(rows=tuple(rows))) if one.key == "metrics.loss"]
    assert [text for ((text, _),) in cell_texts(rows, columns)] == ["0.0400", "0.1900", "0.1903"]
    rows.append(a_row(9, metrics={"loss": 0.190301}))
    assert cell_texts(rows, columns)[3] == [("0.1903", "0.190301")]


def test_only_numbers_are_aligned_to_the_right_and_none_is_a_value():
    rows = (a_row(1, params={"depth": 4, "warm": True, "criterion": "gini"}), a_row(2, params={"depth": None}))
    columns = columns_of(a_table(rows=rows))
    assert {one.label: one.right for one in columns if one.key.startswith("params.")} == {
        "depth": True,
        "criterion": False,
        "warm": False,
    }
    texts = {one.key: text for one, (text, _) in zip(columns, cell_texts(rows, columns)[1], strict=True)}
    assert (texts["params.depth"], texts["params.warm"]) == ("None", "")


@pytest.mark.parametrize("kind", ["scatter", "parallel"])
def test_the_picture_points_at_the_best_run(kind):
    rows = a_table().rows
    svg, words = picture(rows, "accuracy", "n_estimators", kind)
    assert f">best: run {best_run(rows, 'accuracy').id}<" in svg
    assert words.endswith(f"the best is run {best_run(rows, 'accuracy').id}")


def test_a_picture_without_the_best_run_of_all_says_best_here():
    rows = (a_row(9, params={}, metrics={"accuracy": 0.99}), *a_table(8).rows)
    here = best_run(rows[1:], "accuracy").id
    svg, words = picture(rows, "accuracy", "n_estimators", "scatter")
    assert f">best here: run {here}<" in svg
    assert words.endswith(f"the best here is run {here}")


def test_the_best_run_is_drawn_though_failed_runs_measured_better():
    failed = [a_row(k, status="FAILED", metrics={"accuracy": 0.9 + k / 1e5}) for k in range(2000)]
    rows = [*failed, *(a_row(2000 + k, metrics={"accuracy": 0.5 + k / 1e6}) for k in range(2000))]
    assert best_run(rows, "accuracy").id in ids(spread(rows, "accuracy"))
    assert len(spread(rows, "accuracy")) == PLOTTED["scatter"]


def test_words_on_an_axis_stand_in_order():
    rows = [a_row(k, params={"p": value}) for k, value in enumerate(("poly", 2, "linear", "rbf"))]
    assert [word for _, word in axis_of(rows, "p").ticks] == ["2", "linear", "poly", "rbf"]
    assert axis_of(rows, "p").places == pytest.approx((2 / 3, 0, 1 / 3, 1))


def test_a_parameter_that_spans_powers_of_ten_has_a_logarithmic_axis():
    rows = [a_row(k, params={"rate": 10.0**-k, "depth": k}) for k in range(5)]
    rate = axis_of(rows, "rate")
    assert (rate.label, rate.places) == ("rate (log)", pytest.approx((1, 0.75, 0.5, 0.25, 0)))
    assert [word for _, word in rate.ticks] == ["0.0001", "0.001", "0.01", "0.1", "1"]
    assert axis_of(rows, "depth").label == "depth"


def test_several_parameters_that_vary_are_drawn_as_parallel_coordinates():
    assert main_kind(a_table().rows, "accuracy") == "parallel"
    assert main_kind([a_row(k, params={"depth": k, "seed": 7}) for k in range(9)], "accuracy") == "scatter"
    assert main_kind([a_row(k, params={f"p{k}": k, f"q{k}": k}) for k in range(9)], "accuracy") == "scatter"


def test_a_numeric_parameter_stays_an_axis_of_numbers_when_some_runs_have_none():
    rows = [a_row(k, params={"rate": k / 100 + 1}) for k in range(1, 40)]
    rate = axis_of([*rows, a_row(99, params={"rate": None})], "rate")
    assert list(rate.places[:-1]) == sorted(rate.places[:-1])
    assert rate.places[-1] == 0 < rate.places[0]
    assert [word for _, word in rate.ticks] == ["not set", "1.1", "1.2", "1.3"]


@pytest.mark.parametrize("pair", [(0.0, 1e-320), (-1e299, 1e299), (1e17, 1e17 + 64), (5.0, 5.0), (1e-5, 3e-5)])
def test_ticks_of_any_span_are_few_and_in_order(pair):
    rows = [a_row(k, params={"p": value}) for k, value in enumerate((*pair, None, pair[0] + 1.0))]
    axis = axis_of(rows, "p")
    assert 2 <= len(axis.ticks) <= 8
    assert list(axis.ticks) == sorted(axis.ticks, key=lambda tick: tick[0])
    assert all(0 <= place <= 1 for place in axis.places)


@pytest.mark.parametrize("kind", ["scatter", "parallel"])
@pytest.mark.parametrize(
    "table", [a_table(5000), a_table(2), a_table(1), hostile_table(), a_table(rows=(a_row(1, metrics={}),))]
)
def test_every_picture_is_small_and_well_formed(kind, table):
    for param in (main_param(table, main_metric(table)), "criterion", "k", "no such"):
        svg, words = picture(table.rows, main_metric(table), param, kind)
        assert bool(svg) == bool(words)
        assert len(svg) < 20_000
        if svg:
            assert "nan" not in svg.partition("</title>")[2]
            ElementTree.fromstring(svg)


FINITE = st.floats(-1e299, 1e299)


@pytest.mark.parametrize("kind", PLOTTED)
@given(values=st.lists(FINITE, min_size=2, max_size=6) | st.builds(lambda value: [value, value], FINITE))
@example(values=[0.5, 0.5])
@example(values=[-1e16, -1e16])
@example(values=[-1e299, 1e299])
def test_any_finite_numbers_can_be_drawn(kind, values):
    rows = [a_row(k, metrics={"score": v}, params={"depth": v, "k": k}) for k, v in enumerate(values, 1)]
    svg, _ = picture(rows, "score", "depth", kind, rows[0])
    assert len(set(runs_in(svg))) == len(values)
    assert "nan" not in svg
    assert '"inf' not in svg


@pytest.mark.parametrize("kind", ["scatter", "parallel"])
@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_names_are_text_in_a_picture(kind, name):
    svg, _ = picture(hostile_table().rows, name, name, kind)
    known = {"svg", "title", "g", "path", "circle", "text"}
    for one in ElementTree.fromstring(svg).iter() if svg else ():
        assert one.tag.removeprefix("{http://www.w3.org/2000/svg}") in known
        assert not any(attribute.startswith("on") or "href" in attribute for attribute in one.attrib)


def test_axes_keep_categories_few_and_what_does_not_vary_has_none():
    rows = a_table(
        rows=tuple(a_row(k, params={"p": None if k == 0 else k, "q": f"word {k}", "same": 1}) for k in range(40))
    ).rows
    svg, _ = picture(rows, "accuracy", "", "parallel")
    assert [name for name in ("p", "q", "same") if f">{name}<" in svg] == ["p", "q"]
    assert [word for _, word in axis_of(rows, "p").ticks][:3] == ["not set", "10", "20"]
    words = [word for _, word in axis_of(rows, "q").ticks]
    assert (words[:2], words[-1], len(words)) == (["word 0", "word 1"], "others", CATEGORIES)


def test_the_picture_names_every_run_and_is_the_same_each_time():
    svg, words = picture(a_table().rows, "accuracy", "n_estimators", "scatter")
    assert (svg, words) == picture(a_table().rows, "accuracy", "n_estimators", "scatter")
    assert words.startswith("accuracy by n_estimators, 25 runs; the best is run ")
    assert svg.startswith('<svg viewBox="0 0 640 204" xmlns="http://www.w3.org/2000/svg" role="img"')
    assert f"<title>{words}</title>" in svg
    assert sorted(runs_in(svg)) == list(range(1, 26))
    assert "<title>rf-4 (run 25): 0.787</title>" in svg
    assert "currentColor" in svg
    assert picture(a_table(1).rows, "accuracy", "n_estimators", "scatter") == ("", "")


# live


@pytest.fixture
def wire(monkeypatch):
    """The messages that go to the browser, as they would be sent."""
    import comm
    from comm.base_comm import BaseComm

    sent: list[str] = []

    class Wire(BaseComm):
        def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
            sent.append(json.dumps([msg_type, data, metadata], allow_nan=False))

    monkeypatch.setattr(comm, "create_comm", lambda *arguments, **keys: Wire(*arguments, **keys))
    return sent


class Answering(FollowedRuns):
    """A search whose runs and comparisons are made up, and noted."""

    def __init__(self, asked, **options):
        super().__init__(**options)
        self.asked = asked

    def load(self, run):
        return self.asked.load(run)

    def compare(self, runs):
        return self.asked.compare(runs)


class Asked:
    """A store with the rows of a table, a search of it, and what a panel asked for."""

    def __init__(self, rows=None, **options):
        self.store = kept(a_table().rows if rows is None else rows)
        self.calls, self.fault = [], None
        self.search = Answering(self, store=self.store, **options)
        self.table = self.search.table()

    def answer(self, *call):
        self.calls.append(call)
        if self.fault:
            raise self.fault

    def load(self, run):
        self.answer("load", run)
        return a_run(run, name=f"whole-{run}")

    def compare(self, runs):
        self.answer("compare", *runs)
        return Comparison(tuple(map(a_run, runs)), *[()] * 9)

    def live(self):
        from mlops_nb.panels.runs_live import LiveRuns

        return LiveRuns(self.table, self.search)

    def panel(self):
        return runs_panel(self.table, search=self.search)


@pytest.fixture
def asked(folder):
    return Asked()


@pytest.fixture
def live(wire, asked):
    return asked.live()


def say(live, **message):
    live.table._handle_custom_msg(message, [])


def shown(live) -> list[int]:
    return [row["id"] for row in live.table.view["rows"]]


def test_a_live_panel_opens_on_the_newest_ten(live):
    assert shown(live) == list(range(25, 15, -1))
    assert live.table.view["said"] == "1 to 10 of 25 runs"
    assert live.table.view["pages"] == 3


def test_sorting_goes_down_first_for_numbers_and_turns_round_when_asked_again(live):
    say(live, do="sort", key="metrics.accuracy")
    best = best_run(a_table().rows, "accuracy").id
    assert (live.table.view["sort"], shown(live)[0]) == ("-metrics.accuracy", best)
    say(live, do="sort", key="metrics.accuracy")
    assert live.table.view["sort"] == "metrics.accuracy"
    say(live, do="sort", key="name")
    assert live.table.view["sort"] == "name"


def test_a_filter_starts_at_the_first_page_and_a_page_is_never_past_the_last(live):
    say(live, do="page", page=99)
    assert live.table.view["said"] == "21 to 25 of 25 runs"
    live.filter.value = "rf-1"
    assert shown(live) == [22, 15, 8, 1]
    live.filter.value = "nobody"
    assert live.table.view["said"] == "no run matches the filter"


def test_a_click_opens_the_run_once_however_often_it_comes(live, asked):
    say(live, do="open", id=12)
    say(live, do="open", id=12)
    assert asked.calls == [("load", 12)]
    assert "whole-12" in live.growing.value
    assert live.table.view["open"] == 12


def test_two_ticks_compare_older_with_newer_and_an_untick_takes_it_away(live, asked):
    say(live, do="tick", id=20, on=True)
    say(live, do="tick", id=5, on=True)
    say(live, do="tick", id=5, on=True)
    assert asked.calls == [("compare", 5, 20)]
    assert "(run 20)" in live.growing.value
    say(live, do="tick", id=5, on=False)
    assert (live.growing.value, live.detail.value, live.table.view["ticked"]) == ("", "", [20])


def test_ticks_compare_up_to_six_runs_and_a_seventh_drops_the_first(live, asked):
    for run in range(1, 8):
        say(live, do="tick", id=run, on=True)
    assert live.table.view["ticked"] == [2, 3, 4, 5, 6, 7]
    assert asked.calls == [*(("compare", *range(1, last)) for last in range(3, 8)), ("compare", *range(2, 8))]
    assert live.table.view["said"].endswith("runs 2, 3, 4, 5, 6 and 7 are compared below")


def test_an_open_run_stays_when_one_is_ticked(live):
    say(live, do="open", id=12)
    say(live, do="tick", id=5, on=True)
    assert "whole-12" in live.growing.value


def test_an_error_is_shown_with_its_fix_and_the_panel_goes_on(live, asked):
    asked.fault = StoreUnavailable("the store <b>moved</b>", "%mlops store PATH")
    say(live, do="open", id=12)
    assert "the store &lt;b&gt;moved&lt;/b&gt;" in live.detail.value
    assert "Try: %mlops store PATH" in live.detail.value
    assert 'role="alert"' in live.detail.value
    assert live.table.view["open"] is None
    asked.fault = None
    say(live, do="open", id=12)
    assert "whole-12" in live.growing.value


@pytest.mark.parametrize("act", ["open", "tick"])
def test_a_fault_nobody_expected_is_shown_too(live, asked, act):
    asked.fault = RuntimeError("surprise")
    say(live, do=act, id=1, on=True)
    say(live, do=act, id=2, on=True)
    assert "RuntimeError: surprise" in live.detail.value
    assert shown(live) == list(range(25, 15, -1))


def test_filter_sort_choice_and_ticks_survive_a_refresh(live, asked):
    live.filter.value = "gini"
    say(live, do="sort", key="metrics.f1")
    say(live, do="tick", id=4, on=True)
    live.metric.value, live.param.value, live.kind.value = "f1", "criterion", "scatter"
    before = shown(live)
    kept((a_row(100, params={"criterion": "entropy"}),))
    live.again.click()
    assert shown(live) == before
    assert (live.table.view["sort"], live.table.view["ticked"]) == ("-metrics.f1", [4])
    assert (live.metric.value, live.param.value, live.kind.value) == ("f1", "criterion", "scatter")


def test_runs_that_begin_meanwhile_move_no_row_until_a_refresh(live, asked):
    kept((a_row(100),))
    say(live, do="tick", id=20, on=True)
    assert shown(live) == list(range(25, 15, -1))
    live.again.click()
    assert shown(live) == [100, *range(25, 16, -1)]
    assert live.table.view["said"] == "1 to 10 of 26 runs"


def test_choices_that_went_away_fall_back(live, asked):
    live.metric.value = "f1"
    with asked.store.transaction() as connection:
        connection.execute("UPDATE runs SET deleted = 1.0")
    kept((a_row(101, metrics={"rmse": 2.0}, params={}), a_row(102, metrics={"rmse": 1.0}, params={})))
    live.again.click()
    assert (live.metric.value, live.param.value) == ("rmse", "run")


def test_store_that_is_gone_is_said_in_the_panel(live, asked):
    asked.store.close()
    live.again.click()
    assert "cannot be used" in live.detail.value
    assert shown(live) == list(range(25, 15, -1))


def test_the_picture_follows_the_choices(live):
    assert "25 runs drawn. Higher is better; blue lines are the better runs." in live.picture.words
    assert ">criterion<" in live.picture.svg
    live.kind.value = "scatter"
    assert live.picture.words == "25 runs drawn. Higher is better."
    assert "<title>accuracy by n_estimators, 25 runs" in live.picture.svg


def test_a_click_in_the_picture_opens_the_run(live):
    live.picture._handle_custom_msg({"do": "open", "id": 12}, [])
    assert "whole-12" in live.growing.value
    assert live.table.view["open"] == 12


def test_the_panel_says_what_a_click_brought(live):
    say(live, do="open", id=12)
    assert live.table.view["said"] == "1 to 10 of 25 runs; run 12 is open below"
    say(live, do="tick", id=5, on=True)
    say(live, do="tick", id=20, on=True)
    assert live.table.view["said"] == "1 to 10 of 25 runs; runs 5 and 20 are compared below"
    live.filter.value = "gini"
    assert live.table.view["said"].startswith("1 to 10 of 12 runs that match the filter; ")


def test_every_field_has_a_label(live):
    assert [field.description for field in (live.filter, live.metric, live.param)] == ["Filter", "Plot", "against"]


def test_without_a_run_to_draw_there_is_a_line_and_no_empty_axes(live):
    live.filter.value = "nobody"
    assert live.picture.svg == ""
    assert "Nothing to draw" in live.picture.words
    live.filter.value = ""
    assert live.picture.svg


def test_messages_that_make_no_sense_change_nothing(live):
    before = live.table.view
    for message in ({}, {"do": "fly"}, {"do": "open", "id": "12"}, {"do": "tick"}, {"do": "page", "page": None}):
        say(live, **message)
    assert live.table.view == before


@pytest.mark.parametrize("name", ["no_such", "metrics.", "params.x.y", "__class__"])
def test_a_column_that_is_not_there_cannot_be_sorted_by(live, name):
    say(live, do="sort", key=name)
    assert shown(live)[0] == 25
    assert live.table.view["sort"] == ""
    say(live, do="page", page=1)
    assert shown(live)[0] == 15


def test_hostile_names_are_text_in_everything_that_is_sent(wire, folder):
    live = Asked(hostile_table().rows).live()
    live.kind.value = "parallel"
    for name in HOSTILE:
        live.filter.value = name
        live.filter.value = f"name = {name}"
    assert Markup(live.head.value + live.picture.svg + live.mistake.value).is_inert
    for message in wire:
        message.encode("utf-8")
    texts = [text for row in live.table.view["rows"] for text in row["cells"] + row["hover"]]
    assert all(text.isprintable() or "\u200d" in text for text in texts)


def test_five_thousand_runs_cost_little_on_the_wire(wire, folder):
    asked = Asked(a_table(5000).rows)
    live = asked.live()
    opened = sum(map(len, wire))
    esm = (type(live.table)._esm, type(live.table)._css, type(live.picture)._esm)
    assert opened + sum(len(str(part)) for part in esm) < 100_000
    say(live, do="sort", key="metrics.accuracy")
    say(live, do="page", page=400)
    assert live.table.view["said"] == "4,001 to 4,010 of 5,000 runs"
    live.filter.value = "gini"
    live.kind.value = "parallel"
    live.again.click()
    assert sum(map(len, wire)) < 300_000


def test_best_and_picture_are_of_all_runs_though_few_are_held(folder, wire):
    rows = a_table(3000).rows
    asked = Asked(rows)
    best = best_run(rows, "accuracy")
    assert len(asked.table.rows) < 1000
    text = asked.panel().text()
    assert text.startswith(f"3,000 runs. {best.name} (run {best.id}) has the highest accuracy: ")
    assert f"best is run {best.id}" in text.replace("\n", " ")
    assert "+2,990 more: --limit 50" in text
    live = asked.live()
    assert live.picture.words.count("100 of 3,000 runs drawn, evenly from worst to best accuracy") == 1
    ranked = sorted(rows, key=lambda row: row.metrics["accuracy"])
    assert {ranked[0].id, best.id} <= set(runs_in(live.picture.svg))


def test_limit_and_order_of_the_command_bound_what_a_panel_shows(folder, wire):
    asked = Asked(a_table(40).rows, sort="-accuracy", limit=5)
    best = sorted(a_table(40).rows, key=lambda row: -row.metrics["accuracy"])[:5]
    live = asked.live()
    assert shown(live) == ids(best)
    assert live.table.view["said"] == "1 to 5 of 5 runs"
    assert asked.panel().text().startswith("5 of 40 runs. Of these, ")
    say(live, do="sort", key="id")
    assert shown(live) == sorted(ids(best), reverse=True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("rf-1", [15, 8, 1]),
        ("#15", [15]),
        ("GINI rf-2", [16, 2]),
        ("team=delays rf-3", [17, 10, 3]),
        ("n_estimators=100 rf-1", [1]),
        ("deep=None", [20]),
        ("warm=True", [19]),
        ("100%", []),
        ("a_b", []),
        ("nothing", []),
        ("  ", list(range(20, 10, -1))),
        ("params.n_estimators = 400 and metrics.accuracy > 0.8", [19, 14, 9]),
        ("tags.team = delays and id < 3", [2, 1]),
        ("status = failed", []),
        ("text match 'rf 3'", [17, 10, 3]),
    ],
)
def test_a_filter_is_words_or_a_query(folder, wire, text, found):
    rows = list(a_table(20).rows)
    rows[0] = a_row(20, params={**rows[0].params, "deep": None})
    rows[1] = a_row(19, params={**rows[1].params, "warm": True})
    live = Asked(tuple(rows)).live()
    live.filter.value = text
    assert shown(live) == found


def test_mistake_in_a_filter_is_shown_under_it_until_it_reads_well(live):
    live.filter.value = "metrics.accuracy > 0.89"
    before = shown(live)
    assert before != list(range(25, 15, -1))
    live.filter.value = "metrics.acuracy > 0.89"
    assert "no run has a metric &#x27;acuracy&#x27;; the nearest is metrics.accuracy" in live.mistake.value
    assert "^^^^^^^^^^^^^^^" in live.mistake.value
    assert shown(live) == before
    say(live, do="page", page=0)
    assert shown(live) == before
    live.filter.value = ""
    assert live.mistake.value == ""
    assert shown(live) == list(range(25, 15, -1))


def test_query_that_is_being_typed_leaves_the_runs_in_place(live):
    for end in range(1, len(query := "metrics.acc")):
        live.filter.value = query[:end]
    assert shown(live) == list(range(25, 15, -1))
    assert "nearest is metrics.accuracy" in live.mistake.value
    assert live.picture.svg


def test_rows_without_a_value_come_last_both_ways_on_every_page(folder, wire):
    having = [a_row(k, metrics={"f1": k / 100}) for k in range(1, 16)]
    lacking = [
        a_row(20, metrics={}),
        a_row(21, metrics={"f1": math.nan}),
        *(a_row(k, metrics={}) for k in range(22, 30)),
    ]
    live = Asked((*having, *lacking)).live()
    say(live, do="sort", key="metrics.f1")
    say(live, do="page", page=1)
    assert shown(live) == [5, 4, 3, 2, 1, 29, 28, 27, 26, 25]
    say(live, do="page", page=2)
    assert shown(live) == [24, 23, 22, 21, 20]
    say(live, do="sort", key="metrics.f1")
    assert shown(live) == list(range(1, 11))
    say(live, do="page", page=2)
    assert shown(live) == [24, 23, 22, 21, 20]


def test_values_of_every_kind_can_be_sorted_together(folder, wire):
    values = [3, "b", None, True, [1], 10**400, math.inf, -math.inf, math.nan, {"a": 1}]
    live = Asked(tuple(a_row(place + 1, params={"p": value}) for place, value in enumerate(values))).live()
    say(live, do="sort", key="params.p")
    say(live, do="sort", key="params.p")
    assert sorted(shown(live)) == list(range(1, 11))
    assert shown(live)[:3] == [8, 4, 1]
    assert set(shown(live)[-2:]) == {3, 9}


def test_panel_that_found_nothing_says_why(folder):
    assert "%%mlops run NAME" in runs_panel(FollowedRuns().table(), search=FollowedRuns()).text()
    kept(a_table(3).rows)
    search = FollowedRuns("rf1")
    said = " ".join(runs_panel(search.table(), search=search).text().split())
    assert said == "No run that matches is called 'rf1'. The nearest: %mlops runs rf-1"
    search = FollowedRuns("status = failed")
    assert runs_panel(search.table(), search=search).text() == "No run matches. All of them: %mlops runs"


def test_in_a_kernel_the_widget_comes_after_the_static_form(wire, asked, monkeypatch):
    import IPython

    class Shell:
        kernel = object()

    monkeypatch.setattr(IPython, "get_ipython", Shell)
    panel = asked.panel()
    static, live = panel.outputs()
    assert set(static) == {"text/plain", "text/html"}
    assert 'class="mlops-panel mlops-static' in static["text/html"]
    assert live.pop("application/vnd.jupyter.widget-view+json")["model_id"] == panel.widget().model_id
    assert live == {"text/plain": "", "text/html": ""}
