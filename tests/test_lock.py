"""The lock file: every package by version and hash, from wherever the reader has packages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
ENTRIES = [entry for entry in re.split(r"\n(?=\S)", LOCK.strip()) if not entry.startswith("#")]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", name)[0]).lower()


def test_every_package_has_a_version_and_hashes():
    assert len(ENTRIES) > 100
    for entry in ENTRIES:
        assert re.match(r"[a-z0-9._-]+(\[[^\]]*\])?==[^ ]+( ; [^\\]+)? \\\n", entry), entry
        assert "--hash=sha256:" in entry


def test_no_address_is_in_it():
    assert "://" not in LOCK
    assert not re.search(r"^\s*(-i|--index-url|--extra-index-url|-f|--find-links|--trusted-host)", LOCK, re.M)


def test_everything_the_project_asks_for_is_in_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    asked = [*project["project"]["dependencies"], *extras["lab"], *extras["demo"], *project["dependency-groups"]["dev"]]
    assert {plain(name) for name in asked} <= {plain(entry) for entry in ENTRIES}
