"""What a notebook does by itself and a script must be told: show a value, note a metric that has no name."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

_noted: ContextVar[dict[str, float] | None] = ContextVar("mlops_nb_noted", default=None)


def show(*values: object) -> None:
    """Print values as the end of a notebook's cell shows them; None shows nothing."""
    for value in values:
        if value is not None:
            print(shown_text(value))


def shown_text(value: object) -> str:
    """The text form of a value: what a notebook keeps as its `text/plain`.

    >>> shown_text("a"), shown_text(0.5)
    ("'a'", '0.5')
    """
    data = getattr(value, "data", None)
    if type(value).__module__ == "IPython.core.display" and isinstance(data, str):
        return data
    return repr(value)


def metric(name: str, value: T) -> T:
    """The value, noted as a metric of the step that is running when it is a number."""
    noted = _noted.get()
    if noted is not None and (number := plain_number(value)) is not None:
        noted[name] = number
    return value


def plain_number(value: object) -> float | None:
    """A real number of Python or NumPy as a float; None for anything else, booleans too.

    >>> plain_number(3), plain_number(True), plain_number("3")
    (3.0, None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float) or type(value).__module__.partition(".")[0] == "numpy":
        from mlops_nb.tracking.values import metric_number

        return metric_number(value)
    return None
