"""What the targets share: the top of a file, steps as plain functions, options of a command line, free names."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import PurePath

from mlops_nb.errors import MlopsError
from mlops_nb.notebook.intermediate import PipelinePlan
from mlops_nb.notebook.ipython_syntax import parsed
from mlops_nb.notebook.naming import comment, docstring, is_ended, unique_name
from mlops_nb.notebook.records import ScriptParameter
from mlops_nb.notebook.script import ENCODING, EXPORTED, function_text, our_import
from mlops_nb.notebook.targets.wiring import WiredStep, drawing_steps

OWN = frozenset(("show", "metric", "step", "pipeline", "Annotated", "Literal"))
"""Names of ours that a target's file does not import: it has its own, or does without."""

_SCALARS = ("int", "float", "str", "bool")


class Names:
    """Names for what a target's file needs besides the notebook's own, free of every name that the notebook has."""

    def __init__(self, plan: PipelinePlan) -> None:
        self.plan = plan
        self._given: dict[str, str] = {}

    @cached_property
    def taken(self) -> set[str]:
        """Every name that the notebook's code binds or reads."""
        plan = self.plan
        texts = [*plan.imports, *plan.settings, *plan.definitions, *(step.body for step in plan.steps)]
        found = {each.name for each in plan.parameters} | {step.name for step in plan.steps} | {plan.function}
        for step in plan.steps:
            found |= {*step.inputs, *step.outputs, *step.defaults}
        return found.union(dir(builtins), *(_names_in(text) for text in texts))

    @cached_property
    def imported(self) -> Mapping[str, str]:
        """Names that the notebook has, and binds nowhere else, for what a target's file needs, too."""
        same: dict[str, str] = {}
        others: list[str] = [*self.plan.settings, *self.plan.definitions, *(step.body for step in self.plan.steps)]
        for text in self.plan.imports:
            found = {_WANTED[origin]: name for name, origin in _origins(text) if origin in _WANTED}
            found = {wanted: name for wanted, name in found.items() if name == wanted or wanted == "pyplot"}
            same |= found
            others += [] if found else [text]
        bound = {each.name for each in self.plan.parameters}.union(*(_bound_in(text) for text in others))
        return {wanted: name for wanted, name in same.items() if name not in bound}

    def __call__(self, wanted: str) -> str:
        """The name, or one like it that is free; the same one whenever it is asked for."""
        if wanted not in self._given:
            taken = self.taken | {*self._given.values()}
            self._given[wanted] = self.imported.get(wanted) or unique_name(wanted, taken)
        return self._given[wanted]


_MODULES = ("argparse", "ast", "json", "os", "pickle", "re", "sys", "matplotlib", "yaml", "base64")
_ORIGINS = {name: name for name in _MODULES} | {
    "Path": "pathlib.Path", "Real": "numbers.Real", "wraps": "functools.wraps", "count": "itertools.count",
    "contextmanager": "contextlib.contextmanager", "uuid4": "uuid.uuid4", "Any": "typing.Any",
    "Annotated": "typing.Annotated", "Literal": "typing.Literal", "Field": "pydantic.Field",
    "pyplot": "matplotlib.pyplot", "BytesIO": "io.BytesIO",
}  # fmt: skip
"""Where a target's file has a name from."""
_WANTED = {origin: name for name, origin in _ORIGINS.items()}


