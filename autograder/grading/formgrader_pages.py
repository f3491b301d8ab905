"""What the formgrader's server shows beside nbgrader's own pages. It is loaded as an extension of that server.

nbgrader takes for granted that the server has a notebook editor and a terminal, and links to them. This one has
neither, so that no student's cell is run by a click. Here these links lead to pages that only show: the folders of the
class, and their notebooks as text. And nbgrader's instructions are replaced where they lead astray in this course.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_escape, url_path_join
from nbgrader.server_extensions.formgrader import formgrader as nbgrader
from nbgrader.server_extensions.formgrader import handlers
from tornado import web

from autograder import paths
from autograder.grading import by_hand, formgrader_guard, gradebook, people, store
from autograder.grading.doubts import Doubt
from autograder.grading.feedback import TEMPLATES, WORDS, number
from autograder.grading.nbgrader_steps import safe_markdown
from autograder.grading.sanitize import clean_notebook

FOLDERS = ("source", "release", "submitted", "autograded", "feedback")  # not course.toml: there is the class's key
MOST = 5_000_000  # bytes of a file that is shown


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Load nbgrader's extension, and put these pages beside its own."""
    handlers.Template404 = _NotFound
    formgrader_guard.put_in_front()
    nbgrader.load_jupyter_server_extension(server)
    settings = server.web_app.settings
    stock = settings["nbgrader_jinja2_env"].loader
    settings["nbgrader_jinja2_env"].loader = jinja2.ChoiceLoader(
        [jinja2.FileSystemLoader(TEMPLATES / "formgrader"), stock, jinja2.PrefixLoader({"nbgrader": stock})]
    )
    formgrader_guard.settle(settings)
    base = settings["base_url"]
    server.web_app.add_handlers(
        ".*$",
        [
            (url_path_join(base, r"/(?:tree|notebooks|edit)/(.*)"), _Shown),
            (url_path_join(base, r"/terminals/.*"), _NoTerminal),
        ],
    )


class _NotFound(formgrader_guard.Guarded):
    """nbgrader's own ends in an empty page."""

    @web.authenticated
    def get(self) -> None:
        raise web.HTTPError(404)


class _Page(JupyterHandler):
    @property
    def content_security_policy(self) -> str:
        return (
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
        )

    def show(self, title: str, body: str) -> None:
        template = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES / "formgrader"), autoescape=True)
        self.finish(template.get_template("shown.html.j2").render(title=title, body=body))


class _NoTerminal(_Page):
    @web.authenticated
    def get(self) -> None:
        self.show(
            "Commands",
            "<p>This server has no terminal. Open one of your own in the course's folder:</p>"
            "<pre>python3 course.py grade FOLDER\npython3 course.py regrade</pre>",
        )


class _Shown(_Page):
    """A folder of the class or one of its files, to be read."""

    @web.authenticated
    def get(self, path: str) -> None:
        root = paths.classroom().resolve()
        target = (root / path).resolve()
        inside = target.is_relative_to(root) and target.relative_to(root).parts[:1]
        if not inside or inside[0] not in FOLDERS or not target.exists():
            raise web.HTTPError(404, f"There is no {path} in the class.")
        name = target.relative_to(root).as_posix()
        if target.is_dir():
            self.show(name, self._listed(name, target))
        elif target.stat().st_size > MOST:
            self.show(name, f"<p>It is too large to be shown: {html.escape(str(target))}</p>")
        else:
            self.show(name, "".join(_cells(target)))

    def _listed(self, name: str, folder: Path) -> str:
        links = [
            f'<li><a href="{html.escape(url_escape(url_path_join(self.base_url, "tree", name, file.name)))}">'
            f"{html.escape(file.name)}</a></li>"
            for file in sorted(folder.iterdir())
            if not file.name.startswith(".")
        ]
        return f"<ul>{''.join(links)}</ul>" if links else "<p>There is nothing in it.</p>"


def _cells(file: Path) -> Iterator[str]:
    """A notebook's cells, or another file's text, as HTML that cannot act."""
    text = file.read_bytes().decode("utf-8", "replace")
    try:
        cells = clean_notebook(json.loads(text))["cells"] if file.suffix == ".ipynb" else None  # it bounds them, too
        sources = [(str(cell["cell_type"]), cell["source"]) for cell in cells] if cells is not None else None
    except (ValueError, AttributeError, RecursionError):
        sources = None
    if sources is None:
        yield f"<pre>{html.escape(text)}</pre>"
        return
    for kind, source in sources:
        yield safe_markdown(source) if kind == "markdown" else f"<pre>{html.escape(source)}</pre>"


# -- on the page of a submission -------------------------------------------------------------------------------------


def doubts_note(resources: dict[str, Any]) -> str:
    """What is in doubt about a submission, as HTML to stand above its cells.

    Args:
        resources: of the page: student and lab.
    """
    lines = [text for doubt in _doubts(resources) for text in doubt.said]
    if not lines:
        return ""
    open_ = ", ".join(sorted({id for doubt in _doubts(resources) for id in doubt.open}))
    lines.append(f"It costs no points by itself. When you have looked, give points for: {open_}. Until then the points "
                 "are in no file for a platform.")  # fmt: skip
    said = "".join(f'<div class="earlier">{html.escape(text)}</div>' for text in lines)
    return f'<div class="graders-note doubts">{said}</div>'


def _doubts(resources: dict[str, Any]) -> list[Doubt]:
    if "doubts" not in resources:  # read once for all cells of a page
        known = "student" in resources
        resources["doubts"] = (
            gradebook.in_doubt(people.load().id, resources["student"], resources["assignment_id"]) if known else []
        )
    doubts: list[Doubt] = resources["doubts"]
    return doubts


def note(cell: Mapping[str, Any], resources: dict[str, Any]) -> str:
    """What the check said, and why a person must look again, as HTML to stand below a cell of the formgrader's page.

    The page hides the reasons as soon as nbgrader's flag is gone from the cell's points.

    Args:
        cell: of the autograded notebook.
        resources: of the page: student and lab.
    """
    given = cell["metadata"].get("nbgrader") or {}
    name = given.get("grade_id", "")
    if not name or "student" not in resources:
        return ""
    student, lab = resources["student"], resources["assignment_id"]
    if "course" not in resources:  # read once for all cells of a page
        shown = by_hand.mark(student, lab)
        resources["course"] = store.read(student, lab), by_hand.read(student, lab), shown.cells if shown else {}
    document, record, state = resources["course"]
    lines = []
    for verdict in document.verdicts if document and not given.get("solution") else ():
        if verdict.check == name:
            points = f"{number(verdict.points)} of {number(verdict.max_points)} points"
            lines.append(("verdict", f"{WORDS[verdict.status]}, {points}: {verdict.title}"))
            words = [("Found", verdict.found), ("Expected", verdict.expected), ("Next", verdict.next_step)]
            lines += [("words", f"{label}: {text}") for label, text in words if text and verdict.status != "passed"]
    own = record.cells.get(name) if record else None
    points_given = own is not None and own.points_for is not None
    lines += [("reason" if points_given else "earlier", text) for text in by_hand.reasons(own, state.get(name))]
    if points_given and len(lines) and lines[-1][0] == "reason":
        lines.append(("reason", "If they still hold, press Resolve; else give others."))
    if not given.get("solution") and any(name in doubt.open for doubt in _doubts(resources)):
        lines.append(("earlier", "In doubt, see the top of this page. Points that you give here settle it."))
    said = "".join(f'<div class="{css}">{html.escape(text)}</div>' for css, text in lines)
    return f'<div class="graders-note">{said}</div>' if said else ""
