"""The main job by hand: JupyterLab in a real Chromium."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.lab import SHOTS, Lab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = '<img src=x onerror="window.__pwned=1"><script>window.__pwned=1;alert(1)</script>'


def hostile_notebook() -> nbformat.NotebookNode:
    name = HOSTILE
    cells = [
        "%load_ext mlops_nb",
        "import tempfile\nimport mlops_nb\nname = " + repr(name),
        "%mlops store {tempfile.mkdtemp()}",
        "for k in (1, 2, 3):\n    with mlops_nb.run(name, tags={name: name}) as run:\n"
        "        run.log_params({name: name, 'k': k})\n        run.log_metrics({name: k, 'score': k / 3})",
        "%mlops runs",
        "%mlops show 1",
        "%mlops compare 1 2",
        "print('all ' + 'ran')",
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(metadata=kernel, cells=[nbformat.v4.new_code_cell(source) for source in cells])


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    quickstart = nbformat.read(ROOT / "notebooks" / "quickstart.ipynb", as_version=4)
    for cell in quickstart.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    for name, notebook in (
        ("quickstart", quickstart),
        ("hostile", hostile_notebook()),
        ("keyboard", hostile_notebook()),
    ):  # each in a folder, and so with a store, of its own
        (folder / name).mkdir()
        nbformat.write(notebook, folder / name / f"{name}.ipynb")
    SHOTS.mkdir(exist_ok=True)
    with Lab(folder, tmp_path_factory.mktemp("settings")) as running:
        yield running


def test_quickstart_by_hand(lab, browser):
    """Run all, click in the runs panel, see the comparison, save, reopen without a kernel and still see it."""
    page = browser.page
    browser.open("quickstart/quickstart.ipynb")
    browser.run_all()
    verified = page.get_by_text("6 metrics and 3 values equal to the notebook's").first
    browser.to_bottom()
    verified.wait_for(timeout=180_000, state="attached")

    panel = browser.cell("%mlops runs").locator(".mlops-runs")
    panel.locator("tbody tr").first.wait_for()
    panel.locator(".mlops-drawing svg").wait_for()
    page.screenshot(path=SHOTS / "runs-light-1300.png")
    expect(panel.locator("tbody tr")).to_have_count(10)  # with those that the cells below it made since

    panel.get_by_role("button", name="Sort by roc_auc").or_(panel.get_by_role("button", name="roc_auc")).first.click()
    panel.locator("th[aria-sort=descending]").wait_for()
    assert "boosted" in panel.locator("tbody tr").first.inner_text()

    panel.locator("tr[data-run='2']").locator("th").click()
    panel.get_by_text("RandomForestClassifier(n_estimators").first.wait_for()

    panel.locator("tr[data-run='1']").get_by_role("checkbox").click()
    row = panel.locator("tr[data-run='3']")
    row.focus()
    page.keyboard.press("Space")
    panel.get_by_text("against linear (run 1)").first.wait_for()
    page.screenshot(path=SHOTS / "comparison-light-1300.png")

    page.set_viewport_size({"width": 600, "height": 1000})
    page.wait_for_timeout(800)
    browser.cell("%mlops runs")
    page.screenshot(path=SHOTS / "runs-light-600.png")
    page.set_viewport_size({"width": 1300, "height": 1000})

    browser.save()
    saved = lab.folder / "quickstart" / "quickstart.ipynb"
    assert saved.stat().st_size < 1_000_000
    outputs = [output for cell in json.loads(saved.read_text())["cells"] for output in cell.get("outputs", [])]
    panels = [
        output["data"] for output in outputs if "mlops-static" in "".join(output.get("data", {}).get("text/html", ""))
    ]
    assert panels
    assert all(len(json.dumps(data)) < 200_000 and "<table>" in "".join(data["text/html"]) for data in panels)
    store = sqlite3.connect(lab.folder / "quickstart" / ".mlops" / "store.db")
    assert store.execute("SELECT count(*) FROM runs WHERE kind = 'cell' AND status = 'FINISHED'").fetchone() == (3,)
    assert store.execute("SELECT count(*) FROM runs WHERE cell_id != ''").fetchone()[0] >= 3
    store.close()

    page.goto(f"http://127.0.0.1:{lab.port}/lab?reset&token={lab.token}")
    page.wait_for_timeout(1000)
    page.evaluate(
        "async token => { for (const s of await (await fetch('/api/sessions?token=' + token)).json())"
        " await fetch('/api/sessions/' + s.id + '?token=' + token, {method: 'DELETE', headers: {"
        "'X-XSRFToken': (document.cookie.match(/_xsrf=([^;]*)/) || [])[1]}}) }",
        lab.token,
    )
    browser.open("quickstart/quickstart.ipynb")
    browser.to_bottom()
    static = browser.cell("%mlops runs").locator(".jp-OutputArea-output")
    static.get_by_text("has the highest").first.wait_for()
    page.screenshot(path=SHOTS / "reopened.png")


def test_no_script_of_a_hostile_name_executes(lab, browser):
    page = browser.page
    browser.open("hostile/hostile.ipynb")
    browser.run_all()
    browser.to_bottom()
    page.get_by_text("all ran", exact=True).first.wait_for(timeout=120_000, state="attached")
    panel = browser.cell("%mlops runs").locator(".mlops-runs")
    panel.locator("tbody tr").first.wait_for()
    panel.locator("tbody tr").first.locator("th").click()
    panel.get_by_role("button", name="Parallel coordinates").click()
    for box in (0, 1):
        panel.get_by_role("checkbox").nth(box).click()
        page.wait_for_timeout(300)
    panel.get_by_text("against").first.wait_for()
    page.screenshot(path=SHOTS / "hostile.png")
    assert page.evaluate("window.__pwned") is None
    assert browser.dialogs == []


def test_the_keyboard_alone_works_the_runs_panel(lab, browser):
    page = browser.page
    browser.open("keyboard/keyboard.ipynb")
    browser.run_all()
    browser.to_bottom()
    page.get_by_text("all ran", exact=True).first.wait_for(timeout=120_000, state="attached")
    panel = browser.cell("%mlops runs").locator(".mlops-runs")
    rows, said = panel.locator("tbody tr"), panel.get_by_role("status")
    cells = page.locator(".jp-Cell").count()
    for field in ("Filter", "Plot", "against"):
        assert panel.get_by_label(field, exact=True).count() == 1
    rows.first.focus()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(said).to_have_text("1 to 3 of 3 runs; run 2 is open below")
    expect(rows.nth(1)).to_be_focused()
    for key in "abdd":
        page.keyboard.press(key)
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(said).to_have_text("1 to 3 of 3 runs; runs 1 and 2 are compared below")
    assert page.locator(".jp-Cell").count() == cells
    turn = panel.get_by_role("button", name="Next ten")
    turn.focus()
    page.keyboard.press("Enter")
    expect(turn).to_be_focused()
    expect(panel.get_by_role("img", name="3 runs")).to_have_count(1)
    panel.get_by_label("Filter", exact=True).focus()
    page.keyboard.type("metrics.scor > 0.5")
    expect(panel.get_by_text("the nearest is metrics.score")).to_be_visible()
    expect(panel.get_by_text("^^^^^^^^^^^^")).to_be_visible()
    panel.screenshot(path=SHOTS / "filter_mistake.png")
    expect(panel.locator(".mlops-rows tbody tr")).to_have_count(3)
    panel.get_by_label("Filter", exact=True).fill("metrics.score > 0.5")
    expect(said).to_have_text("1 to 2 of 2 runs that match the filter; runs 1 and 2 are compared below")
    expect(panel.get_by_text("the nearest is")).to_have_count(0)
    panel.get_by_label("Filter", exact=True).fill("")
    rows.first.get_by_role("checkbox").dblclick()
    expect(rows.first.get_by_role("checkbox")).to_be_checked()


def test_tab_completes_and_the_dark_theme_reads(lab, browser):
    page = browser.page
    lab.choose_theme("JupyterLab Dark")
    browser.open("hostile/hostile.ipynb")
    browser.run_all()
    browser.to_bottom()
    page.get_by_text("all ran", exact=True).first.wait_for(timeout=120_000, state="attached")
    browser.cell("%mlops runs").locator(".mlops-runs tbody tr").first.wait_for()
    page.wait_for_timeout(1500)
    panel = browser.cell("%mlops runs").locator(".mlops-runs")
    panel.get_by_role("button", name="Parallel coordinates").click()
    panel.get_by_role("img", name="the parameters that vary").wait_for()
    label = panel.locator(".mlops-drawing text").first
    assert "255, 255, 255" in label.evaluate("text => getComputedStyle(text).fill")
    page.screenshot(path=SHOTS / "runs-dark-1300.png")
    page.set_viewport_size({"width": 600, "height": 1000})
    page.wait_for_timeout(800)
    browser.cell("%mlops compare 1 2")
    page.screenshot(path=SHOTS / "comparison-dark-600.png")
    page.set_viewport_size({"width": 1300, "height": 1000})
    browser.cell("all ").locator(".cm-content").click()
    editor = page.locator(".jp-CodeCell.jp-mod-active .cm-content")
    page.keyboard.press("Control+a")
    page.keyboard.type("%mlops compa")
    page.keyboard.press("Tab")
    page.locator(".jp-Completer").get_by_text("compare").wait_for()
    page.keyboard.press("Enter")
    expect(editor).to_have_text("%mlops compare", timeout=20_000)
    page.keyboard.type(" --")
    page.keyboard.press("Tab")
    page.locator(".jp-Completer").get_by_text("--help").wait_for()
