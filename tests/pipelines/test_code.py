from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_nb.pipelines import code, step

THRESHOLD = 0.5


class Model:
    def predict(self, x):
        return x > THRESHOLD


def helper(x):
    return deeper(x) * 2


def deeper(x):
    return x + THRESHOLD


@functools.lru_cache
def remembered(x):
    return deeper(x)


def uses_much(x, y=deeper):
    """What it does."""
    import statsmodels

    frame = pd.DataFrame({"x": [helper(x)]})
    print(os.environ["HOME"], os.getenv("USER"), os.environ.get("SHELL", ""), statsmodels)
    return Model().predict(frame), np.mean(frame)


def test_all_that_a_function_depends_on_is_found():
    found = code.read_code(uses_much)
    assert set(found.parts) == {"code", "helper helper", "helper deeper", "class Model"}
    assert found.constants == {"THRESHOLD": 0.5}
    assert found.roots == {"pandas", "numpy", "statsmodels"}
    assert found.variables == {"HOME", "USER", "SHELL"}
    assert found.doubts == []


def test_steps_and_caches_are_looked_through():
    inner = step(helper)

    def outer(x):
        return inner(x) + remembered(x)

    assert set(code.read_code(outer).parts) == {"code", "helper helper", "helper deeper", "helper remembered"}


def test_functions_that_call_each_other_end():
    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    assert len(code.read_code(even).parts) == 2


def seeds_first(n):
    np.random.seed(n)
    return np.random.rand()


def draws_first(n):
    a = np.random.rand()
    np.random.seed(n)
    return a


def seeds_with_nothing():
    np.random.seed()


@pytest.mark.parametrize(
    ("function", "seeds"), [(seeds_first, {"numpy"}), (draws_first, set()), (seeds_with_nothing, set())]
)
def test_seeding_counts_where_it_comes_before_any_draw(function, seeds):
    assert code.read_code(function).seeds == seeds


def assigns_a_global():
    global THRESHOLD
    THRESHOLD = THRESHOLD + 0


def draws_unseeded():
    return np.random.default_rng().random()


@pytest.mark.parametrize(
    ("function", "doubt"),
    [
        (assigns_a_global, "it assigns the global name THRESHOLD"),
        (draws_unseeded, "it draws random numbers that nobody seeded (default_rng())"),
        (eval("lambda: 1"), "the code of <lambda> cannot be read"),
    ],
)
def test_what_cannot_be_known_is_a_doubt(function, doubt):
    assert code.read_code(function).doubts == [doubt]


def test_package_beside_the_script_counts_whole(folder: Path, monkeypatch: pytest.MonkeyPatch):
    package = folder / "tools_of_mine"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "clean.py").write_text("import polars\ndef clean(x):\n    return x\n")
    monkeypatch.syspath_prepend(folder)
    import tools_of_mine.clean

    def uses(x):
        return tools_of_mine.clean.clean(x)

    before = code.read_code(uses)
    assert (set(before.parts), before.roots) == ({"code", "module tools_of_mine"}, {"polars"})
    (package / "clean.py").write_text("import polars\ndef clean(x):\n    return x + 1\n")
    os.utime(package / "clean.py", (1, 1))
    assert code.read_code(uses).parts["module tools_of_mine"] != before.parts["module tools_of_mine"]
