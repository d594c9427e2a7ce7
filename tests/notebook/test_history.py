"""A notebook is exported in the order that made its result, whatever the order in which it stands."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_nb.notebook import service
from mlops_nb.notebook.flow.history import history
from mlops_nb.notebook.records import NotebookCell
from mlops_nb.tracking.executions import Execution


def saved(*cells: str, counts: tuple[int | None, ...] = ()) -> list[NotebookCell]:
    """Code cells with the ids c0, c1, ...; prose begins with #."""
    counts = counts or (None,) * len(cells)
    return [
        NotebookCell("markdown" if text.startswith("# ") else "code", text, f"c{at}", (), count)
        for at, (text, count) in enumerate(zip(cells, counts, strict=True))
    ]


def ran(*cells: tuple[int, str], failed: tuple[int, ...] = ()) -> list[Execution]:
    """Executions of cells, by their number and text, with what their text writes."""
    from mlops_nb.notebook.flow.graph import cell_graph

    writes = cell_graph([text for _, text in cells]).writes
    return [
        Execution(
            text,
            at,
            0.1,
            "FAILED" if at in failed else "FINISHED",
            cell_id=f"c{cell}",
            execution_count=at + 1,
            writes=writes[at],
        )
        for at, (cell, text) in enumerate(cells)
    ]


def texts(found) -> list[str]:
    return [cell.source for cell in found.cells if cell.kind == "code"]


def kinds(found) -> list[tuple[int, str]]:
    return [(note.cell, note.kind) for note in found.notes]


def test_a_notebook_that_nobody_ran_is_taken_as_it_stands():
    found = history(saved("a = 1", "# prose", "b = a"))
    assert texts(found) == ["a = 1", "b = a"]
    assert found.positions == (0, 1, 2)
    assert found.notes == ()


def test_counts_beside_the_cells_tell_the_order():
    found = history(saved("print(x)", "# prose", "x = 1", "x = 2", counts=(3, None, 1, 2)))
    assert texts(found) == ["x = 1", "x = 2", "print(x)"]
    assert found.positions == (1, 2, 3, 0)
    assert kinds(found) == [(-1, "order")]
    assert found.notes[0].text.endswith("3, 4, 1")


def test_a_cell_that_never_ran_is_left_out_and_said_so_and_the_others_keep_their_places():
    found = history(saved("x = 1", "x = 2", "print(x)", counts=(1, None, 2)))
    assert texts(found) == ["x = 1", "print(x)"]
    assert found.positions == (0, 1, 2)
    assert found.notes[0].text == "cell 2 never ran and is left out"


def test_a_cell_without_a_count_that_others_need_did_run():
    found = history(saved("import math", "print(math.pi)", counts=(None, 1)))
    assert texts(found) == ["import math", "print(math.pi)"]
    assert kinds(found) == [(0, "kept")]


def test_counts_of_two_kernels_that_make_no_sense_together_give_way_to_the_order_of_the_notebook():
    found = history(saved("x = 1", "y = x", "print(y)", counts=(11, 12, 1)))
    assert texts(found) == ["x = 1", "y = x", "print(y)"]


def test_a_cell_run_again_after_those_that_need_it_ran_before_them_too_where_a_number_is_missing():
    cells = ("df = load()", "df = df.dropna()\ndf['late'] = df['delay'] > 15", "y = df['late']", "print(y)")
    found = history(saved(*cells, counts=(1, 9, 3, 4)))
    assert texts(found) == [cells[0], cells[1], cells[2], cells[3], cells[1]]
    assert kinds(found) == [(1, "again")]
    assert texts(history(saved(*cells, counts=(1, 4, 2, 3)))) == [cells[0], cells[2], cells[3], cells[1]]


def test_a_cell_that_only_changes_what_others_bind_is_not_thought_to_have_run_before():
    cells = ("xs = [1]", "print(xs)", "xs.append(2)", "print(len(xs))")
    assert texts(history(saved(*cells, counts=(1, 3, 5, 4)))) == [cells[0], cells[1], cells[3], cells[2]]


def test_a_cell_that_failed_is_left_out_where_nothing_needs_what_it_did():
    cells = [replace(each, raised="ValueError") for each in saved("int('a')", counts=(2,))]
    found = history([*saved("x = 1", counts=(1,)), *cells])
    assert texts(found) == ["x = 1"]
    assert [note.text for note in found.notes] == ["cell 2 ended with ValueError and is left out"]


def test_a_cell_that_failed_is_kept_with_its_error_where_others_need_what_it_did_before():
    cells = saved("xs = []", "xs.append(1)\nxs[9]", "print(xs)", counts=(1, 2, 3))
    cells[1] = replace(cells[1], raised="IndexError")
    texts_ran = [(at, cell.source) for at, cell in enumerate(cells)]
    for found in (history(cells), history(cells, ran(*texts_ran, failed=(1,)))):
        assert [cell.raised for cell in found.cells] == ["", "IndexError", ""]
        assert kinds(found) == [(1, "fails")]


def test_a_call_that_counts_in_a_function_s_global_is_there_as_often_as_it_ran():
    cells = ("n = 0\ndef bump():\n    global n\n    n += 1", "bump()", "print(n)")
    runs = [(0, cells[0]), (1, cells[1]), (1, cells[1]), (2, cells[2])]
    assert texts(history(saved(*cells, counts=(1, 3, 4)), ran(*runs))) == [cells[0], cells[1], cells[1], cells[2]]


def test_cells_of_our_own_are_no_part_of_the_history():
    found = history(saved("%load_ext mlops_nb", "x = 1", "%mlops export p.py", counts=(None, 2, None)))
    assert found.notes == ()


