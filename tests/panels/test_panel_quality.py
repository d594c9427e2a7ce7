"""The panel of data's quality, and the command that shows it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import mlops_nb
from mlops_nb.errors import BadArgument
from mlops_nb.panels import panel_of
from mlops_nb.panels.quality import quality_panel
from mlops_nb.terminal import main
from tests.panels.records import a_quality


@pytest.fixture
def two(folder):
    rng = np.random.default_rng(0)
    one, other = (pd.DataFrame({"km": rng.gamma(2, 100, 500), "carrier": rng.choice(["AA", "UA"], 500)}) for _ in "ab")
    one.to_csv("january.csv", index=False)
    other.assign(km=other.km * 1000).to_csv("june.csv", index=False)
    return one, other


def said(panel) -> str:
    return panel.text().replace("\n", " ")


def test_the_sentence_says_the_worst_and_the_table_every_finding(two):
    one, other = two
    other["carrier"] = other.carrier.where(np.arange(500) > 100)
    panel = panel_of(mlops_nb.quality(one, other.assign(km=other.km * 1000)))
    assert said(panel).startswith("✗ 2 alerts for DataFrame (500 rows, 2 columns): km: looks multiplied by 1,000")
    assert "20 % missing, in the reference 0 %" in said(panel)
    assert "looked at for" in panel.html()


def test_data_without_a_fault_is_said_to_have_none(two):
    assert said(panel_of(mlops_nb.quality(*two))).startswith("✓ No alert for DataFrame (500 rows, 2 columns) beside")
    assert "Alone, without a reference" in said(panel_of(mlops_nb.quality(two[0])))


def test_a_panel_of_many_findings_stays_small():
    panel = quality_panel(a_quality(alerts=5_000))
    assert len(panel.html().encode()) < 100_000
    assert "more: mlops_nb.quality(...).to_frame()" in panel.text()


def test_a_terminal_gets_json_and_an_exit_code_of_1_for_an_alert(two, capsys):
    assert main(["quality", "january.csv", "june.csv", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(one["column"], one["what"]) for one in found["findings"]] == [("km", "unit")]
    assert main(["quality", "january.csv"]) == 0
    assert main(["quality", "january.csv", "january.csv", "--key", "carrier", "--foreign", "carrier=june.csv"]) == 1
    assert "with a key that was there before" in capsys.readouterr().out


def test_a_schema_is_written_and_checked_by_the_command(two, capsys):
    assert main(["quality", "january.csv", "--write-schema", "flights.yaml"]) == 0
    assert main(["quality", "january.csv", "--schema", "flights.yaml"]) == 0
    assert main(["quality", "june.csv", "--schema", "flights.yaml"]) == 1
    assert "less_than_or_equal_to" in capsys.readouterr().out
    assert main(["quality", "january.csv", "--write-schema", "flights.yaml"]) == 1
    assert "is there already" in capsys.readouterr().err


def test_variables_are_called_by_their_names(two, shell, capsys):
    shell.user_ns |= {"january": two[0], "june": two[1].assign(km=1.0)}
    shell.run_line_magic("mlops", "quality january june")
    assert "✗ 3 alerts for june (500 rows, 2 columns): km: every value is 1" in capsys.readouterr().out.replace(
        "\n", " "
    )
    with pytest.raises(BadArgument, match="no variable, file"):
        mlops_nb.quality("januari", "june", namespace=shell.user_ns)
