"""The hooks of a shell: `%%mlops run` makes a cell a run, `%mlops track on` notes every cell that ran.

The first line of a `%%mlops run` cell is replaced by a call that begins the run, before IPython compiles the
cell; the rest runs as any cell does, so its value, output, exception, `%%time` and top-level `await` are
what they would be without us. The run ends in IPython's own `post_run_cell` event.
"""

from __future__ import annotations

import ast
import os
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ReferenceType, WeakKeyDictionary, ref

from mlops_nb.errors import MlopsError, StoreUnavailable
from mlops_nb.notebook import files
from mlops_nb.notebook.changes import MOST_NAMES, Changes, Watch
from mlops_nb.store import unrecorded
from mlops_nb.store.location import set_home, store_folder
from mlops_nb.tracking.place import Place, set_place

if TYPE_CHECKING:
    from mlops_nb.notebook.flow.interpreter import Interpreter
    from mlops_nb.notebook.outputs import OutputListener
    from mlops_nb.notebook.sweep import CellSweep
    from mlops_nb.reproducibility.records import DataFingerprint
    from mlops_nb.store import Store
    from mlops_nb.tracking.executions import Execution
    from mlops_nb.tracking.runs import FileUse, Output, Status
    from mlops_nb.tracking.service import ActiveRun

ATTRIBUTE = "mlops"
"""Under this name the shell keeps its Capture."""

MOST_RAN = 2_000
"""Cells kept in memory until a run wants them; the oldest go first."""

MOST_NOTEBOOKS = 20
"""Of a folder with more, none is looked into for a notebook that the front end does not name."""

_FIRST_LINE = re.compile(r"%%mlops[ \t]+(run|sweep)\b(.*)", re.DOTALL)
_FUTURE = re.compile(r"from\s+__future__\s+import\s+[\w\s,]+$")
_PARAMETERS_COMMENT = re.compile(r"\s*#\s*parameters\s*$", re.IGNORECASE | re.MULTILINE)


class _Going:
    """A captured run between its first line and its end."""

    def __init__(self, run: ActiveRun, options: Mapping[str, Any], listener: OutputListener, source: str) -> None:
        self.run, self.listener, self.source = run, listener, source
        self.data: tuple[DataFingerprint, ...] = ()
        self.params: list[str] = options["param"]
        self.metrics: list[str] = options["metric"]
        self.observed: dict[str, float] = {}
        self.numbers: dict[str, object] = {}
        """What was bound before the block to names that may be its metrics; only numbers, which take no room."""
        self.models: dict[str, ReferenceType[object]] = {}
        """The models that were bound before the block to names that it binds; they may go meanwhile."""
        self.has_cells = False
        self.done: set[str] = set()
        """What was recorded at its end already, should Ctrl-C come there."""


class _Cell:
    """A cell that is executing; `info` is IPython's ExecutionInfo."""

    def __init__(self, info: Any) -> None:
        self.info = info
        self.watch: Watch | None = None
        self.started, self.clock = time.time(), time.perf_counter()
        self.runs: list[_Going] = []

    def is_of(self, info: Any) -> bool:
        """Whether IPython means this cell: a cancelled one has no info, one whose error cannot be shown a new one."""
        return info is None or self.info is info or self.info.raw_cell == info.raw_cell


class _Ran(NamedTuple):
    """A cell that ran, as cheaply as it can be kept: what it reads and writes is looked at when it is recorded.

    `number` counts the cells of this kernel from 1; the paths of `files` are absolute.
    """

    number: int
    source: str
    started: float
    duration: float
    status: Status
    cell_id: str
    execution_count: int | None
    files: tuple[FileUse, ...]
    changes: Changes | None


