"""Small programs that nobody wrote: whatever a cell printed, it prints again when only the cells behind it run."""

from __future__ import annotations

import io
import random
from contextlib import redirect_stdout

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mlops_nb.notebook.flow.graph import cell_graph

NAMES = list("abcdefghijkl")

PRELUDE = """
import copy, types
import numpy as np

class Box:
    def __init__(self, v): self.v = v
    def put(self, x): push(self.v, x); self.n = x

class Counter:
    last = 0
    def add(self, x): Counter.last = x; self.seen = x

counter = Counter()

def items(x): return list(x)[:3] if isinstance(x, (list, dict, np.ndarray, types.GeneratorType)) else [x]
def ident(x): return x
def first(x): return x[0] if isinstance(x, (list, np.ndarray)) and len(x) else x
def call(f): return f() if isinstance(f, types.FunctionType) else f
def size(x): return len(show(x))

def push(x, v):
    if isinstance(x, list): x.append(v)
    elif isinstance(x, dict): x[v] = v
    elif isinstance(x, Box): push(x.v, v)
    elif isinstance(x, np.ndarray) and x.size: x[0] = v

def show(x, d=0):
    if d > 4: return '.'
    if isinstance(x, list): return '[' + ','.join(show(y, d + 1) for y in x[:20]) + ']'
    if isinstance(x, dict): return '{' + ','.join(str(k) + show(y, d + 1) for k, y in list(x.items())[:20]) + '}'
    if isinstance(x, Box): return 'B(' + show(x.v, d + 1) + str(getattr(x, 'n', '')) + ')'
    if isinstance(x, np.ndarray): return str(x.ravel().tolist())
    return repr(x) if isinstance(x, (int, float, str)) else type(x).__name__
"""

EXPRESSIONS = (
    "{a}",
    "{a}",
    "[{a}, {b}]",
    "{{'k': {a}}}",
    "[x for x in items({a})]",
    "ident({a})",
    "first({a})",
    "Box({a})",
    "(lambda: {a})",
    "copy.copy({a})",
    "(x for x in items({a}))",
    "np.zeros({n} % 4)",
    "list({a}) if isinstance({a}, list) else {b}",
    "{a}[0:1] if isinstance({a}, (list, np.ndarray)) else {b}",
    "[{n}]",
    "counter.last",
)

STATEMENTS = (
    "{a} = {e}",
    "{a} = {e}",
    "{a} = {e}",
    "push({a}, {n})",
    "{a} = call({b})",
    "if size({a}) % 2:\n    {b} = {e}",
    "for i in range({n} % 3):\n    push({a}, i)\n    {b} = {a}",
    "if isinstance({a}, list): {a}.append({b})",
    "if isinstance({a}, dict): {a}['z'] = {b}",
    "if isinstance({a}, Box): {a}.v = {b}",
    "if isinstance({a}, Box): {a}.put({n})",
    "def fn(x={a}):\n    global {b}\n    {b} = [{n}, x]\n    return {c}\nfn()",
    "def make(q):\n    state = [0]\n    def inner():\n        state.append(len(state))\n        return [state, q]\n"
    "    return inner\n{a} = make({b})",
    "if isinstance({a}, list) and {a}: {b} = {a}[-1]",
    "try:\n    {a} = {b}\n    {c} = {a}[0]\nexcept Exception as err:\n    {c} = {n}",
    "if isinstance({a}, np.ndarray): {a} += {n}",
    "{a}, {b} = {c}, {e}",
    "counter.add({a})",
    "match {a}:\n    case [p, *rest]:\n        {b} = rest\n    case _:\n        {b} = {n}",
)


def filled(chance: random.Random, template: str) -> str:
    names = {key: chance.choice(NAMES) for key in "abc"}
    expression = chance.choice(EXPRESSIONS).format(**names, n=chance.randrange(100))
    names = {key: chance.choice(NAMES) for key in "abc"}
    return template.format(**names, n=chance.randrange(100), e=expression)


def program(chance: random.Random) -> list[str]:
    cells = [PRELUDE, "\n".join(f"{name} = [{number}]" for number, name in enumerate(NAMES))]
    for _ in range(chance.randrange(5, 12)):
        body = [filled(chance, chance.choice(STATEMENTS)) for _ in range(chance.randrange(1, 3))]
        if chance.random() < 0.5:
            body.append(filled(chance, "print(show({a}), show(call({b})))"))
        cells.append("\n".join(body))
    return cells


def printed(cells: list[str], which: tuple[int, ...]) -> dict[int, str]:
    """What each cell prints when these run in order; a cell that raises ends the program."""
    names: dict[str, object] = {}
    found = {}
    for cell in which:
        text = io.StringIO()
        with redirect_stdout(text):
            exec(compile(cells[cell], f"cell {cell}", "exec"), names)
        found[cell] = text.getvalue()
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.integers(0, 2**32))
def test_a_cell_prints_the_same_with_only_the_cells_behind_it(seed: int):
    cells = program(random.Random(seed))
    try:
        whole = printed(cells, tuple(range(len(cells))))
    except Exception:
        assume(False)
    graph = cell_graph(cells)
    for cell, text in whole.items():
        if text:
            assert printed(cells, graph.behind(cell))[cell] == text, (cells[1:], cell, graph.behind(cell))
