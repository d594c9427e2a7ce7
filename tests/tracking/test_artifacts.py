"""Artifacts: what is logged is what is loaded, checked each time; nothing hostile gets in, out or run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import mlops_nb
from mlops_nb.errors import ArtifactNotFound, BadArgument, MissingExtra, NoActiveRun, StoreIsDamaged
from mlops_nb.registry import model_formats
from mlops_nb.store import blobs, open_store
from mlops_nb.tracking.artifacts.keeping import add_artifact
from mlops_nb.tracking.artifacts.names import artifact_name, confusion_matrix

FRAME = pd.DataFrame({"x": [1.5, 2.5], "name": ["a", "b"]}, index=pd.Index([7, 9], name="key"))


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)


def logged(what, name=None, **options):
    with mlops_nb.run("kept"):
        return mlops_nb.log_artifact(what, name, **options)


def blob(artifact) -> Path:
    return blobs.blob_path(open_store(), artifact.sha256)


def left_in_blobs() -> list[str]:
    return [path.name for path in (open_store().folder / "blobs").rglob("*.new")]


# what is logged is what is loaded


def test_file_is_kept_under_its_name_and_can_be_read(folder):
    (folder / "notes.md").write_text("kept")
    artifact = logged("notes.md")
    assert (artifact.path, artifact.kind, artifact.size_bytes) == ("notes.md", "file", 4)
    (folder / "notes.md").unlink()
    assert mlops_nb.load_artifact("kept", "notes.md").read_text() == "kept"
    assert mlops_nb.artifact_path("kept", "notes").read_text() == "kept"
    assert left_in_blobs() == []


def test_folder_keeps_its_nested_paths_and_is_copied_out_again(folder):
    (folder / "model" / "deep").mkdir(parents=True)
    (folder / "model" / "a.txt").write_text("one")
    (folder / "model" / "deep" / "b.txt").write_text("two")
    artifact = logged(folder / "model", "saved/model")
    assert (artifact.path, artifact.kind, artifact.size_bytes) == ("saved/model", "folder", 6)
    assert [one.path for one in mlops_nb.show("kept").artifacts] == ["saved/model/a.txt", "saved/model/deep/b.txt"]
    mlops_nb.save_artifacts("kept", "out", "saved/model")
    assert (folder / "out" / "saved" / "model" / "deep" / "b.txt").read_text() == "two"
    with pytest.raises(BadArgument, match="folder of 2 files"):
        mlops_nb.load_artifact("kept", "saved/model")


def test_newest_content_of_a_name_stands_whole(folder):
    (folder / "out").mkdir()
    (folder / "out" / "old.txt").write_text("old")
    with mlops_nb.run("kept") as run:
        run.log_artifact("out")
        (folder / "out" / "old.txt").rename(folder / "out" / "new.txt")
        run.log_artifact("out")
        run.log_artifact({"a": 1}, "out2/x")
        run.log_artifact({"a": 2}, "out2/x")
        run.log_artifact(b"no folder now", "out2")
    assert [one.path for one in mlops_nb.show("kept").artifacts] == ["out/new.txt", "out2"]


def test_equal_content_is_stored_once(folder):
    for name in ("a", "b", "c"):
        (folder / f"{name}.txt").write_text("same")
    with mlops_nb.run("kept") as run:
        found = {run.log_artifact(f"{name}.txt").sha256 for name in "abc"}
    assert len(found) == 1
    assert len([path for path in (open_store().folder / "blobs").rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize(
    ("value", "kind", "path"),
    [
        ({"a": [1, None, "é"], "n": {"b": 1.5}}, "json", "it.json"),
        ([1, 2, 3], "json", "it.json"),
        (b"\x00\xff", "bytes", "it"),
        ("two\nlines", "text", "it.txt"),
    ],
)
def test_plain_values_come_back_as_they_were(folder, value, kind, path):
    artifact = logged(value, "it")
    assert (artifact.kind, artifact.path) == (kind, path)
    assert mlops_nb.load_artifact("kept", "it") == value
    assert mlops_nb.load_artifact("kept", path) == value


def test_text_is_kept_as_text_even_when_it_looks_like_a_path(folder):
    with mlops_nb.run("kept"):
        assert mlops_nb.log_text("data.csv", "note.md").path == "note.md"
        mlops_nb.log_text("half a pair \ud800", "odd")
    assert mlops_nb.load_artifact("kept", "note.md") == "data.csv"
    assert mlops_nb.load_artifact("kept", "odd") == "half a pair \\ud800"


@pytest.mark.parametrize("array", [np.arange(6).reshape(2, 3), np.array(["a", "bc"]), np.array(3.5), np.zeros((0, 2))])
def test_array_comes_back_with_its_shape_and_type(folder, array):
    artifact = logged(array, "it")
    assert (artifact.path, artifact.details["shape"]) == ("it.npy", list(array.shape))
    back = mlops_nb.load_artifact("kept", "it")
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)


def test_array_of_objects_is_refused_not_pickled(folder):
    with pytest.raises(BadArgument, match="only a pickle could keep"):
        logged(np.array([object()]), "it")
    assert mlops_nb.show("kept").artifacts == ()


def test_dataframe_comes_back_from_parquet(folder):
    artifact = logged(FRAME, "it")
    assert (artifact.path, artifact.kind) == ("it.parquet", "table")
    assert artifact.details == {"class": "pandas.DataFrame", "shape": [2, 2], "format": "parquet"}
    assert_frame_equal(mlops_nb.load_artifact("kept", "it"), FRAME)


def test_dataframe_is_csv_where_asked_or_where_pyarrow_is_missing(folder, monkeypatch):
    assert logged(FRAME, "it.csv").details["format"] == "csv"
    assert_frame_equal(mlops_nb.load_artifact("kept", "it"), FRAME)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert logged(FRAME, "other").path == "other.csv"
    with pytest.raises(MissingExtra, match="pyarrow") as missing:
        logged(FRAME, "it.parquet")
    assert missing.value.fix == "pip install 'mlops-nb[parquet]'"


def test_series_and_polars_frames_come_back_as_what_they_were(folder):
    logged(FRAME["x"], "series")
    assert mlops_nb.load_artifact("kept", "series").equals(FRAME["x"])
    frame = pl.DataFrame({"a": [1, None], "b": ["x", "y"]})
    assert logged(frame, "frame").path == "frame.parquet"
    assert mlops_nb.load_artifact("kept", "frame").equals(frame)


def test_matplotlib_figure_is_a_picture(folder):
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 2])
    assert logged(figure, "roc").path == "roc.png"
    assert mlops_nb.load_artifact("kept", "roc").startswith(b"\x89PNG")
    assert logged(axes, "roc.svg").details["format"] == "SVG"
    assert b"<svg" in mlops_nb.load_artifact("kept", "roc.svg")


def test_nothing_of_a_figure_is_cut_off(folder):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1), dpi=100)
    figure.subplots()
    figure.text(1.5, 0.5, "outside")
    logged(figure, "wide")
    width = int.from_bytes(mlops_nb.load_artifact("kept", "wide")[16:20])
    assert width > 200


def test_plotly_figure_comes_back_as_what_makes_it_again(folder):
    import plotly.graph_objects as go

    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4]))
    logged(figure, "curve")
    assert go.Figure(mlops_nb.load_artifact("kept", "curve")) == figure


# models


def a_model():
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier

    X, y = load_iris(return_X_y=True)
    return RandomForestClassifier(5, random_state=0).fit(X, y), X


def test_model_comes_back_without_pickle(folder):
    model, X = a_model()
    artifact = logged(model, "forest")
    assert (artifact.path, artifact.kind) == ("forest.skops", "model")
    assert artifact.details["class"] == "sklearn.RandomForestClassifier"
    assert set(artifact.details["libraries"]) == {"sklearn"}
    assert "untrusted" not in artifact.details
    assert np.array_equal(mlops_nb.load_artifact("kept", "forest").predict_proba(X), model.predict_proba(X))


class Doubled:
    """A part of a model that nobody else knows."""

    def fit(self, X, y=None):
        return self

    def get_params(self, deep=True):
        return {}

    def transform(self, X):
        return 2 * X


def test_model_of_unknown_types_is_kept_and_loaded_only_when_they_are_named(folder):
    artifact = logged(Doubled(), "doubled")
    name = f"{__name__}.Doubled"
    assert artifact.details["untrusted"] == [name]
    with pytest.raises(BadArgument, match="Doubled, which is not loaded unasked") as refused:
        mlops_nb.load_artifact("kept", "doubled")
    assert name in refused.value.fix
    assert mlops_nb.load_artifact("kept", "doubled", trust=[name]).transform(2) == 4


class Trap:
    def __reduce__(self):
        return os.system, ("touch sprung",)


def test_pickle_is_written_only_when_asked_and_loaded_only_when_asked(folder):
    with pytest.raises(BadArgument, match="no form for") as refused:
        logged(Trap(), "it")
    assert "pickle=True" in refused.value.fix
    artifact = logged(Trap(), "it", pickle=True)
    assert (artifact.path, artifact.kind) == ("it.pkl", "object")
    with pytest.raises(BadArgument, match="is a pickle"):
        mlops_nb.load_artifact("kept", "it")
    assert not (folder / "sprung").exists()
    mlops_nb.load_artifact("kept", "it", unpickle=True)
    assert (folder / "sprung").exists()


def test_trap_in_a_skops_file_is_not_sprung(folder):
    import skops.io

    content = skops.io.dumps({"a": Doubled()}).replace(b"Doubled", b"Trapped")
    (folder / "bad.skops").write_bytes(content)
    store = open_store()
    with mlops_nb.run("kept"):
        mlops_nb.log_artifact("bad.skops")
    with store.transaction() as connection:
        connection.execute("UPDATE artifacts SET kind = 'model'")
    with pytest.raises(BadArgument):
        mlops_nb.load_artifact("kept", "bad.skops")


class Unwritable:
    def fit(self):
        return self

    def get_params(self, deep=True):
        return {}

    def __getstate__(self):
        raise RuntimeError("not to be taken apart")

    __reduce_ex__ = None


def test_unpicklable_objects_are_refused_by_name_and_nothing_is_left(folder):
    for what, options in (
        (Unwritable(), {}),
        (Unwritable(), {"pickle": True}),
        (lambda: 1, {"pickle": True}),
        ({"a": object()}, {}),
        ({"a": lambda: 1}, {}),
        (pd.DataFrame({"a": [object(), 1]}), {}),
        ((each for each in [1]), {}),
    ):
        with pytest.raises(BadArgument):
            logged(what, "it", **options)
    assert mlops_nb.show("kept").artifacts == ()
    assert left_in_blobs() == []


def test_missing_skops_names_the_extra(folder, monkeypatch):
    model, _ = a_model()
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(MissingExtra, match="skops") as missing:
        logged(model, "forest")
    assert missing.value.fix == "pip install 'mlops-nb[models]'"


def test_trusted_types_hold_no_function_that_acts():
    roots = {name.partition(".")[0] for name in model_formats.TRUSTED}
    assert roots == {"collections", "lightgbm", "numpy", "scipy", "sklearn", "xgboost"}
    assert len(set(model_formats.TRUSTED)) == len(model_formats.TRUSTED)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_models_of_the_boosting_libraries_come_back(folder, library):
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    if library == "xgboost":
        from xgboost import XGBClassifier

        model = XGBClassifier(n_estimators=3).fit(X, y)
    else:
        from lightgbm import LGBMClassifier

        model = LGBMClassifier(n_estimators=3, verbose=-1).fit(X, y)
    artifact = logged(model, "boosted")
    assert "untrusted" not in artifact.details
    assert np.array_equal(mlops_nb.load_artifact("kept", "boosted").predict(X), model.predict(X))


# confusion matrix

LABELS = st.lists(st.sampled_from(["cat", "dog", "eel"]), min_size=1, max_size=30)


@settings(deadline=None)  # scikit-learn is imported by the first
@given(LABELS, st.randoms(use_true_random=False))
def test_confusion_matrix_agrees_with_scikit_learn(true, random):
    from sklearn import metrics

    predicted = [random.choice(["cat", "dog", "eel"]) for _ in true]
    order = ["eel", "cat", "dog"]
    reference = metrics.confusion_matrix(true, predicted, labels=order)
    assert np.array_equal(confusion_matrix(true, predicted, order).counts, reference)
    found = confusion_matrix(true, predicted)
    there = [order.index(label) for label in found.labels]
    assert list(found.labels) == sorted({*true, *predicted})
    assert np.array_equal(found.counts, reference[np.ix_(there, there)])


def test_confusion_matrix_is_kept_as_data(folder):
    with mlops_nb.run("kept"):
        artifact = mlops_nb.log_confusion_matrix(np.array([0, 1, 1]), pd.Series([0, 0, 1]))
    assert (artifact.path, artifact.kind) == ("confusion_matrix.json", "confusion matrix")
    back = mlops_nb.load_artifact("kept", "confusion_matrix")
    assert (back.labels, back.counts) == ((0, 1), ((1, 0), (1, 1)))
    assert back.to_frame().loc[1, 0] == 1


@pytest.mark.parametrize(
    ("true", "predicted", "said"),
    [
        ([1, 2], [1], "must be as many"),
        ([1.0, float("nan")], [1, 1], "NaN|nan"),
        ([None], [1], "one label a row"),
        ([[0.1, 0.9]], [1], "one label a row"),
        (range(1001), range(1001), "regression"),
    ],
)
def test_what_is_no_column_of_labels_is_refused(true, predicted, said):
    with pytest.raises(BadArgument, match=said):
        confusion_matrix(true, predicted)


# names and links


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../b", "", ".", "C:/x", "C:\\x", "a\0b", "x" * 501])
def test_name_that_leads_elsewhere_is_refused(folder, name):
    with pytest.raises(BadArgument, match="name =="):
        logged({"a": 1}, name)


@given(st.text(max_size=40))
def test_every_name_is_refused_or_stays_inside(name):
    try:
        path = artifact_name(name)
    except BadArgument:
        return
    path.encode()
    assert Path("/top", path).is_relative_to("/top")
    assert ".." not in path.split("/")
    assert artifact_name(path) == path


def test_link_inside_a_folder_is_followed_and_one_out_of_it_refused_by_name(folder):
    (folder / "secret").write_text("not yours")
    (folder / "data" / "sub").mkdir(parents=True)
    (folder / "data" / "a.txt").write_text("a")
    (folder / "data" / "sub" / "same.txt").symlink_to("../a.txt")
    logged("data")
    assert [one.path for one in mlops_nb.show("kept").artifacts] == ["data/a.txt", "data/sub/same.txt"]
    for target in ("../../secret", str(folder / "secret"), ".."):
        link = folder / "data" / "sub" / "out"
        link.symlink_to(target)
        if target == "..":
            link.unlink()
            link.symlink_to("../..")
        with pytest.raises(BadArgument, match="'sub/out' is a link out of the folder"):
            logged("data", "again")
        link.unlink()
    assert mlops_nb.show("kept").artifacts == ()


@pytest.mark.parametrize(
    ("target", "said"), [("nothing", "link to nothing"), ("loop", "link to nothing"), (".", "link back to a folder")]
)
def test_link_that_leads_nowhere_or_round_is_refused_by_name(folder, target, said):
    (folder / "data").mkdir()
    (folder / "data" / "a.txt").write_text("a")
    (folder / "data" / "loop").symlink_to(target)
    with pytest.raises(BadArgument, match=f"'loop'.*{said}"):
        logged("data")


def test_what_is_no_file_is_refused_by_name(folder):
    (folder / "data").mkdir()
    with pytest.raises(BadArgument, match="no file in it"):
        logged("data")
    os.mkfifo(folder / "data" / "pipe")
    for what in ("data", "data/pipe"):
        with pytest.raises(BadArgument, match="neither a file nor a folder"):
            logged(what)
    with pytest.raises(BadArgument, match=r"'dat'") as refused:
        logged("dat")
    assert refused.value.fix == "mlops_nb.log_artifact('data')"
    with pytest.raises(BadArgument, match="no file or folder"):
        logged("x" * 5000)


def test_folder_with_the_store_in_it_is_refused(folder):
    with pytest.raises(BadArgument, match="holds the store"):
        logged(folder)


def test_value_without_a_name_and_log_without_a_run_are_refused(folder):
    with pytest.raises(BadArgument, match="no name"):
        logged({"a": 1})
    for call in (
        lambda: mlops_nb.log_artifact("x"),
        lambda: mlops_nb.log_text("x", "y"),
        lambda: mlops_nb.log_confusion_matrix([1], [1]),
    ):
        with pytest.raises(NoActiveRun):
            call()


def test_unknown_artifact_offers_the_nearest(folder):
    logged({"a": 1}, "settings")
    with pytest.raises(ArtifactNotFound, match="no artifact 'setings'") as refused:
        mlops_nb.load_artifact("kept", "setings")
    assert refused.value.fix == "%mlops artifacts 1 settings.json"


def test_artifact_can_be_added_to_a_run_that_is_over(folder):
    logged({"a": 1}, "first")
    add_artifact(open_store(), 1, {"b": 2}, "second")
    assert mlops_nb.load_artifact(1, "second") == {"b": 2}


# copying out


def test_copies_never_leave_the_folder(folder):
    logged({"a": 1}, "plots/x")
    (folder / "out").mkdir()
    (folder / "elsewhere").mkdir()
    (folder / "out" / "plots").symlink_to(folder / "elsewhere")
    with pytest.raises(BadArgument, match="outside"):
        mlops_nb.save_artifacts("kept", "out")
    store = open_store()
    for path in ("../climbed.json", "/tmp/absolute.json"):
        with store.transaction() as connection:
            connection.execute("UPDATE artifacts SET path = ?", [path])
        with pytest.raises(BadArgument, match="name =="):
            mlops_nb.save_artifacts("kept", "out")
    assert list((folder / "elsewhere").iterdir()) == []
    assert not (folder / "climbed.json").exists()


def test_copy_replaces_a_link_not_what_it_leads_to(folder):
    logged(b"new", "it")
    (folder / "out").mkdir()
    (folder / "precious").write_text("old")
    (folder / "out" / "it").symlink_to(folder / "precious")
    mlops_nb.save_artifacts("kept", "out")
    assert (folder / "precious").read_text() == "old"
    assert (folder / "out" / "it").read_bytes() == b"new"


# faults


def test_tampered_or_missing_file_is_refused_by_name_and_the_rest_is_usable(folder):
    with mlops_nb.run("kept") as run:
        bad, gone = run.log_artifact({"a": 1}, "bad"), run.log_artifact({"b": 2}, "gone")
        run.log_artifact({"c": 3}, "good")
    blob(bad).write_bytes(b'{"a": 2}')
    blob(gone).unlink()
    with pytest.raises(StoreIsDamaged, match=r"'bad\.json' was changed"):
        mlops_nb.load_artifact("kept", "bad")
    with pytest.raises(StoreIsDamaged, match=r"'gone\.json' is missing"):
        mlops_nb.artifact_path("kept", "gone")
    with pytest.raises(StoreIsDamaged):
        mlops_nb.save_artifacts("kept", "out")
    assert not (folder / "out" / "bad.json").exists()
    assert mlops_nb.load_artifact("kept", "good") == {"c": 3}
    logged({"a": 1}, "bad")  # the same content again heals it
    assert mlops_nb.load_artifact(1, "bad") == {"a": 1}


def test_full_disk_is_named_stops_nothing_and_leaves_nothing_half_written(folder):
    with mlops_nb.run("kept") as run:
        run.log_artifact({"a": 1}, "first")
    (folder / "big").write_bytes(os.urandom(3_000_000))
    done = python(
        """
        import resource, mlops_nb
        with mlops_nb.run("full"):
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
            for what in ("big", open("big", "rb").read(), {"a": "x" * 2_000_000}):
                print(mlops_nb.log_artifact(what, "big"))
            print(mlops_nb.log_text("x" * 2_000_000, "long"))
            mlops_nb.log(x=1)
        """
    )
    assert done.stdout == "None\n" * 4, done.stdout + done.stderr
    assert [line[:37] for line in done.stderr.splitlines()] == ["mlops_nb: an artifact was not kept: th"[:37]] * 4
    assert done.stderr.count("is full. Try: free some space") == 4
    assert left_in_blobs() == []
    assert mlops_nb.show("full").artifacts == ()
    assert len(mlops_nb.show("full").warnings) == 4
    assert mlops_nb.show("full").metrics[0].value == 1
    assert mlops_nb.load_artifact("kept", "first") == {"a": 1}


def test_interrupt_in_the_middle_leaves_nothing_half_written(folder):
    (folder / "big").touch()
    os.truncate(folder / "big", 4_000_000_000)
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import mlops_nb, time\n"
            "with mlops_nb.run('stopped') as run:\n"
            "    run.log_artifact({'a': 1}, 'before')\n"
            "    print('began', flush=True)\n"
            "    run.log_artifact('big')\n",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "began\n"
    blob_folder = folder / ".mlops" / "blobs"
    while not any(path.stat().st_size for path in blob_folder.glob("*.new/*")):
        assert child.poll() is None
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert "KeyboardInterrupt" in said
    run = mlops_nb.show("stopped")
    assert (run.status, [one.path for one in run.artifacts]) == ("INTERRUPTED", ["before.json"])
    assert list(blob_folder.glob("*.new")) == []


@pytest.mark.slow
def test_two_gigabytes_are_kept_and_checked_in_bounded_memory_with_progress(folder):
    (folder / "big").touch()
    os.truncate(folder / "big", 2_000_000_000)
    done = python(
        """
        import mlops_nb, resource
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with mlops_nb.run("big") as run:
            run.log_artifact({}, "warm")
            mlops_nb.load_artifact("big", "warm")
            before = peak()
            run.log_artifact("big")
        mlops_nb.save_artifacts("big", "out", "big")
        print(peak() - before)
        """
    )
    grown_kb = int(done.stdout)
    assert grown_kb < 20_000
    assert "keeping 'big'" in done.stderr
    assert "of 2,000 MB" in done.stderr
    assert "checking 'big'" in done.stderr
    assert (folder / "out" / "big").stat().st_size == 2_000_000_000
