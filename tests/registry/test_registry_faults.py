"""The registry under faults: a kill in the middle, two at once, bytes that were changed, an unreadable disk."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest
from sklearn.linear_model import LinearRegression

import mlops_nb
from mlops_nb import terminal
from mlops_nb.errors import StoreIsDamaged, StoreUnavailable
from mlops_nb.registry import moving, service
from mlops_nb.registry.log import sealed
from mlops_nb.store import blobs, close_stores, open_store
from mlops_nb.store import registry as rows

DATA = [[0.0], [1.0]]


def versions(count: int) -> None:
    with mlops_nb.run("line"):
        model = LinearRegression().fit(DATA, [0.0, 1.0])
    for _ in range(count):
        mlops_nb.register(model, "late-flight", example=DATA)


def stages() -> dict[int, str]:
    return {one.number: one.stage for one in mlops_nb.registry.model("late-flight").versions}


def start(code: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def forge(sql: str, *values: object) -> None:
    """Change the file behind the store's back, as somebody with an editor would: the triggers go first."""
    path = open_store().path
    close_stores()
    writer = sqlite3.connect(path)
    for (name,) in writer.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        writer.execute(f"DROP TRIGGER {name}")
    writer.execute(sql, values)
    writer.commit()
    writer.close()


# a kill

_DIES = """
import os, signal
import mlops_nb
from mlops_nb.registry import moving
from mlops_nb.store import database, registry

moment, count = {moment!r}, 0

def dies(function):
    def counted(*args, **kwargs):
        global count
        count += 1
        if moment == f"before event {{count}}":
            os.kill(os.getpid(), signal.SIGKILL)
        done = function(*args, **kwargs)
        if moment == f"after event {{count}}":
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    return counted

registry.add_event = dies(registry.add_event)
if moment == "before the commit":
    database.Transaction.__exit__ = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
if moment == "after the commit":
    moving._change = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)
{call}
"""

MOMENTS = ("before event 1", "after event 1", "before event 2", "after event 2", "before the commit")


@pytest.mark.parametrize("moment", [*MOMENTS, "after the commit"])
@pytest.mark.parametrize("call", ["mlops_nb.promote('late-flight/2')", "mlops_nb.rollback('late-flight')"])
def test_kill_in_the_middle_of_a_promotion_leaves_what_was_before_or_what_is_after(folder, moment, call):
    versions(2)
    mlops_nb.promote("late-flight/2") if "rollback" in call else None
    mlops_nb.promote("late-flight/1")
    before = stages()
    close_stores()
    process = start(_DIES.format(moment=moment, call=call))
    assert process.wait(60) == -signal.SIGKILL, process.stderr.read()
    process.communicate()
    after = {1: "Archived", 2: "Production"}
    assert stages() == (after if moment == "after the commit" else before)
    assert mlops_nb.verify_log().is_whole
    if moment != "after the commit":
        exec(call)
    assert stages() == after


@pytest.mark.parametrize("moment", [*MOMENTS, "after the commit"])
def test_kill_in_the_middle_of_a_registration_leaves_no_half_of_a_version(folder, moment):
    versions(1)
    close_stores()
    call = """
from sklearn.linear_model import LinearRegression
from mlops_nb.registry import registering
registering.version = moving._change
model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
mlops_nb.register(model, 'late-flight', example=[[0.5]], run=1, alias='champion')
"""
    process = start(_DIES.format(moment=moment, call=call))
    assert process.wait(60) == -signal.SIGKILL, process.stderr.read()
    process.communicate()
    model = mlops_nb.registry.model("late-flight")
    assert (len(model.versions), model.aliases) == ((2, {"champion": 2}) if moment == "after the commit" else (1, {}))
    assert mlops_nb.verify_log().is_whole
    versions(1)
    assert mlops_nb.registry.model("late-flight").versions[0].number == len(model.versions) + 1


