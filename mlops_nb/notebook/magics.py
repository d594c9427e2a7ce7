"""`%mlops` and `%%mlops`: a line is parsed and handed over."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import BadUsage, CommandInterrupted, MlopsError
from mlops_nb.notebook.capture import ATTRIBUTE, Capture
from mlops_nb.notebook.progress import Progress
from mlops_nb.panels import PANELS, panel_of

if TYPE_CHECKING:
    from mlops_nb.notebook.records import CellOutput

NAME = "mlops"


def load(shell: Any) -> None:
    """Give a shell the magics, hooks and completion; what an earlier load left is taken away first."""
    unload(shell)
    Capture(shell).load()
    _magic_on(shell)
    for name in PANELS:
        shell.display_formatter.ipython_display_formatter.for_type_by_name(*name.rsplit(".", 1), _show)
    completer = getattr(shell, "Completer", None)
    if completer is not None:
        completer.custom_matchers.append(_matcher(shell))


def unload(shell: Any) -> None:
    """Take everything off the shell that `load` gave it; live panels are no longer brought up to date."""
    if panels := sys.modules.get("mlops_nb.panels.follow"):
        panels.follower.stop()
    old = getattr(shell, ATTRIBUTE, None)
    if old is not None and hasattr(old, "unload"):
        old.unload()
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop(NAME, None)
    for name in PANELS:
        shell.display_formatter.ipython_display_formatter.pop(name, None)
    completer = getattr(shell, "Completer", None)
    if completer is not None:
        completer.custom_matchers[:] = [
            matcher for matcher in completer.custom_matchers if not getattr(matcher, "is_of_mlops_nb", False)
        ]


def _show(record: Any) -> None:
    """IPython: a record that a cell ends in is shown as its panel."""
    from IPython.core.getipython import get_ipython

    getattr(get_ipython(), ATTRIBUTE).show(panel_of(record))


def _magic_on(shell: Any) -> None:
    def mlops(line: str, cell: str | None = None) -> object:
        """MLOps in the notebook; `%mlops --help` says what there is."""
        if cell is not None:
            return run_cell(shell, line, cell)
        run_line(shell, line)
        return None

    mlops._ipython_magic_no_var_expand = True  # type: ignore[attr-defined]
    shell.register_magic_function(mlops, magic_kind="line_cell", magic_name=NAME)


def run_line(shell: Any, line: str) -> None:
    """Carry out `%mlops LINE`."""
    from mlops_nb import command_lines

    capture: Capture = getattr(shell, ATTRIBUTE)
    name, _, rest = line.strip().partition(" ")
    try:
        if name in command_lines.HELP:
            command_lines.help_on(rest.strip().partition(" ")[0])
        command = command_lines.command_named(name)
        options = command_lines.parse(name, rest, shell.user_ns)
    except command_lines.HelpAsked as asked:
        capture.show(asked.panel)
        return
    if name == "track":
        capture.is_tracking = options["switch"] == "on"
        print(
            "Every cell that runs from now on is recorded." if capture.is_tracking else "Cells are no longer recorded."
        )
    elif command.answer is None:
        raise BadUsage(f"%mlops {name} is a cell magic: it stands in a cell's first line", command.examples[0])
    else:
        progress = Progress(shell)
        try:
            answer = command.answer(options, _context(shell, capture, progress.say))
        except KeyboardInterrupt as stopped:
            if isinstance(stopped, MlopsError):
                raise
            raise CommandInterrupted(f"%mlops {name} was interrupted") from None
        progress.end(answer.panel)


def run_cell(shell: Any, line: str, cell: str) -> object:
    """Carry out `%%mlops LINE` over a body; what stands at the top of a cell does not come here."""
    from mlops_nb import command_lines

    name, _, rest = line.strip().partition(" ")
    if name in command_lines.HELP:
        run_line(shell, line)
        return None
    if "cell" not in command_lines.command_named(name, "%%mlops").places:
        raise BadUsage(f"%%mlops {name} is a line magic", f"%mlops {name}")
    capture: Capture = getattr(shell, ATTRIBUTE)
    return capture.run_body(rest, cell) if name == "run" else capture.sweep_body(rest, cell)


def _context(shell: Any, capture: Capture, progress: Callable[[str], None]) -> Any:
    from mlops_nb.commands import Context

    return Context(
        notebook=capture.notebook_path(),
        notebook_name=capture.notebook_name(),
        is_tracking=capture.is_tracking,
        executed=tuple(capture.executed),
        namespace=shell.user_ns,
        progress=progress,
        ran=lambda: _ran(shell),
    )


def _ran(shell: Any) -> list[tuple[str, tuple[CellOutput, ...]]]:
    """The cells that ran in this kernel, in order, with what they printed and returned."""
    from mlops_nb.notebook.recorded import shown_output
    from mlops_nb.notebook.records import CellOutput

    history = shell.history_manager
    found = []
    for number, source in enumerate(history.input_hist_raw):
        outputs = []
        for each in history.outputs.get(number, ()):
            if each.output_type == "out_stream":
                outputs.append(CellOutput("print", "".join(each.bundle["stream"])))
            elif each.output_type == "execute_result":
                outputs += [one] if (one := shown_output(each.bundle)) else []
        found.append((source, tuple(outputs)))
    return found


def _matcher(shell: Any) -> Any:
    from IPython.core.completer import context_matcher

    @context_matcher()  # type: ignore[untyped-decorator]
    def mlops_matcher(context: Any) -> Any:
        from mlops_nb.notebook.completion import matches

        return matches(context, shell)

    mlops_matcher.is_of_mlops_nb = True
    return mlops_matcher
