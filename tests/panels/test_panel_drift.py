"""The panel of a drift report, and the command that shows it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import mlops_nb
from mlops_nb.panels.drift import drift_panel
from mlops_nb.terminal import main


@pytest.fixture
def moved() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    one = pd.DataFrame({"temp": rng.normal(5, 4, 800), "origin": rng.choice(["EWR", "JFK"], 800)})
    other = pd.DataFrame({"temp": rng.normal(20, 4, 800), "origin": rng.choice(["EWR", "JFK"], 800)})
    return one, other


def test_verdict_stands_first_in_words_and_the_column_that_matters_most_above_the_others(moved):
    text = drift_panel(mlops_nb.drift(*moved)).text().splitlines()
    assert text[0].startswith("✗ 1 of 2 columns drifted; temp most (Kolmogorov-Smirnov distance 0.9")
    rows = [line for line in text if "✗" in line or "✓" in line][1:]
    assert [row.split()[0] for row in rows] == ["temp", "origin"]
    assert max(map(len, text)) <= 80


def test_nothing_that_drifted_is_said_in_one_sentence(moved):
    text = drift_panel(mlops_nb.drift(moved[0], moved[0])).text()
    assert text.startswith("✓ No drift in 2 columns.")


def test_panel_is_the_same_for_the_same_report(moved):
    report = mlops_nb.drift(*moved)
    assert drift_panel(report).html() == drift_panel(report).html()


def test_pictures_have_a_title_and_both_colours(moved):
    html = drift_panel(mlops_nb.drift(*moved)).html()
    assert "<title>temp: median " in html
    assert "#0072B2" in html
    assert "#E69F00" in html


def test_command_reads_files_prints_json_and_ends_with_one_on_drift(moved, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    moved[0].to_parquet("one.parquet")
    moved[1].to_csv("other.csv", index=False)
    assert main(["drift", "one.parquet", "other.csv", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert {each["name"]: each["verdict"] for each in found["columns"]} == {"temp": "drifted", "origin": "stable"}
    assert main(["drift", "one.parquet", "one.parquet", "--column", "temp"]) == 0


def test_command_of_a_notebook_takes_variables_and_offers_the_nearest(moved, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.user_ns.update(january=moved[0], june=moved[1])
    shell.run_line_magic("load_ext", "mlops_nb")
    try:
        shell.run_line_magic("mlops", "drift january june --column-threshold temp=0.9999")
        assert "No drift in 2 columns" in capsys.readouterr().out
        shell.run_cell("%mlops drift january jun")
        assert "try: june" in capsys.readouterr().out
    finally:
        shell.run_line_magic("unload_ext", "mlops_nb")
