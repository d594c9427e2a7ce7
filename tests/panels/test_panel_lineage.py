"""The panel of what led to a run: its sentence, its figure, its bounds."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_nb.panels.blocks import columns_wide
from mlops_nb.panels.lineage import lineage_panel, lineage_words, mermaid_panel
from mlops_nb.panels.lineage_figure import BOX, MOST_DRAWN, drawn_part, lineage_svg
from mlops_nb.tracking.lineage import LineageEdge, LineageGraph, LineageNode, Stale
from tests.panels.records import HOSTILE, NOW, Markup


def a_cell(number: int, label: str = "df = clean(df)", **fields) -> LineageNode:
    whole = {"execution": number, "execution_count": number, "started": NOW + number, "duration": 0.5}
    return LineageNode(f"cell:{number}", "cell", label, **{**whole, "status": "FINISHED", **fields})


def a_file(path: str = "data/flights.csv", **fields) -> LineageNode:
    return LineageNode(f"data:{path}", "data", path, **{"size_bytes": 12_345, "modified": NOW, **fields})


def the_run(**fields) -> LineageNode:
    return replace(a_cell(99), id="run:3", kind="run", label="forest", run=3, **fields)


def a_graph(*nodes: LineageNode, edges=(), run: LineageNode | None = None, **fields) -> LineageGraph:
    return LineageGraph(3, "forest", (*nodes, run or the_run()), tuple(LineageEdge(*edge) for edge in edges), **fields)


def a_lineage(name: str = "df = read()") -> LineageGraph:
    stale = (Stale(name, 9, 9, name, at_run=True), Stale(name, 9, None, name, at_run=False))
    parameter = LineageNode("parameter:n:1", "parameter", name, value=name)
    return LineageGraph(
        3,
        name,
        (
            a_file(name, state="changed"),
            a_cell(1, name, stale=stale, state="edited", source=name),
            parameter,
            a_cell(2, name, state="deleted", notebook=name, execution_count=None),
            the_run(),
        ),
        (
            LineageEdge(f"data:{name}", "cell:1"),
            LineageEdge("cell:1", "cell:2", (name, "x")),
            LineageEdge("cell:1", "parameter:n:1"),
            LineageEdge("parameter:n:1", "run:3"),
            LineageEdge("cell:2", "run:3", (name,)),
        ),
        (name,),
    )


def parts(graph: LineageGraph):
    return graph.nodes, graph.edges


def a_chain(length: int) -> LineageGraph:
    nodes = [a_cell(number) for number in range(length)]
    edges = [(f"cell:{number}", f"cell:{number + 1}", ("df",)) for number in range(length - 1)]
    return a_graph(*nodes, edges=[*edges, (f"cell:{length - 1}", "run:3", ("df",))])


def test_the_sentence_says_how_much_led_to_the_run_and_what_is_stale():
    two = (a_file(), a_cell(1), a_cell(2))
    edges = [("data:data/flights.csv", "cell:1"), ("cell:1", "cell:2", ("df",)), ("cell:2", "run:3", ("X",))]
    assert lineage_words(a_graph(*two, edges=edges)) == "forest (run 3) came from 2 cells and 1 file; nothing is stale."
    at_run = a_cell(2, stale=(Stale("df", 5, 5, "df = 1", at_run=True),))
    assert lineage_words(a_graph(a_cell(1), at_run)) == (
        "forest (run 3) came from 2 cells; 1 cell is stale: [2] used df, which [5] changed before the run was made."
    )
    files = (a_file(state="changed"), a_file("b.csv", state="gone"), a_cell(1))
    assert lineage_words(a_graph(*files)).endswith(
        "nothing is stale, but data/flights.csv changed since and b.csv is gone."
    )
    assert lineage_words(a_graph(a_file(state="gone"), at_run)).endswith("was made; data/flights.csv is gone.")
    since = the_run(stale=(Stale("a.csv", 7, None, "write()", at_run=False),))
    assert lineage_words(a_graph(run=since)) == (
        "forest (run 3) came from its own cell alone; 1 cell is stale: the run itself used a.csv, "
        "which write() changed since."
    )
    assert lineage_words(a_graph(run=the_run(execution=None))) == (
        "forest (run 3) was made where no cell was recorded, so what led to it is not known."
    )


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_no_name_becomes_markup_and_the_text_has_eighty_columns(name):
    panel = lineage_panel(a_lineage(name))
    assert Markup(panel.html()).is_inert
    panel.html().encode("utf-8")
    assert max(map(columns_wide, panel.text().split("\n"))) <= 80
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", panel.text())
    assert Markup(mermaid_panel(*parts(a_lineage(name))).html()).is_inert
    assert lineage_panel(a_lineage(name)).html() == panel.html()


def test_what_is_stale_edited_deleted_or_changed_is_said_in_words_in_figure_and_table():
    panel = lineage_panel(a_lineage())
    for words in ("⚠\u00a0stale", "✎\u00a0edited\u00a0since", "✕\u00a0deleted\u00a0since", "✎\u00a0changed\u00a0since"):
        assert panel.html().count(words) == 2
    assert "⚠\u00a0stale" in panel.text()


@st.composite
def graphs(draw) -> LineageGraph:
    """Up to sixty cells, each with edges from earlier ones."""
    length = draw(st.integers(1, 60))
    kinds = draw(st.lists(st.sampled_from(["cell", "data", "parameter"]), min_size=length, max_size=length))
    nodes = [replace(a_cell(number), kind=kind) for number, kind in enumerate(kinds)]
    ids = [*(node.id for node in nodes), "run:3"]
    pairs = st.tuples(st.integers(0, length), st.integers(0, length)).filter(lambda pair: pair[0] < pair[1])
    edges = draw(st.lists(pairs, max_size=120, unique=True))
    return a_graph(*nodes, edges=[(ids[a], ids[b], ("x",)) for a, b in edges])


@given(graphs())
def test_boxes_never_overlap_and_every_edge_goes_down(graph):
    svg, _ = lineage_svg(graph)
    nodes, edges = drawn_part(graph)
    if len(nodes) < 2:
        assert svg == ""
        return
    width, height = (float(each) for each in re.search(r'viewBox="0 0 (\S+) (\S+)"', svg).groups())
    boxes = [
        (float(x), float(y)) for x, y in re.findall(r'<text x="(\S+)" y="(\S+)" text-anchor="middle"[^>]*>\[', svg)
    ]
    for place, (x, y) in enumerate(boxes):
        assert BOX / 2 <= x <= width - BOX / 2
        assert y < height
        assert not [1 for other_x, other_y in boxes[place + 1 :] if y == other_y and abs(x - other_x) < BOX]
    ways = re.findall(r'd="M\S+ (\S+)C\S+ \S+ \S+ \S+ \S+ ([\d.]+)', svg)
    assert len(ways) >= len({edge.source for edge in edges})
    assert all(float(start) < float(end) for start, end in ways)


def test_a_large_graph_is_drawn_in_part_and_its_table_is_paged():
    graph = a_chain(400)
    assert len(drawn_part(graph)[0]) == MOST_DRAWN
    panel = lineage_panel(graph)
    assert len(panel.html()) < 200_000
    assert "Not drawn: 361 boxes farther from the run" in panel.text()
    assert "> 190 more" in panel.text()
    assert "+201 more: mlops_nb.lineage(3).nodes" in panel.html()


def test_stale_cells_are_drawn_however_far_they_are():
    chain = a_chain(100)
    stale = replace(chain.nodes[0], stale=(Stale("df", 500, 500, "df", at_run=False),))
    assert stale in drawn_part(replace(chain, nodes=(stale, *chain.nodes[1:])))[0]


def test_cells_that_only_give_imports_are_in_the_table_alone():
    edges = [("cell:1", "run:3", ("np",), True), ("cell:2", "run:3", ("X",))]
    panel = lineage_panel(a_graph(a_cell(1, "import numpy as np"), a_cell(2), edges=edges))
    assert "Not drawn: 1 cell that only gives imports; it is in the table." in panel.text()
    assert "import numpy as np" not in panel.html().partition("</svg>")[0]
    assert "import numpy as np" in panel.html().partition("</svg>")[2]


def test_a_mermaid_chart_is_copied_as_it_is():
    panel = mermaid_panel(*parts(a_chain(200)))
    assert panel.text().startswith("flowchart TD\n")
    assert len(panel.text().splitlines()) == 1 + 201 + 200
