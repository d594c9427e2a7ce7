"""Why two runs differ: the recorded changes that could explain it, each once, the most plausible first.

What cannot matter is no cause: comments and layout, tags, names, notes, how long it took. What follows from another
change is no cause either: data that a changed cell made, a literal in the code that is a recorded parameter, an
estimator's settings when the line that makes it changed, the kernels of a BLAS on another processor. A package
counts when the cells that led to the run import it, or what they import needs it; the others are listed apart.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from mlops_nb.notebook.cells import dotted_call, read_cell
from mlops_nb.notebook.ipython_syntax import cell_text, parsed
from mlops_nb.record import Record
from mlops_nb.reproducibility.records import DataFingerprint, Environment
from mlops_nb.tracking.code import (
    CellChange,
    ChangedLines,
    KnownChange,
    LedFile,
    Origin,
    cell_changes,
    explaining,
    imported_modules,
    led_to,
    meaning,
    statements,
)
from mlops_nb.tracking.compare import Comparison, Difference, comparison
from mlops_nb.tracking.metrics import is_by_the_way
from mlops_nb.tracking.runs import Metric, Run
from mlops_nb.tracking.values import Value

CauseKind = Literal["code", "parameter", "data", "package", "seed", "python", "threads", "hardware", "repository"]

# fmt: off
_MODULES = {
    "sklearn": "scikit-learn", "skimage": "scikit-image", "PIL": "pillow", "cv2": "opencv-python", "yaml": "pyyaml",
    "bs4": "beautifulsoup4", "dateutil": "python-dateutil", "umap": "umap-learn", "attr": "attrs",
}
_RANDOM = {
    "train_test_split", "shuffle", "sample", "resample", "RandomForestClassifier", "RandomForestRegressor",
    "ExtraTreesClassifier", "ExtraTreesRegressor", "GradientBoostingClassifier", "GradientBoostingRegressor",
    "MLPClassifier", "MLPRegressor", "KMeans", "MiniBatchKMeans", "SGDClassifier", "SGDRegressor", "ShuffleSplit",
    "StratifiedShuffleSplit", "RandomizedSearchCV", "IsolationForest", "BaggingClassifier", "BaggingRegressor",
}
_CLOCK = {
    "time.time", "time.time_ns", "datetime.now", "datetime.datetime.now", "datetime.today", "date.today",
    "datetime.date.today", "datetime.utcnow", "Timestamp.now", "pd.Timestamp.now", "uuid.uuid4", "uuid4",
}
# fmt: on
_SEED_WORDS = {"random_state", "seed", "random_seed", "rng"}
_TIMING = re.compile(r"(^|_)(seconds?|ms|time|duration|latency|elapsed)($|_)", re.IGNORECASE)
_IN_DIFF = re.compile(r"^\+\+\+ b/(.+?)\s*$", re.MULTILINE)
_MOST_NAMED = 5
_ENDS = {
    " no longer led to the run": " no longer led to the run",
    " is new": " are new",
    " ran once more before": " ran once more before",
}
"""What is said of a cell that went, came or ran again, and of several."""


@dataclass(frozen=True, slots=True)
class Cause(Record):
    """A change that could explain the difference, or one that could hardly.

    `words` say it in a clause; `follows` is what differs only because of it.
    """

    kind: CauseKind
    name: str
    before: str
    after: str
    words: str
    follows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Causes(Record):
    """What could explain that a metric differs between two runs.

    `metric` is the one asked about, else the first that differs, None where none does; `other_metrics` differ, too.
    Where the runs have no metric in common, `is_comparable` is False. `unlikely` changed as well. `equal` is what was
    looked at and found equal. `left` is what remains to explain a difference: randomness without a seed, the clock
    and, when there is no cause, what was not recorded.
    """

    left_run: int
    left_name: str
    right_run: int
    right_name: str
    metric: Difference | None
    other_metrics: tuple[str, ...]
    causes: tuple[Cause, ...]
    unlikely: tuple[Cause, ...]
    equal: tuple[str, ...]
    left: tuple[str, ...]
    is_comparable: bool = True


def causes(
    left: Origin,
    right: Origin,
    *,
    metric: str | None = None,
    distributions: Mapping[str, Sequence[str]] | None = None,
    needs: Mapping[str, Collection[str]] | None = None,
) -> Causes:
    """What could explain that two runs differ.

    Args:
        left: the earlier run and what led to it.
        right: the other.
        metric: the metric to explain; by default the first that differs.
        distributions: for a module the distributions that it comes from.
        needs: for a distribution those that it needs, and those need.
    """
    return _Reasoning(left, right, distributions or {}, needs or {}).causes(metric)


@dataclass(frozen=True, slots=True)
class _Setting:
    """A parameter or seed that differs, under all the names that it was recorded by."""

    names: tuple[str, ...]
    before: Value
    after: Value
    is_seed: bool
    lacking: tuple[int, ...] = ()

    @property
    def last_words(self) -> frozenset[str]:
        return frozenset(_last_word(name) for name in self.names)


class _Reasoning:
    """Goes through what differs, from what could bring about the rest to what could not."""

    def __init__(
        self,
        left: Origin,
        right: Origin,
        distributions: Mapping[str, Sequence[str]],
        needs: Mapping[str, Collection[str]],
    ) -> None:
        self.left, self.right = left, right
        self.distributions, self.needs = distributions, needs
        self.compared = comparison((left, right))
        self.settings = tuple(_settings(self.compared, left.run, right.run))
        self.changes = cell_changes(left.cells, right.cells)
        self.unlikely: list[Cause] = []
        self.changed: dict[int, str] = {}
        self.gone: dict[str, str] = {}
        self.made: dict[str, str] = {}
        self.meanings = {meaning(cell) for cell in left.cells}
        self.members: dict[str, list[str]] = {}
        self.ways: dict[int, dict[str, set[int]]] = {}
        self.follows: dict[str, list[str]] = {}

    def causes(self, metric: str | None) -> Causes:
        code = tuple(self._grouped(list(self._code())))
        settings = self._parameters()
        files = tuple(self._files())
        data = self._data(files)
        packages, unlikely = self._packages()
        repository, unlikely_too = self._repository()
        found = (
            *(self._with_what_follows(one) for one in code),
            *(self._with_what_follows(one) for one in settings if one.kind == "parameter"),
            *data,
            *packages,
            *(self._with_what_follows(one) for one in settings if one.kind == "seed"),
            *self._python(),
            *self._machine(),
            *repository,
        )
        asked = _metric_asked(self.compared, self.left.run, self.right.run, metric)
        return Causes(
            left_run=self.left.run.id,
            left_name=self.left.run.name,
            right_run=self.right.run.id,
            right_name=self.right.run.name,
            metric=asked,
            other_metrics=tuple(one.name for one in self.compared.metrics if asked is None or one.name != asked.name),
            causes=found,
            unlikely=(*self.unlikely, *unlikely, *unlikely_too, *self._memory()),
            equal=tuple(self._equal(found)),
            left=tuple(self._chance() if found else self._what_is_left()),
            is_comparable=bool(_names_of(self.left.run) & _names_of(self.right.run)),
        )

    # code and settings

    def _code(self) -> Iterator[Cause]:
        """The cells that do something else, but for literals that are recorded as parameters or seeds."""
        known = [self._known(one) for one in self.settings]
        own_first = sorted(self.changes, key=lambda one: one.right != len(self.right.cells) - 1)
        for change in own_first:
            explained = {id(lines): explaining(lines, known) for lines in change.lines}
            used = [each for found in explained.values() for each in found or ()]
            lines = [each for each in change.lines if explained[id(each)] is None]
            cause = self._code_cause(change, lines)
            if lines and (why := self._cannot_matter(change)):
                self.unlikely.append(replace(cause, words=f"{cause.words}, {why}"))
            elif lines:
                self._note_source(change, cause.name)
                self.made |= {name: cause.name for each in lines for name in _assigned(each.after)}
                yield cause
            elif used:
                self._note_source(change, self.settings[known.index(used[0])].names[0])

    def _note_source(self, change: CellChange, cause: str) -> None:
        """Remember the cause that a changed cell is, or comes from: what the cell made follows from it."""
        if change.right is not None:
            self.changed[change.right] = cause
        elif change.left is not None:
            self.gone |= dict.fromkeys(read_cell(self.left.cells[change.left].source).writes, cause)

    def _code_cause(self, change: CellChange, lines: Sequence[ChangedLines]) -> Cause:
        before = "\n".join(line for one in lines for line in one.before)
        after = "\n".join(line for one in lines for line in one.after)
        if (change.left is None or change.right is None) and len(lines) == len(change.lines):
            before, after = self._typed(self.left, change.left), self._typed(self.right, change.right)
        if change.right is None:
            words = f"{change.label} no longer led to the run"
        elif change.left is None:
            ran = meaning(self.right.cells[change.right]) in self.meanings
            words = f"{change.label} {'ran once more before' if ran else 'is new'}"
        else:
            numbers = sorted({one.after_line or one.before_line for one in lines} - {0})
            where = f"line{'s' if len(numbers) > 1 else ''} {_listed([f'{each}' for each in numbers])}"
            words = f"{where if numbers else 'the code'} of {change.label}"
        return Cause("code", change.label, before, after, words)

    def _typed(self, side: Origin, place: int | None) -> str:
        """A cell as it was written."""
        return "" if place is None else side.cells[place].source.strip()

    def _cannot_matter(self, change: CellChange) -> str:
        """Why a changed cell before the run's own made no difference; empty where it may have."""
        if (change.left is None or change.right is None) and self._only_imports(change):
            return "but it only imports"
        side, place = (self.right, change.right) if change.right is not None else (self.left, change.left)
        if place is None or place == len(side.cells) - 1:
            return ""
        reached = {name for name, led in self._ways_in(side).items() if place in led}
        if reached and reached <= self._equal_data():
            return f"but {_listed(sorted(reached))} came out the same"
        return ""

    def _only_imports(self, change: CellChange) -> bool:
        """Whether a cell that came or went has nothing but imports; what is done with them is another change."""
        side, place = (self.right, change.right) if change.right is not None else (self.left, change.left)
        found = statements(side.cells[place].source) if place is not None else ()
        return bool(found) and all(isinstance(each.node, ast.Import | ast.ImportFrom) for each in found)

    def _ways_in(self, side: Origin) -> dict[str, set[int]]:
        """For each name that the run's cell read the cells that led to it."""
        if side.run.id not in self.ways:
            self.ways[side.run.id] = {
                name: led_to(side.cells, source) for name, source in side.cells[-1].inputs.items()
            }
        return self.ways[side.run.id]

    def _equal_data(self) -> set[str]:
        """The data that both runs read, the same to the last bit."""
        before = {one.name: one for one in self.left.run.data}
        return {
            one.name
            for one in self.right.run.data
            if one.exact and one.name in before and not data_words(before[one.name], one)
        }

    def _known(self, setting: _Setting) -> KnownChange:
        """A setting with the names that it goes by in the code: `n` where `n_estimators=n` is passed."""
        names, perhaps = set(setting.last_words), set[str]()
        for cell in (*self.left.cells, *self.right.cells):
            for call in _calls(cell.source):
                names |= {
                    keyword.value.id
                    for keyword in call.keywords
                    if keyword.arg in setting.last_words and isinstance(keyword.value, ast.Name)
                }
                if not isinstance(setting.before, bool):
                    perhaps |= {each.id for each in call.args if isinstance(each, ast.Name)}
        return KnownChange(frozenset(names), setting.before, setting.after, frozenset(perhaps))

    def _parameters(self) -> tuple[Cause, ...]:
        found = []
        for one in self.settings:
            cause = _setting_cause(one)
            if source := self._source_of(one):
                self.follows.setdefault(source, []).append(cause.words)
            else:
                found.append(cause)
        return tuple(found)

    def _source_of(self, setting: _Setting) -> str:
        """The cause that a setting follows from: a line that makes the estimator, a cell that led to the value."""
        name = setting.names[0]
        root = name.partition(".")[0]
        if root in self.made and all("." in each for each in setting.names):
            return self.made[root]
        own = self.right.cells[-1]
        writer = len(self.right.cells) - 1 if name in read_cell(own.source).writes else own.inputs.get(name)
        if writer is None or name in read_cell(self.right.cells[writer].source).literals:
            return ""
        source = self._changed_before(writer)
        return source if source not in setting.names else ""

    def _changed_before(self, place: int) -> str:
        """The cause that changed a cell, or one that it got its inputs from; empty where none did."""
        led = led_to(self.right.cells, place)
        if changed := [each for each in led if each in self.changed]:
            return self.changed[max(changed)]
        read = {name for each in led for name in read_cell(self.right.cells[each].source).reads}
        return next((cause for name, cause in self.gone.items() if name in read), "")

    def _grouped(self, code: Sequence[Cause]) -> Iterator[Cause]:
        """The causes of code; many cells that came, went or ran again are one."""
        by_end: dict[str, list[Cause]] = {}
        for one in code:
            by_end.setdefault(next((end for end in _ENDS if one.words.endswith(end)), ""), []).append(one)
        for end, same in by_end.items():
            if not end or len(same) <= _MOST_NAMED:
                yield from same
                continue
            words = f"{len(same):,} cells{_ENDS[end]}, the first {same[0].name}"
            self.members[words] = [one.name for one in same]
            before, after = ("\n".join(lines) for lines in ([one.before for one in same], [one.after for one in same]))
            yield Cause("code", words, before.strip(), after.strip(), words)

    def _with_what_follows(self, cause: Cause) -> Cause:
        names = self.members.get(cause.name, [cause.name])
        return replace(cause, follows=tuple(words for name in names for words in self.follows.get(name, ())))

    # data

    def _files(self) -> Iterator[tuple[LedFile, LedFile]]:
        """The files that were read by both and are not what they were."""
        before = {one.path: one for one in self.left.files}
        for one in self.right.files:
            old = before.get(one.path)
            if old and (old.size_bytes, old.modified) != (one.size_bytes, one.modified):
                yield old, one

    def _data(self, files: Sequence[tuple[LedFile, LedFile]]) -> tuple[Cause, ...]:
        """Changed data that no changed cell made: one cause for all that came from one file or one cell."""
        befores, afters = ({one.name: one for one in origin.run.data} for origin in (self.left, self.right))
        by_source: dict[str, list[str]] = {}
        changed_files = {after.path: (before, after) for before, after in files}
        both = [name for name in afters if name in befores]
        for name in both:
            if not (words := data_words(befores[name], afters[name])):
                continue
            writer = self._maker_of(afters[name].root)
            if file := self._file_of(name, writer, changed_files):
                by_source.setdefault(file, []).append(words)
            elif label := self._cause_of(writer):
                self.follows.setdefault(label, []).append(words)
            else:
                by_source.setdefault(name if writer is None else f"cell {writer}", []).append(words)
        for path, (_, after) in changed_files.items():
            if path not in by_source and self._is_read_unseen(after, both):
                by_source[path] = []
        return tuple(
            _file_cause(*changed_files[source], follows) if source in changed_files else _data_cause(follows)
            for source, follows in by_source.items()
        )

    def _maker_of(self, name: str) -> int | None:
        """The cell that made some data: what the run's own cell did not find, it made; None where it is not known."""
        own = self.right.cells[-1]
        cell = read_cell(own.source)
        made_here = len(self.right.cells) - 1 if name in cell.writes and name not in cell.reads else None
        return own.inputs.get(name, made_here)

    def _cause_of(self, writer: int | None) -> str:
        """The cause that data from a cell follows from; a setting may be known to the run's own cell alone."""
        if writer is None:
            return ""
        if label := self._changed_before(writer):
            return label
        read = read_cell(self.right.cells[-1].source).reads if writer == len(self.right.cells) - 1 else ()
        return next((one.names[0] for one in self.settings if set(one.names) & set(read)), "")

    def _file_of(self, name: str, writer: int | None, files: Mapping[str, tuple[LedFile, LedFile]]) -> str:
        """The changed file that some data was read from, or that the cell that made it, or one before it, read."""
        if came := {use.path for use in self.right.run.read_from.get(name, ())}:
            return next((path for path in files if path in came), "")
        led = led_to(self.right.cells, writer) if writer is not None else set()
        return next((path for path, (_, after) in files.items() if led & set(after.readers)), "")

    def _is_read_unseen(self, file: LedFile, names: Sequence[str]) -> bool:
        """Whether a file reached the run by another way than data that is known to be equal."""
        own = self.right.cells[-1].inputs
        if len(self.right.cells) - 1 in file.readers:
            came = self.right.run.read_from.items()
            named = {name for name, uses in came if file.path in {use.path for use in uses}}
            return not (named and named <= self._equal_data())
        reached = {name for name, place in own.items() if led_to(self.right.cells, place) & set(file.readers)}
        return bool(reached - set(names))

    # packages, interpreter, machine, files of the project

    def _packages(self) -> tuple[tuple[Cause, ...], tuple[Cause, ...]]:
        """The packages that the code imports or that those need, and the others."""
        modules = imported_modules((*self.left.cells, *self.right.cells))
        imported = {name for module in modules for name in self._distributions_of(module)}
        needed = {other: name for name in sorted(imported) for other in self.needs.get(name, ())}
        is_known = bool(modules) and not (self.left.unknown or self.right.unknown)
        likely: list[tuple[int, Cause]] = []
        unlikely: list[Cause] = []
        for one in self.compared.packages:
            if one.name in imported:
                likely.append((0, _package_cause(one, "")))
            elif one.name in needed:
                likely.append((1, _package_cause(one, f", which {needed[one.name]} needs")))
            elif not is_known:
                likely.append((2, _package_cause(one, ", which may be imported where nothing was recorded")))
            else:
                unlikely.append(_package_cause(one, ", which no cell that led to the runs imports"))
        return tuple(cause for _, cause in sorted(likely, key=lambda pair: pair[0])), tuple(unlikely)

    def _distributions_of(self, module: str) -> Iterable[str]:
        found = [_MODULES[module]] if module in _MODULES else [module]
        return {name.replace("_", "-").lower() for name in (*found, *self.distributions.get(module, ()))}

    def _python(self) -> Iterator[Cause]:
        before, after = self._environments()
        if before and after and before.python != after.python:
            words = f"Python {before.python} → {after.python}"
            yield Cause("python", "Python", before.python, after.python, words)

    def _environments(self) -> tuple[Environment | None, Environment | None]:
        return self.left.run.environment, self.right.run.environment

    def _machine(self) -> Iterator[Cause]:
        """Another machine is one cause, with all that comes with it; else threads, BLAS and hash seed are."""
        before, after = self._environments()
        if not (before and after and before.os and after.os):
            return
        if (before.cpu, before.gpus, before.gpu_driver, before.os) != (
            after.cpu,
            after.gpus,
            after.gpu_driver,
            after.os,
        ):
            was, is_now = _machine_words(before, after), _machine_words(after, before)
            yield Cause("hardware", "machine", was, is_now, f"the machine: {was} → {is_now}")
            return
        comes_with = {
            "BLAS": any(each.name == "numpy" for each in self.compared.packages),
            "BLAS threads": before.cores != after.cores or before.thread_settings != after.thread_settings,
        }
        pairs: dict[str, tuple[object, object]] = {
            "cores": (before.cores, after.cores),
            "BLAS": (before.blas, after.blas),
            "BLAS core type": (before.blas_core, after.blas_core),
            "BLAS threads": (before.blas_threads, after.blas_threads),
        }
        for name, (one, other) in pairs.items():
            if one and other and one != other and not comes_with.get(name):
                yield Cause("threads", name, str(one), str(other), f"{name} {one} → {other}")
        if before.thread_settings != after.thread_settings:
            was, is_now = (
                ", ".join(f"{name}={value}" for name, value in each.thread_settings.items()) or "not set"
                for each in (before, after)
            )
            yield Cause("threads", "thread settings", was, is_now, f"thread settings {was} → {is_now}")
        if before.hash_seed != after.hash_seed:
            was, is_now = ("random" if each.hash_seed is None else str(each.hash_seed) for each in (before, after))
            yield Cause("seed", "PYTHONHASHSEED", was, is_now, f"PYTHONHASHSEED {was} → {is_now}")

    def _memory(self) -> Iterator[Cause]:
        before, after = self._environments()
        if before and after and before.platform != after.platform and before.os == after.os:
            words = f"system {before.platform} → {after.platform}"
            yield Cause("hardware", "system", before.platform, after.platform, words)

    def _repository(self) -> tuple[tuple[Cause, ...], tuple[Cause, ...]]:
        """Another commit, or other uncommitted changes: likely where a cell imports a module of the project."""
        before, after = self.left.run.code, self.right.run.code
        if before is None or after is None or (before.commit, before.diff) == (after.commit, after.diff):
            return (), ()
        local = self._local_modules()
        if before.commit == after.commit:
            files = _files_that_differ(before.diff, after.diff)
            touched = [file for file in files if local & set(re.split(r"[/.]", file))]
            words = f"what was not committed in {_listed(touched or files) or 'the project'}"
            cause = Cause("repository", ", ".join(files), "", "", words)
            return ((cause,), ()) if touched else ((), (cause,))
        commits = before.commit[:12], after.commit[:12]
        imports = f", and the code imports {_listed(sorted(local))} of the project" if local else ""
        cause = Cause("repository", "git commit", *commits, f"git commit {commits[0]} → {commits[1]}{imports}")
        return ((cause,), ()) if local else ((), (cause,))

    def _local_modules(self) -> set[str]:
        """Imported modules that are neither Python's nor an installed package's."""
        installed = {
            name for run in (self.left.run, self.right.run) if run.environment for name in run.environment.packages
        }
        modules = imported_modules((*self.left.cells, *self.right.cells)) - sys.stdlib_module_names
        return {each for each in modules if not set(self._distributions_of(each)) & installed}

    # what is left

    def _equal(self, found: Sequence[Cause]) -> Iterator[str]:
        kinds = {one.kind for one in found}
        if not any(one.lines for one in self.changes):
            yield f"the code of {_count(len(self.right.cells), 'cell')}" + (
                ", but for its layout" if self.changes else ""
            )
        params = {one.name for one in self.right.run.params} - {one.name for one in self.compared.params}
        if params:
            yield _count(len(params), "parameter")
        data = {one.name for one in self.right.run.data}
        if same := sorted(data - {_data_name(one.name, data) for one in self.compared.data}):
            yield f"data {_listed(same)}"
        if self.right.run.environment and self.left.run.environment:
            packages = len(self.right.run.environment.packages) - len(self.compared.packages)
            yield _count(packages, "package")
            if "python" not in kinds:
                yield f"Python {self.right.run.environment.python}"
            if not kinds & {"threads", "hardware"}:
                yield "machine, BLAS and threads"
        seeds = set(self.right.run.seeds) - {one.name for one in self.compared.seeds}
        if seeds:
            yield f"seeds {_listed(sorted(seeds))}"

    def _what_is_left(self) -> Iterator[str]:
        """What can make a run differ that is equal in all that was recorded."""
        yield from self._chance()
        environment = self.right.run.environment
        if environment and environment.hash_seed is None:
            yield "the order of sets, which PYTHONHASHSEED would fix"
        unknown = sorted({*self.left.unknown, *self.right.unknown})
        if unknown:
            yield f"where {_listed(unknown)} came from, which was not recorded"

    def _chance(self) -> Iterator[str]:
        """What the cells leave to chance or the clock."""
        for param in self.right.run.params:
            if _last_word(param.name) in _SEED_WORDS and param.value is None:
                yield f"{param.name} is None"
        for cell in self.right.cells:
            for call in _calls(cell.source):
                if words := _chance_in(call):
                    yield f"{words} in {cell.label}, line {call.lineno}"


