"""`%%mlops sweep` in a real IPython shell: the cell once for each combination, each a run."""

from __future__ import annotations

import pytest

import mlops_nb
from mlops_nb.panels import panel_of
from mlops_nb.store import cells, open_store, search

CELL = "%%mlops sweep forest --param depth=3,5 --param lr=0.1,0.2 --metric score\nscore = depth * lr"


def trials(name="forest"):
    return search.children_of(open_store(), mlops_nb.show(name).id)


def tried(name="forest"):
    return [(trial.status, trial.params, trial.metrics) for trial in trials(name)]


def test_cell_runs_once_for_each_combination_as_runs_of_one_sweep(shell):
    assert shell.run_cell(CELL).success
    assert tried() == [
        ("FINISHED", {"depth": 3, "lr": 0.1}, {"score": pytest.approx(0.3)}),
        ("FINISHED", {"depth": 3, "lr": 0.2}, {"score": pytest.approx(0.6)}),
        ("FINISHED", {"depth": 5, "lr": 0.1}, {"score": 0.5}),
        ("FINISHED", {"depth": 5, "lr": 0.2}, {"score": 1.0}),
    ]
    sweep = mlops_nb.show("forest")
    assert (sweep.kind, sweep.status, sweep.source) == ("sweep", "FINISHED", CELL)
    assert {metric.name: metric.value for metric in sweep.metrics} == {"score": 1.0}
    assert sweep.tags == {"best_trial": str(trials()[3].id)}
    assert [trial.kind for trial in trials()] == ["trial"] * 4
    assert [one.source for one in cells.executions(open_store())] == [CELL]


def test_panel_says_which_combination_is_best(shell, capsys):
    shell.run_cell(CELL)
    said = capsys.readouterr().out
    assert "forest: 4 combinations tried. score is highest, 1.00, with depth=5, lr=0.2" in said
    assert "Trials, best first" in said


def test_run_of_a_sweep_shows_its_trials_best_first_and_names_the_best(shell):
    shell.run_cell("%%mlops sweep s --param n=1,3,0,2 --metric loss\nloss = 1 / n if n else float('-inf')")
    sweep = mlops_nb.show("s")
    assert [part.params["n"] for part in sweep.parts] == [3, 2, 1, 0]
    assert [part.tags for part in sweep.parts] == [{"best": "yes"}, {}, {}, {}]
    assert int(sweep.tags["best_trial"]) == sweep.parts[0].id
    text = panel_of(sweep).text()
    assert "4 combinations of s, best first" in text
    assert f"{sweep.parts[0].id}, best" in text
    shell.run_cell("%%mlops sweep nothing --param n=1,2\nn")
    assert "2 combinations of nothing\n" in panel_of(mlops_nb.show("nothing")).text()


def test_names_varied_by_the_sweep_are_not_reset_by_the_cell(shell):
    shell.run_cell(
        "%%mlops sweep s --param depth=3,5 --metric score\ndepth: int = 1\nother = 2\nscore = depth * other\nscore"
    )
    assert [metrics for _, _, metrics in tried("s")] == [{"score": 6.0}, {"score": 10.0}]


def test_name_that_the_cell_computes_cannot_be_swept(shell, capsys):
    shell.run_cell("%%mlops sweep s --param depth=3,5\ndepth = max(1, 2)\nscore = depth")
    said = capsys.readouterr().out
    assert "the cell gives depth a value of its own" in said
    assert mlops_nb.runs().empty


def test_metrics_nobody_named_are_inferred_and_judge(shell):
    shell.run_cell("import sklearn.metrics as m")
    shell.run_cell("%%mlops sweep s --param cut=1,2,3\nprint(m.accuracy_score([1, 2, 3], [cut, 2, 3]))")
    assert [metrics for _, _, metrics in tried("s")] == [
        {"accuracy_score": 1.0},
        {"accuracy_score": pytest.approx(2 / 3)},
        {"accuracy_score": pytest.approx(2 / 3)},
    ]
    assert mlops_nb.show("s").tags == {"best_trial": str(trials("s")[0].id)}


def test_output_of_a_trial_goes_to_its_run(shell, capsys):
    shell.run_cell("%%mlops sweep s --param n=1,2 --metric score\nscore = n\nprint('fitting', n)\nn + 40")
    assert "fitting" not in capsys.readouterr().out
    for trial, n in zip(trials("s"), (1, 2), strict=True):
        outputs = mlops_nb.show(trial.id).outputs
        assert outputs[0].data["text/plain"] == f"fitting {n}\n"
        assert outputs[1].data["text/plain"] == f"{n + 40}"


