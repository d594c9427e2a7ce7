"""The panel of a stream, and the command that shows it."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

import mlops_nb
from mlops_nb.errors import BadArgument, BadUsage
from mlops_nb.panels import panel_of
from mlops_nb.panels.watch import DRAWN, watch_panel
from mlops_nb.terminal import main
from tests.panels.records import a_watch

STEP = [0.0] * 1000 + [1.0] * 1000


def test_the_sentence_says_what_changed_and_where():
    found = mlops_nb.watch(STEP, name="latency")
    text = panel_of(found).text().replace("\n", " ")
    assert text.startswith(
        "✗ 1 change in latency: the mean went from 0 to 1.00 at about index 1,000 (detected at 1,023)."
    )
    assert "ADWIN (delta 0.002, clock 32" in text


def test_no_change_no_number_and_skipped_values_are_said():
    assert (
        watch_panel(mlops_nb.watch([1.0, None] * 50))
        .text()
        .startswith("✓ No change in the stream: 100 values, mean 1.")
    )
    said = watch_panel(mlops_nb.watch([1.0, None] * 50)).text().replace("\n", " ")
    assert "50 missing or infinite values skipped" in said
    empty = watch_panel(mlops_nb.watch([None], name="x"))
    assert empty.text().startswith("Nothing to watch: x has no number.")
    assert "<svg" not in empty.html()


def test_each_alarm_is_marked_in_the_picture_and_a_row_of_the_table():
    html = watch_panel(mlops_nb.watch([*STEP, *[0.0] * 1000], name="latency")).html()
    assert len(re.findall('stroke-dasharray="3 2"', html)) == 2
    assert html.count('<th scope="row">') == 2
    assert html.index(">2,0") < html.index(">1,023</th>")


def test_a_stream_with_many_alarms_stays_small_and_names_the_newest_first():
    panel = watch_panel(a_watch(alarms=5_000))
    assert len(panel.html().encode()) < 100_000
    assert panel.html().count('stroke-dasharray="3 2"') == DRAWN
    assert "earlier: mlops_nb.watch(...).alarms" in panel.text()


@pytest.fixture
def here(shell, folder):
    rng = np.random.default_rng(0)
    shell.user_ns["latency"] = STEP
    shell.user_ns["frame"] = pd.DataFrame({"ms": STEP, "late": (rng.random(2000) < 0.2).astype(int)})
    return shell


def watched(shell, line: str):
    return shell.run_line_magic("mlops", f"watch {line}")


def printed(capsys) -> str:
    return capsys.readouterr().out.replace("\n", " ")


def test_a_variable_a_column_a_file_and_a_runs_metric_are_watched(here, folder, capsys):
    watched(here, "latency")
    assert "1 change in latency" in printed(capsys)
    watched(here, "frame ms --detector page_hinkley --option threshold=20 --option mode=up")
    said = printed(capsys)
    assert "1 change in frame.ms" in said
    assert "threshold 20" in said
    assert "mode up" in said
    here.user_ns["frame"].to_csv("frame.csv", index=False)
    watched(here, "frame.csv late --detector ddm")
    assert "No change in frame.csv.late" in printed(capsys)
    with mlops_nb.run("training") as run:
        for value in STEP[700:1300]:
            run.log(loss=value, rate=0.1)
    watched(here, "training loss")
    assert "1 change in loss of training: the mean went from 0 to 1.00 at about index 300" in printed(capsys)


def test_what_cannot_be_watched_is_said_with_the_line_that_can(here, capsys):
    with mlops_nb.run("training") as run:
        for value in STEP[:40]:
            run.log(loss=value, rate=0.1)
    from mlops_nb.command_lines import parse
    from mlops_nb.commands import COMMANDS, Context

    def ask(line: str):
        return COMMANDS["watch"].answer(parse("watch", line), Context(namespace=here.user_ns))

    for line, error, said in (
        ("frame", BadUsage, "%mlops watch frame ms"),
        ("frame lat", BadUsage, "%mlops watch frame late"),
        ("training", BadArgument, "one metric must be named"),
        ("training los", BadArgument, "%mlops watch 1 loss"),
        ("trainin loss", mlops_nb.MlopsError, "no run is called 'trainin'"),
        ("latency --detector adwim", BadUsage, "did you mean adwin"),
        ("latency --option detla=1", BadArgument, "delta=..."),
        ("latency --option name=x", BadArgument, "no option 'name'"),
    ):
        with pytest.raises(error) as caught:
            ask(line)
        assert said in str(caught.value)


def test_a_terminal_gets_json_and_an_exit_code_of_1_for_a_change(folder, capsys):
    pd.DataFrame({"ms": STEP}).to_csv("step.csv", index=False)
    assert main(["watch", "step.csv", "ms", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [alarm["index"] for alarm in found["alarms"]] == [1023]
    pd.DataFrame({"ms": STEP[:900]}).to_csv("calm.csv", index=False)
    assert main(["watch", "calm.csv", "ms"]) == 0
    assert mlops_nb.watch(STEP[900:], state=found["state"]).first == 2000
