"""Prefect 3: a task a step, a flow whose signature is the parameters; values stay in the flow's process."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.notebook.intermediate import PipelinePlan
from mlops_nb.notebook.naming import docstring, first_sentence
from mlops_nb.notebook.records import ScriptParameter
from mlops_nb.notebook.targets.plain import (
    NUMBERS_IN,
    Names,
    arguments_function,
    assigned,
    call_of,
    function_of,
    imports_of,
    literal,
    needs_ast,
    python_file,
    returned,
    shared_functions,
    used_by,
    value_of,
)
from mlops_nb.notebook.targets.records import Place, TargetFile, Written
from mlops_nb.notebook.targets.wiring import WiredStep, wired

KIND = "file"


def written(plan: PipelinePlan, place: Place) -> Written:
    """The flow of a plan for Prefect."""
    names, steps = Names(plan), wired(plan)
    file = f"{place.stem}.py"
    parts = [
        "\n".join(_imports(plan, names)),
        "\n".join(plan.settings),
        *plan.definitions,
        *shared_functions(plan, names, used_by(plan)),
        NUMBERS_IN.format(numbers_in=names("numbers_in"), Real=names("Real")),
        *(f"@{names('task')}(cache_policy={names('NO_CACHE')})\n{function_of(one, plan, names)}" for one in steps),
        "\n".join(_flow(plan, names, steps)),
        *([arguments_function(plan, names)] if plan.parameters else []),
        _main(plan, names),
    ]
    usage = [f"    python {file} --help     the parameters; `{plan.function}.serve()` puts it on a schedule"]
    return Written((TargetFile(file, python_file(plan, usage, parts)),), f"python {file}")


def _imports(plan: PipelinePlan, names: Names) -> Iterator[str]:
    future = [each for each in plan.imports if each.startswith("from __future__")]
    yield from future
    for module in ("json", *(["argparse"] if plan.parameters else []), *(["ast"] if needs_ast(plan) else [])):
        yield f"import {module}" if names(module) == module else f"import {module} as {names(module)}"
    homes = [("numbers", "Real"), ("prefect", "flow"), ("prefect", "task"), ("prefect.cache_policies", "NO_CACHE")]
    homes += [("typing", "Annotated"), ("typing", "Literal"), ("pydantic", "Field")]
    used = "\n".join(_annotation(each, names) for each in plan.parameters)
    for home, name in homes:
        if home not in ("typing", "pydantic") or names(name) in used:
            yield f"from {home} import {name}" + ("" if names(name) == name else f" as {names(name)}")
    yield from (each for each in imports_of(plan).split("\n") if each not in future)


def _annotation(parameter: ScriptParameter, names: Names) -> str:
    """The parameter's type as Prefect checks it: its choices, its range and its help with it."""
    kind = parameter.type
    if parameter.choices:
        kind = f"{names('Literal')}[{', '.join(map(repr, parameter.choices))}]"
        kind = f"{kind} | None" if value_of(parameter) is None else kind
    said = [f"description={parameter.help!r}"] if parameter.help else []
    if parameter.low is not None and parameter.high is not None:
        said += [f"ge={parameter.low!r}", f"le={parameter.high!r}"]
    return f"{names('Annotated')}[{kind}, {names('Field')}({', '.join(said)})]" if said else kind


def _flow(plan: PipelinePlan, names: Names, steps: tuple[WiredStep, ...]) -> Iterator[str]:
    arguments = [f"{each.name}: {_annotation(each, names)} = {literal(value_of(each))}" for each in plan.parameters]
    yield f"@{names('flow')}(name={plan.name!r}, log_prints=True)"
    yield f"def {plan.function}({', '.join(arguments)}):"
    yield docstring(first_sentence(plan.summary) or plan.title or plan.name)
    wanted: dict[str, None] = {}
    for one in steps:
        given = returned(one, names)
        yield f"    {assigned(given, call_of(one))}"
        wanted |= dict.fromkeys((*one.measured, *given[len(one.step.outputs) :]))
    results = ", ".join(f"{name!r}: {name}" for name in wanted)
    yield f"    return dict({names('numbers_in')}({{{results}}}))"


def _main(plan: PipelinePlan, names: Names) -> str:
    given = f"**vars({names('read_arguments')}())" if plan.parameters else ""
    return f'if __name__ == "__main__":\n    print({names("json")}.dumps({plan.function}({given})))'
