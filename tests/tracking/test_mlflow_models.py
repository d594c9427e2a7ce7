"""Model versions to MLflow and back, with a real `mlflow server`, MLflow's own models, and faults caused."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import mlops_nb
from mlops_nb.errors import BadArgument
from mlops_nb.panels.carried import carried_panel
from mlops_nb.registry import service
from mlops_nb.store import blobs, open_store
from tests.tracking.test_mlflow import between, client, elsewhere, serving  # noqa: F401

X = pd.DataFrame({"delay": np.linspace(-1, 1, 40), "month": np.arange(40.0)})
Y = X.delay > 0


@pytest.fixture
def name(request):
    return f"model-{abs(hash((request.node.name, os.getpid())))}"


def fitted(run_name: str = "forest") -> LogisticRegression:
    with mlops_nb.run(run_name):
        model = LogisticRegression().fit(X, Y)
        mlops_nb.log(accuracy=0.9)
    return model


def made(name: str, count: int = 1, **more) -> LogisticRegression:
    model = fitted()
    for _ in range(count):
        mlops_nb.register(model, name, example=X, **more)
    return model


def outcomes(carried) -> list[tuple[str, str]]:
    return [(one.name, one.outcome) for one in carried.versions]


def of(carried, name: str):
    """What became of the versions of one model: the server has those of other tests, too."""
    return [one for one in carried.versions if name in (one.name.partition("/")[0], one.remote.rpartition(" ")[0])]


def version_there(url: str, name: str, version: str = "1"):
    return client(url).get_model_version(name, version)


def in_mlflow(url: str, code: str) -> str:
    """Run code with MLflow's own high-level functions in a process of its own."""
    head = f"""
    import warnings; warnings.simplefilter("ignore")
    import mlflow, pandas as pd, numpy as np
    from sklearn.linear_model import LogisticRegression
    mlflow.set_tracking_uri({url!r})
    X = pd.DataFrame({{"delay": np.linspace(-1, 1, 40), "month": np.arange(40.0)}})
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().split("\n")[-1]


# push


def test_version_is_a_model_that_mlflow_loads_by_itself(serving, name):  # noqa: F811
    model = made(name, alias="champion", note="the first", tags={"team": "delays"})
    mlops_nb.promote(f"{name}/1")
    carried = mlops_nb.push("mlflow", serving.url)
    assert outcomes(carried) == [(f"{name}/1", "new")]
    there = version_there(serving.url, name)
    assert (there.description, there.aliases) == ("the first", ["champion"])
    assert {key: there.tags[key] for key in ("team", "mlops_nb.stage", "mlops_nb.version")} == {
        "team": "delays",
        "mlops_nb.stage": "Production",
        "mlops_nb.version": f"{name}/1",
    }
    said = in_mlflow(
        serving.url,
        f"""
        one = mlflow.sklearn.load_model("models:/{name}@champion")
        same = mlflow.pyfunc.load_model("models:/{name}/1")
        print(one.predict(X).sum(), same.predict(X).sum(), same.metadata.signature.inputs.input_names())
        """,
    )
    total = model.predict(X).sum()
    assert said == f"{total} {total} ['delay', 'month']"


def test_pushing_again_changes_nothing_and_what_changed_is_brought_up_to_date(serving, name):  # noqa: F811
    made(name, 2, alias="champion")
    assert outcomes(mlops_nb.push("mlflow", serving.url)) == [(f"{name}/1", "new"), (f"{name}/2", "new")]
    again = mlops_nb.push("mlflow", serving.url)
    assert {outcome for _, outcome in outcomes(again)} == {"unchanged"}
    assert {one.outcome for one in again.runs} == {"unchanged"}
    mlops_nb.alias(f"{name}/1", "champion")
    mlops_nb.promote(f"{name}/2")
    assert outcomes(mlops_nb.push("mlflow", serving.url)) == [(f"{name}/1", "updated"), (f"{name}/2", "updated")]
    assert [version_there(serving.url, name, number).aliases for number in ("1", "2")] == [["champion"], []]
    assert version_there(serving.url, name, "2").tags["mlops_nb.stage"] == "Production"
    mlops_nb.alias(name, "champion", remove=True)
    mlops_nb.push("mlflow", serving.url)
    assert version_there(serving.url, name).aliases == []
    assert len(client(serving.url).search_model_versions(f"name='{name}'")) == 2


def test_store_that_forgot_what_it_pushed_finds_its_versions_again(serving, name):  # noqa: F811
    made(name)
    mlops_nb.push("mlflow", serving.url)
    with open_store().transaction() as connection:
        connection.execute("DELETE FROM remote_versions")
    assert outcomes(mlops_nb.push("mlflow", serving.url)) == [(f"{name}/1", "unchanged")]
    assert len(client(serving.url).search_model_versions(f"name='{name}'")) == 1


def test_versions_go_with_the_runs_that_are_asked_for(serving, name):  # noqa: F811
    mlops_nb.register(fitted("first"), name, example=X)
    mlops_nb.register(fitted("second"), name, example=X)
    assert outcomes(mlops_nb.push("mlflow", serving.url, "second")) == [(f"{name}/2", "new")]


def test_damaged_file_and_deleted_version_are_told_and_the_others_carried(serving, name):  # noqa: F811
    made(name, 3)
    store = open_store()
    blobs.blob_path(store, service.version(f"{name}/1").manifest.files[0].sha256).write_bytes(b"x")
    carried = mlops_nb.push("mlflow", serving.url)
    assert outcomes(carried) == [(f"{name}/1", "refused"), (f"{name}/2", "new"), (f"{name}/3", "new")]
    assert "was changed after it was stored" in carried.versions[0].left_out[0]
    client(serving.url).delete_model_version(name, "1")
    again = mlops_nb.push("mlflow", serving.url)
    assert ("it was deleted there",) in [one.left_out for one in again.versions]


def test_server_that_fails_while_a_version_is_made_leaves_none_twice(between, serving, name):  # noqa: F811
    made(name)
    lost = iter(["lost"])
    between.fault = lambda method, path: next(lost, "") if path.endswith("model-versions/create") else ""
    assert outcomes(mlops_nb.push("mlflow", between.url)) == [(f"{name}/1", "new")]
    assert len(client(serving.url).search_model_versions(f"name='{name}'")) == 1


def test_version_that_the_server_refuses_is_told(between, name):  # noqa: F811
    made(name)
    between.fault = lambda method, path: "500" if path.endswith("model-versions/create") else ""
    carried = mlops_nb.push("mlflow", between.url)
    assert outcomes(carried) == [(f"{name}/1", "refused")]
    assert "it answered 500" in carried.versions[0].left_out[0]
    between.fault = lambda method, path: ""
    assert outcomes(mlops_nb.push("mlflow", between.url)) == [(f"{name}/1", "new")]


# pull


def test_version_comes_to_another_store_and_loads_there(serving, name, elsewhere):  # noqa: F811
    model = made(name, alias="champion", note="the first", tags={"team": "delays"})
    mlops_nb.promote(f"{name}/1")
    mlops_nb.push("mlflow", serving.url)
    [one] = of(mlops_nb.pull("mlflow", serving.url, store=elsewhere), name)
    assert (one.name, one.outcome) == (f"{name}/1", "new")
    assert one.left_out == (
        f"stage: it is Production there and None here; a pull moves nothing: %mlops promote {name}/1",
    )
    here = service.version(f"{name}@champion", store=elsewhere)
    assert (here.note, here.tags, here.stage) == ("the first", {"team": "delays"}, "None")
    assert here.manifest.signature == service.version(f"{name}/1").manifest.signature
    assert (here.manifest.origin.name, here.metrics) == ("forest", {"accuracy": 0.9})
    assert (mlops_nb.load_model(f"{name}/1", store=elsewhere).predict(X) == model.predict(X)).all()
    assert mlops_nb.lineage(f"{name}/1", store=elsewhere).model == f"{name}/1"
    again = of(mlops_nb.pull("mlflow", serving.url, store=elsewhere), name)
    assert [(each.outcome, each.left_out) for each in again] == [("unchanged", ())]
    assert mlops_nb.verify_log(store=elsewhere).is_whole


def test_what_changed_there_comes_as_events_and_what_changed_here_stays(serving, name):  # noqa: F811
    made(name, 2, alias="champion", tags={"team": "delays", "old": "x"})
    mlops_nb.push("mlflow", serving.url)
    there = client(serving.url)
    there.set_registered_model_alias(name, "champion", "1")
    there.set_model_version_tag(name, "2", "team", "ops")
    there.delete_model_version_tag(name, "2", "old")
    there.update_model_version(name, "2", "said there")
    mlops_nb.alias(f"{name}/2", "mine")
    assert [one.outcome for one in of(mlops_nb.pull("mlflow", serving.url), name)] == ["updated", "updated"]
    model = mlops_nb.registry.model(name)
    assert model.aliases == {"champion": 1, "mine": 2}
    assert (model.versions[0].tags, model.versions[0].note) == ({"team": "ops"}, "said there")
    assert any(event.note == f"pulled from {serving.url}" for event in model.events)
    assert [one.outcome for one in of(mlops_nb.pull("mlflow", serving.url), name)] == ["unchanged", "unchanged"]
    pushed = mlops_nb.push("mlflow", serving.url)
    assert [one.outcome for one in of(pushed, name)] == ["unchanged", "updated"]
    assert {one.outcome for one in pushed.versions if one not in of(pushed, name)} <= {"unchanged"}
    assert sorted(version_there(serving.url, name, "2").aliases) == ["mine"]
    assert mlops_nb.verify_log().is_whole


def test_store_that_forgot_what_it_pulled_takes_nothing_twice(serving, name, elsewhere):  # noqa: F811
    made(name)
    mlops_nb.push("mlflow", serving.url)
    mlops_nb.pull("mlflow", serving.url, store=elsewhere)
    for store in (open_store(), elsewhere):
        with store.transaction() as connection:
            connection.execute("DELETE FROM remote_versions")
        assert [one.outcome for one in of(mlops_nb.pull("mlflow", serving.url, store=store), name)] == ["unchanged"]
        assert len(mlops_nb.registry.model(name, store=store).versions) == 1


def test_version_that_was_deleted_here_stays_so(serving, name):  # noqa: F811
    made(name)
    mlops_nb.push("mlflow", serving.url)
    mlops_nb.unregister(f"{name}/1")
    [one] = of(mlops_nb.pull("mlflow", serving.url), name)
    assert (one.outcome, one.left_out) == ("refused", ("it was deleted here",))


LOGGED = """
mlflow.set_experiment("logged {name}")
model = LogisticRegression().fit(X, X.delay > 0)
with mlflow.start_run(run_name="theirs") as run:
    mlflow.log_metric("accuracy", 0.8)
    mlflow.sklearn.log_model(model, name="clf", input_example=X.head(2), registered_model_name="{name}", {more})
