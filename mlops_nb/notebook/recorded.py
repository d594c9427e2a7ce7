"""What a notebook printed and showed against what its script did, cell by cell."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from mlops_nb.notebook.cells import CellNames, read_cell
from mlops_nb.notebook.ipython_syntax import cell_text, cell_tree
from mlops_nb.notebook.records import CellOutput, NotebookCell, ScriptStep
from mlops_nb.reproducibility.records import Likeness, ValueCheck

TOLERANCE = 1e-6
"""The relative difference up to which two numbers are close."""

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf)(?![\w.]|\.\d)")
_TIMES = re.compile(
    r"^(CPU times: .*|Wall time: .*|Compiler *: .*|.* ± .* per loop .*|\d+ loops?, best of .*|peak memory: .*"
    r"|.*\d+%\|.*\| \d+/\d+ \[\d+:\d+.*\])\n?",
    re.MULTILINE,
)
"""What tells times, progress bars among it."""
_PICTURE = re.compile(r"<Figure size .* with \d+ Axes>|<IPython\.core\.display\.Image object>|<.*Widget.*>")
_WIDGET = "application/vnd.jupyter.widget-view+json"
_PANEL = re.compile(r'<div class="[^"]*\bmlops-')
_MARKUP = re.compile(r"<IPython\.core\.display\.\w+ object>")
_MARKUP_KINDS = ("text/html", "text/markdown", "text/latex")
_CELL = re.compile(r"^\s*# cell (\d+)$")
# fmt: off
_CLOCKS = frozenset({
    "time.time", "time.perf_counter", "time.monotonic", "time.process_time", "time.strftime", "time.ctime",
    "time.localtime", "datetime.now", "datetime.today", "datetime.utcnow", "date.today", "Timestamp.now",
    "Timestamp.today", "uuid.uuid4", "uuid.uuid1", "os.getpid", "timeit.timeit", "timeit.repeat", "default_timer",
    "perf_counter", "platform.node", "tempfile.mkdtemp", "psutil.virtual_memory",
})
_LOOKS = frozenset({
    "os.walk", "os.listdir", "os.scandir", "glob.glob", "glob.iglob", "iterdir", "rglob", "glob", "exists", "isfile",
    "isdir", "is_file", "is_dir", "getsize", "getmtime", "stat",
})
_SEEDS = ("random.seed", "numpy.random.seed", "np.random.seed", "set_seed", "manual_seed", "set_random_seed", "seed")
_CHANCES = frozenset({
    "rand", "randn", "randint", "random", "random_sample", "normal", "uniform", "choice", "choices", "shuffle",
    "permutation", "sample", "standard_normal", "binomial", "poisson", "exponential", "default_rng", "RandomState",
    "train_test_split", "make_blobs", "make_classification", "make_regression", "make_moons", "make_circles",
    "RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor",
    "DecisionTreeClassifier", "DecisionTreeRegressor", "GradientBoostingClassifier", "GradientBoostingRegressor",
    "SGDClassifier", "SGDRegressor", "MLPClassifier", "MLPRegressor", "KMeans", "MiniBatchKMeans", "GaussianMixture",
    "RandomizedSearchCV", "TSNE", "BaggingClassifier", "AdaBoostClassifier", "IsolationForest", "token_hex", "urandom",
})
# fmt: on


def joined(text: object) -> str:
    """A text that a notebook's file holds line by line.

    >>> joined(["a\\n", "b"]), joined("a"), joined(None)
    ('a\\nb', 'a', '')
    """
    return "".join(map(str, text)) if isinstance(text, list) else str(text or "")


def shown_output(data: Mapping[str, object]) -> CellOutput | None:
    """A shown value by MIME type as the text that is compared; None for a picture, a widget or a panel of ours.

    >>> shown_output({"text/plain": "3", "text/html": "<b>3</b>"})
    CellOutput(kind='value', text='3', cut=0)
    """
    text = joined(data.get("text/plain"))
    if _WIDGET in data or not text or _PICTURE.search(text) or _PANEL.match(joined(data.get("text/html"))):
        return None
    if _MARKUP.fullmatch(text.strip()):
        return CellOutput("value", next((joined(data[kind]) for kind in _MARKUP_KINDS if kind in data), text))
    return CellOutput("value", text)


def cells_of_lines(script: str, steps: Sequence[ScriptStep]) -> dict[int, int]:
    """For every line of a script's steps, from 1, the position of the cell that it came from."""
    functions = {node.name: node for node in ast.parse(script).body if isinstance(node, ast.FunctionDef)}
    lines, found = script.split("\n"), dict[int, int]()
    for step in steps:
        if (node := functions.get(step.name)) is None:
            continue
        cell = step.cells[0] if step.cells else step.cell
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
            if (
                (match := _CELL.match(lines[number - 1]))
                and (begun := int(match[1]) - 1) in step.cells
                and begun >= cell
            ):
                cell = begun
            found[number] = cell
    return found


