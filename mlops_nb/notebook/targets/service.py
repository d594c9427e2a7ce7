"""Writes the files of a target: what the pure files here give, formatted, whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path

from mlops_nb.errors import BadArgument, nearest
from mlops_nb.notebook.file_calls import named_files
from mlops_nb.notebook.installing import named_packages, pinned_requirements
from mlops_nb.notebook.intermediate import PipelinePlan, pipeline_plan
from mlops_nb.notebook.records import Export, Notebook
from mlops_nb.notebook.script_files import check_script, formatted_python, replace_file
from mlops_nb.notebook.targets.plain import modules_of
from mlops_nb.notebook.targets.records import SCRIPT, TARGETS, Place, TargetFile, Written, module_of

_OURS = re.compile(r"\A# Exported from [^\n]* by mlops_nb\.")


def known_target(name: str) -> str:
    """The name of a target.

    Raises:
        BadArgument: there is none of that name; the fix is the nearest one.
    """
    if name in TARGETS:
        return name
    near = nearest(name, TARGETS) or SCRIPT
    raise BadArgument(f"{name!r} is no target; there are {', '.join(TARGETS)}", f"%mlops export --target {near}")


def export_target(
    record: Notebook,
    file: Path,
    path: Path | None,
    target: str,
    *,
    parameters: Collection[str] = (),
    force: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Export:
    """Write a notebook as the files of a target.

    Args:
        record: the notebook.
        file: its file.
        path: the file or folder to write; by default beside the notebook.
        target: which target.
        parameters: names of literals outside the parameters cell that become parameters, too.
        force: overwrite files that are not earlier exports.
        progress: is told what is done, line by line.

    Raises:
        BadArgument: there is no such target, or a file to write is not an earlier export.
        MlopsError: the notebook cannot be made that.
    """
    target = known_target(target)
    plan = pipeline_plan(record, parameters=parameters)
    root, place = _place(plan, file, path, target)
    made: Written = module_of(target).written(plan, place)
    files = [_formatted(each) for each in made.files]
    for each in files:
        _check(root / each.path, each.text, force)
    for each in files:
        _write(root / each.path, each.text)
        progress(f"wrote {root / each.path}")
    return Export(
        notebook=str(file),
        path=str(root / files[0].path),
        source=files[0].text,
        parameters=plan.parameters,
        steps=tuple(step.described() for step in plan.steps),
        left_out=plan.left_out,
        warnings=(*plan.warnings, *made.warnings),
        target=target,
        files=tuple(str(root / each.path) for each in files),
        next=made.command,
    )


def _place(plan: PipelinePlan, file: Path, path: Path | None, target: str) -> tuple[Path, Place]:
    """The folder that the files' paths begin in, and the place as the target is told it."""
    kind: str = module_of(target).KIND
    stem = re.sub(r"\W+", "_", file.stem).strip("_") or "notebook"
    folder = file.parent
    if path is not None and kind == "file" and path.suffix == ".py":
        folder, stem = path.parent, path.stem
    elif path is not None and path.suffix:
        ends = ".py file or a folder" if kind == "file" else "folder"
        raise BadArgument(f"{path}: the target {target} is written to a {ends}", f"%mlops export --target {target}")
    elif kind == "file":
        folder, stem = path or folder, f"{stem}_{target}"
    else:
        folder = path or folder
    root = _repository(folder) if kind == "repository" else folder
    below = folder.absolute().relative_to(root.absolute()).as_posix()
    return root, Place(stem, below, _packages(plan), _present(plan, folder))


def _repository(folder: Path) -> Path:
    """The root of the repository that a folder is in, the folder itself where it is in none."""
    whole = folder.absolute()
    return next((each for each in (whole, *whole.parents) if (each / ".git").exists()), whole)


def _packages(plan: PipelinePlan) -> tuple[str, ...]:
    """The installed packages that the notebook needs, pinned."""
    from mlops_nb.reproducibility.service import distributions_of, environment

    modules = modules_of(plan)
    packages = {**distributions_of(modules), "mlops_nb": ("mlops-nb",)}
    versions = environment().packages
    texts = (*plan.imports, *plan.definitions, *(step.body for step in plan.steps))
    asked = (*plan.requirements, *named_packages("\n".join(texts), versions))
    return tuple(pinned_requirements(modules, asked, packages, versions)[0])


def _present(plan: PipelinePlan, folder: Path) -> frozenset[str]:
    """The files that the steps name and that are there."""
    texts = [*plan.definitions, *(step.body for step in plan.steps)]
    named = {path for text in texts for path, _ in named_files(text, {})}
    return frozenset(each for each in named if _is_plain(each) and (folder / each).exists())


def _is_plain(path: str) -> bool:
    return bool(path) and "\0" not in path and "://" not in path and len(path) < 1000


def _formatted(file: TargetFile) -> TargetFile:
    return TargetFile(file.path, formatted_python(file.text)) if file.path.endswith(".py") else file


def _check(path: Path, text: str, force: bool) -> None:
    """Refuse to replace what is not an export.

    Raises:
        BadArgument: the file is somebody's own.
    """
    if path.suffix == ".py":
        check_script(path, text, force=force)
    elif not force and path.exists() and not _OURS.match(path.read_bytes().decode("utf-8", "replace")):
        raise BadArgument(f"{path} is there already and was not exported by mlops_nb", "add --force, or name a folder")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text)
    except OSError as error:
        raise BadArgument(f"{path} cannot be written: {error.strerror}", "name another folder with -o") from None