def _names_of(run: Run) -> set[str]:
    """The metrics that a run has."""
    return {metric.name for metric in run.metrics}


def _metric_asked(compared: Comparison, left: Run, right: Run, name: str | None) -> Difference | None:
    """The metric of that name; without one the first that differs in both, those named before inferred and timings."""
    values = [{metric.name: metric.value for metric in run.metrics} for run in (left, right)]
    if name is not None:
        return Difference(name, tuple(side.get(name) for side in values))
    known: dict[str, Metric] = {metric.name: metric for metric in right.metrics}
    both = [one for one in compared.metrics if None not in one.values]

    def rank(one: Difference) -> tuple[bool, bool, bool]:
        inferred = known[one.name].inferred
        return bool(_TIMING.search(one.name)), inferred, is_by_the_way(one.name, inferred=inferred)

    both.sort(key=rank)
    return both[0] if both else None


def _settings(compared: Comparison, left: Run, right: Run) -> Iterator[_Setting]:
    """What differs of parameters and seeds, each change once: what was recorded under several names is one."""
    sides = [{param.name: param for param in run.params} for run in (left, right)]
    groups: list[tuple[list[str], Difference, bool]] = []

    def rank(one: Difference) -> tuple[bool, bool]:
        param = sides[1].get(one.name) or sides[0][one.name]
        return param.inferred, "." in one.name

    for one in sorted(compared.params, key=rank):
        inferred, has_dot = rank(one)
        if inferred and has_dot and not all(one.name in side for side in sides):
            continue  # a setting that only one version or class of an estimator has
        _join(groups, one, is_derived=inferred and has_dot, is_seed=_last_word(one.name) in _SEED_WORDS)
    for one in compared.seeds:
        _join(groups, one, is_derived=True, is_seed=True)
    for names, one, is_seed in groups:
        yield _Setting(tuple(names), one.values[0], one.values[1], is_seed, one.lacking)