def test_await_and_magics_work_in_a_sweep(shell):
    code = "%%mlops sweep s --param n=1,2 --metric score\nimport asyncio\nawait asyncio.sleep(0)\n%time score = n"
    assert shell.run_cell(code).success
    assert [metrics["score"] for _, _, metrics in tried("s")] == [1, 2]
    assert shell.run_cell("%%time\n%%mlops sweep t --param n=1,2 --metric score\nscore = n").success
    assert len(trials("t")) == 2
    shell.run_cell_magic("mlops", "sweep u --param n=1,2 --metric score", "score = n\n")
    assert [metrics["score"] for _, _, metrics in tried("u")] == [1, 2]


def test_failing_combination_is_recorded_and_the_others_go_on(shell, capsys):
    result = shell.run_cell("%%mlops sweep s --param n=1,0,2 --metric score\nscore = 1 / n")
    assert result.success
    assert [status for status, _, _ in tried("s")] == ["FINISHED", "FAILED", "FINISHED"]
    assert mlops_nb.show("s").status == "FINISHED"
    assert "1 trial failed; the last with ZeroDivisionError: division by zero" in capsys.readouterr().out


def test_cell_that_fails_at_once_ends_the_sweep_with_its_own_error(shell, capsys):
    result = shell.run_cell("%%mlops sweep s --param n=0,1,2 --metric score\nprint('here')\nscore = 1 / n")
    assert type(result.error_in_exec) is ZeroDivisionError
    said = capsys.readouterr().out
    assert "----> 3 score = 1 / n" in said
    assert "sweep.py" not in said
    assert [status for status, _, _ in tried("s")] == ["FAILED"]
    assert mlops_nb.show("s").status == "FAILED"
    assert mlops_nb.show("s").error.type == "ZeroDivisionError"


def test_interrupted_sweep_goes_on_where_it_stopped(shell, capsys):
    code = "{} --metric score\nif n == stop_at: raise KeyboardInterrupt\nscore = n"
    begin = "%%mlops sweep s --param n=range(1,5)"
    shell.user_ns["stop_at"] = 3
    assert type(shell.run_cell(code.format(begin)).error_in_exec) is KeyboardInterrupt
    assert "interrupted · 2 of 4 combinations tried" in capsys.readouterr().out
    first = mlops_nb.show("s")
    assert first.status == "INTERRUPTED"
    shell.user_ns["stop_at"] = 99
    assert shell.run_cell(code.format(f"{begin} --resume")).success
    again = mlops_nb.show("s")
    assert (again.id, again.status) == (first.id, "FINISHED")
    assert [part.params["n"] for part in (*first.parts, *again.parts) if part.tags] == [2, 4]
    assert [(status, params["n"]) for status, params, _ in tried("s")] == [
        ("FINISHED", 1),
        ("FINISHED", 2),
        ("INTERRUPTED", 3),
        ("FINISHED", 3),
        ("FINISHED", 4),
    ]


def test_sweep_is_not_resumed_by_another(shell, capsys):
    shell.run_cell("%%mlops sweep s --param n=1,2 --resume\nscore = n")
    assert "there is no sweep 's' to resume" in capsys.readouterr().out
    shell.run_cell("%%mlops sweep s --param n=1,0 --metric score\nscore = 1 / n")
    shell.run_cell("%%mlops sweep s --param n=1,0,3 --metric score --resume\nscore = 1 / n")
    assert "another one: its combinations changed since" in capsys.readouterr().out
    shell.run_cell("%%mlops sweep s --param n=1,0 --metric score --resume\nscore = 2 / n")
    assert "another one: the code changed since" in capsys.readouterr().out
    shell.run_cell("%%mlops sweep s --param n=1,2 --metric score\nscore = 1 / n")
    shell.run_cell("%%mlops sweep s --param n=1,2 --metric score --resume\nscore = 1 / n")
    assert "has tried all of its 2 combinations" in capsys.readouterr().out


