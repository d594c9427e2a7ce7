"""Delete and bring back runs, collect what nothing needs, back up and restore a store, say what takes the space."""

from __future__ import annotations

import math
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.errors import (
    BadArgument,
    RunIsNeeded,
    RunIsRunning,
    RunNotFound,
    nearest,
)
from mlops_nb.store import blobs, open_store, step_cache
from mlops_nb.store import housekeeping as rows
from mlops_nb.store.location import DATABASE
from mlops_nb.store.registry import versions_of_runs
from mlops_nb.store.sessions import dead_locks, is_alive, mark_killed, session_uid
from mlops_nb.tracking import service
from mlops_nb.tracking.artifacts.keeping import Paced
from mlops_nb.tracking.housekeeping.records import (
    Collection,
    Deletion,
    Part,
    RunName,
    RunSpace,
    Space,
    Waste,
)
from mlops_nb.tracking.search import service as search
from mlops_nb.tracking.values import safe_repr

if TYPE_CHECKING:
    from mlops_nb.store import Store

Say = Callable[[str], None]

GRACE_SECONDS = 3600.0
"""A file that no artifact refers to is collected when it is older: its row may wait for a store that is locked."""

MOST_BESIDE_OTHERS = 200_000_000
"""A larger database is not written anew while other kernels are at work: they would wait too long to write."""

MOST_NAMES = 10

_WORDS = {
    "runs": "deleted runs",
    "steps": "results of steps that no pipeline asked for in a month",
    "blobs": "files that no artifact refers to",
    "sources": "code that no run or cell refers to",
    "diffs": "git diffs that no run refers to",
    "environments": "environments that no run refers to",
    "fingerprints": "fingerprints of data that no run refers to",
    "sessions": "locks of sessions that are over",
    "unfinished": "files that were never finished",
    "free": "free space inside the database",
}


def delete(*runs: int | str, where: str | None = None, store: Store | None = None) -> Deletion:
    """Delete runs, and the runs that are parts of them, until `gc` brought back by `restore`.

    Args:
        runs: each a number, an id or the beginning of it, or a name (its newest run).
        where: a query; all runs that match it, too.
        store: the store, or None for the one of the working directory.

    Raises:
        RunNotFound: no run is called that.
        BadQuery: the query cannot be read, or names what no run has.
        RunIsRunning: one of them still goes on. Nothing is deleted then.
        RunIsNeeded: one of them made a model version. Nothing is deleted then.
    """
    store = store or open_store()
    ids = {service.find_run(run, store).id for run in runs}
    if where is not None:
        ids |= set(search.run_ids(where, store=store))
    elif not runs:
        raise BadArgument("delete needs to know which runs", "%mlops delete 17")
    mark_killed(store)
    now = time.time()
    with store.transaction(durable=True) as connection:
        found = [one for one in rows.family(connection, ids) if one[3] is None]
        going = [RunName(number, name) for number, name, status, _ in found if status == "RUNNING"]
        if going:
            raise RunIsRunning(
                f"run {going[0].id} ({safe_repr(going[0].name, 60)}) is still running; nothing was deleted",
                "wait for its end, or interrupt it",
            )
        if made := versions_of_runs(store, [one[0] for one in found]):
            name, version, run = made[0]
            more = f" and {len(made) - 1:,} more" if len(made) > 1 else ""
            raise RunIsNeeded(
                f"run {run} made {name}/{version}{more}, whose lineage it is; nothing was deleted",
                f"%mlops unregister {name}/{version}    (first)",
            )
        rows.set_deleted(connection, [one[0] for one in found], now)
    return _deletion(found, ids)


def restore(*runs: int | str, store: Store | None = None) -> Deletion:
    """Bring back deleted runs and the runs that were deleted with them.

    Raises:
        RunNotFound: no deleted run is called that.
        BadArgument: it is a part of a run that is deleted, too.
    """
    store = store or open_store()
    if not runs:
        raise BadArgument("restore needs to know which runs", "%mlops restore 17")
    ids = [_deleted(store, str(run)) for run in runs]
    with store.transaction(durable=True) as connection:
        whole: dict[int, tuple[int, str, str, float | None]] = {}
        for run in ids:
            if (parent := rows.deleted_parent(connection, run)) and parent[0] not in ids:
                raise BadArgument(
                    f"run {run} is a part of run {parent[0]}, which is deleted, too", f"%mlops restore {parent[0]}"
                )
            found = rows.family(connection, [run])
            when = next(one[3] for one in found if one[0] == run)
            whole |= {one[0]: one for one in found if one[3] == when}
        rows.set_deleted(connection, whole, None)
    return _deletion(list(whole.values()), set(ids), is_undone=True)


