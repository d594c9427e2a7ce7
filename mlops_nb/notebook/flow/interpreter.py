"""Runs cells on objects of which only what the text tells is known: who binds what, who changes what.

Every branch is taken, every loop runs twice, a function runs where it is called, with the arguments it is called with.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from mlops_nb.notebook.cells import BUILTINS
from mlops_nb.notebook.flow import effects
from mlops_nb.notebook.flow.calls import Call, Calls, text_of
from mlops_nb.notebook.flow.objects import Binding, Bindings, Frame, Thing, Value, joined, reachable, united
from mlops_nb.notebook.ipython_syntax import CellText, cell_text, parsed

MOST_STEPS = 4_000
"""Statements and calls followed in one cell; of what comes after, only names are looked at."""

DEEPEST = 12
"""Calls of the notebook's functions within each other that are followed."""

_FRESH = {ast.List: "list", ast.Dict: "dict", ast.Set: "set", ast.Tuple: "tuple"}
_OWN = ("function", "class", "instance")
_FANCY = (ast.Compare, ast.BoolOp, ast.List, ast.ListComp)


class Interpreter(Calls):
    """A memory that can run cells."""

    def __init__(self) -> None:
        super().__init__()
        self.running: list[ast.AST] = []
        self.steps = 0
        self.shown: list[tuple[int, Value, bool]] = []
        self._dropped: ast.AST | None = None
        self._displayed: ast.AST | None = None

    def run_cell(
        self, cell: int, source: str, written: Collection[str] | None = None, *, is_whole: bool = True
    ) -> None:
        """Run a cell's text.

        Args:
            cell: its number.
            source: its text.
            written: the names that it was seen to bind or change, where it was seen.
            is_whole: whether it came to its end.
        """
        self.begin(cell)
        self.steps = 0
        self.weak = int(not is_whole)
        text = cell_text(source)
        tree = parsed(text.python)
        if tree is None:
            return
        self.cell_magics(text)
        try:
            self._run_statements(tree.body, text)
        except RecursionError:
            self.barrier()
        self.frame = self.globals
        self.weak = self.depth = 0
        if written is not None:
            self.settle(written)
        self.finish()

    def _run_statements(self, body: Sequence[ast.stmt], text: CellText) -> None:
        escapes = list(text.escapes)
        for statement in body:
            while escapes and escapes[0].line <= (statement.end_lineno or statement.lineno):
                self.escape(escapes.pop(0))
            is_last = statement is body[-1]
            value = self._run_statement(statement, is_shown=is_last and not text.source.rstrip().endswith(";"))
            if is_last and isinstance(statement, ast.Expr) and text.is_python:
                self._show(statement.value, value)
        for escape in escapes:
            self.escape(escape)

    def _run_statement(self, statement: ast.stmt, *, is_shown: bool) -> Value:
        if not isinstance(statement, ast.Expr):
            self.do(statement)
            return ()
        return self._expression(statement.value, is_shown=is_shown)

    def _expression(self, node: ast.expr, *, is_shown: bool = False) -> Value:
        self._dropped, self._displayed = (None, node) if is_shown else (node, None)
        value = self.value(node)
        self._dropped = self._displayed = None
        return value

    def _show(self, node: ast.expr, value: Value) -> None:
        """The value of a cell's last expression is displayed and kept as `_`."""
        if isinstance(node, ast.Constant) and node.value in (None, ...):
            return
        is_call = isinstance(node, ast.Call)
        if is_call and isinstance(node.func, ast.Name) and node.func.id in ("print", "display", "exec", "setattr"):  # type: ignore[attr-defined]
            return
        self.show()
        self.use(value)
        self.shown.append((self.cell, value, not is_call or bool(value) or self._gives_value(node)))

    def _gives_value(self, node: ast.expr) -> bool:
        called = node.func if isinstance(node, ast.Call) else node
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        return name in effects.SCALAR_BUILTINS or name in effects.PURE_METHODS

    # statements

    def do(self, node: ast.stmt) -> None:
        """Run a statement."""
        self.steps += 1
        _STATEMENTS.get(type(node), Interpreter._do_other)(self, node)

    def do_all(self, nodes: Iterable[ast.stmt]) -> None:
        """Run statements one after the other."""
        for node in nodes:
            self.do(node)

    def _do_other(self, node: ast.stmt) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
            elif isinstance(child, ast.stmt):
                self.do(child)

    def _do_nothing(self, node: ast.stmt) -> None:
        return

    def _do_expression(self, node: ast.Expr) -> None:
        self._expression(node.value)

    def _do_assign(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            self.store(target, value, node.value)

    def _do_annotated(self, node: ast.AnnAssign) -> None:
        self.value(node.annotation)
        if node.value is not None:
            self.store(node.target, self.value(node.value), node.value)

    def _do_augmented(self, node: ast.AugAssign) -> None:
        target = node.target
        if isinstance(target, ast.Name):
            old, new = self.load(target.id), self.value(node.value)
            self.use(old, new)
            self.change(tuple(each for each in old if each.kind not in ("frame", "tuple")))
            for thing in old:
                if thing.kind in ("list", "", "set", "dict"):
                    thing.hold(self.items(new))
            text = self._added_text(node, old, new)
            if any(each.kind == "tuple" for each in old):
                old = (Thing("tuple", parts=united((self.items(old), self.items(new)))),)
            self.bind(target.id, text or old or new)
            return
        self._load_target(target)
        value = self.value(node.value)
        self.store(target, value, node.value)

    def _added_text(self, node: ast.AugAssign, old: Value, new: Value) -> Value:
        first, second = text_of(old), text_of(new)
        if isinstance(node.op, ast.Add) and first is not None and second is not None:
            return (Thing("text", text=first + second),)
        return ()

    def _load_target(self, target: ast.expr) -> Value:
        """An element that is changed is read first."""
        match target:
            case ast.Attribute(value, name):
                return self.attribute(self.value(value), name)
            case ast.Subscript(value, index):
                return self._element(self.value(value), index, self.value(index))
        return ()

    def _do_delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.unbind(target.id)
            elif isinstance(target, ast.Tuple | ast.List):
                self._do_delete(ast.Delete(target.elts))
            else:
                self.store(target, (), None)

    def _do_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        function: Value = (self._function(node),)
        for decorator in reversed(node.decorator_list):
            function = self._decorated(decorator, function)
        self.bind(node.name, function)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Thing:
        made = Thing("function", getattr(node, "name", "<lambda>"))
        made.code = node
        frame = self.frame
        while frame.is_class and frame.parent is not None:
            frame = frame.parent
        made.frame = frame
        made.defaults = self._defaults(node.args)
        made.look_at(united(value for _, value in made.defaults.values()))
        if self.frame.is_class:
            made.owner = self.frame.function
        for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
            if each.annotation is not None:
                self.value(each.annotation)
        if not isinstance(node, ast.Lambda) and node.returns is not None:
            self.value(node.returns)
        return made

    def _defaults(self, args: ast.arguments) -> dict[str, tuple[int, Value]]:
        places = [*args.posonlyargs, *args.args]
        found = {
            arg.arg: (self.cell, self.value(default))
            for arg, default in zip(places[len(places) - len(args.defaults) :], args.defaults, strict=True)
        }
        for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            if default is not None:
                found[arg.arg] = (self.cell, self.value(default))
        return found

    def _decorated(self, decorator: ast.expr, function: Value) -> Value:
        """A decorator of the notebook is called; one of a library gives the same function, as far as we know."""
        value = self.value(decorator)
        own = tuple(
            each for each in value if each.kind in ("function", "class", "instance") and (each.code or each.owner)
        )
        if own:
            return self.call(own, _passed((function,))) or function
        kind = value[0].name.rpartition(".")[2] if len(value) == 1 and value[0].kind == "library" else ""
        for thing in function:
            if kind in ("staticmethod", "classmethod", "property", "cached_property"):
                thing.text = kind
            elif isinstance(decorator, ast.Attribute) and decorator.attr in ("setter", "getter"):
                thing.text = "property"
        self.change(tuple(each for each in value if each.kind in ("instance", "")), sure=False)
        for thing in value:
            if thing.kind in ("instance", ""):
                thing.hold(function)
        return function

    def _do_class(self, node: ast.ClassDef) -> None:
        made = Thing("class", node.name)
        made.code = node
        made.bases = united(self.value(base) for base in node.bases)
        for keyword in node.keywords:
            self.value(keyword.value)
        decorators = [self.value(each) for each in node.decorator_list]
        outside, self.frame = self.frame, Frame(self.frame, None, outer=_globals_of(node), is_class=True, function=made)
        try:
            self.do_all(node.body)
            made.members = {name: united(each.value for each in found) for name, found in self.frame.names.items()}
        finally:
            self.frame = outside
        made.hold(part for value in made.members.values() for part in value if part.kind != "function")
        made.look_at(part for value in made.members.values() for part in value)
        made.look_at(base for base in made.bases if base.kind != "library")
        value: Value = (made,)
        for decorator in reversed(decorators):
            own = tuple(each for each in decorator if each.kind == "function")
            value = (
                (self.call(own, Call(ast.Call(ast.Name("", ast.Load()), [], []), args=[value])) or value)
                if own
                else value
            )
        self.bind(node.name, value)

    def _do_return(self, node: ast.Return) -> None:
        if node.value is not None:
            self.frame_of_function().returned.update(dict.fromkeys(self.value(node.value)))

    def frame_of_function(self) -> Frame:
        """The frame of the function that runs."""
        frame: Frame | None = self.frame
        while frame is not None and frame.function is None and frame is not self.globals:
            frame = frame.parent
        return frame or self.globals

    # branches

    def _frames(self) -> list[Frame]:
        found, frame = [self.globals], self.frame
        while frame is not None and frame is not self.globals:
            found.append(frame)
            if frame.parent is None:
                break
            frame = frame.parent
        return found

    def _paths(self, paths: Sequence[Callable[[], bool]], *, may_take_none: bool) -> None:
        """Take one of several ways; a way gives whether it comes out at its end."""
        frames = self._frames()
        start = [dict(frame.names) for frame in frames]
        ends: list[list[dict[str, Bindings]]] = [start] if may_take_none else []
        self.depth += 1
        for path in paths:
            for frame, names in zip(frames, start, strict=True):
                frame.names = dict(names)
            if path():
                ends.append([frame.names for frame in frames])
        self.depth -= 1
        for at, frame in enumerate(frames):
            frame.names = _met([end[at] for end in ends]) if ends else dict(start[at])

    def _path(self, nodes: Sequence[ast.stmt], first: Callable[[], None] | None = None) -> Callable[[], bool]:
        def take() -> bool:
            if first is not None:
                first()
            self.do_all(nodes)
            return not (nodes and isinstance(nodes[-1], ast.Raise))

        return take

    def _do_if(self, node: ast.If) -> None:
        self.value(node.test)
        self._paths([self._path(node.body), self._path(node.orelse)], may_take_none=False)

    def _do_for(self, node: ast.For | ast.AsyncFor) -> None:
        source = self.value(node.iter)
        if isinstance(node.iter, ast.Name) and any(each.kind in ("iterator", "file") for each in source):
            self.renew(node.iter.id)

        def once() -> bool:
            self.store(node.target, self.items(source), None)
            self.do_all(node.body)
            return True

        self._loop(once, node.orelse, is_sure=_surely_has_items(node.iter))

    def _do_while(self, node: ast.While) -> None:
        self.value(node.test)

        def once() -> bool:
            self.do_all(node.body)
            self.value(node.test)
            return True

        self._loop(once, node.orelse, is_sure=isinstance(node.test, ast.Constant) and bool(node.test.value))

    def _loop(self, once: Callable[[], bool], otherwise: Sequence[ast.stmt], *, is_sure: bool) -> None:
        def twice() -> bool:
            once()
            if self.depth < 4:
                start = [(frame, dict(frame.names)) for frame in self._frames()]
                once()
                for frame, names in start:
                    frame.names = _met([names, frame.names])
            return True

        self._paths([twice], may_take_none=not is_sure)
        self.do_all(otherwise)

    def _do_with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            value = self.value(item.context_expr)
            for thing in value:
                if thing.kind == "instance" and thing.owner is not None:
                    for name in ("__enter__", "__exit__"):
                        self.method((thing,), name, Call(ast.Call(item.context_expr, [], [])))
            self.use(value, is_handed_over=any(each.pending for each in value))
            if item.optional_vars is not None:
                self.store(item.optional_vars, united((value, *(tuple(each.parts) for each in value))), None)
        self.do_all(node.body)

    def _do_try(self, node: ast.Try | ast.TryStar) -> None:
        frames = self._frames()
        before = [dict(frame.names) for frame in frames]
        middle: list[list[dict[str, Bindings]]] = [before]

        def body() -> bool:
            for statement in node.body:
                self.do(statement)
                middle.append([dict(frame.names) for frame in frames])
            self.do_all(node.orelse)
            return not (node.body and isinstance(node.body[-1], ast.Raise))

        paths: list[Callable[[], bool]] = [body]
        for handler in node.handlers:
            paths.append(self._handler(handler, frames, middle))
        if not node.handlers:
            self._paths(paths, may_take_none=False) if len(node.body) > 50 else body()
        else:
            self._paths(paths, may_take_none=False)
        self.do_all(node.finalbody)

    def _handler(
        self, handler: ast.ExceptHandler, frames: Sequence[Frame], middle: list[list[dict[str, Bindings]]]
    ) -> Callable[[], bool]:
        def take() -> bool:
            for at, frame in enumerate(frames):
                frame.names = _met([names[at] for names in middle])
            if handler.type is not None:
                self.value(handler.type)
            if handler.name:
                old = self.frame.names.get(handler.name)
                self.frame.names[handler.name] = (Binding(self.cell, (Thing("result", "builtins.Exception"),)),)
            self.do_all(handler.body)
            if handler.name:
                if old is not None:
                    self.frame.names[handler.name] = old
                else:
                    self.frame.names.pop(handler.name, None)
            return not isinstance(handler.body[-1], ast.Raise)

        return take

    def _do_match(self, node: ast.Match) -> None:
        subject = self.value(node.subject)
        inner = united((subject, *(tuple(each.parts) for each in subject)))

        def case(each: ast.match_case) -> Callable[[], bool]:
            def first() -> None:
                self._capture(each.pattern, inner)
                if each.guard is not None:
                    self.value(each.guard)

            return self._path(each.body, first)

        last = node.cases[-1]
        is_whole = isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None and last.guard is None
        self._paths([case(each) for each in node.cases], may_take_none=not is_whole)

    def _capture(self, pattern: ast.AST, value: Value) -> None:
        for node in ast.walk(pattern):
            if isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
                self.bind(node.name, value)
            elif isinstance(node, ast.MatchMapping) and node.rest:
                self.bind(node.rest, value)
            elif isinstance(node, ast.MatchValue):
                self.value(node.value)
            elif isinstance(node, ast.MatchClass):
                self.value(node.cls)

    def _do_import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.import_module(alias.name)
            whole = alias.name if alias.asname else alias.name.partition(".")[0]
            self.bind(alias.asname or whole, (self.library(whole),))

    def _do_import_from(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        if module == "__future__":
            return
        self.import_module(module.lstrip("."))
        for alias in node.names:
            if alias.name == "*":
                self._import_all(module)
                continue
            self.import_module(f"{module.lstrip('.')}.{alias.name}")
            path = f"{module}.{alias.name}" if module.lstrip(".") else alias.name
            self.bind(alias.asname or alias.name, (self.library(path),))

    def _import_all(self, module: str) -> None:
        names = _public_names(module)
        for name in names:
            self.bind(name, (self.library(f"{module}.{name}"),))
            self.writes.pop(name, None)
        if not names:
            self.stars[self.cell] = None

    # targets

    def store(self, target: ast.expr, value: Value, source: ast.expr | None) -> None:
        """Give a target a value."""
        match target:
            case ast.Name(id=name):
                self.bind(name, value)
            case ast.Tuple(elts) | ast.List(elts):
                for each, part in zip(elts, self._unpacked(elts, value, source), strict=True):
                    self.store(each, part, None)
            case ast.Starred(value=inner):
                self.store(inner, (Thing("list", parts=value),), None)
            case ast.Attribute(value=base, attr=name):
                self._store_in(target, base, self.value(base), value, name)
            case ast.Subscript(value=base, slice=index):
                held = self.value(base)
                self.value(index)
                self._store_in(target, base, held, value, index)

    def _unpacked(self, targets: Sequence[ast.expr], value: Value, source: ast.expr | None) -> Iterator[Value]:
        is_plain = not any(isinstance(each, ast.Starred) for each in targets)
        for thing in value:
            if thing.kind == "instance" and thing.owner is not None:
                self.use((thing,))
        for at in range(len(targets)):
            parts = []
            for thing in value:
                if is_plain and thing.elements is not None and len(thing.elements) == len(targets):
                    parts.append(thing.elements[at])
                elif thing.kind == "result":
                    part = Thing("result", thing.name, thing.parts)
                    part.look_at((thing,))
                    parts.append((part,))
                elif thing.kind in ("axes", "array", "", "instance"):
                    parts.append((thing, *thing.parts))
                else:
                    parts.append(self.items((thing,)))
            yield united(parts)

    def _store_in(
        self, target: ast.Attribute | ast.Subscript, base: ast.expr, held: Value, value: Value, key: str | ast.expr
    ) -> None:
        """`base.key = value` or `base[key] = value`."""
        for thing in held:
            if thing.kind == "library":
                self._store_in_library(thing, key)
            elif thing.kind == "namespace":
                self._store_in_namespace(key, value)
            elif thing.kind == "outs":
                continue
            else:
                self._put(thing, key, value)
        own = tuple(each for each in held if each.kind not in ("library", "namespace"))
        self.change(own)
        root = _root_of(base)
        if root is not None:
            if not isinstance(base, ast.Name):
                self.change(
                    tuple(each for each in self.load(root) if each not in own and each.kind != "library"), sure=False
                )
            self.renew(root)

    def _put(self, thing: Thing, key: str | ast.expr, value: Value) -> None:
        thing.elements = None
        thing.hold(value)
        if thing.kind == "class" and isinstance(key, str):
            thing.members[key] = united((thing.members.get(key, ()), value))
        if thing.columns is not None and isinstance(key, ast.Constant):
            thing.columns.add(str(key.value))
        if thing.kind == "instance" and thing.owner is not None:
            name = key if isinstance(key, str) else "__setitem__"
            for each in self.member(thing.owner, name if name == "__setitem__" else "__setattr__"):
                if each.kind == "function":
                    self.run_function(each, _passed((value,)), (thing,))
            for each in self.member(thing.owner, name):
                if each.text == "property":
                    self.use((thing,), value, is_handed_over=True)

    def _store_in_library(self, thing: Thing, key: str | ast.expr) -> None:
        root, _, rest = thing.name.partition(".")
        if thing.name == "os.environ":
            self.write_environment(text_of(self.value(key)) if isinstance(key, ast.expr) else None)
            return
        name = f"{rest}.{key}" if isinstance(key, str) else rest
        self.write_setting(root, "" if root == "matplotlib" else name.lstrip("."))

    def _store_in_namespace(self, key: str | ast.expr, value: Value) -> None:
        name = text_of(self.value(key)) if isinstance(key, ast.expr) else key
        if name is None:
            self.barrier()
        else:
            self.bind_global(name, value)

    # expressions

    def value(self, node: ast.expr) -> Value:
        """What an expression may be."""
        return _EXPRESSIONS.get(type(node), Interpreter._of_other)(self, node)

    def _of_other(self, node: ast.expr) -> Value:
        """The parts of an expression that gives a new object or none."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.use(self.value(child))
        return ()

    def _of_constant(self, node: ast.Constant) -> Value:
        return (Thing("text", text=node.value),) if isinstance(node.value, str) else ()

    def _of_name(self, node: ast.Name) -> Value:
        name = node.id
        if name[0] in "_OI" and self._is_history(name):
            return self._history(name)
        return self.load(name)

    def _is_history(self, name: str) -> bool:
        if name in self.globals.names or self.frame_of(name) is not None:
            return False
        return name in ("_", "__", "___", "Out", "_oh", "In", "_ih") or (name[0] == "_" and name[1:].isdigit())

    def _history(self, name: str) -> Value:
        if name in ("Out", "_oh"):
            return (Thing("outs"),)
        if name in ("In", "_ih"):
            return ()
        if name[1:].isdigit():
            return self._out(int(name[1:]))
        found, wanted = [], len(name)
        for cell, value, is_sure in reversed(self.shown):
            if cell != self.cell:
                self._need_out(cell, value, name)
                found.append(value)
                wanted -= is_sure
                if not wanted:
                    break
        return united(found)

    def _out(self, number: int | None) -> Value:
        found = [(cell, value) for cell, value, _ in self.shown if number is None or cell == number - 1]
        for cell, value in found:
            self._need_out(cell, value, "Out")
        return united(value for _, value in found)

    def _need_out(self, cell: int, value: Value, name: str) -> None:
        self.need(cell, name)
        for thing in reachable(value):
            self.see(thing, cell, name)

    def _of_attribute(self, node: ast.Attribute) -> Value:
        return self.attribute(self.value(node.value), node.attr)

    def attribute(self, value: Value, name: str) -> Value:
        """What `value.name` may be."""
        return united(self._attribute_of(thing, name) for thing in value)

    def _attribute_of(self, thing: Thing, name: str) -> Value:
        match thing.kind:
            case "library":
                root, _, rest = thing.name.partition(".")
                self.read_setting(root, f"{rest}.{name}".lstrip("."))
                self.read_package(root)
                return (self.library(f"{thing.name}.{name}"),)
            case "instance" if thing.owner is not None:
                return self._instance_attribute(thing, name)
            case "class":
                found = self.member(thing, name)
                return found or (tuple(thing.parts) or (Thing("method", name, (thing,)),))
            case "frame":
                if name in ("loc", "iloc", "at", "iat"):
                    return (thing,)
                return (
                    (Thing("array" if name in ("values", "array") else "frame"),)
                    if name not in ("shape", "size", "empty")
                    else ()
                )
            case "path":
                return (Thing("path", text=_parent(thing.text)),) if name in ("parent", "parents") else ()
            case "list" | "dict" | "set" | "tuple":
                return (Thing("method", name, (thing,)),)
            case "text" | "function" | "ipython":
                return (Thing("namespace"),) if name == "user_ns" else (thing,) if thing.kind == "function" else ()
            case "namespace":
                return (thing,)
            case "axes":
                return (thing,)
            case "array":
                return () if name in ("shape", "size", "ndim", "dtype", "nbytes") else (thing,)
        return (thing, *thing.parts)

    def _instance_attribute(self, thing: Thing, name: str) -> Value:
        found = self.member(thing.owner, name) if thing.owner is not None else ()
        values: list[Value] = []
        for each in found:
            if each.kind == "function" and each.text in ("property", "cached_property"):
                values.append(self.run_function(each, _passed(()), (thing,)))
            elif each.kind == "function":
                values.append((Thing("method", name, (thing,)),))
            else:
                values.append((each,))
        for each in self.member(thing.owner, "__getattr__") if thing.owner is not None and not found else ():
            values.append(self.run_function(each, _passed(()), (thing,)))
        if name == "__class__" and thing.owner is not None:
            return (thing.owner,)
        if name in ("__dict__",):
            return (thing,)
        return united((*values, tuple(thing.parts)))

    def _of_subscript(self, node: ast.Subscript) -> Value:
        held = self.value(node.value)
        return self._element(held, node.slice, self.value(node.slice))

    def _element(self, held: Value, index: ast.expr, key: Value) -> Value:
        self.use(key)
        return united(self._element_of(thing, index, key) for thing in held)

    def _element_of(self, thing: Thing, index: ast.expr, key: Value) -> Value:
        match thing.kind:
            case "namespace":
                name = text_of(key)
                if name is not None:
                    return self.load_global(name)
                self.barrier()
                return (Thing(),)
            case "outs":
                return self._out(
                    index.value if isinstance(index, ast.Constant) and isinstance(index.value, int) else None
                )
            case "library":
                if thing.name == "os.environ":
                    self.read_environment(text_of(key))
                    return ()
                return (Thing("result", thing.name),)
            case "frame":
                made = Thing("frame")
                return (made,)
            case "group":
                made = Thing("group")
                made.look_at((thing,))
                return (made,)
            case "text" | "path" | "function":
                return ()
            case "list" | "tuple" if isinstance(index, ast.Slice):
                return (Thing(thing.kind, parts=thing.parts),)
            case "tuple" | "list" if thing.elements is not None and isinstance(index, ast.Constant):
                at = index.value
                if isinstance(at, int) and -len(thing.elements) <= at < len(thing.elements):
                    return thing.elements[at]
                return tuple(thing.parts)
            case "list" | "dict" | "tuple" | "set":
                return tuple(thing.parts)
            case "instance" if thing.owner is not None:
                found = self.member(thing.owner, "__getitem__")
                got = [self.run_function(each, _passed((key,)), (thing,)) for each in found if each.kind == "function"]
                return united((*got, tuple(thing.parts)))
        is_fancy = isinstance(index, _FANCY) or (isinstance(index, ast.UnaryOp) and isinstance(index.op, ast.Invert))
        if is_fancy or (isinstance(index, ast.BinOp) and isinstance(index.op, ast.BitAnd | ast.BitOr)):
            return (Thing(thing.kind if thing.kind == "array" else "", parts=thing.parts),)
        return (thing, *thing.parts)

    def _of_call(self, node: ast.Call) -> Value:
        self.steps += 1
        call = Call(node, is_dropped=node is self._dropped, is_shown=node is self._displayed)
        func = node.func
        if isinstance(func, ast.Attribute):
            receiver = self.value(func.value)
            self._arguments(call)
            value = self.method(receiver, func.attr, call)
            self._renew_receiver(func.value, receiver)
            return value
        if isinstance(func, ast.Name) and func.id == "super" and not node.args:
            return self._super()
        callee = self.value(func)
        self._arguments(call)
        return self.call(callee, call)

    def _renew_receiver(self, node: ast.expr, receiver: Value) -> None:
        """A name whose object its method surely changed is bound anew."""
        if not isinstance(node, ast.Name) or len(receiver) != 1 or receiver[0] not in self.touched:
            return
        if [*receiver[0].changed] == [self.cell]:
            self.renew(node.id)

    def _arguments(self, call: Call) -> None:
        rest: list[Value] = []
        for each in call.node.args:
            if isinstance(each, ast.Starred):
                rest.append(self.items(self.value(each.value)))
            else:
                call.args.append(self.value(each))
        for keyword in call.node.keywords:
            if keyword.arg is None:
                value = self.value(keyword.value)
                rest.append(united((tuple(part for each in value for part in each.parts), _not_texts(value))))
            else:
                call.keywords[keyword.arg] = self.value(keyword.value)
        call.rest = united(rest)

    def _super(self) -> Value:
        frame = self.frame_of_function()
        function = frame.function
        if (
            function is None
            or function.owner is None
            or not isinstance(function.code, ast.FunctionDef | ast.AsyncFunctionDef)
        ):
            return (Thing(),)
        places = [*function.code.args.posonlyargs, *function.code.args.args]
        made = Thing("super", parts=self.load(places[0].arg) if places else ())
        made.bases = function.owner.bases
        return (made,)

    def _of_lambda(self, node: ast.Lambda) -> Value:
        return (self._function(node),)

    def _of_display(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        made = Thing(_FRESH[type(node)])
        elements, is_plain = [], True
        for each in node.elts:
            if isinstance(each, ast.Starred):
                is_plain = False
                elements.append(self.items(self.value(each.value)))
            else:
                elements.append(self.value(each))
        made.hold(united(elements))
        made.elements = elements if is_plain and len(elements) < 20 and not isinstance(node, ast.Set) else None
        return (made,)

    def _of_dict(self, node: ast.Dict) -> Value:
        parts: list[Value] = []
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                parts.append(tuple(part for each in self.value(value) for part in (each.parts or (each,))))
            else:
                parts += [self.value(key), self.value(value)]
        return (Thing("dict", parts=united(parts)),)

    def _of_operation(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        self.use((*left, *right), (*left, *right))
        first, second = text_of(left), text_of(right)
        if isinstance(node.op, ast.Add) and first is not None and second is not None:
            return (Thing("text", text=first + second),)
        if isinstance(node.op, ast.Div) and any(each.kind == "path" for each in (*left, *right)):
            return (Thing("path", text=None if first is None or second is None else f"{first}/{second}"),)
        if isinstance(node.op, ast.Mod) and first is not None:
            if any(each.kind == "namespace" for each in right):
                self._read_fields(first)
            return (Thing("text"),)
        kinds = [each.kind for each in (*left, *right) if each.kind not in ("text", "library")]
        if not kinds:
            return (Thing("text"),) if first is not None or second is not None else ()
        kind = next((each for each in ("frame", "array", "list", "set", "dict", "tuple") if each in kinds), "")
        parts = [part for each in (*left, *right) for part in each.parts] if kind not in ("frame", "array") else []
        if kind == "" and "instance" in kinds:
            parts += [*left, *right]
        return (Thing(kind, parts=parts),)

    def _of_choice(self, node: ast.BoolOp) -> Value:
        return united(self.value(each) for each in node.values)

    def _of_compare(self, node: ast.Compare) -> Value:
        values = [self.value(each) for each in (node.left, *node.comparators)]
        name = text_of(values[0])
        for thing in united(values[1:]) if name is not None else ():
            if thing.kind == "namespace":
                self.load_global(str(name))
            elif thing.name == "os.environ":
                self.read_environment(name)
                values = values[:1]
        self.use(united(values), united(values))
        kinds = {each.kind for value in values for each in value}
        return (Thing("frame" if "frame" in kinds else "array"),) if kinds & {"frame", "array"} else ()

    def _of_unary(self, node: ast.UnaryOp) -> Value:
        value = self.value(node.operand)
        self.use(value)
        kind = next((each.kind for each in value if each.kind in ("frame", "array")), "")
        return (Thing(kind),) if kind else ()

    def _of_if(self, node: ast.IfExp) -> Value:
        self.value(node.test)
        self.depth += 1
        found = united((self.value(node.body), self.value(node.orelse)))
        self.depth -= 1
        return found

    def _of_walrus(self, node: ast.NamedExpr) -> Value:
        value = self.value(node.value)
        inside = self.frame
        while self.frame.parent is not None and self.frame.function is None and self.frame is not self.globals:
            self.frame = self.frame.parent
        self.bind(node.target.id, value)
        self.frame = inside
        return value

    def _of_starred(self, node: ast.Starred) -> Value:
        return self.items(self.value(node.value))

    def _of_text(self, node: ast.JoinedStr) -> Value:
        parts: list[str | None] = []
        for each in node.values:
            if isinstance(each, ast.FormattedValue):
                value = self.value(each.value)
                self.use(value)
                if each.format_spec is not None:
                    self.value(each.format_spec)
                parts.append(text_of(value) if each.format_spec is None else None)
            else:
                parts.append(str(each.value) if isinstance(each, ast.Constant) else None)
        self.show()
        whole = None if None in parts else "".join(part for part in parts if part is not None)
        return (Thing("text", text=whole),)

    def _of_await(self, node: ast.Await) -> Value:
        value = self.value(node.value)
        self.use(value, is_handed_over=True)
        return value

    def _of_yield(self, node: ast.Yield | ast.YieldFrom) -> Value:
        if node.value is not None:
            value = self.value(node.value)
            given = self.items(value) if isinstance(node, ast.YieldFrom) else value
            self.frame_of_function().returned.update(dict.fromkeys(given))
        return ()

    def _of_comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp) -> Value:
        kind = {ast.ListComp: "list", ast.SetComp: "set", ast.DictComp: "dict"}[type(node)]
        return (Thing(kind, parts=self._comprehended(node, self.value(node.generators[0].iter))),)

    def _of_generator(self, node: ast.GeneratorExp) -> Value:
        source, frame = self.value(node.generators[0].iter), self.frame
        made = Thing("iterator")

        def run() -> Value:
            outside, self.frame = self.frame, frame
            found = self._comprehended(node, source)
            self.frame = outside
            return found

        made.pending = [run]
        made.look_at(source)
        return (made,)

    def _comprehended(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, source: Value) -> Value:
        outside = self.frame
        self.frame = Frame(outside, _targets(node))
        self.depth += 1
        for at, generator in enumerate(node.generators):
            items = self.items(source if at == 0 else self.value(generator.iter))
            self.store(generator.target, items, None)
            for condition in generator.ifs:
                self.use(self.value(condition))
        made = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        found = united(self.value(each) for each in made)
        self.depth -= 1
        self.frame = outside
        return found

    # functions and classes of the notebook

    def run_function(self, function: Thing, call: Call, owner: Value = ()) -> Value:
        """A function of the notebook runs, with these arguments."""
        code = function.code
        if not isinstance(code, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return ()
        if self.running.count(code) > 1 or len(self.running) >= DEEPEST or self.steps > MOST_STEPS:
            return self._outlined(code, call, owner)
        frame = Frame(function.frame, _locals_of(code), outer=_globals_of(code), function=function)
        self._pass_arguments(frame, function, code.args, call, owner)
        if _is_generator(code):
            made = Thing("iterator", function.name)
            made.pending = [lambda: self._run_body(code, frame)]
            made.look_at(call.given)
            return (made,)
        return self._run_body(code, frame)

    def _run_body(self, code: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, frame: Frame) -> Value:
        outside, self.frame = self.frame, frame
        dropped, self._dropped = self._dropped, None
        displayed, self._displayed = self._displayed, None
        self.running.append(code)
        try:
            if isinstance(code, ast.Lambda):
                return self.value(code.body)
            self.do_all(code.body)
            return tuple(frame.returned)
        finally:
            self.running.pop()
            self.frame = outside
            self._dropped, self._displayed = dropped, displayed

    def _outlined(self, code: ast.AST, call: Call, owner: Value) -> Value:
        """What a function may do at most, where it is not followed: it reads its names and changes what it is given."""
        given = united((owner, call.given))
        is_again = code in self.running
        if not is_again or _may_change(code):
            self.change(given, sure=False)
        if not is_again:
            for name in _free_names(code):
                if name in self.globals.names:
                    self.change(self.load_global(name), sure=False)
        return given

    def _pass_arguments(self, frame: Frame, function: Thing, args: ast.arguments, call: Call, owner: Value) -> None:
        places = [*args.posonlyargs, *args.args]
        given = [owner, *call.args] if owner else list(call.args)
        for at, arg in enumerate(places):
            if at < len(given):
                value, cell = given[at], self.cell
            elif arg.arg in call.keywords:
                value, cell = call.keywords[arg.arg], self.cell
            else:
                cell, value = function.defaults.get(arg.arg, (self.cell, ()))
                value = united((value, call.rest))
            frame.names[arg.arg] = (Binding(cell, value),)
        for arg in args.kwonlyargs:
            cell, value = function.defaults.get(arg.arg, (self.cell, ()))
            if arg.arg in call.keywords:
                cell, value = self.cell, call.keywords[arg.arg]
            frame.names[arg.arg] = (Binding(cell, united((value, call.rest))),)
        more = united((*given[len(places) :], call.rest))
        if args.vararg is not None:
            frame.names[args.vararg.arg] = (Binding(self.cell, (Thing("tuple", parts=more),)),)
        if args.kwarg is not None:
            named = united((*(value for name, value in call.keywords.items()), call.rest))
            frame.names[args.kwarg.arg] = (Binding(self.cell, (Thing("dict", parts=named),)),)

    def run_class(self, cls: Thing, call: Call) -> Value:
        """An instance of a class of the notebook is made."""
        made = Thing("instance", cls.name)
        made.owner = cls
        made.look_at((cls,))
        found = self.member(cls, "__init__")
        for each in found:
            if each.kind == "function":
                self.run_function(each, call, (made,))
        if not found:
            made.hold(call.given)
            for each in self.member(cls, "__post_init__"):
                self.run_function(each, _passed(()), (made,))
        for each in self.member(cls, "__new__"):
            if each.kind == "function":
                return united(((made,), self.run_function(each, call, (cls,))))
        if any(base.kind == "library" for base in cls.bases):
            made.name = next(base.name for base in cls.bases if base.kind == "library")
        return (made,)

    def run_text(self, text: str, *, is_expression: bool) -> Value:
        """`exec` or `eval` of a known text."""
        tree = parsed(text)
        if tree is None or len(self.running) >= DEEPEST:
            self.barrier()
            return ()
        if is_expression:
            first = tree.body[0] if len(tree.body) == 1 else None
            return self.value(first.value) if isinstance(first, ast.Expr) else ()
        self.running.append(tree)
        self.do_all(tree.body)
        self.running.pop()
        return ()


def _met(ends: Sequence[Mapping[str, Bindings]]) -> dict[str, Bindings]:
    """The names after ways that meet."""
    met = dict(ends[0])
    for end in ends[1:]:
        if end is ends[0]:
            continue
        for name, bindings in end.items():
            if met.get(name) is not bindings:
                met[name] = joined(met.get(name, ()), bindings)
    return met


def _passed(args: Sequence[Value]) -> Call:
    return Call(ast.Call(ast.Name("", ast.Load()), [], []), args=list(args))


def _not_texts(value: Value) -> Value:
    return tuple(each for each in value if each.kind not in ("text", "dict"))


def _parent(path: str | None) -> str | None:
    return None if path is None else path.rpartition("/")[0] or "."


def _root_of(node: ast.AST) -> str | None:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _surely_has_items(node: ast.expr) -> bool:
    match node:
        case ast.List(elts) | ast.Tuple(elts) | ast.Set(elts):
            return bool(elts) and not any(isinstance(each, ast.Starred) for each in elts)
        case ast.Call(func=ast.Name("range"), args=[ast.Constant(int(count))]):
            return count > 0
        case ast.Call(func=ast.Name("enumerate"), args=[first, *_]):
            return _surely_has_items(first)
    return False


@lru_cache(maxsize=4096)
def _targets(node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> frozenset[str]:
    found = set()
    for generator in node.generators:
        found |= {each.id for each in ast.walk(generator.target) if isinstance(each, ast.Name)}
    return frozenset(found)


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
def _locals_of(code: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> frozenset[str]:
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
def _globals_of(code: ast.AST) -> frozenset[str]:
    if isinstance(code, ast.Lambda):
        return frozenset()
    return frozenset(name for node in _own_nodes(code) if isinstance(node, ast.Global) for name in node.names)


@lru_cache(maxsize=4096)
def _is_generator(code: ast.AST) -> bool:
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in _own_nodes(code))


@lru_cache(maxsize=4096)
def _may_change(code: ast.AST) -> bool:
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
def _free_names(code: ast.AST) -> tuple[str, ...]:
    return tuple(dict.fromkeys(node.id for node in ast.walk(code) if isinstance(node, ast.Name)))


_UNSAFE_TO_IMPORT = frozenset(("antigravity", "this", "idlelib", "turtle", "tkinter", "test", "turtledemo", "lib2to3"))


@lru_cache(maxsize=64)
def _public_names(module: str) -> tuple[str, ...]:
    """What `from module import *` binds, for modules of the standard library; none where that is not known."""
    import sys
    from importlib import import_module

    if module.partition(".")[0] not in sys.stdlib_module_names or module.partition(".")[0] in _UNSAFE_TO_IMPORT:
        return ()
    try:
        found = import_module(module)
    except ImportError:
        return ()
    names = getattr(found, "__all__", None) or [name for name in vars(found) if not name.startswith("_")]
    return tuple(str(name) for name in names)


_STATEMENTS: dict[type[ast.AST], Callable[..., None]] = {
    ast.Expr: Interpreter._do_expression,
    ast.Assign: Interpreter._do_assign,
    ast.AnnAssign: Interpreter._do_annotated,
    ast.AugAssign: Interpreter._do_augmented,
    ast.Delete: Interpreter._do_delete,
    ast.FunctionDef: Interpreter._do_function,
    ast.AsyncFunctionDef: Interpreter._do_function,
    ast.ClassDef: Interpreter._do_class,
    ast.Return: Interpreter._do_return,
    ast.If: Interpreter._do_if,
    ast.For: Interpreter._do_for,
    ast.AsyncFor: Interpreter._do_for,
    ast.While: Interpreter._do_while,
    ast.With: Interpreter._do_with,
    ast.AsyncWith: Interpreter._do_with,
    ast.Try: Interpreter._do_try,
    ast.TryStar: Interpreter._do_try,
    ast.Match: Interpreter._do_match,
    ast.Import: Interpreter._do_import,
    ast.ImportFrom: Interpreter._do_import_from,
    ast.Global: Interpreter._do_nothing,
    ast.Nonlocal: Interpreter._do_nothing,
    ast.Pass: Interpreter._do_nothing,
    ast.Break: Interpreter._do_nothing,
    ast.Continue: Interpreter._do_nothing,
}
_EXPRESSIONS: dict[type[ast.AST], Callable[..., Value]] = {
    ast.Constant: Interpreter._of_constant,
    ast.Name: Interpreter._of_name,
    ast.Attribute: Interpreter._of_attribute,
    ast.Subscript: Interpreter._of_subscript,
    ast.Call: Interpreter._of_call,
    ast.Lambda: Interpreter._of_lambda,
    ast.List: Interpreter._of_display,
    ast.Tuple: Interpreter._of_display,
    ast.Set: Interpreter._of_display,
    ast.Dict: Interpreter._of_dict,
    ast.BinOp: Interpreter._of_operation,
    ast.BoolOp: Interpreter._of_choice,
    ast.Compare: Interpreter._of_compare,
    ast.UnaryOp: Interpreter._of_unary,
    ast.IfExp: Interpreter._of_if,
    ast.NamedExpr: Interpreter._of_walrus,
    ast.Starred: Interpreter._of_starred,
    ast.JoinedStr: Interpreter._of_text,
    ast.Await: Interpreter._of_await,
    ast.Yield: Interpreter._of_yield,
    ast.YieldFrom: Interpreter._of_yield,
    ast.ListComp: Interpreter._of_comprehension,
    ast.SetComp: Interpreter._of_comprehension,
    ast.DictComp: Interpreter._of_comprehension,
    ast.GeneratorExp: Interpreter._of_generator,
}
