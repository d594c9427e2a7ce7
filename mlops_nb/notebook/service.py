"""Finds and reads notebooks, writes their scripts, and proves them: the notebook room's door to the world."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.errors import BadArgument, MlopsError, NotebookNotFound, ScriptFailed, nearest
from mlops_nb.notebook.flow.history import History, history, missing_numbers
from mlops_nb.notebook.installing import (
    dockerfile_text,
    named_packages,
    pinned_requirements,
    requirements_text,
)
from mlops_nb.notebook.naming import identifier
from mlops_nb.notebook.recorded import cells_of_lines, joined, shown_output, value_checks
from mlops_nb.notebook.records import CellOutput, Export, LeftOut, Notebook, NotebookCell, ScriptStep
from mlops_nb.notebook.script import pipeline_script
from mlops_nb.notebook.script_files import check_beside, formatted_python, imported_modules, write_beside, write_script
from mlops_nb.notebook.slices import leading_to
from mlops_nb.notebook.standalone import standalone_text
from mlops_nb.notebook.step_tests import test_file_text
from mlops_nb.notebook.targets.records import SCRIPT
from mlops_nb.reproducibility.records import ValueCheck, Verification
from mlops_nb.reproducibility.verify import verification
from mlops_nb.tracking.secrets.marks import is_redacted_from

if TYPE_CHECKING:
    from mlops_nb.store import Store
    from mlops_nb.tracking.executions import Execution
    from mlops_nb.tracking.lineage import LineageGraph
    from mlops_nb.tracking.notebook_graph import NotebookGraph
    from mlops_nb.tracking.runs import Run

Say = Callable[[str], None]
Ran = Sequence[tuple[str, tuple[CellOutput, ...]]]

_MAX_BYTES = 200_000_000


def read_notebook(path: str | Path) -> Notebook:
    """The cells of a notebook file.

    Raises:
        NotebookNotFound: there is no such file, or it is no notebook.
    """
    path = Path(path)
    if path.is_dir() or not path.is_file():
        raise NotebookNotFound(f"there is no notebook {str(path)!r}", _near_notebook(path))
    if path.stat().st_size > _MAX_BYTES:
        raise NotebookNotFound(f"{path.name} has {path.stat().st_size:,} bytes, more than a notebook can have")
    try:
        content = json.loads(path.read_bytes())
        version = content["nbformat"]
    except OSError as error:
        raise NotebookNotFound(f"{path.name} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotebookNotFound(f"{path.name} is not a notebook", _near_notebook(path)) from None
    if version != 4:
        content = _upgraded(path)
    return notebook_record(content, path.name)


def notebook_record(content: Mapping[str, object], path: str) -> Notebook:
    """A notebook in the format's version 4 as a record.

    Raises:
        NotebookNotFound: it is not in that form.
    """
    try:
        metadata = content.get("metadata") or {}
        cells = content["cells"]
        if not isinstance(cells, list) or not isinstance(metadata, dict):
            raise TypeError
        return Notebook(path, tuple(_cell(each) for each in cells), _language(metadata))
    except (KeyError, TypeError, AttributeError):
        raise NotebookNotFound(f"{path} is not a notebook: its cells cannot be read") from None


def _cell(cell: Mapping[str, object]) -> NotebookCell:
    kind, source = cell["cell_type"], cell.get("source", "")
    metadata = cell.get("metadata") or {}
    tags = metadata.get("tags") or () if isinstance(metadata, dict) else ()
    text = "".join(source) if isinstance(source, list) else source
    if kind not in ("code", "markdown", "raw") or not isinstance(text, str):
        raise TypeError(kind)
    plain = tuple(str(tag) for tag in tags) if isinstance(tags, list | tuple) else ()
    count = cell.get("execution_count")
    ran = count if type(count) is int else None
    outputs = _outputs(cell) if kind == "code" else None
    raised = _raised(cell) if outputs is not None else ""
    return NotebookCell(kind, text, str(cell.get("id") or ""), plain, ran, outputs, raised)


def _outputs(cell: Mapping[str, object]) -> tuple[CellOutput, ...] | None:
    """What a cell printed and showed when it ran; None where it did not, or where its outputs cannot be read."""
    outputs = cell.get("outputs")
    if cell.get("execution_count") is None or not isinstance(outputs, list):
        return None
    return tuple(found for each in outputs if isinstance(each, dict) and (found := _saved_output(each)))


def _raised(cell: Mapping[str, object]) -> str:
    """The class of the error that ended a cell's last run; empty where it came to its end."""
    outputs = cell.get("outputs")
    names = (each.get("ename") for each in outputs if isinstance(each, dict)) if isinstance(outputs, list) else ()
    return next((name for name in names if isinstance(name, str) and name.isidentifier()), "")


