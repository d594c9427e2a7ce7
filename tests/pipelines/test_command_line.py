from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops_nb.store import open_store
from mlops_nb.tracking import service

SCRIPT = '''"""Numbers."""

import time
from typing import Annotated, Literal

from mlops_nb.pipelines import pipeline, show, step


@step
def load(n: int):
    """Read the data."""
    show(n)
    return list(range(n))


@step(metrics=("mean",))
def measure(data, mode):
    if mode == "wait":
        time.sleep(30)
    mean = sum(data) / len(data)
    return mean


@pipeline("numbers")
def numbers(
    n_rows: Annotated[int, "rows to read, 100 % of them", range(0, 51)] = 4,
    mode: Annotated[Literal["fast", "wait"], "how"] = "fast",
    flag: bool = False,
    list: str = "x",
):
    """Numbers about numbers."""
    data = load(n_rows)
    mean = measure(data, mode)
    return mean


if __name__ == "__main__":
    numbers.main()
'''


@pytest.fixture
def script(folder: Path) -> Path:
    path = folder / "count_numbers.py"
    path.write_text(SCRIPT)
    return path


def command(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True, check=False)


def test_help_says_types_defaults_help_choices_and_ranges(script: Path):
    done = command(script, "--help")
    assert done.returncode == 0
    for words in (
        "Numbers about numbers.", "--n-rows 0..50", "rows to read, 100 % of them (default: 4)",
        "--mode {fast,wait}", "--flag, --no-flag", "--list-value", "--plan", "--store FOLDER",
    ):  # fmt: skip
        assert words in done.stdout


def test_list_shows_what_each_step_takes_and_gives(script: Path, folder: Path):
    done = command(script, "--list")
    assert done.stdout.split("\n")[:3] == [
        "  1  load     n_rows -> data",
        "              Read the data.",
        "  2  measure  data, mode -> mean",
    ]
    assert not (folder / ".mlops").exists()


def test_plan_shows_parameters_and_steps_and_runs_nothing(script: Path, folder: Path):
    done = command(script, "--plan", "--n-rows", "7")
    assert command(script, "--dry-run", "--n-rows", "7").stdout == done.stdout
    assert "n_rows = 7" in done.stdout
    assert "1  load     run       nothing is kept here yet" in done.stdout
    assert "2  measure  run       load may give something else" in done.stdout
    assert not (folder / ".mlops").exists()


def test_parameter_called_dry_run_is_the_scripts_own(script: Path):
    script.write_text(script.read_text().replace("flag: bool", "dry_run: bool"))
    assert "--dry-run, --no-dry-run" in command(script, "--help").stdout
    assert "1  load     run " in command(script, "--plan").stdout


@pytest.mark.parametrize("option", ["--help", "--list", "--plan"])
def test_reader_that_has_read_enough_is_no_error(script: Path, option: str):
    for buffered in ("", "1"):
        piped = f"{{ sleep 1; {sys.executable} {script} {option}; echo exit $? >&2; }} | true"
        done = subprocess.run(piped, shell=True, env={**os.environ, "PYTHONUNBUFFERED": buffered}, capture_output=True,
                              text=True, check=False)  # fmt: skip
        assert done.stderr == "exit 0\n"


def test_run_records_itself_and_tells_on_stderr(script: Path, folder: Path):
    done = command(script, "--n-rows", "3")
    assert (done.returncode, done.stdout) == (0, "3\n")
    assert "[2/2] measure  ok" in done.stderr
    assert "numbers: finished in" in done.stderr
    run = service.show("numbers", store=open_store(folder))
    assert {each.name: each.value for each in run.params}["n_rows"] == 3
    assert {each.name: each.value for each in run.metrics} == {"mean": 1.0}


def test_json_is_the_last_line_of_stdout(script: Path):
    done = command(script, "--json", "--quiet")
    result = json.loads(done.stdout.strip().split("\n")[-1])
    assert (result["status"], result["metrics"], done.stderr) == ("FINISHED", {"mean": 1.5}, "")
    assert [step["name"] for step in result["steps"]] == ["load", "measure"]
    assert [step["verdict"] for step in json.loads(command(script, "--plan", "--json").stdout)["steps"]] == [
        "kept",
        "kept",
    ]
    assert json.loads(command(script, "--list", "--json").stdout)[0]["step"] == "load"


def test_store_option_and_no_store(script: Path, folder: Path):
    assert command(script, "--store", str(folder / "elsewhere"), "--quiet").returncode == 0
    assert (folder / "elsewhere" / "store.db").exists()
    done = command(script, "--no-store", "--json")
    assert json.loads(done.stdout.strip().split("\n")[-1])["id"] is None
    assert not (folder / ".mlops").exists()


def test_store_above_the_script_is_used_from_anywhere(script: Path, folder: Path, tmp_path: Path):
    subprocess.run([sys.executable, str(script), "--quiet"], cwd=tmp_path, check=True, capture_output=True)
    assert (folder / ".mlops" / "store.db").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--n-row", "3"], ["unknown option --n-row", "try: --n-rows"]),
        (["--n-rows", "x"], ["--n-rows 'x', must be of type int"]),
        (["--n-rows", "51"], ["n_rows == 51, must be between 0 and 50", "try: --n-rows 50"]),
        (["--mode", "wai"], ["must be one of fast, wait", "try: --mode wait"]),
        (["--n-rows"], ["expected one argument"]),
        (["word"], ["unexpected 'word'"]),
    ],
)
def test_bad_usage_is_two_lines_and_exit_code_2(script: Path, arguments: list[str], words: list[str]):
    done = command(script, *arguments)
    assert done.returncode == 2
    assert len(done.stderr.strip().split("\n")) == 2
    for each in words:
        assert each in done.stderr


def test_failing_step_is_named_with_the_users_traceback_and_exit_code_1(script: Path, folder: Path):
    done = command(script, "--n-rows", "0", "--json")
    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "mlops_nb" not in done.stderr.replace(str(script), "")
    assert (
        "step 'measure' (2 of 2) failed: correct it in count_numbers.py; python count_numbers.py --from measure goes on"
        in done.stderr
    )
    assert json.loads(done.stdout.strip().split("\n")[-1])["status"] == "FAILED"
    store = open_store(folder)
    assert [service.show(name, store=store).status for name in ("load", "measure", "numbers")] == [
        "FINISHED",
        "FAILED",
        "FAILED",
    ]


def test_interrupt_is_clean_and_exit_code_130(script: Path, folder: Path):
    process = subprocess.Popen(
        [sys.executable, str(script), "--mode", "wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stderr.readline()
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "step 'measure' (2 of 2) was interrupted" in told
    assert "Traceback" not in told
    assert service.show("numbers", store=open_store(folder)).status == "INTERRUPTED"
