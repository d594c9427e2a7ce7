"""Steps in other processes and on a real Dask cluster give what they give in one process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mlops_nb.store import open_store
from mlops_nb.tracking import service
from mlops_nb.tracking.artifacts.loading import load_artifact
from tests.cluster import cluster
from tests.pipelines.scripts import became, planned, ran, written

HEAD = (
    "import os, time, random\nfrom pathlib import Path\nimport numpy as np\n"
    "from mlops_nb.pipelines import pipeline, show, step\nfrom helpers import total\n"
)
MAIN = "if __name__ == '__main__':\n    flow.main()\n"

FOREST = """
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

class Scale:
    def __init__(self, factor):
        self.factor = factor

@step
def load(n: int):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.random(n), "b": rng.random(n)})
    print("rows", len(frame))
    return frame

@step(outputs=("X", "y"))
def split(frame, scale):
    return frame * scale.factor, (frame.a > 0.5).to_numpy()

@step
def scale(frame):
    return Scale(total([1, 2]))

@step
def fit(X, y, trees: int):
    model = RandomForestClassifier(trees, random_state=0).fit(X, y)
    return model

@step
def noise(X):
    drawn = np.random.rand(3)
    return drawn

@step
def more_noise(y):
    drawn = np.random.rand(3)
    return drawn

@step(metrics=("accuracy", "spread"))
def evaluate(model, X, y, drawn, more):
    accuracy = model.score(X, y)
    spread = float(drawn.sum() - more.sum())
    show(round(accuracy, 3))
    return accuracy, spread

@pipeline
def flow(n: int = 200, trees: int = 5, seed: int = 3):
    np.random.seed(seed)
    frame = load(n)
    factor = scale(frame)
    X, y = split(frame, factor)
    model = fit(X, y, trees)
    drawn = noise(X)
    more = more_noise(y)
    accuracy, spread = evaluate(model, X, y, drawn, more)
    return accuracy
"""


LIGHT = """
@step(outputs=("a", "b"))
def load(n: int):
    return np.arange(n), np.arange(n) / 2

@step
def noise(a):
    drawn = np.random.rand(3)
    return drawn

@step
def more_noise(b, k: int):
    drawn = np.random.rand(3)
    return drawn + k

@step(metrics=("spread",))
def evaluate(a, b, drawn, more):
    spread = float(a.sum() + b.sum() + drawn.sum() - more.sum())
    return spread

@pipeline
def flow(n: int = 20, k: int = 5):
    np.random.seed(3)
    a, b = load(n)
    drawn = noise(a)
    more = more_noise(b, k)
    evaluate(a, b, drawn, more)
