"""A code cell as the statements of a plain Python function: magics translated or left out, shown values kept."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mlops_nb.errors import MlopsError
from mlops_nb.notebook.captured_cells import CapturedRun, SweptCell, captured_run, swept_cell, words_of
from mlops_nb.notebook.cells import BUILTINS, CellNames, dotted_call, read_cell, without_fixed
from mlops_nb.notebook.ipython_syntax import CellMagic, Escape, cell_text, cell_tree, magic_code, parsed
from mlops_nb.notebook.naming import comment, unique_name
from mlops_nb.notebook.recalled import Recall, known_answers, output_number
from mlops_nb.notebook.records import LeftOut
from mlops_nb.notebook.statement_text import Edit, Places, Statement, indented, statements_of
from mlops_nb.record import Record
from mlops_nb.tracking.metrics import SKLEARN_METRICS, is_metric_name

_INSTALLERS = re.compile(r"(python\S*\s+-m\s+)?(sudo\s+)?(pip3?|conda|mamba|uv|apt|apt-get|poetry)\b")
_EXPRESSION = re.compile(r"\{([^{}]+)\}|\$\{?([A-Za-z_]\w*)\}?|([{}])")
_ONLY_SHOWN_IN_PLACE = frozenset(
    (
        "print", "display", "show", "info", "append", "extend", "insert", "remove", "sort", "update", "seed",
        "filterwarnings", "simplefilter", "set_option", "basicConfig", "makedirs", "mkdir", "chdir", "sleep",
        "tight_layout", "savefig", "subplots_adjust",
    )
)  # fmt: skip
_OURS_RETURN_NOTHING = frozenset(("mlops_nb.log", "mlops_nb.log_params", "mlops_nb.set_tag"))
_NOTHING_RECALLED = Recall()
ONLY_IN_A_NOTEBOOK = "only means something in a notebook"


@dataclass(frozen=True, slots=True)
class ScriptCell(Record):
    """A code cell, translated. `uses` are the names the translation needs: show, metric, os, subprocess, mlops_nb.

    `sweep` is the name of the sweep that the cell is, or empty; `requirements` are the packages that it installs, as
    they are typed; `positions` are those of all cells that were put together in it.
    """

    position: int
    source: str
    statements: tuple[Statement, ...]
    left_out: tuple[LeftOut, ...] = ()
    uses: frozenset[str] = frozenset()
    run: CapturedRun | None = None
    warnings: tuple[str, ...] = ()
    sweep: str = ""
    requirements: tuple[str, ...] = ()
    positions: tuple[int, ...] = ()


@dataclass(slots=True)
class _Draft:
    position: int
    known: Collection[str]
    our: Callable[[str], str]
    left_out: list[LeftOut] = field(default_factory=list)
    uses: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    requirements: list[str] = field(default_factory=list)
    evaluates: frozenset[str] = frozenset()

    def leave_out(self, line: str, reason: str) -> str:
        line = comment(line)
        self.left_out.append(LeftOut(self.position, line, reason))
        return f"# left out: {line} ({reason})"

    def use(self, name: str) -> str:
        self.uses.add(name)
        return self.our(name)


def translate(
    source: str,
    position: int,
    known: Collection[str],
    our: Callable[[str], str],
    *,
    shows_all: bool = False,
    recall: Recall = _NOTHING_RECALLED,
    evaluates: Collection[str] = (),
    raises: str = "",
) -> ScriptCell:
    """The cell as statements of plain Python.

    Args:
        source: the cell as it stands in the notebook.
        position: its place among all cells of the notebook.
        known: every name that some cell binds: `$name` of these is replaced in shell lines.
        our: the name under which the script imports `show`, `os` and the like.
        shows_all: whether the notebook shows the value of every expression, not only of a cell's last.
        recall: what it asks back from the notebook, and by which names later cells ask for its last value.
        evaluates: functions and classes of the notebook that evaluate text that they are given.
        raises: the class of the error that ended the cell, or empty.

    Raises:
        MlopsError: it is not Python.
    """
    if source.strip() in _BARE_MAGICS and source.strip() not in known:
        source = f"%{source.strip()}"
    text = cell_text(source)
    draft = _Draft(position, known, our)
    run = captured_run(text.magics)
    if not text.is_python:
        magic = text.magics[-1]
        if code := _foreign_cell(magic, source, draft):
            return _script_cell(position, source, code, draft)
        line = draft.leave_out(f"%%{magic.name} {magic.text}".strip(), "the cell is not Python of this notebook")
        return ScriptCell(
            position, source, (Statement(line, "", position),), tuple(draft.left_out), positions=(position,)
        )
    lines = text.python.split("\n")
    for magic in text.magics:
        lines[magic.line - 1] = ""
    for escape in text.escapes:
        lines[escape.line - 1] = _escape(escape, draft)
    plain = "\n".join(lines)
    tree = _compiled(plain, position)
    if "\f" in plain and (bare := parsed(plain.replace("\f", ""))) and ast.dump(bare) == ast.dump(tree):
        plain, tree = plain.replace("\f", ""), bare
    swept = swept_cell(text.magics)
    observes = run is not None and not run.metrics
    hides_value = any(magic.name in ("capture", "timeit") for magic in text.magics)
    draft.evaluates = frozenset((*evaluates, *_EVALUATE))
    plain = _edited(plain, tree, draft, shows=not hides_value, observes=observes, shows_all=shows_all, recall=recall)
    _warn(tree, draft, {node for node, _ in known_answers(tree, recall.bound)})
    if (hidden := next((magic for magic in text.magics if magic.name == "capture"), None)) is not None:
        plain = _hidden(hidden, plain, draft)
    if swept is not None:
        plain = _in_a_loop(swept, plain, draft)
    if raises:
        plain = _failing(raises, plain, draft)
    return _script_cell(position, source, plain, draft, run, swept.name if swept is not None else "")


def _script_cell(
    position: int, source: str, plain: str, draft: _Draft, run: CapturedRun | None = None, sweep: str = ""
) -> ScriptCell:
    return ScriptCell(
        position,
        source,
        tuple(replace(each, cell=position) for each in statements_of(plain)),
        tuple(draft.left_out),
        frozenset(draft.uses),
        run,
        tuple(draft.warnings),
        sweep,
        tuple(draft.requirements),
        (position,),
    )


_BARE_MAGICS = frozenset(("ls", "ll", "pwd", "who", "whos", "history", "cd"))
"""Magics that IPython runs where a cell is their name, and nothing else has that name."""

_SHELLS = frozenset(("bash", "sh", "script", "!", "sx", "system", "python", "python3", "pypy"))


def _foreign_cell(magic: CellMagic, source: str, draft: _Draft) -> str:
    """A cell that writes a file or is a shell's, as Python; empty for any other."""
    body = source.split("\n", magic.line)[-1] if magic.line <= source.count("\n") else ""
    words = words_of(magic.text)
    if magic.name in ("writefile", "file") and words:
        return _file_written(words, body, draft)
    if magic.name not in _SHELLS:
        return ""
    given = _script_words(words)
    command = given if magic.name == "script" else [magic.name, *given]
    command = ["sh"] if magic.name in ("!", "sx", "system") else command
    if not command or command[0] in ("R", "ruby", "perl", "node", "julia"):
        return ""
    module = draft.use("subprocess")
    called = ", ".join(_shell_text(word, draft) for word in command)
    arguments = f"[{called}], input={body + chr(10)!r}, {_PIPES.format(module, module)}"
    return f'print({module}.run({arguments}).stdout, end="")'


