"""Building the site: by hand, by the command, twice, by Zensical; and what must never be in it."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import pytest
from click.testing import CliRunner

from autograder import paths, site
from autograder.cli.site import site as command
from autograder.content import lessons, quizzes
from autograder.errors import CourseError, EnvironmentProblem

pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """The ids, links and loaded files of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in attrs if value is not None}
        if "id" in found:
            self.ids.add(found["id"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon") and "href" in found:
            self.loaded.append(found["href"])
        if tag in ("script", "img", "iframe", "source") and "src" in found:
            self.loaded.append(found["src"])


def html_pages(folder: Path) -> dict[str, Page]:
    """Every page by its path with a slash before it."""
    return {
        "/" + file.relative_to(folder).as_posix(): Page(file.read_text(encoding="utf-8"))
        for file in folder.rglob("*.html")
    }


def test_all_pages_are_there(built):
    for name in ("index.html", "404.html", "01-first-push/index.html", "glossary/index.html", "schedule/index.html"):
        assert (built / name).is_file(), name
    assert (built / "reference" / "commands" / "index.html").is_file()
    for lab in paths.LABS.glob("*/lab.toml"):
        assert (built / "labs" / lab.parent.name / "index.html").is_file()


def test_no_link_or_anchor_is_broken(built):
    pages = html_pages(built)
    for name, page in pages.items():
        for link in [*page.links, *page.loaded]:
            target, fragment = urldefrag(urljoin(f"http://site{name}", link))
            if not target.startswith("http://site/"):
                continue
            path = target.removeprefix("http://site")
            path += "index.html" if path.endswith("/") else ""
            assert (built / path.lstrip("/")).is_file(), f"{name} links to {link}"
            if fragment and path in pages:
                assert fragment in pages[path].ids, f"{name} links to {link}"


def test_nothing_is_loaded_from_elsewhere(built):
    for name, page in html_pages(built).items():
        assert not [link for link in page.loaded if re.match(r"(https?:)?//", link)], name
    for style in built.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", style.read_text(encoding="utf-8")), style


def test_every_page_has_one_heading_of_the_first_level(built):
    for file in built.rglob("*.html"):
        assert len(re.findall(r"<h1[ >]", file.read_text(encoding="utf-8"))) == 1, file


def test_a_lesson_shows_its_minutes_objectives_and_lab(built):
    page = (built / "01-first-push" / "index.html").read_text(encoding="utf-8")
    head = page.partition('class="lesson-head"')[2].partition("<h2")[0]
    first = lessons.load(paths.LESSONS / "01-first-push.md")
    assert f"<b>{first.minutes}</b> minutes" in head and f"<b>{first.core_minutes}</b> of them core" in head
    assert "pull exactly what you tested, by digest" in head
    assert 'href="../labs/01-first-push/"' in page


def test_every_lesson_is_chained_to_its_neighbours_and_its_lab(built):
    slugs = [file.stem for file in lessons.lesson_files()]
    for number, slug in enumerate(slugs):
        page = (built / slug / "index.html").read_text(encoding="utf-8")
        assert page.count(f'href="../labs/{slug}/"') >= 2, f"{slug}: its head and its end lead to the lab"
        links = re.findall(r'href="([^"]*)" class="md-footer__link md-footer__link--(prev|next)"', page)
        neighbours = [f"../{other}/" for other in slugs[max(number - 1, 0) : number + 2] if other != slug]
        assert [kind for _, kind in links] == ["prev", "next"], slug
        assert set(neighbours) <= {link for link, _ in links}, slug
        assert f'href="../../{slug}/"' in (built / "labs" / slug / "index.html").read_text(encoding="utf-8")


def test_no_solution_and_no_hidden_case_is_on_the_site(built):
    """A line of a solution that is long enough to be a find must not be on a lab's page, nor any hidden file's line."""
    for master in paths.SOLUTIONS.glob("*/*.py"):
        source = master.read_text(encoding="utf-8")
        parts = re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", source, re.DOTALL)
        if master.stem != master.parent.name:
            parts = [source]
        lines = {line.strip() for part in parts for line in part.split("\n") if len(line.strip()) > 30}
        page = (built / "labs" / master.parent.name / "index.html").read_text(encoding="utf-8")
        text = re.sub(r"<[^>]+>", "", page).replace("&quot;", '"').replace("&amp;", "&").replace("&lt;", "<")
        assert not [line for line in lines if line in text], master


def test_the_first_page_is_light(built):
    """What a browser loads for the start page and its search, compressed as a web server would: under 250 kB."""
    page = Page((built / "index.html").read_text(encoding="utf-8"))
    files = [built / "index.html", *(built / link for link in page.loaded)]
    files += [built / "search" / "search_index.json", *built.glob("assets/javascripts/workers/search.*.js")]
    assert len(files) > 6
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < 250_000


def test_the_search_gives_no_answer_of_a_quiz_away(built):
    index = (built / "search" / "search_index.json").read_text(encoding="utf-8")
    assert "Where the login is kept" in index
    assert "Fifty colleagues in one office" not in index


def test_a_second_build_does_nothing_and_a_changed_lesson_is_built(tmp_path, monkeypatch):
    copy = tmp_path / "checkout"
    for folder in ("lessons", "overrides", "labs"):
        shutil.copytree(paths.ROOT / folder, copy / folder)
    shutil.copyfile(paths.ROOT / "mkdocs.yml", copy / "mkdocs.yml")
    (copy / "autograder").symlink_to(paths.ROOT / "autograder", target_is_directory=True)
    monkeypatch.setattr(paths, "ROOT", copy)
    monkeypatch.setattr(paths, "LESSONS", copy / "lessons")
    monkeypatch.setattr(paths, "LABS", copy / "labs")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))

    out = site.build()
    assert out == (tmp_path / "home" / "site").resolve()
    page = out / "glossary" / "index.html"
    before = page.stat().st_mtime_ns
    assert site.build() == out
    assert page.stat().st_mtime_ns == before

    (out / "left-over.html").write_text("x", encoding="utf-8")
    glossary = copy / "lessons" / "glossary.md"
    glossary.write_text(glossary.read_text(encoding="utf-8").replace("one meaning", "ONE meaning"), encoding="utf-8")
    site.build()
    assert "ONE meaning" in page.read_text(encoding="utf-8")
    assert not (out / "left-over.html").exists()
    assert list((tmp_path / "home" / ".build").iterdir()) == []

    glossary.write_text("[dead](nowhere.md)\n" + glossary.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(EnvironmentProblem) as error:
        site.build()
    assert "nowhere.md" in error.value.found
    assert "ONE meaning" in page.read_text(encoding="utf-8"), "a failed build leaves the last one"


def test_the_self_check_shows_every_question(built):
    page = (built / "self-check" / "index.html").read_text(encoding="utf-8")
    asked = [quiz.id for path in lessons.lesson_files() for quiz in quizzes.parse(path)]
    assert re.findall(r'class="quiz"[^>]* id="([^"]+)"', page) == asked


def test_the_copy_for_reading_without_a_server(tmp_path):
    file = site.pack(tmp_path / "new" / "copy.zip")
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path)
    folder = tmp_path / site.ZIP_FOLDER
    assert names == sorted(names) and all(name.startswith(f"{site.ZIP_FOLDER}/") for name in names)
    assert f"{site.ZIP_FOLDER}/search/search_index.js" in names
    for name, page in html_pages(folder).items():
        for link in [*page.links, *page.loaded]:
            target, _ = urldefrag(urljoin(f"http://site{name}", link))
            if target.startswith("http://site/"):
                assert (folder / target.removeprefix("http://site/")).is_file(), f"{name} links to {link}"
        assert not [link for link in page.loaded if re.match(r"(https?:)?//", link)], name


