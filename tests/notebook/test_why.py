"""`%mlops why` in a real shell: cells and packages are changed between two runs, and named."""

from __future__ import annotations

import json
import sys

import pytest
from IPython.core.completer import provisionalcompleter

import mlops_nb
from mlops_nb.errors import BadArgument
from mlops_nb.terminal import main

IMPORTS = "import forestry\nimport random"
LOAD = "rows = list(range(100))"
SPLIT = "train = [row * 2 for row in rows]"
FIT = "%%mlops run forest\nmodel = forestry.fit(train)\naccuracy = model / 10_000"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package `forestry` 1.0 in a folder of installed packages; called with another version, that one."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "forestry.py").write_text("def fit(rows):\n    return sum(rows)\n")

    def install(version: str) -> None:
        for old in folder.glob("*.dist-info"):
            (old / "METADATA").unlink()
            old.rmdir()
        info = folder / f"forestry-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: forestry\nVersion: {version}\n")

    install("1.0")
    monkeypatch.syspath_prepend(str(folder))
    yield install
    sys.modules.pop("forestry", None)


def run_all(shell, *cells: str) -> None:
    for cell in cells:
        assert shell.run_cell(cell, store_history=True).success


def told(*refs: int) -> list[tuple[str, str]]:
    return [(one.kind, one.words) for one in mlops_nb.why(*(refs or (1, 2))).causes]


@pytest.mark.parametrize(
    ("place", "cell", "words"),
    [
        (3, FIT.replace("fit(train)", "fit(train[1:])"), "line 2 of the run's cell"),
        (2, SPLIT.replace("* 2", "* 3"), "line 1 of cell [8] (train = [row * 3 for row in rows])"),
        (1, LOAD.replace("list(range(100))", "list(range(1, 90))"), "line 1 of cell [7] (rows = list(range(1, 90)))"),
    ],
)
def test_one_cell_and_one_package_are_exactly_two_causes(shell, package, place, cell, words):
    cells = [IMPORTS, LOAD, SPLIT, FIT]
    run_all(shell, "'begin'", *cells)
    package("2.0")
    cells[place] = cell
    run_all(shell, *cells)
    assert told() == [("code", words), ("package", "package forestry 1.0 → 2.0")]


def test_a_parameter_upstream_is_one_cause_although_code_and_settings_changed(shell, package):
    cells = ["depth = 3", FIT.replace("run forest", "run forest --param depth").replace("train)", "[depth])")]
    run_all(shell, IMPORTS, *cells, cells[0].replace("3", "5"), cells[1])
    assert told() == [("parameter", "parameter depth 3 → 5")]


def test_cells_that_did_not_lead_to_the_run_and_layout_are_no_causes(shell, package):
    run_all(shell, IMPORTS, LOAD, SPLIT, FIT)
    package("1.0")
    run_all(shell, "unrelated = 7", f"# all rows\n{LOAD}", SPLIT, FIT.replace("forest\n", "forest --tag a=b\n\n"))
    assert told() == []


def test_frames_say_which_rows_and_columns_and_follow_from_the_cell_that_made_them(shell, package):
    make = "import pandas as pd\nframe = pd.DataFrame({'temp': range(10), 'wind': range(10)})"
    fit = "%%mlops run forest\naccuracy = float(frame.temp.mean())"
    run_all(shell, make, fit, make.replace("'temp': range(10)", "'temp': range(1, 11)"), fit)
    (cause,) = mlops_nb.why(1, 2).causes
    assert (cause.kind, cause.follows) == ("code", ("frame: column temp changed",))


def test_chance_without_a_seed_is_what_is_left(shell, package):
    fit = "%%mlops run forest\naccuracy = random.random()"
    run_all(shell, IMPORTS, fit, fit)
    found = mlops_nb.why(1, 2)
    assert found.causes == ()
    assert found.left[0].startswith("random.random, which goes on from where the generator stood,")


def test_a_file_that_was_written_again_is_the_cause(shell, package, folder):
    load = "import pandas as pd\nframe = pd.read_csv('flights.csv')"
    fit = "%%mlops run forest\naccuracy = float(frame.temp.mean())"
    for rows in ("1\n2\n", "1\n2\n6\n"):
        (folder / "flights.csv").write_text(f"temp\n{rows}")
        run_all(shell, load, fit)
    (cause,) = mlops_nb.why(1, 2).causes
    assert cause.words == "file flights.csv, 9 bytes → 11 bytes"
    assert cause.follows == ("frame: 1 row more",)


def test_runs_that_are_equal_say_so_and_one_of_another_metric_is_refused(shell, package, capsys):
    run_all(shell, IMPORTS, LOAD, SPLIT, FIT, FIT)
    capsys.readouterr()
    run_all(shell, "%mlops why 1 2")
    assert "differ in no metric, nor in anything" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(BadArgument, match="neither run has it"):
        mlops_nb.why(1, 2, metric="acuracy")


