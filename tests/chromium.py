"""The browser of the tests, with waits that a busy machine does not exceed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autograder.errors import EnvironmentProblem
from autograder.services import machine_setup

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

# For every wait: one step in a page, or two image builds in a notebook, while other tests have the processors.
MILLISECONDS = 120_000


@contextmanager
def started() -> Iterator[Browser]:
    """Run Chromium for as long as the block runs.

    Raises:
        EnvironmentProblem: there is none, so that nothing is skipped in silence.
    """
    from playwright.sync_api import sync_playwright

    path = machine_setup.chromium()
    if path is None:
        raise EnvironmentProblem(
            expected="Chromium, to test pages with",
            found="none on this machine",
            next_step="Run `python3 course.py test`, which installs it on Debian and Ubuntu; or install it.",
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def wait(page: Page, expression: str) -> None:
    """Wait until an expression is true in a page whose policy lets nothing be evaluated later, as Playwright's own
    ``wait_for_function`` does.

    Raises:
        TimeoutError: it does not become true within :data:`MILLISECONDS`.
    """
    end = time.monotonic() + MILLISECONDS / 1000
    while not page.evaluate(f"() => Boolean({expression})"):
        if time.monotonic() > end:
            raise TimeoutError(expression)
        page.wait_for_timeout(50)


def context(browser: Browser, **options: Any) -> BrowserContext:
    """A new context of the browser whose waits end after :data:`MILLISECONDS`; options as for ``new_context``."""
    made = browser.new_context(**options)
    made.set_default_timeout(MILLISECONDS)
    return made
