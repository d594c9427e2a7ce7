"""Capture in a real kernel: what a notebook shows, interrupts, kills, forks, threads, other front ends."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from mlops_nb.store import cells, open_store
from mlops_nb.tracking import service


class Kernel:
    """A kernel of its own process in a folder, and what its cells show."""

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder), extra_arguments=["--log-level=CRITICAL"])
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=30)
        self.outputs: list[dict] = []

    def start(self, source: str, **metadata: object) -> str:
        """Send a cell; the number of its message."""
        content = {"code": source, "silent": False, "store_history": True, "user_expressions": {},
                   "allow_stdin": False, "stop_on_error": False}  # fmt: skip
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def finish(self, number: str) -> str:
        """Wait for the end of a cell; what it showed, as text."""
        self.outputs = []
        while True:
            message = self.client.get_iopub_msg(timeout=30)
            kind, content = message["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") != number:
                continue
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind in ("stream", "display_data", "execute_result", "error", "update_display_data"):
                self.outputs.append({"kind": kind, **content})
        self.client.get_shell_msg(timeout=30)
        return "\n".join(
            out.get("text") or out.get("data", {}).get("text/plain") or f"{out.get('ename')}: {out.get('evalue')}"
            for out in self.outputs
        )

    def run(self, source: str, **metadata: object) -> str:
        return self.finish(self.start(source, **metadata))

    def wait_for(self, file: Path) -> None:
        for _ in range(600):
            if file.exists():
                return
            time.sleep(0.05)
        raise AssertionError(f"{file} did not come")

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@pytest.fixture(scope="module")
def _kernel(tmp_path_factory):
    one = Kernel(tmp_path_factory.mktemp("kernel"))
    yield one
    one.close()


@pytest.fixture
def kernel(_kernel, folder):
    """A kernel in the test's folder with the extension loaded, and no names of an earlier test."""
    _kernel.run(f"import os; os.chdir({str(folder)!r})\n%reset -f\n%unload_ext mlops_nb")
    assert _kernel.run("%load_ext mlops_nb") == ""
    yield _kernel
    _kernel.run("from mlops_nb.store import close_stores; close_stores()")


@pytest.fixture
def own_kernel(folder):
    """A kernel that the test may kill."""
    one = Kernel(folder)
    one.run("%load_ext mlops_nb\nimport mlops_nb, time")
    yield one
    one.close()


def statuses() -> dict[str, str]:
    return {row.name: row.status for row in service.runs().rows}


BODY = (
    "import sys\nfrom IPython.display import HTML, display\n"
    "print('to stdout')\nprint('to stderr', file=sys.stderr)\n"
    "display(HTML('<b>bold</b>'))\nhandle = display('first', display_id='one')\nhandle.update('second')\n{'answer': 42}"
)


def executed(folder: Path, *sources: str) -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=60, resources=resources, allow_errors=True).execute()
    return notebook


def test_cell_shows_what_it_shows_without_us_and_then_the_card(folder):
    plain = executed(folder, "1", BODY).cells[1].outputs
    captured = executed(folder, "%load_ext mlops_nb", f"%%mlops run one\n{BODY}").cells[1].outputs
    (card,) = [out for out in captured if "mlops-panel" in out.get("data", {}).get("text/html", "")]
    assert [out for out in captured if out is not card] == plain
    kept = service.show("one").outputs
    assert [(out.kind, out.name) for out in kept] == [(out.output_type, out.get("name", "")) for out in plain]
    assert [out.data.get("text/plain") for out in kept] == [
        out.get("text") or out["data"]["text/plain"] for out in plain
    ]
    assert kept[2].data["text/html"] == "<b>bold</b>"


def test_error_of_a_cell_is_the_same_with_us(folder):
    body = "def inner():\n    return 1 / 0\n\ninner()"
    plain = executed(folder, "1", f"0\n{body}").cells[1].outputs[0]
    captured = executed(folder, "%load_ext mlops_nb", f"%%mlops run one\n{body}").cells[1].outputs
    error = next(out for out in captured if out.output_type == "error")
    assert (error.ename, error.evalue, len(error.traceback)) == (plain.ename, plain.evalue, len(plain.traceback))
    run = service.show("one")
    assert (run.status, run.error.type, run.error.message) == ("FAILED", "ZeroDivisionError", "division by zero")
    assert "in inner" in run.error.traceback


