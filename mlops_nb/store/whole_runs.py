"""A run read back whole: its row and the rows of all its parts."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mlops_nb.reproducibility.records import CodeVersion, DataFingerprint, Environment, Usage
from mlops_nb.store.artifacts import artifacts_of
from mlops_nb.store.fits import estimators_of, parts_of
from mlops_nb.store.runs import LISTED, metrics_of
from mlops_nb.tracking.runs import Output, Param, Run, RunError
from mlops_nb.tracking.values import decode_value

if TYPE_CHECKING:
    from mlops_nb.store.database import Store


def get_run(store: Store, run_id: int, *, with_outputs: bool = True) -> Run:
    """All of a run; its outputs, which may be megabytes, only where they are wanted."""
    one = store.rows(
        "SELECT r.id, r.uid, r.name, r.kind, r.status, r.started, r.duration, r.parent_id, r.notebook, r.cell_id, "
        "r.execution_count, s.text, r.error_type, r.error_message, r.error_traceback, r.git_commit, r.git_branch, "
        "r.git_dirty, e.content, r.warnings, r.note, r.git_remote, d.text, r.cpu_seconds, r.peak_memory_bytes, "
        "r.seeds, r.redacted FROM runs r JOIN sources s ON s.id = r.source_id "
        "LEFT JOIN environments e ON e.id = r.environment_id LEFT JOIN diffs d ON d.id = r.git_diff_id WHERE r.id = ?",
        [run_id],
    )
    children = _children(store, run_id)
    row: Any = one[0]
    names = ("id", "uid", "name", "kind", "status", "started", "duration", "parent", "notebook", "cell_id")
    plain: dict[str, Any] = dict(zip((*names, "execution_count", "source"), row, strict=False))
    error = RunError(row[12], row[13], row[14]) if row[12] is not None else None
    code = CodeVersion(row[15], row[16], bool(row[17]), row[21] or "", row[22] or "") if row[15] is not None else None
    return Run(
        **plain,
        params=_params(store, run_id),
        metrics=metrics_of(store, run_id),
        tags=dict(store.rows("SELECT name, value FROM tags WHERE run_id = ? ORDER BY name", [run_id])),
        outputs=_outputs(store, run_id) if with_outputs else (),
        data=_data(store, run_id),
        artifacts=artifacts_of(store, run_id),
        children=children,
        parts=parts_of(store, run_id) if children else (),
        estimators=estimators_of(store, run_id),
        error=error,
        code=code,
        environment=_environment(row[18]) if row[18] else None,
        warnings=tuple(json.loads(row[19])),
        note=row[20],
        seeds=json.loads(row[25]),
        usage=Usage(row[23], row[24]) if row[23] is not None else None,
        redacted=row[26],
    )


@lru_cache(maxsize=16)
def _environment(content: str) -> Environment:
    fields = json.loads(content)
    return Environment(**{**fields, "gpus": tuple(fields.get("gpus", ()))})


def _children(store: Store, run_id: int) -> tuple[int, ...]:
    rows = store.rows(f"SELECT id FROM {LISTED} WHERE parent_id = ? ORDER BY id", [run_id])
    return tuple(int(child) for (child,) in rows)


def _params(store: Store, run_id: int) -> tuple[Param, ...]:
    rows = store.rows("SELECT name, type, value, inferred FROM params WHERE run_id = ? ORDER BY name", [run_id])
    return tuple(Param(name, decode_value(kind, value), bool(inferred)) for name, kind, value, inferred in rows)


def _outputs(store: Store, run_id: int) -> tuple[Output, ...]:
    rows = store.rows("SELECT kind, name, data, cut_bytes FROM outputs WHERE run_id = ? ORDER BY position", [run_id])
    return tuple(Output(kind, name, json.loads(data), cut) for kind, name, data, cut in rows)


def _data(store: Store, run_id: int) -> tuple[DataFingerprint, ...]:
    rows = store.rows(
        "SELECT d.name, f.kind, f.shape, f.types, f.fingerprint, f.exact, f.columns FROM run_data d "
        "JOIN fingerprints f ON f.id = d.fingerprint_id WHERE d.run_id = ? ORDER BY d.name",
        [run_id],
    )
    return tuple(
        DataFingerprint(
            name, kind, tuple(json.loads(shape)), json.loads(types), fingerprint, bool(exact), json.loads(columns)
        )
        for name, kind, shape, types, fingerprint, exact, columns in rows
    )
