"""What every panel promises of its static forms, whatever the record."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace

import pytest

from mlops_nb.notebook.records import Export, LeftOut, ScriptParameter, ScriptStep
from mlops_nb.panels.artifacts import artifacts_panel
from mlops_nb.panels.backup import backup_panel
from mlops_nb.panels.blocks import Table, as_html, columns_wide
from mlops_nb.panels.carried import carried_panel
from mlops_nb.panels.causes import causes_panel
from mlops_nb.panels.cell_graph import cell_graph_panel
from mlops_nb.panels.collection import collection_panel
from mlops_nb.panels.comparison import comparison_panel
from mlops_nb.panels.deletion import deletion_panel
from mlops_nb.panels.event_log import event_log_panel
from mlops_nb.panels.export import export_panel
from mlops_nb.panels.model import model_panel
from mlops_nb.panels.model_change import model_change_panel
from mlops_nb.panels.model_version import model_version_panel
from mlops_nb.panels.models import models_panel
from mlops_nb.panels.pipelines import pipelines_panel
from mlops_nb.panels.quality import quality_panel
from mlops_nb.panels.run import run_panel
from mlops_nb.panels.run_card import run_card
from mlops_nb.panels.runs import runs_panel
from mlops_nb.panels.signature_check import signature_check_panel
from mlops_nb.panels.space import space_panel
from mlops_nb.panels.status import status_panel
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.watch import watch_panel
from mlops_nb.registry.versions import ModelList
from mlops_nb.reproducibility.records import CodeVersion, Environment, MetricCheck, Usage, Verification
from mlops_nb.tracking.compare import Difference
from mlops_nb.tracking.runs import Metric, Output, Param, RunCard, RunError
from tests.panels.records import (
    HOSTILE,
    Markup,
    a_backup,
    a_card,
    a_cell_graph,
    a_change,
    a_code_difference,
    a_collection,
    a_comparison,
    a_deletion,
    a_log_check,
    a_model,
    a_model_summary,
    a_pipeline_history,
    a_push,
    a_quality,
    a_row,
    a_run,
    a_signature_check,
    a_space,
    a_status,
    a_table,
    a_version,
    a_watch,
    hostile_causes,
    hostile_comparison,
    hostile_run,
    hostile_table,
    some_artifacts,
    some_causes,
)

LIMIT = 200_000


def an_export(name: str = "late_flights.py", verification: Verification | None = None) -> Export:
    return Export(
        notebook=name,
        path=name,
        source="",
        parameters=(ScriptParameter("n_estimators", "int", 100, name),),
        steps=(ScriptStep("train", 3, ("X",), ("model",), ("accuracy",), name),),
        left_out=(LeftOut(1, name, name),),
        warnings=(name,),
        verification=verification,
    )


def a_proof(name: str = "forest", script: float | None = 0.9) -> Verification:
    return Verification((MetricCheck(name, name, 0.9, script, script == 0.9),), (name,) if script is None else (), 3.2)


def hostile_panels(name: str) -> list[Panel]:
    run = hostile_run(name)
    return [
        run_card(RunCard(run, {name: 1.0}, {name: 1.0, "loss": 2.0}, 5)),
        run_panel(run),
        comparison_panel(hostile_comparison(name)),
        causes_panel(hostile_causes(name)),
        status_panel(a_status(path=name, notebook=name, last_run=a_row(1, name=name))),
        export_panel(an_export(name, a_proof(name, None))),
        runs_panel(hostile_table()),
        artifacts_panel(some_artifacts(name, 0)),
        deletion_panel(a_deletion(name)),
        collection_panel(a_collection(name)),
        cell_graph_panel(a_cell_graph(name)),
        pipelines_panel(a_pipeline_history(name)),
        backup_panel(a_backup(name)),
        backup_panel(a_backup(name, is_restored=True)),
        space_panel(a_space(name)),
        carried_panel(a_push(name)),
        models_panel(ModelList((a_model_summary(name),), name)),
        model_panel(a_model(name)),
        model_version_panel(a_version(name=name, format="pickle", untrusted=(name,))),
        model_change_panel(a_change(name)),
        event_log_panel(a_log_check(name)),
        signature_check_panel(a_signature_check(name)),
        watch_panel(a_watch(name)),
        quality_panel(a_quality(name)),
    ]


def pleasant_panels() -> list[Panel]:
    return [
        run_card(a_card()),
        run_panel(a_run()),
        comparison_panel(a_comparison(metrics=(Difference("accuracy", (0.9, 0.912)),))),
        status_panel(a_status()),
        export_panel(an_export(verification=a_proof())),
        runs_panel(a_table()),
        causes_panel(some_causes()),
        artifacts_panel(some_artifacts()),
        collection_panel(a_collection(is_done=True)),
        space_panel(a_space()),
        cell_graph_panel(a_cell_graph()),
        pipelines_panel(a_pipeline_history()),
        carried_panel(a_push()),
        models_panel(ModelList((a_model_summary(),), ".mlops")),
        model_panel(a_model()),
        model_version_panel(a_version()),
        model_change_panel(a_change()),
        signature_check_panel(a_signature_check()),
        watch_panel(a_watch()),
        quality_panel(a_quality()),
    ]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_a_user_named_becomes_markup(name):
    for panel in hostile_panels(name):
        assert Markup(panel.html()).is_inert
        panel.html().encode("utf-8")


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_text_has_eighty_columns_and_no_control_characters(name):
    for panel in hostile_panels(name) + pleasant_panels():
        lines = panel.text().split("\n")
        assert max(map(columns_wide, lines)) <= 80
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", panel.text())


def test_a_sentence_of_a_real_name_is_read_with_every_style_removed():
    bare = " ".join(
        "".join(Markup(re.sub(r"<style>.*?</style>", "", run_card(a_card()).html(), flags=re.S)).words).split()
    )
    assert "rf-baseline finished in 12.3 s · run 7" in bare
    assert "accuracy0.912▲ +0.0120 better (0.900)" in bare


@pytest.mark.parametrize("place", range(10))
def test_the_same_record_gives_the_same_panel(place):
    assert pleasant_panels()[place].outputs() == pleasant_panels()[place].outputs()


def test_without_a_kernel_there_is_no_widget_in_the_output():
    assert all(set(panel.outputs()[0]) == {"text/plain", "text/html"} for panel in pleasant_panels())


def test_tables_have_captions_and_scopes():
    for panel in pleasant_panels():
        html = panel.html()
        assert html.count("<caption") == html.count("<table>") > 0
        assert html.count("<th") - html.count("<thead") == html.count('<th scope="')


def test_a_table_is_drawn_like_this():
    table = Table("Metrics", ("metric", "value"), (("a<b", "1"),), frozenset({1}), "+3 more")
    assert as_html([table]) == (
        '<div class="mp-scroll"><table><caption>Metrics</caption>\n'
        '<thead><tr><th scope="col">metric</th><th scope="col" class="mp-right">value</th></tr></thead>\n'
        '<tbody>\n<tr><th scope="row">a&lt;b</th><td class="mp-right">1</td></tr>\n</tbody></table></div>\n'
        '<p class="mp-small"><small>+3 more</small></p>'
    )


def largest_run():
    text = "<&\"'" * 10_000
    return a_run(
        name=text,
        status="FAILED",
        params=tuple(Param(f"{text}{k}", text) for k in range(3000)),
        metrics=tuple(Metric(f"{text}{k}", k / 7, k, 9, 0.1, 0.2, 0.15) for k in range(3000)),
        tags={f"{k}{text}": text for k in range(500)},
        outputs=tuple(
            output
            for _ in range(200)
            for output in (
                Output("stream", "stdout", {"text/plain": text}),
                Output("display_data", "", {"image/png": "A" * 60_000, "text/plain": text}),
            )
        ),
        source=text,
        error=RunError("ValueError", text, text),
        environment=Environment("3.11", "Linux", {f"package-{k}": text[:50] for k in range(3000)}),
        warnings=(text,) * 300,
    )


def test_the_largest_run_stays_small_in_the_saved_notebook():
    run = largest_run()
    for panel in (run_panel(run), run_card(RunCard(run, {}, {}))):
        assert sum(len(str(part).encode()) for part in panel.outputs()[0].values()) <= LIMIT


def test_five_thousand_runs_stay_small_in_the_saved_notebook():
    bundle = runs_panel(a_table(5000)).outputs()[0]
    assert sum(len(str(part).encode()) for part in bundle.values()) <= LIMIT / 2


def test_what_a_run_panel_leaves_out_is_said_with_the_line_that_gives_it():
    text = run_panel(a_run(params=tuple(Param(f"p{k}", k) for k in range(60)))).text()
    assert "+20 more: mlops_nb.show(7).params" in text
    big = Output("display_data", "", {"image/png": "A" * 400_000, "text/plain": "<Figure>"})
    assert "A picture of 300 kB: mlops_nb.show(7).outputs[0]" in run_panel(a_run(outputs=(big,))).text()
    cut = Output("stream", "stdout", {"text/plain": "abc"}, cut_bytes=5000)
    assert "… 5.00 kB were not kept" in run_panel(a_run(outputs=(cut,))).text()


def test_html_that_a_cell_showed_is_not_run_again():
    html = run_panel(a_run(outputs=(Output("display_data", "", {"text/html": "<script>alert(1)</script>"}),))).html()
    assert "(shown as text/html)" in html
    assert "alert" not in html


def test_a_failed_run_says_why_first():
    run = a_run(status="FAILED", error=RunError("ValueError", "bad\nshape", "Traceback…"), metrics=(), params=())
    assert run_card(RunCard(run, {}, {})).text().split("\n")[:3] == [
        "✗ rf-baseline failed after 12.3 s · run 7",
        "ValueError: bad",
        "shape",
    ]


def test_the_card_judges_against_the_run_before_and_the_best():
    assert run_card(a_card()).text().split("\n") == [
        "✓ rf-baseline finished in 12.3 s · run 7",
        "Metrics",
        "  metric           value  vs run 5                  vs the best before",
        "  accuracy         0.912  ▲ +0.0120 better (0.900)  ▼ -0.00800 worse (0.920)",
        "  rmse (inferred)   1.25  = same (1.25)             = same (1.25)",
        "Parameters: n_estimators=300",
        "Parameters (inferred): criterion=gini",
        "1 artifact, 12.3 kB: %mlops artifacts 7",
    ]


def test_long_lists_on_the_card_end_in_the_command_that_shows_them():
    run = a_run(17, metrics=tuple(Metric(f"m{k}", float(k)) for k in range(20)), params=())
    assert "+12 more: %mlops show 17" in run_card(RunCard(run, {}, {})).text()


def test_the_card_imports_nothing_heavy():
    script = (
        "import sys\n"
        "from tests.panels.records import a_card\n"
        "from mlops_nb.panels.run_card import run_card\n"
        "run_card(a_card()).outputs()\n"
        "heavy = {'pandas', 'numpy', 'plotly', 'ipywidgets', 'anywidget', 'IPython', 'sqlite3', 'traitlets'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    root = __file__.split("/tests/")[0]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_comparison_says_what_differs_in_one_sentence():
    both = comparison_panel(
        a_comparison(
            metrics=(Difference("accuracy", (0.9, 0.912)),),
            params=(Difference("a", (1, 2)), Difference("b", (1, None))),
            code=(a_code_difference("--- run 5\n+++ run 7\n-old\n+new"),),
        )
    )
    said = both.text().split("\n\n")[0].replace("\n", " ")
    assert said.startswith(
        "rf-baseline (run 7) against rf-baseline (run 5): accuracy ▲ +0.0120 better (0.900); "
        "2 parameters and the code differ."
    )
    assert "<del>-old</del>\n<ins>+new</ins>" in both.html()


@pytest.mark.parametrize(
    ("differences", "ending"),
    [
        ({}, "do not differ in anything that was recorded."),
        ({"params": (Difference("a", (1, 2)),)}, "1 parameter differs."),
        ({"code": (a_code_difference("-a\n+b"),)}, "the code differs."),
        ({"data": (Difference("X", (1, 2)), Difference("X.a: type", (1, 2)))}, "1 data set differs."),
        ({"resources": (Difference("seconds", (1, 2)),)}, "do not differ in anything that was recorded."),
        ({"surroundings": (Difference("Python", ("3.11", "3.12")),)}, "Python differs."),
        ({"metrics": (Difference("f1", (0.5, 0.6)),)}, "nothing else differs."),
        ({"metrics": (Difference("f1", (0.5, None)),)}, "nothing else differs."),
    ],
)
def test_a_comparison_speaks_grammar_and_truth(differences, ending):
    sentence = as_sentence(comparison_panel(a_comparison(**differences)))
    assert sentence.endswith(ending)


def test_many_runs_stand_side_by_side_and_those_that_do_not_fit_are_named():
    runs = tuple(a_run(number) for number in range(1, 10))
    values = (0.91, 0.97, None, 0.9, 0.92, 0.93, 0.94, 0.95, 0.99)
    panel = comparison_panel(
        replace(
            a_comparison(metrics=(Difference("accuracy", values),), params=(Difference("depth", tuple(range(9))),)),
            runs=runs,
            code=(a_code_difference("-a\n+b", run=4),),
        )
    )
    assert as_sentence(panel) == (
        "9 runs: accuracy from 0.900 (rf-baseline (run 4)) to 0.990 (rf-baseline (run 9)); "
        "1 parameter and the code differ."
    )
    assert "Not in them: run 7, run 8 and run 9." in panel.text()
    assert panel.html().count('<th scope="col"') == 2 * 7
    assert "run 4 against run 1" in panel.text()


def test_why_answers_in_one_sentence_with_the_causes_below():
    panel = causes_panel(some_causes())
    assert as_sentence(panel) == (
        "accuracy ▼ -0.0310 worse (0.912) from rf-baseline (run 5) to deeper (run 7). 2 causes could explain it: "
        "line 3 of cell [2] (load); parameter depth 3 → 5."
    )
    assert "<del>-x = f()</del>\n<ins>+x = g()</ins>" in panel.html()
    assert "1 unlikely change" in panel.text()
    assert "the code of 3 cells, depth." in panel.html()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"causes": (), "left": ("shuffle without random_state in cell [1] (a), line 2",)},
            "nothing recorded could explain it: chance without a seed or the clock is left.",
        ),
        ({"causes": (), "metric": None}, "differ in no metric, nor in anything that could change one."),
        ({"metric": None}, "No metric differs between rf-baseline (run 5) and deeper (run 7), although 2 changes"),
        ({"metric": Difference("f1", (0.5, None))}, "f1 was not measured in deeper (run 7). 2 causes"),
        ({"metric": Difference("f1", (0.5, 0.5))}, "f1 is 0.500 in both"),
        ({"causes": some_causes().causes * 3}, "and 3 more."),
        ({"causes": some_causes().causes[1:]}, "One cause could explain it: parameter depth 3 → 5."),
    ],
)
def test_why_speaks_truth_of_whatever_was_found(fields, said):
    assert said in as_sentence(causes_panel(some_causes(**fields)))


def test_without_a_cause_what_was_looked_at_stands_in_the_text():
    text = causes_panel(some_causes(causes=(), left=("the clock in cell [1]",))).text()
    assert "Left: the clock in cell [1]" in text
    assert "Looked at and equal: the code of 3 cells, depth." in text


def as_sentence(panel: Panel) -> str:
    return " ".join(Markup(panel.html().split('class="mp-sentence">')[1].split("</p>")[0]).words).replace("  ", " ")


def test_a_run_shows_its_machine_its_seeds_what_it_took_and_what_was_not_committed():
    environment = Environment(
        *(
            "3.11.7",
            "Linux",
            {"pandas": "3.1"},
            "Debian 12",
            "AMD EPYC",
            2,
            8_000_000_000,
            ("NVIDIA T4",) * 2,
            "550.54",
        ),
        *("openblas 0.3.31", "SkylakeX", 2, {"OMP_NUM_THREADS": 2}, 7),
    )
    run = a_run(
        environment=environment,
        usage=Usage(2.5, 340_000_000),
        seeds={"numpy.random.seed": 42},
        code=CodeVersion("4f2a91c0ffee", "main", True, "https://host/flights.git", "-old\n+new"),
    )
    html = run_panel(run).html()
    for words in (
        "2.50 s of CPU, 340 MB more memory at the peak",
        "AMD EPYC, 2 cores, 8.00 GB of memory, Debian 12",
        "NVIDIA T4 and NVIDIA T4, driver 550.54",
        "openblas 0.3.31 for SkylakeX, 2 threads",
        "OMP_NUM_THREADS=2",
        "PYTHONHASHSEED=7",
        "https://host/flights.git",
        "<del>-old</del>\n<ins>+new</ins>",
        '<th scope="row">numpy.random.seed</th><td>42</td>',
    ):
        assert words in html
    assert "> 2.50 s of CPU, 340 MB more memory at the peak, 1 seed set" in run_card(RunCard(run, {}, {})).text()


def test_an_export_shows_the_proof_before_anything_else():
    assert export_panel(an_export(verification=a_proof())).text().startswith("✓ Verified: 1 metric equal")
    assert export_panel(an_export(verification=a_proof(script=0.8))).text().startswith("✗ Not the same: 1 of 1 metric")
    assert "Not verified" in export_panel(an_export()).text()
    assert "Next: python late_flights.py --help" in export_panel(an_export()).text()


def test_an_empty_store_says_how_the_first_run_is_made():
    assert "%%mlops run NAME" in status_panel(a_status(runs=0, by_status={}, last_run=None)).text()
    assert "%%mlops run NAME" in runs_panel(a_table(0)).text()
