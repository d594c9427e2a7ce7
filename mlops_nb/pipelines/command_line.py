"""The command line of a pipeline script: every parameter an option, and what the options do said in full."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, Protocol

from mlops_nb.errors import BadUsage, MlopsError, nearest
from mlops_nb.pipelines.parameters import Parameter, bound_values, parsed_value
from mlops_nb.pipelines.progress import Progress, seconds_text
from mlops_nb.pipelines.records import ENGINES, Options, PipelineRun, Plan, StepCall
from mlops_nb.pipelines.settings import environment_values, file_values, variable_of
from mlops_nb.record import json_value
from mlops_nb.store.location import VARIABLE, set_home, store_folder

OK, FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130

_PACKAGE = str(Path(__file__).parent.parent)


class Flow(Protocol):
    """What the command line needs of a pipeline."""

    name: str
    last: PipelineRun | None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its parameters."""

    def steps(self) -> tuple[StepCall, ...]:
        """The steps it would run."""

    def step(self, name: str) -> Any:
        """A step by name."""

    def checked(self, options: Options) -> Options:
        """The options, when they fit."""

    def execute(self, values: Mapping[str, object], progress: Progress, options: Options) -> object:
        """Run it."""

    def planned(self, values: Mapping[str, object], options: Options) -> Plan:
        """What would run, and why."""


def run_command(flow: Flow, argv: Sequence[str]) -> int:
    """Do what the arguments say; the exit code is 0, 1 (a step failed), 2 (bad usage) or 130 (interrupted)."""
    try:
        options = _Parser(flow).parse_args(list(argv))
        values = _values(flow, options)
        chosen = flow.checked(_chosen(options))
    except _HelpShown:
        return OK
    except MlopsError as error:
        print(f"{Path(sys.argv[0]).name}: {error.what}", file=sys.stderr)
        print(f"  try: {error.fix}" if error.fix else "  try: --help", file=sys.stderr)
        return BAD_USAGE
    if options["list"]:
        with _reader_may_leave():
            _print_steps(flow, as_json=options["json"])
        return OK
    if options["plan"]:
        return _plan(flow, values, chosen, options)
    return _run(flow, values, chosen, options)


def _chosen(options: Mapping[str, Any]) -> Options:
    """How the pipeline is to be run."""
    only = options["only"]
    if only and (options["from"] or options["until"]):
        raise BadUsage("--only is one step, --from and --until are several", f"--only {only}")
    if options["scheduler"] and options["engine"] != "dask":
        raise BadUsage("--scheduler needs --engine dask", f"--engine dask --scheduler {options['scheduler']}")
    return Options(
        first=only or options["from"] or "",
        last=only or options["until"] or "",
        force=options["force"],
        cache=not options["no_cache"],
        engine=options["engine"],
        jobs=options["jobs"],
        scheduler=options["scheduler"] or "",
    )


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """Print in the block to a reader that may have read enough, as `head` has."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains at its end


class _HelpShown(Exception):
    """`--help` was asked for and given."""


class _Parser:
    """argparse with the pipeline's parameters; mistakes become BadUsage with the nearest option."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        about = getattr(flow, "__doc__", None) or flow.name
        self.parser = _Arguments(description=about.strip(), add_help=False, allow_abbrev=False)
        group = self.parser.add_argument_group("parameters")
        for parameter in flow.parameters:
            _add_parameter(group, parameter)
        group = self.parser.add_argument_group("what to do")
        if flow.parameters:
            variable = variable_of(flow.name, flow.parameters[0])
            group.add_argument(
                "--config",
                metavar="FILE",
                help=f"parameters from a TOML, YAML or JSON file; {variable} and the like too",
            )
        else:
            self.parser.set_defaults(config=None)
        group.add_argument("-h", "--help", action="store_true", help="show this and do nothing")
        group.add_argument("--list", action="store_true", help="list the steps, what each takes and gives")
        plan = ["--plan", "--dry-run"]  # the second is what other tools call it, and gives way to a parameter
        if any(parameter.option == plan[1] for parameter in flow.parameters):
            plan.pop()
        group.add_argument(*plan, dest="plan", action="store_true", help="show what would run and why, run nothing")
        group.add_argument("--from", metavar="STEP", help="begin with this step; what came before it is taken as kept")
        group.add_argument("--until", metavar="STEP", help="stop after this step")
        group.add_argument("--only", metavar="STEP", help="run this step alone, with what is kept of those before it")
        group.add_argument("--force", action="store_true", help="run every step, also where its result is kept")
        group.add_argument("--no-cache", action="store_true", help="neither take nor keep results of steps")
        group.add_argument(
            "--engine",
            choices=ENGINES,
            default="local",
            help="where the steps run: local, one after "
            "the other in this process; process, side by side in processes of this machine; dask, on its workers "
            "(default: local)",
        )
        group.add_argument("--jobs", type=int, metavar="N", help="steps side by side (default: one for each core)")
        group.add_argument("--scheduler", metavar="URL", help="a Dask cluster (default: workers of this machine)")
        group.add_argument("--json", action="store_true", help="print the result as JSON, as the last line of stdout")
        group.add_argument(
            "--store", metavar="FOLDER", help=f"record here (default: {VARIABLE}, else .mlops at or above the script)"
        )
        group.add_argument("--no-store", action="store_true", help="record nothing")
        group.add_argument("--quiet", action="store_true", help="no progress")

    def parse_args(self, argv: list[str]) -> dict[str, Any]:
        parsed, unknown = self.parser.parse_known_args(argv)
        if parsed.help:
            with _reader_may_leave():
                print(self.parser.format_help(), end="")
            raise _HelpShown
        if unknown:
            raise self.parser.unknown(unknown[0])
        return vars(parsed)