def test_interrupt_in_a_promotion_comes_after_it(folder, monkeypatch):
    versions(1)
    add = moving.rows.add_event

    def interrupted(connection, event):
        os.kill(os.getpid(), signal.SIGINT)
        return add(connection, event)

    monkeypatch.setattr(moving.rows, "add_event", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mlops_nb.promote("late-flight/1")
    assert stages() == {1: "Production"}


# two at once

_PROMOTES = """
import sys
import mlops_nb
from mlops_nb.errors import StoreIsLocked
mlops_nb.registry.models()
print("ready", flush=True)
sys.stdin.readline()
waiting = [{numbers}]
while waiting:
    try:
        mlops_nb.promote(f"late-flight/{{waiting[0]}}", expect={expect})
        print("promoted", waiting.pop(0))
    except StoreIsLocked:  # nothing was done: once more
        pass
    except mlops_nb.MlopsError as error:
        print(type(error).__name__, waiting.pop(0))
"""


def together(*codes: str) -> list[list[str]]:
    """The lines that each process said, which all began at once."""
    processes = [start(code) for code in codes]
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate(timeout=120)[0].split("\n")[:-1] for process in processes]


def test_of_two_that_promote_at_once_over_the_same_version_one_is_refused(folder):
    versions(3)
    mlops_nb.promote("late-flight/1")
    close_stores()
    said = together(*(_PROMOTES.format(numbers=f"{number},", expect=1) for number in (2, 3)))
    assert sorted(line for lines in said for line in lines) in (
        ["ChangedMeanwhile 3", "promoted 2"],
        ["ChangedMeanwhile 2", "promoted 3"],
    )
    assert sorted(stages().values()) == ["Archived", "None", "Production"]


def test_two_processes_that_promote_many_times_leave_one_in_production_and_a_whole_log(folder):
    versions(40)
    close_stores()
    numbers = [range(1, 21), range(21, 41)]
    codes = [_PROMOTES.format(numbers=f"*{each!r},", expect=None) for each in numbers]
    said = together(*codes)
    assert {line for lines in said for line in lines} == {f"promoted {number}" for number in range(1, 41)}
    assert sorted(stages().values()) == ["Archived"] * 39 + ["Production"]
    assert mlops_nb.verify_log().is_whole
    in_production: set[int] = set()
    for event in mlops_nb.registry.model("late-flight").events:
        if event.kind == "stage":
            (in_production.add if event.now == "Production" else in_production.discard)(event.version)
            assert len(in_production) <= 1


def test_two_processes_that_register_at_once_get_numbers_of_their_own(folder):
    versions(1)
    close_stores()
    code = """
    import sys
    import mlops_nb
    from sklearn.linear_model import LinearRegression
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(10):
        print(mlops_nb.register(model, "late-flight", example=[[0.5]], run=1).number)
    """
    said = together(code, code)
    assert sorted(int(line) for lines in said for line in lines) == list(range(2, 22))
    assert mlops_nb.verify_log().is_whole


# what was changed


