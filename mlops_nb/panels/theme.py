"""The panel: one record, shown live, as HTML that survives a save, and as text."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mlops_nb.panels.blocks import Block, Span, as_html, as_text
from mlops_nb.panels.wording import STATUS_WORDS, Movement, exact_time, movement, number, numbers

if TYPE_CHECKING:
    from mlops_nb.tracking.runs import Status

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
"""The colours of Okabe and Ito (2008); reference and control are BLUE, current and treatment ORANGE."""
GREY = "#8A8A8A"
"""What is there and does not matter now; readable on light and on dark ground."""

STATUS_COLOURS: dict[Status, str] = {
    "RUNNING": BLUE,
    "FINISHED": GREEN,
    "FAILED": VERMILLION,
    "INTERRUPTED": ORANGE,
    "KILLED": PURPLE,
}

_RULES = f"""
&{{color:var(--jp-ui-font-color1,var(--vscode-foreground,inherit));font:13px/1.5 var(--jp-ui-font-family,system-ui,\
sans-serif);padding:4px 0 4px 2px;max-width:1200px;text-align:left;overflow-wrap:anywhere;\
container:mlops/inline-size}}
& p{{margin:0 0 4px;font-size:13px;line-height:1.5}}
& .mp-sentence strong{{font-size:14px;font-weight:600}}
& .mp-small,& .mp-muted{{opacity:.75}}
& small{{font-size:12px}}
& .mp-scroll{{overflow-x:auto;margin:4px 0 8px}}
& table{{border-collapse:collapse;margin:0;font-size:13px;border:0;width:auto;table-layout:auto;color:inherit}}
& caption{{caption-side:top;text-align:left;white-space:nowrap;font-weight:600;padding:4px 0;color:inherit}}
& tr,& tbody tr:nth-child(odd),& tbody tr:nth-child(even){{background:transparent}}
& th,& td{{padding:2px 16px 2px 0;border:0;text-align:left;vertical-align:top;font-variant-numeric:tabular-nums;\
max-width:360px;overflow-wrap:break-word;min-width:3em;white-space:nowrap}}
& thead th{{font-weight:400;opacity:.75;white-space:nowrap;max-width:240px;\
overflow:hidden;text-overflow:ellipsis}}
& thead tr,& tbody tr{{border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,.3))}}
& tbody th{{font-weight:600;max-width:440px}}
& .mp-right{{text-align:right;white-space:nowrap}}
& .mp-long{{min-width:14em;white-space:normal}}
@container mlops (max-width:560px){{& th,& td{{padding-right:10px}}
& .mp-broken{{white-space:normal}}
& tbody th.mp-long{{max-width:180px}}
& .mp-long{{min-width:8em;overflow-wrap:anywhere}}}}
& th code,& td code{{white-space:nowrap}}
& code{{font:12px/1.4 var(--jp-code-font-family,ui-monospace,monospace);padding:1px 4px;border-radius:2px;\
background:var(--jp-layout-color2,rgba(128,128,128,.14));color:inherit;overflow-wrap:anywhere}}
& pre{{font:12px/1.4 var(--jp-code-font-family,ui-monospace,monospace);margin:0 0 8px;padding:8px;max-height:320px;\
overflow:auto;white-space:pre;border:0;color:inherit;background:var(--jp-layout-color2,rgba(128,128,128,.14))}}
& ins{{text-decoration:none;background:rgba(0,158,115,.2)}}
& del{{text-decoration:none;background:rgba(213,94,0,.2)}}
& details{{margin:4px 0}}
& summary{{cursor:pointer;font-weight:600;padding:2px 0}}
& img{{max-width:100%;max-height:360px}}
& time{{white-space:nowrap}}
& .mp-picture{{display:block!important;margin:4px 0 8px;max-width:720px;overflow-x:auto}}
& .mp-picture svg{{width:100%;min-width:360px;height:auto;display:block}}
& .mp-halo{{paint-order:stroke;stroke:var(--jp-layout-color0,transparent);stroke-width:3px}}
& .mp-error{{border-left:3px solid {VERMILLION};padding:2px 8px;overflow-wrap:anywhere;white-space:pre-wrap}}
& .mp-good{{color:{GREEN}}}
& .mp-bad{{color:{VERMILLION}}}
& .mp-reference{{color:{BLUE}}}
& .mp-current{{color:{ORANGE}}}
""" + "".join(f"& .mp-{status.lower()}{{color:{colour}}}\n" for status, colour in STATUS_COLOURS.items())

STYLE = f"<style>{_RULES.replace('&', ':is(#mp,.mlops-panel)')}</style>"
"""JupyterLab's colours where there are some. The id in `:is` only outweighs the notebook's own table rules."""

_OUTPUT = ".jp-OutputArea-child:has(.mlops-static)"
_NEXT = ".jp-OutputArea-child > .jp-OutputArea-output"
_LIVE_OR_STATIC = (
    f"<style>{_OUTPUT}:has(+ {_NEXT} > .jupyter-widgets){{display:none}}\n"
    f"{_OUTPUT} + {_NEXT}:not(:has(*)){{display:none}}</style>"
)
"""Of the static form and the widget after it one is seen: the widget while its kernel lives. JupyterLab puts
an error, which is a text without an element, where it knows of no widget any more; that is never seen."""


class Panel:
    """A record made visible: a widget in a live notebook, HTML in a saved one, text in a terminal.

    Args:
        blocks: what the static forms show, in order.
        live: makes the widget; called once, and only where a kernel shows the panel.
    """

    def __init__(self, blocks: Iterable[Block], *, live: Callable[[], object] | None = None) -> None:
        self.blocks = tuple(blocks)
        self._live = live
        self._widget: object | None = None

    def text(self) -> str:
        """The panel in 80 columns."""
        return as_text(self.blocks)

    def html(self) -> str:
        """The panel as one self-contained element, the same for the same record."""
        return framed(as_html(self.blocks))

    def widget(self) -> object | None:
        """The live panel, an ipywidgets widget; None where a panel has none."""
        if self._widget is None and self._live is not None:
            self._widget = self._live()
        return self._widget

    def __repr__(self) -> str:
        return self.text()

    def outputs(self) -> tuple[dict[str, object], ...]:
        """The MIME bundles to show in order: the static form, then, where a kernel lives, the widget in its place.

        They are two, because of one with both JupyterLab shows a notebook that is opened again nothing but
        "model not found". The widget's HTML is empty, so that who knows no widgets sees one form.
        """
        if self._live is None or not _in_a_kernel():
            return ({"text/plain": self.text(), "text/html": self.html()},)
        static = framed(f"{_LIVE_OR_STATIC}\n{as_html(self.blocks)}", css="mlops-static")
        view = {"version_major": 2, "version_minor": 0, "model_id": getattr(self.widget(), "model_id", "")}
        return (
            {"text/plain": self.text(), "text/html": static},
            {"text/plain": "", "text/html": "", "application/vnd.jupyter.widget-view+json": view},
        )


def framed(html: str, *, css: str = "", style: str = STYLE) -> str:
    """The HTML with our style around it, which one part of a panel is enough to bring; dollars in names are not TeX."""
    names = f"mlops-panel {css}".strip()
    return f'<div class="{names} tex2jax_ignore mathjax_ignore">{style}\n{html}\n</div>'


def _in_a_kernel() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


def status_span(status: Status) -> tuple[str | Span, ...]:
    """Shape and word of a status, the shape in its colour."""
    shape, word = STATUS_WORDS[status]
    return Span(shape, css=f"mp-{status.lower()}"), f" {word}"


def after(status: Status) -> str:
    """The word between a status and how long the run took."""
    return {"RUNNING": "for", "FINISHED": "in"}.get(status, "after")


def time_span(then: float) -> Span:
    """When it was; a saved notebook would say "just now" for ever."""
    return Span(exact_time(then), "time")


def minute_span(then: float) -> Span:
    """When it was, to the minute, for a column whose title says UTC; the second on hover."""
    exact = exact_time(then)
    return Span(exact[:16], "time", hover=exact) if exact.endswith(" UTC") else Span(exact)


def number_span(value: float, shown: str = "") -> Span:
    """A number as `shown`, or in 3 significant digits, a whole one without decimals; all of it on hover."""
    shown = shown or numbers([value])[0]
    exact = "" if isinstance(value, int) and abs(value) >= 10**15 else str(value)
    return Span(shown, hover="" if exact == shown else exact)


def change_spans(moved: Movement, base: float) -> tuple[Span, str]:
    """How a metric moved from `base`, which is named: shape, difference, verdict."""
    css = {"better": "mp-good", "worse": "mp-bad"}.get(moved.verdict, "")
    return Span(moved.shape, css=css), f"{moved.words().removeprefix(moved.shape)} ({number(base)})"


def change_span(name: str, value: float, base: float) -> tuple[Span, str]:
    """How the metric of that name moved from `base`: shape, difference, verdict."""
    return change_spans(movement(name, value, base), base)
