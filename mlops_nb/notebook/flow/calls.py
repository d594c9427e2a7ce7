"""What calls do: of the notebook's own functions and classes, of Python's, of libraries, and of methods."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from mlops_nb.notebook.flow import effects
from mlops_nb.notebook.flow.objects import Thing, Value, reachable, united
from mlops_nb.notebook.flow.outside import Outside, texts
from mlops_nb.notebook.ipython_syntax import parsed

_WORD = re.compile(r"[A-Za-z_]\w*")
_PATH_NAMES = ("path", "filename", "filepath_or_buffer", "path_or_buf", "fname", "file", "io", "fp", "f")
_SELECT = re.compile(r"\s*(select|with|pragma|explain)\b", re.IGNORECASE)
_FILE_VERBS = ("to_", "save", "dump", "write", "read_", "load", "export")
_IN_FORMULA = re.compile(r"([A-Za-z_]\w*)\s*(?=[\w.]*\()")
_AFTER_FROM = re.compile(r"\b(?:from|join|into|table)\s+([A-Za-z_]\w*)", re.IGNORECASE)
_QUERY_NAME = re.compile(r"@([A-Za-z_]\w*)")
_LIVELY = ("function", "instance", "method", "class")
_CONTAINERS = ("list", "dict", "set", "tuple")
_FRAME_CHANGES = frozenset(("pop", "insert", "update", "__setitem__"))
_ARRAY_CHANGES = frozenset(("sort", "fill", "put", "itemset", "resize", "partition", "setflags", "setfield"))
_FITS = re.compile(
    r"fit\w*|partial_fit|set_params|train|eval|compile|load_\w+|step|backward|optimize|build|reset|learn\w*"
)
_NO_ARGUMENT = frozenset(("library", "function", "class", "text", "path", "method", "array", "frame"))


@dataclass(slots=True)
class Call:
    """A call: its arguments' values, and whether its result is thrown away or shown."""

    node: ast.Call
    args: list[Value] = field(default_factory=list)
    keywords: dict[str, Value] = field(default_factory=dict)
    rest: Value = ()
    is_dropped: bool = False
    is_shown: bool = False

    @property
    def given(self) -> Value:
        """Every object that goes in."""
        return united((*self.args, *self.keywords.values(), self.rest))

    def argument(self, place: int, *names: str) -> Value:
        """One argument by its place or name."""
        for name in names:
            if name in self.keywords:
                return self.keywords[name]
        return self.args[place] if place < len(self.args) else ()

    def text(self, place: int, *names: str) -> str | None:
        """A plain text or path that is given there."""
        return text_of(self.argument(place, *names))

    def node_of(self, place: int, *names: str) -> ast.expr | None:
        """The expression that stands there."""
        for keyword in self.node.keywords:
            if keyword.arg in names:
                return keyword.value
        return self.node.args[place] if place < len(self.node.args) else None

    def has(self, name: str, constant: object = ...) -> bool:
        """Whether a keyword is given, with this constant if one is named."""
        for keyword in self.node.keywords:
            if keyword.arg == name:
                is_constant = isinstance(keyword.value, ast.Constant)
                return constant is ... or (is_constant and keyword.value.value is constant)  # type: ignore[attr-defined]
        return False


def text_of(value: Value) -> str | None:
    """The text or path that a value is, where there is only one."""
    return value[0].text if len(value) == 1 and value[0].kind in ("text", "path") else None


