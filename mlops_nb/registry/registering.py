"""A fitted model, or an artifact of a run, as a new version: its file, its manifest and the event in one go."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import ArtifactNotFound, BadArgument, RunNotFound
from mlops_nb.registry import fitted
from mlops_nb.registry.log import standing, unbroken
from mlops_nb.registry.model_formats import is_model
from mlops_nb.registry.moving import EventLog
from mlops_nb.registry.service import version
from mlops_nb.registry.signature import Signature
from mlops_nb.registry.uris import alias_name, model_name
from mlops_nb.registry.versions import Manifest, ModelVersion, Origin, manifest_hash
from mlops_nb.reproducibility.fingerprints import data_kind, fingerprint
from mlops_nb.reproducibility.service import distributions_of, environment, needs_of
from mlops_nb.store import blobs, open_store
from mlops_nb.store import registry as rows
from mlops_nb.store.sessions import session_id
from mlops_nb.store.unrecorded import record_kept
from mlops_nb.store.whole_runs import get_run
from mlops_nb.tracking import service as tracking
from mlops_nb.tracking.artifacts import formats
from mlops_nb.tracking.artifacts.keeping import kept
from mlops_nb.tracking.artifacts.loading import artifacts_of, opened
from mlops_nb.tracking.autolog.estimators import Estimator
from mlops_nb.tracking.place import place
from mlops_nb.tracking.runs import Artifact, Run
from mlops_nb.tracking.secrets.redaction import without_secrets
from mlops_nb.tracking.values import bounded_text, safe_repr

if TYPE_CHECKING:
    from mlops_nb.reproducibility.records import Environment
    from mlops_nb.store import Store
    from mlops_nb.store.housekeeping import Connection

LAST = "last"
"""As a run: the newest one that is no part of another."""

_FILE = "model"


@dataclass(frozen=True, slots=True)
class _New:
    """A version that is to be: all but its number, and its files."""

    name: str
    run: Run
    kind: str
    signature: Signature
    roots: tuple[str, ...]
    surroundings: Environment
    aliases: tuple[str, ...]
    note: str
    tags: Mapping[str, str]


def register(
    model: Any,
    name: str,
    *,
    run: int | str | None = None,
    alias: str | Sequence[str] = (),
    note: str = "",
    tags: Mapping[str, object] | None = None,
    example: Any = None,
    allow_pickle: bool = False,
    variable: str = "",
    namespace: Mapping[str, object] | None = None,
    store: Store | None = None,
) -> ModelVersion:
    """Register a fitted model as a new version of a model: immutable, with its signature, its run and its hash.

    What it takes and gives is known from an example, from the training data that the run recorded, or from what
    autolog saw; without any of them it is refused.

    Args:
        model: a fitted model: something that predicts or transforms.
        name: the model's name; a new one begins with version 1.
        run: the run that made it, named as for `show`, or "last"; by default the one that is going on, or the
            newest that a cell made which wrote `variable`, or else this session's newest.
        alias: an alias, or several, that point to the version from now on.
        note: what there is to say about it.
        tags: tags of the version.
        example: data as it predicts of: a frame, an array, a list of rows.
        allow_pickle: keep it as a pickle where skops cannot write it; loading it must then be allowed, too.
        variable: the name that the model has in the notebook.
        namespace: where the run's training data may be found by the names it was recorded under.
        store: the store, or None for the one of the working directory.

    Raises:
        BadArgument: it is no model, cannot be kept without a pickle, or its signature is not known.
        RunNotFound: no run is called that, or none made it.
        MissingExtra: skops is not installed.
    """
    store = store or open_store()
    name, aliases = model_name(name), _aliases(alias)
    fitted.required_model(model)
    made_by = _run(run, store, variable)
    signature = _signature(model, fitted.class_of(model), made_by, example, namespace or {}, store)
    roots = fitted.module_roots(model)
    kind = fitted.class_of(model)
    new = _New(name, made_by, kind, signature, roots, environment(), aliases, note, _tags(tags, store))
    with _kept(store, model, allow_pickle) as file:
        number = _registered(store, new, file)
    return version(f"{name}/{number}", store=store)


def register_artifact(
    name: str,
    *,
    run: int | str,
    artifact: str = _FILE,
    alias: str | Sequence[str] = (),
    note: str = "",
    tags: Mapping[str, object] | None = None,
    example: Any = None,
    allow_pickle: bool = False,
    store: Store | None = None,
) -> ModelVersion:
    """Register a model that a run kept as an artifact; its content is not copied. The rest as for `register`.

    Args:
        name: the model's name.
        run: the run, named as for `show`, or "last".
        artifact: the artifact's name.
        alias: an alias, or several, that point to the version from now on.
        note: what there is to say about it.
        tags: tags of the version.
        example: data as it predicts of; needed where autolog did not see the fit.
        allow_pickle: register one that is a pickle, too.
        store: the store, or None for the one of the working directory.

    Raises:
        RunNotFound: no run is called that.
        ArtifactNotFound: the run has no such artifact.
        BadArgument: it is no model, is a pickle, or its signature is not known.
        StoreIsDamaged: its file was changed.
    """
    store = store or open_store()
    name, aliases = model_name(name), _aliases(alias)
    made_by = _run(run, store, "")
    one = _model_artifact(made_by, artifact)
    if one.details.get("format") == "pickle" and not allow_pickle:
        raise BadArgument(
            f"{one.path} of run {made_by.id} is a pickle, which runs whatever code is in it when it is loaded",
            f"%mlops register {name} --run {made_by.id} --artifact {one.path} --allow-pickle",
        )
    with opened(store, one) as file:
        found = formats.read_value(one, file, trust=_named_types(one)) if example is not None or _is_safe(one) else None
    kind = fitted.class_of(found) if found is not None else str(one.details.get("class", ""))
    signature = _signature(found, kind, made_by, example, {}, store)
    surroundings = made_by.environment or environment()
    roots = fitted.module_roots(found) if found is not None else (kind.partition(".")[0],)
    new = _New(name, made_by, kind, signature, roots, surroundings, aliases, note, _tags(tags, store))
    with blobs.alone(store):
        number = _registered(store, new, replace(one, path=one.path.rpartition("/")[2]))
    return version(f"{name}/{number}", store=store)


def _is_safe(one: Artifact) -> bool:
    return one.details.get("format") != "pickle" and not _named_types(one)


def _named_types(one: Artifact) -> tuple[str, ...]:
    """The types that a model of ours holds beside those that are trusted anyway, as they were when it was written."""
    found = one.details.get("untrusted")
    return tuple(map(str, found)) if isinstance(found, list | tuple) else ()


def _model_artifact(run: Run, name: str) -> Artifact:
    found = artifacts_of(run, name)
    if len(found) != 1 or found[0].kind not in ("model", "object"):
        models = [one.path for one in run.artifacts if one.kind == "model"]
        raise ArtifactNotFound(
            f"{safe_repr(name, 60)} of run {run.id} is no model",
            f"--artifact {models[0]}" if models else 'mlops_nb.log_artifact(model, "model")    (inside the run)',
        )
    return found[0]


def _aliases(given: str | Sequence[str]) -> tuple[str, ...]:
    names = [given] if isinstance(given, str) else list(given)
    return tuple(dict.fromkeys(alias_name(each.removeprefix("@")) for each in names))


def _tags(given: Mapping[str, object] | None, store: Store) -> dict[str, str]:
    texts = {
        bounded_text(str(name), 200): bounded_text(value if isinstance(value, str) else safe_repr(value))
        for name, value in (given or {}).items()
    }
    return without_secrets(texts, store, set())


# the run


def _run(ref: int | str | None, store: Store, variable: str) -> Run:
    """The run that made a model.

    Raises:
        RunNotFound: none is called that, or none made it.
    """
    record_kept(store)
    if ref is None and (going := tracking.active_run()) is not None and going.id is not None:
        return get_run(store, going.id)
    number: int | None
    if ref == LAST:
        number = rows.newest_run(store)
    elif ref is not None:
        return tracking.find_run(ref, store)
    elif variable:
        number = rows.run_that_wrote(store, session_id(store), variable)
    else:
        number = rows.newest_run(store, session_id(store))
    if number is None:
        what = f"no run of this session made {variable}" if variable else "no run made this model in this session"
        raise RunNotFound(
            "there is no run" if ref == LAST else what,
            "%%mlops run NAME    (first line of the cell that fits it), or say --run 12 or --run last",
        )
    return tracking.find_run(number, store)


def origin_of(run: Run) -> Origin:
    """The run that made a model, as its manifest names it."""
    return Origin(
        run.id,
        run.uid,
        run.name,
        run.notebook,
        run.cell_id,
        run.execution_count,
        sha256((run.source or place().source).encode("utf-8", "replace")).hexdigest(),
        run.code.commit if run.code else "",
    )


# what it takes and gives


def _signature(
    model: Any, kind: str, run: Run, example: Any, namespace: Mapping[str, object], store: Store
) -> Signature:
    """What a model takes and gives: by an example, by its run's training data, or by what autolog saw.

    Raises:
        BadArgument: by none of them.
    """
    if example is not None:
        return fitted.signature_seen(model, example)
    parts = [run, *(get_run(store, child) for child in run.children[:MOST_PARTS])]
    recorded = _recorded_data(parts, namespace)
    trained = fitted.trained_on(model, recorded)
    if trained:
        return fitted.signature_seen(model, recorded[trained])
    fits = [one for part in parts for one in part.estimators]
    seen = fitted.recorded_signature(model, kind, [one for one in fits if _is_of(one, kind)])
    if seen is not None:
        return seen
    raise BadArgument(
        f"what the model takes and gives is not known: run {run.id} recorded no training data that fits it",
        "give an example of it: --example X_train, or example=X_train    (or %mlops autolog on before the fit)",
    )


MOST_PARTS = 50
"""Child runs of a run that are looked through for the fit of a model."""


def _is_of(one: Estimator, kind: str) -> bool:
    """Whether an estimator is of a class; of an artifact only the top package and the class's name may be known."""
    return one.kind == kind or (one.kind.partition(".")[0], one.kind.rpartition(".")[2]) == (
        kind.partition(".")[0],
        kind.rpartition(".")[2],
    )


