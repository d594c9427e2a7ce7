"""The notebook that every target is tried with, and what it gives when it runs in its kernel."""

from __future__ import annotations

from collections.abc import Sequence
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


EVERY_KIND = """from typing import Annotated, Literal
n: int = 3  # how many
share: Annotated[float, "the part", (0.1, 0.5)] = 0.3
sure = True
title = 'a "b" \\'c\\' {d} {{ e }} $(f) ${{ g }} %h %%i \\\\j'
kind: Literal["x", "y"] = "x"
level = 2  # @param [1, 2, 3]
names = ["a", "b"]
pair = (1, 2)
settings = {"a": 1, "b": [1, 2.5, None]}
depth: int | None = None
limit: float | None = 0.5
plan = 4
store = "s"
force = False
jobs = 2
cache = True
config = "c"
scheduler = "t"
after = 1
maß = 1.5
schema = 2
help = 5"""

NAMES = (
    "n", "share", "sure", "title", "kind", "level", "names", "pair", "settings", "depth", "limit", "plan", "store",
    "force", "jobs", "cache", "config", "scheduler", "after", "maß", "schema", "help",
)  # fmt: skip

PARAMETER_CELLS = (
    ("markdown", "# Every kind"),
    ("parameters", EVERY_KIND),
    ("markdown", "## Give"),
    ("code", f"given = [{', '.join(NAMES)}]\nprint('GIVEN', repr(given))"),
    ("markdown", "## Count"),
    ("code", "accuracy = float(len(given))"),
)


OWN_NAMES = (
    "after", "config", "context", "dag", "größe", "id", "input", "json", "keep", "kept", "metrics", "op", "os",
    "output", "parameter", "parameters", "params", "pickle", "read", "results", "run_id", "step", "steps", "task",
    "ti", "type",
)  # fmt: skip
"""Names that a tool, or a target's file, has a use for itself."""

NAMES_CELLS = (
    ("markdown", "# Names"),
    ("markdown", "## Make"),
    ("code", "\n".join(f"{name} = len({name!r})" for name in OWN_NAMES)),
    ("markdown", "## Länge"),
    ("code", "add = lambda *values: sum(values)\nstep = step + 1"),
    ("markdown", "## Use"),
    ("code", f"accuracy = add({', '.join(OWN_NAMES)}) / 1000\nprint('USED', accuracy)"),
)


def used_value() -> float:
    """What the last cell of that notebook prints."""
    return (sum(map(len, OWN_NAMES)) + 1) / 1000


def given_values() -> list[object]:
    """The parameters of that notebook by their order, as the notebook has them."""
    found: dict[str, object] = {}
    exec(EVERY_KIND, found)
    return [found[name] for name in NAMES]


def write_notebook(path: Path, cells: Sequence[tuple[str, str]] = CELLS) -> Path:
    """A notebook as a file."""
    made = nbformat.v4.new_notebook()
    for kind, source in cells:
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
