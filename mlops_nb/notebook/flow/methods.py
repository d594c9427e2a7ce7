"""What methods do: to their object, to what they are given, and what they give."""

from __future__ import annotations

import ast
import re

from mlops_nb.notebook.flow import effects
from mlops_nb.notebook.flow.calls import Call, any_call, copied, fresh, text_of
from mlops_nb.notebook.flow.libraries import may_be_path, path_of
from mlops_nb.notebook.flow.objects import Thing, Value, reachable, united
from mlops_nb.notebook.flow.outside import texts
from mlops_nb.notebook.flow.python_calls import PythonCalls

_SELECT = re.compile(r"\s*(select|with|pragma|explain)\b", re.IGNORECASE)
_FILE_VERBS = ("to_", "save", "dump", "write", "read_", "load", "export")
_FRAME_CHANGES = frozenset(("pop", "insert", "update", "__setitem__"))
_ARRAY_CHANGES = frozenset(("sort", "fill", "put", "itemset", "resize", "partition", "setflags", "setfield"))
_FITS = re.compile(
    r"fit\w*|partial_fit|set_params|train|eval|compile|load_\w+|step|backward|optimize|build|reset|learn\w*"
)
_NO_ARGUMENT = frozenset(("library", "function", "class", "text", "path", "method", "array", "frame"))


