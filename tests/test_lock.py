"""The lock files: every package by version and hash, from wherever the reader has packages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("requirements.lock", "requirements-test.lock")


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def entries_of(name: str) -> list[str]:
    return [entry for entry in re.split(r"\n(?=\S)", text_of(name).strip()) if not entry.startswith("#")]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", name)[0]).lower()


def asked_for(*parts: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = {**project["project"]["optional-dependencies"], **project["dependency-groups"]}
    asked = [*project["project"]["dependencies"], *(name for part in parts for name in groups[part])]
    return {plain(name) for name in asked} - {"mlops-nb"}


@pytest.mark.parametrize("name", NAMES)
def test_every_package_has_a_version_and_hashes(name):
    assert len(entries_of(name)) > 100
    for entry in entries_of(name):
        assert re.match(r"[a-z0-9._-]+(\[[^\]]*\])?==[^ ]+( ; [^\\]+)? \\\n", entry), entry
        assert "--hash=sha256:" in entry


@pytest.mark.parametrize("name", NAMES)
def test_no_address_is_in_it(name):
    assert "://" not in text_of(name)
    assert not re.search(r"^\s*(-i|--index-url|--extra-index-url|-f|--find-links|--trusted-host)", text_of(name), re.M)


def test_what_the_demonstration_needs_is_in_the_small_one_and_everything_in_the_other():
    small, whole = ({plain(entry) for entry in entries_of(name)} for name in NAMES)
    assert asked_for("lab", "demo") <= small
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert asked_for(*project["project"]["optional-dependencies"], "dev") <= whole


def test_tests_run_on_the_versions_that_the_demonstration_has():
    small, whole = ({entry.partition(" \\")[0] for entry in entries_of(name)} for name in NAMES)
    versions = {re.sub(r" ;.*", "", entry) for entry in whole}
    assert {re.sub(r" ;.*", "", entry) for entry in small} <= versions