def value_checks(
    cells: Sequence[NotebookCell],
    script: Mapping[int, Sequence[CellOutput]],
    *,
    compared: Sequence[int],
    incomplete: bool = False,
) -> tuple[ValueCheck, ...]:
    """Everything that the cells printed and showed against what the script did for them.

    Args:
        cells: the notebook's cells with their outputs.
        script: by cell position, what the script printed and showed.
        compared: positions of the cells that are in the script.
        incomplete: whether the notebook's outputs lack what was displayed before a cell's end.
    """
    found: list[ValueCheck] = []
    for position in compared:
        outputs = cells[position].outputs
        if outputs is not None:
            found += _of_cell(position, cells, outputs, script.get(position, ()), incomplete=incomplete)
    return tuple(found)


def _of_cell(
    position: int,
    cells: Sequence[NotebookCell],
    notebook: Sequence[CellOutput],
    script: Sequence[CellOutput],
    *,
    incomplete: bool,
) -> Iterator[ValueCheck]:
    printed = [_plain(each.text) for each in _as_far_as_kept(*(_printed(side) for side in (notebook, script)))]
    if _says_something_itself(cells[position]):
        printed[0] = _without_magics_words(*printed)
    if any(printed):
        yield _check(position, "print", printed[0], printed[1], cells)
    ours, theirs = ([each for each in side if each.kind == "value"] for side in (notebook, script))
    for left, right in _pairs(ours, theirs, incomplete=incomplete):
        if left is not None and right is not None:
            left, right = _as_far_as_kept(left, right)
        texts = [_plain(each.text) if each is not None else None for each in (left, right)]
        if any(texts):  # what only told times is empty
            yield _check(position, "value", texts[0], texts[1], cells)


def _printed(outputs: Sequence[CellOutput]) -> CellOutput:
    """All that a cell printed."""
    prints = [each for each in outputs if each.kind == "print"]
    return CellOutput("print", "".join(each.text for each in prints), sum(each.cut for each in prints))


def _as_far_as_kept(notebook: CellOutput, script: CellOutput) -> tuple[CellOutput, CellOutput]:
    """Both sides; of a notebook's text as much as was kept of a script's, where that was as long."""
    if script.cut and len(notebook.text) == len(script.text) + script.cut:
        notebook = replace(notebook, text=notebook.text[: len(script.text)])
    return notebook, script


def _says_something_itself(cell: NotebookCell) -> bool:
    """Whether the cell has a magic or installs something, which print what a script has no reason to."""
    text = cell_text(cell.source)
    names = {*(each.name for each in text.magics), *(each.name for each in text.escapes)} - {"mlops", ""}
    return bool(names) or any("install" in each.text for each in text.escapes)


def _without_magics_words(notebook: str, script: str) -> str:
    """What the notebook printed; what the script did, where that are lines of it in their order."""
    lines = iter(notebook.split("\n"))
    return script if all(any(line == other for other in lines) for line in script.split("\n") if line) else notebook


def _pairs(
    ours: list[CellOutput], theirs: list[CellOutput], *, incomplete: bool
) -> Iterator[tuple[CellOutput | None, CellOutput | None]]:
    """The values of both sides that stand against each other; None where one has no counterpart."""
    if incomplete and len(theirs) > len(ours):
        theirs = theirs[len(theirs) - len(ours) :]
    for number in range(max(len(ours), len(theirs))):
        yield (
            ours[number] if number < len(ours) else None,
            theirs[number] if number < len(theirs) else None,
        )


def _plain(text: str) -> str:
    """A text without what no two processes share: addresses, measured times, kinds of line ends."""
    text = _TIMES.sub("", _ADDRESS.sub("0x…", text.replace("\r\n", "\n")))
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")


def _check(
    position: int, kind: str, notebook: str | None, script: str | None, cells: Sequence[NotebookCell]
) -> ValueCheck:
    likeness: Likeness = likeness_of(notebook, script)
    cause = ""
    if likeness == "different" and (digits := _precision(cells[: position + 1])) is not None:
        likeness = likeness_of(notebook, script, within=0.5000001 * 10**-digits)
    if likeness in ("different", "missing"):
        likeness, cause = _explained(position, cells, likeness)
    return ValueCheck(position, "print" if kind == "print" else "value", notebook or "", script or "", likeness, cause)


