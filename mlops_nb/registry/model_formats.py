"""A fitted model to and from a file: skops, which runs no code on loading; pickle only where it is asked for."""

from __future__ import annotations

import pickle
import sys
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from mlops_nb.errors import BadArgument, MissingExtra

TRUSTED = tuple(
    """
    collections.OrderedDict
    lightgbm.basic.Booster lightgbm.sklearn.LGBMClassifier lightgbm.sklearn.LGBMRanker lightgbm.sklearn.LGBMRegressor
    numpy.dtype numpy.mean numpy.median
    scipy.interpolate._bsplines.BSpline scipy.sparse._csr.csr_matrix
    sklearn._loss.loss.AbsoluteError sklearn._loss.loss.HalfBinomialLoss sklearn._loss.loss.HalfGammaLoss
    sklearn._loss.loss.HalfMultinomialLoss sklearn._loss.loss.HalfPoissonLoss sklearn._loss.loss.HalfSquaredError
    sklearn._loss.loss.HalfTweedieLoss sklearn._loss.loss.HalfTweedieLossIdentity sklearn._loss.loss.PinballLoss
    sklearn.calibration._CalibratedClassifier sklearn.calibration._SigmoidCalibration
    sklearn.cluster._bisect_k_means._BisectingTree
    sklearn.cluster._kmeans._kmeans_single_elkan sklearn.cluster._kmeans._kmeans_single_lloyd
    sklearn.ensemble._hist_gradient_boosting.binning._BinMapper
    sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor
    sklearn.feature_selection._mutual_info.mutual_info_classif
    sklearn.feature_selection._mutual_info.mutual_info_regression
    sklearn.feature_selection._univariate_selection.chi2 sklearn.feature_selection._univariate_selection.f_classif
    sklearn.feature_selection._univariate_selection.f_regression
    sklearn.feature_selection._univariate_selection.r_regression
    sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace
    sklearn.gaussian_process.kernels.CompoundKernel sklearn.gaussian_process.kernels.ConstantKernel
    sklearn.gaussian_process.kernels.DotProduct sklearn.gaussian_process.kernels.ExpSineSquared
    sklearn.gaussian_process.kernels.Exponentiation sklearn.gaussian_process.kernels.Matern
    sklearn.gaussian_process.kernels.PairwiseKernel sklearn.gaussian_process.kernels.Product
    sklearn.gaussian_process.kernels.RBF sklearn.gaussian_process.kernels.RationalQuadratic
    sklearn.gaussian_process.kernels.Sum sklearn.gaussian_process.kernels.WhiteKernel
    sklearn.metrics._classification.balanced_accuracy_score
    sklearn.metrics._dist_metrics.ChebyshevDistance64 sklearn.metrics._dist_metrics.EuclideanDistance64
    sklearn.metrics._dist_metrics.ManhattanDistance64 sklearn.metrics._dist_metrics.MinkowskiDistance64
    sklearn.metrics._scorer._CurveScorer sklearn.metrics._scorer._PassthroughScorer sklearn.metrics._scorer._Scorer
    sklearn.model_selection._split.GroupKFold sklearn.model_selection._split.KFold
    sklearn.model_selection._split.LeaveOneOut sklearn.model_selection._split.RepeatedKFold
    sklearn.model_selection._split.RepeatedStratifiedKFold sklearn.model_selection._split.ShuffleSplit
    sklearn.model_selection._split.StratifiedKFold sklearn.model_selection._split.StratifiedShuffleSplit
    sklearn.model_selection._split.TimeSeriesSplit
    sklearn.multiclass._ConstantPredictor
    sklearn.neighbors._ball_tree.BallTree sklearn.neighbors._kd_tree.KDTree
    sklearn.neural_network._stochastic_optimizers.AdamOptimizer
    sklearn.neural_network._stochastic_optimizers.SGDOptimizer
    sklearn.tree._tree.Tree
    sklearn.utils._bunch.Bunch
    sklearn.utils._metadata_requests.MetadataRequest sklearn.utils._metadata_requests.MethodMetadataRequest
    xgboost.core.Booster xgboost.sklearn.XGBClassifier xgboost.sklearn.XGBRanker xgboost.sklearn.XGBRFClassifier
    xgboost.sklearn.XGBRFRegressor xgboost.sklearn.XGBRegressor
    """.split()
)
"""What is loaded beside skops' own list: the types that the fitted estimators of scikit-learn, XGBoost and
LightGBM are made of. A fixed list; never what a file says of itself."""


