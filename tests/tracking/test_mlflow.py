"""MLflow both ways, with a real `mlflow server` on loopback, directly in its database, and with faults caused."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import mlops_nb
from mlops_nb import terminal
from mlops_nb.errors import (
    BadArgument,
    CarryingStopped,
    MissingExtra,
    RunNotFound,
    ServerUnavailable,
    StoreIsLocked,
)
from mlops_nb.store import blobs, open_store
from mlops_nb.store import runs as rows
from mlops_nb.tracking import service
from mlops_nb.tracking.mlflow import server as mlflow_server
from mlops_nb.tracking.mlflow import service as carrying
from mlops_nb.tracking.mlflow.words import DETAILS


class Serving:
    """A `mlflow server` process on a free port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        environment = {
            **os.environ,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_LOGGING_LEVEL": "ERROR",
        }
        words = ["server", "--backend-store-uri", f"sqlite:///{self.folder}/server.db", "--workers", "1"]
        words += ["--artifacts-destination", str(self.folder / "artifacts"), "--serve-artifacts"]
        words += ["--host", "127.0.0.1", "--port", str(self.port)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", *words],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for _ in range(1_200):
            with suppress(OSError), closing(HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
                connection.request("GET", "/health")
                with connection.getresponse() as response:
                    if response.status == 200:
                        return
            assert self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    server = Serving(tmp_path_factory.mktemp("mlflow"))
    yield server
    if server.process.poll() is None:
        server.kill()


class Between(ThreadingHTTPServer):
    """Stands between client and server, and misbehaves where `fault` says so: 500, close, stall or half."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind, self.fault, self.asked = port, lambda method, path: "", []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.over = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path))
        fault = self.server.fault(self.command, self.path)
        if fault == "stall":
            self.server.over.wait(60)
        if fault in ("stall", "close"):
            self.close_connection = True
            return
        status, headers, content = self.forwarded(body) if fault != "500" else (500, [], b"the disk is on fire")
        if fault == "lost":  # the server did it, but nobody hears of it
            self.close_connection = True
            return
        content = fault(content) if callable(fault) else content
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if fault == "half" else content)
        self.close_connection = fault == "half"

    def forwarded(self, body):
        connection = HTTPConnection("127.0.0.1", self.server.behind, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        connection.request(self.command, self.path, body, headers)
        response = connection.getresponse()
        found = response.status, response.getheaders(), response.read()
        connection.close()
        return found

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer


@pytest.fixture
def between(serving, monkeypatch):
    monkeypatch.setattr(mlflow_server, "PAUSES", (0.01, 0.02))
    proxy = Between(serving.port)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield proxy
    proxy.over.set()
    proxy.shutdown()
    thread.join()
    proxy.server_close()


@pytest.fixture
def experiment(request):
    return f"{request.node.name[:60]} {time.time()}"


@pytest.fixture
def elsewhere(tmp_path):
    """An empty store of somebody else."""
    return open_store(folder=tmp_path / "elsewhere")


def client(url):
    from mlflow import MlflowClient

    return MlflowClient(url)


def runs_there(url, experiment):
    one = client(url).get_experiment_by_name(experiment)
    return client(url).search_runs([one.experiment_id]) if one else []


def forest(name="forest", *, losses=3, **tags):
    """A run with some of everything."""
    with mlops_nb.run(name, source="depth = 3\n", notebook="flights.ipynb", tags=tags) as run:
        run.log_params({"depth": 3, "rate": 0.1, "kind": "sqrt", "layers": [64, 32], "warm": True, "none": None})
        for step in range(losses):
            run.log(step=step, loss=1 / (step + 1))
        run.log(accuracy=0.91)
        run.set_note("the first that is good")
        run.log_text("0.91", "report")
        run.log_artifact({"a": 1}, "folder/settings")
    return run.id


def content_of(store, run):
    """All of a run that must survive, without the numbers that are a store's own."""
    one = service.show(run, store=store)
    series = {metric.name: rows.points(store, one.id, metric.name) for metric in one.metrics}
    plain = one.to_dict()
    for name in ("id", "parent", "children"):
        del plain[name]
    return plain | {"series": {name: [(s, repr(v), round(t, 3)) for s, v, t in p] for name, p in series.items()}}


def outcomes(done):
    return [one.outcome for one in done.runs]


# there and back


def test_run_comes_back_as_it_was(serving, experiment, elsewhere):
    number = forest(kind="baseline")
    pushed = mlops_nb.push("mlflow", serving.url, "forest", experiment=experiment)
    pulled = mlops_nb.pull("mlflow", serving.url, experiment, store=elsewhere)
    assert (outcomes(pushed), outcomes(pulled)) == (["new"], ["new"])
    there = content_of(elsewhere, "forest")
    assert there["tags"].pop("mlflow.experiment") == experiment
    assert there == content_of(open_store(), number)
    assert mlops_nb.load_artifact("forest", "folder/settings", store=elsewhere) == {"a": 1}


def test_mlflow_shows_the_run_in_its_own_words(serving, experiment):
    forest(kind="baseline")
    done = mlops_nb.push("mlflow", serving.url, experiment=experiment)
    (run,) = runs_there(serving.url, experiment)
    assert run.info.run_id == done.runs[0].remote_id
    assert (run.info.run_name, run.info.status) == ("forest", "FINISHED")
    assert run.data.params["layers"] == "[64, 32]"
    assert run.data.metrics["accuracy"] == 0.91
    assert run.data.tags["mlflow.note.content"] == "the first that is good"
    assert (run.data.tags["kind"], run.data.tags["mlflow.source.name"]) == ("baseline", "flights.ipynb")
    paths = {one.path for one in client(serving.url).list_artifacts(run.info.run_id)}
    assert paths == {"report.txt", "folder", "mlops_nb"}
    inside = {one.path for one in client(serving.url).list_artifacts(run.info.run_id, "mlops_nb")}
    assert inside == {"mlops_nb/run.json", "mlops_nb/source.py", "mlops_nb/requirements.txt"}


def test_experiment_is_called_as_the_notebook_and_children_stay_with_their_parent(serving):
    with mlops_nb.run("whole", notebook="both/ways.ipynb"), mlops_nb.run("part"):
        mlops_nb.log(score=1.0)
    done = mlops_nb.push("mlflow", serving.url, "part")
    assert [(one.name, one.experiment) for one in done.runs] == [("whole", "both/ways"), ("part", "both/ways")]
    part = client(serving.url).get_run(done.runs[1].remote_id)
    assert part.data.tags["mlflow.parentRunId"] == done.runs[0].remote_id


def test_children_are_pulled_under_their_parent(serving, experiment, elsewhere):
    with mlops_nb.run("whole"), mlops_nb.run("part"):
        mlops_nb.log(score=1.0)
    mlops_nb.push("mlflow", serving.url, experiment=experiment)
    mlops_nb.pull("mlflow", serving.url, experiment, store=elsewhere)
    whole, part = (service.show(name, store=elsewhere) for name in ("whole", "part"))
    assert (part.parent, whole.children) == (whole.id, (part.id,))


def test_history_of_a_thousand_values_is_whole(serving, experiment, elsewhere):
    number = forest(losses=1_001)
    mlops_nb.push("mlflow", serving.url, experiment=experiment)
    (run,) = runs_there(serving.url, experiment)
    assert len(client(serving.url).get_metric_history(run.info.run_id, "loss")) == 1_001
    mlops_nb.pull("mlflow", serving.url, experiment, store=elsewhere)
    ours, theirs = rows.points(open_store(), number, "loss"), rows.points(elsewhere, 1, "loss")
    assert [(step, value) for step, value, _ in theirs] == [(step, value) for step, value, _ in ours]


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
NUMBERS = st.floats().filter(lambda value: abs(value) != sys.float_info.max)  # which MLflow takes for infinite
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | TEXT
    | st.lists(st.integers())
)


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    params=st.dictionaries(NAMES, VALUES, max_size=4),
    metrics=st.dictionaries(NAMES, st.lists(NUMBERS, min_size=1, max_size=4), max_size=3),
    tags=st.dictionaries(NAMES.filter(lambda name: not name.startswith("mlflow.")), TEXT, max_size=3),
    note=TEXT,
)
def test_whatever_a_run_holds_comes_back(serving, tmp_path_factory, params, metrics, tags, note):
    folder = tmp_path_factory.mktemp("property")
    ours, theirs = (open_store(folder=folder / name) for name in ("ours", "theirs"))
    with service.run("any", store=ours, tags=tags) as run:
        run.log_params(params)
        for step in range(4):
            run.log_metrics({name: given[step] for name, given in metrics.items() if step < len(given)}, step)
        run.set_note(note)
        run.log_artifact(b"bytes", "a b/é.bin")
    experiment = folder.name
    mlops_nb.push("mlflow", serving.url, experiment=experiment, store=ours)
    mlops_nb.pull("mlflow", serving.url, experiment, store=theirs)
    there, here = content_of(theirs, "any"), content_of(ours, "any")
    assert there["tags"].pop("mlflow.experiment") == experiment
    for one in ("name", "params", "tags", "note", "artifacts", "series", "started", "duration"):
        assert repr(there[one]) == repr(here[one])


