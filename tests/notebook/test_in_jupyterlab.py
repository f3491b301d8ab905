"""A student's morning: start, open the notebook in a real JupyterLab in a real browser, run it, see the checks pass."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from autograder import paths
from autograder.labs import manifest, students
from autograder.quality import lab_runs
from autograder.quality.lab_runs import LabRun
from autograder.services import addresses
from tests import chromium

pytestmark = [pytest.mark.engine, pytest.mark.browser]

REPORT = paths.ROOT / "test-report"


@pytest.fixture
def lab_run(tmp_path_factory):
    home = tmp_path_factory.mktemp("a students home")
    lab = manifest.find("01")
    with lab_runs.services(home):
        lab_run = LabRun(home, students.issue(b"browser test", "test", "browser"))
        lab_run.fresh(lab)
        lab_run.save(lab, lab_runs.solved(lab))
        done = lab_run.course("start", "--no-browser")
        assert done.returncode == 0, done.stderr + done.stdout
        yield lab_run


@pytest.fixture
def page(lab_run):
    with chromium.started() as browser:
        page = chromium.context(browser, viewport={"width": 1280, "height": 2200}).new_page()
        yield page
        REPORT.mkdir(exist_ok=True)
        page.screenshot(path=REPORT / "jupyterlab-last.png")


def test_the_lab_in_jupyterlab(lab_run, page):
    lab = manifest.find("01")
    foreign = []
    page.on("request", lambda r: foreign.append(r.url) if urlsplit(r.url).hostname not in ("localhost", None) else None)
    with lab_runs.at(lab_run.home):
        address = addresses.load().jupyter
    assert address
    page.goto(address.replace("/lab?", f"/lab/tree/{lab.slug}/{lab.slug}.ipynb?"))
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.locator(".jp-StatusBar-Widget", has_text="| Idle").wait_for()
    page.click('.lm-MenuBar-itemLabel:text-is("Run")')
    page.click('.lm-Menu-itemLabel:text-is("Run All Cells")')
    page.locator(".jp-OutputArea-output", has_text="Passed: hello carries").wait_for(state="attached")
    REPORT.mkdir(exist_ok=True)
    first = page.locator(".jp-OutputArea-output", has_text="Passed: The first release").first
    first.scroll_into_view_if_needed()
    page.screenshot(path=REPORT / "jupyterlab.png")
    assert foreign == [], "JupyterLab asked another host"
    assert page.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
    page.keyboard.press("Control+s")
    page.locator(".lm-TabBar-tab.jp-mod-current:not(.jp-mod-dirty)", has_text=lab.slug).first.wait_for()  # it is saved
    verdicts = lab_run.verdicts(lab)
    others = [verdict for verdict in verdicts.values() if verdict.status != "passed"]
    assert (set(verdicts), others) == (set(lab.points), []), page.locator(".jp-Notebook").inner_text()
    status = json.loads(lab_run.course("status", "--json").stdout)
    assert status[0]["points"] == lab.total
    done = lab_run.course("submit", "01", "--out", str(lab_run.home / "out"))
    assert done.returncode == 0 and "Missing" not in done.stdout, done.stdout
    assert (lab_run.home / "out" / "01-first-push-browser.zip").stat().st_size < 100_000


def test_what_is_not_saved_is_noticed(lab_run):
    lab = manifest.find("01")
    notebook = lab_runs.mixed(lab, "push-hello")
    lab_run.run(lab, notebook)
    file = lab_run.folder(lab) / f"{lab.slug}.ipynb"
    lab_run.save(lab, lab_runs.shipped(lab))  # what the student saved before the last change
    noted = lab_run.folder(lab) / ".kernel.json"
    os.utime(file, (noted.stat().st_mtime - 60,) * 2)
    told = lab_run.course("submit", "01", "--out", str(lab_run.home / "out")).stdout
    assert "older than what the kernel ran" in told and "1 cell you ran is not in the file" in told


@pytest.mark.skipif(sys.platform == "win32", reason="the lines are for a shell of Unix")
def test_a_terminal_opened_by_hand_knows_the_course(lab_run, page):
    """As a person does it: File, New, Terminal; then typed, and read where it is shown."""
    with lab_runs.at(lab_run.home):
        places = addresses.load()
    typed = 'echo "REGISTRY is $REGISTRY"; echo "python is $(command -v python)"; course doctor --help | head -n 1'
    page.set_viewport_size({"width": 1280, "height": 800})
    # A terminal draws its text as a picture; for screen readers it writes it into the page as well.
    settings = places.jupyter.replace("/lab?", "/lab/api/settings/@jupyterlab/terminal-extension:plugin?")
    token = settings.partition("token=")[2]
    answer = page.request.put(
        settings, data={"raw": '{"screenReaderMode": true}'}, headers={"Authorization": f"token {token}"}
    )
    assert answer.status == 204, answer.text()
    page.goto(places.jupyter.replace("/lab?", "/lab?reset&"))
    page.click('.lm-MenuBar-itemLabel:text-is("File")')
    page.locator('.lm-Menu-itemLabel:text-is("New")').hover()
    page.click('.lm-Menu-itemLabel:text-is("Terminal")')
    terminal = page.locator(".jp-Terminal").last
    terminal.locator(".xterm-screen").click()
    rows = terminal.locator(".xterm-accessibility [role=listitem]")
    rows.filter(has_text="work").first.wait_for(state="attached")  # the prompt, with its folder
    page.keyboard.type(f"({typed}) | tee typed.txt\n")
    rows.filter(has_text="Usage: ").wait_for(state="attached")
    expected = [
        f"REGISTRY is {places.services['registry']}",
        f"python is {Path(sys.executable).parent / 'python'}",
        "Usage: course doctor [OPTIONS]",
    ]
    REPORT.mkdir(exist_ok=True)
    page.screenshot(path=REPORT / "jupyterlab-terminal.png")
    assert (lab_run.home / "work" / "typed.txt").read_text(encoding="utf-8").splitlines() == expected
    shown = "".join("".join(rows.all_inner_texts()).split())  # long lines are folded
    for line in expected:
        assert "".join(line.split()) in shown, shown


def test_every_notebook_is_readable(lab_run, page):
    """Headings, tables and hints are there as shipped; the screenshots are looked at by people."""
    with lab_runs.at(lab_run.home):
        address = addresses.load().jupyter
    REPORT.mkdir(exist_ok=True)
    for slug in manifest.slugs():
        lab = manifest.find(slug)
        lab_run.save(lab, lab_runs.shipped(lab))
        page.goto(address.replace("/lab?", f"/lab/tree/{slug}/{slug}.ipynb?reset&"))
        page.locator(".jp-Notebook h1", has_text=f"Lab {slug[:2]}: {lab.title}").wait_for()
        assert page.locator(".jp-Notebook h1").count() == 1, slug
        page.locator(".jp-Notebook h2").nth(1).wait_for()  # cells are rendered one after the other
        page.screenshot(path=REPORT / f"jupyterlab-{slug}.png")
