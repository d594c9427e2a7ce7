"""Autolog on scikit-learn's own estimators of every family: recorded, and nothing about them changes."""

from __future__ import annotations

import inspect
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn import (
    calibration,
    cluster,
    compose,
    covariance,
    cross_decomposition,
    decomposition,
    dummy,
    ensemble,
    feature_extraction,
    feature_selection,
    gaussian_process,
    impute,
    isotonic,
    kernel_ridge,
    linear_model,
    manifold,
    mixture,
    model_selection,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    semi_supervised,
    svm,
    tree,
)
from sklearn.base import BaseEstimator, ClassifierMixin, clone

import mlops_nb

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
LABELS = (X[:, 0] > 0).astype(int)
NUMBERS = X @ [1.0, -2.0, 0.5, 0.0]
BOTH = np.column_stack([NUMBERS, NUMBERS * 2])
FRAME = pd.DataFrame({"age": X[:, 0], "income": X[:, 1], "city": np.where(LABELS, "Riga", "Oslo")})
TEXTS = ["red green", "green blue", "blue red red", "green"] * 15
SPARSE = sp.random(60, 20, density=0.2, format="csr", random_state=0)

COLUMNS = compose.ColumnTransformer(
    [
        ("num", preprocessing.StandardScaler(), ["age", "income"]),
        ("cat", preprocessing.OneHotEncoder(), ["city"]),
    ]
)

MODELS = {
    "linear": (linear_model.LinearRegression(), X, NUMBERS, "number"),
    "logistic": (linear_model.LogisticRegression(C=0.5), X, LABELS, "class"),
    "stochastic": (linear_model.SGDClassifier(random_state=0), X, LABELS, "class"),
    "forest": (ensemble.RandomForestClassifier(5, random_state=0), X, LABELS, "class"),
    "forest of threads": (ensemble.RandomForestRegressor(5, random_state=0, n_jobs=2), X, NUMBERS, "number"),
    "boosting": (ensemble.GradientBoostingRegressor(n_estimators=5, random_state=0), X, NUMBERS, "number"),
    "histogram boosting": (ensemble.HistGradientBoostingClassifier(max_iter=3), X, LABELS, "class"),
    "isolation": (ensemble.IsolationForest(n_estimators=5, random_state=0), X, None, "outlier"),
    "tree": (tree.DecisionTreeClassifier(random_state=0), X, LABELS, "class"),
    "machine": (svm.SVC(probability=False), X, LABELS, "class"),
    "neighbours": (neighbors.KNeighborsClassifier(), X, LABELS, "class"),
    "bayes": (naive_bayes.GaussianNB(), X, LABELS, "class"),
    "network": (neural_network.MLPClassifier((4,), max_iter=5, random_state=0), X, LABELS, "class"),
    "process": (gaussian_process.GaussianProcessRegressor(), X, NUMBERS, "number"),
    "kernel": (kernel_ridge.KernelRidge(), X, NUMBERS, "number"),
    "isotonic": (isotonic.IsotonicRegression(), X[:, 0], NUMBERS, "number"),
    "dummy": (dummy.DummyClassifier(), X, LABELS, "class"),
    "partial least squares": (cross_decomposition.PLSRegression(2), X, NUMBERS, "number"),
    "spreading": (semi_supervised.LabelSpreading(), X, LABELS, "class"),
    "k-means": (cluster.KMeans(3, n_init=2, random_state=0), X, None, "cluster"),
    "density": (cluster.DBSCAN(), X, None, "cluster"),
    "hierarchy": (cluster.AgglomerativeClustering(3), X, None, "cluster"),
    "mixture": (mixture.GaussianMixture(2, random_state=0), X, None, ""),
    "envelope": (covariance.EllipticEnvelope(random_state=0), X, None, "outlier"),
    "stacking": (
        ensemble.StackingClassifier(
            [("a", tree.DecisionTreeClassifier(random_state=0)), ("b", naive_bayes.GaussianNB())]
        ),
        X,
        LABELS,
        "class",
    ),
    "voting": (
        ensemble.VotingRegressor([("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(random_state=0))]),
        X,
        NUMBERS,
        "number",
    ),
    "bagging": (ensemble.BaggingClassifier(n_estimators=3, random_state=0, n_jobs=2), X, LABELS, "class"),
    "calibrated": (calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), cv=2), X, LABELS, "class"),
    "several outputs": (multioutput.MultiOutputRegressor(linear_model.Ridge(), n_jobs=2), X, BOTH, "number"),
    "one against the rest": (multiclass.OneVsRestClassifier(linear_model.LogisticRegression()), X, LABELS, "class"),
    "recursive": (feature_selection.RFECV(linear_model.LogisticRegression(), cv=2), X, LABELS, "class"),
    "pipeline": (
        pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()),
        X,
        LABELS,
        "class",
    ),
    "columns": (pipeline.make_pipeline(COLUMNS, linear_model.LogisticRegression()), FRAME, LABELS, "class"),
    "target": (
        compose.TransformedTargetRegressor(
            linear_model.Ridge(), func=np.arcsinh, inverse_func=np.sinh, check_inverse=False
        ),
        X,
        NUMBERS,
        "number",
    ),
    "text": (
        pipeline.make_pipeline(feature_extraction.text.TfidfVectorizer(), linear_model.RidgeClassifier()),
        TEXTS,
        LABELS,
        "class",
    ),
    "sparse": (naive_bayes.MultinomialNB(), SPARSE, LABELS, "class"),
    "search": (model_selection.GridSearchCV(linear_model.Ridge(), {"alpha": [1, 2]}, cv=2), X, NUMBERS, "number"),
}

