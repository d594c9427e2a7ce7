"""A pipeline plan as the text of a script: one function a step, one pipeline function that is the data flow."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from mlops_nb.errors import MlopsError
from mlops_nb.notebook.intermediate import PipelinePlan, PlanStep, pipeline_plan
from mlops_nb.notebook.ipython_syntax import parsed
from mlops_nb.notebook.naming import comment, docstring, first_sentence, is_ended, unique_name
from mlops_nb.notebook.parameter_cells import annotation_text
from mlops_nb.notebook.records import Export, Notebook
from mlops_nb.notebook.statement_text import indented

EXPORTED = "Exported from {} by mlops_nb"
"""The line of a script's docstring by which an export is recognised."""

ENCODING = "# -*- coding: utf-8 -*-"
"""The first line of every script: no text of a notebook can choose another encoding."""

_EXPORTED = re.compile(r'\A(#[^\n]*\n)*"""(?:(?!""").)*?^Exported from .* by mlops_nb\b', re.DOTALL | re.MULTILINE)
_SIMPLE_TYPES = frozenset(("int", "float", "str", "bool"))
_PLAIN_MODULES = ("os", "subprocess", "asyncio", "builtins", "mlops_nb")
_HOMES = {"Annotated": "typing", "Literal": "typing", "get_ipython": "mlops_nb.pipelines.display"}


def is_export(script: str) -> bool:
    """Whether a script was written by an export, so that the next export may replace it."""
    return _EXPORTED.match(script) is not None


def pipeline_script(
    notebook: Notebook,
    *,
    name: str = "",
    parameters: Collection[str] = (),
    write: Callable[[PipelinePlan], str] | None = None,
) -> Export:
    """The script of a notebook, not yet formatted, and what is in it; `path` is empty.

    Args:
        notebook: the notebook.
        name: what the pipeline is called; by default as the notebook's file.
        parameters: names of literals outside the parameters cell that become parameters, too.
        write: makes the text of the plan; by default `script_text`.

    Raises:
        MlopsError: a cell is not Python, or there is no code at all.
    """
    return exported(pipeline_plan(notebook, name=name, parameters=parameters), write or script_text)


def exported(plan: PipelinePlan, write: Callable[[PipelinePlan], str]) -> Export:
    """The script of a plan, not yet formatted, and what is in it; `path` is empty."""
    return Export(
        notebook=plan.notebook,
        path="",
        source=write(plan),
        parameters=plan.parameters,
        steps=tuple(step.described() for step in plan.steps),
        left_out=plan.left_out,
        warnings=plan.warnings,
        function=plan.function,
        shows=plan.ours.get("show", "show"),
        requirements=plan.requirements,
    )


def script_text(plan: PipelinePlan) -> str:
    """The script of a plan, not yet formatted."""
    parts = [
        script_head(script_docstring(plan, _HINT)),
        *_top(plan),
        *(f"{_decorator(step, plan)}\n{function_text(step, plan)}" for step in plan.steps),
        _pipeline_text(plan),
        f'if __name__ == "__main__":\n    {plan.function}.main()',
    ]
    return "\n\n".join(parts) + "\n"


_HINT = "Run it with --help to see the parameters, --list the steps, --plan what would run."


def script_head(docstring: str) -> str:
    """The first lines of every script."""
    return f"{ENCODING}\n{docstring}"


def script_docstring(plan: PipelinePlan, hint: str) -> str:
    """The docstring of a plan's script: its title, where it comes from, how to go on."""
    title = plan.title or plan.name
    lines = [
        EXPORTED.format(comment(PurePath(plan.notebook).name, 200)) + ".",
        hint,
    ]
    between = " " if is_ended(title) else ": "
    return docstring(f"{title}{between}{plan.summary}" if plan.summary else title, "\n".join(lines), indent="")


def _top(plan: PipelinePlan) -> Iterator[str]:
    future = [each for each in plan.imports if each.startswith("from __future__")]
    imports = [each for each in plan.imports if each not in future]
    yield "\n".join([*future, *(our_import(name, plan) for name in plan.ours), *imports])
    if plan.notes:
        yield _notes_text(plan.notes)
    if plan.settings:
        yield "\n".join(plan.settings)
    yield from spaced(plan.definitions)


def spaced(definitions: Sequence[str]) -> list[str]:
    r"""The definitions, constants of one line that follow each other together.

    >>> spaced(["A = 1", "B = 2", "def f():\n    pass", "C = 3"])
    ['A = 1\nB = 2', 'def f():\n    pass', 'C = 3']
    """
    found: list[str] = []
    for each in definitions:
        if found and "\n" not in each and _is_short(each) and _is_short(found[-1]):
            found[-1] += f"\n{each}"
        else:
            found.append(each)
    return found


def _is_short(text: str) -> bool:
    """Whether every line of a text is a statement of its own."""
    lines = text.split("\n")
    return all(line and not line[0].isspace() and not line.startswith(("def ", "class ", "@", "#")) for line in lines)


def our_import(name: str, plan: PipelinePlan) -> str:
    """The import of something of ours that a plan's text needs."""
    alias = "" if plan.ours[name] == name else f" as {plan.ours[name]}"
    if name in _PLAIN_MODULES:
        return f"import {name}{alias}"
    return f"from {_HOMES.get(name, 'mlops_nb.pipelines')} import {name}{alias}"