"""


def flow(folder: Path, body: str) -> Path:
    """A script of these steps, whose pipeline is called `flow`."""
    return written(folder, HEAD + body + MAIN, "flow.py")


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory):
    with cluster(tmp_path_factory.mktemp("dask")) as address:
        yield address


@pytest.fixture(params=["process", "dask"])
def engine(request: pytest.FixtureRequest, scheduler: str) -> tuple[str, ...]:
    return ("--engine", "process") if request.param == "process" else ("--engine", "dask", "--scheduler", scheduler)


def told(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.stdout.strip(), done.stderr
    return json.loads(done.stdout.strip().split("\n")[-1])


def given(result: dict) -> list[tuple]:
    return [(each["name"], each["status"], each["metrics"], each["outputs"]) for each in result["steps"]]


# the same results


@pytest.mark.parametrize("cache", [(), ("--no-cache",)])
def test_results_are_those_of_one_process(folder: Path, engine: tuple[str, ...], cache: tuple[str, ...]):
    one = flow(folder, FOREST)
    here, there = ran(one, "--no-store", "--json"), ran(one, *engine, *cache, "--json")
    assert there.returncode == 0, there.stderr
    assert given(told(there)) == given(told(here))
    assert told(there)["metrics"] == told(here)["metrics"]
    assert there.stdout.split("\n")[:-2] == here.stdout.split("\n")[:-2] == ["rows 200", "1.0"]
    run = service.show("evaluate", store=open_store(folder))
    assert (run.status, run.outputs[0].data["text/plain"]) == ("FINISHED", "1.0")
    parent = service.show("flow", store=open_store(folder))
    assert {service.show(number, store=open_store(folder)).name for number in parent.children} == {
        each["name"] for each in told(here)["steps"]
    }


def test_what_one_engine_kept_the_others_take(folder: Path, engine: tuple[str, ...]):
    one = flow(folder, LIGHT)
    assert set(became(one, *engine).values()) == {"nothing of it is kept here"}
    assert set(planned(one).values()) == {"kept"}
    assert set(became(one).values()) == {"kept"}
    assert set(became(one, *engine).values()) == {"kept"}
    again = became(one, *engine, "--k", "6")
    assert {name for name, each in again.items() if each != "kept"} == {"more_noise", "evaluate"}


def test_independent_steps_run_side_by_side(folder: Path, engine: tuple[str, ...]):
    meet = (
        "    Path('{0}').touch()\n    until = time.monotonic() + 60\n"
        "    while not Path('{1}').exists() and time.monotonic() < until:\n        time.sleep(0.02)\n"
        "    return Path('{1}').exists()\n"
    )
    body = (
        f"@step\ndef left():\n{meet.format('l', 'r')}@step\ndef right():\n{meet.format('r', 'l')}"
        "@step\ndef both(a, b):\n    print(a and b)\n"
        "@pipeline\ndef flow():\n    a = left()\n    b = right()\n    both(a, b)\n"
    )
    assert ran(flow(folder, body), *engine, "--jobs", "2", "--quiet").stdout == "True\n"


def test_only_as_many_steps_as_jobs_run_at_once(folder: Path):
    body = (
        "".join(
            f"@step\ndef s{n}():\n    began = time.time()\n    time.sleep(0.3)\n    return began, time.time()\n"
            for n in range(3)
        )
        + "@pipeline\ndef flow():\n    a = s0()\n    b = s1()\n    c = s2()\n    print(list(a), list(b), list(c))\n"
    )
    done = ran(flow(folder, body), "--engine", "process", "--jobs", "1", "--quiet")
    (a, b), (c, d), (e, f) = (json.loads(f"[{part}]") for part in done.stdout.strip()[1:-1].split("] ["))
    assert a < b <= c < d <= e < f


def test_function_that_looks_at_values_waits_for_them(folder: Path, engine: tuple[str, ...]):
    body = (
        "@step\ndef score(k: int):\n    return k / 2\n@step\ndef tell(found):\n    print('told', found)\n"
        "@pipeline\ndef flow():\n    best = max(score(k) for k in range(4))\n    if best > 1:\n        tell(best)\n"
    )
    assert ran(flow(folder, body), *engine, "--quiet").stdout == "told 1.5\n"


# faults


def test_failed_step_is_named_with_the_users_lines_and_what_ran_beside_it_is_kept(
    folder: Path, engine: tuple[str, ...]
):
    body = (
        "@step\ndef load():\n    return 0\n@step\ndef divide(n):\n    return 1 / n\n"
        "@step\ndef beside(n):\n    time.sleep(1)\n    return 5\n"
        "@pipeline\ndef flow():\n    n = load()\n    b = beside(n)\n    a = divide(n)\n    return a, b\n"
    )
    one = flow(folder, body)
    done = ran(one, *engine, "--jobs", "2")
    assert done.returncode == 1
    assert "flow.py" in done.stderr
    assert "    return 1 / n" in done.stderr
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "step 'divide' (3 of 3) failed: correct it in flow.py; python flow.py --from divide goes on" in done.stderr
    assert planned(one)["beside"] == "kept"
    assert service.show("divide", store=open_store(folder)).status == "FAILED"


def test_step_whose_process_is_killed_fails_and_says_so(folder: Path):
    body = "@step\ndef die():\n    os.kill(os.getpid(), 9)\n@pipeline\ndef flow():\n    die()\n"
    done = ran(flow(folder, body), "--engine", "process")
    assert done.returncode == 1
    assert "the process of step 'die' was ended by SIGKILL" in done.stderr
    assert service.show("die", store=open_store(folder)).status == "KILLED"


def test_step_that_hears_no_signal_is_ended_after_its_timeout(folder: Path):
    body = (
        "import signal\n@step(timeout_seconds=0.2)\ndef deaf():\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})\n    time.sleep(300)\n"
        "@pipeline\ndef flow():\n    deaf()\n"
    )
    done = ran(flow(folder, body), "--engine", "process")
    assert done.returncode == 1
    assert "step 'deaf' took longer than its timeout and was ended" in done.stderr


WAITING = (
    "@step\ndef load():\n    return 1\n@step\ndef wait(n):\n    Path('waits').touch()\n    time.sleep(300)\n"
    "@pipeline\ndef flow():\n    n = load()\n    wait(n)\n"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_script(folder: Path, number: int):
    one = flow(folder, WAITING)
    process = subprocess.Popen([sys.executable, str(one), "--engine", "process"], stderr=subprocess.PIPE, text=True)
    while not (folder / "waits").exists():
        time.sleep(0.05)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert workers
    assert psutil.wait_procs(workers, timeout=60)[1] == []
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "step 'wait' (2 of 2) was interrupted" in said
    runs = service.runs(kind="step", store=open_store(folder)).rows
    expected = {signal.SIGINT: ["INTERRUPTED"], signal.SIGKILL: ["KILLED"]}[number]
    assert [run.status for run in runs if run.name == "wait"] == expected
    assert planned(one)["load"] == "kept"


def test_run_interrupted_in_several_steps_goes_on_from_the_first_of_them(folder: Path):
    body = (
        "@step\ndef load():\n    return 1\n@step\ndef one(n):\n    Path('one').touch()\n    time.sleep(300)\n"
        "@step\ndef two(n):\n    Path('two').touch()\n    time.sleep(300)\n"
        "@pipeline\ndef flow():\n    n = load()\n    one(n)\n    two(n)\n"
    )
    command = [sys.executable, str(flow(folder, body)), "--engine", "process", "--jobs", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not ((folder / "one").exists() and (folder / "two").exists()):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert "step 'one' (2 of 3) was interrupted: python flow.py --from one goes on" in said


def test_interrupted_dask_run_ends(folder: Path, scheduler: str):
    one = flow(folder, WAITING.replace("300", "3"))
    process = subprocess.Popen(
        [sys.executable, str(one), "--engine", "dask", "--scheduler", scheduler], stderr=subprocess.PIPE, text=True
    )
    while not (folder / "waits").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert planned(one)["load"] == "kept"


def test_change_in_place_that_another_process_would_not_see_is_a_fault(folder: Path, engine: tuple[str, ...]):
    body = (
        "@step\ndef load():\n    data = [3, 1, 2]\n    return data\n@step\ndef order(data):\n    data.sort()\n"
        "@step\ndef least(data):\n    print(data[0])\n"
        "@pipeline\ndef flow():\n    data = load()\n    order(data)\n    least(data)\n"
    )
    one = flow(folder, body)
    done = ran(one, *engine, "--no-cache")
    assert done.returncode == 1
    assert "step 'order' changes data in place, and a later step is given it, too" in done.stderr
    assert ran(one, "--quiet").stdout == "1\n"


def test_file_that_two_steps_use_at_once_is_a_fault(folder: Path):
    body = (
        "@step\ndef write():\n    while not Path('begun').exists():\n        time.sleep(0.02)\n"
        "    Path('a.txt').write_text('new')\n"
        "@step\ndef read():\n    text = Path('a.txt').read_text()\n    Path('begun').touch()\n    print(text)\n"
        "@pipeline\ndef flow():\n    write()\n    read()\n"
    )
    one = flow(folder, body)
    (folder / "a.txt").write_text("old")
    done = ran(one, "--engine", "process", "--jobs", "2")
    assert done.returncode == 1
    assert "steps 'write' and 'read' ran at the same time and both use a.txt" in done.stderr


def test_what_no_other_process_can_be_given_is_said(folder: Path):
    body = "@step\ndef make():\n    return (n for n in range(3))\n@pipeline\ndef flow():\n    make()\n"
    done = ran(flow(folder, body), "--engine", "process")
    assert done.returncode == 1
    assert "step 'make' gives what no other process can be given: generator cannot be kept" in done.stderr


def test_kept_result_that_cannot_be_read_on_a_worker_is_made_again(folder: Path, engine: tuple[str, ...]):
    one = flow(folder, LIGHT)
    became(one)
    for path in (folder / ".mlops" / "blobs").rglob("*"):
        if path.is_file():
            path.write_bytes(bytes(path.stat().st_size))
    done = ran(one, *engine, "--k", "7", "--json")
    assert done.returncode == 0, done.stderr
    assert "runs after all: its kept result cannot be read" in done.stderr
    assert told(done)["metrics"] == told(ran(one, "--k", "7", "--no-store", "--json"))["metrics"]


# Dask


def test_what_steps_give_stays_on_the_workers(folder: Path, scheduler: str):
    body = (
        "class Box:\n    def __init__(self, n):\n        self.n = n\n"
        "    def __setstate__(self, state):\n        self.__dict__ = state\n"
        f"        with open({str(folder / 'read')!r}, 'a') as file:\n            print(os.getpid(), file=file)\n"
        "@step\ndef make():\n    return Box(4)\n@step\ndef more(box):\n    return Box(box.n + 1)\n"
        "@step(metrics=('n',))\ndef count(box, other):\n    n = box.n + other.n\n    return n\n"
        "@pipeline\ndef flow():\n    box = make()\n    other = more(box)\n    n = count(box, other)\n"
        "    print(os.getpid())\n"
    )
    done = ran(flow(folder, body), "--engine", "dask", "--scheduler", scheduler, "--json")
    assert told(done)["metrics"] == {"n": 9.0}
    pid = done.stdout.split("\n")[0]
    assert not (folder / "read").exists() or pid not in (folder / "read").read_text().split()


def test_workers_that_do_not_see_the_store_send_their_runs_and_nothing_is_kept(folder: Path, tmp_path: Path):
    body = (
        "import mlops_nb\n@step\ndef load():\n    return 2\n"
        "@step(metrics=('double',))\ndef twice(n):\n    mlops_nb.log(loss=0.5)\n"
        "    mlops_nb.log_text('hello', 'note')\n"
        "    double = 2 * n\n    print('doubled')\n    return double\n"
        "@pipeline\ndef flow():\n    n = load()\n    double = twice(n)\n    return double\n"
    )
    one = flow(folder, body)
    (tmp_path / "far").mkdir()
    with cluster(tmp_path / "far", preload="import platform\nplatform.node = lambda: 'far'\n") as address:
        there = ("--engine", "dask", "--scheduler", address, "--json")
        done = ran(one, *there)
        assert told(done)["metrics"] == {"double": 4.0, "loss": 0.5}
        assert "not kept: the workers do not see the store" in told(done)["steps"][0]["reason"]
        store = open_store(folder)
        run = service.show("twice", store=store)
        assert (run.status, run.parent) == ("FINISHED", service.show("flow", store=store).id)
        assert load_artifact("twice", "note", store=store) == "hello"
        became(one, "--until", "load")
        assert [each["is_cached"] for each in told(ran(one, *there))["steps"]] == [True, False]


def test_cluster_that_cannot_be_reached_is_said_unless_nothing_has_to_run(folder: Path):
    one = flow(folder, "@step\ndef load():\n    return 2\n@pipeline\ndef flow():\n    load()\n")
    nowhere = ("--engine", "dask", "--scheduler", "tcp://127.0.0.1:9")
    done = ran(one, *nowhere)
    assert done.returncode == 1
    assert "the Dask cluster tcp://127.0.0.1:9 cannot be reached" in done.stderr
    became(one)
    assert became(one, *nowhere) == {"load": "kept"}


def test_workers_of_this_machine_are_started_and_ended(folder: Path):
    one = flow(folder, "@step\ndef load():\n    print(2)\n@pipeline\ndef flow():\n    load()\n")
    done = ran(one, "--engine", "dask", "--jobs", "1", "--quiet")
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--engine", "spark"), "invalid choice: 'spark'"),
        (("--jobs", "0"), "jobs == 0, must be at least 1"),
        (("--jobs", "x"), "invalid int value"),
        (("--scheduler", "tcp://127.0.0.1:9"), "--scheduler needs --engine dask"),
    ],
)
def test_bad_engine_is_bad_usage(folder: Path, arguments: tuple[str, ...], words: str):
    done = ran(flow(folder, "@step\ndef load():\n    return 2\n@pipeline\ndef flow():\n    load()\n"), *arguments)
    assert done.returncode == 2
    assert words in done.stderr
