"""Export end to end: from a kernel, a terminal and nbconvert; run, and proved against the captured runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from mlops_nb.errors import BadArgument, MlopsError
from mlops_nb.notebook.service import export
from mlops_nb.store import open_store
from mlops_nb.terminal import main
from mlops_nb.tracking import service

CELLS = {
    "md 1": "# Numbers\n\nHow many are even?",
    "load": "%load_ext mlops_nb\nimport random",
    "parameters": "n_rows = 40  # numbers to draw\nseed = 7",
    "md 2": "## Draw the numbers",
    "draw": "random.seed(seed)\nnumbers = [random.randrange(100) for _ in range(n_rows)]",
    "md 3": "## Count the even ones",
    "count": "%%mlops run count --param n_rows --metric share\neven = [each for each in numbers if each % 2 == 0]\n"
    "share = len(even) / n_rows\nprint(f'{share:.2f}')",
    "export": "%mlops export pipeline.py --verify",
}


def written(folder: Path, cells: dict[str, str] = CELLS, name: str = "numbers_study.ipynb") -> Path:
    notebook = nbformat.v4.new_notebook()
    for position, (key, source) in enumerate(cells.items()):
        make = nbformat.v4.new_markdown_cell if key.startswith("md") else nbformat.v4.new_code_cell
        metadata = {"tags": ["parameters"]} if key == "parameters" else {}
        notebook.cells.append(make(source, id=f"cell-{position}", metadata=metadata))
    nbformat.write(notebook, folder / name)
    return folder / name


def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook run in a real kernel, and saved."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=120, resources=resources, store_widget_state=False).execute()
    nbformat.write(notebook, path)
    return notebook


def shown(notebook: nbformat.NotebookNode, beginning: str) -> str:
    (cell,) = [cell for cell in notebook.cells if cell.source.startswith(beginning)]
    return "\n".join(out.get("text") or out.get("data", {}).get("text/plain", "") for out in cell.outputs)


def terminal(*words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        words, cwd=folder, env={**os.environ, "PATH": path, **environment}, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A folder with a notebook that ran, captured a run, exported and proved itself."""
    folder = tmp_path_factory.mktemp("study")
    executed(written(folder))
    return folder


def test_kernel_terminal_and_nbconvert_write_the_same_script(study, tmp_path):
    in_kernel = (study / "pipeline.py").read_bytes()
    done = terminal("jupyter", "mlops", "export", "numbers_study.ipynb", "-o", str(tmp_path / "a.py"), folder=study)
    assert done.returncode == 0, done.stderr
    done = terminal("jupyter", "nbconvert", "--to", "mlops_pipeline", "numbers_study.ipynb", "--output-dir",
                    str(tmp_path), folder=study)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.py").read_bytes() == (tmp_path / "numbers_study.py").read_bytes() == in_kernel


def test_exported_script_is_formatted_and_passes_ruff(study):
    for command in (["format", "--check"], ["check"], ["check", "--select", "E,F,I,UP,B", "--ignore", "UP009"]):
        done = terminal(sys.executable, "-m", "ruff", *command, "--isolated", "--line-length", "119", "pipeline.py",
                        folder=study)  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_export_in_a_kernel_verifies_against_the_captured_run(study):
    text = shown(nbformat.read(study / "numbers_study.ipynb", as_version=4), "%mlops export")
    assert "✓ Verified: 1 metric and 1 value equal to the notebook's" in text
    run = service.show("numbers_study", store=open_store(study))
    assert (run.kind, run.tags["verified"]) == ("pipeline", "equal")


def test_exported_script_runs_with_its_options_and_records_itself(study):
    script = [sys.executable, "pipeline.py"]
    assert "--n-rows" in terminal(*script, "--help", folder=study).stdout
    assert "numbers to draw (default: 40)" in " ".join(terminal(*script, "--help", folder=study).stdout.split())
    assert "draw_numbers  n_rows, seed -> numbers" in terminal(*script, "--list", folder=study).stdout
    assert "n_rows = 9" in terminal(*script, "--plan", "--n-rows", "9", folder=study).stdout
    done = terminal(*script, "--n-rows", "9", "--json", folder=study)
    result = json.loads(done.stdout.strip().splitlines()[-1])
    run = service.show(result["id"], store=open_store(study))
    assert {each.name: each.value for each in run.params} == {"n_rows": 9, "seed": 7}
    steps = [service.show(child, store=open_store(study)) for child in run.children]
    assert [(each.name, each.kind) for each in steps] == [("draw_numbers", "step"), ("count", "step")]
    assert result["metrics"]["share"] == steps[-1].metrics[0].value


def test_captured_cell_with_await_is_a_step_with_its_metrics(folder):
    cells = {
        "load": "%load_ext mlops_nb\nimport asyncio",
        "two": "%%mlops run waits --metric score --metric loss\nawait asyncio.sleep(0)\nscore = 0.5\nloss = 2.0",
        "one": "%%mlops run later --metric score\nawait asyncio.sleep(0)\nscore = score / 2",
        "export": "%mlops export pipeline.py --verify",
    }
    assert "✓ Verified: 3 metrics equal" in shown(executed(written(folder, cells)), "%mlops export")


