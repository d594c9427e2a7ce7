"""Schemas of pandera in files: written as data is, edited by a person, read again."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_nb.errors import BadArgument, MissingExtra
from mlops_nb.monitoring.row_checks import keys_of
from mlops_nb.monitoring.sources import frame


def write_schema(reference: object, file: str | Path, *, namespace: Mapping[str, object] | None = None) -> Path:
    """Write what data is like as a schema of pandera, to be edited and given to `quality`: types, gaps, ranges.

    Args:
        reference: a frame, a file, a pattern of files, or SQL.
        file: where to, a YAML file; it must not be there.
        namespace: where a text is looked up as a variable first.

    Raises:
        BadArgument: the data cannot be read, has columns of one name, or the file is there.
        MissingExtra: pandera is not installed.
    """
    data, path = frame(reference, namespace), Path(file).expanduser()
    pandera = _pandera()
    if not data.columns.is_unique:
        raise BadArgument("a schema cannot have two columns of one name", "rename one of them")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the imaginary part of complex numbers, which have no range
        schema = pandera.infer_schema(data.reset_index(drop=True))
    schema.coerce, schema.index = False, None
    keys = set(keys_of(data))
    for name, each in schema.columns.items():
        each.coerce = False
        if name in keys:  # what names the rows is another in other data
            each.checks, each.unique = [], True
        if not isinstance(name, str) or data[name].dtype.kind in "cmM" or hasattr(data[name], "dt"):
            each.checks = []  # its file cannot hold a time
    text = str(schema.to_yaml())
    try:
        with path.open("x") as opened:
            opened.write(text)
    except FileExistsError:
        raise BadArgument(f"{path} is there already", "name another file, or remove it first") from None
    except OSError as error:
        raise BadArgument(f"{path} cannot be written: {error.strerror}") from None
    return path


def read_schema(file: str | Path) -> object:
    """The schema of pandera in a file.

    Raises:
        BadArgument: there is no such file, or none with a schema.
        MissingExtra: pandera is not installed.
    """
    pandera = _pandera()
    path = Path(file).expanduser()
    try:
        text = path.read_text()
    except OSError as error:
        raise BadArgument(
            f"{path} cannot be read: {error.strerror}", "%mlops quality DATA --write-schema FILE"
        ) from None
    try:
        return pandera.DataFrameSchema.from_yaml(text)
    except Exception as error:  # whatever a file that somebody edited makes of YAML and pandera
        raise BadArgument(f"{path} is no schema of pandera: {str(error).splitlines()[0][:200]}") from None


def _pandera() -> Any:
    try:
        import pandera.pandas as pandera
        import yaml  # noqa: F401 - its files are YAML
    except ImportError as error:
        raise MissingExtra(f"schemas are pandera's: {error}", "pip install 'mlops-nb[monitoring]'") from None
    return pandera
