"""A notebook as the text of a pipeline script: one function a cell, one pipeline function that is the data flow."""

from __future__ import annotations

import ast
import builtins
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath

from mlops_nb.errors import MlopsError
from mlops_nb.notebook.cells import is_literal, literal_value, read_cell
from mlops_nb.notebook.dataflow import PlannedStep, plan
from mlops_nb.notebook.ipython_syntax import parsed
from mlops_nb.notebook.naming import (
    Section,
    comment,
    docstring,
    first_sentence,
    identifier,
    is_ended,
    name_from_code,
    sections,
    title_of,
    unique_name,
    without_number,
)
from mlops_nb.notebook.records import Export, Notebook, ScriptParameter, ScriptStep
from mlops_nb.notebook.translation import ScriptCell, Statement, indented, translate

EXPORTED = "Exported from {} by mlops_nb"
"""The line of a script's docstring by which an export is recognised."""

_EXPORTED = re.compile(r'\A(#[^\n]*\n)*"""(?:(?!""").)*?^Exported from .* by mlops_nb\b', re.DOTALL | re.MULTILINE)
_PARAMETER_TAGS = frozenset(("parameters", "injected-parameters"))
_SIMPLE_TYPES = frozenset(("int", "float", "str", "bool"))
_MODULES = ("os", "subprocess", "asyncio", "mlops_nb")
_OURS = ("show", "metric", *_MODULES, "step", "pipeline", "Annotated")


def is_export(script: str) -> bool:
    """Whether a script was written by an export, so that the next export may replace it."""
    return _EXPORTED.match(script) is not None


def pipeline_script(notebook: Notebook, *, name: str = "") -> Export:
    """The script of a notebook, not yet formatted, and what is in it; `path` is empty.

    Args:
        notebook: the notebook.
        name: what the pipeline is called; by default as the notebook's file.

    Raises:
        MlopsError: a cell is not Python, or there is no code at all.
    """
    return _Script(notebook, name or PurePath(notebook.path).stem or "notebook").export()


