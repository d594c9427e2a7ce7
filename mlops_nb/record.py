"""The base of every result."""

from __future__ import annotations

import dataclasses


class Record:
    """A frozen, slotted dataclass; every rendering derives from `to_dict`."""

    __slots__ = ()

    def to_dict(self) -> dict[str, object]:
        """The fields as plain Python values, nested records included."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]
