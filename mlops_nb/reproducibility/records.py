"""What a result was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlops_nb.record import Record


@dataclass(frozen=True, slots=True)
class Environment(Record):
    """Interpreter and installed distributions (name to version); never an environment variable."""

    python: str
    platform: str
    packages: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CodeVersion(Record):
    """The git commit checked out; `dirty` when a tracked file differs from it."""

    commit: str
    branch: str
    dirty: bool


@dataclass(frozen=True, slots=True)
class DataFingerprint(Record):
    """A frame, series or array that a cell read, as it was before the cell changed anything.

    `fingerprint` hashes the content; with `exact` False it hashes a fixed sample of it.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    types: Mapping[str, str]
    fingerprint: str
    exact: bool


@dataclass(frozen=True, slots=True)
class MetricCheck(Record):
    """One metric in the captured run and in the script's; a side is None where it is missing."""

    run: str
    metric: str
    notebook: float | None
    script: float | None
    equal: bool


@dataclass(frozen=True, slots=True)
class Verification(Record):
    """The verdict on an exported script: every captured metric against the script's own."""

    checks: tuple[MetricCheck, ...]
    missing_runs: tuple[str, ...]
    seconds: float

    @property
    def is_equal(self) -> bool:
        """Whether there was something to compare and all of it was equal."""
        return bool(self.checks) and not self.missing_runs and all(check.equal for check in self.checks)

    def to_dict(self) -> dict[str, object]:
        """The fields as plain Python values."""
        return {**super(Verification, self).to_dict(), "is_equal": self.is_equal}
