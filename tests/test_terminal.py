"""`jupyter mlops` in a terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mlops_nb
from mlops_nb import commands
from mlops_nb.terminal import main

BESIDE_PYTHON = str(Path(sys.executable).parent)


def jupyter(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{BESIDE_PYTHON}:{os.environ['PATH']}"}
    return subprocess.run(["jupyter", "mlops", *words], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def two_runs(folder):
    for scale in (1, 2):
        with mlops_nb.run("scaled", tags={"kind": "test"}) as run:
            run.log_params({"scale": scale})
            run.log_metrics({"accuracy": scale / 4})
    return folder


def test_jupyter_finds_the_command(two_runs):
    done = jupyter("runs")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("2 runs. scaled (run 2) has the highest accuracy: 0.500.")


def test_output_is_text_of_eighty_columns_without_control_characters(two_runs, capsys):
    for words in (["runs"], ["show", "1"], ["compare", "1", "2"], ["status"]):
        assert main(words) == 0
        text = capsys.readouterr().out
        assert max(map(len, text.split("\n"))) <= 80
        assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)


def test_as_many_runs_are_listed_as_were_asked_for(folder, capsys):
    for _ in range(60):
        with mlops_nb.run("many"):
            pass
    for words, lines, more in (
        ([], 10, "+50 more: --limit 50"),
        (["--limit", "12"], 12, ""),
        (["--limit", "55"], 50, "+5 more: mlops_nb.runs()"),
    ):
        assert main(["runs", *words]) == 0
        text = capsys.readouterr().out
        assert (len(re.findall(r"^  many ", text, re.MULTILINE)), "more" in text) == (lines, bool(more))
        assert more in text


def test_json_is_the_whole_record(two_runs, capsys):
    assert main(["show", "scaled", "--json"]) == 0
    run = json.loads(capsys.readouterr().out)
    assert (run["id"], run["name"], run["status"], run["tags"]) == (2, "scaled", "FINISHED", {"kind": "test"})
    assert main(["runs", "--json", "--sort", "-accuracy", "--limit", "1"]) == 0
    assert [row["metrics"] for row in json.loads(capsys.readouterr().out)["rows"]] == [{"accuracy": 0.5}]
    assert main(["compare", "1", "2", "--json"]) == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)["params"]] == ["scale"]


def test_json_of_numbers_that_json_lacks_can_be_read_back(folder, capsys):
    with mlops_nb.run("odd") as run:
        run.log_metrics({"a": float("nan"), "b": float("inf")})
        run.log_params({"c": float("-inf")})
    assert main(["show", "odd", "--json"]) == 0

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    run = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert {each["name"]: each["value"] for each in run["metrics"]} == {"a": "nan", "b": "inf"}
    assert run["params"][0]["value"] == "-inf"


@pytest.mark.parametrize("words", [[], ["--help"], ["help"], ["-h"]])
def test_help_lists_every_command_of_the_terminal(words, capsys):
    assert main(words) == 0
    text = " ".join(capsys.readouterr().out.split())  # it is wrapped to 80 columns
    for command in commands.COMMANDS.values():
        assert (f"jupyter mlops {command.name} " in text) == ("terminal" in command.places)
        assert (command.summary in text) == ("terminal" in command.places)


@pytest.mark.parametrize("name", [name for name, each in commands.COMMANDS.items() if "terminal" in each.places])
def test_every_command_has_help_with_its_options_and_an_example(name, capsys):
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: jupyter mlops {name}")
    assert "examples:\n  " in text
    for option in commands.COMMANDS[name].options:
        assert option.name in text or option.metavar in text


def test_help_on_a_command_is_its_help(capsys):
    assert main(["help", "runs"]) == main(["runs", "--help"]) == 0
    first, second = capsys.readouterr().out.split("usage: ")[1:]
    assert first == second


def test_version_is_the_packages(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mlops_nb {mlops_nb.__version__}\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["rns"], 2, "there is no such command\n  try: jupyter mlops runs\n"),
        (["help", "rns"], 2, "there is no such command\n  try: jupyter mlops runs\n"),
        (["runs", "--lmit", "3"], 2, "unknown option --lmit; did you mean --limit?"),
        (["runs", "--limit", "many"], 2, "invalid int value: 'many'"),
        (["runs", "--limit", "0"], 1, "limit == 0"),
        (["runs", "--sort", "-acuracy"], 1, "acuracy"),
        (["show"], 2, "show: run is missing (its number, its id"),
        (["show", "scald"], 1, "no run is called 'scald'\n  try: jupyter mlops show scaled\n"),
        (["compare", "1"], 2, "compare: right is missing (another run)"),
        (["compare", "1", "9"], 1, "no run is called '9'"),
        (["export"], 2, "export needs a notebook to read\n  try: jupyter mlops export notebook.ipynb"),
        (["export", "missing.ipynb"], 1, "missing.ipynb"),
    ],
)
def test_mistake_is_two_lines_on_stderr_and_an_exit_code(two_runs, capsys, words, code, said):
    assert main(words) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 2
    assert "%mlops" not in err


@pytest.mark.parametrize(("words", "line"), [(["track", "on"], "%mlops track on"), (["run", "x"], "%%mlops run ")])
def test_command_of_a_notebook_says_what_to_type_there(folder, capsys, words, line):
    assert main(words) == 2
    assert f"works only in a notebook\n  try: {line}" in capsys.readouterr().err


def test_mistake_in_a_query_is_shown_under_its_place_and_the_fix_can_be_pasted_into_a_shell(two_runs, capsys):
    assert main(["runs", "metrics.acuracy > 0.4"]) == 2
    err = capsys.readouterr().err
    assert err.splitlines() == [
        "BadQuery: no run has a metric 'acuracy'; the nearest is metrics.accuracy",
        "    metrics.acuracy > 0.4",
        "    ^^^^^^^^^^^^^^^",
        "  try: jupyter mlops runs 'metrics.accuracy > 0.4'",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "mlops_nb.terminal", "runs", "metrics.accuracy > 0.4"], capture_output=True, text=True
    )
    assert done.stdout.startswith("1 run. scaled (run 2)")


def test_damaged_store_is_said_without_a_traceback(folder, capsys):
    (folder / ".mlops").mkdir()
    (folder / ".mlops" / "store.db").write_bytes(b"not a database at all" * 100)
    assert main(["runs"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "store.db" in err
    assert "Traceback" not in err


def test_closed_pipe_is_no_error(two_runs):
    environment = {**os.environ, "PATH": f"{BESIDE_PYTHON}:{os.environ['PATH']}"}
    command = "jupyter mlops show 1 --json | head -c 1"
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("{", "")


def test_closed_pipe_is_no_error_of_the_help(folder):
    environment = {**os.environ, "PATH": f"{BESIDE_PYTHON}:{os.environ['PATH']}"}
    command = "jupyter mlops --help | true"
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_interrupt_ends_with_130_and_one_line(folder):
    code = (
        "import sys, time\n"
        "from mlops_nb import commands, terminal\n"
        "command = commands.COMMANDS['status']\n"
        "def slow(options, context):\n"
        "    print('began', flush=True)\n"
        "    time.sleep(30)\n"
        "from dataclasses import replace\n"
        "commands.COMMANDS['status'] = replace(command, answer=slow)\n"
        "sys.exit(terminal.main(['status']))\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert child.stdout.readline() == "began\n"
    time.sleep(0.2)
    os.kill(child.pid, signal.SIGINT)
    _, err = child.communicate(timeout=20)
    assert (child.returncode, err) == (130, "interrupted\n")


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from mlops_nb import terminal; terminal.main(['--help'])\n"
        "heavy = {'pandas', 'numpy', 'IPython', 'plotly', 'ipywidgets', 'sqlite_utils', 'nbformat', 'traitlets'}\n"
        "print(*(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == "\n"