def is_model(value: object) -> bool:
    """Whether a value is an estimator in scikit-learn's sense."""
    kind = type(value)
    return not isinstance(value, type) and all(callable(getattr(kind, name, None)) for name in ("fit", "get_params"))


def write_model(model: object, file: BinaryIO) -> tuple[str, ...]:
    """Write a model as skops; the types in it that will not be loaded unless they are named.

    Raises:
        MissingExtra: skops is not installed.
        BadArgument: something in the model cannot be written.
    """
    skops = _skops()
    try:
        skops.dump(model, file, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    except OSError:  # the disk's fault, not the model's
        raise
    except Exception as error:  # a user's object may raise anything while it is taken apart
        raise _not_written(model, error, "skops") from None
    return untrusted_types(file)


def untrusted_types(file: BinaryIO) -> tuple[str, ...]:
    """The types in a skops file that will not be loaded unless they are named.

    Raises:
        MissingExtra: skops is not installed.
    """
    file.seek(0)
    return _untrusted(file, TRUSTED)


def trusted_types(file: BinaryIO) -> tuple[str, ...]:
    """The types in a skops file that skops itself does not know, and we do.

    Raises:
        MissingExtra: skops is not installed.
    """
    file.seek(0)
    return tuple(name for name in _untrusted(file, ()) if name in TRUSTED)


def read_model(file: BinaryIO, name: str, trust: Iterable[str] = (), *, call: str = "load_artifact") -> Any:
    """The model of a skops file; `trust` names further types that it may be made of, `call` what a fix names.

    Raises:
        MissingExtra: skops is not installed.
        BadArgument: it holds a type that is not trusted, or cannot be read.
    """
    skops, trusted = _skops(), (*TRUSTED, *trust)
    try:  # skops looks through all types before it makes anything
        return skops.load(file, trusted=list(trusted))
    except Exception as error:  # the file may hold anything, and what is made from it may raise anything
        raise _not_loaded(file, name, trusted, error, call) from None


def _not_loaded(file: BinaryIO, name: str, trusted: Sequence[str], error: Exception, call: str) -> BadArgument:
    """Why a skops file was not loaded: what it holds, or how it is broken."""
    file.seek(0)
    try:
        unknown = _untrusted(file, trusted)
    except Exception as odd:
        return BadArgument(f"{name} cannot be read as skops: {type(odd).__name__}: {odd}")
    if unknown:
        return BadArgument(
            f"{name} holds {', '.join(unknown)}, which is not loaded unasked: it may run code",
            f"{call}(..., trust={list(unknown)})    (when you know where the file is from)",
        )
    return BadArgument(f"{name} cannot be loaded: {type(error).__name__}: {error}")


def write_pickle(value: object, file: BinaryIO) -> None:
    """Write anything as a pickle.

    Raises:
        BadArgument: it cannot be pickled.
    """
    try:
        pickle.dump(value, file, protocol=pickle.HIGHEST_PROTOCOL)
    except OSError:  # the disk's fault, not the model's
        raise
    except Exception as error:  # a user's object may raise anything while it is taken apart
        raise _not_written(value, error, "pickle") from None


def libraries(model: object) -> dict[str, str]:
    """The versions of the libraries that the model's class, and scikit-learn below it, came from."""
    roots = {kind.__module__.partition(".")[0] for kind in type(model).__mro__} | {"sklearn"}
    versions = {root: getattr(sys.modules.get(root), "__version__", None) for root in sorted(roots)}
    return {root: version for root, version in versions.items() if isinstance(version, str)}


def _not_written(value: object, error: Exception, form: str) -> BadArgument:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    try:
        said = f"{type(error).__name__}: {error}"
    except Exception:  # and so may its exception's text
        said = type(error).__name__
    fix = "log_artifact(model, name, pickle=True)    (is then loaded only when asked to)" if form == "skops" else ""
    return BadArgument(f"{kind} cannot be written as {form}: {said[:300]}", fix)


def _untrusted(file: BinaryIO, trusted: Sequence[str]) -> tuple[str, ...]:
    found = _skops().get_untrusted_types(file=file)
    return tuple(sorted(set(found) - set(trusted)))


def _skops() -> Any:
    try:
        import skops.io
    except ImportError:
        raise MissingExtra(
            "skops, which keeps models without pickle, is not installed", "pip install 'mlops-nb[models]'"
        ) from None
    return skops.io