class _Arguments(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadUsage(message)

    def unknown(self, word: str) -> BadUsage:
        known = [option for action in self._actions for option in action.option_strings]
        near = nearest(word.partition("=")[0], known)
        return BadUsage(f"unknown option {word}" if word.startswith("-") else f"unexpected {word!r}", near or "--help")


def _add_parameter(group: argparse._ArgumentGroup, parameter: Parameter) -> None:
    option = parameter.option
    about = f"{parameter.help} " if parameter.help else ""
    if not parameter.is_required:
        about += f"(default: {_text(parameter.default)})"
    about = about.replace("%", "%%")
    dest = f"param:{parameter.name}"
    if parameter.kind == "bool" and not parameter.choices:
        group.add_argument(
            option, action=argparse.BooleanOptionalAction, dest=dest, default=argparse.SUPPRESS, help=about
        )
        return
    choices = f"{{{','.join(map(str, parameter.choices))}}}" if parameter.choices else ""
    span = f"{parameter.low:g}..{parameter.high:g}" if parameter.low is not None and parameter.high is not None else ""
    metavar = choices or span or {"json": "JSON", "any": "VALUE"}.get(parameter.kind, parameter.kind.upper())
    is_plain = option == f"--{parameter.name.replace('_', '-')}"
    names = [option, f"--{parameter.name}"] if "_" in parameter.name and is_plain else [option]
    shown = group.add_argument(*names[:1], dest=dest, default=argparse.SUPPRESS, metavar=metavar, help=about)
    shown.option_strings = names[:1]
    for extra in names[1:]:
        group.add_argument(extra, dest=dest, default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def _text(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict | tuple) else str(value)
    except (TypeError, ValueError):
        return repr(value)


def _values(flow: Flow, options: Mapping[str, Any]) -> dict[str, object]:
    """What the command line gives, else the environment, else the file, else the default."""
    given = file_values(flow.parameters, Path(options["config"])) if options["config"] else {}
    given |= environment_values(flow.parameters, flow.name, os.environ)
    for parameter in flow.parameters:
        key = f"param:{parameter.name}"
        if key in options:
            text = options[key]
            given[parameter.name] = parsed_value(parameter, text) if isinstance(text, str) else text
    return bound_values(flow.parameters, (), given, flow.name)


def _print_steps(flow: Flow, *, as_json: bool) -> None:
    calls = flow.steps()
    if as_json:
        print(json.dumps([call.to_dict() for call in calls]))
        return
    width = max((len(call.step) for call in calls), default=0)
    for number, call in enumerate(calls, 1):
        flows = f"{', '.join(call.inputs) or '-'} -> {', '.join(call.outputs) or '-'}"
        note = "  (in a branch or loop)" if call.is_conditional else ""
        print(f"{number:>3}  {call.step:<{width}}  {flows}{note}")
        about = (getattr(flow.step(call.step), "__doc__", None) or "").strip().split("\n")[0]
        if about:
            print(f"     {'':<{width}}  {about}")


def _plan(flow: Flow, values: Mapping[str, object], chosen: Options, options: Mapping[str, Any]) -> int:
    with _store(options):
        try:
            plan = flow.planned(values, chosen)
        except MlopsError as error:
            _say("\n".join(error._render_traceback_()))
            return FAILED
    with _reader_may_leave():
        if options["json"]:
            print(json.dumps(json_value(plan.to_dict()), allow_nan=False))
        else:
            print("\n".join(_plan_lines(plan)))
    return OK


def _plan_lines(plan: Plan) -> Iterator[str]:
    runs = sum(each.verdict == "run" for each in plan.steps)
    kept = [each for each in plan.steps if each.verdict == "kept"]
    saved = f", which saves {seconds_text(sum(each.saved for each in kept))}" if kept else ""
    yield f"{plan.pipeline} would run {runs} of {len(plan.steps)} steps and take {len(kept)} as kept{saved}"
    width = max((len(name) for name in plan.parameters), default=0)
    yield from (f"  {name:<{width}} = {_text(value)}" for name, value in plan.parameters.items())
    width = max((len(each.step) for each in plan.steps), default=0)
    for number, each in enumerate(plan.steps, 1):
        yield f"  {number:>2}  {each.step:<{width}}  {each.verdict:<8}  {each.reason}"


def _run(flow: Flow, values: Mapping[str, object], chosen: Options, options: Mapping[str, Any]) -> int:
    progress = Progress(quiet=options["quiet"])
    code = OK
    with _store(options):
        try:
            flow.execute(values, progress, chosen)
        except KeyboardInterrupt:
            code = INTERRUPTED
            _say(f"\n{_where(progress)} was interrupted: {_how_to_go_on(progress, chosen)}")
        except Exception as error:
            code = FAILED
            _say_error(error, progress, chosen)
    if (last := flow.last) is not None:
        last = _unrecorded(last) if options["no_store"] else last
        if code == OK:
            progress.ended(last)
        if options["json"]:
            sys.stdout.flush()
            print(json.dumps(json_value(last.to_dict()), allow_nan=False))
    return code


def _unrecorded(run: PipelineRun) -> PipelineRun:
    return replace(run, id=None, steps=tuple(replace(step, id=None) for step in run.steps))


def _say(text: str) -> None:
    sys.stdout.flush()
    print(text, file=sys.stderr)


def _where(progress: Progress) -> str:
    return (
        f"step {progress.step!r} ({progress.number} of {max(progress.total, progress.number)})"
        if progress.step
        else "the pipeline"
    )


def _how_to_go_on(progress: Progress, chosen: Options) -> str:
    script = Path(sys.argv[0]).name
    if not chosen.cache:
        return f"python {script} starts over"
    again = f" --from {progress.step}" if progress.step else ""
    return f"python {script}{again} goes on, with what is kept of the steps before it"


def _say_error(error: Exception, progress: Progress, chosen: Options) -> None:
    """The traceback of the user's own frames, the step, and how to go on."""
    if isinstance(error, MlopsError):
        _say("\n".join(error._render_traceback_()))
    else:
        frames = [
            frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_PACKAGE)
        ]
        if told := getattr(error, "mlops_trace", ""):
            _say(told)
            _say(
                f"{_where(progress)} failed: correct it in {Path(sys.argv[0]).name}; {_how_to_go_on(progress, chosen)}"
            )
            return
        lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)]
        _say("".join([*lines, *_only(error)]).rstrip())
    script = Path(sys.argv[0]).name
    _say(f"{_where(progress)} failed: correct it in {script}; {_how_to_go_on(progress, chosen)}")


def _only(error: Exception) -> list[str]:
    try:
        return list(traceback.format_exception_only(type(error), error))
    except Exception:  # a user's exception may raise from its own __str__
        return [f"{type(error).__name__}\n"]


@contextmanager
def _store(options: Mapping[str, Any]) -> Iterator[None]:
    """The store that the options choose, else the one of the script, for the time of the block."""
    if options["no_store"]:
        with tempfile.TemporaryDirectory(prefix="mlops-nb-") as folder, _variable(folder):
            yield
            from mlops_nb.store import close_stores

            close_stores()
    elif options["store"]:
        with _variable(str(Path(options["store"]).expanduser().absolute())):
            yield
    else:
        set_home(_script_folder())
        yield
        set_home(None)


def _script_folder() -> Path:
    """The folder of the script; the working directory when only that has a store."""
    here = Path.cwd()
    folder = Path(sys.argv[0]).absolute().parent
    return here if store_folder(here).is_dir() and not store_folder(folder).is_dir() else folder


@contextmanager
def _variable(value: str) -> Iterator[None]:
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
