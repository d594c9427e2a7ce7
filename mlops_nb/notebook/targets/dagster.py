"""Dagster: an op a step, a job that is the data flow, the parameters as a resource of every run.

Dagster keeps what an op gives as a pickle and runs each op in a process of its own. Where that would change the result,
the job runs in one process and its values stay in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from mlops_nb.notebook.intermediate import PipelinePlan
from mlops_nb.notebook.naming import comment, docstring, first_sentence
from mlops_nb.notebook.records import ScriptParameter
from mlops_nb.notebook.script import function_text
from mlops_nb.notebook.statement_text import indented
from mlops_nb.notebook.targets.plain import (
    Names,
    all_imports,
    allowed_check,
    allowed_names,
    as_json_form,
    assigned,
    base_type,
    form_of,
    from_json_form,
    import_from,
    import_of,
    item_type,
    literal,
    may_be_none,
    measured_in,
    pickler,
    python_file,
    shared_functions,
    shared_imports,
    usage,
)
from mlops_nb.notebook.targets.records import Place, TargetFile, Written
from mlops_nb.notebook.targets.wiring import WiredStep, unshared, wired

KIND = "file"

_REFUSED = frozenset(
    "context conf config meta arg_dict dict input_arg_dict output_arg_dict int str float bool input output type".split()
)
"""Names that Dagster takes for no input or output, beside all that are not ASCII."""

_TAKEN = frozenset(("from_orm", "json", "copy", "schema", "construct", "validate", "nested_resources", "parse_raw"))
_TAKEN |= frozenset(("int", "float", "str", "bool", "list", "dict"))
"""Names that the class of parameters has already or needs for its types, beside those that begin with `model_`."""


def written(plan: PipelinePlan, place: Place) -> Written:
    """The job of a plan for Dagster."""
    return Written((TargetFile(f"{place.stem}.py", _Job(plan, place).text()),), f"dagster dev -f {place.stem}.py")


class _Job:
    def __init__(self, plan: PipelinePlan, place: Place) -> None:
        self.plan, self.place = plan, place
        self.names, self.steps = Names(plan), wired(plan)
        self.parameters = {each.name: each for each in plan.parameters}
        self.ports = allowed_names(self.steps, self.names, _is_port)
        self.fields = {name: name if _is_field(name) else f"{name.strip('_')}_value" for name in self.parameters}
        self.shared = unshared(plan)

    def text(self) -> str:
        """The file of the job."""
        plan, names, file = self.plan, self.names, f"{self.place.stem}.py"
        given = {name: names(name) for name in ("log_metrics", "Real", "json", "OpExecutionContext")}
        parts = [
            self._imports(),
            "\n".join(plan.settings),
            "\n".join(self._parameters()) if plan.parameters else "",
            *shared_functions(plan, names, self.steps),
            *([_LOG_METRICS.format(**given)] if self._measures() else []),
            *plan.definitions,
            *(self._op(one) for one in self.steps),
            "\n".join(self._job()),
            "\n".join(self._definitions()),
        ]
        return python_file(plan, [*self._usage(file)], parts)

    def _usage(self, file: str) -> Iterator[str]:
        yield from usage((f"dagster job execute -f {file}", "one run"), (f"dagster dev -f {file}", "the web interface"))
        if self.plan.parameters:
            given = f"{self.plan.parameters[0].name}: ..."
            yield "Parameters of a run are given in the web interface, or with `-c FILE` in a file like this:"
            yield f"    resources: {{{self.names('parameters')}: {{config: {{{given}}}}}}}"

    def _measures(self) -> bool:
        return any(one.measured or one.notes for one in self.steps)

    def _is_in_memory(self) -> bool:
        return bool(self.shared) or pickler(self.plan) != "pickle"

    def _imports(self) -> str:
        names, fields = self.names, "\n".join(self._parameters()) if self.plan.parameters else ""
        lines = [import_of(names, "json"), import_from(names, "numbers", "Real")] if self._measures() else []
        if f"{names('ast')}.literal_eval" in "".join(map(self._value, self.parameters)):
            lines.append(import_of(names, "ast"))
        typing = [each for each in ("Any", "Literal") if re.search(rf": {names(each)}\b", fields)]
        lines += [import_from(names, "typing", *typing)] if typing else []
        lines.append(import_from(names, "dagster", *self._needed()))
        pydantic = [each for each in ("Field", "field_validator") if f"{names(each)}(" in fields]
        lines += [import_from(names, "pydantic", *pydantic)] if pydantic else []
        return all_imports(self.plan, [*lines, *shared_imports(names, self.steps)])

    def _needed(self) -> Iterator[str]:
        yield from ["ConfigurableResource"] if self.plan.parameters else ()
        yield "Definitions"
        yield from ["In", "Nothing"] if any(one.after for one in self.steps) else ()
        yield from ["OpExecutionContext"] if self._measures() else ()
        yield from ["Out"] if any(len(one.step.outputs) > 1 for one in self.steps) else ()
        yield from ["in_process_executor", "mem_io_manager"] if self._is_in_memory() else ()
        yield from ("job", "op")

    def _parameters(self) -> Iterator[str]:
        """The class of the parameters."""
        yield f"class {self.names('Parameters')}({self.names('ConfigurableResource')}):"
        yield '    """The parameters of a run."""'
        yield ""
        yield from (f"    {self.fields[each.name]}: {self._field(each)}" for each in self.plan.parameters)
        for each in self.plan.parameters:
            check = (
                "" if self._is_literal(each) else allowed_check(each, self.fields[each.name], "raise ValueError({})")
            )
            if each.choices and check:
                name = self.fields[each.name]
                yield ""
                yield f"    @{self.names('field_validator')}({name!r})"
                yield f"    def {name}_is_allowed(cls, {name}):"
                yield indented(indented(check))
                yield f"        return {name}"

    def _is_literal(self, parameter: ScriptParameter) -> bool:
        """Whether Dagster has its choices as a type: texts, and None is none of them."""
        return all(isinstance(each, str) for each in parameter.choices) and not may_be_none(parameter)

    def _field(self, parameter: ScriptParameter) -> str:
        """The type and the default of a parameter."""
        form, default = form_of(parameter), literal(as_json_form(parameter))
        if parameter.choices and self._is_literal(parameter):
            kind = f"{self.names('Literal')}[{', '.join(map(repr, parameter.choices))}]"
        elif form == "scalar":
            kind = f"{base_type(parameter)}{' | None' if may_be_none(parameter) else ''}"
        elif form in ("list", "tuple", "set"):
            kind = f"list[{item_type(parameter)}]" if item_type(parameter) else "list"
        else:
            kind = {"dict": "dict", "any": self.names("Any"), "text": "str"}[form]
        said = [f"description={parameter.help!r}"] if parameter.help else []
        if parameter.low is not None and parameter.high is not None:
            said += [f"ge={parameter.low!r}", f"le={parameter.high!r}"]
        if self.fields[parameter.name] != parameter.name:
            said.append(f"alias={parameter.name!r}")
        is_plain = not said and form not in ("list", "tuple", "set", "dict")
        return f"{kind} = {default}" if is_plain else f"{kind} = {self.names('Field')}({', '.join([default, *said])})"

    def _value(self, name: str) -> str:
        """An expression for a parameter in an op."""
        text = f"{self.names('parameters')}.{self.fields[name]}"
        return from_json_form(self.parameters[name], text, f"{self.names('ast')}.literal_eval")

    def _op(self, one: WiredStep) -> str:
        """A step as an op: what it takes by names that Dagster allows, its parameters, its metrics logged."""
        step, names = one.step, self.names
        lead = [f"{names('parameters')}: {names('Parameters')}"] if one.parameters else []
        before = [f"{name} = {self.ports[name]}" for name in one.given if self.ports[name] != name]
        before += [f"{name} = {self._value(name)}" for name in one.parameters]
        before += [f"{self.plan.ours['metric']} = {names('Metrics')}()"] if one.notes else []
        body = "\n".join([*before, step.body, *self._logged(one)])
        plots = f"@{names('plots_of')}({step.name!r})\n" if one.plots else ""
        inputs = tuple(self.ports[name] for name in one.given)
        options = ", ".join(self._options(one))
        return (
            f"@{names('op')}{f'({options})' if options else ''}\n{plots}"
            f"{function_text(replace(step, inputs=inputs, body=body), self.plan, lead=lead)}"
        )

    def _logged(self, one: WiredStep) -> list[str]:
        measured = measured_in(one, self.plan.ours.get("metric", ""))
        return [f"{self.names('log_metrics')}({measured})"] if measured else []

    def _options(self, one: WiredStep) -> Iterator[str]:
        if not one.step.name.isascii():
            yield f"name='step_{self.steps.index(one) + 1}'"
        if one.after:
            yield f"ins={{{self.names('after')!r}: {self.names('In')}({self.names('Nothing')})}}"
        if len(one.step.outputs) > 1:
            outs = ", ".join(f"{self.ports[name]!r}: {self.names('Out')}()" for name in one.step.outputs)
            yield f"out={{{outs}}}"

    def _job(self) -> Iterator[str]:
        plan = self.plan
        yield f"@{self.names('job')}" + ("" if plan.function.isascii() else "(name='notebook')")
        yield f"def {plan.function}():"
        yield docstring(first_sentence(plan.summary) or plan.title or plan.name)
        done: dict[str, str] = {}
        for one in self.steps:
            outputs = one.step.outputs
            is_taken = any(source == one.step.name for each in self.steps for source in each.given.values())
            left = outputs if is_taken else ()
            left = left or (outputs or (self.names(f"{one.step.name}_done"),) if one.is_awaited else ())
            yield f"    {assigned(left, self._call(one, done))}"
            if one.is_awaited:
                done[one.step.name] = self.names(f"{one.step.name}_done")
                if left != (done[one.step.name],):
                    yield f"    {done[one.step.name]} = {left[0]}"

    def _call(self, one: WiredStep, done: Mapping[str, str]) -> str:
        if not one.after:
            return f"{one.step.name}({', '.join(one.given)})"
        given = [f"{self.ports[name]}={name}" for name in one.given]
        waits = f"{self.names('after')}=[{', '.join(done[each] for each in one.after)}]"
        return f"{one.step.name}({', '.join([*given, waits])})"

    def _definitions(self) -> Iterator[str]:
        names = self.names
        resources = [f"{names('parameters')!r}: {names('Parameters')}()"] if self.plan.parameters else []
        options = [f"jobs=[{self.plan.function}]"]
        if self._is_in_memory():
            why = "; ".join(each.partition(":")[0] for each in self.shared) or "functions or classes are values here"
            yield f"# {comment(why, 110)}:"
            yield "# one process runs all steps, and values stay in its memory"
            resources.append(f"'io_manager': {names('mem_io_manager')}")
            options.append(f"executor={names('in_process_executor')}")
        options += [f"resources={{{', '.join(resources)}}}"] if resources else []
        yield f"{names('definitions')} = {names('Definitions')}({', '.join(options)})"


def _is_port(name: str) -> bool:
    return name.isascii() and name not in _REFUSED


def _is_field(name: str) -> bool:
    return name not in _TAKEN and not name.startswith(("_", "model_"))


_LOG_METRICS = '''def {log_metrics}(results):
    """Show the numbers among a step's results in the log, and beside the first thing that it gives."""
    context = {OpExecutionContext}.get()
    numbers = {{name: float(value) for name, value in results.items() if isinstance(value, {Real})}}
    context.log.info({json}.dumps(numbers))
    context.add_output_metadata(numbers, output_name=next(iter(context.op_def.output_dict)))'''
