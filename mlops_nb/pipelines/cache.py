"""What is kept of steps: found by all that their result depends on, believed only where this user kept it.

A result is found by its key, the digest of the step's code, the arguments, constants, environment variables and
library versions. It holds while the files that the step read are what they were, and the global random generators
that it drew from are where they were.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from mlops_nb.errors import MlopsError, StoreUnavailable
from mlops_nb.notebook.files import is_address, placed
from mlops_nb.pipelines.code import Code, digest, read_code
from mlops_nb.pipelines.records import Draws, KeptFile, Shown
from mlops_nb.pipelines.running import generator_digests, restore_generators
from mlops_nb.pipelines.steps import Step
from mlops_nb.pipelines.user_key import is_genuine, mac, user_key
from mlops_nb.pipelines.values import KeptValue, content_hash, is_small, is_split, kept_value, value_of
from mlops_nb.record import Record, json_value, read
from mlops_nb.reproducibility.service import distributions_of, environment
from mlops_nb.store import blobs, step_cache
from mlops_nb.tracking.runs import FileUse
from mlops_nb.tracking.secrets.redaction import without_secrets

if TYPE_CHECKING:
    from mlops_nb.store import Store

MOST_WRITTEN_BYTES = 100_000_000
"""Files that a step writes are kept with its result up to so much; a step that writes more runs each time."""

_RACY_SECONDS = 2.0
"""A file that was changed so shortly before a result was kept is read again: its time alone does not tell."""


LATER = "it draws from a global random generator, which steps before it may move"
"""Why a result cannot be judged before the steps before it have ended."""


@dataclass(frozen=True, slots=True)
class KeptStep(Record):
    """What a step gave: its outputs, one by one where it returns a tuple of them, and what else it did.

    `parts` is what it depends on, `shown` how the arguments read, `changes` the arguments that it changes in place.
    """

    key: str
    step: str
    parts: Mapping[str, str]
    outputs: tuple[KeptValue, ...]
    is_tuple: bool
    made: float
    duration: float
    shown: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, object] = field(default_factory=dict)
    shows: tuple[Shown, ...] = ()
    files: tuple[KeptFile, ...] = ()
    written: tuple[KeptFile, ...] = ()
    draws: Mapping[str, Draws] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    run: int | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """All that the result of a call depends on as far as it is known before it runs.

    `key` is empty where an argument has no hash; then `unknown` names one.
    """

    parts: Mapping[str, str]
    shown: Mapping[str, str]
    code: Code
    key: str = ""
    unknown: str = ""


class Shelf:
    """Where values lie: the blobs of a store, or any folder."""

    def __init__(self, folder: Path, store: Store | None = None) -> None:
        self.folder, self.store = folder, store

    @contextmanager
    def filling(self) -> Iterator[Callable[[Callable[[BinaryIO], object]], blobs.Fresh]]:
        """Writes files in the block, each in its place at the end of it."""
        if self.store is None:
            yield self._write
            return
        with blobs.workplace(self.store) as place:
            made: list[blobs.Fresh] = []

            def write(put: Callable[[BinaryIO], object]) -> blobs.Fresh:
                made.append(place.write(put, durable=False))
                return made[-1]

            yield write
            if made:
                with blobs.adopted(self.store, made):
                    pass

    def _write(self, put: Callable[[BinaryIO], object]) -> blobs.Fresh:
        handle, name = tempfile.mkstemp(dir=self.folder)
        with os.fdopen(handle, "w+b") as file:
            put(file)
            file.flush()
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        path = Path(name).replace(self.folder / sha256)
        return blobs.Fresh(path, sha256, path.stat().st_size)

    def load(self, kept: KeptValue) -> Any:
        """A value; the content of its file is checked first.

        Raises:
            MlopsError: it is not there, was changed, or cannot be read.
        """
        if not kept.sha256:
            return value_of(kept, None)
        if self.store is not None:
            with blobs.opened(self.store, kept.sha256, "a step's result") as file:
                return value_of(kept, file)
        with (self.folder / kept.sha256).open("rb") as file:
            return value_of(kept, file)

    def has(self, sha256: str, size_bytes: int) -> bool:
        """Whether the file is there with that size; its content is checked when it is read."""
        path = blobs.blob_path(self.store, sha256) if self.store is not None else self.folder / sha256
        try:
            return path.stat().st_size == size_bytes
        except OSError:
            return False


class Cache:
    """The kept results of a pipeline's steps.

    Args:
        store: where they are; None where there is no store yet.
        pipeline: the pipeline's name.
        home: the folder that holds the store, or would.
    """

    def __init__(self, store: Store | None, pipeline: str, home: Path) -> None:
        self.store, self.pipeline, self.home = store, pipeline, home
        self.shelf = Shelf(store.folder if store is not None else home, store)
        self.used: list[int] = []
        self.states: dict[str, Any] | None = None
        """The states of the global random generators, where they are not those of this process."""

        self.are_generators_known = True
        """Whether the global random generators are where they would be if all steps before had run here."""
        self._codes: dict[str, Code] = {}
        self._constants: dict[int, tuple[object, str]] = {}

    def identity(self, one: Step[..., Any], hashes: Mapping[str, str], values: Mapping[str, object]) -> Identity:
        """What the result of a call depends on.

        Args:
            one: the step.
            hashes: the hash of each argument; empty where it has none.
            values: those of the arguments that are plain values, to be spoken of.
        """
        code = self.code(one)
        parts = {"python": ".".join(map(str, sys.version_info[:2]))} | code.parts
        parts |= {f"library {root}": version for root, version in _versions(code.roots).items()}
        parts |= {f"constant {name}": self._constant(value) for name, value in code.constants.items()}
        parts |= {f"variable {name}": _variable(name) for name in sorted(code.variables)}
        parts |= {f"argument {name}": found for name, found in hashes.items()}
        shown = {name: _spoken(value) for name, value in values.items()}
        unknown = next((name for name, found in parts.items() if not found and not name.startswith("module")), "")
        key = "" if unknown else digest(json.dumps(sorted(parts.items())))
        return Identity(parts, without_secrets(shown, self.store, set()), code, key, unknown)

    def code(self, one: Step[..., Any]) -> Code:
        """What a step's code names."""
        if one.name not in self._codes:
            self._codes[one.name] = read_code(one.function)
        return self._codes[one.name]

    def _constant(self, value: object) -> str:
        if is_small(value):
            return content_hash(value)
        known = self._constants.get(id(value))
        if known is None:
            known = self._constants[id(value)] = (value, content_hash(value))
        return known[1]

    def find(self, one: Step[..., Any], identity: Identity) -> KeptStep | str:
        """What is kept of a call, or why nothing that holds is."""
        if self.store is None:
            return "nothing is kept here yet"
        why = ""
        for number, content, code in step_cache.entries_of_key(self.store, identity.key):
            kept, fault = self._believed(content, code)
            fault = fault or (self._fault_of(kept, identity) if kept else "")
            if kept is not None and not fault:
                self.used.append(number)
                return kept
            why = why or fault
        return why or self._difference(one, identity)

    def newest(self, one: Step[..., Any]) -> KeptStep | None:
        """What was kept last of a step, whatever it depended on."""
        for number, content, code in (
            step_cache.entries_of_step(self.store, self.pipeline, one.name) if self.store else ()
        ):
            kept, fault = self._believed(content, code)
            if kept is not None and not fault and self._has_files(kept):
                self.used.append(number)
                return kept
        return None

    def _believed(self, content: str, code: bytes) -> tuple[KeptStep | None, str]:
        key = user_key()
        if key is None or not is_genuine(key, content, code):
            return None, "its kept result is not this user's own"
        try:
            return cast(KeptStep, read(KeptStep, json.loads(content))), ""
        except (ValueError, TypeError, KeyError):
            return None, "its kept result is of another release"

    def _fault_of(self, kept: KeptStep, identity: Identity) -> str:
        """Why a result of the same key does not hold now; empty where it does."""
        if not self._has_files(kept):
            return "a file of its kept result is missing"
        for file in kept.files:
            if not self._is_same(file, kept.made):
                return f"{file.path} changed" if self._path(file.path).exists() else f"{file.path} is gone"
        if kept.draws and not self.are_generators_known:
            return LATER
        now = generator_digests(self.states)
        for name, one in kept.draws.items():
            if one.before and now.get(name) != one.before:
                return f"it draws from {name}'s global random generator, which is in another state"
        return ""

    def _has_files(self, kept: KeptStep) -> bool:
        return all(self.shelf.has(sha256, size) for sha256, size in _files_of(kept).items())

    def _difference(self, one: Step[..., Any], identity: Identity) -> str:
        assert self.store is not None
        for _, content, code in step_cache.entries_of_step(self.store, self.pipeline, one.name, 1):
            before, fault = self._believed(content, code)
            if before is None:
                return fault
            return _changed(before, identity)
        return "nothing of it is kept here"

    def can_keep(self) -> bool:
        """Whether this user has a key, by which what is kept is believed later."""
        return user_key() is not None

    def keep(self, kept: KeptStep) -> None:
        """Keep what a step gave; its files are on the shelf already.

        Raises:
            StoreUnavailable: it cannot be written.
        """
        key = user_key()
        if self.store is None or key is None:
            return
        content = json.dumps(kept.to_dict(), ensure_ascii=False)
        with self.store.transaction() as connection:
            step_cache.add_entry(
                connection,
                key=kept.key,
                pipeline=self.pipeline,
                step=kept.step,
                content=content,
                mac=mac(key, content),
                files=_files_of(kept),
            )

    def close(self) -> None:
        """Note which results were asked for."""
        if self.store is not None and self.used:
            with suppress(StoreUnavailable), self.store.transaction() as connection:
                step_cache.set_used(connection, self.used)

    # files

    def taken(self, kept: KeptStep) -> None:
        """Do again what a step did beside its outputs: the files it wrote, the random generators it moved.

        Raises:
            MlopsError: a file cannot be put back.
        """
        for file in kept.written:
            if not self._is_same(file, kept.made):
                self._put_back(file)
        restore_generators(kept.draws)

    def _put_back(self, file: KeptFile) -> None:
        assert self.store is not None
        path = self._path(file.path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=".mlops-", suffix=".new")
            with os.fdopen(handle, "wb") as writer, blobs.opened(self.store, file.sha256, file.path) as reader:
                while chunk := reader.read(blobs.CHUNK):
                    writer.write(chunk)
            Path(fresh).chmod(0o666 & ~_umask())
            Path(fresh).replace(path)
        except OSError as error:
            raise MlopsError(f"{file.path}, which the step writes, cannot be put back: {error.strerror}") from None

    def files_read(self, uses: Sequence[FileUse]) -> tuple[KeptFile, ...]:
        """The files that a step read, as they are."""
        found = (self._state(use.path) for use in uses if use.is_read and not is_address(use.path))
        return tuple(one for one in found if one is not None and not one.path.startswith("site-packages/"))

    def files_written(
        self, uses: Sequence[FileUse], write: Callable[[Callable[[BinaryIO], object]], blobs.Fresh]
    ) -> tuple[KeptFile, ...]:
        """The files that a step wrote, each with a copy on the shelf."""
        found = []
        for use in uses:
            state = self._state(use.path) if use.is_written and not use.is_read else None
            if state is not None:
                content = Path(use.path).read_bytes()
                copy = write(lambda file, content=content: file.write(content))  # type: ignore[misc]
                found.append(KeptFile(state.path, state.size_bytes, state.modified, state.hash, copy.sha256))
        return tuple(found)

    def doubts_about(self, uses: Sequence[FileUse]) -> list[str]:
        """Why a result cannot be kept, from the files that the step used."""
        found = []
        for use in uses:
            name = placed(use.path, self.home)
            if is_address(use.path):
                found.append(f"it reads {name}, which may change")
            elif use.is_written and use.is_read:
                found.append(f"it changes {name}, which it reads")
            elif use.is_written and name.startswith((os.sep, "~")):
                found.append(f"it writes {name}, outside the project")
        if sum(use.size_bytes or 0 for use in uses if use.is_written) > MOST_WRITTEN_BYTES:
            found.append("it writes more than 100 MB of files")
        return found

    def _state(self, path: str) -> KeptFile | None:
        try:
            found = os.stat(path)  # noqa: PTH116 - of many files
            return KeptFile(placed(path, self.home), found.st_size, found.st_mtime, _file_hash(path))
        except OSError:
            return None

    def _path(self, name: str) -> Path:
        return self.home / Path(name).expanduser()

    def _is_same(self, file: KeptFile, made: float) -> bool:
        path = self._path(file.path)
        try:
            found = path.stat()
            if found.st_size != file.size_bytes:
                return False
            is_old = found.st_mtime < made - _RACY_SECONDS
            return (found.st_mtime == file.modified and is_old) or _file_hash(str(path)) == file.hash
        except OSError:
            return False


