"""What calls of libraries do: to their arguments, to files, to random states, plots and settings."""

from __future__ import annotations

import ast
import re

from mlops_nb.notebook.flow import effects
from mlops_nb.notebook.flow.calls import CONTAINERS, Call, Calls, copied, fresh, is_class, text_of
from mlops_nb.notebook.flow.objects import Thing, Value, united
from mlops_nb.notebook.flow.outside import texts

_WORD = re.compile(r"[A-Za-z_]\w*")
_PATH_NAMES = ("path", "filename", "filepath_or_buffer", "path_or_buf", "fname", "file", "io", "fp", "f")
_IN_FORMULA = re.compile(r"([A-Za-z_]\w*)\s*(?=[\w.]*\()")
_AFTER_FROM = re.compile(r"\b(?:from|join|into|table)\s+([A-Za-z_]\w*)", re.IGNORECASE)
_QUERY_NAME = re.compile(r"@([A-Za-z_]\w*)")


class LibraryCalls(Calls):
    """Calls of functions and classes of libraries."""

    def library_call(self, path: str, call: Call) -> Value:
        """A function or class of a library is called."""
        root, _, rest = path.partition(".")
        last = path.rpartition(".")[2]
        if root == "builtins":
            return self.builtin(rest, call)
        self.read_setting(root, rest)
        self._touch_states(path, root, last, call)
        self._change_arguments(path, call)
        self.read_names_in_texts(last, call)
        if path in ("functools.partial", "functools.partialmethod"):
            return (Thing("partial", path, call.given),)
        if path in ("copy.copy", "copy.deepcopy"):
            return tuple(copied(each, deep=last == "deepcopy") for each in call.given)
        if path == "importlib.import_module" and (module := call.text(0)):
            self.import_module(module)
            return (self.library(module),)
        if path == "importlib.reload":
            for thing in call.given:
                self.import_module(thing.name)
                self.write_setting(thing.name.partition(".")[0])
            return call.given
        if path == "IPython.display.display":
            return self.builtin("display", call)
        if path in ("pathlib.Path", "pathlib.PurePath", "os.path.join", "pathlib.PosixPath"):
            return (path_of(call),)
        self.use(call.given, call.given, is_handed_over=True)
        self._files_of(path, last, call)
        if root not in effects.KNOWN_LIBRARIES and not is_class(last):
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
            elif root == "torch" and (re.match(r"rand\w*|normal|multinomial|bernoulli", last) or is_class(last)):
                self.draw("torch")
            elif root != "torch":
                self.draw(root)
        elif last in effects.RANDOM_WITHOUT_SEED and not is_class(last) and not _has_state(call):
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
        elif may_be_path(at) or any(each.kind == "path" for each in first):
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
        if path in ("numpy.vectorize", "numpy.frompyfunc"):
            return Thing("partial", path, given)
        if root == "csv" and (files := [each for each in given if each.kind == "file"]):
            return files[0]
        if effects.GIVES_FRAME.fullmatch(path):
            return self._frame_of(path, call)
        if path in ("numpy.array", "torch.tensor"):
            return Thing("array", path, tuple(part for each in given if each.kind in CONTAINERS for part in each.parts))
        if effects.SHARES_ARGUMENT.fullmatch(path):
            return fresh("iterator" if root in ("itertools", "csv") else "", given, shares=True)
        if effects.GIVES_ARRAY.fullmatch(path):
            return Thing("array", path)
        if is_class(last) or root not in effects.KNOWN_LIBRARIES:
            made = Thing("instance", path, given)
            made.text = "random" if last in effects.RANDOM_WITHOUT_SEED and not _has_state(call) else None
            return made
        made = fresh("result", given)
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


def path_of(call: Call, base: str | None = "") -> Thing:
    """The path that is put together of the arguments of a call."""
    known = [text_of(each) for each in call.args]
    if base is None or None in known or call.rest:
        return Thing("path")
    parts = [each for each in (base, *known) if each]
    return Thing("path", text="/".join(parts) if parts else ".")


def _has_state(call: Call) -> bool:
    node = call.node_of(99, "random_state", "shuffle")
    return node is not None and not (isinstance(node, ast.Constant) and (node.value is None or node.value is True))


def may_be_path(node: ast.AST | None) -> bool:
    """Whether an argument can be the path of a file."""
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
