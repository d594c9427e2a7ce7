"""Kubeflow Pipelines 2: a component a step, whole in itself; values pass between them as artifacts.

A component runs in a container of its own, where no module of ours or the user's is: what a step needs stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlops_nb.notebook.file_calls import READ, named_files
from mlops_nb.notebook.intermediate import PipelinePlan
from mlops_nb.notebook.naming import comment, docstring, first_sentence
from mlops_nb.notebook.records import ScriptParameter
from mlops_nb.notebook.script import function_text
from mlops_nb.notebook.statement_text import indented
from mlops_nb.notebook.targets.plain import (
    SHOW,
    Names,
    allowed_check,
    allowed_names,
    assigned,
    base_type,
    definitions_of,
    form_of,
    import_from,
    import_of,
    imports_of,
    literal,
    may_be_none,
    pyplot_import,
    python_file,
    usage,
    value_of,
    without_star,
)
from mlops_nb.notebook.targets.records import Place, TargetFile, Written
from mlops_nb.notebook.targets.wiring import WiredStep, handed, unshared, wired

KIND = "file"

_DATA_STAGES = frozenset(("ingest", "validate", "features", "split"))


def written(plan: PipelinePlan, place: Place) -> Written:
    """The pipeline of a plan for Kubeflow Pipelines.

    Raises:
        MlopsError: its code cannot stand in a function of its own.
    """
    without_star(plan, "Kubeflow component")
    made = _Pipeline(plan, place)
    apart = "each component runs in a container of its own; hand on what is in it as a value"
    warnings = (*unshared(plan), *handed(plan, apart), *made.unseen_files())
    return Written((TargetFile(f"{place.stem}.py", made.text()),), f"python {place.stem}.py", warnings)


class _Pipeline:
    def __init__(self, plan: PipelinePlan, place: Place) -> None:
        self.plan, self.place = plan, place
        self.names, self.steps = Names(plan), wired(plan)
        self.parameters = {each.name: each for each in plan.parameters}
        self.functions = {
            one.step.name: one.step.name if one.step.name.isascii() else self.names(f"step_{number}")
            for number, one in enumerate(self.steps, 1)
        }
        self.artifacts = {
            (one.step.name, name): _artifact(one, name) for one in self.steps for name in one.step.outputs
        }
        self.called = {
            **allowed_names(self.steps, self.names, str.isascii),
            **{
                each.name: each.name if each.name.isascii() else self.names(f"parameter_{number}")
                for number, each in enumerate(plan.parameters, 1)
            },
        }
        self.file = f"{place.stem}.yaml"

        self._given_names = {"pickle": self.names("pickle"), "file": self.names("file")}

    def text(self) -> str:
        packages = sorted({*self.place.packages, "cloudpickle"})
        parts = [
            "from kfp import compiler, dsl",
            f'PYTHON = "python:3.11-slim"\nPACKAGES = {packages!r}',
            *(self._component(one) for one in self.steps),
            self._pipeline(),
            f'if __name__ == "__main__":\n    compiler.Compiler().compile({self.plan.function}, {self.file!r})',
        ]
        lines = usage((f"python {self.place.stem}.py", f"writes {self.file}"))
        return python_file(self.plan, [*lines, "Kubeflow Pipelines and Vertex AI run what it writes."], parts)

    def unseen_files(self) -> Iterator[str]:
        """What steps read that lies in the folder here, where no container has it."""
        for one in self.steps:
            paths = {path for path, how in named_files(one.step.body, {}) if how == READ and path in self.place.present}
            if paths:
                said = comment(", ".join(sorted(paths)), 200)
                yield f"{one.step.name} reads {said}, which no container has: put it into the image, or read an address"

    def _component(self, one: WiredStep) -> str:
        step = one.step
        arguments = [
            *(f"{self._in(name)}: dsl.Input[dsl.{self.artifacts[source, name]}]" for name, source in one.given.items()),
            *(f"{self.called[name]}: {_type(self.parameters[name])}" for name in one.parameters),
            *(f"{self._out(name)}: dsl.Output[dsl.{self.artifacts[step.name, name]}]" for name in step.outputs),
            *([f"{self.names('metrics')}: dsl.Output[dsl.Metrics]"] if one.measured or one.notes else []),
            *([f"{self.names('plots')}: dsl.Output[dsl.HTML]"] if one.plots else []),
        ]
        lines = [
            "@dsl.component(base_image=PYTHON, packages_to_install=PACKAGES)",
            f"def {self.functions[step.name]}({', '.join(arguments)}):",
            *([docstring(step.doc, step.prose)] if step.doc else []),
            *(indented(part) for part in self._body(one) if part),
        ]
        return "\n".join([*lines, *([] if len(lines) > 2 + bool(step.doc) else ["    pass"])])

    def _body(self, one: WiredStep) -> Iterator[str]:
        step, plan = one.step, self.plan
        code = step.body if not step.is_async else function_text(step, plan)
        definitions = definitions_of(plan, [code])
        imports = [each for each in imports_of(plan, [code, *definitions, *plan.settings]).split("\n") if each]
        needs_pickle = bool(one.given or step.outputs)
        if needs_pickle:
            yield f"import cloudpickle as {self.names('pickle')}"
        if one.measured:
            yield import_from(self.names, "numbers", "Real")
        plotting = {each: self.names(each) for each in ("base64", "BytesIO", "pyplot", "plots", "save_plots")}
        if one.plots:
            lines = import_of(self.names, "base64"), import_from(self.names, "io", "BytesIO")
            yield "\n".join([*lines, pyplot_import(self.names)])
        yield "\n".join(each for each in imports if not each.startswith("from __future__"))
        yield "\n".join(plan.settings)
        yield "\n\n".join(definitions)
        if "show" in step.uses:
            yield SHOW.format(plan.ours["show"])
        if one.notes:
            yield _METRIC.format(metric=plan.ours["metric"], metrics=self.names("metrics"))
        if one.plots:
            yield _PLOTS.format(**plotting)
        yield from (self._checked(name) for name in one.parameters)
        for name in one.given:
            yield _LOAD.format(name=name, artifact=self._in(name), **self._given_names)
        yield from (f"{name} = {text}" for name, text in step.defaults.items() if not step.is_async)
        yield from (f"{name} = None" for name in step.unbound if not step.is_async)
        yield code
        if step.is_async:
            yield assigned(step.outputs, f"{step.name}({', '.join(step.inputs)})")
        if one.plots:
            yield f"{self.names('save_plots')}()"
        for name in step.outputs:
            yield _SAVE.format(
                name=name, artifact=self._out(name), pickle=self.names("pickle"), file=self.names("file")
            )
        if one.measured:
            values = ", ".join(f"{name!r}: {name}" for name in one.measured)
            yield _LOG.format(values=values, metrics=self.names("metrics"), real=self.names("Real"))

    def _checked(self, name: str) -> str:
        """The parameter read, where it is given as text, and checked."""
        parameter = self.parameters[name]
        module = self.names("ast")
        imported = f"import ast{'' if module == 'ast' else f' as {module}'}"
        given = self.called[name]
        read = "" if given == name else f"{name} = {given}"
        read = read if _is_plain(parameter) else f"{imported}\n{name} = {module}.literal_eval({given})"
        check = allowed_check(parameter, name, "raise ValueError({})")
        if (kind := base_type(parameter)) and not _is_plain(parameter):
            kinds = "int | float" if kind == "float" else kind
            said = f"f'{name} is {{{name}!r}}, must be {kind} or None'"
            read += f"\nif not isinstance({name}, {kinds} | None):\n    raise ValueError({said})"
        return "\n".join(filter(None, (read, check)))

    def _in(self, name: str) -> str:
        return self.names(f"input_{self.called[name]}")

    def _out(self, name: str) -> str:
        return self.names(f"output_{self.called[name]}")

    def _pipeline(self) -> str:
        plan = self.plan
        said = first_sentence(plan.summary) or plan.title or plan.name
        name = re.sub(r"[^a-z0-9]+", "-", plan.name.lower()).strip("-") or "pipeline"
        arguments = ", ".join(
            f"{self.called[each.name]}: {_type(each)} = {literal(_given(each))}" for each in plan.parameters
        )
        helps = [f"{self.called[each.name]}: {comment(each.help, 200)}" for each in plan.parameters if each.help]
        lines = [
            f"@dsl.pipeline(name={name!r}, description={comment(said, 200)!r})",
            f"def {plan.function}({arguments}):",
            docstring(said, "\n".join(["Args:", *(f"    {each}" for each in helps)]) if helps else ""),
            *(f"    {line}" for one in self.steps for line in self._call(one)),
        ]
        return "\n".join(lines)

    def _call(self, one: WiredStep) -> Iterator[str]:
        given = [f"{self._in(name)}={self._given_by(source, name)}" for name, source in one.given.items()]
        given += [f"{self.called[name]}={self.called[name]}" for name in one.parameters]
        task = self._task(one.step.name)
        is_taken = any(source == one.step.name for each in self.steps for source in each.given.values())
        is_named = is_taken or one.is_awaited or one.after
        yield f"{f'{task} = ' if is_named else ''}{self.functions[one.step.name]}({', '.join(given)})"
        if one.after:
            yield f"{task}.after({', '.join(map(self._task, one.after))})"

    def _given_by(self, step: str, name: str) -> str:
        return f"{self._task(step)}.outputs[{self._out(name)!r}]"

    def _task(self, step: str) -> str:
        return self.names(f"{self.functions[step]}_task")


def _artifact(one: WiredStep, name: str) -> str:
    """The kind of artifact that a step's output is."""
    if name in one.measured:
        return "Artifact"
    if one.step.stage in _DATA_STAGES:
        return "Dataset"
    return "Model" if one.step.stage == "train" else "Artifact"


