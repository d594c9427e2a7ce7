"""What a cell seeds, and with what: read from its syntax tree, values looked up in the namespace after it.

Nothing of the user's is called or evaluated: a seed is a literal, a name, or `settings["seed"]` of a plain dict.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

from mlops_nb.notebook.cells import dotted_call
from mlops_nb.notebook.ipython_syntax import cell_tree
from mlops_nb.tracking.values import Value, plain_value

# fmt: off
SEEDERS = frozenset({
    "random.seed", "random.Random", "numpy.random.seed", "numpy.random.default_rng", "numpy.random.RandomState",
    "numpy.random.SeedSequence", "torch.manual_seed", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all",
    "tensorflow.random.set_seed", "tensorflow.keras.utils.set_random_seed", "keras.utils.set_random_seed",
    "jax.random.key", "jax.random.PRNGKey", "lightning.seed_everything", "pytorch_lightning.seed_everything",
    "transformers.set_seed", "polars.set_random_seed",
})
# fmt: on
"""Functions whose first argument is a seed."""

KEYWORDS = frozenset({"random_state", "seed", "random_seed", "rng"})
"""Keyword arguments that are a seed, of whatever is called."""

MOST = 50
"""Seeds of a cell that are kept."""

_ALIASES = {"np": "numpy", "tf": "tensorflow", "pl": "polars"}


@dataclass(frozen=True, slots=True)
class _Seeding:
    function: str
    keyword: str
    value: ast.expr


def seeds_set(source: str, namespace: Mapping[str, object]) -> dict[str, Value]:
    """What the cell seeds by name: `numpy.random.seed`, `train_test_split.random_state`; a second one is `... (2)`.

    >>> import random
    >>> seeds_set("random.seed(n)\\nmodel = Forest(random_state=7)", {"random": random, "n": 3})
    {'random.seed': 3, 'Forest.random_state': 7}
    """
    found: dict[str, Value] = {}
    for one in _seedings(source):
        function = _full_name(one.function, namespace)
        if not one.keyword and function not in SEEDERS:
            continue
        value = _value(one.value, namespace)
        if value is None or len(found) >= MOST:
            continue
        short = function if function in SEEDERS else function.rpartition(".")[2]
        name = f"{short}.{one.keyword}" if one.keyword and function not in SEEDERS else short
        same = sum(1 for each in found if each == name or each.startswith(f"{name} ("))
        found[f"{name} ({same + 1})" if same else name] = value
    return found


@lru_cache(maxsize=256)
def _seedings(source: str) -> tuple[_Seeding, ...]:
    """The calls that may set a seed, in the order in which they stand."""
    if not any(word in source for word in ("seed", "random_state", "rng", "RandomState", "Random(", "jax")):
        return ()
    tree = cell_tree(source)
    try:
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)] if tree else []
        calls.sort(key=lambda node: (node.lineno, node.col_offset))
        return tuple(one for call in calls for one in _of_call(call))
    except RecursionError:
        return ()


def _of_call(call: ast.Call) -> Iterator[_Seeding]:
    if not (name := dotted_call(call)):
        return
    for keyword in call.keywords:
        if keyword.arg in KEYWORDS:
            yield _Seeding(name, keyword.arg, keyword.value)
    if call.args and name.rpartition(".")[2] in _LAST_WORDS:
        yield _Seeding(name, "", call.args[0])


_LAST_WORDS = frozenset(name.rpartition(".")[2] for name in SEEDERS)


def _full_name(name: str, namespace: Mapping[str, object]) -> str:
    """The function's name from its module on, where the namespace knows the module."""
    root, dot, rest = name.partition(".")
    value = namespace.get(root)
    if type(value) is ModuleType:
        return f"{value.__name__}{dot}{rest}"
    if dot:
        return f"{_ALIASES.get(root, root)}.{rest}" if root not in namespace else name
    module = _module_of(value)
    return next((full for full in SEEDERS if full.endswith(f".{name}") and full.partition(".")[0] == module), name)


def _module_of(value: object) -> str:
    """The package that a function or class comes from."""
    if isinstance(value, BuiltinFunctionType | MethodType):
        owner = value.__self__
        module = value.__module__ if isinstance(owner, ModuleType | None) else type(owner).__module__
    elif type(value) in (FunctionType, type) or type(value).__name__ == "cython_function_or_method":
        module = getattr(value, "__module__", "")
    else:
        module = ""
    return (module if isinstance(module, str) else "").partition(".")[0]


def _value(node: ast.expr, namespace: Mapping[str, object]) -> Value:
    """The seed where it can be told without running anything, else None."""
    match node:
        case ast.Constant(value=value) if isinstance(value, int | str) and not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            return -value
        case ast.Name(id=name):
            return _simple(namespace.get(name))
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=key)):
            holder = namespace.get(name)
            return _simple(holder.get(key)) if type(holder) is dict else None
    return None


def _simple(value: object) -> Value:
    if type(value) in (int, str):
        return plain_value(value)
    if type(value).__module__ == "numpy" and isinstance(plain := plain_value(value), int):
        return plain
    return None
