"""Files, folders and values into the store: each whole or not at all, nothing from outside what was named."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.errors import BadArgument, nearest
from mlops_nb.store import artifacts as rows
from mlops_nb.store import blobs
from mlops_nb.tracking.artifacts import formats
from mlops_nb.tracking.artifacts.names import artifact_name, folder_of, with_suffix
from mlops_nb.tracking.runs import Artifact
from mlops_nb.tracking.values import safe_repr

if TYPE_CHECKING:
    from mlops_nb.store import Store

MOST_FILES = 100_000


@dataclass(frozen=True, slots=True)
class Kept:
    """What was logged under a path: one file, or all those of a folder."""

    path: str
    files: tuple[Artifact, ...]
    is_folder: bool = False

    def whole(self) -> Artifact:
        """The one artifact that was logged."""
        return folder_of(self.path, self.files) if self.is_folder else self.files[0]


@contextmanager
def kept(store: Store, what: object, name: str | None = None, *, as_pickle: bool = False) -> Iterator[Kept]:
    """A file, a folder or a value, kept; its rows are to be written in the block, or else it will be collected.

    Raises:
        BadArgument: it is not there, cannot be kept, or its name is not allowed.
        MissingExtra: its form needs a library that is not installed.
        StoreUnavailable: it cannot be written into the store.
    """
    with blobs.workplace(store) as place:
        source = None if as_pickle else _source(what)
        if source is None:
            done, made = _value(place, what, name, as_pickle)
        elif source.is_dir():
            done, made = _folder(place, source, name)
        else:
            done, made = _file(place, source, name)
        with blobs.adopted(store, made):
            yield done


@contextmanager
def kept_text(store: Store, text: str, name: str) -> Iterator[Kept]:
    """A text, kept as `kept` does."""
    with blobs.workplace(store) as place:
        done, made = _formed(place, formats.text_form(text), name)
        with blobs.adopted(store, made):
            yield done


def add_artifact(store: Store, run_id: int, what: object, name: str | None = None) -> Artifact:
    """Keep a file, a folder or a value with a run that may be over; as `kept` does."""
    with kept(store, what, name) as done, store.transaction() as connection:
        rows.put_artifacts(connection, run_id, done.path, done.files)
    return done.whole()


Made = tuple[Kept, Sequence[blobs.Fresh]]


def _source(what: object) -> Path | None:
    """The file or folder that is meant; None when it is a value."""
    if not isinstance(what, str | os.PathLike) or (isinstance(what, str) and "\n" in what):
        return None
    path = Path(what)
    try:
        if path.is_file() or path.is_dir():
            return path
        is_there = path.exists()
    except (OSError, ValueError):  # a name too long, or with a null character
        is_there = False
    if is_there:
        raise BadArgument(f"log_artifact: {str(path)!r} is neither a file nor a folder")
    raise BadArgument(
        f"log_artifact: there is no file or folder {str(what)[:200]!r}",
        _near(path) or 'log_text("...", "note.txt")    (to keep the text itself)',
    )


def _near(path: Path) -> str:
    try:
        folder = path.parent if path.parent.is_dir() else Path()
        near = nearest(path.name, [entry.name for entry in folder.iterdir()])
    except (OSError, ValueError):
        return ""
    return f"mlops_nb.log_artifact({str(folder / near)!r})" if near else ""


def _value(place: blobs.Workplace, value: object, name: str | None, as_pickle: bool) -> Made:
    if name is None:
        raise BadArgument(
            f"log_artifact: this {type(value).__name__} has no name to be kept under", 'log_artifact(it, "name")'
        )
    if isinstance(value, str) and not as_pickle:
        return _formed(place, formats.text_form(value), name)
    return _formed(place, formats.form_of(value, artifact_name(name), as_pickle=as_pickle), name)


def _formed(place: blobs.Workplace, form: formats.Form, name: str) -> Made:
    path = with_suffix(artifact_name(name), form.suffixes)
    more = dict[str, object]()
    fresh = place.write(lambda file: more.update(form.write(file) or {}))
    one = Artifact(path, fresh.sha256, fresh.size_bytes, form.kind, form.details | more)
    return Kept(path, (one,)), (fresh,)


def _file(place: blobs.Workplace, source: Path, name: str | None) -> Made:
    path = artifact_name(name or source.resolve().name)
    said = Progress(path, source.stat().st_size)
    one, fresh = _copied(place, path, source, said)
    said.end()
    return Kept(path, (one,)), (fresh,)


def _folder(place: blobs.Workplace, source: Path, name: str | None) -> Made:
    path = artifact_name(name or source.resolve().name)
    found = list(_files_below(source, place.store.folder))
    if not found:
        raise BadArgument(f"log_artifact: the folder {str(source)!r} has no file in it")
    said = Progress(path, sum(real.stat().st_size for _, real in found))
    copies = [_copied(place, artifact_name(f"{path}/{inside}"), real, said) for inside, real in found]
    said.end()
    return Kept(path, tuple(one for one, _ in copies), True), [fresh for _, fresh in copies]


def _copied(place: blobs.Workplace, path: str, source: Path, said: Progress) -> tuple[Artifact, blobs.Fresh]:
    try:
        handle = os.open(source, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as reader:
            fresh = place.copy(reader, said.more)
    except OSError as error:
        raise BadArgument(f"log_artifact: {str(source)!r} cannot be read: {error.strerror}") from None
    return Artifact(path, fresh.sha256, fresh.size_bytes), fresh


def _files_below(top: Path, store: Path) -> Iterator[tuple[str, Path]]:
    """Path inside the folder, and the file itself, of every file at or below it, sorted.

    A link is followed where it stays inside the folder; whatever else cannot be kept is refused by its name.
    """
    root = top.resolve()
    waiting: list[tuple[str, Path, tuple[Path, ...]]] = [("", root, (root,))]
    count = 0
    while waiting:
        prefix, folder, above = waiting.pop()
        if folder == store.resolve():
            raise BadArgument(f"log_artifact: {str(top)!r} holds the store {store} itself", "log a folder beside it")
        inner: list[tuple[str, Path, tuple[Path, ...]]] = []
        for entry in _entries(folder):
            inside = f"{prefix}{entry.name}"
            real = _followed(inside, entry, root) if entry.is_symlink() else folder / entry.name
            if real.is_dir():
                if real in above:
                    raise BadArgument(f"log_artifact: {inside!r} in {str(top)!r} is a link back to a folder it is in")
                inner.append((f"{inside}/", real, (*above, real)))
            elif real.is_file():
                yield inside, real
                count += 1
            else:
                raise BadArgument(f"log_artifact: {inside!r} in {str(top)!r} is neither a file nor a folder")
        waiting += reversed(inner)
        if count > MOST_FILES:
            raise BadArgument(f"log_artifact: {str(top)!r} has more than {MOST_FILES:,} files", "log an archive of it")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise BadArgument(f"log_artifact: the folder {str(folder)!r} cannot be read: {error.strerror}") from None


def _followed(inside: str, entry: os.DirEntry[str], root: Path) -> Path:
    """Where a link leads.

    Raises:
        BadArgument: out of the folder, or nowhere.
    """
    try:
        real = Path(entry.path).resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: links that lead to each other
        raise BadArgument(
            f"log_artifact: {inside!r} is a link to nothing: {str(Path(entry.path).readlink())!r}",
            "remove the link, or log the files beside it",
        ) from None
    if not real.is_relative_to(root):
        raise BadArgument(
            f"log_artifact: {inside!r} is a link out of the folder, to {safe_repr(str(real), 200)}",
            "copy the file into the folder, or log it by itself",
        )
    return real


class Progress:
    """How much of a long copy is done, on one line of stderr; silent for a second.

    Args:
        name: of what.
        total: how many bytes there are.
        verb: what is done to it.
    """

    def __init__(self, name: str, total: int, verb: str = "keeping") -> None:
        self._name, self._total, self._verb, self._done = name, total, verb, 0
        self._next = time.monotonic() + 1
        self._is_said = False

    def more(self, size: int) -> None:
        """So many bytes more are done."""
        self._done += size
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.5
            self._is_said = True
            self._say(f"{self._done / 1e6:,.0f} of {self._total / 1e6:,.0f} MB")

    def end(self) -> None:
        """All is done."""
        if self._is_said:
            self._say(f"{self._done / 1e6:,.0f} MB\n")

    def _say(self, text: str) -> None:
        name = safe_repr(self._name, 60)
        sys.stderr.write(f"\rmlops_nb: {self._verb} {name}: {text}")
        sys.stderr.flush()


class Paced:
    """Passes on what is said twice a second at the most; nothing where nobody listens.

    Args:
        say: is told a line, or None.
    """

    def __init__(self, say: Callable[[str], None] | None) -> None:
        self._say, self._next = say, 0.0

    def __call__(self, line: str) -> None:
        """Say a line, unless one was said just now."""
        if self._say is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.5
            self._say(line)
