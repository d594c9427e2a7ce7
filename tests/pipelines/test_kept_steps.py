from __future__ import annotations

import http.server
import json
import os
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mlops_nb.pipelines import pipeline, step
from mlops_nb.store import open_store, step_cache
from mlops_nb.tracking import service
from mlops_nb.tracking.housekeeping.backups import backup, restore_backup
from mlops_nb.tracking.housekeeping.service import gc
from tests.pipelines.scripts import ALL_KEPT, HELPERS, became, planned, ran, written

HEAD = "import time, random\nfrom pathlib import Path\nfrom mlops_nb.pipelines import pipeline, step\n"
MAIN = "if __name__ == '__main__':\n    flow.main()\n"


@pytest.fixture
def script(folder: Path) -> Path:
    return written(folder)


def flow(folder: Path, body: str) -> Path:
    """A script of these steps, whose pipeline is called `flow`."""
    return written(folder, HEAD + body + MAIN, "flow.py")


def edited(script: Path, *changes: tuple[str, str]) -> None:
    text = script.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    script.write_text(text)


# what is kept


def test_second_run_takes_every_step_as_kept_and_gives_the_same(script: Path, folder: Path):
    first, second = ran(script, "--quiet"), ran(script, "--json")
    assert first.stdout == "the mean is 5.0\n"
    assert second.stdout.startswith("the mean is 5.0\n")
    result = json.loads(second.stdout.strip().split("\n")[-1])
    assert [each["is_cached"] for each in result["steps"]] == [True, True, True]
    assert result["metrics"] == {"mean": 5.0}
    assert "[2/3] measure  kept" in second.stderr
    run = service.show("measure", store=open_store(folder))
    assert run.tags["cached_from"] == "3"
    assert {each.name: each.value for each in run.metrics} == {"mean": 5.0}
    assert run.outputs[0].data["text/plain"] == "the mean is 5.0\n"


def test_comments_formatting_and_docstrings_change_nothing(script: Path):
    became(script)
    edited(
        script,
        ('    """Read the data."""\n', "    # Read it.\n"),
        ("return total(data) / len(data)", "return (\n        total(data)\n        / len(data)\n    )"),
        ('@step(metrics=("mean",))', '@step(metrics=("mean",), stage="evaluate")'),
    )
    assert became(script) == ALL_KEPT


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("scale * mean_of", "10 * mean_of", "its code changed"),
        ("total(data) / len", "2 * total(data) / len", "helper mean_of changed"),
        ("OFFSET = 1", "OFFSET = 2", "constant OFFSET changed"),
        ("scale: float = 2.0", "scale: float = 4.0", "scale 2.0 -> 4.0"),
    ],
)
def test_only_what_depends_on_an_edit_runs(script: Path, before: str, after: str, reason: str):
    became(script)
    edited(script, (before, after))
    assert planned(script) == {
        "load": "kept",
        "measure": f"run: {reason}",
        "report": "run: measure may give something else",
    }
    after_edit = became(script)
    assert (after_edit["load"], after_edit["measure"]) == ("kept", reason)
    assert after_edit["report"].startswith("mean 5.0 -> ")


def test_helper_of_another_module_is_followed(script: Path, folder: Path):
    became(script)
    (folder / "helpers.py").write_text(HELPERS.replace("sum(data)", "sum(data) + 3"))
    assert became(script)["measure"] == "helper total changed"


def test_step_that_gives_the_same_again_spares_the_steps_after_it(script: Path, folder: Path):
    became(script)
    (folder / "numbers.txt").write_text("3 2 1")
    assert became(script) == {"load": "numbers.txt changed", "measure": "data changed", "report": "kept"}


def test_file_of_the_same_content_and_another_time_changes_nothing(script: Path, folder: Path):
    became(script)
    os.utime(folder / "numbers.txt", (1, 1))
    assert became(script) == ALL_KEPT