def test_sampled_sweep_tries_as_many_as_asked(shell):
    shell.run_cell(
        "%%mlops sweep s --param lr=loguniform(1e-4, 1) --param n=range(1, 9) --sample 5 --seed 3 --metric score\n"
        "score = lr * n"
    )
    assert len(trials("s")) == 5
    assert all(1e-4 <= trial.params["lr"] <= 1 and 1 <= trial.params["n"] < 9 for trial in trials("s"))


def test_name_that_nothing_reads_is_said(shell, capsys):
    shell.run_cell("def fit(): return depth")
    shell.run_cell("%%mlops sweep s --param depth=1,2 --param dept=3 --metric score\nscore = fit()")
    said = capsys.readouterr().out
    assert "nothing in the cell reads dept\n" in said
    assert "nothing in the cell reads depth" not in said


def test_nothing_of_ours_is_left_in_the_namespace(shell):
    before = set(shell.user_ns)
    shell.run_cell(CELL)
    assert {name for name in set(shell.user_ns) - before if not name.startswith("_i")} == {"depth", "lr", "score"}
    assert "__mlops_trial__" not in shell.user_ns


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("s", "needs a parameter to vary"),
        ("s --param depth", "has no values"),
        ("s --param depth=range(9,3)", "0 values"),
        ("s --param lr=uniform(0,1)", "nothing says how often"),
        ("s --parm depth=1", "did you mean --param"),
        ("--param depth=1,2", "sweep: name is missing (what the sweep and each of its runs is called)"),
    ],
)
def test_mistake_is_answered_in_the_cell_and_nothing_runs(shell, capsys, line, why):
    assert not shell.run_cell(f"%%mlops sweep {line}\nran = True").success
    assert why in capsys.readouterr().out
    assert "ran" not in shell.user_ns
    assert mlops_nb.runs().empty


def test_help_of_sweep_is_shown_and_nothing_runs(shell, capsys):
    shell.run_cell("%%mlops sweep --help\nran = True")
    assert "NAME=VALUES" in capsys.readouterr().out
    assert "ran" not in shell.user_ns


def test_sweep_in_python_is_the_same(folder):
    for trial in mlops_nb.sweep("f", {"depth": [3, 5], "lr": "logspace(0.1, 1, 2)"}):
        with trial as params:
            mlops_nb.log(loss=params["depth"] * params["lr"])
    assert [(params, metrics) for _, params, metrics in tried("f")] == [
        ({"depth": 3, "lr": 0.1}, {"loss": pytest.approx(0.3)}),
        ({"depth": 3, "lr": 1.0}, {"loss": 3.0}),
        ({"depth": 5, "lr": 0.1}, {"loss": 0.5}),
        ({"depth": 5, "lr": 1.0}, {"loss": 5.0}),
    ]
    assert mlops_nb.show("f").metrics[0].value == pytest.approx(0.3)


def test_sweep_in_python_that_raises_is_failed(folder):
    with pytest.raises(ZeroDivisionError):
        for trial in mlops_nb.sweep("f", {"n": [1, 0]}):
            with trial as params:
                _ = 1 / params["n"]
    assert mlops_nb.show("f").status == "FAILED"
    assert [status for status, _, _ in tried("f")] == ["FINISHED", "FAILED"]


def test_cell_may_change_what_the_sweep_gave_it(shell):
    shell.run_cell("%%mlops sweep s --param n=1,2 --metric score\nn = n * 10\nscore = n").raise_error()
    assert [(trial.params["n"], trial.metrics["score"]) for trial in trials("s")] == [(1, 10.0), (2, 20.0)]


def test_sweep_in_a_run_is_its_part_and_a_run_in_a_sweep_each_trials(shell):
    shell.run_cell("%%mlops run around\n%%mlops sweep s --param n=1,2 --metric score\nscore = n").raise_error()
    around, swept = mlops_nb.show("around"), mlops_nb.show("s")
    assert around.children == (swept.id,)
    assert [trial.metrics for trial in trials("s")] == [{"score": 1.0}, {"score": 2.0}]
    assert {run.status for run in (around, swept)} == {"FINISHED"}
    shell.run_cell("%%mlops sweep out --param n=1,2\n%%mlops run inside --metric score\nscore = n").raise_error()
    inside = [mlops_nb.show(mlops_nb.show(trial.id).children[0]) for trial in trials("out")]
    assert [(run.name, run.status, run.metrics[0].value) for run in inside] == [
        ("inside", "FINISHED", 1.0),
        ("inside", "FINISHED", 2.0),
    ]
