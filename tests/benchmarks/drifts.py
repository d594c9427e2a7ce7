"""Two data sets of which every fifth column has drifted, the same for every tool, and what comparing them takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.measured import cpu

SHAPES = {"1M x 20": (1_000_000, 16, 4), "100k x 50": (100_000, 40, 10), "20k x 500": (20_000, 450, 50)}
TARGETS = {"1M x 20": "at most 1,000 ms", "100k x 50": "at most 400 ms", "20k x 500": "at most 800 ms"}
NAME = "drift of {shape}, every column"


def table(rows: int, numbers: int, categories: int, seed: int, *, has_moved: bool) -> Any:
    """Numbers of four shapes, some with missing values, and categories of three to fifty labels."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    columns = {}
    for place in range(numbers):
        draw = (rng.normal, rng.lognormal, lambda *_, size: rng.gamma(2.0, 1.5, size), _whole(rng))[place % 4]
        values = draw(0, 1, size=rows)
        if has_moved and place % 5 == 0:
            values = values + 0.3 * values.std()
        if place % 10 == 7:
            values[rng.random(rows) < 0.02] = np.nan
        columns[f"n{place:03}"] = values
    for place in range(categories):
        labels = (3, 10, 50, 5)[place % 4]
        shares = 1 / np.arange(1, labels + 1)
        shares = shares[::-1] if has_moved and place % 5 == 0 else shares
        names = np.array([f"v{each}" for each in range(labels)], dtype=object)
        columns[f"c{place:03}"] = names[rng.choice(labels, rows, p=shares / shares.sum())]
    return pd.DataFrame(columns)


def _whole(rng: Any) -> Callable[..., Any]:
    return lambda *_, size: rng.integers(0, 1000, size).astype(float)


def written(shape: str) -> tuple[Any, Any]:
    """Both tables, read from Parquet as a user would."""
    import pandas as pd

    for name, seed in (("reference", 1), ("current", 2)):
        if not Path(f"{name}.parquet").exists():
            table(*SHAPES[shape], seed, has_moved=seed == 2).to_parquet(f"{name}.parquet")
    return pd.read_parquet("reference.parquet"), pd.read_parquet("current.parquet")


def works(compare: Callable[[Any, Any], object]) -> dict[str, Callable[[], float]]:
    """What a tool needs for the tables of each shape, by the name of the work."""

    def work(shape: str) -> Callable[[], float]:
        def measured() -> float:
            tables = written(shape)
            compare(*(each.head(500) for each in tables))  # so that everything is imported
            return cpu(lambda: compare(*tables))

        return measured

    return {NAME.format(shape=shape): work(shape) for shape in SHAPES}
