"""The files and addresses that a cell opens, noted by Python's audit hook, and those that only its code names.

Python's own way to a file ends in an audit event whatever library asked, so `pandas.read_csv`, `numpy.load`,
`joblib` and `open` need no special code. Readers that are not Python (polars, DuckDB, Arrow) have none: there
the cell's calls are read. An audit hook cannot be taken away again; outside a cell it does nothing.
"""

from __future__ import annotations

import glob
import itertools
import os
import re
import site
import stat
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_nb.tracking.runs import FileUse

READ, WRITTEN, DATABASE, MOVED = 1, 2, 4, 8

MOST_NOTED = 20_000
"""Paths noted in one cell; what comes after is not."""

MOST_KEPT = 100
"""Files recorded of one cell; of more, those of a folder stand together."""

FEW = 10
"""Files of a folder that stand alone even where many are recorded."""

NATIVE_READERS = frozenset(("polars", "duckdb", "pyarrow", "h5py", "tables", "netCDF4", "xgboost", "lightgbm", "cv2"))
"""Modules that open files without Python's knowledge."""

_NOT_DATA = (
    *(".py", ".pyc", ".pyi", ".pyd", ".so", ".dll", ".dylib", ".ipynb", ".ttf", ".otf", ".afm", ".pfb"),
    *(".mplstyle", ".db-wal", ".db-shm", ".db-journal", "-wal", "-shm", "-journal"),
)
_PACKAGED_DATA = (".csv", ".csv.gz", ".csv.zip", ".tsv", ".parquet", ".feather", ".xlsx", ".npz", ".h5")
"""Of what lies in installed packages only this is data: the sets that scikit-learn and its like bring along."""

_TEMPORARY = re.compile(r"tmp[\w-]{6,}|ipykernel_|matplotlib-|joblib_memmapping|pymp-")

Stated = tuple[int, float]
"""Size in bytes, and seconds since the epoch of the last change."""


class _Noted:
    """What was opened since the cell began; how each path was used first and whether it was written."""

    __slots__ = ("before", "paths")

    def __init__(self) -> None:
        self.paths: dict[str, int] = {}
        self.before: dict[str, tuple[Stated | None, Stated | None]] = {}

    def add(self, path: str, way: int) -> None:
        known = self.paths.get(path)
        if known is not None:
            self.paths[path] = known | way & WRITTEN
        elif len(self.paths) < MOST_NOTED:
            self.paths[path] = way

    def opened(self, arguments: tuple[Any, ...]) -> None:
        path, _, flags = arguments
        if type(path) is int or (name := _absolute(path)).endswith(_NOT_DATA):
            return
        if flags & os.O_ACCMODE == os.O_RDONLY:
            self.add(name, READ)
        else:
            self.add(name, WRITTEN if flags & (os.O_TRUNC | os.O_EXCL) else READ | WRITTEN)

    def connected(self, arguments: tuple[Any, ...]) -> None:
        """SQLite does not say what it does with a database: whether it was written shows in the end."""
        name = os.fsdecode(arguments[0])
        if name.startswith("file:"):
            from urllib.parse import unquote

            name, _, options = name[5:].partition("?")
            name = "" if "mode=memory" in options else unquote(name)
        if name and name != ":memory:":
            path = _absolute(name)
            self.add(path, READ | DATABASE)
            self.before.setdefault(path, _database_state(path))

    def renamed(self, arguments: tuple[Any, ...]) -> None:
        source, target = (_absolute(one) for one in arguments[:2])
        way = self.paths.pop(source, None)
        if way is None and not source.endswith(_NOT_DATA):
            self.add(source, READ | MOVED)
        self.add(target, WRITTEN)

    def requested(self, arguments: tuple[Any, ...]) -> None:
        address = str(arguments[0])
        if is_address(address) and not address.startswith("file:"):
            self.add(without_secrets(address), READ)


_HANDLERS: dict[str, Callable[[_Noted, tuple[Any, ...]], None]] = {
    "open": _Noted.opened,
    "sqlite3.connect": _Noted.connected,
    "os.rename": _Noted.renamed,
    "urllib.Request": _Noted.requested,
}

_noted: _Noted | None = None
_parts: dict[int, _Noted] = {}
"""What is noted of parts of a cell or script, by the thread that does each."""

