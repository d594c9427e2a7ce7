"""How a model is named: `models:/late-flight/3`, `models:/late-flight/Production`, `models:/late-flight@champion`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlops_nb.errors import BadArgument
from mlops_nb.record import Record
from mlops_nb.registry.log import STAGES, Stage, Standing
from mlops_nb.tracking.values import safe_repr

SCHEME = "models:/"
NEWEST = "latest"
"""In a version's place: the newest one."""

LONGEST_NAME = 200

_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,100}")
_RESERVED = re.compile(r"v?\d+")


@dataclass(frozen=True, slots=True)
class ModelUri(Record):
    """What was asked for: a model, and of it a version, a stage, an alias, the newest version, or none of these."""

    name: str
    version: int | None = None
    stage: Stage | None = None
    alias: str = ""
    is_newest: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether only the model is named."""
        return self.version is None and self.stage is None and not self.alias and not self.is_newest

    def __str__(self) -> str:
        if self.alias:
            return f"{self.name}@{self.alias}"
        which = self.version if self.version is not None else self.stage or (NEWEST if self.is_newest else None)
        return self.name if which is None else f"{self.name}/{which}"


def model_uri(text: str) -> ModelUri:
    """What a URI names, with or without `models:/` before it.

    Raises:
        BadArgument: it is none.

    >>> [str(model_uri(text)) for text in ("models:/a b/3", "a/production", "a@champion", "a@Staging", "a/latest", "a")]
    ['a b/3', 'a/Production', 'a@champion', 'a/Staging', 'a/latest', 'a']
    """
    plain = text.removeprefix(SCHEME)
    name, at, alias = plain.partition("@")
    if at:
        stage = stage_named(alias)
        return ModelUri(model_name(name), stage=stage) if stage else ModelUri(model_name(name), alias=alias_name(alias))
    name, slash, which = plain.partition("/")
    if not slash:
        return ModelUri(model_name(name))
    if which.isascii() and which.isdigit() and 0 < len(which) < 16:
        return ModelUri(model_name(name), int(which))
    if which.lower() == NEWEST:
        return ModelUri(model_name(name), is_newest=True)
    if stage := stage_named(which):
        return ModelUri(model_name(name), stage=stage)
    raise BadArgument(
        f"{safe_repr(text, 120)}: {safe_repr(which, 60)} is no version and no stage",
        f"models:/{name}/3, models:/{name}/Production or models:/{name}@ALIAS",
    )


def is_model_uri(text: str) -> bool:
    """Whether a text can only mean a model.

    >>> is_model_uri("models:/a/3"), is_model_uri("forest")
    (True, False)
    """
    return text.startswith(SCHEME)


def stage_named(text: str) -> Stage | None:
    """The stage of that name, whatever the case.

    >>> stage_named("production"), stage_named("champion")
    ('Production', None)
    """
    return next((stage for stage in STAGES if stage.lower() == text.lower()), None)


def model_name(name: str) -> str:
    """The name, when a model may be called that.

    Raises:
        BadArgument: it may not.
    """
    rule = ""
    if not name.strip() or name != name.strip():
        rule = "must not be empty, nor begin or end with a space"
    elif any(sign in name for sign in "/@:"):
        rule = "must not contain / @ or :"
    elif not name.isprintable():
        rule = "must be printable"
    elif len(name) > LONGEST_NAME:
        rule = f"must have at most {LONGEST_NAME} characters"
    if rule:
        raise BadArgument(f"model name == {safe_repr(name, 80)}, {rule}", "late-flight")
    return name


def alias_name(alias: str) -> str:
    """The alias, when it may be one: letters, digits, - and _; no stage, no version, not `latest`.

    Raises:
        BadArgument: it may not.
    """
    if not _ALIAS.fullmatch(alias):
        raise BadArgument(f"alias == {safe_repr(alias, 60)}, must be letters, digits, - and _, at most 100", "champion")
    if _RESERVED.fullmatch(alias.lower()) or alias.lower() == NEWEST or stage_named(alias):
        raise BadArgument(f"alias == {alias!r}, means a stage or a version already", "champion")
    return alias


def version_meant(uri: ModelUri, standing: Standing) -> int | None:
    """The number of the version that a URI means; None where there is none.

    Of several versions in a stage the newest; of a model alone the one in Production, else the newest.
    """
    there = [number for number in standing.stages if number not in standing.deleted]
    if uri.version is not None:
        return uri.version if uri.version in there else None
    if uri.alias:
        return standing.aliases.get(uri.alias)
    if uri.stage is not None:
        return max((number for number in there if standing.stages[number] == uri.stage), default=None)
    produced = [] if uri.is_newest else [number for number in there if standing.stages[number] == "Production"]
    return max(produced or there, default=None)
