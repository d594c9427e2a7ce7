"""Seeds that a cell sets: functions by whatever name they were imported, keywords of any call, nothing evaluated."""

from __future__ import annotations

import random

import numpy as np
import pytest

import mlops_nb
from mlops_nb.notebook.seeds import MOST, seeds_set


class Loud:
    """Raises whenever it is looked into."""

    def __getattribute__(self, name):
        raise RuntimeError(name)


NAMES = {
    "random": random,
    "np": np,
    "rnd": random.Random,
    "seed": np.random.seed,
    "python_seed": random.seed,
    "default_rng": np.random.default_rng,
    "k": 5,
    "wide": np.int64(2**40),
    "settings": {"seed": 9},
    "loud": Loud(),
}


@pytest.mark.parametrize(
    ("cell", "seeds"),
    [
        ("random.seed(1)", {"random.seed": 1}),
        ("np.random.seed(k)", {"numpy.random.seed": 5}),
        ("rng = np.random.default_rng(wide)", {"numpy.random.default_rng": 2**40}),
        ("rng = default_rng(settings['seed'])", {"numpy.random.default_rng": 9}),
        ("np.random.RandomState(-3)", {"numpy.random.RandomState": -3}),
        ("np.random.default_rng(seed=4)", {"numpy.random.default_rng": 4}),
        ("seed(11)", {"numpy.random.seed": 11}),
        ("torch.manual_seed(2)", {"torch.manual_seed": 2}),
        ("tf.random.set_seed(k)", {"tensorflow.random.set_seed": 5}),
        ("a, b = train_test_split(X, random_state=k)", {"train_test_split.random_state": 5}),
        (
            "s(X, random_state=1)\ns(X, random_state=2)\ns(X, random_state=3)",
            {"s.random_state": 1, "s.random_state (2)": 2, "s.random_state (3)": 3},
        ),
        ("frame.sample(3, random_state=2)", {"sample.random_state": 2}),
        ("def f():\n    random.seed(8)", {"random.seed": 8}),
        ("%time random.seed(6)", {"random.seed": 6}),
        ("random.seed()", {}),
        ("other.seed(3)", {}),
        ("seed_of(3)", {}),
        ("f(random_state=None, seed=True)", {}),
        ("random.seed(k + 1)", {}),
        ("random.seed(loud)", {}),
        ("random.seed(loud.seed)", {}),
        ("loud.random.seed(3)", {}),
        ("random.seed(settings['none'])", {}),
        ("random.seed(", {}),
    ],
)
def test_seeds_of_a_cell(cell, seeds):
    assert seeds_set(cell, NAMES) == seeds


def test_seeds_are_bounded():
    assert len(seeds_set("\n".join(f"f{i}(seed={i})" for i in range(500)), {})) == MOST


def test_a_captured_cell_keeps_its_seeds_and_the_card_names_them(shell, capsys):
    shell.run_cell("import random, numpy as np; k = 5")
    shell.run_cell("%%mlops run one\nrandom.seed(k)\nrng = np.random.default_rng(7)\naccuracy = 0.5")
    assert mlops_nb.show("one").seeds == {"random.seed": 5, "numpy.random.default_rng": 7}
    assert "2 seeds set" in capsys.readouterr().out
