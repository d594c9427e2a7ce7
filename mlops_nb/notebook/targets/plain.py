"""What the targets share: the top of a file, steps as plain functions, options of a command line, free names."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import PurePath

from mlops_nb.errors import MlopsError
from mlops_nb.notebook.intermediate import PipelinePlan
from mlops_nb.notebook.ipython_syntax import parsed
from mlops_nb.notebook.naming import comment, docstring, is_ended, unique_name
from mlops_nb.notebook.records import ScriptParameter
from mlops_nb.notebook.script import ENCODING, EXPORTED, function_text, our_import
from mlops_nb.notebook.targets.wiring import WiredStep

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

    def __call__(self, wanted: str) -> str:
        """The name, or one like it that is free; the same one whenever it is asked for."""
        if wanted not in self._given:
            self._given[wanted] = unique_name(wanted, self.taken | {*self._given.values()})
        return self._given[wanted]


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
    """The modules that the notebook's code imports, by the first part of their names."""
    found = set[str]()
    for text in (*plan.imports, *plan.definitions, *(step.body for step in plan.steps)):
        for node in ast.walk(parsed(text) or ast.Module([], [])):
            if isinstance(node, ast.Import):
                found |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").partition(".")[0])
    return found | ({"mlops_nb"} if needs_ours(plan) else set())


def needs_ours(plan: PipelinePlan) -> bool:
    """Whether a target's file imports something of this project, because a cell uses it."""
    return any("mlops_nb" in our_import(name, plan) for name in plan.ours if name not in OWN)


def python_file(plan: PipelinePlan, lines: Sequence[str], parts: Iterable[str]) -> str:
    """The text of a Python file: its docstring with lines that say how to use it, then its parts."""
    title = plan.title or plan.name
    between = " " if is_ended(title) else ": "
    said = "\n".join([exported_line(plan), *lines])
    head = docstring(f"{title}{between}{plan.summary}" if plan.summary else title, said, indent="")
    return "\n\n".join([f"{ENCODING}\n{head}", *(part for part in parts if part)]) + "\n"


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
    """A step as a plain function; where it notes metrics without a name, it returns these as its last value."""
    if not one.notes:
        return function_text(one.step, plan)
    metric = plan.ours["metric"]
    body = f"{metric} = {names('Metrics')}()\n{one.step.body}"
    return function_text(replace(one.step, body=body, outputs=(*one.step.outputs, metric)), plan)


def returned(one: WiredStep, names: Names) -> tuple[str, ...]:
    """The names that a call of the function gives its values to."""
    return (*one.step.outputs, names(f"{one.step.name}_metrics")) if one.notes else one.step.outputs


def shared_functions(plan: PipelinePlan, names: Names, used: Collection[str]) -> Iterator[str]:
    """`show` and `Metrics`, where steps use them."""
    if "show" in used:
        yield SHOW.format(plan.ours["show"])
    if "metric" in used:
        yield METRICS.format(names("Metrics"))


SHOW = '''def {}(*values, **_):
    """Print values as a notebook shows them under a cell."""
    for value in values:
        if value is not None:
            print(repr(value))'''

NUMBERS_IN = '''def {numbers_in}(results):
    """The metrics among the results."""
    for name, value in results.items():
        if isinstance(value, dict):
            yield from {numbers_in}(value)
        elif isinstance(value, {Real}):
            yield name, float(value)'''

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


def base_type(parameter: ScriptParameter) -> str:
    """int, float, str or bool where the parameter holds one of them, None or not; else empty.

    >>> base_type(ScriptParameter("depth", "int | None", None)), base_type(ScriptParameter("a", "list[int]", [1]))
    ('int', '')
    """
    kinds = [each.strip() for each in parameter.type.split("|")]
    kinds = [each for each in kinds if each != "None"]
    return kinds[0] if len(kinds) == 1 and kinds[0] in _SCALARS else ""


def literal(value: object) -> str:
    """A value as Python text; sets in an order that is the same every time."""
    if isinstance(value, set) and value:
        return f"{{{', '.join(sorted(map(repr, value)))}}}"
    return repr(value)


def option_of(name: str) -> str:
    """A parameter as an option of a command line.

    >>> option_of("n_estimators"), option_of("help")
    ('--n-estimators', '--the-help')
    """
    return "--the-help" if name == "help" else f"--{name.replace('_', '-')}"


def arguments_function(plan: PipelinePlan, names: Names, extra: Sequence[str] = ()) -> str:
    """A function that reads the parameters from the command line, `extra` lines adding more options."""
    parser, ast_module, argparse = names("parser"), names("ast"), names("argparse")
    lines = [
        f"def {names('read_arguments')}():",
        '    """The parameters, as the command line gives them."""',
        f"    {parser} = {argparse}.ArgumentParser(description={comment(plan.title or plan.name, 200)!r})",
    ]
    for each in plan.parameters:
        settings = [repr(option_of(each.name)), *_argument_settings(each, ast_module, argparse)]
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


def _argument_settings(parameter: ScriptParameter, ast_module: str, argparse: str) -> Iterator[str]:
    kind = base_type(parameter)
    if option_of(parameter.name) == "--the-help":
        yield "dest='help'"
    if kind == "bool" and not parameter.choices:
        yield f"action={argparse}.BooleanOptionalAction"
    elif kind != "str":
        yield f"type={kind or f'{ast_module}.literal_eval'}"
    yield f"default={literal(value_of(parameter))}"
    if parameter.choices:
        yield f"choices={list(parameter.choices)!r}"
    if parameter.help:
        yield f"help={parameter.help.replace('%', '%%')!r}"


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
