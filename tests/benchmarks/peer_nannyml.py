"""The same drift with NannyML's univariate calculator; prints one JSON line a figure: name, CPU milliseconds."""

from __future__ import annotations

import os
import warnings

from tests.benchmarks.drifts import works
from tests.benchmarks.measured import print_figures


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
    print_figures(WORKS)
