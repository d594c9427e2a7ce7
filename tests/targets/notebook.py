"""The notebook that every target is tried with, and what it gives when it runs in its kernel."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

PARAMETERS = """n_estimators: int = 20  # trees in the forest
criterion = "gini"  # @param ["gini", "entropy", "log_loss"]
held_out = 0.3  # @param {type: "slider", min: 0.1, max: 0.5}
columns = ["alcohol", "ash", "malic_acid"]
depth: int | None = None
shuffled = True"""

CELLS = (
    ("markdown", "# Wine\n\nWhich of three growers does a wine come from?"),
    (
        "code",
        "import numpy as np\nfrom sklearn.base import BaseEstimator, TransformerMixin\nfrom sklearn.datasets import "
        "load_wine\nfrom sklearn.ensemble import RandomForestClassifier\nfrom sklearn.metrics import accuracy_score, "
        "f1_score\nfrom sklearn.model_selection import train_test_split\nfrom sklearn.pipeline import make_pipeline",
    ),
    ("parameters", PARAMETERS),
    ("markdown", "## Load"),
    ("code", "wine = load_wine(as_frame=True).frame\nwine.head(3)"),
    ("markdown", "## Features\n\nExtreme values are cut off."),
    (
        "code",
        "class Clip(BaseEstimator, TransformerMixin):\n"
        "    def fit(self, X, y=None):\n"
        "        self.low_, self.high_ = np.quantile(X, [0.02, 0.98], axis=0)\n"
        "        return self\n\n"
        "    def transform(self, X):\n"
        "        return np.clip(X, self.low_, self.high_)",
    ),
    ("code", "X = wine[columns]\ny = wine['target']\nto_log = lambda frame: np.log1p(frame)\nX = to_log(X)"),
    ("markdown", "## Split"),
    (
        "code",
        "X_train, X_test, y_train, y_test = train_test_split(\n"
        "    X, y, test_size=held_out, shuffle=shuffled, stratify=y if shuffled else None, random_state=7\n)",
    ),
    ("markdown", "## Look\n\nHow large the classes are."),
    ("code", "y_train.value_counts().sort_index()"),
    ("markdown", "## Train"),
    (
        "code",
        "%%mlops run forest\n"
        "model = make_pipeline(\n"
        "    Clip(), RandomForestClassifier(n_estimators, criterion=criterion, max_depth=depth, random_state=7)\n)\n"
        "model.fit(X_train, y_train)\n"
        "predicted = model.predict(X_test)\n"
        "accuracy = accuracy_score(y_test, predicted)\n"
        "f1_score(y_test, predicted, average='macro')",
    ),
)


def write_notebook(path: Path) -> Path:
    """The notebook as a file."""
    made = nbformat.v4.new_notebook()
    for kind, source in CELLS:
        if kind == "markdown":
            made.cells.append(nbformat.v4.new_markdown_cell(source))
            continue
        made.cells.append(nbformat.v4.new_code_cell(source))
        if kind == "parameters":
            made.cells[-1].metadata["tags"] = ["parameters"]
    nbformat.write(made, path)
    return path


def executed(path: Path) -> dict[str, float]:
    """The metrics that the notebook gives in a kernel."""
    made = nbformat.read(path, as_version=4)
    made.cells.insert(0, nbformat.v4.new_code_cell("%load_ext mlops_nb"))
    made.cells.append(nbformat.v4.new_code_cell("f1_score_again = f1_score(y_test, predicted, average='macro')"))
    made.cells.append(nbformat.v4.new_code_cell("print(repr(float(accuracy)), repr(float(f1_score_again)))"))
    NotebookClient(made, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}).execute()
    accuracy, f1 = made.cells[-1].outputs[0].text.split()
    return {"accuracy": float(accuracy), "f1_score": float(f1)}