def _deletion(
    found: Sequence[tuple[int, str, str, float | None]], named: set[int], *, is_undone: bool = False
) -> Deletion:
    names = [RunName(number, name) for number, name, *_ in found]
    return Deletion(
        tuple(one for one in names if one.id in named), tuple(one for one in names if one.id not in named), is_undone
    )


def _deleted(store: Store, ref: str) -> int:
    found = rows.find_deleted(store, ref)
    if found is None:
        known = rows.deleted_runs(store, 1000)
        near = nearest(ref, [name for _, name in known]) or next((str(number) for number, _ in known), "")
        raise RunNotFound(
            f"no deleted run is called {safe_repr(ref, 60)}" if known else "no run is deleted",
            f"%mlops restore {near}" if near else "",
        )
    return found


# gc


def gc(*, yes: bool = False, store: Store | None = None, progress: Say | None = None) -> Collection:
    """What nothing needs any more; with `yes` it is removed, and no deleted run can be brought back.

    Deleted runs, files and texts that nothing refers to, locks of sessions that are over, and the free space in
    the database. Others may write meanwhile; Ctrl-C ends it between two steps, and what is left stays for the next.

    Args:
        yes: remove it.
        store: the store, or None for the one of the working directory.
        progress: is told what is done, line by line.

    Raises:
        StoreIsLocked: another gc or a backup is going on.
    """
    store = store or open_store()
    say = Paced(progress)
    mark_killed(store)
    if not yes:
        with rows.own_connection(store) as connection:
            return _plan(store, connection)
    with rows.alone(store), rows.own_connection(store) as connection:
        return _collect(store, connection, say)


def _plan(store: Store, connection: rows.Connection) -> Collection:
    found = rows.doomed(connection)
    found["steps"] = step_cache.unused(connection)
    files, notes = _collectable(store, connection)
    found["blobs"] = (len(files), sum(one.size_bytes for one in files))
    found["unfinished"] = _sizes(_unfinished(store))
    found["sessions"] = _sizes(dead_locks(store))
    free, whole = rows.free_bytes(connection)
    found["free"] = (1, free) if _is_worth_it(free, whole) else (0, 0)
    waste = _waste(found)
    return Collection(waste, _first_deleted(store), sum(one.size_bytes for one in waste), notes=notes)


def _collect(store: Store, connection: rows.Connection, say: Say) -> Collection:
    before, names = rows.folder_bytes(store.folder), _first_deleted(store)
    found = rows.doomed(connection)
    _, step_cache_size = step_cache.unused(connection)
    files, notes = _collectable(store, connection)
    total = found["runs"][0]
    if total:
        say(f"removing {total:,} deleted runs")
    removed = rows.remove_deleted(connection, lambda so_far: say(f"removed {so_far:,} of {total:,} deleted runs"))
    found["runs"] = (removed, found["runs"][1])
    found["steps"] = (step_cache.remove_unused(connection), step_cache_size)
    for table in rows.ONCE:
        found[table] = (rows.remove_unneeded(connection, table), found[table][1])
    found["blobs"] = _remove_blobs(store, connection, files, say)
    found["unfinished"] = _removed(_unfinished(store))
    found["sessions"] = _removed(dead_locks(store))
    rows.remove_sessions(connection, [row for uid, row in rows.sessions(store).items() if not is_alive(store, uid)])
    found["free"], more = _make_smaller(store, connection, say)
    freed = max(0, before - rows.folder_bytes(store.folder))
    return Collection(_waste(found), names, freed, True, (*notes, *more))


def _waste(found: dict[str, tuple[int, int]]) -> tuple[Waste, ...]:
    return tuple(Waste(_WORDS[kind], *found[kind]) for kind in _WORDS if found.get(kind, (0, 0))[0])


def _first_deleted(store: Store) -> tuple[RunName, ...]:
    return tuple(RunName(*one) for one in rows.deleted_runs(store, MOST_NAMES))


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size_bytes: int
    written: float


def _blob_files(store: Store) -> Iterator[_File]:
    for folder in _listed(store.folder / "blobs"):
        if re.fullmatch("[0-9a-f]{2}", folder.name):
            yield from _stats(path for path in _listed(folder) if re.fullmatch("[0-9a-f]{64}", path.name))


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # not made yet, or gone meanwhile
        return []


def _stats(paths: Iterable[Path]) -> Iterator[_File]:
    for path in paths:
        with suppress(OSError):
            found = path.stat()
            yield _File(path, found.st_size, found.st_mtime)