class Capture:
    """What a shell with the extension loaded keeps.

    Args:
        shell: the IPython shell.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.is_tracking = False
        self.executed: list[str] = []
        self._cells: list[_Cell] = []
        self._ran: deque[_Ran] = deque(maxlen=MOST_RAN)
        self._names: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._flow: Interpreter | None = None
        self._number = 0
        self._is_loading = True
        self._recorded: WeakKeyDictionary[Store, int] = WeakKeyDictionary()
        self._parameters: dict[str, object] = {}
        self._sends_tags = False
        self._looks_for_tags = 3
        self._complained = ""
        self._sweep: CellSweep | None = None
        self._swept_data: tuple[DataFingerprint, ...] = ()
        self._folder = Path.cwd()

    def load(self) -> None:
        """Hook into the shell."""
        set_home(self._home())
        unrecorded.add_keeper(self.record_kept)
        set_place(self.place)
        setattr(self.shell, ATTRIBUTE, self)
        self.shell.events.register("pre_run_cell", self.pre_run_cell)
        self.shell.events.register("post_run_cell", self.post_run_cell)
        self.shell.input_transformers_cleanup.append(self.transform)

    def unload(self) -> None:
        """Take every hook off the shell; a run that is going on ends here."""
        for cell in self._cells:
            self._end_runs(cell, None, is_over=False)
        if self._cells:
            files.end("", {}, self._home)
        with suppress(ValueError):
            self.shell.events.unregister("pre_run_cell", self.pre_run_cell)
        with suppress(ValueError):
            self.shell.events.unregister("post_run_cell", self.post_run_cell)
        if self.transform in self.shell.input_transformers_cleanup:
            self.shell.input_transformers_cleanup.remove(self.transform)
        self._watch_syntax(False)
        set_home(None)
        unrecorded.remove_keeper(self.record_kept)
        set_place(None)
        if autolog := sys.modules.get("mlops_nb.tracking.autolog.service"):
            autolog.autolog("off")
        if getattr(self.shell, ATTRIBUTE, None) is self:
            delattr(self.shell, ATTRIBUTE)

    def notebook_path(self) -> Path | None:
        """The notebook this kernel runs, where the front end says so."""
        names = self.shell.user_ns
        told = names.get("__vsc_ipynb_file__") or names.get("__session__") or os.environ.get("JPY_SESSION_NAME")
        if not isinstance(told, str) or not told.endswith(".ipynb"):
            return None
        path = Path(told)
        return path if path.is_absolute() else self._folder / path.name

    def _home(self) -> Path:
        path = self.notebook_path()
        return path.parent if path and path.parent.is_dir() else self._folder

    def notebook_name(self) -> str:
        """The notebook as the store names it: relative to the folder that holds the store."""
        from mlops_nb.store import store_folder

        path = self.notebook_path()
        if path is None:
            return ""
        with suppress(ValueError):
            return os.path.relpath(path, store_folder().parent)
        return path.name

    def place(self) -> Place:
        """The cell that is executing."""
        cell = self._cells[0].info if self._cells else _NoInfo("")
        count = self.shell.execution_count if self._cells else None
        return Place(self.notebook_name(), getattr(cell, "cell_id", None) or "", count, cell.raw_cell)

    def transform(self, lines: list[str]) -> list[str]:
        """The lines of a cell with a leading `%%mlops run` or `sweep` line made the call that begins it."""
        match = _FIRST_LINE.match(lines[0]) if lines else None
        if match is None:
            return lines
        name, arguments = match[1], match[2].strip()
        if name == "sweep" or "--metric" not in arguments:
            self._watch_syntax(True)
        if {"-h", "--help"} & set(arguments.split()):
            return [f"get_ipython().run_line_magic('mlops', '{name} --help')\n"]
        body = self.transform(lines[1:])
        if body and body[0].startswith("%%"):
            from IPython.core.inputtransformer2 import cell_magic

            body = cell_magic(body)  # type: ignore[no-untyped-call]
        begin = f"get_ipython().{ATTRIBUTE}.begin_{name}({arguments!r})"
        last = max((number for number, line in enumerate(body) if _FUTURE.match(line)), default=None)
        if last is None:
            return [f"{begin}\n", *body]
        return ["\n", *body[:last], f"{body[last].rstrip()}; {begin}\n", *body[last + 1 :]]

    # A terminal that asks whether a cell is complete must see its `%%` line, and wait for more as with any cell magic.
    transform.has_side_effects = True  # type: ignore[attr-defined]

    def _watch_syntax(self, is_wanted: bool) -> None:
        """Be one of IPython's AST transformers only while a run is captured: with any, it walks every cell's tree."""
        hooks = self.shell.ast_transformers
        if (self in hooks) != is_wanted:
            (hooks.append if is_wanted else hooks.remove)(self)

    def visit(self, tree: ast.AST) -> ast.AST:
        """Let a captured cell's metrics be seen (IPython calls this for every syntax tree)."""
        if isinstance(tree, ast.Module | ast.Interactive | ast.Expression) and self._wants_observer(tree):
            from mlops_nb.notebook.inference import MetricObserver

            MetricObserver().visit(tree)
        if not isinstance(tree, ast.Module):
            return tree
        for place, _, arguments in [call for call in _begun(tree) if call[1] == "begin_sweep"][:1]:
            from mlops_nb.notebook.sweep import put_in_loop, swept_names

            ours = f"get_ipython().{ATTRIBUTE}"
            put_in_loop(tree, place, swept_names(arguments), f"{ours}.trials()", f"{ours}.show_value")
        return tree

    def _wants_observer(self, tree: ast.Module | ast.Interactive | ast.Expression) -> bool:
        begun = _begun(tree)
        if not begun:
            return any(not going.metrics for going in self._going())
        return any("--metric" not in arguments for _, _, arguments in begun)

    def _going(self) -> list[_Going]:
        return [going for cell in self._cells for going in cell.runs]

    def pre_run_cell(self, info: Any) -> None:
        """IPython: a cell begins."""
        self._is_loading = False
        if not self._cells:
            self.executed.append(info.raw_cell)
            _take_ended()
            files.begin()
        self._cells.append(_Cell(info))
        if len(self._cells) == 1:
            with suppress(Exception):  # what is found out about objects is no reason to disturb a cell
                self._cells[0].watch = Watch(info.raw_cell, self.shell.user_ns)

    def post_run_cell(self, result: Any) -> None:
        """IPython: a cell is over. Nothing that goes wrong here is the cell's."""
        info = getattr(result, "info", None)
        if not any(cell.is_of(info) for cell in self._cells):
            if self._is_loading and info is not None:  # the cell that loaded us ends: it may have imports, too
                self._note_ran(_Cell(info), result, 0.0)
            self._is_loading = False
            return
        cell = self._cells.pop()
        while not cell.is_of(info):
            cell = self._cells.pop()
        if not self._cells:
            self._watch_syntax(False)
        duration = time.perf_counter() - cell.clock
        try:
            with getattr(self.shell, "builtin_trap", nullcontext()):  # a library imported by us asks for the shell, too
                if not self._cells:
                    self._note_ran(cell, result, duration)
                self._note_parameters(cell)
                is_recorded = self._end_runs(cell, result, is_over=not self._cells)
            self._complained = "" if is_recorded else self._complained
        except KeyboardInterrupt:  # it came while we recorded: the cell is over
            self._end_runs(cell, result, is_over=False)
        except StoreUnavailable as error:
            self._complain(f"mlops_nb: this cell was not recorded: {error.what}. Try: {error.fix}")
        except Exception as error:  # whatever our own fault is, the user's cell is over and well
            self._complain(f"mlops_nb: this cell was not recorded: {type(error).__name__}: {error}")

    def _complain(self, line: str) -> None:
        if line != self._complained:
            print(line, file=sys.stderr)
        self._complained = line

    def _note_ran(self, cell: _Cell, result: Any, duration: float) -> None:
        """Keep that the cell ran, for the run that may come of it."""
        self._number += 1
        raised = _raised(result)
        status: Status = "FINISHED"
        if raised is not None:
            from mlops_nb.tracking.service import status_of

            status = status_of(raised)
        changes: Changes | None = None
        with suppress(Exception):
            changes = cell.watch.changes(self.shell.user_ns) if cell.watch else None
        cell.watch = None
        used: tuple[FileUse, ...] = ()
        with suppress(Exception):  # what is found out about files is no reason to lose the cell
            own = getattr(self.shell, "ipython_dir", "")
            used = files.end(cell.info.raw_cell, self.shell.user_ns, lambda: store_folder().parent, own=own)
        self._ran.append(
            _Ran(
                self._number,
                cell.info.raw_cell,
                cell.started,
                duration,
                status,
                getattr(cell.info, "cell_id", None) or "",
                getattr(result, "execution_count", None),
                used,
                changes,
            )
        )

    def _note_parameters(self, cell: _Cell) -> None:
        source = cell.info.raw_cell
        tags = _tags(cell.info)
        self._sends_tags |= bool(getattr(cell.info, "cell_meta", None))
        if "parameters" in tags or "injected-parameters" in tags or _PARAMETERS_COMMENT.match(source):
            from mlops_nb.notebook.cells import read_cell

            self._parameters |= dict(read_cell(source).literals)

    def _note_saved_parameters(self) -> None:
        """Read from the saved notebook which cell is tagged, where the front end sends no tags (nbclient, VS Code)."""
        if self._parameters or self._sends_tags or not self._looks_for_tags:
            return
        self._looks_for_tags -= 1
        path = self.notebook_path()
        if path is None and len(list(islice(self._folder.glob("*.ipynb"), MOST_NOTEBOOKS + 1))) > MOST_NOTEBOOKS:
            return
        from mlops_nb.notebook.cells import read_cell
        from mlops_nb.notebook.service import read_notebook, this_notebook

        with suppress(MlopsError, OSError):  # there is none, or none of these cells
            for cell in read_notebook(this_notebook(path, self.executed)).cells:
                if "parameters" in cell.tags and cell.source in self.executed:
                    self._parameters |= dict(read_cell(cell.source).literals)

    def begin_run(self, arguments: str, source: str | None = None) -> None:
        """Begin a run in the cell that is executing; `arguments` is what follows `%%mlops run`.

        Raises:
            BadUsage: the arguments cannot be read.
        """
        from mlops_nb import command_lines

        options = command_lines.parse("run", arguments, self.shell.user_ns)
        try:
            self._begin_run(options, source)
        except Exception as error:  # whatever our own fault is, the cell runs
            print(f"mlops_nb: this cell is not recorded: {type(error).__name__}: {error}", file=sys.stderr)

    def _begin_run(self, options: Mapping[str, Any], source: str | None) -> None:
        from mlops_nb.tracking import service

        cell = self._cell(source)
        text = source if source is not None else cell.info.raw_cell
        run = service.ActiveRun(
            str(options["name"]),
            kind="cell",
            parent=service.active_run(),
            source=text,
            notebook=self.notebook_name(),
            cell_id=getattr(cell.info, "cell_id", None) or "",
            execution_count=self.shell.execution_count if len(self._cells) == 1 else None,
        )
        self._begin(cell, run, options, text)

    def _cell(self, source: str | None) -> _Cell:
        """The cell that is executing."""
        if not self._cells:
            self.pre_run_cell(_NoInfo(source or ""))
        return self._cells[-1]

    def _begin(
        self,
        cell: _Cell,
        run: ActiveRun,
        options: Mapping[str, Any],
        source: str,
        data: tuple[DataFingerprint, ...] | None = None,
    ) -> _Going:
        """Begin to record the block that comes as this run."""
        from mlops_nb.notebook.inference import OBSERVER, observer_of
        from mlops_nb.notebook.outputs import OutputListener
        from mlops_nb.tracking import service

        going = _Going(run, options, OutputListener(self.shell), source)
        cell.runs.append(going)  # first of all: a Ctrl-C from here on ends the run
        service.begin(run)
        going.data = self._data_read(source) if data is None else data
        going.numbers = self._numbers(going)
        going.models = self._models(going)
        with run.together():
            for name, value in options["tag"]:
                run.set_tag(name, value)
        self.shell.user_ns[OBSERVER] = self.shell.user_ns_hidden[OBSERVER] = observer_of(going.observed)
        if not going.metrics:
            self._watch_syntax(True)
        going.listener.start()
        run.start_clock()
        return going

    def begin_sweep(self, arguments: str, source: str | None = None) -> None:
        """Begin a sweep over the cell that is executing; `arguments` is what follows `%%mlops sweep`.

        Raises:
            BadUsage: the arguments cannot be read, or are not the cell's.
        """
        from mlops_nb import command_lines

        options = command_lines.parse("sweep", arguments, self.shell.user_ns)
        from mlops_nb.notebook.cells import read_cell
        from mlops_nb.notebook.progress import Progress
        from mlops_nb.notebook.sweep import TRIAL, CellSweep, planned_axes, unread_axes
        from mlops_nb.tracking import service
        from mlops_nb.tracking.sweeps.trials import GoingSweep

        cell = self._cell(source)
        text = source if source is not None else cell.info.raw_cell
        axes = planned_axes(options["param"], read_cell(text))
        elsewhere = (
            self._dask_trials(options, text, [one.name for one in axes]) if options["engine"] == "dask" else None
        )
        going = GoingSweep(
            str(options["name"]),
            axes,
            sample=options["sample"],
            seed=options["seed"],
            resume=options["resume"],
            metrics=options["metric"],
            tags=dict(options["tag"]),
            source=text,
            notebook=self.notebook_name(),
            cell_id=getattr(cell.info, "cell_id", None) or "",
        )
        service.begin(going.run)
        going.run.start_clock()
        going.notes += unread_axes(axes, text, self.shell.user_ns)
        if elsewhere is not None and _is_autologging():
            going.notes.append(
                "autolog does not reach Dask workers: of a fit there only what the cell logs is recorded"
            )
        going.run.add_data(data := self._data_read(text))
        self.shell.user_ns_hidden[TRIAL] = None
        self._sweep, self._swept_data = CellSweep(self, going, text, progress := Progress(self.shell)), data
        if elsewhere is not None:
            self._sweep.elsewhere = elsewhere(going, progress.say)

    def _dask_trials(self, options: Mapping[str, Any], source: str, swept: Sequence[str]) -> Callable[..., Any]:
        """What gives a sweep's trials from Dask workers; all that can be wrong with the cell is found out here."""
        from mlops_nb.notebook.remote import pickled, trial_of, tried_on_dask

        trial = trial_of(str(options["name"]), source, options["metric"], swept)
        names = pickled(source, self.shell.user_ns, swept)
        where = {"scheduler": options["scheduler"], "workers": options["workers"]}
        return lambda going, say: tried_on_dask(trial, names, going, say=say, **where)

    def trials(self) -> Iterator[object]:
        """The trials of the sweep that begins."""
        assert self._sweep is not None
        return self._sweep.trials()

    def begin_trial(self, run: ActiveRun, metrics: Sequence[str], source: str) -> object:
        """Record the pass of the loop that begins as this run."""
        options = {"param": [], "metric": list(metrics), "tag": []}
        return self._begin(self._cells[-1], run, options, source, self._swept_data)

    def end_trial(self, going: object, raised: BaseException | None) -> None:
        """End it."""
        assert isinstance(going, _Going)
        cell = self._cells[-1]
        while going in cell.runs:  # inner ones first: those that began in the trial
            self._end_surely(cell.runs.pop(), raised, is_shown=False)

    def end_sweep(self, sweep: CellSweep) -> None:
        """Show what came of a sweep, and take it off the cell."""
        from mlops_nb.notebook.sweep import TRIAL
        from mlops_nb.panels.sweep import sweep_panel
        from mlops_nb.tracking import service
        from mlops_nb.tracking.search.following import FollowedRuns

        service.end(sweep.going.run)
        self.shell.user_ns.pop(TRIAL, None)
        self.shell.user_ns_hidden.pop(TRIAL, None)
        found, store = sweep.going.record(), sweep.going.run.store
        search = FollowedRuns(f"parent = {found.id}", store=store) if store is not None else None
        sweep.progress.end(sweep_panel(found, search=search))

    def show_value(self, value: object) -> None:
        """Show what the last expression of a trial is worth."""
        if value is not None:
            from IPython.display import display

            display(value)  # type: ignore[no-untyped-call]

    def _data_read(self, source: str) -> tuple[DataFingerprint, ...]:
        """What the block finds in the namespace."""
        from mlops_nb.notebook.data_read import data_read

        return data_read(source, self.shell.user_ns)

    def _numbers(self, going: _Going) -> dict[str, object]:
        from mlops_nb.notebook.cells import read_cell
        from mlops_nb.notebook.inference import is_number

        names = {name: self.shell.user_ns.get(name) for name in (*going.metrics, *read_cell(going.source).writes)}
        return {name: value for name, value in names.items() if is_number(value)}

    def _models(self, going: _Going) -> dict[str, ReferenceType[object]]:
        from mlops_nb.notebook.cells import read_cell

        names, found = self.shell.user_ns, dict[str, ReferenceType[object]]()
        for name in read_cell(going.source).writes:
            with suppress(Exception):  # a user's class may forbid it, or raise anything when it is asked
                if hasattr(type(names.get(name)), "get_params"):
                    found[name] = ref(names[name])
        return found

    def _data_loaded(self, going: _Going) -> tuple[DataFingerprint, ...]:
        """What the block loaded itself, as it is at its end."""
        from mlops_nb.notebook.file_calls import loaded_names

        read = {one.name for one in going.data}
        return self._fingerprints([name for name in loaded_names(going.source) if name not in read])

    def _fingerprints(self, names: Iterable[str]) -> tuple[DataFingerprint, ...]:
        """Those of the names that are data."""
        from mlops_nb.reproducibility.fingerprints import data_kind, fingerprint

        found = []
        for name in names:
            value = self.shell.user_ns.get(name)
            if value is not None and data_kind(value):
                with suppress(Exception):  # an object's own methods may raise anything
                    found.append(fingerprint(name, value))
        return tuple(one for one in found if one is not None)

    def _end_runs(self, cell: _Cell, result: Any, *, is_over: bool) -> bool:
        """End the cell's runs, inner ones first; the last, or else we, record the cells up to here if it `is_over`.

        Whether there was anything to record.
        """
        has_runs = bool(cell.runs)
        while cell.runs:
            going = cell.runs.pop()
            self._end_surely(going, _raised(result), records_cells=is_over and not cell.runs)
        return has_runs or (is_over and self._record_cells(_take_ended()))

    def _end_surely(self, going: _Going, raised: BaseException | None, **how: bool) -> None:
        """End a run, also when Ctrl-C comes meanwhile: one that is left going would be the parent of all that come."""
        try:
            self._end_run(going, raised, **how)
        except KeyboardInterrupt:
            self._end_run(going, raised, **how)
            raise

    def _record_cells(self, ended: Sequence[tuple[Store, int]]) -> bool:
        """Record the cells up to here where runs were made in this one, or every cell is wanted; whether so."""
        stores: dict[Store, list[int]] = {}
        for store, run_id in ended:
            stores.setdefault(store, []).append(run_id)
        if self.is_tracking:
            from mlops_nb.store import open_store

            stores.setdefault(open_store(), [])
        for store, run_ids in stores.items():
            self._record_in(store, run_ids)
        return bool(stores)

    def _record_in(self, store: Store, run_ids: Sequence[int]) -> None:
        from mlops_nb.tracking import service

        service.record_executions(self._unrecorded(store)[0], run_ids, store)
        self._recorded[store] = self._number

    def record_kept(self, store: Store) -> None:
        """Record the cells up to here in a store that has earlier ones: somebody asks for them."""
        if self._recorded.get(store, self._number) < self._number:
            self._record_in(store, ())

    def _unrecorded(self, store: Store) -> tuple[list[Execution], int]:
        """The cells that ran and are not in the store yet, and how many before them were not kept."""
        known = self._recorded.get(store, 0)
        ran = [one for one in self._ran if one.number > known]
        return [self._execution(one, store) for one in ran], ran[0].number - known - 1 if ran else 0

    def _end_run(
        self, going: _Going, raised: BaseException | None, *, records_cells: bool = False, is_shown: bool = True
    ) -> None:
        from mlops_nb.notebook.inference import OBSERVER
        from mlops_nb.notebook.seeds import seeds_set
        from mlops_nb.tracking import service

        run = going.run
        run.stop_clock()
        service.end(run)
        outputs = going.listener.stop()
        if not self._going():
            self.shell.user_ns.pop(OBSERVER, None)
            self.shell.user_ns_hidden.pop(OBSERVER, None)
            self._watch_syntax(False)
        with run.together():
            parts: Mapping[str, Callable[[], None]] = {
                "packages and commit": lambda: service.record_surroundings(run),
                "data read": lambda: run.add_data(going.data),
                "data loaded": lambda: None if raised else run.add_data(self._data_loaded(going)),
                "outputs": lambda: self._add_outputs(going, outputs),
                "parameters": lambda: self._add_params(going, is_whole=raised is None),
                "metrics": lambda: self._add_metrics(going, is_whole=raised is None),
                "seeds": lambda: run.add_seeds(seeds_set(going.source, self.shell.user_ns)),
                "cells before it": lambda: self._add_cells(going) if records_cells else None,
            }
            for part, add in parts.items():
                if part in going.done:
                    continue
                going.done.add(part)
                try:
                    add()
                except BaseException as odd:  # a user's object may raise anything, Ctrl-C comes when it comes
                    run.warnings.append(f"{part} not recorded: {type(odd).__name__}")
        error = service.run_error(raised) if raised is not None else None
        fault = run.finish(service.status_of(raised), error)
        if fault is not None or run.id is None or run.store is None:
            if fault is not None:
                print(service.not_recorded(run.name, fault), file=sys.stderr)
            return
        if going.has_cells:
            self._recorded[run.store] = self._number
        if not is_shown:
            return
        from mlops_nb.panels.run_card import run_card

        self.show(run_card(service.card(run.id, store=run.store)))

    def _add_outputs(self, going: _Going, outputs: tuple[Output, ...]) -> None:
        going.run.add_outputs(outputs)
        if cut := going.listener.dropped + sum(one.cut_bytes for one in outputs):
            going.run.warnings.append(f"{cut:,} characters of output were not kept")

    def _add_params(self, going: _Going, *, is_whole: bool) -> None:
        names, run = self.shell.user_ns, going.run
        if going.params:
            run.log_params({name: names[name] for name in going.params if name in names})
        run.warnings += [f"--param {name}: no such name after the cell" for name in going.params if name not in names]
        if not going.params and not run.has_named_params:
            from mlops_nb.notebook.cells import read_cell
            from mlops_nb.notebook.inference import inferred_params

            self._note_saved_parameters()
            cell = read_cell(going.source)
            old = {name for name, model in going.models.items() if names.get(name) is model() and not is_whole}
            made = [name for name in cell.writes if name not in old] if run.model is None else ()
            settings = inferred_params(cell, names, self._parameters, made, is_whole=is_whole)
            run.log_params({name: each for name, each in settings.items() if name not in going.metrics}, inferred=True)

    def _add_metrics(self, going: _Going, *, is_whole: bool) -> None:
        """Record the metrics; of a cell that did not come to its end, those that it did not leave as they were."""
        from mlops_nb.tracking.values import metric_number, safe_repr

        names, run = self.shell.user_ns, going.run
        inferring = not going.metrics and not run.has_named_metrics
        old = {name for name, value in going.numbers.items() if names.get(name) is value and not is_whole}
        for name in going.metrics:
            if name in old:
                run.warnings.append(f"--metric {name}: the cell ended before it gave it a value")
            elif name not in names:
                run.warnings.append(f"--metric {name}: no such name after the cell")
            elif metric_number(names[name]) is None:
                run.warnings.append(f"--metric {name}: {safe_repr(names[name], 60)} is not a number")
            else:
                run.log_metrics({name: names[name]})
        if inferring:
            from mlops_nb.notebook.cells import read_cell
            from mlops_nb.notebook.inference import inferred_metrics

            observed = {name: value for name, value in going.observed.items() if name not in run.autologged}
            found = inferred_metrics(read_cell(going.source), names, observed)
            if new := {name: value for name, value in found.items() if name not in old or name in observed}:
                run.log_metrics(new, inferred=True)

    def _add_cells(self, going: _Going) -> None:
        from mlops_nb.store import open_store

        run = going.run
        store = run.store or open_store()
        ran, lost = self._unrecorded(store)
        run.add_executions(ran, [run_id for other, run_id in _take_ended() if other is store])
        going.has_cells = True
        if lost:
            run.warnings.append(f"the first {lost:,} cells of this kernel were not kept: lineage begins after them")

    def _execution(self, ran: _Ran, store: Store) -> Execution:
        from mlops_nb.tracking.executions import Execution

        (reads, writes), folder = self._names_of(ran), store.folder.parent
        return Execution(
            source=ran.source,
            started=ran.started,
            duration=ran.duration,
            status=ran.status,
            notebook=self.notebook_name(),
            cell_id=ran.cell_id,
            execution_count=ran.execution_count,
            reads=reads,
            writes=writes,
            files=tuple(replace(one, path=files.placed(one.path, folder)) for one in ran.files),
        )

    def _names_of(self, ran: _Ran) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What a cell really read and wrote: its text after the cells before it, and what was seen when it ran."""
        from mlops_nb.notebook.flow.interpreter import Interpreter

        if self._flow is None:
            self._flow = Interpreter()
        new = list(takewhile(lambda one: one.number not in self._names, reversed(self._ran)))
        for one in reversed(new):
            self._flow.run_cell(one.number, one.source)
            self._names[one.number] = _really(one, self._flow)
            self._flow.settle(self._names[one.number][1])
        return self._names[ran.number]

    def show(self, panel: Any) -> None:
        """Put a panel under the cell."""
        for bundle in panel.outputs():
            self.shell.display_pub.publish(bundle)

    def run_body(self, arguments: str, body: str) -> object:
        """Run a body as one run at once: what `run_cell_magic("mlops", "run ...", body)` does."""
        tree = ast.parse(self.shell.transform_cell(body))
        self.begin_run(arguments, f"%%mlops run {arguments}\n{body}")
        cell = self._cells[-1]
        going = cell.runs[-1] if cell.runs else None
        raised: BaseException | None = None
        try:
            tree = self.shell.transform_ast(tree)
            return _run_tree(tree, self.shell.user_ns)
        except BaseException as error:
            raised = error
            raise
        finally:
            if going is not None and going in cell.runs:
                cell.runs.remove(going)
                self._end_surely(going, raised)
            if isinstance(cell.info, _NoInfo):
                self._cells.remove(cell)

    def sweep_body(self, arguments: str, body: str) -> object:
        """Sweep over a body at once: what `run_cell_magic("mlops", "sweep ...", body)` does."""
        tree = self.shell.transform_ast(ast.parse(self.shell.transform_cell(f"%%mlops sweep {arguments}\n{body}")))
        return _run_tree(tree, self.shell.user_ns)


def _really(ran: _Ran, flow: Interpreter) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names that a cell read and wrote, from its text and from what was seen of its objects."""
    if ran.changes is None:
        return tuple(flow.reads), tuple(flow.writes)
    there, written = {*ran.changes.read, *ran.changes.written}, dict.fromkeys(ran.changes.written)
    is_all = len(ran.changes.read) < MOST_NAMES
    reads = tuple(name for name in flow.reads if name in there or not is_all)
    surely = flow.surely_bound() if ran.status == "FINISHED" else ()
    equal = {*ran.changes.same, *(name for name in ran.changes.alike if flow.is_guessed(name))}
    may = (name for name in flow.writes if name not in equal or name in surely)
    return reads, tuple(dict.fromkeys((*may, *written)))


