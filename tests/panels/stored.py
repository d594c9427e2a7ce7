"""Made-up runs in a real store."""

from __future__ import annotations

from mlops_nb.store import Store, open_store
from mlops_nb.store import runs as in_store
from mlops_nb.store.sessions import session_id
from mlops_nb.tracking.runs import RunSummary
from mlops_nb.tracking.values import bounded_text
from tests.panels.records import NOW


def kept(rows: tuple[RunSummary, ...]) -> Store:
    """The store of the working directory with these runs in it."""
    store = open_store()
    session = session_id(store)
    with store.transaction() as connection:
        for row in sorted(rows, key=lambda row: row.id):
            values = {name: getattr(row, name) for name in ("id", "uid", "kind", "status", "duration")}
            name = row.name.encode("utf-8", "replace").decode()
            started = NOW - 97.0 * (10_000 - row.id)
            more = {"name": name, "started": started, "notebook": row.notebook, "session_id": session, "cell_id": ""}
            source = in_store.source_id(connection, "")
            in_store.insert_run(connection, {**values, **more, "source_id": source})
            in_store.add_params(connection, row.id, _storable(row.params), False)
            points = [(name, None, value, 0.0) for name, value in _storable(row.metrics).items()]
            in_store.add_points(connection, row.id, points, False)
            in_store.set_tags(connection, row.id, {name: str(value) for name, value in _storable(row.tags).items()})
    return store


def _storable(values):
    """Names as a run that is told them keeps them."""
    return {bounded_text(name, 200): bounded_text(v) if isinstance(v, str) else v for name, v in values.items()}
