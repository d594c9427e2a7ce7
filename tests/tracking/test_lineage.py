"""What led to a run, from made-up histories: the newest earlier writer of every name, in whatever order cells ran."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_nb.notebook.cells import read_cell
from mlops_nb.notebook.records import NotebookCell
from mlops_nb.record import json_value
from mlops_nb.tracking.executions import Execution
from mlops_nb.tracking.lineage import cell_heading, lineage, mermaid
from mlops_nb.tracking.runs import FileUse, Param, Run


def ran(*sources, session=1, first=1, files=None, failed=()) -> list[Execution]:
    """The sources as one kernel ran them; `a: x = 1` is the cell with the id `a`."""
    found = []
    for number, text in enumerate(sources, first):
        cell, colon, source = text.partition(": ")
        cell, source = (cell, source) if colon and cell.isidentifier() and len(cell) < 4 else ("", text)
        names = read_cell(source)
        status = "FAILED" if number in failed else "FINISHED"
        found.append(
            Execution(
                source,
                float(number),
                0.5,
                status,
                "n.ipynb",
                cell,
                number,
                names.reads,
                (*names.writes, *names.mutates),
                tuple((files or {}).get(number, ())),
                number,
                session,
            )
        )
    return found


def graph_of(history, target=None, params=(), **more):
    run = Run(9, "f" * 32, "forest", "cell", "FINISHED", 0.0, params=tuple(params))
    return lineage(run, history, target or history[-1].id, **more)


def flows(graph) -> set[tuple[str, str, str]]:
    """Source, target and names of every edge, cells by their number."""
    return {(edge.source.split(":")[-1], edge.target.split(":")[-1], " ".join(edge.names)) for edge in graph.edges}


def numbers(graph) -> list[int]:
    return [cell.execution for cell in graph.cells]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["x = 1", "y = 2", "z = x"], {("1", "9", "x")}),
        (["x = 1", "x = 2", "z = x"], {("2", "9", "x")}),
        (["x = [1]", "x.append(2)", "z = x"], {("1", "2", "x"), ("2", "9", "x")}),
        (["s = S()", "s.fit(3)", "t = s.transform(4)"], {("1", "2", "s"), ("2", "9", "s")}),
        (["df = f", "df['x'] = 1", "m = df"], {("1", "2", "df"), ("2", "9", "df")}),
        (["n = 1", "n += 1", "m = n"], {("1", "2", "n"), ("2", "9", "n")}),
        (["C = ['a']", "def f(d):\n    return d[C]", "d = 1", "m = f(d)"],
         {("1", "9", "C"), ("2", "9", "f"), ("3", "9", "d")}),
        (["def g():\n    return k", "def f():\n    return g()", "k = 1", "k = 2", "m = f()"],
         {("1", "9", "g"), ("2", "9", "f"), ("4", "9", "k")}),
        (["box = []", "def f():\n    box.append(1)", "f()", "m = box"],
         {("1", "3", "box"), ("2", "3", "f"), ("3", "9", "box")}),
        (["x = 1", "if c:\n    x = 2", "z = x"], {("1", "9", "x"), ("2", "9", "x")}),
        (["x = 1", "del x", "z = x"], set()),
        (["x = [1]", "y = x", "y.append(2)", "z = x"],
         {("1", "2", "x"), ("2", "3", "y"), ("1", "9", "x"), ("3", "9", "x")}),
        (["x = 1", "exec(input())", "z = q"], {("2", "9", "q"), ("1", "2", "x")}),
        (["import numpy as np", "np.random.seed(1)", "z = np.random.rand()"],
         {("1", "2", "np"), ("1", "9", "np"), ("2", "9", "random state of numpy")}),
        (["def f():\n    return k", "f = 3", "k = 1", "m = f"], {("2", "9", "f")}),
        (["import numpy as np", "%time x = np.ones(3)", "m = x"], {("1", "2", "np"), ("2", "9", "x")}),
        (["x = 1", "x = (", "m = x"], {("1", "9", "x")}),
        (["print(1)", "len([])", "m = print"], set()),
    ],
)  # fmt: skip
def test_every_name_comes_from_who_wrote_it_last(sources, expected):
    assert flows(graph_of(ran(*sources))) == expected


def test_a_failed_cell_may_have_left_a_name_as_it_was():
    assert flows(graph_of(ran("x = 1", "x = 2 / 0", "m = x", failed=(2,)))) == {("1", "9", "x"), ("2", "9", "x")}
    assert flows(graph_of(ran("x = 1", "x = 2 / 0", "x = 3", "m = x", failed=(2,)))) == {("3", "9", "x")}


def test_cells_that_did_not_lead_to_the_run_are_not_in_it():
    assert numbers(graph_of(ran("a = 1", "b = 2", "c = a", "print(b)", "m = c", "later = m"), 5)) == [1, 3]


def test_the_order_of_execution_decides_not_that_of_the_notebook():
    history = ran("a: x = 1", "c: y = x + 1", "b: x = 10", "c: y = x + 1", "d: m = y")
    assert numbers(graph_of(history)) == [3, 4]


def test_a_name_of_another_kernel_is_another_name():
    history = [*ran("x = 1", session=1), *ran("m = x", session=2, first=2)]
    graph = graph_of(history)
    assert (numbers(graph), graph.unknown) == ([], ("x",))


def test_names_that_no_recorded_cell_wrote_are_said():
    assert graph_of(ran("m = lost + len(_) + _1 + In[0]")).unknown == ("lost",)


def test_what_a_cell_read_that_gave_only_an_import_says_nothing_of_the_run():
    history = ran("from math import sqrt\nprint(depth)", "x = lost", "m = sqrt(x)")
    assert (numbers(graph_of(history)), graph_of(history).unknown) == ([1, 2], ("lost",))


def test_a_parameter_flows_through_a_node_of_its_own():
    history = ran("n = 300\nname = 'a'", "model = Forest(n)", "m = model.score(n, name)")
    graph = graph_of(history, params=[Param("n", 300), Param("other", 1)])
    parameter = next(node for node in graph.nodes if node.kind == "parameter")
    assert (parameter.label, parameter.value) == ("n", 300)
    edges = {(edge.source, edge.target): edge.names for edge in graph.edges}
    assert edges["cell:1", parameter.id] == edges[parameter.id, "cell:2"] == edges[parameter.id, "run:9"] == ()
    assert edges["cell:1", "run:9"] == ("name",)


# files

A, B = FileUse("a.csv", is_read=True, size_bytes=10, modified=1.0), FileUse("b.csv", is_written=True)


def test_a_file_written_and_then_read_leads_from_cell_to_cell_and_from_kernel_to_kernel():
    first = ran("df = read()", "df.write()", files={1: [A], 2: [B]})
    second = ran("m = read()", session=2, first=3, files={3: [FileUse("b.csv", is_read=True)]})
    graph = graph_of([*first, *second])
    assert [node.id for node in graph.nodes] == ["data:a.csv", "cell:1", "cell:2", "data:b.csv:2", "run:9"]
    assert flows(graph) == {("a.csv", "1", ""), ("1", "2", "df"), ("2", "2", ""), ("2", "9", "")}
    assert (graph.files[0].size_bytes, graph.files[0].modified) == (10, 1.0)


def test_who_wrote_one_file_of_a_folder_leads_to_who_read_all_of_it_and_the_other_way_round():
    many = FileUse("d/", is_read=True, count=30)
    graph = graph_of(ran("w()", "m = r()", files={1: [FileUse("d/7.png", is_written=True)], 2: [many]}))
    assert numbers(graph) == [1]
    many = FileUse("d/", is_written=True, count=30)
    graph = graph_of(ran("w()", "m = r()", files={1: [many], 2: [FileUse("d/7.png", is_read=True)]}))
    assert numbers(graph) == [1]


def test_a_file_that_is_not_what_was_read_any_more_is_marked():
    def state(now):
        return graph_of(ran("m = r()", files={1: [A]}), files_now=now).files[0].state

    assert [state(now) for now in ({}, {"a.csv": (10, 1.0)}, {"a.csv": (10, 2.0)}, {"a.csv": None})] == [
        "", "", "changed", "gone",
    ]  # fmt: skip


# stale, edited, deleted


def stale(graph) -> list[tuple[int, str, int, bool]]:
    return [(node.execution, one.name, one.execution, one.at_run) for node in graph.nodes for one in node.stale]


@pytest.mark.parametrize(
    ("sources", "target", "expected"),
    [
        (["a: x = 1", "b: y = x", "c: m = y"], 3, []),
        (["a: x = 1", "b: y = x", "a: x = 2", "c: m = y"], 4, [(2, "x", 3, True)]),
        (["a: x = 1", "b: y = x", "a: x = 2", "c: m = y", "b: y = x"], 4, [(2, "x", 3, True), (4, "y", 5, False)]),
        (["a: x = 1", "b: y = x", "c: m = y", "a: x = 2"], 3, [(2, "x", 4, False)]),
        (["a: x = 1", "b: y = x", "c: m = y", "a: x = 2", "b: y = x"], 3, [(3, "y", 5, False)]),
        (["a: x = 1", "b: y = x", "c: m = y", "a: x = 2", "b: y = x", "c: m = y"], 3, []),
        (["a: x = 1", "b: y = x", "c: m = y", "a: x = 1"], 3, []),
        (["a: x = 1", "b: y = x", "c: m = y", "d: x = 5"], 3, []),
        (["a: df = r()", "b: df['u'] = 1", "c: df['v'] = 2", "d: df = df.dropna()", "e: m = df"], 5, []),
        (["a: import os", "b: y = os", "c: m = y", "a: import os"], 3, []),
        (["a: def f(): return 1", "b: y = f()", "c: m = y", "a: def f(): return 1"], 3, []),
        (["a: def f(): return 1", "b: y = f()", "c: m = y", "a: def f(): return 2"], 3, [(2, "f", 4, False)]),
        (["a: x = r()", "b: y = x", "c: m = y", "a: x = r()"], 3, [(2, "x", 4, False)]),
        (["a: x = 1", "b: m = x", "a: x = 3"], 2, [(2, "x", 3, False)]),
        (["a: x = 1", "b: m = x", "a: x = 3 / 0"], 2, [(2, "x", 3, False)]),
    ],
)
def test_stale_is_who_read_what_a_cell_above_it_changed_later(sources, target, expected):
    assert stale(graph_of(ran(*sources), target)) == expected


def test_a_change_by_a_cell_that_failed_makes_nothing_stale():
    assert stale(graph_of(ran("a: x = 1", "b: m = x", "a: x = 3 / 0", failed=(3,)), 2)) == []


def test_where_cells_stand_in_the_saved_notebook_decides_what_is_above():
    history = ran("a: x = 1", "b: y = x", "n: x = 7", "c: m = y")
    order = ["a", "n", "b", "c"]
    sources = {one.cell_id: one.source for one in history}
    saved = {"n.ipynb": [NotebookCell("code", sources[cell], cell) for cell in order]}
    assert stale(graph_of(history)) == []
    assert stale(graph_of(history, notebooks=saved)) == [(2, "x", 3, True)]


def test_a_file_written_again_makes_its_reader_stale():
    wrote, read = [FileUse("b.csv", is_written=True)], [FileUse("b.csv", is_read=True)]
    history = ran("a: w()", "b: y = r()", "c: m = y", "a: w(2)", files={1: wrote, 2: read, 4: wrote})
    assert stale(graph_of(history, 3)) == [(2, "b.csv", 4, False)]


def test_edited_and_deleted_cells_are_marked():
    history = ran("a: x = 1", "b: y = x", "c: z = y", "m = x + y + z")
    cells = [
        NotebookCell("markdown", "x = 1"),
        NotebookCell("code", "x = 2", "a"),
        NotebookCell("code", "z = y\n", "c"),
    ]
    graph = graph_of(history, notebooks={"n.ipynb": [*cells, NotebookCell("code", "m = x + y + z", "moved")]})
    assert [node.state for node in graph.nodes] == ["edited", "deleted", "", ""]


# properties

NAMES = "abcd"
STATEMENTS = st.one_of(
    st.builds("{} = J({}, {})".format, *[st.sampled_from(NAMES)] * 3),
    st.builds("{} = J()".format, st.sampled_from(NAMES)),
    st.builds("{}.update({})".format, *[st.sampled_from(NAMES)] * 2),
    st.builds("@D\ndef {}():\n    return J({})".format, st.sampled_from("fg"), st.sampled_from(NAMES)),
    st.builds("@D\ndef f():\n    return J({}, g())".format, st.sampled_from(NAMES)),
    st.builds("{} = {}()".format, st.sampled_from(NAMES), st.sampled_from("fg")),
)
HISTORIES = st.lists(STATEMENTS, min_size=1, max_size=6).flatmap(
    lambda cells: st.lists(st.sampled_from(cells), min_size=1, max_size=25)
)


class Value:
    """A value that knows in which executions it, and all that went into it, came about."""

    def __init__(self, came_from):
        self.came_from = came_from

    def update(self, other):
        self.came_from = self.came_from | other.came_from | {Value.now}


class Defined(Value):
    def __init__(self, function):
        super().__init__({Value.now})
        self.function = function

    def __call__(self):
        return Value(self.function().came_from | self.came_from)


def really_ran(cells) -> tuple[list[str], dict[int, set[int]]]:
    """The cells that Python could run, and the executions that each one's result came from."""
    namespace = {"J": lambda *given: Value(set().union({Value.now}, *(one.came_from for one in given))), "D": Defined}
    kept, came_from = [], {}
    for source in cells:
        Value.now = len(kept) + 1
        before = {name: value.came_from for name, value in namespace.items() if isinstance(value, Value)}
        try:
            exec(source, namespace)
        except (NameError, TypeError, RecursionError):
            continue
        kept.append(source)
        after = {name: value.came_from for name, value in namespace.items() if isinstance(value, Value)}
        changed = [whole for name, whole in after.items() if before.get(name) is not whole]
        came_from[len(kept)] = set().union({Value.now}, *changed)
    return kept, came_from


