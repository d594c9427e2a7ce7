"""The paths that a cell's calls name, for readers that open files without Python's knowledge.

Nothing is evaluated but literals, plain names that hold text or a path, f-strings and sums of those, and `Path`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath

from mlops_nb.notebook.ipython_syntax import cell_tree

READ, WRITTEN = 1, 2

MOST = 200
"""Paths taken from one cell."""

_MAY_NAME_FILES = re.compile(
    r"\b(?:read|scan|write|sink|to|load|save|open|from|copy)\w*\s*\(|\b(?:sql|query|execute|connect|File|Dataset|imread|"
    r"imwrite|ParquetFile|ParquetDataset)\s*\("
)
_READS = re.compile(r"(?:read|scan|load|open|from|imread)_?\w*|connect|File|Dataset|dataset|ParquetFile|ParquetDataset")
_WRITES = re.compile(r"(?:write|sink|save|imwrite)_?\w*|to_(?:parquet|csv|json|arrow|feather|excel|ipc|avro|delta)")
_LOADS = re.compile(
    r"(?:im)?(?:read|load|fetch|scan)(?:_\w+|txt|arff)?|genfromtxt|fromfile|memmap|open_\w+|sql|execute"
)
_PASSES_ON = frozenset(("concat", "DataFrame", "array", "asarray", "hstack", "merge", "train_test_split", "vstack"))
"""Functions that give the data that they are given, in another form."""
_QUERIES = frozenset(("sql", "query", "execute"))
_IN_SQL = re.compile(r"'((?:[^']|'')+\.[A-Za-z0-9.]{2,12}|[a-z0-9]+://(?:[^']|'')+)'")
_WRITTEN_BY_SQL = re.compile(r"\bto\s*$", re.IGNORECASE)
_PATHS = (PosixPath, WindowsPath, PurePosixPath, PureWindowsPath)
_PATH_KEYWORDS = frozenset(
    ("path", "source", "file", "filename", "where", "filepath_or_buffer", "path_or_buf", "fname")
)


def named_files(source: str, names: Mapping[str, object]) -> list[tuple[str, int]]:
    """The paths, patterns and addresses named in calls that read or write files, each with READ or WRITTEN.

    >>> named_files("lf = pl.scan_parquet(folder / 'a.parquet')", {"folder": PurePosixPath("/data")})
    [('/data/a.parquet', 1)]
    >>> named_files("duckdb.sql(\\"COPY (FROM 'a.csv') TO 'b.parquet'\\")", {})
    [('a.csv', 1), ('b.parquet', 2)]
    """
    if not _MAY_NAME_FILES.search(source):
        return []
    tree = cell_tree(source)
    found: dict[tuple[str, int], None] = {}
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Call):
            found |= dict.fromkeys(_of_call(node, names))
        if len(found) > MOST:
            break
    return list(found)[:MOST]


def loaded_names(source: str) -> tuple[str, ...]:
    """The names that a cell gives to what it loads itself: from a file, a database, an address, a library's own data.

    >>> loaded_names("a = pd.read_csv('a.csv').dropna()\\nX, y = load_wine(return_X_y=True)\\np = model.predict(X)")
    ('a', 'X', 'y')
    """
    if not _LOADS.search(source):
        return ()
    tree = cell_tree(source)
    found: dict[str, None] = {}
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _is_loaded(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            stored = (each for target in targets for each in ast.walk(target))
            found |= dict.fromkeys(each.id for each in stored if isinstance(each, ast.Name))
    return tuple(found)


def _is_loaded(node: ast.expr) -> bool:
    """Whether a value is what a loading call gave, or its methods, attributes and parts, or those put together."""
    match node:
        case ast.Call(func) if _LOADS.fullmatch(_called(func)):
            return True
        case ast.Call(func, args) if _called(func) in _PASSES_ON and any(map(_is_loaded, args)):
            return True
        case ast.Call(ast.Attribute(value)) | ast.Attribute(value) | ast.Subscript(value) | ast.Starred(value):
            return _is_loaded(value)
        case ast.List(values) | ast.Tuple(values):
            return any(map(_is_loaded, values))
        case ast.ListComp(value) | ast.GeneratorExp(value):
            return _is_loaded(value)
    return False


def _of_call(node: ast.Call, names: Mapping[str, object]) -> Iterator[tuple[str, int]]:
    called = _called(node.func)
    if called in _QUERIES:
        text = _text(node.args[0], names) if node.args else None
        yield from _of_sql(text or "")
        return
    is_open = called == "open"
    writes = _WRITES.fullmatch(called) or (is_open and _opens_to_write(node))
    way = WRITTEN if writes else READ if _READS.fullmatch(called) else 0
    if not way:
        return
    values = [*node.args[: 1 if is_open else 2], *(each.value for each in node.keywords if each.arg in _PATH_KEYWORDS)]
    for value in values:
        for one in value.elts if isinstance(value, ast.List | ast.Tuple) else (value,):
            path = _text(one, names)
            if path and len(path) < 1000 and "\n" not in path and "\0" not in path:
                yield path, way


def _opens_to_write(node: ast.Call) -> bool:
    """Whether a call of `open` says that it writes."""
    modes = [*node.args[1:2], *(each.value for each in node.keywords if each.arg == "mode")]
    return any(isinstance(each, ast.Constant) and {*str(each.value)} & {*"wax"} for each in modes)


def _called(func: ast.expr) -> str:
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""


def _of_sql(text: str) -> Iterator[tuple[str, int]]:
    """The file names in quotes of a statement as DuckDB reads them; one after TO is written."""
    for match in _IN_SQL.finditer(text):
        way = WRITTEN if _WRITTEN_BY_SQL.search(text, 0, match.start()) else READ
        yield match[1].replace("''", "'"), way


def _text(node: ast.expr, names: Mapping[str, object]) -> str | None:
    """The text or path that an expression stands for; None where that is not plain to see."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            value = names.get(name)
            return value if type(value) is str else str(value) if type(value) in _PATHS else None
        case ast.JoinedStr(values=parts):
            return _joined([_part(part, names) for part in parts], "")
        case ast.BinOp(left, ast.Add(), right):
            return _joined([_text(left, names), _text(right, names)], "")
        case ast.BinOp(left, ast.Div(), right):
            return _joined([_text(left, names), _text(right, names)], "/")
        case ast.Call(func, args, []) if _called(func) in ("Path", "PurePath", "str", "fspath") and args:
            return _joined([_text(each, names) for each in args], "/")
    return None


def _part(part: ast.expr, names: Mapping[str, object]) -> str | None:
    if isinstance(part, ast.FormattedValue) and part.format_spec is None and part.conversion == -1:
        if isinstance(part.value, ast.Name) and type(value := names.get(part.value.id)) is int:
            return str(value)
        return _text(part.value, names)
    return part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else None


def _joined(parts: list[str | None], between: str) -> str | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return str(PurePath(*known)) if between else "".join(known)
