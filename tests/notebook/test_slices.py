"""Slices: only what leads to a name, with what was dropped and why; a slice verifies too."""

from __future__ import annotations

import pytest

from mlops_nb.errors import BadArgument
from mlops_nb.notebook.service import export
from mlops_nb.notebook.slices import leading_to
from tests.notebook.test_export import executed, written
from tests.notebook.test_script import notebook, parameters

CELLS = {
    "imports": "import random",
    "draw": "random.seed(3)\nnumbers = [random.random() for _ in range(9)]",
    "look": "numbers[:2]",
    "other": "other = sorted(numbers)\nprint(other[0])",
    "model": "model = {'mean': sum(numbers) / 9}\nmodel",
    "change": "model['mean'] += 1",
    "score": "accuracy = model['mean'] / 2\nprint(accuracy)",
}


def test_slice_keeps_what_leads_to_a_name_and_the_parameters():
    book = notebook(parameters("n = 3"), "a = n + 1", "b = a * 2", "c = [b]", "c.append(1)", "d = a", path="x.ipynb")
    kept, dropped = leading_to(book, "c")
    assert [cell.kind for cell in kept.cells] == ["code", "code", "code", "code", "code", "raw"]
    assert [(each.cell, each.line, each.reason) for each in dropped] == [(5, "d = a", "nothing in it leads to c")]


def test_name_that_no_cell_makes_is_answered_with_the_nearest():
    with pytest.raises(BadArgument, match="no cell makes 'accuracey'") as error:
        leading_to(notebook("accuracy = 1"), "accuracey")
    assert error.value.fix == "--to accuracy"


def test_slice_verifies_what_it_kept(folder):
    path = executed_path(folder)
    done = export(path, "pipeline.py", to="accuracy", verify=True)
    assert done.verification.is_equal
    assert [each.cell for each in done.verification.values] == [4, 6]
    assert [each.cell for each in done.left_out] == [2, 3]
    whole = export(path, "whole.py", verify=True)
    assert [each.cell for each in whole.verification.values] == [2, 3, 4, 6]


def executed_path(folder):
    path = written(folder, CELLS)
    executed(path)
    return path