# again and again


def test_second_push_changes_nothing(serving, between, experiment):
    forest()
    mlops_nb.push("mlflow", between.url, experiment=experiment)
    between.asked.clear()
    done = mlops_nb.push("mlflow", between.url, experiment=experiment)
    assert outcomes(done) == ["unchanged"]
    assert {method for method, path in between.asked if "search" not in path} <= {"GET"}
    assert len(runs_there(serving.url, experiment)) == 1


def test_run_that_grew_is_brought_up_to_date(serving, experiment):
    number = forest()
    mlops_nb.push("mlflow", serving.url, experiment=experiment)
    with mlops_nb.resume(number) as run:
        run.log(step=3, loss=0.2)
        run.log_params({"more": 1})
        run.set_tag("reviewed", "yes")
        run.log_text("0.95", "report")
        run.log_text("new", "second")
    done = mlops_nb.push("mlflow", serving.url, experiment=experiment)
    (run,) = runs_there(serving.url, experiment)
    assert outcomes(done) == ["updated"]
    history = client(serving.url).get_metric_history(run.info.run_id, "loss")
    assert sorted(one.step for one in history) == [0, 1, 2, 3]
    assert (run.data.params["more"], run.data.tags["reviewed"]) == ("1", "yes")
    got = client(serving.url).download_artifacts(run.info.run_id, "report.txt")
    assert Path(got).read_text() == "0.95"
    assert "second.txt" in {one.path for one in client(serving.url).list_artifacts(run.info.run_id)}


