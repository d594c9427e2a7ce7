"""MLflow's registry on the other side: models and versions, asked and told as `Server` asks and tells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_nb.errors import ServerUnavailable
from mlops_nb.tracking.mlflow.models import SHA256, MlflowModel, MlflowVersion
from mlops_nb.tracking.mlflow.server import MOST_ARTIFACTS, Listed, Refused, Server
from mlops_nb.tracking.mlflow.words import MlflowRun

_PAGE = 100


class ModelServer:
    """The registry of an MLflow server; used within `settled`."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def models(self) -> list[MlflowModel]:
        """All registered models, by name; prompts, which MLflow keeps among them, apart.

        Raises:
            Refused: the server has no registry.
        """
        found = self.server.pages(
            "registered models were listed",
            lambda page: self.server.client.search_registered_models(max_results=_PAGE, page_token=page),
        )
        return sorted(map(_model, found), key=lambda one: one.name)

    def model(self, name: str) -> MlflowModel | None:
        """The model of that name, or None."""
        try:
            return _model(
                self.server.ask(f"model {name[:60]} was read", lambda: self.server.client.get_registered_model(name))
            )
        except Refused:
            return None

    def versions(self, model: MlflowModel) -> list[MlflowVersion]:
        """The versions of a model, the oldest first."""
        quote = '"' if "'" in model.name else "'"
        found = self.server.pages(
            f"versions of {model.name[:60]} were listed",
            lambda page: self.server.client.search_model_versions(
                f"name={quote}{model.name}{quote}", max_results=_PAGE, page_token=page
            ),
        )
        plain = [_version(one, model.aliases) for one in found if str(one.name) == model.name]
        return sorted(plain, key=lambda one: int(one.version) if one.version.isdigit() else 0)

    def version_of(self, name: str, sha256: str) -> MlflowVersion | None:
        """The version of a model that was pushed with that manifest."""
        model = self.model(name)
        found = self.versions(model) if model else []
        return next((one for one in found if one.tags.get(SHA256) == sha256), None)

    def create(self, ours: MlflowVersion, source: str, run_id: str) -> MlflowVersion:
        """A new version, its model made when it is not there; made once, even when the answer got lost."""
        client = self.server.client
        if self.model(ours.name) is None:
            try:
                self.server.tell(f"model {ours.name[:60]} was made", lambda: client.create_registered_model(ours.name))
            except Refused:
                if self.model(ours.name) is None:  # another did not make it in between
                    raise
        for is_last in (False, False, True):
            try:
                made = self.server.tell(
                    f"a version of {ours.name[:60]} was made",
                    lambda: client.create_model_version(
                        ours.name, source, run_id, tags=dict(ours.tags), description=ours.description or None
                    ),
                    again=False,
                )
                return _version(made, {})
            except ServerUnavailable:
                if known := self.version_of(ours.name, ours.tags[SHA256]):
                    return known
                if is_last:
                    raise
        raise AssertionError

    def describe(self, there: MlflowVersion, text: str) -> None:
        """Give a version another description."""
        self.server.tell(
            "a version was described",
            lambda: self.server.client.update_model_version(there.name, there.version, text),
        )

    def set_tag(self, there: MlflowVersion, name: str, value: str) -> None:
        """Set a tag of a version."""
        self.server.tell(
            f"tag {name[:60]} was set",
            lambda: self.server.client.set_model_version_tag(there.name, there.version, name, value),
        )

    def drop_tag(self, there: MlflowVersion, name: str) -> None:
        """Take a tag off a version."""
        self.server.tell(
            f"tag {name[:60]} was taken off",
            lambda: self.server.client.delete_model_version_tag(there.name, there.version, name),
        )

    def point(self, there: MlflowVersion, alias: str) -> None:
        """Point an alias to a version."""
        self.server.tell(
            f"alias {alias[:60]} was set",
            lambda: self.server.client.set_registered_model_alias(there.name, alias, there.version),
        )

    def drop_alias(self, there: MlflowVersion, alias: str) -> None:
        """Take an alias away."""
        self.server.tell(
            f"alias {alias[:60]} was taken away",
            lambda: self.server.client.delete_registered_model_alias(there.name, alias),
        )

    def files(self, there: MlflowVersion) -> dict[str, Listed]:
        """The files of a version by path.

        Raises:
            Refused: there is no end of them, or they are where we do not read.
        """
        uri = self.server.ask(
            f"version {there.version} of {there.name[:60]} was looked for",
            lambda: self.server.client.get_model_version_download_uri(there.name, there.version),
        )
        found: dict[str, Listed] = {}
        for one in self.server.listed(self.server.repository(str(uri))):
            found[one.inside] = one
            if len(found) > MOST_ARTIFACTS:
                raise Refused(f"files: there are more than {MOST_ARTIFACTS:,}")
        return dict(sorted(found.items()))

    def upload(self, run: MlflowRun, file: Path, path: str) -> None:
        """Put a file of a version among its run's artifacts."""
        self.server.upload(run, file, path)


def _model(one: Any) -> MlflowModel:
    return MlflowModel(
        str(one.name),
        str(one.description or ""),
        {str(name): str(text) for name, text in (one.tags or {}).items()},
        {str(alias): str(version) for alias, version in (getattr(one, "aliases", None) or {}).items()},
    )


def _version(one: Any, aliases: Mapping[str, str]) -> MlflowVersion:
    version = str(one.version)
    return MlflowVersion(
        str(one.name),
        version,
        int(one.creation_timestamp or 0),
        str(one.description or ""),
        {str(name): str(text) for name, text in (one.tags or {}).items()},
        tuple(sorted(alias for alias, number in aliases.items() if number == version)),
        str(getattr(one, "current_stage", "") or "None"),
        str(one.run_id or ""),
        str(getattr(one, "status", "READY")) == "READY",
    )
