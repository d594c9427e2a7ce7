"""Files addressed by the SHA-256 of their content.

A file is written in a folder of its own beside the blobs, and takes its place among them by one rename. From
then until its row is there the writer holds `blobs.lock`, so that nobody takes it for one that nothing refers to.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mlops_nb.errors import StoreIsDamaged, StoreIsLocked
from mlops_nb.store.connection import faults
from mlops_nb.store.sessions import session_uid

if TYPE_CHECKING:
    from mlops_nb.store.database import Store

CHUNK = 1 << 20

LOCK_SECONDS = 60.0

Said = Callable[[int], None]
"""Is told how many bytes more are done."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A file that is written whole and has no place yet."""

    path: Path
    sha256: str
    size_bytes: int


class Workplace:
    """A folder in which files are made before they become blobs; named after its session, gone at the end."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.folder = store.folder / "blobs" / f"{session_uid(store)}-{uuid.uuid4().hex}.new"
        self._made = 0

    def copy(self, source: BinaryIO, said: Said = lambda size: None) -> Fresh:
        """A copy of what can be read from a source, a megabyte at a time."""
        digest, size = hashlib.sha256(), 0
        with self._new() as writer:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                with faults(self.store.path):
                    size += writer.write(chunk)
                said(len(chunk))
            path = self._done(writer)
        return Fresh(path, digest.hexdigest(), size)

    def write(self, write: Callable[[BinaryIO], object], *, durable: bool = True) -> Fresh:
        """What `write` puts into a file; of one that is not durable a power cut may leave less: its hash tells."""
        with self._new() as writer:
            with faults(self.store.path):
                write(writer)
            path = self._done(writer, durable)
            writer.seek(0)
            digest = _digest(writer)
        return Fresh(path, digest, path.stat().st_size)

    def _new(self) -> BinaryIO:
        self._made += 1
        with faults(self.store.path):
            handle = os.open(self.folder / str(self._made), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        return os.fdopen(handle, "w+b")

    def _done(self, writer: BinaryIO, durable: bool = True) -> Path:
        with faults(self.store.path):
            writer.flush()
            if durable:
                os.fsync(writer.fileno())
        return self.folder / str(self._made)


@contextmanager
def workplace(store: Store) -> Iterator[Workplace]:
    """A place to make files in; whatever is left in it goes with it."""
    place = Workplace(store)
    try:
        with faults(store.path):
            place.folder.parent.mkdir(mode=0o700, exist_ok=True)
            place.folder.mkdir(mode=0o700)
        yield place
    finally:
        shutil.rmtree(place.folder, ignore_errors=True)


@contextmanager
def adopted(store: Store, files: Sequence[Fresh]) -> Iterator[None]:
    """The files in their places; until the block ends, in which their rows are written, no blob is collected."""
    with alone(store):
        for one in files:
            with faults(store.path):
                target = blob_path(store, one.sha256)
                target.parent.mkdir(mode=0o700, exist_ok=True)
                one.path.replace(target)
        yield


@contextmanager
def alone(store: Store) -> Iterator[None]:
    """While this lasts nobody else adds or collects a blob."""
    from filelock import FileLock, Timeout

    lock = FileLock(store.folder / "blobs.lock", timeout=LOCK_SECONDS, mode=0o600)
    try:
        with faults(store.path):
            lock.acquire()
    except Timeout as error:
        raise StoreIsLocked(
            f"another process has been adding or collecting artifacts in {store.folder} for a minute",
            "end that process, then try again",
        ) from error
    try:
        yield
    finally:
        lock.release()


def blob_path(store: Store, sha256: str) -> Path:
    """Where the content with that hash lies."""
    return store.folder / "blobs" / sha256[:2] / sha256


@contextmanager
def opened(store: Store, sha256: str, name: str, said: Said = lambda size: None) -> Iterator[BinaryIO]:
    """The content with that hash, to be read; looked through first, a megabyte at a time.

    Args:
        store: where it is.
        sha256: its hash.
        name: what an error calls it.
        said: is told how many bytes more are looked through.

    Raises:
        StoreIsDamaged: it is not there, or no longer has the hash it was stored under. Nothing else is touched.
    """
    path = blob_path(store, sha256)
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise StoreIsDamaged(f"the file of {name!r} is missing from the store: {path}", _FROM_BACKUP) from None
    except OSError as error:
        raise StoreIsDamaged(f"the file of {name!r} cannot be read: {path}: {error.strerror}", _FROM_BACKUP) from None
    with file:
        with faults(store.path):
            digest = _digest(file, said)
        if digest != sha256:
            raise StoreIsDamaged(
                f"the file of {name!r} was changed after it was stored: {path} no longer has the hash of its name",
                _FROM_BACKUP,
            )
        file.seek(0)
        yield file


_FROM_BACKUP = "put back a copy from a backup; every other artifact can still be read"


def _digest(file: BinaryIO, said: Said = lambda size: None) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
        said(len(chunk))
    return digest.hexdigest()
