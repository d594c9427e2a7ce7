"""One run, whole."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Fold, Image, Line, Pre, Span, Table, Words
from mlops_nb.panels.theme import Panel, number_span, status_span, time_span
from mlops_nb.panels.wording import count, duration, many_lines, one_line, setting, size
from mlops_nb.tracking.runs import Output, Run

IMAGE_LIMIT = 120_000
"""Characters of pictures that a panel carries; a saved notebook must stay small."""


def run_panel(run: Run) -> Panel:
    """All that was recorded of a run."""
    return Panel(run_blocks(run))


def run_blocks(run: Run) -> tuple[Block, ...]:
    """The blocks of a run, for a panel of its own or under a table."""
    return tuple(_blocks(run))


def _blocks(run: Run) -> Iterator[Block]:
    took = f" in {duration(run.duration)}" if run.duration is not None else ""
    yield Line(
        (Span(one_line(run.name, 60), "strong"), f" (run {run.id}) ", *status_span(run.status), took), "sentence"
    )
    if run.error:
        yield Line((Span(one_line(run.error.type), "strong"), f": {many_lines(run.error.message, 500)}"), "error")
    if run.metrics:
        yield _metrics(run)
    if run.params:
        rows = tuple((*_marked(one.name, one.inferred), setting(one.value, 200)) for one in run.params)
        yield Table("Parameters", ("parameter", "value"), rows)
    if run.tags:
        yield Table("Tags", ("tag", "value"), tuple((one_line(n, 60), one_line(v, 200)) for n, v in run.tags.items()))
    if run.data:
        yield _data(run)
    if run.artifacts:
        files = tuple((one_line(one.path, 80), size(one.size_bytes), one.sha256[:12]) for one in run.artifacts)
        yield Table("Artifacts", ("file", "size", "SHA-256"), files, frozenset({1}))
    for note in run.notes:
        yield Line(f"Note: {one_line(note, 200)}", "small")
    if run.source:
        yield Pre("Code", many_lines(run.source))
    yield from _outputs(run)
    if run.error:
        yield Pre("Traceback", many_lines(run.error.traceback))
    yield from _surroundings(run)


def _marked(name: str, inferred: bool) -> tuple[Words]:
    shown = one_line(name, 60)
    return ((shown, Span(" (inferred)", css="mp-muted")) if inferred else shown,)


def _metrics(run: Run) -> Table:
    series = any(metric.count > 1 for metric in run.metrics)
    columns = ("metric", "last", "values", "lowest", "highest", "mean") if series else ("metric", "value")
    rows: list[tuple[Words, ...]] = []
    for metric in run.metrics:
        row: list[Words] = [*_marked(metric.name, metric.inferred), number_span(metric.value)]
        if series:
            row.append(f"{metric.count:,}")
            row += ["" if v is None else number_span(v) for v in (metric.minimum, metric.maximum, metric.mean)]
        rows.append(tuple(row))
    return Table("Metrics", columns, tuple(rows), frozenset(range(1, len(columns))))


def _data(run: Run) -> Table:
    rows = tuple(
        (
            one_line(one.name, 60),
            one.kind,
            " x ".join(f"{length:,}" for length in one.shape) or "a single value",
            one.fingerprint[:12] + ("" if one.exact else " (of a sample)"),
        )
        for one in run.data
    )
    return Table("Data read", ("name", "kind", "shape", "fingerprint"), rows)


def _outputs(run: Run) -> Iterator[Block]:
    room = IMAGE_LIMIT
    for one in run.outputs:
        picture = one.data.get("image/png", "")
        if picture and len(picture) <= room:
            room -= len(picture)
            yield Image("png", picture, one_line(one.data.get("text/plain", "a picture"), 80))
        elif shown := _shown(one):
            yield Pre(one.name or {"execute_result": "Result"}.get(one.kind, "Display"), many_lines(shown, 5_000))


def _shown(one: Output) -> str:
    if text := one.data.get("text/plain"):
        return text
    kinds = ", ".join(sorted(one.data))
    return f"(shown as {kinds})" if kinds else f"({one.cut_bytes:,} characters, too large to keep)"


def _surroundings(run: Run) -> Iterator[Block]:
    facts: list[tuple[Words, ...]] = [("started", time_span(run.started))]
    facts += [
        (name, one_line(str(value), 200))
        for name, value in (
            ("notebook", run.notebook),
            ("cell", run.cell_id),
            ("execution count", run.execution_count),
            ("part of run", run.parent),
            ("child runs", ", ".join(map(str, run.children))),
            ("git", _git(run)),
            ("Python", run.environment and f"{run.environment.python} on {run.environment.platform}"),
            ("id", run.uid),
        )
        if value
    ]
    blocks: list[Block] = [Table("Where and when", ("what", "is"), tuple(facts))]
    if run.environment:
        lines = [f"{name}=={version}" for name, version in run.environment.packages.items()]
        blocks.append(Pre(count(len(lines), "package"), many_lines("\n".join(lines))))
    yield Fold("Where, when, and with which packages", tuple(blocks))


def _git(run: Run) -> str:
    if not run.code:
        return ""
    changed = ", with uncommitted changes" if run.code.dirty else ""
    return f"{run.code.commit[:12]}{f' on {run.code.branch}' if run.code.branch else ''}{changed}"