def _script_words(words: list[str]) -> list[str]:
    """What a script magic's line says to the program, without what it says to IPython."""
    found: list[str] = []
    waiting = [*words]
    while waiting:
        word = waiting.pop(0)
        if word in ("--out", "--err", "--proc"):
            waiting[:1] = []
        elif not word.startswith(("--out=", "--err=", "--proc=", "--bg", "--no-raise-error", "--raise-error")):
            found.append(word)
    return found


_PIPES = "stdout={}.PIPE, stderr={}.STDOUT, text=True, check=False"


def _file_written(words: list[str], body: str, draft: _Draft) -> str:
    """`%%writefile name` as Python; `-a` adds to the file."""
    name, text = words[-1], body if body.endswith("\n") else body + "\n"
    path = _shell_text(name, draft)
    mode = "a" if "-a" in words[:-1] or "--append" in words[:-1] else "w"
    handle = unique_name("file", draft.known)
    return f"with open({path}, {mode!r}, encoding='utf-8') as {handle}:\n    {handle}.write({text!r})"


def _in_a_loop(swept: SweptCell, plain: str, draft: _Draft) -> str:
    """The body in the loop of `mlops_nb.sweep`, its imports above it."""
    taken = {*draft.known, *read_cell(plain).writes}
    trial, setting = unique_name("trial", taken), unique_name("params", taken)
    statements = list(statements_of(plain))
    imports = [each for each in statements if each.kind in ("Import", "ImportFrom")]
    names = [name for name, _ in swept.axes]
    body = [
        each.text for each in statements if each not in imports and (not each.kind or without_fixed([each.node], names))
    ]
    metrics = swept.metrics or tuple(_metrics_of(read_cell("\n".join(body))))
    ours = draft.use("mlops_nb")
    body[:1] = [text.lstrip("\n") for text in body[:1]]
    body[:0] = [f"{name} = {setting}[{name!r}]" for name in names]
    body += [f"{ours}.log({', '.join(f'{name}={name}' for name in metrics)})"] if metrics else []
    where = "on this machine, not on Dask workers" if swept.is_on_dask else "as the notebook did"
    draft.warnings.append(
        f"cell {draft.position + 1}: the script sweeps {comment(swept.name, 40)} {where}; a trial that fails ends it"
    )
    loop = "\n".join(
        [
            f"for {trial} in {ours}.sweep({_sweep_arguments(swept, draft)}):",
            f"    with {trial} as {setting}:",
            indented(indented("\n".join(body))),
        ]
    )
    return "\n".join([*(each.text for each in imports), loop])


