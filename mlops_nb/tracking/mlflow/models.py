"""A model version as MLflow has it, from ours and back: a folder with an MLmodel, tags, aliases, a description.

A version of ours becomes a folder that MLflow loads by itself (`mlflow.sklearn.load_model`), with our manifest beside
the model. One that MLflow made is kept with all its files; what of them is the model is read from its MLmodel.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlops_nb.errors import StoreIsDamaged
from mlops_nb.record import Record
from mlops_nb.registry.log import Stage
from mlops_nb.registry.signature import Column, Signature
from mlops_nb.registry.versions import Manifest, ModelVersion, Origin, manifest_hash, read_manifest
from mlops_nb.tracking.mlflow.words import LONGEST_TAG, MODELS, mlflow_names
from mlops_nb.tracking.runs import Artifact
from mlops_nb.tracking.values import bounded_text

MANIFEST, MLMODEL, REQUIREMENTS = "manifest.json", "MLmodel", "requirements.txt"

SHA256, VERSION, STAGE = "mlops_nb.sha256", "mlops_nb.version", "mlops_nb.stage"
"""Tags that a push adds: the hash of the manifest, by which a version is known again; its name and stage here."""

OURS = (SHA256, VERSION, STAGE)


@dataclass(frozen=True, slots=True)
class MlflowVersion(Record):
    """A model version in MLflow's words; `download` is where its files are."""

    name: str
    version: str
    created_ms: int
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    stage: str = "None"
    run_id: str = ""
    is_ready: bool = True


@dataclass(frozen=True, slots=True)
class MlflowModel(Record):
    """A registered model of MLflow's: what it says of all its versions, and where its aliases point."""

    name: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AgreedVersion(Record):
    """What both sides said of a version when they were last brought together; `stage` there."""

    note: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    stage: str = ""


# ours, in MLflow's words


def folder_of_version(one: ModelVersion) -> str:
    """Where the files of a version go among its run's artifacts."""
    return f"{MODELS}{one.sha256[:16]}"


def carried_version(one: ModelVersion) -> tuple[MlflowVersion, tuple[str, ...]]:
    """A version in MLflow's words, and what these cannot say."""
    names = mlflow_names(one.tags)
    faults = [
        f"tag {name}: MLflow does not allow the name, it is {new!r} there" for name, new in names.items() if name != new
    ]
    tags = {names[name]: value[:LONGEST_TAG] for name, value in one.tags.items()}
    faults += [
        f"tag {name}: the first {LONGEST_TAG:,} of its characters"
        for name, value in one.tags.items()
        if len(value) > LONGEST_TAG
    ]
    tags |= {SHA256: one.sha256, VERSION: f"{one.name}/{one.number}", STAGE: one.stage}
    note = one.note[:LONGEST_NOTE]
    faults += [f"note: the first {LONGEST_NOTE:,} of its characters"] if note != one.note else []
    created = round(one.manifest.created * 1000)
    return MlflowVersion(one.name, "", created, note, tags, one.aliases, one.stage), tuple(faults)


LONGEST_NOTE = 4_900


def added_files(one: ModelVersion, trusted: Sequence[str], mlflow_version: str) -> dict[str, bytes]:
    """The files that a push puts beside a version's own: manifest, requirements, and what MLflow loads it by.

    Args:
        one: the version.
        trusted: the types that MLflow must be told to trust.
        mlflow_version: of the MLflow that the MLmodel is written for.
    """
    manifest = one.manifest
    files = {
        MANIFEST: manifest.text().encode("utf-8", "replace"),
        REQUIREMENTS: "".join(f"{line}\n" for line in manifest.requirements).encode(),
    }
    if manifest.format in ("skops", "pickle"):
        files[MLMODEL] = json.dumps(_mlmodel(manifest, trusted, mlflow_version), indent=1).encode()
    return files


def _mlmodel(manifest: Manifest, trusted: Sequence[str], mlflow_version: str) -> dict[str, Any]:
    """What MLflow reads first; JSON, which is YAML, too."""
    main, versions = manifest.main_file, _versions(manifest.requirements)
    sklearn: dict[str, object] = {
        "code": None,
        "pickled_model": main.path,
        "serialization_format": manifest.format,
        "sklearn_version": versions.get("scikit-learn", ""),
    }
    if manifest.format == "skops":
        sklearn["skops_trusted_types"] = list(trusted)
    pyfunc = {
        "env": {"virtualenv": REQUIREMENTS},
        "loader_module": "mlflow.sklearn",
        "model_path": main.path,
        "predict_fn": "predict",
        "python_version": manifest.python,
    }
    return {
        "flavors": {"python_function": pyfunc, "sklearn": sklearn},
        "mlflow_version": mlflow_version,
        "signature": _signature_out(manifest.signature),
    }


