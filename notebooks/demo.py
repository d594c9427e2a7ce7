"""`make demo`: the main job, headless, on real flights.

A real kernel runs a copy of quickstart.ipynb in the folder demo/. Its cells become runs, it exports itself and
proves the script; then the script runs once more with another parameter.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / "demo"
NOTEBOOK = "quickstart.ipynb"
SCRIPT = "late_flights.py"


def main() -> int:
    """Run the demonstration; 0 when the script gave the notebook's metrics."""
    began = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    shutil.copy(HERE / NOTEBOOK, FOLDER / NOTEBOOK)
    say(f"1  Running {NOTEBOOK} in a real kernel ...")
    run_notebook(FOLDER / NOTEBOOK)
    say(f"2  Exporting it as {SCRIPT} and proving the script in a fresh process ...")
    proved = mlops("export", NOTEBOOK, "-o", SCRIPT, "--verify")
    if proved:
        return proved
    say(f"3  Running the script with another parameter: python {SCRIPT} --max-iter 60")
    ran = subprocess.run([sys.executable, SCRIPT, "--max-iter", "60"], cwd=FOLDER, check=False).returncode
    if ran:
        return ran
    say("4  What the store holds now:")
    mlops("runs", "--limit", "12")
    say(f"Done in {time.monotonic() - began:.0f} s. Where to look next:\n{where_next()}")
    return 0


def where_next() -> str:
    """What there is to open and to type, for one who stands in the project's folder."""
    place, here = FOLDER.relative_to(HERE.parent), Path(sys.executable)
    python = here.relative_to(HERE.parent) if here.is_relative_to(HERE.parent) else "python"
    lines = {
        place / SCRIPT: "the exported pipeline",
        place / NOTEBOOK: "the notebook as it ran, panels in their static form",
        place / ".mlops/store.db": "every run, in plain SQLite",
        f"{python} {place / SCRIPT} --help": "its options",
        "make lab": "do it by hand in JupyterLab",
    }
    width = max(len(str(what)) for what in lines)
    return "\n".join(f"   {what!s:<{width}}  {why}" for what, why in lines.items())


def say(text: str) -> None:
    """Print a heading at once."""
    print(f"\n{text}", flush=True)


def mlops(*words: str) -> int:
    """Run `jupyter mlops ...` in the demo's folder."""
    return subprocess.run([sys.executable, "-m", "mlops_nb.terminal", *words], cwd=FOLDER, check=False).returncode


def run_notebook(path: Path) -> None:
    """Execute a notebook in place, telling each cell as it begins."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]

    def told(cell: nbformat.NotebookNode, cell_index: int) -> None:
        if cell.cell_type == "code":
            first = next((line for line in cell.source.splitlines() if line.strip()), "")
            print(f"   [{code.index(cell) + 1}/{len(code)}] {first[:90]}", flush=True)

    os.environ["JPY_SESSION_NAME"] = str(path)  # as a Jupyter server tells the kernel which notebook it runs
    client = NotebookClient(
        notebook,
        timeout=600,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],
        on_cell_start=told,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    nbformat.write(notebook, path)


if __name__ == "__main__":
    sys.exit(main())
