"""Whether autolog is on."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Line
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.wording import listed, one_line
from mlops_nb.tracking.autolog.service import Autologging


def autolog_panel(state: Autologging) -> Panel:
    """What is recorded from now on."""
    return Panel(_blocks(state))


def _blocks(state: Autologging) -> Iterator[Block]:
    if not state.is_on:
        yield Line("Autolog is off: fits are not recorded.", "sentence")
        yield Line("To record them: %mlops autolog on", "small")
        return
    names = listed(one_line(name, 40) for name in state.libraries)
    kept = ", and its model kept" if state.models else ""
    yield Line(f"Autolog is on: every fit of {names} is recorded{kept}.", "sentence")
    yield Line(
        "A cell under %%mlops run has its model's settings and metrics; elsewhere a fit is a run of its own.", "small"
    )
    if state.waiting:
        waiting = listed(one_line(name, 40) for name in state.waiting)
        yield Line(f"Not imported yet: {waiting}; recorded from the moment it is.", "small")
