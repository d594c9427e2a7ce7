"""The one intermediate form of a notebook as a pipeline: parameters, imports, definitions, steps and what flows.

`pipeline_plan` makes it from a notebook; the script is written from it, and so is every other target.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from mlops_nb.errors import BadArgument, MlopsError, nearest
from mlops_nb.notebook.cells import read_cell
from mlops_nb.notebook.dataflow import Plan, PlannedStep, plan
from mlops_nb.notebook.ipython_syntax import cell_tree, parsed
from mlops_nb.notebook.naming import (
    Section,
    comment,
    first_sentence,
    identifier,
    name_from_code,
    sections,
    title_of,
    unique_name,
    without_number,
)
from mlops_nb.notebook.parameter_cells import assigned_literal, parameter_of
from mlops_nb.notebook.recalled import Recall, asks_back, recalled
from mlops_nb.notebook.records import LeftOut, Notebook, NotebookCell, ScriptParameter, ScriptStep
from mlops_nb.notebook.stages import given_stage, guessed_stage
from mlops_nb.notebook.statement_text import Statement
from mlops_nb.notebook.translation import ScriptCell, evaluating, is_shown, translate
from mlops_nb.record import Record

_PARAMETER_TAGS = frozenset(("parameters", "injected-parameters"))
_MODULES = ("os", "subprocess", "asyncio", "builtins", "mlops_nb")
_TYPING = ("Annotated", "Literal")
_PLOTTING = ("show", "step")
_PLOTTING_STAR = re.compile(r"^\s*(?:%pylab\b|from\s+(?:matplotlib\.)?py(?:lab|plot)\s+import\s+\*)", re.MULTILINE)
"""What brings plotting functions of these names into a notebook, without naming them."""
OURS = ("show", "metric", "captured", "get_ipython", *_MODULES, "step", "pipeline", *_TYPING)
"""Every name that a script may need and no cell has imported."""


@dataclass(frozen=True, slots=True)
class PlanStep(Record):
    """A step: a function of its inputs that gives its outputs.

    Args:
        name: the function's, free of every other name in the script.
        cells: positions of its cells among all cells of the notebook, from 0.
        inputs: its arguments: names of parameters or outputs of earlier steps.
        defaults: keyword arguments that the step has besides, each with the text of its default.
        outputs: what it returns, in order; none, one, or a tuple of several.
        body: its statements as text at column 0, without a `return`; `show(value)` stands for a value that the
            notebook showed, `metric(name, value)` for one that is noted.
        unbound: names that must be None before the body, because only some path binds them.
        is_async: whether the body has a top-level `await`.
        doc: one line, or empty; `prose` the paragraph that follows it, or empty.
        stage: one of `STAGES` or empty; `is_guessed` when no tag of a cell gave it.
        metrics: inputs or outputs that are recorded as metrics.
        run: the captured run that it repeats, or empty, with the `params` and `tags` of that.
        sweep: the sweep that it repeats, or empty.
        uses: names of ours that the body needs, by the name they have there.
        calls: dotted names of what the body calls.
        shared: names that are variables of the module while it runs, because what it calls looks them up there.
    """

    name: str
    cells: tuple[int, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    body: str
    defaults: Mapping[str, str] = field(default_factory=dict)
    unbound: tuple[str, ...] = ()
    is_async: bool = False
    doc: str = ""
    prose: str = ""
    stage: str = ""
    is_guessed: bool = False
    metrics: tuple[str, ...] = ()
    run: str = ""
    params: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    sweep: str = ""
    uses: frozenset[str] = frozenset()
    calls: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    def described(self) -> ScriptStep:
        """What is told of it, without its code."""
        return ScriptStep(
            self.name, self.cells[0], self.inputs, self.outputs, self.metrics, self.run, self.doc, self.sweep,
            self.cells, self.stage, self.is_guessed,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PipelinePlan(Record):
    """A notebook as a pipeline.

    Args:
        name: what its runs are called; `function` is that as an identifier, free of every other name.
        notebook: the file's name as it should be named to a reader.
        title: the notebook's heading, or empty; `summary` the first paragraph under it.
        parameters: in the notebook's order.
        imports: import statements at the top, and settings that must come before them, in order.
        settings: settings of libraries.
        definitions: constants, functions and classes that need nothing but each other and the imports.
        steps: in the order in which they run.
        results: what the pipeline gives back: names that steps put out.
        ours: what the text needs besides (show, metric, os, subprocess, asyncio, mlops_nb, Annotated...), with the
            name that it has in the script, another one where a cell binds its own.
        notes: comments on what was left out of cells that are no steps.
        requirements: packages that cells install, as they are typed.
        left_out: lines and cells that are not in the script.
        warnings: what is doubtful about it.
    """

    name: str
    function: str
    notebook: str
    title: str
    summary: str
    parameters: tuple[ScriptParameter, ...]
    imports: tuple[str, ...]
    settings: tuple[str, ...]
    definitions: tuple[str, ...]
    steps: tuple[PlanStep, ...]
    results: tuple[str, ...]
    ours: Mapping[str, str]
    notes: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()


def pipeline_plan(notebook: Notebook, *, name: str = "", parameters: Collection[str] = ()) -> PipelinePlan:
    """A notebook as a pipeline.

    Args:
        notebook: the notebook.
        name: what the pipeline is called; by default as the notebook's file.
        parameters: names of literals outside the parameters cell that become parameters, too.

    Raises:
        MlopsError: a cell is not Python, or there is no code at all.
        BadArgument: there is no such literal to be a parameter.
    """
    return _Planner(notebook, name or PurePath(notebook.path).stem or "notebook", parameters).plan()


class _Planner:
    def __init__(self, notebook: Notebook, name: str, chosen: Collection[str]) -> None:
        self.notebook = notebook
        self.name = comment(name)
        self.bound = _bound_names(notebook)
        self.has_plotting_star = any(_PLOTTING_STAR.search(cell.source) for cell in notebook.cells)
        self.sections = sections(notebook.cells)
        self.parameters: dict[str, ScriptParameter] = {}
        self.cells = self._grouped(self._with_chosen(self._translated(), chosen))
        self.flow: Plan = plan(self.cells, tuple(self.parameters))
        self.title, self.summary = title_of(notebook.cells)
        self.taken = {*self.bound, *dir(builtins), *OURS, *(self._our(each) for each in OURS), *self._from_stars()}
        self.function = self._function_name()
        self.taken.add(self.function)
        self.steps = [self._step(step) for step in self.flow.steps]

    def plan(self) -> PipelinePlan:
        warnings = (*(each for cell in self.cells for each in cell.warnings), *self.flow.warnings)
        return PipelinePlan(
            name=self.name,
            function=self.function,
            notebook=self.notebook.path,
            title=self.title,
            summary=self.summary,
            parameters=tuple(self.parameters.values()),
            imports=tuple(each.code for each in self.flow.imports),
            settings=tuple(each.text.strip("\n") for each in self.flow.settings),
            definitions=tuple(each.text.strip("\n") for each in self.flow.definitions),
            steps=tuple(self.steps),
            results=self.flow.results,
            ours={each: self._our(each) for each in sorted(self._used())},
            notes=tuple(line for each in self.flow.notes for line in each.text.splitlines()),
            requirements=tuple(dict.fromkeys(each for cell in self.cells for each in cell.requirements)),
            left_out=tuple(each for cell in self.cells for each in cell.left_out),
            warnings=tuple(dict.fromkeys(warnings)),
        )

    def _from_stars(self) -> set[str]:
        """The names that cells read and none binds, which an `import *` may bring."""
        names = [each.names for cell in self.cells for each in cell.statements]
        if not any(each.stars for each in names):
            return set()
        late = {name for each in names for one in each.functions.values() for name in one.reads}
        return late.union(*(each.reads for each in names)) - {*self.bound}

    def _function_name(self) -> str:
        """The pipeline function's name: the notebook's, and that it is a pipeline where a cell has the name."""
        name = identifier(self.name) or "run_notebook"
        return unique_name(f"{name}_pipeline" if name in self.taken else name, self.taken)

    def _our(self, name: str) -> str:
        """The name under which the script imports something of ours, beside the user's own names."""
        if name in _PLOTTING and self.has_plotting_star:
            return f"mlops_{name}"
        bound = self.bound.get(name, set())
        home = "typing" if name in _TYPING else "mlops_nb.pipelines"
        home = "mlops_nb.pipelines.display" if name == "get_ipython" else home
        return name if bound <= {f"import {name}", f"from {home} import {name}"} else f"mlops_{name}"

    def _used(self) -> set[str]:
        used = {"pipeline"} | {name for step in self.steps for name in step.uses}
        used |= {name for cell in self.cells for name in cell.uses if name in _MODULES}
        used |= {"step"} if self.steps else set()
        used |= {"asyncio"} if any(step.is_async for step in self.steps) else set()
        used |= {"Literal"} if any(each.choices for each in self.parameters.values()) else set()
        told = any(each.help or each.low is not None for each in self.parameters.values())
        return used | ({"Annotated"} if told else set())

    def _translated(self) -> list[ScriptCell]:
        if self.notebook.language.lower() not in ("python", "python3", "ipython", ""):
            raise MlopsError(f"{self.notebook.path} is a notebook in {self.notebook.language}, not in Python")
        found: list[ScriptCell] = []
        shows_all, asks = False, any(asks_back(cell.source) for cell in self.notebook.cells if cell.kind == "code")
        shown = [asks and _ends_with_value(cell) for cell in self.notebook.cells]
        recalls = recalled(self.notebook.cells, self.bound, shown) if asks else []
        evaluates = {name for cell in self.notebook.cells if cell.kind == "code" for name in evaluating(cell.source)}
        for position, cell in enumerate(self.notebook.cells):
            if cell.kind == "code" and cell.source.strip():
                shows_all |= _SHOWS_ALL.search(cell.source) is not None
                translated = translate(
                    cell.source,
                    position,
                    self.bound,
                    self._our,
                    shows_all=shows_all,
                    recall=recalls[position] if recalls else Recall(),
                    evaluates=evaluates,
                    raises=cell.raised,
                )
                if _PARAMETER_TAGS.intersection(cell.tags):
                    translated = self._without_parameters(translated)
                found.append(translated)
        if not found:
            raise MlopsError(f"{self.notebook.path} has no code to export", "write a code cell and export again")
        return found

    def _without_parameters(self, cell: ScriptCell, only: Collection[str] | None = None) -> ScriptCell:
        """The cell without the statements that become parameters of the pipeline."""
        names = [name for statement in cell.statements for name in statement.names.writes]
        rest: list[Statement] = []
        for statement in cell.statements:
            parameter = parameter_of(statement)
            if (
                parameter is None
                or names.count(parameter.name) > 1
                or (only is not None and parameter.name not in only)
            ):
                rest.append(statement)
            else:
                self.parameters[parameter.name] = parameter
        return replace(cell, statements=tuple(rest))

    def _with_chosen(self, cells: list[ScriptCell], chosen: Collection[str]) -> list[ScriptCell]:
        """The cells without the literals that were chosen to be parameters."""
        wanted = [name for name in chosen if name not in self.parameters]
        if not wanted:
            return cells
        literals = [assigned_literal(each)[0] for cell in cells for each in cell.statements]
        binds = [name for cell in cells for each in cell.statements for name in each.names.writes]
        for name in wanted:
            if name not in literals:
                near = nearest(name, [each for each in literals if each]) or next(filter(None, literals), "")
                raise BadArgument(f"no cell has a literal {name!r}", f"--param {near}" if near else "")
            if binds.count(name) > 1:
                raise BadArgument(f"{name} is assigned {binds.count(name)} times", "tag its cell with parameters")
        return [self._without_parameters(cell, wanted) for cell in cells]

    def _grouped(self, cells: list[ScriptCell]) -> list[ScriptCell]:
        """The cells with those put together that make one step: under one heading, or with one `step:` tag."""
        found: list[ScriptCell] = []
        last = ""
        for cell in cells:
            group = self._group(cell)
            if group and group == last:
                found[-1] = _together(found[-1], cell)
            else:
                found.append(cell)
            last = group
        return found

    def _group(self, cell: ScriptCell) -> str:
        """What a cell shares with those that make a step with it; empty for one that is a step of its own."""
        if cell.run is not None or cell.sweep or _PARAMETER_TAGS.intersection(self._tags(cell.position)):
            return ""
        if name := self._tagged_name(cell.position):
            return f"step:{name}"
        section = self.sections[cell.position]
        return f"section:{section.number}" if section.heading and not section.is_title else ""

    def _tags(self, position: int) -> tuple[str, ...]:
        return self.notebook.cells[position].tags

    def _tagged_name(self, position: int) -> str:
        """The step that a cell's tag names: `step:load the data`."""
        return next((tag[5:].strip() for tag in self._tags(position) if tag.startswith("step:")), "")

    def _step(self, step: PlannedStep) -> PlanStep:
        section = self.sections[step.cell.position]
        name = unique_name(self._step_name(step, section), self.taken)
        self.taken.add(name)
        run, doc = step.cell.run, _doc(step, section)
        prose = section.prose if section.own and section.prose != doc and doc else ""
        params = run.params if run is not None else ()
        given = given_stage([tag for position in step.cell.positions for tag in self._tags(position)])
        return PlanStep(
            name=name,
            cells=step.cell.positions,
            inputs=step.inputs,
            outputs=step.outputs,
            body=_body(step),
            defaults=dict(step.defaults),
            unbound=step.unbound,
            is_async=step.names.awaits,
            doc=doc,
            prose=prose,
            stage=given or guessed_stage(step.names, section.heading if section.own else "", step.outputs),
            is_guessed=not given,
            metrics=step.metrics,
            run=run.name if run is not None else "",
            params=tuple(each for each in params if each in (*step.inputs, *step.outputs, *step.defaults)),
            tags=dict(run.tags) if run is not None else {},
            sweep=step.cell.sweep,
            uses=step.cell.uses,
            calls=step.names.calls,
            shared=step.shared,
        )

    def _step_name(self, step: PlannedStep, section: Section) -> str:
        called = step.cell.run.name if step.cell.run is not None else step.cell.sweep
        if name := identifier(called):
            return self._free(name, "sweep" if step.cell.sweep else "run")
        if tagged := identifier(self._tagged_name(step.cell.position)):
            return self._free(tagged, "make")
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


