"""The same drift with Evidently's preset; prints one JSON line a figure: name, CPU milliseconds."""

from __future__ import annotations

import os
import warnings

from tests.benchmarks.drifts import works
from tests.benchmarks.measured import print_figures


def compare(reference, current) -> object:
    """The report of all columns."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    numbers = [name for name in reference if name.startswith("n")]
    definition = DataDefinition(
        numerical_columns=numbers, categorical_columns=[name for name in reference if name not in numbers]
    )
    sides = [Dataset.from_pandas(each, data_definition=definition) for each in (current, reference)]
    return Report([DataDriftPreset()]).run(*sides).dict()


WORKS = works(compare)

if __name__ == "__main__":
    os.environ["DO_NOT_TRACK"] = "1"
    warnings.simplefilter("ignore")
    print_figures(WORKS)
