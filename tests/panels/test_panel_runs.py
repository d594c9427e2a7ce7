"""The runs panel: what sorts, filters, pages and plots it, and its live side without a browser."""

from __future__ import annotations

import json
import math
from html import unescape

import pytest

from mlops_nb.errors import StoreUnavailable
from mlops_nb.panels.runs import runs_panel
from mlops_nb.panels.runs_plot import CATEGORIES, PLOTTED, drawn_words, figure, scatter_svg, spread
from mlops_nb.panels.runs_view import (
    best_run,
    cell_texts,
    columns_of,
    filtered_rows,
    main_metric,
    main_param,
    sorted_rows,
)
from mlops_nb.tracking.runs import RunTable
from tests.panels.records import HOSTILE, Markup, a_comparison, a_row, a_run, a_table, hostile_table


def ids(rows) -> list[int]:
    return [row.id for row in rows]


def test_rows_without_a_value_come_last_both_ways():
    rows = [
        a_row(1, metrics={"f1": 0.5}),
        a_row(2, metrics={}),
        a_row(3, metrics={"f1": math.nan}),
        a_row(4, metrics={"f1": 0.9}),
    ]
    assert ids(sorted_rows(rows, "metrics.f1")) == [1, 4, 2, 3]
    assert ids(sorted_rows(rows, "-metrics.f1")) == [4, 1, 2, 3]


def test_values_of_every_kind_can_be_sorted_together():
    values = [3, "b", None, True, [1], 10**400, math.inf, -math.inf, math.nan, {"a": 1}, 2.5]
    rows = [a_row(place, params={"p": value}) for place, value in enumerate(values)]
    assert sorted(ids(sorted_rows(rows, "params.p"))) == list(range(len(values)))
    assert ids(sorted_rows(rows, "params.p"))[0] == 7


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("rf-1", [15, 8, 1]),
        ("#15", [15]),
        ("GINI rf-2", [16, 2]),
        ("team=delays rf-3", [17, 10, 3]),
        ("nothing", []),
        ("  ", None),
    ],
)
def test_a_filter_finds_every_word_in_name_number_status_parameters_or_tags(text, found):
    rows = a_table(20).rows
    assert ids(filtered_rows(rows, text)) == (ids(rows) if found is None else found)


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
    said = "500 of 5,000 runs drawn, evenly from worst to best accuracy. Higher is better."
    assert drawn_words(rows, "accuracy", "run", "scatter") == said
    assert drawn_words(rows, "accuracy", "run", "parallel").startswith("200 of 5,000 runs drawn, evenly")
    assert len(figure(rows, "accuracy", "run", "parallel")["data"][0]["line"]["color"]) == PLOTTED["parallel"]
    lacking = (*rows[:3], a_row(1, metrics={}))
    assert drawn_words(lacking, "accuracy", "run", "scatter").startswith("3 of 4 runs drawn; the others have no value")


def test_only_a_finished_run_is_best_as_on_the_card_and_only_finished_runs_choose_the_metric():
    failed = tuple(a_row(k, status="FAILED", metrics={"loss": 0.01}) for k in (1, 2, 3))
    finished = (a_row(4, metrics={"loss": 0.5, "accuracy": 0.8}), a_row(5, metrics={"loss": 0.4, "accuracy": 0.7}))
    rows = (*failed, *finished)
    assert best_run(rows, "loss").id == 5
    assert best_run(failed, "loss") is None
    assert main_metric(a_table(rows=rows)) == "accuracy"
    assert [one.label for one in columns_of(a_table(rows=rows))][2:4] == ["accuracy", "loss"]
    assert "best: run 5" in scatter_svg(rows, "loss", "run")[0]


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


def test_both_pictures_point_at_the_best_run():
    rows = a_table().rows
    best = best_run(rows, "accuracy")
    spec = figure(rows, "accuracy", "n_estimators", "scatter")
    assert [note["text"] for note in spec["layout"]["annotations"]] == [f"best: run {best.id}"]
    assert spec["data"][1]["y"] == [best.metrics["accuracy"]]
    assert f">best: run {best.id}<" in scatter_svg(rows, "accuracy", "n_estimators")[0]


