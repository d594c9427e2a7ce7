"""DVC: one stage a step, each a script of its own; values pass between them as files that DVC caches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from mlops_nb.notebook.file_calls import READ, named_files
from mlops_nb.notebook.intermediate import PipelinePlan
from mlops_nb.notebook.naming import comment
from mlops_nb.notebook.records import ScriptParameter
from mlops_nb.notebook.script import function_text
from mlops_nb.notebook.targets.plain import (
    Names,
    all_imports,
    base_type,
    definitions_of,
    exported_line,
    import_as,
    import_from,
    import_of,
    imports_of,
    literal,
    module_name,
    pickler,
    python_file,
    shared_functions,
    shared_imports,
    value_of,
)
from mlops_nb.notebook.targets.records import Place, TargetFile, Written
from mlops_nb.notebook.targets.wiring import WiredStep, unshared, wired
from mlops_nb.notebook.targets.yaml import yaml_text, yaml_value

KIND = "folder"


def written(plan: PipelinePlan, place: Place) -> Written:
    """The stages of a plan for DVC: dvc.yaml, params.yaml, a script for each stage and what these share."""
    made = _Stages(plan, place)
    return Written(tuple(made.files()), "dvc repro", unshared(plan))


class _Stages:
    def __init__(self, plan: PipelinePlan, place: Place) -> None:
        self.plan, self.place = plan, place
        self.names, self.steps = Names(plan), _handing_files(wired(plan))
        self.shared = self.names(module_name(place.stem, "shared"))
        self.folder = f"{place.stem}_stages"
        self.data = f"{place.stem}_data"
        self.metrics = f"{place.stem}_metrics"

    def files(self) -> Iterator[TargetFile]:
        yield TargetFile("dvc.yaml", self._pipeline())
        if self.plan.parameters:
            yield TargetFile("params.yaml", self._parameters())
        yield TargetFile(f"{self.folder}/{self.shared}.py", self._shared())
        for one in self.steps:
            yield TargetFile(self._script(one), self._stage(one))

    def _script(self, one: WiredStep) -> str:
        """The script of a stage; with its number first it takes no module's place."""
        return f"{self.folder}/{self.steps.index(one) + 1:02d}_{one.step.name}.py"

    def _pipeline(self) -> str:
        stages = "\n".join("\n".join(self._stage_entry(one)) for one in self.steps)
        return f"# {exported_line(self.plan)}\nstages:\n{stages}\n"

    def _stage_entry(self, one: WiredStep) -> Iterator[str]:
        step, script = one.step, self._script(one)
        yield f"  {yaml_text(step.name)}:"
        if step.doc:
            yield f"    desc: {yaml_text(step.doc.replace('${', '$ {'))}"  # which DVC would take for a parameter
        yield f"    cmd: python {script}"
        deps = [script, f"{self.folder}/{self.shared}.py", *self._read(one)]
        deps += [self._file(source, name) for name, source in one.given.items()]
        deps += [path for paths in one.reads.values() for path in paths]
        deps += [f"{self.data}/{each}/done.txt" for each in one.after]
        yield from _entries("deps", [*dict.fromkeys(deps)])
        yield from _entries("params", one.parameters)
        outs = [*(self._file(step.name, name) for name in step.outputs), *one.writes]
        outs += [f"{self.data}/{step.name}/done.txt"] if self._says_done(one) else []
        yield from _entries("outs", outs)
        yield from _entries("plots", [f"plots/{step.name}"] if one.plots else [])
        if self._measures(one):
            yield "    metrics:"
            yield f"      - {yaml_text(f'{self.metrics}/{step.name}.json')}:"
            yield "          cache: false"

    def _says_done(self, one: WiredStep) -> bool:
        """Whether a stage says that it ran: others wait for it, or it gives nothing that DVC would see."""
        return one.is_awaited or not (one.step.outputs or one.writes or one.plots or self._measures(one))

    def _measures(self, one: WiredStep) -> bool:
        return bool(one.measured or one.notes)

    def _read(self, one: WiredStep) -> list[str]:
        """The files under the folder that a step reads and that are there already."""
        named = [path for path, how in named_files(one.step.body, {}) if how == READ and path in self.place.present]
        plain = [each for each in named if "${" not in each]  # which DVC would take for a parameter
        inside = [each for each in plain if not PurePosixPath(each).is_absolute() and ".." not in each.split("/")]
        return [PurePosixPath(each).as_posix() for each in inside]

    def _file(self, step: str, name: str) -> str:
        return f"{self.data}/{step}/{name}.pkl"

    def _parameters(self) -> str:
        lines = [f"# {exported_line(self.plan)}"]
        for each in self.plan.parameters:
            said = "; ".join(filter(None, (each.help, _allowed(each))))
            lines += [f"# {comment(said, 400)}"] if said else []
            lines.append(f"{yaml_text(each.name)}: {yaml_value(_plain(value_of(each)))}")
        return "\n".join(lines) + "\n"

    def _shared(self) -> str:
        """The module that every stage imports: definitions, parameters, how values are read and written."""
        used = {name for one in self.steps for name in self._wanted(one, "")}
        parts = [
            self._shared_imports(used),
            "\n".join(self.plan.settings),
            *shared_functions(self.plan, self.names, self.steps),
            *self.plan.definitions,
            *(self._parameter_functions() if self.plan.parameters else ()),
            *(
                text.format(**self._given(name, *needs), data=self.data, metrics=self.metrics)
                for name, (text, needs) in _FUNCTIONS.items()
                if self.names(name) in used
            ),
        ]
        return python_file(self.plan, [], parts, "what the stages in dvc.yaml share.")

    def _given(self, *wanted: str) -> dict[str, str]:
        return {each: self.names(each) for each in wanted}

    def _shared_imports(self, used: Collection[str]) -> str:
        names, texts = self.names, [*self.plan.settings, *self.plan.definitions]
        needs = {each for name, (_, needs) in _FUNCTIONS.items() if names(name) in used for each in needs}
        lines = [import_of(names, "ast")] if _has_literals(self.plan) else []
        lines += [import_of(names, "json")] if "json" in needs else []
        lines += [import_as(pickler(self.plan), names("pickle"))] if "pickle" in needs else []
        lines += [import_from(names, "numbers", "Real")] if "Real" in needs else []
        lines += [import_from(names, "pathlib", "Path")] if needs or self.plan.parameters else []
        lines += [import_from(names, "uuid", "uuid4")] if "uuid4" in needs else []
        lines += [import_of(names, "yaml")] if self.plan.parameters else []
        return all_imports(self.plan, [*lines, *shared_imports(names, self.steps)], texts)

    def _parameter_functions(self) -> Iterator[str]:
        rows = "\n".join(f"    {each.name!r}: {_rule(each)}," for each in self.plan.parameters)
        yield f"{self.names('ALLOWED')} = {{\n{rows}\n}}"
        wanted = self._given("parameter", "Path", "yaml", "ALLOWED")
        convert = f"{self.names('ast')}.literal_eval(value)" if _has_literals(self.plan) else ""
        yield _PARAMETER.format(
            **wanted, literal=f"\n    if kind is None:\n        return {convert}" if convert else ""
        )

    def _stage(self, one: WiredStep) -> str:
        """The script of one stage."""
        step, plan = one.step, self.plan
        plots = f"@{self.names('plots_of')}({step.name!r})\n" if one.plots else ""
        function = plots + function_text(step, plan)
        texts = [function]
        imports = imports_of(plan, texts)
        wanted = sorted(self._wanted(one, function))
        metrics = self._metrics_of(one)
        lines = [
            *(f"{name} = {self.names('parameter')}({name!r})" for name in one.parameters),
            *(f"{name} = {self.names('read')}({source!r}, {name!r})" for name, source in one.given.items()),
            *([f"{plan.ours['metric']} = {self.names('Metrics')}()"] if one.notes else []),
            f"{', '.join(step.outputs)}{' = ' if step.outputs else ''}{step.name}({', '.join(step.inputs)})",
            *(f"{self.names('write')}({step.name!r}, {name!r}, {name})" for name in step.outputs),
            *([f"{self.names('write_metrics')}({step.name!r}, {metrics})"] if metrics else []),
            *([f"{self.names('done')}({step.name!r})"] if self._says_done(one) else []),
        ]
        parts = [
            f"{imports}\nfrom {self.shared} import {', '.join(wanted)}",
            function,
            'if __name__ == "__main__":\n' + "\n".join(f"    {line}" for line in lines),
        ]
        return python_file(plan, [], parts, f"the stage {comment(step.name)} of dvc.yaml, which `dvc repro` runs.")

    def _metrics_of(self, one: WiredStep) -> str:
        named = [f"{name!r}: {name}" for name in one.measured]
        noted = [f"**{self.plan.ours['metric']}"] if one.notes else []
        return f"{{{', '.join([*named, *noted])}}}" if named or noted else ""

    def _wanted(self, one: WiredStep, function: str) -> Iterator[str]:
        """The names that a stage takes from the shared module."""
        if one.parameters:
            yield self.names("parameter")
        if one.given:
            yield self.names("read")
        if one.step.outputs:
            yield self.names("write")
        if self._measures(one):
            yield self.names("write_metrics")
        if self._says_done(one):
            yield self.names("done")
        if one.plots:
            yield self.names("plots_of")
        if one.notes:
            yield self.names("Metrics")
        if "show" in one.step.uses:
            yield self.plan.ours["show"]
        yield from _bound_names(definitions_of(self.plan, [function]))