def test_plan_of_a_fresh_checkout_with_the_store_knows_what_is_kept(script: Path, folder: Path, tmp_path: Path):
    became(script)
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copy)
    assert planned(tmp_path / "copy" / "count.py") == ALL_KEPT
    (tmp_path / "empty").mkdir()
    empty = written(tmp_path / "empty")
    assert planned(empty)["load"] == "run: nothing is kept here yet"
    assert not (tmp_path / "empty" / ".mlops").exists()


def test_file_that_a_kept_step_wrote_is_put_back(script: Path, folder: Path):
    became(script)
    shutil.rmtree(folder / "out")
    assert became(script) == ALL_KEPT
    assert (folder / "out" / "report.txt").read_text() == "mean 5.0"


def test_environment_variable_that_a_step_reads_counts_and_its_value_is_not_kept(folder: Path):
    one = flow(
        folder,
        "import os\n@step\ndef name():\n    return len(os.environ['WHO'])\n@pipeline\ndef flow():\n    name()\n",
    )
    assert became(one, env={"WHO": "Ada-Lovelace"}) == {"name": "nothing of it is kept here"}
    assert became(one, env={"WHO": "Ada-Lovelace"}) == {"name": "kept"}
    assert became(one, env={"WHO": "Ada"}) == {"name": "the environment variable WHO changed"}
    assert b"Ada-Lovelace" not in (folder / ".mlops" / "store.db").read_bytes()


def test_step_that_asks_the_network_runs_again_unless_it_says_otherwise(folder: Path):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"7")

        def log_message(self, *arguments):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    body = (
        "import http.client\ndef get(port):\n    link = http.client.HTTPConnection('127.0.0.1', port)\n"
        "    link.request('GET', '/')\n    return int(link.getresponse().read())\n"
        "@step\ndef ask(port: int):\n    return get(port)\n"
        "@step(cache=True)\ndef once(port: int):\n    return get(port)\n"
        "@pipeline\ndef flow(port: int):\n    ask(port)\n    once(port)\n"
    )
    one = flow(folder, body)
    try:
        arguments = ("--port", str(server.server_port))
        assert f"not kept: it asks 127.0.0.1:{server.server_port}" in became(one, *arguments)["ask"]
        assert {name: each == "kept" for name, each in became(one, *arguments).items()} == {"ask": False, "once": True}
    finally:
        server.shutdown()
        server.server_close()


def test_global_random_generator_goes_on_from_where_a_kept_step_left_it(folder: Path):
    body = (
        "@step\ndef first():\n    random.seed(3)\n    return random.random()\n"
        "@step\ndef second():\n    drawn = random.random()\n    return drawn\n"
        "@step(metrics=('drawn',))\ndef third():\n    drawn = random.random()\n    return drawn\n"
        "@pipeline\ndef flow():\n    first()\n    second()\n    third()\n"
    )
    one = flow(folder, body)
    became(one)
    assert became(one) == {"first": "kept", "second": "kept", "third": "kept"}
    edited(one, ("third():\n    drawn = random.random()", "third():\n    drawn = 1 * random.random()"))
    mixed = json.loads(ran(one, "--json").stdout.split("\n")[-2])["metrics"]
    plain = json.loads(ran(one, "--json", "--no-cache").stdout.split("\n")[-2])["metrics"]
    assert mixed == plain


def test_step_that_draws_and_has_to_run_after_all_draws_what_it_drew(folder: Path):
    body = (
        "class Box:\n    pass\n@step\ndef first():\n    box = Box()\n    box.n = random.random()\n    return box\n"
        "@step\ndef second():\n    return random.random()\n"
        "@step(metrics=('n',))\ndef third(box, other, k: int):\n    n = box.n + other + random.random()\n    return n\n"
        "@pipeline\ndef flow(k: int = 1):\n    random.seed(3)\n    box = first()\n    other = second()\n"
        "    third(box, other, k)\n"
    )
    one = flow(folder, body)
    plain = json.loads(ran(one, "--json").stdout.split("\n")[-2])["metrics"]
    (blob,) = blobs_in(folder)
    blob.write_bytes(bytes(blob.stat().st_size))
    mixed = ran(one, "--json", "--k", "2")
    assert "first runs after all" in mixed.stderr
    assert json.loads(mixed.stdout.split("\n")[-2])["metrics"] == plain


