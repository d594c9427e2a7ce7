"""A saved panel in a JupyterLab that trusts the notebook, and in one that does not."""

from __future__ import annotations

import os
import subprocess
import sys

import nbformat
import pytest
from playwright.sync_api import expect

from mlops_nb.panels.artifacts import artifacts_panel
from tests.browser.lab import Lab
from tests.panels.records import some_artifacts

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def a_saved_panel(path, settings, *, is_trusted: bool) -> None:
    html = artifacts_panel(some_artifacts("forest", 4)).html().replace("<details>", "<details open>")
    output = nbformat.v4.new_output("display_data", {"text/html": html})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cell = nbformat.v4.new_code_cell("%mlops artifacts forest", outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(metadata=kernel, cells=[cell]), path)
    if is_trusted:
        environment = {**os.environ, "JUPYTER_DATA_DIR": str(settings / "data")}
        subprocess.run([sys.executable, "-m", "jupyter", "trust", str(path)], env=environment, check=True)


@pytest.fixture
def lab(tmp_path):
    folder, settings = tmp_path / "notebooks", tmp_path / "of_jupyter"
    folder.mkdir()
    settings.mkdir()
    a_saved_panel(folder / "own.ipynb", settings, is_trusted=True)
    a_saved_panel(folder / "foreign.ipynb", settings, is_trusted=False)
    with Lab(folder, settings) as running:
        yield running


@pytest.mark.parametrize(("notebook", "pictures"), [("own", 1), ("foreign", 0)])
def test_labels_of_a_picture_are_seen_only_where_the_picture_is(browser, notebook, pictures):
    browser.open(f"{notebook}.ipynb")
    browser.page.get_by_text("4 artifacts of forest").wait_for()
    expect(browser.page.locator(".mp-picture svg")).to_have_count(pictures)
    expect(browser.page.get_by_text("predicted →")).to_be_visible(visible=pictures == 1)