def _join(
    groups: list[tuple[list[str], Difference, bool]], one: Difference, *, is_derived: bool, is_seed: bool
) -> None:
    for names, other, _ in groups if is_derived else ():
        same_word = _last_word(one.name) in {_last_word(name) for name in names}
        is_telling = not any(isinstance(value, bool) or value is None for value in one.values)
        if repr(one.values) == repr(other.values) and (same_word or is_telling):
            names.append(one.name)
            return
    groups.append(([one.name], one, is_seed))


def _last_word(name: str) -> str:
    """The last part of a name; `X.random_state (2)` is a `random_state`."""
    return re.split(r"\.|__", name.partition(" (")[0])[-1]


def _setting_cause(one: _Setting) -> Cause:
    also = f" (also {_listed(one.names[1:])})" if len(one.names) > 1 else ""
    lacking = "not set" if one.is_seed else "not there"
    sides = enumerate((one.before, one.after))
    before, after = (lacking if place in one.lacking else _short(value) for place, value in sides)
    kind: CauseKind = "seed" if one.is_seed else "parameter"
    return Cause(kind, one.names[0], before, after, f"{kind} {one.names[0]} {before} → {after}{also}")


def _short(value: Value) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _assigned(lines: Sequence[str]) -> Iterator[str]:
    """The names that lines assign to."""
    for line in lines:
        if found := re.match(r"(\w+)\s*(:[^=]+)?=(?!=)", line):
            yield found[1]