class _Script:
    def __init__(self, notebook: Notebook, name: str) -> None:
        self.notebook = notebook
        self.name = comment(name)
        self.bound = _bound_names(notebook)
        self.parameters: dict[str, ScriptParameter] = {}
        self.defaults: dict[str, str] = {}
        self.cells = self._translated()
        self.plan = plan(self.cells, tuple(self.parameters))
        self.sections = sections(notebook.cells)
        self.title, self.summary = title_of(notebook.cells)
        self.taken = {*self.bound, *dir(builtins), *_OURS, *(self._our(each) for each in _OURS)}
        self.function = self._function_name()
        self.taken.add(self.function)
        self.steps = [self._described(step) for step in self.plan.steps]

    def export(self) -> Export:
        parts = [
            self._docstring(),
            *self._top(),
            *(self._step_text(step, about) for step, about in zip(self.plan.steps, self.steps, strict=True)),
            self._pipeline_text(),
            f'if __name__ == "__main__":\n    {self.function}.main()',
        ]
        return Export(
            notebook=self.notebook.path,
            path="",
            source="\n\n".join(parts) + "\n",
            parameters=tuple(self.parameters.values()),
            steps=tuple(self.steps),
            left_out=tuple(each for cell in self.cells for each in cell.left_out),
            warnings=tuple(
                dict.fromkeys((*(each for cell in self.cells for each in cell.warnings), *self.plan.warnings))
            ),
        )

    def _function_name(self) -> str:
        """The pipeline function's name: the notebook's, and that it is a pipeline where a cell has the name."""
        name = identifier(self.name) or "run_notebook"
        return unique_name(f"{name}_pipeline" if name in self.taken else name, self.taken)

    def _our(self, name: str) -> str:
        """The name under which the script imports something of ours, beside the user's own names."""
        bound = self.bound.get(name, set())
        return name if bound <= {f"import {name}", f"from mlops_nb.pipelines import {name}"} else f"mlops_{name}"

    def _translated(self) -> list[ScriptCell]:
        if self.notebook.language.lower() not in ("python", "python3", "ipython", ""):
            raise MlopsError(f"{self.notebook.path} is a notebook in {self.notebook.language}, not in Python")
        found: list[ScriptCell] = []
        for position, cell in enumerate(self.notebook.cells):
            if cell.kind == "code" and cell.source.strip():
                translated = translate(cell.source, position, self.bound, self._our)
                if _PARAMETER_TAGS.intersection(cell.tags):
                    translated = self._without_parameters(translated)
                found.append(translated)
        if not found:
            raise MlopsError(f"{self.notebook.path} has no code to export", "write a code cell and export again")
        return found

    def _without_parameters(self, cell: ScriptCell) -> ScriptCell:
        """The cell without the statements that become parameters of the pipeline."""
        names = [name for statement in cell.statements for name in statement.names.writes]
        rest: list[Statement] = []
        for statement in cell.statements:
            name, value = _literal_assignment(statement)
            if value is None or names.count(name) > 1 or not name.isidentifier():
                rest.append(statement)
                continue
            self.defaults[name] = ast.get_source_segment(statement.text, value) or ast.unparse(value)
            kind = _annotation(statement) or _type_of(value)
            self.parameters[name] = ScriptParameter(name, kind, literal_value(value), _help(statement))
        return replace(cell, statements=tuple(rest))

    def _described(self, step: PlannedStep) -> ScriptStep:
        section = self.sections[step.cell.position]
        name = unique_name(self._step_name(step, section), self.taken)
        self.taken.add(name)
        return ScriptStep(
            name=name,
            cell=step.cell.position,
            inputs=step.inputs,
            outputs=step.outputs,
            metrics=step.metrics,
            run=step.cell.run.name if step.cell.run is not None else "",
            doc=_doc(step, section),
            sweep=step.cell.sweep,
        )

    def _step_name(self, step: PlannedStep, section: Section) -> str:
        called = step.cell.run.name if step.cell.run is not None else step.cell.sweep
        if name := identifier(called):
            return self._free(name, "sweep" if step.cell.sweep else "run")
        heading = identifier(without_number(section.heading)) if section.own and not section.is_title else ""
        if heading:
            return self._free(heading, "make")
        code = name_from_code(step.names, step.outputs, step.inputs)
        if code and (code not in self.taken or not section.heading):
            return code
        return (
            code or self._free(identifier(without_number(section.heading)), "make") or f"cell_{step.cell.position + 1}"
        )

    def _free(self, name: str, verb: str) -> str:
        """The name, or a verb before it where a variable has that name, or that it is a step."""
        known = {*self.bound, *dir(builtins)}
        return next((each for each in (name, f"{verb}_{name}") if each not in known), f"{name}_step")

    def _docstring(self) -> str:
        title = self.title or self.name
        lines = [
            EXPORTED.format(comment(PurePath(self.notebook.path).name, 200)) + ".",
            "Run it with --help to see the parameters, --list the steps, --dry-run what would run.",
        ]
        between = " " if is_ended(title) else ": "
        text = f"{title}{between}{self.summary}" if self.summary else title
        return docstring(text, "\n".join(["", *lines])[1:], indent="")

    def _top(self) -> Iterator[str]:
        future = [each.code for each in self.plan.imports if each.code.startswith("from __future__")]
        imports = [each.code for each in self.plan.imports if each.code not in future]
        ours = [self._our_import(name) for name in sorted(self._used())]
        yield "\n".join([*future, *ours, *imports])
        if self.plan.notes:
            yield _notes_text([line for each in self.plan.notes for line in each.text.splitlines()])
        if self.plan.settings:
            yield "\n".join(each.text.strip("\n") for each in self.plan.settings)
        yield from (each.text.strip("\n") for each in self.plan.definitions)

    def _used(self) -> set[str]:
        used = {"pipeline"} | {name for step in self.plan.steps for name in step.cell.uses}
        used |= {name for cell in self.cells for name in cell.uses if name in _MODULES}
        used |= {"step"} if self.plan.steps else set()
        used |= {"asyncio"} if any(step.names.awaits for step in self.plan.steps) else set()
        return used | ({"Annotated"} if any(each.help for each in self.parameters.values()) else set())

    def _our_import(self, name: str) -> str:
        alias = "" if self._our(name) == name else f" as {self._our(name)}"
        if name in _MODULES:
            return f"import {name}{alias}"
        return f"from {'typing' if name == 'Annotated' else 'mlops_nb.pipelines'} import {name}{alias}"

    def _step_text(self, step: PlannedStep, about: ScriptStep) -> str:
        arguments = [self._argument(name, step) for name in step.inputs]
        arguments += [f"{name}: {_text_type(text)} = {text}" for name, text in step.defaults.items()]
        lines = [self._decorator(step, about), f"def {about.name}({', '.join(arguments)}):"]
        if about.doc:
            prose = self.sections[step.cell.position].prose if self.sections[step.cell.position].own else ""
            lines.append(docstring(about.doc, prose if prose and prose != about.doc else ""))
        lines += [f"    {name} = None" for name in step.unbound]
        body = self._body(step)
        given = f"return {', '.join(step.outputs)}" if step.outputs else ""
        if step.names.awaits:
            inner = unique_name("run", {*self.bound, *step.inputs})
            passed = ", ".join((*step.inputs, *step.defaults, *step.unbound))
            lines += [
                f"    async def {inner}({passed}):",
                indented(indented("\n".join([body, given]).strip("\n"))),
                "",
            ]
            call = f"{self._our('asyncio')}.run({inner}({passed}))"
            lines += [f"    {', '.join(step.outputs)} = {call}", f"    {given}"] if given else [f"    {call}"]
        else:
            lines += [indented(body)] + ([f"    {given}"] if given else [])
        text = "\n".join(lines)
        if parsed(text) is None:
            raise MlopsError(
                f"cell {step.cell.position + 1} cannot be made a function", "split the cell and export again"
            )
        return text

    def _argument(self, name: str, step: PlannedStep) -> str:
        if name not in self.parameters or any(name in each.outputs for each in self.plan.steps):
            return name
        kind = self.parameters[name].type
        return f"{name}: {kind}" if kind in _SIMPLE_TYPES else name

    def _decorator(self, step: PlannedStep, about: ScriptStep) -> str:
        options: list[str] = []
        if (run := step.cell.run) is not None:
            options.append(f"run={run.name!r}")
            params = tuple(name for name in run.params if name in (*step.inputs, *step.outputs, *step.defaults))
            options += [f"params={params!r}"] if params else []
        options += [f"metrics={step.metrics!r}"] if step.metrics else []
        if run is not None and run.tags:
            options.append(f"tags={dict(run.tags)!r}")
        return f"@{self._our_decorator('step')}({', '.join(options)})" if options else f"@{self._our_decorator('step')}"

    def _our_decorator(self, name: str) -> str:
        return self._our(name)

    def _body(self, step: PlannedStep) -> str:
        texts = [each.code for each in step.copies] + [each.text for each in step.body]
        text = "\n".join(texts).strip("\n")
        return _nonlocal(text, step.nonlocals) if step.nonlocals else text

    def _pipeline_text(self) -> str:
        lines = [f"@{self._our_decorator('pipeline')}({self.name!r})", self._signature()]
        lines.append(docstring(first_sentence(self.summary) or self.title or self.name))
        for step, about in zip(self.plan.steps, self.steps, strict=True):
            call = f"{about.name}({', '.join(step.inputs)})"
            lines.append(f"    {', '.join(step.outputs)} = {call}" if step.outputs else f"    {call}")
        if self.plan.results:
            lines.append(f"    return {', '.join(self.plan.results)}")
        return "\n".join(lines)

    def _signature(self) -> str:
        arguments = []
        for each in self.parameters.values():
            kind = f"{self._our('Annotated')}[{each.type}, {each.help!r}]" if each.help else each.type
            arguments.append(f"    {each.name}: {kind} = {self.defaults[each.name]},")
        return f"def {self.function}(" + ("\n" + "\n".join(arguments) + "\n" if arguments else "") + "):"


