"""Capture in a real IPython shell: the cell is what it would be without us, and all of it is recorded."""

from __future__ import annotations

import math
import os
import shutil
import signal
import sqlite3
import sys

import pytest
from IPython.core.completer import provisionalcompleter

import mlops_nb
from mlops_nb.store import cells, close_stores, connection, open_store
from mlops_nb.tracking import service
from mlops_nb.tracking.service import ActiveRun


def named(run):
    return {param.name: param.value for param in run.params}, {metric.name: metric.value for metric in run.metrics}


def test_captured_cell_is_one_whole_run(shell):
    shell.run_cell("import pandas as pd\nframe = pd.DataFrame({'a': [1, 2, 3]})")
    shell.run_cell(
        "%%mlops run first --param depth --metric accuracy --tag kind=baseline\n"
        "depth = 3\nprint('fitting')\naccuracy = frame.a.mean() / 4\naccuracy"
    )
    run = mlops_nb.show("first")
    assert (run.status, run.kind, run.tags) == ("FINISHED", "cell", {"kind": "baseline"})
    assert named(run) == ({"depth": 3}, {"accuracy": 0.5})
    assert run.source.startswith("%%mlops run first")
    assert [(one.name, one.shape, one.types) for one in run.data] == [("frame", (3, 1), {"a": "int64"})]
    shown = {one.kind: one.data["text/plain"] for one in run.outputs}
    assert shown["execute_result"] == "np.float64(0.5)"
    assert run.outputs[0].data["text/plain"].startswith("fitting\n")
    assert run.duration > 0
    assert run.environment.python.startswith("3.")


def test_value_and_output_are_the_cells_own(shell, capsys):
    plain = shell.run_cell("print('x')\n41 + 1")
    plain_out = capsys.readouterr().out
    captured = shell.run_cell("%%mlops run a\nprint('x')\n41 + 1")
    captured_out = capsys.readouterr().out
    assert captured.result == plain.result == 42
    assert captured_out.startswith(plain_out)


def test_exception_is_the_cells_own_and_the_run_failed(shell, capsys):
    result = shell.run_cell("%%mlops run bad\nx = 1\nx / 0")
    said = capsys.readouterr().out
    assert type(result.error_in_exec) is ZeroDivisionError
    assert "----> 3 x / 0" in said
    assert "capture.py" not in said
    run = mlops_nb.show("bad")
    assert (run.status, run.error.type) == ("FAILED", "ZeroDivisionError")
    assert "capture.py" not in run.error.traceback


def test_a_cell_that_fails_has_no_metric_of_the_time_before(shell):
    cell = "%%mlops run r --metric accuracy\nif fails: 1 / 0\naccuracy = 0.75"
    shell.run_cell("fails = False")
    shell.run_cell(cell)
    shell.run_cell(cell.replace(" --metric accuracy", ""))
    shell.run_cell("fails = True")
    shell.run_cell(cell)
    shell.run_cell(cell.replace(" --metric accuracy", ""))
    runs = [mlops_nb.show(number) for number in (1, 2, 3, 4)]
    assert [[metric.value for metric in run.metrics] for run in runs] == [[0.75], [0.75], [], []]
    assert runs[2].warnings == ("--metric accuracy: the cell ended before it gave it a value",)


def test_a_cell_that_fails_keeps_the_metrics_that_it_had_measured(shell):
    shell.run_cell("%%mlops run r --metric accuracy\naccuracy = 0.75")
    shell.run_cell("%%mlops run r --metric accuracy\naccuracy = 0.5 + 0.25 * 1\n1 / 0")
    assert [metric.value for metric in mlops_nb.show(2).metrics] == [0.75]


