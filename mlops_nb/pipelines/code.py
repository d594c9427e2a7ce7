"""What the result of a step depends on beside its arguments: its code, what that calls, constants, libraries.

Comments, formatting and docstrings are no part of it. Of a function, class or constant of the user's own the syntax
tree or the content counts, followed as far as it goes; of a library its version.
"""

from __future__ import annotations

import ast
import builtins
import copy
import functools
import hashlib
import importlib.util
import inspect
import linecache
import os
import site
import sys
import sysconfig
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

MOST_FILES = 200
"""Files of a local package that are looked into; of more, their sizes and times count instead."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


@dataclass(slots=True)
class Code:
    """What was read of a step.

    `parts` maps what its result depends on to a digest; `roots` are the libraries whose versions count;
    `constants` the global values, to be hashed by their content; `variables` the names of environment variables;
    `seeds` the generators that it seeds before it uses them (python, numpy); `standard` the modules of Python's own
    that it names; `doubts` what cannot be followed.
    """

    parts: dict[str, str] = field(default_factory=dict)
    roots: set[str] = field(default_factory=set)
    constants: dict[str, object] = field(default_factory=dict)
    variables: set[str] = field(default_factory=set)
    seeds: frozenset[str] = frozenset()
    standard: set[str] = field(default_factory=set)
    doubts: list[str] = field(default_factory=list)


def read_code(function: Callable[..., object]) -> Code:
    """What the result of a function depends on beside its arguments.

    >>> import math
    >>> def area(radius):
    ...     return math.pi * radius**2
    >>> sorted(read_code(lambda x: math.sqrt(x)).roots)
    []
    """
    reader = _Reader()
    reader.function(function, "code")
    reader.found.seeds = _seeded(function)
    return reader.found


class _Reader:
    def __init__(self) -> None:
        self.found = Code()
        self._seen: set[int] = set()

    def function(self, function: Callable[..., object], part: str) -> None:
        if id(function) in self._seen:
            return
        self._seen.add(id(function))
        tree = definition(function)
        code = getattr(function, "__code__", None)
        if tree is None or code is None:
            self.found.doubts.append(f"the code of {_name(function)} cannot be read")
            return
        tree = _undecorated(tree) if part == "code" else tree
        self._put(part, tree)
        names = dict(getattr(function, "__globals__", {}))
        names |= {name: _cell(cell) for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True)}
        self._names_in(tree, names, set(code.co_varnames) | set(code.co_cellvars))

    def klass(self, kind: type) -> None:
        if id(kind) in self._seen:
            return
        self._seen.add(id(kind))
        module = sys.modules.get(kind.__module__)
        tree = _class_definition(kind, module)
        if tree is None:
            self.found.doubts.append(f"the code of {kind.__qualname__} cannot be read")
            return
        self._put(f"class {kind.__qualname__}", tree)
        self._names_in(tree, vars(module) if module else {}, set())

    def _put(self, part: str, tree: ast.AST) -> None:
        self.found.parts[part] = tree_digest(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Global):
                self.found.doubts.append(f"it assigns the global name {node.names[0]}")
            elif isinstance(node, ast.Import | ast.ImportFrom):
                self._imported(node)
            elif isinstance(node, ast.Call | ast.Subscript):
                self._variable(node)
                if isinstance(node, ast.Call) and not node.args and _last(node.func) == "default_rng":
                    self.found.doubts.append("it draws random numbers that nobody seeded (default_rng())")

    def _imported(self, node: ast.Import | ast.ImportFrom) -> None:
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        for name in names:
            root = name.partition(".")[0]
            if root and not getattr(node, "level", 0):
                self._root(root)

    def _root(self, root: str) -> None:
        if root in _standard():
            self.found.standard.add(root)
            return
        origin = _origin(root)
        if origin is None or not is_local(origin):
            self.found.roots.add(root)
        else:
            self._file(origin, root)

    def _variable(self, node: ast.Call | ast.Subscript) -> None:
        """Note `os.environ["NAME"]`, `os.environ.get("NAME")` and `os.getenv("NAME")`."""
        if isinstance(node, ast.Subscript):
            key, reads = node.slice, _last(node.value) == "environ"
        else:
            key = node.args[0] if node.args else node
            owner = node.func.value if isinstance(node.func, ast.Attribute) else None
            reads = _last(node.func) == "getenv" or (_last(node.func) == "get" and _last(owner) == "environ")
        if reads and isinstance(key, ast.Constant) and isinstance(key.value, str):
            self.found.variables.add(key.value)

    def _names_in(self, tree: ast.AST, names: Mapping[str, object], own: set[str]) -> None:
        loaded = {
            node.id
            for part in _body_of(tree)
            for node in ast.walk(part)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }
        for name in sorted(loaded - own):
            if name in names:
                self._value(name, names[name])

    def _value(self, name: str, value: Any) -> None:
        value = _unwrapped(value)
        if isinstance(value, ModuleType):
            self._module(value)
        elif isinstance(value, functools.partial):
            self._value(name, value.func)
            self.found.constants[name] = (value.args, value.keywords)
        elif isinstance(value, FunctionType | type):
            self._defined(name, value)
        elif callable(value) and type(value).__module__ == "builtins":
            self._root((getattr(value, "__module__", None) or "builtins").partition(".")[0])
        elif not _is_typing(value):
            self.found.constants[name] = value
            self._root(type(value).__module__.partition(".")[0]) if _is_foreign(type(value)) else None

    def _defined(self, name: str, value: FunctionType | type) -> None:
        if _is_foreign(value):
            self._root(value.__module__.partition(".")[0])
        elif isinstance(value, type):
            self.klass(value)
        else:
            self.function(value, f"helper {value.__qualname__}")

    def _module(self, module: ModuleType) -> None:
        self._root(module.__name__.partition(".")[0])

    def _file(self, origin: str, root: str) -> None:
        """A module or package of the user's own, whole."""
        part = f"module {root}"
        if part in self.found.parts:
            return
        self.found.parts[part] = ""
        path = Path(origin)
        files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
        if len(files) > MOST_FILES:
            states = [(str(each.relative_to(path.parent)), each.stat().st_size) for each in files]
            self.found.parts[part] = digest(repr(states))
            return
        trees = [_tree_of_file(str(each), each.stat().st_mtime_ns) for each in files]
        self.found.parts[part] = digest("".join(tree_digest(tree) if tree else "?" for tree in trees))
        for tree in trees:
            for node in ast.walk(tree) if tree else ():
                if isinstance(node, ast.Import | ast.ImportFrom):
                    self._imported(node)


