"""What takes the space in the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from mlops_nb.panels.blocks import Block, Line, Picture, Span, Table, paged
from mlops_nb.panels.theme import BLUE, Panel
from mlops_nb.panels.wording import one_line, size
from mlops_nb.tracking.housekeeping.records import Part, Space


def space_panel(space: Space) -> Panel:
    """The parts of the store and its largest runs, largest first."""
    return Panel(_blocks(space))


def _blocks(space: Space) -> Iterator[Block]:
    words = _sentence(space)
    yield Line(words, "sentence")
    if space.collectable_bytes:
        yield Line((f"About {size(space.collectable_bytes)} of it nobody needs: ", Span("%mlops gc", "code")))
    yield Picture(_bars(space.parts[:8], words), "")
    rows = tuple(
        (part.what, size(part.size_bytes), _share(part, space), "" if part.count is None else f"{part.count:,}")
        for part in space.parts
    )
    yield from paged(Table("Parts", ("what", "takes", "share", "how many"), rows, frozenset({1, 2, 3})))
    if space.runs:
        runs = tuple(
            (
                f"{one_line(run.name, 60)}{' (deleted)' if run.is_deleted else ''}",
                str(run.id),
                f"about {size(run.size_bytes)}",
            )
            for run in space.runs
        )
        yield Table("Largest runs", ("name", "run", "takes"), runs, frozenset({1, 2}))
    yield Line(("In ", one_line(space.store, 200)), "small")


def _sentence(space: Space) -> str:
    first = space.parts[0]
    if not space.runs:
        return f"{size(space.size_bytes)} in the store, and no run yet."
    return f"{size(space.size_bytes)} in the store; the largest part, {_share(first, space)}, is {first.what}."


def _share(part: Part, space: Space) -> str:
    share = 100 * part.size_bytes / max(1, space.size_bytes)
    return f"{share:.1f} %" if share >= 0.05 else "< 0.1 %"


_ROW, _LEFT, _WIDE = 22, 250, 240


def _bars(parts: Sequence[Part], words: str) -> str:
    largest = max(part.size_bytes for part in parts)
    height = _ROW * len(parts)
    drawn = [
        f'<text x="{_LEFT - 8}" y="{_ROW * place + 15}" text-anchor="end">{escape(part.what)}</text>'
        f'<rect x="{_LEFT}" y="{_ROW * place + 4}" width="{max(1.0, _WIDE * part.size_bytes / largest):.1f}" '
        f'height="{_ROW - 8}" fill="{BLUE}"/>'
        f'<text x="{_LEFT + max(1.0, _WIDE * part.size_bytes / largest) + 6:.1f}" y="{_ROW * place + 15}">'
        f"{escape(size(part.size_bytes))}</text>"
        for place, part in enumerate(parts)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDE + 90} {height}" role="img" '
        f'font-size="12" fill="currentColor"><title>{escape(words)}</title>{"".join(drawn)}</svg>'
    )
