"""Two runs' code: what makes no difference to Python is none, what is a recorded value's change is known as one."""

from __future__ import annotations

import pytest

from mlops_nb.tracking.code import (
    KnownChange,
    LedCell,
    LedFile,
    Origin,
    cell_changes,
    changed_lines,
    explaining,
    matched_cells,
    without_refits,
)
from mlops_nb.tracking.runs import Run

DEPTH = KnownChange(frozenset({"depth", "max_depth"}), 3, 5)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1", "x = 1  # the start"),
        ("x = f(1, 2)", "x = f(\n    1,\n    2,\n)\n"),
        ("x = 'a'", 'x = "a"'),
        ("%%mlops run a --tag k=1\nx = 1", "%%mlops run b\n\nx = 1"),
        ("x = 1\nprint(x)", "x = 1"),
        ("x = f()\ndf.head(3)", "x = f()\nx"),
        ("mlops_nb.set_tag('a', 1)\nx = 1", "x = 1\nmlops_nb.set_tag('a', 2)"),
        ('def f():\n    """Old."""\n    return 1', 'def f():\n    """New."""\n\n    return 1'),
        ("for i in a:\n    # one\n    b(i)", "for i in a:\n  b(i)"),
    ],
)
def test_what_makes_no_difference_is_none(before, after):
    assert changed_lines(before, after) == ()


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("a = 1\nb = 2", "a = 1\nb = 3", [("b = 2", "b = 3", 2, 2)]),
        ("# one\na = 1", "a = 2", [("a = 1", "a = 2", 2, 1)]),
        ("if a:\n    b()", "if a:\n    b()\nelse:\n    c()", [("", "else:\nc()", 0, 4)]),
        ("for i in a:\n    b(i)", "for i in a:\n    pass\nb(i)", [("b(i)", "pass\nb(i)", 2, 2)]),
        ("x = print(f())", "x = print(g())", [("x = print(f())", "x = print(g())", 1, 1)]),
        ("print(f(x))", "", [("print(f(x))", "", 1, 0)]),
        ("%%bash\nls", "%%bash\nls -l", [("ls", "ls -l", 2, 2)]),
        ("match x:\n    case 1:\n        a()", "match x:\n    case 2:\n        a()", [("case 1:", "case 2:", 0, 0)]),
        ("x = (", "x = [", [("x = (", "x = [", 1, 1)]),
    ],
)
def test_statements_that_differ_are_told_with_their_lines(before, after, lines):
    found = changed_lines(before, after)
    assert [("\n".join(o.before), "\n".join(o.after), o.before_line, o.after_line) for o in found] == lines


@pytest.mark.parametrize(
    ("before", "after", "is_known"),
    [
        ("depth = 3", "depth = 5", True),
        ("depth: int = 3", "depth: int = 5", True),
        ("m = Forest(100, max_depth=3).fit(X)", "m = Forest(100, max_depth=5).fit(X)", True),
        ("m = Forest(3)", "m = Forest(5)", True),
        ("p = {'depth': 3, 'k': 1}", "p = {'depth': 5, 'k': 1}", True),
        ("p['depth'] = 3", "p['depth'] = 5", True),
        ("depth = 3", "depth = choose()", True),
        ("if f(max_depth=3):\n    pass", "if f(max_depth=5):\n    pass", True),
        ("k, depth = 1, 3", "k, depth = 1, 5", True),
        ("k, depth = 1, 3", "k, depth = 2, 5", False),
        ("x = 3 * k", "x = 5 * k", False),
        ("width = 3", "width = 5", False),
        ("m = Forest(max_width=3)", "m = Forest(max_width=5)", False),
        ("depth = 3", "depth = 5; width = 4", False),
        ("m = Forest(max_depth=3)", "m = Tree(max_depth=5)", False),
        ("m = Forest(max_depth=3, k=1)", "m = Forest(max_depth=5, k=2)", False),
        ("m = Forest(max_depth=3)", "m = Forest(max_depth=6)", False),
    ],
)
def test_a_literal_that_is_a_recorded_value_explains_the_line_and_nothing_else_does(before, after, is_known):
    lines = changed_lines(before, after)
    assert all(explaining(one, [DEPTH]) for one in lines) is is_known


def test_a_keyword_that_comes_with_its_recorded_value_is_known():
    (line,) = changed_lines("m = Forest(10)", "m = Forest(10, max_depth=5)")
    assert explaining(line, [KnownChange(frozenset({"max_depth"}), None, 5)])
    assert explaining(line, [KnownChange(frozenset({"max_depth"}), None, 6)]) is None


def chain(*sources: str, ids: tuple[str, ...] = ()) -> tuple[LedCell, ...]:
    return tuple(LedCell(source, f"cell {n}", dict(enumerate(ids)).get(n, "")) for n, source in enumerate(sources))


@pytest.mark.parametrize(
    ("left", "right", "pairs"),
    [
        (chain("a = 1", "m = 1"), chain("a = 1", "m = 2"), [(0, 0), (1, 1)]),
        (chain("a = 1", "b = 2", "m"), chain("b = 2", "a = 1", "m"), [(1, 0), (0, 1), (2, 2)]),
        (chain("a = f()", "m"), chain("a = g()", "m"), [(0, 0), (1, 1)]),
        (chain("f()", "m", ids=("x",)), chain("g()", "m", ids=("x",)), [(0, 0), (1, 1)]),
        (chain("import a", "m"), chain("m"), [(0, None), (1, 0)]),
        (chain("m"), chain("import a", "m"), [(None, 0), (0, 1)]),
        (chain(), chain("m"), [(None, 0)]),
    ],
)
def test_cells_of_two_chains_find_their_like(left, right, pairs):
    assert matched_cells(left, right) == pairs


def test_only_cells_whose_text_differs_are_changes_and_layout_has_no_lines():
    left = chain("import os", "a = 1", "b = f(a)")
    right = chain("import os", "a = 1  # one", "b = g(a)")
    found = cell_changes(left, right)
    assert [(one.label, bool(one.lines)) for one in found] == [("cell 1", False), ("cell 2", True)]
    assert "-b = f(a)\n+b = g(a)" in found[1].diff


@pytest.mark.parametrize(
    ("first", "again", "kept"),
    [
        ("model.fit(X)", "model.fit(Z)", ["cell 0", "own"]),
        ("model.partial_fit(X)", "model.partial_fit(X)", ["cell 0", "cell 1", "own"]),
        ("model.fit(X)", "a = model.score(X)", ["cell 0", "cell 1", "own"]),
        ("model.fit(X); rows.append(1)", "model.fit(X); rows.append(1)", ["cell 0", "cell 1", "own"]),
        ("model = model.fit(X)", "model.fit(X)", ["cell 0", "cell 1", "own"]),
    ],
)
def test_a_cell_of_which_a_later_fit_leaves_nothing_is_not_in_the_chain(first, again, kept):
    cells = (
        LedCell("model, rows = Forest(), []", "cell 0"),
        LedCell(first, "cell 1", inputs={"model": 0, "rows": 0}),
        LedCell(again, "own", inputs={"model": 1, **({"rows": 1} if "rows" in again else {})}),
    )
    run = Run(1, "1" * 32, "a", "cell", "FINISHED", 0.0)
    found = without_refits(Origin(run, cells, (LedFile("x.csv", 1, 1.0, (1,)),)))
    assert [cell.label for cell in found.cells] == kept
    assert len(found.files) == len(kept) - 2
