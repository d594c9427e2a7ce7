"""A cell's outputs as the notebook shows them, listened to without being changed."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from mlops_nb.tracking.runs import Output
from mlops_nb.tracking.values import safe_repr

STREAM_LIMIT = 64 << 10
"""Characters of a stream that are kept: its first and its last half."""

RICH_LIMIT = 512 << 10
"""Characters of one rich result that are kept; a representation that is longer is left out."""

TOTAL_LIMIT = 2 << 20
"""Characters of all outputs of a run together."""

COUNT_LIMIT = 1_000
"""Outputs of a run that are kept: of more, the first and the last."""


_WORD_CUT_SHORT = re.compile(r"(?<=\s)\S{1,300}\Z")
_WORD_CUT_OFF = re.compile(r"\A\S{1,300}(?=\s)")


class OutputListener:
    """Notes what a cell prints, displays and returns, from `start` to `stop`.

    It listens at the objects the cell's output goes through anyway and calls them unchanged; a fault of its
    own is never the cell's.

    Args:
        shell: the IPython shell.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._found: list[_Stream | _Rich] = []
        self._earlier = self._dropped = 0
        self._wants_clear = False
        self._undo: list[Callable[[], None]] = []

    def start(self) -> None:
        """Begin to listen."""
        for name in ("stdout", "stderr"):
            self._listen(getattr(sys, name), "write", self._heard_stream(name))
        self._listen(self._shell.display_pub, "publish", self._heard_display)
        self._listen(self._shell.display_pub, "clear_output", self._heard_clear)
        self._listen(self._shell.displayhook, "write_format_data", self._heard_result)

    def stop(self) -> tuple[Output, ...]:
        """Stop listening; what was heard."""
        while self._undo:
            self._undo.pop()()
        return tuple(one.output() for one in self._found)

    @property
    def dropped(self) -> int:
        """Characters of whole outputs that were too many."""
        return self._dropped

    def _listen(self, owner: Any, method: str, heard: Callable[..., None]) -> None:
        original = getattr(owner, method, None)
        if original is None:
            return

        def through(*values: Any, **named: Any) -> Any:
            with contextlib.suppress(Exception):  # what we note must not touch what the cell does
                heard(*values, **named)
            return original(*values, **named)

        had = method in getattr(owner, "__dict__", {})
        try:
            setattr(owner, method, through)
        except (AttributeError, TypeError):
            return

        def undo() -> None:
            if getattr(owner, "__dict__", {}).get(method) is through:
                if had:
                    setattr(owner, method, original)
                else:
                    delattr(owner, method)

        self._undo.append(undo)

    def _add(self, one: _Stream | _Rich) -> None:
        if self._found:
            self._earlier += self._found[-1].size
        self._found.append(one)
        self._drop_what_is_too_much()

    def _drop_what_is_too_much(self) -> None:
        """Drop outputs from the middle; `_earlier` counts the characters of all but the last, which may still grow."""
        found = self._found
        while len(found) > COUNT_LIMIT or (len(found) > 1 and self._earlier + found[-1].size > TOTAL_LIMIT):
            one = found.pop((len(found) - 1) // 2)
            self._earlier -= one.size
            self._dropped += one.size + one.cut

    def _clear(self) -> None:
        self._found.clear()
        self._earlier = self._dropped = 0
        self._wants_clear = False

    def _heard_stream(self, name: str) -> Callable[..., None]:
        def heard(text: object, *_: object) -> None:
            if isinstance(text, str) and text:
                if self._wants_clear:
                    self._clear()
                last = self._found[-1] if self._found else None
                if not (isinstance(last, _Stream) and last.name == name):
                    last = _Stream(name)
                    self._add(last)
                last.add(text)

        return heard

    def _heard_display(self, data: Mapping[str, object], *_: object, **named: Any) -> None:
        shown = (named.get("transient") or {}).get("display_id")
        if named.get("update"):
            for one in self._found:
                if isinstance(one, _Rich) and one.display_id == shown:
                    self._earlier -= one.size if one is not self._found[-1] else 0
                    one.data, one.cut = _bounded(data)
                    self._earlier += one.size if one is not self._found[-1] else 0
            self._drop_what_is_too_much()
            return
        self._heard_rich(_Rich("display_data", *_bounded(data), shown))

    def _heard_result(self, format_dict: Mapping[str, object], *_: object, **named: Any) -> None:
        self._heard_rich(_Rich("execute_result", *_bounded(format_dict), None))

    def _heard_rich(self, one: _Rich) -> None:
        if self._wants_clear:
            self._clear()
        self._add(one)

    def _heard_clear(self, wait: bool = False) -> None:
        if wait:
            self._wants_clear = True
        else:
            self._clear()


def _bounded(data: Mapping[str, object]) -> tuple[dict[str, str], int]:
    """The representations that are kept, and how many characters are not."""
    kept, cut = {}, 0
    for kind, content in data.items():
        if kind.endswith("widget-view+json"):
            continue
        text = content if isinstance(content, str) else _as_text(kind, content)
        if len(text) > RICH_LIMIT:
            cut += len(text)
        else:
            kept[kind] = text.encode("utf-8", "replace").decode("utf-8")
    return kept, cut


def _as_text(kind: str, content: object) -> str:
    import base64
    import json

    if isinstance(content, bytes):
        return base64.b64encode(content).decode("ascii")
    if kind.endswith("json"):
        with contextlib.suppress(TypeError, ValueError):
            return json.dumps(content)
    return safe_repr(content)


class _Stream:
    """The text of consecutive writes to one stream, bounded while it grows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._head: list[str] = []
        self._head_size = 0
        self._tail = ""
        self._written = 0

    def add(self, text: str) -> None:
        self._written += len(text)
        half = STREAM_LIMIT // 2
        room = half - self._head_size
        if room > 0:
            self._head.append(text[:room])
            self._head_size += len(self._head[-1])
            text = text[room:]
        if text:
            self._tail += text
            if len(self._tail) > 2 * half:
                self._tail = self._tail[-half:]

    @property
    def size(self) -> int:
        return self._head_size + min(len(self._tail), STREAM_LIMIT // 2)

    @property
    def cut(self) -> int:
        return self._written - self.size

    def output(self) -> Output:
        cut, head, tail = self.cut, "".join(self._head), self._tail[-(STREAM_LIMIT // 2) :]
        if cut:  # between words: half a secret could not be told for one
            size = len(head) + len(tail)
            head, tail = _WORD_CUT_SHORT.sub("", head), _WORD_CUT_OFF.sub("", tail)
            cut += size - len(head) - len(tail)
        middle = f"\n… {cut:,} characters left out …\n" if cut else ""
        text = f"{head}{middle}{tail}"
        return Output("stream", self.name, {"text/plain": text.encode("utf-8", "replace").decode("utf-8")}, cut)


class _Rich:
    """A display or a result by MIME type."""

    def __init__(self, kind: Any, data: dict[str, str], cut: int, display_id: object) -> None:
        self.kind, self.data, self.cut, self.display_id = kind, data, cut, display_id

    @property
    def size(self) -> int:
        return sum(map(len, self.data.values()))

    def output(self) -> Output:
        return Output(self.kind, "", self.data, self.cut)