@pytest.mark.parametrize("part", ["stop_clock", "finish"])
def test_an_interrupt_while_the_run_of_a_cell_ends_leaves_it_ended_with_everything_once(shell, monkeypatch, part):
    times = iter([signal.SIGINT])
    end = getattr(ActiveRun, part)

    def interrupted(run, *values) -> object:
        for number in times:
            os.kill(os.getpid(), number)
        return end(run, *values)

    monkeypatch.setattr(ActiveRun, part, interrupted)
    shell.run_cell("%%mlops run first --metric loss\nprint('said')\nloss = 0.5")
    shell.run_cell("%%mlops run second\nx = 1")
    first, second = mlops_nb.show("first"), mlops_nb.show("second")
    assert (first.status, second.status, second.parent) == ("FINISHED", "FINISHED", None)
    assert [(metric.value, metric.count) for metric in first.metrics] == [(0.5, 1)]
    assert [output.data for output in first.outputs] == [{"text/plain": "said\n"}]


def test_syntax_error_is_a_cell_error_and_no_run(shell):
    result = shell.run_cell("%%mlops run bad\nx = (")
    assert isinstance(result.error_before_exec, SyntaxError)
    assert mlops_nb.runs().empty


def test_interrupted_cell_is_interrupted(shell):
    shell.run_cell("%%mlops run stopped\nraise KeyboardInterrupt")
    assert mlops_nb.show("stopped").status == "INTERRUPTED"


def test_await_time_magics_and_future_imports_work_inside(shell):
    assert shell.run_cell("%%mlops run a\nimport asyncio\nawait asyncio.sleep(0)\n'awaited'").result == "awaited"
    assert shell.run_cell("%%mlops run b\n%%time\ny = 2").success
    assert shell.user_ns["y"] == 2
    assert shell.run_cell("%%mlops run c\n%time z = 3").success
    assert shell.run_cell("%%mlops run d\nfrom __future__ import annotations\nw: Undefined = 4").success
    assert list(mlops_nb.runs().status) == ["FINISHED"] * 4


def test_run_below_another_cell_magic_is_captured(shell):
    shell.run_cell("%%time\n%%mlops run below --metric score\nscore = 0.5")
    assert named(mlops_nb.show("below"))[1] == {"score": 0.5}


def test_run_again_is_a_new_run(shell):
    for _ in range(2):
        shell.run_cell("%%mlops run a\nx = 1")
    assert len(mlops_nb.runs("a")) == 2


def test_two_runs_in_one_cell_are_two_runs(shell):
    shell.run_cell("import mlops_nb\nfor k in (1, 2):\n    with mlops_nb.run(f'r{k}'):\n        mlops_nb.log(score=k)")
    assert sorted(mlops_nb.runs().name) == ["r1", "r2"]


def test_nested_magics_are_parent_and_child(shell):
    shell.run_cell("%%mlops run outer\nget_ipython().run_cell_magic('mlops', 'run inner', 'x = 1')\ny = 2")
    assert mlops_nb.show("inner").parent == mlops_nb.show("outer").id
    shell.run_cell("%%mlops run top\n%%mlops run below\nx = 1")
    assert mlops_nb.show("below").parent == mlops_nb.show("top").id


def test_log_calls_work_inside(shell):
    shell.run_cell(
        "%%mlops run logged\nimport mlops_nb\nmlops_nb.log(accuracy=0.9)\nmlops_nb.log_params({'a': {'b': 1}})\n"
        "mlops_nb.set_tag('k', 'v')\nfor s in range(3): mlops_nb.log(step=s, loss=1 / (s + 1))"
    )
    run = mlops_nb.show("logged")
    assert named(run) == ({"a.b": 1}, {"accuracy": 0.9, "loss": 1 / 3})
    assert run.tags == {"k": "v"}
    assert not any(one.inferred for one in (*run.params, *run.metrics))


