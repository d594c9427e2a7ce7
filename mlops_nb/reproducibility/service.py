"""Reads the installed packages and git's state; both kept until they change."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from mlops_nb.reproducibility import machine
from mlops_nb.reproducibility.records import CodeVersion, Environment

GIT_SECONDS = 2.0
"""How long git may take to say whether a tracked file was changed."""

WATCHED_FILES = 2_000
"""Up to so many tracked files are watched by size and time, so that git is asked only after a change."""

DIFF_CHARACTERS = 100_000
"""So much of what was not committed is kept."""

_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")

_changes: dict[Path, tuple[object, str]] = {}


def environment() -> Environment:
    """What this process computes with; read again when a folder of packages changes and once NumPy is there."""
    folders = tuple(
        (entry, _changed(entry)) for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))
    )
    return _environment(folders, "numpy" in sys.modules, machine.thread_settings())


def _changed(path: str | Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path of each would cost three times as much
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


_hardware = lru_cache(maxsize=1)(machine.hardware)
_blas = lru_cache(maxsize=1)(machine.blas)


@lru_cache(maxsize=4)
def _environment(
    folders: tuple[tuple[str, object], ...], has_numpy: bool, thread_settings: tuple[tuple[str, int], ...]
) -> Environment:
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        packages=_packages(folders),
        thread_settings=dict(thread_settings),
        hash_seed=machine.hash_seed(),
        **_hardware(),
        **(_blas() if has_numpy else {}),
    )


@lru_cache(maxsize=4)
def _packages(folders: tuple[tuple[str, object], ...]) -> dict[str, str]:
    packages: dict[str, str] = {}
    for folder, changed in folders:
        for entry in os.listdir(folder) if changed else ():  # noqa: PTH208 - five times as fast
            if entry.endswith(".dist-info") and "-" in entry:
                name, _, version = entry.removesuffix(".dist-info").rpartition("-")
                packages.setdefault(_plain(name), version)
    return dict(sorted(packages.items()))


def distributions_of(modules: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The installed distributions that modules come from, named as in `Environment.packages`."""
    from importlib.metadata import packages_distributions

    known = packages_distributions()
    return {module: tuple(_plain(name) for name in known[module]) for module in modules if module in known}


def needs_of(distributions: Iterable[str]) -> dict[str, frozenset[str]]:
    """What installed distributions need, and what that needs, extras apart."""
    return {name: frozenset(_all_needed(name)) for name in distributions}


