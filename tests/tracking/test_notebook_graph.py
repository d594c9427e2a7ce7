"""The graph of a notebook as it ran: from recorded executions, from the numbers beside the cells, from the text."""

from __future__ import annotations

import json

import pytest

import mlops_nb
from mlops_nb.errors import NotebookNotFound
from mlops_nb.notebook.records import NotebookCell
from mlops_nb.terminal import main
from mlops_nb.tracking.notebook_graph import notebook_graph


def saved(*cells: tuple[str, int | None]) -> list[NotebookCell]:
    return [NotebookCell("code", text, f"c{at}", (), count) for at, (text, count) in enumerate(cells)]


def flows(graph) -> set[tuple[str, str, str]]:
    label = {node.id: node.label for node in graph.nodes}
    return {(label[edge.source], label[edge.target], ", ".join(edge.names)) for edge in graph.edges}


def marks(graph) -> dict[str, str]:
    return {node.label: node.state or "stale" for node in graph.nodes if node.state or node.is_stale}


def test_a_notebook_that_nobody_ran_has_the_graph_of_its_text():
    graph = notebook_graph("a.ipynb", saved(("x = 1", None), ("y = x", None)))
    assert flows(graph) == {("x = 1", "y = x", "x")}
    assert marks(graph) == {}
    assert not graph.is_recorded


def test_a_cell_whose_input_ran_again_later_is_stale_by_the_numbers():
    graph = notebook_graph("a.ipynb", saved(("x = [1]", 3), ("y = x", 2), ("z = 1", None)))
    assert marks(graph) == {"y = x": "stale", "z = 1": "never ran"}
    assert graph.nodes[1].stale[0].execution_count == 3


def test_an_import_that_ran_again_makes_nothing_stale():
    assert marks(notebook_graph("a.ipynb", saved(("import math", 3), ("y = math.pi", 2)))) == {}


CELLS = {
    "a": "from sklearn.preprocessing import StandardScaler\nscaler, X = StandardScaler(), [[1.0], [2.0]]",
    "b": "alias = scaler\nalias.fit(X)",
    "c": "Z = scaler.transform(X)",
    "d": "exec('made = 3')",
    "e": "print(made)",
}


@pytest.fixture
def notebook(shell, folder, monkeypatch):
    """A notebook's file and the kernel that runs it."""
    path = folder / "scaled.ipynb"
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    cells = [
        {"cell_type": "code", "id": key, "source": text, "metadata": {}, "outputs": [], "execution_count": None}
        for key, text in CELLS.items()
    ]
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))
    shell.run_line_magic("mlops", "track on")
    return path


def run(shell, *keys: str) -> None:
    for key in keys:
        assert shell.run_cell(CELLS[key], store_history=True, cell_id=key).success


def test_what_ran_is_drawn_as_it_ran(shell, notebook):
    run(shell, *CELLS)
    graph = mlops_nb.graph(notebook)
    assert graph.is_recorded
    edges = {(edge.source, edge.target) for edge in graph.edges}
    assert edges == {("cell:0", "cell:1"), ("cell:0", "cell:2"), ("cell:1", "cell:2"), ("cell:3", "cell:4")}
    assert marks(graph) == {}


def test_a_cell_whose_input_a_cell_above_it_changed_since_is_stale(shell, notebook):
    run(shell, *CELLS)
    run(shell, "b")
    assert [node.cell_id for node in mlops_nb.graph(notebook).nodes if node.is_stale] == ["c"]


def test_the_command_shows_the_figure_in_the_notebook_and_the_text_in_the_terminal(shell, notebook, capsys):
    run(shell, "a", "b", "c")
    capsys.readouterr()
    shell.run_line_magic("mlops", "graph")
    text = capsys.readouterr().out
    assert text.startswith("scaled.ipynb: 3 cells, 3 edges; 2 cells never ran; nothing is stale.")
    assert main(["graph", "scaled.ipynb"]) == 0
    assert capsys.readouterr().out.strip() == text.strip()
    assert main(["graph", "scaled.ipynb", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["edges"][0]["names"]
    assert main(["graph", "scaled.ipynb", "--mermaid"]) == 0
    assert capsys.readouterr().out.startswith("flowchart TD\n")
    assert main(["graph"]) == 2
    assert "jupyter mlops graph notebook.ipynb" in capsys.readouterr().err
    assert main(["graph", "scalded.ipynb"]) == 1
    assert "scaled.ipynb" in capsys.readouterr().err


def test_a_session_without_a_notebook_has_its_graph(shell, capsys):
    for text in ("x = [1]", "x.append(2)", "print(x)"):
        shell.run_cell(text, store_history=True)
    capsys.readouterr()
    shell.run_line_magic("mlops", "graph")
    assert capsys.readouterr().out.startswith("this session: 3 cells, 2 edges")


def test_a_file_that_is_no_notebook_is_named(folder):
    (folder / "a.ipynb").write_text("no notebook")
    with pytest.raises(NotebookNotFound, match=r"a\.ipynb is not a notebook"):
        mlops_nb.graph("a.ipynb")