def test_without_names_parameters_and_metrics_are_inferred_and_marked(shell):
    shell.run_cell(
        "%%mlops run guessed\nfrom sklearn.linear_model import Ridge\n"
        "from sklearn.metrics import mean_squared_error, r2_score\n"
        "folds = 5\nname = 'x'\nmodel = Ridge(alpha=0.5).fit([[0], [1]], [0, 1])\n"
        "error = mean_squared_error([0, 1], model.predict([[0], [1]]))\n"
        "print(r2_score([0, 1], model.predict([[0], [1]])))\nval_accuracy = 0.75"
    )
    run = mlops_nb.show("guessed")
    params, metrics = named(run)
    assert params["folds"] == 5
    assert params["model.alpha"] == 0.5
    assert set(metrics) == {"error", "r2_score", "val_accuracy"}
    assert all(one.inferred for one in (*run.params, *run.metrics))


def test_model_that_a_failed_cell_left_as_it_was_gives_it_no_parameters(shell):
    shell.run_cell("from sklearn.linear_model import Lasso, Ridge\nmodel = Ridge(alpha=3.0)")
    shell.run_cell("%%mlops run broken\nmodel = Lasso(alpha=-1).fit([[1.0]], [1.0])")
    assert service.show("broken").params == ()
    shell.run_cell("%%mlops run later\nmodel = Lasso(alpha=2.0)\nmodel.fit([[1.0]], 'no numbers')")
    assert {one.name: one.value for one in service.show("later").params}["model.alpha"] == 2.0


def test_literal_that_a_failed_cell_did_not_come_to_is_no_parameter(shell):
    shell.run_cell("%%mlops run early\nalpha = 0.5\n1 / 0\nbeta = 2")
    assert named(mlops_nb.show("early"))[0] == {"alpha": 0.5}


def test_terminal_waits_for_the_body_as_with_any_cell_magic(shell):
    for cell in ("%%time", "%%mlops run a", "%%mlops run a --metric score\nscore = 1"):
        assert shell.check_complete(cell) == ("incomplete", "")
    assert shell.ast_transformers == []


def test_parameters_cell_gives_parameters_to_runs_that_name_none(shell):
    shell.run_cell("# parameters\nn_trees = 10\nrate = 0.5")
    shell.run_cell("rate = 0.25")
    shell.run_cell("%%mlops run guessed\nscore = rate * n_trees")
    assert named(mlops_nb.show("guessed"))[0] == {"n_trees": 10, "rate": 0.25}


def test_observing_metrics_changes_neither_namespace_nor_traceback(shell, capsys):
    shell.run_cell("from sklearn.metrics import f1_score")
    result = shell.run_cell("%%mlops run a\nf1_score([1], [1, 2])")
    assert "inference.py" not in capsys.readouterr().out
    assert isinstance(result.error_in_exec, ValueError)
    assert not [name for name in shell.user_ns if "mlops_observe" in name]


def test_metrics_are_observed_in_a_body_run_by_its_magic_too(shell):
    shell.run_cell("from sklearn.metrics import accuracy_score")
    shell.run_cell_magic("mlops", "run called", "accuracy_score([1, 0, 1, 1], [1, 0, 0, 1]);")
    assert [(each.name, each.value) for each in service.show("called").metrics] == [("accuracy_score", 0.75)]


def test_cells_without_a_run_are_not_walked(shell):
    shell.run_cell("%%mlops run one\n1 +")
    shell.run_cell("%%mlops run two\nraise ValueError")
    shell.run_cell("%%mlops run three --metri x\n")
    assert shell.ast_transformers == []


def test_missing_name_is_a_note_not_an_error(shell, capsys):
    result = shell.run_cell("%%mlops run a --param nope --metric word\nword = 'text'")
    assert result.success
    assert mlops_nb.show("a").warnings == (
        "--param nope: no such name after the cell",
        "--metric word: 'text' is not a number",
    )


