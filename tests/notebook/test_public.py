"""Notebooks as people write them run in a kernel, and their scripts, where IPython is not, give every value again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from mlops_nb.notebook.exporter import PipelineExporter
from mlops_nb.notebook.service import export

NOTEBOOKS = sorted((Path(__file__).parent / "public").glob("*.ipynb"))
WITHOUT_IPYTHON = "import sys, runpy; sys.modules['IPython'] = None; sys.argv = sys.argv[1:]; " \
    "runpy.run_path(sys.argv[0], run_name='__main__')"  # fmt: skip


def shown_values(notebook: nbformat.NotebookNode) -> list[str]:
    """The values that cells ended with, pictures apart."""
    return [
        output.data["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "execute_result" and " at 0x" not in output.data["text/plain"]
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_script_of_a_notebook_gives_every_value_again(path: Path, folder: Path):
    shutil.copy(path, folder)
    notebook = nbformat.read(folder / path.name, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    nbformat.write(notebook, folder / path.name)
    done = export(folder / path.name, folder / "a_script.py", verify=True)
    unequal = [each for each in done.verification.values if each.likeness != "equal"]
    assert unequal == []
    assert len(done.verification.values) >= 5
    assert done.source == PipelineExporter().from_filename(str(folder / path.name))[0]
    alone = [sys.executable, "-c", WITHOUT_IPYTHON, "a_script.py", "--no-cache", "--no-store", "--quiet"]
    ran = subprocess.run(alone, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    place = 0
    for value in shown_values(notebook):
        place = ran.stdout.find(value, place)
        assert place >= 0, value


def test_there_are_sixteen_notebooks():
    assert len(NOTEBOOKS) == 16
