"""An exported script: the proof, what is in it, what is not."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.notebook.records import Export
from mlops_nb.panels.blocks import Block, Fold, Line, Span, Table, Words
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.wording import count, duration, listed, one_line, setting
from mlops_nb.reproducibility.records import MetricCheck, Verification


def export_panel(export: Export) -> Panel:
    """What was written, and whether it gives the notebook's metrics."""
    return Panel(_blocks(export))


def _blocks(export: Export) -> Iterator[Block]:
    path = one_line(export.path, 200) or "the script"
    yield Line(_sentence(export, path), "sentence")
    if export.verification:
        yield from _verified(export.verification)
    for warning in export.warnings:
        yield Line(one_line(warning, 300), "error")
    yield Line(("Next: ", Span(f"python {path} --help", "code")))
    if export.parameters:
        rows = tuple(
            (f"--{one.name.replace('_', '-')}", one.type, setting(one.default, 60), one_line(one.help, 120))
            for one in export.parameters
        )
        yield Table("Parameters", ("option", "type", "default", "help"), rows)
    steps = tuple(
        (one.name, listed(one.inputs, 6) or "-", listed(one.outputs, 6) or "-", one_line(one.run, 40))
        for one in export.steps
    )
    yield Fold(
        f"{count(len(export.steps), 'step')}", (Table("Steps", ("step", "takes", "gives", "captured run"), steps),)
    )
    if export.left_out:
        left = tuple((f"{one.cell + 1}", one_line(one.line, 80), one_line(one.reason, 120)) for one in export.left_out)
        yield Fold(
            f"{count(len(export.left_out), 'line')} left out",
            (Table("Left out", ("cell", "line", "why"), left),),
        )


def _sentence(export: Export, path: str) -> tuple[str | Span, ...]:
    wrote = f"{path}: {count(len(export.steps), 'step')}, {count(len(export.parameters), 'parameter')}"
    proof = export.verification
    if proof is None:
        return (f"Wrote {wrote}.", " Not verified: add --verify to prove it.")
    if proof.is_equal:
        said = f"{count(len(proof.checks), 'metric')} equal to the captured runs'"
        return (Span("✓", css="mp-good"), " Verified: ", f"{said}. {wrote}.")
    different = sum(not check.equal for check in proof.checks)
    if not proof.checks:
        return (Span("✗", css="mp-bad"), " Not verified: ", f"there was nothing to compare. {wrote}.")
    said = f"{different} of {count(len(proof.checks), 'metric')} differ" if different else "not every run was compared"
    return (Span("✗", css="mp-bad"), " Not the same: ", f"{said}. {wrote}.")


def _verified(proof: Verification) -> Iterator[Block]:
    for name in proof.missing_runs:
        yield Line(f"Not compared: {one_line(name, 200)}", "error")
    ordered = sorted(proof.checks, key=lambda check: check.equal)
    rows = tuple(_check(check) for check in ordered[:40])
    more = f"+{len(ordered) - 40} more" if len(ordered) > 40 else ""
    took = f"Metrics, compared exactly in a fresh process ({duration(proof.seconds)})"
    if rows:
        yield Table(took, ("run", "metric", "notebook", "script", "equal"), rows, frozenset({2, 3}), more)


def _check(check: MetricCheck) -> tuple[Words, ...]:
    sides = ("missing" if side is None else repr(side) for side in (check.notebook, check.script))
    equal: Words = (Span("✓", css="mp-good"), " equal") if check.equal else (Span("✗", css="mp-bad"), " different")
    return (one_line(check.run, 40), one_line(check.metric, 40), *sides, equal)