@pytest.mark.parametrize(
    "arguments",
    ["", "--bogus x", "a b", "a --param", "a --tag novalue", "'open", "{undefined_name}", "$undefined_name"],
)
def test_mistake_is_answered_in_two_lines_and_the_cell_does_not_run(shell, capsys, arguments):
    result = shell.run_cell(f"%%mlops run {arguments}\nran = True")
    said = capsys.readouterr()
    assert not result.success
    assert "ran" not in shell.user_ns
    assert "Traceback" not in said.out + said.err
    assert len([line for line in (said.out + said.err).splitlines() if line.strip()]) <= 3


def test_values_come_from_the_namespace(shell):
    shell.run_cell("k = 7")
    shell.run_cell("%%mlops run model-{k + 1} --tag fold=$k --tag literal={{k}}\nx = 1")
    run = mlops_nb.show("model-8")
    assert run.tags == {"fold": "7", "literal": "{k}"}


def test_help_is_answered_and_runs_nothing(shell, capsys):
    assert shell.run_cell("%%mlops run --help\nran = True").success
    assert shell.run_cell("%mlops --help").success
    said = capsys.readouterr().out
    assert "--metric NAME" in said
    assert "%mlops compare" in said
    assert "ran" not in shell.user_ns


def test_help_of_a_cell_magic_and_of_one_command(shell, capsys):
    for asked, said in (
        ("%%mlops\nran = True", "One command's options"),
        ("%%mlops --help\nran = True", "One command's options"),
        ("%mlops help runs", "usage: %mlops runs"),
    ):
        assert shell.run_cell(asked).success
        assert said in capsys.readouterr().out
    assert "ran" not in shell.user_ns
    assert not shell.run_cell("%mlops help rns").success
    assert "try: %mlops runs" in capsys.readouterr().out


def test_text_to_type_for_an_undefined_name_means_that_text(shell, capsys):
    for typed, literal in (("{nope}", "{{nope}}"), ("$nope", "$$nope")):
        shell.run_cell(f"%mlops show {typed}")
        assert f"write {literal} for the text itself" in capsys.readouterr().out
        shell.run_cell(f"%mlops show {literal}")
        assert f"no run is called '{typed}'" in capsys.readouterr().out


def test_unknown_command_offers_the_nearest(shell, capsys):
    assert not shell.run_cell("%mlops comparre 1 2").success
    assert "%mlops compare" in capsys.readouterr().out


def test_tracking_records_every_cell_in_the_order_it_ran(shell):
    shell.run_cell("%mlops track on")
    shell.run_cell("a = 1")
    shell.run_cell("b = a + 1", store_history=True)
    shell.run_cell("1 / 0")
    shell.run_cell("%mlops track off")
    shell.run_cell("c = 1")
    found = cells.executions(open_store())
    assert [(one.source, one.status) for one in found] == [
        ("%mlops track on", "FINISHED"),
        ("a = 1", "FINISHED"),
        ("b = a + 1", "FINISHED"),
        ("1 / 0", "FAILED"),
    ]
    assert (found[2].reads, found[2].writes) == (("a",), ("b",))


def test_loading_twice_or_again_leaves_one_hook(shell):
    for command in ("load_ext", "reload_ext", "reload_ext"):
        shell.run_line_magic(command, "mlops_nb")
    shell.run_cell("%mlops track on")
    shell.run_cell("%%mlops run once\nx = 1")
    assert len(mlops_nb.runs("once")) == 1
    assert len([one for one in cells.executions(open_store()) if "once" in one.source]) == 1


def test_unloading_twice_leaves_nothing(shell):
    for _ in range(2):
        shell.run_line_magic("unload_ext", "mlops_nb")
    assert not hasattr(shell, "mlops")
    assert shell.find_cell_magic("mlops") is None
    assert [hook for hook in shell.input_transformers_cleanup if "mlops_nb" in getattr(hook, "__module__", "")] == []
    assert shell.run_cell("x = 1").success