def _saved_output(output: Mapping[str, object]) -> CellOutput | None:
    kind, data = output.get("output_type"), output.get("data")
    if kind == "stream" and output.get("name") == "stdout":
        return CellOutput("print", joined(output.get("text")))
    if kind in ("execute_result", "display_data") and isinstance(data, dict):
        return shown_output(data)
    return None


def _language(metadata: Mapping[str, Mapping[str, str]]) -> str:
    info, kernel = metadata.get("language_info") or {}, metadata.get("kernelspec") or {}
    return str(info.get("name") or kernel.get("language") or "python")


def _upgraded(path: Path) -> Mapping[str, object]:
    """A notebook of another format version, as version 4."""
    import nbformat

    try:
        content: Mapping[str, object] = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:  # nbformat raises whatever its readers meet
        raise NotebookNotFound(f"{path.name} is not a notebook: {type(error).__name__}: {error}") from None
    return content


def _near_notebook(path: Path) -> str:
    """The line that names the notebook most like a path's name."""
    with suppress(OSError):
        known = sorted(each.name for each in path.absolute().parent.glob("*.ipynb"))
        near = nearest(path.name, known) or (known[0] if len(known) == 1 else "")
        if near and near != path.name:
            return f"jupyter mlops export {path.parent / near}"
    return ""


def lineage(ref: int | str, *, store: Store | None = None) -> LineageGraph:
    """What led to a run, or to the run that made a model version: the cells, files, parameters and runs, as they ran.

    Cells whose text is no longer in the notebook's file as it is saved now are marked.

    Args:
        ref: the run: its number, its id or the beginning of it, or a name (its newest run); or a model version:
            `models:/NAME/3`, `NAME@ALIAS`, a model's name where no run has it.
        store: the store, or None for the one of the working directory.

    Raises:
        RunNotFound: no run is called that, or the one that made the version is not in this store.
        ModelNotFound: there is no such version.
    """
    from mlops_nb.registry.service import run_of_version, version_called
    from mlops_nb.store import open_store
    from mlops_nb.tracking.service import lineage as recorded

    store = store or open_store()
    version = version_called(str(ref), store)
    if version is None:
        return recorded(ref, saved=_saved_cells, store=store)
    made = recorded(run_of_version(version, store), saved=_saved_cells, store=store)
    return replace(made, model=f"{version.name}/{version.number}")


def graph(notebook: Notebook | str | Path, *, store: Store | None = None) -> NotebookGraph:
    """The graph of a notebook's cells: which needs which, in the order that made the result, and what is stale.

    Args:
        notebook: the notebook, or its file.
        store: where its executed cells are; by default the store of the notebook's folder.

    Raises:
        NotebookNotFound: there is no such notebook.
    """
    from mlops_nb.tracking.notebook_graph import notebook_graph

    file = None if isinstance(notebook, Notebook) else Path(notebook)
    record = notebook if isinstance(notebook, Notebook) else read_notebook(notebook)
    return notebook_graph(record.path, record.cells, _executions(file, store) or _unnamed(file, record, store))