def _handing_files(steps: Sequence[WiredStep]) -> tuple[WiredStep, ...]:
    """The steps, where one waits for another only as far as the files that DVC sees do not say so."""
    written = {one.step.name: {*one.writes} for one in steps}
    reads = [
        {each: tuple(path for path in paths if path in written[each]) for each, paths in one.reads.items()}
        for one in steps
    ]
    after = [
        tuple(each for each in one.after if each not in one.for_files or seen[each] != one.reads[each])
        for one, seen in zip(steps, reads, strict=True)
    ]
    waited = {each for names in after for each in names}
    return tuple(
        replace(one, reads=seen, after=rest, is_awaited=one.step.name in waited)
        for one, seen, rest in zip(steps, reads, after, strict=True)
    )


def _bound_names(texts: Sequence[str]) -> set[str]:
    from mlops_nb.notebook.cells import read_cell

    return {name for text in texts for name in read_cell(text).writes}


def _entries(name: str, values: Sequence[str]) -> Iterator[str]:
    if values:
        yield f"    {name}:"
        yield from (f"      - {yaml_text(each)}" for each in values)


def _plain(value: object) -> object:
    """The value as YAML can have it: what it has no form for as Python's text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return value if all(_plain(each) is each for each in value) else literal(value)
    if isinstance(value, dict):
        plain = all(isinstance(name, str) and _plain(each) is each for name, each in value.items())
        return value if plain else literal(value)
    return literal(value)


def _is_literal(parameter: ScriptParameter) -> bool:
    """Whether the parameter stands as Python's text in YAML."""
    value = value_of(parameter)
    return _plain(value) is not value