def test_a_picture_without_the_best_run_of_all_says_best_here():
    rows = (a_row(9, params={}, metrics={"accuracy": 0.99}), *a_table(8).rows)
    here = best_run(rows[1:], "accuracy").id
    assert figure(rows, "accuracy", "n_estimators", "scatter")["layout"]["annotations"][0]["text"] == (
        f"best here: run {here}"
    )
    svg, words = scatter_svg(rows, "accuracy", "n_estimators")
    assert f">best here: run {here}<" in svg
    assert words.endswith(f"the best here is run {here}")


def test_the_best_run_is_drawn_though_failed_runs_measured_better():
    failed = [a_row(k, status="FAILED", metrics={"accuracy": 0.9 + k / 1e5}) for k in range(2000)]
    rows = [*failed, *(a_row(2000 + k, metrics={"accuracy": 0.5 + k / 1e6}) for k in range(2000))]
    assert best_run(rows, "accuracy").id in ids(spread(rows, "accuracy"))
    assert len(spread(rows, "accuracy")) == PLOTTED["scatter"]


def test_words_on_an_axis_stand_in_order():
    rows = [a_row(k, params={"p": value}) for k, value in enumerate(("poly", 2, "linear", "rbf"))]
    axis = figure(rows, "accuracy", "p", "scatter")["layout"]["xaxis"]
    assert (axis["type"], axis["categoryarray"]) == ("category", [2, "linear", "poly", "rbf"])


def test_a_numeric_parameter_stays_an_axis_of_numbers_when_some_runs_have_none():
    rows = [a_row(k, params={"rate": k / 100, "seed": 7}) for k in range(1, 40)]
    rows.append(a_row(99, params={"rate": None}))
    rate, _ = figure(rows, "accuracy", "", "parallel")["data"][0]["dimensions"]
    assert rate["values"][:2] == [0.01, 0.02]
    assert rate["values"][-1] == rate["range"][0] < 0.01
    assert rate["ticktext"] == ["not set", "0.1", "0.2", "0.3"]


@pytest.mark.parametrize("pair", [(0.0, 1e-320), (-1e299, 1e299), (1e17, 1e17 + 64), (5.0, 5.0), (1e-5, 3e-5)])
def test_ticks_of_any_span_are_few_and_in_order(pair):
    rows = [a_row(k, params={"p": value}) for k, value in enumerate((*pair, None, pair[0] + 1.0))]
    (axis, _) = figure(rows, "accuracy", "", "parallel")["data"][0]["dimensions"]
    assert 2 <= len(axis["tickvals"]) <= 8
    assert axis["tickvals"] == sorted(axis["tickvals"])


@pytest.mark.parametrize("kind", ["scatter", "parallel"])
@pytest.mark.parametrize(
    "table", [a_table(5000), a_table(2), a_table(1), hostile_table(), a_table(rows=(a_row(1, metrics={}),))]
)
def test_every_figure_is_valid_for_plotly_and_plain_json(kind, table):
    graph_objects = pytest.importorskip("plotly.graph_objects")
    for param in (main_param(table, main_metric(table)), "criterion", "k", "no such"):
        spec = figure(table.rows, main_metric(table), param, kind)
        graph_objects.Figure(spec)
        assert len(json.dumps(spec, allow_nan=False)) < 60_000


def strings(value) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("kind", ["scatter", "parallel"])
@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_labels_hold_no_markup_and_no_tex(kind, name):
    for text in strings(figure(hostile_table().rows, name, name, kind)):
        assert "<" not in text
        assert "$" not in text
        unescape(text).encode("utf-8")


def test_parallel_coordinates_keep_categories_few_and_numbers_in_order():
    rows = a_table(
        rows=tuple(a_row(k, params={"p": None if k == 0 else k, "q": f"word {k}", "same": 1}) for k in range(40))
    ).rows
    _, *rest = figure(rows, "accuracy", "", "parallel")["data"][0]["dimensions"]
    dimensions = {one["label"]: one for one in figure(rows, "accuracy", "", "parallel")["data"][0]["dimensions"]}
    assert set(dimensions) == {"p", "q", "accuracy"}
    assert dimensions["p"]["ticktext"][:3] == ["not set", "10", "20"]
    assert dimensions["q"]["ticktext"][:2] == ["word 0", "word 1"]
    assert all(len(one.get("ticktext", ())) <= CATEGORIES for one in rest)


