"""Housekeeping: deleted until gc, collected without harm to anybody, backed up whole."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path

import pytest

import mlops_nb
from mlops_nb.errors import BadArgument, BadQuery, RunIsRunning, RunNotFound, StoreIsDamaged, StoreIsLocked
from mlops_nb.store import blobs, close_stores, open_store, texts
from mlops_nb.store import housekeeping as rows
from mlops_nb.store.sessions import session_id
from mlops_nb.terminal import main
from mlops_nb.tracking.executions import Execution, FileUse
from mlops_nb.tracking.housekeeping import service as housekeeping
from mlops_nb.tracking.service import record_executions

OLD = 100_000


def python(code: str, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ran(child: subprocess.Popen[str]) -> None:
    _, said = child.communicate()
    assert child.returncode == 0, said


def make(name: str, *, children: int = 0, artifact: object = None, source: str = "") -> int:
    with mlops_nb.run(name, source=source or f"code of {name}", tags={"kind": name}) as run:
        run.log_params({"depth": 3})
        for step in range(3):
            run.log(step, loss=step)
        if artifact is not None:
            run.log_artifact(artifact, "it")
        for number in range(children):
            with mlops_nb.run(f"{name}-{number}"):
                mlops_nb.log(x=number)
    assert run.id is not None
    return run.id


def listed() -> list[str]:
    return sorted(mlops_nb.runs(limit=None)["name"])


def blob_names() -> set[str]:
    return {path.name for path in (open_store().folder / "blobs").rglob("*") if path.is_file()}


def aged(*hashes: str) -> None:
    for sha256 in hashes or blob_names():
        os.utime(blobs.blob_path(open_store(), sha256), (time.time() - OLD,) * 2)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def assert_sound() -> None:
    store = open_store()
    assert store.rows("PRAGMA foreign_key_check") == []
    assert store.rows("PRAGMA integrity_check") == [("ok",)]
    texts.index_new(store)
    with store.transaction() as connection:
        for index in ("runs_text", "sources_text"):
            connection.execute(f"INSERT INTO {index} ({index}, rank) VALUES ('integrity-check', 1)")


# delete and restore


def test_deleted_run_is_gone_from_every_list_and_comes_back_whole(folder):
    number = make("forest", artifact={"a": 1})
    make("other")
    before = mlops_nb.show(number).to_dict()
    done = mlops_nb.delete("forest")
    assert ([one.name for one in done.runs], done.children) == (["forest"], ())
    assert listed() == ["other"]
    for ref in (number, "forest"):
        with pytest.raises(RunNotFound, match="is deleted") as refused:
            mlops_nb.show(ref)
        assert refused.value.fix == f"%mlops restore {number}"
    mlops_nb.restore("forest")
    assert mlops_nb.show(number).to_dict() == before


def test_parts_of_a_run_go_with_it_and_come_back_with_it(folder):
    number = make("sweep", children=3)
    done = mlops_nb.delete(number)
    assert [one.name for one in done.children] == ["sweep-0", "sweep-1", "sweep-2"]
    assert listed() == []
    mlops_nb.restore(number)
    assert listed() == ["sweep", "sweep-0", "sweep-1", "sweep-2"]


def test_part_that_was_deleted_by_itself_stays_deleted_when_its_whole_comes_back(folder):
    number = make("sweep", children=2)
    mlops_nb.delete("sweep-0")
    mlops_nb.delete(number)
    mlops_nb.restore(number)
    assert listed() == ["sweep", "sweep-1"]
    mlops_nb.restore("sweep-0")
    assert listed() == ["sweep", "sweep-0", "sweep-1"]


def test_part_of_a_deleted_run_is_not_brought_back_alone(folder):
    number = make("sweep", children=1)
    mlops_nb.delete(number)
    with pytest.raises(BadArgument, match=f"part of run {number}, which is deleted") as refused:
        mlops_nb.restore("sweep-0")
    assert refused.value.fix == f"%mlops restore {number}"
    mlops_nb.restore("sweep-0", number)
    assert listed() == ["sweep", "sweep-0"]


def test_running_run_is_not_deleted_nor_one_with_a_running_part(folder):
    make("over")
    with mlops_nb.run("going") as going, mlops_nb.run("part"):
        for ref in (going.id, "part"):
            with pytest.raises(RunIsRunning, match="nothing was deleted"):
                mlops_nb.delete("over", ref)
    assert listed() == ["going", "over", "part"]


def test_run_of_a_killed_kernel_can_be_deleted(folder):
    make("first")
    child = python(
        """
        import mlops_nb, os, time
        with mlops_nb.run("killed"):
            print("began", flush=True)
            time.sleep(60)
        """
    )
    child.stdout.readline()
    child.kill()
    child.communicate()
    mlops_nb.delete("killed")
    assert listed() == ["first"]


def test_all_runs_that_match_a_query_are_deleted_together(shell, folder):
    for number in range(4):
        with mlops_nb.run("forest") as run:
            run.log(accuracy=number / 4)
    make("other")
    shell.run_line_magic("mlops", 'delete other --where "metrics.accuracy < 0.5 and name = forest"')
    assert sorted(mlops_nb.runs(limit=None).index) == [3, 4]
    assert mlops_nb.delete(where="metrics.accuracy > 9").runs == ()
    with pytest.raises(BadQuery):
        mlops_nb.delete(where="metrics.acuracy < 1")
    assert len(mlops_nb.delete(where="forest").runs) == 2


def test_a_query_without_quotes_deletes_nothing_and_is_answered_with_the_line_to_type(shell, folder, capsys):
    make("forest")
    shell.run_cell("%mlops delete --where metrics.accuracy < 0.5")
    assert '%mlops delete --where "metrics.accuracy < 0.5"' in capsys.readouterr().out
    assert list(mlops_nb.runs().name) == ["forest"]


def test_unknown_and_unnamed_runs_are_refused(folder):
    make("forest")
    with pytest.raises(RunNotFound, match="no run is called 'forst'"):
        mlops_nb.delete("forst")
    with pytest.raises(BadArgument, match="which runs"):
        mlops_nb.delete()
    with pytest.raises(RunNotFound, match="no run is deleted"):
        mlops_nb.restore("forest")
    mlops_nb.delete("forest")
    with pytest.raises(RunNotFound) as refused:
        mlops_nb.restore("forst")
    assert refused.value.fix == "%mlops restore forest"


# gc


def test_gc_says_first_what_would_go_and_touches_nothing(folder):
    make("kept", artifact={"a": 1})
    make("gone", artifact={"b": 2}, children=1)
    mlops_nb.delete("gone")
    store = open_store()
    store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    before = digest(store.path), blob_names()
    plan = mlops_nb.gc()
    assert not plan.is_done
    assert {one.what: one.count for one in plan.waste}["deleted runs"] == 2
    assert {one.what: one.count for one in plan.waste}["files that no artifact refers to"] == 1
    assert plan.freed_bytes > 0
    assert (digest(store.path), blob_names()) == before
    mlops_nb.restore("gone")
    assert mlops_nb.load_artifact("gone", "it") == {"b": 2}


def test_gc_removes_deleted_runs_and_all_that_only_they_had(folder):
    make("kept", artifact={"shared": 1}, source="x = 1")
    make("twin", artifact={"shared": 1}, source="x = 1")
    make("gone", artifact={"own": 2}, source="y = 2", children=2)
    kept = mlops_nb.show("kept").to_dict()
    texts.index_new(open_store())
    mlops_nb.delete("gone", "twin")
    done = mlops_nb.gc(yes=True)
    assert done.is_done
    assert {one.what: one.count for one in done.waste}["deleted runs"] == 4
    assert mlops_nb.show("kept").to_dict() == kept
    assert mlops_nb.load_artifact("kept", "it") == {"shared": 1}
    assert len(blob_names()) == 1
    store = open_store()
    assert store.rows("SELECT name FROM runs") == [("kept",)]
    assert store.rows("SELECT text FROM sources") == [("x = 1",)]
    assert store.rows("SELECT count(*) FROM metric_points") == [(3,)]
    for table in ("params", "metrics", "tags", "artifacts"):
        assert store.rows(f"SELECT DISTINCT run_id FROM {table}") == [(1,)]
    texts.index_new(store)
    assert store.rows("SELECT rowid FROM sources_text WHERE sources_text MATCH 'y'") == []
    assert_sound()
    with pytest.raises(RunNotFound):
        mlops_nb.restore("gone")
    assert mlops_nb.gc().waste == ()


def test_what_was_collected_is_not_in_the_files_any_more(folder):
    make("kept")
    make("gone", source="password = 'hunter2-hunter2'", artifact={"token": "hunter2-hunter2"})
    mlops_nb.delete("gone")
    mlops_nb.gc(yes=True)
    close_stores()
    for path in (folder / ".mlops").rglob("*"):
        assert path.is_dir() or b"hunter2-hunter2" not in path.read_bytes(), path


def test_number_of_a_collected_run_never_comes_again(folder):
    mlops_nb.delete(make("gone"))
    mlops_nb.gc(yes=True)
    assert make("next") == 2


def test_every_table_that_refers_to_a_run_is_emptied_of_it(folder):
    number = make("gone")
    store = open_store()
    with store.transaction() as connection:
        connection.execute("CREATE TABLE later (run_id INTEGER REFERENCES runs)")
        connection.execute("INSERT INTO later VALUES (?)", [number])
        connection.execute("INSERT INTO remote_runs VALUES ('server', 'x', ?, '')", [number])
    mlops_nb.delete(number)
    mlops_nb.gc(yes=True)
    assert store.rows("SELECT count(*) FROM later") == store.rows("SELECT count(*) FROM remote_runs") == [(0,)]


def test_executed_cells_that_a_later_run_may_rest_on_stay(folder):
    def cell(source: str, *runs: int, files: tuple[FileUse, ...] = ()) -> None:
        record_executions([Execution(source, 0.0, 0.0, "FINISHED", files=files)], runs, open_store())

    first, second, third, fourth = (make(name) for name in ("first", "second", "third", "fourth"))
    cell("first cell", first)
    cell("only tracked")
    cell("second cell", second)
    cell("third cell", third)
    cell("wrote a file that another session may read", fourth, files=(FileUse("a.csv", is_written=True),))
    mlops_nb.delete(first, third, fourth)
    mlops_nb.gc(yes=True)
    found = open_store().rows("SELECT s.text FROM executions e JOIN sources s ON s.id = e.source_id ORDER BY e.id")
    assert [text for (text,) in found] == [
        *("first cell", "only tracked", "second cell"),
        "wrote a file that another session may read",
    ]


def test_file_whose_row_may_still_come_is_not_collected(folder):
    make("kept", artifact={"a": 1})
    store = open_store()
    with blobs.workplace(store) as place, blobs.adopted(store, [fresh := place.write(lambda file: file.write(b"x"))]):
        pass
    assert mlops_nb.gc(yes=True).notes
    assert fresh.sha256 in blob_names()
    with mlops_nb.run("going"):
        os.utime(blobs.blob_path(store, fresh.sha256), (time.time() + 1,) * 2)
        mlops_nb.gc(yes=True)
        assert fresh.sha256 in blob_names()
    aged(fresh.sha256)
    mlops_nb.gc(yes=True)
    assert fresh.sha256 not in blob_names()
    assert len(blob_names()) == 1


def test_what_a_dead_process_never_finished_is_collected_and_a_living_ones_not(folder):
    make("kept", artifact={"a": 1})
    store = open_store()
    dead = store.folder / "blobs" / "0123-4567.new"
    dead.mkdir()
    (dead / "1").write_bytes(b"half")
    with blobs.workplace(store) as place:
        place.write(lambda file: file.write(b"half"))
        mlops_nb.gc(yes=True)
        assert place.folder.exists()
    assert not dead.exists()


def test_locks_of_sessions_that_are_over_are_removed(folder):
    for _ in range(2):
        ran(python("import mlops_nb\nwith mlops_nb.run('elsewhere'): pass"))
    make("here")
    locks = open_store().folder / "sessions"
    assert len(list(locks.glob("*.lock"))) == 3
    mlops_nb.delete("elsewhere")
    mlops_nb.gc(yes=True)
    assert len(list(locks.glob("*.lock"))) == 1
    assert open_store().rows("SELECT count(*) FROM sessions") == [(2,)]
    make("still")


def test_database_becomes_smaller(folder):
    make("kept")
    with mlops_nb.run("big") as run:
        run.log_params({f"p{number}": "x" * 5000 for number in range(400)})
    store = open_store()
    store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    before = store.path.stat().st_size
    mlops_nb.delete("big")
    done = mlops_nb.gc(yes=True)
    assert store.path.stat().st_size < before / 4
    assert done.freed_bytes >= before - store.path.stat().st_size - 1_000_000
    assert_sound()


def test_gc_beside_a_kernel_that_writes_loses_none_of_its_artifacts(folder):
    make("kept", artifact={"a": 1})
    writer = python(
        """
        import mlops_nb
        for number in range(60):
            with mlops_nb.run(f"run-{number}") as run:
                run.log_artifact({"shared": number % 3}, "shared")
                run.log_artifact({"own": number}, "own")
            if number % 3 == 0:
                mlops_nb.delete(run.id)
        """
    )
    collected = 0
    while writer.poll() is None:
        collected += sum(one.count for one in mlops_nb.gc(yes=True).waste)
    ran(writer)
    mlops_nb.gc(yes=True)
    assert collected
    for number in range(60):
        if number % 3:
            assert mlops_nb.load_artifact(f"run-{number}", "shared") == {"shared": number % 3}
            assert mlops_nb.load_artifact(f"run-{number}", "own") == {"own": number}
    assert len(listed()) == 41
    assert_sound()


def test_only_one_gc_or_backup_at_a_time(folder):
    make("kept")
    with rows.alone(open_store()):
        with pytest.raises(StoreIsLocked, match="another gc or backup"):
            mlops_nb.gc(yes=True)
        with pytest.raises(StoreIsLocked, match="another gc or backup"):
            mlops_nb.backup("x.zip")


MANY = """
import mlops_nb
from mlops_nb.store import housekeeping as rows
rows.BATCH = 5
for number in range(40):
    with mlops_nb.run(f"gone-{number}", source=f"code {number}") as run:
        run.log(loss=number)
        run.log_artifact({"own": number}, "own")
