"""The fits that autolog is measured on, the same for both; in one BLAS thread, whose waiting would count as CPU."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable

from tests.benchmarks.measured import cpu

FITS = ("LogisticRegression", "RandomForestClassifier", "GridSearchCV of 24 candidates")


def the_fit(name: str) -> Callable[[], object]:
    """A fit of a fresh estimator on 20,000 rows of 20 columns, the search on 500 of them."""
    from sklearn.datasets import make_classification
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    X, y = make_classification(20_000, 20, n_informative=8, random_state=0)
    grid = {"C": [10 ** (power / 6) for power in range(-12, 12)]}
    return {
        FITS[0]: lambda: LogisticRegression(solver="saga", max_iter=20, tol=0).fit(X, y),
        FITS[1]: lambda: RandomForestClassifier(25, max_depth=6, random_state=0).fit(X, y),
        FITS[2]: lambda: GridSearchCV(LogisticRegression(), grid, cv=5).fit(X[:500], y[:500]),
    }[name]


def added(name: str, on: Callable[[], object], off: Callable[[], object], times: int = 9) -> float:
    """CPU milliseconds that autolog adds to a fit, the median of pairs; its share of the fit on stderr."""
    import warnings

    from threadpoolctl import threadpool_limits

    warnings.simplefilter("ignore")
    fit = the_fit(name)

    with threadpool_limits(1):
        on(), cpu(fit), off(), cpu(fit)
        pairs = [((off(), cpu(fit))[1], (on(), cpu(fit))[1]) for _ in range(times)]
    off()
    plain = statistics.median(each for each, _ in pairs)
    more = statistics.median(watched - each for each, watched in pairs)
    print(f"{name}: {more:.1f} ms on a fit of {plain:.0f} ms, {more / plain:.1%}", file=sys.stderr)
    return more