def _bound_names(notebook: Notebook) -> dict[str, set[str]]:
    """Every name that a cell binds, with how: the import's text, or the cell's number."""
    found: dict[str, set[str]] = {}
    for number, cell in enumerate(notebook.cells):
        if cell.kind == "code":
            names = read_cell(cell.source)
            for name in names.writes:
                how = f"import {name}" if name in names.imports else str(number)
                if name in ("show", "metric", "step", "pipeline", "Annotated") and name in names.imports:
                    how = _import_text(cell.source, name)
                found.setdefault(name, set()).add(how)
    return found


def _import_text(source: str, name: str) -> str:
    match = re.search(rf"^\s*from\s+([\w.]+)\s+import\b[^\n#]*\b{re.escape(name)}\b", source, re.MULTILINE)
    return f"from {match[1]} import {name}" if match else "import of another thing"


def _literal_assignment(statement: Statement) -> tuple[str, ast.expr | None]:
    if statement.kind not in ("Assign", "AnnAssign"):
        return "", None
    node = statement.node
    target = (
        node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else getattr(node, "target", None)
    )
    value = getattr(node, "value", None)
    if isinstance(target, ast.Name) and isinstance(value, ast.expr) and is_literal(value):
        return target.id, value
    return "", None


def _annotation(statement: Statement) -> str:
    """The annotation of a parameter, where nothing but builtins is needed to read it."""
    node = statement.node
    if isinstance(node, ast.AnnAssign) and all(
        not isinstance(each, ast.Name) or each.id in dir(builtins) for each in ast.walk(node.annotation)
    ):
        return ast.get_source_segment(statement.text, node.annotation) or ast.unparse(node.annotation)
    return ""