class _NoInfo:
    """Stands for IPython's ExecutionInfo where code runs outside a cell."""

    cell_id = None
    cell_meta = None

    def __init__(self, raw_cell: str) -> None:
        self.raw_cell = raw_cell


def _take_ended() -> list[tuple[Store, int]]:
    """The runs that ended since this was last asked; there are none while tracking was not even imported."""
    service = sys.modules.get("mlops_nb.tracking.service")
    return service.take_ended() if service else []


def _run_tree(tree: ast.Module, namespace: dict[str, object]) -> object:
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        exec(compile(ast.Module(tree.body[:-1], []), "<mlops run>", "exec"), namespace)
        return eval(compile(ast.Expression(last.value), "<mlops run>", "eval"), namespace)
    exec(compile(tree, "<mlops run>", "exec"), namespace)
    return None


def _begun(tree: ast.Module | ast.Interactive | ast.Expression) -> list[tuple[int, str, str]]:
    """The calls that `transform` put at the top of a cell: the statement's place, the name and the arguments."""
    found: list[tuple[int, str, str]] = []
    for place, node in enumerate(tree.body if isinstance(tree.body, list) else []):
        match node:
            case ast.Expr(
                ast.Call(ast.Attribute(attr="begin_run" | "begin_sweep" as name), [ast.Constant(str(given))])
            ):
                found.append((place, name, given))
            case ast.ImportFrom(module="__future__"):
                continue
            case _:
                break
    return found


def _is_autologging() -> bool:
    autolog = sys.modules.get("mlops_nb.tracking.autolog.service")
    return autolog is not None and bool(autolog.autologging().is_on)


def _raised(result: Any) -> BaseException | None:
    if result is None:
        return KeyboardInterrupt("the cell was cancelled")
    raised = getattr(result, "error_before_exec", None) or getattr(result, "error_in_exec", None)
    return raised if isinstance(raised, BaseException) else None


def _tags(info: Any) -> list[str]:
    tags = (getattr(info, "cell_meta", None) or {}).get("tags")
    return tags if isinstance(tags, list) else []


def loaded(shell: Any) -> Capture:
    """The shell's Capture.

    Raises:
        MlopsError: the extension is not loaded.
    """
    found = getattr(shell, ATTRIBUTE, None)
    if not isinstance(found, Capture):
        raise MlopsError("mlops_nb is not loaded in this notebook", "%load_ext mlops_nb")
    return found
