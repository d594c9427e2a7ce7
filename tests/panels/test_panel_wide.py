"""Wide records: what is seen at once is little, what is saved is small, and what is hidden is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_nb.command_lines import overview
from mlops_nb.panels.artifacts import artifacts_panel
from mlops_nb.panels.blocks import Fold, Line, Picture, Table, as_html, paged, without_empty
from mlops_nb.panels.causes import causes_panel
from mlops_nb.panels.collection import collection_panel
from mlops_nb.panels.comparison import comparison_panel
from mlops_nb.panels.deletion import deletion_panel
from mlops_nb.panels.lineage import lineage_panel
from mlops_nb.panels.run import run_panel
from mlops_nb.panels.run_card import run_card
from mlops_nb.panels.space import space_panel
from mlops_nb.panels.theme import STYLE
from mlops_nb.registry.signature import Signature
from mlops_nb.tracking.autolog.estimators import Estimator
from mlops_nb.tracking.causes import Cause
from mlops_nb.tracking.compare import Difference
from mlops_nb.tracking.housekeeping.records import Deletion, Part, RunName
from mlops_nb.tracking.lineage import LineageEdge, LineageGraph, LineageNode
from mlops_nb.tracking.runs import Metric, Param, RunCard
from tests.panels.records import (
    NOW,
    a_code_difference,
    a_collection,
    a_comparison,
    a_row,
    a_run,
    a_space,
    some_artifacts,
    some_causes,
)

LIMIT = 200_000


def a_long_table(length: int, more: str = "") -> Table:
    return Table("Numbers", ("n",), tuple((str(n),) for n in range(length)), more=more)


def test_ten_rows_are_seen_the_others_are_behind_a_title_and_what_is_left_out_is_said():
    first, others, left = paged(a_long_table(25, "+5 more: f()"))
    assert (len(first.rows), first.more) == (10, "")
    assert isinstance(others, Fold)
    assert others.title == "15 more"
    assert others.blocks == (replace(a_long_table(25), rows=a_long_table(25).rows[10:]),)
    assert left == Line("+5 more: f()", "small")


@pytest.mark.parametrize("length", [0, 1, 10, 11])
def test_a_title_never_hides_a_single_row(length):
    assert list(paged(a_long_table(length))) == [a_long_table(length)]


def test_a_column_in_which_no_row_says_anything_is_left_out():
    table = Table("t", ("name", "state", "size"), (("a", "", "1"), ("b", "", "")), frozenset({2}))
    assert without_empty(table) == Table("t", ("name", "size"), (("a", "1"), ("b", "")), frozenset({1}))


def test_labels_of_a_picture_are_seen_with_the_picture_or_not_at_all():
    """JupyterLab's sanitizer leaves of an SVG its text, and of a panel no style."""
    assert as_html([Picture("<svg><text>a</text></svg>", "a")]).startswith(
        '<div class="mp-picture" hidden="hidden"><svg>'
    )
    assert ".mp-picture{display:block!important" in STYLE.replace(":is(#mp,.mlops-panel) ", "")


def test_a_time_is_never_broken_and_lineage_says_it_to_the_minute():
    assert "time{white-space:nowrap}" in STYLE
    html = lineage_panel(LineageGraph(3, "a", (a_node("run:3", "run", run=3),), ())).html()
    assert '<time title="2026-09-21 14:13:20 UTC">2026-09-21 14:13</time>' in html
    assert ">state<" not in html


def test_the_size_of_a_file_is_never_broken():
    node = a_node("data:a.csv", "data", execution=None, size_bytes=12_345)
    assert (
        '<td class="mp-right">12.3 kB</td>'
        in lineage_panel(LineageGraph(3, "a", (node, a_node("run:3", "run")), ())).html()
    )


