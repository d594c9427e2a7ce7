"""What statements do: assignments, branches, loops, definitions, imports."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from mlops_nb.notebook.flow.calls import Call, passed, text_of
from mlops_nb.notebook.flow.expressions import Expressions
from mlops_nb.notebook.flow.objects import Binding, Bindings, Frame, Thing, Value, joined, united
from mlops_nb.notebook.flow.scopes import (
    globals_of,
    public_names,
    root_of,
    surely_has_items,
)


class Statements(Expressions):
    """Expressions, and the statements around them. Every branch is taken, every loop runs twice."""

    def do(self, node: ast.stmt) -> None:
        """Run a statement."""
        self.steps += 1
        _STATEMENTS.get(type(node), Statements._do_other)(self, node)

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

    def _expression(self, node: ast.expr, *, is_shown: bool = False) -> Value:
        self._dropped, self._displayed = (None, node) if is_shown else (node, None)
        value = self.value(node)
        self._dropped = self._displayed = None
        return value

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

    def _do_class(self, node: ast.ClassDef) -> None:
        made = Thing("class", node.name)
        made.code = node
        made.bases = united(self.value(base) for base in node.bases)
        for keyword in node.keywords:
            self.value(keyword.value)
        decorators = [self.value(each) for each in node.decorator_list]
        outside, self.frame = self.frame, Frame(self.frame, None, outer=globals_of(node), is_class=True, function=made)
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

        self._loop(once, node.orelse, is_sure=surely_has_items(node.iter))

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
        names = public_names(module)
        for name in names:
            self.bind(name, (self.library(f"{module}.{name}"),))
            self.writes.pop(name, None)
        if not names:
            self.stars[self.cell] = None

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
            if thing.kind == "result" and isinstance(base, ast.Call):  # such as decimal.getcontext().prec
                self.write_setting(thing.name.partition(".")[0])
        own = tuple(each for each in held if each.kind not in ("library", "namespace"))
        self.change(own)
        root = root_of(base)
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
                    self.run_function(each, passed((value,)), (thing,))
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


_STATEMENTS: dict[type[ast.AST], Callable[..., None]] = {
    ast.Expr: Statements._do_expression,
    ast.Assign: Statements._do_assign,
    ast.AnnAssign: Statements._do_annotated,
    ast.AugAssign: Statements._do_augmented,
    ast.Delete: Statements._do_delete,
    ast.FunctionDef: Statements._do_function,
    ast.AsyncFunctionDef: Statements._do_function,
    ast.ClassDef: Statements._do_class,
    ast.Return: Statements._do_return,
    ast.If: Statements._do_if,
    ast.For: Statements._do_for,
    ast.AsyncFor: Statements._do_for,
    ast.While: Statements._do_while,
    ast.With: Statements._do_with,
    ast.AsyncWith: Statements._do_with,
    ast.Try: Statements._do_try,
    ast.TryStar: Statements._do_try,
    ast.Match: Statements._do_match,
    ast.Import: Statements._do_import,
    ast.ImportFrom: Statements._do_import_from,
    ast.Global: Statements._do_nothing,
    ast.Nonlocal: Statements._do_nothing,
    ast.Pass: Statements._do_nothing,
    ast.Break: Statements._do_nothing,
    ast.Continue: Statements._do_nothing,
}