class Calls(Outside):
    """An outside world in which things can be called."""

    def run_function(self, function: Thing, call: Call, owner: Value = ()) -> Value:
        """A function of the notebook is called; `owner` is the object whose method it is."""
        raise NotImplementedError

    def run_class(self, cls: Thing, call: Call) -> Value:
        """A class of the notebook is called."""
        raise NotImplementedError

    def run_text(self, text: str, *, is_expression: bool) -> Value:
        """`exec` or `eval` of a known text."""
        raise NotImplementedError

    def member(self, cls: Thing, name: str) -> Value:
        """What a class of the notebook, or one it is based on, has under a name."""
        if name in cls.members:
            return cls.members[name]
        for base in cls.bases:
            if base.kind == "class" and (found := self.member(base, name)):
                return found
        return ()

    def call(self, callee: Value, call: Call) -> Value:
        """A value is called."""
        results = []
        for thing in callee:
            match thing.kind:
                case "function":
                    results.append(self.run_function(thing, call))
                case "class":
                    results.append(self.run_class(thing, call))
                case "library":
                    results.append(self.library_call(thing.name, call))
                case "method":
                    results.append(self.method(tuple(thing.parts), thing.name, call))
                case "instance" if thing.owner is not None and (found := self.member(thing.owner, "__call__")):
                    results += [self.run_function(each, call, (thing,)) for each in found if each.kind == "function"]
                case "text" | "path" | "list" | "dict" | "tuple" | "set":
                    continue
                case _:
                    results.append(self.unknown_call(thing, call))
        return united(results)

    def unknown_call(self, thing: Thing, call: Call) -> Value:
        """Something is called of which it is not known what it does: it may call and change what it holds."""
        self.use((thing,), (*call.given, *thing.parts), is_handed_over=True)
        self.use(call.given, (thing,), is_handed_over=True)
        if thing.kind in ("instance", "partial", "result") and thing.name.partition(".")[0] in effects.KNOWN_LIBRARIES:
            return (_fresh("result", (thing, *thing.parts, *call.given)),)
        self.change(tuple(each for each in (thing, *call.given) if each.kind not in ("array", "frame")), guess=True)
        if call.is_dropped:
            self.change(call.given, guess=True)
        return (_fresh("", (thing, *call.given)),)

    def use(self, value: Iterable[Thing], given: Value = (), *, is_handed_over: bool = False) -> None:
        """Objects are looked at by what may run their own code: functions are called, instances' methods, iterators."""
        value = tuple(value)
        if any(thing.name == "os.environ" for thing in value):
            self.read_environment(None)
        lively = [each for each in reachable(value) if each.kind in _LIVELY or each.pending]
        self.weak += 1
        for thing in lively:
            if thing.pending:
                self.consume(thing)
            elif thing.kind == "function" and is_handed_over:
                self.run_function(thing, _call_with(given), ())
            elif thing.kind == "method" and is_handed_over:
                self.method(tuple(thing.parts), thing.name, _call_with(given))
            elif thing.kind == "class" and is_handed_over:
                self.run_class(thing, _call_with(given))
            elif thing.owner is not None and thing.kind == "instance":
                self._use_instance(thing, given, is_handed_over)
        self.weak -= 1

    def _use_instance(self, thing: Thing, given: Value, is_handed_over: bool) -> None:
        for name, value in self.members_of(thing.owner):
            is_special = name.startswith("__") and name not in ("__init__", "__new__", "__class_getitem__", "__del__")
            if is_special or is_handed_over:
                for each in value:
                    if each.kind == "function" and name not in ("__init__", "__new__"):
                        self.run_function(each, _call_with(given), (thing,))

    def members_of(self, cls: Thing | None) -> list[tuple[str, Value]]:
        """The members of a class and its bases."""
        if cls is None:
            return []
        found = dict(cls.members)
        for base in cls.bases:
            if base.kind == "class" and base is not cls:
                found = dict(self.members_of(base)) | found
        return list(found.items())

    def consume(self, thing: Thing) -> Value:
        """An iterator goes on: what it does when it is asked for the next is done now."""
        self.change((thing,))
        found = []
        for run in thing.pending or ():
            found.append(run())
        thing.hold(united(found))
        return tuple(thing.parts)

    def items(self, value: Value) -> Value:
        """What comes out when one iterates over a value."""
        found: list[Value] = []
        for thing in value:
            if thing.pending or thing.kind in ("iterator", "file"):
                found.append(self.consume(thing))
            elif thing.kind == "instance" and thing.owner is not None:
                methods = [self.member(thing.owner, name) for name in ("__iter__", "__next__", "__getitem__")]
                for each in united(methods):
                    if each.kind == "function":
                        given = self.run_function(each, _call_with(()), (thing,))
                        others = tuple(one for one in given if one is not thing)
                        found.append(self.items(others) if each.name == "__iter__" else given)
                found.append((thing, *thing.parts))
            elif thing.kind in _CONTAINERS:
                found.append(tuple(thing.parts))
            elif thing.kind == "group":
                found.append((Thing("tuple", parts=(Thing("frame"),)),))
            elif thing.kind not in ("frame", "text", "path", "library", "function"):
                found.append((thing, *thing.parts))
        return united(found)

    # Python's own functions and those of libraries

    def library_call(self, path: str, call: Call) -> Value:
        """A function or class of a library is called."""
        root, _, rest = path.partition(".")
        last = path.rpartition(".")[2]
        if root == "builtins":
            return self._builtin(rest, call)
        self.read_setting(root, rest)
        self._touch_states(path, root, last, call)
        self._change_arguments(path, call)
        self.read_names_in_texts(last, call)
        if path in ("functools.partial", "functools.partialmethod"):
            return (Thing("partial", path, call.given),)
        if path in ("copy.copy", "copy.deepcopy"):
            return tuple(_copied(each, deep=last == "deepcopy") for each in call.given)
        if path == "importlib.import_module" and (module := call.text(0)):
            self.import_module(module)
            return (self.library(module),)
        if path == "importlib.reload":
            for thing in call.given:
                self.import_module(thing.name)
                self.write_setting(thing.name.partition(".")[0])
            return call.given
        if path == "IPython.display.display":
            return self._builtin("display", call)
        if path in ("pathlib.Path", "pathlib.PurePath", "os.path.join", "pathlib.PosixPath"):
            return (_path(call),)
        self.use(call.given, call.given, is_handed_over=True)
        self._files_of(path, last, call)
        if root not in effects.KNOWN_LIBRARIES and not _is_class(last):
            self.change(call.given, guess=True)
        return (self._result(path, root, last, call),)

    def _touch_states(self, path: str, root: str, last: str, call: Call) -> None:
        if path.startswith("numpy.random.") or path in ("scipy.stats.rvs",):
            if last in ("seed", "set_state"):
                self.seed("numpy")
            elif last not in ("default_rng", "RandomState", "Generator", "SeedSequence", "PCG64", "MT19937", "Philox"):
                self.draw("numpy")
        elif root == "random":
            if last in ("seed", "setstate"):
                self.seed("random")
            elif last not in ("Random", "SystemRandom"):
                self.draw("random")
        elif root in ("torch", "tensorflow", "keras"):
            if last in ("manual_seed", "set_seed", "set_random_seed", "manual_seed_all", "seed"):
                self.seed(root)
            elif root == "torch" and (re.match(r"rand\w*|normal|multinomial|bernoulli", last) or _is_class(last)):
                self.draw("torch")
            elif root != "torch":
                self.draw(root)
        elif last in effects.RANDOM_WITHOUT_SEED and not _is_class(last) and not _has_state(call):
            self.draw("numpy")
        if path.startswith(("matplotlib.pyplot.", "pylab.")) or root == "seaborn":
            self._plotting(root, last, call)
        elif path == "os.getenv" or path in ("os.environ.get", "os.environ.copy"):
            self.read_environment(call.text(0) if last != "copy" else None)
        elif path in ("os.putenv", "os.unsetenv"):
            self.write_environment(call.text(0))
        elif last in ("load_dotenv",):
            self.read_file(call.text(0) or ".env")
            self.write_environment(None)
        elif path == "os.chdir":
            self.read_file(call.text(0))
            self.write_resource("working folder")
        elif path == "os.getcwd":
            self.read_resource("working folder")
        elif path in ("os.system", "subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.Popen",
                      "subprocess.check_output", "subprocess.getoutput", "os.popen"):  # fmt: skip
            self.shell(call.text(0) or _first_word(call.node) or "?")
        elif effects.SETTERS.fullmatch(last) and root not in ("random",) and not path.startswith("matplotlib.pyplot"):
            self.write_setting(root, "")

    def _plotting(self, root: str, last: str, call: Call) -> None:
        if effects.SETTERS.fullmatch(last) or last in ("set_style", "set_palette", "set_context"):
            self.write_setting("matplotlib")
        elif root == "seaborn" and last in ("load_dataset", "color_palette"):
            return
        elif last in ("figure", "subplots", "subplot_mosaic") and not call.args:
            self.plot(starts=last != "subplots" or not call.has("num"))
        elif last == "close":
            self.plot(starts=text_of(call.argument(0)) == "all", ends=text_of(call.argument(0)) == "all")
        else:
            self.plot(ends=last == "show")

    def _change_arguments(self, path: str, call: Call) -> None:
        if path in effects.CHANGED_ARGUMENT:
            self._change_expression(call, effects.CHANGED_ARGUMENT[path])
        if path.startswith(("torch.nn.init.", "heapq.", "bisect.")) and not path.endswith(("nlargest", "nsmallest")):
            self._change_expression(call, 0)
        if path.startswith(("heapq.heappush", "bisect.insort", "operator.setitem", "builtins.setattr")):
            for thing in call.argument(0):
                thing.hold(united(call.args[1:]))
        for name in ("out", "inplace_to", "buffer"):
            if name in call.keywords:
                self.change(united((call.keywords[name], *(tuple(each.parts) for each in call.keywords[name]))))
                self.renew_root(call.node_of(99, name))
        for name in ("random_state", "rng", "generator", "seed"):
            if name in call.keywords:
                self.change(tuple(each for each in call.keywords[name] if each.kind == "random"))
        for thing in call.given:
            if thing.kind == "random":
                self.change((thing,))
            elif thing.kind == "file":
                self.touch_file(thing)
            elif thing.kind == "axes":
                self.change((thing,), sure=False)

    def _change_expression(self, call: Call, place: int) -> None:
        self.change(call.argument(place))
        self.renew_root(call.node_of(place))

    def renew_root(self, node: ast.AST | None) -> None:
        """The name at the bottom of an expression is written: its object was changed."""
        while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
            node = node.value
        if isinstance(node, ast.Name):
            self.renew(node.id)

    def read_names_in_texts(self, last: str, call: Call) -> None:
        """Names that a call reads because a text names them: queries, formulas, SQL."""
        nodes = [*call.node.args, *(each.value for each in call.node.keywords)]
        plain = [*texts(nodes), *(each.text for each in call.given if each.kind == "text" and each.text)]
        names = dict[str, None]()
        for text in plain:
            if last in ("query", "eval") and "@" in text:
                names |= dict.fromkeys(_QUERY_NAME.findall(text))
            if "~" in text:
                names |= dict.fromkeys(self._formula_names(text, call))
            if last in ("sql", "query", "execute", "sqldf", "query_df") and _AFTER_FROM.search(text):
                names |= dict.fromkeys(_AFTER_FROM.findall(text))
        for name in names:
            if name in self.globals.names or (self.frame is not self.globals and self.frame_of(name)):
                self.load(name)

    def _formula_names(self, formula: str, call: Call) -> list[str]:
        columns = set[str]()
        for thing in call.given:
            columns |= thing.columns or set()
        called = set(_IN_FORMULA.findall(formula))
        return [name for name in _WORD.findall(formula) if name in called or name not in columns]

    def _files_of(self, path: str, last: str, call: Call) -> None:
        first = call.argument(
            0, "path", "filename", "filepath_or_buffer", "path_or_buf", "fname", "file", "io", "fp", "f"
        )
        at = call.node_of(0)
        if path in ("sqlite3.connect", "duckdb.connect"):
            self.read_file(text_of(first))
            self.write_file(text_of(first), adds=True)
        elif last in ("dump", "save", "savez", "savetxt", "imwrite", "imsave", "dump_svmlight_file"):
            second = call.argument(1) if last == "dump" else first
            if any(each.kind == "file" for each in (*second, *first)):
                return
            names = [text_of(each) for each in (second, first) if text_of(each) is not None]
            self.write_file(names[0] if names else None)
        elif _may_be_path(at) or any(each.kind == "path" for each in first):
            has_file = any(each.kind == "file" for each in first)
            if not has_file and (call.args or call.keywords):
                self.call_on_files(last, text_of(first), call.text(1, "dst"), call.text(1, "mode"))

    def touch_file(self, thing: Thing) -> None:
        """A file that is open is read or written."""
        self.change((thing,))
        if "w" in thing.name or "a" in thing.name or "x" in thing.name or "+" in thing.name:
            self.write_resource(f"file:{thing.text}" if thing.text else "file:*", sure=False)
        else:
            self.read_file(thing.text)

    def _result(self, path: str, root: str, last: str, call: Call) -> Thing:
        given = call.given
        if path in ("numpy.random.default_rng", "numpy.random.RandomState", "random.Random", "numpy.random.Generator"):
            return Thing("random", path, given)
        if (path.startswith("matplotlib.pyplot.") and last in ("subplots", "figure", "gca", "gcf", "axes", "subplot")) \
                or (root == "seaborn" and last != "load_dataset"):  # fmt: skip
            return Thing("axes", path)
        if last == "train_test_split":
            return _split(call)
        if effects.GIVES_FRAME.fullmatch(path):
            return self._frame_of(path, call)
        if path in ("numpy.array", "torch.tensor"):
            return Thing(
                "array", path, tuple(part for each in given if each.kind in _CONTAINERS for part in each.parts)
            )
        if effects.SHARES_ARGUMENT.fullmatch(path):
            return _fresh("iterator" if root in ("itertools", "csv") else "", given, shares=True)
        if effects.GIVES_ARRAY.fullmatch(path):
            return Thing("array", path)
        if _is_class(last) or root not in effects.KNOWN_LIBRARIES:
            made = Thing("instance", path, given)
            made.text = "random" if last in effects.RANDOM_WITHOUT_SEED and not _has_state(call) else None
            return made
        made = _fresh("result", given)
        made.name = path
        return made

    def _frame_of(self, path: str, call: Call) -> Thing:
        made = Thing("frame", path)
        node = call.node_of(0, "data")
        if isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys):
            made.columns = {str(key.value) for key in node.keys if isinstance(key, ast.Constant)}
        if path in ("pandas.DataFrame", "pandas.Series"):
            made.look_at(
                each for each in call.argument(0, "data") if each.kind in ("array", "") and call.has("copy", False)
            )
        return made

    def _builtin(self, name: str, call: Call) -> Value:
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
            parts = united((*(self._copied_items(each) for each in call.args), *call.keywords.values(), call.rest))
            return (Thing(kind, parts=parts),)
        if name in ("iter", "zip", "enumerate", "map", "filter", "reversed"):
            return (self._lazy(name, call),)
        if name == "memoryview":
            return call.given
        self.use(call.given, call.given, is_handed_over=True)
        return (_fresh("", call.given, shares=True),) if call.given else ()

    def _copied_items(self, value: Value) -> Value:
        """The items of what is copied; a text of names and values (`dict(d)`) has them, too."""
        return self.items(value)

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
                return self.call(functions, _call_with_each(found))
            if name == "filter":
                self.call(functions, _call_with_each(found))
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

    def attribute(self, value: Value, name: str) -> Value:
        """What `value.name` may be."""
        raise NotImplementedError

    # methods

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
            for each in owner:
                results.append(self._object_method(each, name, call, is_only=True))
        elif not found:
            self.use(call.given, call.given, is_handed_over=True)
            results.append((_fresh("instance", call.given),))
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
                return (_path(call, thing.text),)
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
        if name in ("query", "eval") and call.args and text_of(call.args[0]) is None and not _has_no_at(call.node):
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
            return (_fresh("group", (thing,)),)
        if name in ("apply", "pipe", "transform", "map", "agg", "aggregate", "applymap", "filter"):
            results = [self.call(call.argument(0), _call_with((thing,)))] if name == "pipe" else []
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
            if _may_be_path(call.node_of(0)):
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
            return (_copied(thing, deep=name == "deepcopy"),)
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