def test_record_that_a_cell_ends_in_is_shown_as_its_panel(shell, capsys):
    shell.run_cell("import mlops_nb")
    shell.run_cell("%%mlops run one\nx = 1")
    shell.run_cell("%%mlops run two\nx = 2")
    capsys.readouterr()
    for source, said in (
        ("mlops_nb.show('one')", "one (run 1) ✓ finished in"),
        ("mlops_nb.compare('one', 'two')", "two (run 2) against one (run 1)"),
        ("mlops_nb.status()", "2 runs and 4 executed cells in"),
    ):
        result = shell.run_cell(source).result
        assert said in capsys.readouterr().out
        assert len(repr(result)) < 4000
    shell.run_cell("%unload_ext mlops_nb")
    shell.run_cell("mlops_nb.show('one')")
    assert "Run(id=1" in capsys.readouterr().out


def test_completion_offers_commands_options_runs_and_names(shell):
    shell.run_cell("%%mlops run baseline --metric accuracy\naccuracy = 0.5\nn_trees = 3")

    def offered(line):
        with provisionalcompleter():
            return [line[one.start : one.start] + one.text for one in shell.Completer.completions(line, len(line))]

    assert offered("%mlops sho") == ["show"]
    assert "baseline" in offered("%mlops show b")
    assert offered("%mlops compare baseline b") == ["baseline"]
    assert offered("%mlops runs --st") == ["--status"]
    assert "FAILED" in offered("%mlops runs --status F")
    assert "-accuracy" in offered("%mlops runs --sort -a")
    assert "n_trees" in offered("%%mlops run x --param n_")
    assert offered("%%mlops r") == ["run"]
    assert offered("%mlops help stat") == ["status"]
    assert offered("%mlops runs --status=F") == ["--status=FAILED", "--status=FINISHED"]
    assert offered("%%mlops run x --metric=n_t") == ["--metric=n_trees"]
    shell.run_cell("%%mlops run 'a forest'\nx = 1")
    assert offered("%mlops show a") == ["'a forest'"]
    assert offered('%mlops show "a') == ['"a forest"']


def test_long_output_is_bounded_and_says_so(shell):
    shell.run_cell("%%mlops run loud\nprint('x' * 1_000_000)\nprint('the end')")
    run = mlops_nb.show("loud")
    text = run.outputs[0].data["text/plain"]
    assert len(text) < 100_000
    assert text.endswith("the end\n")
    assert "characters left out" in text
    assert any("output were not kept" in note for note in run.warnings)


def test_listening_leaves_the_streams_as_they_were(shell):
    before = (sys.stdout, dict(vars(sys.stdout)), shell.display_pub.publish)
    shell.run_cell("%%mlops run a\nprint(1)")
    assert sys.stdout is before[0]
    assert {name for name in vars(sys.stdout) if name == "write"} == {name for name in before[1] if name == "write"}
    assert shell.display_pub.publish == before[2]


def test_displays_updates_and_clears_are_kept_as_shown(shell):
    shell.run_cell(
        "%%mlops run a\nfrom IPython.display import display, clear_output, HTML\nprint('gone')\nclear_output()\n"
        "handle = display(HTML('<b>one</b>'), display_id=True)\nhandle.update(HTML('<b>two</b>'))"
    )
    shown = [one.data.get("text/html") for one in mlops_nb.show("a").outputs if one.kind == "display_data"]
    assert shown == ["<b>two</b>"]


@pytest.mark.parametrize("kind", ["nan", "inf", "huge", "unserializable", "broken"])
def test_odd_values_do_not_break_the_cell(shell, kind):
    shell.run_cell(
        "class Broken:\n    def __repr__(self): raise RuntimeError\n    def __eq__(self, o): raise RuntimeError\n"
        "    def __float__(self): raise RuntimeError\n    def get_params(self, deep=True): raise RuntimeError"
    )
    values = {
        "nan": "float('nan')",
        "inf": "float('inf')",
        "huge": "10**5000",
        "unserializable": "print",
        "broken": "Broken()",
    }
    assert shell.run_cell(f"%%mlops run a --param value --metric value\nvalue = {values[kind]}").success
    assert shell.run_cell(f"%%mlops run b\nscore = {values[kind]}").success
    assert mlops_nb.show("a").status == "FINISHED"
    if kind == "nan":
        assert math.isnan(mlops_nb.show("a").metrics[0].value)


