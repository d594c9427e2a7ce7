"""A run knows the cells that led to it and the files they used, though nobody asked for either beforehand."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import mlops_nb
from mlops_nb.notebook import capture
from mlops_nb.store import cells, open_store
from mlops_nb.tracking import service


def run_all(shell, *sources):
    for source in sources:
        cell, colon, text = source.partition(": ")
        named = bool(colon) and cell.isidentifier() and len(cell) < 4
        shell.run_cell(text if named else source, store_history=True, cell_id=cell if named else None)


def recorded() -> list[str]:
    return [one.source for one in cells.executions(open_store())]


def labels(graph) -> list[str]:
    return [node.label for node in graph.cells]


def files_of(shell, source) -> dict[str, str]:
    """The files of a cell as a run records them: path and whether it was read or written."""
    shell.run_cell(source)
    shell.run_cell("%%mlops run files")
    before = cells.executions(open_store())[-2]
    assert before.source == source
    return {one.path: "r" * one.is_read + "w" * one.is_written for one in before.files}


# cells


def test_a_run_brings_the_cells_before_it_along_in_the_order_they_ran(shell):
    run_all(shell, "a = 1", "b = 2", "a = a + b", "%%mlops run first\nm = a", "c = 3", "%%mlops run second\nm = c")
    assert recorded()[-6:] == ["a = 1", "b = 2", "a = a + b", "%%mlops run first\nm = a", "c = 3",
                               "%%mlops run second\nm = c"]  # fmt: skip
    assert labels(service.lineage("first")) == ["a = 1", "b = 2", "a = a + b"]
    assert labels(service.lineage("second")) == ["c = 3"]


def test_without_a_run_nothing_is_written(shell, folder):
    run_all(shell, "a = 1", "b = a")
    assert not (folder / ".mlops").exists()


def test_a_run_made_in_code_knows_the_cell_it_was_made_in(shell):
    run_all(shell, "import mlops_nb", "n = 3", "with mlops_nb.run('coded') as run:\n    run.log(m=n)", "n = 4")
    graph = service.lineage("coded")
    assert labels(graph) == ["import mlops_nb", "n = 3"]
    assert graph.target.source.startswith("with mlops_nb.run")


def test_every_run_of_a_loop_and_a_part_of_a_run_have_the_same_past(shell):
    run_all(shell, "import mlops_nb", "n = 3", "for k in range(3):\n    with mlops_nb.run(f'r{k}') as run:\n"
            "        with mlops_nb.run(f'part{k}') as part: part.log(m=n)")  # fmt: skip
    for name in ("r0", "r1", "r2", "part0", "part2"):
        assert labels(service.lineage(name)) == ["import mlops_nb", "n = 3"], name


def test_cells_that_tracking_recorded_are_not_recorded_again(shell):
    run_all(shell, "a = 1", "%mlops track on", "b = 2", "%mlops track off", "c = 3", "%%mlops run r\nm = a + b + c")
    sources = recorded()
    assert sources == list(dict.fromkeys(sources))
    assert labels(service.lineage("r")) == ["a = 1", "b = 2", "c = 3"]


def test_a_store_chosen_later_gets_the_cells_too(shell, folder):
    run_all(shell, "a = 1", "%%mlops run here\nm = a", f"%mlops store {folder / 'other'}", "%%mlops run there\nm = a")
    assert labels(service.lineage("there", store=open_store(folder=folder / "other"))) == ["a = 1"]


def test_cells_wait_for_a_store_that_cannot_be_written(shell, folder):
    run_all(shell, "a = 1", "%%mlops run first\nm = a")
    holder = sqlite3.connect(open_store().path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    shell.run_cell("from mlops_nb.store import open_store; open_store().connection.execute('PRAGMA busy_timeout=1')")
    run_all(shell, "b = 2", "%%mlops run lost\nm = b")
    holder.execute("ROLLBACK")
    run_all(shell, "%%mlops run kept\nm = b")
    assert labels(service.lineage("kept")) == ["b = 2"]
    assert recorded()[-3:] == ["b = 2", "%%mlops run lost\nm = b", "%%mlops run kept\nm = b"]


def test_of_too_many_cells_the_oldest_are_forgotten_and_that_is_said(shell, monkeypatch):
    monkeypatch.setattr(capture, "MOST_RAN", 5)
    shell.run_line_magic("reload_ext", "mlops_nb")
    run_all(shell, *(f"a{number} = {number}" for number in range(20)), "%%mlops run r\nm = a1 + a18")
    assert labels(service.lineage("r")) == ["a18 = 18"]
    assert service.lineage("r").unknown == ("a1",)
    assert [one for one in mlops_nb.show("r").warnings if "cells of this kernel were not kept" in one]


def test_a_run_made_outside_of_any_cell_has_no_past(folder):
    with mlops_nb.run("alone"):
        pass
    graph = service.lineage("alone")
    assert (graph.cells, graph.edges, graph.target.label) == ((), (), "alone")


# files


def test_files_are_seen_whoever_opens_them(shell, folder):
    (folder / "data").mkdir()
    (folder / "data" / "a.csv").write_text("x\n1\n")
    assert files_of(shell, "import numpy as np, pandas as pd") == {}
    assert files_of(shell, "df = pd.read_csv('data/a.csv')") == {"data/a.csv": "r"}
    assert files_of(shell, "df.to_parquet('a.parquet')") == {"a.parquet": "w"}
    assert files_of(shell, "pd.read_parquet('a.parquet')") == {"a.parquet": "r"}
    assert files_of(shell, "np.save('a.npy', df.x)\nb = np.load('a.npy')") == {"a.npy": "w"}
    assert files_of(shell, "np.load('a.npy', mmap_mode='r')") == {"a.npy": "r"}
    assert files_of(shell, "from pathlib import Path\nPath('n.txt').write_text('a')") == {"n.txt": "w"}
    assert files_of(shell, "with open('n.txt', 'a') as file: print('b', file=file)") == {"n.txt": "rw"}
    assert files_of(shell, "import joblib\njoblib.dump(df, 'm.joblib')") == {"m.joblib": "w"}
    assert files_of(shell, "Path('t.tmp').write_text('a')\nPath('t.tmp').rename('t.txt')") == {"t.txt": "w"}
    assert files_of(shell, "Path('t.txt').rename('u.txt')") == {"t.txt": "r", "u.txt": "w"}
    assert files_of(shell, "import shutil\nshutil.copy('u.txt', 'v.txt')") == {"u.txt": "r", "v.txt": "w"}
    assert files_of(shell, "Path('gone.txt').write_text('a')\nPath('gone.txt').unlink()") == {}
    assert files_of(shell, "%cd -q data\nopen('a.csv').close()\n%cd -q ..") == {"data/a.csv": "r"}


def test_a_database_is_read_or_written_as_its_file_shows(shell):
    assert files_of(shell, "import sqlite3, pandas as pd\ndf = pd.DataFrame({'x': [1]})") == {}
    made = "con = sqlite3.connect('a.db')\ndf.to_sql('t', con)\ncon.close()"
    assert files_of(shell, made) == {"a.db": "w"}
    assert files_of(shell, "con = sqlite3.connect('a.db')\npd.read_sql('select * from t', con)") == {"a.db": "r"}
    more = (
        "con = sqlite3.connect('file:a.db?mode=rw', uri=True)\ncon.execute('insert into t values (1, 2)')\ncon.commit()"
    )
    assert files_of(shell, more) == {"a.db": "rw"}
    assert files_of(shell, "sqlite3.connect(':memory:').close()\nsqlite3.connect('').close()") == {}


def test_readers_that_python_does_not_see_are_read_from_the_code(shell, folder):
    for number in range(2):
        (folder / f"p{number}.csv").write_text("x\n1\n")
    assert files_of(shell, "import polars as pl\nwhere = 'p0.csv'") == {}
    assert files_of(shell, "lazy = pl.scan_csv(where)") == {"p0.csv": "r"}
    assert files_of(shell, "pl.read_csv(f'p{1}.csv')") == {}
    assert files_of(shell, "k = 1\npl.read_csv(f'p{k}.csv')") == {"p1.csv": "r"}
    assert files_of(shell, "pl.scan_csv('p*.csv').collect()") == {"p0.csv": "r", "p1.csv": "r"}
    assert files_of(shell, "lazy.sink_parquet('out.parquet')") == {"out.parquet": "w"}
    assert files_of(shell, "import pyarrow.parquet as pq\npq.read_table('out.parquet')") == {"out.parquet": "r"}
    assert files_of(shell, "'SELECT 1 FROM \\'nowhere.csv\\''; pl.read_csv") == {}


def test_an_address_has_neither_password_nor_query(shell):
    address = "http://ann:pw@127.0.0.1:9/a.csv?key=1"
    source = f"import urllib.request\ntry: urllib.request.urlopen({address!r})\nexcept OSError: pass"
    assert files_of(shell, source) == {"http://127.0.0.1:9/a.csv": "r"}


def test_what_is_not_data_is_not_noted(shell, folder):
    (folder / "mine.py").write_text("x = 1")
    assert files_of(shell, "import mine, wave, tempfile\nfrom matplotlib import font_manager, pyplot") == {}
    assert (
        files_of(shell, "open('/proc/self/stat').close()\nopen('/dev/null').close()\nopen('/etc/hosts').close()") == {}
    )
    assert files_of(shell, "with tempfile.NamedTemporaryFile() as file: file.write(b'x')") == {}
    assert files_of(shell, "import mlops_nb\nwith mlops_nb.run('x') as run: run.log(m=1)") == {}
    assert list(files_of(shell, "from sklearn.datasets import load_iris\niris = load_iris()")) == [
        "site-packages/sklearn/datasets/data/iris.csv"
    ]


def test_many_files_of_one_folder_stand_together(shell, folder):
    (folder / "d").mkdir()
    for number in range(300):
        (folder / "d" / f"{number}.txt").write_text("xy")
    (folder / "one.txt").write_text("x")
    source = "for n in range(300): open(f'd/{n}.txt').close()\nopen('one.txt').close()"
    assert files_of(shell, source) == {"d/": "r", "one.txt": "r"}
    (many, one) = cells.executions(open_store())[-2].files
    assert (many.count, many.size_bytes, one.count) == (300, 600, 1)


def test_size_and_time_are_those_at_the_end_of_the_cell_and_a_moved_project_changes_nothing(shell, folder, tmp_path):
    (folder / "a.csv").write_text("x\n1\n")
    run_all(shell, "import pathlib; text = pathlib.Path('a.csv').read_text()", "%%mlops run r\nm = len(text)")
    mlops_nb.store.close_stores()
    moved = folder.rename(tmp_path / "moved")
    graph = service.lineage("r", store=open_store(moved))
    (file,) = graph.files
    state = (moved / "a.csv").stat()
    assert (file.label, file.size_bytes, file.modified, file.state) == ("a.csv", state.st_size, state.st_mtime, "")
    (moved / "a.csv").write_text("x\n1\n2\n")
    assert service.lineage("r", store=open_store(moved)).files[0].state == "changed"
    (moved / "a.csv").unlink()
    assert service.lineage("r", store=open_store(moved)).files[0].state == "gone"
    moved.rename(folder)


@pytest.mark.parametrize(
    "source",
    [
        "class P:\n    def __fspath__(self): raise RuntimeError\ntry: open(P())\nexcept RuntimeError: print('its own')",
        "try: open('a\\0b')\nexcept ValueError: print('its own')",
        "try: open(b'\\xff\\xfe')\nexcept FileNotFoundError: print('its own')",
        "import sys\nsys.audit('open', 1)\nsys.audit('open', None, 1, 1)\nsys.audit('os.rename')\nprint('its own')",
        "import os\ntry: os.rename('no', 'where')\nexcept FileNotFoundError: print('its own')",
        "import sqlite3\ntry: sqlite3.connect('/no/such/x.db')\nexcept sqlite3.OperationalError: print('its own')",
    ],
)
def test_a_fault_of_ours_is_never_the_cells(shell, capsys, source):
    assert shell.run_cell(source).success
    assert capsys.readouterr() == ("its own\n", "")


def test_outside_a_cell_and_without_the_extension_nothing_is_noted(shell, folder):
    from mlops_nb.notebook import files

    (folder / "a.csv").write_text("x")
    Path("a.csv").read_text()
    assert files_of(shell, "z = 1") == {}
    shell.run_line_magic("unload_ext", "mlops_nb")
    shell.run_cell("open('a.csv').close()")
    assert files.end("", {}, Path.cwd) == ()
    shell.run_line_magic("load_ext", "mlops_nb")
