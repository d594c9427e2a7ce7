"""A store in one file, and the way back."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

from mlops_nb.errors import BadArgument, StoreIsDamaged, StoreIsNewer, StoreUnavailable
from mlops_nb.store import blobs, open_store
from mlops_nb.store import housekeeping as rows
from mlops_nb.store.connection import check_file
from mlops_nb.store.location import DATABASE
from mlops_nb.tracking.artifacts.keeping import Paced
from mlops_nb.tracking.housekeeping.records import Backup
from mlops_nb.tracking.values import safe_repr

if TYPE_CHECKING:
    from mlops_nb.store import Store

Say = Callable[[str], None]

_MEMBER = re.compile(r"store\.db|backup\.json|blobs/([0-9a-f]{2})/(\1[0-9a-f]{62})")


def backup(file: str | Path, *, force: bool = False, store: Store | None = None, progress: Say | None = None) -> Backup:
    """Write the store to one file, as it is at this moment, while others write to it.

    The file is a zip with the database and every content that it refers to: artifacts, models, and what is kept of
    pipelines' steps, so that a store made from it skips the same steps. It is there whole or not at all.

    Args:
        file: what to write.
        force: overwrite a file that is there.
        store: the store, or None for the one of the working directory.
        progress: is told what is done, line by line.

    Raises:
        BadArgument: the file is there already, or cannot be written.
        StoreIsLocked: a gc or another backup is going on.
    """
    store, say, clock = store or open_store(), Paced(progress), time.perf_counter()
    target = Path(file).expanduser().absolute()
    if target.is_dir():
        raise BadArgument(f"{target} is a folder", f"%mlops backup {target / 'backup.zip'}")
    if target.exists() and not force:
        raise BadArgument(f"{target} is there already", f"%mlops backup {file} --force    (to overwrite it)")
    with rows.alone(store), _beside(target) as folder:
        copy, archive = folder / DATABASE, folder / "backup.zip"
        rows.copy_database(store, copy, lambda done, total: say(f"copied {done:,} of {total:,} pages of the database"))
        count, damaged = _pack(store, copy, archive, say)
        runs = rows.runs_in(copy)
        _settle(archive, target)
    return Backup(
        str(target), str(store.folder), target.stat().st_size, runs, count, time.perf_counter() - clock, damaged
    )


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A folder beside the target to make it in; what an earlier attempt left there goes first."""
    folder = target.with_name(f".{target.name}.partial")
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        yield folder
    except OSError as error:
        raise BadArgument(f"{target} cannot be written: {error.strerror or error}", "choose another place") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pack(store: Store, copy: Path, archive: Path, say: Say) -> tuple[int, tuple[str, ...]]:
    listed, damaged, count, packed = rows.files_in(copy), list[str](), 0, 0
    with zipfile.ZipFile(archive, "x", zipfile.ZIP_STORED) as pack:
        pack.write(copy, DATABASE, zipfile.ZIP_DEFLATED, 1)
        for place, (sha256, name) in enumerate(listed, 1):
            try:
                with blobs.opened(store, sha256, name) as reader:
                    with pack.open(f"blobs/{sha256[:2]}/{sha256}", "w", force_zip64=True) as writer:
                        while chunk := reader.read(blobs.CHUNK):
                            packed += writer.write(chunk)
                            say(f"packing file {place:,} of {len(listed):,}, {packed / 1e6:,.0f} MB so far")
                    count += 1
            except StoreIsDamaged:
                damaged.append(name)
        pack.writestr("backup.json", json.dumps({"made_by": "mlops_nb", "files": count, "damaged": damaged}))
    return count, tuple(damaged)


def _settle(made: Path, target: Path) -> None:
    with made.open("r+b") as file:
        os.fsync(file.fileno())
    made.chmod(0o600)
    made.replace(target)


def restore_backup(file: str | Path, folder: str | Path, *, progress: Say | None = None) -> Backup:
    """Make the store that a backup file holds in a folder that is not there yet, whole or not at all.

    Args:
        file: what `backup` wrote.
        folder: the store's folder, `.mlops` in the folder of the notebooks.
        progress: is told what is done, line by line.

    Raises:
        BadArgument: the folder is there already, or the file is not.
        StoreIsDamaged: the file is no backup, is damaged, or holds what a backup does not.
    """
    source, target, clock = Path(file).expanduser(), Path(folder).expanduser().absolute(), time.perf_counter()
    say = Paced(progress)
    if not source.is_file():
        raise BadArgument(f"there is no file {str(source)!r}", "%mlops backup FILE --restore FOLDER")
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise BadArgument(f"{target} is there already", f"%mlops backup {file} --restore {target}-restored")
    with _beside(target) as made:
        inside = made / "store"
        inside.mkdir(mode=0o700)
        count = _unpack(source, inside, say)
        runs, missing = _checked(source, inside)
        inside.replace(target)
    seconds = time.perf_counter() - clock
    return Backup(str(source), str(target), source.stat().st_size, runs, count, seconds, missing, True)


def _unpack(source: Path, folder: Path, say: Say) -> int:
    count = 0
    with _read_faults(source), zipfile.ZipFile(source) as pack:
        members = pack.infolist()
        for each in members:
            if not _MEMBER.fullmatch(each.filename):
                raise StoreIsDamaged(f"{source} holds {safe_repr(each.filename, 100)}, which no backup does")
        needed = sum(each.file_size for each in members)
        if needed > shutil.disk_usage(folder).free:
            raise BadArgument(f"{source} holds {needed:,} bytes, more than the disk has free", "choose another disk")
        for place, each in enumerate(members, 1):
            path = folder / each.filename
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with pack.open(each) as reader, path.open("xb") as writer:
                path.chmod(0o600)
                digest = _copied(reader, writer)
            if each.filename.startswith("blobs/"):
                count += 1
                if digest != path.name:
                    raise StoreIsDamaged(f"{source} is damaged: the content of {each.filename} was changed")
            say(f"unpacked {place:,} of {len(members):,} files")
    return count


@contextmanager
def _read_faults(source: Path) -> Iterator[None]:
    """Whatever a file that is no zip, or no whole one, makes the reader raise."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, FileExistsError, RuntimeError, NotImplementedError) as error:
        raise StoreIsDamaged(f"{source} is not a whole backup: {error}", "%mlops backup FILE") from None


def _copied(reader: IO[bytes], writer: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := reader.read(blobs.CHUNK):
        digest.update(chunk)
        writer.write(chunk)
    writer.flush()
    os.fsync(writer.fileno())
    return digest.hexdigest()


def _checked(source: Path, folder: Path) -> tuple[int, tuple[str, ...]]:
    """How many runs the unpacked store has, and the artifacts whose file is not there."""
    database = folder / DATABASE
    if not database.exists() or not (folder / "backup.json").exists():
        raise StoreIsDamaged(f"{source} is not a whole backup: the database is not in it", "%mlops backup FILE")
    try:
        check_file(database)
        runs, listed = rows.runs_in(database), rows.files_in(database)
    except StoreIsNewer:
        raise
    except StoreUnavailable as error:
        raise StoreIsDamaged(f"{source} holds no whole store: {error.what}") from None
    (folder / "backup.json").unlink()
    (folder / ".gitignore").write_text("*\n")
    there = {path.name for path in (folder / "blobs").rglob("*")}
    return runs, tuple(name for sha256, name in listed if sha256 not in there)
