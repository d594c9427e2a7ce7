"""A run in MLflow's words and back, as plain data."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from mlops_nb.panels.carried import carried_panel
from mlops_nb.record import json_value, read
from mlops_nb.reproducibility.records import CodeVersion, DataFingerprint, Environment, Usage
from mlops_nb.tracking.mlflow import agreement, words
from mlops_nb.tracking.mlflow import runs as mapping
from mlops_nb.tracking.mlflow.words import Agreed, Carried, CarriedRun
from mlops_nb.tracking.runs import Artifact, Metric, Output, Param, Run, RunError

RUN = Run(
    7,
    "a" * 32,
    "forest",
    "cell",
    "INTERRUPTED",
    1_790_000_000.1234,
    2.5,
    notebook="flights.ipynb",
    source="depth = 3\n",
    params=(Param("depth", 3), Param("rate", math.nan), Param("f1@5", [1, "a"], True)),
    metrics=(Metric("loss", 0.1, 1, 2), Metric("accuracy", 0.9, None, 1, inferred=True)),
    tags={"kind": "baseline", "long": "x" * 9_000},
    outputs=(Output("stream", "stdout", {"text/plain": "hi"}),),
    data=(DataFingerprint("frame", "DataFrame", (3, 2), {"a": "int64", "b": "object"}, "f" * 40, True),),
    artifacts=(Artifact("model.skops", "b" * 64, 10, "model", {"format": "skops"}),),
    error=RunError("ValueError", "no", "..."),
    code=CodeVersion("c" * 40, "main", True, "https://example.org/x", "diff"),
    environment=Environment("3.11", "Linux", {"pandas": "2.2"}),
    note="y" * 9_000,
    seeds={"numpy": 1},
    usage=Usage(1.5, None),
)
SERIES = {
    "loss": [(0, math.inf, 1_790_000_001.0), (1, 0.1, 1_790_000_002.0)],
    "accuracy": [(None, 0.9, 1_790_000_002.5)],
}


def there(run=RUN, series=SERIES):
    return replace(mapping.carried(run, series)[0], id="d" * 32, experiment="flights")


def test_run_comes_back_whole_with_its_details():
    told = mapping.read_details(mapping.details(RUN))
    back, points = mapping.restored(there(), RUN.artifacts, told, uid=RUN.uid, is_parent_known=False)
    assert points == SERIES
    names = [name for name in RUN.__dataclass_fields__ if name not in ("id", "metrics", "params")]
    assert [getattr(back, name) for name in names] == [getattr(RUN, name) for name in names]
    assert repr(sorted(back.params, key=str)) == repr(sorted(RUN.params, key=str))
    assert {(one.name, one.inferred) for one in back.metrics} == {("loss", False), ("accuracy", True)}


def test_what_mlflow_says_comes_before_what_the_details_say():
    told = mapping.read_details(mapping.details(RUN))
    changed = replace(there(), name="renamed", status="FAILED", params={"depth": "4"}, tags={"kind": "other"})
    other = Artifact("model.skops", "e" * 64, 10)
    back, _ = mapping.restored(changed, [other], told, uid="f" * 32, is_parent_known=False)
    assert (back.uid, back.name, back.status, back.note) == ("f" * 32, "renamed", "FAILED", "")
    assert (back.params, dict(back.tags)) == ((Param("depth", 4),), {"kind": "other"})
    assert back.artifacts == (other,)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff",
        b'{"uid": 1}',
        b"[" * 100_000,
        json.dumps({"uid": "a", "name": [1]}).encode(),
    ],
)
def test_details_that_are_no_run_are_none(text):
    assert mapping.read_details(text) is None


def test_every_limit_that_cuts_is_told():
    _, faults = mapping.carried(RUN, SERIES)
    assert sorted(faults) == [
        "note: the first 8,000 of its 9,000 characters",
        "parameter f1@5: MLflow does not allow the name, it is 'f1_5' there",
        "tag long: the first 8,000 of its 9,000 characters",
    ]


def test_values_out_of_order_and_equal_ones_are_told():
    run = replace(RUN, params=(), tags={}, note="", metrics=(Metric("loss", 1.0, 0),))
    _, faults = mapping.carried(run, {"loss": [(1, 1.0, 5.0), (0, 1.0, 4.0), (0, 1.0, 4.0)]})
    assert faults == (
        "metric loss: 1 of its values, equal to others of the same step and time",
        "metric loss: the order of its values; MLflow goes by time and step",
    )


def test_only_what_changed_since_is_brought():
    old, agreed_tags = there(), {"kind": words.short_hash("baseline"), "gone": words.short_hash("x")}
    agreed = Agreed(name="forest", status="KILLED", ended_ms=old.ended_ms, tags=agreed_tags)
    ours = replace(old, tags={"kind": "baseline", "new": "1"}, params={"depth": "3", "more": "1"})
    theirs = replace(old, tags={"kind": "changed there", "gone": "x"}, name="renamed there", params={"depth": "5"})
    found = agreement.changes(ours, theirs, agreed)
    assert (found.tags, found.tags_gone, found.params) == ({"new": "1"}, ("gone",), {"more": "1"})
    assert (found.is_renamed, found.is_ended_otherwise, len(found.conflicts)) == (False, False, 1)


def test_dataset_of_mlflow_is_described_as_far_as_it_says():
    schema = json.dumps({"mlflow_colspec": [{"name": "a", "type": "long"}, 3]})
    one = words.Dataset("iris", "abc", "http", "{}", schema, '{"num_rows": 150}')
    back, _ = mapping.restored(replace(there(), datasets=(one,)), (), None, uid="a" * 32, is_parent_known=False)
    assert back.data == (DataFingerprint("iris", "http", (150, 1), {"a": "long"}, "abc", False),)


@pytest.mark.parametrize("schema", ["", "no json", "[]", '{"mlflow_colspec": 3}', "[" * 50_000])
def test_hostile_schema_is_no_fault(schema):
    one = words.Dataset("x", "abc", "http", "{}", schema, schema)
    back, _ = mapping.restored(replace(there(), datasets=(one,)), (), None, uid="a" * 32, is_parent_known=False)
    assert back.data[0].types == {}


def test_names_that_are_cut_to_the_same_are_told_apart():
    names = words.mlflow_names(f"{sign}{'x' * 300}" for sign in "!§$%&()=?")
    assert len(set(names.values())) == len(names) == 9
    assert all(len(name) <= words.LONGEST_NAME for name in names.values())


def test_paths_that_climb_are_left_and_told():
    paths, faults = mapping.kept_paths(
        {"a/b.txt": 1, "../evil": 1, "/etc/passwd": 1, "a//b": 1, "mlops_nb/run.json": 1}
    )
    assert paths == ["a/b.txt"]
    assert [fault.partition(":")[0] for fault in faults] == [
        "artifact ../evil",
        "artifact /etc/passwd",
        "artifact a//b",
    ]


def test_record_is_read_back_and_what_does_not_fit_is_refused():
    plain = json.loads(json.dumps(json_value(RUN.to_dict())))
    assert repr(read(Run, plain).outputs) == repr(RUN.outputs)
    for name, value in {"status": "WALKING", "started": "soon", "tags": [1], "params": [{"value": 1}]}.items():
        with pytest.raises(ValueError):
            read(Run, {**plain, name: value})


def test_panel_says_how_many_first_and_then_what_was_not_carried():
    runs = (
        CarriedRun(1, "a<b>", "c" * 32, "flights", "unchanged"),
        CarriedRun(2, "b", "d" * 32, "flights", "new", ("artifact a#b: MLflow cannot keep a name with '#' in it",)),
        CarriedRun(3, "c", "", "flights", "refused", ("it was deleted there",)),
    )
    panel = carried_panel(Carried("push", "http://localhost:5000", runs, 1.5))
    sentence = panel.text().replace("\n", " ")
    assert sentence.startswith(
        "Pushed 1 run to http://localhost:5000; 1 was there already; 1 run could not be carried; 1 detail not carried "
        "as it was: artifact a#b: MLflow cannot keep a name with '#' in it."
    )
    assert "<b>" not in panel.html()
    assert "it was deleted there" in panel.text()


def test_panel_of_nothing_and_of_thousands_stays_small():
    nothing = carried_panel(Carried("pull", "sqlite:///x.db", (), 0.1))
    assert nothing.text() == "Pulled 0 runs from sqlite:///x.db: there is none."
    many = tuple(CarriedRun(number, "x" * 200, "c" * 32, "e", "new", ("y" * 500,)) for number in range(5_000))
    assert len(carried_panel(Carried("pull", "x", many, 1)).html()) < 200_000
