"""The formgrader on a class: it shows everybody's work, acts on nobody's behalf, and reads nobody's settings."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from autograder import paths
from autograder.grading import by_hand, gradebook, judge, people, store
from autograder.grading.identity import Identity
from autograder.grading.judge import Tools
from tests import chromium

from ..evidence.images import Layout
from .doubles import LocalRunner, kind_probe

ROOT = Path(__file__).resolve().parents[2]
# Gives its own author full points, as the page's own script would. It works: the browser test runs it at its end.
SCRIPT = (
    "(async () => { const token = document.cookie.match(/_xsrf=([^;]+)/)[1];"
    " const grades = await (await fetch(base_url + '/api/grades?submission_id=' + submission_id)).json();"
    " for (const g of grades) await fetch(base_url + '/api/grade/' + g.id, {method: 'PUT',"
    " headers: {'Content-Type': 'application/json', 'X-XSRFToken': token},"
    " body: JSON.stringify({...g, manual_score: 99})}); })()"
)
QUOTED = SCRIPT.replace('"', "'")
ATTACK = (
    f'My answer.\n\n<script>{SCRIPT}</script>\n\n<img src=x onerror="{QUOTED}">\n\n<svg/onload="{QUOTED}">\n\n'
    f"[click](javascript:{QUOTED.replace(' ', '%20').replace(')', '%29')})\n\n![pixel](http://127.0.0.1:9/pixel.png)\n\n"
    f'<div style="position:fixed;inset:0" onmouseover="{QUOTED}">x</div>\n\n$\\href{{javascript:{QUOTED}}}{{x}}$\n'
)


@pytest.fixture
def graded(course, lab, ada, tmp_path):
    tools = Tools(course, sandbox=LocalRunner, probe=kind_probe)
    files = ada.files(why=ATTACK)
    notebook = json.loads(files["notebook.ipynb"])
    notebook["cells"].append(
        {"cell_type": "code", "metadata": {}, "source": "1", "outputs": [
            {"output_type": "display_data", "metadata": {}, "data": {"text/html": f"<script>{SCRIPT}</script>"}}]}
    )  # fmt: skip
    files["notebook.ipynb"] = json.dumps(notebook).encode()
    outcome = judge.judge("ada.zip", ada.zip(tmp_path / "zips", files), tools)
    store.record(outcome, Identity(), course, lab)
    gradebook.sync(course)


@pytest.fixture
def server(graded, tmp_path, monkeypatch):
    """``course formgrader``, started as a person would; its address and a session that has the token."""
    private = tmp_path / "private"
    for folder in (private / ".jupyter", private / ".local" / "etc" / "jupyter"):
        folder.mkdir(parents=True)
        (folder / "jupyter_server_config.py").write_text("raise SystemExit('a private setting was read')\n")
        (folder / "nbgrader_config.py").write_text("raise SystemExit('a private setting was read')\n")
    monkeypatch.setenv("HOME", str(private))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(private / ".jupyter"))
    monkeypatch.setenv("JUPYTER_TOKEN", "private")
    process = subprocess.Popen(
        [sys.executable, "-m", "autograder.cli", "formgrader"], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], str(ROOT)])},
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"(http://127\.0\.0\.1:\d+)(/formgrader\?token=\S+)", line)
    log = paths.state() / "formgrader" / "server.log"
    assert found, (line, log.read_text() if log.exists() else "")
    session = requests.Session()
    session.trust_env = False
    assert session.get(found[1] + found[2]).status_code == 200
    yield found[1], session, process
    process.terminate()
    process.wait(30)


@pytest.mark.slow
def test_it_shows_the_class_and_nothing_in_it_can_act(server):
    base, session, _ = server
    stranger = requests.get(f"{base}/formgrader/api/assignments", timeout=10, allow_redirects=False)
    assert stranger.status_code == 302 and "/login" in stranger.headers["Location"]  # without the token
    [assignment] = session.get(f"{base}/formgrader/api/assignments").json()
    assert (assignment["name"], assignment["num_submissions"], assignment["max_score"]) == ("90-tiny", 1, 7.0)
    [submission] = session.get(f"{base}/formgrader/api/submissions/90-tiny").json()[:1]
    assert submission["student"] == "ada" and submission["score"] == 5.5 and submission["needs_manual_grade"]
    [notebook] = session.get(f"{base}/formgrader/api/submitted_notebooks/90-tiny/90-tiny").json()
    page = session.get(f"{base}/formgrader/submissions/{notebook['id']}/").text
    assert "My answer." in page and "manual_score" in page  # as text
    for bad in ("<script>(async", 'href="javascript', "<img", "<svg/onload", "<div style"):
        assert bad not in page
    loaded = re.findall(r"""(?:src|href)\s*=\s*["'](?:https?:)?//([^/"']+)""", page)
    assert not [host for host in loaded if host != "127.0.0.1:9"], loaded  # nothing comes from elsewhere
    assert "MathJax.Hub" not in page
    # links to an editor and a terminal, which this server has not
    folder = session.get(f"{base}/tree/source/90-tiny").text
    assert "90-tiny.ipynb" in folder
    shown = session.get(f"{base}/notebooks/autograded/ada/90-tiny/90-tiny.ipynb")
    assert "My answer." in shown.text and "def double" in shown.text
    assert "<script" not in shown.text and "<img" not in shown.text and "<svg/onload" not in shown.text
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    assert "python3 course.py" in session.get(f"{base}/terminals/1").text
    key = people.load().key.hex()
    for path in ("course.toml", "source%2f..%2fcourse.toml", "..%2fclass%2fcourse.toml", "gradebook.db", "", "nothing"):
        found = session.get(f"{base}/tree/{path}")
        assert found.status_code == 404 and key not in found.text, path
        assert requests.get(f"{base}/tree/{path}", timeout=10, allow_redirects=False).status_code in (302, 403, 404)
    stranger = requests.get(f"{base}/tree/source/90-tiny", timeout=10, allow_redirects=False)
    assert stranger.status_code == 302 and "/login" in stranger.headers["Location"]
    missing = session.get(f"{base}/formgrader/nothing")
    assert missing.status_code == 404 and "404" in missing.text  # nbgrader's own is an empty page
    (paths.classroom() / "autograded/ada/90-tiny/90-tiny.ipynb").unlink()
    gone = session.get(f"{base}/formgrader/submissions/{notebook['id']}/")
    assert gone.status_code == 404 and "course.py regrade" in gone.text  # nbgrader's own is an error 500


@pytest.mark.slow
def test_its_buttons_work_and_execute_nothing(server):
    base, session, _ = server
    before = session.get(f"{base}/formgrader/api/submissions/90-tiny").json()
    headers = {"X-XSRFToken": session.cookies["_xsrf"]}
    for button in (
        "assignment/90-tiny/assign",
        "submission/90-tiny/ada/autograde",
        "assignment/90-tiny/ada/generate_feedback",
        "assignment/90-tiny/generate_feedback",
    ):
        done = session.post(f"{base}/formgrader/api/{button}", headers=headers)
        assert done.status_code == 200 and done.json()["success"], (button, done.text)
    assert session.get(f"{base}/formgrader/api/submissions/90-tiny").json() == before
    assert session.get(f"{base}/api/kernels").json() == []
    assert "5.5 of 7 points" in (paths.classroom() / "feedback/ada/90-tiny/90-tiny.html").read_text()


@pytest.mark.slow
def test_a_second_one_is_refused_and_stopping_the_command_stops_the_server(server, tmp_path):
    base, session, process = server
    command = [sys.executable, "-m", "autograder.cli", "formgrader"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], str(ROOT)])}
    second = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert second.returncode == 3 and "one command at a time" in second.stderr
    process.terminate()
    process.wait(30)
    with pytest.raises(requests.ConnectionError):
        session.get(f"{base}/api/status")


