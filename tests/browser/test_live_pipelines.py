"""The pipeline panel in JupyterLab while a script runs beside it."""

from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.lab import SHOTS, Lab
from tests.browser.test_live_runs import a_notebook
from tests.panels.test_panel_pipelines_live import SLOW

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipelines")
    nbformat.write(a_notebook("%mlops pipelines", "print('all ' + 'ran')"), folder / "watching.ipynb")
    (folder / "slow.py").write_text(SLOW)
    SHOTS.mkdir(exist_ok=True)
    with Lab(folder, tmp_path_factory.mktemp("settings")) as running:
        yield running


def test_panel_follows_a_script_and_its_steps_are_opened_by_keys(lab, browser):
    page = browser.page
    browser.open("watching.ipynb")
    browser.run_all()
    page.get_by_text("all ran", exact=True).first.wait_for(state="attached")
    panel = browser.cell("%mlops pipelines").locator(".mlops-pipelines")
    panel.get_by_text("No pipeline has run in this store.").wait_for()
    script = subprocess.Popen([sys.executable, "slow.py", "--quiet"], cwd=lab.folder)
    row = panel.get_by_role("row", name="fit")
    expect(row).to_contain_text("▷ running for 1 s")
    expect(panel.get_by_role("row", name="evaluate")).to_contain_text("○ waits")
    page.screenshot(path=SHOTS / "pipelines-running-1300.png")
    (lab.folder / "go on").touch()
    assert script.wait() == 0
    expect(panel.get_by_role("row", name="evaluate")).to_contain_text("✓ ran")
    first = panel.get_by_role("row", name="load")
    first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    panel.get_by_text("read 4 rows").wait_for()
    assert first.get_attribute("aria-current") == "true"
    page.set_viewport_size({"width": 600, "height": 1300})
    page.wait_for_timeout(800)
    page.screenshot(path=SHOTS / "pipelines-600.png")
