"""Functions and classes of the notebook: what their definition evaluates, and what happens when they are called."""

from __future__ import annotations

import ast
from collections import Counter

from mlops_nb.notebook.flow.calls import Call, passed
from mlops_nb.notebook.flow.methods import Methods
from mlops_nb.notebook.flow.objects import Binding, Frame, Thing, Value, united
from mlops_nb.notebook.flow.scopes import (
    free_names,
    globals_of,
    is_generator,
    locals_of,
    may_change,
)
from mlops_nb.notebook.ipython_syntax import parsed

MOST_STEPS = 4_000
"""Statements and calls followed in one cell; of what comes after, only names are looked at."""
DEEPEST = 12
"""Calls of the notebook's functions within each other that are followed."""
_OWN = ("function", "class", "instance")


class Functions(Methods):
    """Methods, and functions and classes that cells define."""

    def __init__(self) -> None:
        super().__init__()
        self.running: list[ast.AST] = []
        self.used = Counter()
        self.steps = 0
        self._dropped: ast.AST | None = None
        self._displayed: ast.AST | None = None

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
            return self.call(own, passed((function,))) or function
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

    def run_function(self, function: Thing, call: Call, owner: Value = ()) -> Value:
        """A function of the notebook runs, with these arguments."""
        code = function.code
        if not isinstance(code, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return ()
        if self.running.count(code) > 1 or len(self.running) >= DEEPEST or self.steps > MOST_STEPS:
            return self._outlined(code, call, owner)
        frame = Frame(function.frame, locals_of(code), outer=globals_of(code), function=function)
        self._pass_arguments(frame, function, code.args, call, owner)
        if is_generator(code):
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
        if not is_again or may_change(code):
            self.change(given, sure=False)
        if not is_again:
            for name in free_names(code):
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

    def frame_of_function(self) -> Frame:
        """The frame of the function that runs."""
        frame: Frame | None = self.frame
        while frame is not None and frame.function is None and frame is not self.globals:
            frame = frame.parent
        return frame or self.globals

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
                self.run_function(each, passed(()), (made,))
        for each in self.member(cls, "__new__"):
            if each.kind == "function":
                return united(((made,), self.run_function(each, call, (cls,))))
        if any(base.kind == "library" for base in cls.bases):
            made.name = next(base.name for base in cls.bases if base.kind == "library")
        return (made,)

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
