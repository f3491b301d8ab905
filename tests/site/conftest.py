"""The built site, served on loopback, and a Chromium to look at it."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder import site
from autograder.errors import EnvironmentProblem


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A static server as any web space has one."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site, built as `course site` builds it."""
    return site.build(tmp_path_factory.mktemp("site") / "out")


@pytest.fixture(scope="session")
def address(built: Path) -> Iterator[str]:
    """Where the built site is served, with a slash at the end."""
    handler = functools.partial(Quiet, directory=str(built))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """A browser. Without one the tests that ask for it fail, so that nothing is skipped in silence."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("COURSE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise EnvironmentProblem(
            expected="Chromium, to test the site with",
            found="no chromium on the path",
            next_step="Install chromium with the system's package manager, or name one in COURSE_CHROMIUM.",
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
