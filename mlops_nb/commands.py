"""The one table of commands: magic, terminal command, Python function, help and completion are read from it.

`command_lines.py` reads what somebody types by it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from mlops_nb.errors import BadUsage, NameNotDefined, nearest
from mlops_nb.notebook.targets.records import TARGETS

if TYPE_CHECKING:
    from mlops_nb.notebook.service import Ran
    from mlops_nb.panels.theme import Panel
    from mlops_nb.record import Record

Values = (
    Literal["", "run", "deleted", "artifact", "sort", "metric", "path", "name", "axis", "query", "text", "library"]
    | Literal["server", "model", "version", "made"]
)
"""What completion offers for an option's value: run names and numbers, deleted runs, artifacts of the run named before,
what runs are sorted by, metrics, files, names of the namespace, parts of a query, the libraries that autolog knows, the
servers that were pushed to or pulled from, registered models, their versions, runs and versions. A query or a text is
the rest of the line."""

Place = Literal["cell", "line", "terminal"]


@dataclass(frozen=True, slots=True)
class Option:
    """An argument of a command: positional without leading dashes, else an option.

    `many`: may be given several times (an option) or takes several values (positional).
    """

    name: str
    help: str
    values: Values = ""
    metavar: str = ""
    default: Any = None
    choices: tuple[str, ...] = ()
    kind: Callable[[str], Any] = str
    is_flag: bool = False
    is_optional: bool = False
    many: bool = False
    short: str = ""

    @property
    def key(self) -> str:
        """Its name in the parsed options."""
        return self.name.lstrip("-").replace("-", "_")


@dataclass(frozen=True, slots=True)
class Context:
    """What a command may need to know of the place it was typed in.

    `executed` are the cells that ran in this kernel; `ran` gives them with what they printed and returned; `namespace`
    its names, None in a terminal; `progress` says what a long command is doing.
    """

    notebook: Path | None = None
    notebook_name: str = ""
    is_tracking: bool = False
    executed: tuple[str, ...] = ()
    namespace: Mapping[str, object] | None = None
    progress: Callable[[str], None] = field(default=lambda line: None)
    ran: Callable[[], Ran] = field(default=tuple)


@dataclass(frozen=True, slots=True)
class Answer:
    """A command's result, and how to look at it; `exit_code` is what the terminal ends with."""

    record: Record
    panel: Panel
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table. `answer` is None where only a notebook can carry the command out."""

    name: str
    summary: str
    options: tuple[Option, ...]
    examples: tuple[str, ...]
    places: tuple[Place, ...]
    answer: Callable[[Mapping[str, Any], Context], Answer] | None = None
    notes: tuple[tuple[str, str], ...] = ()
    """What may stand in a query, which its help explains after the examples."""


def _runs(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.runs import runs_panel
    from mlops_nb.store import open_store
    from mlops_nb.tracking.search.following import FollowedRuns

    store, asked = open_store(), dict(options)
    if file := asked.pop("output"):
        return _runs_file(asked, file, context)
    search = FollowedRuns(**asked, store=store)
    found = search.table()
    return Answer(found, runs_panel(found, search=search))


def _runs_file(asked: Mapping[str, Any], file: str, context: Context) -> Answer:
    from mlops_nb.panels.runs_file import runs_file_panel
    from mlops_nb.tracking.search.run_files import write_runs
    from mlops_nb.tracking.search.service import runs

    table = runs(**asked)
    context.progress(f"writing {len(table.rows):,} runs")
    done = write_runs(table, file)
    return Answer(done, runs_file_panel(done))


def _show(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.run import run_panel
    from mlops_nb.tracking import service

    run = service.show(options["run"])
    return Answer(run, run_panel(run))


def _note(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.annotated import annotated_panel
    from mlops_nb.tracking import service

    run = service.annotate(options["run"], note=options["text"])
    return Answer(run, annotated_panel(run))


def _tags(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.annotated import annotated_panel
    from mlops_nb.tracking import service

    if not options["tags"] and not options["remove"]:
        raise BadUsage("tag: there is no NAME=VALUE to set, and none to --remove", "%mlops tag 17 kind=baseline")
    run = service.annotate(options["run"], tags=dict(options["tags"]), remove=options["remove"])
    return Answer(run, annotated_panel(run))


def _compare(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.comparison import comparison_panel
    from mlops_nb.tracking import service

    found = service.compare(options["left"], options["right"], *options["more"])
    return Answer(found, comparison_panel(found))


def _why(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.causes import causes_panel
    from mlops_nb.tracking import service

    found = service.why(options["left"], options["right"], metric=options["metric"])
    return Answer(found, causes_panel(found))


def _lineage(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.notebook import service
    from mlops_nb.panels.lineage import lineage_panel, mermaid_panel

    graph = service.lineage(options["run"])
    panel = mermaid_panel(graph.nodes, graph.edges) if options["mermaid"] else lineage_panel(graph)
    return Answer(graph, panel)


def _graph(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.notebook import service
    from mlops_nb.panels.cell_graph import cell_graph_panel
    from mlops_nb.panels.lineage import mermaid_panel

    notebook = options["notebook"]
    if notebook is None and context.namespace is None:
        raise BadUsage("graph needs a notebook to read", "jupyter mlops graph notebook.ipynb")
    found = service.graph(notebook or service.this_notebook_or_session(context.notebook, context.executed))
    panel = mermaid_panel(found.nodes, found.edges) if options["mermaid"] else cell_graph_panel(found)
    return Answer(found, panel)


def _pipelines(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.pipelines import pipelines_panel
    from mlops_nb.pipelines.history import FollowedPipelines

    source = FollowedPipelines(options["pipeline"])
    found = source.history(source.which)
    return Answer(found, pipelines_panel(found, source=source))


def _secrets(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.secrets import secrets_panel
    from mlops_nb.tracking.secrets.redaction import secrets

    found = secrets(**options)
    return Answer(found, secrets_panel(found))


def _status(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.status import status_panel
    from mlops_nb.tracking import service

    found = service.status(notebook=context.notebook_name, tracking=context.is_tracking)
    return Answer(found, status_panel(found))


def _artifacts(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.artifacts import artifacts_panel
    from mlops_nb.tracking.artifacts import loading

    found = loading.artifacts(options["run"], options["name"], save=options["save"], progress=context.progress)
    return Answer(found, artifacts_panel(found))


def _delete(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.deletion import deletion_panel
    from mlops_nb.tracking.housekeeping import service as housekeeping

    if options["where"] and any(word in QUERY_SIGNS for word in options["run"]):
        query = " ".join((options["where"], *options["run"]))
        raise BadUsage("--where takes one query, in quotes", f'%mlops delete --where "{query}"')
    done = housekeeping.delete(*options["run"], where=options["where"])
    return Answer(done, deletion_panel(done))


def _restore(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.deletion import deletion_panel
    from mlops_nb.tracking.housekeeping import service as housekeeping

    done = housekeeping.restore(*options["run"])
    return Answer(done, deletion_panel(done))


def _gc(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.collection import collection_panel
    from mlops_nb.tracking.housekeeping import service as housekeeping

    done = housekeeping.gc(yes=options["yes"], progress=context.progress)
    return Answer(done, collection_panel(done))


def _backup(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.backup import backup_panel
    from mlops_nb.tracking.housekeeping import backups

    if options["restore"]:
        done = backups.restore_backup(options["file"], options["restore"], progress=context.progress)
    else:
        done = backups.backup(options["file"], force=options["force"], progress=context.progress)
    return Answer(done, backup_panel(done), 1 if done.damaged else 0)


def _space(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.space import space_panel
    from mlops_nb.tracking.housekeeping import service as housekeeping

    found = housekeeping.space()
    return Answer(found, space_panel(found))


def _push(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.carried import carried_panel
    from mlops_nb.tracking.mlflow import service as carrying

    done = carrying.push(
        options["target"],
        options["uri"],
        options["query"],
        experiment=options["experiment"],
        progress=context.progress,
    )
    return Answer(done, carried_panel(done))


def _pull(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.carried import carried_panel
    from mlops_nb.tracking.mlflow import service as carrying

    done = carrying.pull(options["target"], options["uri"], options["experiment"], progress=context.progress)
    return Answer(done, carried_panel(done))


def _register(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.model_version import model_version_panel
    from mlops_nb.registry import registering

    asked = {name: options[name] for name in ("run", "alias", "note", "allow_pickle")}
    example = options["example"]
    asked["example"] = None if example is None else _data(example, context)
    asked["tags"] = dict(options["tag"])
    if options["model"] and options["artifact"]:
        raise BadUsage("register takes --model or --artifact, not both", "%mlops register late-flight --model clf")
    if options["artifact"]:
        asked["run"] = options["run"] or registering.LAST
        done = registering.register_artifact(options["name"], artifact=options["artifact"], **asked)
    elif not options["model"]:
        raise BadUsage("register needs --model VARIABLE, or --run RUN --artifact NAME", _REGISTER[0])
    elif context.namespace is None:
        raise BadUsage("a terminal has no variables: --model works in a notebook", _REGISTER[1])
    else:
        model = _variable(options["model"], context.namespace)
        here = {"variable": options["model"], "namespace": context.namespace}
        done = registering.register(model, options["name"], **asked, **here)
    return Answer(done, model_version_panel(done))


_REGISTER = (
    "%mlops register late-flight --model clf --alias candidate",
    "jupyter mlops register late-flight --run 12 --artifact model",
)


def _variable(name: str, namespace: Mapping[str, object]) -> object:
    if name in namespace:
        return namespace[name]
    near = nearest(name, [each for each in namespace if not each.startswith("_")])
    raise NameNotDefined(f"no name {name[:60]!r} is defined here", f"--model {near}" if near else "run its cell first")


def _data(name: str, context: Context) -> object:
    """The data of that name: a variable, or a table in files or by SQL."""
    if context.namespace is not None and name in context.namespace:
        return context.namespace[name]
    from mlops_nb.monitoring.sources import frame

    return frame(name, context.namespace)


def _registry(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.registry import service
    from mlops_nb.registry.uris import model_uri

    name, as_of = options["name"], options["as_of"]
    if name is None:
        from mlops_nb.panels.models import models_panel

        listed = service.models(as_of=as_of)
        return Answer(listed, models_panel(listed))
    if model_uri(name).is_plain:
        from mlops_nb.panels.model import model_panel

        found = service.model(name, as_of=as_of)
        return Answer(found, model_panel(found))
    if as_of is not None:
        raise BadUsage("a version never changes: --as-of goes with a model's name", "%mlops registry late-flight")
    from mlops_nb.panels.model_version import model_version_panel

    version = service.version(name)
    return Answer(version, model_version_panel(version))


def _changing(function: str) -> Callable[[Mapping[str, Any], Context], Answer]:
    """The answer of a command that changes a model, by the name of the registry's function."""

    def answer(options: Mapping[str, Any], context: Context) -> Answer:
        from mlops_nb.panels.model_change import model_change_panel
        from mlops_nb.registry import moving

        done = getattr(moving, function)(**options)
        return Answer(done, model_change_panel(done))

    return answer