def _recorded_data(runs: Sequence[Run], namespace: Mapping[str, object]) -> dict[str, Any]:
    """The data of runs that is still in the namespace as it was read, by name."""
    found: dict[str, Any] = {}
    for recorded in (one for run in runs for one in run.data):
        value = namespace.get(recorded.name)
        if recorded.name not in found and value is not None and data_kind(value) == recorded.kind:
            with suppress(Exception):  # a value may be anything by now
                now = fingerprint(recorded.name, value)
                if now is not None and now.fingerprint == recorded.fingerprint:
                    found[recorded.name] = value
    return found


# what it needs


_DISTRIBUTIONS = {"sklearn": "scikit-learn"}


def _requirements(roots: Sequence[str], surroundings: Environment) -> tuple[str, ...]:
    """The packages that a model of these top packages needs, pinned as they were."""
    packages = surroundings.packages
    names = {root: _DISTRIBUTIONS.get(root, root.replace("_", "-").lower()) for root in roots}
    unknown = [root for root, name in names.items() if name not in packages]
    direct = {name for name in names.values() if name in packages}
    if unknown:
        direct |= {name for each in distributions_of(unknown).values() for name in each if name in packages}
    needed = direct.union(*needs_of(direct).values()) if direct else direct
    return tuple(f"{name}=={packages[name]}" for name in sorted(needed) if name in packages)