def _versions(requirements: Iterable[str]) -> dict[str, str]:
    return dict(line.split("==", 1) for line in requirements if "==" in line)


_TO_MLFLOW = {
    **dict.fromkeys(("float64", "Float64"), "double"),
    **dict.fromkeys(("float32", "float16", "Float32"), "float"),
    **dict.fromkeys(("int64", "Int64", "uint32", "UInt32"), "long"),
    **dict.fromkeys(("int32", "int16", "int8", "uint16", "uint8", "Int32", "Int16", "Int8"), "integer"),
    **dict.fromkeys(("bool", "boolean", "Boolean"), "boolean"),
    **dict.fromkeys(("str", "object", "string", "String", "category", "text"), "string"),
}
_FROM_MLFLOW = {"double": "float64", "float": "float32", "long": "int64", "integer": "int32", "boolean": "bool"}
_FROM_MLFLOW |= {"string": "str", "datetime": "datetime64[ns]", "binary": "bytes"}


def _signature_out(signature: Signature) -> dict[str, Any] | None:
    """The signature as MLflow checks data against it; None where it has no words for a column."""
    if not signature.inputs or not all(column.name for column in signature.inputs):
        return None
    columns = []
    for column in signature.inputs:
        kind = "datetime" if column.type.startswith("datetime64") else _TO_MLFLOW.get(column.type)
        if kind is None:
            return None
        columns.append({"type": kind, "name": column.name, "required": True})
    return {"inputs": json.dumps(columns), "outputs": None, "params": None}


# MLflow's, in ours


def told_manifest(text: bytes, sha256: str) -> Manifest | None:
    """The manifest that a push of ours put there; None when it is another's, or was changed."""
    try:
        plain = text.decode("utf-8")
        return read_manifest(plain) if manifest_hash(plain) == sha256 else None
    except (UnicodeDecodeError, StoreIsDamaged):
        return None


def manifest_of_theirs(
    theirs: MlflowVersion,
    files: Sequence[Artifact],
    mlmodel: Mapping[str, Any],
    requirements: str,
    untrusted: Sequence[str],
) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest of a version that MLflow made, its number still to be given; and what it does not say.

    Args:
        theirs: the version.
        files: all its files.
        mlmodel: what its MLmodel says.
        requirements: its requirements.txt.
        untrusted: the types in its skops file, if it has one, that are loaded only when they are named.
    """
    form, main = main_file_of(mlmodel)
    form = form if any(one.path == main for one in files) else "mlflow"
    flavors = _mapping(mlmodel.get("flavors"))
    kept = tuple(
        replace(one, kind="model", details={"format": form}) if one.path == main and form != "mlflow" else one
        for one in files
    )
    signature = _signature_in(_mapping(mlmodel.get("signature")))
    pyfunc = _mapping(flavors.get("python_function"))
    kind = str(pyfunc.get("loader_module") or next(iter(flavors), "mlflow"))
    lines = tuple(line.strip() for line in requirements.splitlines() if line.strip() and not line.startswith("#"))
    made = Manifest(
        theirs.name,
        0,
        theirs.created_ms / 1000,
        bounded_text(kind, 200),
        form,
        kept,
        signature,
        tuple(bounded_text(line, 300) for line in lines[:1_000]),
        bounded_text(str(pyfunc.get("python_version", "")), 40),
        untrusted=tuple(untrusted),
    )
    faults = () if signature.inputs else ("it has no signature",)
    return made, faults


def main_file_of(mlmodel: Mapping[str, Any]) -> tuple[str, str]:
    """How a model of MLflow's is kept, skops, pickle or a form that only MLflow reads, and the file that it is in."""
    sklearn = _mapping(_mapping(mlmodel.get("flavors")).get("sklearn"))
    form = str(sklearn.get("serialization_format", "pickle"))
    path = sklearn.get("pickled_model")
    if not isinstance(path, str) or sklearn.get("code"):
        return "mlflow", ""
    return {"skops": "skops", "pickle": "pickle", "cloudpickle": "pickle"}.get(form, "mlflow"), path


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _signature_in(said: Mapping[str, Any]) -> Signature:
    """The signature that an MLmodel gives: columns by name, or a tensor's type and width."""
    inputs, outputs = _specs(said.get("inputs")), _specs(said.get("outputs"))
    named = tuple(
        Column(
            bounded_text(str(one.get("name", "")), 300), _FROM_MLFLOW.get(str(one.get("type")), str(one.get("type")))
        )
        for one in inputs[:1_000]
        if one.get("type") != "tensor"
    )
    tensor = next((_mapping(one.get("tensor-spec")) for one in inputs if one.get("type") == "tensor"), None)
    if tensor is not None:
        shape = tensor.get("shape")
        width = shape[1] if isinstance(shape, list) and len(shape) == 2 and type(shape[1]) is int else None
        return Signature((Column("", str(tensor.get("dtype", ""))),), width, output_type=_output(outputs))
    return Signature(named, len(inputs) or None, output_type=_output(outputs), output_width=len(outputs) or None)


