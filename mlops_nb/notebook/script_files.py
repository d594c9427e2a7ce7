"""Exported files: Python formatted by ruff, everything written whole or not at all."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mlops_nb.errors import BadArgument, MlopsError
from mlops_nb.notebook.script import ENCODING, is_export

LINE_LENGTH = "120"
_NOQA = re.compile(r"\s*# noqa\b[^\n]*$", re.IGNORECASE)


def formatted_python(source: str) -> str:
    """Python text, formatted and clean by ruff's default rules.

    Raises:
        MlopsError: it is not Python.
    """
    source = source.encode("utf-8", "replace").decode("utf-8")
    source = re.sub(rf"\A{re.escape(ENCODING)}\n", f"{ENCODING}  # noqa: UP009\n", source)  # as ruff would ask for
    source = _ruff(["check", "--fix", "--select", "I,F401", *_RUFF_OPTIONS], source) or source
    source = _formatted(source)
    noted = _with_noqa(source)
    return source if noted == source else _formatted(noted)


_SETTINGS = ("--isolated", "--quiet", "--no-cache", "--line-length", LINE_LENGTH, "--target-version", "py311")
_RUFF_OPTIONS = (*_SETTINGS, "--exit-zero")


def _ruff(arguments: Sequence[str], source: str) -> str:
    from ruff import find_ruff_bin

    command = [find_ruff_bin(), *arguments, "--stdin-filename", "script.py", "-"]
    done = subprocess.run(command, input=source.encode("utf-8"), capture_output=True, check=False)
    if done.returncode:
        raise MlopsError(f"the script could not be formatted: {done.stderr.decode('utf-8', 'replace').strip()[:500]}")
    return done.stdout.decode("utf-8")


def _formatted(source: str) -> str:
    return _ruff(["format", *_SETTINGS], source)


def _with_noqa(source: str) -> str:
    """The script with `# noqa: CODE` on the lines that ruff's default rules complain about."""
    for _ in range(3):
        found = json.loads(_ruff(["check", "--output-format", "json", *_RUFF_OPTIONS], source) or "[]")
        codes: dict[int, set[str]] = {}
        for each in found:
            if each["code"] and (row := each.get("noqa_row") or each["location"]["row"]):
                codes.setdefault(row, set()).add(each["code"])
        if not codes:
            break
        lines = source.split("\n")
        for row, missing in codes.items():
            line = lines[row - 1]
            known = set(re.findall(r"[A-Z]+\d+", match[0])) if (match := _NOQA.search(line)) else set()
            lines[row - 1] = f"{_NOQA.sub('', line)}  # noqa: {', '.join(sorted(known | missing))}"
        source = "\n".join(lines)
    return source


def write_script(path: Path, source: str, *, force: bool = False) -> None:
    """Write a script whole or not at all.

    Raises:
        BadArgument: the file there is not an export, the path is no file, or it cannot be written.
    """
    check_script(path, source, force=force)
    try:
        replace_file(path, source)
    except OSError as error:
        raise BadArgument(f"{path} cannot be written: {error.strerror}", "%mlops export pipeline.py") from None


def check_script(path: Path, source: str, *, force: bool = False) -> None:
    """See that a script may be written there.

    Raises:
        BadArgument: the file there is not an export, the path is no file, or its name is a module's.
    """
    if path.is_dir():
        raise BadArgument(f"{path} is a folder", f"%mlops export {path / 'pipeline.py'}")
    if path.suffix == ".ipynb":
        raise BadArgument(
            f"{path} is a notebook's name, a script's ends in .py", f"%mlops export {path.with_suffix('.py')}"
        )
    if path.stem in sys.stdlib_module_names or path.stem in imported_modules(source):
        raise BadArgument(
            f"{path.name} would be imported in place of the module {path.stem!r}",
            f"%mlops export {path.with_name(f'{path.stem}_pipeline.py')}",
        )
    try:
        if not force and path.exists() and not is_export(path.read_bytes().decode("utf-8", "replace")):
            other = path.with_name(f"{path.stem}_pipeline.py")
            raise BadArgument(
                f"{path} is there already and was not exported by mlops_nb",
                f"%mlops export {other}    (or add --force)",
            )
    except OSError as error:
        raise BadArgument(f"{path} cannot be read: {error.strerror}", "%mlops export pipeline.py") from None


def imported_modules(source: str) -> set[str]:
    """The modules that a script imports, by the first part of their names."""
    found = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def write_beside(path: Path, text: str, *, force: bool = False) -> None:
    """Write a file that goes with a script, over an earlier one of ours only.

    Raises:
        BadArgument: another file is there, or it cannot be written.
    """
    check_beside(path, force=force)
    try:
        replace_file(path, text)
    except OSError as error:
        raise BadArgument(f"{path} cannot be written: {error.strerror}", "%mlops export pipeline.py") from None


def check_beside(path: Path, *, force: bool = False) -> None:
    """See that a file that goes with a script may be written.

    Raises:
        BadArgument: another file is there.
    """
    with suppress(OSError):
        if not force and path.exists() and _OURS not in path.read_bytes()[:300].decode("utf-8", "replace"):
            raise BadArgument(f"{path} is there already and was not written by mlops_nb", "add --force")


_OURS = "written by mlops_nb"


def replace_file(path: Path, source: str) -> None:
    """Write a file's text whole or not at all; its mode stays."""
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(source)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