class Methods(PythonCalls):
    """Calls of methods, by the kind of their object."""

    def method(self, receiver: Value, name: str, call: Call) -> Value:
        """A method is called."""
        return united([self._method_of(each, name, call, is_only=len(receiver) == 1) for each in receiver])

    def _method_of(self, thing: Thing, name: str, call: Call, *, is_only: bool) -> Value:
        match thing.kind:
            case "library":
                return self._library_method(thing, name, call)
            case "class" | "super":
                return self._class_method(thing, name, call)
            case "instance" if thing.owner is not None:
                return self._instance_method(thing, name, call)
            case "text" | "path":
                return self._text_method(thing, name, call)
            case "file":
                self.touch_file(thing)
                return ()
            case "frame" | "group":
                return self._frame_method(thing, name, call)
            case "ipython":
                return self._ipython_method(name, call)
            case "namespace":
                return self._namespace_method(name, call)
            case "list" | "dict" | "set" | "tuple" | "iterator":
                return self._container_method(thing, name, call, is_only=is_only)
        return self._object_method(thing, name, call, is_only=is_only)

    def _library_method(self, thing: Thing, name: str, call: Call) -> Value:
        if thing.name == "os.environ" and name in ("get", "__getitem__"):
            self.read_environment(call.text(0))
            return ()
        if thing.name == "os.environ":
            self.read_environment(None)
            if name in ("update", "setdefault", "pop", "clear", "popitem"):
                self.write_environment(call.text(0) if name in ("setdefault", "pop") else None)
            return ()
        if name in effects.IN_PLACE_METHODS and thing.name.count(".") and name not in dir(object):
            root, _, rest = thing.name.partition(".")
            if rest in ("path", "modules", "argv", "rcParams", "options", "pyplot.rcParams", "filters"):
                self.write_setting(root, rest if root == "sys" else "")
                return ()
        return self.library_call(f"{thing.name}.{name}", call)

    def _class_method(self, thing: Thing, name: str, call: Call) -> Value:
        if thing.kind == "super":
            owner, bases = tuple(thing.parts), thing.bases
        else:
            owner, bases = (thing,), (thing,)
        found = united(self.member(each, name) for each in bases if each.kind == "class")
        results = []
        for each in found:
            if each.kind == "function":
                is_bound = thing.kind == "super" or each.text == "classmethod"
                results.append(self.run_function(each, call, owner if is_bound else ()))
            else:
                results.append(self.call((each,), call))
        if not found and thing.kind == "super":
            for each in owner:  # what a library does first of all calls no method of the notebook's
                is_first = name in ("__init__", "__new__")
                results.append(self._object_method(each, name, call, is_only=True, is_used=is_first))
        elif not found:
            self.use(call.given, call.given, is_handed_over=True)
            results.append((fresh("instance", call.given),))
        return united(results)

    def _instance_method(self, thing: Thing, name: str, call: Call) -> Value:
        found = self.member(thing.owner, name) if thing.owner is not None else ()
        results = []
        for each in found:
            if each.kind == "function":
                owner = (
                    () if each.text == "staticmethod" else (thing.owner,) if each.text == "classmethod" else (thing,)
                )
                results.append(self.run_function(each, call, tuple(x for x in owner if x is not None)))
            else:
                results.append(self.call((each,), call))
        if not found:
            held = tuple(each for each in thing.parts if each.kind in ("function", "method", "partial"))
            results.append(self.call(held, call))
            self.use((thing,), call.given, is_handed_over=True)
            results.append(self._object_method(thing, name, call, is_only=True, is_used=True))
        return united(results)

    def _text_method(self, thing: Thing, name: str, call: Call) -> Value:
        if thing.kind == "path":
            if name in ("joinpath",):
                return (path_of(call, thing.text),)
            if name == "open":
                mode = call.text(0, "mode") or "r"
                self.call_on_files("open", thing.text, None, mode)
                return (Thing("file", mode, text=thing.text),)
            self.call_on_files(name, thing.text, call.text(0), None)
            return (Thing("path"),) if name not in ("read_text", "exists", "write_text") else ()
        if name in ("format", "format_map"):
            self.show()
            if any(each.kind == "namespace" for each in call.given):
                self._read_fields(thing.text)
        self.use(call.given)
        if name == "join":
            self.items(call.given)
        return (Thing("list"),) if name in ("split", "rsplit", "splitlines") else ()

    def _read_fields(self, text: str | None) -> None:
        if text is None:
            self.barrier()
            return
        for name in re.findall(r"[{(]([A-Za-z_]\w*)", text):
            self.load(name)

    def _frame_method(self, thing: Thing, name: str, call: Call) -> Value:
        self.read_setting("pandas", "")
        self.read_names_in_texts(name, call)
        if name in ("query", "eval") and call.args and text_of(call.args[0]) is None and not has_no_at(call.node):
            for known in list(self.globals.names):
                self.load_global(known)
        if name in _FRAME_CHANGES or (call.has("inplace") and not call.has("inplace", False)):
            self.change((thing,), sure=name in _FRAME_CHANGES or call.has("inplace", True))
            if thing.columns is not None:
                thing.columns.update(text for text in (call.text(0), call.text(1)) if text)
            return (Thing("frame"),) if name == "pop" else ()
        if name in effects.PLOTTING_METHODS:
            self.plot()
            return (Thing("axes", "pandas"),)
        if name == "sample" and not call.has("random_state"):
            self.draw("numpy")
        self._change_arguments(f"frame.{name}", call)
        self.use(call.given, (thing,), is_handed_over=True)
        if name.startswith("to_"):
            self._files_of(f"frame.{name}", name, call)
            if name == "to_sql":
                self.change(tuple(each for each in call.given if each.kind != "text"))
        if name in ("groupby", "rolling", "expanding", "resample", "ewm"):
            return (fresh("group", (thing,)),)
        if name in ("apply", "pipe", "transform", "map", "agg", "aggregate", "applymap", "filter"):
            results = [self.call(call.argument(0), any_call((thing,)))] if name == "pipe" else []
            return united((*results, (Thing("frame"),)))
        if name in effects.SCALAR_METHODS and name not in ("sum", "mean", "median", "std", "var", "count"):
            return ()
        made = Thing("array" if name == "to_numpy" else "frame")
        made.columns = set(thing.columns) if thing.columns is not None and name in ("copy", "dropna", "query") else None
        return (made,)

    def _ipython_method(self, name: str, call: Call) -> Value:
        if name in ("run_line_magic", "magic") and (magic := call.text(0)):
            self._line_magic(magic, call.text(1) or "")
        elif name in ("system", "getoutput"):
            self.shell(call.text(0) or "?")
        elif name in ("run_cell", "ex", "run_code") and (text := call.text(0)) is not None:
            self.run_text(text, is_expression=False)
        elif name in ("run_cell_magic", "run_cell", "ex", "push", "reset", "run_code"):
            self.barrier()
        return ()

    def _namespace_method(self, name: str, call: Call) -> Value:
        if name in ("get", "pop", "setdefault", "__getitem__") and (known := call.text(0)) is not None:
            found = self.load_global(known)
            if name != "get":
                self.bind_global(known, call.argument(1))
            return united((found, call.argument(1)))
        if name == "update" and not call.args and not call.rest:
            for known, value in call.keywords.items():
                self.bind_global(known, value)
            return ()
        self.barrier()
        return ()

    def _container_method(self, thing: Thing, name: str, call: Call, *, is_only: bool) -> Value:
        if thing.kind == "iterator" and (thing.pending or name in ("send", "throw", "close")):
            return self.consume(thing)
        self.use(united(call.keywords.values()), tuple(thing.parts), is_handed_over=True)
        if name in effects.IN_PLACE_METHODS:
            self.change((thing,), sure=is_only)
            if name in ("extend", "update", "extendleft"):
                thing.hold(united((self.items(call.given), *call.keywords.values())))
            elif name in effects.CONTAINER_METHODS:
                thing.hold(call.given)
            thing.elements = None
            return tuple(thing.parts) if name in ("pop", "popitem", "popleft", "setdefault") else ()
        if name in ("get", "values", "keys", "items"):
            if name == "get":
                return united((tuple(thing.parts), call.argument(1)))
            made = Thing("list", parts=(Thing("tuple", parts=thing.parts),) if name == "items" else thing.parts)
            made.look_at((thing,))
            return (made,)
        if name in ("index", "count", "isdisjoint", "issubset", "issuperset"):
            return ()
        self.use(call.given)
        return (Thing(thing.kind, parts=united((tuple(thing.parts), self.items(call.given)))),)

    def _object_method(self, thing: Thing, name: str, call: Call, *, is_only: bool, is_used: bool = False) -> Value:
        root = thing.name.partition(".")[0]
        self.read_setting(root, "")
        self.read_names_in_texts(name, call)
        self._change_arguments(f"object.{name}", call)
        if not is_used:
            self.use((thing,), call.given, is_handed_over=True)
        self.use(call.given, (thing,), is_handed_over=True)
        if thing.text == "random" or any(each.text == "random" for each in reachable((thing,), seen_too=False)):
            self.draw("numpy")
        self._change_receiver(thing, root, name, call, is_only)
        self._files_of_object(thing, root, name, call)
        if name == "shuffle" or (thing.kind == "random" and name == "permuted"):
            self._change_expression(call, 0)
        if thing.kind in ("instance", "result", "") and root and root not in effects.KNOWN_LIBRARIES:
            self.change(call.given, guess=True)
        return self._method_result(thing, name, call)

    def _files_of_object(self, thing: Thing, root: str, name: str, call: Call) -> None:
        if name.startswith(("to_", "save", "dump", "write", "read_", "load", "export")) and (
            call.args or call.keywords
        ):
            if name in ("write", "writelines", "writerow", "writerows") and not text_of(call.argument(0)):
                return
            if may_be_path(call.node_of(0)):
                self._files_of(f"object.{name}", name, call)
        elif thing.kind in ("", "result") and name in ("read_text", "read_bytes", "exists", "iterdir", "rglob"):
            self.read_file(None)

    def _change_receiver(self, thing: Thing, root: str, name: str, call: Call, is_only: bool) -> None:
        if thing.kind == "random":
            self.change((thing,), sure=is_only)
        elif thing.kind == "axes":
            self.change((thing,), sure=False)
            self.plot()
        elif thing.kind == "array":
            if name in _ARRAY_CHANGES or (name.endswith("_") and not name.endswith("__")):
                self.change((thing,), sure=is_only)
        elif self._is_in_place(thing, root, name, call):
            self.change((thing,), sure=is_only, guess=not _is_told(name, call))
            if name in effects.CONTAINER_METHODS:
                thing.hold(call.given)
            elif _FITS.fullmatch(name):
                seen = () if name not in ("backward", "step") else tuple(thing.sees or ())
                thing.look_at(call.given)
                parts = [
                    each
                    for each in reachable((*thing.parts, *seen), seen_too=bool(seen))
                    if each.kind not in _NO_ARGUMENT
                ]
                self.change(tuple(parts), sure=False)

    def _is_in_place(self, thing: Thing, root: str, name: str, call: Call) -> bool:
        if (
            name == "execute"
            and (text := call.text(0)) is not None
            and re.match(r"\s*(select|with|pragma|explain)\b", text, re.I)
        ):
            return False
        if call.has("inplace", True) or name in effects.IN_PLACE_METHODS:
            return not (name == "add" and len(call.args) > 1)
        if effects.IN_PLACE_VERBS.fullmatch(name) and not name.endswith("__"):
            return True
        if thing.kind in ("", "result", "iterator") and name in effects.RANDOM_METHODS:
            return True
        if name in effects.PURE_METHODS or name.startswith(("get_", "is_", "has_", "to_", "predict", "plot_", "show_")):
            return False
        return call.is_dropped or call.is_shown or (bool(root) and root not in effects.KNOWN_LIBRARIES)

    def _method_result(self, thing: Thing, name: str, call: Call) -> Value:
        if name in effects.SCALAR_METHODS and thing.kind in ("array", "random"):
            return ()
        if thing.kind == "random":
            return (Thing("array"),)
        if name in ("pop", "popitem", "popleft", "get", "setdefault", "items", "values", "keys"):
            return (thing, *thing.parts, *call.argument(1)) if thing.kind != "array" else (thing,)
        if name in effects.VIEW_METHODS or thing.kind == "axes":
            return (thing,)
        if thing.kind == "array":
            return (Thing("array"),)
        if name in ("fit_transform", "transform", "predict", "predict_proba", "fit_predict", "decision_function"):
            return (Thing("array"),)
        if name in ("copy", "clone", "deepcopy"):
            return (copied(thing, deep=name == "deepcopy"),)
        if name.startswith(("fit", "set_", "partial_fit", "add", "update", "append", "compile", "train", "eval")):
            return (thing,)
        is_known = thing.name.partition(".")[0] in effects.KNOWN_LIBRARIES
        if is_known and name in effects.PURE_METHODS:
            return () if name in effects.SCALAR_METHODS else (Thing("result", thing.name),)
        made = Thing("result" if is_known else "", thing.name)
        made.parts.update(thing.parts)
        made.look_at((thing, *call.given))
        return (made,)


def _is_told(name: str, call: Call) -> bool:
    """Whether a method's name says that it changes its object."""
    return name in effects.IN_PLACE_METHODS or name in effects.RANDOM_METHODS or call.has("inplace", True)


def has_no_at(node: ast.Call) -> bool:
    """Whether no part of a text that is put together names a variable with @."""
    return (
        bool(node.args)
        and isinstance(node.args[0], ast.JoinedStr)
        and not any("@" in each for each in texts(node.args))
    )
