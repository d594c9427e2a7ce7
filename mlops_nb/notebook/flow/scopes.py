"""Which names a function, a class or a comprehension has for itself, and others it takes from outside."""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from importlib.machinery import ExtensionFileLoader, PathFinder
from importlib.util import module_from_spec
from pathlib import Path

from mlops_nb.notebook.cells import BUILTINS
from mlops_nb.notebook.flow import effects


@lru_cache(maxsize=4096)
def locals_of(code: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> frozenset[str]:
    """The names that are local to a function."""
    args = code.args
    found = {each.arg for each in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg) if each}
    outer = set[str]()
    comprehended = set[ast.AST]()
    for node in _own_nodes(code):
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            comprehended |= {each for one in node.generators for each in ast.walk(one.target)}
        elif isinstance(node, ast.Global | ast.Nonlocal):
            outer.update(node.names)
    for node in _own_nodes(code):
        if node not in comprehended:
            found.update(_bound_by(node))
    return frozenset(found - outer)


def _bound_by(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names) | ast.ImportFrom(names=names):
            for alias in names:
                yield alias.asname or alias.name.partition(".")[0]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name


@lru_cache(maxsize=4096)
def globals_of(code: ast.AST) -> frozenset[str]:
    """The names that a function or class declares to be global."""
    if isinstance(code, ast.Lambda):
        return frozenset()
    return frozenset(name for node in _own_nodes(code) if isinstance(node, ast.Global) for name in node.names)


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function's or class's body that are not in another function within it."""
    body = node.body if isinstance(node.body, list) else [node.body]  # type: ignore[attr-defined]
    waiting = list(body)
    while waiting:
        each = waiting.pop()
        yield each
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            waiting += [*each.decorator_list]
        elif not isinstance(each, ast.Lambda):
            waiting += ast.iter_child_nodes(each)


@lru_cache(maxsize=4096)
def comprehended_names(node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> frozenset[str]:
    """The names that a comprehension has for itself."""
    found = set()
    for generator in node.generators:
        found |= {each.id for each in ast.walk(generator.target) if isinstance(each, ast.Name)}
    return frozenset(found)


@lru_cache(maxsize=4096)
def is_generator(code: ast.AST) -> bool:
    """Whether a function yields."""
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in _own_nodes(code))


@lru_cache(maxsize=4096)
def may_change(code: ast.AST) -> bool:
    """Whether a function that calls itself may change what it is given, by what stands in it."""
    for node in ast.walk(code):
        match node:
            case (
                ast.Attribute(ctx=ast.Store() | ast.Del())
                | ast.Subscript(ctx=ast.Store() | ast.Del())
                | ast.AugAssign()
            ):
                return True
            case ast.Call(func=ast.Attribute(attr=name)) if name not in effects.PURE_METHODS:
                return True
            case ast.Call(func=ast.Name(id=name)) if name not in BUILTINS and name != getattr(code, "name", ""):
                return True
    return False


@lru_cache(maxsize=4096)
def free_names(code: ast.AST) -> tuple[str, ...]:
    """Every name in a function, in order."""
    return tuple(dict.fromkeys(node.id for node in ast.walk(code) if isinstance(node, ast.Name)))


@lru_cache(maxsize=64)
def public_names(module: str) -> tuple[str, ...]:
    """What `from module import *` binds, for a module that is loaded or of the standard library; else none.

    Nothing is imported for it: a file that lies in the way of the standard library must not run.
    """
    loaded = sys.modules.get(module)
    if loaded is not None:
        names = getattr(loaded, "__all__", None) or [name for name in vars(loaded) if not name.startswith("_")]
        return tuple(str(name) for name in names)
    folder = sysconfig.get_path("stdlib")
    spec = PathFinder.find_spec(module, [folder, f"{folder}/lib-dynload"]) if module.isidentifier() else None
    if spec is None or spec.origin is None or module not in sys.stdlib_module_names:
        return ()
    if isinstance(spec.loader, ExtensionFileLoader):
        made = module_from_spec(spec)
        spec.loader.exec_module(made)
        return tuple(name for name in vars(made) if not name.startswith("_"))
    return _names_of_file(Path(spec.origin))


def _names_of_file(path: Path) -> tuple[str, ...]:
    """The names that `__all__` of a file lists, else those that it binds."""
    tree = ast.parse(path.read_bytes())
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(getattr(each, "id", "") == "__all__" for each in node.targets):
            with suppress(ValueError):
                return tuple(ast.literal_eval(node.value))
    names = (name for node in tree.body for each in ast.walk(node) for name in _bound_by(each))
    return tuple(dict.fromkeys(name for name in names if not name.startswith("_")))


def root_of(node: ast.AST) -> str | None:
    """The name at the bottom of `a.b["c"].d`; None where there is another thing."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def surely_has_items(node: ast.expr) -> bool:
    """Whether a loop over an expression surely runs once at least."""
    match node:
        case ast.List(elts) | ast.Tuple(elts) | ast.Set(elts):
            return bool(elts) and not any(isinstance(each, ast.Starred) for each in elts)
        case ast.Call(func=ast.Name("range"), args=[ast.Constant(int(count))]):
            return count > 0
        case ast.Call(func=ast.Name("enumerate"), args=[first, *_]):
            return surely_has_items(first)
    return False