NOT_REPEATABLE = ("search", "histogram boosting")
"""Fitted twice they differ also without us: a search keeps times, boosting by histogram bytes that nobody wrote."""

TRANSFORMERS = {
    "scaler": (preprocessing.StandardScaler(), X),
    "encoder": (preprocessing.OneHotEncoder(), FRAME[["city"]]),
    "components": (decomposition.PCA(2), X),
    "factors": (decomposition.NMF(2, max_iter=20, random_state=0, tol=1), abs(X)),
    "imputer": (impute.SimpleImputer(), X),
    "words": (feature_extraction.text.CountVectorizer(), TEXTS),
    "union": (pipeline.make_union(preprocessing.MinMaxScaler(), decomposition.PCA(1)), X),
    "embedding": (manifold.Isomap(n_components=2), X),
    "columns": (COLUMNS, FRAME),
}


@pytest.fixture
def on(folder):
    yield mlops_nb.autolog("on")
    mlops_nb.autolog("off")


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def answers(model, data):
    """What it predicts; in one thread, since a forest's threads add up in the order in which they come."""
    if "n_jobs" in model.get_params():
        model.set_params(n_jobs=1)
    names = ("predict", "predict_proba", "decision_function", "transform", "score_samples")
    return {name: getattr(model, name)(data) for name in names if hasattr(model, name)}


def same(left, right):
    if sp.issparse(left):
        return (left != right).nnz == 0
    return np.array_equal(np.asarray(left), np.asarray(right), equal_nan=np.asarray(left).dtype.kind == "f")


@pytest.mark.parametrize("name", MODELS)
def test_model_is_one_run_and_the_same_bit_for_bit_as_without_autolog(folder, name):
    model, data, target, gives = MODELS[name]
    plain = clone(model).fit(data, target)
    state = pickle.dumps(plain)
    told = answers(plain, data)
    with mlops_nb.autolog():
        watched = clone(model)
        assert watched.fit(data, target) is watched
        assert repr(watched) == repr(clone(model))
        assert name in NOT_REPEATABLE or pickle.dumps(watched) == state
        found = answers(watched, data)
    assert all(same(told[each], found[each]) for each in told)
    run = mlops_nb.show(1)
    assert (run.kind, run.status, run.parent, run.warnings) == ("fit", "FINISHED", None, ())
    assert [row.kind for row in run.parts] == ["trial"] * (2 if name == "search" else 0)
    (one,) = run.estimators
    assert (one.signature.gives, run.name) == (gives, one.name)
    assert one.name.startswith(type(model).__name__)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformer_is_one_run_and_transforms_as_without_autolog(folder, name):
    model, data = TRANSFORMERS[name]
    expected = clone(model).fit_transform(data)
    with mlops_nb.autolog():
        found = clone(model).fit_transform(data)
    assert same(expected, found)
    runs = mlops_nb.runs()
    assert list(runs["kind"]) == ["fit"]
    assert mlops_nb.show(1).estimators[0].signature.gives == "columns"
    assert mlops_nb.show(1).estimators[0].signature.output_width == found.shape[1]


def test_run_is_named_by_what_somebody_put_together(on):
    ensemble.RandomForestClassifier(2).fit(X, LABELS)
    ensemble.BaggingClassifier(svm.SVC(), n_estimators=2).fit(X, LABELS)
    ensemble.BaggingClassifier(n_estimators=2).fit(X, LABELS)
    names = [mlops_nb.show(number).name for number in (1, 2, 3)]
    assert names == ["RandomForestClassifier", "BaggingClassifier(SVC)", "BaggingClassifier"]


def test_signature_names_the_columns_and_the_classes(on):
    model = pipeline.make_pipeline(COLUMNS, linear_model.LogisticRegression())
    model.fit(FRAME, FRAME["city"])
    signature = mlops_nb.show(1).estimators[0].signature
    assert [(column.name, column.type) for column in signature.inputs[:2]] == [
        ("age", "float64"),
        ("income", "float64"),
    ]
    assert (signature.classes, signature.classes_count) == (("Oslo", "Riga"), 2)


def test_settings_of_a_nested_estimator_read_as_its_author_wrote_them(on):
    pipeline.make_pipeline(COLUMNS, linear_model.LogisticRegression(C=0.5)).fit(FRAME, LABELS)
    run = mlops_nb.show(1)
    params = {param.name: param.value for param in run.params}
    assert params["logisticregression"] == "LogisticRegression"
    assert params["logisticregression__C"] == 0.5
    assert params["columntransformer__num__columns"] == ["age", "income"]
    assert "steps" not in params
    assert "logisticregression__C" not in run.estimators[0].defaults
    assert "logisticregression__tol" in run.estimators[0].defaults