@pytest.mark.slow
@pytest.mark.browser
def test_a_submission_that_posts_grades_changes_nothing_and_a_person_can(server):
    base, session, _ = server
    [notebook] = session.get(f"{base}/formgrader/api/submitted_notebooks/90-tiny/90-tiny").json()

    def grades():
        listed = session.get(f"{base}/formgrader/api/grades", params={"submission_id": notebook["id"]}).json()
        return {grade["name"]: (grade["auto_score"], grade["manual_score"]) for grade in listed}

    before = grades()
    assert before["why"] == (None, None)
    with chromium.started() as browser:
        context = chromium.context(browser)
        context.add_cookies([{"name": c.name, "value": c.value, "url": base} for c in session.cookies])
        page = context.new_page()
        foreign: list[str] = []
        page.on("request", lambda r: None if r.url.startswith(base) else foreign.append(r.url))

        def opened():
            page.goto(f"{base}/formgrader/submissions/{notebook['id']}/", wait_until="networkidle")
            chromium.wait(page, "formgrader.grades?.loaded && formgrader.comments?.loaded")  # its fields listen now

        opened()
        for link in page.get_by_text("click", exact=True).all():
            link.click()
        page.mouse.move(300, 300)
        page.wait_for_timeout(500)
        assert grades() == before and foreign == []
        opened()
        page.locator("#why").fill("1.25")
        with page.expect_response(lambda r: r.request.method == "PUT" and "/api/grade/" in r.url) as saved:
            page.locator("#why").blur()
        assert saved.value.ok
        assert grades() == before | {"why": (None, 1.25)}
        page.evaluate(SCRIPT)  # in the page, the attack does what it says: so it never got there before
        assert grades()["why"] == (None, 99)


