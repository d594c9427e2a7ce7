"""The registry: a model becomes a version, is found, loaded, moved, and every step stands in the log."""

from __future__ import annotations

import json
import os
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import mlops_nb
from mlops_nb.errors import (
    ArtifactNotFound,
    BadArgument,
    ChangedMeanwhile,
    ModelNotFound,
    MoveRefused,
    RunIsNeeded,
    RunNotFound,
)
from mlops_nb.registry import service
from mlops_nb.store import open_store

RNG = np.random.default_rng(0)
X = pd.DataFrame(
    {"delay": RNG.normal(size=60), "month": RNG.integers(1, 13, 60), "late": RNG.integers(0, 2, 60).astype(bool)}
)
Y = np.where(X.delay > 0, "late", "on time")


class Threshold:
    """A model that is no estimator."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def predict(self, rows):
        return np.asarray(rows)[:, 0] > self.limit


def double(values):
    return values * 2


def fitted(name: str = "forest", seed: int = 0, **metrics: float):
    with mlops_nb.run(name) as run:
        model = RandomForestClassifier(3, random_state=seed).fit(X, Y)
        run.log_metrics(metrics or {"accuracy": 0.9})
    return model


def versions(count: int) -> None:
    model = fitted()
    for _ in range(count):
        mlops_nb.register(model, "late-flight", example=X)


def stages(name: str = "late-flight") -> dict[int, str]:
    return {one.number: one.stage for one in mlops_nb.registry.model(name).versions}


# a version


def test_version_knows_its_signature_run_file_and_requirements(folder):
    model = fitted(accuracy=0.91)
    one = mlops_nb.register(model, "late-flight", example=X, alias="candidate", note="first", tags={"team": "delays"})
    signature = one.manifest.signature
    assert [(c.name, c.type, c.minimum, c.maximum, c.has_missing) for c in signature.inputs[1:2]] == [
        ("month", "int64", 1.0, 12.0, False)
    ]
    assert (signature.inputs[2].categories, signature.inputs[2].categories_count) == ((False, True), 2)
    assert (signature.gives, signature.classes, signature.width) == ("class", ("late", "on time"), 3)
    assert (one.stage, one.aliases, one.note, one.tags) == ("None", ("candidate",), "first", {"team": "delays"})
    assert (one.manifest.origin.name, one.manifest.origin.run, one.metrics) == ("forest", 1, {"accuracy": 0.91})
    assert one.manifest.kind.endswith("RandomForestClassifier")
    assert {line.partition("==")[0] for line in one.manifest.requirements} >= {"scikit-learn", "numpy", "skops"}
    assert (one.manifest.format, [file.path for file in one.manifest.files]) == ("skops", ["model.skops"])


def test_loaded_model_is_the_one_that_was_registered(folder):
    model = fitted()
    mlops_nb.register(model, "late-flight", example=X, alias="champion")
    for uri in ("models:/late-flight/1", "models:/late-flight@champion", "late-flight/latest", "late-flight"):
        assert (mlops_nb.load_model(uri).predict(X) == model.predict(X)).all()


def test_manifest_comes_back_as_it_was_written(folder):
    one = mlops_nb.register(fitted(), "late-flight", example=X)
    assert service.version("late-flight/1") == one
    assert one.manifest.text() == service.version("late-flight/1").manifest.text()


def test_numbers_go_up_and_are_never_used_again(folder):
    versions(3)
    mlops_nb.unregister("late-flight/3")
    assert mlops_nb.register(fitted(), "late-flight", example=X).number == 4
    with pytest.raises(ModelNotFound, match="version 3 of late-flight was deleted"):
        mlops_nb.load_model("late-flight/3")


def test_number_whose_files_were_collected_never_comes_again(folder):
    versions(1)
    mlops_nb.unregister("late-flight/1")
    mlops_nb.gc(yes=True)
    assert mlops_nb.register(fitted(), "late-flight", example=X).number == 2


@pytest.mark.parametrize("name", ["", " a", "a/b", "a@b", "models:/a", "a\nb", "x" * 201])
def test_name_that_no_model_may_have_is_refused(folder, name):
    with pytest.raises(BadArgument, match="model name"):
        mlops_nb.register(fitted(), name, example=X)


@pytest.mark.parametrize("alias", ["Production", "3", "v3", "latest", "a b", ""])
def test_alias_that_means_something_already_is_refused(folder, alias):
    with pytest.raises(BadArgument, match="alias"):
        mlops_nb.register(fitted(), "late-flight", example=X, alias=[alias])


def test_secrets_in_notes_are_replaced(folder, monkeypatch):
    monkeypatch.setenv("DATABASE_PASSWORD", "corr3ct-h0rse-battery")
    mlops_nb.register(fitted(), "late-flight", example=X, note="trained with corr3ct-h0rse-battery")
    mlops_nb.promote("late-flight/1", note="corr3ct-h0rse-battery")
    assert "corr3ct" not in json.dumps(mlops_nb.registry.model("late-flight").to_dict(), default=str)


# its signature


def test_signature_is_taken_from_what_autolog_saw(folder):
    mlops_nb.autolog()
    try:
        model = fitted()
    finally:
        mlops_nb.autolog("off")
    signature = mlops_nb.register(model, "late-flight").manifest.signature
    assert [column.name for column in signature.inputs] == ["delay", "month", "late"]
    assert signature.classes == ("late", "on time")


def test_without_data_a_version_is_refused_with_what_to_give(folder):
    with pytest.raises(BadArgument, match="recorded no training data") as refused:
        mlops_nb.register(fitted(), "late-flight")
    assert "example" in refused.value.fix
    assert mlops_nb.registry.models().models == ()


def test_example_that_the_model_cannot_take_is_refused(folder):
    with pytest.raises(BadArgument, match=r"model\.predict of the example's first rows raises ValueError"):
        mlops_nb.register(fitted(), "late-flight", example=X[["delay"]])


def test_signatures_of_arrays_texts_and_numbers(folder):
    with mlops_nb.run("line"):
        line = LinearRegression().fit(np.zeros((4, 2)), np.arange(4.0))
    one = mlops_nb.register(line, "line", example=np.zeros((2, 2), dtype="f4")).manifest.signature
    assert (one.inputs[0].type, one.width, one.gives, one.output_type) == ("float32", 2, "number", "float64")


def test_transformer_is_a_model_that_gives_columns(folder):
    with mlops_nb.run("scaled"):
        scaler = StandardScaler().fit(X)
    one = mlops_nb.register(scaler, "scaler", example=X).manifest.signature
    assert (one.gives, one.output_width) == ("columns", 3)


# how it is kept


def test_model_that_skops_cannot_keep_needs_a_pickle_that_is_allowed(folder):
    with mlops_nb.run("rule"):
        rule = Threshold(0.5)
    with pytest.raises(BadArgument, match="without a pickle") as refused:
        mlops_nb.register(rule, "rule", example=X)
    assert "--allow-pickle" in refused.value.fix
    one = mlops_nb.register(rule, "rule", example=X, allow_pickle=True)
    assert one.manifest.format == "pickle"
    with pytest.raises(BadArgument, match="runs whatever code") as refused:
        mlops_nb.load_model("rule/1")
    assert refused.value.fix.startswith("load_model(..., unpickle=True)")
    assert mlops_nb.load_model("rule/1", unpickle=True).limit == 0.5


def test_allowing_a_pickle_does_not_make_one_where_skops_will_do(folder):
    assert mlops_nb.register(fitted(), "late-flight", example=X, allow_pickle=True).manifest.format == "skops"


def test_types_that_are_not_trusted_are_named_on_the_version_and_at_the_load(folder):
    with mlops_nb.run("doubled"):
        pipe = make_pipeline(FunctionTransformer(double), LinearRegression()).fit(X, X.delay)
    one = mlops_nb.register(pipe, "doubled", example=X)
    assert one.manifest.untrusted == (f"{__name__}.double",)
    with pytest.raises(BadArgument, match="not loaded unasked") as refused:
        mlops_nb.load_model("doubled/1")
    assert refused.value.fix.startswith("load_model(..., trust=")
    assert mlops_nb.load_model("doubled/1", trust=one.manifest.untrusted).predict(X).shape == (60,)


def test_what_is_no_model_is_refused(folder):
    with mlops_nb.run("frame"):
        pass
    for value in (X, "model", RandomForestClassifier, None):
        with pytest.raises(BadArgument, match="is no model"):
            mlops_nb.register(value, "late-flight", example=X)


def test_version_is_copied_out_with_its_manifest(folder):
    versions(1)
    saved = mlops_nb.registry.save("late-flight/1", folder / "out")
    assert [path.name for path in saved] == ["model.skops", "manifest.json"]
    assert json.loads(saved[1].read_text())["model"] == "late-flight"


# the run that made it


def test_run_that_goes_on_is_the_one_that_made_it(folder):
    with mlops_nb.run("forest") as run:
        model = LogisticRegression().fit(X, Y)
        one = mlops_nb.register(model, "late-flight", example=X)
    assert one.manifest.origin.uid == run.uid


def test_run_may_be_named_or_be_the_last(folder):
    model = fitted("first")
    fitted("second")
    assert mlops_nb.register(model, "late-flight", example=X, run="first").manifest.origin.name == "first"
    assert mlops_nb.register(model, "late-flight", example=X, run="last").manifest.origin.name == "second"


def test_without_a_run_a_version_is_refused(folder):
    model = LogisticRegression().fit(X, Y)
    with pytest.raises(RunNotFound, match="no run made this model"):
        mlops_nb.register(model, "late-flight", example=X)
    with pytest.raises(RunNotFound, match="there is no run"):
        mlops_nb.register(model, "late-flight", example=X, run="last")


def test_run_that_made_a_version_is_not_deleted(folder):
    versions(1)
    with pytest.raises(RunIsNeeded, match="run 1 made late-flight/1"):
        mlops_nb.delete(1)
    mlops_nb.unregister("late-flight/1")
    assert [run.id for run in mlops_nb.delete(1).runs] == [1]


# an artifact of a run


def test_artifact_of_a_run_becomes_a_version_without_being_copied(folder):
    with mlops_nb.run("kept") as run:
        model = LogisticRegression().fit(X[["delay"]], Y)
        kept = run.log_artifact(model, "models/clf")
    one = mlops_nb.registry.register_artifact("late-flight", run=run.id, artifact="models/clf", example=X[["delay"]])
    assert (one.manifest.files[0].sha256, one.manifest.files[0].path) == (kept.sha256, "clf.skops")
    assert (mlops_nb.load_model("late-flight/1").predict(X[["delay"]]) == model.predict(X[["delay"]])).all()


def test_artifact_needs_no_example_where_autolog_saw_the_fit(folder):
    mlops_nb.autolog()
    try:
        with mlops_nb.run("kept") as run:
            run.log_artifact(LogisticRegression().fit(X[["delay"]], Y), "clf")
    finally:
        mlops_nb.autolog("off")
    one = mlops_nb.registry.register_artifact("late-flight", run="last", artifact="clf")
    assert [column.name for column in one.manifest.signature.inputs] == ["delay"]


def test_artifact_that_is_no_model_or_a_pickle_is_refused(folder):
    with mlops_nb.run("kept") as run:
        run.log_text("no model", "note")
        run.log_artifact(Threshold(1), "rule", pickle=True)
    with pytest.raises(ArtifactNotFound, match="is no model"):
        mlops_nb.registry.register_artifact("late-flight", run=run.id, artifact="note")
    with pytest.raises(BadArgument, match="is a pickle"):
        mlops_nb.registry.register_artifact("late-flight", run=run.id, artifact="rule", example=X)


# stages and aliases


def test_production_holds_one_version_and_the_one_before_is_archived_with_it(folder):
    versions(2)
    mlops_nb.promote("late-flight/1")
    done = mlops_nb.promote("late-flight/2", note="better")
    assert stages() == {2: "Production", 1: "Archived"}
    assert [(event.version, event.was, event.now) for event in done.events] == [
        (1, "Production", "Archived"),
        (2, "None", "Production"),
    ]
    assert mlops_nb.load_model("models:/late-flight/Production").get_params()["n_estimators"] == 3


def test_staging_holds_several_and_means_the_newest(folder):
    versions(3)
    for number in (2, 1):
        mlops_nb.promote(f"late-flight/{number}", to="Staging")
    assert stages() == {3: "None", 2: "Staging", 1: "Staging"}
    assert service.version("late-flight/Staging").number == 2


@pytest.mark.parametrize(("now", "to"), [("Archived", "Production"), ("Production", "None"), ("Staging", "Staging")])
def test_move_that_is_not_allowed_is_refused_and_changes_nothing(folder, now, to):
    versions(1)
    mlops_nb.stage("late-flight/1", now)
    before = mlops_nb.verify_log().events
    with pytest.raises(MoveRefused, match=f"is in stage {now}"):
        mlops_nb.stage("late-flight/1", to)
    assert (stages(), mlops_nb.verify_log().events) == ({1: now}, before)


def test_promotion_over_another_is_refused_when_something_else_was_expected(folder):
    versions(3)
    mlops_nb.promote("late-flight/1", expect="none")
    mlops_nb.promote("late-flight/2", expect=1)
    with pytest.raises(ChangedMeanwhile, match="version 2 is at late-flight/Production now, not version 1"):
        mlops_nb.promote("late-flight/3", expect=1)
    with pytest.raises(ChangedMeanwhile, match="not none as expected"):
        mlops_nb.alias("late-flight/3", "champion") and mlops_nb.alias("late-flight/2", "champion", expect="none")
    assert stages() == {3: "None", 2: "Production", 1: "Archived"}


def test_alias_points_to_one_version_until_it_is_taken_away(folder):
    versions(2)
    mlops_nb.alias("late-flight/1", "champion")
    mlops_nb.alias("late-flight/2", "@champion", expect=1)
    assert mlops_nb.registry.model("late-flight").aliases == {"champion": 2}
    with pytest.raises(MoveRefused, match="points to late-flight/2 already"):
        mlops_nb.alias("late-flight@champion", "champion")
    mlops_nb.alias("late-flight", "champion", remove=True)
    assert mlops_nb.registry.model("late-flight").aliases == {}
    with pytest.raises(ModelNotFound, match="no alias 'champion'"):
        mlops_nb.alias("late-flight", "champion", remove=True)


def test_rollback_brings_back_what_was_in_production_before(folder):
    versions(3)
    for number in (1, 3):
        mlops_nb.promote(f"late-flight/{number}")
    mlops_nb.rollback("late-flight", note="too slow")
    assert stages() == {3: "Archived", 2: "None", 1: "Production"}
    mlops_nb.stage("late-flight/1", "Archived")
    mlops_nb.rollback("late-flight")
    assert stages()[1] == "Production"


def test_rollback_needs_a_version_that_was_there(folder):
    versions(1)
    mlops_nb.promote("late-flight/1")
    with pytest.raises(MoveRefused, match="no other version of late-flight was in Production"):
        mlops_nb.rollback("late-flight")


def test_version_that_something_points_to_is_not_deleted(folder):
    versions(3)
    mlops_nb.promote("late-flight/1")
    mlops_nb.promote("late-flight/2", to="Staging")
    mlops_nb.alias("late-flight/3", "champion")
    for number, pointer in ((1, "Production"), (2, "Staging"), (3, "@champion")):
        with pytest.raises(MoveRefused, match=f"{pointer} points to it"):
            mlops_nb.unregister(f"late-flight/{number}")
    assert len(stages()) == 3


def test_files_of_versions_outlive_gc_and_those_of_deleted_ones_do_not(folder):
    versions(2)
    store = open_store()
    gone, stays = (service.version(f"late-flight/{number}").manifest.files[0].sha256 for number in (1, 2))
    mlops_nb.unregister("late-flight/1")
    for path in (store.folder / "blobs").rglob("*"):
        if path.is_file():
            os.utime(path, (0, 0))
    mlops_nb.gc(yes=True)
    kept = {path.name for path in (store.folder / "blobs").rglob("*") if path.is_file()}
    assert stays in kept
    assert gone not in kept
    assert mlops_nb.load_model("late-flight/2").n_features_in_ == 3


def test_backup_holds_the_files_of_versions(folder):
    versions(1)
    mlops_nb.backup(folder / "store.zip")
    mlops_nb.restore_backup(folder / "store.zip", folder / "back" / ".mlops")
    restored = open_store(folder=folder / "back" / ".mlops")
    assert mlops_nb.load_model("late-flight/1", store=restored).n_features_in_ == 3
    assert mlops_nb.verify_log(store=restored).is_whole


# the past


def test_registry_is_seen_as_it_was(folder, monkeypatch):
    versions(2)
    mlops_nb.promote("late-flight/1")
    moment = time.time()
    monkeypatch.setattr(time, "time", lambda: moment + 3 * 86400)
    mlops_nb.promote("late-flight/2")
    then = mlops_nb.registry.model("late-flight", as_of="-1d")
    assert {one.number: one.stage for one in then.versions} == {1: "Production", 2: "None"}
    assert mlops_nb.registry.models(as_of="-1d").models[0].production == 1
    assert mlops_nb.registry.models().models[0].production == 2
    with pytest.raises(ModelNotFound, match="at that time"):
        mlops_nb.registry.model("late-flight", as_of="2020-01-01")
    with pytest.raises(BadArgument, match="is no time"):
        mlops_nb.registry.models(as_of="soon")


def test_time_of_the_log_never_goes_back_though_the_clock_does(folder, monkeypatch):
    versions(1)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 86400)
    mlops_nb.promote("late-flight/1")
    times = [event.time for event in mlops_nb.registry.model("late-flight").events]
    assert times == sorted(times)


def test_unknown_model_offers_the_nearest(folder):
    versions(1)
    with pytest.raises(ModelNotFound, match="no model is called 'late-flights'") as refused:
        mlops_nb.load_model("late-flights/1")
    assert refused.value.fix == "%mlops registry late-flight"
    with pytest.raises(BadArgument, match="does not say which version"):
        mlops_nb.promote("late-flight")