def test_draws_that_nobody_seeded_are_drawn_again(folder: Path):
    one = flow(folder, "@step\ndef draw():\n    return random.random()\n@pipeline\ndef flow():\n    draw()\n")
    became(one)
    assert became(one) == {"draw": "it draws from python's global random generator, which is in another state"}


def test_step_that_changes_what_a_later_step_is_given_is_run_each_time(folder: Path):
    body = (
        "@step\ndef load():\n    data = [3, 1, 2]\n    return data\n"
        "@step\ndef order(data):\n    data.sort()\n"
        "@step\ndef least(data):\n    print(data)\n"
        "@pipeline\ndef flow():\n    data = load()\n    order(data)\n    least(data)\n"
    )
    one = flow(folder, body)
    assert became(one)["order"].endswith("not kept: it changes data in place, which a later step is given, too")
    again = ran(one, "--json")
    assert again.stdout.startswith("[1, 2, 3]\n")
    assert [each["is_cached"] for each in json.loads(again.stdout.split("\n")[-2])["steps"]] == [True, False, True]


def test_change_in_place_that_no_later_step_sees_is_kept(folder: Path):
    body = (
        "@step\ndef load():\n    data = [3, 1, 2]\n    return data\n"
        "@step\ndef order(data):\n    data.sort()\n    return data\n"
        "@step\ndef least(data):\n    print(data)\n"
        "@pipeline\ndef flow():\n    data = load()\n    data = order(data)\n    least(data)\n"
    )
    one = flow(folder, body)
    became(one)
    assert became(one) == {"load": "kept", "order": "kept", "least": "kept"}


def test_output_that_cannot_be_kept_is_handed_on_and_said(folder: Path):
    body = (
        "@step\ndef make():\n    return (n for n in range(3))\n@step\ndef use(them):\n    print(list(them))\n"
        "@pipeline\ndef flow():\n    them = make()\n    use(them)\n"
    )
    one = flow(folder, body)
    for _ in range(2):
        done = ran(one, "--json")
        assert done.stdout.startswith("[0, 1, 2]\n")
    reasons = [each["reason"] for each in json.loads(done.stdout.split("\n")[-2])["steps"]]
    assert "not kept: generator cannot be kept" in reasons[0]
    assert reasons[1] == "them cannot be compared with what it was"


def test_function_that_looks_at_what_a_step_gives_is_given_the_value(folder: Path):
    body = (
        "@step\ndef score():\n    model, accuracy = 'm', 0.8\n    return model, accuracy\n"
        "@step\ndef register(model):\n    print('registered', model)\n"
        "@pipeline\ndef flow(least: float = 0.5):\n    model, accuracy = score()\n    if accuracy > least:\n"
        "        register(model)\n    return accuracy\n"
    )
    one = flow(folder, body)
    assert ran(one, "--quiet").stdout == ran(one, "--quiet").stdout == "registered m\n"
    assert planned(one) == {"score": "kept", "register": "kept"}
    edited(one, ("'m', 0.8", "'n', 0.8"))
    assert planned(one)["register"] == "open: until the steps before it ran"
    assert became(one, "--least", "0.9") == {"score": "its code changed"}


def test_step_that_a_helper_of_the_function_calls_gives_it_the_value(folder: Path):
    body = (
        "@step\ndef double(n):\n    return 2 * n\n"
        "def twice(n):\n    found = double(n)\n    return double(found + 1)\n"
        "@pipeline\ndef flow():\n    first = double(4)\n    double(first)\n    print(twice(3))\n"
    )
    one = flow(folder, body)
    assert [ran(one, "--quiet").stdout for _ in range(2)] == ["14\n", "14\n"]