def _check(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.signature_check import signature_check_panel
    from mlops_nb.registry import service

    found = service.check(options["uri"], _data(options["data"], context))
    return Answer(found, signature_check_panel(found), 0 if found.is_fit else 1)


def _drift(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.monitoring import service
    from mlops_nb.panels.drift import drift_panel

    asked = {name: options[name] for name in ("threshold", "missing", "alpha", "correction")}
    found = service.drift(
        options["reference"],
        options["current"],
        columns=options["column"],
        namespace=context.namespace,
        thresholds={name: _share(value, name) for name, value in options["column_threshold"]},
        **asked,
    )
    return Answer(found, drift_panel(found), 1 if found.is_alarming else 0)


def _share(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadUsage(f"the threshold of {name} is {text!r}, no number", f"--column-threshold {name}=0.2") from None


def _quality(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.monitoring import service
    from mlops_nb.monitoring.schemas import write_schema
    from mlops_nb.panels.quality import quality_panel

    here = context.namespace
    found = service.quality(
        options["reference"],
        options["current"],
        schema=options["schema"],
        key=options["key"],
        foreign=dict(options["foreign"]),
        missing=options["missing"],
        namespace=here,
    )
    if options["write_schema"]:
        write_schema(options["reference"], options["write_schema"], namespace=here)
    return Answer(found, quality_panel(found), 1 if found.alerts else 0)


def _performance(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.monitoring.performance_service import performance
    from mlops_nb.panels.performance import performance_panel

    for name in ("target", "prediction"):
        if not options[name]:
            raise BadUsage(f"performance needs --{name} COLUMN", COMMANDS["performance"].examples[0])
    asked = {name: value for name, value in options.items() if name != "score"}
    found = performance(
        asked.pop("reference"),
        asked.pop("current"),
        score=_scores(options["score"]),
        namespace=context.namespace,
        progress=_seldom(context.progress),
        **asked,
    )
    return Answer(found, performance_panel(found), 1 if found.is_alarming else 0)


def _scores(given: list[str]) -> str | dict[str, str] | None:
    """The column of the positive label's score, or that of each label."""
    if not given:
        return None
    if len(given) == 1 and "=" not in given[0]:
        return given[0]
    if alone := [each for each in given if "=" not in each]:
        raise BadUsage(f"--score {alone[0][:60]} is one of many and names no label", "--score LABEL=COLUMN")
    return dict(each.split("=", 1) for each in given)


def _watch(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.monitoring.streams import DETECTORS, watch
    from mlops_nb.panels.watch import watch_panel

    given: dict[str, Any] = {name: _literal(value) for name, value in options["option"]}
    DETECTORS[options["detector"]](**given)  # what is wrong with them is said before anything is read
    name, values = _stream(options["values"], options["column"], context)
    found = watch(values, detector=options["detector"], name=name, progress=_seldom(context.progress), **given)
    return Answer(found, watch_panel(found), 1 if found.alarms else 0)


def _seldom(progress: Callable[[str], None]) -> Callable[[str], None]:
    """The same, told only once a second, and nothing in the first one."""
    last = monotonic()

    def say(line: str) -> None:
        nonlocal last
        if monotonic() - last >= 1:
            last = monotonic()
            progress(line)

    return say


def _stream(name: str, column: str | None, context: Context) -> tuple[str, Any]:
    """The name and the values of a stream: of a variable, a file's column, a run's metric."""
    from mlops_nb.monitoring.sources import FILES

    is_here = context.namespace is not None and name in context.namespace
    if not is_here and not name.lower().endswith(FILES):
        from mlops_nb.tracking.service import series

        metric, logged = series(name, column)
        return f"{metric} of {name}", logged
    data: Any = _data(name, context)
    columns = getattr(data, "columns", None)
    if columns is None:
        return name, data
    if column not in list(columns):
        near = nearest(column or "", map(str, columns)) or next(iter(map(str, columns)), "")
        said = "which column of it?" if column is None else f"it has no column {column[:60]!r}"
        raise BadUsage(f"{name[:60]} is a table: {said}", f"%mlops watch {name} {near}")
    return f"{name}.{column}", data[column]


def _literal(text: str) -> object:
    """An option's value as it is typed: a number, True, False, or a text."""
    import ast

    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _verify_log(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.event_log import event_log_panel
    from mlops_nb.registry import service

    found = service.verify_log(head=options["head"], progress=context.progress)
    return Answer(found, event_log_panel(found), 0 if found.is_whole else 1)


def _store(options: Mapping[str, Any], context: Context) -> Answer:
    if options["folder"]:
        from mlops_nb.tracking.service import use_store

        use_store(Path(options["folder"]))
    return _status({}, context)


def _autolog(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.panels.autolog import autolog_panel
    from mlops_nb.tracking.autolog import service as autolog

    if options["switch"]:
        found = autolog.autolog(options["switch"], models=options["models"], library=options["library"])
    else:
        found = autolog.autologging()
    return Answer(found, autolog_panel(found))


def _export(options: Mapping[str, Any], context: Context) -> Answer:
    from mlops_nb.notebook import service
    from mlops_nb.panels.export import export_panel

    notebook, script = _files(options, context)
    target = options["target"]
    for option in ("verify", "standalone", "requirements", "docker", "tests"):
        if options[option] and target != "script":
            raise BadUsage(f"--{option} is for the script, not the target {target}", f"%mlops export p.py --{option}")
    done = service.export(
        notebook,
        script,
        verify=options["verify"],
        force=options["force"],
        target=target,
        to=options["to"] or "",
        parameters=options["param"],
        standalone=options["standalone"],
        requirements=options["requirements"],
        docker=options["docker"],
        tests=options["tests"],
        progress=context.progress,
        live=context.ran() if options["verify"] else None,
    )
    return Answer(done, export_panel(done), 0 if done.verification is None or done.verification.is_equal else 1)


def _files(options: Mapping[str, Any], context: Context) -> tuple[Any, Path | None]:
    """The notebook to read and the script to write, from file names in either order."""
    from mlops_nb.notebook import service

    files = [Path(name) for name in options["file"]]
    notebooks = [file for file in files if file.suffix == ".ipynb"]
    scripts = [file for file in files if file.suffix != ".ipynb"] + (
        [Path(options["output"])] if options["output"] else []
    )
    if len(notebooks) > 1 or len(scripts) > 1:
        raise BadUsage(
            f"export reads one notebook and writes one script, not {' '.join(map(str, files))}",
            "%mlops export notebook.ipynb -o pipeline.py",
        )
    script = scripts[0] if scripts else None
    if notebooks:
        return notebooks[0], script
    if context.notebook is None and not context.executed:
        raise BadUsage("export needs a notebook to read", "%mlops export notebook.ipynb -o pipeline.py")
    return service.this_notebook(context.notebook, context.executed), script


_URI = "where MLflow is: http(s)://HOST:PORT, sqlite:///FILE.db or a folder of MLflow's"
_TABLE = "a variable, a .parquet or .csv file, a pattern of files, or SQL over these"

_VERSION = "NAME/3, NAME@ALIAS or NAME/STAGE, with or without models:/ before it"
_NOTE = Option("--note", "why; kept in the log", metavar="TEXT", default="")


def _expected(text: str) -> int | str:
    if text.lower() == "none":
        return "none"
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no version's number, and not none")
    return int(text)


_EXPECT = Option(
    "--expect", "the version that must be there now, or none; if another is, nothing is done", "", "N", kind=_expected
)
_STAGES = ("None", "Staging", "Production", "Archived")
_KINDS = ("cell", "code", "pipeline", "step", "sweep", "trial", "fit", "fold")
_STATUSES = ("FINISHED", "FAILED", "INTERRUPTED", "KILLED", "RUNNING")


QUERY_SIGNS = frozenset(("=", "!=", "<", "<=", ">", ">=", "in", "like", "is", "and", "or"))
"""Words of a query that are no run's name where several follow each other."""

QUERY_WORDS = (
    (
        "names",
        "metrics.accuracy, metrics.loss.min (max, mean, best, count, last), params.depth, tags.kind, name, status, "
        "kind, started, ended, duration, id, parent, notebook, note, error, estimator, data (a name or a fingerprint), "
        "git.commit, git.branch, git.dirty, cpu_seconds, peak_memory_bytes; an odd name in quotes: "
        'metrics."val loss"',
    ),
    (
        "operators",
        "= != < <= > >=, in (a, b), not in, like (% any text, _ any letter), is null, is not null, exists, and, or, "
        "not, parentheses; text match 'words' looks in names, notes and code",
    ),
    (
        "values",
        "0.9, baseline, 'in quotes', true, false, none, nan; times 2026-11-01, '2026-11-01 12:30', today, -7d (all "
        "UTC); spans 90s, 5m, 2h",
    ),
    (
        "missing",
        "what a run does not have is neither equal nor unequal to anything: not (params.depth = 3) finds it, != does "
        "not",
    ),
)


def _tag(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


COMMANDS: Mapping[str, Command] = {
    command.name: command
    for command in (
        Command(
            "run",
            "Run the cell as one run; its code, outputs, parameters, metrics, data and packages are recorded.",
            (
                Option("name", "what the run is called; runs of one name are each other's past", "run"),
                Option("--param", "record this name's value after the cell as a parameter", "name", "NAME", many=True),
                Option("--metric", "record this name's value after the cell as a metric", "name", "NAME", many=True),
                Option("--tag", "tag the run", metavar="NAME=VALUE", kind=_tag, many=True),
            ),
            ("%%mlops run baseline --param n_estimators --metric accuracy --tag kind=baseline",),
            ("cell",),
        ),
        Command(
            "sweep",
            "Run the cell once for each combination of parameters; each is a run, the best is shown.",
            (
                Option("name", "what the sweep and each of its runs is called", "run"),
                Option(
                    "--param",
                    "a name and its values: depth=3,5 depth=range(3,9) lr=linspace(0,1,5) lr=logspace(1e-4,1,5), or "
                    "drawn: lr=uniform(0,1) lr=loguniform(1e-4,1)",
                    "axis",
                    "NAME=VALUES",
                    many=True,
                ),
                Option("--metric", "record this name's value as a metric; the first judges", "name", "NAME", many=True),
                Option("--tag", "tag the sweep and its runs", metavar="NAME=VALUE", kind=_tag, many=True),
                Option("--sample", "try only so many combinations, drawn at random", metavar="N", kind=int),
                Option("--seed", "of the draw (default: 0)", metavar="N", kind=int, default=0),
                Option(
                    "--engine",
                    "where the trials run: local, one after the other in this kernel, or dask, on its workers",
                    choices=("local", "dask"),
                    default="local",
                ),
                Option(
                    "--scheduler", "the address of a Dask cluster (default: workers of this machine)", metavar="URL"
                ),
                Option(
                    "--workers", "how many Dask workers to start (default: one for each core)", metavar="N", kind=int
                ),
                Option("--resume", "go on with the newest sweep of that name, which must be the same", is_flag=True),
            ),
            (
                "%%mlops sweep forest --param depth=range(3,9) --param lr=0.01,0.1 --metric accuracy",
                "%%mlops sweep forest --param lr=loguniform(1e-4,1) --sample 20 --seed 1",
            ),
            ("cell",),
        ),
        Command(
            "track",
            "Record every cell that runs from now on (on), or stop (off).",
            (Option("switch", "on or off", choices=("on", "off")),),
            ("%mlops track on",),
            ("line",),
        ),
        Command(
            "autolog",
            "Record every fit of scikit-learn, XGBoost, LightGBM and the like from now on (on), or stop (off).",
            (
                Option("switch", "on or off; without it, whether it is on", choices=("on", "off"), is_optional=True),
                Option("--models", "keep each fitted model as an artifact, too", is_flag=True),
                Option("--library", "only this library (default: all it knows)", "library", "NAME", many=True),
            ),
            ("%mlops autolog on", "%mlops autolog on --models --library sklearn", "%mlops autolog off"),
            ("line",),
            _autolog,
        ),
        Command(
            "runs",
            "Look at the runs: sort, filter, plot, open one, tick two to compare.",
            (
                Option(
                    "query",
                    "which runs: metrics.accuracy > 0.9 and params.depth <= 5, or just a name",
                    "query",
                    is_optional=True,
                ),
                Option("--search", "words that are all in a run's name, note or code", metavar="WORDS"),
                Option("--status", "only runs with this status", choices=_STATUSES, kind=str.upper),
                Option("--kind", "only runs of this kind", choices=_KINDS),
                Option("--notebook", "only runs of this notebook", "path", "PATH"),
                Option(
                    "--sort",
                    "started, duration, accuracy, metrics.loss.min, params.depth, ...; -accuracy sorts downwards "
                    "(default: -started)",
                    "sort",
                    "COLUMN",
                    default="-started",
                ),
                Option(
                    "--limit",
                    "at most so many (default: all; ten of them in the static form, 500 in --json)",
                    metavar="N",
                    kind=int,
                ),
                Option("--output", "write them to this .csv, .json or .parquet file", "path", "FILE", short="-o"),
            ),
            (
                "%mlops runs",
                "%mlops runs baseline --sort -accuracy --limit 10",
                "%mlops runs metrics.accuracy > 0.9 and (params.depth <= 5 or tags.kind = baseline) and started > -7d",
                'jupyter mlops runs "metrics.loss.min < 0.1 and status = finished" --sort metrics.loss.min',
                "%mlops runs -o runs.parquet",
            ),
            ("line", "terminal"),
            _runs,
            notes=QUERY_WORDS,
        ),
        Command(
            "show",
            "Look at all of one run.",
            (Option("run", "its number, its id or the beginning of it, or a name (the newest run)", "run"),),
            ("%mlops show baseline", "%mlops show 17"),
            ("line", "terminal"),
            _show,
        ),
        Command(
            "compare",
            "Look at two or more runs and only what differs: metrics, parameters, data, packages, code and more.",
            (
                Option("left", "a run, named as for show", "run"),
                Option("right", "another run", "run"),
                Option("more", "more runs, six side by side", "run", "RUN", many=True),
            ),
            ("%mlops compare 16 17", "%mlops compare baseline deeper 17"),
            ("line", "terminal"),
            _compare,
        ),
        Command(
            "why",
            "Name what could explain that a metric differs between two runs, the most plausible first.",
            (
                Option("left", "the run before, named as for show", "run"),
                Option("right", "the run after", "run"),
                Option("--metric", "the metric to explain (default: the first that differs)", "metric", "NAME"),
            ),
            ("%mlops why 16 17", "%mlops why baseline deeper --metric accuracy"),
            ("line", "terminal"),
            _why,
        ),
        Command(
            "note",
            "Write what there is to say about a run, also when it is long over; searches find it.",
            (Option("run", "a run, named as for show", "run"), Option("text", 'the note; "" removes it', "text")),
            ("%mlops note forest deeper trees, the same seeds",),
            ("line", "terminal"),
            _note,
        ),
        Command(
            "tag",
            "Set tags of a run, also when it is long over, or remove some.",
            (
                Option("run", "a run, named as for show", "run"),
                Option("tags", "tags to set", metavar="NAME=VALUE", kind=_tag, many=True),
                Option("--remove", "remove the tag of this name", metavar="NAME", many=True),
            ),
            ("%mlops tag forest kind=baseline team=delays", "%mlops tag 17 --remove kind"),
            ("line", "terminal"),
            _tags,
        ),
        Command(
            "lineage",
            "Look at what led to a run or a model: the cells, files and parameters, as they ran, and what is stale.",
            (
                Option("run", "a run, named as for show, or a model version: models:/NAME/3, NAME@ALIAS", "made"),
                Option("--mermaid", "the graph as a Mermaid flowchart, to put into Markdown", is_flag=True),
            ),
            ("%mlops lineage baseline", "%mlops lineage models:/late-flight/3", "%mlops lineage 17 --mermaid"),
            ("line", "terminal"),
            _lineage,
        ),
        Command(
            "graph",
            "Look at which cells of the notebook need which, as they ran: what flows, what is stale, what never ran.",
            (
                Option("notebook", "the notebook to read (.ipynb), unless it is this one", "path", is_optional=True),
                Option("--mermaid", "the graph as a Mermaid flowchart, to put into Markdown", is_flag=True),
            ),
            ("%mlops graph", "%mlops graph --mermaid", "jupyter mlops graph notebook.ipynb"),
            ("line", "terminal"),
            _graph,
        ),
        Command(
            "pipelines",
            "Look at a pipeline, also while it runs: its steps as a graph, what was taken as kept, the runs before it.",
            (
                Option(
                    "pipeline",
                    "its name, or the number of one of its runs (default: the one that ran last)",
                    "run",
                    is_optional=True,
                ),
            ),
            ("%mlops pipelines", "%mlops pipelines late-flights", "%mlops pipelines 17"),
            ("line", "terminal"),
            _pipelines,
        ),
        Command(
            "artifacts",
            "Look at what a run kept: files, tables, pictures, models; --save copies it out.",
            (
                Option("run", "its number, its id or the beginning of it, or a name (the newest run)", "run"),
                Option("name", "only this artifact, or those in this folder", "artifact", is_optional=True),
                Option("--save", "copy them into this folder", "path", "FOLDER"),
            ),
            ("%mlops artifacts baseline", "%mlops artifacts 17 plots/roc.png", "%mlops artifacts 17 --save out"),
            ("line", "terminal"),
            _artifacts,
        ),
        Command(
            "register",
            "Register a fitted model as a new version: immutable, with its signature, its run and its hash.",
            (
                Option("name", "the model's name; a new one begins with version 1", "model"),
                Option("--model", "the variable that holds the fitted model", "name", "VARIABLE"),
                Option(
                    "--run",
                    "the run that made it, named as for show, or last (default: the newest one whose cell wrote "
                    "VARIABLE)",
                    "run",
                ),
                Option("--artifact", "instead of a variable, a model that the run kept", metavar="NAME"),
                Option("--alias", "an alias that points to it from now on", metavar="ALIAS", many=True),
                Option("--note", "what there is to say about it", metavar="TEXT", default=""),
                Option("--tag", "tag the version", metavar="NAME=VALUE", kind=_tag, many=True),
                Option(
                    "--example",
                    "data as it predicts of: a variable, or a .csv or .parquet file (default: the training data that "
                    "the run recorded)",
                    "name",
                    "DATA",
                ),
                Option("--allow-pickle", "keep it as a pickle where skops cannot write it", is_flag=True),
            ),
            _REGISTER,
            ("line", "terminal"),
            _register,
        ),
        Command(
            "registry",
            "Look at the registered models, at one of them, or at a version; also as it was at a time.",
            (
                Option("name", f"a model's name, or a version: {_VERSION}", "version", is_optional=True),
                Option(
                    "--as-of",
                    "as it was then: 2026-03-01 (its end), '2026-03-01 12:30' (both UTC), yesterday, -7d",
                    metavar="DATE",
                ),
            ),
            ("%mlops registry", "%mlops registry late-flight --as-of 2026-03-01", "%mlops registry late-flight/3"),
            ("line", "terminal"),
            _registry,
        ),
        Command(
            "promote",
            "Move a version to Production (or Staging); the one that was in Production is archived with it.",
            (
                Option("uri", f"the version: {_VERSION}", "version", "VERSION"),
                Option("--to", "Production or Staging", choices=("Production", "Staging"), default="Production"),
                _EXPECT,
                _NOTE,
            ),
            ("%mlops promote late-flight/3 --expect 2 --note 'better on the held-out week'",),
            ("line", "terminal"),
            _changing("promote"),
        ),
        Command(
            "stage",
            "Move a version to any stage: None, Staging, Production, Archived.",
            (
                Option("uri", f"the version: {_VERSION}", "version", "VERSION"),
                Option("to", "the stage", choices=_STAGES),
                _EXPECT,
                _NOTE,
            ),
            ("%mlops stage late-flight/2 Archived",),
            ("line", "terminal"),
            _changing("stage"),
        ),
        Command(
            "alias",
            "Point an alias to a version, or take it away.",
            (
                Option("uri", f"the version: {_VERSION}; with --remove the model", "version", "VERSION"),
                Option("alias", "letters, digits, - and _"),
                Option("--remove", "take the alias away", is_flag=True),
                _EXPECT,
                _NOTE,
            ),
            ("%mlops alias late-flight/3 champion", "%mlops alias late-flight champion --remove"),
            ("line", "terminal"),
            _changing("alias"),
        ),
        Command(
            "rollback",
            "Bring back the version that was in Production before, by the log.",
            (Option("name", "the model's name", "model"), _EXPECT, _NOTE),
            ("%mlops rollback late-flight --note 'too slow on Mondays'",),
            ("line", "terminal"),
            _changing("rollback"),
        ),
        Command(
            "unregister",
            "Delete a version that no stage and no alias points to; its number never comes again.",
            (Option("uri", f"the version: {_VERSION}", "version", "VERSION"), _NOTE),
            ("%mlops unregister late-flight/2",),
            ("line", "terminal"),
            _changing("unregister"),
        ),
        Command(
            "check",
            "Whether data fits what a model version takes: columns, types, and what it has never seen.",
            (
                Option("uri", f"the version: {_VERSION}", "version", "VERSION"),
                Option("data", "a variable, or a .csv or .parquet file", "name"),
            ),
            ("%mlops check late-flight@champion X_new", "jupyter mlops check late-flight/Production new.parquet"),
            ("line", "terminal"),
            _check,
        ),
        Command(
            "drift",
            "What changed in the current data against a reference, column by column: how much, and how sure it is.",
            (
                Option("reference", _TABLE, "name"),
                Option("current", "the same, of the data that is compared with it", "name"),
                Option("--column", "only this column", metavar="NAME", many=True),
                Option("--threshold", "the distance, 0 to 1, from which on a change matters", kind=float, default=0.1),
                Option("--missing", "the same of the share of missing values", kind=float, default=0.05),
                Option("--column-threshold", "another distance for one column", "", "NAME=VALUE", kind=_tag, many=True),
                Option(
                    "--alpha", "how often a column that did not change may be called drifted", kind=float, default=0.01
                ),
                Option("--correction", "for many columns", choices=("bh", "holm", "none"), default="bh"),
            ),
            (
                "%mlops drift X_train X_new",
                "%mlops drift january 'data/june/*.parquet' --column-threshold temp=0.2",
                "jupyter mlops drift reference.parquet current.parquet --json",
            ),
            ("line", "terminal"),
            _drift,
        ),
        Command(
            "quality",
            "What is wrong with data, beside a reference or alone: gaps, schema, ranges, units, keys, copies.",
            (
                Option("reference", f"what it should be like, or the data itself: {_TABLE}", "name"),
                Option("current", "the data", "name", is_optional=True),
                Option("--schema", "a schema of pandera that it must fit, too", "path", "FILE"),
                Option("--write-schema", "write what REFERENCE is like as such a schema, to be edited", "path", "FILE"),
                Option("--key", "a column that names a row; several name it together", metavar="COLUMN", many=True),
                Option(
                    "--foreign",
                    "where the values of a column must be found",
                    metavar="COLUMN=DATA",
                    kind=_tag,
                    many=True,
                ),
                Option(
                    "--missing",
                    "the share of missing values from which on they are an alert (default: 0.05)",
                    metavar="SHARE",
                    default=0.05,
                    kind=float,
                ),
            ),
            (
                "%mlops quality january june --key id",
                "%mlops quality june",
                "%mlops quality january --write-schema flights.yaml",
                "jupyter mlops quality january.parquet june.parquet --schema flights.yaml",
            ),
            ("line", "terminal"),
            _quality,
        ),
        Command(
            "performance",
            "Whether a model got worse: its metrics beside a reference's, measured or, without labels, estimated.",
            (
                Option("reference", f"labelled data: {_TABLE}", "name"),
                Option("current", "the same, of the data that is looked at; labels are not needed", "name"),
                Option("--target", "the column of labels", metavar="COLUMN"),
                Option("--prediction", "the column of predictions", metavar="COLUMN"),
                Option(
                    "--score",
                    "the column of the positive label's probability; with more labels, LABEL=COLUMN for each",
                    metavar="COLUMN",
                    many=True,
                ),
                Option("--by", "look at each value of this column, too", metavar="COLUMN"),
                Option("--labels", "labels that came later, joined by --id", "name", "DATA"),
                Option("--id", "the column by which they are joined", metavar="COLUMN"),
                Option("--positive", "the positive label of two (default: the last in order)", metavar="LABEL"),
                Option("--task", "told from the data by default", choices=("classification", "regression")),
                Option("--threshold", "the relative degradation from which on it matters", kind=float, default=0.05),
            ),
            (
                "%mlops performance january june --target late --prediction said --score chance --by origin",
                "%mlops performance january june --target late --prediction said --labels truth --id flight",
                "jupyter mlops performance january.parquet june.parquet --target delay --prediction said --json",
            ),
            ("line", "terminal"),
            _performance,
        ),
        Command(
            "watch",
            "Where a stream of values changes: ADWIN, DDM, EDDM, Page-Hinkley or KSWIN, with its alarms in its curve.",
            (
                Option("values", "a variable, a run (named as for show), or a .csv or .parquet file", "name"),
                Option("column", "the run's metric, or the column of the table", "metric", is_optional=True),
                Option(
                    "--detector",
                    "of a change of the mean: adwin, page_hinkley; of any change: kswin; of a model's errors, 0 or 1: "
                    "ddm, eddm",
                    default="adwin",
                    choices=("adwin", "ddm", "eddm", "page_hinkley", "kswin"),
                ),
                Option("--option", "an option of the detector: delta=0.01", "", "NAME=VALUE", kind=_tag, many=True),
            ),
            (
                "%mlops watch latencies",
                "%mlops watch churn-online log_loss --detector page_hinkley --option threshold=20",
                "jupyter mlops watch errors.csv error --detector ddm",
            ),
            ("line", "terminal"),
            _watch,
        ),
        Command(
            "verify-log",
            "Look through the registry's log, the manifests and the files of all versions for any change.",
            (Option("--head", "an event's hash that was noted earlier and must still be there", metavar="HASH"),),
            ("%mlops verify-log", "jupyter mlops verify-log --head 3f2a90cc1b7e"),
            ("line", "terminal"),
            _verify_log,
        ),
        Command(
            "delete",
            "Delete runs and the runs that are parts of them; `restore` brings them back until `gc --yes`.",
            (
                Option("run", "runs, each named as for show", "run", "RUN", many=True),
                Option("--where", "all runs that match a query, in quotes", metavar="QUERY"),
            ),
            ("%mlops delete 17", '%mlops delete --where "status = failed and started < -30d"'),
            ("line", "terminal"),
            _delete,
        ),
        Command(
            "restore",
            "Bring back deleted runs, with those that were deleted with them.",
            (Option("run", "deleted runs, each by number, id or name", "deleted", "RUN", many=True),),
            ("%mlops restore 17",),
            ("line", "terminal"),
            _restore,
        ),
        Command(
            "gc",
            "Say what nobody needs: deleted runs, files and texts nothing refers to; --yes removes it for good.",
            (Option("--yes", "remove it; deleted runs cannot be brought back then", is_flag=True),),
            ("%mlops gc", "%mlops gc --yes"),
            ("line", "terminal"),
            _gc,
        ),
        Command(
            "backup",
            "Write the store to one file while it is in use; --restore makes a store of such a file.",
            (
                Option("file", "the backup", "path"),
                Option("--restore", "make the store that is in the file in this new folder", "path", "FOLDER"),
                Option("--force", "overwrite a file that is there", is_flag=True),
            ),
            ("%mlops backup flights.zip", "%mlops backup flights.zip --restore ~/restored/.mlops"),
            ("line", "terminal"),
            _backup,
        ),
        Command(
            "space",
            "What takes the space in the store: its parts and its largest runs.",
            (),
            ("%mlops space",),
            ("line", "terminal"),
            _space,
        ),
        Command(
            "secrets",
            "Which secrets are replaced before a run is stored, and how many were; add a pattern, or say what is none.",
            (
                Option("--pattern", "what this regular expression matches is a secret, too", metavar="REGEX"),
                Option("--allow", "this text is no secret, whatever it looks like", metavar="TEXT"),
                Option("--forget", "a pattern or a text that was added no longer holds", metavar="TEXT"),
            ),
            ("%mlops secrets", "%mlops secrets --pattern 'ACME-[0-9a-f]{32}'"),
            ("line", "terminal"),
            _secrets,
        ),
        Command(
            "status",
            "Where the store is and what it holds.",
            (),
            ("%mlops status",),
            ("line", "terminal"),
            _status,
        ),
        Command(
            "store",
            "Use another store folder for the rest of this session, or say which one is used.",
            (Option("folder", "the folder; made when it is not there", "path", is_optional=True),),
            ("%mlops store", "%mlops store ~/projects/flights/.mlops"),
            ("line",),
            _store,
        ),
        Command(
            "push",
            "Bring runs and model versions to an MLflow server, or up to date there, as often as you like.",
            (
                Option("target", "mlflow", choices=("mlflow",)),
                Option("uri", _URI, "server", "URI"),
                Option("query", "which runs: a query or a name, as for runs (default: all)", "query", is_optional=True),
                Option("--experiment", "where they go (default: an experiment called as the notebook)", metavar="NAME"),
            ),
            (
                "%mlops push mlflow http://localhost:5000",
                "%mlops push mlflow http://localhost:5000 metrics.accuracy > 0.9 --experiment flights",
            ),
            ("line", "terminal"),
            _push,
        ),
        Command(
            "pull",
            "Bring runs and model versions of an MLflow server into the store, or up to date, as often as you like.",
            (
                Option("target", "mlflow", choices=("mlflow",)),
                Option("uri", _URI, "server", "URI"),
                Option("experiment", "only the runs of this experiment (default: all)", "text", is_optional=True),
            ),
            ("%mlops pull mlflow http://localhost:5000", "%mlops pull mlflow sqlite:///mlflow.db flights"),
            ("line", "terminal"),
            _pull,
        ),
        Command(
            "export",
            "Write the notebook as a pipeline script that runs by itself; --verify proves the same results.",
            (
                Option(
                    "file",
                    "the script to write (.py) and, unless it is this one, the notebook to read (.ipynb)",
                    "path",
                    many=True,
                ),
                Option("--output", "the script to write", "path", "SCRIPT", short="-o"),
                Option("--verify", "run the script and compare all that the notebook gave", is_flag=True),
                Option("--force", "overwrite a file that was not exported by mlops_nb", is_flag=True),
                Option(
                    "--target",
                    "what to write: " + "; ".join(f"{name}, {said}" for name, said in TARGETS.items()),
                    metavar="TARGET",
                    default="script",
                    choices=tuple(TARGETS),
                ),
                Option("--to", "only what leads to this name: a model, a metric", "name", "NAME"),
                Option("--standalone", "a script that needs nothing of mlops_nb: no store, no cache", is_flag=True),
                Option("--requirements", "write beside it what it needs, pinned", is_flag=True),
                Option("--docker", "write beside it a Dockerfile that runs it, and its requirements", is_flag=True),
                Option("--tests", "run it, and write tests that call each step with what it took then", is_flag=True),
                Option("--param", "make NAME = LITERAL of any cell a parameter, too", "name", "NAME", many=True),
            ),
            (
                "%mlops export pipeline.py --verify",
                "%mlops export accuracy.py --to accuracy",
                "%mlops export --target dask",
                "jupyter mlops export notebook.ipynb -o pipeline.py",
            ),
            ("line", "terminal"),
            _export,
        ),
    )
}