def _sweep_arguments(swept: SweptCell, draft: _Draft) -> str:
    axes = ", ".join(f"{name!r}: {_axis_values(name, values, draft)}" for name, values in swept.axes)
    arguments = [repr(swept.name), f"{{{axes}}}"]
    arguments += [f"{name}={value}" for name, value in swept.settings]
    arguments += [f"metrics={swept.metrics!r}"] if swept.metrics else []
    arguments += [f"tags={dict(swept.tags)!r}"] if swept.tags else []
    return ", ".join(arguments)


def _axis_values(name: str, values: str, draft: _Draft) -> str:
    """The values as Python: a list or a range where they are one, else the text that `mlops_nb.sweep` reads."""
    if _EXPRESSION.search(values):
        return _shell_text(values, draft)
    from mlops_nb.tracking.sweeps.combinations import axis  # few notebooks have a sweep

    read = axis(f"{name}={values}")
    if values.startswith("range(") and parsed(values) is not None:
        return values
    return repr(list(read.values)) if "(" not in values and read.values else repr(values)


def _metrics_of(names: CellNames) -> Iterator[str]:
    """The names that surely hold metrics, by the rule of a captured cell."""
    for name in names.writes:
        if name.startswith("_") or name in names.imports or name in names.functions or name in names.uncertain:
            continue
        if names.results.get(name, "").rpartition(".")[2] in SKLEARN_METRICS or is_metric_name(name):
            yield name


def _hidden(magic: CellMagic, plain: str, draft: _Draft) -> str:
    """The body of a `%%capture` cell with what prints in a block that keeps it."""
    target = next((word for word in magic.text.split() if not word.startswith("-")), "")
    statements = list(statements_of(plain))
    outside = ("", "Import", "ImportFrom", "FunctionDef", "AsyncFunctionDef", "ClassDef")
    inside = [each.text for each in statements if each.kind not in outside]
    kept = f" as {target}" if target.isidentifier() else ""
    block = "\n".join([f"with {draft.use('captured')}(){kept}:", indented("\n".join(inside or ["pass"]))])
    return "\n".join([*(each.text for each in statements if each.kind in outside), block])


def _failing(error: str, plain: str, draft: _Draft) -> str:
    """The body where its error is met as it was in the notebook, which went on after it."""
    if error == "KeyboardInterrupt":
        draft.warnings.append(f"cell {draft.position + 1} was interrupted; the script runs it to its end")
        return plain
    statements = list(statements_of(plain))
    outside = [each for each in statements if each.kind in ("Import", "ImportFrom")]
    outside = [] if error in ("ImportError", "ModuleNotFoundError") else outside
    inside = [each.text for each in statements if each not in outside]
    known = error if error in BUILTINS or error in draft.known else "Exception"
    caught = f"except {known}:\n    pass  # the notebook went on after this, too"
    return "\n".join([*(each.text for each in outside), "try:", indented("\n".join(inside or ["pass"])), caught])