def test_papermill_injects_parameters_that_the_run_records(folder):
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        cells=[
            nbformat.v4.new_code_cell("%load_ext mlops_nb"),
            nbformat.v4.new_code_cell("depth = 1", metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell("%%mlops run trained\naccuracy = depth / 10"),
        ],
    )
    nbformat.write(notebook, folder / "in.ipynb")
    command = [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "-p", "depth", "7", "--no-progress-bar"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run = service.show("trained")
    assert {each.name: (each.value, each.inferred) for each in run.params} == {"depth": (7, True)}
    assert {each.name: each.value for each in run.metrics} == {"accuracy": 0.7}
    outputs = nbformat.read(folder / "out.ipynb", as_version=4).cells[-1].outputs
    assert "trained finished" in outputs[-1].data["text/plain"]


def test_nbconvert_executes_a_captured_notebook(folder):
    cells_of = ["%load_ext mlops_nb", "%%mlops run converted\nx = 1", "%mlops runs"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells_of])
    nbformat.write(notebook, folder / "in.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--execute", "in.ipynb", "--log-level=ERROR"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    html = (folder / "in.html").read_text()
    assert html.count("converted") >= 3
    assert html.count('<p class="mp-sentence">') == 2
    assert statuses() == {"converted": "FINISHED"}


def test_interrupt_reaches_the_cell_and_the_next_one_runs(kernel, folder):
    cell = kernel.start("%%mlops run slow\nimport mlops_nb, time\nmlops_nb.log(loss=1.0)\nopen('began', 'w').close()\n"
                        "time.sleep(60)")  # fmt: skip
    kernel.wait_for(folder / "began")
    kernel.manager.interrupt_kernel()
    assert "KeyboardInterrupt" in kernel.finish(cell)
    assert statuses() == {"slow": "INTERRUPTED"}
    assert "after finished" in kernel.run("%%mlops run after\nx = 1")
    assert service.show("slow").metrics[0].value == 1.0


def test_interrupts_while_logging_leave_no_lock_and_lose_no_acknowledged_value(kernel, folder):
    source = (
        "%%mlops run logging\nimport mlops_nb\nnumber = 0\nopen('began', 'w').close()\n"
        "while True:\n    mlops_nb.log(step=number, loss=number)\n    number += 1"
    )
    for _ in range(8):
        cell = kernel.start(source)
        kernel.wait_for(folder / "began")
        time.sleep(0.15)
        kernel.manager.interrupt_kernel()
        assert "KeyboardInterrupt" in kernel.finish(cell)
        (folder / "began").unlink()
        acknowledged = int(kernel.run("number"))
        assert service.show("logging").metrics[0].count in (acknowledged, acknowledged + 1)
        other = sqlite3.connect(folder / ".mlops" / "store.db", timeout=1, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.close()


def test_killed_kernel_loses_nothing_acknowledged_and_leaves_no_run_running(own_kernel, folder):
    own_kernel.run("%%mlops run done --metric score\nscore = 0.5")
    own_kernel.start(
        "%%mlops run killed\ntold = open('told', 'ab', buffering=0)\n"
        "with mlops_nb.run('inner') as inner:\n    number = 0\n    while True:\n"
        "        inner.log(loss=number, step=number)\n        told.write(b'.')\n        number += 1"
    )
    own_kernel.wait_for(folder / "told")
    time.sleep(0.3)
    os.kill(own_kernel.manager.provisioner.pid, 9)
    time.sleep(0.3)
    told = (folder / "told").stat().st_size
    assert statuses() == {"done": "FINISHED", "killed": "KILLED", "inner": "KILLED"}
    assert service.show("done").metrics[0].value == 0.5
    assert service.show("inner").metrics[0].count in (told, told + 1)
    assert open_store().rows("PRAGMA integrity_check") == [("ok",)]


def test_restarted_kernel_goes_on_in_the_same_store(own_kernel, folder):
    own_kernel.run("%%mlops run before --metric x\nx = 1")
    own_kernel.manager.restart_kernel(now=True)
    own_kernel.client.wait_for_ready(timeout=30)
    own_kernel.run("%load_ext mlops_nb")
    assert "vs run 1" in own_kernel.run("%%mlops run before --metric x\nx = 2")
    assert [row.status for row in service.runs().rows] == ["FINISHED", "FINISHED"]


def test_two_kernels_record_side_by_side(kernel, own_kernel, folder):
    source = "import mlops_nb\nfor n in range(40):\n    with mlops_nb.run({name!r}) as run:\n        run.log(n=n)"
    started = [(one, one.start(source.format(name=name))) for one, name in ((kernel, "a"), (own_kernel, "b"))]
    assert [one.finish(cell) for one, cell in started] == ["", ""]
    rows = service.runs().rows
    assert {name: sorted(row.metrics["n"] for row in rows if row.name == name) for name in "ab"} == {
        "a": list(range(40)),
        "b": list(range(40)),
    }


def test_forked_workers_and_threads_lose_and_double_nothing(kernel, folder):
    text = kernel.run(
        "%%mlops run parent\n"
        "import mlops_nb, os, threading\n"
        "from multiprocessing import get_context\n"
        "def child(n):\n"
        "    with mlops_nb.run('child') as run:\n"
        "        run.log(n=n)\n"
        "    return os.getpid() != parent\n"
        "parent = os.getpid()\n"
        "with get_context('fork').Pool(3) as pool:\n"
        "    others = pool.map(child, range(9), chunksize=1)\n"
        "threads = [threading.Thread(target=lambda k=k: mlops_nb.log(step=k, series=k)) for k in range(20)]\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]\n"
        "all(others)"
    )
    assert "True" in text
    rows = service.runs().rows
    assert sorted(row.metrics["n"] for row in rows if row.name == "child") == list(range(9))
    assert service.show("parent").metrics[0].count == 20
    assert set(statuses().values()) == {"FINISHED"}
    assert open_store().rows("PRAGMA integrity_check") == [("ok",)]


def completions(kernel: Kernel, code: str) -> list[str]:
    reply = kernel.client.complete(code, reply=True, timeout=30)["content"]
    return [code[: reply["cursor_start"]] + match for match in reply["matches"]]


def test_tab_completes_commands_options_and_runs_to_lines_that_work(kernel):
    name = "a name with 'quotes' and \"more\""
    kernel.run(f"import mlops_nb\nwith mlops_nb.run({name!r}): pass\nwith mlops_nb.run('plain'): pass")
    assert {"%mlops runs", "%mlops compare", "%mlops export"} <= set(completions(kernel, "%mlops "))
    assert completions(kernel, "%mlops sh") == ["%mlops show"]
    assert "%%mlops run x --metric" in completions(kernel, "%%mlops run x --me")
    assert "%mlops show plain" in completions(kernel, "%mlops show pl")
    (line,) = [line for line in completions(kernel, "%mlops show ") if "quotes" in line]
    assert "(run 1)" in kernel.run(line)


@pytest.mark.parametrize(
    ("body", "status", "shown"),
    [
        ("import asyncio\nawait asyncio.sleep(0.01)\nprint('awaited')", "FINISHED", "awaited"),
        ("%time x = 1", "FINISHED", "time:"),
        ("!echo from the shell", "FINISHED", "from the shell"),
        ("import asyncio\nasyncio.current_task().cancel()\nawait asyncio.sleep(1)", "INTERRUPTED", ""),
        ("raise SystemExit", "FAILED", "SystemExit"),
        ("input('name?')", "FAILED", "StdinNotImplementedError"),
        ("def deep(n): return deep(n + 1)\ndeep(0)", "FAILED", "RecursionError"),
        ("raise MemoryError", "FAILED", "MemoryError"),
        ("import warnings\nwarnings.warn('careful')", "FINISHED", "careful"),
        ("print = None\nsum = 3", "FINISHED", ""),
        ("for name in list(globals()):\n    if not name.startswith('_'):\n        del globals()[name]", "FINISHED", ""),
        ("%reset -f", "FINISHED", ""),
        ("%reload_ext mlops_nb", "INTERRUPTED", ""),
        ("%unload_ext mlops_nb", "INTERRUPTED", ""),
    ],
)
def test_any_body_is_a_run_and_the_kernel_goes_on(kernel, body, status, shown):
    out = kernel.run(f"%%mlops run odd\n{body}")
    assert shown in out
    kernel.run("%load_ext mlops_nb")
    assert statuses() == {"odd": status}
    kernel.run("%reset -f")
    assert "next finished" in kernel.run("%%mlops run next\nx = 1")


def test_ten_megabytes_of_output_reach_the_notebook_and_a_bounded_part_the_store(kernel, folder):
    text = kernel.run("%%mlops run loud\nfor _ in range(100):\n    print('x' * 100_000)")
    assert text.count("x") >= 10_000_000
    run = service.show("loud")
    assert "characters of output were not kept" in run.warnings[0]
    assert (folder / ".mlops" / "store.db").stat().st_size < 2_000_000


def test_order_edits_and_deletions_of_tracked_cells_are_known(kernel):
    kernel.run("%mlops track on", cellId="zero")
    kernel.run("a = 1", cellId="first")
    kernel.run("b = a", cellId="second")
    kernel.run("a = 3", cellId="first")
    kernel.run("c = b", cellId="third", deletedCells=["second"])
    kernel.run("%mlops track off", cellId="zero")
    ran = cells.executions(open_store())
    assert [(one.cell_id, one.source, one.reads, one.writes) for one in ran] == [
        ("", "%load_ext mlops_nb", (), ()),
        ("zero", "%mlops track on", (), ()),
        ("first", "a = 1", (), ("a",)),
        ("second", "b = a", ("a",), ("b",)),
        ("first", "a = 3", (), ("a",)),
        ("third", "c = b", ("b",), ("c",)),
    ]
    counts = [one.execution_count for one in ran]
    assert counts == list(range(counts[0], counts[0] + 6))


def test_undefined_name_in_braces_is_said_in_the_cell(kernel):
    text = kernel.run("%mlops show {nothing}")
    assert "{nothing}: no name 'nothing' is defined here" in text
    assert "Traceback" not in json.dumps(kernel.outputs)


def test_interrupted_command_leaves_a_clean_state(kernel, folder):
    source = (
        "%%mlops run slow --metric x\nimport os, time\nopen('began', 'a').close()\n"
        "time.sleep(60 if os.path.exists('again') else 0)\nx = 1"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbformat.write(notebook, folder / "study.ipynb")
    kernel.run(source)
    (folder / "began").unlink()
    (folder / "again").touch()
    cell = kernel.start("%mlops export study.ipynb -o pipeline.py --verify")
    kernel.wait_for(folder / "began")
    kernel.manager.interrupt_kernel()
    assert "CommandInterrupted: %mlops export was interrupted" in kernel.finish(cell)
    assert [len(out["traceback"]) for out in kernel.outputs if out["kind"] == "error"] == [1]
    (folder / "again").unlink()
    assert "✓ Verified" in kernel.run("%mlops export study.ipynb -o pipeline.py --verify")
    assert {row.status for row in service.runs(kind="pipeline").rows} <= {"FINISHED", "INTERRUPTED", "KILLED"}


def test_library_that_we_import_first_knows_that_it_is_in_a_notebook(folder):
    notebook = nbformat.v4.new_notebook()
    for source in (
        "%load_ext mlops_nb\n%mlops track on",
        "x = 1",
        "import pandas\npandas.get_option('display.max_columns')",
    ):
        notebook.cells.append(nbformat.v4.new_code_cell(source))
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(folder)}}).execute()
    assert notebook.cells[-1].outputs[0].data["text/plain"] == "20"


def test_parameters_cell_is_known_by_the_saved_notebook_where_no_tags_are_sent(tmp_path):
    depth = nbformat.v4.new_code_cell("depth = 3  # of a tree", metadata={"tags": ["parameters"]})
    run = nbformat.v4.new_code_cell("%%mlops run guessed\nrate = 0.5\naccuracy = depth / 4")
    cells = [nbformat.v4.new_code_cell("%load_ext mlops_nb"), nbformat.v4.new_code_cell("other = 1"), depth, run]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, tmp_path / "tagged.ipynb")
    nbformat.write(nbformat.v4.new_notebook(cells=[depth]), tmp_path / "another.ipynb")
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    found = service.show("guessed", store=open_store(tmp_path))
    assert {one.name: one.value for one in found.params} == {"depth": 3, "rate": 0.5}