_is_installed = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _HANDLERS and (_noted is not None or _parts):
        for noted in (_noted, _part()):
            try:
                if noted is not None:
                    _HANDLERS[event](noted, arguments)
            except Exception:  # an exception would forbid what the cell does
                continue


def _part() -> _Noted | None:
    """The part that this thread does, or the only one that goes on: it may have threads of its own."""
    own = _parts.get(threading.get_ident())
    return own or (next(iter(_parts.values()), None) if len(_parts) == 1 else None)


def begin() -> None:
    """Note from now on what is opened."""
    global _noted
    _install()
    _noted = _Noted()


def _install() -> None:
    global _is_installed
    if not _is_installed:
        sys.addaudithook(_hook)
        _is_installed = True


def begin_part() -> None:
    """Note from now on what this thread opens, beside what is noted of the cell that it is a part of."""
    _install()
    _parts[threading.get_ident()] = _Noted()


def end_part(source: str, names: Mapping[str, object], home: Callable[[], Path]) -> tuple[FileUse, ...]:
    """Stop noting what this thread opens; as `end`, but each file by itself, however many there are."""
    noted = _parts.pop(threading.get_ident(), None)
    return _ended(noted, source, names, home, "", MOST_NOTED) if noted else ()


def end(source: str, names: Mapping[str, object], home: Callable[[], Path], *, own: str = "") -> tuple[FileUse, ...]:
    """Stop noting; the files and addresses that the cell used, in order, each with its absolute path.

    Args:
        source: the cell's code.
        names: the namespace after it.
        home: says the folder that holds the store; asked only when there is something to judge by it.
        own: IPython's folder, which is none of the user's data.
    """
    global _noted
    noted, _noted = _noted, None
    return _ended(noted, source, names, home, own, MOST_KEPT) if noted else ()


def _ended(
    noted: _Noted, source: str, names: Mapping[str, object], home: Callable[[], Path], own: str, most: int
) -> tuple[FileUse, ...]:
    if any(module in sys.modules for module in NATIVE_READERS):
        from mlops_nb.notebook.file_calls import named_files

        for name, way in named_files(source, names):
            for path in _meant(name):
                noted.add(path, way)
    if not noted.paths:
        return ()
    folder, own = str(home()), own and os.path.join(own, "")
    found = [
        (path, way)
        for path, way in noted.paths.items()
        if is_address(path) or (_is_data(path, folder) and not (own and path.startswith(own)))
    ]
    return _together(list(_uses(found, noted.before)), most) if found else ()


def _meant(name: str) -> Iterator[str]:
    """The address, the file, the files of a pattern, or those below a folder."""
    if is_address(name):
        yield without_secrets(name)
        return
    path = _absolute(os.path.expanduser(name))
    if glob.has_magic(path) and not os.path.exists(path):
        yield from itertools.islice(glob.iglob(path, recursive=True), MOST_NOTED)
    elif os.path.isdir(path):
        below = (os.path.join(folder, file) for folder, _, files in os.walk(path) for file in files)
        yield from itertools.islice(below, MOST_NOTED)
    else:
        yield path


def placed(path: str, folder: Path) -> str:
    """The path as the store keeps it: relative to its folder, a package or the home folder where it is below one.

    >>> placed("/project/data/a.csv", Path("/project")), placed("https://x.org/a.csv", Path("/project"))
    ('data/a.csv', 'https://x.org/a.csv')
    """
    if is_address(path):
        return path
    for base, name in ((str(folder), ""), *((one, "site-packages/") for one in _packages())):
        if path.startswith(base.rstrip(os.sep) + os.sep):
            return name + path[len(base.rstrip(os.sep)) + 1 :].replace(os.sep, "/")
    home = os.path.expanduser("~")
    return f"~{path[len(home) :]}" if path.startswith(f"{home.rstrip(os.sep)}{os.sep}") else path


def is_address(path: str) -> bool:
    """Whether it is a URL and not a file.

    >>> is_address("s3://bucket/a.parquet"), is_address("/data/a.csv")
    (True, False)
    """
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path) is not None