def test_run_out_of_order_is_found_by_verification(folder, capsys):
    cells = {
        **CELLS,
        "draw": CELLS["draw"] + "\nn_rows = 80",
        "export": "print('captured with 80, exported with 40')",
    }
    path = written(folder, cells)
    executed(path)
    changed = nbformat.read(path, as_version=4)
    changed.cells[4].source = CELLS["draw"]
    nbformat.write(changed, path)
    assert main(["export", str(path), "-o", "pipeline.py", "--verify"]) == 1
    out = capsys.readouterr().out
    assert "✗ Not the same: 2 of 1 metric and 2 values differ" in out
    assert "✗" in next(line for line in out.splitlines() if "share" in line)
    assert service.show("numbers_study").tags["verified"] == "different"


def test_unseeded_chance_is_found_by_verification(folder):
    draw, count = CELLS["draw"].replace("random.seed(seed)\n", ""), CELLS["count"]
    count = count.replace("/ n_rows", "/ n_rows + random.random()")  # forty numbers have the same share often enough
    path = written(folder, {**CELLS, "draw": draw, "count": count, "export": "1"})
    executed(path)
    found = export(path, "pipeline.py", verify=True).verification
    assert not found.is_equal
    assert [(each.run, each.metric, each.equal) for each in found.checks] == [("count", "share", False)]


def test_metric_that_is_nan_on_both_sides_is_equal(folder):
    executed(written(folder, {"load": "%load_ext mlops_nb", "run": "%%mlops run odd --metric x\nx = float('nan')"}))
    assert export("numbers_study.ipynb", "pipeline.py", verify=True).verification.is_equal


def test_nothing_captured_is_no_success(folder, capsys):
    written(folder, {"plain": "x = 1"})
    assert main(["export", "numbers_study.ipynb", "--verify"]) == 1
    assert "Not verified: there was nothing to compare" in capsys.readouterr().out


def test_cell_changed_since_its_run_is_said(folder):
    path = written(folder, {**CELLS, "export": "1"})
    executed(path)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[6].source += "\nprint('more')"
    nbformat.write(notebook, path)
    warnings = " ".join(export(path, "pipeline.py", verify=True).warnings)
    assert "captured from an earlier text of cell 7: run the cell again first" in warnings


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise ValueError('no such luck')", "ValueError: no such luck"),
        ("input('name? ')", "EOFError"),
        ("import sys\nsys.exit(3)", "failed"),
        ("import os\nos._exit(0)", "ended without its result"),
    ],
)
def test_script_that_does_not_end_is_reported_with_its_last_lines(folder, capsys, source, said):
    written(folder, {"load": "%load_ext mlops_nb", "run": f"%%mlops run a --metric x\nx = 1\n{source}"})
    assert main(["export", "numbers_study.ipynb", "--verify"]) == 1
    assert said in capsys.readouterr().err


def test_interrupt_while_verifying_ends_the_script_too(folder):
    path = written(folder, {"run": "%%mlops run slow --metric x\nimport time\nopen('began', 'w').close()\n"
                            "time.sleep(60)\nx = 1"})  # fmt: skip
    command = [sys.executable, "-m", "mlops_nb.terminal", "export", path.name, "--verify"]
    child = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not (folder / "began").exists():
        assert child.poll() is None, child.stderr.read()
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert (child.returncode, err.splitlines()[-1]) == (130, "interrupted")
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)
    assert {row.status for row in service.runs().rows} <= {"INTERRUPTED", "KILLED"}


def old_notebook(folder: Path) -> None:
    cells = [{"cell_type": "code", "input": "x = 1", "language": "python", "outputs": [], "metadata": {}}]
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells, "metadata": {}}]}
    (folder / "old.ipynb").write_text(json.dumps(old))


def test_notebook_of_format_3_is_read(folder):
    old_notebook(folder)
    assert "x = 1" in export("old.ipynb").source


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.ipynb", None, "missing.ipynb"),
        ("words.ipynb", "not JSON", "words.ipynb"),
        ("list.ipynb", "[1, 2]", "list.ipynb"),
        ("future.ipynb", '{"nbformat": 9, "nbformat_minor": 0, "metadata": {}, "cells": []}', "future.ipynb"),
        ("empty.ipynb", '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}', "no code to export"),
        ("bytes.ipynb", b"\xff\xfe\x00\x01", "bytes.ipynb"),
    ],
)
def test_notebook_that_cannot_be_read_is_named_and_nothing_is_written(folder, capsys, name, content, said):
    if content is not None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["export", name, "-o", "pipeline.py"]) == 1
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err
    assert not (folder / "pipeline.py").exists()


def test_cell_that_is_no_python_is_named(folder):
    written(folder, {"good": "x = 1", "bad": "def f(:\n  pass"})
    with pytest.raises(MlopsError, match="cell 2"):
        export("numbers_study.ipynb")