def test_the_picture_names_the_best_run_and_is_the_same_each_time():
    svg, words = scatter_svg(a_table().rows, "accuracy", "n_estimators")
    assert (svg, words) == scatter_svg(a_table().rows, "accuracy", "n_estimators")
    assert words == f"accuracy by n_estimators, 25 runs; the best is run {best_run(a_table().rows, 'accuracy').id}"
    assert svg.startswith('<svg viewBox="0 0 640 204" xmlns="http://www.w3.org/2000/svg" role="img"')
    assert f"<title>{words}</title>" in svg
    assert "currentColor" in svg
    assert scatter_svg(a_table(1).rows, "accuracy", "n_estimators") == ("", "")


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


class Asked:
    """The callbacks of a panel, and what they were asked for."""

    def __init__(self, table=None):
        self.calls, self.table, self.fault = [], table or a_table(), None

    def answer(self, *call):
        self.calls.append(call)
        if self.fault:
            raise self.fault

    def load(self, run):
        self.answer("load", run)
        return a_run(run, name=f"whole-{run}")

    def compare(self, left, right):
        self.answer("compare", left, right)
        return a_comparison(a_run(left), a_run(right))

    def refresh(self):
        self.answer("refresh")
        return self.table


@pytest.fixture
def asked():
    return Asked()


@pytest.fixture
def live(wire, asked):
    from mlops_nb.panels.runs_live import LiveRuns

    return LiveRuns(asked.table, asked.load, asked.compare, asked.refresh)


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
    assert "whole-12" in live.detail.value
    assert live.table.view["open"] == 12


def test_two_ticks_compare_older_with_newer_and_an_untick_takes_it_away(live, asked):
    say(live, do="tick", id=20, on=True)
    say(live, do="tick", id=5, on=True)
    say(live, do="tick", id=5, on=True)
    assert asked.calls == [("compare", 5, 20)]
    assert "(run 20)" in live.detail.value
    say(live, do="tick", id=5, on=False)
    assert (live.detail.value, live.table.view["ticked"]) == ("", [20])


def test_a_third_tick_drops_the_first(live, asked):
    for run in (1, 2, 3):
        say(live, do="tick", id=run, on=True)
    assert live.table.view["ticked"] == [2, 3]
    assert asked.calls == [("compare", 1, 2), ("compare", 2, 3)]


def test_an_open_run_stays_when_one_is_ticked(live):
    say(live, do="open", id=12)
    say(live, do="tick", id=5, on=True)
    assert "whole-12" in live.detail.value


def test_an_error_is_shown_with_its_fix_and_the_panel_goes_on(live, asked):
    asked.fault = StoreUnavailable("the store <b>moved</b>", "%mlops store PATH")
    say(live, do="open", id=12)
    assert "the store &lt;b&gt;moved&lt;/b&gt;" in live.detail.value
    assert "Try: %mlops store PATH" in live.detail.value
    assert 'role="alert"' in live.detail.value
    assert live.table.view["open"] is None
    asked.fault = None
    say(live, do="open", id=12)
    assert "whole-12" in live.detail.value


@pytest.mark.parametrize("act", ["open", "tick", "refresh"])
def test_a_fault_nobody_expected_is_shown_too(live, asked, act):
    asked.fault = RuntimeError("surprise")
    if act == "refresh":
        live.again.click()
    say(live, do=act, id=1, on=True)
    say(live, do=act, id=2, on=True)
    assert "RuntimeError: surprise" in live.detail.value
    assert shown(live) == list(range(25, 15, -1))