def _origins(text: str) -> Iterator[tuple[str, str]]:
    """The names that an import binds, each with what it stands for."""
    for node in (parsed(text) or ast.Module([], [])).body:
        if isinstance(node, ast.Import):
            yield from ((each.asname or each.name.partition(".")[0], each.name) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((each.asname or each.name, f"{node.module}.{each.name}") for each in node.names)


def _bound_in(text: str) -> set[str]:
    """Every name that a text binds anywhere."""
    found = set[str]()
    for node in ast.walk(parsed(text) or ast.Module([], [])):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.alias(name=name, asname=alias):
                found.add(alias or name.partition(".")[0])
    return found


def _names_in(text: str) -> set[str]:
    tree = parsed(text)
    found = set[str]()
    for node in ast.walk(tree) if tree is not None else ():
        match node:
            case ast.Name(id=name) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.alias(name=name, asname=alias):
                found.add(alias or name.partition(".")[0])
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                found.update(names)
    return found


def modules_of(plan: PipelinePlan) -> set[str]:
    """The modules that the notebook's code needs, by the first part of their names."""
    found = set[str]()
    for text in (*plan.imports, *plan.definitions, *(step.body for step in plan.steps)):
        for node in ast.walk(parsed(text) or ast.Module([], [])):
            if isinstance(node, ast.Import):
                found |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").partition(".")[0])
    found |= {"matplotlib"} if drawing_steps(plan) else set()
    return found | ({"mlops_nb"} if needs_ours(plan) else set())


def needs_ours(plan: PipelinePlan) -> bool:
    """Whether a target's file imports something of this project, because a cell uses it."""
    return any("mlops_nb" in our_import(name, plan) for name in plan.ours if name not in OWN)


def python_file(plan: PipelinePlan, lines: Sequence[str], parts: Iterable[str], what: str = "") -> str:
    """The text of a Python file: its docstring, then its parts.

    Args:
        plan: the plan.
        lines: how the file is used.
        parts: what it is made of; empty ones are left out.
        what: what the file is, where it is not the pipeline itself.
    """
    title, rest = plan.title or plan.name, what or plan.summary
    between = " " if is_ended(title) else ": "
    said = "\n".join([exported_line(plan), *lines])
    head = docstring(f"{title}{between}{rest}" if rest else title, said, indent="")
    return "\n\n".join([f"{ENCODING}\n{head}", *(part for part in parts if part)]) + "\n"


def usage(*commands: tuple[str, str]) -> list[str]:
    """Commands, each with what it does, as lines of a docstring."""
    width = max(len(command) for command, _ in commands)
    return [f"    {command:<{width}}     {what}" for command, what in commands]


def exported_line(plan: PipelinePlan) -> str:
    """The line by which a file is known as an export."""
    return EXPORTED.format(comment(PurePath(plan.notebook).name, 200)) + "."


def imports_of(plan: PipelinePlan, texts: Sequence[str] | None = None) -> str:
    """The imports that the notebook's code needs; with `texts`, those that these need.

    An import that nothing in the notebook names is kept everywhere: it may do something by itself.
    """
    ours = [our_import(name, plan) for name in plan.ours if name not in OWN]
    if texts is None:
        return "\n".join([*ours, *plan.imports])
    used = set[str]().union(*(_names_in(text) for text in texts))
    anywhere = [*plan.settings, *plan.definitions, *(step.body for step in plan.steps)]
    everywhere = set[str]().union(*(_names_in(text) for text in anywhere))
    return "\n".join(filter(None, (_needed_import(each, used, everywhere) for each in [*ours, *plan.imports])))


def _needed_import(text: str, used: Collection[str], everywhere: Collection[str]) -> str:
    tree = parsed(text)
    if tree is None or len(tree.body) != 1 or not isinstance(node := tree.body[0], ast.Import | ast.ImportFrom):
        return text
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return text
    named = {each: each.asname or each.name.partition(".")[0] for each in node.names}
    kept = [each for each, name in named.items() if name in used or name not in everywhere or each.name == "*"]
    if len(kept) == len(named):
        return text
    node.names = kept
    return ast.unparse(node) if kept else ""


def definitions_of(plan: PipelinePlan, texts: Sequence[str]) -> tuple[str, ...]:
    """The definitions that some texts need, and those that these need, in their order."""
    kept = set[int]()
    wanted = set[str]().union(*(_names_in(text) for text in texts))
    bound = [_bound_by(each) for each in plan.definitions]
    while more := [at for at, names in enumerate(bound) if at not in kept and (names & wanted or not names)]:
        kept.update(more)
        wanted |= set[str]().union(*(_names_in(plan.definitions[at]) for at in more))
    return tuple(plan.definitions[at] for at in sorted(kept))


def _bound_by(text: str) -> set[str]:
    from mlops_nb.notebook.cells import read_cell

    return set(read_cell(text).writes)


def function_of(one: WiredStep, plan: PipelinePlan, names: Names) -> str:
    """A step as a plain function, whose plots are saved.

    Where it notes metrics without a name, it returns these as its last value.
    """
    lead = f"@{names('plots_of')}({one.step.name!r})\n" if one.plots else ""
    if not one.notes:
        return lead + function_text(one.step, plan)
    metric = plan.ours["metric"]
    body = f"{metric} = {names('Metrics')}()\n{one.step.body}"
    return lead + function_text(replace(one.step, body=body, outputs=(*one.step.outputs, metric)), plan)


def returned(one: WiredStep, names: Names) -> tuple[str, ...]:
    """The names that a call of the function gives its values to."""
    return (*one.step.outputs, names(f"{one.step.name}_metrics")) if one.notes else one.step.outputs


def allowed_names(steps: Sequence[WiredStep], names: Names, is_allowed: Callable[[str], bool]) -> Mapping[str, str]:
    """By name of what steps give the name that a tool has for it: the same one, where the tool allows it."""
    given = dict.fromkeys(name for one in steps for name in one.step.outputs)
    return {name: name if is_allowed(name) else names(f"value_{number}") for number, name in enumerate(given, 1)}


def measured_in(one: WiredStep, noted: str) -> str:
    """A dict of a step's metrics as text, `noted` being the dict of those that it notes; empty where it has none."""
    found = [f"{name!r}: {name}" for name in one.measured]
    found += [f"**{noted}"] if one.notes else []
    return f"{{{', '.join(found)}}}" if found else ""


def shared_functions(plan: PipelinePlan, names: Names, steps: Sequence[WiredStep]) -> Iterator[str]:
    """`show`, `Metrics` and `plots_of`, where steps use them."""
    used = used_by(plan)
    if "show" in used:
        yield SHOW.format(plan.ours["show"])
    if "metric" in used:
        yield METRICS.format(names("Metrics"))
    if any(one.plots for one in steps):
        yield PLOTS_OF.format(**{name: names(name) for name in _FOR_PLOTS}, plots_of=names("plots_of"))


def shared_imports(names: Names, steps: Sequence[WiredStep]) -> Iterator[str]:
    """What `shared_functions` need."""
    if any(one.plots for one in steps):
        yield import_from(names, "contextlib", "contextmanager")
        yield import_from(names, "itertools", "count")
        yield import_from(names, "pathlib", "Path")
        yield import_of(names, "matplotlib")
        yield pyplot_import(names)


def pyplot_import(names: Names) -> str:
    """The import of pyplot, by the notebook's name for it, where it has one."""
    is_plain = names("pyplot") == "pyplot"
    return import_from(names, "matplotlib", "pyplot") if is_plain else import_as("matplotlib.pyplot", names("pyplot"))


def import_of(names: Names, module: str) -> str:
    """The import of a module, under a name that is free."""
    return import_as(module, names(module))


def import_as(module: str, name: str) -> str:
    """The import of a module under a name."""
    return f"import {module}" if name == module else f"import {module} as {name}"


def import_from(names: Names, module: str, *wanted: str) -> str:
    """The import of names from a module, under names that are free."""
    said = ", ".join(each if names(each) == each else f"{each} as {names(each)}" for each in wanted)
    return f"from {module} import {said}"


def all_imports(plan: PipelinePlan, lines: Iterable[str], texts: Sequence[str] | None = None) -> str:
    """The imports at the top of a file: a target's own lines, then those that the notebook's code needs."""
    future = [each for each in plan.imports if each.startswith("from __future__")]
    own = dict.fromkeys(lines)
    return "\n".join([*future, *own, *(each for each in imports_of(plan, texts).split("\n") if each not in future)])


SHOW = '''def {}(*values, **_):
    """Print values as a notebook shows them under a cell."""
    for value in values:
        if value is not None:
            print(repr(value))'''

NUMBERS_IN = '''def {numbers_in}(results):
    """The numbers among the results of a step."""
    return {{name: float(value) for name, value in results.items() if isinstance(value, {Real})}}'''

_FOR_PLOTS = ("contextmanager", "count", "Path", "matplotlib", "pyplot")

PLOTS_OF = '''{matplotlib}.use("agg")  # figures become files, no window opens


@{contextmanager}
def {plots_of}(step):
    """Save what a step plots in plots/STEP, and close it, as a notebook shows it under a cell."""
    folder, numbers = {Path}("plots", step), {count}(1)
    folder.mkdir(parents=True, exist_ok=True)

    def save(*_, **__):
        for figure in map({pyplot}.figure, {pyplot}.get_fignums()):
            if figure.axes:
                figure.savefig(folder / f"{{next(numbers)}}.png", bbox_inches="tight")
        {pyplot}.close("all")

    shown, {pyplot}.show = {pyplot}.show, save
    try:
        yield
        save()
    finally:
        {pyplot}.show = shown'''

METRICS = '''class {}(dict):
    """The metrics that a step notes: `metric(name, value)` gives the value back."""

    def __call__(self, name, value):
        self[name] = value
        return value'''


def used_by(plan: PipelinePlan) -> set[str]:
    """What of ours the bodies of the steps use."""
    return {name for step in plan.steps for name in step.uses}


def value_of(parameter: ScriptParameter) -> object:
    """The parameter's default as a value."""
    return ast.literal_eval(parameter.default_text or repr(parameter.default))


def module_name(stem: str, what: str) -> str:
    """The name of a module that lies beside a target's file.

    >>> module_name("wine", "steps"), module_name("02_wine", "steps")
    ('wine_steps', 'steps_02_wine')
    """
    return f"{stem}_{what}" if stem.isidentifier() else f"{what}_{stem}"


def pickler(plan: PipelinePlan) -> str:
    """The module that writes values: one that knows functions and classes made in a step, where steps make some."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    trees = [parsed(step.body) for step in plan.steps]
    makes = any(isinstance(node, kinds) for tree in trees if tree is not None for node in ast.walk(tree))
    return "cloudpickle" if makes else "pickle"


def base_type(parameter: ScriptParameter) -> str:
    """int, float, str or bool where the parameter holds one of them, None or not; else empty.

    >>> base_type(ScriptParameter("depth", "int | None", None)), base_type(ScriptParameter("a", "list[int]", [1]))
    ('int', '')
    """
    kinds = [each.strip() for each in parameter.type.split("|")]
    kinds = [each for each in kinds if each != "None"]
    return kinds[0] if len(kinds) == 1 and kinds[0] in _SCALARS else ""


def form_of(parameter: ScriptParameter) -> str:
    """How JSON has the parameter: scalar, list, dict, any (for None), tuple or set as a list; text for what it has not.

    >>> form_of(ScriptParameter("pair", "tuple[int, ...]", None, default_text="(1, 2)"))
    'tuple'
    >>> form_of(ScriptParameter("z", "complex", None, default_text="2j"))
    'text'
    """
    value = value_of(parameter)
    if base_type(parameter):
        return "scalar"
    if value is None:
        return "any"
    kind = type(value).__name__
    inside = list(value) if isinstance(value, tuple | set) else value
    return kind if kind in ("list", "dict", "tuple", "set") and _is_json(inside) else "text"


def _is_json(value: object) -> bool:
    if value is None or isinstance(value, bool | int | float | str):
        return True
    if isinstance(value, list):
        return all(map(_is_json, value))
    return isinstance(value, dict) and all(isinstance(name, str) and _is_json(each) for name, each in value.items())


def as_json_form(parameter: ScriptParameter) -> object:
    """The default in that form."""
    value, form = value_of(parameter), form_of(parameter)
    if form == "text":
        return literal(value)
    if isinstance(value, set):
        return sorted(value, key=repr)
    return list(value) if isinstance(value, tuple) else value


def from_json_form(parameter: ScriptParameter, text: str, literal_eval: str) -> str:
    """An expression that makes the parameter's value of what an expression gives in that form."""
    form = form_of(parameter)
    return f"{literal_eval if form == 'text' else form}({text})" if form in ("text", "tuple", "set") else text


def may_be_none(parameter: ScriptParameter) -> bool:
    """Whether None is a value of it."""
    return value_of(parameter) is None or "| None" in parameter.type


def item_type(parameter: ScriptParameter) -> str:
    """What a list, tuple or set of one kind of scalar holds; else empty.

    >>> item_type(ScriptParameter("names", "list[str]", ["a"]))
    'str'
    """
    match = re.fullmatch(r"(?:list|tuple|set)\[(\w+)(?:, \.\.\.)?\]", parameter.type)
    return match[1] if match and match[1] in _SCALARS else ""


def literal(value: object) -> str:
    """A value as Python text; sets in an order that is the same every time."""
    if isinstance(value, set) and value:
        return f"{{{', '.join(sorted(map(repr, value)))}}}"
    return repr(value)


def option_of(name: str) -> str:
    """A parameter as an option of a command line.

    >>> option_of("n_estimators"), option_of("help")
    ('--n-estimators', '--help-value')
    """
    return "--help-value" if name == "help" else f"--{name.replace('_', '-')}"


def arguments_function(plan: PipelinePlan, names: Names, extra: Sequence[str] = (), *, as_json: bool = False) -> str:
    """A function that reads the parameters from the command line.

    Args:
        plan: the plan.
        names: free names.
        extra: lines that add more options.
        as_json: leave as text what JSON has no form for.
    """
    parser, ast_module, argparse = names("parser"), names("ast"), names("argparse")
    lines = [
        f"def {names('read_arguments')}():",
        '    """The parameters, as the command line gives them."""',
        f"    {parser} = {argparse}.ArgumentParser(description={comment(plan.title or plan.name, 200)!r})",
    ]
    for each in plan.parameters:
        stays = as_json and form_of(each) == "text"
        settings = [repr(option_of(each.name)), *_argument_settings(each, ast_module, argparse, stays_text=stays)]
        lines.append(f"    {parser}.add_argument({', '.join(settings)})")
    lines += [f"    {each}" for each in extra]
    if not any(each.low is not None for each in plan.parameters):
        return "\n".join([*lines, f"    return {parser}.parse_args()"])
    lines.append(f"    {names('arguments')} = {parser}.parse_args()")
    for each in plan.parameters:
        if each.low is not None and each.high is not None:
            value = f"{names('arguments')}.{each.name}"
            said = f"{option_of(each.name)} must be from {each.low!r} to {each.high!r}"
            lines += [f"    if not {each.low!r} <= {value} <= {each.high!r}:", f"        {parser}.error({said!r})"]
    lines.append(f"    return {names('arguments')}")
    return "\n".join(lines)


def needs_ast(plan: PipelinePlan) -> bool:
    """Whether a parameter is given as the text of a Python literal."""
    return any(not base_type(each) for each in plan.parameters)


def _argument_settings(
    parameter: ScriptParameter, ast_module: str, argparse: str, *, stays_text: bool
) -> Iterator[str]:
    kind = base_type(parameter)
    if parameter.name == "help":
        yield "dest='help'"
    if kind == "bool" and not parameter.choices:
        yield f"action={argparse}.BooleanOptionalAction"
    elif kind != "str" and not stays_text:
        yield f"type={kind or f'{ast_module}.literal_eval'}"
    yield f"default={literal(as_json_form(parameter) if stays_text else value_of(parameter))}"
    if parameter.choices:
        yield f"choices={list(parameter.choices)!r}"
    if parameter.help:
        yield f"help={parameter.help.replace('%', '%%')!r}"


def pydantic_annotation(parameter: ScriptParameter, names: Names, kind: str = "") -> str:
    """The parameter's type as pydantic checks it: its choices, its range and its help with it.

    Args:
        parameter: the parameter.
        names: free names.
        kind: its type, where it is not the parameter's own.
    """
    kind = kind or parameter.type
    if parameter.choices:
        kind = f"{names('Literal')}[{', '.join(map(repr, parameter.choices))}]"
        kind = f"{kind} | None" if may_be_none(parameter) else kind
    said = [f"description={parameter.help!r}"] if parameter.help else []
    if parameter.low is not None and parameter.high is not None:
        said += [f"ge={parameter.low!r}", f"le={parameter.high!r}"]
    return f"{names('Annotated')}[{kind}, {names('Field')}({', '.join(said)})]" if said else kind


def pydantic_imports(names: Names, annotations: str) -> Iterator[str]:
    """The imports that such annotations need."""
    for home, name in (("typing", "Annotated"), ("typing", "Any"), ("typing", "Literal"), ("pydantic", "Field")):
        if re.search(rf"\b{names(name)}\b", annotations):
            yield import_from(names, home, name)


def signature(plan: PipelinePlan, lead: Sequence[str] = ()) -> str:
    """The parameters with their types and defaults, as they stand between the brackets of a function."""
    arguments = [*lead, *(f"{each.name}: {each.type} = {literal(value_of(each))}" for each in plan.parameters)]
    return ", ".join(arguments)


def call_of(one: WiredStep, given: Sequence[str] = ()) -> str:
    """The call of a step by its inputs, and more arguments."""
    return f"{one.step.name}({', '.join([*one.step.inputs, *given])})"


def assigned(outputs: Sequence[str], call: str) -> str:
    """A call whose values are given names."""
    return f"{', '.join(outputs)} = {call}" if outputs else call


def without_star(plan: PipelinePlan, tool: str) -> None:
    """Refuse `from module import *`, which cannot stand in a function.

    Raises:
        MlopsError: there is one.
    """
    for text in plan.imports:
        if text.rstrip().endswith("*"):
            raise MlopsError(
                f"{comment(text)} cannot stand in a {tool}", "import the names that the notebook uses, and export again"
            )


def allowed_check(parameter: ScriptParameter, name: str, raising: str) -> str:
    """Statements that refuse a value that the parameter does not allow; `raising` is given the message's text.

    >>> print(allowed_check(ScriptParameter("n", "int", 1, low=1, high=9), "n", "raise ValueError({})"))
    if not 1 <= n <= 9:
        raise ValueError(f'n is {n!r}, must be from 1 to 9')
    """
    if parameter.choices:
        choices = (*parameter.choices, *((None,) if value_of(parameter) is None else ()))
        listed = ", ".join(map(repr, choices)).replace("{", "{{").replace("}", "}}")
        message = "f" + repr(f"{name} is {{{name}!r}}, must be one of {listed}")
        return f"if {name} not in {list(choices)!r}:\n    {raising.format(message)}"
    if parameter.low is not None and parameter.high is not None:
        message = f"f'{name} is {{{name}!r}}, must be from {parameter.low!r} to {parameter.high!r}'"
        return f"if not {parameter.low!r} <= {name} <= {parameter.high!r}:\n    {raising.format(message)}"
    return ""