def test_executions_out_of_order_are_in_the_order_that_made_the_result():
    cells = saved("print(df)", "df = [1]", "df.append(2)")
    found = history(cells, ran((1, "df = [1]"), (2, "df.append(2)"), (0, "print(df)")))
    assert texts(found) == ["df = [1]", "df.append(2)", "print(df)"]


def test_a_cell_run_again_counts_once_where_it_only_did_the_same_again():
    cells = saved("x = 1", "y = x", "print(y)")
    found = history(cells, ran((0, "x = 1"), (0, "x = 1"), (1, "y = x"), (1, "y = x"), (2, "print(y)")))
    assert texts(found) == ["x = 1", "y = x", "print(y)"]
    assert found.notes == ()


def test_a_cell_run_again_counts_as_often_as_it_left_its_mark():
    cells = saved("x = 1", "x += 1", "print(x)")
    found = history(cells, ran((0, "x = 1"), (1, "x += 1"), (1, "x += 1"), (2, "print(x)")))
    assert texts(found) == ["x = 1", "x += 1", "x += 1", "print(x)"]
    assert kinds(found) == [(1, "again")]


@pytest.mark.parametrize(
    "again", ["df['b'] = df['a'] * 2", "m.fit(df)", "import math\nplt.style.use('x')", "print(df)"]
)
def test_what_gives_the_same_twice_is_done_once(again: str):
    first = "import pandas as pd\nimport matplotlib.pyplot as plt\ndf = pd.read_csv('x')\nm = Model()"
    found = history(saved(first, again), ran((0, first), (1, again), (1, again)))
    assert texts(found) == [first, again]


def test_run_all_twice_is_run_all_once():
    cells = ["import numpy as np", "np.random.seed(0)", "xs = []", "xs.append(np.random.rand())", "print(xs)"]
    once = list(enumerate(cells))
    assert texts(history(saved(*cells), ran(*once, *once))) == cells


def test_the_text_that_ran_is_taken_and_an_edited_cell_said_so():
    found = history(saved("n = 20", "print(n)"), ran((0, "n = 10"), (1, "print(n)")))
    assert texts(found) == ["n = 10", "print(n)"]
    assert kinds(found) == [(0, "edited")]


def test_an_earlier_text_is_kept_where_a_cell_that_did_not_run_again_needs_it():
    found = history(saved("n = 20", "y = n"), ran((0, "n = 10"), (1, "y = n"), (0, "n = 20")))
    assert texts(found) == ["n = 10", "y = n", "n = 20"]


def test_a_deleted_cell_is_there_where_it_is_needed_and_only_there():
    executions = ran((7, "helper = 2"), (8, "nobody = 3"), (0, "print(helper)"))
    found = history(saved("print(helper)"), executions)
    assert texts(found) == ["helper = 2", "print(helper)"]
    assert found.positions == (-1, 0)
    assert kinds(found) == [(-1, "deleted")]


def test_a_failed_execution_made_nothing():
    cells = saved("x = 1", "y = x", "z = 1 / 0")
    executions = ran((0, "x = 1"), (1, "y = x + q"), (1, "y = x"), (2, "z = 1 / 0"), failed=(1, 3))
    found = history(cells, executions)
    assert texts(found) == ["x = 1", "y = x"]
    assert kinds(found) == [(2, "failed")]


def test_a_secret_that_was_redacted_in_the_record_is_no_edit():
    cells = saved("key = 'hunter2'", "print(key)")
    found = history(cells, ran((0, "key = '[secret: password]'"), (1, "print(key)")))
    assert texts(found)[0] == "key = 'hunter2'"
    assert found.notes == ()


def test_records_of_another_kernel_do_not_count_where_the_notebook_was_run_anew():
    cells = saved("a = 1", "print(a)", counts=(5, 6))
    assert texts(history(cells, ran((1, "print(a)"), (0, "a = 1")))) == ["a = 1", "print(a)"]


def test_cells_that_ran_before_we_were_loaded_come_first():
    cells = saved("import math", "%load_ext mlops_nb", "print(math.pi)", counts=(1, 2, 3))
    executions = [Execution("print(math.pi)", 0.0, 0.1, "FINISHED", cell_id="c2", execution_count=3)]
    assert texts(history(cells, executions)) == ["import math", "%load_ext mlops_nb", "print(math.pi)"]


def notebook_file(path: Path, cells: list[tuple[str, str]], counts: dict[str, int]) -> Path:
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
        "cells": [
            {
                "cell_type": "code",
                "id": key,
                "source": text,
                "metadata": {},
                "outputs": [],
                "execution_count": counts.get(key),
            }
            for key, text in cells
        ],
    }
    path.write_text(json.dumps(content))
    return path


def test_a_notebook_run_out_of_order_is_exported_as_it_ran_and_gives_the_same(shell, folder, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", str(folder / "mixed.ipynb"))
    cells = [("use", "total = sum(xs)\nprint('total', total)"), ("make", "xs = [1, 2]"), ("more", "xs.append(4)"),
             ("never", "xs = None")]  # fmt: skip
    notebook_file(folder / "mixed.ipynb", cells, {})
    shell.run_line_magic("mlops", "track on")
    text = dict(cells)
    for key in ("make", "more", "more", "use"):
        shell.run_cell(text[key], store_history=True, cell_id=key)
    done = service.export(folder / "mixed.ipynb", folder / "out.py")
    ran = subprocess.run([sys.executable, "out.py"], cwd=folder, capture_output=True, text=True, check=True)
    assert "total 11" in ran.stdout
    assert [(each.cell, each.reason) for each in done.left_out] == [(3, "never ran")]
    assert "cell 3 ran 2 times, and each left its mark: it is there as often" in done.warnings
    assert done.warnings[-1] == "the cells stand in the order in which they made the result: 2, 3, 1"
