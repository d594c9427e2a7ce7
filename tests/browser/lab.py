"""A real JupyterLab on loopback and a real Chromium in front of it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SHOTS = Path(__file__).parent / "shots"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Lab:
    """A JupyterLab server with settings of its own, serving one folder; its process group ends with it."""

    def __init__(self, folder: Path, settings: Path) -> None:
        self.folder, self.settings = folder, settings
        self.token = secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def __enter__(self) -> Lab:
        self._set("notification", '{"fetchNews": "false", "checkForUpdates": false}')
        places = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "lab",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        environment = {**os.environ, **{name: str(self.settings / place) for name, place in places.items()}}
        environment.pop("MLOPS_NB_STORE", None)
        command = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--ip=127.0.0.1",
            f"--port={self.port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.folder}",
            "--allow-root",
            "--LabApp.news_url=",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]
        self._log = (self.settings / "server.log").open("w")
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=self._log, stderr=self._log, start_new_session=True
        )
        for _ in range(600):
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api?token={self.token}", timeout=5).close()
                return self
            assert self.process.poll() is None, (self.settings / "server.log").read_text()[-3000:]
            time.sleep(0.2)
        raise AssertionError("JupyterLab did not come up")

    def choose_theme(self, name: str) -> None:
        """The look of pages opened from now on."""
        self._set("themes", f'{{"theme": "{name}"}}')

    def _set(self, plugin: str, settings: str) -> None:
        folder = self.settings / "lab" / "@jupyterlab" / "apputils-extension"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{plugin}.jupyterlab-settings").write_text(settings)

    def __exit__(self, *error: object) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._log.close()


class Page:
    """A notebook open in the browser.

    Args:
        page: Playwright's page.
        lab: the server.
    """

    def __init__(self, page: Any, lab: Lab) -> None:
        self.page, self.lab = page, lab
        self.frames = self.begun = 0
        self.dialogs: list[str] = []
        self.pages = [self]
        self.console: list[str] = []
        page.set_default_timeout(60_000)
        page.on("console", lambda said: self.console.append(f"{time.monotonic():.1f} {said.type}: {said.text[:300]}"))
        page.on("websocket", self._listen)
        page.on("dialog", self._dialog)

    def _listen(self, socket: Any) -> None:
        if "/channels" in socket.url:
            socket.on("framereceived", self._hear)

    def _hear(self, frame: str | bytes) -> None:
        """Count what the kernel says, and the cells it begins."""
        self.frames += 1
        self.begun += (frame.encode() if isinstance(frame, str) else frame).count(b'"execute_input"')

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def another(self) -> Page:
        """A second page beside this one."""
        other = Page(self.page.context.new_page(), self.lab)
        self.pages.append(other)
        return other

    def seen(self) -> list[tuple[str, str]]:
        """What stands on the pages, and what the server said: for the report of a failure."""
        found = []
        for number, one in enumerate(self.pages):
            one.page.screenshot(path=SHOTS / f"failed-{number}.png")
            text = one.page.locator(".jp-Notebook").inner_text(timeout=5000)
            found.append((one.page.url, "\n".join((text[-3000:], "console:", *one.console[-40:]))))
        return [*found, ("JupyterLab", (self.lab.settings / "server.log").read_text()[-4000:])]

    def open(self, notebook: str) -> None:
        """Open a notebook in a fresh workspace."""
        self.frames = 0
        self.page.goto(f"http://127.0.0.1:{self.lab.port}/lab/tree/{notebook}?reset&token={self.lab.token}")
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for()

    def run_all(self) -> None:
        """Run every cell, and wait until the kernel has begun.

        A page just opened says idle and marks cells as running before its kernel can hear; then it drops them.
        """
        for _ in range(600):
            if self.frames >= 3:
                break
            self.page.wait_for_timeout(100)
        for _ in range(6):
            before = self.begun
            self.page.get_by_role("menuitem", name="Run", exact=True).click()
            self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            for _ in range(100):
                if self.begun > before:
                    return
                self.page.wait_for_timeout(100)
            dialog = self.page.locator(".jp-Dialog button.jp-mod-accept")
            if dialog.count():
                dialog.first.click()
        raise AssertionError("JupyterLab did not run the cells")

    def cell(self, source: str) -> Any:
        """The cell whose code begins like this, scrolled into view so that it is drawn."""
        found = self.page.locator(".jp-CodeCell", has=self.page.locator(".jp-InputArea", has_text=source)).first
        found.scroll_into_view_if_needed()
        return found

    def to_bottom(self) -> None:
        """Draw every cell: JupyterLab draws only what is near the window."""
        for _ in range(2):
            for fraction in (0, 0.25, 0.5, 0.75, 1):
                self.page.evaluate(
                    "f => { const outer = document.querySelector('.jp-WindowedPanel-outer');"
                    " outer.scrollTop = f * outer.scrollHeight }",
                    fraction,
                )
                self.page.wait_for_timeout(250)

    def save(self) -> None:
        """Save the notebook."""
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+s")
        self.page.wait_for_timeout(3000)