def test_a_file_that_is_no_zip_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(CourseError, match=re.escape("thesis.txt, which is something else")):
        site.pack(tmp_path / "thesis.txt")


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(CourseError) as error:
        site.build(tmp_path)
    assert "other files" in error.value.found
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_command_builds(tmp_path):
    result = CliRunner().invoke(command, ["--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert result.output == f"built: {tmp_path / 'out'}\n"
    assert json.loads((tmp_path / "out" / site.STAMP).read_text(encoding="utf-8"))["inputs"] == site.fingerprint()


@pytest.mark.parametrize("tool", ["mkdocs", "zensical"])
@pytest.mark.parametrize("staged", [False, True], ids=["plain", "staged"])
def test_both_builders_build_the_same_configuration_strictly(tool, staged, tmp_path):
    folder = tmp_path / "checkout"
    folder.mkdir()
    if staged:
        site.stage(folder)
    else:
        for name in ("lessons", "overrides"):
            shutil.copytree(paths.ROOT / name, folder / name)
        shutil.copyfile(paths.ROOT / "mkdocs.yml", folder / "mkdocs.yml")
    done = subprocess.run(
        [sys.executable, "-m", tool, "build", "--strict"],
        cwd=folder,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    page = (folder / "site" / "01-first-push" / "index.html").read_text(encoding="utf-8")
    minutes = lessons.load(paths.LESSONS / "01-first-push.md").minutes
    assert f"<b>{minutes}</b> minutes" in page and 'data-kind="order"' in page and "<abbr" in page
    assert ("lab-card" in page) is staged
    assert not [link for link in Page(page).loaded if re.match(r"(https?:)?//", link)]


def test_two_builds_are_the_same_bytes(built, tmp_path):
    again = site.build(tmp_path / "again")
    files = sorted(path.relative_to(built) for path in built.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert [name for name in files if (built / name).read_bytes() != (again / name).read_bytes()] == []
