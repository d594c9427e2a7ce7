"""What a run was made with: packages as importlib.metadata knows them, git as git says, no secret."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import subprocess
from pathlib import Path

import pytest

import mlops_nb
from mlops_nb.reproducibility.service import code_version, environment
from mlops_nb.tracking import service


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    for name, value in {"NAME": "A", "EMAIL": "a@b.example"}.items():
        for who in ("AUTHOR", "COMMITTER"):
            monkeypatch.setenv(f"GIT_{who}_{name}", value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    root = tmp_path / "repository"
    (root / "sub").mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    (root / "model.py").write_text("a = 1\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    return root


def as_git_says(folder: Path) -> tuple[str, str, bool]:
    branch = git(folder, "rev-parse", "--abbrev-ref", "HEAD")
    changed = git(folder, "status", "--porcelain", "--untracked-files=no")
    return git(folder, "rev-parse", "HEAD"), "" if branch == "HEAD" else branch, bool(changed)


def as_we_say(folder: Path) -> tuple[str, str, bool]:
    found = code_version(folder)
    assert found is not None
    return found.commit, found.branch, found.dirty


def test_packages_and_interpreter_are_the_ones_installed():
    found = environment()
    installed: dict[str, str] = {}
    for one in importlib.metadata.distributions():
        installed.setdefault(re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(), one.version)
    assert {re.sub(r"[-_.]+", "-", name): version for name, version in found.packages.items()} == installed
    assert found.python == platform.python_version()
    assert found.packages["mlops-nb"] == mlops_nb.__version__


def test_commit_branch_and_changes_agree_with_git_through_a_day_of_work(repository):
    steps = [
        lambda: None,
        lambda: (repository / "model.py").write_text("a = 2\n"),
        lambda: (repository / "model.py").write_text("a = 1\n"),
        lambda: (repository / "untracked.py").write_text("b = 1\n"),
        lambda: git(repository, "add", "untracked.py"),
        lambda: git(repository, "commit", "-qm", "second"),
        lambda: (repository / "model.py").unlink(),
        lambda: git(repository, "checkout", "-q", "model.py"),
        lambda: git(repository, "checkout", "-q", "-b", "feature/deep/er"),
        lambda: git(repository, "pack-refs", "--all"),
        lambda: git(repository, "commit", "-q", "--allow-empty", "-m", "third"),
        lambda: git(repository, "gc", "-q"),
        lambda: git(repository, "checkout", "-q", "--detach"),
        lambda: git(repository, "mv", "model.py", "sub/model.py"),
        lambda: git(repository, "reset", "-q", "--hard", "main"),
        lambda: git(repository, "checkout", "-q", "main"),
    ]
    for number, step in enumerate(steps):
        step()
        for folder in (repository, repository / "sub"):
            folder.mkdir(exist_ok=True)
            assert as_we_say(folder) == as_git_says(folder), number


def test_worktree_has_its_own_branch_and_changes(repository, tmp_path):
    other = tmp_path / "other"
    git(repository, "worktree", "add", "-q", "-b", "other", str(other))
    (other / "model.py").write_text("a = 3\n")
    assert as_we_say(other) == as_git_says(other)
    assert as_we_say(repository) == as_git_says(repository)
    git(repository, "pack-refs", "--all")
    assert as_we_say(other) == as_git_says(other)


def test_refs_that_only_git_can_read_are_asked_of_git(repository):
    git(repository, "symbolic-ref", "refs/heads/alias", "refs/heads/main")
    git(repository, "symbolic-ref", "HEAD", "refs/heads/alias")
    assert as_we_say(repository)[0] == git(repository, "rev-parse", "HEAD")


def test_what_is_not_committed_is_kept_as_git_shows_it_without_notebooks(repository):
    for number, text in enumerate(("a = 2\n", "a = 3\n")):
        (repository / "model.py").write_text(text)
        (repository / "work.ipynb").write_text(f'{{"cells": [], "n": {number}}}')
        git(repository, "add", "work.ipynb")
        found = code_version(repository / "sub")
        assert found.diff.strip() == git(repository, "diff", "HEAD", "--", "model.py")
    git(repository, "commit", "-qam", "second")
    assert code_version(repository).diff == ""


def test_a_long_diff_is_cut_and_says_so(repository):
    (repository / "model.py").write_text("".join(f"a{i} = {i}\n" for i in range(50_000)))
    found = code_version(repository).diff
    assert len(found) < 101_000
    assert found.endswith("(cut here)")


def test_git_is_asked_for_a_diff_only_after_a_change(repository, monkeypatch):
    (repository / "model.py").write_text("a = 2\n")
    first = code_version(repository)
    monkeypatch.setenv("PATH", "/nowhere")
    assert code_version(repository) == first
    assert "a = 2" in first.diff


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://me:t0ken@host.example/team/flights.git", "https://host.example/team/flights.git"),
        ("https://ghp_t0ken@host.example/flights?key=t0ken#t0ken", "https://host.example/flights"),
        ("ssh://git:t0ken@host.example:22/flights.git", "ssh://git@host.example:22/flights.git"),
        ("git@host.example:team/flights.git", "git@host.example:team/flights.git"),
        ("/srv/git/flights", "/srv/git/flights"),
    ],
)
def test_the_remote_is_known_without_its_credentials(repository, folder, monkeypatch, address, kept):
    git(repository, "remote", "add", "backup", "https://elsewhere.example/x")
    git(repository, "remote", "add", "origin", address)
    (repository / "model.py").write_text("a = 2\n")
    assert code_version(repository).remote == kept
    monkeypatch.chdir(repository)
    with mlops_nb.run("one"):
        pass
    found = mlops_nb.show("one").code
    assert (found.remote, "a = 2" in found.diff) == (kept, True)
    stored = b"".join(file.read_bytes() for file in (repository / ".mlops").rglob("*") if file.is_file())
    assert b"t0ken" not in stored


def test_folder_without_a_commit_or_a_repository_has_no_version(tmp_path):
    assert code_version(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert code_version(tmp_path) is None


@pytest.mark.parametrize("content", ["", "nonsense", "ref: refs/heads/gone", "gitdir: nowhere"])
def test_broken_repository_does_no_harm(repository, content, tmp_path):
    (repository / ".git" / "HEAD").write_text(content)
    assert code_version(repository) is None
    lost = tmp_path / "lost"
    lost.mkdir()
    (lost / ".git").write_text(content)
    assert code_version(lost) is None


def test_without_git_on_the_path_the_commit_is_known_still(repository, monkeypatch):
    commit = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("PATH", "/nowhere")
    assert as_we_say(repository)[:2] == (commit, "main")


def test_no_value_of_an_environment_variable_reaches_the_store(folder, monkeypatch):
    secret = "s3cr3t-1f9c0a77e2"
    monkeypatch.setenv("MODEL_TOKEN", secret)
    monkeypatch.setenv("DATABASE_URL", f"postgres://me:{secret}@host/db")
    with mlops_nb.run("one") as run:
        run.log_params({"depth": 3})
        run.log(accuracy=0.5)
    whole = service.show("one")
    assert secret not in json.dumps(whole.to_dict(), default=str)
    stored = b"".join(file.read_bytes() for file in (folder / ".mlops").rglob("*") if file.is_file())
    assert len(stored) > 10_000
    assert secret.encode() not in stored
