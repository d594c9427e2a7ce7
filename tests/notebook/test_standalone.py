"""Standalone scripts need nothing of ours, run, and are proved like any other."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mlops_nb.errors import BadArgument
from mlops_nb.notebook.service import export, formatted_script
from tests.notebook.test_export import executed, written
from tests.notebook.test_script import notebook, parameters

ALONE = "import sys, runpy; sys.modules['mlops_nb'] = sys.modules['IPython'] = None; sys.argv = sys.argv[1:]; " \
    "runpy.run_path(sys.argv[0], run_name='__main__')"  # fmt: skip
CELLS = {
    "imports": "import random\nimport matplotlib.pyplot as plt\nfrom IPython.display import HTML, display",
    "parameters": "n_rows = 4  # rows\nflag = False\nnames = ['a']",
    "draw": "random.seed(3)\nnumbers = [random.randrange(9) for _ in range(n_rows)]\nnumbers",
    "markup": "display(HTML('<b>x</b>'))",
    "plot": "plt.plot(numbers)\nplt.show()",
    "quiet": "%%capture kept\nprint('quiet')",
    "wide": "{str(each): 'x' * 20 for each in range(9)}",
    "wait": "import asyncio\nawait asyncio.sleep(0)\nprint('waited')",
    "score": "accuracy = sum(numbers) / 10\nprint(f'{accuracy:.2f}', kept.stdout)",
}


def alone(folder, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ALONE, *words], cwd=folder, capture_output=True, text=True, check=False
    )


def test_standalone_script_runs_without_us_and_verifies(folder):
    path = written(folder, CELLS)
    executed(path)
    done = export(path, "alone.py", standalone=True, verify=True)
    assert "mlops_nb" not in done.source.replace("by mlops_nb.", "")
    assert done.verification.is_equal
    assert len(done.verification.values) == 5
    ran = alone(folder, "alone.py")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("[")
    assert ran.stdout.endswith("waited\n1.80 quiet\n\n")
    assert (folder / "plots").is_dir()
    more = alone(folder, "alone.py", "--n-rows", "2", "--flag", "--names", '["b"]')
    assert more.stdout.startswith("[")
    assert more.stdout != ran.stdout
    assert "rows (default: 4)" in alone(folder, "alone.py", "--help").stdout


def test_standalone_script_keeps_choices_and_ranges(folder):
    cell = parameters("n: Annotated[int, range(1, 9)] = 3\nkind = 'a'  # @param ['a', 'b']")
    source = formatted_script(notebook(cell, "print(n, kind)"), standalone=True).source
    (folder / "alone.py").write_text(source)
    assert alone(folder, "alone.py", "--n", "5", "--kind", "b").stdout == "5 b\n"
    assert "n must be between 1 and 8" in alone(folder, "alone.py", "--n", "9").stderr
    assert "invalid choice: 'c'" in alone(folder, "alone.py", "--kind", "c").stderr


SETTINGS = parameters(
    "n_rows = 4\nkind = 'a'  # @param ['a', 'b']\nflag = False\nnames = ['x']\ndepth: int | None = None"
)


def test_standalone_script_takes_parameters_from_a_file_the_environment_and_options_in_this_order(folder, monkeypatch):
    cell = "print(n_rows, kind, flag, names, depth)"
    (folder / "alone.py").write_text(formatted_script(notebook(SETTINGS, cell), standalone=True).source)
    (folder / "a.toml").write_text("n-rows = 5\nkind = 'b'\nnames = ['y']\n")
    (folder / "b.json").write_text('{"parameters": {"flag": true, "depth": 3}}')
    (folder / "c.yaml").write_text("n_rows: 6\n")
    assert alone(folder, "alone.py", "--config", "a.toml").stdout == "5 b False ['y'] None\n"
    assert alone(folder, "alone.py", "--config", "b.json").stdout == "4 a True ['x'] 3\n"
    assert alone(folder, "alone.py", "--config", "c.yaml").stdout == "6 a False ['x'] None\n"
    monkeypatch.setenv("FLIGHTS_N_ROWS", "7")
    monkeypatch.setenv("FLIGHTS_FLAG", "yes")
    assert alone(folder, "alone.py", "--config", "a.toml").stdout == "7 b True ['y'] None\n"
    assert alone(folder, "alone.py", "--config", "a.toml", "--n-rows", "8", "--no-flag").stdout.startswith("8 b False")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.toml", "n_row = 5", "a.toml sets 'n_row', which is no parameter; 'n_rows' is one"),
        ("a.json", '{"kind": "c"}', "invalid choice: 'c'"),
        ("a.json", "[", "a.json cannot be read"),
        ("a.yaml", "n_rows: [", "a.yaml cannot be read"),
        ("a.toml", "n_rows = 'x'", "argument --n-rows: invalid int value: 'x'"),
    ],
)
def test_standalone_script_refuses_a_wrong_file_of_parameters_in_words(folder, name, text, said):
    (folder / "alone.py").write_text(formatted_script(notebook(SETTINGS, "print(n_rows)"), standalone=True).source)
    (folder / name).write_text(text)
    ran = alone(folder, "alone.py", "--config", name)
    assert (ran.returncode, said in ran.stderr) == (2, True), ran.stderr
    assert "Traceback" not in ran.stderr


def test_parameters_that_are_called_as_options_of_the_script_have_others(folder):
    cell = parameters("config = 1\nhelp = 2")
    (folder / "alone.py").write_text(formatted_script(notebook(cell, "print(config, help)"), standalone=True).source)
    (folder / "a.json").write_text('{"config": 3, "help": 4}')
    assert alone(folder, "alone.py", "--config-value", "5", "--config-file", "a.json").stdout == "5 4\n"


def test_names_of_the_notebook_are_left_alone(folder):
    source = formatted_script(notebook("main = 3\nshow = 4\nmain + show", "options = main"), standalone=True).source
    (folder / "alone.py").write_text(source)
    assert alone(folder, "alone.py").stdout.startswith("7\n")


def test_cell_that_uses_us_cannot_be_standalone():
    with pytest.raises(BadArgument, match="a cell uses mlops_nb itself"):
        formatted_script(notebook("import mlops_nb\nmlops_nb.log(a=1)"), standalone=True)
