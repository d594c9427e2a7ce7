"""Which data a run is said to have read."""

from __future__ import annotations

import pytest

import mlops_nb

WORLD = """
import numpy as np, pandas as pd
from sklearn.datasets import load_wine
X = np.arange(12.).reshape(4, 3)
frame = pd.DataFrame({"a": [1, 2]})
splits = {"train": frame, "test": frame * 2, 5: "no data"}
folds = [(X[:2], X[2:])]
wine = load_wine()
def size(): return len(frame) + total()
def total(): return X.sum()
class Trial:
    def __init__(self): self.frame = frame
    def run(self): return X.sum()
    def __getattr__(self, name): raise RuntimeError(name)
trial = Trial()
class Odd:
    def __eq__(self, other): raise RuntimeError
    __hash__ = None
    def __len__(self): raise RuntimeError
odd = {"odd": Odd(), "frame": frame}
"""

CASES = {
    "frame.sum()": ["frame"],
    "size()": ["X", "frame"],
    "X = np.ones(3)\nsize()": ["frame"],
    "f = lambda: frame\nf()": ["frame"],
    "splits['train'].sum()": ["splits['train']"],
    "splits['train']; len(splits)": ["splits['test']", "splits['train']"],
    "for each in splits.values(): pass": ["splits['test']", "splits['train']"],
    "folds[0]": ["folds[0][0]", "folds[0][1]"],
    "wine.data.sum()": ["wine['data']"],
    "trial.frame.sum()": ["trial.frame"],
    "trial.run()": ["X", "trial.frame"],
    "odd['frame']": ["odd['frame']"],
    "len(str(odd['odd']))": [],
    "total": ["X"],
    "np.zeros(3).sum()": [],
}


@pytest.mark.parametrize("cell", CASES)
def test_data_is_found_by_name_in_containers_and_through_functions(shell, cell):
    shell.run_cell(WORLD)
    shell.run_cell(f"%%mlops run reads\n{cell}")
    assert [one.name for one in mlops_nb.show("reads").data] == CASES[cell]


def test_data_in_a_container_is_told_apart_and_traced_to_its_cell(shell):
    shell.run_cell(WORLD)
    for last in ("", "splits['train'] = frame * 3", ""):
        shell.run_cell(last)
        shell.run_cell("%%mlops run again --metric score\nscore = float(splits['train'].a.sum())")
    differences = [one.name for one in mlops_nb.compare(1, 2).data]
    assert differences == ["splits['train'].a: content"]
    assert mlops_nb.compare(2, 3).data == ()
    (cause,) = mlops_nb.why(1, 2).causes
    assert cause.follows == ("splits['train']: column a changed",)
