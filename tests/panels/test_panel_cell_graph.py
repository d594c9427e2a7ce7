"""The panel of a notebook's graph: its sentence, its figure, its bounds."""

from __future__ import annotations

from dataclasses import replace

from mlops_nb.panels.cell_graph import cell_graph_panel, drawn_part, graph_words
from mlops_nb.panels.lineage_figure import MOST_DRAWN
from mlops_nb.tracking.lineage import LineageEdge, LineageNode
from mlops_nb.tracking.notebook_graph import NotebookGraph
from tests.panels.records import a_cell_graph


def a_chain(length: int) -> NotebookGraph:
    nodes = tuple(LineageNode(f"cell:{at}", "cell", f"x{at} = 1", execution_count=at) for at in range(length))
    edges = [LineageEdge(f"cell:{at}", f"cell:{at + 1}", ("x",)) for at in range(length - 1)]
    return NotebookGraph("long.ipynb", nodes, tuple(edges))


def test_the_sentence_says_how_many_cells_and_what_is_stale():
    assert graph_words(a_cell_graph()) == (
        "flights.ipynb: 3 cells, 2 edges; 1 cell never ran; 1 cell is stale: [2] used flights.ipynb, "
        "which [9] changed since."
    )
    assert graph_words(a_chain(2)) == "long.ipynb: 2 cells, 1 edge; nothing is stale."
    assert graph_words(NotebookGraph("empty.ipynb", (), ())) == "empty.ipynb has no cell of code."


def test_an_empty_panel_says_what_would_fill_it():
    assert "%mlops graph" in cell_graph_panel(NotebookGraph("empty.ipynb", (), ())).html()


def test_stale_cells_are_dashed_and_said_in_words():
    html = cell_graph_panel(a_cell_graph()).html()
    assert 'stroke-dasharray="5 3"' in html
    assert "⚠\u00a0stale, ✎\u00a0edited\u00a0since" in html
    assert "○\u00a0never\u00a0ran" in html
    assert "Not all can be known of exec(text)" in html


def test_what_is_known_only_from_the_text_is_said():
    assert "%mlops track on" in cell_graph_panel(a_cell_graph()).html()
    assert "%mlops track on" not in cell_graph_panel(a_cell_graph(is_recorded=True)).html()


def test_an_edge_that_others_imply_is_not_drawn_but_told():
    graph = a_chain(3)
    graph = replace(graph, edges=(*graph.edges, LineageEdge("cell:0", "cell:2", ("y",))))
    assert [(edge.source, edge.target) for edge in drawn_part(graph)[1]] == [("cell:0", "cell:1"), ("cell:1", "cell:2")]
    assert "x and y" in cell_graph_panel(graph).html()


def test_a_thousand_cells_are_bounded_and_drawn_to_the_last():
    graph = a_chain(1_000)
    panel = cell_graph_panel(graph)
    assert len(drawn_part(graph)[0]) == MOST_DRAWN
    assert drawn_part(graph)[0][-1].id == "cell:999"
    assert "Not drawn: 960 cells" in panel.html()
    assert "+800 more: mlops_nb.graph(NOTEBOOK).nodes" in panel.html()
    assert len(panel.html()) < 200_000


def test_the_text_form_fits_eighty_columns():
    assert all(len(line) <= 80 for line in cell_graph_panel(a_cell_graph()).text().splitlines())