def _escape(escape: Escape, draft: _Draft) -> str:
    code = magic_code(escape)
    if code and escape.target:
        return f"{escape.indent}{escape.target} = {code}"
    if code:
        shows = escape.name in ("time", "debug") or "#" in code
        return f"{escape.indent}{code}{'' if shows else ';'}"
    if escape.kind == "shell" and not _INSTALLERS.match(escape.text):
        return escape.indent + _shell(escape, draft)
    if escape.kind == "magic" and (code := _line_magic(escape, draft)):
        return escape.indent + code
    draft.requirements += _installed(escape)
    note = draft.leave_out(_as_written(escape), _reason(escape))
    if escape.target:
        return f"{escape.indent}{escape.target} = None  {note}"
    return f"{escape.indent}pass  {note}" if escape.indent else note


def _installed(escape: Escape) -> list[str]:
    """The packages that `%pip install` or `!pip install` names, as requirements."""
    words = words_of(f"{escape.name} {escape.text}" if escape.kind == "magic" else escape.text)
    if "install" not in words or not any(word.startswith(("pip", "uv", "python")) for word in words):
        return []
    rest = words[words.index("install") + 1 :]
    skipped = {number + 1 for number, word in enumerate(rest) if word in _PIP_OPTIONS_WITH_VALUE}
    return [
        word
        for number, word in enumerate(rest)
        if number not in skipped and _REQUIREMENT.fullmatch(word) and not word.endswith((".txt", ".whl"))
    ]


_PIP_OPTIONS_WITH_VALUE = frozenset(("-r", "-c", "-e", "-i", "--index-url", "--extra-index-url", "-f", "--find-links"))
_REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*(\[[\w,.-]+\])?([=<>~!]=?[\w.*+!,<>=~-]+)?")


def _as_written(escape: Escape) -> str:
    text = {"magic": f"%{escape.name} {escape.text}", "shell": f"!{escape.text}", "help": f"{escape.text}?"}[
        escape.kind
    ]
    return f"{escape.target} = {text}".strip() if escape.target else text.strip()


def _reason(escape: Escape) -> str:
    if escape.kind == "help":
        return "asks for help"
    if escape.kind == "shell" or escape.name in ("pip", "conda", "mamba", "uv"):
        return "install packages before the script runs"
    if escape.name == "mlops" and escape.text.split()[:1] == ["autolog"]:
        return "a script autologs where a cell calls mlops_nb.autolog()"
    if escape.name in ("run", "load", "store", "macro", "recall", "rerun"):
        return "what it brings in is not in this notebook"
    return ONLY_IN_A_NOTEBOOK


def _shell(escape: Escape, draft: _Draft) -> str:
    module = draft.use("subprocess")
    call = f"{module}.run({_shell_text(escape.text, draft)}, shell=True, {_PIPES.format(module, module)}).stdout"
    return f"{escape.target} = {call}.splitlines()" if escape.target else f'print({call}, end="")'


def _shell_text(command: str, draft: _Draft) -> str:
    """The command as a string literal; an f-string where the notebook's names stand in it."""
    parts: list[str] = []
    position, is_format = 0, False
    for match in _EXPRESSION.finditer(command):
        parts.append(_in_literal(command[position : match.start()]))
        position = match.end()
        expression = (match[1] or match[2] or "").strip()
        if expression and (match[1] or expression in draft.known) and _fits(expression):
            parts.append(f"{{{expression}}}")
            is_format = True
        else:
            parts.append(_in_literal(match[0].replace("{", "{{").replace("}", "}}")))
    parts.append(_in_literal(command[position:]))
    return f'f"{"".join(parts)}"' if is_format else repr(command)


def _in_literal(text: str) -> str:
    return repr('"' + text)[2:-1].replace("\\'", "'").replace('"', '\\"')


def _fits(expression: str) -> bool:
    """Whether an expression can stand in an f-string of Python 3.11."""
    return not any(sign in expression for sign in "\"'\\#!:\n") and parsed(f"({expression})") is not None


_ALIASES = frozenset(("mkdir", "rmdir", "mv", "rm", "cp", "cat"))
"""Line magics that are commands of the shell, and do something."""


_PYLAB = ("from pylab import *", "from numpy import *")