def _unnamed(file: Path | None, record: Notebook, store: Store | None) -> Sequence[Execution]:
    """What ran last in a kernel that was not told its notebook, as nbclient tells none, if it was mostly this one."""
    found = _executions(file, store, name="")
    code = {cell.source.strip() for cell in record.cells if cell.kind == "code"}
    return found if sum(one.source.strip() in code for one in found) * 2 >= len(found) else ()


def _saved_cells(store: Store, notebook: str) -> tuple[NotebookCell, ...] | None:
    """The cells of a notebook named as the store names it; None where it cannot be read."""
    path = store.folder.parent / notebook
    with suppress(MlopsError, OSError, ValueError):
        if path.suffix == ".ipynb" and path.is_file():
            return read_notebook(path).cells
    return None


def find_notebook(executed: Sequence[str], folder: Path) -> Path | None:
    """The notebook in a folder whose code cells match most of the executed sources.

    At least half of them must match; of equals the newest file wins.
    """
    wanted = {source.strip() for source in executed if source.strip()}
    best: tuple[int, float, Path] | None = None
    for path in sorted(folder.glob("*.ipynb")):
        try:
            cells = {cell.source.strip() for cell in read_notebook(path).cells if cell.kind == "code"}
            found = (len(wanted & cells), path.stat().st_mtime, path)
        except (MlopsError, OSError):
            continue
        if found[0] * 2 >= len(wanted) > 0 and (best is None or found[:2] > best[:2]):
            best = found
    return best[2] if best else None


def this_notebook(path: Path | None, executed: Sequence[str]) -> Path:
    """The notebook that a kernel runs: the path the front end told, else the one whose cells were executed.

    Raises:
        NotebookNotFound: neither is known.
    """
    if path is not None and path.is_file():
        return path
    found = find_notebook(executed, path.parent if path is not None and path.parent.is_dir() else Path.cwd())
    if found is None:
        raise NotebookNotFound(
            f"no notebook in {Path.cwd()} has the cells that ran here: save it, or name it",
            "%mlops export notebook.ipynb -o pipeline.py",
        )
    return found


def this_notebook_or_session(path: Path | None, executed: Sequence[str]) -> Path | Notebook:
    """The notebook that a kernel runs, or where there is none, what was typed in this session, as it ran."""
    try:
        return this_notebook(path, executed)
    except NotebookNotFound:
        return Notebook("this session", tuple(NotebookCell("code", source) for source in executed))


def formatted_script(notebook: Notebook, parameters: Sequence[str] = (), *, standalone: bool = False) -> Export:
    """The script of a notebook, formatted and clean by ruff's default rules; nothing is written.

    Raises:
        MlopsError: a cell is not Python, or there is no code.
    """
    draft = pipeline_script(notebook, parameters=parameters, write=standalone_text if standalone else None)
    return replace(draft, source=formatted_python(draft.source), is_standalone=standalone)