def without_secrets(address: str) -> str:
    """The address without user, password, query and fragment.

    >>> without_secrets("https://ann:pw@data.org:8080/a.csv?key=1#top")
    'https://data.org:8080/a.csv'
    """
    scheme, _, rest = re.split(r"[?#]", address, maxsplit=1)[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"[:500]


def _absolute(path: Any) -> str:
    name = path if type(path) is str else os.fsdecode(path)
    return os.path.normpath(name if os.path.isabs(name) else os.path.join(os.getcwd(), name))


def _is_data(path: str, home: str) -> bool:
    """Whether a file is the user's: not the interpreter's, a package's, the system's, the store's, a temporary one."""
    if path.endswith(_NOT_DATA) or path.startswith(_not_data_folders()):
        return False
    if path.startswith(_of_packages()):
        return path.endswith(_PACKAGED_DATA)
    inside = path.startswith(f"{home}{os.sep}")
    parts = path[len(home) :].split(os.sep) if inside else path.split(os.sep)
    if ".mlops" in parts or ".git" in parts or ".ipynb_checkpoints" in parts:
        return False
    return inside or not (path.startswith(_temporary_folder()) and any(map(_TEMPORARY.match, parts)))


@lru_cache(maxsize=1)
def _not_data_folders() -> tuple[str, ...]:
    home = os.path.expanduser("~")
    own = (".cache/matplotlib", ".cache/fontconfig", ".config", ".ipython", ".jupyter", ".local/share/jupyter")
    told = ("IPYTHONDIR", "MPLCONFIGDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    folders = [*("/proc", "/sys", "/dev", "/run", "/etc", "/usr/share"), *(f"{home}/{name}" for name in own)]
    ours = str(Path(__file__).parents[1])
    return _as_prefixes([*folders, ours, *(os.environ[name] for name in told if os.environ.get(name))])


@lru_cache(maxsize=1)
def _packages() -> tuple[str, ...]:
    return tuple({*site.getsitepackages(), site.getusersitepackages(), sysconfig.get_path("purelib")})


@lru_cache(maxsize=1)
def _of_packages() -> tuple[str, ...]:
    standard = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "platlib", "scripts", "data")]
    prefixes = [one for one in standard if one not in ("/usr", "/usr/local", "")]
    return _as_prefixes([*_packages(), *prefixes])


@lru_cache(maxsize=1)
def _temporary_folder() -> str:
    return os.path.join(tempfile.gettempdir(), "")


def _as_prefixes(folders: Iterable[str]) -> tuple[str, ...]:
    return tuple(os.path.join(os.path.abspath(one), "") for one in folders)


def _stated(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


def _database_state(path: str) -> tuple[Stated | None, Stated | None]:
    """Size and time of a database and of its log, where SQLite puts what is new."""
    both = (_stated(path), _stated(f"{path}-wal"))
    return (both[0] and (both[0].st_size, both[0].st_mtime)), (both[1] and (both[1].st_size, both[1].st_mtime))


def _uses(
    found: Iterable[tuple[str, int]], before: Mapping[str, tuple[Stated | None, Stated | None]]
) -> Iterator[FileUse]:
    """Those that are there at the end of the cell, and those that went to another name."""
    from mlops_nb.tracking.runs import FileUse

    for path, way in found:
        if is_address(path):
            yield FileUse(path, bool(way & READ), bool(way & WRITTEN))
            continue
        state = _stated(path)
        if state is None and way & MOVED:
            yield FileUse(path, is_read=True)
        if state is None or not stat.S_ISREG(state.st_mode):
            continue
        is_written = bool(way & WRITTEN) or (bool(way & DATABASE) and before[path] != _database_state(path))
        is_read = bool(way & READ) and not (way & DATABASE and before[path][0] is None)
        yield FileUse(path, is_read, is_written, state.st_size, state.st_mtime)


def _together(uses: list[FileUse], most: int) -> tuple[FileUse, ...]:
    """At most so many entries: of many files, those of one folder that were used alike become one."""
    if len(uses) <= most:
        return tuple(uses)
    from mlops_nb.tracking.runs import FileUse

    groups: dict[tuple[str, bool, bool], list[FileUse]] = {}
    for one in uses:
        groups.setdefault((os.path.join(os.path.dirname(one.path), ""), one.is_read, one.is_written), []).append(one)
    kept: list[FileUse] = []
    for (folder, is_read, is_written), group in groups.items():
        if len(group) <= FEW:
            kept += group
        else:
            size, newest = sum(one.size_bytes or 0 for one in group), max(one.modified or 0.0 for one in group)
            kept.append(FileUse(folder, is_read, is_written, size, newest, len(group)))
    return tuple(kept[:most])
