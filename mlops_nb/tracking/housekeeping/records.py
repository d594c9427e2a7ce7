"""The records of housekeeping: what was deleted, collected, backed up, and what takes the space."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_nb.record import Record


@dataclass(frozen=True, slots=True)
class RunName(Record):
    """A run as one speaks of it."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Deletion(Record):
    """Runs that were deleted or, when `is_undone`, brought back; `children` are those that went with them."""

    runs: tuple[RunName, ...]
    children: tuple[RunName, ...]
    is_undone: bool = False


@dataclass(frozen=True, slots=True)
class Waste(Record):
    """One kind of thing that nothing needs any more: how many, and about how many bytes."""

    what: str
    count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Collection(Record):
    """What `gc` would remove or, when `is_done`, has removed.

    `freed_bytes` is by how much the folder became smaller, before it is done about by how much it will.
    `runs` are the first of the deleted runs; `notes` say what stays, and why.
    """

    waste: tuple[Waste, ...]
    runs: tuple[RunName, ...]
    freed_bytes: int
    is_done: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Backup(Record):
    """A backup file that was written or, when `is_restored`, the store that was made from one.

    `damaged` names the artifacts whose file is missing from the store or was changed: they are not in it.
    """

    path: str
    store: str
    size_bytes: int
    runs: int
    blobs: int
    seconds: float
    damaged: tuple[str, ...] = ()
    is_restored: bool = False


@dataclass(frozen=True, slots=True)
class Part(Record):
    """A part of the store and the bytes it takes."""

    what: str
    count: int | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class RunSpace(Record):
    """A run and about how many bytes of the store are its own (an artifact that others have, too, is counted)."""

    id: int
    name: str
    size_bytes: int
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class Space(Record):
    """What takes the space in a store, largest first, then the rest; `gc` would free about `collectable_bytes`."""

    store: str
    size_bytes: int
    parts: tuple[Part, ...]
    runs: tuple[RunSpace, ...]
    collectable_bytes: int
