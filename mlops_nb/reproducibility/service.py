"""Reads the installed packages and git's state; both kept until they change."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from mlops_nb.reproducibility.records import CodeVersion, Environment

GIT_SECONDS = 2.0
"""How long git may take to say whether a tracked file was changed."""

WATCHED_FILES = 2_000
"""Up to so many tracked files are watched by size and time, so that git is asked only after a change."""

_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")

_dirty: dict[Path, tuple[object, bool]] = {}


def environment() -> Environment:
    """The interpreter and the installed distributions, read again when a folder of packages changes."""
    folders = [Path(entry) for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    return _environment(tuple((str(folder), _changed(folder)) for folder in folders))


def _changed(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=4)
def _environment(folders: tuple[tuple[str, object], ...]) -> Environment:
    packages: dict[str, str] = {}
    for folder, changed in folders:
        for entry in os.listdir(folder) if changed else ():  # noqa: PTH208 - five times as fast
            if entry.endswith(".dist-info") and "-" in entry:
                name, _, version = entry.removesuffix(".dist-info").rpartition("-")
                packages.setdefault(name.replace("_", "-").lower(), version)
    return Environment(platform.python_version(), platform.platform(), dict(sorted(packages.items())))


def code_version(folder: Path) -> CodeVersion | None:
    """The commit checked out at or above the folder, or None where there is no git repository with a commit."""
    root = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)
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
    return CodeVersion(commit, branch, _is_dirty(root, git, commit)) if commit else None


def _git_folder(root: Path) -> Path:
    git = root / ".git"
    if git.is_file():
        return (root / git.read_text().removeprefix("gitdir: ").strip()).resolve()
    return git


def _commit(git: Path, ref: str) -> str:
    common = git / "commondir"
    shared = (git / common.read_text().strip()).resolve() if common.exists() else git
    for folder in (git, shared):
        if (folder / ref).is_file():
            return (folder / ref).read_text().strip()
    packed = shared / "packed-refs"
    if packed.is_file():
        for line in packed.read_text().splitlines():
            if line.endswith(f" {ref}"):
                return line.split(" ")[0]
    return ""


def _is_dirty(root: Path, git: Path, commit: str) -> bool:
    state = _state(root, git, commit)
    known = _dirty.get(root)
    if known and state is not None and known[0] == state:
        return known[1]
    answer = _git(root, "status", "--porcelain", "--untracked-files=no")
    dirty = bool(answer and answer.strip())
    if answer is not None:
        _dirty[root] = (_state(root, git, commit), dirty)
    return dirty


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


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *words],
            cwd=root,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=GIT_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