def _line_magic(escape: Escape, draft: _Draft) -> str:
    if escape.name in _ALIASES and escape.text and not escape.target:
        return _shell(replace(escape, text=f"{escape.name} {escape.text}"), draft)
    if escape.name == "pylab" and not escape.indent:
        names = ["import matplotlib.pyplot as plt", "import numpy as np"]
        return "\n".join(names if "--no-import-all" in escape.text else [*_PYLAB, *names])
    if escape.name == "pwd" and not escape.text:
        return f"{escape.target}{' = ' if escape.target else ''}{draft.use('os')}.getcwd()"
    if (
        escape.name == "cd"
        and (path := escape.text.removeprefix("-q ").strip("\"' "))
        and path[0] != "-"
        and not escape.target
    ):
        home = f"{draft.use('os')}.path.expanduser({path!r})" if path.startswith("~") else _shell_text(path, draft)
        return f"{draft.use('os')}.chdir({home})"
    if escape.name in ("env", "set_env") and escape.text and not escape.target:
        name, equals, value = escape.text.partition("=")
        if not equals:
            name, _, value = escape.text.partition(" ")
        if value.strip():
            return f"{draft.use('os')}.environ[{name.strip()!r}] = {_shell_text(value.strip(), draft)}"
    if escape.name == "env" and escape.target and escape.text:
        return f"{escape.target} = {draft.use('os')}.environ[{escape.text!r}]"
    return ""


