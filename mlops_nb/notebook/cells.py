"""What a cell reads, binds and changes, read from its syntax tree."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

from mlops_nb.notebook.ipython_syntax import cell_text, cell_tree
from mlops_nb.record import Record
from mlops_nb.tracking.values import Value

BUILTINS = frozenset(dir(builtins)) | {"__file__", "display", "get_ipython", "exit", "quit"}
"""Names that are there without a cell that binds them."""

# fmt: off
IN_PLACE_METHODS = frozenset({
    "append", "extend", "insert", "remove", "reverse", "sort", "clear", "update", "add", "discard", "setdefault",
    "popitem", "appendleft", "extendleft", "fit", "fit_transform", "fit_predict", "partial_fit", "set_params",
    "load_state_dict", "backward", "seed", "shuffle",
})
# fmt: on
"""Methods that change the object they are called on."""

_QUERY_NAME = re.compile(r"@([A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True)
class FunctionNames(Record):
    """What a function or class reads, binds and changes outside itself when it is called."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    mutates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CellNames(Record):
    """The names of a cell, each in the order in which it first occurs.

    Args:
        reads: names read before the cell surely bound them; builtins apart.
        writes: names bound at top level, on some path at least.
        uncertain: those of `writes` that some path does not bind, so that an earlier value may survive.
        deletes: names that `del` unbinds and nothing binds again.
        mutates: names whose object is changed: by assignment into it, `+=`, `del d[k]`, or a method known for it.
        imports: those of `writes` that are bound by an import.
        stars: modules imported with `*`.
        loop_names: those of `writes` that only a `for` or a `with` binds.
        literals: top-level `name = literal` that nothing in the cell changes afterwards.
        results: top-level `name = function(...)`: the dotted name of the function.
        calls: dotted names of what is called; `RandomForestClassifier.fit` for a method of a call's result.
        functions: functions, classes and lambdas bound at top level, and what they read when they are called.
        reads_builtins: builtin names that are read, for the notebook that rebinds one.
        awaits: whether there is a top-level `await`.
        is_valid: whether it is Python once IPython's syntax is taken apart.
        is_python: False for a cell whose body belongs to `%%bash` and its like.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    mutates: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    stars: tuple[str, ...] = ()
    loop_names: tuple[str, ...] = ()
    literals: Mapping[str, Value] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)
    calls: tuple[str, ...] = ()
    functions: Mapping[str, FunctionNames] = field(default_factory=dict)
    reads_builtins: tuple[str, ...] = ()
    awaits: bool = False
    is_valid: bool = True
    is_python: bool = True


@lru_cache(maxsize=1024)
def read_cell(source: str) -> CellNames:
    """The names of a cell; never raises, whatever the text.

    >>> names = read_cell("%time model = Forest(n).fit(X)\\ndf['p'] = model.predict(X)")
    >>> names.reads, names.writes, names.mutates
    (('Forest', 'n', 'X', 'df'), ('model',), ('df',))
    """
    return _read(source)


def _read(source: str) -> CellNames:
    text = cell_text(source)
    tree = cell_tree(source)
    if tree is None:
        return CellNames(is_valid=False, is_python=text.is_python)
    try:
        return _names_of(tree, is_python=text.is_python)
    except RecursionError:
        return CellNames(is_valid=False, is_python=text.is_python)


def _names_of(tree: ast.Module, *, is_python: bool) -> CellNames:
    cell = _Cell()
    cell.visit_all(tree.body)
    fixed = {name: value for name, value in cell.literals.items() if name in cell.bound}
    return CellNames(
        reads=tuple(name for name in cell.reads if name not in BUILTINS),
        writes=tuple(cell.writes),
        uncertain=tuple(name for name in cell.writes if name not in cell.bound and name not in cell.deleted),
        deletes=tuple(name for name in cell.deleted if name not in cell.bound),
        mutates=tuple(cell.mutates),
        imports=tuple(name for name, how in cell.writes.items() if how == {"import"}),
        stars=tuple(cell.stars),
        loop_names=tuple(name for name, how in cell.writes.items() if how == {"loop"}),
        literals=fixed,
        results=dict(cell.results),
        calls=tuple(cell.calls),
        functions=dict(cell.functions),
        reads_builtins=tuple(name for name in cell.reads if name in BUILTINS),
        awaits=cell.awaits,
        is_python=is_python,
    )


class _Scope(ast.NodeVisitor):
    """What cells and functions have in common: names hidden by comprehensions, changed objects, calls."""

    def __init__(self) -> None:
        self.reads: dict[str, None] = {}
        self.mutates: dict[str, None] = {}
        self.calls: dict[str, None] = {}
        self.hidden: list[set[str]] = []

    def read(self, name: str) -> None:
        raise NotImplementedError

    def bind(self, name: str, how: str = "assign") -> None:
        raise NotImplementedError

    def unbind(self, name: str) -> None:
        raise NotImplementedError

    def define(self, name: str, names: FunctionNames) -> None:
        raise NotImplementedError

    def use(self, names: FunctionNames) -> None:
        """A function that may be called at once: what it touches is touched here."""
        for name in names.reads:
            self.read_outside(name)
        for name in names.mutates:
            self.change(name)

    def visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def is_hidden(self, name: str) -> bool:
        return any(name in names for names in self.hidden)

    def read_outside(self, name: str) -> None:
        if not self.is_hidden(name):
            self.read(name)

    def change(self, name: str) -> None:
        if not self.is_hidden(name):
            self.mutates[name] = None

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.read_outside(node.id)
        elif isinstance(node.ctx, ast.Store):
            self.bind(node.id)
        else:
            self.unbind(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.visit(node.value)
        self._note_change(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.visit(node.value)
        self.visit(node.slice)
        self._note_change(node)

    def _note_change(self, node: ast.Attribute | ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load) and (root := _root(node)):
            self.change(root)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        self.visit_all(node.targets)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.read_outside(node.target.id)
        self.visit(node.value)
        self.visit(node.target)
        if root := _root(node.target):
            self.change(root)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.visit(node.target)
        elif not isinstance(node.target, ast.Name):
            self.visit(node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        hidden, self.hidden = self.hidden, []
        self.bind(node.target.id)
        self.hidden = hidden

    def visit_Call(self, node: ast.Call) -> None:
        self.visit(node.func)
        self.visit_all(node.args)
        self.visit_all(node.keywords)
        if name := dotted_call(node):
            self.calls[name] = None
        if isinstance(node.func, ast.Attribute):
            self._note_method(node.func, node)
        for keyword in node.keywords:
            if keyword.arg == "out" and (root := _root(keyword.value)):
                self.change(root)
        for name in _names_in_query(node):
            self.read_outside(name)

    def _note_method(self, func: ast.Attribute, node: ast.Call) -> None:
        is_numpy = func.attr == "add" and len(node.args) > 1
        in_place = (func.attr in IN_PLACE_METHODS and not is_numpy) or any(
            keyword.arg == "inplace" and isinstance(keyword.value, ast.Constant) and keyword.value.value is True
            for keyword in node.keywords
        )
        if in_place and (root := _root(func)):
            self.change(root)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.bind(alias.asname or alias.name.partition(".")[0], "import")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*":
                self.star("." * node.level + (node.module or ""))
            else:
                self.bind(alias.asname or alias.name, "import")

    def star(self, module: str) -> None:
        """A star import; only cells can have one."""

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.visit_all(node.decorator_list)
        names = function_names(node, self._visit_signature)
        self.bind(node.name, "define")
        self.define(node.name, names)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.use(function_names(node, self._visit_signature))

    def _visit_signature(self, node: ast.AST) -> None:
        self.visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.visit_all(node.decorator_list)
        self.visit_all(node.bases)
        self.visit_all(node.keywords)
        body = _ClassBody()
        body.hidden.append(_type_parameters(node))
        body.visit_all(node.body)
        for name in body.reads:
            self.read_outside(name)
        for name in body.mutates:
            self.change(name)
        self.bind(node.name, "define")
        later = FunctionNames(*(tuple(names) for names in (body.late_reads, body.late_writes, body.late_mutates)))
        self.define(node.name, later)

    def wait(self) -> None:
        """Something is awaited in this scope."""

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        if any(each.is_async for each in node.generators) and not isinstance(node, ast.GeneratorExp):
            self.wait()
        first = node.generators[0]
        self.visit(first.iter)
        local: set[str] = set()
        self.hidden.append(local)
        for generator in node.generators:
            if generator is not first:
                self.visit(generator.iter)
            local.update(_stored(generator.target))
            self.visit(generator.target)
            self.visit_all(generator.ifs)
        self.visit_all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self.hidden.pop()

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self._bind_target(node.target)
        self.visit_all(node.body)
        self.visit_all(node.orelse)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self.visit_For(node)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars is not None:
                self._bind_target(item.optional_vars)
        self.visit_all(node.body)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        self.visit_With(node)

    def _bind_target(self, target: ast.AST) -> None:
        for name in _stored(target):
            if not self.is_hidden(name):
                self.bind(name, "loop")
        for node in ast.walk(target):
            if isinstance(node, ast.Attribute | ast.Subscript):
                self.visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self.visit(node.type)
        self.hidden.append({node.name} if node.name else set())
        self.visit_all(node.body)
        self.hidden.pop()

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        if node.pattern is not None:
            self.visit(node.pattern)
        if node.name is not None:
            self.bind(node.name)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name is not None:
            self.bind(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.visit_all([*node.keys, *node.patterns])
        if node.rest is not None:
            self.bind(node.rest)


class _Cell(_Scope):
    """The top level of a cell, in the order in which it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.bound: set[str] = set()
        self.writes: dict[str, set[str]] = {}
        self.deleted: dict[str, None] = {}
        self.literals: dict[str, Value] = {}
        self.results: dict[str, str] = {}
        self.functions: dict[str, FunctionNames] = {}
        self.stars: dict[str, None] = {}
        self.awaits = False
        self.depth = 0

    def read(self, name: str) -> None:
        if name not in self.bound:
            self.reads[name] = None
        self._call(name, set())

    def _call(self, name: str, seen: set[str]) -> None:
        """A name is used: where it is a function, what it reads is read now, through the functions it uses."""
        names = self.functions.get(name) if name in self.bound else None
        if names is None or name in seen:
            return
        seen.add(name)
        for each in names.reads:
            if each not in self.bound:
                self.reads[each] = None
            self._call(each, seen)
        for each in names.mutates:
            self.mutates[each] = None
        for each in names.writes:
            self.mutates[each] = None
            self.writes.setdefault(each, set()).add("call")

    def bind(self, name: str, how: str = "assign") -> None:
        if self.is_hidden(name):
            return
        self.bound.add(name)
        self.deleted.pop(name, None)
        self.writes.setdefault(name, set()).add(how)
        for known in (self.literals, self.results, self.functions):
            known.pop(name, None)

    def unbind(self, name: str) -> None:
        if name not in self.bound:
            self.reads[name] = None
        self.writes.setdefault(name, set()).add("delete")
        self.bound.discard(name)
        self.deleted[name] = None

    def change(self, name: str) -> None:
        super().change(name)
        self.literals.pop(name, None)

    def define(self, name: str, names: FunctionNames) -> None:
        self.functions[name] = names

    def star(self, module: str) -> None:
        self.stars[module] = None

    def wait(self) -> None:
        self.awaits = True

    def visit_Await(self, node: ast.Await) -> None:
        self.wait()
        self.visit(node.value)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self.wait()
        self.visit_For(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        self.wait()
        self.visit_With(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if isinstance(node.value, ast.Lambda) and len(names) == len(node.targets):
            late = function_names(node.value, self.visit)
            for name in names:
                self.bind(name, "define")
                self.define(name, late)
            return
        super().visit_Assign(node)
        for target in node.targets:
            self._note_value(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        super().visit_AnnAssign(node)
        if node.value is not None:
            self._note_value(node.target, node.value)

    def _note_value(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
            starred = any(isinstance(each, ast.Starred) for each in (*target.elts, *value.elts))
            if len(target.elts) == len(value.elts) and not starred:
                for each, item in zip(target.elts, value.elts, strict=True):
                    self._note_value(each, item)
            return
        if not isinstance(target, ast.Name):
            return
        if self.depth == 0 and is_literal(value):
            self.literals[target.id] = literal_value(value)
        if called := _result_of(value):
            self.results[target.id] = called

    @contextmanager
    def _branch(self) -> Iterator[None]:
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    def _path(self, start: set[str], nodes: list[ast.stmt]) -> set[str] | None:
        """The names surely bound after the statements; None when they never end normally."""
        self.bound = set(start)
        with self._branch():
            self.visit_all(nodes)
        return None if nodes and isinstance(nodes[-1], ast.Raise | ast.Continue | ast.Break) else self.bound

    def _meet(self, paths: list[set[str] | None], otherwise: set[str]) -> None:
        ending = [path for path in paths if path is not None]
        self.bound = set.intersection(*ending) if ending else set(otherwise)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        start = set(self.bound)
        self._meet([self._path(start, node.body), self._path(start, node.orelse)], start)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        start = set(self.bound)
        with self._branch():
            self._bind_target(node.target)
            self.visit_all(node.body)
        self.bound = start
        with self._branch():
            self.visit_all(node.orelse)

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        start = set(self.bound)
        with self._branch():
            self.visit_all(node.body)
        if not (isinstance(node.test, ast.Constant) and node.test.value):
            self.bound = start
            with self._branch():
                self.visit_all(node.orelse)

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        start = set(self.bound)
        paths = [self._path(start, [*node.body, *node.orelse])]
        for handler in node.handlers:
            self.bound = set(start)
            with self._branch():
                self.visit(handler)
            ends = isinstance(handler.body[-1], ast.Raise | ast.Continue | ast.Break)
            paths.append(None if ends else self.bound)
        self._meet(paths, start)
        self.visit_all(node.finalbody)

    def visit_TryStar(self, node: ast.TryStar) -> None:
        self.visit_Try(node)

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        start = set(self.bound)
        paths: list[set[str] | None] = []
        catches_all = False
        for case in node.cases:
            self.bound = set(start)
            with self._branch():
                self.visit(case.pattern)
                if case.guard is not None:
                    self.visit(case.guard)
                self.visit_all(case.body)
            paths.append(self.bound)
            is_bare = isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
            catches_all |= is_bare and case.guard is None
        self._meet(paths if catches_all else [*paths, start], start)


class _Function(_Scope):
    """A function's body, where the order of statements does not matter: a name is local or it is not."""

    def __init__(self, local: Iterable[str]) -> None:
        super().__init__()
        self.local = set(local)
        self.outer: set[str] = set()
        self.written: dict[str, None] = {}

    def read(self, name: str) -> None:
        self.reads[name] = None

    def bind(self, name: str, how: str = "assign") -> None:
        if not self.is_hidden(name):
            self.written[name] = None

    def unbind(self, name: str) -> None:
        self.bind(name)

    def define(self, name: str, names: FunctionNames) -> None:
        self.use(names)

    def use(self, names: FunctionNames) -> None:
        super().use(names)
        for name in names.writes:
            self.outer.add(name)
            self.written[name] = None

    def visit_Global(self, node: ast.Global) -> None:
        self.outer.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.local.update(node.names)

    def names(self) -> FunctionNames:
        local = (self.local | set(self.written)) - self.outer
        return FunctionNames(
            tuple(name for name in self.reads if name not in local),
            tuple(name for name in self.written if name in self.outer),
            tuple(name for name in self.mutates if name not in local),
        )


class _ClassBody(_Cell):
    """A class body: it runs where it stands, its methods run later and do not see its names."""

    def __init__(self) -> None:
        super().__init__()
        self.late_reads: dict[str, None] = {}
        self.late_writes: dict[str, None] = {}
        self.late_mutates: dict[str, None] = {}

    def define(self, name: str, names: FunctionNames) -> None:
        super().define(name, names)
        self.late_reads |= dict.fromkeys(names.reads)
        self.late_writes |= dict.fromkeys(names.writes)
        self.late_mutates |= dict.fromkeys(names.mutates)


def function_names(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, outside: Callable[[ast.AST], None]
) -> FunctionNames:
    """What a function touches outside itself when called; `outside` gets what is evaluated at its definition."""
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    for default in (*arguments.defaults, *arguments.kw_defaults, *(each.annotation for each in every)):
        if default is not None:
            outside(default)
    function = _Function([*(each.arg for each in every), *_type_parameters(node)])
    if isinstance(node, ast.Lambda):
        function.visit(node.body)
    else:
        if node.returns is not None:
            outside(node.returns)
        function.visit_all(node.body)
    return function.names()


def is_literal(node: ast.AST) -> bool:
    """Whether an expression is a plain literal: None, bool, int, float, str, or a list, tuple or dict of them."""
    match node:
        case ast.Constant():
            return node.value is None or type(node.value) in (bool, int, float, str)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=value)):
            return type(value) in (int, float)
        case ast.List() | ast.Tuple():
            return all(is_literal(each) for each in node.elts)
        case ast.Dict():
            texts = all(isinstance(key, ast.Constant) and isinstance(key.value, str) for key in node.keys)
            return texts and all(is_literal(value) for value in node.values)
    return False


def literal_value(node: ast.expr) -> Value:
    """The value of a plain literal; tuples become lists.

    >>> literal_value(ast.parse("(-1, {'a': None})", mode="eval").body)
    [-1, {'a': None}]
    """
    match node:
        case ast.List() | ast.Tuple():
            return [literal_value(each) for each in node.elts]
        case ast.Dict():
            pairs = zip(
                ast.literal_eval(ast.Tuple(list(filter(None, node.keys)), ast.Load())), node.values, strict=True
            )
            return {key: literal_value(value) for key, value in pairs}
    value: Value = ast.literal_eval(node)
    return value


def dotted_call(node: ast.Call) -> str:
    """The dotted name of what is called; empty where it has none.

    >>> dotted_call(ast.parse("Forest(n).fit(X)", mode="eval").body)
    'Forest.fit'
    """
    parts: list[str] = []
    func: ast.AST = node.func
    while not isinstance(func, ast.Name):
        match func:
            case ast.Attribute():
                parts.append(func.attr)
                func = func.value
            case ast.Call():
                func = func.func
            case ast.Subscript():
                func = func.value
            case _:
                return ""
    return ".".join([func.id, *reversed(parts)])


def _result_of(value: ast.expr) -> str:
    """The function whose result is assigned; `float(...)` and `round(...)` are looked through."""
    while isinstance(value, ast.Await):
        value = value.value
    if not isinstance(value, ast.Call):
        return ""
    name = dotted_call(value)
    return _result_of(value.args[0]) or name if name in ("float", "int", "round") and value.args else name


def _root(node: ast.AST) -> str:
    """The name at the bottom of `a.b["c"].d`; empty when there is another thing."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _type_parameters(node: ast.AST) -> set[str]:
    return {each.name for each in getattr(node, "type_params", ())}


def _names_in_query(node: ast.Call) -> list[str]:
    """The `@name` parts of a DataFrame's `query("a > @name")` or `eval`."""
    if not (isinstance(node.func, ast.Attribute) and node.func.attr in ("query", "eval") and node.args):
        return []
    text = node.args[0]
    if not (isinstance(text, ast.Constant) and isinstance(text.value, str)):
        return []
    return _QUERY_NAME.findall(text.value)


def _stored(target: ast.AST) -> list[str]:
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]


def without_fixed(statements: Sequence[ast.stmt], names: Collection[str]) -> list[ast.stmt]:
    """The statements but those that only give one of the names a fixed value."""
    return [statement for statement in statements if not _sets(statement, names)]


def _sets(statement: ast.stmt, names: Collection[str]) -> bool:
    """Whether a statement only gives one of the names a fixed value."""
    match statement:
        case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), _, ast.expr() as value):
            return name in names and _is_fixed(value)
    return False


def _is_fixed(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return False
    return True