def export(
    notebook: Notebook | str | Path,
    path: str | Path | None = None,
    *,
    verify: bool = False,
    force: bool = False,
    target: str = SCRIPT,
    to: str = "",
    parameters: Sequence[str] = (),
    standalone: bool = False,
    requirements: bool = False,
    docker: bool = False,
    tests: bool = False,
    store: Store | None = None,
    progress: Say | None = None,
    live: Ran | None = None,
) -> Export:
    """Write a notebook as a pipeline script; with `verify`, run it and compare everything that was recorded.

    Args:
        notebook: the notebook, or its file.
        path: the script to write; by default beside the notebook's file, with its name.
        verify: run the script in a fresh process and compare every metric of the captured runs, and what every cell
            printed and showed.
        force: overwrite a file that is not an earlier export.
        target: what to write: the script, or what another engine runs, such as dask or dvc.
        to: only what leads to this name: a model, a metric.
        parameters: names of literals outside the parameters cell that become parameters, too.
        standalone: write a script that needs nothing of mlops_nb: no store, no cache.
        requirements: write beside it what it needs, pinned to the versions that are installed here.
        docker: write beside it a Dockerfile that runs it, and the requirements.
        tests: run it, and write beside it what each step took and gave, and a test file that calls them with that.
        store: where the captured runs are; by default the store of the notebook's folder.
        progress: is told what is done, line by line.
        live: the cells that ran in the kernel that asks, in order, with what they printed and returned.

    Raises:
        NotebookNotFound: there is no such notebook.
        BadArgument: the file to write is not an earlier export, or no cell has the name that is asked for.
        ScriptFailed: the script did not run to its end.
    """
    say = progress or (lambda _: None)
    file = None if isinstance(notebook, Notebook) else Path(notebook)
    say(f"reading {file.name}" if file else "reading the notebook")
    record = notebook if isinstance(notebook, Notebook) else read_notebook(notebook)
    chosen = Path(path) if path is not None else None
    ran = history(record.cells, _executions(file, store))
    saved, record = record.cells, replace(record, cells=_with_outputs(ran, record.cells))
    record, dropped = leading_to(record, to) if to else (record, ())
    if target != SCRIPT:
        from mlops_nb.notebook.targets.service import export_target

        place = file or Path(record.path)
        made = export_target(record, place, chosen, target, parameters=parameters, force=force, progress=say)
        return told(replace(made, left_out=(*made.left_out, *dropped)), ran, saved)
    script = chosen or _beside(file, record)
    draft = formatted_script(record, parameters, standalone=standalone)
    draft = replace(draft, left_out=(*draft.left_out, *dropped))
    done = replace(told(draft, ran, saved), notebook=str(file or record.path), path=str(script))
    write_script(script, done.source, force=force)
    say(f"wrote {script}: {len(done.steps)} steps, {len(done.parameters)} parameters")
    if requirements or docker:
        done = _with_surroundings(done, script, docker=docker, force=force)
    if tests:
        done = _with_tests(done, script, (file.absolute() if file else script.absolute()).parent, say, force=force)
    if not verify:
        return done
    folder = (file.absolute() if file else script.absolute()).parent
    done = verified(done, record, script, folder, store=store, say=say, live=live)
    return _with_gone(_counted_as_saved(done, ran), saved)


def _with_surroundings(done: Export, script: Path, *, docker: bool, force: bool) -> Export:
    """The export, with the requirements of the script and a Dockerfile written beside it."""
    from mlops_nb.reproducibility.service import distributions_of, environment

    modules = imported_modules(done.source)
    packages = {**distributions_of(modules), "mlops_nb": ("mlops-nb",)}
    versions = environment().packages
    asked = (*done.requirements, *named_packages(done.source, versions))
    needed, unknown = pinned_requirements(modules, asked, packages, versions)
    listed = script.with_name(f"{script.stem}_requirements.txt")
    files = {listed: requirements_text(script.name, needed, unknown)}
    if docker:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        files[script.with_name("Dockerfile")] = dockerfile_text(script.name, listed.name, python)
    for path, text in files.items():
        write_beside(path, text, force=force)
    told = tuple(f"no package is known for the module {name}" for name in unknown)
    return replace(done, beside=tuple(map(str, files)), warnings=(*done.warnings, *told))


def _with_tests(done: Export, script: Path, folder: Path, say: Say, *, force: bool) -> Export:
    """The export, with a record of its steps and tests of them written beside the script."""
    if done.is_standalone:
        raise BadArgument("the tests of a script need mlops_nb, a standalone one lacks it", "leave out --standalone")
    if not script.stem.isidentifier():
        raise BadArgument(
            f"{script.name} cannot be imported by tests", f"-o {identifier(script.stem) or 'pipeline'}.py"
        )
    record, file = script.with_name(f"{script.stem}_recorded"), script.with_name(f"test_{script.stem}.py")
    check_beside(file, force=force)
    say(f"running {script.name} to record its steps")
    untold: dict[str, str] = {}
    for what in ("record", "repeat"):
        untold |= _told_by(["-m", "mlops_nb.pipelines.step_records", what, str(script), str(record)], folder, script)
    steps = [each.name for each in done.steps if each.name not in untold and each.outputs]
    write_beside(file, formatted_python(test_file_text(script.stem, record.name, steps, untold)), force=True)
    told = tuple(f"step {name!r} has no test: {why}" for name, why in untold.items())
    return replace(done, beside=(*done.beside, str(file), str(record)), warnings=(*done.warnings, *told))


