"""ZenML: a step a step, a pipeline whose signature is the parameters; values are artifacts of the stack's store.

ZenML writes frames as CSV where pyarrow is missing, and other kinds each by a way of its own; here values are pickled,
so that a step takes what the one before it gave, to the bit. Nothing is taken from ZenML's cache: it does not see when
a file that a step reads has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mlops_nb.notebook.intermediate import PipelinePlan
from mlops_nb.notebook.naming import docstring, first_sentence
from mlops_nb.notebook.records import ScriptParameter
from mlops_nb.notebook.script import function_text
from mlops_nb.notebook.targets.plain import (
    Names,
    all_imports,
    arguments_function,
    as_json_form,
    assigned,
    form_of,
    from_json_form,
    import_from,
    import_of,
    item_type,
    literal,
    measured_in,
    needs_ast,
    pydantic_annotation,
    pydantic_imports,
    python_file,
    shared_functions,
    shared_imports,
    usage,
)
from mlops_nb.notebook.targets.records import Place, TargetFile, Written
from mlops_nb.notebook.targets.wiring import WiredStep, handed, unshared, wired

KIND = "file"

_RESERVED = ("after", "id")
"""Names that no argument of a step may have."""


def written(plan: PipelinePlan, place: Place) -> Written:
    """The pipeline of a plan for ZenML."""
    elsewhere = "an orchestrator that is not local runs each step on its own machine"
    file = f"{place.stem}.py"
    return Written(
        (TargetFile(file, _Pipeline(plan, place).text()),),
        f"python {file}",
        (*unshared(plan), *handed(plan, elsewhere)),
    )


class _Pipeline:
    def __init__(self, plan: PipelinePlan, place: Place) -> None:
        self.plan, self.place = plan, place
        self.names, self.steps = Names(plan), wired(plan)
        self.parameters = {each.name: each for each in plan.parameters}

    def text(self) -> str:
        """The file of the pipeline."""
        plan, names, file = self.plan, self.names, f"{self.place.stem}.py"
        given = {name: names(name) for name in ("log_metrics", "Real", "log_metadata")}
        parts = [
            self._imports(),
            "\n".join(plan.settings),
            *shared_functions(plan, names, self.steps),
            *([_LOG_METRICS.format(**given)] if self._measures() else []),
            *plan.definitions,
            *(self._step(one) for one in self.steps),
            "\n".join(self._pipeline()),
            *([arguments_function(plan, names, as_json=True)] if plan.parameters else []),
            "\n".join(self._main()),
        ]
        line = (f"python {file} --help", "the parameters") if plan.parameters else (f"python {file}", "one run")
        return python_file(plan, usage(line), parts)

    def _measures(self) -> bool:
        return any(one.measured or one.notes for one in self.steps)

    def _imports(self) -> str:
        names, plan = self.names, self.plan
        lines = [import_of(names, "argparse")] if plan.parameters else []
        evaluates = f"{names('ast')}.literal_eval"
        if needs_ast(plan) or any(evaluates in self._value(each) for each in self.parameters):
            lines.append(import_of(names, "ast"))
        lines += [import_of(names, "json"), import_from(names, "numbers", "Real")] if self._measures() else []
        written_out = [self._annotation(each) for each in plan.parameters]
        written_out += [self._given(one) for one in self.steps]
        lines += pydantic_imports(names, "\n".join(written_out))
        lines.append(import_from(names, "zenml", *(["log_metadata"] if self._measures() else []), "pipeline", "step"))
        if any(one.step.outputs for one in self.steps):
            lines.append(import_from(names, "zenml.materializers.cloudpickle_materializer", "CloudpickleMaterializer"))
        return all_imports(plan, [*lines, *shared_imports(names, self.steps)])

    def _annotation(self, parameter: ScriptParameter) -> str:
        """The parameter's type; ZenML keeps parameters as JSON."""
        form, item = form_of(parameter), item_type(parameter)
        kind = {"tuple": "list", "set": "list", "text": "str", "any": self.names("Any")}.get(form, "")
        kind = f"list[{item}]" if item and kind == "list" else kind
        return pydantic_annotation(parameter, self.names, kind)

    def _given(self, one: WiredStep) -> str:
        """What a step says that it gives: each value by its name."""
        kinds = [f"{self.names('Annotated')}[{self.names('Any')}, {name!r}]" for name in one.step.outputs]
        return f"tuple[{', '.join(kinds)}]" if len(kinds) > 1 else kinds[0] if kinds else "None"

    def _argument(self, name: str) -> str:
        """The name of a step's argument; another one where ZenML has the name itself."""
        return self.names(f"the_{name}") if name in _RESERVED else name

    def _value(self, name: str) -> str:
        return from_json_form(self.parameters[name], self._argument(name), f"{self.names('ast')}.literal_eval")

    def _step(self, one: WiredStep) -> str:
        step, names = one.step, self.names
        values = {name: self._argument(name) if name in one.given else self._value(name) for name in step.inputs}
        before = [f"{name} = {value}" for name, value in values.items() if value != name]
        before += [f"{self.plan.ours['metric']} = {names('Metrics')}()"] if one.notes else []
        body = "\n".join([*before, step.body, *self._logged(one)])
        inputs = tuple(map(self._argument, step.inputs))
        head, _, rest = function_text(replace(step, inputs=inputs, body=body), self.plan).partition("\n")
        options = f"(output_materializers={names('CloudpickleMaterializer')})" if step.outputs else ""
        plots = f"@{names('plots_of')}({step.name!r})\n" if one.plots else ""
        return f"@{names('step')}{options}\n{plots}{head.removesuffix(':')} -> {self._given(one)}:\n{rest}"

    def _logged(self, one: WiredStep) -> list[str]:
        measured = measured_in(one, self.plan.ours.get("metric", ""))
        return [f"{self.names('log_metrics')}({measured})"] if measured else []

    def _pipeline(self) -> Iterator[str]:
        plan = self.plan
        arguments = [
            f"{each.name}: {self._annotation(each)} = {literal(as_json_form(each))}" for each in plan.parameters
        ]
        yield f"@{self.names('pipeline')}(enable_cache=False)  # ZenML would not see that a file has changed"
        yield f"def {plan.function}({', '.join(arguments)}):"
        yield docstring(first_sentence(plan.summary) or plan.title or plan.name)
        taken = {source for one in self.steps for source in one.given.values()}
        for one in self.steps:
            by_name = {*one.step.inputs} & {*_RESERVED}
            given = [f"{self._argument(name)}={name}" if by_name else name for name in one.step.inputs]
            given += [f"after={list(one.after)!r}"] if one.after else []
            outputs = one.step.outputs if one.step.name in taken else ()
            call = f"{one.step.name}({', '.join(given)})"
            yield f"    {assigned(outputs, call)}"

    def _main(self) -> Iterator[str]:
        names, json_module = self.names, self.names("json")
        given = f"**vars({names('read_arguments')}())" if self.plan.parameters else ""
        yield 'if __name__ == "__main__":'
        if not self._measures():
            yield f"    {self.plan.function}({given})"
            return
        yield f"    {names('run')} = {self.plan.function}({given})"
        yield f"    {names('metrics')} = {{name: done.run_metadata for name, done in {names('run')}.steps.items()}}"
        yield f"    print({json_module}.dumps({{name: found for name, found in {names('metrics')}.items() if found}}))"


_LOG_METRICS = '''def {log_metrics}(results):
    """Keep the numbers among a step's results with its run."""
    {log_metadata}({{name: float(value) for name, value in results.items() if isinstance(value, {Real})}})'''