def _fresh(kind: str, given: Iterable[Thing], *, shares: bool = False) -> Thing:
    """A new object that looks at what it was made from, or with `shares` holds it."""
    made = Thing(kind, parts=given if shares else ())
    if not shares:
        made.look_at(each for each in given if each.kind not in ("text", "array", "frame", "library", "function"))
    return made


def _copied(thing: Thing, *, deep: bool) -> Thing:
    made = Thing(thing.kind, thing.name, () if deep else thing.parts, text=thing.text)
    made.owner, made.code, made.frame = thing.owner, thing.code, thing.frame
    made.defaults, made.members, made.bases = thing.defaults, thing.members, thing.bases
    return made


def _split(call: Call) -> Thing:
    made = Thing("tuple", "train_test_split")
    if not call.rest:
        made.elements = [
            (Thing(kind if (kind := arrays[0].kind if arrays else "") in ("frame", "array", "list") else "array"),)
            for arrays in call.args
            for _ in range(2)
        ]
        made.hold(united(made.elements))
    return made


def _path(call: Call, base: str | None = "") -> Thing:
    known = [text_of(each) for each in call.args]
    if base is None or None in known or call.rest:
        return Thing("path")
    parts = [each for each in (base, *known) if each]
    return Thing("path", text="/".join(parts) if parts else ".")