def function_text(step: PlanStep, plan: PipelinePlan, *, lead: Sequence[str] = ()) -> str:
    """A step as a plain function, without a decorator; `lead` are arguments before its own.

    Raises:
        MlopsError: its cells cannot stand in a function.
    """
    given_by = _arguments_of(step)
    arguments = [*lead, *(given_by.get(name) or _argument(name, plan) for name in step.inputs)]
    arguments += [f"{name}: {_text_type(text)} = {text}" for name, text in step.defaults.items()]
    lines = [f"def {step.name}({', '.join(arguments)}):"]
    lines += [docstring(step.doc, step.prose)] if step.doc else []
    inner = _set_in_module(step, given_by)
    lines += [f"    {name} = None" for name in step.unbound]
    given = f"return {', '.join(step.outputs)}" if step.outputs else ""
    body = "\n".join([*inner, step.body])
    if step.is_async:
        passed = [given_by.get(name, name) for name in (*step.inputs, *step.defaults, *step.unbound)]
        lines += _run_async(replace(step, body=body), plan, given, ", ".join(passed))
    else:
        lines += [indented(body)] + ([f"    {given}"] if given else [])
    text = "\n".join(lines)
    if parsed(text) is None:
        raise MlopsError(f"cell {step.cells[0] + 1} cannot be made a function", "split the cell and export again")
    return text


def _arguments_of(step: PlanStep) -> dict[str, str]:
    """By input that is a variable of the module, the argument that brings its value."""
    taken = {*step.inputs, *step.outputs, *step.defaults, *_words(step.body)}
    return {name: unique_name(f"{name}_before", taken) for name in step.inputs if name in step.shared}


def _set_in_module(step: PlanStep, given_by: Mapping[str, str]) -> list[str]:
    """The first statements of a step that sets variables of the module."""
    declared = [f"global {', '.join(step.shared)}"] if step.shared else []
    return [*declared, *(f"{name} = {argument}" for name, argument in given_by.items())]


def _run_async(step: PlanStep, plan: PipelinePlan, given: str, passed: str) -> list[str]:
    inner = unique_name("run", {*step.inputs, *step.outputs, *_words(step.body)})
    call = f"{plan.ours['asyncio']}.run({inner}({passed}))"
    return [
        f"    async def {inner}({passed}):",
        indented(indented("\n".join([step.body, given]).strip("\n"))),
        "",
        *([f"    {', '.join(step.outputs)} = {call}", f"    {given}"] if given else [f"    {call}"]),
    ]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _text_type(text: str) -> str:
    value = ast.literal_eval(text)
    return "object" if value is None else type(value).__name__


def _argument(name: str, plan: PipelinePlan) -> str:
    parameter = next((each for each in plan.parameters if each.name == name), None)
    if parameter is None or any(name in each.outputs for each in plan.steps):
        return name
    return f"{name}: {parameter.type}" if parameter.type in _SIMPLE_TYPES else name


def _decorator(step: PlanStep, plan: PipelinePlan) -> str:
    options = [f"run={step.run!r}"] if step.run else []
    options += [f"stage={step.stage!r}"] if step.stage else []
    options += [f"params={step.params!r}"] if step.params else []
    options += [f"metrics={step.metrics!r}"] if step.metrics else []
    options += [f"tags={dict(step.tags)!r}"] if step.tags else []
    return f"@{plan.ours['step']}({', '.join(options)})" if options else f"@{plan.ours['step']}"


def _pipeline_text(plan: PipelinePlan) -> str:
    return "\n".join([f"@{plan.ours['pipeline']}({plan.name!r})", pipeline_function(plan)])


def pipeline_function(plan: PipelinePlan) -> str:
    """The pipeline function: its signature the parameters, its body the data flow; without a decorator."""
    names = (plan.ours.get("Annotated", "Annotated"), plan.ours.get("Literal", "Literal"))
    arguments = "".join(
        f"    {each.name}: {annotation_text(each, *names)} = {each.default_text},\n" for each in plan.parameters
    )
    lines = [f"def {plan.function}({f'{chr(10)}{arguments}' if arguments else ''}):"]
    lines.append(docstring(first_sentence(plan.summary) or plan.title or plan.name))
    for step in plan.steps:
        call = f"{step.name}({', '.join(step.inputs)})"
        lines.append(f"    {', '.join(step.outputs)} = {call}" if step.outputs else f"    {call}")
    if plan.results:
        lines.append(f"    return {', '.join(plan.results)}")
    return "\n".join(lines)


_NOTE = re.compile(r"# left out: (.*) \(([^()]*)\)")


def _notes_text(notes: Sequence[str]) -> str:
    """What was left out, those with one reason under it.

    >>> print(_notes_text(["# left out: %pwd (no use)", "# left out: %cd (no use)"]))
    # left out (no use):
    #     %pwd
    #     %cd
    """
    by_reason: dict[str, list[str]] = {}
    for note in notes:
        match = _NOTE.fullmatch(note)
        by_reason.setdefault(match[2] if match else note, []).append(match[1] if match else note)
    lines: list[str] = []
    for reason, left_out in by_reason.items():
        if len(left_out) == 1:
            lines.append(left_out[0] if left_out[0] == reason else f"# left out: {left_out[0]} ({reason})")
        else:
            lines += [f"# left out ({reason}):", *(f"#     {each}" for each in left_out)]
    return "\n".join(lines)
