"""What is taken for a secret, and how many were replaced."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Fold, Line, Span, Table, Words
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.wording import count, listed, one_line
from mlops_nb.tracking.runs import SecretsReport


def secrets_panel(report: SecretsReport) -> Panel:
    """The rules that hold in a store, and what they did."""
    return Panel(_blocks(report))


def _blocks(report: SecretsReport) -> Iterator[Block]:
    where = f", in {count(report.runs, 'run')}" if report.runs else ""
    done = f"{count(report.replaced, 'secret')} {'was' if report.replaced == 1 else 'were'}"
    so_far = (
        f"{done} replaced before a run was stored{where}."
        if report.replaced
        else "No secret was replaced in the runs of this store."
    )
    if report.changed:
        yield Line(f"From now on {one_line(report.changed, 200)}.", "sentence")
        yield Line(so_far)
    else:
        yield Line(so_far, "sentence")
    rules: list[tuple[Words, ...]] = [
        ("environment", listed(map(one_line, report.variables), 12) or "no variable has the name of a secret"),
        ("name", 'password="...", "api_key": "...", --token ..., and parameters that are called so'),
        ("shape", f"{count(len(report.kinds), 'kind')} of credentials, private keys, addresses with a password"),
        ("entropy", "what looks drawn by chance close behind a word such as token or API key"),
        *(("own pattern", one_line(pattern, 120)) for pattern in report.patterns),
        *(("no secret", one_line(text, 120)) for text in report.allowed),
    ]
    yield Table("Rules", ("known by", "what"), tuple(rules))
    yield Line("It is best effort. Artifacts are your own files: they are kept as they are.", "small")
    if not report.patterns:
        yield Line(("Add a pattern: ", Span("%mlops secrets --pattern 'ACME-[0-9a-f]{32}'", "code")), "small")
    yield Fold("The kinds known by their shape", (Line(", ".join(report.kinds), "small"),))
