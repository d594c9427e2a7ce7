"""The notebooks as they are committed: with outputs, small, and silent about where they ran."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return request.param


def outputs_of(path: Path) -> list[dict]:
    cells = nbformat.read(path, as_version=4).cells
    return [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]


def test_committed_notebook_is_valid_and_below_a_megabyte(notebook):
    nbformat.validate(nbformat.read(notebook, as_version=4))
    assert notebook.stat().st_size < 1_000_000


def test_committed_notebook_ran_from_top_to_bottom_without_an_error(notebook):
    cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(output.output_type != "error" for output in outputs_of(notebook))


def test_committed_notebook_shows_its_panels_without_a_kernel(notebook):
    panels = [
        out.data["text/html"]
        for out in outputs_of(notebook)
        if "mlops-panel" in out.get("data", {}).get("text/html", "")
    ]
    assert all('class="mp-sentence"' in panel for panel in panels)
    assert sum("<table>" in panel for panel in panels) >= 5
    assert any("<svg" in panel for panel in panels)
    assert max(map(len, panels)) < 200_000


def test_committed_notebook_names_no_folder_of_the_machine_it_ran_on(notebook):
    text = json.dumps(outputs_of(notebook))
    assert not re.search(r"/(home|root|tmp|Users|work|var)/", text)
    assert not nbformat.read(notebook, as_version=4).metadata.get("widgets")
