"""The store's file: made whole, checked before it is touched, kept through faults."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from sklearn.linear_model import LinearRegression

import mlops_nb
from mlops_nb.errors import StoreIsDamaged, StoreIsForeign, StoreIsLocked, StoreIsNewer, StoreUnavailable
from mlops_nb.pipelines.history import pipelines
from mlops_nb.store import close_stores, connection, open_store, schema, step_cache, store_folder
from mlops_nb.store import runs as rows
from mlops_nb.tracking import service
from mlops_nb.tracking.search import service as search


def make_runs(count: int = 1) -> Path:
    for number in range(count):
        with service.run("kept") as run:
            run.log(accuracy=number / 10)
    path = open_store().path
    close_stores()
    return path


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


def test_store_is_found_by_walking_up(folder):
    make_runs()
    deep = folder / "a" / "b"
    deep.mkdir(parents=True)
    assert store_folder(deep) == folder / ".mlops"


def test_folder_above_that_may_not_be_looked_into_is_passed_by(folder):
    (folder / ".mlops").mkdir(mode=0)
    if os.geteuid() == 0:  # to root every folder is open
        os.seteuid(65534)
    try:
        assert store_folder(folder / "deep") == folder / "deep" / ".mlops"
    finally:
        os.seteuid(os.getuid())
        (folder / ".mlops").chmod(0o700)


def test_variable_overrides_the_walk(folder, monkeypatch):
    make_runs()
    monkeypatch.setenv("MLOPS_NB_STORE", str(folder / "elsewhere"))
    assert open_store().folder == folder / "elsewhere"


def test_files_are_the_owners_alone_and_not_for_git(folder):
    path = make_runs()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (folder / ".mlops" / ".gitignore").read_text() == "*\n"


def test_moving_the_folder_breaks_nothing(folder):
    make_runs(2)
    moved = folder / "moved"
    moved.mkdir()
    (folder / ".mlops").rename(moved / ".mlops")
    assert service.runs(store=open_store(moved)).total == 2


def test_nothing_absolute_is_stored(folder):
    path = make_runs()
    assert str(folder).encode() not in path.read_bytes()


def test_each_schema_is_recorded_as_a_migration(folder):
    path = make_runs()
    reader = sqlite3.connect(path)
    applied = reader.execute("SELECT name FROM _sqlite_migrations").fetchall()
    names = ["001_runs_and_cells", "002_tracking_in_depth", "003_step_cache", "004_model_registry"]
    assert [name for (name,) in applied] == names
    assert reader.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
    reader.close()


def test_failed_migration_leaves_the_old_schema_and_the_step_pending(folder, monkeypatch):
    path = make_runs(3)

    def breaks(database):
        database.execute("CREATE TABLE half (x)")
        raise sqlite3.OperationalError("halfway")

    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, breaks))
        patch.setattr(connection, "SCHEMA_VERSION", len(schema.MIGRATIONS))
        with pytest.raises(StoreUnavailable, match="halfway"):
            open_store()
    reader = sqlite3.connect(path)
    assert reader.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
    assert reader.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    reader.close()
    assert service.runs().total == 3


REFERENCE = Path(__file__).parent.parent / "reference"


def make_store_of_schema(number: int, folder: Path) -> None:
    (folder / ".mlops").mkdir()
    writer = sqlite3.connect(folder / ".mlops" / "store.db")
    writer.executescript((REFERENCE / f"store_schema_{number}.sql").read_text())
    writer.execute(f"PRAGMA application_id = {connection.APPLICATION_ID}")
    writer.execute(f"PRAGMA user_version = {number}")
    writer.close()


def test_store_of_schema_1_opens_with_all_that_is_in_it(folder):
    make_store_of_schema(1, folder)
    forest, broken = service.show("forest"), service.show("broken")
    assert {param.name: param.value for param in forest.params} == {"depth": 3, "model.lr": 0.1}
    assert [(m.name, m.count, m.maximum) for m in forest.metrics] == [("accuracy", 1, 0.9), ("loss", 3, 1.0)]
    assert (forest.tags, forest.source, forest.note) == ({"kind": "baseline"}, "accuracy = 0.9", "")
    assert forest.warnings == ("something was cut",)
    assert broken.error is not None
    assert broken.error.type == "ZeroDivisionError"
    assert [run.name for run in search.runs("text match accuracy").rows] == ["forest"]


def test_store_of_schema_2_opens_with_all_that_is_in_it_and_takes_a_model(folder):
    make_store_of_schema(2, folder)
    forest = service.show("forest")
    assert [(m.name, m.count, m.value) for m in forest.metrics] == [("accuracy", 1, 0.9), ("loss", 3, 0.25)]
    assert (forest.note, [one.path for one in forest.artifacts]) == ("the first that is good", ["report.txt"])
    assert [run.name for run in search.runs("text match good").rows] == ["forest"]
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    assert mlops_nb.register(model, "late-flight", run="forest", example=[[0.5]]).number == 1


def test_store_of_schema_3_opens_with_all_that_is_in_it_and_what_it_kept_of_steps(folder):
    make_store_of_schema(3, folder)
    assert service.show("forest").note == "the first that is good"
    found = pipelines()
    assert (found.pipeline, found.total, found.run) == ("numbers", 2, 6)
    assert [(step.name, step.cached_from, step.metrics) for step in found.steps] == [
        ("load", 4, {}),
        ("measure", 5, {"mean": 1.0}),
    ]
    (kept,) = step_cache.entries_of_step(open_store(), "numbers", "measure")
    assert '"details": {"value": 1.0}' in kept[1]
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    assert mlops_nb.register(model, "late-flight", run="forest", example=[[0.5]]).number == 1


def test_text_of_a_run_is_found_as_it_stands_now(folder):
    def found(word):
        return [run.id for run in search.runs(f"text match {word}", sort="started").rows]

    make_runs(2)
    store = open_store()
    for note in ("the good one", "the better one"):
        with store.transaction() as change:
            rows.set_note(change, 2, note)
        assert found(note.split()[1]) == [2]
    assert found("kept") == [1, 2]
    assert found("good") == []
    make_runs(1)
    assert found("kept") == [1, 2, 3]
    store = open_store()
    store.rows("INSERT INTO runs_text(runs_text) VALUES ('integrity-check')")


def test_later_migration_keeps_what_is_stored(folder, monkeypatch):
    make_runs(3)

    def adds_a_column(database):
        database.execute("ALTER TABLE runs ADD COLUMN colour TEXT")

    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, adds_a_column))
    monkeypatch.setattr(schema, "RELEASES", (*schema.RELEASES, "0.2.0"))
    monkeypatch.setattr(connection, "SCHEMA_VERSION", len(schema.MIGRATIONS))
    assert open_store().rows("SELECT colour, count(*) FROM runs GROUP BY 1") == [(None, 3)]


def test_newer_store_is_refused_with_the_release_to_install(folder):
    path = make_runs()
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA user_version = 99")
    writer.execute("UPDATE store_info SET value = '7.1.0' WHERE name = 'needs_release'")
    writer.commit()
    writer.close()
    before = path.read_bytes()
    with pytest.raises(StoreIsNewer) as caught:
        open_store()
    assert caught.value.fix == "pip install 'mlops-nb>=7.1.0'"
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"hello", b"not a database" * 100], ids=["empty", "short", "text"])
def test_foreign_file_is_named_and_left_byte_for_byte(folder, content):
    path = folder / ".mlops" / "store.db"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreIsForeign, match="not a store"):
        open_store()
    assert path.read_bytes() == content


def test_another_programs_database_is_named_and_left_byte_for_byte(folder):
    path = folder / ".mlops" / "store.db"
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreIsForeign, match="another program"):
        open_store()
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["store.db"]


def test_truncated_store_is_named_and_left_byte_for_byte(folder):
    path = make_runs(50)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(StoreIsDamaged, match="truncated"):
        open_store()
    assert path.stat().st_size == 20_000


def test_malformed_page_is_reported_as_damage(folder):
    path = make_runs(50)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreIsDamaged, match="damaged"):
        service.runs()


def test_locked_store_says_so_and_loses_nothing(folder, monkeypatch):
    path = make_runs()
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreIsLocked, match="locked by another process"), open_store().transaction():
        pass
    holder.execute("ROLLBACK")
    holder.close()
    with open_store().transaction() as now:
        now.execute("INSERT INTO store_info VALUES ('a', 'b')")


def test_locked_store_with_a_killed_run_can_be_read(folder, monkeypatch):
    done = python("from mlops_nb.tracking import service; service.begin(service.ActiveRun('killed'))")
    assert done.returncode == 0
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.05)
    holder = sqlite3.connect(folder / ".mlops" / "store.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert [row.name for row in service.runs().rows] == ["killed"]
    holder.close()
    close_stores()
    assert service.show("killed").status == "KILLED"


def test_failing_transaction_leaves_nothing_and_no_lock(folder):
    store = open_store()
    with pytest.raises(ZeroDivisionError), store.transaction() as inside:
        inside.execute("INSERT INTO store_info VALUES ('half', '1')")
        raise ZeroDivisionError
    assert store.rows("SELECT 1 FROM store_info WHERE name = 'half'") == []
    sqlite3.connect(store.path, timeout=0.1, isolation_level=None).execute("BEGIN IMMEDIATE").connection.close()


def test_interrupt_inside_a_transaction_waits_until_it_is_over(folder):
    store = open_store()

    def interrupted():
        with store.transaction() as inside:
            os.kill(os.getpid(), signal.SIGINT)
            inside.execute("INSERT INTO store_info VALUES ('whole', '1')")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert store.rows("SELECT value FROM store_info WHERE name = 'whole'") == [("1",)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_child_opens_its_own_connection(folder):
    with service.run("parent") as run:
        child = os.fork()
        if child == 0:
            run.log(from_child=1)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        run.log(from_parent=2)
    assert {metric.name for metric in service.show("parent").metrics} == {"from_child", "from_parent"}


@pytest.mark.parametrize("way", ["apart", "another path"])
def test_second_opening_here_leaves_what_is_acknowledged_where_other_processes_close_the_store(folder, way):
    (folder / "other").symlink_to(folder)
    with service.run("first"):
        pass
    second = open_store().apart() if way == "apart" else open_store(folder=folder / "other" / ".mlops")
    child = python("import mlops_nb\nwith mlops_nb.run('child'):\n    pass")
    assert child.returncode == 0, child.stderr
    with service.run("after"):
        pass
    assert python("import mlops_nb\nprint(list(mlops_nb.runs().name))").stdout == "['after', 'child', 'first']\n"
    second.close()


def test_eight_processes_on_no_store_at_all_lose_nothing(folder):
    code = """
        import sys
        from mlops_nb.tracking import service
        for number in range(10):
            with service.run(f"worker-{sys.argv[1]}") as run:
                run.log_params({f"p{i}": i for i in range(10)})
                for i in range(10):
                    run.log_metrics({f"m{i}": i})
    """
    workers = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), str(number)], stderr=subprocess.PIPE, text=True)
        for number in range(8)
    ]
    said = [worker.communicate()[1] for worker in workers]
    assert said == [""] * 8
    store = open_store()
    assert service.runs(status="FINISHED", limit=None).total == 80
    assert store.rows("SELECT count(*) FROM metrics")[0][0] == 800
    assert store.rows("SELECT count(*) FROM params")[0][0] == 800


def test_kill_while_writing_loses_nothing_that_was_acknowledged(folder):
    code = """
        import os, sys
        from mlops_nb.tracking import service
        run = service.ActiveRun("doomed")
        for step in range(100_000):
            run.log(step, loss=step / 2)
            os.write(1, f"{step}\\n".encode())
    """
    worker = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    acknowledged = -1
    for line in worker.stdout:
        acknowledged = int(line)
        if acknowledged == 500:
            worker.kill()
    worker.wait()
    worker.stdout.close()
    doomed = service.show("doomed")
    points = rows.points(open_store(), doomed.id, "loss")
    assert [step for step, _, _ in points][: acknowledged + 1] == list(range(acknowledged + 1))
    assert len(points) >= acknowledged + 1
    assert doomed.status == "KILLED"
    assert open_store().rows("PRAGMA integrity_check") == [("ok",)]


def test_run_of_a_living_process_stays_running(folder):
    code = """
        import sys
        from mlops_nb.tracking import service
        run = service.begin(service.ActiveRun("alive"))
        print("ready", flush=True)
        sys.stdin.read()
        run.finish()
    """
    worker = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout.readline() == "ready\n"
    assert service.show("alive").status == "RUNNING"
    worker.communicate("")
    assert service.show("alive").status == "FINISHED"


def test_unwritable_folder_says_where_else_to_go(folder):
    blocker = folder / "file"
    blocker.write_text("")
    with pytest.raises(StoreUnavailable) as caught:
        open_store(folder=blocker / ".mlops")
    assert "%mlops store" in caught.value.fix


def test_full_disk_is_named_and_what_was_stored_stays(folder):
    make_runs(2)
    done = python(
        """
        import resource, signal
        from mlops_nb.tracking import service
        from mlops_nb.store import open_store
        size = open_store().path.stat().st_size
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50_000, size + 50_000))
        with service.run("too-big") as run:
            for number in range(200):
                run.log_params({f"p{number}": "x" * 9_000})
            print("the block ran")
        """
    )
    assert "the block ran" in done.stdout
    assert done.returncode == 0
    assert "run 'too-big' was not recorded" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert [row.status for row in service.runs("kept").rows] == ["FINISHED", "FINISHED"]


def test_store_removed_while_a_run_goes_on_is_said_in_one_line(folder, capsys):
    with service.run("orphan"):
        shutil.rmtree(folder / ".mlops")
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "removed while the run went on" in said[0]
    with service.run("next"):
        pass
    assert service.runs().total == 1


def test_store_made_anew_at_the_same_place_has_sessions_of_its_own(folder, monkeypatch):
    """Also where the system gives the new file the number of the removed one."""
    stat_of = Path.stat

    def stat_with_one_number(path, **options):
        found = stat_of(path, **options)
        return os.stat_result((found[0], 1, *found[2:])) if path.name == "store.db" else found

    monkeypatch.setattr(Path, "stat", stat_with_one_number)
    for _ in range(2):
        with service.run("again"):
            pass
        assert len(service.runs().rows) == 1
        close_stores()
        shutil.rmtree(folder / ".mlops")
