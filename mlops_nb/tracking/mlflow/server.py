"""MLflow on the other side: an address, and a server (or MLflow's own database or folder) that is asked and told.

MLflow's client would try for minutes, print, warn and show bars. Here each request is tried three times, within
bounded time, and what goes wrong is one error that says what was asked. Its settings are changed for the time of the
call only; those of the user stand where there are some.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

from mlops_nb.errors import BadArgument, MissingExtra, MlopsError, ServerUnavailable, nearest
from mlops_nb.tracking.mlflow.words import MODELS, UID, Dataset, MlflowRun, Point

T = TypeVar("T")

PAUSES = (0.5, 1.5)
"""Seconds before the second and the third try."""

TIMEOUT_SECONDS = 30
"""How long a server may be silent, unless MLFLOW_HTTP_REQUEST_TIMEOUT says otherwise."""

MOST_ARTIFACTS, DEEPEST = 100_000, 50
_PAGE = 1_000
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


# where


@dataclass(frozen=True, slots=True)
class Address:
    """Where MLflow is: as its client wants it, as it is shown, as the store keeps it; never with a password."""

    uri: str
    shown: str
    key: str
    is_local: bool
    settings: Mapping[str, str] = field(default_factory=dict)


def address(uri: str, near: Path, *, must_exist: bool) -> Address:
    """The address that was typed: http(s)://HOST, sqlite:///FILE or an MLflow folder.

    Args:
        uri: what was typed.
        near: the store's folder, which paths are kept relative to.
        must_exist: whether a database must be there already.

    Raises:
        BadArgument: it is none of these, or nothing is there.
    """
    scheme = uri.partition(":")[0].lower() if re.match(r"[A-Za-z][\w+.-]+:", uri) else ""
    if scheme in ("http", "https"):
        return _http(uri)
    if scheme == "sqlite":
        return _sqlite(uri, near, must_exist)
    if scheme in ("", "file"):
        return _folder(uri, near)
    raise BadArgument(
        f"URI begins with {scheme}:, must be http(s)://HOST:PORT, sqlite:///FILE.db or an MLflow folder",
        "%mlops push mlflow http://localhost:5000",
    )


def _http(uri: str) -> Address:
    parts = urlsplit(uri)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.query or parts.fragment:
        raise BadArgument(
            "URI must be a server's address and nothing after it: http(s)://HOST:PORT",
            "%mlops push mlflow http://localhost:5000",
        )
    plain = f"{parts.scheme.lower()}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"
    plain += parts.path.rstrip("/")
    settings = {}
    if parts.username or parts.password:
        settings = {
            "MLFLOW_TRACKING_USERNAME": unquote(parts.username or ""),
            "MLFLOW_TRACKING_PASSWORD": unquote(parts.password or ""),
        }
    return Address(plain, plain, plain, host in _LOOPBACK, settings)


def _sqlite(uri: str, near: Path, must_exist: bool) -> Address:
    name = unquote(uri.partition(":///")[2])
    if not name or "?" in uri:
        raise BadArgument(f"URI == {uri[:200]!r}, must name a file", "%mlops push mlflow sqlite:///mlflow.db")
    path = Path(name).expanduser().absolute()
    if must_exist and not path.is_file():
        raise BadArgument(f"there is no file {str(path)!r}", f"%mlops push mlflow {uri[:200]}    (would make it)")
    if not path.parent.is_dir():
        raise BadArgument(f"there is no folder {str(path.parent)!r}", f"mkdir {path.parent}")
    if any(find_spec(name) is None for name in _OF_A_DATABASE):
        raise MissingExtra(_ONLY_CLIENT, "pip install mlflow    (all of it), or push to a server: http://HOST:PORT")
    shown = f"sqlite:///{path}"
    made = {"_MLFLOW_SERVER_ARTIFACT_ROOT": (path.parent / "mlruns").as_uri()}  # not in the working directory
    return Address(f"sqlite:///{quote(str(path))}", shown, f"sqlite:{_relative(path, near)}", True, made)


_OF_A_DATABASE = ("sqlalchemy", "alembic", "flask")
"""What MLflow needs beyond its client, mlflow-skinny, to open a database of its own."""

_ONLY_CLIENT = "a database of MLflow is opened by all of MLflow; only its client, mlflow-skinny, is installed"


def _folder(uri: str, near: Path) -> Address:
    path = Path(unquote(urlsplit(uri).path) if uri.startswith("file:") else uri).expanduser().absolute()
    if path.is_file():
        raise BadArgument(f"{str(path)!r} is a file", f"%mlops push mlflow sqlite:///{path}    (if it is a database)")
    if not any(path.glob("*/meta.yaml")):
        raise BadArgument(
            f"{str(path)!r} is no folder of MLflow's; MLflow no longer makes new ones",
            "%mlops push mlflow sqlite:///mlflow.db",
        )
    allowed = {"MLFLOW_ALLOW_FILE_STORE": "true"}  # MLflow 3.13 and later refuse even to read one otherwise
    return Address(path.as_uri(), str(path), f"file:{_relative(path, near)}", True, allowed)


def _relative(path: Path, near: Path) -> str:
    return Path(os.path.relpath(path, near)).as_posix()


# the settings of a call


@contextmanager
def settled(where: Address) -> Iterator[None]:
    """MLflow quiet, patient within bounds, sending nothing but what is asked; until the block ends."""
    chosen = {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # we try again ourselves
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
        **where.settings,
    }
    if "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ:
        chosen["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(TIMEOUT_SECONDS)
    before = {name: os.environ.get(name) for name in chosen}
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic", "urllib3")]
    levels = [one.level for one in loggers]
    os.environ.update(chosen)
    try:
        for one in loggers:
            one.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _whole_or_not() -> Iterator[None]:
    """Import MLflow whole or not at all: the half that an interrupt leaves would fail until the kernel is restarted."""
    before = set(sys.modules)
    try:
        yield
    except BaseException:
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == "mlflow":
                del sys.modules[name]
        raise


# who


class Refused(MlopsError):
    """The server understood, and says no to what it was asked."""


class Server:
    """MLflow at an address; used within `settled`.

    Args:
        where: its address.

    Raises:
        MissingExtra: MLflow is not installed.
        ServerUnavailable: it cannot be reached.
    """

    def __init__(self, where: Address) -> None:
        self.where = where
        self.changes = 0
        """How many times something was changed there."""
        try:
            with _whole_or_not():
                from mlflow import MlflowClient
        except ImportError:
            raise MissingExtra("MLflow is not installed", "pip install 'mlops-nb[mlflow]'") from None
        self.client: Any = self.ask("opened", lambda: MlflowClient(where.uri))
        self.say: Callable[[str], None] = lambda line: None
        """Is told what takes long."""
        self.experiments: dict[str, str] = {}
        """Name by id."""
        self.gone: set[str] = set()
        """Ids of experiments that were deleted."""
        self._list_experiments()

    def _list_experiments(self) -> None:
        from mlflow.entities import ViewType

        def ask(page: str | None) -> Any:
            return self.client.search_experiments(ViewType.ALL, _PAGE, page_token=page)

        try:
            for one in self.pages("experiments were listed", ask):
                self.experiments[str(one.experiment_id)] = str(one.name)
                if one.lifecycle_stage != "active":
                    self.gone.add(str(one.experiment_id))
        except Refused as no:
            raise ServerUnavailable(f"{self.where.shown} does not answer as MLflow does: {no.what}") from None

    def pages(self, what: str, ask: Callable[[str | None], Any]) -> Iterator[Any]:
        """Everything of a list that MLflow gives page by page; `ask` takes the page's token."""
        token: str | None = None
        while True:
            found = self.ask(what, lambda page=token: ask(page))  # type: ignore[misc]
            yield from found
            token = found.token
            if not token:
                return

    def ask(self, what: str, call: Callable[[], T], *, again: bool = True) -> T:
        """What MLflow answers, tried again where that may help.

        Raises:
            Refused: it says no.
            ServerUnavailable: it does not answer, or only with faults.
        """
        for pause in (*PAUSES, None) if again else (None,):
            try:
                return call()
            except MlopsError:
                raise
            except Exception as error:  # MLflow's back ends raise what the libraries below them do
                fault = self._fault(what, error)
                if pause is None or isinstance(fault, Refused) or not self.where.uri.startswith("http"):
                    raise fault from None
                time.sleep(pause)
        raise AssertionError

    def tell(self, what: str, call: Callable[[], T], *, again: bool = True) -> T:
        """As `ask`, where something is changed there."""
        self.changes += 1
        return self.ask(what, call, again=again)

    def _fault(self, what: str, error: Exception) -> MlopsError:
        if isinstance(error, ImportError):
            return MissingExtra(f"{_ONLY_CLIENT}: {_said(error)}", "pip install mlflow    (all of it)")
        code = str(getattr(error, "error_code", "") or "")
        status = getattr(getattr(error, "response", None), "status_code", None)
        said = _said(error)
        if code in ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED") or status in (401, 403):
            return ServerUnavailable(
                f"{self.where.shown} wants to know who you are ({what}): {said}",
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
            )
        is_refusal = code in _REFUSALS or (status is not None and 400 <= status < 500 and status not in (408, 429))
        if is_refusal:
            return Refused(f"{what}: {said}")
        return ServerUnavailable(f"{self.where.shown} failed while {what}: {said}")

    def answers(self) -> bool:
        """Whether it answers at all."""
        try:
            self.ask("it was asked", lambda: self.client.search_experiments(max_results=1), again=False)
        except MlopsError:
            return False
        return True

    # experiments

    def experiment_named(self, name: str) -> str:
        """The id of the experiment of that name.

        Raises:
            BadArgument: there is none; the fix is the nearest.
        """
        active = {known: number for number, known in self.experiments.items() if number not in self.gone}
        if name in active:
            return active[name]
        near = nearest(name, active)
        raise BadArgument(
            f"there is no experiment {name[:60]!r} at {self.where.shown}",
            f"%mlops pull mlflow {self.where.shown} {near}" if near else f"%mlops pull mlflow {self.where.shown}",
        )

    def experiment_made(self, name: str) -> str:
        """The id of the experiment of that name, made when it is not there.

        Raises:
            BadArgument: it was deleted there.
        """
        for number, known in self.experiments.items():
            if known == name:
                if number in self.gone:
                    raise BadArgument(
                        f"the experiment {name[:60]!r} was deleted at {self.where.shown}",
                        f"%mlops push mlflow {self.where.shown} --experiment OTHER",
                    )
                return number
        try:
            made = str(self.tell(f"the experiment {name[:60]} was made", lambda: self.client.create_experiment(name)))
        except Refused:
            known = self.ask("experiments were listed", lambda: self.client.get_experiment_by_name(name))
            if known is None:
                raise
            made = str(known.experiment_id)  # another made it in between
        self.experiments[made] = name
        return made

    # runs

    def runs(self, experiments: Sequence[str]) -> Iterator[MlflowRun]:
        """The runs of experiments, but those that were deleted."""
        if experiments:
            found = self.pages(
                "runs were listed",
                lambda page: self.client.search_runs(list(experiments), max_results=_PAGE, page_token=page),
            )
            yield from map(self._plain, found)

    def run(self, number: str) -> MlflowRun | None:
        """The run of that id, or None; one that was deleted says so."""
        try:
            return self._plain(self.ask(f"run {number} was read", lambda: self.client.get_run(number)))
        except Refused:
            return None

    def run_called(self, uid: str) -> MlflowRun | None:
        """The first run that was pushed under that uid, or that has it as its id; deleted ones, too."""
        from mlflow.entities import ViewType

        found = self.ask(
            "runs were looked for",
            lambda: self.client.search_runs(
                list(self.experiments), f"tags.`{UID}` = '{uid}'", ViewType.ALL, 10, ["attributes.start_time ASC"]
            ),
        )
        plain = sorted(map(self._plain, found), key=lambda one: (one.is_deleted, one.id))
        return plain[0] if plain else self.run(uid)

    def create(self, experiment: str, ours: MlflowRun, uid: str) -> MlflowRun:
        """A new run with the tag by which it is known again; made once, even when the answer got lost."""
        tags = {UID: uid} | {name: value for name, value in ours.tags.items() if name.startswith("mlflow.")}
        for pause in (*PAUSES, None):
            try:
                made = self.tell(
                    f"run {ours.name[:60]} was made",
                    lambda: self.client.create_run(experiment, ours.started_ms, tags, ours.name or None),
                    again=False,
                )
                return self._plain(made)
            except ServerUnavailable:
                if pause is None or not self.where.uri.startswith("http"):
                    raise
                time.sleep(pause)
                if known := self.run_called(uid):
                    return known
        raise AssertionError

    def _plain(self, run: Any) -> MlflowRun:
        """A run as MLflow's client gives it, as plain values."""
        info, data = run.info, run.data
        latest = {
            str(one.key): ((int(one.step), float(one.value), int(one.timestamp)),)
            for one in getattr(data, "_metric_objs", ())
        }
        inputs = getattr(getattr(run, "inputs", None), "dataset_inputs", None) or ()
        outputs = getattr(getattr(run, "outputs", None), "model_outputs", None) or ()
        return MlflowRun(
            str(info.run_id),
            self.experiments.get(str(info.experiment_id), str(info.experiment_id)),
            str(info.run_name or data.tags.get("mlflow.runName", "")),
            str(info.status),
            int(info.start_time or 0),
            int(info.end_time) if info.end_time else None,
            {str(name): str(text) for name, text in data.params.items()},
            {str(name): str(text) for name, text in data.tags.items()},
            {name: latest[name] for name in sorted(latest)},
            tuple(sorted((_dataset(one.dataset) for one in inputs), key=lambda one: (one.name, one.digest))),
            str(info.artifact_uri or ""),
            tuple(sorted(str(one.model_id) for one in outputs)),
            info.lifecycle_stage != "active",
        )

    def history(self, run: str, metric: str) -> tuple[Point, ...]:
        """All points of a metric."""
        found = self.ask(f"metric {metric[:60]} was read", lambda: self.client.get_metric_history(run, metric))
        return tuple((int(one.step), float(one.value), int(one.timestamp)) for one in found)

    def log(
        self,
        run: str,
        *,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        points: Mapping[str, Sequence[Point]] | None = None,
    ) -> list[str]:
        """Log what a run lacks, in batches of what MLflow takes at once; what it refused, and why."""
        from mlflow.entities import Metric, Param, RunTag

        metrics = [Metric(name, value, ms, step) for name, given in (points or {}).items() for step, value, ms in given]
        faults = []
        for what, group, size in (
            ("params", [Param(name, text) for name, text in (params or {}).items()], 100),
            ("tags", [RunTag(name, text) for name, text in (tags or {}).items()], 100),
            ("metrics", metrics, 1_000),
        ):
            for start in range(0, len(group), size):
                if len(group) > size:
                    self.say(f"{start:,} of {len(group):,} {what} of a run")
                faults += self._logged(run, what, group[start : start + size])
        return list(dict.fromkeys(faults))

    def _logged(self, run: str, what: str, items: Sequence[Any]) -> list[str]:
        """Log items together; where the server refuses, by halves, until what it refuses stands alone."""
        try:
            self.tell(f"{what} were logged", lambda: self.client.log_batch(run, **{what: list(items)}))
        except Refused as no:
            if len(items) == 1:
                return [f"{what.removesuffix('s')} {items[0].key}: {no.what.partition(': ')[2]}"]
            half = len(items) // 2
            return self._logged(run, what, items[:half]) + self._logged(run, what, items[half:])
        return []

    def drop_tags(self, run: str, names: Sequence[str]) -> None:
        """Take tags off a run."""
        for name in names:
            self.tell(f"tag {name[:60]} was taken off", lambda tag=name: self.client.delete_tag(run, tag))  # type: ignore[misc]

    def log_datasets(self, run: str, datasets: Sequence[Dataset]) -> None:
        """Say what data a run read."""
        from mlflow.entities import Dataset as Entity
        from mlflow.entities import DatasetInput

        given = [
            DatasetInput(Entity(one.name, one.digest, one.source_type, one.source, one.schema, one.profile), [])
            for one in datasets
        ]
        if given:
            self.tell("data sets were logged", lambda: self.client.log_inputs(run, given))

    def rename(self, run: str, name: str) -> None:
        """Give a run another name."""
        self.tell("the run was renamed", lambda: self.client.update_run(run, name=name))

    def end(self, run: str, ours: MlflowRun) -> None:
        """Say how and when a run ended, or that it goes on."""
        if ours.status == "RUNNING":
            self.tell("the run was reopened", lambda: self.client.update_run(run, status="RUNNING"))
        else:
            self.tell("the run was ended", lambda: self.client.set_terminated(run, ours.status, ours.ended_ms))

    # artifacts

    def artifacts(self, run: MlflowRun) -> dict[str, Listed]:
        """All artifacts of a run by path, those of models that it logged, too.

        Raises:
            Refused: there is no end of them, or they are where we do not read.
        """
        found: dict[str, Listed] = {}
        for prefix, repository in self._repositories(run):
            for one in self.listed(repository):
                if one.inside.startswith(MODELS):
                    continue  # of a version that was pushed, not of the run
                found[f"{prefix}{one.inside}"] = one
                if len(found) > MOST_ARTIFACTS:
                    raise Refused(f"artifacts: there are more than {MOST_ARTIFACTS:,} files")
        return dict(sorted(found.items()))

    def _repositories(self, run: MlflowRun) -> Iterator[tuple[str, Any]]:
        yield "", self.repository(run.artifact_uri)
        for number in run.models:
            model = self.ask(f"model {number} was read", lambda one=number: self.client.get_logged_model(one))  # type: ignore[misc]
            yield f"{model.name}/", self.repository(str(model.artifact_location))

    def repository(self, uri: str) -> Any:
        """Where artifacts lie, as MLflow reads and writes them.

        Raises:
            Refused: it is a folder of the server's own machine.
        """
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        scheme = uri.partition(":")[0].lower() if re.match(r"[A-Za-z][\w+.-]+:", uri) else "file"
        if scheme == "file" and not self.where.is_local:
            raise Refused(
                "artifacts: the server keeps them in a folder of its own machine and does not serve them "
                "(start it with --serve-artifacts)"
            )
        return self.ask("artifacts were looked for", lambda: get_artifact_repository(uri, tracking_uri=self.where.uri))

    def listed(self, repository: Any, folder: str | None = None, depth: int = 0) -> Iterator[Listed]:
        """The files below a folder of a repository."""
        for one in self.ask("artifacts were listed", lambda: repository.list_artifacts(folder)):
            if not one.is_dir:
                yield Listed(str(one.path), one.file_size, repository)
            elif depth < DEEPEST:
                yield from self.listed(repository, str(one.path), depth + 1)

    def upload(self, run: MlflowRun, file: Path, path: str) -> None:
        """Put a file, which bears the last part of the path as its name, among a run's artifacts."""
        folder = path.rpartition("/")[0] or None
        repository = self.repository(run.artifact_uri)
        self.tell(f"artifact {path} was sent", lambda: repository.log_artifact(str(file), folder))

    def remove(self, run: MlflowRun, path: str) -> None:
        """Take an artifact away."""
        repository = self.repository(run.artifact_uri)
        self.tell(f"artifact {path} was taken away", lambda: repository.delete_artifacts(path))

    def download(self, one: Listed, folder: Path) -> Path:
        """Fetch an artifact into an empty folder; where it lies there.

        Raises:
            Refused: what came is no file in that folder, or not of the size that was listed.
        """
        what = f"artifact {one.inside} was fetched"
        got = Path(self.ask(what, lambda: one.repository.download_artifacts(one.inside, str(folder))))
        if got.is_symlink() or not got.is_file() or not got.resolve().is_relative_to(folder.resolve()):
            raise Refused(f"artifact {one.inside}: what came is not one file")
        if one.size is not None and got.stat().st_size != one.size:
            raise Refused(f"artifact {one.inside}: {got.stat().st_size:,} bytes came of {one.size:,}")
        return got