def _all_needed(name: str) -> set[str]:
    found, waiting = set[str](), [name]
    while waiting:
        for other in _needed(waiting.pop()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found - {name}


@lru_cache(maxsize=1024)
def _needed(name: str) -> tuple[str, ...]:
    from importlib.metadata import PackageNotFoundError, requires

    try:
        lines = requires(name) or ()
    except PackageNotFoundError:
        return ()
    plain = (re.match(r"[\w.-]+", line) for line in lines if "extra ==" not in line)
    return tuple(_plain(match[0]) for match in plain if match)


def _plain(name: str) -> str:
    return name.replace("_", "-").lower()


def code_version(folder: Path) -> CodeVersion | None:
    """The commit checked out at or above the folder, or None where there is no git repository with a commit."""
    root = next((place for place in (folder, *folder.parents) if os.path.exists(f"{place}/.git")), None)  # noqa: PTH110
    if root is None:
        return None
    git = _git_folder(root)
    try:
        head = (git / "HEAD").read_text().strip()
    except OSError:
        return None
    branch = head.removeprefix("ref: refs/heads/") if head.startswith("ref: ") else ""
    commit = _commit(git, head.removeprefix("ref: ")) if head.startswith("ref: ") else head
    if not _COMMIT.fullmatch(commit):  # no commit yet, or refs in a form that only git reads
        commit = (_git(root, "rev-parse", "--verify", "--quiet", "HEAD") or "").strip()
        branch = (_git(root, "branch", "--show-current") or "").strip() if commit else ""
    if not commit:
        return None
    changes = _changed_files(root, git, commit)
    return CodeVersion(commit, branch, bool(changes), _remote(root, git), _diff(root, commit, changes))


def _git_folder(root: Path) -> Path:
    git = root / ".git"
    if git.is_file():
        return (root / git.read_text().removeprefix("gitdir: ").strip()).resolve()
    return git


def _common(git: Path) -> Path:
    """The folder that a worktree shares with its repository."""
    common = git / "commondir"
    return (git / common.read_text().strip()).resolve() if common.exists() else git


def _commit(git: Path, ref: str) -> str:
    shared = _common(git)
    for folder in (git, shared):
        if (folder / ref).is_file():
            return (folder / ref).read_text().strip()
    packed = shared / "packed-refs"
    if packed.is_file():
        for line in packed.read_text().splitlines():
            if line.endswith(f" {ref}"):
                return line.split(" ")[0]
    return ""


def _changed_files(root: Path, git: Path, commit: str) -> str:
    """The tracked files that differ from the commit, as git lists them; empty where none does or git cannot say."""
    state = _state(root, git, commit)
    known = _changes.get(root)
    if known and state is not None and known[0] == state:
        return known[1]
    answer = _git(root, "status", "--porcelain", "--untracked-files=no", "-z")
    if answer is not None:
        _changes[root] = (_state(root, git, commit), answer)
    return answer or ""


def _diff(root: Path, commit: str, changes: str) -> str:
    """What differs from the commit in the files that git listed; asked again only when one of them changed."""
    if not changes:
        return ""
    return _diff_of(root, commit, tuple((entry, _changed(root / entry[3:])) for entry in changes.split("\0") if entry))


@lru_cache(maxsize=4)
def _diff_of(root: Path, commit: str, files: Iterable[object]) -> str:
    words = ("diff", "--no-color", "--no-ext-diff", "--no-textconv", commit, "--", ".", ":(exclude,glob)**/*.ipynb")
    text = (_git(root, *words, limit=4 * DIFF_CHARACTERS + 1) or "").encode("utf-8", "replace").decode("utf-8")
    return f"{text[:DIFF_CHARACTERS]}\n… (cut here)" if len(text) > DIFF_CHARACTERS else text


def _remote(root: Path, git: Path) -> str:
    return _remote_of(root, _changed(git / "config"), _changed(_common(git) / "config"))


@lru_cache(maxsize=8)
def _remote_of(root: Path, config: object, common: object) -> str:
    """The address of `origin`, else of the first remote."""
    lines = (_git(root, "config", "--get-regexp", r"^remote\..*\.url$") or "").splitlines()
    found = {name: address for name, _, address in (line.partition(" ") for line in reversed(lines))}
    address = found.get("remote.origin.url") or next(reversed(found.values()), "")
    return without_credentials(address)[:500]


def without_credentials(address: str) -> str:
    """The address of a git remote without password, token or query; over ssh the user's name is a part of it.

    >>> without_credentials("https://me:token@host/team/flights.git?key=1")
    'https://host/team/flights.git'
    >>> without_credentials("git@host:team/flights.git")
    'git@host:team/flights.git'
    """
    if "://" not in address:
        return address
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return urlunsplit((parts.scheme, f"{name}@{host}" if at and "ssh" in parts.scheme else host, parts.path, "", ""))


def _state(root: Path, git: Path, commit: str) -> object:
    """What changes whenever the answer may: commit, index, and size and time of every tracked file."""
    index = _changed(git / "index")
    files = _tracked(root, index)
    if files is None or len(files) > WATCHED_FILES:
        return None
    return commit, index, tuple(_changed(root / file) for file in files)


@lru_cache(maxsize=8)
def _tracked(root: Path, index: object) -> tuple[str, ...] | None:
    answer = _git(root, "ls-files", "-z")
    return None if answer is None else tuple(name for name in answer.split("\0") if name)


def _git(root: Path, *words: str, limit: int = -1) -> str | None:
    """What git answers, at most `limit` bytes of it; None when it does not."""
    with tempfile.TemporaryFile() as out:
        try:
            done = subprocess.run(
                ["git", "--no-optional-locks", *words],
                cwd=root,
                stdout=out,
                stderr=subprocess.DEVNULL,
                timeout=GIT_SECONDS,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        out.seek(0)
        return out.read(limit).decode("utf-8", "surrogateescape") if done.returncode == 0 else None
