"""A pipeline plan as a script that needs nothing of ours: no store, no cache, its few helpers written in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from mlops_nb.errors import BadArgument
from mlops_nb.notebook.intermediate import PipelinePlan
from mlops_nb.notebook.naming import first_sentence, unique_name
from mlops_nb.notebook.records import ScriptParameter
from mlops_nb.notebook.script import function_text, pipeline_function, script_docstring, script_head, spaced

_DISPLAY = "from mlops_nb.pipelines"
_DOES_NOTHING = ("clear_output", "set_matplotlib_formats", "get_ipython")
_RESERVED = ("help", "config")
"""Options that a script has of its own."""
_SHOWS = ("display", "update_display", "display_html", "display_markdown", "display_latex")

_HELPERS = {
    "show": '''
def {show}(*values, **_):
    """Print values as the notebook showed them."""
    for value in values:
        if value is not None:
            is_long = isinstance(value, list | tuple | dict | set) and len(repr(value)) > 79
            print(pprint.pformat(value, width=79, sort_dicts=False) if is_long else repr(value))
''',
    "metric": '''
def {metric}(name, value):
    """Note a metric."""
    print(f"{{name}} = {{value}}")
    return value
''',
    "captured": '''
class {captured}(contextlib.redirect_stdout):
    """A block whose prints are kept and not shown."""

    def __init__(self):
        self.kept = io.StringIO()
        super().__init__(self.kept)

    def __enter__(self):
        super().__enter__()
        return self

    @property
    def stdout(self):
        return self.kept.getvalue()

    def show(self):
        print(self.stdout, end="")

    __call__ = show

    def __str__(self):
        return self.stdout
''',
    "get_ipython": '''
class NoShell:
    """A shell that does nothing, whatever it is asked."""

    def __getattr__(self, name):
        return lambda *_, **__: None


def {get_ipython}():
    return NoShell()
''',
    "markup": '''
class Markup:
    """Markup that is printed as its text."""

    def __init__(self, data=None, *_, url=None, filename=None, **__):
        self.data = data if data is not None else url if url is not None else filename

    def __repr__(self):
        return str(self.data)
''',
    "plots": '''
matplotlib.use("agg")
{pyplot}.show = lambda *_, **__: None


def {save_plots}(name):
    """Save the open figures to files and close them."""
    figures = [each for each in map({pyplot}.figure, {pyplot}.get_fignums()) if each.axes]
    for number, figure in enumerate(figures, 1):
        path = pathlib.Path("plots") / f"{{name}}{{f'-{{number}}' if number > 1 else ''}}.png"
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, bbox_inches="tight")
    {pyplot}.close("all")
''',
    "settings": '''
def {read_settings}(path):
    """The parameters that a TOML, JSON or YAML file gives."""
    with open(path, "rb") as file:
        if path.endswith(".json"):
            found = json.load(file)
        elif path.endswith((".yaml", ".yml")):
            import yaml  # PyYAML, where it is installed

            found = yaml.safe_load(file)
        else:
            found = tomllib.load(file)
    return {{name.replace("-", "_"): value for name, value in found.get("parameters", found).items()}}


def {as_options}(settings, flags):
    """Parameters as options of the command line."""
    for name, value in settings.items():
        option = {option}.replace("_", "-")
        if name in flags:
            yield f"--{{option}}" if str(value).lower() in ("1", "true", "yes", "on") else f"--no-{{option}}"
        else:
            yield f"--{{option}}={{value if isinstance(value, str) else json.dumps(value)}}"
''',
}  # fmt: skip
_NEEDS = {
    "settings": ("difflib", "json", "os", "sys", "tomllib"),
    "show": ("pprint",), "captured": ("contextlib", "io"), "plots": ("matplotlib", "matplotlib.pyplot", "pathlib"),
}  # fmt: skip


def standalone_text(plan: PipelinePlan) -> str:
    """The script of a plan, not yet formatted, that imports nothing of mlops_nb.

    Raises:
        BadArgument: a cell uses mlops_nb itself.
    """
    texts = (*plan.imports, *plan.definitions, *plan.settings, *(step.body for step in plan.steps))
    rest = [text for text in texts if not text.startswith(_DISPLAY)]
    if "mlops_nb" in plan.ours or any(re.search(r"\bmlops_nb\b", _without_strings(text)) for text in rest):
        raise BadArgument(
            "a cell uses mlops_nb itself, which a standalone script does not have", "leave out --standalone"
        )
    names = _Names(plan)
    parts = [
        script_head(script_docstring(plan, "Run it with --help to see the parameters.")),
        "\n".join([*_imports(plan, names), *(each for each in plan.imports if not each.startswith(_DISPLAY))]),
        *names.helpers(),
        *names.stand_ins(),
        *plan.notes,
        "\n".join(plan.settings),
        *spaced(plan.definitions),
        *(_inner(function_text(step, plan), names) for step in plan.steps),
        _flow(plan, names),
        _main(plan, names),
        f'if __name__ == "__main__":\n    {names.main}()',
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _without_strings(text: str) -> str:
    return re.sub(r"\"[^\"\n]*\"|'[^'\n]*'|#[^\n]*", "", text)


class _Names:
    """What the helpers are called, beside the names of the notebook."""

    def __init__(self, plan: PipelinePlan) -> None:
        self.plan = plan
        everything = "\n".join([*plan.imports, *plan.definitions, *(step.body for step in plan.steps)])
        self.taken = {*re.findall(r"\w+", everything), *(step.name for step in plan.steps), plan.function}
        self.displayed = [
            alias
            for text in plan.imports
            if text.startswith(_DISPLAY)
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        ]
        inner = [text for text in everything.split("\n") if text.strip().startswith(_DISPLAY)]
        self.has_plots = bool(re.search(r"\b(matplotlib|pylab|seaborn)\b|\.(plot|hist|boxplot)\b", everything))
        uses = {"show", *(name for name in plan.ours if name in _HELPERS)}
        uses |= {"markup"} if self.displayed or inner else set()
        uses |= {"settings"} if plan.parameters else set()
        self.uses = [name for name in _HELPERS if name in uses or (name == "plots" and self.has_plots)]
        self.called = {name: plan.ours.get(name, name) for name in ("show", "metric", "captured", "get_ipython")}
        self.called |= {"save_plots": self._free("save_plots"), "pyplot": "matplotlib.pyplot"}
        self.called |= {name: self._free(name) for name in ("read_settings", "as_options")}
        named = {each.name for each in plan.parameters}
        reserved = '(f"{name}_value" if name in ("help", "config") else name)'
        self.called["option"] = reserved if named.intersection(_RESERVED) else "name"
        self.config = "config_file" if "config" in named else "config"
        self.main = self._free("main")

    def _free(self, name: str) -> str:
        found = unique_name(name, self.taken)
        self.taken.add(found)
        return found

    def helpers(self) -> Iterator[str]:
        for name in self.uses:
            yield _HELPERS[name].format(**self.called).strip("\n")

    def stand_ins(self) -> Iterator[str]:
        """What stands for names of IPython.display."""
        lines = [_stand_in(alias, self.called["show"]) for alias in self.displayed]
        yield "\n".join(lines)


def _stand_in(alias: ast.alias, show: str) -> str:
    name = alias.asname or alias.name
    if alias.name in _SHOWS:
        return f"{name} = {show}"
    if alias.name in _DOES_NOTHING:
        return f"{name} = lambda *_, **__: None"
    return f"{name} = Markup"


def _inner(function: str, names: _Names) -> str:
    """A step with imports of stand-ins inside it made assignments."""
    lines = function.split("\n")
    for number, line in enumerate(lines):
        if line.strip().startswith(_DISPLAY):
            node = ast.parse(line.strip()).body[0]
            assert isinstance(node, ast.ImportFrom)
            indent = line[: len(line) - len(line.lstrip())]
            lines[number] = "\n".join(f"{indent}{_stand_in(each, names.called['show'])}" for each in node.names)
    return "\n".join(lines)


def _imports(plan: PipelinePlan, names: _Names) -> Iterator[str]:
    yield "import argparse"
    for use in names.uses:
        yield from (f"import {module}" for module in _NEEDS.get(use, ()))
    for name in plan.ours:
        if name in ("os", "subprocess", "asyncio", "builtins"):
            yield f"import {name}" + (f" as {plan.ours[name]}" if plan.ours[name] != name else "")
        elif name in ("Annotated", "Literal"):
            yield f"from typing import {name}" + (f" as {plan.ours[name]}" if plan.ours[name] != name else "")


def _flow(plan: PipelinePlan, names: _Names) -> str:
    text = pipeline_function(replace(plan, results=()))
    if names.has_plots:
        calls = {step.name for step in plan.steps}
        lines = []
        for line in text.split("\n"):
            lines.append(line)
            called = re.match(r"    (?:[\w, ]+ = )?(\w+)\(", line)
            if called and called[1] in calls:
                lines.append(f"    {names.called['save_plots']}({called[1]!r})")
        text = "\n".join(lines)
    if plan.results:
        text += f"\n    return {{{', '.join(f'{name!r}: {name}' for name in plan.results)}}}"
    return text


def _main(plan: PipelinePlan, names: _Names) -> str:
    lines = [f"def {names.main}():", f"    parser = argparse.ArgumentParser({_described(plan, names)})"]
    lines += [f"    parser.add_argument({_argument(each)})" for each in plan.parameters]
    lines += _options(plan, names) if plan.parameters else ["    parser.parse_args()"]
    call = f"{plan.function}({'**vars(options)' if plan.parameters else ''})"
    if not plan.results:
        return "\n".join([*lines, f"    {call}"])
    return "\n".join(
        [
            *lines,
            f"    for name, value in {call}.items():",
            "        if isinstance(value, int | float):",
            '            print(f"{name} = {value}")',
        ]
    )


def _described(plan: PipelinePlan, names: _Names) -> str:
    about = (first_sentence(plan.summary) or plan.title or plan.name).replace("%", "%%")
    if not plan.parameters:
        return f"description={about!r}"
    variable = _variable(plan, plan.parameters[0])
    option = f"--{names.config.replace('_', '-')}"
    said = (
        f"A parameter comes from its option, else from a variable such as {variable}, else from the file of {option}."
    )
    return f"description={about!r}, epilog={said!r}"


def _variable(plan: PipelinePlan, parameter: ScriptParameter) -> str:
    """The environment variable of a parameter, as every script of ours calls it."""
    from mlops_nb.pipelines.parameters import Parameter
    from mlops_nb.pipelines.settings import variable_of

    return variable_of(plan.name, Parameter(parameter.name, parameter.type))


def _options(plan: PipelinePlan, names: _Names) -> Iterator[str]:
    """The lines that read the options: those of the command line after those of the environment and the file."""
    variables = {each.name: _variable(plan, each) for each in plan.parameters}
    flags = tuple(each.name for each in plan.parameters if each.type == "bool")
    settings, options = names.called["read_settings"], names.called["as_options"]
    file, option = names.config, f"--{names.config.replace('_', '-')}"
    yield f"""
    parser.add_argument("{option}", metavar="FILE", help="a TOML, JSON or YAML file of parameters")
    file = parser.parse_args().{file}
    variables = {variables!r}
    try:
        settings = {settings}(file) if file else {{}}
    except Exception as error:
        parser.error(f"{{file}} cannot be read: {{error}}")
    for name in sorted(settings.keys() - variables.keys()):
        near = difflib.get_close_matches(name, variables, 1)
        parser.error(f"{{file}} sets {{name!r}}, which is no parameter" + (f"; {{near[0]!r}} is one" if near else ""))
    settings |= {{name: os.environ[each] for name, each in variables.items() if each in os.environ}}
    options = parser.parse_args([*{options}(settings, {flags!r}), *sys.argv[1:]])
    del options.{file}""".lstrip("\n")
    for each in plan.parameters:
        if each.low is not None and each.high is not None:
            rule = f"{each.name} must be between {each.low} and {each.high}"
            given = f"options.{each.name} is not None and " if each.default is None else ""
            yield f"    if {given}not {each.low!r} <= options.{each.name} <= {each.high!r}:"
            yield f"        parser.error({rule!r})"


def _argument(parameter: ScriptParameter) -> str:
    option = f"--{parameter.name.replace('_', '-')}"
    option = f"--{parameter.name}-value" if parameter.name in _RESERVED else option
    parts = [repr(option), f"dest={parameter.name!r}", f"default={parameter.default_text}"]
    if parameter.type == "bool":
        parts.append("action=argparse.BooleanOptionalAction")
    else:
        parts += [f"type={_reader(parameter)}"]
        parts += [f"choices={list(parameter.choices)!r}"] if parameter.choices else []
    about = f"{parameter.help} (default: %(default)s)".strip().replace("%", "%%").replace("%%(default)s", "%(default)s")
    return ", ".join([*parts, f"help={about!r}"])


def _reader(parameter: ScriptParameter) -> str:
    return parameter.type if parameter.type in ("int", "float", "str", "bool") else "json.loads"