@dataclass(frozen=True, slots=True)
class Listed:
    """An artifact that is listed, and where it is to be had."""

    inside: str
    size: int | None
    repository: Any


_REFUSALS = (
    "INVALID_PARAMETER_VALUE",
    "BAD_REQUEST",
    "RESOURCE_DOES_NOT_EXIST",
    "RESOURCE_ALREADY_EXISTS",
    "INVALID_STATE",
    "NOT_FOUND",
    "ENDPOINT_NOT_FOUND",
    "FEATURE_DISABLED",
    "NOT_IMPLEMENTED",
)


def _said(error: Exception) -> str:
    """What an error of MLflow's says, without addresses that may hold a password, on one line."""
    text = str(getattr(error, "message", "") or error)
    text = re.sub(r"//[^/\s@']*@", "//", text)
    if found := re.search(r"too many (\d{3}) error responses", text):
        return f"it answered {found[1]}"
    if "Read timed out" in text or "timeout" in text.lower():
        return "it did not answer in time"
    if "Connection refused" in text or "NewConnectionError" in text:
        return "nobody answers there"
    if "RemoteDisconnected" in text or "Connection aborted" in text or "IncompleteRead" in text:
        return "it closed the connection"
    return " ".join(text.split())[:300]


def _dataset(one: Any) -> Dataset:
    return Dataset(
        str(one.name),
        str(one.digest),
        str(one.source_type),
        str(one.source),
        str(one.schema or ""),
        str(one.profile or ""),
    )
