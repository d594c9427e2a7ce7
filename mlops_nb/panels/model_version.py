"""A model version: what it takes and gives, what made it, what it needs."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.panels.artifacts import ARTIFACT_COLUMNS, artifact_row
from mlops_nb.panels.blocks import Block, Fold, Line, Pre, Span, Table, Words, paged, without_empty
from mlops_nb.panels.parts import gives, takes
from mlops_nb.panels.theme import Panel, number_span, time_span
from mlops_nb.panels.wording import count, listed, many_lines, number, one_line, setting, size
from mlops_nb.registry.signature import Column
from mlops_nb.registry.versions import ModelVersion

MOST = 200


def model_version_panel(version: ModelVersion) -> Panel:
    """All of a version."""
    return Panel(_blocks(version))


def _blocks(version: ModelVersion) -> Iterator[Block]:
    manifest = version.manifest
    yield Line(_sentence(version), "sentence")
    if version.note:
        yield Pre("Note", many_lines(version.note, 2_000))
    yield from _warnings(version)
    if version.metrics:
        rows: tuple[tuple[Words, ...], ...] = tuple(
            (one_line(name, 60), number_span(value)) for name, value in sorted(version.metrics.items())[:MOST]
        )
        yield from paged(Table("Metrics of its run", ("metric", "value"), rows, frozenset({1})))
    yield Line(f"Takes {takes(manifest.signature)}; gives {gives(manifest.signature)}.")
    columns = [column for column in manifest.signature.inputs[:MOST] if column.name]
    if columns:
        inputs = tuple(_column_row(column) for column in columns)
        left = len(manifest.signature.inputs) - len(columns)
        more = f"+{left:,} more" if left else ""
        yield from paged(without_empty(Table("Columns", ("column", "type", "seen", "missing"), inputs, more=more)))
    yield from _made_by(version)
    yield Table("Files", ARTIFACT_COLUMNS, tuple(artifact_row(one) for one in manifest.files[:MOST]), frozenset({2}))
    if manifest.requirements:
        title = f"Needs {count(len(manifest.requirements), 'package')} and Python {one_line(manifest.python, 20)}"
        yield Fold(title, (Pre("", many_lines("\n".join(manifest.requirements))),))
    if not version.is_deleted and manifest.format != "mlflow":
        yield Line(("To load it: ", Span(_load_line(version), "code")), "small")
    yield Line(f"Manifest SHA-256 {version.sha256}, registered by {one_line(version.who, 60)}", "small")


def _sentence(version: ModelVersion) -> str:
    manifest = version.manifest
    name = f"{one_line(version.name, 60)}/{version.number}"
    if version.is_deleted:
        return f"{name} is deleted."
    words = {"None": [], "Archived": ["archived"]}
    stands = words.get(version.stage, [f"in {version.stage}"])
    stands = [*stands, *(f"@{one_line(alias, 30)}" for alias in version.aliases)]
    where = f" ({listed(stands, 4)})" if stands else ""
    kind = one_line(manifest.kind.rpartition(".")[2], 60) or "a model"
    by = (
        "" if manifest.origin is None else f", made by {one_line(manifest.origin.name, 40)} (run {manifest.origin.run})"
    )
    return f"{name}{where}: {kind}, {manifest.format}, {size(manifest.size_bytes)}{by}."


def _warnings(version: ModelVersion) -> Iterator[Block]:
    manifest = version.manifest
    if manifest.format == "pickle":
        yield Line("It is a pickle: loading it runs whatever code is in it, and must be allowed each time.", "error")
    if manifest.format == "mlflow":
        yield Line("It is a model of MLflow's that only MLflow loads; mlops_nb.registry.save copies it out.")
    if manifest.untrusted:
        types = listed([one_line(each, 80) for each in manifest.untrusted], 6)
        yield Line(f"Made of types that are loaded only when they are named: {types}.", "error")


def _load_line(version: ModelVersion) -> str:
    manifest = version.manifest
    more = ", unpickle=True" if manifest.format == "pickle" else ""
    if manifest.untrusted:
        more = f", trust={[one_line(each, 80) for each in manifest.untrusted[:6]]}"
    return f'mlops_nb.load_model("{one_line(version.uri, 120)}"{more})'


def _column_row(column: Column) -> tuple[Words, ...]:
    missing = {True: "yes", False: "no"}.get(column.has_missing, "") if column.has_missing is not None else ""
    return one_line(column.name, 60), one_line(column.type, 30), _seen(column), missing


def _seen(column: Column) -> str:
    if column.minimum is not None and column.maximum is not None:
        return f"{_shown(column.minimum)} to {_shown(column.maximum)}"
    if column.categories_count:
        words = [setting(each, 24) for each in column.categories[:4]]
        rest = column.categories_count - len(words)
        return listed([*words, f"{rest:,} more"] if rest else words, 5)
    return ""


def _shown(value: float | str) -> str:
    return one_line(value, 30) if isinstance(value, str) else number(int(value) if value.is_integer() else value)


def _made_by(version: ModelVersion) -> Iterator[Block]:
    manifest, rows = version.manifest, list[tuple[Words, ...]]()
    if origin := manifest.origin:
        cell = "" if origin.execution_count is None else f" [{origin.execution_count}]"
        rows.append(("run", f"{one_line(origin.name, 60)} ({origin.run})"))
        rows += [("notebook", f"{one_line(origin.notebook, 80)}{cell}")] if origin.notebook else []
        rows += [("git", one_line(origin.commit[:12]))] if origin.commit else []
    rows += [
        ("data", f"{one_line(one.name, 40)}: {' x '.join(f'{each:,}' for each in one.shape)} ({one.fingerprint[:12]})")
        for one in manifest.data[:20]
    ]
    rows.append(("registered", time_span(manifest.created)))
    rows += [(f"tag {one_line(name, 40)}", one_line(value, 120)) for name, value in list(version.tags.items())[:MOST]]
    yield from paged(Table("Where it is from", ("what", "is"), tuple(rows)))
