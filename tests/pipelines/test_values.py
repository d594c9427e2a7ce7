from __future__ import annotations

import datetime
import functools
import hashlib
import io
import math
import threading
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mlops_nb.pipelines.values import NotKept, content_hash, decoded, encoded, kept_value, value_of


def shelf():
    files: dict[str, bytes] = {}

    def write(put):
        content = io.BytesIO()
        put(content)
        sha256 = hashlib.sha256(content.getvalue()).hexdigest()
        files[sha256] = content.getvalue()
        return SimpleNamespace(sha256=sha256, size_bytes=len(files[sha256]))

    return files, write


def there_and_back(value):
    files, write = shelf()
    kept = kept_value(value, write)
    return kept, value_of(kept, io.BytesIO(files[kept.sha256]) if kept.sha256 else None)


class Own:
    def __init__(self, n):
        self.n = n


def increased(x):
    return x + 1


DATES = pd.date_range("2026-01-01", periods=3, freq="D")
FRAMES = {
    "plain": (pd.DataFrame({"a": [1, 2], "b": [0.5, math.nan], "s": ["x", "y"]}), "table"),
    "named index": (pd.DataFrame({"a": [1, 2]}, index=pd.Index(["u", "v"], name="k")), "table"),
    "categories": (pd.DataFrame({"c": pd.Categorical(["u", "v"], categories=["v", "u"], ordered=True)}), "table"),
    "times": (pd.DataFrame({"t": pd.to_datetime(["2026-01-01"], utc=True)}), "table"),
    "nullable": (pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}), "table"),
    "columns by number": (pd.DataFrame({1: [2]}), "table"),
    "a frequency": (pd.DataFrame({"a": [1, 2, 3]}, index=DATES), "pickle"),
    "the same column twice": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "pickle"),
    "mixed cells": (pd.DataFrame({"m": [1, "a", None]}), "pickle"),
    "cells of arrays": (pd.DataFrame({"m": [np.arange(2000), np.arange(3)]}), "pickle"),
    "a series": (pd.Series([1, 2], name="y"), "table"),
    "a series without a name": (pd.Series([1.5, 2]), "pickle"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frame_comes_back_as_it_was(name: str):
    frame, form = FRAMES[name]
    kept, back = there_and_back(frame)
    assert (kept.form, type(back)) == (form, type(frame))
    if name == "cells of arrays":
        assert [list(each) for each in back["m"]] == [list(each) for each in frame["m"]]
        return
    same = pd.testing.assert_frame_equal if isinstance(frame, pd.DataFrame) else pd.testing.assert_series_equal
    same(back, frame)
    assert getattr(back.index, "freq", None) == getattr(frame.index, "freq", None)
    assert content_hash(back) == kept.hash


def test_polars_frame_comes_back_as_it_was():
    frame = pl.DataFrame({"a": [1, None], "s": ["x", "y"], "d": [datetime.date(2026, 1, 1)] * 2})
    kept, back = there_and_back(frame)
    assert kept.form == "table"
    assert back.equals(frame)


@pytest.mark.parametrize(
    ("array", "form"),
    [
        (np.arange(6.0).reshape(2, 3), "array"),
        (np.asfortranarray(np.eye(3)), "array"),
        (np.array(["a", "bc"]), "array"),
        (np.array(3), "array"),
        (np.array([1, "a", None], dtype=object), "pickle"),
        (np.ma.masked_array([1, 2], [True, False]), "pickle"),
    ],
)
def test_array_comes_back_as_it_was(array, form):
    kept, back = there_and_back(array)
    assert (kept.form, type(back), back.dtype, back.flags.f_contiguous) == (
        form, type(array), array.dtype, array.flags.f_contiguous
    )  # fmt: skip
    assert np.ma.allequal(back, array)


def test_model_is_kept_as_skops_and_one_with_code_of_the_users_as_pickle():
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10) > 4
    plain = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    kept, back = there_and_back(plain)
    assert kept.form == "model"
    assert (back.predict_proba(x) == plain.predict_proba(x)).all()
    own = make_pipeline(FunctionTransformer(increased), LogisticRegression()).fit(x, y)
    kept, back = there_and_back(own)
    assert kept.form == "pickle"
    assert (back.predict_proba(x) == own.predict_proba(x)).all()


def test_what_has_no_form_is_named():
    for value, name in (((n for n in ()), "generator"), (threading.Lock(), "_thread.lock")):
        with pytest.raises(NotKept, match=f"{name} cannot be kept"):
            kept_value(value, shelf()[1])
        assert content_hash(value) == ""


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(st.characters(codec="utf-8")) | st.integers(), inner)
    ),
    max_leaves=20,
)


@given(plain_values)
def test_plain_value_comes_back_the_same_types_included(value):
    assert repr(decoded(encoded(value))) == repr(value)


@pytest.mark.parametrize("value", [np.float64(0.1), np.int32(3), np.bool_(True), np.datetime64("2026-01-01"), {1, 2}])
def test_scalars_of_numpy_and_sets_come_back(value):
    kept, back = there_and_back(value)
    assert (kept.form, back, type(back)) == ("plain", value, type(value))


def test_hashes_tell_apart_what_differs():
    values = [
        1, True, 1.0, "1", None, (1,), [1], {1}, {"a": 1}, np.int64(1), np.array([1]), np.array([1.0]),
        pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1.0]}), pd.DataFrame({"b": [1]}), Own(1), Own(2),
        pd.DataFrame({"a": [Decimal(1)]}), pd.DataFrame({"a": [[1, 2]]}), pd.DataFrame({"a": [[1, 3]]}),
        pd.DataFrame({"a": [np.arange(5_000)]}), pd.DataFrame({"a": [np.arange(5_000) + (np.arange(5_000) == 2_500)]}),
    ]  # fmt: skip
    hashes = [content_hash(each) for each in values]
    assert all(hashes)
    assert len(set(hashes)) == len(values)


def test_large_plain_value_is_kept_in_a_file():
    kept, back = there_and_back(list(range(10_000)))
    assert (kept.form, bool(kept.sha256), back[-1]) == ("plain", True, 9_999)


class Lazy:
    def __init__(self):
        self.n = 3
        self._cache = {}

    @functools.cached_property
    def double(self):
        return 2 * self.n


def test_looking_at_an_object_makes_no_other_of_it():
    x, y = np.random.default_rng(0).random((100, 3)), np.arange(100) % 2
    nearest = KNeighborsClassifier().fit(x, y)
    lazy = Lazy()
    before = content_hash(nearest), content_hash(lazy)
    nearest.predict(x)
    lazy._cache["seen"] = lazy.double
    assert (content_hash(nearest), content_hash(lazy)) == before
    nearest.fit(x[:50], y[:50])
    lazy.n = 4
    assert content_hash(nearest) != before[0]
    assert content_hash(lazy) != before[1]
