"""The signature of a model: read off its data, and the same after a way through JSON."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mlops_nb.record import json_value
from mlops_nb.registry.signature import MOST_COLUMNS, Column, columns_of, signature_from, signature_of

FRAME = pd.DataFrame({"age": [1.5], "city": ["Riga"], 3: [1]})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (FRAME, [("age", "float64"), ("city", "str"), ("3", "int64")]),
        (np.zeros((2, 3), dtype="f4"), [("", "float32")]),
        (pd.Series([1.0], name="only"), [("", "float64")]),
        (["a text"], [("", "text")]),
        ([[1, 2]], [("", "list of list")]),
        (None, []),
    ],
    ids=["frame", "array", "series", "texts", "lists", "nothing"],
)
def test_inputs_are_the_columns_by_name_or_all_of_an_array(data, expected):
    assert columns_of(data) == tuple(Column(*each) for each in expected)


def test_outputs_are_those_of_the_target():
    classes = signature_of(FRAME, np.array(["a", "b"]), gives="class", classes=np.array(["a", "b"]))
    numbers = signature_of(FRAME, np.zeros((1, 2)), gives="number")
    assert (classes.classes, classes.output_type, classes.output_width) == (("a", "b"), "<U1", 1)
    assert (numbers.output_type, numbers.output_width, numbers.width) == ("float64", 2, 3)


def test_what_is_long_is_counted_and_its_beginning_kept():
    wide = pd.DataFrame(np.zeros((1, MOST_COLUMNS + 5)))
    found = signature_of(wide, [0], gives="class", classes=range(5_000))
    assert (len(found.inputs), found.width) == (MOST_COLUMNS, MOST_COLUMNS + 5)
    assert (len(found.classes), found.classes_count) == (100, 5_000)


def test_signature_comes_back_from_json():
    found = signature_of(FRAME, [1.5], gives="number", classes=[True, 2, "c", None])
    assert signature_from(json.loads(json.dumps(json_value(found.to_dict())))) == found
