"""A model's rows from a frame: labels, predictions and scores as numbers, the features, the segments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlops_nb.errors import BadArgument, nearest
from mlops_nb.monitoring.model_records import Task
from mlops_nb.monitoring.performance import Answered, Predicted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Mask = NDArray[np.bool_]

FEW_LABELS, MOST_CLASSES = 20, 100
MOST_CATEGORIES = 200
"""A column of more is no feature: it names rows."""

SEGMENTS, QUARTERS = 20, (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True)
class Said:
    """Which columns hold what; `scores` by label, or that of the positive label under an empty name."""

    target: str
    prediction: str
    scores: Mapping[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them."""
        return self.target, self.prediction, *self.scores.values()


@dataclass(frozen=True, slots=True)
class Features:
    """What both frames have beside labels, as numbers or codes; NaN where missing."""

    names: tuple[str, ...]
    reference: Numbers
    current: Numbers
    categorical: Mask


def column_of(frame: pd.DataFrame, name: str, option: str, where: str) -> pd.Series[Any]:
    """A column of the frame.

    Raises:
        BadArgument: there is none, or two, of that name.
    """
    if name not in frame.columns:
        near = nearest(name, map(str, frame.columns))
        raise BadArgument(f"the {where} has no column {name[:60]!r}", f"--{option} {near}" if near else "")
    if (twice := list(frame.columns).count(name)) > 1:
        raise BadArgument(f"the {where} has {twice} columns called {name[:60]!r}", "give each its own name")
    return frame[name]


def task_of(labels: pd.Series[Any], predictions: pd.Series[Any], *, has_scores: bool) -> Task:
    """Classification where there are scores, labels are no numbers, or few whole ones that predictions keep to."""
    if has_scores or not _is_numeric(labels) or not _is_numeric(predictions):
        return "classification"
    known = labels.dropna().astype(float).unique()
    is_few = len(known) <= FEW_LABELS and bool((known == np.round(known)).all())
    return "classification" if is_few and predictions.dropna().astype(float).isin(known).all() else "regression"


