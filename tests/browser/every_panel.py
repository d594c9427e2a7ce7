"""Pictures of every panel in JupyterLab, light and dark, wide and narrow: `python -m tests.browser.every_panel DIR`.

One picture a panel, its four looks side by side, to be looked at by a person: what a test cannot say is whether it is
understood in five seconds. The notebook as nbconvert makes HTML of it lies beside them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.lab import CHROMIUM, FLAGS, Lab, Page

DATA = """import numpy as np
import pandas as pd
rng = np.random.default_rng(7)
n = 1200
customers = pd.DataFrame({
    "months_as_customer": rng.integers(1, 72, n),
    "monthly_charges": rng.normal(64, 22, n).round(2),
    "support_calls_last_quarter": rng.poisson(1.3, n),
    "contract": rng.choice(["month to month", "one year", "two years"], n),
})
risk = 0.03 * customers.monthly_charges - 0.05 * customers.months_as_customer
risk += 0.5 * customers.support_calls_last_quarter
customers["left"] = (risk + rng.normal(0, 1, n) > 1.2).astype(int)
customers.to_csv("customers.csv", index=False)"""

SPLIT = """from sklearn.model_selection import train_test_split
table = pd.read_csv("customers.csv")
X = pd.get_dummies(table.drop(columns="left"), dtype=float)
y = table["left"]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=1)"""

LINEAR = """%%mlops run churn-linear
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
C = 0.1
model = LogisticRegression(C=C, max_iter=2000).fit(X_train, y_train)
accuracy = accuracy_score(y_test, model.predict(X_test))
roc_auc = roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])"""

FOREST = """%%mlops run churn-forest
import matplotlib.pyplot as plt
import mlops_nb
from sklearn.ensemble import RandomForestClassifier
n_estimators, max_depth = 60, 6
model = RandomForestClassifier(n_estimators, max_depth=max_depth, random_state=0).fit(X_train, y_train)
predicted = model.predict(X_test)
accuracy = accuracy_score(y_test, predicted)
roc_auc = roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
mlops_nb.log_confusion_matrix(y_test, predicted)
mlops_nb.log_artifact(pd.DataFrame({"feature": X.columns, "importance": model.feature_importances_}), "importances.csv")
figure, axes = plt.subplots(figsize=(4, 2.5))
axes.barh(X.columns, model.feature_importances_)
mlops_nb.log_artifact(figure, "importances.png")
mlops_nb.log_artifact(model, "model")
plt.close(figure)
print("trained on", len(X_train), "customers")"""

SERIES = """%%mlops run churn-online
from sklearn.linear_model import SGDClassifier
model = SGDClassifier(loss="log_loss", random_state=0, alpha=0.001)
scaled = (X_train - X_train.mean()) / X_train.std()
for epoch in range(40):
    model.partial_fit(scaled, y_train, classes=[0, 1])
    right = model.predict_proba(scaled)[range(len(y_train)), y_train]
    mlops_nb.log(epoch, log_loss=-np.log(right + 1e-9).mean(), train_accuracy=model.score(scaled, y_train))"""

FAILED = """%%mlops run churn-broken
model = LogisticRegression(C=-1).fit(X_train, y_train)"""

SWEEP = """%%mlops sweep churn-sweep --param max_depth=2,4,8 --param n_estimators=10,40 --metric roc_auc
model = RandomForestClassifier(n_estimators, max_depth=max_depth, random_state=0).fit(X_train, y_train)
roc_auc = roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])"""

MONTHS = """later = table.assign(monthly_charges=table.monthly_charges * 1.4)
later.loc[::7, "contract"] = None
judged, judged_later = (pd.get_dummies(each.drop(columns="left"), dtype=float) for each in (table, later))
judged, judged_later = judged[X.columns], judged_later.reindex(columns=X.columns)
judged["score"], judged_later["score"] = (model.predict_proba(each)[:, 1] for each in (judged, judged_later))
for each, labels in ((judged, table.left), (judged_later, later.left)):
    each["predicted"], each["left"] = (each.score > 0.5).astype(int), labels"""

CELLS: tuple[tuple[str, str], ...] = (
    ("", "%load_ext mlops_nb"),
    ("", "%mlops track on"),
    ("", "!{PYTHON} nightly.py --quiet; {PYTHON} nightly.py --quiet --rows 900; {PYTHON} nightly.py --quiet --rows 0"),
    ("", DATA),
    ("", SPLIT),
    ("card", LINEAR),
    ("card-rich", FOREST),
    ("card-series", SERIES),
    ("sweep", SWEEP),
    ("runs", "%mlops runs"),
    ("show", "%mlops show churn-forest"),
    ("compare", "%mlops compare churn-linear churn-forest"),
    ("why", "%mlops why churn-linear churn-forest"),
    ("lineage", "%mlops lineage churn-forest"),
    ("artifacts", "%mlops artifacts churn-forest"),
    ("register", "%mlops register churn --run churn-forest --artifact model --example X_train"),
    ("promote", "%mlops promote churn/1 --note 'first one in front of customers'"),
    ("", "%mlops register churn --model model"),
    ("alias", "%mlops alias churn/2 challenger"),
    ("registry", "%mlops registry"),
    ("model", "%mlops registry churn"),
    ("version", "%mlops registry churn/1"),
    ("model-lineage", "%mlops lineage models:/churn/1"),
    ("check", "%mlops check models:/churn/1 X_test"),
    ("verify-log", "%mlops verify-log"),
    ("graph", "%mlops graph"),
    ("", MONTHS),
    ("drift", "%mlops drift table later"),
    ("quality", "%mlops quality table later"),
    ("performance", "%mlops performance judged judged_later --target left --prediction predicted --score score"),
    ("watch", "%mlops watch churn-online log_loss --detector page_hinkley"),
    ("export", "%mlops export churn.py --to accuracy --verify"),
    ("pipelines", "%mlops pipelines"),
    ("card-failed", FAILED),
    ("show-failed", "%mlops show churn-broken"),
    ("status", "%mlops status"),
    ("space", "%mlops space"),
    ("secrets", "%mlops secrets"),
    ("delete", "%mlops delete churn-broken"),
    ("gc", "%mlops gc"),
    ("backup", "%mlops backup churn.zip --force"),
    ("help", "%mlops help"),
    ("error", "%mlops show churn-forst"),
    ("", "print('all ' + 'ran')"),
)
"""What a panel's pictures are called, and the cell that shows it."""

