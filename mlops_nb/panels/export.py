"""An exported script: the proof, what is in it, what is not."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.notebook.records import Export, ScriptParameter
from mlops_nb.panels.blocks import Block, Fold, Line, Span, Table, Words
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.wording import count, duration, listed, one_line, setting
from mlops_nb.pipelines.parameters import option_of
from mlops_nb.reproducibility.records import MetricCheck, ValueCheck, Verification


def export_panel(export: Export) -> Panel:
    """What was written, and whether it gives what the notebook gave."""
    return Panel(_blocks(export))


def _blocks(export: Export) -> Iterator[Block]:
    path = one_line(export.path, 200) or "the script"
    yield Line(_sentence(export, path), "sentence")
    if export.verification:
        yield from _verified(export.verification)
    for warning in export.warnings:
        yield Line(one_line(warning, 300), "error")
    if export.beside:
        yield Line(f"Beside it: {', '.join(one_line(name, 120) for name in export.beside)}")
    yield Line(("Next: ", Span(one_line(export.next, 200) or f"python {path} --help", "code")))
    if len(export.files) > 1:
        yield Fold(
            count(len(export.files), "file"),
            (Table("Files", ("file",), tuple((one_line(each, 200),) for each in export.files)),),
        )
    if export.parameters:
        rows = tuple(
            (_typed(one, export), one.type, setting(one.default, 60), one_line(one.help, 120))
            for one in export.parameters
        )
        yield Table("Parameters", ("option" if _is_script(export) else "name", "type", "default", "help"), rows)
    steps = tuple(
        (
            one.name,
            f"{one.stage}{' (guessed)' if one.is_guessed else ''}" if one.stage else "-",
            listed([str(cell + 1) for cell in one.cells], 6),
            listed(one.inputs, 6) or "-",
            listed(one.outputs, 6) or "-",
            one_line(one.run, 40),
        )
        for one in export.steps
    )
    yield Fold(
        f"{count(len(export.steps), 'step')}",
        (Table("Steps", ("step", "stage", "cells", "takes", "gives", "captured run"), steps),),
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
        how = "add --verify to prove it" if export.target == "script" else "export the script with --verify to prove it"
        return (f"Wrote {wrote}.", f" Not verified: {how}.")
    if proof.is_equal:
        return (Span("✓", css="mp-good"), " Verified: ", f"{_compared(proof)} equal to the notebook's. {wrote}.")
    if not proof.checks and not proof.values:
        return (Span("✗", css="mp-bad"), " Not verified: ", f"there was nothing to compare. {wrote}.")
    different = sum(not check.equal for check in proof.checks) + sum(not value.is_good for value in proof.values)
    said = f"{different} of {_compared(proof)} differ" if different else "not every run was compared"
    return (Span("✗", css="mp-bad"), " Not the same: ", f"{said}. {wrote}.")


def _compared(proof: Verification) -> str:
    """What was compared, counted: `1 metric and 12 values`."""
    parts = [count(len(proof.checks), "metric")] if proof.checks else []
    parts += [count(len(proof.values), "value")] if proof.values else []
    return " and ".join(parts)


def _verified(proof: Verification) -> Iterator[Block]:
    for name in proof.missing_runs:
        yield Line(f"Not compared: {one_line(name, 200)}", "error")
    ordered = sorted(proof.checks, key=lambda check: check.equal)
    rows = tuple(_check(check) for check in ordered[:40])
    more = f"+{len(ordered) - 40} more" if len(ordered) > 40 else ""
    took = f"Metrics, compared exactly in a fresh process ({duration(proof.seconds)})"
    if rows:
        yield Table(took, ("run", "metric", "equal", "notebook", "script"), rows, frozenset({3, 4}), more)
    yield from _values(proof)


def _values(proof: Verification) -> Iterator[Block]:
    """What cells printed and showed: what differs at once, all of it folded."""
    columns = ("cell", "what", "equal", "notebook", "script")
    differ = [each for each in proof.values if not each.is_good]
    if differ:
        more = f"+{len(differ) - 20} more" if len(differ) > 20 else ""
        yield Table("Values that differ", columns, tuple(_value(each) for each in differ[:20]), more=more)
    if proof.values:
        more = f"+{len(proof.values) - 100} more" if len(proof.values) > 100 else ""
        same = Table("Values", columns, tuple(_value(each) for each in proof.values[:100]), more=more)
        close = sum(each.likeness == "close" for each in proof.values)
        clock = sum(each.likeness == "clock" for each in proof.values)
        apart = [f"{close} within 1e-6"] if close else []
        apart += [f"{clock} that {'depends' if clock == 1 else 'depend'} on the clock"] if clock else []
        yield Fold(", ".join([f"{count(len(proof.values), 'value')} by cell", *apart]), (same,))


_LIKENESS = {"close": " within 1e-6", "equal": " equal", "different": " different", "missing": " missing"}


def _value(check: ValueCheck) -> tuple[Words, ...]:
    sign = Span("✓", css="mp-good") if check.is_good else Span("✗", css="mp-bad")
    said = f" {check.likeness}: {one_line(check.cause, 80)}" if check.cause else _LIKENESS[check.likeness]
    what = "printed" if check.kind == "print" else "value"
    sides = [_around(check.notebook, check.script), _around(check.script, check.notebook)]
    return (f"{check.cell + 1}", what, (sign, said), *sides)


def _around(text: str, other: str) -> str:
    """The text's line that is the first to differ, on one line."""
    lines, others = text.split("\n"), other.split("\n")
    first = next((number for number, line in enumerate(lines) if line not in others[number : number + 1]), 0)
    return ("… " if first else "") + one_line(lines[first], 60) if text else "nothing"


def _check(check: MetricCheck) -> tuple[Words, ...]:
    sides = ("missing" if side is None else repr(side) for side in (check.notebook, check.script))
    equal: Words = (Span("✓", css="mp-good"), " equal") if check.equal else (Span("✗", css="mp-bad"), " different")
    return (one_line(check.run, 40), one_line(check.metric, 40), equal, *sides)


def _is_script(export: Export) -> bool:
    """Whether what was written runs the script, whose parameters are options of a command line."""
    return export.target in ("script", "github-actions")


def _typed(one: ScriptParameter, export: Export) -> str:
    """The parameter as one types it."""
    return option_of(one.name, is_flag=one.type == "bool" and not one.choices) if _is_script(export) else one.name