print(run.info.run_id)
"""


def test_logged_model_of_mlflow_3_comes_with_its_run_and_as_a_version(serving, name, folder):  # noqa: F811
    run_id = in_mlflow(serving.url, LOGGED.format(name=name, more="pip_requirements=['scikit-learn==1.9.1']"))
    client(serving.url).set_registered_model_alias(name, "champion", "1")
    carried = mlops_nb.pull("mlflow", serving.url, f"logged {name}")
    assert [(one.name, one.outcome, one.left_out) for one in carried.versions] == [(f"{name}/1", "new", ())]
    run = mlops_nb.show(run_id)
    assert {"clf/MLmodel", "clf/model.skops"} <= {one.path for one in run.artifacts}
    one = service.version(f"{name}@champion")
    assert (one.manifest.format, one.manifest.origin.run, one.metrics) == ("skops", run.id, {"accuracy": 0.8})
    assert [(column.name, column.type) for column in one.manifest.signature.inputs] == [
        ("delay", "float64"),
        ("month", "float64"),
    ]
    assert "scikit-learn==1.9.1" in one.manifest.requirements
    assert (mlops_nb.load_model(f"{name}/1").predict(X) == (X.delay > 0)).mean() > 0.9
    assert [one.outcome for one in mlops_nb.pull("mlflow", serving.url, f"logged {name}").versions] == ["unchanged"]
    before = version_there(serving.url, name).tags
    assert outcomes(mlops_nb.push("mlflow", serving.url)) == [(f"{name}/1", "unchanged")]
    assert version_there(serving.url, name).tags == before
    mlops_nb.alias(f"{name}/1", "ours")
    mlops_nb.push("mlflow", serving.url)
    assert sorted(version_there(serving.url, name).aliases) == ["champion", "ours"]


def test_pickled_model_of_mlflow_is_loaded_only_when_allowed(serving, name):  # noqa: F811
    in_mlflow(serving.url, LOGGED.format(name=name, more="serialization_format='cloudpickle', pip_requirements=[]"))
    mlops_nb.pull("mlflow", serving.url, f"logged {name}")
    assert service.version(f"{name}/1").manifest.format == "pickle"
    with pytest.raises(BadArgument, match="is a pickle"):
        mlops_nb.load_model(f"{name}/1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert mlops_nb.load_model(f"{name}/1", unpickle=True).n_features_in_ == 2


def test_model_that_only_mlflow_loads_is_kept_whole_and_copied_out_for_it(serving, name, folder):  # noqa: F811
    code = f"""
    mlflow.set_experiment("logged {name}")
    class Add(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input: list[float], params=None):
            return [each + 1 for each in model_input]
    with mlflow.start_run():
        mlflow.pyfunc.log_model(python_model=Add(), name="add", registered_model_name="{name}", pip_requirements=[])
    """
    in_mlflow(serving.url, code)
    mlops_nb.pull("mlflow", serving.url, f"logged {name}")
    with pytest.raises(BadArgument, match="only MLflow loads") as refused:
        mlops_nb.load_model(f"{name}/1")
    assert "mlflow.pyfunc.load_model" in refused.value.fix
    mlops_nb.registry.save(f"{name}/1", folder / "out")
    loads = "print(mlflow.pyfunc.load_model('out').predict([1.0]))"
    assert in_mlflow(serving.url, loads) == "[2.0]"


def test_models_of_a_database_are_carried_without_a_server(folder, name, elsewhere):  # noqa: F811
    made(name)
    uri = f"sqlite:///{folder}/mlflow.db"
    assert outcomes(mlops_nb.push("mlflow", uri)) == [(f"{name}/1", "new")]
    assert outcomes(mlops_nb.pull("mlflow", uri, store=elsewhere)) == [(f"{name}/1", "new")]
    assert mlops_nb.load_model(f"{name}/1", store=elsewhere).n_features_in_ == 2


@pytest.mark.parametrize("file", ["model.skops", "manifest.json"])
def test_file_that_was_changed_on_the_server_is_refused_by_name(folder, name, elsewhere, file):  # noqa: F811
    made(name)
    mlops_nb.push("mlflow", f"sqlite:///{folder}/mlflow.db")
    [path] = (folder / "mlruns").rglob(file)
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    [one] = mlops_nb.pull("mlflow", f"sqlite:///{folder}/mlflow.db", store=elsewhere).versions
    assert one.outcome == "refused"
    assert one.left_out[0].startswith(f"{file} is not")
    assert "it was changed there" in one.left_out[0]
    assert mlops_nb.registry.models(store=elsewhere).models == ()


def test_what_became_of_versions_is_shown(serving, name):  # noqa: F811
    made(name, tags={"a@b": "x"})
    text = " ".join(carried_panel(mlops_nb.push("mlflow", serving.url)).text().split())
    assert text.startswith(
        f"Pushed 1 run and 1 model version to {serving.url}; 1 detail not carried as it was: tag a@b"
    )
    assert f"{name}/1 + new {name} 1" in text


# without all of MLflow

_HIDING = """
import importlib.abc, importlib.util, sys

class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
        return None

sys.meta_path.insert(0, Hidden())
find = importlib.util.find_spec
import mlops_nb
from mlops_nb.tracking.mlflow import server
server.find_spec = lambda name: None if name in {hidden} else find(name)
{more}
try:
    mlops_nb.push("mlflow", "sqlite:///mlflow.db")
except mlops_nb.MlopsError as error:
    print(type(error).__name__, error.what, "|", error.fix)
"""


@pytest.mark.parametrize("hidden", [("sqlalchemy", "alembic", "flask"), ("alembic", "flask"), ("flask",)])
def test_database_where_only_the_client_is_installed_is_refused_with_what_to_install(folder, hidden):
    code = _HIDING.format(hidden=hidden, more="")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("MissingExtra a database of MLflow is opened by all of MLflow;"), done.stderr
    assert "| pip install mlflow" in done.stdout
    assert not (folder / "mlflow.db").exists()


def test_part_of_mlflow_that_is_missing_only_when_it_is_used_is_named(folder):
    code = _HIDING.format(hidden=("alembic",), more="server._OF_A_DATABASE = ()")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("MissingExtra"), done.stderr
    assert "alembic" in done.stdout
