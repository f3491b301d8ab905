"""The browser of the tests, with waits that a busy machine does not exceed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograder.errors import EnvironmentProblem
from autograder.services import machine_setup

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

# For every wait: one step in a page, or two image builds in a notebook, while other tests have the processors.
MILLISECONDS = 120_000


@dataclass
class _Shared:
    """One Playwright for all browsers of a process: a second one beside it refuses to run."""

    running: AbstractContextManager[Playwright] | None = None
    playwright: Playwright | None = None
    users: int = 0

    @contextmanager
    def used(self) -> Iterator[Playwright]:
        """Playwright, for as long as the block runs; it ends with the last block."""
        from playwright.sync_api import sync_playwright

        if self.playwright is None:
            self.running = sync_playwright()
            self.playwright = self.running.__enter__()
        self.users += 1
        try:
            yield self.playwright
        finally:
            self.users -= 1
            if not self.users and self.running is not None:
                running, self.running, self.playwright = self.running, None, None
                running.__exit__(None, None, None)


_shared = _Shared()


@contextmanager
def started() -> Iterator[Browser]:
    """Run Chromium for as long as the block runs.

    Raises:
        EnvironmentProblem: there is none, so that nothing is skipped in silence.
    """
    path = machine_setup.chromium()
    if path is None:
        raise EnvironmentProblem(
            expected="Chromium, to test pages with",
            found="none on this machine",
            next_step="Run `python3 course.py test`, which installs it on Debian and Ubuntu; or install it.",
        )
    with _shared.used() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
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