def judged_again(course, lab, ada, tmp_path, source, why="Another answer."):
    """Another submission, entered as ``course grade`` does it, while the server runs."""
    tools = Tools(course, sandbox=LocalRunner, probe=kind_probe)
    outcome = judge.judge("ada.zip", ada.zip(tmp_path / "again", ada.files(source, why=why)), tools)
    store.record(outcome, Identity(), course, lab)
    gradebook.sync(course)


@pytest.mark.slow
@pytest.mark.browser
def test_every_page_and_link_answers_and_no_page_has_an_error(server):
    base, session, _ = server
    [notebook] = session.get(f"{base}/formgrader/api/submitted_notebooks/90-tiny/90-tiny").json()
    pages = (
        *("manage_assignments", "manage_submissions/90-tiny", "gradebook", "gradebook/90-tiny"),
        *("gradebook/90-tiny/90-tiny", "manage_students", "manage_students/ada", "manage_students/ada/90-tiny"),
        f"submissions/{notebook['id']}/",
    )
    wrong: list[str] = []
    links: set[str] = set()
    with chromium.started() as browser:
        context = chromium.context(browser)
        context.add_cookies([{"name": c.name, "value": c.value, "url": base} for c in session.cookies])
        page = context.new_page()
        page.on("response", lambda r: wrong.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
        for name in pages:
            page.goto(f"{base}/formgrader/{name}", wait_until="networkidle")
            links |= set(page.evaluate("[...document.querySelectorAll('a[href]')].map(link => link.href)"))
        chromium.wait(page, "formgrader.loaded")
        assert page.evaluate("formgrader.keyboard_manager !== undefined")  # nbgrader's page waits for MathJax first
    assert wrong == []
    assert any("/tree/" in link for link in links) and any("/notebooks/" in link for link in links)
    assert {link for link in links if not link.startswith(base)} == {"http://127.0.0.1:9/pixel.png"}  # the student's
    assert [link for link in links if link.startswith(base) and session.get(link).status_code != 200] == []


@pytest.mark.slow
@pytest.mark.browser
def test_a_person_sees_why_to_look_again_and_confirms(server, course, lab, ada, tmp_path):
    base, session, _ = server
    [notebook] = session.get(f"{base}/formgrader/api/submitted_notebooks/90-tiny/90-tiny").json()
    with chromium.started() as browser:
        context = chromium.context(browser)
        context.add_cookies([{"name": c.name, "value": c.value, "url": base} for c in session.cookies])
        page = context.new_page()

        def opened():
            page.goto(f"{base}/formgrader/submissions/{notebook['id']}/", wait_until="networkidle")
            chromium.wait(page, "formgrader.grades?.loaded && formgrader.comments?.loaded")
            return page.locator(".nbgrader_cell", has=page.locator("#double")).locator(
                "xpath=following-sibling::div[1]"
            )

        def saved(action):
            with page.expect_response(lambda r: r.request.method == "PUT" and "/api/grade/" in r.url) as answer:
                action()
            assert answer.value.ok

        note = opened()
        assert "Passed, 2 of 2 points: double(n) is twice n" in note.inner_text() and "Resolve" not in note.inner_text()
        page.locator("#double").fill("1.5")
        saved(page.locator("#double").blur)
        page.locator("#engine_extra_credit").fill("0.25")
        saved(page.locator("#engine_extra_credit").blur)
        page.locator("#why").fill("1")
        saved(page.locator("#why").blur)
        judged_again(course, lab, ada, tmp_path, "def double(n):\n    return n\n")
        note = opened()
        said = note.inner_text()
        assert "Not passed, 0 of 2 points" in said and "Next: " in said
        assert "the check said “passed 2” then and says “failed 0” now" in said and "press Resolve" in said
        assert "the answer is another one now" in said, "of the code that the check judges, and of the written answer"
        assert page.get_by_text("an earlier submission: the answer is another one now").last.is_visible()
        [listed] = session.get(f"{base}/formgrader/api/submitted_notebooks/90-tiny/90-tiny").json()
        assert listed["needs_manual_grade"]
        resolve = page.locator(".nbgrader_cell", has=page.locator("#double")).locator(".mark-graded")
        saved(resolve.click)
        chromium.wait(page, "!document.querySelector('#double').classList.contains('needs_manual_grade')")
        assert "press Resolve" not in note.inner_text() and not resolve.is_visible()
        gradebook.sync(course)
        kept = by_hand.read("ada", "90-tiny").cells["double"]
        assert (kept.manual_score, kept.points_for.verdict) == (1.5, "failed 0")
        assert "press Resolve" not in opened().inner_text()
        grades = session.get(f"{base}/formgrader/api/grades", params={"submission_id": notebook["id"]}).json()
        assert {g["name"] for g in grades if g["needs_manual_grade"]} == {"why"}  # nobody has looked at that one yet
        judged_again(course, lab, ada, tmp_path, "def double(n):\n    return n\n")
        assert "press Resolve" not in opened().inner_text()


def forged(course, lab, ada, tmp_path):
    """Ada's work again, with an image that no builder wrote, entered as ``course grade`` does it."""
    made = Layout()
    made.tag(ada.parameters["tag"], made.image([b"base", b"code"], labels={"course.owner": ada.parameters["team"]}))
    tools = Tools(course, sandbox=LocalRunner, probe=kind_probe)
    outcome = judge.judge("ada.zip", ada.zip(tmp_path / "forged", ada.files(layout=made)), tools)
    store.record(outcome, Identity(), course, lab)
    gradebook.sync(course)


@pytest.mark.slow
@pytest.mark.browser
def test_what_is_in_doubt_is_in_the_lists_and_on_the_page_until_a_person_gives_points(
    server, course, lab, ada, tmp_path
):
    base, session, _ = server
    [notebook] = session.get(f"{base}/formgrader/api/submitted_notebooks/90-tiny/90-tiny").json()

    def give(page, name, points):
        with page.expect_response(lambda r: r.request.method == "PUT" and "/api/grade/" in r.url) as answer:
            page.locator(f"#{name}").fill(points)
            page.locator(f"#{name}").blur()
        assert answer.value.ok

    def is_listed():
        api = f"{base}/formgrader/api"
        [one] = session.get(f"{api}/submitted_notebooks/90-tiny/90-tiny").json()
        [two] = [row for row in session.get(f"{api}/submissions/90-tiny").json() if row["student"] == "ada"]
        [three] = [row for row in session.get(f"{api}/student_submissions/ada").json() if row["name"] == "90-tiny"]
        [four] = session.get(f"{api}/student_notebook_submissions/ada/90-tiny").json()
        flags = {row["needs_manual_grade"] for row in (one, two, three, four)}
        assert len(flags) == 1
        return flags == {True}

    with chromium.started() as browser:
        context = chromium.context(browser)
        context.add_cookies([{"name": c.name, "value": c.value, "url": base} for c in session.cookies])
        page = context.new_page()

        def opened():
            page.goto(f"{base}/formgrader/submissions/{notebook['id']}/", wait_until="networkidle")
            chromium.wait(page, "formgrader.grades?.loaded && formgrader.comments?.loaded")
            return page.locator(".graders-note.doubts")

        assert opened().count() == 0
        give(page, "why", "1")
        assert not is_listed()
        gradebook.sync(course)
        forged(course, lab, ada, tmp_path)
        note = opened()
        give(page, "why", "0.5")
        assert is_listed()
        assert "Evidence looks written by hand: registry/" in note.inner_text() and note.is_visible()
        assert "give points for: engine, pushed." in note.inner_text()
        told = page.get_by_text("In doubt, see the top of this page.")
        assert told.count() == 2 and told.first.is_visible()
        give(page, "engine", "1")
        assert is_listed() and "give points for: pushed." in opened().inner_text()
        give(page, "pushed", "0")
        assert opened().count() == 0 and not is_listed()
