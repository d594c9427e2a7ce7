"""A live panel follows the store: what another process writes shows without a click."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextvars import ContextVar

import pytest

import mlops_nb
from mlops_nb.panels.follow import Follower
from mlops_nb.panels.runs_live import LiveRuns
from mlops_nb.store import open_store
from mlops_nb.tracking.search.following import FollowedRuns

WRITER = """
import sys, mlops_nb
with mlops_nb.run("elsewhere") as run:
    print(run.id, flush=True)
    for line in sys.stdin:
        step, value = line.split()
        run.log(int(step), loss=float(value))
        print("logged", flush=True)
"""


class Writer:
    """Another process that logs to a run of its own when it is told to."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.run = int(self.process.stdout.readline())

    def log(self, step: int, value: float) -> None:
        self.process.stdin.write(f"{step} {value}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "logged\n"

    def end(self) -> None:
        self.process.stdin.close()
        assert self.process.wait() == 0
        self.process.stdout.close()


def a_panel():
    """A live panel over a connection of its own, looked at only when a test says so."""
    search = FollowedRuns(store=open_store())
    return LiveRuns(search.table(), search.apart())


@pytest.fixture
def panels(folder, wire):
    """Makes panels of a store with a finished run in it; each is closed in the end."""
    with mlops_nb.run("before") as run:
        run.log(loss=3.0)
    made = []

    def make():
        made.append(a_panel())
        return made[-1]

    yield make
    for panel in made:
        panel._search.close()


def cells(panel, run: int) -> str:
    return next(" ".join(row["cells"]) for row in panel.table.view["rows"] if row["id"] == run)


def test_runs_statuses_and_last_values_of_another_process_appear(panels):
    panel, writer = panels(), Writer()
    writer.log(1, 0.5)
    assert panel.look()
    assert "0.5" in cells(panel, writer.run)
    assert "running" in cells(panel, writer.run)
    writer.log(2, 0.25)
    assert panel.look()
    assert "0.25" in cells(panel, writer.run)
    writer.end()
    assert panel.look()
    assert "finished" in cells(panel, writer.run)
    assert panel.head.value.count("2 runs. elsewhere (run 2) has the lowest loss: 0.25") == 1


def test_a_run_that_begins_while_the_panel_is_made_appears(folder, wire):
    search = FollowedRuns(store=open_store())
    table, writer = search.table(), Writer()
    panel = LiveRuns(table, search.apart())
    assert panel.look()
    assert "running" in cells(panel, writer.run)
    writer.end()
    panel._search.close()


def test_panel_of_an_empty_store_shows_the_first_run_as_soon_as_there_is_one(folder, wire):
    panel = a_panel()
    assert "The first: %%mlops run NAME" in panel.head.value
    assert panel.table not in panel.box.children
    writer = Writer()
    writer.log(1, 0.5)
    assert panel.look()
    assert panel.table in panel.box.children
    assert "0.5" in cells(panel, writer.run)
    assert panel.head.value.count("1 run.") == 1
    writer.end()
    panel._search.close()


def test_the_curve_of_an_open_run_grows_and_the_rest_follows_when_it_ends(panels):
    panel, writer = panels(), Writer()
    for step in range(3):
        writer.log(step, 1 / (step + 1))
    panel.look()
    panel.table._handle_custom_msg({"do": "open", "id": writer.run}, [])
    before, rest = panel.growing.value, panel.detail.value
    assert "<path" in before
    for step in range(3, 6):
        writer.log(step, 1 / (step + 1))
    panel.look()
    assert panel.growing.value.count(" ") > before.count(" ")
    assert '<td class="mp-right">6</td>' in panel.growing.value
    assert panel.detail.value == rest
    writer.end()
    panel.look()
    assert "finished" in panel.growing.value
    assert panel.detail.value != rest


def test_the_newest_run_that_logs_a_series_is_drawn_until_another_is_opened(panels):
    panel, writer = panels(), Writer()
    writer.log(0, 0.5)
    panel.look()
    assert (panel.watched, panel.growing.value) == (None, "")
    writer.log(1, 0.25)
    panel.look()
    assert f"(run {writer.run})" in panel.growing.value
    assert panel.table.view["said"].endswith(f"run {writer.run}, the newest that logs a series, is drawn below")
    panel.table._handle_custom_msg({"do": "open", "id": 1}, [])
    writer.log(2, 0.125)
    panel.look()
    assert "(run 1)" in panel.growing.value
    writer.end()


def test_the_curves_of_compared_runs_grow_over_each_other(panels):
    with mlops_nb.run("reference") as run:
        for step in range(5):
            run.log(step, loss=1 / (step + 1))
    panel, writer = panels(), Writer()
    writer.log(0, 2.0)
    writer.log(1, 1.0)
    panel.look()
    for number in (run.id, writer.run):
        panel.table._handle_custom_msg({"do": "tick", "id": number, "on": True}, [])
    before = panel.growing.value
    assert f"run {writer.run} 1" in before
    writer.log(2, 0.125)
    panel.look()
    assert f"run {writer.run} 0.125" in panel.growing.value
    assert panel.compared == (run.id, writer.run)
    writer.end()


def test_nothing_is_sent_and_nothing_read_while_nothing_is_written(panels, wire, monkeypatch):
    panel = panels()
    panel.look()
    sent = len(wire)
    monkeypatch.setattr(panel._search, "table", lambda: pytest.fail("the runs were read again"))
    for _ in range(5):
        assert panel.look()
    assert len(wire) == sent


def test_filter_sort_page_ticks_and_the_open_run_survive_an_update(panels):
    for k in range(25):
        with mlops_nb.run(f"m{k}") as run:
            run.log_params({"k": k})
            run.log(loss=k)
    panel = panels()
    panel.filter.value = "m"
    for message in (
        {"do": "sort", "key": "metrics.loss"},
        {"do": "page", "page": 1},
        {"do": "tick", "id": 5, "on": True},
        {"do": "open", "id": 7},
    ):
        panel.table._handle_custom_msg(message, [])
    before = {**panel.table.view}
    writer = Writer()
    writer.log(1, 5.5)
    panel.look()
    after = panel.table.view
    assert {key: after[key] for key in ("sort", "page", "ticked", "open")} == {
        key: before[key] for key in ("sort", "page", "ticked", "open")
    }
    assert [row["id"] for row in after["rows"]] == [row["id"] for row in before["rows"]]
    assert panel.filter.value == "m"
    writer.end()


def test_two_panels_agree(panels):
    left, right, writer = panels(), panels(), Writer()
    writer.log(1, 0.5)
    assert left.look()
    assert right.look()
    assert cells(left, writer.run) == cells(right, writer.run)
    writer.end()


def test_what_the_same_kernel_logs_shows_too(panels):
    panel = panels()
    with mlops_nb.run("here") as run:
        run.log(1, loss=0.25)
        panel.look()
        assert "0.25" in cells(panel, run.id)


def test_an_update_is_small(panels, wire):
    for k in range(200):
        with mlops_nb.run(f"m{k}") as run:
            run.log_params({"depth": k % 7, "rate": k / 3, "kind": "abc"[k % 3]})
            run.log_metrics({"loss": k / 7, "accuracy": 1 / (k + 1)})
    panel = panels()
    with mlops_nb.run("long") as run:
        for step in range(2000):
            run.log_metrics({"loss": (step * 7919) % 1000, "accuracy": (step * 104729) % 997}, step)
        panel.look()
        panel.table._handle_custom_msg({"do": "open", "id": run.id}, [])
        sent = len(wire)
        run.log_metrics({"loss": 1.0, "accuracy": 2.0}, 2001)
        panel.look()
        messages = [len(message) for message, _ in wire[sent:]]
    assert 0 < max(messages) < 20_000
    assert sum(messages) < 40_000


def test_a_store_that_was_removed_ends_it_with_a_word(panels, folder):
    import shutil

    panel = panels()
    shutil.rmtree(folder / ".mlops")
    assert not panel.look()
    assert "was removed" in panel.mistake.value


def test_a_fault_of_ours_is_said_and_the_panel_goes_on(panels, monkeypatch):
    panel = panels()
    with mlops_nb.run("more"):
        pass
    with monkeypatch.context() as broken:
        broken.setattr(panel, "_plot", lambda: 1 / 0)
        assert panel.look()
    assert "ZeroDivisionError" in panel.mistake.value
    with mlops_nb.run("again"):
        pass
    assert panel.look()
    assert panel.mistake.value == ""


def test_a_panel_that_was_closed_is_left(panels):
    panel = panels()
    panel.table.close()
    assert not panel.look()


# the thread


def wait_for(condition) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_the_thread_ends_with_the_last_panel_and_begins_again_with_the_next():
    follower, calls = Follower(pause_seconds=0.01), []

    def once() -> bool:
        calls.append(threading.current_thread().name)
        return False

    follower.follow(once)
    wait_for(lambda: not follower.is_going)
    assert len(calls) == 1
    follower.follow(once)
    wait_for(lambda: len(calls) == 2)
    follower.stop()


def test_a_stopped_follower_calls_nobody():
    follower, calls = Follower(pause_seconds=0.01), []

    def look() -> bool:
        calls.append(1)
        return True

    follower.follow(look)
    wait_for(lambda: len(calls) > 2)
    follower.stop()
    count = len(calls)
    assert not follower.is_going
    time.sleep(0.05)
    assert len(calls) == count


def test_what_a_panel_sends_belongs_to_the_cell_that_showed_it():
    cell: ContextVar[str] = ContextVar("cell")
    follower, seen = Follower(pause_seconds=0.01), []

    def look() -> bool:
        seen.append(cell.get())
        return len(seen) < 3

    cell.set("the panel's")
    follower.follow(look)
    cell.set("a later one")
    wait_for(lambda: len(seen) == 3)
    assert set(seen) == {"the panel's"}
    follower.stop()


def test_a_panel_that_nobody_sees_is_followed_no_more_until_somebody_does(panels):
    from mlops_nb.panels.follow import follower

    panel = panels()
    follower.stop()
    for do, view, is_followed in (("seen", "a", True), ("seen", "b", True), ("gone", "a", True), ("gone", "b", False)):
        panel.table._handle_custom_msg({"do": do, "view": view}, [])
        assert (panel.look in follower._looks) == is_followed
    follower.stop()


def test_unloading_the_extension_stops_the_thread(panels):
    from IPython.core.interactiveshell import InteractiveShell

    from mlops_nb.notebook import magics
    from mlops_nb.panels.follow import follower

    panel = panels()
    follower.follow(panel.look)
    assert follower.is_going
    magics.unload(InteractiveShell())
    assert not follower.is_going
