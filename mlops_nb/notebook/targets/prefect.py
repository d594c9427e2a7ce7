"""Prefect 3: a task a step, a flow whose signature is the parameters; values stay in the flow's process."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.notebook.intermediate import PipelinePlan
from mlops_nb.notebook.naming import docstring, first_sentence
from mlops_nb.notebook.targets.plain import (
    NUMBERS_IN,
    Names,
    all_imports,
    arguments_function,
    assigned,
    call_of,
    function_of,
    import_from,
    import_of,
    literal,
    measured_in,
    needs_ast,
    pydantic_annotation,
    pydantic_imports,
    python_file,
    returned,
    shared_functions,
    shared_imports,
    usage,
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
        _imports(plan, names, steps),
        "\n".join(plan.settings),
        *plan.definitions,
        *shared_functions(plan, names, steps),
        *([NUMBERS_IN.format(numbers_in=names("numbers_in"), Real=names("Real"))] if _measures(steps) else []),
        *(f"@{names('task')}(cache_policy={names('NO_CACHE')})\n{function_of(one, plan, names)}" for one in steps),
        "\n".join(_flow(plan, names, steps)),
        *([arguments_function(plan, names)] if plan.parameters else []),
        _main(plan, names),
    ]
    help_line = (f"python {file} --help", "the parameters") if plan.parameters else (f"python {file}", "one run")
    lines = [*usage(help_line), f"`{plan.function}.serve(cron=...)` puts it on a schedule."]
    return Written((TargetFile(file, python_file(plan, lines, parts)),), f"python {file}")


def _imports(plan: PipelinePlan, names: Names, steps: tuple[WiredStep, ...]) -> str:
    lines = [import_of(names, "json")]
    lines += [import_of(names, "argparse")] if plan.parameters else []
    lines += [import_of(names, "ast")] if needs_ast(plan) else []
    lines += [import_from(names, "numbers", "Real")] if _measures(steps) else []
    lines.append(import_from(names, "prefect", "flow", "task"))
    lines += [import_from(names, "prefect.cache_policies", "NO_CACHE"), *shared_imports(names, steps)]
    used = "\n".join(pydantic_annotation(each, names) for each in plan.parameters)
    lines += pydantic_imports(names, used)
    return all_imports(plan, lines)


def _measures(steps: tuple[WiredStep, ...]) -> bool:
    return any(one.measured or one.notes for one in steps)


def _flow(plan: PipelinePlan, names: Names, steps: tuple[WiredStep, ...]) -> Iterator[str]:
    arguments = [
        f"{each.name}: {pydantic_annotation(each, names)} = {literal(value_of(each))}" for each in plan.parameters
    ]
    yield f"@{names('flow')}(name={plan.name!r}, log_prints=True)"
    yield f"def {plan.function}({', '.join(arguments)}):"
    yield docstring(first_sentence(plan.summary) or plan.title or plan.name)
    metrics = names("metrics")
    if _measures(steps):
        yield f"    {metrics} = {{}}"
    for one in steps:
        yield f"    {assigned(returned(one, names), call_of(one))}"
        if measured := measured_in(one, returned(one, names)[-1] if one.notes else ""):
            yield f"    {metrics}[{one.step.name!r}] = {names('numbers_in')}({measured})"
    yield f"    return {metrics}" if _measures(steps) else ""


def _main(plan: PipelinePlan, names: Names) -> str:
    given = f"**vars({names('read_arguments')}())" if plan.parameters else ""
    return f'if __name__ == "__main__":\n    print({names("json")}.dumps({plan.function}({given})))'