def test_why_answers_in_the_terminal_and_as_json_and_completes(shell, package, capsys):
    run_all(shell, IMPORTS, LOAD, SPLIT, FIT, FIT.replace("10_000", "20_000"))
    capsys.readouterr()
    assert main(["why", "1", "2", "--metric", "accuracy"]) == 0
    assert "One cause could explain it: line 3 of the run's cell." in " ".join(capsys.readouterr().out.split())
    assert main(["why", "1", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metric"]["values"] == [0.99, 0.495]
    assert [one["kind"] for one in found["causes"]] == ["code"]
    assert main(["why", "1", "2", "--metric", "loss"]) == 1
    assert main(["why", "1"]) == 2
    with provisionalcompleter():
        line = "%mlops why 1 2 --metric acc"
        assert [one.text for one in shell.Completer.completions(line, len(line))] == ["accuracy"]


def test_a_comparison_has_the_cells_that_led_to_the_runs(shell, package):
    run_all(shell, IMPORTS, LOAD, SPLIT, FIT, SPLIT.replace("2", "3"), FIT)
    (one,) = mlops_nb.compare(1, 2).code
    assert one.cell.label == "cell [5] (train = [row * 3 for row in rows])"
    assert "-train = [row * 2 for row in rows]\n+train = [row * 3 for row in rows]" in one.cell.diff


def test_runs_of_plain_code_are_told_apart_by_what_was_recorded(folder):
    for depth in (3, 5):
        with mlops_nb.run("plain") as run:
            run.log_params({"depth": depth})
            run.log(accuracy=depth / 10)
    assert told() == [("parameter", "parameter depth 3 → 5")]


def test_a_setting_that_is_none_is_told_from_one_that_is_not_there(folder):
    with mlops_nb.run("one"):
        mlops_nb.log_params({"depth": None, "rate": 0.1})
        mlops_nb.log(score=1)
    with mlops_nb.run("two"):
        mlops_nb.log_params({"depth": 5, "rate": 0.1, "weight": None})
        mlops_nb.log(score=2)
    from mlops_nb.panels.comparison import comparison_panel

    words = {cause.words for cause in mlops_nb.why(1, 2).causes}
    assert {"parameter depth None → 5", "parameter weight not there → None"} <= words
    table = comparison_panel(mlops_nb.compare(1, 2)).text().partition("Parameters")[2].splitlines()
    assert [line.split() for line in table[2:4]] == [["depth", "None", "5"], ["weight", "not", "there", "None"]]


READ = "%%mlops run read --metric accuracy\nrows = pd.read_csv('rows.csv')\naccuracy = rows.x.mean()"


@pytest.fixture
def rows(shell, folder):
    """Writes the rows of a file that the run's own cell reads, unseen by any cell."""

    def write(*values: int) -> None:
        (folder / "rows.csv").write_text("\n".join(["x", *map(str, values)]))

    shell.run_cell("import pandas as pd", store_history=True)
    write(1, 2)
    return write


def test_a_changed_file_that_the_runs_own_cell_reads_is_one_cause_with_what_changed_in_the_data(shell, rows):
    run_all(shell, READ)
    rows(1, 2, 30)
    run_all(shell, READ)
    (cause,) = mlops_nb.why(1, 2).causes
    assert (cause.kind, cause.name, cause.follows) == ("data", "rows.csv", ("rows: 1 row more",))


def test_a_changed_file_and_a_changed_line_of_the_cell_that_reads_it_are_two_causes(shell, rows):
    run_all(shell, READ)
    rows(1, 2, 30)
    run_all(shell, READ.replace("mean()", "max()"))
    assert [(one.kind, one.name) for one in mlops_nb.why(1, 2).causes] == [
        ("code", "the run's cell"),
        ("data", "rows.csv"),
    ]


def test_a_changed_file_and_a_changed_line_of_an_earlier_cell_that_reads_it_are_two_causes(shell, rows):
    load, use = "rows = pd.read_csv('rows.csv')\nscale = 2", "%%mlops run r\naccuracy = rows.x.mean() * scale"
    run_all(shell, load, use)
    rows(1, 2, 30)
    run_all(shell, load.replace("2", "3"), use)
    assert [one.kind for one in mlops_nb.why(1, 2).causes] == ["code", "data"]


def test_a_file_that_was_written_again_with_the_same_rows_is_no_cause(shell, rows):
    run_all(shell, READ)
    rows(1, 2)
    run_all(shell, READ.replace("mean()", "max()"))
    assert [one.kind for one in mlops_nb.why(1, 2).causes] == ["code"]


def test_data_that_the_cell_draws_by_a_parameter_follows_from_the_parameter(shell, rows):
    sweep = READ.replace("run read", "sweep read --param share=0.5,1.0").replace(
        "')", "').sample(frac=share, random_state=1)"
    )
    run_all(shell, sweep)
    (cause,) = mlops_nb.why(2, 3).causes
    assert (cause.kind, cause.name, cause.follows) == ("parameter", "share", ("rows: 1 row more",))


def test_a_cell_that_gave_only_an_import_is_no_cause_whatever_else_it_computed(shell):
    run = "%%mlops run r\nimport math\naccuracy = 0.5"
    use = "%%mlops run used\nscore = math.sqrt(number)"
    run_all(shell, run, "number = 4", use, run.replace("0.5", "0.6"), "number = 9", use)
    assert [one.kind for one in mlops_nb.why(2, 4).causes] == ["code"]
    assert "number" in mlops_nb.why(2, 4).causes[0].words