@lru_cache(maxsize=2048)
def _calls(source: str) -> list[ast.Call]:
    tree = parsed(cell_text(source).python)
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)] if tree else []


def _chance_in(call: ast.Call) -> str:
    """What a call leaves to chance or to the clock; empty where nothing is known to be."""
    name = dotted_call(call)
    last = name.rpartition(".")[2]
    keywords = {each.arg for each in call.keywords}
    if last in _RANDOM and not keywords & {*_SEED_WORDS, None}:
        return f"{last} without random_state"
    if last in ("default_rng", "RandomState", "Random") and not (call.args or keywords):
        return f"{last}() without a seed"
    if re.match(r"(np\.|numpy\.)?random\.\w+$", name) and last not in ("seed", "default_rng", "RandomState", "Random"):
        return f"{name}, which goes on from where the generator stood,"
    return f"{name}, the clock," if name in _CLOCK else ""


def data_words(before: DataFingerprint, after: DataFingerprint) -> str:
    """What changed in data of one name; empty when nothing did."""
    if (before.fingerprint, before.shape, before.kind) == (after.fingerprint, after.shape, after.kind):
        return ""
    parts: list[str] = []
    if before.kind != after.kind:
        parts.append(f"{before.kind} → {after.kind}")
    rows = [one.shape[0] if one.shape else 0 for one in (before, after)]
    if rows[0] != rows[1]:
        parts.append(f"{_count(abs(rows[1] - rows[0]), 'row')} {'more' if rows[1] > rows[0] else 'fewer'}")
    if before.columns or after.columns:
        gone = [name for name in before.types if name not in after.types]
        come = [name for name in after.types if name not in before.types]
        kept = [name for name in after.types if name in before.types]
        parts += [f"without {_columns(gone)}"] if gone else []
        parts += [f"with new {_columns(come)}"] if come else []
        parts += [
            f"{name} is {after.types[name]}, was {before.types[name]}"
            for name in kept[:1000]
            if before.types[name] != after.types[name]
        ][:_MOST_NAMED]
        same_type = [name for name in kept if before.types[name] == after.types[name]]
        if rows[0] == rows[1] and before.exact == after.exact:
            changed = [name for name in same_type if before.columns.get(name) != after.columns.get(name)]
            is_all = len(changed) == len(after.types) > _MOST_NAMED
            parts += (
                [f"all {len(changed)} columns changed" if is_all else f"{_columns(changed)} changed"] if changed else []
            )
    elif before.shape[1:] != after.shape[1:]:
        parts.append("x".join(map(str, before.shape)) + " → " + "x".join(map(str, after.shape)))
    if not parts:
        parts.append("its index or the order of its columns changed" if before.columns else "its content changed")
    sampled = "" if before.exact and after.exact else " (seen in a sample)"
    return f"{after.name}: {', '.join(parts)}{sampled}"