def test_object_that_answers_nothing_costs_no_other_value(shell):
    shell.run_cell(
        "class Evil:\n"
        "    __class__ = property(lambda self: 1 / 0)\n"
        "    def __getattr__(self, name): raise RuntimeError\n"
        "    __repr__ = __eq__ = __len__ = __bool__ = __float__ = __iter__ = lambda self, *_: 1 / 0\n"
        "class Odd(dict):\n"
        "    items = keys = __len__ = lambda self: 1 / 0\n"
    )
    shell.run_cell(
        "%%mlops run a --param evil --param odd --param inner --param depth --metric evil --metric score\n"
        "evil, odd, inner, depth, score = Evil(), Odd(a=1), {'evil': Evil(), 'rate': 0.5}, 3, 0.75"
    )
    params, metrics = named(mlops_nb.show("a"))
    assert (params["depth"], params["inner.rate"], metrics) == (3, 0.5, {"score": 0.75})
    assert params["evil"] == params["inner.evil"] == "<__main__.Evil, whose repr raises>"
    shell.run_cell("%%mlops run b\nscore = evil\nf1 = 0.5\ndepth = 3")
    assert named(mlops_nb.show("b")) == ({"depth": 3}, {"f1": 0.5})


def test_object_that_interrupts_costs_only_its_part(shell, capsys):
    shell.run_cell(
        "class Stops:\n    def __repr__(self): raise KeyboardInterrupt\n    def __float__(self): raise SystemExit"
    )
    assert shell.run_cell("%%mlops run a --param stops --metric accuracy\nstops, accuracy = Stops(), 0.5").success
    assert "Error in callback" not in capsys.readouterr().out
    run = mlops_nb.show("a")
    assert (run.status, run.warnings) == ("FINISHED", ("parameters not recorded: KeyboardInterrupt",))
    assert named(run)[1] == {"accuracy": 0.5}


def test_exception_that_cannot_be_shown_ends_its_run_and_the_next_is_no_child(shell):
    shell.run_cell("class Mute(Exception):\n    __str__ = __repr__ = lambda self: 1 / 0")
    shell.run_cell("%%mlops run mute\nraise Mute")
    shell.run_cell("%%mlops run next\nx = 1")
    assert mlops_nb.show("mute").status == "FAILED"
    assert (mlops_nb.show("next").status, mlops_nb.show("next").parent) == ("FINISHED", None)


def test_interrupt_while_data_is_read_ends_the_run(shell):
    shell.run_cell(
        "import os, signal\n"
        "class DataFrame:\n"
        "    __module__ = 'pandas'\n"
        "    @property\n"
        "    def shape(self): os.kill(os.getpid(), signal.SIGINT)\n"
        "frame = DataFrame()"
    )
    shell.run_cell("%%mlops run stopped\nframe")
    assert mlops_nb.show("stopped").status == "INTERRUPTED"
    assert service.active_run() is None


def test_duration_is_the_cells_own(shell, monkeypatch):
    passed, clock = [0.0], service.time.perf_counter
    monkeypatch.setattr(service.time, "perf_counter", lambda: clock() + passed[0])
    shell.user_ns["wait"] = lambda: passed.__setitem__(0, passed[0] + 1000)
    shell.run_cell("class Slow:\n    def __repr__(self): wait(); return 'slow'\nslow = Slow()")
    shell.run_cell("%%mlops run quick --param slow\nx = 1")
    shell.run_cell("%%mlops run slow\nwait()")
    assert named(mlops_nb.show("quick"))[0] == {"slow": "slow"}
    assert mlops_nb.show("quick").duration < 1000 <= mlops_nb.show("slow").duration