def test_what_was_taken_away_here_is_taken_away_there(serving, experiment):
    number = forest(kind="baseline")
    mlops_nb.push("mlflow", serving.url, experiment=experiment)
    with open_store().transaction() as connection:
        rows.remove_tags(connection, number, ["kind"])
        connection.execute("DELETE FROM artifacts WHERE path = 'report.txt'")
    mlops_nb.push("mlflow", serving.url, experiment=experiment)
    (run,) = runs_there(serving.url, experiment)
    assert "kind" not in run.data.tags
    assert "report.txt" not in {one.path for one in client(serving.url).list_artifacts(run.info.run_id)}


def test_changed_parameter_is_told_not_carried(serving, experiment):
    number = forest()
    mlops_nb.push("mlflow", serving.url, experiment=experiment)
    with mlops_nb.resume(number) as run:
        run.log_params({"depth": 5})
    done = mlops_nb.push("mlflow", serving.url, experiment=experiment)
    assert done.runs[0].left_out == ("parameter depth: it is 5 now; a parameter of MLflow cannot be changed",)
    assert runs_there(serving.url, experiment)[0].data.params["depth"] == "3"


def test_clone_of_the_store_and_one_that_forgot_push_no_duplicate(serving, experiment, tmp_path):
    forest()
    shutil.copytree(open_store().folder, tmp_path / "clone", ignore=shutil.ignore_patterns("sessions"))
    first = mlops_nb.push("mlflow", serving.url, experiment=experiment)
    clone = mlops_nb.push("mlflow", serving.url, experiment=experiment, store=open_store(folder=tmp_path / "clone"))
    with open_store().transaction() as connection:
        connection.execute("DELETE FROM remote_runs")
    again = mlops_nb.push("mlflow", serving.url, experiment=experiment)
    assert first.runs[0].remote_id == clone.runs[0].remote_id == again.runs[0].remote_id
    assert len(runs_there(serving.url, experiment)) == 1


def test_pull_push_pull_is_stable(serving, between, experiment, elsewhere):
    forest()
    mlops_nb.push("mlflow", serving.url, experiment=experiment)
    first = mlops_nb.pull("mlflow", between.url, experiment, store=elsewhere)
    between.asked.clear()
    second = mlops_nb.push("mlflow", between.url, store=elsewhere)
    third = mlops_nb.pull("mlflow", between.url, experiment, store=elsewhere)
    assert (outcomes(first), outcomes(second), outcomes(third)) == (["new"], ["unchanged"], ["unchanged"])
    assert all(method == "GET" or "search" in path for method, path in between.asked)


def mlflow_run(url, experiment):
    """A run that was made in MLflow."""
    from mlflow.entities import Metric

    there = client(url)
    known = there.get_experiment_by_name(experiment)
    where = known.experiment_id if known else there.create_experiment(experiment)
    run = there.create_run(where, 1_790_000_000_123, {"team": "a", "mlflow.user": "ann"}, "made there").info.run_id
    there.log_param(run, "depth", "3")
    there.log_batch(run, [Metric("loss", 0.5, 1_790_000_000_200, 0), Metric("loss", 0.4, 1_790_000_000_300, 1)])
    there.log_text(run, "hello", "notes/a.txt")
    there.set_terminated(run, "FAILED", 1_790_000_001_123)
    return run