def _columns(names: Sequence[str]) -> str:
    return f"column{'s' if len(names) > 1 else ''} {_listed(names)}"


def _data_cause(words: Sequence[str]) -> Cause:
    names = [each.partition(":")[0] for each in words]
    return Cause("data", _listed(names), "", "", f"data {'; '.join(words)}")


def _data_name(difference: str, names: Collection[str]) -> str:
    """The data that a difference like `X.temp: content` belongs to."""
    return next((name for name in names if difference == name or difference.startswith((f"{name}.", f"{name}:"))), "")


def _file_cause(before: LedFile, after: LedFile, follows: Sequence[str]) -> Cause:
    sizes = [f"{each.size_bytes:,} bytes" if each.size_bytes is not None else "unknown" for each in (before, after)]
    grew = f"{sizes[0]} → {sizes[1]}" if before.size_bytes != after.size_bytes else "written again"
    return Cause("data", after.path, sizes[0], sizes[1], f"file {after.path}, {grew}", tuple(follows))


def _package_cause(one: Difference, why: str) -> Cause:
    before, after = (str(value) if value is not None else "not installed" for value in one.values)
    return Cause("package", one.name, before, after, f"package {one.name} {before} → {after}{why}")


def _machine_words(one: Environment, other: Environment) -> str:
    parts = [one.cpu if one.cpu != other.cpu else "", one.os if one.os != other.os else ""]
    if one.gpus != other.gpus or one.gpu_driver != other.gpu_driver:
        parts.append(f"{_listed(one.gpus)}, driver {one.gpu_driver}" if one.gpus else "no GPU")
    if one.blas_core and other.blas_core and one.blas_core != other.blas_core:
        parts.append(f"BLAS for {one.blas_core}")
    if one.cores != other.cores:
        parts.append(_count(one.cores, "core"))
    return ", ".join(filter(None, parts))


def _files_that_differ(before: str, after: str) -> list[str]:
    """The files whose part of a git diff is another."""
    sides = [dict(_by_file(text)) for text in (before, after)]
    return sorted(name for name in {*sides[0], *sides[1]} if sides[0].get(name) != sides[1].get(name))


def _by_file(diff: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^(?=diff --git )", diff, flags=re.MULTILINE):
        if found := _IN_DIFF.search(part) or re.search(r"^diff --git a/(.+?) b/", part, re.MULTILINE):
            yield found[1], part


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
