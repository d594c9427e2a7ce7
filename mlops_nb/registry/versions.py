"""The records of the registry: what a version is made of, where it stands, what was done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from mlops_nb.errors import StoreIsDamaged
from mlops_nb.record import Record, json_value, read
from mlops_nb.registry.log import Event, Stage
from mlops_nb.registry.signature import Signature
from mlops_nb.reproducibility.records import DataFingerprint
from mlops_nb.tracking.runs import Artifact


@dataclass(frozen=True, slots=True)
class Origin(Record):
    """The run that made a model, and the cell that it is; `code_sha256` is of the cell's text."""

    run: int
    uid: str
    name: str
    notebook: str = ""
    cell_id: str = ""
    execution_count: int | None = None
    code_sha256: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Manifest(Record):
    """What a version is: never changed. Its SHA-256 is over all of this, so over the hashes of its files, too.

    `kind` is the model's class with its module, `format` skops, pickle, or mlflow for a folder of MLflow's that only
    MLflow reads; `data` the frames that the run read, by fingerprint; `untrusted` types that must be named on loading.
    """

    model: str
    version: int
    created: float
    kind: str
    format: str
    files: tuple[Artifact, ...]
    signature: Signature
    requirements: tuple[str, ...]
    python: str
    origin: Origin | None = None
    data: tuple[DataFingerprint, ...] = ()
    untrusted: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Bytes of its files."""
        return sum(one.size_bytes for one in self.files)

    @property
    def main_file(self) -> Artifact:
        """The file with the model itself."""
        return next((one for one in self.files if one.kind in ("model", "object")), self.files[0])

    def text(self) -> str:
        """The one way in which it is written down."""
        return json.dumps(json_value(self.to_dict()), sort_keys=True, ensure_ascii=False)


def manifest_hash(text: str) -> str:
    """The SHA-256 of a manifest as it is written down."""
    return sha256(text.encode("utf-8", "replace")).hexdigest()


def read_manifest(text: str) -> Manifest:
    """The manifest that `text()` wrote.

    Raises:
        StoreIsDamaged: it is none.
    """
    try:
        found: Manifest = read(Manifest, json.loads(text))
    except (ValueError, RecursionError) as error:
        raise StoreIsDamaged(f"a manifest in the store cannot be read: {error}") from None
    return found


@dataclass(frozen=True, slots=True)
class ModelVersion(Record):
    """A version, and where it stands: `stage` since `since` (seconds since the epoch); `metrics` are its run's."""

    manifest: Manifest
    sha256: str
    stage: Stage
    since: float
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    who: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    is_deleted: bool = False

    @property
    def name(self) -> str:
        """The model."""
        return self.manifest.model

    @property
    def number(self) -> int:
        """The version."""
        return self.manifest.version

    @property
    def uri(self) -> str:
        """What it is loaded by."""
        return f"models:/{self.name}/{self.number}"


@dataclass(frozen=True, slots=True)
class RegisteredModel(Record):
    """A model: its versions, newest first, its aliases and all that happened to it; as it was at `as_of`, if given."""

    name: str
    versions: tuple[ModelVersion, ...]
    aliases: Mapping[str, int]
    events: tuple[Event, ...]
    now: float
    as_of: float | None = None

    def in_stage(self, stage: Stage) -> tuple[ModelVersion, ...]:
        """The versions in a stage, newest first."""
        return tuple(one for one in self.versions if one.stage == stage and not one.is_deleted)


@dataclass(frozen=True, slots=True)
class ModelSummary(Record):
    """One line of the list of models: numbers of versions, and when something last happened."""

    name: str
    versions: int
    newest: int
    production: int | None
    staging: tuple[int, ...]
    aliases: Mapping[str, int]
    changed: float


@dataclass(frozen=True, slots=True)
class ModelList(Record):
    """The registered models; what changed last first."""

    models: tuple[ModelSummary, ...]
    store: str
    as_of: float | None = None


@dataclass(frozen=True, slots=True)
class Change(Record):
    """What was done to a model, and the model as it is then."""

    events: tuple[Event, ...]
    model: RegisteredModel
    is_rollback: bool = False


@dataclass(frozen=True, slots=True)
class LogCheck(Record):
    """The log looked through from end to end: what is wrong with it, the versions and their files.

    `head` is the hash of the last event: whoever notes it elsewhere can prove later that nothing before it changed.
    """

    events: int
    versions: int
    files: int
    head: str
    faults: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults
