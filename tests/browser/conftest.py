"""What tests in a browser share: a page in a real Chromium, and what it showed where a test fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.lab import CHROMIUM, FLAGS, Lab, Page

expect.set_options(timeout=60_000)


@pytest.fixture
def browser(lab: Lab, tmp_path: Path) -> Iterator[Page]:
    """A page that opens notebooks of the module's `lab`."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(tmp_path / "profile"),
            executable_path=CHROMIUM,
            headless=True,
            viewport={"width": 1300, "height": 1300},
            args=FLAGS,
        )
        yield Page(context.new_page(), lab)
        context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Where a test in a browser fails, say what stood on its pages and what the server said."""
    report = yield
    page = getattr(item, "funcargs", {}).get("browser")
    if report.when == "call" and report.failed and isinstance(page, Page):
        report.sections += page.seen()
    return report
