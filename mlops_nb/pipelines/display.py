"""What notebooks import from `IPython.display`, for scripts that run without IPython: markup is shown as its text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlops_nb.pipelines.shown import Markup, show

display = show


class DisplayObject(Markup):
    """Something a notebook renders: its data, or where it is."""

    def __init__(self, data: object = None, url: object = None, filename: object = None, **_: object) -> None:
        where = data if data is not None else url if url is not None else filename
        if isinstance(where, bytes):
            where = f"{len(where)} bytes"
        if data is None and filename is not None and self.is_text:
            where = Path(str(filename)).read_text(encoding="utf-8")
        self.data = str(where if where is not None else "")

    is_text = False
    """Whether a file's content is shown rather than its name."""


class TextDisplayObject(DisplayObject):
    """Markup that can be read."""

    is_text = True


class HTML(TextDisplayObject):
    """HTML, shown as its text."""


class Markdown(TextDisplayObject):
    """Markdown, shown as its text."""


class Latex(TextDisplayObject):
    """LaTeX, shown as its text."""


class Math(TextDisplayObject):
    """A formula, shown as its text."""


class SVG(DisplayObject):
    """A drawing, shown as where it is."""


class JSON(DisplayObject):
    """Data, shown as its text."""


class GeoJSON(DisplayObject):
    """Data, shown as its text."""


class Javascript(TextDisplayObject):
    """A browser's script, shown as its text; nothing runs."""


class Pretty(TextDisplayObject):
    """Text, shown as it is."""


class Code(TextDisplayObject):
    """Code, shown as its text."""


class Image(DisplayObject):
    """A picture, shown as where it is."""


class Audio(DisplayObject):
    """A sound, shown as where it is."""


class Video(DisplayObject):
    """A film, shown as where it is."""


class IFrame(DisplayObject):
    """A page, shown as where it is."""

    def __init__(self, src: object = None, width: object = None, height: object = None, **_: object) -> None:
        super().__init__(src)


class YouTubeVideo(IFrame):
    """A film, shown by its name."""


class FileLink(DisplayObject):
    """A file, shown by its name."""


class FileLinks(FileLink):
    """A folder, shown by its name."""


def clear_output(wait: bool = False) -> None:
    """Do nothing: what was printed stays."""


def set_matplotlib_formats(*formats: str, **settings: object) -> None:
    """Do nothing: plots are saved as PNG."""


def update_display(value: object, **_: object) -> None:
    """Show the value again."""
    show(value)


def display_html(*values: object, raw: bool = False) -> None:
    """Show values as their text."""
    show(*(HTML(each) if raw else each for each in values))


display_markdown = display_latex = display_html


class _NoShell:
    """A shell that does nothing, whatever it is asked."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None

    def __str__(self) -> str:
        return "None"


def get_ipython() -> _NoShell:
    """A shell that does nothing: a script has none."""
    return _NoShell()