def _told_by(words: Sequence[str], folder: Path, script: Path) -> dict[str, str]:
    """What a process of ours prints, as JSON."""
    environment = _script_environment()
    command = [sys.executable, *words[:3], *(str(Path(each).absolute()) for each in words[3:])]
    ran = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise ScriptFailed(f"{script.name} failed:\n{ran.stderr.strip()[-2000:]}", f"python {script}")
    found: dict[str, str] = json.loads(ran.stdout.strip().split("\n")[-1])
    return found


def _script_environment() -> dict[str, str]:
    """The variables that a script is run with: none of this kernel's, plots without a screen."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    environment.setdefault("MPLBACKEND", "Agg")
    for name in ("JPY_SESSION_NAME", "JPY_PARENT_PID"):
        environment.pop(name, None)
    if environment["MPLBACKEND"].startswith("module://"):  # a kernel's own backend, which needs the kernel
        environment["MPLBACKEND"] = "Agg"
    return environment


def _with_outputs(ran: History, saved: Sequence[NotebookCell]) -> tuple[NotebookCell, ...]:
    """The cells that ran, with outputs where they are known to be those of this execution: the last, of this text."""
    last = {place: number for number, place in enumerate(ran.positions)}
    return tuple(
        cell
        if place >= 0 and last[place] == number and cell.source == saved[place].source
        else replace(cell, outputs=None)
        for number, (cell, place) in enumerate(zip(ran.cells, ran.positions, strict=True))
    )


def _counted_as_saved(done: Export, ran: History) -> Export:
    """The export with the cells of its checks counted as the notebook shows them."""
    proof = done.verification
    if proof is None:
        return done
    values = tuple(replace(each, cell=max(ran.positions[each.cell], 0)) for each in proof.values)
    return replace(done, verification=replace(proof, values=values))


def _with_gone(done: Export, saved: Sequence[NotebookCell]) -> Export:
    """The export; where values differ and the notebook has lost what ran in between, it says so."""
    gone = missing_numbers(saved)
    if done.verification is None or done.verification.is_equal or not gone:
        return done
    listed = ", ".join(map(str, gone[:10])) + (", ..." if len(gone) > 10 else "")
    why = (
        f"what ran as {listed} is not in the notebook any more: run all cells once more, or begin with "
        "%mlops track on next time, which remembers it"
    )
    return replace(done, warnings=(*done.warnings, why))


def _executions(file: Path | None, store: Store | None, *, name: str | None = None) -> Sequence[Execution]:
    """What ran in the last kernel of a notebook's file, where that is known; `name` is what its kernel called it."""
    with suppress(MlopsError, OSError):
        return _recorded(file.absolute(), store, name) if file is not None else ()
    return ()


def _recorded(file: Path, store: Store | None, name: str | None) -> Sequence[Execution]:
    """What ran in the last kernel of a notebook, where there is a store that knows; none is made for it."""
    from mlops_nb.store.location import DATABASE, store_folder

    folder = store.folder if store is not None else store_folder(file.parent)
    if not (folder / DATABASE).exists():
        return ()
    from mlops_nb.store import cells, open_store, unrecorded

    store = store or open_store(folder=folder)
    unrecorded.record_kept(store)
    return cells.last_session(store, os.path.relpath(file, folder.parent) if name is None else name)


def told(export: Export, ran: History, saved: Sequence[NotebookCell]) -> Export:
    """An export that says which cells are left out or not as the notebook shows them, and counts cells as it does."""
    lines = tuple(replace(each, cell=max(ran.positions[each.cell], 0)) for each in export.left_out)
    gone = (note for note in ran.notes if note.kind in ("never ran", "failed"))
    cells = tuple(LeftOut(note.cell, _first_line(saved[note.cell].source), note.kind) for note in gone)
    warnings = (*export.warnings, *(note.text for note in ran.notes))
    return replace(export, left_out=(*lines, *cells), warnings=warnings)