def _collectable(store: Store, connection: rows.Connection) -> tuple[list[_File], tuple[str, ...]]:
    """The files that no artifact will refer to once the deleted runs are gone, and what is said of those that stay."""
    unneeded, of_deleted = list[_File](), set[str]()
    for batch in _batches(_blob_files(store)):
        names = [one.path.name for one in batch]
        needed = rows.needed_blobs(connection, names, also_doomed=False)
        of_deleted |= rows.needed_blobs(connection, names) - needed
        unneeded += [one for one in batch if one.path.name not in needed]
    before, newest = time.time() - GRACE_SECONDS, rows.oldest_running(connection) or math.inf
    found = [one for one in unneeded if one.written < newest and (one.path.name in of_deleted or one.written < before)]
    young = len(unneeded) - len(found)
    note = f"{young:,} files stay that were written within the last hour or since a run began that still goes on: "
    return found, (f"{note}an artifact may be about to refer to them",) if young else ()


def _batches(files: Iterable[_File], length: int = 1_000) -> Iterator[list[_File]]:
    waiting = iter(files)
    while batch := list(islice(waiting, length)):
        yield batch


def _remove_blobs(store: Store, connection: rows.Connection, files: Sequence[_File], say: Say) -> tuple[int, int]:
    """Remove those of the files that still nothing refers to; meanwhile nobody adds one."""
    count, size = 0, 0
    for batch in _batches(files, 200):
        with blobs.alone(store):
            needed = rows.needed_blobs(connection, [one.path.name for one in batch])
            newest = rows.oldest_running(connection) or math.inf
            for one in _stats(file.path for file in batch):
                if one.path.name not in needed and one.written < newest:
                    with suppress(OSError):
                        one.path.unlink()
                        count, size = count + 1, size + one.size_bytes
        say(f"removed {count:,} of {len(files):,} files")
    return count, size


def _unfinished(store: Store) -> list[Path]:
    """Folders in which a process that is over was making files."""
    return [
        path
        for path in _listed(store.folder / "blobs")
        if path.suffix == ".new" and not is_alive(store, path.name.partition("-")[0])
    ]


def _sizes(paths: Sequence[Path]) -> tuple[int, int]:
    return len(paths), sum(
        rows.folder_bytes(path) if path.is_dir() else one.size_bytes for path in paths for one in _stats([path])
    )


def _removed(paths: Sequence[Path]) -> tuple[int, int]:
    sizes = _sizes(paths)
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return sizes


def _is_worth_it(free: int, whole: int) -> bool:
    """Whether so much of the database is free that it is written anew; what is free is used again otherwise."""
    return free * 10 > whole


def _make_smaller(store: Store, connection: rows.Connection, say: Say) -> tuple[tuple[int, int], tuple[str, ...]]:
    free, whole = rows.free_bytes(connection)
    if not _is_worth_it(free, whole):
        return (0, 0), ()
    if whole > MOST_BESIDE_OTHERS and any(
        is_alive(store, uid) for uid in rows.sessions(store) if uid != session_uid(store)
    ):
        return (0, 0), (f"the database keeps {free:,} free bytes: gc --yes when no other kernel uses the store",)
    if shutil.disk_usage(store.folder).free < 2 * whole:
        return (0, 0), (f"the database keeps {free:,} free bytes: the disk has no room to write it anew",)
    say(f"writing the database of {whole:,} bytes anew without {free:,} that are free")
    if fault := rows.make_smaller(connection):
        return (0, 0), (f"the database keeps {free:,} free bytes until the next gc: {fault}",)
    return (1, free), ()


# what takes the space

_TABLES = {
    "metric_points": "values of metrics",
    "metrics": "metrics",
    "params": "parameters",
    "tags": "tags",
    "outputs": "outputs of cells",
    "sources": "code",
    "diffs": "git diffs",
    "environments": "environments",
    "fingerprints": "fingerprints of data",
    "executions": "executed cells",
    "step_cache": "results of steps, their files apart",
    "runs": "runs",
    "model_versions": "model versions",
    "events": "events of models",
}


def space(*, store: Store | None = None) -> Space:
    """What takes the space in the store: its tables, its artifacts, and the largest runs."""
    store = store or open_store()
    sizes, counts = rows.table_sizes(store), rows.row_counts(store, _TABLES)
    files = list(_blob_files(store))
    whole = rows.folder_bytes(store.folder)
    parts = [Part("files of artifacts", len(files), sum(one.size_bytes for one in files))]
    parts += [Part(words, counts[table], sizes[table]) for table, words in _TABLES.items() if sizes and counts[table]]
    parts.append(Part("full-text index", None, sum(size for table, size in sizes.items() if "_text" in table)))
    log = sum(one.size_bytes for one in _stats([store.path.with_name(f"{DATABASE}-wal")]))
    parts.append(Part("newest writes, not yet in the database", None, log))
    rest = Part("indexes, empty pages and the rest", None, max(0, whole - sum(part.size_bytes for part in parts)))
    return Space(
        str(store.folder),
        whole,
        (*sorted((part for part in parts if part.size_bytes), key=lambda part: -part.size_bytes), rest),
        tuple(RunSpace(*one) for one in rows.largest_runs(store, 10)),
        gc(store=store).freed_bytes,
    )
