"""What a result was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mlops_nb.record import Record


@dataclass(frozen=True, slots=True)
class Environment(Record):
    """What a result was computed with; of environment variables only numbers that name threads and the hash seed.

    `packages` maps installed distribution to version. `cores` are those the process may use. `blas` is the library
    that NumPy computes with, as name and version, `blas_core` the kind of processor it chose its code for; empty
    while NumPy was not imported. `thread_settings` are the variables like OMP_NUM_THREADS that were set.
    `hash_seed` is PYTHONHASHSEED where it is a number; None means that each process chooses its own.
    """

    python: str
    platform: str
    packages: Mapping[str, str]
    os: str = ""
    cpu: str = ""
    cores: int = 0
    memory_bytes: int = 0
    gpus: tuple[str, ...] = ()
    gpu_driver: str = ""
    blas: str = ""
    blas_core: str = ""
    blas_threads: int = 0
    thread_settings: Mapping[str, int] = field(default_factory=dict)
    hash_seed: int | None = None

    @property
    def lock(self) -> str:
        """The packages as a requirements file pins them, a `name==version` a line."""
        return "".join(f"{name}=={version}\n" for name, version in self.packages.items())


@dataclass(frozen=True, slots=True)
class Usage(Record):
    """What a run took: CPU seconds of the process and its children that ended, and how far memory rose at its peak.

    `peak_memory_bytes` is None where the system does not say.
    """

    cpu_seconds: float
    peak_memory_bytes: int | None = None

    def together(self, other: Usage) -> Usage:
        """Of two blocks, one after the other."""
        peaks = [each for each in (self.peak_memory_bytes, other.peak_memory_bytes) if each is not None]
        return Usage(self.cpu_seconds + other.cpu_seconds, max(peaks, default=None))


@dataclass(frozen=True, slots=True)
class CodeVersion(Record):
    """The git commit checked out; `dirty` when a tracked file differs from it.

    `remote` is the address of `origin`, or of the first remote, without user and password. `diff` is what was not
    committed in tracked files, notebooks apart, whose cells are recorded as they ran; a long one is cut.
    """

    commit: str
    branch: str
    dirty: bool
    remote: str = ""
    diff: str = ""


@dataclass(frozen=True, slots=True)
class DataFingerprint(Record):
    """A frame, series or array that a cell read, as it was before the cell changed anything.

    `name` is that of the namespace, or leads from it into a container or an instance: `splits['train']`, `trial.frame`.

    `fingerprint` hashes the content; with `exact` False it hashes a fixed sample of it. `columns` maps a frame's
    columns to short hashes of theirs; two columns of one name are `name` and `name#2`.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    types: Mapping[str, str]
    fingerprint: str
    exact: bool
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """The name in the namespace that it was reached by: `splits` of `splits['train']`."""
        return self.name.partition("[")[0].partition(".")[0]


@dataclass(frozen=True, slots=True)
class MetricCheck(Record):
    """One metric in the captured run and in the script's; a side is None where it is missing."""

    run: str
    metric: str
    notebook: float | None
    script: float | None
    equal: bool


Likeness = Literal["equal", "close", "clock", "random", "different", "missing"]
"""How two recorded values stand to each other.

`equal` to the last character, addresses in memory apart; `close` where only numbers differ, by no more than the
tolerance; `clock` and `random` where they differ and depend on the time or on chance that nobody seeded.
"""


@dataclass(frozen=True, slots=True)
class ValueCheck(Record):
    """What a cell printed (`print`), or one value that it showed, in the notebook and in the script.

    `cell` is the cell's position in the notebook, from 0; `cause` names what depends on the clock or on chance.
    """

    cell: int
    kind: Literal["print", "value"]
    notebook: str
    script: str
    likeness: Likeness
    cause: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the script gave what the notebook gave, as far as it can be asked for."""
        return self.likeness in ("equal", "close", "clock")


@dataclass(frozen=True, slots=True)
class Verification(Record):
    """The verdict on an exported script: every recorded metric and value against the script's own."""

    checks: tuple[MetricCheck, ...]
    missing_runs: tuple[str, ...]
    seconds: float
    values: tuple[ValueCheck, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether there was something to compare and all of it was equal."""
        compared = [check.equal for check in self.checks] + [value.is_good for value in self.values]
        return bool(compared) and not self.missing_runs and all(compared)

    def to_dict(self) -> dict[str, object]:
        """The fields as plain Python values."""
        return {**super(Verification, self).to_dict(), "is_equal": self.is_equal}
