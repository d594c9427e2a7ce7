"""Autolog in a notebook: what a captured cell's card shows, what is inferred beside it, how an error looks."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import mlops_nb
from mlops_nb.panels import panel_of
from mlops_nb.panels.run_card import run_card
from mlops_nb.store import open_store
from mlops_nb.tracking import service
from mlops_nb.tracking.autolog.service import autologging

SETUP = """
from sklearn.naive_bayes import GaussianNB
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
X_train, X_test, y_train, y_test = train_test_split(*load_wine(return_X_y=True), random_state=7)
"""


@pytest.fixture
def cell(shell):
    def run(source):
        result = shell.run_cell(source)
        result.raise_error()
        return result

    run(SETUP)
    run("%mlops autolog on")
    return run


def names(ref):
    run = mlops_nb.show(ref)
    return {param.name for param in run.params}, {metric.name for metric in run.metrics}


def test_captured_cell_has_its_model_s_settings_once_and_its_metrics(cell):
    cell(
        "%%mlops run one\ndepth = 3\n"
        "model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(X_train, y_train)\n"
        "accuracy = accuracy_score(y_test, model.predict(X_test))\n"
        "print(f1_score(y_test, model.predict(X_test), average='macro'))"
    )
    params, metrics = names("one")
    assert {"depth", "logisticregression__C"} <= params
    assert not {name for name in params if name.startswith("model.")}
    assert {"accuracy", "accuracy_score_X_test", "f1_score_macro_X_test"} <= metrics
    assert "f1_score" not in metrics
    text = " ".join(run_card(service.card(1, store=open_store())).text().split())
    assert "logisticregression__C=0.5" in text
    assert "at their defaults: %mlops show 1" in text


def test_card_of_a_cell_that_fits_three_models_compares_them(cell):
    cell(
        "%%mlops run three\nfor smoothing in (0.01, 1, 100):\n"
        "    GaussianNB(var_smoothing=smoothing).fit(X_train, y_train).score(X_test, y_test)"
    )
    card = run_card(service.card(1, store=open_store()))
    assert "3 fits of GaussianNB" in card.text()
    for word in ("var_smoothing=0.01", "var_smoothing=100", "score_X_test"):
        assert word in card.text()
        assert word in card.html()


def test_panel_of_a_search_shows_its_combinations_best_first_and_what_it_takes(cell):
    cell(
        "%%mlops run search\nsearch = GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), "
        "{'logisticregression__C': [0.001, 1]}, cv=3).fit(X_train, y_train)"
    )
    text = panel_of(mlops_nb.show("search")).text()
    lines = text.splitlines()
    first = next(
        place
        for place, line in enumerate(lines)
        if "2 combinations of Pipeline(LogisticRegression), best first" in line
    )
    assert lines[first + 2].split()[:3] == ["3,", "best", "C=1"]
    assert "13 columns (float64)" in text
    assert "at their defaults" in text
    html = panel_of(mlops_nb.show("search")).html()
    assert "one of 3 classes (0, 1 and 2)" in html
    assert "(default)" in html


def test_fit_in_a_cell_that_is_not_captured_knows_its_cell(cell, shell):
    cell("model = GaussianNB().fit(X_train, y_train)")
    run = mlops_nb.show("GaussianNB")
    assert run.source.startswith("model = Gaussian")
    assert run.execution_count == shell.execution_count
    cell("accuracy_score(y_test, model.predict(X_test))")
    assert "accuracy_score_X_test" in names("GaussianNB")[1]


def test_magic_says_what_it_does_and_completes(cell, shell, capsys):
    cell("%mlops autolog")
    assert "Autolog is on: every fit of sklearn is recorded." in capsys.readouterr().out
    cell("%mlops autolog on --models --library sklearn")
    assert autologging().models
    cell("%mlops autolog off")
    assert "Autolog is off" in capsys.readouterr().out
    assert not autologging().is_on
    shell.run_cell("%mlops autolog on --library skleran")
    assert "%mlops autolog on --library sklearn" in capsys.readouterr().out
    from mlops_nb.notebook.completion import offers

    assert set(offers("%", ["autolog", ""], {})) >= {"on", "off"}
    assert list(offers("%", ["autolog", "on", "--library", ""], {})) == ["sklearn"]


def test_unloading_the_extension_ends_it_and_reloading_leaves_one(cell, shell):
    cell("%reload_ext mlops_nb")
    assert not autologging().is_on
    cell("%mlops autolog on")
    cell("%mlops autolog on")
    cell("GaussianNB().fit(X_train, y_train)")
    assert len(mlops_nb.runs()) == 1


def test_export_with_autolog_on_is_verified(folder: Path):
    cells = [
        "%load_ext mlops_nb\n%mlops autolog on",
        SETUP.strip(),
        "%%mlops run one\nmodel = GaussianNB().fit(X_train, y_train)\n"
        "accuracy = accuracy_score(y_test, model.predict(X_test))",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    nbformat.write(notebook, "work.ipynb")
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    assert "accuracy_score_X_test" in names("one")[1]
    done = mlops_nb.export("work.ipynb", verify=True)
    assert [check.metric for check in done.verification.checks] == ["accuracy"]
    assert done.verification.is_equal


def test_error_of_a_fit_shows_one_hidden_frame_of_ours_and_no_more(folder: Path):
    body = f"{SETUP.strip()}\nLogisticRegression(C=-1).fit(X_train, y_train)"

    def error(first):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in (first, body)])
        resources = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=60, resources=resources, allow_errors=True).execute()
        return notebook.cells[1].outputs[-1]

    plain, watched = error("1"), error("%load_ext mlops_nb\n%mlops autolog on")
    assert (watched.ename, watched.evalue) == (plain.ename, plain.evalue)
    assert not [line for line in watched.traceback if "mlops_nb" in line]
    extra = [line for line in watched.traceback if line not in plain.traceback]
    assert len(extra) == 1
    assert "skipping hidden 1 frame" in extra[0]
