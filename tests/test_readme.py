"""Every command of the README, run as a reader would."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import mlops_nb
from mlops_nb.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.M | re.S)
CELLS = [text.rstrip("\n") for language, text in BLOCKS if language == "python"]
LINES = [
    line.partition("  #")[0].strip() for language, text in BLOCKS if language == "sh" for line in text.splitlines()
]


def terminal(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    beside_python = Path(sys.executable).parent
    of_make = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}  # a make inside `make test` would speak of its folder
    environment = {name: value for name, value in os.environ.items() if name not in of_make}
    environment["PATH"] = f"{beside_python}:{os.environ['PATH']}"
    return subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A folder in which the tour's cells ran in a real kernel, in their order."""
    folder = tmp_path_factory.mktemp("tour")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    nbformat.write(notebook, folder / "notebook.ipynb")
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    nbformat.write(notebook, folder / "notebook.ipynb")
    return folder


def shown(project: Path, beginning: str) -> str:
    cells = nbformat.read(project / "notebook.ipynb", as_version=4).cells
    (cell,) = [cell for cell in cells if cell.source.startswith(beginning)]
    return "\n".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)


def test_the_tours_cells_show_what_the_tour_says(project):
    assert "forest finished" in shown(project, "%%mlops run forest")
    assert "n_estimators=50" in shown(project, "%%mlops run forest")
    assert "curve finished" in shown(project, "%%mlops run curve")
    assert "2 runs" in shown(project, "%mlops runs\n")
    assert "against" in shown(project, "%mlops runs\n")
    assert "8 combinations tried" in shown(project, "%%mlops sweep forests")
    asked = shown(project, "%mlops runs kind = trial")
    assert "could explain it" in asked
    assert "came from" in asked
    assert "wine/1" in shown(project, "%mlops register")
    assert "cells" in shown(project, "%mlops graph")
    assert "Verified" in shown(project, "%mlops export")


@pytest.mark.parametrize("line", [line for line in LINES if not line.startswith(("make ", ". "))])
def test_command_of_the_terminal_works(project, line):
    done = terminal(line, project)
    assert done.returncode == 0, done.stderr
    told = done.stderr if line == "python pipeline.py" or "nbconvert" in line else done.stdout
    assert told.strip()


def test_every_command_is_either_run_here_or_a_target_of_make():
    assert {line.split()[0] for line in LINES} == {"make", "jupyter", "python", "."}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"\bmake ([a-z-]+)\b", README))
    assert {"demo", "test", "lab", "help", "bench"} <= named
    assert named <= targets


def test_make_help_lists_every_target():
    done = terminal("make help", ROOT)
    assert {line.split()[0] for line in done.stdout.splitlines()} == {
        "help", ".venv", "demo", "test", "test-targets", "lab", "check", "bench", "lock",
    }  # fmt: skip


@pytest.fixture
def copy(tmp_path) -> Path:
    """A copy of the project, with the packages this test runs on."""
    copy = tmp_path / "project"
    ignored = shutil.ignore_patterns(".git", ".venv*", ".mlops", "demo", "__pycache__", ".*_cache", "shots")
    shutil.copytree(ROOT, copy, ignore=ignored)
    (copy / ".venv" / "bin").mkdir(parents=True)
    (copy / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (copy / ".venv" / "bin" / "python").chmod(0o755)
    (copy / ".venv" / ".installed").touch()
    return copy


@pytest.mark.slow
def test_make_demo_captures_exports_and_verifies(copy):
    done = terminal("make demo", copy)
    assert done.returncode == 0, done.stderr
    assert "Verified: 6 metrics and 3 values equal to the notebook's" in done.stdout
    assert re.search(r"^12 of \d\d runs\. ", done.stdout, re.M)
    assert (copy / "demo" / "late_flights.py").is_file()
    typed = re.search(r"^   (\S+) (demo/late_flights.py --help)  its options$", done.stdout, re.M)
    assert typed is not None
    assert "--max-iter" in terminal(f"{typed[1]} {typed[2]}", copy).stdout


def test_older_python_is_refused_before_anything_is_made(copy, tmp_path):
    shutil.rmtree(copy / ".venv")
    older = tmp_path / "python3.10"
    older.write_text(f"""#!/bin/sh
exec {sys.executable} -c 'import sys; sys.version_info = (3, 10, 13); exec(sys.argv[1])' "$2"
""")
    older.chmod(0o755)
    done = terminal(f"make .venv PYTHON={older}", copy)
    assert done.returncode == 2
    assert f"Python 3.11 or newer is needed, {older} is 3.10. Try: make PYTHON=python3.11" in done.stderr
    assert not (copy / ".venv").exists()


@pytest.mark.slow
def test_make_lab_opens_on_the_quickstart(copy):
    environment = {**os.environ, "BROWSER": "true", "JUPYTER_RUNTIME_DIR": str(copy / "runtime")}
    with subprocess.Popen(["make", "lab"], cwd=copy, env=environment, stderr=subprocess.PIPE, text=True,
                          start_new_session=True) as lab:  # fmt: skip
        try:
            told = _until(lab.stderr, "token=")
            address = re.search(r"(http://localhost:\d+)/lab/tree/(notebooks/quickstart.ipynb)\?(token=\w+)", told)
            assert address is not None, told
            place, notebook, token = address.groups()
            served = _fetched(f"{place}/api/contents/{notebook}?{token}")
            assert served["content"]["cells"][0]["source"].startswith("# Late flights")
        finally:
            os.killpg(lab.pid, signal.SIGTERM)


def _until(lines: Iterator[str], word: str) -> str:
    """What is said up to the line with a word."""
    told = ""
    for line in lines:
        told += line
        if word in line:
            break
    return told


def _fetched(address: str) -> dict:
    """The JSON at an address, of a server that may not listen yet when it tells where it will."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_every_public_name_and_command_that_it_names_is_there():
    for name in re.findall(r"\bmlops_nb\.(\w+)\(", README):
        assert hasattr(mlops_nb, name)
    for name in re.findall(r"%mlops ([a-z]+(?:-[a-z]+)?)", README):
        assert name in COMMANDS


def test_every_file_that_it_names_is_there():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
