"""What calls of Python's own functions do."""

from __future__ import annotations

from collections.abc import Callable

from mlops_nb.notebook.flow import effects
from mlops_nb.notebook.flow.calls import Call, fresh, passed
from mlops_nb.notebook.flow.libraries import LibraryCalls
from mlops_nb.notebook.flow.objects import Thing, Value, united
from mlops_nb.notebook.ipython_syntax import parsed


class PythonCalls(LibraryCalls):
    """Calls of Python's own functions; each that needs care has a method of its name."""

    def builtin(self, name: str, call: Call) -> Value:
        """One of Python's own functions is called."""
        special: Callable[[Call], Value] | None = getattr(self, f"_builtin_{name}", None)
        if special is not None:
            return special(call)
        if name in effects.SCALAR_BUILTINS:
            self._look(name, call)
            if name in ("min", "max", "sum") and len(call.args) == 1:
                return self.items(call.args[0])
            return call.given if name in ("min", "max") else ()
        if name in ("list", "tuple", "set", "frozenset", "sorted", "dict"):
            self.use(united(call.keywords.values()), call.given, is_handed_over=True)
            kind = {"sorted": "list", "frozenset": "set"}.get(name, name)
            parts = united((*(self.items(each) for each in call.args), *call.keywords.values(), call.rest))
            return (Thing(kind, parts=parts),)
        if name in ("iter", "zip", "enumerate", "map", "filter", "reversed"):
            return (self._lazy(name, call),)
        if name == "memoryview":
            return call.given
        self.use(call.given, call.given, is_handed_over=True)
        return (fresh("", call.given, shares=True),) if call.given else ()

    def _look(self, name: str, call: Call) -> None:
        if name in ("print", "repr", "str", "format", "input", "help"):
            self.show()
            for thing in call.keywords.get("file", ()):
                self.touch_file(thing)
        self.use(
            call.given, call.given, is_handed_over=name in ("sum", "min", "max", "any", "all") or "key" in call.keywords
        )
        if name in ("sum", "min", "max", "any", "all"):
            self.items(call.given)

    def _lazy(self, name: str, call: Call) -> Thing:
        functions = call.args[0] if name in ("map", "filter") and call.args else ()
        sources = call.args[1:] if name in ("map", "filter") else call.args
        made = Thing("iterator", name, functions)

        def run() -> Value:
            found = [self.items(each) for each in (*sources, call.rest)]
            if name == "map":
                return self.call(functions, passed(found))
            if name == "filter":
                self.call(functions, passed(found))
            if name in ("zip", "enumerate"):
                return (Thing("tuple", parts=united(found)),)
            return united(found)

        made.pending = [run]
        made.look_at(united((*sources, call.rest)))
        return made

    def _builtin_exec(self, call: Call) -> Value:
        text = call.text(0)
        if text is None or parsed(text) is None:
            self.barrier()
        else:
            self.run_text(text, is_expression=False)
        return ()

    def _builtin_eval(self, call: Call) -> Value:
        text = call.text(0)
        if text is None or parsed(text) is None:
            self.barrier()
            return (Thing(),)
        return self.run_text(text.strip(), is_expression=True)

    def _builtin_compile(self, call: Call) -> Value:
        text = call.text(0)
        return (Thing("text", text=text),) if text is not None else ()

    def _builtin___import__(self, call: Call) -> Value:
        module = call.text(0)
        if module is None:
            self.barrier()
            return (Thing(),)
        self.import_module(module)
        return (self.library(module),)

    def _builtin_globals(self, call: Call) -> Value:
        return (Thing("namespace"),)

    def _builtin_locals(self, call: Call) -> Value:
        if self.frame is self.globals:
            return (Thing("namespace"),)
        return (Thing("dict", parts=united(each.value for pairs in self.frame.names.values() for each in pairs)),)

    def _builtin_vars(self, call: Call) -> Value:
        return call.argument(0) if call.args else self._builtin_locals(call)

    def _builtin_get_ipython(self, call: Call) -> Value:
        return (Thing("ipython"),)

    def _builtin_next(self, call: Call) -> Value:
        found = self.items(call.argument(0))
        self._change_expression(call, 0)
        return united((found, *call.args[1:]))

    def _builtin_display(self, call: Call) -> Value:
        self.show()
        self.use(call.given)
        return ()

    def _builtin_setattr(self, call: Call) -> Value:
        self._change_expression(call, 0)
        for thing in call.argument(0):
            thing.hold(call.argument(2))
            if thing.kind == "library":
                self.write_setting(thing.name.partition(".")[0], call.text(1) or "")
        return ()

    def _builtin_delattr(self, call: Call) -> Value:
        self._change_expression(call, 0)
        return ()

    def _builtin_getattr(self, call: Call) -> Value:
        name = call.text(1)
        if name is not None:
            return united((self.attribute(call.argument(0), name), call.argument(2)))
        return united([(each, *each.parts) for each in call.argument(0)])

    def _builtin_open(self, call: Call) -> Value:
        path, mode = call.text(0, "file"), call.text(1, "mode")
        if call.node_of(1, "mode") is not None and mode is None:
            mode = "a+"
        self.call_on_files("open", path, None, mode)
        return (Thing("file", mode or "r", text=path),)

    def _builtin_property(self, call: Call) -> Value:
        return call.argument(0)

    _builtin_staticmethod = _builtin_classmethod = _builtin_property