def _type_in(one: Mapping[str, Any]) -> str:
    kind = bounded_text(str(one.get("type", "")), 100)
    return _FROM_MLFLOW.get(kind, kind)


def _specs(text: object) -> list[Mapping[str, Any]]:
    try:
        found = json.loads(text) if isinstance(text, str) else []
    except (ValueError, RecursionError):
        return []
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _output(outputs: Sequence[Mapping[str, Any]]) -> str:
    if not outputs:
        return ""
    one = outputs[0]
    return str(_mapping(one.get("tensor-spec")).get("dtype", "")) if one.get("type") == "tensor" else _type_in(one)


def with_origin(manifest: Manifest, number: int, origin: Origin | None) -> Manifest:
    """The manifest as it is registered here; equal to the one it was, where its number is free here, too."""
    return replace(manifest, version=number, origin=origin or manifest.origin)


# what changed since


@dataclass(frozen=True, slots=True)
class VersionChanges(Record):
    """What one side lacks of what the other says of a version; `note` is None where it stays."""

    note: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    tags_gone: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    aliases_gone: tuple[str, ...] = ()


def version_changes(source: MlflowVersion, target: MlflowVersion, agreed: AgreedVersion) -> VersionChanges:
    """What the target lacks of the source; what only the target changed since they agreed is its own."""
    tags = {
        name: value
        for name, value in source.tags.items()
        if target.tags.get(name) != value and (agreed.tags.get(name) != value or name in OURS)
    }
    return VersionChanges(
        source.description if source.description not in (target.description, agreed.note) else None,
        tags,
        tuple(name for name in agreed.tags if name not in source.tags and name in target.tags),
        tuple(each for each in source.aliases if each not in target.aliases and each not in agreed.aliases),
        tuple(each for each in agreed.aliases if each not in source.aliases and each in target.aliases),
    )


def agreed_version(ours: MlflowVersion, theirs: MlflowVersion, before: AgreedVersion) -> AgreedVersion:
    """What both sides say now; where they differ, what they said before, so that the other way sees it changed."""
    own = {name: value for name, value in ours.tags.items() if name not in OURS}
    tags = {name: value for name, value in own.items() if theirs.tags.get(name) == value}
    differ = {name: value for name, value in before.tags.items() if name not in tags}
    both = tuple(sorted(set(ours.aliases) & set(theirs.aliases)))
    stay = tuple(each for each in before.aliases if (each in ours.aliases) != (each in theirs.aliases))
    note = ours.description if ours.description == theirs.description else before.note
    return AgreedVersion(note, tags | differ, tuple(sorted({*both, *stay})), theirs.stage)


def own_tags(theirs: MlflowVersion) -> dict[str, str]:
    """The tags there that are a person's own."""
    return {
        bounded_text(name, 200): bounded_text(value)
        for name, value in theirs.tags.items()
        if name not in OURS and not name.startswith("mlflow.")
    }


def stage_there(theirs: MlflowVersion) -> str:
    """The stage of a version there: MLflow's own, or the one that a push of ours noted."""
    return theirs.stage if theirs.stage not in ("", "None") else theirs.tags.get(STAGE, "None")


def stage_words(theirs: MlflowVersion, name: str, here: Stage) -> tuple[str, ...]:
    """That a version stands elsewhere there: a pull moves nothing between stages."""
    there = stage_there(theirs)
    if there in (here, "None"):
        return ()
    verb = f"promote {name}" if there in ("Production", "Staging") else f"stage {name} {there}"
    verb = f"{verb} --to Staging" if there == "Staging" else verb
    return (f"stage: it is {there} there and {here} here; a pull moves nothing: %mlops {verb}",)