def _precision(cells: Sequence[NotebookCell]) -> int | None:
    """The digits that the last `%precision` of some cells asks for; None without one."""
    escapes = (each for cell in cells if "%precision" in cell.source for each in cell_text(cell.source).escapes)
    asked = [each.text for each in escapes if each.name == "precision"]
    return int(asked[-1]) if asked and asked[-1].isdigit() else None


def likeness_of(notebook: str | None, script: str | None, *, within: float = 1e-12) -> Likeness:
    """How two texts stand to each other, cause apart; numbers are close that differ by no more than `within`.

    >>> likeness_of("a 0.1", "a 0.10000000001"), likeness_of("a 1", "b 1"), likeness_of("1", None)
    ('close', 'different', 'missing')
    """
    if notebook is None or script is None or (notebook and not script):
        return "missing"
    if notebook == script:
        return "equal"
    if "".join(_NUMBER.sub("#", notebook).split()) != "".join(_NUMBER.sub("#", script).split()):
        return "different"
    pairs = zip(_NUMBER.findall(notebook), _NUMBER.findall(script), strict=True)
    return "close" if all(_is_close(float(left), float(right), within) for left, right in pairs) else "different"


def _is_close(left: float, right: float, within: float) -> bool:
    both_nan = math.isnan(left) and math.isnan(right)
    return both_nan or math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=within)


def _explained(position: int, cells: Sequence[NotebookCell], likeness: Likeness) -> tuple[Likeness, str]:
    """Whether a difference comes from the clock, from chance that nobody seeded, or from files, by which call where."""
    behind = _behind(position, cells)
    for each in behind:
        if call := next((call for call in _calls(cells[each]) if _ends_with(call, _CLOCKS)), ""):
            return "clock", f"{call} in cell {each + 1}"
    seeded = min((each for each in range(position + 1) if _seeds(cells[each])), default=None)
    generators = {name for cell in cells[: position + 1] for name in _seeded_generators(cell)}
    for each in behind:
        calls = (call for call in _unseeded(cells[each]) if call.partition(".")[0] not in generators)
        if (seeded is None or each < seeded) and (call := next(calls, "")):
            return "random", f"{call} in cell {each + 1}"
    for each in behind:
        if call := next((call for call in _calls(cells[each]) if _ends_with(call, _LOOKS)), ""):
            return likeness, f"{call} in cell {each + 1} finds other files than it did then"
    return likeness, ""


def _behind(position: int, cells: Sequence[NotebookCell]) -> list[int]:
    """The cell and those that it can depend on through names, the nearest first."""
    names = {number: read_cell(cell.source) for number, cell in enumerate(cells[: position + 1]) if cell.kind == "code"}
    wanted, found = set(_reads(names[position])), [position]
    for number in range(position - 1, -1, -1):
        makes = {*names[number].writes, *names[number].mutates} - {*names[number].imports} if number in names else set()
        if wanted & makes:
            found.append(number)
            wanted.update(_reads(names[number]))
    return found


def _reads(names: CellNames) -> Iterator[str]:
    yield from (*names.reads, *names.mutates)
    for each in names.functions.values():
        yield from each.reads


def _calls(cell: NotebookCell) -> Iterator[str]:
    tree = cell_tree(cell.source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield ast.unparse(node.func)


def _ends_with(call: str, names: frozenset[str]) -> bool:
    return any(call == name or call.endswith(f".{name}") for name in names)


def _seeds(cell: NotebookCell) -> bool:
    return cell.kind == "code" and any(call.endswith(_SEEDS) for call in _calls(cell))


def _seeded_generators(cell: NotebookCell) -> Iterator[str]:
    """The names of random generators that a cell makes with a seed."""
    tree = cell_tree(cell.source) if cell.kind == "code" else None
    for node in ast.walk(tree) if tree else ():
        match node:
            case ast.Assign([ast.Name(name)], ast.Call(func, [_, *_]) | ast.Call(func, [], [_, *_])):
                if ast.unparse(func).rpartition(".")[2] in ("default_rng", "RandomState", "Random", "Generator"):
                    yield name


def _unseeded(cell: NotebookCell) -> Iterator[str]:
    """The calls of a cell that take chance from where nobody gave a seed to them."""
    tree = cell_tree(cell.source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = ast.unparse(node.func)
            given = {each.arg for each in node.keywords} & {"random_state", "seed", "rng"}
            makes = name.rpartition(".")[2] in ("default_rng", "RandomState") and node.args
            if name.rpartition(".")[2] in _CHANCES and not given and not makes:
                yield name
