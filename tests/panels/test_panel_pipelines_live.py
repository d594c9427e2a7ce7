"""The live panel of a pipeline follows a script that runs in another process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlops_nb.panels.pipelines_live import LivePipelines
from mlops_nb.pipelines.history import FollowedPipelines
from mlops_nb.store import open_store
from tests.pipelines.scripts import ran, written

SLOW = """
import time
from pathlib import Path
from mlops_nb.pipelines import pipeline, step

@step
def load(n: int):
    data = list(range(n))
    print("read", len(data), "rows")
    return data

@step
def fit(data):
    epoch = 0
    while not Path("go on").exists():
        time.sleep(0.1)
        epoch += 1
        print("epoch", epoch, flush=True)
    model = sum(data) / len(data)
    return model

@step(metrics=("accuracy",))
def evaluate(model):
    accuracy = model / 10
    return accuracy

@pipeline("training")
def training(n: int = 4):
    data = load(n)
    model = fit(data)
    accuracy = evaluate(model)
    return accuracy

if __name__ == "__main__":
    training.main()
"""


@contextmanager
def going(folder: Path):
    """The script, in another process, until it is told to go on."""
    process = subprocess.Popen([sys.executable, str(written(folder, SLOW, "slow.py")), "--quiet"], cwd=folder)
    try:
        yield process
    finally:
        (folder / "go on").touch()
        process.wait()


@pytest.fixture
def panels(folder, wire):
    """Makes panels over connections of their own, looked at only when a test says so."""
    made = []

    def make(which: str | int | None = None) -> LivePipelines:
        source = FollowedPipelines(which, store=open_store())
        made.append(LivePipelines(source.history(which), source.apart()))
        return made[-1]

    yield make
    for panel in made:
        panel._pipelines.close()


def states(panel: LivePipelines) -> list[str]:
    return [row["cells"][1].split(" ")[0] for row in panel.steps.view["rows"]]


def look_until(panel: LivePipelines, condition) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, panel.steps.view
        assert panel.look()
        time.sleep(0.02)


def say(widget, **message) -> None:
    widget._handle_custom_msg(message, [])


def test_first_run_of_another_process_is_shown_step_by_step_until_it_ends(panels, folder):
    panel = panels()
    assert "%mlops export pipeline.py" in panel.head.value
    with going(folder):
        look_until(panel, lambda: panel.steps.view and states(panel) == ["✓", "▷", "○"])
        assert re.search(r"training \(run 1\): running( for .* s)?; 1 of 3 steps over; now fit\.", panel.head.value)
        assert panel.bar in panel.box.children
        assert (panel.bar.value, panel.bar.max) == (1, 3)
        assert panel.picture.svg.count("○ waits") == 1
    look_until(panel, lambda: states(panel) == ["✓", "✓", "✓"])
    assert "finished in" in panel.head.value
    assert panel.bar not in panel.box.children
    assert [row["cells"][0] for row in panel.past.view["rows"]] == ["run 1"]


def test_log_of_the_step_that_goes_on_grows(panels, folder):
    panel = panels()

    def last() -> int:
        return max(map(int, re.findall(r"epoch (\d+)", panel.detail.value)), default=0)

    with going(folder):
        look_until(panel, lambda: last() > 3)
        before = last()
        look_until(panel, lambda: last() > before + 15)
        assert panel.detail.value.count("epoch ") == 15
        assert "fit (run 3): ▷ running" in panel.detail.value
    look_until(panel, lambda: states(panel) == ["✓", "✓", "✓"])
    assert panel.detail.value == ""


def test_how_long_a_step_goes_on_is_told_while_nothing_is_written(panels, folder, monkeypatch):
    panel = panels()
    with going(folder):
        look_until(panel, lambda: panel.steps.view and states(panel) == ["✓", "▷", "○"])
        monkeypatch.setattr(panel._pipelines, "now", lambda: time.time() + 100)
        before = panel.picture.svg
        assert panel.look()
        assert "▷ running for 1 min" in panel.steps.view["rows"][1]["cells"][1]
        assert panel.picture.svg == before


def test_killed_script_is_seen_though_it_writes_nothing_any_more(panels, folder):
    panel = panels()
    with going(folder) as process:
        look_until(panel, lambda: panel.steps.view and states(panel) == ["✓", "▷", "○"])
        os.kill(process.pid, signal.SIGKILL)
        look_until(panel, lambda: states(panel) == ["✓", "⊘", "○"])
    assert "not reached" in panel.steps.view["rows"][2]["cells"][1]
    assert "--from fit" in panel.head.value


def test_step_is_opened_by_its_row_or_its_box_and_its_log_stands_below(panels, folder):
    ran(written(folder))
    panel = panels()
    steps = [row["id"] for row in panel.steps.view["rows"]]
    say(panel.steps, do="open", id=steps[1])
    assert "the mean is 5.0" in panel.detail.value
    assert panel.steps.view["open"] == steps[1]
    assert f'data-run="{steps[0]}"' in panel.picture.svg
    say(panel.picture, do="open", id=steps[0])
    assert "load (run 2): ✓ ran" in panel.detail.value
    assert "It printed nothing." in panel.detail.value
    assert panel.opened == 2


def test_failed_step_is_open_by_itself(panels, folder):
    script = written(folder)
    (folder / "numbers.txt").write_text("")
    ran(script)
    panel = panels()
    assert "ZeroDivisionError" in panel.detail.value
    assert "return total(data) / len(data)" in panel.detail.value


def test_earlier_run_stays_and_the_newest_is_followed(panels, folder):
    script = written(folder)
    for scale in ("2", "3"):
        ran(script, "--scale", scale)
    first, second = panels(), panels(1)
    assert "(run 5)" in first.head.value
    assert "(run 1)" in second.head.value
    assert second.past.view["said"] == "run 1 is shown; run 5 is the newest"
    say(first.past, do="open", id=1)
    ran(script, "--scale", "4")
    for panel in (first, second):
        assert panel.look()
        assert "(run 1)" in panel.head.value
    say(first.past, do="open", id=9)
    assert first.past.view["said"] == "run 9 is shown, and the next when it begins"
    ran(script, "--scale", "5")
    assert first.look()
    assert "(run 13)" in first.head.value


def test_other_pipeline_is_chosen_from_a_list(panels, folder):
    ran(written(folder))
    (folder / "go on").touch()
    ran(written(folder, SLOW, "slow.py"))
    panel = panels()
    assert panel.choice in panel.box.children
    assert [name for name, _ in panel.choice.options] == ["numbers", "training"]
    panel.choice.value = "numbers"
    assert "numbers (run 1)" in panel.head.value
    assert len(panel.steps.view["rows"]) == 3


def test_message_that_makes_no_sense_changes_nothing(panels, folder):
    ran(written(folder))
    panel = panels()
    before = panel.steps.view, panel.past.view, panel.head.value
    for message in (
        {},
        {"do": "open"},
        {"do": "open", "id": 99},
        {"do": "page", "page": None},
        {"do": "tick", "id": 1},
    ):
        say(panel.steps, **message)
    assert (panel.steps.view, panel.past.view, panel.head.value) == before


def test_store_that_is_gone_is_said_in_the_panel(panels, folder):
    import shutil

    ran(written(folder))
    panel = panels()
    shutil.rmtree(folder / ".mlops")
    assert not panel.look()
    assert "was removed" in panel.mistake.value
