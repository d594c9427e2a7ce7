"""Lineage in JupyterLab: cells with the ids that it sends, one run again out of order, drawn light and dark."""

from __future__ import annotations

import nbformat
import pytest

import mlops_nb.store
from mlops_nb.notebook import service
from mlops_nb.store import open_store
from tests.browser.lab import Lab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

CELLS = [
    "%load_ext mlops_nb\nimport pandas as pd",
    "# parameters\nlate_after = 15",
    "# Load the flights\ndf = pd.read_csv('flights.csv')",
    "weather = pd.read_csv('weather.csv')",
    "def features(frame):\n    return frame.assign(late=frame.delay > late_after)",
    "# Join the weather\ndf = df.merge(weather, on='hour')",
    "X = features(df)",
    "X.to_csv('features.csv', index=False)",
    "again = pd.read_csv('features.csv')",
    "%%mlops run forest --param late_after --metric score\nscore = float(again.late.mean()) + X.temp.mean() / 100",
    "print('cells ' + 'ran')",
    "%mlops lineage forest",
    "print('all ' + 'ran')",
]


@pytest.fixture
def lab(tmp_path):
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "flights.csv").write_text("hour,delay\n1,3\n2,20\n3,40\n")
    (folder / "weather.csv").write_text("hour,temp\n1,3\n2,2\n3,4\n")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(nbformat.v4.new_notebook(metadata=kernel, cells=cells), folder / "lineage.ipynb")
    (tmp_path / "settings-lab").mkdir()
    with Lab(folder, tmp_path / "settings-lab") as running:
        yield running


def shot(browser, figure, path):
    figure.scroll_into_view_if_needed()
    browser.page.wait_for_timeout(800)
    browser.page.screenshot(path=path)


def test_lineage_is_drawn_and_a_cell_run_again_shows_as_stale_in_both_themes(lab, browser, tmp_path):
    page = browser.page
    page.set_viewport_size({"width": 1300, "height": 1000})
    for theme in ("Light", "Dark"):
        lab.choose_theme(f"JupyterLab {theme}")
        browser.open("lineage.ipynb")
        browser.run_all()
        browser.to_bottom()
        page.get_by_text("all ran", exact=True).first.wait_for(timeout=120_000, state="attached")
        page.keyboard.press("Control+b")
        browser.cell("# Load the flights").locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(1000)
        cell = browser.cell("%mlops lineage")
        cell.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(2500)
        figure = cell.locator(".mlops-panel svg").first
        figure.wait_for()
        for width in (1300, 600):
            page.set_viewport_size({"width": width, "height": 1000})
            shot(browser, cell.locator(".mlops-panel"), tmp_path / f"lineage-{theme.lower()}-{width}.png")
            box, panel = figure.bounding_box(), cell.locator(".jp-OutputArea-output").first.bounding_box()
            assert box["x"] + box["width"] <= panel["x"] + panel["width"] + 1
        page.set_viewport_size({"width": 1300, "height": 1000})
        assert cell.locator("svg rect[stroke-dasharray]").count() >= 1
        assert "stale" in cell.inner_text()
        browser.save()
    graph = service.lineage("forest", store=open_store(lab.folder))
    assert all(node.cell_id for node in graph.cells)
    assert {file.label for file in graph.files} == {"flights.csv", "weather.csv", "features.csv"}
    mlops_nb.store.close_stores()
