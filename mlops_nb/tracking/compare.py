"""What differs between two runs."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_nb.record import Record
from mlops_nb.tracking.runs import Run, Value


@dataclass(frozen=True, slots=True)
class Difference(Record):
    """One thing that differs; None on the side that lacks it."""

    name: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Comparison(Record):
    """Two runs and only what differs between them; `code` is a unified diff, empty when equal."""

    left: Run
    right: Run
    metrics: tuple[Difference, ...]
    params: tuple[Difference, ...]
    data: tuple[Difference, ...]
    packages: tuple[Difference, ...]
    surroundings: tuple[Difference, ...]
    """Python, platform, git commit, notebook, tags, status."""
    code: str

    @property
    def is_same(self) -> bool:
        """Whether nothing that was recorded differs."""
        return not (self.metrics or self.params or self.data or self.packages or self.surroundings or self.code)