def digest(text: str) -> str:
    """Twenty hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def tree_digest(tree: ast.AST) -> str:
    r"""A digest of a syntax tree, the same whatever its comments and formatting are.

    >>> one, other = parsed("def f(x):\n    'What it does.'\n    return x"), parsed("def f( x ): return x  # so")
    >>> tree_digest(one) == tree_digest(other)
    True
    """
    return digest(ast.dump(tree))


def parsed(text: str | bytes) -> ast.Module | None:
    """The syntax tree of a text without its docstrings; None where it is not Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and type(first.value.value) is str:
                del node.body[0]
    return tree


def _undecorated(tree: Definition) -> Definition:
    """A step's tree without `@step(...)`: what its options say is no code."""
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
        tree = copy.copy(tree)
        tree.decorator_list = []
    return tree


def _body_of(tree: ast.AST) -> Iterable[ast.AST]:
    """What of a definition is run: annotations are not."""
    if not isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
        return [tree]
    return [*tree.body, *tree.args.defaults, *filter(None, tree.args.kw_defaults), *tree.decorator_list]


def definition(function: Any) -> Definition | None:
    """The syntax tree of a function, from the text of its file or cell; None where there is none."""
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    tree = _tree_of_lines("".join(linecache.getlines(code.co_filename, function.__globals__)))
    return _at_line(tree, code.co_firstlineno, code.co_name) if tree else None


