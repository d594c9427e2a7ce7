"""Gradient boosted trees that speak of rows they have not seen: of losses, of errors, of periods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Mask = NDArray[np.bool_]

ROUNDS = 40


def boosted(
    wanted: Numbers, features: Numbers, others: Numbers, categorical: Mask, folds: int
) -> Iterator[tuple[Mask, tuple[Numbers, Numbers]]]:
    """For each fold, which rows were held out, and what trees fitted on the rest say of them and of other rows."""
    fold = _folds(len(wanted), folds)
    for place in range(folds):
        held = fold == place
        model = _fitted(features[~held], wanted[~held], categorical)
        yield held, (np.asarray(model.predict(features[held])), np.asarray(model.predict(others)))


def held_out(wanted: Numbers, features: Numbers, categorical: Mask, folds: int = 3) -> Numbers:
    """What a model that did not see a row says of it: a parabola of each number, and trees for what that leaves.

    Alone, trees of few rows are too coarse for what is smooth; two such models would err together. How much the trees
    count is what they are worth on rows that they did not see (stacking; Wolpert 1992), nothing where they only learned
    noise.
    """
    fold, curves = _folds(len(wanted), folds), _parabolas(features[:, ~categorical])
    smooth, more = np.empty(len(wanted)), np.empty(len(wanted))
    for place in range(folds):
        held = fold == place
        weights = _ridge(curves[~held], wanted[~held])
        rest = wanted[~held] - curves[~held] @ weights
        smooth[held] = curves[held] @ weights
        more[held] = _fitted(features[~held], rest, categorical).predict(features[held])
    trust = float(more @ (wanted - smooth)) / max(float(more @ more), 1e-300)
    return smooth + min(1.0, max(0.0, trust)) * more


def _parabolas(numbers: Numbers) -> Numbers:
    """1, each number and its square, in standard deviations up to 3; a missing one is as large as the middle one."""
    if not len(numbers) or not numbers.shape[1]:
        return np.ones((len(numbers), 1))
    known = ~np.isnan(numbers)
    middle = np.array(
        [np.median(each[there]) if there.any() else 0.0 for each, there in zip(numbers.T, known.T, strict=True)]
    )
    centred = np.where(known, numbers, middle) - middle
    z = np.clip(centred / np.maximum(centred.std(axis=0), 1e-300), -3, 3)
    return np.column_stack((np.ones(len(z)), z, z**2))


def _ridge(x: Numbers, y: Numbers) -> Numbers:
    return np.asarray(np.linalg.solve(x.T @ x + 1e-3 * np.eye(x.shape[1]), x.T @ y))


def _folds(rows: int, folds: int) -> NDArray[np.int64]:
    """The fold of each row, the same whenever it is asked, and not by the order of the rows."""
    return np.random.default_rng(0).permutation(rows) % folds


def _fitted(features: Numbers, wanted: Numbers, categorical: Mask) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    trees = HistGradientBoostingRegressor(
        max_iter=ROUNDS,
        max_leaf_nodes=15,
        min_samples_leaf=20,
        early_stopping=False,
        random_state=0,
        categorical_features=categorical if categorical.any() else None,
    )
    with threadpool_limits(1, "openmp"):  # waiting for each other, threads on a few thousand rows take longer than one
        return trees.fit(features, wanted)