def test_what_changed_in_thousands_of_columns_is_two_lines_of_the_comparison():
    data = [Difference("X", ("DataFrame 9 x 3,000", "DataFrame 9 x 1"))]
    data += [Difference(f"X.column {n}: type", ("float64", None)) for n in range(2999)]
    data += [Difference(f"X.c{n}: content", (f"{n:032x}", "a" * 32)) for n in range(5)]
    data += [Difference("X.kept: type", ("int64", "float64")), Difference("y", ("Series 9", None), (1,))]
    panel = comparison_panel(a_comparison(data=tuple(data)))
    lines = [" ".join(line.split()) for line in panel.text().splitlines()]
    assert [line.split("  ")[0] for line in lines[lines.index("Data read") + 2 :]] == [
        "X DataFrame 9 x 3,000 DataFrame 9 x 1",
        "X.kept: type int64 float64",
        "X: columns not in all 2,999: column 0, column 1, c… none",
        "X: changed columns base 5: c0, c1, c2 and 2 more",
        "y Series 9 not there",
    ]
    assert "1: type" not in panel.text()
    assert size_of(panel) < 10_000


def test_the_title_of_a_column_names_a_run_so_its_name_is_no_difference_to_be_told():
    panel = comparison_panel(
        a_comparison(surroundings=(Difference("name", ("a", "b")), Difference("tag kind", ("x", "y"))))
    )
    assert panel.text().splitlines()[0].endswith("tag kind differs.")
    assert "Surroundings\n  name      rf-baseline (run 5)  rf-baseline (run 7)\n  tag kind" in panel.text()


def test_a_run_shows_ten_of_its_many_parameters_at_once():
    panel = run_panel(a_run(params=tuple(Param(f"p{n}", n) for n in range(500))))
    assert panel.html().count("<details><summary>30 more</summary>") == 1
    assert "  p9         9\n> 30 more\n+460 more: mlops_nb.show(7).params" in panel.text()


def test_what_nobody_set_is_behind_a_title():
    defaults = tuple(f"d{n}" for n in range(12))
    run = a_run(
        params=(*(Param(name, 0) for name in defaults), Param("C", 0.1)),
        estimators=(Estimator("SVC", "sklearn.svm.SVC", Signature(()), defaults),),
    )
    assert "  parameter  value\n  C          0.1\n> 12 at their defaults\n" in run_panel(run).text()


def test_a_long_value_keeps_its_width_beside_a_long_name():
    html = as_html([Table("t", ("name", "value", "n"), (("x" * 60, "long " * 8, "1" * 40),), frozenset({2}))])
    assert '<td class="mp-long">long' in html
    assert f'<td class="mp-right">{"1" * 40}</td>' in html


def test_what_follows_from_a_changed_cell_is_said_above_its_lines():
    cause = Cause("code", "cell [2]", "x = 1", "x = 2", "line 1 of cell [2]", ("X: 9 rows fewer", "y: other values"))
    panel = causes_panel(some_causes(causes=(cause,)))
    assert "Code: line 1 of cell [2], so that X: 9 rows fewer; y: other values\n    -x = 1" in panel.text()
    assert ">so that<" not in panel.html()


def test_the_code_of_many_cells_and_causes_is_opened_when_asked():
    one = a_code_difference("--- before\n+++ after\n@@ -1 +1 @@\n-a\n+b")
    html = comparison_panel(a_comparison(code=(one,) * 12)).html()
    before, after = html.split("<details><summary>Code of other cells</summary>")
    assert (before.count("<pre>"), after.count("<pre>")) == (5, 7)
    assert "--- before" not in html
    causes = tuple(Cause("code", f"cell [{n}]", "x", "y", f"cell [{n}]") for n in range(9))
    before, after = causes_panel(some_causes(causes=causes)).html().split("The code of 4 more causes")
    assert (before.count("<pre>"), after.count("<pre>")) == (5, 4)


def test_a_metric_with_one_value_has_no_spread():
    lines = (
        run_panel(a_run(metrics=(Metric("loss", 0.1, 3, 9, 0.1, 0.5, 0.2), Metric("rows", 12.0)))).text().splitlines()
    )
    assert next(line for line in lines if "rows" in line).split() == ["rows", "12", "1"]


def test_one_run_is_it_and_several_are_they():
    one, two = RunName(3, "forest"), RunName(4, "tree")
    assert deletion_panel(Deletion((one,), (two,))).text() == (
        "Deleted 1 run and its 1 child run: forest (run 3).\nTo bring it back, until %mlops gc --yes: %mlops restore 3"
    )
    assert "Delete them again" in deletion_panel(Deletion((one, two), (), is_undone=True)).text()