# into the store


@contextmanager
def _kept(store: Store, model: Any, allow_pickle: bool) -> Iterator[Artifact]:
    """The model's file, kept as skops or else, where that is allowed, as a pickle; its version is written in the block.

    Raises:
        BadArgument: skops cannot write it, and a pickle is not allowed.
    """
    with ExitStack() as stack:
        try:
            _required_estimator(model)
            done = stack.enter_context(kept(store, model, _FILE))
        except BadArgument as no:
            if not allow_pickle:
                raise BadArgument(no.what, f"{_ALLOW}    (only who allows it again can load it)") from None
            done = stack.enter_context(kept(store, model, _FILE, as_pickle=True))
        yield done.files[0]


_ALLOW = "--allow-pickle, or allow_pickle=True"


def _required_estimator(model: Any) -> None:
    if not is_model(model):
        raise BadArgument(f"{fitted.class_of(model)} is no estimator, which skops could keep without a pickle")


def _registered(store: Store, new: _New, file: Artifact) -> int:
    """The number of the new version: its row and its events, in one transaction."""
    untrusted = file.details.get("untrusted")
    form = str(file.details.get("format", ""))
    with store.transaction(durable=True) as connection:
        number = rows.last_number(store, new.name) + 1
        manifest = Manifest(
            new.name,
            number,
            time.time(),
            new.kind,
            form,
            (file,),
            new.signature,
            _requirements((*new.roots, "skops") if form == "skops" else new.roots, new.surroundings),
            new.surroundings.python,
            origin_of(new.run),
            tuple(replace(one, types={}, columns={}) for one in new.run.data),
            tuple(map(str, untrusted)) if isinstance(untrusted, list | tuple) else (),
        )
        add_version(connection, store, manifest, aliases=new.aliases, note=new.note, tags=new.tags)
    return number


def add_version(
    connection: Connection,
    store: Store,
    manifest: Manifest,
    *,
    aliases: Sequence[str] = (),
    note: str = "",
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write a version, and that it was registered, in an open transaction; then its tags and what points to it."""
    text = manifest.text()
    log, digest = EventLog(connection, store, manifest.model), manifest_hash(text)
    pointed = standing(unbroken(rows.events(store, manifest.model))).aliases
    rows.add_version(connection, manifest.model, manifest.version, text, digest)
    log.add("registered", manifest.version, now=digest, note=note)
    for name, value in (tags or {}).items():
        log.add("tag", manifest.version, slot=name, now=value)
    for alias in aliases:
        was = pointed.get(alias)
        log.add("alias", manifest.version, slot=alias, was="" if was is None else str(was), now=str(manifest.version))