def test_run_made_in_mlflow_is_a_run_here(serving, experiment):
    uid = mlflow_run(serving.url, experiment)
    mlops_nb.pull("mlflow", serving.url, experiment)
    run = mlops_nb.show("made there")
    assert (run.uid, run.status, run.kind, run.started) == (uid, "FAILED", "code", 1_790_000_000.123)
    assert run.duration == pytest.approx(1.0)
    assert {param.name: param.value for param in run.params} == {"depth": 3}
    assert run.tags == {"team": "a", "mlflow.user": "ann", "mlflow.experiment": experiment}
    assert rows.points(open_store(), run.id, "loss") == [(0, 0.5, 1_790_000_000.2), (1, 0.4, 1_790_000_000.3)]
    assert mlops_nb.artifact_path("made there", "notes/a.txt").read_text() == "hello"
    assert list(mlops_nb.runs("params.depth = 3").name) == ["made there"]


def test_run_made_in_mlflow_and_pushed_back_stays_as_it_was(serving, between, experiment):
    uid = mlflow_run(serving.url, experiment)
    before = client(serving.url).get_run(uid).to_dictionary()
    mlops_nb.pull("mlflow", between.url, experiment)
    with open_store().transaction() as connection:
        connection.execute("DELETE FROM remote_runs")
    done = mlops_nb.push("mlflow", between.url)
    assert [one.remote_id for one in done.runs] == [uid]
    assert client(serving.url).get_run(uid).to_dictionary() == before
    assert {one.path for one in client(serving.url).list_artifacts(uid)} >= {"notes"}


def test_what_changed_in_mlflow_comes_here(serving, experiment):
    uid = mlflow_run(serving.url, experiment)
    mlops_nb.pull("mlflow", serving.url, experiment)
    service.annotate("made there", tags={"mine": "yes"})
    there = client(serving.url)
    there.set_tag(uid, "team", "b")
    there.set_tag(uid, "mlflow.note.content", "from there")
    there.log_metric(uid, "loss", 0.3, 1_790_000_000_400, 2)
    there.log_param(uid, "rate", "0.1")
    there.log_text(uid, "longer than before", "notes/a.txt")
    there.log_text(uid, "second", "b.txt")
    there.update_run(uid, name="renamed")
    there.set_terminated(uid, "FINISHED", 1_790_000_002_123)
    done = mlops_nb.pull("mlflow", serving.url, experiment)
    run = mlops_nb.show("renamed")
    assert outcomes(done) == ["updated"]
    assert (run.status, run.note, run.duration) == ("FINISHED", "from there", pytest.approx(2.0))
    assert (run.tags["team"], run.tags["mine"]) == ("b", "yes")
    assert {param.name: param.value for param in run.params} == {"depth": 3, "rate": 0.1}
    assert [value for _, value, _ in rows.points(open_store(), run.id, "loss")] == [0.5, 0.4, 0.3]
    assert mlops_nb.artifact_path(run.id, "notes/a.txt").read_text() == "longer than before"
    assert [one.path for one in run.artifacts] == ["b.txt", "notes/a.txt"]
    assert outcomes(mlops_nb.pull("mlflow", serving.url, experiment)) == ["unchanged"]


def test_both_sides_may_change_different_things(serving, experiment):
    number = forest(kind="baseline", team="a")
    mlops_nb.push("mlflow", serving.url, experiment=experiment)
    (run,) = runs_there(serving.url, experiment)
    client(serving.url).set_tag(run.info.run_id, "team", "b")
    service.annotate(number, tags={"kind": "better"})
    mlops_nb.push("mlflow", serving.url, experiment=experiment)
    mlops_nb.pull("mlflow", serving.url, experiment)
    (run,) = runs_there(serving.url, experiment)
    assert (run.data.tags["team"], run.data.tags["kind"]) == ("b", "better")
    assert {"team": "b", "kind": "better"}.items() <= mlops_nb.show(number).tags.items()


def test_run_that_goes_on_there_is_not_taken_for_dead(serving, experiment, elsewhere):
    there = client(serving.url)
    uid = there.create_run(there.create_experiment(experiment), run_name="goes on").info.run_id
    mlops_nb.pull("mlflow", serving.url, experiment, store=elsewhere)
    environment = {**os.environ, "MLOPS_NB_STORE": str(elsewhere.folder)}
    code = "from mlops_nb.store import open_store; open_store()"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert service.show("goes on", store=elsewhere).status == "RUNNING"
    there.set_terminated(uid, "FINISHED")
    mlops_nb.pull("mlflow", serving.url, experiment, store=elsewhere)
    assert service.show("goes on", store=elsewhere).status == "FINISHED"


