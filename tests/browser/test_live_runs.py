"""The runs panel while a long cell logs, in its own notebook and in another one."""

from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.lab import SHOTS, Lab
from tests.browser.test_jupyterlab import HOSTILE

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

LONG = """%%mlops run long
import time
from pathlib import Path
import mlops_nb
step = 0
while not Path("stop-WHO").exists():
    step += 1
    mlops_nb.log(step, loss=1 / step, accuracy=1 - 1 / (step + 1))
    time.sleep(0.05)
print("the long cell " + "ended")"""


PAST = f"""
import mlops_nb
for k in range(12):
    with mlops_nb.run({HOSTILE!r} if k == 3 else 'past') as run:
        run.log_params({{'depth': k % 4 + 1, 'rate': 10.0 ** -(k % 3), 'crit': ['gini', 'entropy'][k % 2]}})
        for step in range(30):
            run.log(step, loss=1 / (step + 1 + k), accuracy=step / 40 + k / 100)
"""


def a_notebook(*cells: str) -> nbformat.NotebookNode:
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(
        metadata=kernel, cells=[nbformat.v4.new_code_cell(source) for source in ("%load_ext mlops_nb", *cells)]
    )


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    sweep = (
        "%%mlops sweep forest --param depth=range(1,5) --param rate=0.01,0.1,1 --metric accuracy\n"
        "accuracy = depth / 5 - rate / 7"
    )
    notebooks = {
        "here": a_notebook("%mlops runs", LONG.replace("WHO", "here")),
        "watching": a_notebook("%mlops runs", "print('all ' + 'ran')"),
        "logging": a_notebook(LONG.replace("WHO", "logging").replace("run long", "run elsewhere")),
        "sweeping": a_notebook(sweep, "print('all ' + 'ran')"),
    }
    for name, notebook in notebooks.items():
        nbformat.write(notebook, folder / f"{name}.ipynb")
    subprocess.run([sys.executable, "-c", PAST], cwd=folder, check=True)
    SHOTS.mkdir(exist_ok=True)
    with Lab(folder, tmp_path_factory.mktemp("settings")) as running:
        yield running
        for name in ("here", "logging"):
            (folder / f"stop-{name}").touch()


BLUE, ORANGE = "#0072B2", "#E69F00"
"""The colours of the one run, or of the reference, and of what is compared with it."""


def curve(panel, colour: str = BLUE):
    """The first curve of a colour that is drawn below the table."""
    return panel.locator(f".mp-picture path[stroke='{colour}']").first


def grows(page, panel, colour: str = BLUE) -> None:
    """Wait until a curve of that colour has more points than the first has now."""
    curve(panel, colour).wait_for()
    before = curve(panel, colour).get_attribute("d").count("L")
    page.wait_for_function(
        "([colour, n]) => [...document.querySelectorAll(`.mp-picture path[stroke='${colour}']`)]"
        ".some(path => path.getAttribute('d').split('L').length - 1 > n)",
        arg=[colour, before],
    )


def test_a_panel_follows_the_long_cell_below_it(lab, browser):
    page = browser.page
    browser.open("here.ipynb")
    browser.run_all()
    panel = browser.cell("%mlops runs").locator(".mlops-runs")
    row = panel.locator("tbody tr", has_text="long")
    expect(row).to_contain_text("running")
    grows(page, panel)
    page.screenshot(path=SHOTS / "live-light-1300.png")
    outputs = browser.cell("%%mlops run long").locator(".jp-OutputArea-child")
    assert outputs.count() == 0
    (lab.folder / "stop-here").touch()
    expect(row).to_contain_text("finished")
    page.get_by_text("the long cell ended").first.wait_for(state="attached")
    page.screenshot(path=SHOTS / "live-ended-light-1300.png")
    panel.get_by_role("button", name="Scatter").click()
    dot = panel.locator("circle[data-run='4']")
    dot.hover()
    expect(panel.locator(".mlops-drawing .hint")).to_contain_text("(run 4): 0.755. A click opens it.")
    dot.click()
    expect(panel.get_by_role("status").last).to_contain_text("run 4 is open below")
    assert page.evaluate("window.__pwned") is None
    assert browser.dialogs == []


def test_a_panel_follows_another_notebook(lab, browser):
    page = browser.page
    browser.open("watching.ipynb")
    browser.run_all()
    page.get_by_text("all ran", exact=True).first.wait_for(state="attached")
    panel = browser.cell("%mlops runs").locator(".mlops-runs")
    panel.locator("tbody tr").first.wait_for()
    other = browser.another()
    other.open("logging.ipynb")
    other.run_all()
    page.bring_to_front()
    row = panel.locator("tr[data-run]", has_text="elsewhere")
    expect(row).to_contain_text("running")
    row.locator("th").click()
    expect(panel.get_by_role("status").last).to_contain_text("is open below")
    grows(page, panel)
    row.get_by_role("checkbox").click()
    panel.locator("tr[data-run]", has_text="past").first.get_by_role("checkbox").click()
    panel.get_by_text("against").first.wait_for()
    grows(page, panel, ORANGE)  # the run that goes on is the newer one
    page.screenshot(path=SHOTS / "live-compared-1300.png")
    (lab.folder / "stop-logging").touch()
    expect(row).to_contain_text("finished")


def test_a_sweep_can_be_sorted_opened_and_compared_in_the_dark(lab, browser):
    page = browser.page
    lab.choose_theme("JupyterLab Dark")
    browser.open("sweeping.ipynb")
    browser.run_all()
    page.get_by_text("all ran", exact=True).first.wait_for(state="attached")
    panel = browser.cell("%%mlops sweep").locator(".mlops-runs")
    panel.get_by_text("12 combinations tried").wait_for()
    assert panel.locator("th[aria-sort=descending]").inner_text().startswith("accuracy")
    panel.locator(".mlops-drawing path[data-run]").first.wait_for()
    page.screenshot(path=SHOTS / "sweep-dark-1300.png")
    for place in (0, 1):
        panel.locator("tbody tr").nth(place).get_by_role("checkbox").click()
    panel.get_by_text("against").first.wait_for()
    page.set_viewport_size({"width": 600, "height": 1300})
    page.wait_for_timeout(800)
    page.screenshot(path=SHOTS / "sweep-dark-600.png")
