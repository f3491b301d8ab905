"""The site in Chromium: every page, both palettes, a phone, a keyboard, and axe-core."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from autograder import paths
from autograder.content import quizzes

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
LESSON = "01-first-push/"
WIDTHS = {"phone": {"width": 360, "height": 740}, "desk": {"width": 1280, "height": 900}}


@pytest.fixture(scope="session")
def addresses(built: Path) -> list[str]:
    """Every page, relative to the site's root."""
    files = sorted(built.rglob("*.html"))
    return [file.relative_to(built).as_posix().removesuffix("index.html") for file in files]


@pytest.fixture
def open_page(chromium: Browser, address: str):
    """Opens pages and fails if one of them asked elsewhere for something, or put an error on the console."""
    contexts, wrong = [], list[str]()

    def opened(where: str, scheme: str = "light", width: str = "desk", **options) -> Page:
        context = chromium.new_context(color_scheme=scheme, viewport=WIDTHS[width], **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda r: r.url.startswith((address, "data:", "blob:")) or wrong.append(f"asked {r.url}"))
        page.on("console", lambda m: m.type in ("error", "warning") and wrong.append(f"{where}: {m.text}"))
        page.on("pageerror", lambda error: wrong.append(f"{where}: {error}"))
        page.on("response", lambda r: r.status >= 400 and wrong.append(f"{r.status} for {r.url}"))
        page.goto(address + where, wait_until="load")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def violations(page: Page, where: str) -> list[str]:
    """What axe-core finds, one sentence a rule."""
    return [
        f"{where} {rule['id']} ({len(rule['nodes'])}): {[node['html'][:160] for node in rule['nodes'][:3]]}"
        for rule in Axe().run(page).response["violations"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_every_page_is_quiet_accessible_and_fits(open_page, addresses, scheme, width):
    """No request elsewhere, no console message, no axe violation, no sideways scrolling."""
    problems = []
    for where in addresses:
        page = open_page(where, scheme, width)
        for details in page.locator("article details").all():
            details.evaluate("box => box.open = true")
        page.wait_for_timeout(150)  # Material fades its content in; axe would measure colours half-way
        problems += violations(page, where)
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if overflow > 0:
            problems.append(f"{where} is {overflow} px too wide")
        page.context.close()
    assert problems == []


def test_the_palette_follows_the_system_and_the_switch(open_page):
    dark = open_page(LESSON, "dark")
    light = open_page(LESSON, "light")
    before = background(light)
    assert before != background(dark)
    light.locator('label[for="__palette_1"]').click()  # from the system's colours to light
    assert background(light) == before
    light.locator('label[for="__palette_2"]').click()  # from light to dark
    assert background(light) == background(dark)
    assert light.locator('img[src*="diagram-01-parts"]').get_attribute("src").endswith("#dark")
    light.reload()
    assert background(light) == background(dark), "the choice is kept"


def test_a_diagram_has_both_palettes_inside(chromium, address):
    """The fragment decides, whatever the system prefers; without one the system does."""
    ink = "getComputedStyle(document.querySelector('text')).fill"
    seen = {}
    for scheme in ("light", "dark"):
        page = chromium.new_page(color_scheme=scheme)
        for fragment in ("#light", "#dark", ""):
            page.goto("about:blank")
            page.goto(f"{address}assets/diagram-01-parts.svg{fragment}")
            seen[scheme, fragment] = page.evaluate(ink)
        page.close()
    light, dark = seen["light", "#light"], seen["light", "#dark"]
    assert light != dark
    assert seen == {(s, f): dark if "dark" in (f or s) else light for s, f in seen}


def test_search_finds(open_page):
    page = open_page("")
    page.keyboard.press("/")
    page.keyboard.type("DIGEST_INVALID", delay=5)
    hit = page.locator(".md-search-result__item a").first
    hit.wait_for()
    assert LESSON in hit.get_attribute("href")
    hit.click()
    page.wait_for_url(f"**/{LESSON}**")


def test_previous_and_next(open_page):
    page = open_page(LESSON)
    assert page.locator(".md-footer__link--prev").get_attribute("href")
    page.locator(".md-footer__link--next").click()
    assert LESSON not in page.url.replace(f"labs/{LESSON}", "")


def test_a_missing_page_says_so(open_page):
    page = open_page("404.html")
    assert page.locator("h1").inner_text() == "manifest unknown"


def test_a_term_is_explained_where_it_first_appears(open_page):
    page = open_page(LESSON)
    terms = page.locator("article abbr").all_text_contents()
    assert "manifest" in terms
    assert len(terms) == len(set(terms))


def test_without_scripts_everything_can_be_read(open_page):
    page = open_page(LESSON, java_script_enabled=False)
    quiz = page.locator("#quiz-01-moved-tag")
    assert "It stays, and its digest still finds it" in quiz.inner_text()
    quiz.locator("summary").click()
    assert "until someone deletes it" in quiz.inner_text()


# Quizzes, by keyboard only


def question(page: Page, name: str):
    return page.locator(f"#{name}")


def tab_to(page: Page, script: str, limit: int = 60) -> None:
    """Press Tab until the focused element fits."""
    for _ in range(limit):
        if page.evaluate(f"(e => {script})(document.activeElement)"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"not reached by keyboard: {script}")


def begin(page: Page, name: str) -> None:
    """Put the keyboard just before a question, as a reader who has tabbed there."""
    page.evaluate("document.activeElement.blur()")
    page.locator(f"#{name} legend").evaluate("e => { e.tabIndex = -1; e.focus(); e.removeAttribute('tabindex') }")


def check_answer(page: Page) -> None:
    tab_to(page, "e.type === 'submit'")
    page.keyboard.press("Enter")


def test_a_single_choice_by_keyboard(open_page):
    page = open_page(LESSON)
    quiz = question(page, "quiz-01-moved-tag")
    status = quiz.get_by_role("status")
    begin(page, "quiz-01-moved-tag")
    check_answer(page)
    assert status.inner_text() == "Choose an answer first."

    begin(page, "quiz-01-moved-tag")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    check_answer(page)
    assert status.inner_text().startswith("Not yet.")
    assert "A push deletes nothing." in quiz.inner_text()
    assert "until someone deletes it" not in quiz.inner_text(), "a wrong answer does not give the right one away"

    begin(page, "quiz-01-moved-tag")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    check_answer(page)
    assert status.inner_text() == "Right."
    assert "until someone deletes it" in quiz.inner_text()
    assert page.locator(".quiz-progress span").inner_text().startswith("1 of 7")

    page.reload()
    assert page.locator(".quiz-progress span").inner_text().startswith("1 of 7"), "progress is kept"
    assert question(page, "quiz-01-moved-tag").locator("input:checked").get_attribute("value") == "1"
    page.locator(".quiz-progress button").press("Enter")
    page.wait_for_load_state()
    assert page.locator(".quiz-progress span").inner_text().startswith("0 of 7")


def test_a_multiple_choice_by_keyboard(open_page):
    page = open_page(LESSON)
    quiz = question(page, "quiz-01-what-moves")
    begin(page, "quiz-01-what-moves")
    for value in ("0", "3", "4"):
        tab_to(page, f"e.name === 'quiz-01-what-moves' && e.value === '{value}'")
        page.keyboard.press("Space")
    check_answer(page)
    assert quiz.get_by_role("status").inner_text() == "Right."
    begin(page, "quiz-01-what-moves")
    tab_to(page, "e.value === '1'")
    page.keyboard.press("Space")
    check_answer(page)
    assert quiz.get_by_role("status").inner_text().startswith("Not yet.")


def test_an_order_by_keyboard(open_page):
    page = open_page(LESSON)
    quiz = question(page, "quiz-01-order")
    begin(page, "quiz-01-order")
    check_answer(page)
    assert quiz.get_by_role("status").inner_text().startswith("Not yet.")
    moves = [("Move up: Ask whether the blob is there", 2), ("Move up: Open an upload", 2)]
    moves.append(("Move down: Put the manifest under its tag", 1))
    for label, times in moves:
        begin(page, "quiz-01-order")
        tab_to(page, f"e.getAttribute('aria-label') === '{label}'")
        for _ in range(times):
            page.keyboard.press("Enter")
    assert quiz.get_by_role("status").inner_text() == "Put the manifest under its tag: place 4 of 4"
    check_answer(page)
    assert quiz.get_by_role("status").inner_text() == "Right."


def test_the_parts_of_a_name_by_keyboard(open_page):
    page = open_page(LESSON)
    quiz = question(page, "quiz-01-name")
    begin(page, "quiz-01-name")
    for role in ("registry host", "repository", "tag"):
        page.keyboard.press("Tab")
        page.keyboard.type(role)
    check_answer(page)
    assert quiz.get_by_role("status").inner_text() == "Right."
    assert "The engine connects there." in quiz.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_question_can_be_answered_right_and_wrong(open_page, scheme):
    """The page judges as the parser does: the right answers are accepted, every single change to them is not."""
    page = open_page(LESSON, scheme)
    for quiz in quizzes.parse(paths.LESSONS / "01-first-push.md"):
        box = question(page, quiz.id)
        status, submit = box.get_by_role("status"), box.locator("button[type=submit]")
        if quiz.kind in ("single", "multiple"):
            for number, option in enumerate(quiz.options):
                field = box.locator("input").nth(number)
                if quiz.kind == "single":
                    field.check()
                    submit.click()
                    assert (status.inner_text() == "Right.") is bool(option.answer), (quiz.id, option.text)
                elif option.answer:
                    field.check()
            if quiz.kind == "multiple":
                submit.click()
                assert status.inner_text() == "Right.", quiz.id
                for number in range(len(quiz.options)):
                    box.locator("input").nth(number).click()
                    submit.click()
                    assert status.inner_text() != "Right.", (quiz.id, number)
                    box.locator("input").nth(number).click()
        elif quiz.kind == "name":
            for number, option in enumerate(quiz.options):
                box.locator("select").nth(number).select_option(str(option.answer))
            submit.click()
            assert status.inner_text() == "Right.", quiz.id
            for part in quiz.options:
                assert re.sub(r"`", "", part.feedback) in box.inner_text()
    page.wait_for_timeout(150)
    assert violations(page, "with feedback shown") == []


def test_on_paper_it_is_light_and_without_the_frame(open_page):
    page = open_page(LESSON, "dark")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert background(page) == "rgb(255, 255, 255)"
    for part in (".md-header", ".md-sidebar--primary", ".md-footer", ".quiz-bar"):
        assert not page.locator(part).first.is_visible(), part
    assert len(page.pdf(format="A4")) > 50_000
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert background(page) != "rgb(255, 255, 255)"