def _first_line(source: str) -> str:
    return next((line.strip() for line in source.splitlines() if line.strip()), "")


def _beside(file: Path | None, record: Notebook) -> Path:
    return (file or Path(record.path)).with_suffix(".py")


def verified(
    done: Export,
    record: Notebook,
    script: Path,
    folder: Path,
    *,
    store: Store | None = None,
    say: Say,
    live: Ran | None = None,
) -> Export:
    """The export with the verdict: the script run in a fresh process, what it gives against what was recorded.

    Raises:
        ScriptFailed: the script did not run to its end.
    """
    from mlops_nb.store import open_store

    store = store or open_store(folder)
    steps = [step for step in done.steps if step.run or step.sweep]
    captured, unnamed, warnings = _captured(steps, record, Path(done.notebook).name, store)
    say(f"running {script.name} in a fresh process")
    clock = time.perf_counter()
    result = run_script(script, folder, store.folder, say, _watching(done) if done.is_standalone else "")
    seconds = time.perf_counter() - clock
    repeated = _metrics_by_run(result, _run_labels(steps)) | _metrics_by_sweep(steps, result, store)
    for name in [each.sweep for each in steps if each.sweep and captured.get(each.sweep) and not repeated[each.sweep]]:
        captured.pop(name, None)
        warnings.append(
            f"sweep {name!r} is not compared: the script measures nothing in it; say what with --metric NAME"
        )
    for name, metrics in captured.items():
        if metrics is not None:
            captured[name] = metrics | _measured_alike(unnamed[name], {*repeated.get(name, ())} - {*metrics})
    verdict = verification(captured, repeated, seconds)
    verdict = replace(verdict, values=_compared_values(done, record, result, live))
    if not verdict.checks and not verdict.values:
        warnings.append("no cell is captured or saved with its outputs, so there is nothing to compare: run the cells")
    _keep_receipt(done, result, verdict, store)
    say(f"compared with the notebook: {'equal' if verdict.is_equal else 'not equal'}")
    return replace(done, verification=verdict, warnings=(*done.warnings, *warnings))


def _captured(
    steps: Sequence[ScriptStep], record: Notebook, notebook: str, store: Store
) -> tuple[dict[str, dict[str, float] | None], dict[str, dict[str, float]], list[str]]:
    """The metrics of each cell's newest captured run, those of autolog apart, and what is doubtful about them."""
    found: dict[str, dict[str, float] | None] = {}
    autologged: dict[str, dict[str, float]] = {}
    warnings: list[str] = []
    labels = _run_labels(steps)
    captured = [("run", labels[each.name], each) for each in steps if each.run]
    captured += [("sweep", each.sweep, each) for each in steps if each.sweep]
    names = [name for _, name, _ in captured]
    for kind, name, step in {each[1]: each for each in captured}.values():
        source = "" if kind == "sweep" or name == step.run else record.cells[step.cell].source
        run = _newest(step.run or step.sweep, notebook, store, "sweep" if kind == "sweep" else "cell", source)
        found[name] = _repeatable(run) if run else None
        autologged[name] = {each.name: each.value for each in run.metrics if each.autologged} if run else {}
        if run is None:
            warnings.append(f"{kind} {name!r} was never captured: run cell {step.cell + 1} first")
        elif not is_redacted_from(run.source.strip(), record.cells[step.cell].source.strip()):
            warnings.append(
                f"{kind} {name!r} (number {run.id}) was captured from an earlier text of cell {step.cell + 1}: "
                "run the cell again first"
            )
        elif not found[name] and not autologged[name]:
            warnings.append(f"{kind} {name!r} (number {run.id}) has no metric to compare")
    doubled = {name for name in names if names.count(name) > 1}
    warnings += [f"several cells are captured as {name!r}: only the last is compared" for name in sorted(doubled)]
    return found, autologged, warnings