def _compiled(plain: str, position: int) -> ast.Module:
    """The syntax tree, as far as Python would run it.

    Raises:
        MlopsError: Python would not.
    """
    fix = "correct the cell (or delete it) and export again"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(plain)
            compile(plain, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)
            compile(tree, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError as error:
        line = comment((error.text or "").strip(), 60)
        raise MlopsError(
            f"cell {position + 1} is not Python: {error.msg} (line {error.lineno}: {line!r})", fix
        ) from None
    except (ValueError, RecursionError, MemoryError, UnicodeError) as error:
        raise MlopsError(f"cell {position + 1} is not Python: {error}", fix) from None
    return tree


def _edited(
    plain: str,
    tree: ast.Module,
    draft: _Draft,
    *,
    shows: bool,
    observes: bool,
    shows_all: bool,
    recall: Recall,
) -> str:
    """The text with `display` and the shown last value made `show`, and what only a notebook has left out."""
    places = Places(plain)
    answers = {node: str(answer) for node, answer in known_answers(tree, recall.bound)}
    edits: list[Edit] = [(*places.span(node), answer) for node, answer in answers.items()]
    for statement in tree.body:
        start, end = places.span(statement)
        if isinstance(statement, ast.Global):
            edits.append((start, end, "pass"))
        elif reason := _notebook_call(statement):
            note = draft.leave_out(places.text(start, end), reason)
            edits.append((start, end, "pass" if places.rest_of_line(end).lstrip().startswith(";") else note))
        elif (other := _without_ipython(statement, draft)) is not None:
            edits.append((start, end, other))
        else:
            edits += _display_edits(statement, places, draft)
            edits += _kept_edits(statement, places, draft, recall.texts)
            if observes:
                edits += _metric_edits(statement, places, draft)
    for last in tree.body if shows_all else tree.body[-1:]:
        if shows and isinstance(last, ast.Expr) and not _notebook_call(last) and is_shown(last.value, draft.known):
            edits[:0] = _show_edits(last, places, draft, recall.keeps if last is tree.body[-1] else ())
    for statement in tree.body:
        edits[:0] = _named_in_text(statement, places, draft)
    return places.edited(edits)


_EVALUATE = ("eval", "pd.eval", "pandas.eval", "ne.evaluate", "numexpr.evaluate")


def evaluating(source: str) -> Iterator[str]:
    """The functions and classes that a cell defines and that evaluate text.

    >>> list(evaluating("def value(text):\\n    return eval(text)"))
    ['value']
    """
    tree = cell_tree(source) if "eval(" in source else None
    for statement in tree.body if tree else ():
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            calls = (node for node in ast.walk(statement) if isinstance(node, ast.Call))
            if any(dotted_call(call) in _EVALUATE for call in calls):
                yield statement.name


def _named_in_text(statement: ast.stmt, places: Places, draft: _Draft) -> Iterator[Edit]:
    """Before a statement that has text evaluated: the names that stand in the text, where they will be found."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    names: dict[str, None] = {}
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and dotted_call(node) in draft.evaluates:
            texts = (each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str))
            trees = [tree for text in texts if (tree := parsed(text))]
            found = (each.id for tree in trees for each in ast.walk(tree) if isinstance(each, ast.Name))
            names |= dict.fromkeys(name for name in found if name in draft.known)
    if names:
        start, _ = places.span(statement)
        given = ", ".join(f"{name}={name}" for name in names)
        end = "\n" if hasattr(statement, "body") else "; "
        yield start, start, f"globals().update({given}){end}"


def _without_ipython(statement: ast.stmt, draft: _Draft) -> str | None:
    """An import of IPython as one of what stands for it in a script; None for any other statement."""
    if isinstance(statement, ast.Import):
        names = [each for each in statement.names if each.name.partition(".")[0] == "IPython"]
        return "\n".join(_module_import(each, draft) for each in statement.names) if names else None
    if isinstance(statement, ast.ImportFrom) and (statement.module or "").partition(".")[0] == "IPython":
        if statement.module == "IPython.core.pylabtools" and [each.name for each in statement.names] == ["figsize"]:
            return _FIGSIZE.format(statement.names[0].asname or "figsize")
        there = [each for each in statement.names if each.name in _STANDS_FOR]
        gone = [each.name for each in statement.names if each.name not in _STANDS_FOR]
        notes = (
            [draft.leave_out(f"from {statement.module} import {', '.join(gone)}", ONLY_IN_A_NOTEBOOK)] if gone else []
        )
        if statement.module == "IPython" and any(each.name == "display" for each in there):
            listed = ", ".join(ast.unparse(each) for each in there if each.name == "display")
            others = ", ".join(ast.unparse(each) for each in there if each.name != "display")
            notes += [f"from {_STANDINS} import {others}"] if others else []
            return "\n".join([*notes, f"from mlops_nb.pipelines import {listed}"])
        return "\n".join(
            [*notes, *([f"from {_STANDINS} import {', '.join(map(ast.unparse, there))}"] if there else [])]
        )
    if isinstance(statement, ast.Assign) and "ast_node_interactivity" in ast.unparse(statement.targets[0]):
        return draft.leave_out(ast.unparse(statement), "the script shows what the notebook does")
    return None


_FIGSIZE = '''def {}(width, height):
    """Set the size of figures."""
    import matplotlib

    matplotlib.rcParams["figure.figsize"] = [width, height]'''


_STANDINS = "mlops_nb.pipelines.display"
_STANDS_FOR = frozenset(
    (
        "HTML", "Markdown", "Latex", "Math", "SVG", "JSON", "GeoJSON", "Javascript", "Pretty", "Code", "Image", "Audio",
        "Video", "IFrame", "YouTubeVideo", "FileLink", "FileLinks", "DisplayObject", "TextDisplayObject", "display",
        "clear_output", "set_matplotlib_formats", "update_display", "display_html", "display_markdown", "display_latex",
        "get_ipython",
    )
)  # fmt: skip


def _module_import(name: ast.alias, draft: _Draft) -> str:
    """`import IPython` and `import IPython.display as x` by what stands for them; any other import as it is."""
    if name.name.partition(".")[0] != "IPython":
        return f"import {ast.unparse(name)}"
    if name.name in ("IPython.display", "IPython.core.display") and name.asname:
        return f"import {_STANDINS} as {name.asname}"
    if name.name in ("IPython", "IPython.display"):
        return f"import mlops_nb.pipelines as {name.asname or 'IPython'}"
    return draft.leave_out(f"import {ast.unparse(name)}", ONLY_IN_A_NOTEBOOK)


def _kept_edits(statement: ast.stmt, places: Places, draft: _Draft, texts: Mapping[str, str]) -> Iterator[Edit]:
    """`Out[3]` as the name that keeps it, a builtin that `del` gives back as the builtin, the shell as one of ours."""
    numbered = [(node, output_number(node)) for node in ast.walk(statement)] if "Out" not in draft.known else []
    outs = {
        id(node.value): (*places.span(node), f"_{number}")
        for node, number in numbered
        if isinstance(node, ast.Subscript) and number is not None
    }
    yield from outs.values()
    for node in ast.walk(statement):
        match node:
            case ast.Name(name, ast.Load()) if name in texts and id(node) not in outs:
                yield (*places.span(node), texts[name])
            case ast.Call(ast.Name("get_ipython")) if "get_ipython" not in draft.known:
                yield (*places.span(node), f"{draft.use('get_ipython')}()")
    if isinstance(statement, ast.Delete):
        names = [each.id for each in statement.targets if isinstance(each, ast.Name)]
        if len(names) == len(statement.targets) and any(name in BUILTINS for name in names):
            again = [f"{name} = {draft.use('builtins')}.{name}" for name in names if name in BUILTINS]
            rest = [name for name in names if name not in BUILTINS]
            yield (*places.span(statement), "; ".join([*again, *([f"del {', '.join(rest)}"] if rest else [])]))


def _show_edits(last: ast.Expr, places: Places, draft: _Draft, keeps: Sequence[str]) -> list[Edit]:
    start, end = places.span(last)
    if keeps:
        shown = "" if places.rest_of_line(end).lstrip().startswith(";") else f"; {draft.use('show')}({keeps[0]})"
        return [(start, start, f"{' = '.join(keeps)} = "), (end, end, shown)]
    if places.rest_of_line(end).lstrip().startswith(";"):
        return []
    if places.span(last.value)[0] > start:  # it stands in parentheses
        return [(start, start, draft.use("show"))]
    inner = ("(", ")") if isinstance(last.value, ast.Tuple) else ("", "")
    return [(start, start, f"{draft.use('show')}({inner[0]}"), (end, end, f"{inner[1]})")]


def is_shown(value: ast.expr, known: Collection[str] = ()) -> bool:
    """Whether the value of a last expression is worth showing: not what `print` and its like return.

    Args:
        value: the expression.
        known: names that some cell binds, so that they are not what they are called.
    """
    if isinstance(value, ast.Constant):
        return value.value is not None
    if isinstance(value, ast.JoinedStr):
        return True
    if isinstance(value, ast.Call):
        name = dotted_call(value)
        if name.endswith("subprocess.run") or name in _OURS_RETURN_NOTHING:
            return False
        return name.rpartition(".")[2] not in _ONLY_SHOWN_IN_PLACE or name in known
    return True


def _notebook_call(statement: ast.stmt) -> str:
    """Why a statement is left out, when it is a call that only a notebook can make."""
    value = getattr(statement, "value", None)
    if not isinstance(statement, ast.Expr | ast.Assign) or not isinstance(value, ast.Call):
        return ""
    name = dotted_call(value)
    if name.startswith("get_ipython.") and isinstance(statement, ast.Expr):
        return ONLY_IN_A_NOTEBOOK
    return "makes this script" if name == "mlops_nb.export" else ""


def _display_edits(statement: ast.stmt, places: Places, draft: _Draft) -> Iterator[Edit]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "display":
            keywords = [each.arg for each in node.keywords]
            if not keywords and "display" not in draft.known:
                yield (*places.span(node.func), draft.use("show"))


def _metric_edits(statement: ast.stmt, places: Places, draft: _Draft) -> Iterator[Edit]:
    """Wraps what `%%mlops run` notes without being told: metric functions whose result gets no name."""
    for node in _calls_now(statement):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in SKLEARN_METRICS:
            start, end = places.span(node)
            yield start, start, f"{draft.use('metric')}({name!r}, "
            yield end, end, ")"


def _calls_now(node: ast.AST) -> Iterator[ast.Call]:
    """The calls a statement makes itself: not those of functions it defines, nor one assigned to a plain name."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.GeneratorExp):
        return
    is_assigned = isinstance(node, ast.Assign) and all(isinstance(target, ast.Name) for target in node.targets)
    if is_assigned and isinstance(getattr(node, "value", None), ast.Call):
        return
    if isinstance(node, ast.Call):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _calls_now(child)


def _warn(tree: ast.Module, draft: _Draft, answered: Collection[ast.Compare]) -> None:
    told = {id(node) for each in answered for node in ast.walk(each)}
    for node in (node for statement in tree.body if not _notebook_call(statement) for node in ast.walk(statement)):
        if id(node) in told:
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in (
            "globals", "locals", "exec", "eval", "get_ipython",
        ):  # fmt: skip
            line = f"cell {draft.position + 1} calls {node.func.id}(): what it reads or binds cannot be seen"
            if line not in draft.warnings:
                draft.warnings.append(line)
