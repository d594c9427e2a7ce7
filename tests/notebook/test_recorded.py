from __future__ import annotations

import pytest

from mlops_nb.notebook.recorded import cells_of_lines, likeness_of, shown_output, value_checks
from mlops_nb.notebook.records import CellOutput, NotebookCell
from mlops_nb.notebook.script import pipeline_script
from tests.notebook.test_script import notebook


def cell(source: str, *outputs: tuple[str, str]) -> NotebookCell:
    return NotebookCell("code", source, outputs=tuple(CellOutput(kind, text) for kind, text in outputs))


@pytest.mark.parametrize(
    ("notebook", "script", "likeness"),
    [
        ("a", "a", "equal"),
        ("accuracy 0.912345678", "accuracy 0.912345679", "close"),
        ("accuracy 0.912", "accuracy 0.913", "different"),
        ("x 1", "y 1", "different"),
        ("nan", "nan", "equal"),
        ("[1.  2.]", "[1. 2.0000000001]", "close"),
        ("1e-10 v2.1", "1e-10 v2.2", "different"),
        ("something", None, "missing"),
        (None, "something", "missing"),
    ],
)
def test_likeness_is_exact_then_numeric(notebook, script, likeness):
    assert likeness_of(notebook, script) == likeness


def checked(cells, script, **options):
    found = value_checks(cells, script, compared=range(len(cells)), **options)
    return [(each.cell, each.kind, each.likeness, each.cause) for each in found]


def test_addresses_measured_times_and_line_ends_are_no_difference():
    cells = [cell("x", ("value", "<A at 0x7f0011223344>"), ("print", "CPU times: user 3 ms\nWall time: 3 s\na\r\n"))]
    script = {0: [CellOutput("print", "a\n"), CellOutput("value", "<A at 0x7f9911223344>")]}
    assert checked(cells, script) == [(0, "print", "equal", ""), (0, "value", "equal", "")]


def test_clock_and_chance_that_nobody_seeded_are_named_with_their_cell():
    cells = [
        cell("import time, numpy as np\nstart = time.time()"),
        cell("took = time.time() - start"),
        cell("took", ("value", "0.1")),
        cell("x = np.random.rand()"),
        cell("x", ("value", "0.5")),
        cell("y", ("value", "1")),
    ]
    script = {2: [CellOutput("value", "0.2")], 4: [CellOutput("value", "0.6")], 5: [CellOutput("value", "2")]}
    assert checked(cells, script) == [
        (2, "value", "clock", "time.time in cell 2"),
        (4, "value", "random", "np.random.rand in cell 4"),
        (5, "value", "different", ""),
    ]


def test_chance_with_a_seed_is_no_excuse():
    cells = [cell("np.random.seed(1)"), cell("x = np.random.rand()\nx", ("value", "0.5"))]
    assert checked(cells, {1: [CellOutput("value", "0.6")]}) == [(1, "value", "different", "")]


def test_cell_that_never_ran_is_not_compared_and_one_without_outputs_is():
    cells = [NotebookCell("code", "3"), cell("4")]
    script = {0: [CellOutput("value", "3")], 1: [CellOutput("value", "4")]}
    assert checked(cells, script) == [(1, "value", "missing", "")]


def test_values_displayed_before_a_cells_end_may_be_unknown():
    cells = [cell("display(1)\n2", ("value", "2"))]
    assert checked(cells, {0: [CellOutput("value", "1"), CellOutput("value", "2")]}, incomplete=True) == [
        (0, "value", "equal", "")
    ]


def test_pictures_and_widgets_are_no_values_and_markup_is_its_text():
    assert shown_output({"text/plain": "<Figure size 640x480 with 1 Axes>"}) is None
    assert shown_output({"text/plain": "HBox(children=())\n<VBoxWidget>"}) is None
    bar = "  0%|          | 0/5 [00:00<?, ?it/s]"
    assert shown_output({"text/plain": bar, "application/vnd.jupyter.widget-view+json": ""}) is None
    text = {"text/plain": "<IPython.core.display.HTML object>", "text/html": "<b>x</b>"}
    assert shown_output(text) == CellOutput("value", "<b>x</b>")


def test_progress_bars_are_times_and_not_compared():
    cells = [cell("for x in tqdm(range(5)): pass\nprint(x)", ("print", "4\n"))]
    told = "100%|██████████| 5/5 [00:00<00:00, 9341.43it/s]\n4\n"
    assert checked(cells, {0: [CellOutput("print", told)]}) == [(0, "print", "equal", "")]


def test_lines_of_a_step_know_their_cell():
    done = pipeline_script(notebook("#md # T", "#md ## A", "x = sum([1])", "print(x)"))
    found = cells_of_lines(done.source, done.steps)
    lines = done.source.split("\n")
    assert [found.get(lines.index(text) + 1) for text in ("    x = sum([1])", "    print(x)")] == [2, 3]


def test_generator_with_a_seed_is_no_chance():
    cells = [cell("rng = np.random.default_rng(3)"), cell("x = rng.normal()\nx", ("value", "0.5"))]
    assert checked(cells, {1: [CellOutput("value", "0.6")]}) == [(1, "value", "different", "")]
    free = [cell("rng = np.random.default_rng()"), cell("x = rng.normal()\nx", ("value", "0.5"))]
    assert checked(free, {1: [CellOutput("value", "0.6")]})[0][2:] == ("random", "rng.normal in cell 2")


def test_numbers_shown_with_fewer_digits_on_request_are_close():
    cells = [cell("%precision 3\npi", ("value", "3.142")), cell("pi", ("value", "3.142"))]
    assert checked(cells, {0: [CellOutput("value", "3.14159")], 1: [CellOutput("value", "3.17")]}) == [
        (0, "value", "close", ""),
        (1, "value", "different", ""),
    ]


def test_what_looks_into_folders_is_named_where_it_finds_other_files():
    cells = [cell("names = os.listdir()"), cell("names", ("value", "[]"))]
    assert checked(cells, {1: [CellOutput("value", "['a.csv']")]}) == [
        (1, "value", "different", "os.listdir in cell 1 finds other files than it did then")
    ]


def test_a_long_text_is_compared_as_far_as_the_script_kept_it():
    cells = [cell("print(x)", ("print", "abcdef\n"))]
    assert checked(cells, {0: [CellOutput("print", "abc", 4)]}) == [(0, "print", "equal", "")]
    assert checked(cells, {0: [CellOutput("print", "abd", 4)]})[0][2] == "different"
    assert checked(cells, {0: [CellOutput("print", "abc", 5)]})[0][2] == "different"


def test_a_value_that_only_tells_times_is_not_missing_in_the_script():
    cells = [cell("%timeit -o f()", ("value", "<TimeitResult : 3 us ± 1 us per loop (mean of 7 runs, 10 loops each)>"))]
    assert checked(cells, {}) == []