def test_run_deleted_on_either_side_stays_so(serving, experiment):
    number = forest()
    uid = mlflow_run(serving.url, experiment)
    mlops_nb.push("mlflow", serving.url, experiment=experiment)
    mlops_nb.pull("mlflow", serving.url, experiment)
    (run,) = [one for one in runs_there(serving.url, experiment) if one.info.run_id != uid]
    client(serving.url).delete_run(run.info.run_id)
    mlops_nb.delete("made there")
    service.annotate(number, note="changed")
    pushed, pulled = mlops_nb.push("mlflow", serving.url), mlops_nb.pull("mlflow", serving.url, experiment)
    assert [(one.outcome, one.left_out) for one in pushed.runs] == [("refused", ("it was deleted there",))]
    assert [(one.outcome, one.left_out) for one in pulled.runs] == [("refused", ("it was deleted here",))]


# what cannot be carried


def test_what_cannot_be_carried_is_told_and_the_rest_goes(serving, experiment):
    with mlops_nb.run("odd") as run:
        run.log_params({"long": "x" * 7_000, "f1@5": 1})
        run.log(accuracy=0.5)
        run.log_text("a", "a#b.txt")
        run.log_text("lost", "lost.txt")
    lost = next(one for one in mlops_nb.show("odd").artifacts if one.path == "lost.txt")
    blobs.blob_path(open_store(), lost.sha256).unlink()
    done = mlops_nb.push("mlflow", serving.url, experiment=experiment)
    told = "\n".join(done.runs[0].left_out)
    for part in (
        "parameter long: the first 6,000 of its 7,000 characters",
        "parameter f1@5: MLflow does not allow the name, it is 'f1_5' there",
        "artifact a#b.txt: MLflow cannot keep a name with '#' in it",
        "artifact lost.txt: the file of 'lost.txt' is missing from the store",
    ):
        assert part in told
    (run,) = runs_there(serving.url, experiment)
    assert (run.data.metrics, run.data.params["f1_5"]) == ({"accuracy": 0.5}, "1")


def test_run_that_the_server_refuses_is_told_and_the_others_go(serving):
    forest("good")
    with mlops_nb.run("elsewhere", notebook="x" * 600):
        mlops_nb.log(score=1.0)
    done = mlops_nb.push("mlflow", serving.url)
    assert sorted(outcomes(done)) == ["new", "refused"]
    assert "was made" in done.runs[1].left_out[0]


def test_details_that_are_none_are_ignored(serving, experiment):
    uid = mlflow_run(serving.url, experiment)
    client(serving.url).log_text(uid, '{"uid": 3, "name": ["not a run"]}', DETAILS)
    done = mlops_nb.pull("mlflow", serving.url, experiment)
    assert (outcomes(done), mlops_nb.show("made there").uid) == (["new"], uid)


def test_path_that_climbs_out_brings_nothing_and_the_run_comes(serving, between, experiment, folder):
    mlflow_run(serving.url, experiment)
    between.fault = lambda method, path: (
        (lambda content: content.replace(b'"notes"', b'"../../../../evil"')) if "artifacts?path" in path else ""
    )
    done = mlops_nb.pull("mlflow", between.url, experiment)
    assert outcomes(done) == ["new"]
    assert len(done.runs[0].left_out) == 1
    assert mlops_nb.show("made there").artifacts == ()
    assert not list(folder.parent.rglob("*evil*"))


def test_tag_that_claims_to_be_a_run_of_ours_is_not_believed(serving, experiment):
    number = forest()
    uid = mlflow_run(serving.url, experiment)
    client(serving.url).set_tag(uid, "mlops_nb.uid", mlops_nb.show(number).uid)
    before = mlops_nb.show(number)
    mlops_nb.pull("mlflow", serving.url, experiment)
    assert mlops_nb.show(number) == before
    assert mlops_nb.show("made there").uid == uid


# MLflow without a server


def test_database_of_mlflow_is_pushed_to_and_pulled_from(folder, elsewhere):
    forest()
    uri = "sqlite:///mlflow.db"
    pushed = mlops_nb.push("mlflow", uri)
    assert outcomes(pushed) == ["new"]
    assert outcomes(mlops_nb.push("mlflow", uri)) == ["unchanged"]
    assert outcomes(mlops_nb.pull("mlflow", uri, store=elsewhere)) == ["new"]
    assert content_of(elsewhere, "forest") == content_of(open_store(), "forest")
    assert sorted(path.name for path in folder.iterdir()) == [".mlops", "mlflow.db", "mlruns"]


