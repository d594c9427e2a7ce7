"""Artifacts out of the store again, their hash checked each time."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from typing import TYPE_CHECKING, Any, BinaryIO

from mlops_nb.errors import ArtifactNotFound, BadArgument, StoreIsDamaged, nearest
from mlops_nb.store import blobs, open_store
from mlops_nb.tracking import service
from mlops_nb.tracking.artifacts import formats
from mlops_nb.tracking.artifacts.keeping import Paced, Progress
from mlops_nb.tracking.artifacts.names import artifact_name, found_artifacts
from mlops_nb.tracking.artifacts.previews import ArtifactList, ArtifactView, NoPreview, Preview, preview
from mlops_nb.tracking.runs import Artifact, Run
from mlops_nb.tracking.values import safe_repr

if TYPE_CHECKING:
    from mlops_nb.store import Store


def load_artifact(
    run: int | str, name: str, *, trust: Iterable[str] = (), unpickle: bool = False, store: Store | None = None
) -> Any:
    """What was logged under a name: a DataFrame, array, dict, list, text, bytes, model or confusion matrix.

    A file that was logged as a file is given as the path of the store's own copy, to be read only; a Plotly
    figure as the dict that `plotly.graph_objects.Figure` takes, a Matplotlib figure as its picture's bytes.

    Args:
        run: its number, its id or the beginning of it, or a name (its newest run).
        name: the artifact's name, with or without the ending of its form.
        trust: types, by full name, that a model may be made of beside those that are known to be harmless.
        unpickle: load a pickle, which runs whatever code is in it.
        store: the store, or None for the one of the working directory.

    Raises:
        RunNotFound: no run is called that.
        ArtifactNotFound: the run has no such artifact.
        StoreIsDamaged: the file is missing or was changed.
        BadArgument: it is a folder, a pickle, or a model of types that are not trusted.
    """
    store = store or open_store()
    one = _one(service.find_run(run, store), name)
    if one.kind == "file":
        return _checked_path(store, one)
    with opened(store, one) as file:
        return formats.read_value(one, file, trust=trust, unpickle=unpickle)


def artifact_path(run: int | str, name: str, *, store: Store | None = None) -> Path:
    """The store's own copy of an artifact's file, its content checked; to be read, not changed.

    Raises:
        RunNotFound: no run is called that.
        ArtifactNotFound: the run has no such artifact.
        StoreIsDamaged: the file is missing or was changed.
        BadArgument: it is a folder.
    """
    store = store or open_store()
    return _checked_path(store, _one(service.find_run(run, store), name))


def save_artifacts(
    run: int | str, folder: str | Path, name: str | None = None, *, store: Store | None = None
) -> tuple[Path, ...]:
    """Copy a run's artifacts, or the one or the folder of that name, into a folder, never beside it.

    Files of the same names there are replaced, each whole or not at all.

    Raises:
        RunNotFound: no run is called that.
        ArtifactNotFound: the run has none, or none of that name.
        StoreIsDamaged: a file is missing from the store or was changed.
        BadArgument: a file cannot be written, or would be outside the folder.
    """
    store = store or open_store()
    found = artifacts_of(service.find_run(run, store), name)
    return save_files(store, found, Path(folder).expanduser())


def artifacts(
    run: int | str,
    name: str | None = None,
    *,
    save: str | Path | None = None,
    store: Store | None = None,
    progress: Callable[[str], None] | None = None,
) -> ArtifactList:
    """The artifacts of a run, or the one or the folder of a name, and what can be seen of them.

    Args:
        run: its number, its id or the beginning of it, or a name (its newest run).
        name: only this one, or those in this folder.
        save: copy them into this folder, too.
        store: the store, or None for the one of the working directory.
        progress: is told what is done, line by line.

    Raises:
        RunNotFound: no run is called that.
        ArtifactNotFound: the run has no artifact of that name.
        BadArgument, StoreIsDamaged: a file cannot be copied.
    """
    store = store or open_store()
    whole = service.find_run(run, store)
    found = artifacts_of(whole, name) if name else whole.artifacts
    saved: tuple[Path, ...] = ()
    if save is not None:
        saved = save_files(store, artifacts_of(whole, name), Path(save).expanduser(), Paced(progress))
    limit = math.inf if name and len(found) == 1 else LOOK_BYTES
    views = [
        ArtifactView(one, _look(store, one) if place < MOST_LOOKED_AT and one.size_bytes <= limit else None)
        for place, one in enumerate(found)
    ]
    return ArtifactList(whole.id, whole.name, tuple(views), tuple(map(str, saved)))


LOOK_BYTES = 20_000_000
"""A larger artifact is looked at only when it is asked for by name: all of it is read, to check its hash."""

MOST_LOOKED_AT = 10


@contextmanager
def opened(store: Store, one: Artifact) -> Iterator[BinaryIO]:
    """An artifact's checked content; a long check is told on stderr.

    Raises:
        StoreIsDamaged: it is missing or was changed.
    """
    said = Progress(one.path, one.size_bytes, "checking")
    with blobs.opened(store, one.sha256, one.path, said.more) as file:
        said.end()
        yield file


def _look(store: Store, one: Artifact) -> Preview:
    try:
        with opened(store, one) as file:
            return preview(one, file)
    except StoreIsDamaged as error:
        return NoPreview(error.what)


def save_files(
    store: Store, found: Sequence[Artifact], folder: Path, say: Callable[[str], None] = lambda line: None
) -> tuple[Path, ...]:
    """Copy files out of the store into a folder, their content checked, each whole or not at all.

    Raises:
        StoreIsDamaged: a file is missing from the store or was changed.
        BadArgument: a file cannot be written, or would be outside the folder.
    """
    saved = []
    for place, one in enumerate(found, 1):
        saved.append(_saved(store, one, folder))
        say(f"copied {place:,} of {len(found):,} files")
    return tuple(saved)


def artifacts_of(run: Run, name: str | None = None) -> tuple[Artifact, ...]:
    """The artifacts of a run, or the one of a name, or those in the folder of that name.

    Raises:
        ArtifactNotFound: there is none.
    """
    found = found_artifacts(run.artifacts, name) if name else run.artifacts
    if found:
        return found
    if not run.artifacts:
        raise ArtifactNotFound(f"run {run.id} has no artifacts", 'mlops_nb.log_artifact(it, "name")')
    near = nearest(str(name), [one.path for one in run.artifacts])
    raise ArtifactNotFound(
        f"run {run.id} has no artifact {safe_repr(name, 60)}",
        f"%mlops artifacts {run.id} {near}".rstrip(),
    )


def _one(run: Run, name: str) -> Artifact:
    found = artifacts_of(run, name)
    if len(found) > 1 or found[0].path.startswith(f"{name.strip('/')}/"):
        raise BadArgument(
            f"{name!r} is a folder of {len(found)} files", f"%mlops artifacts {run.id} {name} --save FOLDER"
        )
    return found[0]


def _checked_path(store: Store, one: Artifact) -> Path:
    with opened(store, one):
        return blobs.blob_path(store, one.sha256)


def _saved(store: Store, one: Artifact, folder: Path) -> Path:
    path = folder / artifact_name(one.path)  # checked again: the store may come from elsewhere
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.parent.resolve().is_relative_to(folder.resolve()):
            raise BadArgument(f"{one.path!r} would be written outside {folder}: a link there leads out of it")
        handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=".mlops-", suffix=".new")
        try:
            with os.fdopen(handle, "wb") as writer, opened(store, one) as reader:
                copyfileobj(reader, writer, blobs.CHUNK)
            Path(fresh).replace(path)
        finally:
            Path(fresh).unlink(missing_ok=True)
    except OSError as error:
        raise BadArgument(f"{path} cannot be written: {error.strerror}", "choose another folder") from None
    return path
