"""Airflow 3: a DAG of TaskFlow tasks, and the steps as a module beside it that a task imports when it runs.

Airflow reads the file of a DAG again every few seconds, so the notebook's libraries are no import of it. Values pass
between tasks as files, for an XCom takes little more than JSON; the XCom is the file's path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlops_nb.notebook.intermediate import PipelinePlan
from mlops_nb.notebook.naming import comment, docstring, first_sentence
from mlops_nb.notebook.records import ScriptParameter
from mlops_nb.notebook.targets.plain import (
    Names,
    all_imports,
    allowed_names,
    as_json_form,
    assigned,
    base_type,
    form_of,
    from_json_form,
    function_of,
    import_as,
    import_from,
    import_of,
    item_type,
    literal,
    may_be_none,
    measured_in,
    module_name,
    pickler,
    python_file,
    returned,
    shared_functions,
    shared_imports,
    usage,
)
from mlops_nb.notebook.targets.records import Place, TargetFile, Written
from mlops_nb.notebook.targets.wiring import WiredStep, handed, unshared, wired

KIND = "file"

_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "str": "string"}
_JSON_TYPES = {"list": "array", "tuple": "array", "set": "array", "dict": "object", "text": "string"}


def written(plan: PipelinePlan, place: Place) -> Written:
    """The DAG of a plan for Airflow, and the module of its steps."""
    made = _Dag(plan, place)
    files = TargetFile(f"{place.stem}.py", made.text()), TargetFile(f"{made.module}.py", made.steps_text())
    return Written(
        files,
        f"airflow dags test {made.dag_id}",
        (*unshared(plan), *handed(plan, "every worker must see the folder of the DAG")),
    )


class _Dag:
    def __init__(self, plan: PipelinePlan, place: Place) -> None:
        self.plan, self.place = plan, place
        self.names, self.steps = Names(plan), wired(plan)
        self.parameters = {each.name: each for each in plan.parameters}
        self.keys = allowed_names(self.steps, self.names, str.isascii)  # Airflow 3.3 fails on another key of an XCom
        self.module = module_name(place.stem, "steps")
        self.dag_id = _plain_id(plan.name) or "notebook"

    def steps_text(self) -> str:
        """The module of the steps: the notebook's imports and definitions, a function a step."""
        parts = [
            all_imports(self.plan, shared_imports(self.names, self.steps)),
            "\n".join(self.plan.settings),
            *shared_functions(self.plan, self.names, self.steps),
            *self.plan.definitions,
            *(function_of(one, self.plan, self.names) for one in self.steps),
        ]
        return python_file(self.plan, [], parts, f"the steps that {self.place.stem}.py runs, as functions.")

    def text(self) -> str:
        """The file of the DAG."""
        lines = usage(
            (f"airflow dags test {self.dag_id}", "one run, in this process"),
            (f"airflow dags trigger {self.dag_id}", "one run; --conf takes parameters as JSON"),
        )
        lines.append(f"It belongs in the folder of the DAGs, and {self.module}.py beside it.")
        return python_file(self.plan, lines, self._parts())

    def _parts(self) -> Iterator[str]:
        helpers = [_STEPS, *([_PARAMETER] if self.plan.parameters else [])]
        helpers += [_KEEP, _KEPT] if self._keeps() else []
        helpers += [_LOG_METRICS] if self._measures() else []
        given = {name: self.names(name) for name in (*_NAMES, "log_metrics")}
        yield "\n".join(self._imports())
        yield _FOLDER.format(**given, values=f"{self.place.stem}_values")
        yield from (each.format(**given, module=self.module) for each in helpers)
        yield from (self._task(one) for one in self.steps)
        yield "\n".join(self._dag())
        yield f"{self.plan.function}()"

    def _keeps(self) -> bool:
        return any(one.step.outputs for one in self.steps)

    def _measures(self) -> bool:
        return any(one.measured or one.notes for one in self.steps)

    def _imports(self) -> Iterator[str]:
        texts = [self._parameter(each) for each in self.parameters]
        modules = [*(["ast"] if any(self._eval() in each for each in texts) else [])]
        modules += [*(["json"] if self._measures() else []), "os", *(["re"] if self._keeps() else []), "sys"]
        yield from (import_of(self.names, each) for each in modules)
        if self._keeps():
            yield import_as(pickler(self.plan), self.names("pickle"))
        if self._measures():
            yield import_from(self.names, "numbers", "Real")
        yield import_from(self.names, "pathlib", "Path")
        wanted = [*(["Param"] if self.plan.parameters else []), "dag"]
        wanted += ["get_current_context"] if self.plan.parameters or self._keeps() or self._measures() else []
        yield import_from(self.names, "airflow.sdk", *wanted, "task")

    def _eval(self) -> str:
        return f"{self.names('ast')}.literal_eval"

    def _task(self, one: WiredStep) -> str:
        """A task: it takes paths, and calls the step with the values there."""
        step, outputs = one.step, returned(one, self.names)
        measured = measured_in(one, outputs[-1] if one.notes else "")
        given = [
            f"{self.names('kept')}({name}_path)" if name in one.given else self._parameter(name) for name in step.inputs
        ]
        call = f"{self.names('steps')}().{step.name}({', '.join(given)})"
        options = [] if step.name.isascii() else [f"task_id='step_{self.steps.index(one) + 1}'"]
        options += ["multiple_outputs=True"] if step.outputs else []
        kept = ", ".join(f"{self.keys[name]}={name}" for name in step.outputs)
        lines = [
            f"@{self.names('task')}" + (f"({', '.join(options)})" if options else ""),
            f"def {step.name}({', '.join(f'{name}_path' for name in one.given)}):",
            *([docstring(step.doc, step.prose)] if step.doc else []),
            f"    {assigned(outputs, call)}",
            *([f"    {self.names('log_metrics')}({measured})"] if measured else []),
            *([f"    return {self.names('keep')}({kept})"] if step.outputs else []),
        ]
        return "\n".join(lines)

    def _parameter(self, name: str) -> str:
        return from_json_form(self.parameters[name], f"{self.names('parameter')}({name!r})", self._eval())

    def _dag(self) -> Iterator[str]:
        plan = self.plan
        params = "".join(
            f"    {each.name!r}: {self.names('Param')}({', '.join(_param(each))}),\n" for each in plan.parameters
        )
        options = [f"dag_id={self.dag_id!r}", "schedule=None", "tags=['mlops_nb']"]
        options += [f"params={{\n{params}}}"] if params else []
        yield f"@{self.names('dag')}({', '.join(options)})"
        yield f"def {plan.function}():"
        yield docstring(first_sentence(plan.summary) or plan.title or plan.name)
        taken = {source for one in self.steps for source in one.given.values()}
        for one in self.steps:
            given = [f"{self._called(source)}[{self.keys[name]!r}]" for name, source in one.given.items()]
            call = f"{one.step.name}({', '.join(given)})"
            is_named = one.step.name in taken or one.is_awaited or one.after
            yield f"    {self._called(one.step.name)} = {call}" if is_named else f"    {call}"
            if one.after:
                before = ", ".join(map(self._called, one.after))
                yield f"    {before if len(one.after) == 1 else f'[{before}]'} >> {self._called(one.step.name)}"

    def _called(self, step: str) -> str:
        """The name of a task's result: paths, where it keeps values."""
        gives = any(one.step.outputs for one in self.steps if one.step.name == step)
        return self.names(f"{step}_{'paths' if gives else 'task'}")


