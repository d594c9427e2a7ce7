"""Of the same drift one test a column with frouros; prints one JSON line a figure: name, CPU milliseconds."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings

from tests.benchmarks.drifts import works


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
    for name in sys.argv[1:]:
        if name in WORKS:
            with tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
                print(json.dumps([name, WORKS[name]()]), flush=True)
                os.chdir("/")
