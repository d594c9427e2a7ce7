"""The registry by its commands: in a notebook's cells, in a terminal, with completion."""

from __future__ import annotations

import json

import pytest

import mlops_nb
from mlops_nb import terminal
from mlops_nb.notebook.completion import offers

SETUP = """
import numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
X_train = pd.DataFrame({"delay": np.linspace(-1, 1, 40), "month": np.arange(40) % 12})
X_test, y_train = X_train.iloc[:10], X_train.delay > 0
"""
FIT = "%%mlops run forest\nclf = LogisticRegression().fit(X_train, y_train)\naccuracy = clf.score(X_train, y_train)"


@pytest.fixture
def cell(shell, capsys):
    def run(source: str) -> str:
        result = shell.run_cell(source)
        result.raise_error()
        return " ".join(capsys.readouterr().out.split())

    run(SETUP)
    run(FIT)
    return run


def test_model_of_a_cell_is_registered_with_the_run_that_made_it_and_its_training_data(cell):
    cell("%%mlops run another\nother = 1")
    cell("%mlops register late-flight --model clf --alias candidate --note 'a first one' --tag team=delays")
    one = mlops_nb.registry.version("late-flight@candidate")
    assert one.manifest.origin.name == "forest"
    assert [(column.name, column.minimum) for column in one.manifest.signature.inputs] == [
        ("delay", -1.0),
        ("month", 0.0),
    ]
    assert {each.name for each in one.manifest.data} == {"X_train", "y_train"}
    assert (one.note, one.tags, one.metrics) == ("a first one", {"team": "delays"}, {"accuracy": 0.975})


def test_training_data_that_changed_since_is_not_taken_for_it(cell):
    cell("X_train['month'] = 0")
    with pytest.raises(mlops_nb.MlopsError, match="recorded no training data that fits it"):
        cell("%mlops register late-flight --model clf")
    cell("%mlops register late-flight --model clf --example X_test")


def test_model_that_no_run_made_says_so(cell):
    cell("late = LogisticRegression().fit(X_train, y_train)")
    with pytest.raises(mlops_nb.MlopsError, match="no run of this session made late") as refused:
        cell("%mlops register late-flight --model late")
    assert "%%mlops run NAME" in refused.value.fix
    cell("%mlops register late-flight --model late --run forest --example X_test")


def test_way_of_a_version_through_the_stages(cell):
    for _ in range(2):
        cell("%mlops register late-flight --model clf")
    assert "late-flight/1 is in Production now." in cell("%mlops promote late-flight/1 --expect none")
    done = cell("%mlops promote late-flight/2 --expect 1 --note better")
    assert done.startswith("late-flight/2 is in Production now; version 1, which was there, is archived.")
    assert "points to late-flight/1 now" in cell("%mlops alias late-flight/1 champion")
    assert "late-flight/1 is in Production again" in cell("%mlops rollback late-flight --expect 2")
    assert "late-flight/2 is in Staging now." in cell("%mlops promote late-flight/2 --to Staging")
    assert "late-flight/2 is in no stage now." in cell("%mlops stage late-flight/2 None")
    assert "late-flight/2 is deleted" in cell("%mlops unregister late-flight/2 --note mistake")
    assert "points to nothing any more" in cell("%mlops alias late-flight champion --remove")
    assert cell("%mlops registry").startswith("1 model; 1 has a version in Production.")
    assert cell("%mlops registry late-flight").startswith("late-flight/1 is in Production, since")
    assert cell("%mlops registry late-flight/Production").startswith("late-flight/1 (in Production):")
    assert "The log is whole: 12 events" in cell("%mlops verify-log")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("register late-flight", "needs --model VARIABLE"),
        ("register late-flight --model clff", "no name 'clff' is defined here"),
        ("register late-flight --model clf --artifact clf", "not both"),
        ("register late-flight --model clf --example nowhere.csv", "no variable, file or pattern of files here"),
        ("register late-flight --model clf --example other", "is no variable, file"),
        ("promote late-flight/1 --expect first", "is no version's number"),
        ("promote late-flight/1 --to Archived", "'Archived' is none of Production, Staging"),
        ("registry late-flight/1 --as-of today", "never changes"),
        ("registry late-flightt", "no model is called"),
    ],
)
def test_mistake_says_what_is_wrong(cell, line, said):
    with pytest.raises(mlops_nb.MlopsError, match=said):
        cell(f"%mlops {line}")