def test_training_data_is_fingerprinted_by_the_names_it_has_in_the_code(on):
    train, labels = X[:40], LABELS[:40]
    linear_model.LogisticRegression().fit(train, labels, sample_weight=np.ones(40))
    naive_bayes.MultinomialNB().fit(SPARSE, LABELS)
    feature_extraction.text.CountVectorizer().fit(TEXTS)
    assert {one.name: one.shape for one in mlops_nb.show(1).data} == {
        "train": (40, 4),
        "labels": (40,),
        "sample_weight": (40,),
    }
    assert {one.name: one.kind for one in mlops_nb.show(2).data} == {"SPARSE": "csr matrix", "LABELS": "array"}
    assert {one.name: (one.kind, one.shape) for one in mlops_nb.show(3).data} == {"TEXTS": ("list", (60,))}


def test_of_long_lists_and_wide_frames_a_sample_is_hashed_and_said_so(on):
    wide = pd.DataFrame(RNG.normal(size=(20, 300)))
    rows = RNG.normal(size=(3_000, 2)).tolist()
    ragged = [["a", "b"], ["a"]] * 10
    linear_model.Ridge().fit(wide, wide[0])
    linear_model.Ridge().fit(rows, [row[0] for row in rows])
    preprocessing.MultiLabelBinarizer().fit(ragged)
    found = {one.name: (one.shape, one.exact) for number in (1, 2, 3) for one in mlops_nb.show(number).data}
    assert found == {
        "wide": ((20, 300), False),
        "y": ((3_000,), False),
        "rows": ((3_000,), False),
        "ragged": ((20,), True),
    }


def test_data_changed_by_its_fit_is_fingerprinted_as_it_was(on):
    kept, changed = X.copy(), X.copy()
    preprocessing.StandardScaler().fit(kept)
    preprocessing.StandardScaler(copy=False).fit_transform(changed)
    assert not np.array_equal(kept, changed)
    first, second = (mlops_nb.show(number).data[0] for number in (1, 2))
    assert first.fingerprint == second.fingerprint


class Careful(ClassifierMixin, BaseEstimator):
    """A user's own estimator."""

    def __init__(self, depth=2, scale=1.0):
        self.depth, self.scale = depth, scale

    def fit(self, X, y, sample_weight=None):
        """Learn."""
        self.inner_ = tree.DecisionTreeClassifier(max_depth=self.depth, random_state=0).fit(X * self.scale, y)
        self.classes_ = self.inner_.classes_
        return self

    def predict(self, X):
        return self.inner_.predict(X * self.scale)


def test_own_estimator_is_recorded_and_what_it_fits_inside_is_not(on):
    Careful(depth=3).fit(X, LABELS)
    assert list(mlops_nb.runs()["name"]) == ["Careful"]
    assert {param.name: param.value for param in mlops_nb.show(1).params} == {"depth": 3, "scale": 1.0}
    assert mlops_nb.show(1).estimators[0].defaults == ("scale",)


def test_class_made_while_autolog_is_on_is_recorded(on):
    class Later(Careful):
        def fit(self, X, y):
            return super().fit(X, y)

    Later().fit(X, LABELS)
    assert list(mlops_nb.runs()["name"]) == ["Later"]


@pytest.mark.parametrize(
    "kind", [Careful, linear_model.LogisticRegression, pipeline.Pipeline, model_selection.GridSearchCV]
)
def test_class_looks_as_it_does_without_autolog(folder, kind):
    def looks():
        return [
            (name, inspect.signature(getattr(kind, name)), getattr(kind, name).__doc__, getattr(kind, name).__module__)
            for name in ("fit", "predict", "score")
        ]

    before, fit, source = looks(), kind.fit, inspect.getsource(kind.fit)
    with mlops_nb.autolog():
        assert looks() == before
        assert kind.fit is fit
        assert inspect.getsource(kind.fit) == source
        one = clone(MODELS["pipeline"][0])
        assert inspect.signature(one.fit) == inspect.signature(type(one).fit.__get__(one))
        assert inspect.ismethod(one.fit)
        assert pickle.loads(pickle.dumps(one)).get_params().keys() == one.get_params().keys()
    assert kind.fit is fit


def test_off_leaves_every_class_and_function_as_it_was(folder):
    import sys
    import threading

    import sklearn.metrics

    def state():
        kinds = [BaseEstimator, *BaseEstimator.__subclasses__(), Careful, linear_model.LogisticRegression]
        functions = [getattr(sklearn.metrics, name) for name in ("f1_score", "silhouette_score", "r2_score")]
        return [
            [dict(vars(kind)) for kind in kinds],
            [[cell.cell_contents for cell in function.__closure__] for function in functions],
            list(sys.meta_path),
            threading.Thread.start,
        ]

    before = state()
    mlops_nb.autolog("on")
    mlops_nb.autolog("on", models=True)
    assert state() != before
    mlops_nb.autolog("off")
    mlops_nb.autolog("off")
    assert state() == before