def test_filter_sort_choice_and_ticks_survive_a_refresh(live, asked):
    live.filter.value = "gini"
    say(live, do="sort", key="metrics.f1")
    say(live, do="tick", id=4, on=True)
    live.metric.value, live.param.value, live.kind.value = "f1", "criterion", "parallel"
    before = shown(live)
    asked.table = a_table(rows=(a_row(100, params={"criterion": "entropy"}), *a_table().rows))
    live.again.click()
    assert shown(live) == before
    assert (live.table.view["sort"], live.table.view["ticked"]) == ("-metrics.f1", [4])
    assert (live.metric.value, live.param.value, live.kind.value) == ("f1", "criterion", "parallel")


def test_choices_that_went_away_fall_back(live, asked):
    live.metric.value = "f1"
    asked.table = a_table(rows=(a_row(1, metrics={"rmse": 2.0}, params={}), a_row(2, metrics={"rmse": 1.0}, params={})))
    live.again.click()
    assert (live.metric.value, live.param.value) == ("rmse", "run")


def test_the_figure_follows_the_choices(live):
    assert live.plot.outputs[0]["data"]["application/vnd.plotly.v1+json"]["data"][0]["type"] == "scatter"
    live.kind.value = "parallel"
    assert live.plot.outputs[0]["data"]["application/vnd.plotly.v1+json"]["data"][0]["type"] == "parcoords"
    assert "25 runs drawn" in live.drawn.value


def test_the_panel_says_what_a_click_brought(live):
    say(live, do="open", id=12)
    assert live.table.view["said"] == "1 to 10 of 25 runs; run 12 is open below"
    say(live, do="tick", id=5, on=True)
    say(live, do="tick", id=20, on=True)
    assert live.table.view["said"] == "1 to 10 of 25 runs; runs 5 and 20 are compared below"
    live.filter.value = "gini"
    assert live.table.view["said"].startswith("1 to 10 of 12 runs that match the filter; ")


def test_every_field_has_a_label_and_the_picture_words(live):
    assert [field.description for field in (live.filter, live.metric, live.param)] == ["Filter", "Plot", "against"]
    assert live.table.picture == "accuracy by n_estimators: 25 runs drawn. Higher is better."
    live.kind.value = "parallel"
    assert live.table.picture.startswith("accuracy by the parameters: 25 runs drawn.")


def test_without_a_run_to_draw_there_is_a_line_and_no_empty_axes(live):
    live.filter.value = "nobody"
    assert live.plot.outputs == ()
    assert "Nothing to draw" in live.drawn.value
    live.filter.value = ""
    assert live.plot.outputs


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


def test_hostile_names_are_text_in_everything_that_is_sent(wire):
    from mlops_nb.panels.runs_live import LiveRuns

    live = LiveRuns(hostile_table(), None, None, None)
    live.kind.value = "parallel"
    assert Markup(live.head.value + live.drawn.value).is_inert
    for message in wire:
        message.encode("utf-8")
    texts = [text for row in live.table.view["rows"] for text in row["cells"] + row["hover"]]
    assert all(text.isprintable() or "\u200d" in text for text in texts)


def test_five_thousand_runs_cost_little_on_the_wire(wire):
    from mlops_nb.panels.runs_live import LiveRuns

    asked = Asked(a_table(5000))
    live = LiveRuns(asked.table, asked.load, asked.compare, asked.refresh)
    opened = sum(map(len, wire))
    esm = (type(live.table)._esm, type(live.table)._css)
    assert opened + sum(len(str(part)) for part in esm) < 100_000
    say(live, do="sort", key="metrics.accuracy")
    say(live, do="page", page=400)
    live.filter.value = "gini"
    live.kind.value = "parallel"
    live.again.click()
    assert sum(map(len, wire)) < 300_000


def test_in_a_kernel_the_widget_comes_after_the_static_form(wire, monkeypatch):
    import IPython

    class Shell:
        kernel = object()

    monkeypatch.setattr(IPython, "get_ipython", Shell)
    panel = runs_panel(a_table())
    static, live = panel.outputs()
    assert set(static) == {"text/plain", "text/html"}
    assert 'class="mlops-panel mlops-static' in static["text/html"]
    assert live.pop("application/vnd.jupyter.widget-view+json")["model_id"] == panel.widget().model_id
    assert live == {"text/plain": "", "text/html": ""}