def test_name_given_as_a_metric_is_no_inferred_parameter(shell):
    shell.run_cell("%%mlops run a --metric gain_in_euro\ngain_in_euro = 12.5\ndepth = 3")
    assert named(mlops_nb.show("a")) == ({"depth": 3}, {"gain_in_euro": 12.5})


def test_many_outputs_are_bounded_to_the_first_and_the_last(shell):
    shell.run_cell("import sys\nfrom IPython.display import display, HTML")
    shell.run_cell("%%mlops run a\nfor n in range(1500):\n    print('out', n)\n    print('err', n, file=sys.stderr)")
    shell.run_cell(
        "%%mlops run b\nfor n in range(20):\n    print('x' * 60_000)\n    display(HTML('y' * 300_000 + str(n)))"
    )
    for name in ("a", "b"):
        run = mlops_nb.show(name)
        assert len(run.outputs) <= 1000
        assert sum(len(text) for one in run.outputs for text in one.data.values()) < 3_000_000
        (said,) = run.warnings
        assert said.endswith("characters of output were not kept")
    assert mlops_nb.show("a").outputs[0].data["text/plain"] == "out 0\n"
    assert mlops_nb.show("a").outputs[-1].data["text/plain"] == "err 1499\n"
    shown = [one for one in mlops_nb.show("b").outputs if one.kind == "display_data"]
    assert shown[-1].data["text/html"].endswith("y19")


def test_display_updated_often_is_kept_as_it_was_last(shell):
    shell.run_cell(
        "%%mlops run a\nfrom IPython.display import display, HTML\nhandle = display(HTML(''), display_id='one')\n"
        "for n in range(60):\n    handle.update(HTML('x' * 50_000 + str(n)))"
    )
    (shown,) = (one for one in mlops_nb.show("a").outputs if one.kind == "display_data")
    assert shown.data["text/html"].endswith("x59")
    assert mlops_nb.show("a").warnings == ()


def test_fault_of_the_store_never_breaks_the_cell(shell, folder, capsys):
    (folder / ".mlops").mkdir()
    (folder / ".mlops" / "store.db").write_text("someone else's file")
    assert shell.run_cell("%mlops track on\n%mlops track on").success
    capsys.readouterr()
    result = shell.run_cell("%%mlops run a\n'my value'")
    said = capsys.readouterr().err.strip().splitlines()
    assert result.result == "my value"
    assert len(said) <= 2
    assert "run 'a' was not recorded" in said[0]
    assert "%mlops store" in said[0]
    assert (folder / ".mlops" / "store.db").read_text() == "someone else's file"


def test_store_that_takes_no_session_never_breaks_the_cell(shell, folder, capsys):
    shell.run_cell("%%mlops run a\nx = 1")
    shutil.rmtree(folder / ".mlops" / "sessions")
    (folder / ".mlops" / "sessions").write_text("")
    close_stores()
    capsys.readouterr()
    assert shell.run_cell("%%mlops run b\n'my value'").result == "my value"
    assert "run 'b' was not recorded" in capsys.readouterr().err
    assert list(mlops_nb.runs().name) == ["a"]