def _has_literals(plan: PipelinePlan) -> bool:
    return any(_is_literal(each) for each in plan.parameters)


def _allowed(parameter: ScriptParameter) -> str:
    if parameter.choices:
        return f"one of {', '.join(map(str, parameter.choices))}"
    if parameter.low is not None and parameter.high is not None:
        return f"from {parameter.low} to {parameter.high}"
    return "" if base_type(parameter) or not _is_literal(parameter) else "the text of a Python literal"


def _rule(parameter: ScriptParameter) -> str:
    """What is allowed: type, whether None is, choices, smallest and largest."""
    value = value_of(parameter)
    kind = base_type(parameter) or ("" if _is_literal(parameter) else type(value).__name__)
    kind = {"": "None", "NoneType": "object"}.get(kind, kind)
    kind = "(int, float)" if kind == "float" else kind
    choices = (None, *parameter.choices) if parameter.choices and value is None else parameter.choices
    return (
        f"({kind}, {value is None or '| None' in parameter.type!r}, {choices!r}, {parameter.low!r}, {parameter.high!r})"
    )


_PARAMETER = '''def {parameter}(name):
    """A parameter of params.yaml, checked."""
    value = {yaml}.safe_load({Path}("params.yaml").read_text(encoding="utf-8"))[name]
    kind, may_be_none, choices, low, high = {ALLOWED}[name]{literal}
    if not isinstance(value, kind) and not (value is None and may_be_none):
        raise SystemExit(f"params.yaml: {{name}} is {{value!r}}, a {{type(value).__name__}}, must be {{kind}}")
    if choices and value not in choices:
        raise SystemExit(f"params.yaml: {{name}} is {{value!r}}, must be one of {{choices}}")
    if low is not None and not low <= value <= high:
        raise SystemExit(f"params.yaml: {{name}} is {{value!r}}, must be from {{low}} to {{high}}")
    return value'''

_READ = '''def {read}(step, name):
    """What a step gave."""
    with {Path}("{data}", step, f"{{name}}.pkl").open("rb") as file:
        return {pickle}.load(file)'''

_WRITE = '''def {write}(step, name, value):
    """Keep what a step gave, for the steps that take it."""
    path = {Path}("{data}", step, f"{{name}}.pkl")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        {pickle}.dump(value, file)'''

_WRITE_METRICS = '''def {write_metrics}(step, values):
    """Keep the numbers among some values as a step's metrics."""
    path = {Path}("{metrics}", f"{{step}}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = {{name: float(value) for name, value in values.items() if isinstance(value, {Real})}}
    path.write_text({json}.dumps(numbers, indent=2) + "\\n", encoding="utf-8")'''

_DONE = '''def {done}(step):
    """Say that a step ran, for those that wait for it: another text each time, so that they run again, too."""
    path = {Path}("{data}", step, "done.txt")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str({uuid4}()), encoding="utf-8")'''


_FUNCTIONS = {
    "read": (_READ, ("Path", "pickle")),
    "write": (_WRITE, ("Path", "pickle")),
    "write_metrics": (_WRITE_METRICS, ("Path", "Real", "json")),
    "done": (_DONE, ("Path", "uuid4")),
}
"""What stages may need of the shared module, each with what that needs."""
