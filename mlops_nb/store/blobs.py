"""Files addressed by the SHA-256 of their content."""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.errors import StoreIsDamaged
from mlops_nb.store.connection import faults

if TYPE_CHECKING:
    from mlops_nb.store.database import Store

_CHUNK = 1 << 20


def keep_file(store: Store, source: Path) -> tuple[str, int]:
    """Copy a file into the store, once for each content; its SHA-256 and size in bytes."""
    folder = store.folder / "blobs"
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reader, faults(store.path):
        folder.mkdir(mode=0o700, exist_ok=True)
        fresh = folder / f"{uuid.uuid4().hex}.new"
        try:
            with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as writer:
                while chunk := reader.read(_CHUNK):
                    digest.update(chunk)
                    size += writer.write(chunk)
                writer.flush()
                os.fsync(writer.fileno())
            target = blob_path(store, digest.hexdigest())
            target.parent.mkdir(mode=0o700, exist_ok=True)
            fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)
    return digest.hexdigest(), size


def blob_path(store: Store, sha256: str) -> Path:
    """Where the content with that hash lies."""
    return store.folder / "blobs" / sha256[:2] / sha256


def read_blob(store: Store, sha256: str) -> bytes:
    """The content with that hash; refused when the file on disk no longer has it."""
    path = blob_path(store, sha256)
    with faults(store.path):
        content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise StoreIsDamaged(f"{path} was changed after it was stored: its content no longer has the hash of its name")
    return content
