"""What live panels share: widgets for rows and a picture, and a panel that follows the store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import anywidget
import ipywidgets
import traitlets

from mlops_nb.errors import MlopsError, StoreIsLocked, StoreUnavailable
from mlops_nb.panels.blocks import Line, Span, Table, Words, as_html, plain
from mlops_nb.panels.follow import follower
from mlops_nb.panels.theme import framed
from mlops_nb.panels.wording import many_lines

HERE = Path(__file__).parent


class Rows(anywidget.AnyWidget):
    """A table in the browser; `view` is all it shows, messages are all it says."""

    _esm = HERE / "rows.js"
    _css = HERE / "live.css"
    view = traitlets.Dict().tag(sync=True)


class Drawing(anywidget.AnyWidget):
    """A picture in the browser: an SVG of ours, and what it shows in words."""

    _esm = HERE / "picture.js"
    svg = traitlets.Unicode().tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)

    def draw(self, svg: str, words: str) -> None:
        """Show another picture."""
        with self.hold_sync():
            self.svg, self.words = svg, words


class Source(Protocol):
    """What a panel is read from."""

    def has_changed(self) -> bool:
        """Whether anything was written since this was last asked; costs next to nothing."""

    def close(self) -> None:
        """Let go of the connection of its own."""


class LivePanel:
    """A panel that follows the store while somebody can see it.

    What a person does comes in the kernel's main thread, what is new in the store in the follower's: one at a time.

    Args:
        source: what it is read from.
        css: its own class in the browser.
    """

    def __init__(self, source: Source, css: str) -> None:
        self._source = source
        self._lock = threading.RLock()
        self._views: set[str] = set()
        self._is_troubled = False
        self.opened = 0
        """How often a person opened something, which the browser then brings into view."""

        self.mistake = ipywidgets.HTML()
        self.table = Rows()
        self.picture = Drawing()
        self.detail = ipywidgets.HTML()
        self.detail.add_class("mlops-detail")
        self.box = ipywidgets.VBox()
        for name in ("mlops-live", css):
            self.box.add_class(name)

    def follow(self) -> object:
        """The widget, which follows the store from now on."""
        follower.follow(self.look)
        return self.box

    def listen(self, **widgets: Rows | Drawing) -> None:
        """Do what is said in the browser, and show where that leaves it, also after an error.

        Args:
            widgets: by the name under which `carry_out` is told, as `from`, who said it.
        """
        for name, widget in widgets.items():
            widget.on_msg(lambda _, said, __, name=name: self.guard(lambda: self._said({**said, "from": name})))

    def guard(self, act: Callable[[], None]) -> None:
        """Do it, or say in the panel why not."""
        with self._lock:
            try:
                act()
            except Exception as error:  # a fault of ours must leave the panel usable
                self.fail(error)

    def look(self) -> bool:
        """Show what was written meanwhile; False when there is nobody to show it to, or nothing any more."""
        if self.table.comm is None:
            self._source.close()
            return False
        with self._lock:
            try:
                if self._source.has_changed() or self._is_troubled:
                    self.read_again()
                    self._trouble("")
                else:
                    self.pass_time()
            except StoreUnavailable as error:
                self._trouble(error_html(error))
                return isinstance(error, StoreIsLocked)
            except Exception as error:  # a fault of ours must not end the cell that runs, nor the panel
                self._trouble(error_html(error))
        return True

    def _trouble(self, html: str) -> None:
        """Say what keeps the panel from following, or that nothing does any more."""
        if html or self._is_troubled:
            self.mistake.value = html
        self._is_troubled = bool(html)

    def _said(self, said: dict[str, Any]) -> None:
        match said:
            case {"do": "seen", "view": str(view)}:
                self._views.add(view)
                follower.follow(self.look)
            case {"do": "gone", "view": str(view)}:
                self._views.discard(view)
                if not self._views:
                    follower.leave(self.look)
            case _:
                try:
                    self.carry_out(said)
                finally:
                    self.show()

    def read_again(self) -> None:
        """Show what is in the store now."""
        raise NotImplementedError

    def pass_time(self) -> None:
        """A round in which nothing was written."""

    def carry_out(self, said: dict[str, Any]) -> None:
        """Do what a person did in the browser."""
        raise NotImplementedError

    def show(self) -> None:
        """Show where the panel stands."""
        raise NotImplementedError

    def fail(self, error: Exception) -> None:
        """Say what went wrong with what a person did."""
        self.detail.value = error_html(error)


def view_of(
    table: Table, ids: Sequence[int | None], *, opened: int, open: int | None, **more: object
) -> dict[str, Any]:
    """A table of a static form as `Rows` shows it: rows to open, none to tick or to sort.

    Args:
        table: its caption, columns and rows.
        ids: for each row the run that it opens, or None.
        opened: how often a person opened one.
        open: the run that is open.
        more: what else is shown.
    """
    return {
        "caption": table.caption,
        "columns": [{"key": "", "label": name, "right": n in table.right} for n, name in enumerate(table.columns)],
        "rows": [
            {"id": run, "cells": [plain(words) for words in row], "hover": [_hover(words) for words in row]}
            for run, row in zip(ids, table.rows, strict=True)
        ],
        "hint": "",
        "sort": "",
        "page": 0,
        "pages": 1,
        "ticked": [],
        "open": open,
        "opened": opened,
        "said": "",
        **more,
    }


def _hover(words: Words) -> str:
    parts = words if isinstance(words, tuple) else (words,)
    return next((part.hover for part in parts if isinstance(part, Span) and part.hover), "")


def error_html(error: Exception) -> str:
    """An error, and the way out where it has one."""
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, MlopsError):
        said = f"{error.what}\nTry: {error.fix}" if error.fix else error.what
    return framed(f'<div role="alert">{as_html([Line(many_lines(said, 600), "error")])}</div>')
