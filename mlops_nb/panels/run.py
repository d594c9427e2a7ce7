"""One run, whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from mlops_nb.panels.artifacts import ARTIFACT_COLUMNS, artifact_row
from mlops_nb.panels.blocks import PAGE, Block, Fold, Image, Line, Pre, Span, Table, Words, as_html, paged
from mlops_nb.panels.curves import curve_blocks
from mlops_nb.panels.parts import estimators_table, parts_table, quality_first, told_apart
from mlops_nb.panels.theme import Panel, after, minute_span, number_span, status_span, time_span
from mlops_nb.panels.wording import (
    count,
    duration,
    listed,
    many_lines,
    one_line,
    secrets_words,
    setting,
    size,
    usage_words,
)
from mlops_nb.reproducibility.records import Environment
from mlops_nb.tracking.runs import FileUse, Metric, Output, Param, Run

HTML_LIMIT = 120_000
"""Bytes of the tables and pictures of a panel together; a saved notebook must stay small."""

TEXT_LIMIT = 12_000
"""Bytes, as HTML, of the code, of the traceback and of the packages, and of all the outputs together."""

ROWS = 40
WARNINGS = 8
"""Rows of a table, and warnings; `mlops_nb.show` gives the run whole."""

_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+")


def run_panel(run: Run) -> Panel:
    """All that was recorded of a run."""
    return Panel((*growing_blocks(run), *settled_blocks(run)))


def growing_blocks(run: Run, *, is_log: bool = False) -> tuple[Block, ...]:
    """What of a run changes while it is going on: its state, its series, its metrics."""
    return tuple(_growing(run, is_log))


def settled_blocks(run: Run) -> tuple[Block, ...]:
    """The rest of a run."""
    recorded = tuple(_recorded(run))
    room = HTML_LIMIT - len(as_html((*growing_blocks(run), *recorded)).encode())
    return (*recorded, *_outputs(run, room), *_traceback(run), *_surroundings(run))


def log_blocks(run: Run) -> tuple[Block, ...]:
    """What a run printed and showed, what went wrong, and what was noted."""
    notes = [Line(f"Note: {one_line(warning, 200)}", "small") for warning in run.warnings[:WARNINGS]]
    return (*_error(run), *notes, *_outputs(run, HTML_LIMIT), *_traceback(run))


def _growing(run: Run, is_log: bool) -> Iterator[Block]:
    took = f" {after(run.status)} {duration(run.duration)}" if run.duration is not None else ""
    yield Line((one_line(run.name, 60), f" (run {run.id}) ", *status_span(run.status), took), "sentence")
    if run.note:
        yield Pre("Note", many_lines(run.note, 2_000))
    yield from _error(run)
    yield from curve_blocks([run], is_log=is_log)
    if run.metrics:
        yield from paged(_metrics(run))


def _error(run: Run) -> Iterator[Block]:
    if run.error:
        yield Line((Span(one_line(run.error.type), "strong"), f": {many_lines(run.error.message, 500)}"), "error")


def _traceback(run: Run) -> Iterator[Block]:
    if run.error:
        yield Pre("Traceback", _bounded(run.error.traceback))


def _recorded(run: Run) -> Iterator[Block]:
    if run.registered:
        yield Line(f"Registered as {listed([one_line(name, 60) for name in run.registered], 4)}.")
    if run.parts:
        yield from paged(parts_table(run, ROWS))
    if run.params:
        yield from _params(run)
    if run.estimators:
        yield from paged(estimators_table(run))
    if run.seeds:
        seeds = tuple((one_line(name, 60), setting(value, 60)) for name, value in list(run.seeds.items())[:ROWS])
        yield from paged(Table("Seeds set", ("what", "seed"), seeds, more=_more(len(run.seeds), run, "seeds")))
    if run.tags:
        tags = tuple((one_line(n, 60), one_line(v, 120)) for n, v in list(run.tags.items())[:ROWS])
        yield from paged(Table("Tags", ("tag", "value"), tags, more=_more(len(run.tags), run, "tags")))
    if run.data:
        yield from paged(_data(run))
    if run.read_from:
        yield from paged(_read_from(run))
    if run.artifacts:
        files = tuple(artifact_row(one) for one in run.artifacts[:ROWS])
        more = _more(len(run.artifacts), run, "artifacts")
        yield from paged(Table("Artifacts", ARTIFACT_COLUMNS, files, frozenset({2}), more))
        yield Line(("To see them: ", Span(f"%mlops artifacts {run.id}", "code")), "small")
    if run.redacted:
        yield Line(secrets_words(run.redacted), "small")
    for warning in run.warnings[:WARNINGS]:
        yield Line(f"Note: {one_line(warning, 200)}", "small")
    if len(run.warnings) > WARNINGS:
        yield Line(f"+{len(run.warnings) - WARNINGS:,} more: mlops_nb.show({run.id}).warnings", "small")
    if run.source:
        yield Pre("Code", _bounded(run.source))


def _more(length: int, run: Run, part: str) -> str:
    return f"+{length - ROWS:,} more: mlops_nb.show({run.id}).{part}" if length > ROWS else ""


def _bounded(text: str, limit: int = TEXT_LIMIT) -> str:
    """The text as many lines, cut so that its HTML stays within the limit whatever it is made of."""
    while (length := len(escape(text[:limit]).encode("utf-8", "replace"))) > TEXT_LIMIT and limit > 100:
        limit = limit * TEXT_LIMIT // length - 1
    return many_lines(text, limit)


def _marked(name: str, is_marked: bool) -> tuple[Words]:
    shown = one_line(name, 60)
    return ((shown, Span(" (inferred)", css="mp-muted")) if is_marked else shown,)


def _marks(of: Sequence[Param] | Sequence[Metric]) -> tuple[str, bool]:
    """What is said of a table of which all is inferred, and whether each row has to say it."""
    inferred = [each.inferred for each in of]
    return ", inferred" if all(inferred) else "", any(inferred) and not all(inferred)


def _params(run: Run) -> Iterator[Block]:
    params, defaults = told_apart(run)
    said, is_marked = _marks(params)
    rows = tuple(
        (*_marked(one.name, is_marked and one.inferred), (setting(one.value, 120), Span(" (default)", css="mp-muted")))
        if one.name in defaults
        else (*_marked(one.name, is_marked and one.inferred), setting(one.value, 120))
        for one in params[:ROWS]
    )
    table = Table(f"Parameters{said}", ("parameter", "value"), rows, more=_more(len(run.params), run, "params"))
    given = len(params) - len(defaults)
    if 0 < given <= PAGE < len(params):
        return paged(table, given, "at their defaults")
    return paged(table)


def _metrics(run: Run) -> Table:
    series = any(metric.count > 1 for metric in run.metrics)
    columns = ("metric", "last", "values", "lowest", "highest", "mean") if series else ("metric", "value")
    rows: list[tuple[Words, ...]] = []
    said, is_marked = _marks(run.metrics)
    for metric in quality_first(run)[:ROWS]:
        row: list[Words] = [*_marked(metric.name, is_marked and metric.inferred), number_span(metric.value)]
        if series:
            row.append(f"{metric.count:,}")
            spread = (metric.minimum, metric.maximum, metric.mean) if metric.count > 1 else (None, None, None)
            row += ["" if v is None else number_span(v) for v in spread]
        rows.append(tuple(row))
    more = _more(len(run.metrics), run, "metrics")
    return Table(f"Metrics{said}", columns, tuple(rows), frozenset(range(1, len(columns))), more)


def _data(run: Run) -> Table:
    rows = tuple(
        (
            one_line(one.name, 60),
            one_line(one.kind, 40),
            " x ".join(f"{length:,}" for length in one.shape) or "a single value",
            one_line(one.fingerprint[:12]) + ("" if one.exact else " (of a sample)"),
        )
        for one in run.data[:ROWS]
    )
    more = _more(len(run.data), run, "data")
    return Table("Data read", ("name", "kind", "shape", "fingerprint"), rows, more=more)


def _read_from(run: Run) -> Table:
    """The files behind the data, each with the names that came of it."""
    names: dict[FileUse, list[str]] = {}
    for name, uses in run.read_from.items():
        for use in uses:
            names.setdefault(use, []).append(one_line(name, 40) if name else "the cell")
    rows = tuple((*file_words(use), listed(sorted(found), 3)) for use, found in list(names.items())[:ROWS])
    more = _more(len(names), run, "read_from")
    return Table("Data came from", ("file", "size", "changed (UTC)", "for"), rows, frozenset({1}), more)


def file_words(use: FileUse) -> tuple[Words, Words, Words]:
    """Path, size and time of a file as it was read; an address has neither."""
    path = one_line(use.path, 80) + (f" ({use.count:,} files)" if use.count > 1 else "")
    return path, "" if use.size_bytes is None else size(use.size_bytes), _changed(use.modified)


def _changed(modified: float | None) -> Words:
    return "" if modified is None else minute_span(modified)


def _outputs(run: Run, room: int) -> Iterator[Block]:
    text_room = TEXT_LIMIT
    for place, one in enumerate(run.outputs):
        if text_room <= 0:
            hidden = count(len(run.outputs) - place, "more output")
            yield Line(f"{hidden}: mlops_nb.show({run.id}).outputs", "small")
            return
        picture = one.data.get("image/png", "")
        picture = picture if _BASE64.fullmatch(picture) else ""
        if picture and len(picture) <= room:
            room -= len(picture)
            yield Image("png", picture, one_line(one.data.get("text/plain", "a picture"), 80))
        elif picture:
            text_room -= 100
            yield Line(f"A picture of {size(len(picture) * 3 // 4)}: mlops_nb.show({run.id}).outputs[{place}]", "small")
        elif shown := _shown(one):
            title = one_line(one.name, 40) or {"execute_result": "Result"}.get(one.kind, "Display")
            text = _bounded(shown, min(4_000, text_room))
            text_room -= len(escape(text).encode()) + 100
            yield Pre(title, f"{text}\n… {size(one.cut_bytes)} were not kept" if one.cut_bytes else text)


def _shown(one: Output) -> str:
    if text := one.data.get("text/plain"):
        return text
    kinds = ", ".join(sorted(one.data))
    return f"(shown as {one_line(kinds, 120)})" if kinds else "(too large to keep)" if one.cut_bytes else ""


def _surroundings(run: Run) -> Iterator[Block]:
    facts: list[tuple[Words, ...]] = [("started", time_span(run.started))]
    if run.usage:
        facts.append(("took", usage_words(run.usage)))
    facts += [
        (name, one_line(str(value), 200))
        for name, value in (
            ("notebook", run.notebook),
            ("cell", run.cell_id),
            ("execution count", run.execution_count),
            ("part of run", run.parent),
            ("git", _git(run)),
            ("git remote", run.code and run.code.remote),
            *(_machine(run.environment) if run.environment else ()),
            ("id", run.uid),
        )
        if value
    ]
    blocks: list[Block] = [Table("Where and when", ("what", "is"), tuple(facts))]
    if run.environment:
        lines = [f"{name}=={version}" for name, version in run.environment.packages.items()]
        blocks.append(Pre(count(len(lines), "package"), _bounded("\n".join(lines))))
    if run.code and run.code.diff:
        blocks.append(Pre("Not committed", _bounded(run.code.diff), "diff"))
    yield Fold("Where, when, and with which packages", tuple(blocks))


def _machine(environment: Environment) -> Iterator[tuple[str, str]]:
    """What the run was computed with, in words."""
    yield "Python", f"{environment.python} on {environment.platform}"
    if environment.cpu:
        memory = f", {size(environment.memory_bytes)} of memory" if environment.memory_bytes else ""
        yield "machine", f"{environment.cpu}, {count(environment.cores, 'core')}{memory}, {environment.os}"
    if environment.gpus:
        yield "GPU", f"{listed(environment.gpus, 8)}, driver {environment.gpu_driver}"
    if environment.blas:
        core = f" for {environment.blas_core}" if environment.blas_core else ""
        threads = f", {count(environment.blas_threads, 'thread')}" if environment.blas_threads else ""
        yield "BLAS", f"{environment.blas}{core}{threads}"
    if environment.thread_settings:
        yield "thread settings", ", ".join(f"{name}={value}" for name, value in environment.thread_settings.items())
    if environment.hash_seed is not None:
        yield "hash seed", f"PYTHONHASHSEED={environment.hash_seed}"


def _git(run: Run) -> str:
    if not run.code:
        return ""
    changed = ", with uncommitted changes" if run.code.dirty else ""
    return f"{run.code.commit[:12]}{f' on {run.code.branch}' if run.code.branch else ''}{changed}"