def test_result_of_a_function_is_shown_as_its_panel(cell):
    assert "late-flight/1: LogisticRegression" in cell(
        "mlops_nb = __import__('mlops_nb')\nmlops_nb.register(clf, 'late-flight', example=X_train)"
    )
    assert "1 model" in cell("mlops_nb.registry.models()")
    assert "no version is in Production" in cell("mlops_nb.registry.model('late-flight')")


def test_completion_offers_models_versions_aliases_and_stages(cell):
    cell("%mlops register late-flight --model clf --alias champion")
    cell("%mlops register late-flight --model clf")
    assert next(iter(offers("%", ["register", ""], {}))) == "late-flight"
    assert list(offers("%", ["promote", "late-flight/"], {})) == [
        *("late-flight", "late-flight/2", "late-flight/1", "late-flight@champion"),
    ]
    assert list(offers("%", ["stage", "late-flight/1", "P"], {})) == ["None", "Staging", "Production", "Archived"]
    assert "clf" in offers("%", ["register", "late-flight", "--model", ""], {"clf": 1})


def test_artifact_of_a_run_is_registered_in_a_terminal(cell, folder, capsys):
    cell("%%mlops run kept\nimport mlops_nb\nmlops_nb.log_artifact(clf, 'clf')")
    cell("X_test.to_csv('example.csv', index=False)")
    words = ["register", "late-flight", "--run", "kept", "--artifact", "clf", "--example", "example.csv"]
    assert terminal.main([*words, "--alias", "champion"]) == 0
    assert capsys.readouterr().out.startswith("late-flight/1 (@champion): LogisticRegression, skops")
    assert terminal.main(["promote", "late-flight@champion", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["events"][0]["now"] == "Production"
    assert terminal.main(["promote", "late-flight/1"]) == 1
    assert "is in stage Production already" in capsys.readouterr().err
    assert terminal.main(["register", "late-flight", "--model", "clf"]) == 2
    assert "a terminal has no variables" in capsys.readouterr().err
    assert terminal.main(["verify-log"]) == 0


def test_lineage_of_a_version_is_that_of_the_run_that_made_it(cell, capsys):
    cell("%mlops register late-flight --model clf --alias champion")
    of_run = mlops_nb.lineage("forest")
    for ref in ("models:/late-flight/1", "late-flight/1", "late-flight@champion", "late-flight"):
        found = mlops_nb.lineage(ref)
        assert (found.model, found.nodes, found.edges) == ("late-flight/1", of_run.nodes, of_run.edges)
    text = cell("%mlops lineage late-flight@champion")
    assert text.startswith("late-flight/1, made by forest (run 1), came from 1 cell; nothing is stale.")
    assert terminal.main(["lineage", "models:/late-flight/1", "--mermaid"]) == 0
    assert capsys.readouterr().out.startswith("flowchart TD")


def test_run_of_a_name_comes_before_a_model_of_it(cell):
    cell("%mlops register forest --model clf")
    assert mlops_nb.lineage("forest").model == ""
    assert mlops_nb.lineage("models:/forest").model == "forest/1"


def test_lineage_of_what_is_neither_a_run_nor_a_version_is_refused(cell):
    cell("%mlops register late-flight --model clf")
    for ref, said in (("late-flight/7", "no version 7"), ("models:/nothing", "no model is called"), ("x", "no run is")):
        with pytest.raises(mlops_nb.MlopsError, match=said):
            mlops_nb.lineage(ref)


def test_completion_of_lineage_offers_runs_and_versions(cell):
    cell("%mlops register late-flight --model clf --alias champion")
    assert list(offers("%", ["lineage", "f"], {})) == ["forest", "late-flight/1", "late-flight@champion"]
    assert list(offers("%", ["lineage", "models:/"], {})) == ["models:/late-flight/1", "models:/late-flight@champion"]


def test_run_says_which_versions_it_made(cell):
    assert "Registered" not in cell("%mlops show forest")
    for _ in range(3):
        cell("%mlops register late-flight --model clf")
    cell("%mlops unregister late-flight/2")
    assert mlops_nb.show("forest").registered == ("late-flight/1", "late-flight/3")
    assert "Registered as late-flight/1 and late-flight/3." in cell("%mlops show forest")