def _run_labels(steps: Sequence[ScriptStep]) -> dict[str, str]:
    """By a step's name that of the run it repeats; where several cells are captured by one name, with the cell."""
    runs = [each.run for each in steps]
    return {
        each.name: each.run if runs.count(each.run) == 1 else f"{each.run} (cell {each.cell + 1})"
        for each in steps
        if each.run
    }


def _measured_alike(autologged: Mapping[str, float], functions: Collection[str]) -> dict[str, float]:
    """What autolog named for the data, too, by the name that a script gives it: its function's, called once.

    >>> _measured_alike({"f1_score_macro_X": 0.9, "n_iter": 7.0}, ["f1_score"])
    {'f1_score': 0.9}
    """
    found = {}
    for function in functions:
        alike = [name for name in autologged if name == function or name.startswith(f"{function}_")]
        if len(alike) == 1:
            found[function] = autologged[alike[0]]
    return found


def _repeatable(run: Run) -> dict[str, float]:
    """A captured run's metrics without those that autolog added: a script does not autolog."""
    return {each.name: each.value for each in run.metrics if not each.autologged}


def _newest(name: str, notebook: str, store: Store, kind: str, source: str) -> Run | None:
    """The newest FINISHED captured run of a name; one of this notebook where that is known, of the source if given."""
    from mlops_nb.tracking.service import newest_runs, show

    found = newest_runs(name, kind=kind, store=store)
    ours = [each for each in found if not each.notebook or Path(each.notebook).name == notebook]
    shown = (show(each.id, store=store) for each in ours) if source else ()
    if match := next((run for run in shown if is_redacted_from(run.source.strip(), source.strip())), None):
        return match
    return show(ours[0].id, store=store) if ours else None


def _metrics_by_sweep(
    steps: Sequence[ScriptStep], result: Mapping[str, object], store: Store
) -> dict[str, dict[str, float]]:
    """The metrics of the sweeps that the script has made: its best trial's."""
    from mlops_nb.tracking.service import newest_runs

    number, found = result.get("id"), dict[str, dict[str, float]]()
    for name in {each.sweep for each in steps if each.sweep}:
        newest = newest_runs(name, kind="sweep", store=store, limit=1)
        is_new = bool(newest) and isinstance(number, int) and newest[0].id > number
        found[name] = dict(newest[0].metrics) if is_new else {}
    return found


def _watching(done: Export) -> str:
    """What the process that watches a standalone script is told of it."""
    steps = [
        {"name": each.name, "run": each.run, "outputs": each.outputs, "metrics": each.metrics} for each in done.steps
    ]
    return json.dumps({"flow": done.function, "show": done.shows, "steps": steps})


def run_script(script: Path, folder: Path, store: Path, say: Say, watching: str = "") -> Mapping[str, object]:
    """Run an exported script in a fresh process; what it printed as its last line.

    With `watching` the script is a standalone one, and another process of ours tells what its steps do.

    Raises:
        ScriptFailed: it did not run to its end.
    """
    environment = {**_script_environment(), "MLOPS_NB_STORE": str(store)}
    command = [sys.executable, str(script.absolute()), "--json", "--no-cache"]
    if watching:
        command = [sys.executable, "-m", "mlops_nb.pipelines.observed", str(script.absolute())]
    with (
        tempfile.TemporaryFile() as asked,
        tempfile.TemporaryFile() as out,
    ):
        asked.write(watching.encode())
        asked.seek(0)
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=asked, stdout=out, stderr=subprocess.PIPE
        )
        assert process.stderr is not None
        try:
            last = _followed(process.stderr, say)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            process.stderr.close()
        code = process.wait()
        out.seek(0)
        lines = out.read().decode("utf-8", "replace").strip().split("\n")
    if code:
        told = "\n".join(last[-12:]) or f"exit code {code}"
        raise ScriptFailed(f"{script.name} failed:\n{told}", f"python {script}")
    try:
        result: Mapping[str, object] = json.loads(lines[-1])
    except ValueError:
        raise ScriptFailed(f"{script.name} ended without its result: {lines[-1][:200]!r}", f"python {script}") from None
    return result


