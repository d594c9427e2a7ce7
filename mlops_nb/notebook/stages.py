"""The stage of a step: given by a tag, else guessed from what the code calls and what the heading says."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from mlops_nb.notebook.cells import CellNames
from mlops_nb.tracking.metrics import SKLEARN_METRICS, is_metric_name

STAGES = ("ingest", "validate", "features", "split", "train", "evaluate", "register", "deploy", "monitor")
"""The stages of a pipeline, in their usual order."""

# fmt: off
_HEADINGS = (
    ("monitor", r"monitor\w*|drift\w*"),
    ("deploy", r"deploy\w*|serv(e|ing)|production"),
    ("register", r"regist\w*|save (the )?model|persist\w*"),
    ("split", r"split\w*|train.test|hold.?out"),
    ("evaluate", r"evaluat\w*|scor(e|es|ing)|metrics?|accuracy|results?|cross.validat\w*|compare"),
    ("train", r"train\w*|fit(ting)?|models?|learn(ing)?|tun(e|ing)|grid search|classif\w*|regress\w*|boost\w*"),
    ("validate", r"validat\w*|quality|sanity|checks?|missing values?"),
    ("features", r"features?|(pre)?process\w*|prepar\w*|clean\w*|encod\w*|scal(e|ing)|transform\w*|impute\w*"),
    ("ingest", r"ingest\w*|load\w*|read(ing)?|get the data|data ?sets?|fetch\w*|download\w*|the data|data"),
)
# fmt: on
_REGISTERING = frozenset(("register", "register_model", "log_model", "save_model", "to_onnx"))
_READING = ("read_", "load_", "fetch_", "make_")
_CHECKING = frozenset(("expect", "isna", "isnull", "info", "duplicated", "describe", "validate"))
_SHAPING = frozenset(
    ("get_dummies", "transform", "fit_transform", "fillna", "dropna", "merge", "assign", "drop", "astype", "map", "cut",
     "qcut", "apply", "pivot_table", "resample", "join", "concat", "rename")
)  # fmt: skip


def given_stage(tags: Collection[str]) -> str:
    """The stage that a cell's tags name: `stage:train`, or `train`; empty where they name none."""
    named = (tag.removeprefix("stage:").strip().lower() for tag in tags)
    return next((name for name in named if name in STAGES), "")


def guessed_stage(names: CellNames, heading: str, outputs: Sequence[str] = ()) -> str:
    """The stage that the code's calls suggest, else the heading's words; empty where nothing does.

    >>> from mlops_nb.notebook.cells import read_cell
    >>> guessed_stage(read_cell("df = pd.read_csv('a.csv')"), ""), guessed_stage(read_cell("x = 1"), "Train the model")
    ('ingest', 'train')
    """
    return _of_calls({call.rpartition(".")[2] for call in names.calls}, outputs) or _of_heading(heading)


def _of_calls(methods: set[str], outputs: Sequence[str]) -> str:
    fits = any(method in ("fit", "fit_predict", "partial_fit") for method in methods)
    measures = methods & SKLEARN_METRICS or "score" in methods or any(map(is_metric_name, outputs))
    if methods & _REGISTERING:
        return "register"
    if fits:
        return "train"
    if measures or any(method.startswith("cross_val") for method in methods):
        return "evaluate"
    if any(method == "train_test_split" for method in methods):
        return "split"
    if any(method.startswith(_READING) and method != "make_pipeline" for method in methods):
        return "ingest"
    if methods & {"predict", "predict_proba"}:
        return "evaluate"
    if methods & _SHAPING:
        return "features"
    return "validate" if methods & _CHECKING else ""


def _of_heading(heading: str) -> str:
    return next((stage for stage, words in _HEADINGS if re.search(rf"\b({words})\b", heading, re.IGNORECASE)), "")
