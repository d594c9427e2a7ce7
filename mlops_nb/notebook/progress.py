"""What a long command is doing, under the cell."""

from __future__ import annotations

import sys
import uuid
from typing import Any


class Progress:
    """What a long command is doing: one line under the cell, replaced by the panel at the end."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._display = ""

    def say(self, line: str) -> None:
        """Show the line in place of the one before; in a terminal, below it."""
        if getattr(self._shell, "kernel", None) is None:
            print(line, file=sys.stderr)
            return
        is_first = not self._display
        self._display = self._display or uuid.uuid4().hex
        self._publish({"text/plain": f"{line} ..."}, update=not is_first)

    def end(self, panel: Any) -> None:
        """Show the panel."""
        first, *more = panel.outputs()
        self._publish(first, update=bool(self._display))
        for bundle in more:
            self._shell.display_pub.publish(bundle)

    def _publish(self, data: dict[str, object], update: bool) -> None:
        transient = {"display_id": self._display} if self._display else None
        self._shell.display_pub.publish(data, transient=transient, update=update)
