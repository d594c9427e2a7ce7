"""Runs as a file: what other tools read is what was recorded."""

from __future__ import annotations

import json
import sys

import pandas as pd
import pytest

import mlops_nb
from mlops_nb.terminal import main


@pytest.fixture
def some_runs(folder):
    for number, depth in enumerate((3, "deep", [1, 2], None, 10**30)):
        with mlops_nb.run("forest", tags={"team": "delays"}) as run:
            run.log_params({"depth": depth, "lr": number / 10})
            run.log(accuracy=float("nan") if number == 3 else number / 4)
    with mlops_nb.run("other"):
        pass
    return folder


def test_csv_holds_every_run_that_was_asked_for(some_runs, capsys):
    assert main(["runs", "forest", "-o", "runs.csv"]) == 0
    assert capsys.readouterr().out.startswith("Wrote 5 runs with ")
    frame = pd.read_csv("runs.csv", index_col="id")
    assert list(frame.index) == [5, 4, 3, 2, 1]
    assert frame["params.depth"].tolist()[2:] == ["[1, 2]", "deep", "3"]
    assert frame["metrics.accuracy"][2] == 0.25


def test_parquet_keeps_types_and_says_what_became_text(some_runs, capsys):
    assert main(["runs", "--output", "runs.parquet", "--sort", "started"]) == 0
    assert "several types: params.depth" in capsys.readouterr().out
    frame = pd.read_parquet("runs.parquet")
    assert frame["params.depth"].tolist()[:3] == ["3", "deep", "[1, 2]"]
    assert frame["params.lr"].dtype == "float64"
    assert str(frame["started"].dtype).startswith("datetime64")
    assert len(frame) == 6


def test_json_is_the_records(some_runs, capsys):
    assert main(["runs", "metrics.accuracy > 0.2", "-o", "runs.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == 3
    rows = json.loads((some_runs / "runs.json").read_text())
    assert [row["params"]["depth"] for row in rows] == [10**30, [1, 2], "deep"]
    assert main(["runs", "-o", "all.json"]) == 0
    rows = json.loads((some_runs / "all.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert len(rows) == 6


def test_no_run_is_written_as_no_row(some_runs):
    for name in ("none.csv", "none.json", "none.parquet"):
        assert main(["runs", "nothing-is-called-this", "-o", name]) == 0
    assert len(pd.read_csv("none.csv")) == len(pd.read_parquet("none.parquet")) == 0


def test_query_may_stand_before_and_after_the_file_in_a_notebook(shell, some_runs):
    for line in ("runs forest -o a.csv", "runs -o b.csv metrics.accuracy > 0.2", "runs -o c.csv"):
        shell.run_line_magic("mlops", line)
    assert [len(pd.read_csv(f"{name}.csv")) for name in "abc"] == [5, 3, 6]


@pytest.mark.parametrize(
    ("name", "said"),
    [("runs.xlsx", "its ending must be one of"), ("runs", "ending"), ("no/such/folder.csv", "cannot be written")],
)
def test_file_that_cannot_be_written_is_named(some_runs, capsys, name, said):
    assert main(["runs", "-o", name]) == 1
    assert said in capsys.readouterr().err
    assert not [path for path in some_runs.iterdir() if path.name.startswith(".runs")]


def test_parquet_without_pyarrow_names_the_extra(some_runs, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["runs", "-o", "runs.parquet"]) == 1
    assert "mlops-nb[parquet]" in capsys.readouterr().err
    assert not (some_runs / "runs.parquet").exists()