def _files_of(kept: KeptStep) -> dict[str, int]:
    """The sizes of the files that a result lies in, by SHA-256."""
    found = {one.sha256: one.size_bytes for one in kept.outputs if one.sha256}
    return found | {one.sha256: one.size_bytes for one in kept.written}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _file_hash(path: str) -> str:
    from xxhash import xxh3_128

    found = xxh3_128()
    with Path(path).open("rb") as file:
        while chunk := file.read(blobs.CHUNK):
            found.update(chunk)
    return str(found.hexdigest())


def _variable(name: str) -> str:
    """A digest of an environment variable that only this user can make: its value may be a secret."""
    value = os.environ.get(name)
    key = user_key()
    return mac(key, f"{name}={value!r}").hex()[:20] if key else "unset"


def _versions(roots: set[str]) -> dict[str, str]:
    """The versions of libraries by the names that they are imported by."""
    packages = environment().packages
    found = {root: packages.get(root.replace("_", "-").lower(), "") for root in sorted(roots)}
    for root in [root for root, version in found.items() if not version]:
        version = getattr(sys.modules.get(root), "__version__", None)
        found[root] = version if isinstance(version, str) else ""
    lacking = [root for root, version in found.items() if not version]
    if lacking:
        distributions = distributions_of(lacking)
        found |= {root: " ".join(packages.get(one, "") for one in distributions.get(root, ())) for root in lacking}
    return {root: version or "?" for root, version in found.items()}


