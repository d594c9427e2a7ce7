"""The same drift with Evidently's preset; prints one JSON line a figure: name, CPU milliseconds."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings

from tests.benchmarks.drifts import works


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
    for name in sys.argv[1:]:
        if name in WORKS:
            with tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
                print(json.dumps([name, WORKS[name]()]), flush=True)
                os.chdir("/")