@pytest.mark.parametrize(
    ("freed", "said"), [(12_000, "the store takes 12.0 kB less."), (0, "their room is used again.")]
)
def test_what_was_removed_is_said_though_no_byte_became_free(freed, said):
    done = replace(a_collection(is_done=True), freed_bytes=freed)
    assert collection_panel(done).text().splitlines()[0] == f"Removed for good: deleted runs (3); {said}"


def test_every_part_of_a_store_fits_beside_its_bar():
    space = replace(a_space(), parts=(Part("newest writes, not yet in the database", None, 900_000),))
    picture = next(block for block in space_panel(space).blocks if isinstance(block, Picture))
    assert 'x="242"' in picture.svg
    assert len("newest writes, not yet in the database") * 6.2 < 242
    assert "is newest writes, not yet in the\ndatabase." in space_panel(space).text()


@pytest.mark.parametrize("prefix", ["%mlops", "jupyter mlops"])
def test_the_overview_of_commands_has_eighty_columns(prefix):
    assert max(map(len, overview(prefix).splitlines())) <= 80


def a_node(name: str, kind: str = "cell", **fields) -> LineageNode:
    whole = {"execution": 1, "execution_count": 1, "started": NOW, "duration": 0.5, "status": "FINISHED"}
    return LineageNode(name, kind, name, **{**whole, **fields})


def a_wide_lineage() -> LineageGraph:
    nodes = tuple(a_node(f"cell:{n}", source="x" * 500) for n in range(2000))
    edges = tuple(LineageEdge(node.id, "run:3", tuple(f"name{n}" for n in range(50))) for node in nodes)
    return LineageGraph(3, "wide", (*nodes, a_node("run:3", "run", run=3)), edges)


def wide_panels():
    names = [f"a rather long name of a column, number {n}" for n in range(3000)]
    fits = tuple(
        a_row(n, name="RandomForestClassifier", kind="fit", params={f"p{k}": n for k in range(40)}) for n in range(300)
    )
    run = a_run(
        params=tuple(Param(name, name) for name in names[:500]),
        parts=fits,
        children=tuple(range(300)),
        artifacts=tuple(one.artifact for one in some_artifacts("x" * 80, 200).artifacts),
    )
    follows = tuple(names)
    return {
        "run": run_panel(run),
        "card": run_card(RunCard(run, {}, {})),
        "comparison": comparison_panel(
            replace(
                a_comparison(
                    params=tuple(Difference(name, (name, None, 1, 2, 3, 4)) for name in names[:500]),
                    data=tuple(Difference(f"X.{name}: content", tuple("abcdef")) for name in names),
                    packages=tuple(Difference(name, tuple("123456")) for name in names),
                ),
                runs=tuple(a_run(n) for n in range(6)),
            )
        ),
        "why": causes_panel(
            some_causes(causes=tuple(Cause("code", name, "x\n" * 3000, "y\n" * 3000, name, follows) for name in names))
        ),
        "artifacts": artifacts_panel(some_artifacts("x" * 80, 200)),
        "lineage": lineage_panel(a_wide_lineage()),
    }


def size_of(panel) -> int:
    return sum(len(str(part).encode()) for part in panel.outputs()[0].values())


def test_the_widest_panels_stay_small_in_the_saved_notebook():
    assert {name: size_of(panel) for name, panel in wide_panels().items() if size_of(panel) > LIMIT} == {}


def test_defaults_of_an_estimator_that_only_one_run_has_are_folded_in_a_comparison():
    signature = Estimator("SVC", "sklearn.svm.SVC", Signature(()), ("tol", "gamma"))
    params = (
        Difference("C", (3.0, None), (1,)),
        Difference("gamma", ("auto", "scale")),
        Difference("tol", (1, None), (1,)),
    )
    panel = comparison_panel(a_comparison(a_run(5, estimators=(signature,)), params=params))
    folds = [block for block in panel.blocks if isinstance(block, Fold)]
    assert [fold.title for fold in folds] == ["1 setting at the default of an estimator that not all have"]
    (table,) = (block for block in panel.blocks if isinstance(block, Table) and block.caption == "Parameters")
    assert [row[0] for row in table.rows] == ["C", "gamma"]