def test_pipeline_called_as_a_function_keeps_its_steps_too(folder: Path):
    @step
    def double(n):
        return 2 * n

    @pipeline("twice")
    def twice(n: int = 2):
        result = double(n)
        return result

    assert (twice(), twice(), twice(n=3)) == (4, 4, 6)
    assert [each.is_cached for each in twice.last.steps] == [False]
    assert [each.verdict for each in twice.plan(n=2).steps] == ["kept"]
    assert twice.with_options(force=True)(n=2) == 4


# which steps run


def test_from_until_and_only_choose_the_steps(script: Path):
    became(script)
    assert became(script, "--from", "measure") == {
        "load": "kept",
        "measure": "--from measure",
        "report": "--from measure",
    }
    assert became(script, "--until", "measure") == {"load": "kept", "measure": "kept"}
    assert became(script, "--only", "measure") == {"load": "kept", "measure": "--only measure"}
    assert planned(script, "--only", "measure")["report"] == "left out: after measure"
    assert set(became(script, "--force").values()) == {"--force"}


def test_from_takes_the_newest_result_of_a_step_that_changed_and_says_so(script: Path):
    became(script)
    edited(script, ("int(line)", "2 * int(line)"))
    done = ran(script, "--from", "measure")
    assert "load: its newest result is taken, though its code changed" in done.stderr
    assert done.stdout == "the mean is 5.0\n"


def test_from_without_anything_kept_says_what_to_run_first(script: Path):
    done = ran(script, "--from", "measure")
    assert done.returncode == 1
    assert "step 'load' comes before 'measure', and nothing of it is kept" in done.stderr
    assert "--until load" in done.stderr


def test_no_cache_neither_takes_nor_keeps(script: Path, folder: Path):
    assert set(became(script, "--no-cache").values()) == {"--no-cache"}
    assert open_store(folder).rows("SELECT count(*) FROM step_cache") == [(0,)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "mesure"), ("numbers has no step 'mesure'", "--from measure")),
        (("--only", "load", "--until", "report"), ("--only is one step",)),
    ],
)
def test_step_that_is_not_there_is_bad_usage(script: Path, arguments: tuple[str, ...], words: tuple[str, ...]):
    done = ran(script, *arguments)
    assert done.returncode == 2
    assert all(each in done.stderr for each in words)


# whose it is


BOX = (
    "class Box:\n    def __init__(self, n):\n        self.n, self.more = n, '-' * 999\n"
    "@step\ndef make():\n    return Box(4)\n@step\ndef use(box, k: int):\n    print(box.n * k)\n"
    "@pipeline\ndef flow(k: int = 1):\n    box = make()\n    use(box, k)\n"
)