def _call_with(given: Value) -> Call:
    """A call that somebody else makes: any argument may be any of these."""
    return Call(ast.Call(ast.Name("", ast.Load()), [], []), rest=given)


def _call_with_each(args: Sequence[Value]) -> Call:
    return Call(ast.Call(ast.Name("", ast.Load()), [], []), args=list(args))


def _is_class(last: str) -> bool:
    return last[:1].isupper() and not (last.isupper() and len(last) > 4)


def _has_state(call: Call) -> bool:
    node = call.node_of(99, "random_state", "shuffle")
    return node is not None and not (isinstance(node, ast.Constant) and (node.value is None or node.value is True))


def _may_be_path(node: ast.AST | None) -> bool:
    return not isinstance(node, ast.Constant | ast.Dict | ast.List | ast.Compare) or isinstance(
        getattr(node, "value", None), str
    )


def _first_word(node: ast.Call) -> str | None:
    """The command of `subprocess.run(["git", "status"])`."""
    if node.args and isinstance(node.args[0], ast.List | ast.Tuple):
        return " ".join(
            each.value for each in node.args[0].elts if isinstance(each, ast.Constant) and isinstance(each.value, str)
        )
    return None


def _has_no_at(node: ast.Call) -> bool:
    """Whether no part of a text that is put together names a variable with @."""
    return (
        bool(node.args)
        and isinstance(node.args[0], ast.JoinedStr)
        and not any("@" in each for each in texts(node.args))
    )
