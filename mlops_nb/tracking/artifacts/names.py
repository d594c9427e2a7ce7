"""What artifacts may be called, how they are found again, and the confusion matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from mlops_nb.errors import BadArgument
from mlops_nb.record import Record
from mlops_nb.tracking.runs import Artifact
from mlops_nb.tracking.values import Value, plain_value, safe_repr

if TYPE_CHECKING:
    import pandas as pd

LONGEST_NAME = 500

MOST_LABELS = 1_000


def artifact_name(name: str) -> str:
    """The name an artifact is kept under: relative, with `/` between folders, nothing that climbs out of one.

    Raises:
        BadArgument: the name is absolute, climbs, is empty or too long.

    >>> artifact_name("plots/./roc.png")
    'plots/roc.png'
    """
    text = name.encode("utf-8", "backslashreplace").decode("utf-8")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    rule = ""
    if text.startswith("/") or text[1:3] in (":/", ":\\"):
        rule = "must not be absolute"
    elif ".." in parts:
        rule = "must not contain .."
    elif "\0" in text:
        rule = "must not contain a null character"
    elif not parts:
        rule = "must name a file"
    elif len(text) > LONGEST_NAME:
        rule = f"must have at most {LONGEST_NAME} characters"
    if rule:
        raise BadArgument(f"name == {safe_repr(name, 60)}, {rule}", 'log_artifact(what, "plots/roc.png")')
    return "/".join(parts)


def with_suffix(name: str, suffixes: Sequence[str]) -> str:
    """The name with the first of the suffixes, unless it ends in one of them.

    >>> with_suffix("roc", (".png", ".svg")), with_suffix("roc.SVG", (".png", ".svg")), with_suffix("v1.2", (".csv",))
    ('roc.png', 'roc.SVG', 'v1.2.csv')
    """
    return name if name.lower().endswith(tuple(suffixes)) else f"{name}{suffixes[0]}"


def found_artifacts(artifacts: Sequence[Artifact], name: str) -> tuple[Artifact, ...]:
    """The artifact of that name, with or without its suffix, or all those in the folder of that name."""
    wanted = name.strip("/")
    if exact := [one for one in artifacts if one.path == wanted]:
        return tuple(exact)
    if inside := [one for one in artifacts if one.path.startswith(f"{wanted}/")]:
        return tuple(inside)
    alike = [one for one in artifacts if one.path.rpartition(".")[0] == wanted]
    return tuple(alike) if len(alike) == 1 else ()


def folder_of(path: str, files: Sequence[Artifact]) -> Artifact:
    """Several files as the one folder that was logged; its hash is that of their paths and hashes."""
    listing = "\n".join(f"{one.sha256} {one.path.removeprefix(path)}" for one in sorted(files, key=lambda f: f.path))
    size = sum(one.size_bytes for one in files)
    return Artifact(path, sha256(listing.encode()).hexdigest(), size, "folder", {"files": len(files)})


@dataclass(frozen=True, slots=True)
class ConfusionMatrix(Record):
    """How often each true label (row) was given each predicted label (column)."""

    labels: tuple[Value, ...]
    counts: tuple[tuple[int, ...], ...]

    def to_frame(self) -> pd.DataFrame:
        """The counts, true labels down, predicted ones across."""
        import pandas as pd

        return pd.DataFrame(
            [list(row) for row in self.counts],
            index=pd.Index(self.labels, name="true"),
            columns=pd.Index(self.labels, name="predicted"),
        )


def confusion_matrix(
    y_true: Iterable[object], y_pred: Iterable[object], labels: Iterable[object] | None = None
) -> ConfusionMatrix:
    """Counts of (true, predicted) labels; `labels` sets their order, and pairs of others are left out.

    Agrees with `sklearn.metrics.confusion_matrix`. Of nothing, a matrix of nothing.

    Raises:
        BadArgument: unequal lengths, more than one value a row, a missing label, or too many labels.

    >>> confusion_matrix(["a", "b", "b"], ["a", "a", "b"])
    ConfusionMatrix(labels=('a', 'b'), counts=((1, 0), (1, 1)))
    """
    true, predicted = _labels("y_true", y_true), _labels("y_pred", y_pred)
    if len(true) != len(predicted):
        raise BadArgument(f"y_true has {len(true):,} labels and y_pred {len(predicted):,}, must be as many")
    pairs = Counter(zip(true, predicted, strict=True))
    order = _order({each for pair in pairs for each in pair}) if labels is None else _labels("labels", labels)
    if len(order) > MOST_LABELS:
        raise BadArgument(
            f"{len(order):,} different labels, must be at most {MOST_LABELS:,}; are these numbers of a regression?"
        )
    return ConfusionMatrix(tuple(order), tuple(tuple(pairs[row, column] for column in order) for row in order))


def _labels(name: str, given: Iterable[object]) -> list[Value]:
    listed: list[object] = given.tolist() if hasattr(given, "tolist") else list(given)
    labels: list[Value] = [each if type(each) in (int, str, bool) else plain_value(each) for each in listed]  # type: ignore[misc]
    for each in labels if set(map(type, labels)) - {int, str, bool} else ():
        if not isinstance(each, int | str | float) or each != each:  # NaN differs from itself
            raise BadArgument(f"{name} has {safe_repr(each, 60)} among its labels, must be one label a row")
    return labels


def _order(labels: set[Value]) -> list[Value]:
    try:
        return sorted(labels)  # type: ignore[type-var]
    except TypeError:
        return sorted(labels, key=lambda label: (type(label).__name__, str(label)))