def test_locked_store_never_breaks_the_cell_and_records_once_it_is_free(shell, monkeypatch, capsys):
    shell.run_cell("%%mlops run a\nx = 1")
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.05)
    close_stores()
    holder = sqlite3.connect(open_store().path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    shell.user_ns["free"] = lambda: holder.execute("ROLLBACK")
    result = shell.run_cell("%%mlops run late\nimport mlops_nb\nmlops_nb.log(x=1)\nfree()\n'done'")
    holder.close()
    assert result.result == "done"
    assert mlops_nb.show("late").metrics[0].value == 1


def test_store_removed_between_cells_begins_anew(shell, folder):
    shell.run_cell("%%mlops run a\nx = 1")
    shutil.rmtree(folder / ".mlops")
    shell.run_cell("%%mlops run b\nx = 1")
    assert list(mlops_nb.runs().name) == ["b"]


def test_store_command_moves_the_session_to_another_folder(shell, folder):
    shell.run_cell("%mlops store other-store")
    shell.run_cell("%%mlops run a\nx = 1")
    assert open_store().folder == folder / "other-store"
    assert service.runs().total == 1


def test_run_of_a_block_knows_the_cell_it_stands_in(shell):
    cell = "import mlops_nb\nwith mlops_nb.run('block'):\n    mlops_nb.log(accuracy=0.9)"
    shell.run_cell(cell)
    run = mlops_nb.show("block")
    assert (run.kind, run.source) == ("code", cell)
    assert [one.source for one in cells.executions(open_store())] == [cell]
    shell.run_cell("for trial in mlops_nb.sweep('s', {'n': [1, 2]}):\n    with trial: mlops_nb.log(score=1)")
    assert mlops_nb.show("s").source.startswith("for trial in")


def test_loop_over_a_sweep_goes_on_although_the_cell_now_says_resume(shell):
    shell.run_cell("import mlops_nb")
    loop = "for trial in mlops_nb.sweep('s', {'n': [1, 0, 2]}%s):\n    with trial as params: mlops_nb.log(score=%s)"
    shell.run_cell(loop % ("", "1 / params['n']"))
    assert mlops_nb.show("s").status == "FAILED"
    assert shell.run_cell(loop % (", resume=True", "params['n']")).success
    assert mlops_nb.show("s").status == "FINISHED"
    assert {metric.name: metric.value for metric in mlops_nb.show("s").metrics} == {"score": 2.0}


def test_a_cell_with_secrets_keeps_its_own_and_leaves_none_in_the_store(shell, capsys, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_TOKEN", "q7Zk20dmXw31")
    key = "ghp_" + "a1B2c3D4e5F6" * 3
    shell.run_cell("%mlops track on")
    result = shell.run_cell(
        "%%mlops run hostile --tag where=postgresql://bob:hunter2-9x@db/x\nimport os\n"
        f"key = '{key}'\npassword = 'hunter2-9x'\nurl = f'postgresql://bob:{{password}}@db/x'\n"
        "print(url, key, os.environ['WAREHOUSE_TOKEN'])\n"
        "raise ValueError(password + os.environ['WAREHOUSE_TOKEN'])"
    )
    said = capsys.readouterr().out
    assert f"hunter2-9x@db/x {key} q7Zk20dmXw31" in said
    assert "3 secrets were replaced before this was stored" in said
    assert str(result.error_in_exec) == "hunter2-9xq7Zk20dmXw31"
    assert shell.user_ns["key"] == key
    shell.run_cell(f"'{key}'")
    run = mlops_nb.show("hostile")
    assert run.redacted == 3
    assert named(run)[0]["password"] == "[secret: password]"
    assert (
        run.outputs[0]
        .data["text/plain"]
        .startswith(
            "postgresql://bob:[secret: password]@db/x [secret: GitHub token] [secret: value of WAREHOUSE_TOKEN]\n"
        )
    )
    content = b"".join(path.read_bytes() for path in open_store().folder.rglob("*") if path.is_file())
    for secret in (key, "hunter2-9x", "q7Zk20dmXw31"):
        assert secret.encode() not in content


def test_a_secret_at_the_cut_of_a_long_output_is_not_kept_in_half(shell, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_TOKEN", "q7Zk20dmXw31-q7Zk20dmXw31")
    shell.run_cell(
        "%%mlops run long\nimport os\nword = os.environ['WAREHOUSE_TOKEN'] + ' '\n"
        "print(word * 10_000)\nsize = len(word)"
    )
    kept = mlops_nb.show("long").outputs[0]
    text = kept.data["text/plain"]
    assert "q7Zk" not in text
    assert "Xw31" not in text
    assert "characters left out" in text
    assert kept.cut_bytes > 0
