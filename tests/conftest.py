"""What every test has: a folder of its own with no store in it, and settings of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import mlops_nb.store
from mlops_nb.store import location
from mlops_nb.tracking import service

settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")
"""How long an example takes says how busy the machine is, and nothing about the code."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty working directory; stores and runs left open by a test end with it."""
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "settings" / name.lower()))
    (tmp_path / "settings" / "ipythondir").mkdir(parents=True)
    monkeypatch.delenv(location.VARIABLE, raising=False)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    yield work
    location.set_home(None)
    os.environ.pop(location.VARIABLE, None)
    service._active.clear()
    mlops_nb.store.close_stores()


@pytest.fixture(scope="session")
def _shell_of_the_session(tmp_path_factory: pytest.TempPathFactory):
    from IPython.core.async_helpers import get_asyncio_loop
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    os.environ["IPYTHONDIR"] = str(tmp_path_factory.mktemp("ipython"))
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    yield InteractiveShell.instance(config=config)
    get_asyncio_loop().close()


@pytest.fixture
def shell(_shell_of_the_session, folder: Path):
    """A real IPython shell with the extension loaded and an empty namespace."""
    shell = _shell_of_the_session
    shell.reset(new_session=True)
    shell.run_line_magic("load_ext", "mlops_nb")
    yield shell
    shell.run_line_magic("unload_ext", "mlops_nb")
    shell.extension_manager.loaded.discard("mlops_nb")