@pytest.mark.parametrize("name", ["statistics.py", "random.py", "mlops_nb.py"])
def test_script_that_would_hide_a_module_is_refused(folder, name):
    written(folder)
    with pytest.raises(BadArgument, match="would be imported in place of"):
        export("numbers_study.ipynb", name)
    assert not (folder / name).exists()


def test_somebodys_own_file_is_never_overwritten_unasked(folder):
    written(folder)
    (folder / "mine.py").write_text("print('mine')\n")
    with pytest.raises(BadArgument, match="was not exported by mlops_nb"):
        export("numbers_study.ipynb", "mine.py")
    assert (folder / "mine.py").read_text() == "print('mine')\n"
    export("numbers_study.ipynb", "mine.py", force=True)
    export("numbers_study.ipynb", "mine.py")
    assert "Exported from numbers_study.ipynb" in (folder / "mine.py").read_text()


@pytest.mark.parametrize("target", ["a_folder", "numbers_study.ipynb", "no/such/folder/x.py"])
def test_target_that_cannot_be_a_script_is_refused(folder, target):
    path = written(folder)
    (folder / "a_folder").mkdir()
    before = path.read_bytes()
    with pytest.raises(BadArgument):
        export(path, target)
    assert path.read_bytes() == before
    assert sorted(each.name for each in folder.iterdir()) == ["a_folder", "numbers_study.ipynb"]


def test_full_disk_leaves_the_earlier_script(folder, monkeypatch):
    written(folder)
    export("numbers_study.ipynb", "pipeline.py")
    before = (folder / "pipeline.py").read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)  # the real thing, a full device, is shown for the store
    with pytest.raises(BadArgument, match="No space left on device"):
        export("numbers_study.ipynb", "pipeline.py")
    assert (folder / "pipeline.py").read_bytes() == before
    assert len(list(folder.iterdir())) == 2


def test_sweep_is_made_again_by_the_script_and_its_best_trial_compared(folder):
    cells = {
        "load": "%load_ext mlops_nb",
        "sweep": "%%mlops sweep wide --param depth=3,5,4 --metric score\nscore = 1 / depth",
        "unnamed": "%%mlops sweep bare --param n=1,2\nfrom sklearn.metrics import accuracy_score\n"
        "print(accuracy_score([1, 2], [1, n]))",
        "after": "last = depth\nlast",
    }
    executed(written(folder, cells))
    done = export("numbers_study.ipynb", "pipeline.py", verify=True)
    assert done.verification.is_equal
    assert [(each.run, each.metric, each.script) for each in done.verification.checks] == [("wide", "score", 1 / 3)]
    assert any("sweep 'bare' is not compared" in warning for warning in done.warnings)
    swept = [service.show(each.id) for each in service.newest_runs("wide", kind="sweep")]
    assert [(len(each.children), bool(each.parent)) for each in swept] == [(3, True), (3, False)]


def test_sweep_that_measures_something_else_in_the_script_is_found(folder, capsys):
    cells = {
        "load": "%load_ext mlops_nb\nscale = 1",
        "sweep": "%%mlops sweep wide --param depth=3,5 --metric score\nscore = scale * depth",
        "scale": "scale = 2",
        "again": "%%mlops sweep wide --param depth=3,5 --metric score\nscore = scale * depth",
    }
    path = written(folder, cells)
    executed(path)
    notebook = nbformat.read(path, as_version=4)
    del notebook.cells[2:]
    nbformat.write(notebook, path)
    assert main(["export", path.name, "-o", "pipeline.py", "--verify"]) == 1
    assert "different" in capsys.readouterr().out


def test_metric_that_only_autolog_recorded_is_compared_with_the_scripts(folder):
    cells = {
        "load": "%load_ext mlops_nb\n%mlops autolog on\nfrom sklearn.dummy import DummyClassifier\n"
        "from sklearn.metrics import accuracy_score",
        "data": "X, y = [[1], [2], [3]], [0, 1, 1]",
        "fit": "%%mlops run dull\nmodel = DummyClassifier().fit(X, y)\naccuracy_score(y, model.predict(X))",
    }
    executed(written(folder, cells))
    done = export("numbers_study.ipynb", "pipeline.py", verify=True)
    assert [(one.run, one.metric, one.equal) for one in done.verification.checks] == [("dull", "accuracy_score", True)]
    assert not done.warnings


def test_cells_captured_by_one_name_are_each_compared(folder):
    cells = {
        "load": "%load_ext mlops_nb",
        "md": "# Two of a name",
        "first": "%%mlops run fit --metric accuracy\naccuracy = 0.5",
        "second": "%%mlops run fit --metric accuracy\naccuracy = 0.75",
    }
    path = written(folder, cells)
    executed(path)
    done = export(path, "pipeline.py", verify=True)
    checks = [(one.run, one.notebook, one.script, one.equal) for one in done.verification.checks]
    assert checks == [("fit (cell 3)", 0.5, 0.5, True), ("fit (cell 4)", 0.75, 0.75, True)]
    assert not [line for line in done.warnings if "compared" in line]
