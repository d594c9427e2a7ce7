"""Gates in a pipeline or a cell: a verdict is recorded with the run that is going on; one that fails stops it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from mlops_nb.errors import BadArgument, GateFailed
from mlops_nb.gates import Verdict, frame_verdict, threshold_verdict
from mlops_nb.tracking import service as tracking

if TYPE_CHECKING:
    import pandas as pd

Frame = TypeVar("Frame", bound="pd.DataFrame")


def gate(name: str, value: object, *, at_least: float | None = None, at_most: float | None = None) -> Verdict:
    """Go on only if a number lies within its bounds: `gate("accuracy", accuracy, at_least=0.8)`.

    The verdict is printed and recorded as a tag of the run that is going on. In a pipeline's step a gate that fails
    stops the pipeline, which ends with exit code 1.

    Args:
        name: what is judged.
        value: the number; what is not a number, NaN included, does not pass.
        at_least: the smallest value that passes.
        at_most: the largest value that passes.

    Raises:
        GateFailed: it does not pass; the error has the `verdict`.
        BadArgument: there is no bound.
    """
    return _judged(threshold_verdict(name, value, at_least=at_least, at_most=at_most))


def expect(
    frame: Frame, schema: Mapping[str, object] | object, *, rows: int | None = None, name: str = "frame"
) -> Frame:
    """The frame, if its columns are as expected: `expect(flights, {"month": range(1, 13), "carrier": str})`.

    The verdict is printed and recorded as a tag of the run that is going on; every column that fails is named.

    Args:
        frame: a pandas DataFrame.
        schema: by column, a type (int, float, str, bool or "datetime"), a range of whole numbers, the values allowed,
            or a dict of rules: `type`, `low`, `high`, `one_of`, `unique`, and `missing`, the share of missing values
            that is allowed (none, by default); or a schema of pandera.
        rows: how many rows there are at least.
        name: what the frame is called.

    Raises:
        GateFailed: it is not as expected; the error has the `verdict`.
        BadArgument: it is no DataFrame, or a rule cannot be read.
    """
    if not (hasattr(frame, "columns") and type(frame).__module__.startswith("pandas")):
        raise BadArgument(
            f"expect takes a pandas DataFrame, not a {type(frame).__name__}", "expect(frame.to_pandas(), ...)"
        )
    _judged(frame_verdict(frame, schema, name, rows))
    return frame


def _judged(verdict: Verdict) -> Verdict:
    going = tracking.active_run()
    if going is not None:
        going.set_tag(f"gate.{verdict.gate}", verdict.words())
    print(f"{'✓' if verdict.passed else '✗'} {verdict.words()}")
    if not verdict.passed:
        raise GateFailed(verdict.words(), verdict)
    return verdict