def test_folder_of_mlflow_is_read_and_written_without_its_variable(folder, elsewhere, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uid = mlflow_run((folder / "old").as_uri(), "old")
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")
    assert outcomes(mlops_nb.pull("mlflow", "old")) == ["new"]
    forest()
    pushed = mlops_nb.push("mlflow", "old")
    assert [one.outcome for one in pushed.runs] == ["unchanged", "new"]
    assert pushed.runs[0].remote_id == uid
    assert "MLFLOW_ALLOW_FILE_STORE" not in os.environ
    mlops_nb.pull("mlflow", "old", store=elsewhere)
    assert rows.points(elsewhere, 1, "loss") != []


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("ftp://host", "URI begins with ftp:"),
        ("http://", "must be a server's address"),
        ("http://host:5000/?token=abc", "must be a server's address"),
        ("http://host:99999", "must be a server's address"),
        ("sqlite:///missing.db", "there is no file"),
        ("nothing", "is no folder of MLflow's"),
    ],
)
def test_address_that_is_none_is_refused(uri, said):
    with pytest.raises(BadArgument, match=said) as caught:
        mlops_nb.pull("mlflow", uri)
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "key", "is_local"),
    [
        ("HTTP://Host:5000/", "http://host:5000", False),
        ("https://ann:pw@host/base/", "https://host/base", False),
        ("http://localhost:5000", "http://localhost:5000", True),
        ("http://[::1]:5000", "http://[::1]:5000", True),
        ("sqlite:///a b.db", "sqlite:../a b.db", True),
    ],
)
def test_address_is_kept_without_user_or_place(uri, key, is_local, folder):
    """Artifacts that a server of another machine says lie in a folder are neither read nor written here."""
    (folder / "a b.db").touch()
    found = mlflow_server.address(uri, folder / ".mlops", must_exist=True)
    assert (found.key, found.is_local) == (key, is_local)
    assert "pw" not in f"{found.uri}{found.shown}{found.key}"


def test_unknown_target_experiment_and_run_are_named(serving, experiment):
    forest()
    mlops_nb.push("mlflow", serving.url, experiment=experiment)
    with pytest.raises(BadArgument, match="target == 'mlfow', must be mlflow"):
        mlops_nb.push("mlfow", serving.url)
    with pytest.raises(BadArgument, match="there is no experiment") as caught:
        mlops_nb.pull("mlflow", serving.url, experiment[:-1])
    assert caught.value.fix.endswith(experiment)
    with pytest.raises(RunNotFound):
        mlops_nb.push("mlflow", serving.url, "nothing is called so")


def test_password_is_neither_kept_nor_shown(serving, between, experiment):
    forest()
    with_password = between.url.replace("http://", "http://ann:s3cret@")
    done = mlops_nb.push("mlflow", with_password, experiment=experiment)
    between.fault = lambda method, path: "500"
    with pytest.raises(ServerUnavailable) as caught:
        mlops_nb.push("mlflow", with_password, experiment=experiment)
    with open_store().lock:
        kept = "\n".join(open_store().connection.iterdump())
    assert "s3cret" not in f"{done} {caught.value} {kept} {dict(os.environ)}"
    assert done.server == between.url


# in a notebook and in a terminal


def test_magic_pushes_and_pulls_and_says_so(serving, experiment, shell, capsys):
    forest()
    shell.run_cell(f"%mlops push mlflow {serving.url} metrics.accuracy > 0.9 --experiment {experiment.split()[0]}")
    assert "Pushed 1 run to http://127.0.0.1" in capsys.readouterr().out
    shell.run_cell(f"%mlops pull mlflow {serving.url} {experiment.split()[0]}")
    assert "Pulled 0 runs from" in (said := capsys.readouterr().out)
    assert "1 was here already" in said


def test_tab_offers_the_target_after_push_and_pull(shell):
    from IPython.core.completer import provisionalcompleter

    for line in ("%mlops push ", "%mlops pull ml"):
        with provisionalcompleter():
            assert "mlflow" in [one.text for one in shell.Completer.completions(line, len(line))]


def test_tab_offers_the_servers_that_runs_went_to(serving, experiment, shell):
    from IPython.core.completer import provisionalcompleter

    forest()
    mlops_nb.push("mlflow", serving.url, experiment=experiment)
    line = "%mlops pull mlflow ht"
    with provisionalcompleter():
        assert [one.text for one in shell.Completer.completions(line, len(line))] == [serving.url]


def test_function_is_shown_as_its_panel(serving, experiment, shell, capsys):
    forest()
    shell.user_ns["url"] = serving.url
    shell.run_cell(f"import mlops_nb; mlops_nb.push('mlflow', url, experiment={experiment!r})")
    assert "Pushed 1 run to" in capsys.readouterr().out


