"""Of the same drift one test a column with frouros; prints one JSON line a figure: name, CPU milliseconds."""

from __future__ import annotations

import warnings

from tests.benchmarks.drifts import works
from tests.benchmarks.measured import print_figures


def compare(reference, current) -> object:
    """Kolmogorov-Smirnov of numbers, chi-squared of categories, and nothing else."""
    from frouros.detectors.data_drift import ChiSquareTest, KSTest

    found = []
    for name in reference:
        detector = KSTest() if name.startswith("n") else ChiSquareTest()
        detector.fit(X=reference[name].dropna().to_numpy())
        found.append(detector.compare(X=current[name].dropna().to_numpy())[0].p_value)
    return found


WORKS = works(compare)

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print_figures(WORKS)
