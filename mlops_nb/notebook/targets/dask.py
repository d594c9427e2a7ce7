"""A script that runs the steps on a Dask cluster: one task a step, objects stay on the workers."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.notebook.intermediate import PipelinePlan
from mlops_nb.notebook.naming import docstring, first_sentence, unique_name
from mlops_nb.notebook.statement_text import indented
from mlops_nb.notebook.targets.plain import (
    Names,
    all_imports,
    arguments_function,
    assigned,
    call_of,
    function_of,
    import_from,
    import_of,
    needs_ast,
    option_of,
    python_file,
    returned,
    shared_functions,
    shared_imports,
    signature,
    usage,
)
from mlops_nb.notebook.targets.records import Place, TargetFile, Written
from mlops_nb.notebook.targets.wiring import WiredStep, handed, unshared, wired

KIND = "file"


def written(plan: PipelinePlan, place: Place) -> Written:
    """The script of a plan for Dask."""
    names, steps = Names(plan), wired(plan)
    arguments = names("arguments")
    file = f"{place.stem}.py"
    parts = [
        _imports(plan, names, steps),
        _settings(plan, names),
        *plan.definitions,
        *shared_functions(plan, names, steps),
        *([_TASK.format(**_given(names, "task", "wraps", "delayed"))] if _waits(steps) else ()),
        *(f"{_decorator(one, names, steps)}\n{function_of(one, plan, names)}" for one in steps),
        _graph(plan, names, steps),
        arguments_function(plan, names, _options(plan, names)),
        _NUMBERS_IN.format(numbers_in=names("numbers_in"), Real=names("Real")),
        _MAIN.format(
            call=f"{plan.function}({', '.join(f'{each.name}={arguments}.{each.name}' for each in plan.parameters)})",
            scheduler=_scheduler(plan),
            settings=f"\n        client.run({names('use_settings')})" if plan.settings else "",
            **_given(names, "main", "arguments", "read_arguments", "Client", "compute", "results", "json"),
            **_given(names, "numbers_in", "metrics"),
        ),
        f'if __name__ == "__main__":\n    {names("main")}()',
    ]
    lines = usage(
        (f"python {file} --help", "the parameters"),
        (f"python {file} --{_scheduler(plan)} tcp://HOST:8786", "on a cluster that is there"),
    )
    return Written(
        (TargetFile(file, python_file(plan, lines, parts)),),
        f"python {file}",
        (*unshared(plan), *_elsewhere(plan, steps)),
    )


def _elsewhere(plan: PipelinePlan, steps: tuple[WiredStep, ...]) -> Iterator[str]:
    """What is doubtful on a cluster of several machines."""
    yield from handed(plan, "every worker of a cluster must see it")
    if plots := [one.step.name for one in steps if one.plots]:
        yield f"the plots of {', '.join(plots)} are saved in the folder plots of the worker that draws them"


def _given(names: Names, *wanted: str) -> dict[str, str]:
    return {each: names(each) for each in wanted}


def _imports(plan: PipelinePlan, names: Names, steps: tuple[WiredStep, ...]) -> str:
    lines = [import_of(names, "argparse"), import_of(names, "json")]
    lines += [import_of(names, "ast")] if needs_ast(plan) else []
    lines += [import_from(names, "functools", "wraps")] if _waits(steps) else []
    lines += [import_from(names, "numbers", "Real"), import_from(names, "dask", "compute", "delayed")]
    lines += [import_from(names, "dask.distributed", "Client"), *shared_imports(names, steps)]
    return all_imports(plan, lines)


def _settings(plan: PipelinePlan, names: Names) -> str:
    """The settings of libraries as a function, which every worker calls, too."""
    if not plan.settings:
        return ""
    lines = [f"def {names('use_settings')}():", '    """Settings of libraries, for this process and every worker."""']
    return "\n".join([*lines, *(indented(each) for each in plan.settings), "", f"{names('use_settings')}()"])


def _waits(steps: tuple[WiredStep, ...]) -> bool:
    return any(one.after for one in steps)


def _decorator(one: WiredStep, names: Names, steps: tuple[WiredStep, ...]) -> str:
    count = len(returned(one, names))
    name = names("task") if one.after else names("delayed")
    return f"@{name}(nout={count})" if count > 1 else f"@{name}" + ("()" if one.after else "")


def _graph(plan: PipelinePlan, names: Names, steps: tuple[WiredStep, ...]) -> str:
    said = first_sentence(plan.summary) or plan.title or plan.name
    lines = [
        f"def {plan.function}({signature(plan)}):",
        docstring(said, "Gives the tasks whose results are wanted; nothing runs before they are computed."),
        *_calls(steps, names),
    ]
    return "\n".join(lines)


def _calls(steps: tuple[WiredStep, ...], names: Names) -> Iterator[str]:
    """The calls of the steps, and by step the tasks that are metrics, or that nothing takes."""
    taken = {(source, name) for one in steps for name, source in one.sources.items()}
    results = names("results")
    done: dict[str, str] = {}
    yield f"    {results} = {{}}"
    for one in steps:
        step, given = one.step, returned(one, names)
        after = [f"after=[{', '.join(done[each] for each in one.after)}]"] if one.after else []
        is_end = not any((step.name, name) in taken for name in step.outputs)
        left = given or ((names(f"{step.name}_done"),) if is_end or one.is_awaited else ())
        yield f"    {assigned(left, call_of(one, after))}"
        if one.is_awaited:
            done[step.name] = names(f"{step.name}_done")
            if left != (done[step.name],):
                yield f"    {done[step.name]} = {left[0]}"
        if wanted := _measured_in(one, names) or (f"{{{left[0]!r}: {left[0]}}}" if is_end else ""):
            yield f"    {results}[{step.name!r}] = {wanted}"
    yield f"    return {results}"


def _measured_in(one: WiredStep, names: Names) -> str:
    """A dict of a step's metrics, those that it notes being one of its tasks."""
    found = [f"{name!r}: {name}" for name in one.measured]
    found += [f"'noted': {each}" for each in returned(one, names)[len(one.step.outputs) :]]
    return f"{{{', '.join(found)}}}" if found else ""


def _scheduler(plan: PipelinePlan) -> str:
    """The name of the option for the cluster; another one where a parameter has it."""
    return unique_name("scheduler", [each.name for each in plan.parameters])


def _options(plan: PipelinePlan, names: Names) -> list[str]:
    said = "address of a Dask cluster; by default workers are started on this machine"
    return [f"{names('parser')}.add_argument({option_of(_scheduler(plan))!r}, help={said!r})"]


_TASK = '''def {task}(nout=None):
    """A step as a Dask task; `after` are tasks that it waits for though it takes nothing of theirs."""

    def decorate(function):
        @{wraps}(function)
        def run(*values, after=()):
            return function(*values)

        return {delayed}(run, nout=nout)

    return decorate'''

_NUMBERS_IN = '''def {numbers_in}(results):
    """The numbers among the results of a step."""
    for name, value in results.items():
        if isinstance(value, dict):
            yield from {numbers_in}(value)
        elif isinstance(value, {Real}):
            yield name, float(value)'''

_MAIN = '''def {main}():
    """Run the pipeline and print the metrics of its steps as JSON."""
    {arguments} = {read_arguments}()
    client = {Client}({arguments}.{scheduler}) if {arguments}.{scheduler} else {Client}(threads_per_worker=1)
    with client:{settings}
        ({results},) = {compute}({call})
    {metrics} = {{name: dict({numbers_in}(given)) for name, given in {results}.items()}}
    print({json}.dumps({{name: numbers for name, numbers in {metrics}.items() if numbers}}))'''