class Planted:
    """A pickle that, loaded, leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def blobs_in(folder: Path) -> list[Path]:
    return [path for path in (folder / ".mlops" / "blobs").rglob("*") if path.is_file()]


def test_pickle_that_was_changed_is_never_loaded_and_the_step_runs_again(folder: Path):
    one = flow(folder, BOX)
    became(one)
    (blob,) = blobs_in(folder)
    blob.write_bytes(pickle.dumps(Planted(folder / "planted")).ljust(blob.stat().st_size, b"."))
    done = ran(one, "--k", "2", "--json")
    assert done.stdout.startswith("8\n")
    assert "was changed after it was stored" in done.stderr
    assert not (folder / "planted").exists()
    assert became(one, "--k", "3")["make"] == "kept"


def test_file_that_is_gone_makes_the_step_run_again(folder: Path):
    one = flow(folder, BOX)
    became(one)
    blobs_in(folder)[0].unlink()
    assert planned(one)["make"] == "run: a file of its kept result is missing"
    assert ran(one, "--k", "2", "--quiet").stdout == "8\n"


def test_result_that_another_user_kept_is_not_believed(folder: Path, tmp_path: Path):
    one = flow(folder, BOX)
    became(one)
    assert (
        became(one, env={"XDG_CONFIG_HOME": str(tmp_path / "other")})["make"]
        == "its kept result is not this user's own"
    )
    assert became(one) == {"make": "kept", "use": "kept"}
    assert (tmp_path / "other" / "mlops_nb" / "cache.key").stat().st_mode & 0o777 == 0o600


def test_row_that_was_forged_is_not_believed(folder: Path):
    one = flow(folder, BOX)
    became(one)
    content = pickle.dumps(Planted(folder / "planted"))
    import hashlib

    sha256 = hashlib.sha256(content).hexdigest()
    place = folder / ".mlops" / "blobs" / sha256[:2]
    place.mkdir(exist_ok=True)
    (place / sha256).write_bytes(content)
    writer = sqlite3.connect(folder / ".mlops" / "store.db")
    (blob,) = {path.name for path in blobs_in(folder)} - {sha256}
    size = (folder / ".mlops" / "blobs" / blob[:2] / blob).stat().st_size
    writer.execute(
        "UPDATE step_cache SET content = replace(replace(content, ?, ?), ?, ?)",
        (blob, sha256, f'"size_bytes": {size}', f'"size_bytes": {len(content)}'),
    )
    writer.commit()
    writer.close()
    done = ran(one, "--k", "2", "--json")
    assert done.stdout.startswith("8\n")
    assert json.loads(done.stdout.split("\n")[-2])["steps"][0]["reason"] == "its kept result is not this user's own"
    assert not (folder / "planted").exists()


# faults


FAILING = (
    "@step\ndef load():\n    return [1, 2]\n"
    "@step\ndef divide(data, by: int):\n    return sum(data) / by\n"
    "@step\ndef tell(result):\n    print(result)\n"
    "@pipeline\ndef flow(by: int = 0):\n    data = load()\n    result = divide(data, by)\n    tell(result)\n"
)


def test_failed_step_is_named_and_from_goes_on_with_what_is_kept(folder: Path):
    one = flow(folder, FAILING)
    done = ran(one)
    assert done.returncode == 1
    assert "step 'divide' (2 of 3) failed: correct it in flow.py; python flow.py --from divide goes on" in done.stderr
    assert became(one, "--from", "divide", "--by", "2") == {
        "load": "kept",
        "divide": "--from divide",
        "tell": "--from divide",
    }


def test_step_is_tried_again_as_often_as_it_says(folder: Path):
    body = (
        "@step(retries=2, retry_seconds=0)\ndef shaky():\n    tries = Path('tries')\n"
        "    n = len(tries.read_text()) if tries.exists() else 0\n    tries.write_text('x' * (n + 1))\n"
        "    if n < 2:\n        raise OSError('busy')\n    return n\n@pipeline\ndef flow():\n    shaky()\n"
    )
    one = flow(folder, body)
    assert ran(one).returncode == 0
    assert service.show("shaky", store=open_store(folder)).warnings == (
        "attempt 1 of 3 failed: OSError: busy",
        "attempt 2 of 3 failed: OSError: busy",
    )


def test_what_an_earlier_attempt_printed_is_not_what_the_step_printed(folder: Path):
    body = (
        "@step(retries=1, retry_seconds=0)\ndef shaky():\n    tried = Path('tried')\n    if tried.exists():\n"
        "        print('second')\n        return 1\n    tried.touch()\n    print('first')\n    time.sleep(1.1)\n"
        "    print('of two')\n    raise OSError('busy')\n@pipeline\ndef flow():\n    shaky()\n"
    )
    assert ran(flow(folder, body)).returncode == 0
    outputs = service.show("shaky", store=open_store(folder)).outputs
    assert [one.data["text/plain"] for one in outputs] == ["second\n"]


def test_step_that_takes_longer_than_it_may_fails(folder: Path):
    body = "@step(timeout_seconds=0.3)\ndef slow():\n    time.sleep(60)\n@pipeline\ndef flow():\n    slow()\n"
    began = time.monotonic()
    done = ran(flow(folder, body))
    assert done.returncode == 1
    assert "step 'slow' took longer than its timeout of 0.3 s" in done.stderr
    assert time.monotonic() - began < 50


WAITING = (
    "@step\ndef load():\n    return [1, 2]\n@step\ndef wait(data, is_long: bool):\n    Path('waits').touch()\n"
    "    time.sleep(60 if is_long else 0)\n    return data\n"
    "@pipeline\ndef flow(is_long: bool = True):\n    data = load()\n    wait(data, is_long)\n"
)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, "INTERRUPTED"), (signal.SIGKILL, "KILLED")])
def test_what_was_finished_before_an_end_of_force_is_kept(folder: Path, number: int, status: str):
    one = flow(folder, WAITING)
    process = subprocess.Popen([sys.executable, str(one)], stderr=subprocess.PIPE, text=True)
    while not (folder / "waits").exists():
        time.sleep(0.05)
    process.send_signal(number)
    _, told = process.communicate(timeout=30)
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "step 'wait' (2 of 2) was interrupted: python flow.py --from wait goes on" in told
    assert became(one, "--no-is-long")["load"] == "kept"
    runs = service.runs(kind="step", store=open_store(folder)).rows
    assert [run.status for run in runs if run.name == "wait"] == ["FINISHED", status]


def test_runs_at_once_on_one_store_do_not_harm_each_other(script: Path, folder: Path):
    ran(script, "--list")
    together = [
        subprocess.Popen(
            [sys.executable, str(script), "--json", "--quiet", "--scale", str(number % 2)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    means = [json.loads(each.communicate()[0].split("\n")[-2])["metrics"]["mean"] for each in together]
    assert means == [1.0, 3.0, 1.0, 3.0]
    assert became(script, "--scale", "1") == ALL_KEPT
    assert open_store(folder).rows("PRAGMA integrity_check") == [("ok",)]


def test_store_made_from_a_backup_takes_the_same_steps_as_kept(folder: Path):
    one = flow(folder, BOX)
    became(one)
    assert len(blobs_in(folder)) == 1
    done = backup("store.zip", store=open_store(folder))
    assert done.blobs == 1
    restore_backup("store.zip", "back/.mlops")
    edited(one, ("print(box.n * k)", "print(box.n + k)"))
    assert became(one, "--store", "back/.mlops") == {"make": "kept", "use": "its code changed"}


def test_kept_result_whose_file_is_gone_is_named_by_the_backup_that_lacks_it(folder: Path):
    became(flow(folder, BOX))
    blobs_in(folder)[0].unlink()
    assert backup("store.zip", store=open_store(folder)).damaged == ("what is kept of step make of flow",)


def test_collecting_leaves_what_is_kept_for_a_month_after_its_last_use(folder: Path, monkeypatch: pytest.MonkeyPatch):
    one = flow(folder, BOX)
    became(one)
    for path in blobs_in(folder):
        os.utime(path, (1, 1))
    store = open_store(folder)
    assert not any(each.what.startswith("results of steps") for each in gc(yes=True, store=store).waste)
    assert became(one) == {"make": "kept", "use": "kept"}
    monkeypatch.setattr(step_cache, "UNUSED_SECONDS", -1.0)
    done = gc(yes=True, store=store)
    assert {each.what: each.count for each in done.waste}["results of steps that no pipeline asked for in a month"] == 2
    assert blobs_in(folder) == []
    monkeypatch.undo()
    assert became(one)["make"] == "nothing of it is kept here"
