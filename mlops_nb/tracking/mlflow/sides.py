"""All that is carried of a run of ours, what the server has of one, and files on their way between both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from shutil import copyfileobj, rmtree
from typing import TYPE_CHECKING

from mlops_nb.store import blobs, remote
from mlops_nb.store import runs as rows
from mlops_nb.tracking.mlflow import runs as mapping
from mlops_nb.tracking.mlflow import words
from mlops_nb.tracking.mlflow.server import Listed, Refused, Server
from mlops_nb.tracking.mlflow.words import MlflowRun
from mlops_nb.tracking.runs import Artifact, Run

if TYPE_CHECKING:
    from mlops_nb.store import Store


@dataclass(frozen=True, slots=True)
class Side:
    """All that is carried of a run of ours: in MLflow's words, and its files; `hash` is of all of it."""

    run: MlflowRun
    faults: tuple[str, ...]
    files: Mapping[str, Artifact | bytes]
    hash: str


def side_of(store: Store, server: str, run: Run, *, home: bool) -> Side:
    """What is carried of a run; `home` when it was made on that server."""
    series = {metric.name: rows.points(store, run.id, metric.name) for metric in run.metrics}
    parent = remote.remote_id_of(store, server, run.parent) if run.parent is not None else ""
    said, faults = mapping.carried(run, series, parent=parent, home=home)
    files: dict[str, Artifact | bytes] = {}
    for one in run.artifacts:
        if why := words.artifact_fault(one.path):
            faults = (*faults, f"artifact {one.path}: {why}")
        else:
            files[one.path] = one
    if not home:
        files |= mapping.added_files(run)
    sums = {path: content_sum(file) for path, file in files.items()}
    return Side(said, faults, files, words.short_hash([said.to_dict(), sums]))


def content_sum(file: Artifact | bytes) -> tuple[str, int]:
    """Hash and size of a content."""
    return (sha256(file).hexdigest(), len(file)) if isinstance(file, bytes) else (file.sha256, file.size_bytes)


def sizes(listed: Mapping[str, Listed]) -> dict[str, int | None]:
    """The size of each artifact that is listed."""
    return {path: one.size for path, one in listed.items()}


def listed_there(server: Server, run: MlflowRun) -> tuple[dict[str, Listed], list[str]]:
    """The artifacts of a run there; why they cannot be read, if so."""
    try:
        return server.artifacts(run), []
    except Refused as no:
        return {}, [no.what]


def send(store: Store, server: Server, run: MlflowRun, path: str, file: Artifact | bytes) -> None:
    """Send a file under its own name, its content checked on the way."""
    with blobs.workplace(store) as place:
        named = place.folder / path.rpartition("/")[2]
        if isinstance(file, bytes):
            named.write_bytes(file)
        else:
            with blobs.opened(store, file.sha256, path) as reader, named.open("wb") as writer:
                copyfileobj(reader, writer, blobs.CHUNK)
        server.upload(run, named, path)


def fetched(
    server: Server, place: blobs.Workplace, listed: Mapping[str, Listed], have: Sequence[str]
) -> tuple[list[Artifact], list[blobs.Fresh], list[str]]:
    """The artifacts that are listed, but those that are had: what they are, their files, and faults."""
    paths, faults = mapping.kept_paths(sizes(listed))
    artifacts, files = list[Artifact](), list[blobs.Fresh]()
    for path in paths:
        if path in have:
            continue
        server.say(f"artifact {path}")
        folder = place.folder / f"of-{len(files)}-{len(faults)}"
        folder.mkdir(mode=0o700)
        try:
            with server.download(listed[path], folder).open("rb") as reader:
                fresh = place.copy(reader)
        except Refused as no:
            faults.append(no.what)
            continue
        finally:
            rmtree(folder, ignore_errors=True)
        files.append(fresh)
        artifacts.append(Artifact(path, fresh.sha256, fresh.size_bytes))
    return artifacts, files, faults
