"""What expressions may be: the objects that they give, and the names that they read."""

from __future__ import annotations

import ast
from collections.abc import Callable

from mlops_nb.notebook.flow.calls import Call, passed, text_of
from mlops_nb.notebook.flow.functions import Functions
from mlops_nb.notebook.flow.objects import Frame, Thing, Value, reachable, united
from mlops_nb.notebook.flow.scopes import (
    comprehended_names,
)

_FRESH = {ast.List: "list", ast.Dict: "dict", ast.Set: "set", ast.Tuple: "tuple"}
_FANCY = (ast.Compare, ast.BoolOp, ast.List, ast.ListComp)


class Expressions(Functions):
    """Functions, and the expressions in and around them."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[tuple[int, Value, bool]] = []

    def store(self, target: ast.expr, value: Value, source: ast.expr | None) -> None:
        """Give a target a value."""
        raise NotImplementedError

    def value(self, node: ast.expr) -> Value:
        """What an expression may be."""
        return _EXPRESSIONS.get(type(node), Expressions._of_other)(self, node)

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
                values.append(self.run_function(each, passed(()), (thing,)))
            elif each.kind == "function":
                values.append((Thing("method", name, (thing,)),))
            else:
                values.append((each,))
        for each in self.member(thing.owner, "__getattr__") if thing.owner is not None and not found else ():
            values.append(self.run_function(each, passed(()), (thing,)))
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
                got = [self.run_function(each, passed((key,)), (thing,)) for each in found if each.kind == "function"]
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
        self.frame = Frame(outside, comprehended_names(node))
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


def _not_texts(value: Value) -> Value:
    return tuple(each for each in value if each.kind not in ("text", "dict"))


def _parent(path: str | None) -> str | None:
    return None if path is None else path.rpartition("/")[0] or "."


_EXPRESSIONS: dict[type[ast.AST], Callable[..., Value]] = {
    ast.Constant: Expressions._of_constant,
    ast.Name: Expressions._of_name,
    ast.Attribute: Expressions._of_attribute,
    ast.Subscript: Expressions._of_subscript,
    ast.Call: Expressions._of_call,
    ast.Lambda: Expressions._of_lambda,
    ast.List: Expressions._of_display,
    ast.Tuple: Expressions._of_display,
    ast.Set: Expressions._of_display,
    ast.Dict: Expressions._of_dict,
    ast.BinOp: Expressions._of_operation,
    ast.BoolOp: Expressions._of_choice,
    ast.Compare: Expressions._of_compare,
    ast.UnaryOp: Expressions._of_unary,
    ast.IfExp: Expressions._of_if,
    ast.NamedExpr: Expressions._of_walrus,
    ast.Starred: Expressions._of_starred,
    ast.JoinedStr: Expressions._of_text,
    ast.Await: Expressions._of_await,
    ast.Yield: Expressions._of_yield,
    ast.YieldFrom: Expressions._of_yield,
    ast.ListComp: Expressions._of_comprehension,
    ast.SetComp: Expressions._of_comprehension,
    ast.DictComp: Expressions._of_comprehension,
    ast.GeneratorExp: Expressions._of_generator,
}
