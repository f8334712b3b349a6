"""The system's Chromium for tests that look at pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory

import pytest
from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def open_chromium(*arguments: str) -> Iterator[Browser]:
    """A browser whose temporary files go with it; the test is skipped where there is none.

    While it is there an event loop runs in this thread, and no test may start another.
    """
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="sb-"))
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("TMPDIR", folder)  # the driver's, and what it starts
            playwright = stack.enter_context(sync_playwright())
        quiet = ("--no-sandbox", "--disable-gpu")
        browser = playwright.chromium.launch(executable_path=found, args=[*quiet, *arguments])
        stack.callback(browser.close)
        yield browser