def flipped(path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_flipped_byte_of_a_file_is_refused_by_name_everywhere(folder):
    versions(2)
    mlops_nb.promote("late-flight/1")
    store = open_store()
    for number in (1, 2):
        flipped(blobs.blob_path(store, service.version(f"late-flight/{number}").manifest.files[0].sha256))
    name = "model.skops of models:/late-flight/2"
    for call in (mlops_nb.load_model, mlops_nb.promote):
        with pytest.raises(StoreIsDamaged, match=f"the file of '{name}' was changed"):
            call("late-flight/2")
    assert stages() == {2: "None", 1: "Production"}
    faults = mlops_nb.verify_log().faults
    assert [fault.partition(" was")[0] for fault in faults] == [
        "the file of 'model.skops of late-flight/1'",
        "the file of 'model.skops of late-flight/2'",
    ]


def test_rollback_to_a_version_whose_file_is_gone_is_refused_and_changes_nothing(folder):
    versions(2)
    mlops_nb.promote("late-flight/1")
    mlops_nb.promote("late-flight/2")
    blobs.blob_path(open_store(), service.version("late-flight/1").manifest.files[0].sha256).unlink()
    with pytest.raises(StoreIsDamaged, match=r"model\.skops of models:/late-flight/1' is missing"):
        mlops_nb.rollback("late-flight")
    assert stages() == {2: "Production", 1: "Archived"}


def test_changed_manifest_is_refused_by_name_also_with_a_new_hash(folder):
    versions(1)
    forge("UPDATE model_versions SET manifest = replace(manifest, 'float64', 'float32')")
    for call in (mlops_nb.load_model, service.version, mlops_nb.promote):
        with pytest.raises(StoreIsDamaged, match="the manifest of late-flight/1 was changed"):
            call("late-flight/1")
    manifest = open_store().rows("SELECT manifest FROM model_versions")[0][0]
    forge("UPDATE model_versions SET sha256 = ?", service.manifest_hash(manifest))
    with pytest.raises(StoreIsDamaged, match="the manifest of late-flight/1 was changed"):
        mlops_nb.load_model("late-flight/1")
    assert mlops_nb.verify_log().faults == (
        "the manifest of late-flight/1 was changed after it was registered: it no longer has its hash",
    )


def test_changed_event_is_refused_by_its_number(folder, capsys):
    versions(2)
    mlops_nb.promote("late-flight/1", note="better")
    forge("UPDATE events SET note = 'worse' WHERE id = 3")
    assert mlops_nb.verify_log().faults == ("event 3 was changed after it was written: it no longer has its hash",)
    for call in (mlops_nb.load_model, mlops_nb.promote, mlops_nb.registry.version, mlops_nb.lineage):
        with pytest.raises(StoreIsDamaged, match="event 3, of late-flight, was changed after it was written"):
            call("late-flight/2")
    with pytest.raises(StoreIsDamaged, match="event 3, of late-flight"):
        mlops_nb.registry.models()
    assert terminal.main(["verify-log"]) == 1
    assert "event 3 was changed" in capsys.readouterr().out


@pytest.mark.parametrize("change", [{"now": "Heaven"}, {"kind": "alias", "now": "-1"}, {"kind": "wish"}])
def test_event_that_says_what_no_event_can_is_refused_though_its_hash_is_right(folder, change):
    versions(1)
    mlops_nb.promote("late-flight/1")
    event = replace(rows.events(open_store())[-1], **change)
    forge(
        "UPDATE events SET kind = ?, now = ?, sha256 = ? WHERE id = ?", event.kind, event.now, sealed(event), event.id
    )
    with pytest.raises(StoreIsDamaged, match="event 2, of late-flight, says what no event can"):
        mlops_nb.load_model("late-flight/1")


def test_log_that_was_cut_short_is_found(folder):
    versions(1)
    mlops_nb.promote("late-flight/1")
    head = mlops_nb.verify_log().head
    forge("DELETE FROM events WHERE id = 2")
    assert "the end of the log is cut" in mlops_nb.verify_log().faults[0]
    forge("DELETE FROM store_info WHERE name = 'events_head'")
    assert mlops_nb.verify_log(head=head).faults[-1].startswith("no event has the hash")


def test_version_that_no_event_registered_is_found(folder):
    versions(1)
    forge("INSERT INTO model_versions SELECT 'smuggled', 1, manifest, sha256 FROM model_versions")
    assert mlops_nb.verify_log().faults == ("smuggled/1 is in the store, but no event registered it",)


@pytest.mark.parametrize("table", ["events", "model_versions"])
@pytest.mark.parametrize("sql", ["UPDATE {} SET sha256 = ''", "DELETE FROM {}"])
def test_store_itself_refuses_to_change_what_is_never_changed(folder, table, sql):
    versions(1)
    store = open_store()
    with pytest.raises(StoreUnavailable, match="is never"), store.transaction() as connection:
        connection.execute(sql.format(table))
    assert mlops_nb.verify_log().is_whole


def test_full_disk_leaves_no_half_of_a_version(folder):
    versions(1)
    store = open_store()
    pages = store.rows("PRAGMA page_count")[0][0]
    store.rows(f"PRAGMA max_page_count = {pages}")
    with mlops_nb.run("line"):
        pass
    model = LinearRegression().fit(DATA, [0.0, 1.0])
    with pytest.raises(StoreUnavailable, match="full"):
        for _ in range(200):
            mlops_nb.register(model, "late-flight", example=DATA, run=1, note="x" * 4_000)
    store.rows("PRAGMA max_page_count = 1000000")
    found = mlops_nb.registry.model("late-flight")
    assert [one.number for one in found.versions] == list(range(len(found.versions), 0, -1))
    assert mlops_nb.verify_log().is_whole
