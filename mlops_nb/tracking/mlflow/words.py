"""MLflow's words: a run there, what it allows in names and values; what both sides agreed on, what came of it."""

from __future__ import annotations

import json
import math
import posixpath
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

from mlops_nb.record import Record
from mlops_nb.tracking.values import Value

UID, KIND = "mlops_nb.uid", "mlops_nb.kind"
EXPERIMENT = "mlflow.experiment"
"""The tag that a pulled run gets: the experiment it is in. It is not pushed."""

NOTE, PARENT = "mlflow.note.content", "mlflow.parentRunId"
RUN_NAME, SOURCE, SOURCE_TYPE = "mlflow.runName", "mlflow.source.name", "mlflow.source.type"
COMMIT, BRANCH = "mlflow.source.git.commit", "mlflow.source.git.branch"
REMOTE, DIRTY = "mlflow.source.git.repoURL", "mlflow.source.git.dirty"

DETAILS, CODE, REQUIREMENTS = "mlops_nb/run.json", "mlops_nb/source.py", "mlops_nb/requirements.txt"
OURS = (DETAILS, CODE, REQUIREMENTS)
"""Artifacts that a push adds, and a pull reads instead of keeping."""

MODELS = "mlops_nb/models/"
"""The folder, among a run's artifacts, of the model versions that it made."""

LONGEST_NAME, LONGEST_PARAM, LONGEST_TAG, LONGEST_DIGEST = 250, 6_000, 8_000, 36
LARGEST = sys.float_info.max
"""What MLflow's database keeps for an infinite value."""

Point = tuple[int, float, int]
"""Step, value and milliseconds since 1970."""

Series = Mapping[str, Sequence[tuple[int | None, float, float]]]
"""Step, value and time of everything that was logged, by metric."""


@dataclass(frozen=True, slots=True)
class Dataset(Record):
    """A data set that a run read, as MLflow describes one."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str = ""
    profile: str = ""


@dataclass(frozen=True, slots=True)
class MlflowRun(Record):
    """A run in MLflow's words; of one that was only listed, `series` has the last point of each metric."""

    id: str
    experiment: str
    name: str
    status: str
    started_ms: int
    ended_ms: int | None
    params: Mapping[str, str]
    tags: Mapping[str, str]
    series: Mapping[str, tuple[Point, ...]]
    datasets: tuple[Dataset, ...] = ()
    artifact_uri: str = ""
    models: tuple[str, ...] = ()
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Agreed(Record):
    """What both sides had when they were last brought together; tags and series by the hash of what they were.

    `ours` and `theirs` are hashes of all that a side had; empty where it must be looked through. `artifacts` maps
    path to hash and size of the content.
    """

    ours: str = ""
    theirs: str = ""
    name: str = ""
    status: str = ""
    ended_ms: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    series: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, tuple[str, int]] = field(default_factory=dict)


def short_hash(value: object) -> str:
    """A hash of plain values."""
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


# names and values


def mlflow_names(names: Iterable[str]) -> dict[str, str]:
    """Each name as MLflow allows it, no two alike.

    >>> mlflow_names(["f1", "f1@5", "f1_5", "../a"])
    {'f1': 'f1', 'f1_5': 'f1_5', '../a': '_.._a', 'f1@5': 'f1_5_2'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(names, key=lambda each: (_allowed(each) != each, each)):
        allowed, number = _allowed(name), 1
        while allowed in taken:
            number += 1
            allowed = f"{_allowed(name)[: LONGEST_NAME - 6]}_{number}"
        taken.add(allowed)
        found[name] = allowed
    return found


def _allowed(name: str) -> str:
    text = re.sub(r"[^/\w.\- :]", "_", name)[:LONGEST_NAME]
    normal = posixpath.normpath(text)
    if normal != text or normal == "." or normal.startswith(("..", "/")):
        text = text.replace("/", "_")
    return text if text not in ("", ".", "..") and not text.startswith("..") else f"_{text}"[:LONGEST_NAME]


def artifact_fault(path: str) -> str:
    """Why MLflow cannot keep an artifact of that name; empty when it can."""
    if path in OURS or path.startswith(MODELS):
        return f"{path} is the name of what mlops_nb adds itself"
    if found := re.search(r"[#?%\\\x00-\x1f\x7f]", path):
        return f"MLflow cannot keep a name with {found[0]!r} in it"
    return ""


def param_text(value: Value) -> str:
    """A parameter's value as MLflow's own client writes it."""
    return str(value)


def param_value(text: str) -> Value:
    """The value that a text of MLflow is written for, where nothing else is written so.

    >>> [param_value(text) for text in ("3", "0.10", "0.1", "True", "None", "1e-3", "007", "sqrt")]
    [3, '0.10', 0.1, True, None, '1e-3', '007', 'sqrt']
    """
    fixed: dict[str, Value] = {"True": True, "False": False, "None": None}
    if text in fixed:
        return fixed[text]
    if re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text) if str(int(text)) == text else text
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?", text) and len(text) < 30:
        return float(text) if repr(float(text)) == text else text
    return text


def cut(text: str, limit: int) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def milliseconds(seconds: float) -> int:
    """A time as MLflow counts it."""
    return max(0, round(seconds * 1000)) if math.isfinite(seconds) else 0


# what came of it


Outcome = Literal["new", "updated", "unchanged", "refused"]


@dataclass(frozen=True, slots=True)
class CarriedRun(Record):
    """One run that was pushed or pulled, and what of it could not be."""

    id: int | None
    name: str
    remote_id: str
    experiment: str
    outcome: Outcome
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CarriedVersion(Record):
    """One model version that was pushed or pulled: its name here and there, and what of it could not be."""

    name: str
    remote: str
    outcome: Outcome
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Carried(Record):
    """What came of a push or a pull."""

    direction: Literal["push", "pull"]
    server: str
    runs: tuple[CarriedRun, ...]
    seconds: float
    versions: tuple[CarriedVersion, ...] = ()
