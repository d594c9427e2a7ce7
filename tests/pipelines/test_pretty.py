from __future__ import annotations

import collections
import datetime
import os
import random
import re
import types

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.lib.pretty import pretty as as_ipython

from mlops_nb.pipelines.pretty import pretty

Point = collections.namedtuple("Point", "x y")


class Plain:
    def method(self):
        return 1


class Laid:
    def _repr_pretty_(self, printer, cycle):
        with printer.group(5, "Laid(", ")"):
            for each in range(30):
                printer.pretty(each * 1000)
                printer.text(",")
                printer.breakable()


class Numbers(list):
    pass


class Shouting(dict):
    def __repr__(self):
        return "SHOUT\nTWICE"


loop = [1]
loop.append(loop)
around = {"a": 1}
around["me"] = around
plain = Plain()

VALUES = [
    None, True, ..., NotImplemented, 1, -0.5, float("nan"), "a'b", "long " * 60, b"x", 3 + 4j, range(3), slice(1, 2),
    (), (1,), [1, [2, (3,)]], list(range(50)), list(range(2_000)), tuple("word" * 5 for _ in range(9)),
    {}, {"b": 1, "a": [1, 2]}, dict.fromkeys(range(12), "x" * 10), {"k" * 70: {"v" * 20: ["w" * 30] * 3}},
    {3, 1, 2}, set(), frozenset("ab"), frozenset(), {1, "a"}, set(range(40)),
    collections.defaultdict(list, a=["apple", "avocado"]), collections.OrderedDict(a=1), collections.OrderedDict(),
    collections.Counter("abracadabra"), collections.Counter(), collections.deque("ab", maxlen=3),
    collections.deque(range(60)), collections.UserList([1]), Point(1, 2), types.SimpleNamespace(a=1, b="two"),
    types.MappingProxyType({"a": 1}), ValueError("no", 3), KeyError(), datetime.timedelta(days=3),
    datetime.datetime(2020, 1, 2), re.compile(r"a\s+", re.I), int, collections.Counter, Plain, plain, plain.method,
    print, len, random.choice, lambda x, y=2: x, np.mean, np.float64(0.5), np.arange(200), np.eye(3), [np.eye(2)] * 3,
    np.array(["a"]), pd.Series([1.5, 2]), pd.DataFrame({"a": [1], "b": ["x"]}), {"frame": pd.DataFrame({"a": [1, 2]})},
    [pd.Timestamp("2020-01-01")] * 5, pd.Index(["a"]), Laid(), [Laid()], Numbers([1, 2]), Shouting(), [Shouting(), 1],
    loop, around, [[["deep " * 8] * 2] * 2] * 2, [{"a": list(range(30)), "b": (1,)}] * 3, np.dtype("i4"), Point,
    ["a\nb"], {"x": np.arange(40), "y": [np.float64(1)] * 12}, type(None), object, [Plain, int], os.path.join,
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(VALUES)))
def test_text_of_a_value_is_the_notebooks(number: int):
    assert pretty(VALUES[number]) == as_ipython(VALUES[number])


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=12)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=12), inner, max_size=8)
        | st.frozensets(st.integers(), max_size=30)
    ),
    max_leaves=60,
)


@settings(max_examples=300, deadline=None)
@given(plain_values)
def test_text_of_nested_values_is_the_notebooks(value: object):
    assert pretty(value) == as_ipython(value)
