"""Chromium without a window, for tests of pages; the fixture is `chromium`, see conftest."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

NEEDED = "needs Chromium: apt-get install chromium"
FLAGS = ("--no-sandbox", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage")
"""WebGL is drawn by the processor."""


def executable() -> str:
    """The program; without it a test is skipped, and fails on the project's own machines (CI)."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None and os.environ.get("CI"):
        pytest.fail(NEEDED)
    if found is None:
        pytest.skip(NEEDED)
    return found


def opened() -> Iterator[Any]:
    """A running Chromium, closed afterwards."""
    program = executable()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()