def test_interrupted_command_is_two_lines_in_a_cell_and_130_in_a_terminal(serving, between, shell, capsys):
    forest()

    def fault(method, path):
        os.kill(os.getpid(), signal.SIGINT)
        return "stall"

    between.fault = fault
    result = shell.run_cell(f"%mlops push mlflow {between.url}")
    assert isinstance(result.error_in_exec, CarryingStopped)
    shown = capsys.readouterr().out
    assert "CarryingStopped: interrupted; no run pushed" in shown
    assert "Traceback" not in shown
    assert terminal.main(["push", "mlflow", between.url]) == 130


def test_terminal_pushes_and_gives_json(serving, experiment, capsys):
    forest()
    assert terminal.main(["push", "mlflow", serving.url, "forest", "--experiment", experiment, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["runs"][0]["outcome"] == "new"
    assert err.startswith(f"asking {serving.url}")


def test_secrets_of_a_pulled_run_stay_out_of_the_store_and_as_they_are_in_mlflow(serving, experiment):
    uid = mlflow_run(serving.url, experiment)
    there = client(serving.url)
    there.log_param(uid, "password", "hunter2-hunter2")
    there.set_tag(uid, "db_password", "swordfish-swordfish")
    assert outcomes(mlops_nb.pull("mlflow", serving.url, experiment)) == ["new"]
    assert outcomes(mlops_nb.pull("mlflow", serving.url, experiment)) == ["unchanged"]
    service.annotate("made there", note="looked at")
    done = mlops_nb.push("mlflow", serving.url)
    with open_store().lock:
        kept = "\n".join(open_store().connection.iterdump())
    assert "hunter2" not in f"{kept}{done}"
    assert "swordfish" not in f"{kept}{done}"
    assert mlops_nb.show("made there").redacted == 2
    run = there.get_run(uid)
    assert (run.data.tags["db_password"], run.data.tags["mlflow.note.content"]) == ("swordfish-swordfish", "looked at")


# faults


def test_server_that_answers_500_is_tried_three_times(between, experiment):
    forest()
    between.fault = lambda method, path: "500"
    with pytest.raises(ServerUnavailable, match="it answered 500; no run pushed") as caught:
        mlops_nb.push("mlflow", between.url, experiment=experiment)
    assert len(between.asked) == 3
    assert caught.value.fix.startswith(f"%mlops push mlflow {between.url}")


def test_server_that_stops_midway_is_gone_on_with(serving, between, experiment):
    for name in ("a", "b", "c"):
        forest(name)
    calls = []

    def fault(method, path):
        calls.append(path)
        return "close" if len(calls) > 30 else ""

    between.fault = fault
    with pytest.raises(ServerUnavailable, match=r"[012] of 3 runs pushed, each whole"):
        mlops_nb.push("mlflow", between.url, experiment=experiment)
    between.fault = lambda method, path: ""
    done = mlops_nb.push("mlflow", between.url, experiment=experiment)
    found = runs_there(serving.url, experiment)
    assert sorted(run.info.run_name for run in found) == ["a", "b", "c"]
    assert {run.info.status for run in found} == {"FINISHED"}
    assert "updated" in outcomes(done) or "unchanged" in outcomes(done)
    for run in found:
        assert len(client(serving.url).get_metric_history(run.info.run_id, "loss")) == 3


def test_answer_that_got_lost_makes_no_second_run(serving, between, experiment):
    forest()
    lost = []

    def fault(method, path):
        if path.endswith("/runs/create") and not lost:
            lost.append(path)
            return "lost"
        return ""

    between.fault = fault
    mlops_nb.push("mlflow", between.url, experiment=experiment)
    assert lost
    assert len(runs_there(serving.url, experiment)) == 1


def test_slow_server_is_given_up_in_time(between, experiment, monkeypatch):
    forest()
    monkeypatch.setattr(mlflow_server, "PAUSES", ())
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    between.fault = lambda method, path: "stall"
    with pytest.raises(ServerUnavailable, match="it did not answer in time"):
        mlops_nb.pull("mlflow", between.url)
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "1"


def test_nobody_there_is_one_clear_error():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ServerUnavailable, match="nobody answers there"):
        mlops_nb.pull("mlflow", url)


def test_run_that_the_server_always_fails_on_does_not_hold_up_the_others(serving, between, experiment):
    forest("good")
    mlflow_run(serving.url, experiment)
    mlops_nb.push("mlflow", serving.url, experiment=experiment)
    store = open_store(folder=Path("other"))
    between.fault = lambda method, path: "500" if "mlflow-artifacts" in path and "notes" in path else ""
    done = mlops_nb.pull("mlflow", between.url, experiment, store=store)
    assert sorted((one.name, one.outcome) for one in done.runs) == [("good", "new"), ("made there", "refused")]
    assert store.rows("SELECT name FROM runs") == [("good",)]
    between.fault = lambda method, path: ""
    done = mlops_nb.pull("mlflow", between.url, experiment, store=store)
    assert sorted((one.name, one.outcome) for one in done.runs) == [("good", "unchanged"), ("made there", "new")]


def test_artifact_that_comes_half_is_not_kept(serving, between, experiment):
    mlflow_run(serving.url, experiment)
    between.fault = lambda method, path: "half" if path.endswith("a.txt") else ""
    done = mlops_nb.pull("mlflow", between.url, experiment)
    assert outcomes(done) == ["refused"]
    assert len(mlops_nb.runs()) == 0
    assert [path for path in (open_store().folder / "blobs").rglob("*") if path.is_file()] == []


def test_interrupt_says_how_far_it_came_and_the_next_goes_on(serving, between, experiment):
    for name in ("a", "b"):
        forest(name)

    def fault(method, path):
        if path.endswith("/runs/create") and sum("create" in each for _, each in between.asked) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return ""

    between.fault = fault
    with pytest.raises(CarryingStopped, match="interrupted; 1 of 2 runs pushed") as caught:
        mlops_nb.push("mlflow", between.url, experiment=experiment)
    assert isinstance(caught.value, KeyboardInterrupt)
    between.fault = lambda method, path: ""
    mlops_nb.push("mlflow", between.url, experiment=experiment)
    assert sorted(run.info.run_name for run in runs_there(serving.url, experiment)) == ["a", "b"]


def test_two_pushes_at_once_do_not_mix(serving, experiment):
    forest()
    with carrying._alone(open_store()), pytest.raises(StoreIsLocked, match="another process is pushing"):
        mlops_nb.push("mlflow", serving.url, experiment=experiment)


def test_settings_of_the_user_are_as_before(serving, experiment):
    import logging
    import warnings

    forest()
    before = dict(os.environ), logging.getLogger("mlflow").level, list(warnings.filters)
    mlops_nb.push("mlflow", serving.url, experiment=experiment)
    assert (dict(os.environ), logging.getLogger("mlflow").level, list(warnings.filters)) == before


def test_nothing_is_printed(serving, experiment, capfd):
    forest()
    mlops_nb.push("mlflow", serving.url, experiment=experiment)
    mlops_nb.pull("mlflow", serving.url, experiment)
    assert capfd.readouterr() == ("", "")


def test_without_mlflow_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtra) as caught:
        mlops_nb.pull("mlflow", "http://127.0.0.1:1")
    assert caught.value.fix == "pip install 'mlops-nb[mlflow]'"