"""


@pytest.mark.parametrize("moment", range(5))
def test_kill_in_the_middle_of_gc_leaves_a_sound_store_that_the_next_gc_finishes(folder, moment):
    make("kept", artifact={"a": 1})
    ran(python(MANY))
    mlops_nb.delete(*range(2, 42))
    step = ("removed 10 of", "removed 30 of", "removed 0 of", "removed 5 of", "writing")[moment]
    code = """
        import os, signal, sys, mlops_nb
        from mlops_nb.store import housekeeping as rows
        from mlops_nb.tracking.housekeeping import service as housekeeping
        rows.BATCH = 5
        housekeeping.Paced = lambda say: say
        inner = housekeeping._batches
        housekeeping._batches = lambda files, length=5: inner(files, 5)
        left = [int(sys.argv[1])]
        def say(line):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        mlops_nb.gc(yes=True, progress=say)
    """
    child = python(code, str((2, 6, 9, 12, 16)[moment]))
    _, said = child.communicate()
    assert child.returncode == -signal.SIGKILL, (step, said)
    close_stores()
    assert_sound()
    assert listed() == ["kept"]
    assert mlops_nb.load_artifact("kept", "it") == {"a": 1}
    for number, _ in rows.deleted_runs(open_store()):
        mlops_nb.restore(number)
        assert mlops_nb.load_artifact(number, "own")["own"] == number - 2
        mlops_nb.delete(number)
    aged()
    mlops_nb.gc(yes=True)
    assert len(blob_names()) == 1
    assert open_store().rows("SELECT count(*) FROM runs") == [(1,)]
    assert_sound()


def test_interrupt_ends_gc_between_two_steps(folder):
    ran(python(MANY))
    mlops_nb.delete(*range(1, 41))

    def stop(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mlops_nb.gc(yes=True, progress=stop)
    assert_sound()
    mlops_nb.gc(yes=True)
    assert open_store().rows("SELECT count(*) FROM runs") == [(0,)]


def test_interrupt_ends_a_long_statement(folder):
    make("kept")
    child = python(
        """
        import mlops_nb
        from mlops_nb.store import housekeeping, open_store
        with housekeeping.own_connection(open_store()) as connection:
            print("began", flush=True)
            connection.execute(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
            ).fetchone()
        """
    )
    child.stdout.readline()
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=30)
    assert said.rstrip().endswith("KeyboardInterrupt")


def test_database_that_another_process_reads_is_not_shortened_and_said_so(folder):
    make("kept")
    with mlops_nb.run("big") as run:
        run.log_params({f"p{number}": "x" * 5000 for number in range(400)})
    mlops_nb.delete("big")
    reader = sqlite3.connect(open_store().path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM runs").fetchone()
    done = mlops_nb.gc(yes=True)
    assert any("until the next gc" in note for note in done.notes)
    assert listed() == ["kept"]
    reader.rollback()
    reader.close()
    mlops_nb.gc(yes=True)
    assert_sound()


def test_large_database_is_not_written_anew_while_another_kernel_is_at_work(folder, monkeypatch):
    monkeypatch.setattr(housekeeping, "MOST_BESIDE_OTHERS", 10_000)
    with mlops_nb.run("big") as run:
        run.log_params({f"p{number}": "x" * 5000 for number in range(400)})
    other = python(
        """
        import mlops_nb, sys
        with mlops_nb.run("elsewhere"):
            pass
        print("began", flush=True)
        sys.stdin.readline()
        """
    )
    other.stdout.readline()
    mlops_nb.delete("big")
    done = mlops_nb.gc(yes=True)
    assert any("no other kernel" in note for note in done.notes)
    ran(other)
    assert not mlops_nb.gc(yes=True).notes


# backup


def test_backup_and_the_way_back(folder):
    make("forest", artifact={"a": 1}, children=2)
    make("twin", artifact={"a": 1})
    mlops_nb.delete("forest-0")
    done = mlops_nb.backup("store.zip")
    assert (done.runs, done.blobs, done.damaged) == (4, 1, ())
    assert (folder / "store.zip").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.glob(".store.zip*")] == []
    before = mlops_nb.show("forest").to_dict()
    back = mlops_nb.restore_backup("store.zip", "elsewhere/.mlops")
    assert back.is_restored
    mlops_nb.use_store("elsewhere/.mlops")
    assert mlops_nb.show("forest").to_dict() == before
    assert mlops_nb.load_artifact("twin", "it") == {"a": 1}
    mlops_nb.restore("forest-0")
    make("new")
    assert_sound()


def test_backup_while_another_kernel_writes_is_whole(folder):
    make("kept", artifact={"a": 1})
    writer = python(
        """
        import mlops_nb, sys
        for number in range(300):
            with mlops_nb.run("written") as run:
                run.log_artifact({"own": number}, "own")
                for step in range(20):
                    run.log(step, loss=step)
        """
    )
    while len(listed()) < 5:
        assert writer.poll() is None
    done = [mlops_nb.backup(f"{number}.zip") for number in range(3)]
    writer.kill()
    writer.communicate()
    for number, one in enumerate(done):
        assert one.damaged == ()
        mlops_nb.restore_backup(one.path, f"restored-{number}")
        store = open_store(folder=folder / f"restored-{number}")
        assert store.rows("PRAGMA integrity_check") == [("ok",)]
        for run, path in store.rows("SELECT run_id, path FROM artifacts"):
            mlops_nb.load_artifact(run, path, store=store)


def test_backup_overwrites_only_when_told(folder):
    make("kept")
    (folder / "mine.zip").write_text("precious")
    with pytest.raises(BadArgument, match="is there already"):
        mlops_nb.backup("mine.zip")
    assert (folder / "mine.zip").read_text() == "precious"
    mlops_nb.backup("mine.zip", force=True)
    assert zipfile.is_zipfile(folder / "mine.zip")


def test_tampered_artifact_is_left_out_of_the_backup_by_name(folder, capsys):
    make("good", artifact={"a": 1})
    make("bad", artifact={"b": 2})
    make("gone", artifact={"c": 3})
    for name, spoil in (("bad", lambda path: path.write_text("!")), ("gone", Path.unlink)):
        spoil(blobs.blob_path(open_store(), mlops_nb.show(name).artifacts[0].sha256))
    assert main(["backup", "store.zip"]) == 1
    out = capsys.readouterr().out
    assert "Not in it" in out
    assert "it.json of run 2" in out
    assert "it.json of run 3" in out
    back = mlops_nb.restore_backup("store.zip", "again")
    assert sorted(back.damaged) == ["it.json of run 2", "it.json of run 3"]
    store = open_store(folder=folder / "again")
    assert mlops_nb.load_artifact("good", "it", store=store) == {"a": 1}


def test_kill_in_the_middle_of_a_backup_leaves_no_file_that_could_be_taken_for_one(folder):
    ran(python(MANY))
    child = python(
        """
        import os, signal, mlops_nb
        from mlops_nb.tracking.housekeeping import backups
        backups.Paced = lambda say: say
        def say(line):
            if line.startswith("packing file 20"):
                os.kill(os.getpid(), signal.SIGKILL)
        mlops_nb.backup("store.zip", progress=say)
        """
    )
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert not (folder / "store.zip").exists()
    assert mlops_nb.backup("store.zip").blobs == 40
    assert sorted(path.name for path in folder.iterdir()) == [".mlops", "store.zip"]


def test_interrupted_backup_leaves_nothing(folder):
    make("kept", artifact={"a": 1})

    def stop(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mlops_nb.backup("store.zip", progress=stop)
    assert [path.name for path in folder.iterdir()] == [".mlops"]


def spoiled(folder: Path, **members: bytes | None) -> Path:
    """A copy of a good backup with members added, replaced or (None) taken out."""
    made = folder / "spoiled.zip"
    with zipfile.ZipFile(folder / "good.zip") as good, zipfile.ZipFile(made, "w") as bad:
        for each in good.infolist():
            if each.filename not in members:
                bad.writestr(each.filename, good.read(each))
        for name, content in members.items():
            if content is not None:
                bad.writestr(name, content)
    return made


@pytest.mark.parametrize(
    "name",
    ["../climbed", "/tmp/climbed", "blobs/../../climbed", "blobs/ab/short", "a\\..\\b", "store.db/x", "s/x"],
)
def test_backup_with_a_path_that_climbs_or_is_not_ours_is_refused(folder, name):
    make("kept", artifact={"a": 1})
    mlops_nb.backup("good.zip")
    with pytest.raises(StoreIsDamaged, match="which no backup does"):
        mlops_nb.restore_backup(spoiled(folder, **{name: b"x"}), "into/store")
    assert not (folder / "into" / "store").exists()
    assert not (folder / "climbed").exists()
    assert not (folder / "into" / "climbed").exists()


def test_backup_that_is_not_whole_is_refused(folder):
    make("kept", artifact={"a": 1})
    mlops_nb.backup("good.zip")
    with zipfile.ZipFile("good.zip") as good:
        (blob_name,) = [name for name in good.namelist() if name.startswith("blobs/")]
        database = good.read("store.db")
    foreign = folder / "foreign.db"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE x (y)")
    connection.close()
    (folder / "cut.zip").write_bytes((folder / "good.zip").read_bytes()[:-40])
    (folder / "text.zip").write_text("not a zip")
    for bad in (
        folder / "cut.zip",
        folder / "text.zip",
        spoiled(folder, **{"store.db": None}),
        spoiled(folder, **{"backup.json": None}),
        spoiled(folder, **{blob_name: b'{"a": 2}'}),
        spoiled(folder, **{"store.db": foreign.read_bytes()}),
        spoiled(folder, **{"store.db": database[: len(database) // 2]}),
        spoiled(folder, **{"store.db": b"text"}),
        spoiled(folder, **{"store.db": database[:8192] + b"\xff" * 4096 + database[12288:]}),
    ):
        with pytest.raises(StoreIsDamaged):
            mlops_nb.restore_backup(bad, "store")
        assert not (folder / "store").exists()
    assert [path.name for path in folder.glob(".*.partial")] == []


def test_backup_is_not_restored_over_anything(folder):
    make("kept")
    mlops_nb.backup("good.zip")
    for target in (".mlops", "good.zip"):
        with pytest.raises(BadArgument, match="is there already"):
            mlops_nb.restore_backup("good.zip", target)
    with pytest.raises(BadArgument, match="there is no file"):
        mlops_nb.restore_backup("bad.zip", "store")
    with pytest.raises(BadArgument, match="cannot be written"):
        mlops_nb.backup("good.zip/below.zip")


# space


def test_space_adds_up_and_names_the_largest_runs(folder):
    with mlops_nb.run("big") as run:
        run.log_artifact(os.urandom(500_000), "it")
    make("small", artifact={"a": 1})
    mlops_nb.delete(make("gone", artifact=os.urandom(50_000)))
    space = mlops_nb.space()
    assert space.parts[0].what == "files of artifacts"
    assert (space.parts[0].count, space.parts[0].size_bytes) == (3, 550_011)
    assert sum(part.size_bytes for part in space.parts) == space.size_bytes
    assert [(run.name, run.is_deleted) for run in space.runs[:2]] == [("big", False), ("gone", True)]
    assert space.collectable_bytes >= 50_000
    files = (path for path in open_store().folder.rglob("*") if path.is_file())
    assert space.size_bytes == pytest.approx(sum(path.stat().st_size for path in files), rel=0.2)


def test_space_of_an_empty_store_is_told(folder, capsys):
    assert main(["space"]) == 0
    assert "in the store, and no run yet" in capsys.readouterr().out


# commands


def test_housekeeping_in_a_terminal(folder, capsys):
    make("forest", artifact={"a": 1}, children=1)

    def say(*words: str) -> str:
        assert main(list(words)) == 0
        return capsys.readouterr().out

    assert "Deleted 1 run and its 1 child run: forest (run 1)." in say("delete", "forest")
    assert "deleted runs" in say("gc")
    assert json.loads(say("gc", "--json"))["is_done"] is False
    assert "Brought back 1 run" in say("restore", "1")
    assert "Nothing to collect" in say("gc")
    say("delete", "1")
    assert "Removed for good: deleted runs (2), files that no artifact refers to (1)" in say("gc", "--yes")
    assert "Backed up 0 runs" in say("backup", "b.zip")
    assert "Made the store" in say("backup", "b.zip", "--restore", "again")
    assert json.loads(say("space", "--json"))["runs"] == []


def test_housekeeping_in_a_notebook(shell, folder, capsys):
    make("forest", artifact={"a": 1})
    for line in ("delete forest", "gc", "restore 1", "space", "backup b.zip", "gc --yes"):
        shell.run_line_magic("mlops", line)
    shown = capsys.readouterr().out
    for said in (
        "Deleted 1 run",
        "can be freed",
        "Brought back 1 run",
        "in the store",
        "Backed up 1 run",
        "Nothing to",
    ):
        assert said in shown


def test_completion_offers_deleted_runs_and_artifacts(shell, folder):
    from mlops_nb.notebook.completion import offers

    with mlops_nb.run("forest") as run:
        run.log_artifact({"a": 1}, "plots/a b")
        run.log_artifact({"a": 1}, "settings")
    make("gone")
    mlops_nb.delete("gone")
    assert list(offers("%", ["restore", ""], {})) == ["2"]
    assert "forest" in list(offers("%", ["delete", "fo"], {}))
    assert list(offers("%", ["artifacts", "forest", "s"], {})) == ["'plots/a b.json'", "settings.json"]
    assert "--save" in list(offers("%", ["artifacts", "forest", "-"], {}))
    assert "--yes" in list(offers("%", ["gc", ""], {}))


def test_session_outlives_gc(folder):
    make("gone")
    row = session_id(open_store())
    mlops_nb.delete("gone")
    mlops_nb.gc(yes=True)
    make("next")
    assert session_id(open_store()) == row