@given(HISTORIES)
def test_the_graph_is_what_python_itself_says_came_together(cells):
    kept, came_from = really_ran(cells)
    for number in came_from:
        history = ran(*kept)
        assert {*numbers(graph_of(history, number)), number} == came_from[number], kept


@given(HISTORIES)
def test_no_writer_is_later_than_its_reader_and_none_came_between(cells):
    history = ran(*cells)
    graph = graph_of(history)
    where = {node.id: node.execution for node in graph.nodes}
    for edge in graph.edges:
        writer, reader = where[edge.source], where[edge.target]
        assert writer < reader
        for name in edge.names:
            assert not [one.id for one in history[writer : reader - 1] if name in one.writes]


SOURCES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["<script>alert(1)</script>", 'x = "</text>"', "%%bash\nrm -rf /", "x = (" * 50, "# \u202e\ud800", ""]
    ),
)


@given(st.lists(st.builds("{} = {}\n{}".format, st.sampled_from(NAMES), st.sampled_from(NAMES), SOURCES), min_size=1))
def test_hostile_cells_give_a_graph_a_chart_and_json(sources):
    graph = graph_of(ran(*sources))
    json.dumps(json_value(graph.to_dict()))
    chart = mermaid(graph.nodes, graph.edges)
    has_stale = any(node.is_stale for node in graph.nodes)
    assert len(chart.splitlines()) == 1 + len(graph.nodes) + len(graph.edges) + 2 * has_stale
    assert "<" not in chart


def test_a_heading_is_the_first_line_that_says_something():
    assert [cell_heading(source) for source in ("", "%%time", "#!\n#\nx = 1", "# %% Train\nfit()", "x\n# later")] == [
        "", "%%time", "x = 1", "Train", "x",
    ]  # fmt: skip
