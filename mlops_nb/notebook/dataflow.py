"""From translated cells to a plan: what stands at the top of the script, which steps there are, what flows."""

from __future__ import annotations

import ast
import builtins
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from mlops_nb.notebook.cells import CellNames, dotted_call, is_literal, read_cell
from mlops_nb.notebook.shared import moved_names, runs_when_defined, shared_names, uses, with_uses
from mlops_nb.notebook.statement_text import Statement
from mlops_nb.notebook.translation import ScriptCell
from mlops_nb.record import Record
from mlops_nb.tracking.metrics import SKLEARN_METRICS, is_metric_name

_BUILTINS = frozenset(dir(builtins))
_BEFORE_IMPORTS = ("sys.path", "os.environ", "os.putenv", "matplotlib.use", "site.addsitedir")
_SETTINGS = (
    *_BEFORE_IMPORTS, "warnings.filterwarnings", "warnings.simplefilter", "pd.set_option", "pd.options",
    "pandas.set_option", "pandas.options", "np.set_printoptions", "numpy.set_printoptions", "plt.style", "plt.rcParams",
    "plt.rc", "matplotlib.rcParams", "mpl.rcParams", "sns.set", "logging.basicConfig", "logging.disable",
    "sklearn.set_config", "set_config", "filterwarnings", "simplefilter",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlannedStep(Record):
    """A cell that becomes a step function.

    Args:
        cell: the translated cell.
        body: the statements that stay in the function.
        names: what copies and body read and bind, together.
        copies: functions of earlier cells that are defined again in the step, because they read the notebook's names.
        inputs: arguments, in the order in which they are read.
        outputs: what is returned.
        defaults: parameters of the captured run that the cell assigns: keyword arguments with their default's text.
        metrics: outputs or inputs that are recorded as metrics.
        unbound: names that must be bound before the body, because only some path or a called function binds them.
        nonlocals: names that functions in the step bind through `global`.
        shared: names that are variables of the module while the step runs, because what it calls may look them up.
    """

    cell: ScriptCell
    body: tuple[Statement, ...]
    names: CellNames
    copies: tuple[Statement, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    unbound: tuple[str, ...] = ()
    nonlocals: frozenset[str] = frozenset()
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan(Record):
    """What the script is made of, each part in the notebook's order."""

    imports: tuple[Statement, ...]
    settings: tuple[Statement, ...]
    definitions: tuple[Statement, ...]
    notes: tuple[Statement, ...]
    steps: tuple[PlannedStep, ...]
    results: tuple[str, ...]
    warnings: tuple[str, ...]


def plan(cells: Sequence[ScriptCell], parameters: Collection[str]) -> Plan:
    """What goes to the top, which cells are steps, and what each takes and gives.

    Args:
        cells: the translated code cells in order, without the statements that became parameters.
        parameters: the names of the pipeline's parameters.
    """
    top = _Top(cells, parameters)
    drafts = list(_drafts(cells, top))
    _share(drafts, top, parameters)
    warnings = list(_find_inputs(drafts, top, parameters))
    steps = _with_outputs(drafts)
    results = tuple(dict.fromkeys(name for step in steps for name in _results(step, steps)))
    notes = [
        statement
        for cell in cells
        if all(step.cell is not cell for step in steps)
        for statement in cell.statements
        if statement.kind == "" and statement.text.startswith("# left out")
    ]
    return Plan(
        tuple(top.imports),
        tuple(top.settings),
        tuple(top.definitions),
        tuple(notes),
        tuple(steps),
        results,
        tuple(warnings),
    )


class _Top:
    """The statements that stand at the top of the script, and the names they bind."""

    def __init__(self, cells: Sequence[ScriptCell], parameters: Collection[str]) -> None:
        self.cells = cells
        self.parameters = parameters
        self.bindings = _bindings(cells)
        self.changed = _changed(cells)
        self.shared: frozenset[str] = frozenset()
        self.star = any(statement.names.stars for cell in cells for statement in cell.statements)
        self.names: set[str] = set()
        self.taken: set[int] = set()
        self._find_imports()
        self._find_constants()
        self.shared = shared_names(cells, self.names)
        self._find_functions()
        self._find_settings()
        taken = [statement for cell in cells for statement in cell.statements if id(statement) in self.taken]
        first: dict[str, Statement] = {}
        for statement in taken:
            first.setdefault(statement.code, statement)
        kept = list(first.values())
        self.imports = [each for each in kept if _is_import(each) or _setting(each) in _BEFORE_IMPORTS]
        self.settings = [each for each in kept if _setting(each) and each not in self.imports]
        self.definitions = [each for each in kept if each not in self.imports and each not in self.settings]

    def _statements(self) -> Iterator[tuple[ScriptCell, Statement]]:
        return ((cell, statement) for cell in self.cells for statement in cell.statements if statement.kind)

    def _take(self, statement: Statement) -> None:
        self.taken.add(id(statement))
        self.names.update(statement.names.writes)

    def _find_imports(self) -> None:
        path_changed = False
        used: set[str] = set()
        real_work = False
        for _, statement in self._statements():
            names = statement.names
            used.update(names.reads_builtins)
            if _is_import(statement):
                clean = all(self._is_only_imported(name) and name not in used for name in names.writes)
                ours = statement.code.startswith("from mlops_nb.pipelines")
                clean |= ours and all(map(self._is_only_imported, names.writes))
                if clean and (not path_changed or ours or _is_stdlib(statement)):
                    self._take(statement)
            elif _setting(statement) in _BEFORE_IMPORTS or "os.chdir" in names.calls or _writes_module(statement):
                path_changed |= real_work or "os.chdir" in names.calls or _writes_module(statement)
            elif not (names.functions or names.literals):
                real_work |= not _setting(statement)

    def _is_only_imported(self, name: str) -> bool:
        return name not in self.parameters and len(self.bindings[name]) == 1

    def _is_bound_once(self, name: str) -> bool:
        once = len(self.bindings[name]) == 1 and name not in self.parameters
        return once and name not in self.changed and name not in _BUILTINS

    def _find_constants(self) -> None:
        for cell in self.cells:
            if cell.run is not None:
                continue
            declares = all(self._declares(statement) for statement in cell.statements)
            for statement in cell.statements:
                names = statement.names
                if not (names.literals and _is_plain_constant(statement)):
                    continue
                if (declares or all(name.isupper() for name in names.writes)) and all(
                    map(self._is_bound_once, names.writes)
                ):
                    self._take(statement)

    def _declares(self, statement: Statement) -> bool:
        kind = statement.kind
        if kind in ("", "Import", "ImportFrom", "FunctionDef", "AsyncFunctionDef", "ClassDef", "Pass"):
            return True
        return (
            _is_plain_constant(statement) or bool(_setting(statement)) or _is_import(statement) or _is_text(statement)
        )

    def _find_functions(self) -> None:
        """The functions and classes that need nothing of the notebook but what else stands at the top."""
        candidates = [
            statement
            for cell, statement in self._statements()
            if _defines(statement) and cell.run is None and all(map(self._is_bound_once, statement.names.writes))
        ]
        size = -1
        while size != len(candidates):
            size = len(candidates)
            there = self.names | {name for each in candidates for name in each.names.writes}
            candidates = [each for each in candidates if self._stands_alone(each, there)]
        for each in candidates:
            self._take(each)

    def _stands_alone(self, statement: Statement, there: AbstractSet[str]) -> bool:
        names = statement.names
        late = [name for each in names.functions.values() for name in (*each.reads, *each.mutates)]
        rebound = [name for name in (*names.reads_builtins, *late) if name in _BUILTINS and self.bindings[name]]
        written = {name for each in names.functions.values() for name in each.writes}
        if rebound or not written <= self.shared:
            return False
        if self.shared and runs_when_defined(statement, self.cells, self.shared):
            return False
        late = [name for name in late if name not in self.shared]
        return all(name in there or not self._is_known(name) for name in (*names.reads, *late))

    def _is_known(self, name: str) -> bool:
        return bool(self.bindings[name]) or name in self.parameters

    def _find_settings(self) -> None:
        """Settings of libraries, up to the first statement that does the notebook's work."""
        for cell, statement in self._statements():
            if id(statement) in self.taken or _is_text(statement) or statement.kind == "Pass":
                continue
            names = statement.names
            alone = all(name in self.names or not self._is_known(name) for name in names.reads)
            if not (_setting(statement) and cell.run is None and not names.writes and alone):
                if _defines(statement) or names.literals:
                    continue
                return
            self._take(statement)


def _bindings(cells: Sequence[ScriptCell]) -> Mapping[str, set[str]]:
    """For every name, the different statements that bind it; the same import or definition twice counts once."""
    found: dict[str, set[str]] = _Sets()
    for cell in cells:
        for number, statement in enumerate(cell.statements):
            for name in statement.names.writes:
                found[name].add(_binding(name, statement, f"{cell.position}.{number}"))
    return found


class _Sets(dict[str, set[str]]):
    def __missing__(self, name: str) -> set[str]:
        self[name] = set()
        return self[name]


def _binding(name: str, statement: Statement, place: str) -> str:
    if statement.kind == "Import":
        node = statement.node
        assert isinstance(node, ast.Import)
        return next(
            f"import {each.name}" if each.asname else f"import {each.name.partition('.')[0]}"
            for each in node.names
            if (each.asname or each.name.partition(".")[0]) == name
        )
    if statement.kind == "ImportFrom":
        node = statement.node
        assert isinstance(node, ast.ImportFrom)
        return next(
            f"from {'.' * node.level}{node.module} import {each.name}"
            for each in node.names
            if (each.asname or each.name) == name
        )
    return statement.code if _defines(statement) else place


def _changed(cells: Sequence[ScriptCell]) -> set[str]:
    """The names whose objects some statement changes, or that some function rebinds."""
    found: set[str] = set()
    for cell in cells:
        for statement in cell.statements:
            names = statement.names
            found.update(names.mutates, names.deletes)
            for function in names.functions.values():
                found.update(function.mutates, function.writes)
    return found


def _is_import(statement: Statement) -> bool:
    """An import, or an `if` or `try` around nothing else than imports and the fallbacks for them."""
    if statement.kind in ("Import", "ImportFrom"):
        return True
    if statement.kind not in ("Try", "If"):
        return False
    nodes = [node for node in ast.walk(statement.node) if isinstance(node, ast.stmt)]
    allowed = (ast.Import, ast.ImportFrom, ast.Try, ast.If, ast.Pass)
    plain = all(
        isinstance(node, allowed) or (isinstance(node, ast.Assign) and is_literal(node.value)) for node in nodes
    )
    return plain and any(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes) and not statement.names.reads


def _writes_module(statement: Statement) -> bool:
    """Whether the statement writes a file of Python, which a later cell may import."""
    return (
        statement.kind == "With"
        and statement.text.partition("\n")[0].startswith("with open(")
        and (".py'," in statement.text.partition("\n")[0] or '.py",' in statement.text.partition("\n")[0])
    )


def _is_stdlib(statement: Statement) -> bool:
    """Whether only modules of the standard library are imported, which no changed path can hide."""
    nodes = [node for node in ast.walk(statement.node) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [each.name for node in nodes if isinstance(node, ast.Import) for each in node.names]
    names += [node.module or "." if not node.level else "." for node in nodes if isinstance(node, ast.ImportFrom)]
    return all(name.partition(".")[0] in sys.stdlib_module_names for name in names)


def _is_text(statement: Statement) -> bool:
    if statement.kind != "Expr":
        return False
    node = statement.node
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_plain_constant(statement: Statement) -> bool:
    node = statement.node if statement.kind in ("Assign", "AnnAssign") else None
    if isinstance(node, ast.AnnAssign):
        return node.value is not None and is_literal(node.value) and not statement.names.reads
    return isinstance(node, ast.Assign) and is_literal(node.value) and len(node.targets) == 1


def _defines(statement: Statement) -> bool:
    return bool(statement.names.functions) and statement.kind in (
        "FunctionDef",
        "AsyncFunctionDef",
        "ClassDef",
        "Assign",
    )


def _setting(statement: Statement) -> str:
    """The library setting that a statement changes; empty when it changes none."""
    if statement.kind not in ("Expr", "Assign", "AugAssign"):
        return ""
    node = statement.node
    if isinstance(node, ast.Expr):
        name = dotted_call(node.value) if isinstance(node.value, ast.Call) else ""
    else:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        name = ast.unparse(target) if isinstance(target, ast.Attribute | ast.Subscript) else ""
    return next(
        (each for each in _SETTINGS if name == each or name.startswith((f"{each}.", f"{each}[", f"{each}_"))), ""
    )


@dataclass(slots=True)
class _Draft:
    """A step in the making; `before` are the names that the steps above it and the parameters bind."""

    cell: ScriptCell
    body: list[Statement]
    copies: list[Statement]
    names: CellNames
    late_reads: tuple[str, ...]
    defaults: dict[str, str]
    copied: set[str]
    nonlocals: frozenset[str]
    inputs: dict[str, None] = field(default_factory=dict)
    before: dict[str, None] = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    _finals: list[str] | None = None

    @property
    def asked(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The parameters and metrics that `%%mlops run` names."""
        return (self.cell.run.params, self.cell.run.metrics) if self.cell.run is not None else ((), ())

    @property
    def finals(self) -> list[str]:
        """The names that the cell assigns and nothing in it reads: what it was written for."""
        if self._finals is None:
            self._finals = _finals(self)
        return self._finals

    @property
    def sure_writes(self) -> set[str]:
        return (set(self.names.writes) - set(self.names.uncertain)) | set(self.defaults)


def _drafts(cells: Sequence[ScriptCell], top: _Top) -> Iterator[_Draft]:
    """The cells that are steps, with the functions they need."""
    known: dict[str, Statement] = {}
    for cell in cells:
        rest = [statement for statement in cell.statements if id(statement) not in top.taken]
        last = {name: each for each in rest for name in each.names.writes}
        own = {name: each for name, each in last.items() if _is_copied(each, top)}
        work = [each for each in rest if not any(each is one for one in own.values())]
        if any(_works(statement) for statement in work):
            yield _draft(cell, rest, work, own, known)
        for statement in work:
            for name in statement.names.writes:
                known.pop(name, None)
        known |= own


def _share(drafts: Sequence[_Draft], top: _Top, parameters: Collection[str]) -> None:
    """Notes in each draft which variables of the module are looked up in it, through whatever object it names."""
    if not top.shared:
        return
    may_use = {name: set(names) for name, names in uses(top.cells, top.shared).items()}
    moved = moved_names(top.cells)
    bound = set(parameters)
    for draft in drafts:
        names = draft.names
        named = (*names.reads, *names.writes, *names.mutates, *names.deletes, *draft.late_reads)
        called = {each for name in named for each in may_use.get(name, ())}
        for name in (*names.writes, *names.mutates):
            may_use.setdefault(name, set()).update(called)
        own = top.shared.intersection((*draft.late_reads, *draft.nonlocals))
        touched = sorted(own | {name for name in called if name in bound or name in names.writes})
        draft.names = with_uses(names, [each for each in touched if each in bound], moved)
        draft.nonlocals -= top.shared
        draft.shared = tuple(touched)
        bound |= {*names.writes, *draft.defaults}


def _works(statement: Statement) -> bool:
    return statement.kind not in ("", "Pass") and not _is_text(statement)


def _is_copied(statement: Statement, top: _Top) -> bool:
    """Whether a definition can be repeated in every step that calls it, so that it reads names when it is called."""
    if statement.kind not in ("FunctionDef", "AsyncFunctionDef", "Assign") or not _defines(statement):
        return False
    if getattr(statement.node, "decorator_list", []):
        return False
    return all(len(top.bindings[name]) <= 1 and name not in top.changed for name in statement.names.reads)


def _draft(
    cell: ScriptCell,
    rest: list[Statement],
    work: list[Statement],
    own: Mapping[str, Statement],
    known: Mapping[str, Statement],
) -> _Draft:
    values = read_cell(_joined(work))
    late = tuple(name for each in values.functions.values() for name in each.reads)
    again = (name for name in values.writes if name in own)
    needed = _closure((*values.reads, *values.reads_builtins, *late, *again), {**known, **own})
    earlier = [name for name in own if name in known and _is_called_before(own[name], name, rest, known)]
    needed |= _closure(earlier, known)
    copies = [known[name] for name in known if name in needed and (name not in own or name in earlier)]
    defaults = _defaults(cell, work)
    kept = needed.union(values.writes)
    body = [
        each
        for each in rest
        if _single_target(each) not in defaults
        and (not any(each is one for one in own.values()) or kept.intersection(each.names.writes))
    ]
    body[:0] = [Statement(note, "") for each in work if _single_target(each) in defaults and (note := _comments(each))]
    functions = [one for each in (*copies, *body) for one in each.names.functions.values()]
    return _Draft(
        cell,
        body,
        list({id(each): each for each in copies}.values()),
        _in_sweep(cell, body, read_cell(_joined([*copies, *body]))),
        late,
        defaults,
        copied={*own, *(name for each in copies for name in each.names.writes if name not in values.writes)},
        nonlocals=frozenset(name for each in functions for name in each.writes),
    )


def _in_sweep(cell: ScriptCell, body: Sequence[Statement], names: CellNames) -> CellNames:
    """The names of a step; what a sweep's trial surely binds is bound, since there is a first trial."""
    for statement in body if cell.sweep else ():
        if isinstance(loop := statement.node if statement.kind == "For" else None, ast.For):
            sure = read_cell("\n".join(ast.unparse(each) for each in getattr(loop.body[0], "body", ())))
            unsure = tuple(name for name in names.uncertain if name not in sure.writes or name in sure.uncertain)
            names = replace(names, uncertain=unsure)
    return names


def _is_called_before(
    definition: Statement, name: str, statements: Sequence[Statement], known: Mapping[str, Statement]
) -> bool:
    """Whether statements above the definition may call what the name meant in an earlier cell."""
    above = statements[: next(number for number, each in enumerate(statements) if each is definition)]
    names = read_cell(_joined(above))
    late = (each for one in names.functions.values() for each in one.reads)
    return name in _closure((*names.reads, *names.reads_builtins, *late), known)


def _comments(statement: Statement) -> str:
    return statement.text.removesuffix(statement.code).strip("\n")


def _joined(statements: Iterable[Statement]) -> str:
    return "\n".join(statement.text for statement in statements)


def _closure(names: Iterable[str], functions: Mapping[str, Statement]) -> set[str]:
    """Those of the functions that are needed when the names are read, through each other."""
    found: set[str] = set()
    waiting = [name for name in names if name in functions]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            reads = (each for one in functions[name].names.functions.values() for each in one.reads)
            waiting += [each for each in reads if each in functions]
    return found


def _single_target(statement: Statement) -> str:
    node = statement.node if statement.kind in ("Assign", "AnnAssign") else None
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return node.target.id if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else ""


def _defaults(cell: ScriptCell, work: Sequence[Statement]) -> dict[str, str]:
    """The named parameters of a captured run that its cell assigns as literals, with the literals' text."""
    if cell.run is None:
        return {}
    names = read_cell(_joined(work))
    bound = Counter(name for each in work for name in each.names.writes)
    found: dict[str, str] = {}
    for statement in work:
        name = _single_target(statement)
        if name in cell.run.params and bound[name] == 1 and name not in names.reads and _is_plain_constant(statement):
            value = getattr(statement.node, "value", None)
            if isinstance(value, ast.Constant | ast.UnaryOp):
                found[name] = ast.get_source_segment(statement.text, value) or ast.unparse(value)
    return found


def _find_inputs(drafts: Sequence[_Draft], top: _Top, parameters: Collection[str]) -> Iterator[str]:
    """Notes in each draft what it takes; yields warnings about names that nothing above it binds."""
    bound = dict[str, None]()
    for number, draft in enumerate(drafts):
        names = draft.names
        asked = [name for names_asked in draft.asked for name in names_asked if name not in draft.sure_writes]
        wanted = (*names.reads, *names.reads_builtins, *draft.late_reads, *names.mutates, *draft.nonlocals, *asked)
        own = draft.sure_writes - set(names.reads)
        draft.before = bound | {each: None for each in parameters if each not in bound}
        draft.inputs = {name: None for name in draft.before if name in wanted and name not in own}
        there = {*draft.before, *top.names, *names.writes, *draft.defaults, *draft.cell.uses}
        there |= {f"mlops_{name}" for name in draft.cell.uses}  # ours, where a cell binds the name
        for name in names.reads:
            if name not in there and not top.star:
                later = any(name in each.names.writes for each in drafts[number + 1 :])
                fact = "only a later cell binds it" if later else "no cell binds it"
                yield f"cell {draft.cell.position + 1} reads {name!r}, and {fact}"
        gone = {*draft.copied, *names.deletes}
        bound |= dict.fromkeys((*names.writes, *draft.defaults))
        bound = {name: None for name in bound if name not in gone}


def _with_outputs(drafts: Sequence[_Draft]) -> list[PlannedStep]:
    """The steps; from the last to the first, as a step gives what later ones read."""
    live: set[str] = set()
    steps: list[PlannedStep] = []
    for draft in reversed(drafts):
        names = draft.names
        inferred = _inferred_metrics(draft, live)
        outputs = _outputs(draft, live, inferred)
        unsure = [name for name in names.uncertain if name in outputs]
        taken = dict(draft.inputs) | {name: None for name in unsure if name in draft.before and name in live}
        unbound = [name for name in unsure if name not in taken and _may_stay_unbound(name, draft)]
        asked = draft.asked[1]
        metrics = [name for name in (*outputs, *taken) if (name in asked if asked else name in inferred)]
        live = (live - draft.sure_writes) | set(taken)
        steps.append(
            PlannedStep(
                draft.cell,
                tuple(draft.body),
                names,
                tuple(draft.copies),
                tuple(taken),
                tuple(outputs),
                dict(draft.defaults),
                tuple(dict.fromkeys(metrics)),
                tuple(unbound),
                draft.nonlocals,
                draft.shared,
            )
        )
    return steps[::-1]


def _outputs(draft: _Draft, live: AbstractSet[str], inferred: Sequence[str]) -> list[str]:
    names = draft.names
    params, metrics = draft.asked
    wanted = {*live, *metrics, *inferred, *draft.finals} | (set(params) - set(draft.defaults))
    written = (*names.writes, *draft.defaults)
    changed = [name for name in names.mutates if name in draft.inputs]
    hidden = draft.copied | set(names.deletes) | (set(names.imports) - live)
    return [name for name in dict.fromkeys((*written, *changed)) if name in wanted and name not in hidden]


def _inferred_metrics(draft: _Draft, live: AbstractSet[str]) -> list[str]:
    """The names that hold metrics though nobody said so: the same rule as when the cell was captured."""
    names = draft.names
    if draft.asked[1]:
        return []
    kept = [name for name in names.writes if name not in names.imports and name not in names.functions]
    computed = [name for name in kept if names.results.get(name, "").rpartition(".")[2] in SKLEARN_METRICS]
    named = [name for name in kept if is_metric_name(name) and not name.startswith("_")]
    if draft.cell.run is None:
        named = [name for name in named if name in live or name in draft.finals]
    return list(dict.fromkeys((*computed, *named)))


def _finals(draft: _Draft) -> list[str]:
    loaded = {
        node.id
        for each in (*draft.copies, *draft.body)
        if each.kind
        for node in ast.walk(each.node)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    found: list[str] = []
    for statement in draft.body:
        targets = [name for name in _assigned(statement) if not name.startswith("_")]
        if not loaded.intersection(targets):
            found += targets
    return [name for name in dict.fromkeys(found) if name not in draft.names.functions]


def _assigned(statement: Statement) -> list[str]:
    if statement.kind not in ("Assign", "AnnAssign"):
        return []
    return [
        node.id for node in ast.walk(statement.node) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def _may_stay_unbound(name: str, draft: _Draft) -> bool:
    """Whether only a branch binds the name, or only a function that is called."""
    kinds = {statement.kind for statement in draft.body if name in statement.names.writes}
    return kinds <= {"If", "Try", "TryStar", "While", "Match"}


def _results(step: PlannedStep, steps: Sequence[PlannedStep]) -> Iterator[str]:
    """What of a step's outputs the pipeline returns: metrics, and what no other step takes."""
    params = step.cell.run.params if step.cell.run is not None else ()
    taken = {name for each in steps if each is not step for name in each.inputs}
    for name in step.outputs:
        if name in step.metrics or (name not in taken and name not in params):
            yield name
