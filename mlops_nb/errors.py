"""The errors a user can meet, each with the line to type next."""

from __future__ import annotations

from collections.abc import Iterable


class MlopsError(Exception):
    """What was wrong with the offending value, and what to type next.

    Shown in a notebook as two lines without a stack; in a script it is an ordinary exception.

    Args:
        what: the fact, with the offending value in it.
        fix: the line to type next; empty when there is nothing to type.
    """

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what if not fix else f"{what}\n{fix}")
        self.what = what
        self.fix = fix

    def _render_traceback_(self) -> list[str]:
        lines = [f"{type(self).__name__}: {self.what}"]
        return [*lines, f"  try: {self.fix}"] if self.fix else lines


class BadArgument(MlopsError, ValueError):
    """An argument has a value that the rule does not allow."""


class BadUsage(MlopsError):
    """A command line could not be read: unknown command, option or missing value."""


class BadQuery(MlopsError, ValueError):
    """A query of runs could not be read; `start` to `end` is the place in its text."""

    def __init__(self, what: str, fix: str = "", start: int = 0, end: int = 0) -> None:
        super().__init__(what, fix)
        self.start = start
        self.end = end


class NameNotDefined(MlopsError, NameError):
    """A `$name` or `{expression}` of a command line could not be evaluated."""


class RunNotFound(MlopsError, LookupError):
    """No run has that number, id or name."""


class RunIsRunning(MlopsError):
    """What was asked for cannot be done to a run that still goes on."""


class RunIsNeeded(MlopsError):
    """The run cannot be deleted: it made a model version that is there."""


class ArtifactNotFound(MlopsError, LookupError):
    """The run has no artifact of that name."""


class ModelNotFound(MlopsError, LookupError):
    """No model, or no version of it, is called that."""


class MoveRefused(MlopsError):
    """A version may not go to that stage, or its alias, stage or file stands against what was asked."""


class ChangedMeanwhile(MlopsError):
    """Somebody else changed a model first; nothing was done."""


class NoActiveRun(MlopsError):
    """Something was logged while no run was active."""


class NotebookNotFound(MlopsError, LookupError):
    """The notebook that should be read is not there or is not a notebook."""


class GateFailed(MlopsError):
    """A gate did not pass; `verdict` says what it found."""

    def __init__(self, what: str, verdict: object = None) -> None:
        super().__init__(what)
        self.verdict = verdict

    def __reduce__(self) -> tuple[type[GateFailed], tuple[str, object]]:
        return GateFailed, (self.what, self.verdict)


class ScriptFailed(MlopsError):
    """An exported script did not run to its end."""


class StoreUnavailable(MlopsError):
    """The store cannot be opened, read or written; what is in it is untouched."""


class StoreIsForeign(StoreUnavailable):
    """The file is not a store of mlops_nb."""


class StoreIsNewer(StoreUnavailable):
    """The store was written by a newer version of mlops_nb."""


class StoreIsDamaged(StoreUnavailable):
    """The file is a store, but it is truncated or its content is malformed."""


class StoreIsLocked(StoreUnavailable):
    """Another process held the store for longer than the time we wait."""


class ServerUnavailable(MlopsError):
    """A tracking server cannot be reached, refuses, or failed while something was carried."""


class CarryingStopped(MlopsError, KeyboardInterrupt):
    """A push or pull was interrupted; what was carried until then is whole."""


class CommandInterrupted(MlopsError, KeyboardInterrupt):
    """A command was interrupted; the store is whole."""


class MissingExtra(MlopsError, ImportError):
    """A feature needs an optional dependency that is not installed."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like `name`, or an empty string when none is near.

    >>> nearest("comparre", ["runs", "compare", "show"])
    'compare'
    """
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, list(known), n=1, cutoff=0.5)), "")