def _is_numeric(values: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(values.dtype)


def named(values: pd.Series[Any], *, as_numbers: bool) -> pd.Series[Any]:
    """Labels as texts, 1, 1.0 and True the same; missing ones stay missing."""
    if as_numbers:
        return values.astype("Float64").map(lambda value: f"{value:g}", na_action="ignore")
    return values.map(str, na_action="ignore")


def classes_of(labels: Sequence[pd.Series[Any]], predictions: Sequence[pd.Series[Any]], positive: str) -> list[str]:
    """The classes in order, the positive one last where it is named.

    Raises:
        BadArgument: the reference's labels are all one, there are too many, or the positive one is none of them.
    """
    known = {str(each) for values in (*labels, *predictions) for each in values.dropna().unique()}
    if labels[0].nunique() < 2:
        only = next(iter(labels[0].dropna().unique()), None)
        raise BadArgument(
            f"the reference's labels are all {only!r}" if only is not None else "the reference has no labels",
            "take a reference in which both labels occur",
        )
    if len(known) > MOST_CLASSES:
        raise BadArgument(f"there are {len(known):,} labels, more than {MOST_CLASSES}", "--task regression")
    found = sorted(known, key=_order)
    if positive and positive not in known:
        near = nearest(positive, found) or found[-1]
        raise BadArgument(f"no label is called {positive[:60]!r}", f"--positive {near}")
    return [*(each for each in found if each != positive), positive] if positive and len(found) == 2 else found


def _order(name: str) -> tuple[bool, float, str]:
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name


def answered(frame: pd.DataFrame, labels: pd.Series[Any], said: Said, classes: Sequence[str], where: str) -> Answered:
    """The rows of a classifier; a missing label has code -1."""
    index = pd.Index(classes)
    as_numbers = all(_is_number(each) for each in classes)
    predictions = named(frame[said.prediction], as_numbers=as_numbers)
    return Answered(
        index.get_indexer(pd.Index(labels.to_numpy(dtype=object))).astype(np.int64),
        index.get_indexer(pd.Index(predictions.to_numpy(dtype=object))).astype(np.int64),
        _scores(frame, said, classes, where),
        tuple(classes),
    )


def _is_number(text: str) -> bool:
    return not _order(text)[0]


def _scores(frame: pd.DataFrame, said: Said, classes: Sequence[str], where: str) -> Numbers | None:
    if not said.scores:
        return None
    if "" in said.scores:
        if len(classes) > 2:
            each = " ".join(f"--score {name}=COLUMN" for name in classes[:3])
            raise BadArgument(f"one score does not do for {len(classes)} labels: each needs its own", each)
        return _checked(column_of(frame, said.scores[""], "score", where), where)
    if missing := [name for name in classes if name not in said.scores]:
        raise BadArgument(f"label {missing[0]!r} has no score", f"--score {missing[0]}=COLUMN")
    wide = np.column_stack([_checked(column_of(frame, said.scores[name], "score", where), where) for name in classes])
    total = wide.sum(axis=1, keepdims=True)
    if len(wide) and float(np.abs(total - 1).max()) > 0.01:
        row = int(np.abs(total - 1).argmax())
        raise BadArgument(
            f"the scores of a row of the {where} add up to {float(total[row, 0]):.4g}, not 1",
            "give each class its probability",
        )
    wide = wide / np.where(total > 0, total, 1.0)
    return np.asarray(wide[:, 1] if len(classes) == 2 else wide)


def _checked(values: pd.Series[Any], where: str) -> Numbers:
    name = str(values.name)[:60]
    if not _is_numeric(values):
        raise BadArgument(
            f"score {name!r} of the {where} holds {values.dtype}, no numbers", "model.predict_proba(X)[:, 1]"
        )
    found = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if missing := int(np.isnan(found).sum()):
        raise BadArgument(
            f"{missing:,} of {len(found):,} scores {name!r} of the {where} are missing",
            f"frame.dropna(subset=[{name!r}])",
        )
    if len(found) and not (found.min() >= 0 and found.max() <= 1):
        odd = found.max() if found.max() > 1 else found.min()
        raise BadArgument(
            f"score {name!r} of the {where} holds {odd:.4g}, must lie between 0 and 1", "model.predict_proba(X)[:, 1]"
        )
    return found


def predicted(frame: pd.DataFrame, labels: pd.Series[Any], said: Said, where: str) -> Predicted:
    """The rows of a regression; a missing label is NaN."""
    for values in (labels, frame[said.prediction]):
        if not _is_numeric(values) and values.notna().any():
            raise BadArgument(f"{str(values.name)[:60]!r} of the {where} holds no numbers", "--task classification")
    numbers = (labels, frame[said.prediction])
    return Predicted(*(each.to_numpy(dtype=np.float64, na_value=np.nan) for each in numbers))


def with_late_labels(
    current: pd.DataFrame, target: str, labels: pd.DataFrame, key: str
) -> tuple[pd.Series[Any], list[str]]:
    """The labels of the current rows after those that came later are joined by an id, and what is odd about them.

    Raises:
        BadArgument: a column is not there, or an id has two labels.
    """
    ids, theirs = column_of(current, key, "id", "current data"), column_of(labels, key, "id", "labels")
    others = [str(name) for name in labels.columns if name != key]
    name = target if target in labels.columns or len(others) != 1 else others[0]
    late = column_of(labels, name, "target", "labels")
    pairs = pd.DataFrame({"id": theirs.to_numpy(), "label": late.to_numpy()}).dropna().drop_duplicates()
    if (twice := pairs["id"].duplicated()).any():
        odd = pairs.loc[twice, "id"].iloc[0]
        raise BadArgument(f"id {str(odd)[:60]} has two different labels", "labels.drop_duplicates('id', keep='last')")
    found = ids.map(pairs.set_index("id")["label"])
    if target in current.columns:
        own = current[target]
        found = found.where(found.notna(), own) if found.notna().any() else own
    strange = int((~pairs["id"].isin(ids)).sum())
    notes = [f"{strange:,} of {len(pairs):,} labels belong to no current row"] if strange else []
    return found.rename(target), notes


def features(reference: pd.DataFrame, current: pd.DataFrame, without: Sequence[str]) -> tuple[Features, list[str]]:
    """What errors may depend on, and the columns that are left out because they tell the period by themselves."""
    names: list[str] = []
    columns: list[tuple[Numbers, Numbers, bool]] = []
    apart: list[str] = []
    for name in map(str, reference.columns):
        if name in without or name not in current.columns or not reference.columns.is_unique:
            continue
        made = _feature(reference[name], current[name])
        if made is None:
            continue
        if _tells_the_period(*made):
            apart.append(name)
            continue
        names.append(name)
        columns.append(made)
    if not columns:
        return Features((), np.empty((len(reference), 0)), np.empty((len(current), 0)), np.empty(0, np.bool_)), apart
    here, there = (np.column_stack([each[side] for each in columns]) for side in (0, 1))
    return Features(tuple(names), here, there, np.array([each[2] for each in columns])), apart


def _feature(one: pd.Series[Any], other: pd.Series[Any]) -> tuple[Numbers, Numbers, bool] | None:
    if _is_numeric(one) and _is_numeric(other):
        sides = (each.to_numpy(dtype=np.float64, na_value=np.nan) for each in (one, other))
        first, second = (np.where(np.isinf(each), np.nan, each) for each in sides)
        return first, second, False
    if any(pd.api.types.is_datetime64_any_dtype(each.dtype) for each in (one, other)):
        return None
    texts = [each.map(str, na_action="ignore").to_numpy(dtype=object) for each in (one, other)]
    codes, known = pd.factorize(np.concatenate(texts))
    if len(known) > MOST_CATEGORIES:
        return None
    found = np.where(codes < 0, np.nan, codes.astype(np.float64))
    return found[: len(one)], found[len(one) :], True


def _tells_the_period(one: Numbers, other: Numbers, is_code: bool) -> bool:
    one, other = one[~np.isnan(one)], other[~np.isnan(other)]
    if not len(one) or not len(other):
        return False
    if is_code:
        return not np.isin(other, one).any()
    return bool(one.max() < other.min() or other.max() < one.min()) and len(np.unique(one)) > 1


def segments(one: pd.Series[Any], other: pd.Series[Any]) -> Iterator[tuple[str, Mask, Mask]]:
    """The rows of both frames by value of a column, the most frequent first; of many numbers by the reference's
    quarters."""
    if _is_numeric(one) and _is_numeric(other) and one.nunique() > SEGMENTS:
        yield from _quarters(*(each.to_numpy(dtype=np.float64, na_value=np.nan) for each in (one, other)))
        return
    as_numbers = _is_numeric(one) and _is_numeric(other)
    here, there = (named(each, as_numbers=as_numbers).to_numpy(dtype=object) for each in (one, other))
    counts = pd.Series(np.concatenate((here, there))).value_counts()
    for value in counts.index[:SEGMENTS]:
        yield str(value), here == value, there == value


def _quarters(one: Numbers, other: Numbers) -> Iterator[tuple[str, Mask, Mask]]:
    edges = np.unique(np.nanquantile(one, QUARTERS))
    here, there = (np.searchsorted(edges, each, side="right") for each in (one, other))
    texts = [f"{edge:.4g}" for edge in edges]
    names = [f"below {texts[0]}", *(f"{low} to {high}" for low, high in pairwise(texts))]
    for place, name in enumerate([*names, f"{texts[-1]} or more"]):
        yield name, (here == place) & ~np.isnan(one), (there == place) & ~np.isnan(other)
