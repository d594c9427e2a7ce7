"""A run that was made where the store is not seen, and how it comes into the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING

from mlops_nb.store import blobs
from mlops_nb.store import runs as rows
from mlops_nb.store.sessions import session_id
from mlops_nb.store.whole_runs import get_run
from mlops_nb.tracking.runs import Run
from mlops_nb.tracking.secrets.redaction import without_secrets
from mlops_nb.tracking.secrets.rules import counted

if TYPE_CHECKING:
    from mlops_nb.store import Store

Series = Mapping[str, Sequence[tuple[int | None, float, float]]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that was made elsewhere: every value of its metrics, the content of its artifacts."""

    run: Run
    series: Series
    blobs: Mapping[str, bytes]


def outcome_of(store: Store, run_id: int) -> Outcome:
    """A run of a store with all that is its own, to be sent."""
    run = get_run(store, run_id)
    series = {metric.name: rows.points(store, run.id, metric.name) for metric in run.metrics}
    content: dict[str, bytes] = {}
    for one in run.artifacts:
        with blobs.opened(store, one.sha256, one.path) as file:
            content[one.sha256] = file.read()
    return Outcome(run, series, content)


def kept(outcome: Outcome, store: Store | None, parent: int | None) -> Run:
    """The run in this store, as a part of another."""
    if store is None or parent is None:
        return outcome.run
    session, found = session_id(store), set[tuple[str, str]]()
    run = without_secrets(outcome.run, store, found)
    run = replace(run, redacted=max(run.redacted, counted(found)))
    with blobs.workplace(store) as place:
        files = [place.copy(BytesIO(content)) for content in outcome.blobs.values()]
        with blobs.adopted(store, files), store.transaction() as connection:
            number = rows.insert_whole(connection, run, outcome.series, session=session, parent=parent)
    return replace(outcome.run, id=number)