_SHOWS_ALL = re.compile(r"ast_node_interactivity\s*=\s*['\"]all['\"]")


def _ends_with_value(cell: NotebookCell) -> bool:
    """Whether a cell ends with a value that the notebook keeps: nothing does that a `;` hides."""
    if cell.kind != "code" or cell.raised:
        return False
    tree = cell_tree(cell.source)
    last = tree.body[-1] if tree and tree.body else None
    return isinstance(last, ast.Expr) and is_shown(last.value) and not cell.source.rstrip().endswith(";")


def _together(first: ScriptCell, second: ScriptCell) -> ScriptCell:
    """Two cells as one."""
    return replace(
        first,
        source=f"{first.source}\n{second.source}",
        statements=(*first.statements, *second.statements),
        left_out=(*first.left_out, *second.left_out),
        uses=first.uses | second.uses,
        warnings=(*first.warnings, *second.warnings),
        requirements=(*first.requirements, *second.requirements),
        positions=(*first.positions, *second.positions),
    )


def _bound_names(notebook: Notebook) -> dict[str, set[str]]:
    """Every name that a cell binds, with how: the import's text, or the cell's number."""
    found: dict[str, set[str]] = {}
    for number, cell in enumerate(notebook.cells):
        if cell.kind == "code":
            names = read_cell(cell.source)
            for name in names.writes:
                how = f"import {name}" if name in names.imports else str(number)
                if name in OURS and name not in _MODULES and name in names.imports:
                    how = _import_text(cell.source, name)
                found.setdefault(name, set()).add(how)
    return found


def _import_text(source: str, name: str) -> str:
    match = re.search(rf"^\s*from\s+([\w.]+)\s+import\b[^\n#]*\b{re.escape(name)}\b", source, re.MULTILINE)
    return f"from {match[1]} import {name}" if match else "import of another thing"


def _doc(step: PlannedStep, section: Section) -> str:
    if section.own and not section.is_title and section.heading:
        return without_number(section.heading)
    if section.own and section.prose:
        return first_sentence(section.prose)
    return ""


def _body(step: PlannedStep) -> str:
    text = "\n".join([*(each.code for each in step.copies), *_marked(step)]).strip("\n")
    return _nonlocal(text, step.nonlocals) if step.nonlocals else text


def _marked(step: PlannedStep) -> Iterator[str]:
    """The statements' text; where a step is made of several cells, with a comment where each begins."""
    last = -1
    several = len({each.cell for each in step.body if each.kind}) > 1
    for each in step.body:
        if several and each.cell != last and (each.kind or each.text.strip()):
            yield ("\n" if last >= 0 else "") + CELL.format(each.cell + 1)
            last = each.cell
            yield each.text.lstrip("\n")
        else:
            yield each.text


CELL = "# cell {}"
"""The comment that says where in a step a cell of the notebook begins."""


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