NIGHTLY = """
import time
from mlops_nb import gate
from mlops_nb.pipelines import pipeline, step

@step(tags={"stage": "ingest"})
def load(rows: int):
    time.sleep(0.3)
    data = list(range(rows))
    print("read", len(data), "rows")
    return data

@step(tags={"stage": "features"})
def features(data):
    table = [value * 2 for value in data]
    return table

@step(tags={"stage": "split"}, outputs=("train", "test"))
def split_by_month(table):
    return table[::2], table[1::2]

@step(tags={"stage": "train"})
def fit(train):
    time.sleep(0.4)
    model = sum(train) / len(train)
    return model

@step(tags={"stage": "evaluate"}, metrics=("accuracy",))
def evaluate(model, test):
    accuracy = 0.91
    gate("accuracy", accuracy, at_least=0.8)
    return accuracy

@pipeline("nightly-training")
def nightly(rows: int = 800):
    data = load(rows)
    table = features(data)
    train, test = split_by_month(table)
    model = fit(train)
    accuracy = evaluate(model, test)
    return accuracy

if __name__ == "__main__":
    nightly.main()
"""

LOOKS = tuple((theme, width) for theme in ("Light", "Dark") for width in (1300, 600))


def notebook() -> nbformat.NotebookNode:
    """The notebook with every panel."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [nbformat.v4.new_code_cell(source.replace("{PYTHON}", sys.executable)) for _, source in CELLS]
    for (name, _), cell in zip(CELLS, cells, strict=True):
        if name in ("card-failed", "error"):
            cell.metadata["tags"] = ["raises-exception"]
    return nbformat.v4.new_notebook(metadata=kernel, cells=cells)


def pictures(lab: Lab, page: Page, theme: str, shots: Path) -> None:
    """Run the notebook in one theme, and take each panel in both widths."""
    lab.choose_theme(f"JupyterLab {theme}")
    page.open(f"{theme}/panels.ipynb")
    page.run_all()
    page.to_bottom()
    page.page.get_by_text("all ran", exact=True).first.wait_for(timeout=300_000, state="attached")
    for width in (1300, 600):
        page.page.set_viewport_size({"width": width, "height": 2400})
        if width == 600:  # as anybody would have it there: without the list of files
            page.page.keyboard.press("Control+b")
        page.page.wait_for_timeout(1200)
        for number, (name, _) in enumerate(CELLS):
            if name:
                take(page, number, shots / f"{number:02}-{name}-{theme}-{width}.png")


def take(page: Page, number: int, path: Path) -> None:
    """A picture of what a cell shows."""
    page.page.evaluate(
        "n => { const all = document.querySelector('.jp-WindowedPanel-outer');"
        " const found = () => document.querySelector(`.jp-Cell[data-windowed-list-index='${n}']`);"
        " all.scrollTop = all.scrollHeight * n / 40; found()?.scrollIntoView({block: 'start'}) }",
        number,
    )
    for _ in range(60):
        cell = page.page.locator(f".jp-Cell[data-windowed-list-index='{number}'] .jp-Cell-outputWrapper")
        if cell.count():
            break
        page.page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollBy(0, 500)")
        page.page.wait_for_timeout(50)
    cell.scroll_into_view_if_needed()
    page.page.wait_for_timeout(250)
    cell.screenshot(path=path)


def side_by_side(shots: Path, name: str) -> None:
    """The four looks of a panel in one picture."""
    found = [Image.open(path) for theme, width in LOOKS for path in shots.glob(f"??-{name}-{theme}-{width}.png")]
    whole = Image.new("RGB", (sum(one.width for one in found) + 30, max(one.height for one in found)), "grey")
    x = 0
    for one in found:
        whole.paste(one, (x, 0))
        x += one.width + 10
    whole.save(shots / f"{name}.png")


def main(shots: Path) -> None:
    """Take the pictures."""
    shots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "lab"
        for theme in ("Light", "Dark"):
            (folder / theme).mkdir(parents=True)
            (folder / theme / "nightly.py").write_text(NIGHTLY)
            nbformat.write(notebook(), folder / theme / "panels.ipynb")
        settings = Path(place) / "settings"
        settings.mkdir()
        with Lab(folder, settings) as lab, sync_playwright() as playwright:
            for theme in ("Light", "Dark"):
                context: Any = playwright.chromium.launch_persistent_context(
                    str(Path(place) / theme),
                    executable_path=CHROMIUM,
                    headless=True,
                    args=FLAGS,
                    viewport={"width": 1300, "height": 2400},
                )
                page = Page(context.new_page(), lab)
                pictures(lab, page, theme, shots)
                page.save()
                context.close()
        saved = folder / "Light" / "panels.ipynb"
        environment = {**os.environ, "JUPYTER_CONFIG_DIR": place, "IPYTHONDIR": place}
        command = [sys.executable, "-m", "nbconvert", "--to", "html", "--output-dir", str(shots.absolute()), str(saved)]
        subprocess.run(command, env=environment, check=True)
    for name, _ in CELLS:
        if name:
            side_by_side(shots, name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