def _plain_id(name: str) -> str:
    """A name as Airflow takes it for a DAG or a task."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_")[:250]


def _param(parameter: ScriptParameter) -> Iterator[str]:
    yield literal(as_json_form(parameter))
    form = form_of(parameter)
    kind = _TYPES[base_type(parameter)] if form == "scalar" else _JSON_TYPES.get(form, "")
    choices = [*parameter.choices, *([None] if parameter.choices and may_be_none(parameter) else [])]
    if kind:
        yield f"type={['null', kind] if may_be_none(parameter) else kind!r}"
    if choices:
        yield f"enum={choices!r}"
    if (item := item_type(parameter)) and kind == "array":
        yield f"items={{'type': {_TYPES[item]!r}}}"
    if parameter.low is not None and parameter.high is not None:
        yield f"minimum={parameter.low!r}, maximum={parameter.high!r}"
    if parameter.help:
        yield f"description={comment(parameter.help, 300)!r}"


_NAMES = (
    "os", "sys", "re", "json", "pickle", "Real", "Path", "get_current_context", "FOLDER", "VALUES", "steps",
    "parameter", "keep", "kept",
)  # fmt: skip

_FOLDER = '''{FOLDER} = {Path}(__file__).parent
{VALUES} = {Path}({os}.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / {values!r}
"""Where tasks keep what later ones take, a folder a run: every worker must see it."""

{sys}.path.append(str({FOLDER}))  # where the steps are'''

_STEPS = '''def {steps}():
    """The module of the steps, imported when a task runs; relative paths in it begin beside it."""
    {os}.chdir({FOLDER})
    import {module}

    return {module}'''

_PARAMETER = '''def {parameter}(name):
    """A parameter of this run."""
    return {get_current_context}()["params"][name]'''

_KEEP = '''def {keep}(**values):
    """Keep values for later tasks; gives the path of each."""
    context = {get_current_context}()
    folder = {VALUES} / {re}.sub(r"[^\\w.+-]", "_", context["run_id"]) / context["ti"].task_id
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        with open(folder / f"{{name}}.pkl", "wb") as file:
            {pickle}.dump(value, file)
    return {{name: str(folder / f"{{name}}.pkl") for name in values}}'''

_KEPT = '''def {kept}(path):
    """A value that an earlier task kept."""
    with open(path, "rb") as file:
        return {pickle}.load(file)'''

_LOG_METRICS = '''def {log_metrics}(results):
    """Show the numbers among a step's results in its log, and as its XCom `metrics`."""
    numbers = {{name: float(value) for name, value in results.items() if isinstance(value, {Real})}}
    {get_current_context}()["ti"].xcom_push("metrics", numbers)
    print({json}.dumps(numbers))'''