def _is_plain(parameter: ScriptParameter) -> bool:
    """Whether Kubeflow has the parameter's type."""
    value = value_of(parameter)
    if form_of(parameter) in ("list", "dict"):
        return not _has_none(value)
    return bool(base_type(parameter)) and not may_be_none(parameter)  # for its local runner cannot pass None


def _has_none(value: object) -> bool:
    """Whether None is anywhere in a value, which Kubeflow's parameters cannot be."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is None or any(map(_has_none, inside))


def _type(parameter: ScriptParameter) -> str:
    if not _is_plain(parameter):
        return "str"
    return base_type(parameter) or type(value_of(parameter)).__name__


def _given(parameter: ScriptParameter) -> object:
    value = value_of(parameter)
    return value if _is_plain(parameter) else literal(value)


_LOAD = """with open({artifact}.path, "rb") as {file}:
    {name} = {pickle}.load({file})"""

_SAVE = """with open({artifact}.path, "wb") as {file}:
    {pickle}.dump({name}, {file})"""

_LOG = """for name, value in {{{values}}}.items():
    if isinstance(value, {real}):
        {metrics}.log_metric(name, float(value))"""

_METRIC = """def {metric}(name, value):
    {metrics}.log_metric(name, float(value))
    return value"""

_PLOTS = '''def {save_plots}(*_, **__):
    """Put the open figures into the artifact, as a notebook shows them under a cell."""
    with open({plots}.path, "a") as file:
        for figure in map({pyplot}.figure, {pyplot}.get_fignums()):
            image = {BytesIO}()
            figure.savefig(image, format="png", bbox_inches="tight")
            file.write(f\'<img src="data:image/png;base64,{{{base64}.b64encode(image.getvalue()).decode()}}">\\n\')
    {pyplot}.close("all")

{pyplot}.show = {save_plots}'''
