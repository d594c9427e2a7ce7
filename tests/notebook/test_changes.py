"""What is seen of the objects that a cell names: which are other ones, and which have another content."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from mlops_nb.notebook.changes import ENVIRONMENT, RANDOM, RANDOM_NUMPY, Watch
from mlops_nb.store import cells, open_store


def changes(source: str, names: dict[str, object]):
    """What is seen of a cell that runs on these names."""
    watch = Watch(source, names)
    exec(source, names)
    return watch.changes(names)


def names() -> dict[str, object]:
    found: dict[str, object] = {"np": np, "os": os, "x": 1, "t": "text", "xs": [1, 2], "d": {"a": [1]}}
    found |= {"X": np.ones((20, 2)), "y": np.arange(20.0), "big": np.zeros(100_000), "rng": np.random.default_rng(0)}
    found |= {"df": pd.DataFrame({"a": [1, 2], "b": ["u", "v"]}), "scaler": StandardScaler()}
    found |= {"model": Ridge().fit([[1.0], [2.0]], [1, 2]), "models": {"r": Ridge()}, "s": {1, 2}}
    return found


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("x = 2", {"x"}),
        ("x = 1", set()),
        ("xs.append(3)", {"xs"}),
        ("d['a'].append(2)", {"d"}),
        ("d['b'] = 1", {"d"}),
        ("s.add(3)", {"s"}),
        ("scaler.fit(X)", {"scaler"}),
        ("scaler.fit_transform(X)", {"scaler"}),
        ("model.predict(np.ones((2, 1)))", set()),
        ("for each in models.values(): each.fit(X, y)", {"models", "each"}),
        ("rng.shuffle(y)", {"rng", "y"}),
        ("np.add(y, 1, out=y)", {"y"}),
        ("df['c'] = 3", {"df"}),
        ("df.loc[0, 'a'] = 9", {"df"}),
        ("df.sort_values('a').head()", set()),
        ("df.pop('b')", {"df"}),
        ("big += 1", {"big"}),
        ("z = df.copy()\nq = 2", {"z", "q"}),
        ("exec('zz = 4')", {"zz"}),
        ("del t", {"t"}),
        ("np.random.rand()", {RANDOM_NUMPY}),
        ("__import__('random').random()", {RANDOM}),
        ("os.environ['OF_A_TEST'] = 'secret'", {f"{ENVIRONMENT}OF_A_TEST"}),
    ],
)
def test_what_a_cell_changes_is_seen(source: str, written: set[str], monkeypatch):
    monkeypatch.delenv("OF_A_TEST", raising=False)
    found = changes(source, names())
    assert set(found.written) == written
    monkeypatch.delenv("OF_A_TEST", raising=False)


def test_what_was_seen_as_a_whole_and_is_the_same_is_told():
    found = changes("print(len(xs), X.sum(), df.shape, x, big.sum())", names())
    assert {"xs", "X", "x"} <= set(found.same)
    assert "big" in found.alike


def test_only_names_of_the_cell_and_of_its_functions_are_looked_at():
    there = names()
    exec("def f():\n    return g() + x\ndef g():\n    return len(xs)", there)
    assert set(changes("r = f()  # of y", there).read) == {"f", "g", "x", "xs", "y"}


def test_samples_of_one_cell_are_bounded_whatever_it_names():
    there = {f"xs{at}": list(range(1_000_000)) for at in range(3)} | {f"many{at}": [[0] * 9] * 99 for at in range(40)}
    watch = Watch("; ".join(there), there)
    looked_at = [name for name, seen in watch.seen.items() if seen.sample is not None]
    assert looked_at == [*there][: len(looked_at)]
    assert 3 < len(looked_at) < 12


def test_values_of_the_environment_are_kept_nowhere(monkeypatch):
    monkeypatch.setenv("OF_A_TEST", "a secret")
    watch = Watch("print(1)", {})
    assert "a secret" not in repr([watch.seen, watch.environment, watch.random])


class Lazy:
    """Whoever asks for anything of it is told off."""

    def __getattribute__(self, name: str):
        raise RuntimeError(name)

    def __eq__(self, other: object):
        raise RuntimeError

    __hash__ = None


def test_no_code_of_an_object_runs():
    there = {"lazy": Lazy(), "xs": [Lazy()]}
    assert changes("lazy; xs", there).written == ()


def test_nothing_is_kept_from_being_freed():
    import weakref

    class Big:
        pass

    there = {"b": Big()}
    gone = weakref.ref(there["b"])
    watch = Watch("b = 1", there)
    there["b"] = 1
    assert gone() is None
    assert watch.changes(there).written == ("b",)


def recorded(shell, *sources: str):
    shell.run_line_magic("mlops", "track on")
    for source in sources:
        shell.run_cell(source, store_history=True)
    return {one.source: one for one in cells.executions(open_store())}


def test_an_execution_is_recorded_with_what_it_really_read_and_wrote(shell):
    found = recorded(
        shell,
        "xs, ys, flag = [1], [2], False",
        "def push(v):\n    if flag:\n        v.append(1)\n    return flag",
        "push(xs)",
        "exec('made = 1')",
        "if flag:\n    xs = 3",
        "box = {'x': ys}",
        "ys.append(4)",
    )
    assert found["push(xs)"].writes == ()
    assert set(found["push(xs)"].reads) == {"push", "xs", "flag"}
    assert found["exec('made = 1')"].writes == ("made",)
    assert found["if flag:\n    xs = 3"].writes == ()
    assert found["ys.append(4)"].writes == ("ys",)


@pytest.mark.parametrize(
    ("source", "is_looked_at"),
    [
        ("%%mlops run a --param x\nx = 1", False),
        ("%%mlops run a\nx = f()", True),
        ("%%mlops run a\n%%time\nx = 1", True),
        ("%env A=1", True),
    ],
)
def test_process_wide_states_are_looked_at_where_a_cell_may_change_them(source, is_looked_at):
    assert bool(Watch(source, {}).environment) is is_looked_at