def _followed(stream: object, say: Say) -> list[str]:
    """What a process says on stderr, step by step handed on, its end kept."""
    lines: list[str] = []
    for raw in stream:  # type: ignore[attr-defined]
        line = raw.decode("utf-8", "replace").rstrip()
        if line.startswith("["):
            say(line)
        lines = [*lines[-200:], line]
    return lines


def _metrics_by_run(result: Mapping[str, object], labels: Mapping[str, str]) -> dict[str, dict[str, float]]:
    steps = result.get("steps")
    return {
        labels.get(step["name"], step["run"]): {name: float(value) for name, value in step["metrics"].items()}
        for step in (steps if isinstance(steps, list) else ())
        if step["run"]
    }


def _compared_values(
    done: Export, record: Notebook, result: Mapping[str, object], ran: Ran | None
) -> tuple[ValueCheck, ...]:
    """What the cells printed and showed against what the script did."""
    cells, live = _with_live_outputs(record.cells, ran or ())
    lines = cells_of_lines(done.source, done.steps)
    first = {step.name: step.cell for step in done.steps}
    found: dict[int, list[CellOutput]] = {}
    steps = result.get("steps")
    for step in steps if isinstance(steps, list) else ():
        for one in step["outputs"]:
            if one["kind"] != "plot":
                cell = lines.get(one["line"], first.get(step["name"], -1))
                found.setdefault(cell, []).append(CellOutput(one["kind"], one["text"], one["cut"]))
    compared = [cell for step in done.steps if not step.sweep for cell in step.cells]
    checks = value_checks(cells, found, compared=[each for each in compared if each not in live])
    return tuple(
        sorted(
            (
                *checks,
                *value_checks(cells, found, compared=[each for each in compared if each in live], incomplete=True),
            ),
            key=lambda check: check.cell,
        )
    )


def _with_live_outputs(cells: Sequence[NotebookCell], ran: Ran) -> tuple[list[NotebookCell], set[int]]:
    """The cells with what they gave in the kernel that asks, where they ran there, and which those are."""
    found, live = list(cells), set[int]()
    waiting = [(source.strip(), outputs) for source, outputs in ran]
    for position in range(len(found) - 1, -1, -1):
        if found[position].kind != "code":
            continue
        source = found[position].source.strip()
        index = next((each for each in range(len(waiting) - 1, -1, -1) if waiting[each][0] == source), None)
        if index is not None:
            found[position] = replace(found[position], outputs=waiting.pop(index)[1])
            live.add(position)
    return found, live


def _keep_receipt(done: Export, result: Mapping[str, object], verdict: Verification, store: Store) -> None:
    """Note the verdict on the pipeline's run, and keep with it what was compared; of texts only their hashes."""
    number = result.get("id")
    if not isinstance(number, int):
        return
    from mlops_nb.errors import StoreUnavailable
    from mlops_nb.tracking.service import resume

    values = [
        {"cell": each.cell + 1, "kind": each.kind, "likeness": each.likeness, "cause": each.cause,
         "notebook": _sha256(each.notebook), "script": _sha256(each.script)}
        for each in verdict.values
    ]  # fmt: skip
    receipt = {
        "notebook": Path(done.notebook).name,
        "script": Path(done.path).name,
        "script_sha256": _sha256(done.source),
        "is_equal": verdict.is_equal,
        "seconds": verdict.seconds,
        "metrics": [each.to_dict() for each in verdict.checks],
        "missing_runs": list(verdict.missing_runs),
        "values": values,
    }
    with suppress(StoreUnavailable), resume(number, store=store) as going:
        going.set_tag("verified", "equal" if verdict.is_equal else "different")
        going.log_artifact(receipt, "verification.json")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
