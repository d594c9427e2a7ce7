"""The arrows of the house: who may import whom."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()"]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder), "NO_COLOR": "1"}
    return subprocess.run(
        [*command, "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def planted(tmp_path: Path, file: str, line: str) -> Path:
    """A copy of the package in which a file has one more function, with an import in it."""
    shutil.copytree(ROOT / "mlops_nb", tmp_path / "mlops_nb", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "mlops_nb" / file).open("a") as text:
        text.write(f"\n\ndef planted():\n    {line}\n")
    return tmp_path


def test_every_import_goes_down_the_house():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("errors.py", "import mlops_nb.store.runs", "mlops_nb.errors -> mlops_nb.store.runs"),
        ("tracking/compare.py", "from mlops_nb.tracking import service", "compare -> mlops_nb.tracking.service"),
        ("store/runs.py", "from mlops_nb.tracking import service", "mlops_nb.store.runs -> mlops_nb.tracking.service"),
        ("tracking/service.py", "from mlops_nb.panels import runs", "service -> mlops_nb.panels.runs"),
        ("panels/runs.py", "from mlops_nb import commands", "mlops_nb.panels.runs -> mlops_nb.commands"),
        ("commands.py", "from mlops_nb.notebook import magics", "mlops_nb.commands -> mlops_nb.notebook.magics"),
        ("tracking/runs.py", "import mlops_nb", "mlops_nb.tracking.runs -> mlops_nb"),
        ("tracking/service.py", "import sqlite3", "mlops_nb.tracking.service -> sqlite3"),
        ("panels/runs.py", "import sqlite_utils", "mlops_nb.panels.runs -> sqlite_utils"),
        ("notebook/cells.py", "import IPython", "mlops_nb.notebook.cells -> IPython"),
        ("tracking/service.py", "import plotly.graph_objects", "mlops_nb.tracking.service -> plotly"),
        ("store/runs.py", "import ipywidgets", "mlops_nb.store.runs -> ipywidgets"),
    ],
)
def test_an_import_against_the_arrows_is_found_inside_a_function_too(tmp_path, file, line, said):
    done = lint(planted(tmp_path, file, line))
    assert done.returncode == 1
    assert said in " ".join(done.stdout.split())


def test_every_file_has_its_place_in_the_house():
    layers = (ROOT / "pyproject.toml").read_text()
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "mlops_nb").rglob("*.py")
        if path.name != "__init__.py"
    }
    whole_rooms = ("mlops_nb.store.", "mlops_nb.panels.")
    homeless = {
        name
        for name in modules
        if not name.startswith(whole_rooms) and f'{name}"' not in layers and f"{name} " not in layers
    }
    assert homeless == set()
