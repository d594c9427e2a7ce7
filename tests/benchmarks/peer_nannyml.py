"""The same drift with NannyML's univariate calculator; prints one JSON line a figure: name, CPU milliseconds."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings

from tests.benchmarks.drifts import works


def compare(reference, current) -> object:
    """Kolmogorov-Smirnov, Jensen-Shannon and Wasserstein of numbers, chi-squared and Jensen-Shannon of categories."""
    import nannyml

    calculator = nannyml.UnivariateDriftCalculator(
        column_names=list(reference),
        treat_as_categorical=[name for name in reference if name.startswith("c")],
        continuous_methods=["kolmogorov_smirnov", "jensen_shannon", "wasserstein"],
        categorical_methods=["chi2", "jensen_shannon"],
    )
    calculator.fit(reference)
    return calculator.calculate(current).to_df()


WORKS = works(compare)

if __name__ == "__main__":
    os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
    warnings.simplefilter("ignore")
    for name in sys.argv[1:]:
        if name in WORKS:
            with tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
                print(json.dumps([name, WORKS[name]()]), flush=True)
                os.chdir("/")
