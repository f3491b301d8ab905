"""nbgrader's pages, made harmless: what they show of a class is text, and only their own scripts run.

nbgrader's templates print names, and parts of the address that a link leads to, as HTML and into scripts; its API
answers JSON that a browser takes for HTML; and ``/formgrader?path=FOLDER`` loads that folder's ``nbgrader_config.py``.
A name in an LMS, or a link in an answer, would act with the instructor's rights. Here:

- templates escape what they print, and an address with characters that no id has leads nowhere;
- the Content-Security-Policy lets no script run but those of the templates, which carry a number drawn for each answer
  (a nonce), so what should ever slip through still does nothing and fetches nothing;
- JSON is no page, and the class that is shown is this one.

Source: https://www.w3.org/TR/CSP3/; https://owasp.org/www-community/attacks/xss/
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
from jupyter_server.utils import url_path_join
from nbgrader.server_extensions.formgrader import apihandlers, base, handlers
from nbgrader.server_extensions.formgrader.base import BaseHandler
from tornado import web

from autograder.grading.feedback import TEMPLATES
from autograder.grading.formgrader_lists import Lists

# Attributes such as onclick in nbgrader's templates. A policy names them by their hash.
ONCLICK = (
    *("toggleAllNames()", "createAssignmentModal();", "createStudentModal();"),
    *("toggle_name(true);", "toggle_name(false);"),
)
HASHES = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in ONCLICK)
COMMON = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'self'"
)
JUPYTER = f"{COMMON}; script-src 'none'"  # Jupyter's own pages on this server: login, errors, files of the class
API = "default-src 'none'; frame-ancestors 'none'; sandbox"

# No id of a student, lab or notebook has these; each of them could end a text in HTML or in a script.
ENDS = re.compile(r"""[<>"'`&\\{}\x00-\x1f\x7f-\x9f\u2028\u2029]""")
SCRIPT = re.compile(r"<script(?=[\s>])", re.IGNORECASE)
PLACE = f"nonce-of-the-answer-{secrets.token_hex(16)}"  # in templates; it never leaves this process


class _Marked(jinja2.BaseLoader):
    """Templates of nbgrader and of the kit with a place for the nonce in each of their scripts.

    nbconvert's templates get none: they print scripts from notebooks.
    """

    def __init__(self, inner: jinja2.BaseLoader) -> None:
        self.inner = inner
        self.owners = (Path(handlers.template_path).resolve(), TEMPLATES.resolve())

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        source, file, fresh = self.inner.get_source(environment, template)
        if file and any(Path(file).resolve().is_relative_to(owner) for owner in self.owners):
            source = SCRIPT.sub(f'<script nonce="{PLACE}"', source)
        return source, file, fresh

    def list_templates(self) -> list[str]:
        return self.inner.list_templates()


class _Exporter:
    """nbgrader's exporter of a submission's page, with the answer's nonce."""

    def __init__(self, inner: Any, nonce: str) -> None:
        self.inner = inner
        self.nonce = nonce

    def from_filename(self, filename: str, resources: dict[str, Any]) -> tuple[str, Any]:
        page, resources = self.inner.from_filename(filename, resources=resources)
        return page.replace(PLACE, self.nonce), resources


class Guarded(BaseHandler):  # type: ignore[misc]
    """In front of a handler of nbgrader's: its pages with a policy of their own."""

    @cached_property
    def nonce(self) -> str:
        return secrets.token_urlsafe(16)

    @property
    def content_security_policy(self) -> str:
        return f"{COMMON}; script-src 'nonce-{self.nonce}' 'unsafe-hashes' {HASHES}"

    async def prepare(self) -> None:
        await super().prepare()
        if any(ENDS.search(part or "") for part in (*self.path_args, *self.path_kwargs.values())):
            raise web.HTTPError(404)

    def render(self, name: str, **values: Any) -> str:
        return str(super().render(name, **values)).replace(PLACE, self.nonce)

    @property
    def exporter(self) -> _Exporter:
        return _Exporter(super().exporter, self.nonce)


class _Api(Guarded):
    """An answer of the API: its scripts read it as text, and opened by a link it is no page."""

    @property
    def content_security_policy(self) -> str:
        return API

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Content-Type", "text/plain; charset=UTF-8")


class _Entrance(Guarded):
    """nbgrader's own takes another class, and its settings, from the address."""

    @web.authenticated
    def get(self) -> None:
        if self.get_argument("path", ""):
            raise web.HTTPError(404, "This formgrader shows one class; an address cannot choose another.")
        self.redirect(url_path_join(self.base_url or "/", "formgrader/manage_assignments"))


def put_in_front() -> None:
    """Put the guards in front of nbgrader's handlers, and the kit's lists in place of its own.

    It is called before nbgrader's extension is loaded.
    """
    base.NbGraderAPI = Lists
    handlers.default_handlers = [_guarded(entry, Guarded) for entry in handlers.default_handlers]
    apihandlers.default_handlers = [_guarded(entry, _Api) for entry in apihandlers.default_handlers]


def _guarded(entry: Sequence[Any], guard: type[Guarded]) -> tuple[Any, ...]:
    pattern, handler, *options = entry
    if handler is handlers.FormgraderHandler:
        handler = _Entrance
    elif issubclass(handler, BaseHandler) and not issubclass(handler, Guarded):
        handler = type(handler.__name__, (guard, handler), {})
    return pattern, handler, *options


def settle(settings: dict[str, Any]) -> None:
    """Make the templates escape, and give every other page of the server a policy; after nbgrader's is loaded.

    Args:
        settings: of the server's web application.
    """
    settings["headers"] = settings.get("headers", {}) | {"Content-Security-Policy": JUPYTER}
    pages = settings["nbgrader_jinja2_env"]
    pages.autoescape = True
    pages.loader = _Marked(pages.loader)
    submission = settings["nbgrader_exporter"].environment
    # nbconvert's own templates print HTML that its filters made; the frame around a submission prints names.
    submission.autoescape = lambda name: name is not None and name.endswith("formgrade_macros.html.j2")
    submission.loader = _Marked(submission.loader)