def _type_of(value: ast.expr) -> str:
    plain = ast.literal_eval(value)
    if isinstance(plain, list | tuple) and plain and len({type(each) for each in plain}) == 1:
        inner = type(plain[0]).__name__
        if inner in _SIMPLE_TYPES:
            return f"list[{inner}]" if isinstance(plain, list) else f"tuple[{inner}, ...]"
    return "object" if plain is None else type(plain).__name__


def _text_type(text: str) -> str:
    value = ast.literal_eval(text)
    return "object" if value is None else type(value).__name__


def _help(statement: Statement) -> str:
    """The comment beside a parameter, or the last line of the one directly above it."""
    beside = above = ""
    lines = statement.text.split("\n")
    code = len(lines) - len(statement.code.split("\n"))
    for token in _comments(statement.text):
        if token.start[0] > code:
            beside = token.string
        elif token.start[0] == code:
            above = token.string
    return comment((beside or above).lstrip("#").strip(), 200)


def _comments(text: str) -> Iterator[tokenize.TokenInfo]:
    try:
        yield from (
            each for each in tokenize.generate_tokens(io.StringIO(text).readline) if each.type == tokenize.COMMENT
        )
    except (tokenize.TokenError, SyntaxError):
        return


def _doc(step: PlannedStep, section: Section) -> str:
    if section.own and not section.is_title and section.heading:
        return without_number(section.heading)
    if section.own and section.prose:
        return first_sentence(section.prose)
    return ""


def _nonlocal(text: str, names: frozenset[str]) -> str:
    """The code with `global` of these names made `nonlocal`, for functions that now stand inside a step."""
    tree = parsed(text)
    lines = text.split("\n")
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Global) and names.issuperset(node.names):
            line = lines[node.lineno - 1].encode("utf-8")
            start, end = node.col_offset, node.col_offset + len("global")
            lines[node.lineno - 1] = (line[:start] + b"nonlocal" + line[end:]).decode("utf-8")
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