def _spoken(value: object) -> str:
    """A plain argument in a few words."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:40]}… ({digest(text)[:6]})"


_MOST_SAID = 3


def _changed(before: KeptStep, identity: Identity) -> str:
    """What is another than when a step ran last."""
    names = [name for name in identity.parts if identity.parts[name] != before.parts.get(name)]
    gone = [name for name in before.parts if name not in identity.parts]
    said = [_change(name, before, identity) for name in names]
    said += [f"{name.removeprefix('helper ').removeprefix('argument ')} is no longer used" for name in gone]
    said = list(dict.fromkeys(said))
    if len(said) > _MOST_SAID:
        said[_MOST_SAID - 1 :] = [f"{len(said) - _MOST_SAID + 1} more changed"]
    return ", ".join(said) or "what it depends on changed"


def _change(name: str, before: KeptStep, identity: Identity) -> str:
    kind, _, what = name.partition(" ")
    if name == "code":
        return "its code changed"
    if name == "python" or kind == "library":
        return f"{what or 'Python'} {before.parts.get(name, 'none')} -> {identity.parts[name]}"
    if kind == "argument":
        old, new = before.shown.get(what), identity.shown.get(what)
        return f"{what} {old} -> {new}" if old and new and old != new else f"{what} changed"
    if kind == "variable":
        return f"the environment variable {what} changed"
    return f"{kind} {what} changed"


def plain_params(values: Mapping[str, object]) -> dict[str, object]:
    """Parameters as a kept result holds them."""
    return {name: json_value(value) for name, value in values.items()}


def kept_outputs(
    result: Any, names: Sequence[str], write: Callable[[Callable[[BinaryIO], object]], blobs.Fresh]
) -> tuple[tuple[KeptValue, ...], bool]:
    """The outputs of a step on a shelf, one by one where it returns a tuple of them.

    Raises:
        NotKept: one of them cannot be kept.
    """
    if is_split(result, names):
        return tuple(kept_value(each, write) for each in result), True
    return (kept_value(result, write),), False
