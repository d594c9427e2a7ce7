"""Values to and from the files that artifacts are: tables, arrays, pictures, JSON, models. No pickle unless asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from mlops_nb.errors import BadArgument, MissingExtra
from mlops_nb.registry import model_formats
from mlops_nb.tracking.artifacts.names import ConfusionMatrix
from mlops_nb.tracking.runs import Artifact, ArtifactKind
from mlops_nb.tracking.values import safe_repr

Details = dict[str, object]


@dataclass(frozen=True, slots=True)
class Form:
    """How a value is kept: `write` puts it into a file and returns what more there is to say of it."""

    kind: ArtifactKind
    suffixes: tuple[str, ...]
    details: Details
    write: Callable[[BinaryIO], Details | None]


def form_of(value: Any, name: str, *, as_pickle: bool = False) -> Form:
    """How a value is kept; a suffix of `name` chooses where there is a choice (.csv or .parquet, .png or .svg).

    Raises:
        BadArgument: there is no form for such a value.
        MissingExtra: the form that `name` asks for needs a library that is not installed.
    """
    if as_pickle:
        details: Details = {"format": "pickle", "class": _class(value)}
        kind: ArtifactKind = "model" if model_formats.is_model(value) else "object"
        return Form(kind, (".pkl", ".pickle"), details, lambda file: model_formats.write_pickle(value, file))
    if isinstance(value, ConfusionMatrix):
        return _matrix_form(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return Form("bytes", ("",), {"format": "bytes"}, lambda file: _put(file, value))
    for is_one, make in (
        (_is_table, _table_form),
        (_is_array, _array_form),
        (_is_drawing, _drawing_form),
        (_is_plotly, _plotly_form),
        (lambda one: isinstance(one, Mapping | list | tuple), _json_form),
        (model_formats.is_model, _model_form),
    ):
        if is_one(value):
            return make(value, name.lower())
    raise BadArgument(
        f"log_artifact has no form for {_class(value)}",
        "write it to a file and log that, or log_artifact(it, name, pickle=True)",
    )


def text_form(text: str) -> Form:
    """How a text is kept: UTF-8, its ending the one its name has, or .txt."""
    return Form(
        "text",
        (".txt", ".md", ".html", ".log", ".py", ".sql", ".yaml", ".yml", ".toml", ".csv", ".json"),
        {"format": "UTF-8"},
        lambda file: _put(file, text.encode("utf-8", "backslashreplace")),
    )


def read_value(
    artifact: Artifact,
    file: BinaryIO,
    *,
    trust: Iterable[str] = (),
    unpickle: bool = False,
    call: str = "load_artifact",
) -> Any:
    """The value that an artifact was made from.

    Args:
        artifact: what it is.
        file: its content.
        trust: types that a model may be made of, too.
        unpickle: load a pickle.
        call: the function that an error's fix names.

    Raises:
        BadArgument: it is a pickle and `unpickle` is False, or a model of types that are not trusted, or unreadable.
        MissingExtra: the library that reads it is not installed.
    """
    details, name = artifact.details, artifact.path
    match artifact.kind:
        case "bytes":
            return file.read()
        case "text":
            return file.read().decode("utf-8")
        case "json":
            return json.load(file)
        case "figure":
            return json.load(file) if details.get("format") == "plotly" else file.read()
        case "confusion matrix":
            found = json.load(file)
            return ConfusionMatrix(tuple(found["labels"]), tuple(tuple(row) for row in found["counts"]))
        case "array":
            import numpy

            return numpy.load(file, allow_pickle=False)
        case "table":
            return _read_table(details, file)
        case "model" if details.get("format") != "pickle":
            return model_formats.read_model(file, name, trust, call=call)
    if not unpickle:
        raise BadArgument(
            f"{name} is a pickle: loading it runs whatever code is in it",
            f"{call}(..., unpickle=True)    (when you know where it is from)",
        )
    import pickle

    return pickle.load(file)


def _put(file: BinaryIO, content: bytes | bytearray | memoryview) -> None:
    file.write(content)


def _class(value: object) -> str:
    kind = type(value)
    root = kind.__module__.partition(".")[0]
    return kind.__qualname__ if root == "builtins" else f"{root}.{kind.__qualname__}"


def _comes_from(value: object, module: str, *names: str) -> bool:
    """Whether a class of that name in that library is among the value's; nothing is imported to know it."""
    return any(
        kind.__name__ in names and (kind.__module__ == module or kind.__module__.startswith(f"{module}."))
        for kind in type(value).__mro__
    )


# JSON


def _json_form(value: object, name: str) -> Form:
    count = len(cast("Sequence[object]", value))
    return Form(
        "json",
        (".json",),
        {"format": "JSON", "class": _class(value), "length": count},
        lambda file: _put_json(file, value),
    )


def _matrix_form(matrix: ConfusionMatrix) -> Form:
    content = {"labels": list(matrix.labels), "counts": [list(row) for row in matrix.counts]}
    details: Details = {"format": "JSON", "labels": len(matrix.labels)}
    return Form("confusion matrix", (".json",), details, lambda file: _put_json(file, content))