def test_killed_server_is_gone_on_with_when_it_is_back(serving, experiment):
    """Last in this file: it ends the server that the others share."""
    for name in ("a", "b", "c", "d"):
        forest(name, losses=50)

    def killed_after_two(going, line):
        if len(going.runs) == 2 and serving.process.poll() is None:
            serving.kill()

    store = open_store()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(carrying._Carrying, "tell", killed_after_two)
        patch.setattr(mlflow_server, "PAUSES", (0.01, 0.01))
        with pytest.raises(ServerUnavailable, match="2 of 4 runs pushed, each whole"):
            mlops_nb.push("mlflow", serving.url, experiment=experiment, store=store)
    serving.start()
    mlops_nb.push("mlflow", serving.url, experiment=experiment, store=store)
    found = runs_there(serving.url, experiment)
    assert sorted(run.info.run_name for run in found) == ["a", "b", "c", "d"]
    for run in found:
        assert len(client(serving.url).get_metric_history(run.info.run_id, "loss")) == 50
    assert not math.isnan(sum(run.data.metrics["accuracy"] for run in found))


HALF_IMPORTED = """
import os, signal, sys
import mlops_nb

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "mlflow.entities":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
with mlops_nb.run("one"):
    mlops_nb.log(loss=1.0)
try:
    mlops_nb.push("mlflow", "sqlite:///m.db")
except KeyboardInterrupt as stopped:
    print(type(stopped).__name__, [name for name in sys.modules if name.startswith("mlflow")])
print([one.outcome for one in mlops_nb.push("mlflow", "sqlite:///m.db").runs])
"""


def test_interrupt_while_mlflow_is_imported_leaves_no_half_of_it(folder):
    done = subprocess.run([sys.executable, "-c", HALF_IMPORTED], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["CarryingStopped []", "['new']"], done.stderr[-2000:]
