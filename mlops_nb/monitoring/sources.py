"""Data from wherever it is, as a pandas frame: frames of other libraries, files and patterns of them, SQL."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import BadArgument, nearest

if TYPE_CHECKING:
    import pandas as pd

FILES = (".parquet", ".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zst", ".tsv")
_SQL = re.compile(r"\s*(?:select|with|from)\s", re.IGNORECASE)


def frame(source: object, namespace: Mapping[str, object] | None = None) -> pd.DataFrame:
    """The data as a pandas frame.

    Args:
        source: a frame of pandas, polars, pyarrow or DuckDB, a Series, an array, a dict of columns; or a text: a
            variable of the namespace, a file (Parquet or CSV), a pattern of files (`data/*.parquet`), or SQL, in which
            files and the namespace's frames are tables (with DuckDB, in the extra `monitoring`).
        namespace: where a text is looked up first.

    Raises:
        BadArgument: it is none of these, or cannot be read; a file that is broken is named.

    >>> frame({"a": [1, 2]}).shape
    (2, 1)
    """
    import pandas as pd

    if isinstance(source, str | Path):
        return _named(str(source), namespace or {})
    if isinstance(source, pd.DataFrame):
        return source
    if isinstance(source, pd.Series):
        return source.to_frame(source.name if source.name is not None else "value")
    try:
        return _converted(source)
    except (TypeError, ValueError, AttributeError) as error:
        raise BadArgument(f"{type(source).__name__} is no table: {error}", "pass a frame, a file or SQL") from None


def label(source: object) -> str:
    """How data is called in a report: its file or SQL, else its kind.

    >>> label("data/june.parquet"), label({"a": [1]})
    ('data/june.parquet', 'dict')
    """
    return str(source) if isinstance(source, str | Path) else type(source).__name__


def _converted(source: Any) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    if isinstance(source, dict):
        return pd.DataFrame(source)
    if isinstance(source, np.ndarray):
        values = source.reshape(len(source), -1)
        return pd.DataFrame(values, columns=[f"x{place}" for place in range(values.shape[1])])
    if hasattr(source, "collect") and hasattr(source, "lazy"):  # a polars LazyFrame
        source = source.collect()
    for method in ("to_pandas", "df"):  # polars and pyarrow; a relation of DuckDB
        if hasattr(source, method):
            found = getattr(source, method)()
            return found.to_frame() if isinstance(found, pd.Series) else found
    if isinstance(source, Sequence):
        return pd.DataFrame({"value": list(source)})
    raise TypeError("it has no columns")


def _named(text: str, namespace: Mapping[str, object]) -> pd.DataFrame:
    if text in namespace:
        return frame(namespace[text])
    if _SQL.match(text):
        return _queried(text, namespace)
    paths = files_of(text, namespace)
    import pandas as pd

    frames = [_read(path) for path in paths]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def files_of(text: str, namespace: Mapping[str, object]) -> list[str]:
    """The files that a path or pattern means, in order.

    Raises:
        BadArgument: there are none.
    """
    path = str(Path(text).expanduser())
    found = [path] if Path(path).is_file() else sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - absolute ones, too
    found = [each for each in found if Path(each).is_file()]
    if not found:
        known = [name for name, value in namespace.items() if not name.startswith("_") and hasattr(value, "columns")]
        near = nearest(text, known)
        raise BadArgument(
            f"{text[:200]!r} is no variable, file or pattern of files here", near or "a frame, data/*.parquet, or SQL"
        )
    if wrong := [each for each in found if not each.lower().endswith(FILES)]:
        raise BadArgument(f"{wrong[0]} is no Parquet or CSV file", "pandas.read_...(...), then pass the frame")
    return found


def _read(path: str) -> pd.DataFrame:
    import pandas as pd

    try:
        if path.lower().endswith(".parquet"):
            return pd.read_parquet(path)
        return pd.read_csv(path, sep="\t" if path.lower().endswith(".tsv") else ",")
    except ImportError as error:
        raise BadArgument(f"{path} cannot be read: {error}", "pip install 'mlops-nb[parquet]'") from None
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise BadArgument(f"{path} cannot be read: {reason}", "leave it out, or write it anew") from None


def _queried(query: str, namespace: Mapping[str, object]) -> pd.DataFrame:
    try:
        import duckdb
    except ImportError:
        raise BadArgument("SQL needs DuckDB", "pip install 'mlops-nb[monitoring]'") from None
    with duckdb.connect() as connection:
        for name in re.findall(r"[A-Za-z_]\w*", query):
            if name in namespace and hasattr(namespace[name], "columns"):
                connection.register(name, frame(namespace[name]))
        try:
            return connection.sql(query).df()  # type: ignore[no-any-return]
        except duckdb.Error as error:
            raise BadArgument(
                f"the query fails: {str(error).splitlines()[0][:300]}", "check it and run it again"
            ) from None