def _put_json(file: BinaryIO, value: object) -> None:
    try:
        text = json.dumps(value, ensure_ascii=False, indent=1, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadArgument(f"this {type(value).__name__} is not JSON: {error}", _ODD_JSON) from None
    file.write(text.encode("utf-8", "backslashreplace"))


_ODD_JSON = "log_artifact(it, name, pickle=True)    (is then loaded only when asked to)"


def _plain(value: Any) -> object:
    """What JSON lacks: numbers and arrays of NumPy, sets."""
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if _comes_from(value, "numpy", "generic", "ndarray"):
        return value.tolist()
    raise TypeError(f"{safe_repr(value, 60)} has no form in it")


# arrays


def _is_array(value: object) -> bool:
    return _comes_from(value, "numpy", "ndarray")


def _array_form(value: Any, name: str) -> Form:
    details: Details = {"format": "npy", "class": _class(value), "shape": list(value.shape), "type": str(value.dtype)}
    return Form("array", (".npy",), details, lambda file: _put_array(file, value))


def _put_array(file: BinaryIO, value: Any) -> None:
    import numpy

    if value.dtype.hasobject:
        raise BadArgument(
            f"an array of {value.dtype} holds Python objects, which only a pickle could keep",
            "log_artifact(array.astype(str), name), or give pickle=True",
        )
    numpy.save(file, numpy.asarray(value), allow_pickle=False)


# pictures


def _is_drawing(value: object) -> bool:
    return _comes_from(value, "matplotlib", "Figure") or _comes_from(value, "matplotlib", "Axes")


def _drawing_form(value: Any, name: str) -> Form:
    figure = value.figure if _comes_from(value, "matplotlib", "Axes") else value
    kind = "svg" if name.endswith(".svg") else "png"
    details: Details = {"format": kind.upper(), "class": _class(figure)}
    return Form("figure", (f".{kind}",), details, lambda file: _draw(file, figure, kind))


def _draw(file: BinaryIO, figure: Any, kind: str) -> None:
    try:
        figure.savefig(file, format=kind, bbox_inches="tight", metadata={"Date" if kind == "svg" else "Software": None})
    except OSError:
        raise
    except Exception as error:  # what is drawn is the user's own
        raise BadArgument(f"the figure cannot be drawn: {type(error).__name__}: {str(error)[:300]}") from None


def _is_plotly(value: object) -> bool:
    return _comes_from(value, "plotly", "BaseFigure")


def _plotly_form(value: Any, name: str) -> Form:
    details: Details = {"format": "plotly", "class": _class(value)}
    return Form("figure", (".json",), details, lambda file: _put(file, value.to_json().encode("utf-8", "replace")))


# tables


def _is_table(value: object) -> bool:
    return any(_comes_from(value, library, "DataFrame", "Series") for library in ("pandas", "polars"))


def _table_form(value: Any, name: str) -> Form:
    library = "pandas" if _comes_from(value, "pandas", "DataFrame", "Series") else "polars"
    is_series = _comes_from(value, library, "Series")
    frame = value.to_frame() if is_series else value
    details: Details = {"class": f"{library}.{'Series' if is_series else 'DataFrame'}", "shape": list(frame.shape)}
    if name.endswith(".csv"):
        wanted = "csv"
    elif name.endswith(".parquet") or library == "polars" or _has_pyarrow():
        wanted = "parquet"
    else:
        wanted = "csv"
    if wanted == "parquet" and library == "pandas":
        required_pyarrow()
    return Form(
        "table", (f".{wanted}",), details | {"format": wanted}, lambda file: _put_table(file, frame, library, wanted)
    )


def _put_table(file: BinaryIO, frame: Any, library: str, wanted: str) -> Details | None:
    try:
        if library == "polars":
            frame.write_parquet(file) if wanted == "parquet" else frame.write_csv(file)
            return None
        if wanted == "parquet":
            frame.to_parquet(file, engine="pyarrow")
            return None
        levels = 0 if _is_counted(frame.index) else frame.index.nlevels
        frame.to_csv(file, index=bool(levels))
    except OSError:
        raise
    except Exception as error:  # a cell may hold any object of the user's
        raise BadArgument(
            f"this {type(frame).__name__} cannot be written as {wanted}: {type(error).__name__}: {str(error)[:300]}",
            'log_artifact(frame, "name.csv")' if wanted == "parquet" else "",
        ) from None
    return {"index": levels}


def _is_counted(index: Any) -> bool:
    return type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1 and index.name is None


def _read_table(details: Mapping[str, object], file: BinaryIO) -> Any:
    library, _, kind = str(details.get("class")).partition(".")
    is_parquet = details.get("format") == "parquet"
    if library == "polars" and (polars := _polars()) is not None:
        frame = polars.read_parquet(file) if is_parquet else polars.read_csv(file)
        return frame.to_series() if kind == "Series" else frame
    import pandas as pd

    if is_parquet:
        required_pyarrow()
        frame = pd.read_parquet(file, engine="pyarrow")
    else:
        levels = cast("int", details.get("index") or 0)
        frame = pd.read_csv(file, index_col=list(range(levels)) or None)
    return frame.iloc[:, 0] if kind == "Series" else frame


def _polars() -> Any:
    try:
        import polars
    except ImportError:
        return None
    return polars


def _has_pyarrow() -> bool:
    try:
        required_pyarrow()
    except MissingExtra:
        return False
    return True


def required_pyarrow() -> None:
    """Nothing, where pyarrow is installed.

    Raises:
        MissingExtra: it is not.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise MissingExtra(
            "pyarrow, which reads and writes Parquet, is not installed", "pip install 'mlops-nb[parquet]'"
        ) from None


# models


def _model_form(value: object, name: str) -> Form:
    details: Details = {"format": "skops", "class": _class(value), "libraries": model_formats.libraries(value)}
    return Form("model", (".skops",), details, lambda file: _put_model(file, value))


def _put_model(file: BinaryIO, value: object) -> Details | None:
    untrusted = model_formats.write_model(value, file)
    return {"untrusted": list(untrusted)} if untrusted else None
