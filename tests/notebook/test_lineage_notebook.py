"""Lineage of real histories: run in order, out of order, edited, run again, deleted; asked for in every way."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import mlops_nb
from mlops_nb.tracking.lineage import LineageGraph

CELLS = {
    "imports": "import pandas as pd",
    "load": "df = pd.read_csv('flights.csv')",
    "clean": "df = df.dropna()",
    "feature": "df['late'] = df.delay > 15",
    "train": "%%mlops run forest --metric score\nscore = float(df.late.mean())",
}


class Notebook:
    """A saved notebook and the kernel that has it open, as JupyterLab tells them apart: cells have ids."""

    def __init__(self, shell, folder: Path) -> None:
        self.shell, self.path = shell, folder / "flights.ipynb"
        self.cells = dict(CELLS)
        shell.user_ns["__session__"] = str(self.path)
        (folder / "flights.csv").write_text("delay\n3\n20\n\n40\n")
        self.save()

    def save(self) -> None:
        made = [nbformat.v4.new_code_cell(source, id=name) for name, source in self.cells.items()]
        nbformat.write(nbformat.v4.new_notebook(cells=made), self.path)

    def run(self, *names: str) -> None:
        for name in names or self.cells:
            assert self.shell.run_cell(self.cells[name], store_history=True, cell_id=name).success

    def lineage(self) -> LineageGraph:
        return mlops_nb.lineage("forest")


@pytest.fixture
def notebook(shell, folder):
    return Notebook(shell, folder)


def cells(graph) -> list[str]:
    return [cell.cell_id for cell in graph.cells]


def marks(graph) -> dict[str, str]:
    return {node.cell_id or node.label: node.state or "stale" for node in graph.nodes if node.state or node.is_stale}


def test_run_in_order_every_cell_and_the_file_led_to_it_and_nothing_is_stale(notebook):
    notebook.run()
    graph = notebook.lineage()
    assert cells(graph) == ["imports", "load", "clean", "feature"]
    assert [file.label for file in graph.files] == ["flights.csv"]
    assert marks(graph) == {}
    assert graph.target.notebook == "flights.ipynb"


def test_run_out_of_order_it_is_what_really_ran(notebook):
    notebook.run("imports", "load", "feature", "clean", "train")
    assert cells(notebook.lineage()) == ["imports", "load", "feature", "clean"]
    assert marks(notebook.lineage()) == {"feature": "stale"}, "clean stands above it and changed df afterwards"


def test_a_cell_above_run_again_makes_those_that_used_it_stale_until_they_run_again(notebook):
    notebook.run()
    notebook.run("load")
    graph = notebook.lineage()
    assert marks(graph) == {"clean": "stale", "feature": "stale", "train": "stale"}
    assert not any(one.at_run for node in graph.nodes for one in node.stale)
    notebook.run("clean", "feature", "train")
    assert marks(notebook.lineage()) == {}


def test_a_cell_edited_and_run_before_the_run_makes_the_run_itself_one_of_stale_parts(notebook):
    notebook.cells |= {"rate": "rate = 15", "feature": "late = df.delay > rate", "train": (
        "%%mlops run forest --metric score\nscore = float(late.mean())"
    )}  # fmt: skip
    notebook.cells["feature"] = notebook.cells.pop("feature")
    notebook.cells["train"] = notebook.cells.pop("train")
    notebook.save()
    notebook.run("imports", "load", "clean", "rate", "feature")
    notebook.cells["rate"] = "rate = 30"
    notebook.save()
    notebook.run("rate", "train")
    graph = notebook.lineage()
    (stale,) = next(node for node in graph.nodes if node.cell_id == "feature").stale
    assert (stale.name, stale.at_run) == ("rate", True)
    assert marks(graph) == {"feature": "stale", "rate": "edited"}


def test_cells_edited_or_deleted_after_the_run_are_marked(notebook):
    notebook.run()
    notebook.cells["clean"] = "df = df.fillna(0)"
    del notebook.cells["feature"]
    notebook.save()
    assert marks(notebook.lineage()) == {"clean": "edited", "feature": "deleted"}


@pytest.mark.parametrize("text", ["", "{", '{"cells": 3}', '{"nbformat": 4, "cells": [{}]}'])
def test_a_notebook_that_cannot_be_read_marks_nothing(notebook, text):
    notebook.run()
    notebook.path.write_text(text)
    assert marks(notebook.lineage()) == {}


def test_a_notebook_executed_by_nbclient_has_its_lineage(folder):
    (folder / "flights.csv").write_text("delay\n3\n20\n")
    load, *others = CELLS.values()
    sources = [f"%load_ext mlops_nb\n{load}", *others]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(made, timeout=60, resources={"metadata": {"path": str(folder)}}).execute()
    graph = mlops_nb.lineage("forest")
    assert [cell.source for cell in graph.cells] == sources[:4], "the cell that loads us is one of them"
    assert graph.unknown == ()
    assert [file.label for file in graph.files] == ["flights.csv"]


def test_a_notebook_executed_by_nbclient_has_its_graph_as_it_ran(folder):
    sources = [
        "%load_ext mlops_nb\n%mlops track on",
        "table = {'rows': []}\nalias = table['rows']",
        "alias.append(3)",
        "total = sum(table['rows'])",
        "%mlops graph",
    ]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbformat.write(made, folder / "here.ipynb")
    NotebookClient(made, timeout=60, resources={"metadata": {"path": str(folder)}}).execute()
    said = made.cells[-1].outputs[0].data["text/plain"]
    assert said.startswith("here.ipynb: 3 cells, ")
    assert "From the text" not in said
    nbformat.write(made, folder / "here.ipynb")
    assert mlops_nb.graph("here.ipynb").is_recorded
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1"), nbformat.v4.new_code_cell("y = x")])
    nbformat.write(other, folder / "other.ipynb")
    assert not mlops_nb.graph("other.ipynb").is_recorded


def test_the_magic_python_and_the_terminal_say_the_same(notebook, capsys):
    from mlops_nb.terminal import main

    notebook.run()
    capsys.readouterr()
    notebook.shell.run_line_magic("mlops", "lineage forest")
    text = capsys.readouterr().out
    assert text.startswith("forest (run 1) came from 4 cells and 1 file; nothing is stale.")
    assert main(["lineage", "1"]) == 0
    assert capsys.readouterr().out.strip() == text.strip()
    assert main(["lineage", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["nodes"][-1]["label"] == "forest"
    assert main(["lineage", "1", "--mermaid"]) == 0
    assert capsys.readouterr().out.startswith("flowchart TD\n")
    assert main(["lineage", "florest"]) == 1
    assert "forest" in capsys.readouterr().err


def test_a_graph_that_a_cell_ends_in_is_shown_as_its_panel(notebook, capsys):
    notebook.run()
    capsys.readouterr()
    notebook.shell.run_cell("import mlops_nb\nmlops_nb.lineage('forest')")
    assert "forest (run 1) came from 4 cells" in capsys.readouterr().out


def test_the_run_says_where_its_data_was_read_from(notebook, folder):
    (folder / "weather.csv").write_text("temp\n1\n2\n3\n")
    notebook.run("imports", "load", "clean", "feature")
    notebook.shell.run_cell("weather = pd.read_csv('weather.csv')")
    notebook.shell.run_cell("seats = pd.DataFrame({'n': [1]})")
    notebook.shell.run_cell("joined = df.assign(temp=weather.temp)")
    notebook.shell.run_cell("%%mlops run joined\nn = len(joined) + len(df) + len(seats)")
    run = mlops_nb.show("joined")
    assert {name: [use.path for use in uses] for name, uses in run.read_from.items()} == {
        "df": ["flights.csv"],
        "joined": ["flights.csv", "weather.csv"],
    }
    state = (folder / "weather.csv").stat()
    use = run.read_from["joined"][1]
    assert (use.size_bytes, use.modified) == (state.st_size, state.st_mtime)
    from mlops_nb.panels.run import run_panel

    table = run_panel(run).text().partition("Data came from")[2]
    assert "flights.csv" in table
    assert "df and joined" in table


def test_what_a_sweep_gives_its_trials_is_no_name_of_unknown_origin(shell):
    shell.run_cell("scale = 2", store_history=True)
    shell.run_cell("%%mlops sweep s --param n=1,2 --metric score\nscore = n * scale", store_history=True)
    graphs = [mlops_nb.lineage(run) for run in (1, 2)]
    assert [(graph.run, graph.unknown) for graph in graphs] == [(1, ()), (2, ())]
    assert not [node for graph in graphs for node in graph.nodes if node.kind == "data"]


def test_each_of_two_names_that_one_cell_read_has_its_own_file(shell, folder):
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text("x\n1\n2\n")
    shell.run_cell("import pandas as pd", store_history=True)
    shell.run_cell("a = pd.read_csv('a.csv')\nb = pd.read_csv('b.csv')\nc = a.assign(y=1)", store_history=True)
    shell.run_cell("%%mlops run r\nn = len(a) + len(b) + len(c)", store_history=True)
    read_from = mlops_nb.show("r").read_from
    assert {name: [use.path for use in uses] for name, uses in read_from.items()} == {
        "a": ["a.csv"],
        "b": ["b.csv"],
        "c": ["a.csv"],
    }


def test_a_run_that_loads_its_data_itself_records_it_and_its_files(shell, folder):
    (folder / "a.csv").write_text("x\n1\n2\n")
    (folder / "settings.json").write_text("[3]")
    shell.run_cell("import json\nfrom pathlib import Path\nimport pandas as pd", store_history=True)
    load = "a = pd.read_csv('a.csv').dropna()\nn = json.loads(Path('settings.json').read_text())"
    cell = f"%%mlops run r\n{load}\nb = a.x * 2"
    shell.run_cell(cell, store_history=True)
    run = mlops_nb.show("r")
    assert [(one.name, one.shape) for one in run.data] == [("a", (2, 1))]
    assert {name: [use.path for use in uses] for name, uses in run.read_from.items()} == {
        "a": ["a.csv"],
        "": ["settings.json"],
    }
    assert list(mlops_nb.runs("data = a").index) == [run.id]


def test_a_cell_that_fails_does_not_pass_off_what_was_there_as_loaded(shell, folder):
    shell.run_cell("import pandas as pd\na = pd.DataFrame({'x': [1]})", store_history=True)
    shell.run_cell("%%mlops run r\na = pd.read_csv('missing.csv')", store_history=True)
    assert (mlops_nb.show("r").status, mlops_nb.show("r").data) == ("FAILED", ())