def _at_line(tree: ast.Module, line: int, name: str) -> Definition | None:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            if line in (node.lineno, *(each.lineno for each in node.decorator_list)):
                return node
        elif isinstance(node, ast.Lambda) and name == "<lambda>" and node.lineno == line:
            return node
    return None


def _class_definition(kind: type, module: ModuleType | None) -> ast.ClassDef | None:
    lines: list[str] = []
    with suppress(OSError, TypeError):
        lines = inspect.findsource(kind)[0]
    tree = _tree_of_lines("".join(lines)) if lines else None
    found: ast.AST | None = tree
    for name in kind.__qualname__.split("."):
        inner = getattr(found, "body", ())
        found = next((node for node in inner if isinstance(node, ast.ClassDef) and node.name == name), None)
    return found if isinstance(found, ast.ClassDef) else None


_tree_of_lines = lru_cache(maxsize=64)(parsed)


@lru_cache(maxsize=512)
def _tree_of_file(path: str, changed: int) -> ast.Module | None:
    with suppress(OSError):
        return parsed(Path(path).read_bytes())
    return None


def _seeded(function: Any) -> frozenset[str]:
    """The generators that the first statement which names anything random seeds: python, numpy."""
    tree = definition(function)
    found: set[str] = set()
    for statement in getattr(tree, "body", ()) if not isinstance(tree, ast.Lambda) else ():
        value = getattr(statement, "value", None)
        if isinstance(statement, ast.Expr) and isinstance(value, ast.Call) and _last(value.func) == "seed":
            root = _root_of(value.func, function.__globals__)
            found |= {root} if value.args and root in ("random", "numpy") else set()
        elif any(
            isinstance(node, ast.Name | ast.Attribute) and "random" in _last(node) for node in ast.walk(statement)
        ):
            break
    return frozenset("python" if root == "random" else root for root in found)


def _root_of(node: ast.AST, names: Mapping[str, object]) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    value = names.get(node.id) if isinstance(node, ast.Name) else None
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None) or ""
    return str(name).partition(".")[0]


def _last(node: ast.AST | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _cell(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return None


def _unwrapped(value: Any) -> Any:
    """The function behind a step, a cache or another wrapper that says so."""
    if type(value).__module__.startswith("mlops_nb.pipelines"):
        return getattr(value, "function", value)
    if isinstance(value, FunctionType | functools._lru_cache_wrapper):
        with suppress(ValueError):
            return inspect.unwrap(value)
    return value


def _name(function: object) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _is_typing(value: object) -> bool:
    return type(value).__module__ in ("typing", "types") or value is builtins


def _is_foreign(value: Any) -> bool:
    """Whether a function or class comes from a library, so that its version says all."""
    root = (getattr(value, "__module__", None) or "").partition(".")[0]
    if root in ("", "__main__", "__mp_main__"):
        return False
    if root in _standard() or root == "mlops_nb":
        return True
    module = sys.modules.get(value.__module__) or sys.modules.get(root)
    origin = getattr(module, "__file__", None)
    return origin is not None and not is_local(origin)


@lru_cache(maxsize=256)
def _origin(root: str) -> str | None:
    module = sys.modules.get(root)
    if module is not None:
        return getattr(module, "__file__", None)
    with suppress(ImportError, ValueError, AttributeError):
        spec = importlib.util.find_spec(root)
        return spec.origin if spec and spec.has_location else None
    return None


@lru_cache(maxsize=4096)
def is_local(path: str) -> bool:
    """Whether a file is the user's own: neither the interpreter's nor an installed package's nor ours."""
    return not os.path.abspath(path).startswith(_installed())  # noqa: PTH100 - of many files


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    known = [*site.getsitepackages(), site.getusersitepackages()]
    known += [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    known.append(str(Path(__file__).parents[1]))
    return tuple(os.path.join(os.path.abspath(each), "") for each in known)  # noqa: PTH100, PTH118


@lru_cache(maxsize=1)
def _standard() -> frozenset[str]:
    return frozenset(sys.stdlib_module_names) | {"__main__", "__mp_main__", "builtins"}
