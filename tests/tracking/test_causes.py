"""Why two runs differ: what changed is one cause each, what cannot matter or only follows is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_nb.panels.causes import causes_panel
from mlops_nb.reproducibility.records import CodeVersion, DataFingerprint, Environment
from mlops_nb.tracking.causes import causes, data_words
from mlops_nb.tracking.code import OWN_CELL, LedCell, LedFile, Origin
from mlops_nb.tracking.runs import Metric, Param, Run

MACHINE = Environment(
    python="3.11.9",
    platform="Linux-6.1",
    packages={"numpy": "2.0", "scikit-learn": "1.5.0", "pandas": "3.0", "requests": "2.0", "mlops-nb": "0.1.0"},
    os="Debian 12",
    cpu="AMD EPYC",
    cores=2,
    memory_bytes=8_000_000_000,
    blas="openblas 0.3.31",
    blas_core="SkylakeX",
    blas_threads=2,
)
IMPORTS = "from sklearn.ensemble import Forest\nfrom sklearn.model_selection import train_test_split"
LOAD = "import pandas as pd\nX = pd.read_csv('flights.csv')"
SPLIT = "X_train, X_test = train_test_split(X, random_state=1)"
FIT = "%%mlops run forest\nmodel = Forest(n_estimators=n).fit(X_train)\naccuracy = model.score(X_test)"
CELLS = (
    LedCell(IMPORTS, "cell [1] (imports)"),
    LedCell(LOAD, "cell [2] (load)"),
    LedCell(SPLIT, "cell [3] (split)", inputs={"X": 1, "train_test_split": 0}),
    LedCell(FIT, OWN_CELL, inputs={"X_train": 2, "X_test": 2, "Forest": 0}),
)
DATA = tuple(
    DataFingerprint(
        name, "DataFrame", (100, 2), {"temp": "float64", "wind": "float64"}, name * 8, True, {"temp": "1", "wind": "2"}
    )
    for name in ("X_train", "X_test")
)
FILE = LedFile("flights.csv", 1000, 1.0, (1,))


def origin(number: int = 1, *, cells=CELLS, files=(FILE,), unknown=(), accuracy=0.9, **fields) -> Origin:
    plain = {
        "name": "forest",
        "source": cells[-1].source,
        "params": (Param("n", 100),),
        "metrics": (Metric("seconds", 1.0 + number), Metric("accuracy", accuracy)),
        "data": DATA,
        "environment": MACHINE,
    }
    run = Run(number, f"{number:032x}", kind="cell", status="FINISHED", started=float(number), **{**plain, **fields})
    return Origin(run, tuple(cells), files, unknown)


LEFT = origin(1)


def told(**fields) -> list[tuple[str, str]]:
    """Kind and name of the causes of a run that is as LEFT but for the fields."""
    found = causes(LEFT, origin(2, accuracy=0.8, **fields), needs={"scikit-learn": {"numpy"}})
    return [(one.kind, one.name) for one in found.causes]


def with_cell(place: int, source: str) -> tuple[LedCell, ...]:
    return tuple(replace(cell, source=source) if n == place else cell for n, cell in enumerate(CELLS))


def with_packages(**versions: str) -> Environment:
    return replace(MACHINE, packages={**MACHINE.packages, **{n.replace("_", "-"): v for n, v in versions.items()}})


def changed(one: DataFingerprint, **fields) -> DataFingerprint:
    return replace(one, fingerprint="f" * 32, **fields)


def test_one_cell_and_one_package_are_exactly_two_causes():
    made = tuple(changed(one) for one in DATA)
    for place, source, data in (
        (3, FIT.replace("fit(X_train)", "fit(X_train * 2)"), DATA),
        (2, SPLIT.replace("X,", "X.dropna(),"), made),
    ):
        found = told(cells=with_cell(place, source), data=data, environment=with_packages(scikit_learn="1.6.0"))
        assert found == [("code", CELLS[place].label), ("package", "scikit-learn")]


def test_a_changed_cell_takes_the_data_it_made_with_it():
    data = tuple(changed(one, shape=(90, 2)) for one in DATA)
    found = causes(LEFT, origin(2, cells=with_cell(1, LOAD + ".dropna()"), data=data))
    (cause,) = found.causes
    assert (cause.kind, cause.name) == ("code", "cell [2] (load)")
    assert cause.follows == ("X_train: 10 rows fewer", "X_test: 10 rows fewer")


@pytest.mark.parametrize(
    "fields",
    [
        {"cells": with_cell(3, FIT.replace("run forest", "run forest --tag a=1") + "  # better\n\nprint(accuracy)")},
        {"cells": with_cell(2, SPLIT.replace("X,", "X ,\n"))},
        {"cells": with_cell(0, f"# imports\n{IMPORTS}")},
        {"cells": with_cell(0, IMPORTS.replace("1", "1")), "name": "other", "note": "mine", "tags": {"a": "b"}},
        {"duration": 99.0, "notebook": "other.ipynb"},
        {"environment": with_packages(requests="3.0")},
        {"environment": replace(MACHINE, memory_bytes=1)},
        {"environment": replace(MACHINE, platform="Linux-6.2")},
        {"environment": replace(MACHINE, blas="", blas_core="", blas_threads=0)},
        {"files": (replace(FILE, modified=2.0),)},
    ],
)
def test_what_cannot_matter_is_no_cause(fields):
    assert told(**fields) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"params": (Param("n", 200),)}, [("parameter", "n")]),
        ({"environment": with_packages(numpy="2.1")}, [("package", "numpy")]),
        (
            {"environment": with_packages(numpy="2.1", scikit_learn="1.6")},
            [("package", "scikit-learn"), ("package", "numpy")],
        ),
        ({"environment": replace(MACHINE, python="3.12.1")}, [("python", "Python")]),
        ({"environment": replace(MACHINE, blas_threads=1)}, [("threads", "BLAS threads")]),
        (
            {"environment": replace(MACHINE, blas_threads=1, thread_settings={"OMP_NUM_THREADS": 1})},
            [("threads", "thread settings")],
        ),
        (
            {"environment": replace(MACHINE, cpu="Intel", cores=8, blas_core="Haswell", blas_threads=8, platform="L")},
            [("hardware", "machine")],
        ),
        ({"environment": replace(MACHINE, gpus=("NVIDIA T4",), gpu_driver="550")}, [("hardware", "machine")]),
        ({"environment": replace(MACHINE, hash_seed=3)}, [("seed", "PYTHONHASHSEED")]),
        (
            {"environment": replace(with_packages(numpy="2.1"), blas="openblas 0.4")},
            [("package", "numpy")],
        ),
        ({"seeds": {"random.seed": 2}}, [("seed", "random.seed")]),
        ({"data": (changed(DATA[0]), DATA[1])}, [("data", "X_train")]),
        ({"data": tuple(changed(one) for one in DATA)}, [("data", "X_train, X_test")]),
        (
            {"files": (replace(FILE, size_bytes=2000),), "data": tuple(changed(one) for one in DATA)},
            [("data", "flights.csv")],
        ),
        ({"files": (replace(FILE, size_bytes=2000),), "data": ()}, [("data", "flights.csv")]),
        ({"cells": CELLS[1:]}, []),
    ],
)
def test_each_change_is_one_cause(fields, expected):
    assert told(**fields) == expected


def test_a_parameter_under_several_names_and_in_the_code_is_one_cause():
    left = origin(
        1,
        cells=(*CELLS[:3], replace(CELLS[3], source=f"{FIT}\nn = 100")),
        params=(Param("n", 100), Param("model.n_estimators", 100, inferred=True)),
    )
    right = origin(
        2,
        cells=(*CELLS[:3], replace(CELLS[3], source=f"{FIT}\nn = 200")),
        params=(Param("n", 200), Param("model.n_estimators", 200, inferred=True)),
    )
    (cause,) = causes(left, right).causes
    assert (cause.kind, cause.words) == ("parameter", "parameter n 100 → 200 (also model.n_estimators)")


def test_a_seed_in_code_settings_and_seeds_is_one_cause():
    def seeded(number: int) -> Origin:
        cell = replace(CELLS[3], source=FIT.replace("n_estimators=n", f"n_estimators=n, random_state={number}"))
        return origin(
            number,
            cells=(*CELLS[:3], cell),
            params=(Param("n", 100), Param("model.random_state", number, inferred=True)),
            seeds={"Forest.random_state": number},
        )

    (cause,) = causes(seeded(1), seeded(2)).causes
    assert cause.kind == "seed"
    assert cause.words == "seed model.random_state 1 → 2 (also Forest.random_state)"


def test_another_estimator_takes_its_settings_with_it():
    left = origin(1, params=(Param("model.depth", 3, inferred=True), Param("model.loss", "log", inferred=True)))
    right = origin(
        2,
        cells=with_cell(3, FIT.replace("Forest(", "Tree(")),
        params=(Param("model.depth", 9, inferred=True), Param("model.leaves", 7, inferred=True)),
    )
    (cause,) = causes(left, right).causes
    assert cause.kind == "code"
    assert cause.follows == ("parameter model.depth 3 → 9",)


def test_a_computed_parameter_follows_from_the_cell_that_changed():
    rows = f"{FIT}\nn_rows = len(X_train)"
    cells = (*CELLS[:3], replace(CELLS[3], source=rows))
    left = origin(1, cells=cells, params=(Param("n_rows", 75),))
    fewer = (*cells[:1], replace(cells[1], source=LOAD + ".dropna()"), *cells[2:])
    (cause,) = causes(left, origin(2, cells=fewer, params=(Param("n_rows", 60),), data=())).causes
    assert cause.follows == ("parameter n_rows 75 → 60",)


def test_where_names_are_not_recorded_no_package_is_ruled_out():
    found = causes(
        origin(1, unknown=("helper",)), origin(2, unknown=("helper",), environment=with_packages(requests="3"))
    )
    assert [one.words for one in found.causes] == [
        "package requests 2.0 → 3, which may be imported where nothing was recorded"
    ]


def test_an_unlikely_package_is_listed_apart_with_the_reason():
    found = causes(LEFT, origin(2, environment=with_packages(requests="3.0")))
    assert [one.words for one in found.unlikely] == [
        "package requests 2.0 → 3.0, which no cell that led to the runs imports"
    ]


DIFF = "diff --git a/features.py b/features.py\n--- a/features.py\n+++ b/features.py\n@@ -1 +1 @@\n-a\n+b\n"


@pytest.mark.parametrize(
    ("imports", "code", "expected"),
    [
        (IMPORTS, CodeVersion("b" * 40, "main", False), []),
        (f"{IMPORTS}\nimport features", CodeVersion("b" * 40, "main", False), [("repository", "git commit")]),
        (f"{IMPORTS}\nimport features", CodeVersion("a" * 40, "main", True, "", DIFF), [("repository", "features.py")]),
        (f"{IMPORTS}\nimport other", CodeVersion("a" * 40, "main", True, "", DIFF), []),
        (f"{IMPORTS}\nimport features", CodeVersion("a" * 40, "other", True), []),
    ],
)
def test_the_project_counts_where_a_cell_imports_a_module_of_it(imports, code, expected):
    cells = with_cell(0, imports)
    left = origin(1, cells=cells, code=CodeVersion("a" * 40, "main", False))
    found = causes(left, origin(2, cells=cells, code=code))
    assert [(one.kind, one.name) for one in found.causes] == expected


def test_without_a_cause_chance_and_clock_are_named_where_they_stand():
    cells = with_cell(2, "import time\nX_train, X_test = train_test_split(X, test_size=int(time.time()))")
    found = causes(origin(1, cells=cells), origin(2, cells=cells, accuracy=0.8))
    assert found.causes == ()
    assert found.left == (
        "train_test_split without random_state in cell [3] (split), line 2",
        "time.time, the clock, in cell [3] (split), line 2",
        "the order of sets, which PYTHONHASHSEED would fix",
    )
    assert "the code of 4 cells" in found.equal
    assert "data X_test, X_train" in found.equal


def test_chance_is_named_beside_a_cause_too():
    cells = with_cell(2, "X_train, X_test = train_test_split(X)")
    found = causes(origin(1, cells=cells), origin(2, cells=cells, accuracy=0.8, params=(Param("n", 200),)))
    assert [cause.name for cause in found.causes] == ["n"]
    assert found.left == ("train_test_split without random_state in cell [3] (split), line 1",)
    assert "Chance may have a part in it, too: train_test_split without random_state" in causes_panel(found).text()


def test_the_metric_is_the_first_that_differs_and_no_timing_or_the_one_asked_for():
    right = origin(2, accuracy=0.8)
    assert causes(LEFT, right).metric.name == "accuracy"
    assert causes(LEFT, right).other_metrics == ("seconds",)
    assert causes(LEFT, right, metric="seconds").metric.values == (2.0, 3.0)
    assert causes(LEFT, replace(LEFT)).metric is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"shape": (99, 2)}, "X_train: 1 row fewer"),
        ({"columns": {"temp": "9", "wind": "2"}}, "X_train: column temp changed"),
        (
            {"types": {"temp": "float64", "rain": "bool"}, "columns": {"temp": "1", "rain": "3"}},
            "X_train: without column wind, with new column rain",
        ),
        (
            {"types": {"temp": "float32", "wind": "float64"}, "columns": {"temp": "8", "wind": "2"}},
            "X_train: temp is float32, was float64",
        ),
        ({}, "X_train: its index or the order of its columns changed"),
        ({"kind": "array", "columns": {}, "types": {"": "int"}, "shape": (100, 2)}, "X_train: DataFrame → array"),
        ({"exact": False}, "X_train: its index or the order of its columns changed (seen in a sample)"),
    ],
)
def test_data_say_what_changed(fields, words):
    assert data_words(DATA[0], changed(DATA[0], **fields)).startswith(words)


def test_equal_data_say_nothing():
    assert data_words(DATA[0], DATA[0]) == ""


def test_runs_without_code_environment_or_data_have_no_cause_and_say_what_was_looked_at():
    bare = Origin(Run(1, "1" * 32, "a", "code", "FINISHED", 0.0), (LedCell("", OWN_CELL),))
    found = causes(bare, bare)
    assert (found.causes, found.metric) == ((), None)


def test_runs_without_a_common_metric_are_not_said_to_have_the_same():
    found = causes(LEFT, origin(2, params=(Param("n", 200),), metrics=(Metric("loss", 0.1),)))
    assert (found.metric, found.is_comparable) == (None, False)
    sentence, *lines = causes_panel(found).text().split("\n")
    assert sentence.startswith("forest (run 1) and forest (run 2) have no metric in common; between them is one")
    assert "Metrics that only one has: accuracy, loss and seconds." in lines


def test_a_cell_that_only_imports_is_unlikely_to_have_made_a_difference():
    cells = (LedCell("import mlops_nb", "cell [9] (import mlops_nb)"), *CELLS)
    cells = tuple(replace(cell, inputs={name: at + 1 for name, at in cell.inputs.items()}) for cell in cells)
    found = causes(LEFT, origin(2, accuracy=0.8, cells=cells))
    assert found.causes == ()
    assert [one.words for one in found.unlikely] == ["cell [9] (import mlops_nb) is new, but it only imports"]


def test_a_new_cell_is_shown_as_it_was_written():
    source = 'X_train = X_train.drop(columns="wind")  # too windy'
    own = replace(CELLS[3], inputs={"X_train": 3, "X_test": 2, "Forest": 0})
    cells = (*CELLS[:3], LedCell(source, "cell [7] (drop)", inputs={"X_train": 2}), own)
    found = causes(LEFT, origin(2, accuracy=0.8, cells=cells, data=(changed(DATA[0]), DATA[1])))
    assert [(cause.before, cause.after) for cause in found.causes] == [("", source)]
    assert "not there" in causes_panel(found).text()


def test_a_count_that_was_found_is_not_the_metric_while_there_is_a_score():
    def run(number, many, score):
        metrics = (Metric("n_iter", many, inferred=True), Metric("roc_auc_score_X", score, inferred=True))
        return origin(number, metrics=metrics)

    found = causes(run(1, 9, 0.6), run(2, 12, 0.7))
    assert (found.metric.name, found.other_metrics) == ("roc_auc_score_X", ("n_iter",))


def test_data_follow_from_the_parameter_whose_literal_changed_the_cell_that_made_them():
    def split(size: float) -> tuple[LedCell, ...]:
        return with_cell(2, SPLIT.replace("random_state=1", f"random_state=1, test_size={size}"))

    left = origin(1, cells=split(0.2), params=(Param("test_size", 0.2),))
    right = origin(
        2, cells=split(0.3), params=(Param("test_size", 0.3),), data=tuple(changed(one, shape=(90, 2)) for one in DATA)
    )
    (cause,) = causes(left, right).causes
    assert (cause.kind, cause.follows) == ("parameter", ("X_train: 10 rows fewer", "X_test: 10 rows fewer"))


def test_a_cell_whose_data_came_out_the_same_is_unlikely():
    found = causes(LEFT, origin(2, cells=with_cell(1, LOAD + ".copy()")))
    assert found.causes == ()
    assert [one.words for one in found.unlikely] == ["line 2 of cell [2] (load), but X_test, X_train came out the same"]


def test_many_cells_that_came_are_one_cause():
    more = tuple(LedCell(f"x{n} = {n}", f"cell [{n}]") for n in range(20))
    own = replace(CELLS[3], source=FIT, inputs={f"x{n}": n for n in range(20)})
    found = causes(origin(1, cells=CELLS[3:], data=()), origin(2, cells=(*more, own), data=()))
    assert [one.words for one in found.causes] == ["20 cells are new, the first cell [0]"]
