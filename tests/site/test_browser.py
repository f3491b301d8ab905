"""The site in Chromium: every page, both palettes, a phone, a keyboard, paper, a copy on disk, and axe-core."""

from __future__ import annotations

import re
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from autograder import paths, site
from autograder.content import lessons, quizzes
from tests.chromium import MILLISECONDS
from tests.chromium import context as new_context

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.browser
LESSON = "01-first-push/"
WIDTHS = {
    "phone": {"width": 360, "height": 740},
    "desk": {"width": 1280, "height": 900},
    "sheet": {"width": 720, "height": 1000},  # A4 with the browser's margins, in CSS pixels
}


@pytest.fixture(scope="session")
def addresses(built: Path) -> list[str]:
    """Every page, relative to the site's root."""
    files = sorted(built.rglob("*.html"))
    return [file.relative_to(built).as_posix().removesuffix("index.html") for file in files]


# Colours are measured, so nothing may be on its way from one to another.
STILL = """(() => {
  const put = () => {
    const style = document.createElement("style");
    style.textContent = "*, *::before, *::after { transition: none !important; animation: none !important }";
    document.documentElement?.append(style);
    return document.documentElement;
  };
  const later = new MutationObserver(() => put() && later.disconnect());
  if (!put()) later.observe(document, { childList: true });
})()"""
# Most of axe's time goes into the colours of words in code, of which a page has a thousand in a dozen kinds: one word
# of each kind stays marked, the others become plain text.
ONE_OF_EACH = """() => {
  const seen = new Set();
  for (const word of document.querySelectorAll("article pre code span")) {
    const kind = `${word.className} in ${word.closest(".highlight")?.className}`;
    if (!word.className || seen.has(kind)) word.replaceWith(...word.childNodes);
    else seen.add(kind);
  }
  for (const box of document.querySelectorAll("article details")) box.open = true;
}"""
# The same in the second palette: one element of each look, told by what it stands in. The first palette has seen all.
ONE_OF_EACH_LOOK = """() => {
  const seen = new Set();
  for (const element of document.querySelectorAll(".md-content *")) {
    if (![...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim())) continue;
    let look = "";
    for (let part = element; part; part = part.parentElement) look += `${part.tagName}.${part.className} `;
    if (!seen.has(look)) element.dataset.look = "";
    seen.add(look);
  }
}"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Tables that have to be scrolled sideways, by their heads.
WIDE_TABLES = """[...document.querySelectorAll("article :is(table, .md-typeset__scrollwrap)")]
  .filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.innerText.slice(0, 40))"""
COLOURS = ["color-contrast", "link-in-text-block"]  # the rules whose verdict depends on the palette


def watch(page: Page, allowed: str, wrong: list[str]) -> None:
    """Note requests to elsewhere, answers that are errors, and whatever a page puts on the console."""
    page.on("request", lambda r: r.url.startswith((allowed, "data:", "blob:")) or wrong.append(f"asked {r.url}"))
    page.on("console", lambda m: m.type in ("error", "warning") and wrong.append(f"{page.url}: {m.text}"))
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    page.on("response", lambda r: r.status >= 400 and wrong.append(f"{r.status} for {r.url}"))


@pytest.fixture
def open_page(chromium: Browser, address: str):
    """Opens pages and fails if one of them asked elsewhere for something, or put an error on the console."""
    contexts, wrong = [], list[str]()

    def opened(where: str, scheme: str = "light", width: str = "desk", base: str = address, **options) -> Page:
        context = new_context(chromium, color_scheme=scheme, viewport=WIDTHS[width], **options)
        contexts.append(context)
        context.add_init_script(STILL)
        page = context.new_page()
        watch(page, base, wrong)
        page.goto(base + where, wait_until="load")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def search(page: Page, words: str) -> None:
    """Open the search by its key and type words, once they have somewhere to go."""
    page.keyboard.press("/")
    expect(page.locator(".md-search__input")).to_be_focused(timeout=MILLISECONDS)
    page.keyboard.type(words, delay=5)


def first_hit(page: Page, place: str) -> Locator:
    """The first hit, once it leads to a place: the hits for the first letters give way to those for all of them."""
    hit = page.locator(".md-search-result__item a").first
    expect(hit).to_have_attribute("href", re.compile(re.escape(place)), timeout=MILLISECONDS)
    return hit


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def violations(page: Page, where: str, rules: list[str] | None = None, part: str | None = None) -> list[str]:
    """What axe-core finds, one sentence a rule; by all its rules or those named, on the whole page or a part of it."""
    options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    return [
        f"{where} {rule['id']} ({len(rule['nodes'])}): {[node['html'][:160] for node in rule['nodes'][:3]]}"
        for rule in Axe().run(page, part, options=options).response["violations"]
    ]


def test_every_page_is_quiet_accessible_and_fits(open_page, addresses):
    """No request elsewhere, no console message, no axe violation in either palette; it fits, on paper too."""
    problems = []
    page = open_page("")
    base = page.url
    for where in addresses:
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(WIDTHS["desk"])
        page.goto(base + where, wait_until="load")
        page.evaluate(ONE_OF_EACH)
        problems += violations(page, where)
        page.evaluate(ONE_OF_EACH_LOOK)
        if page.evaluate(OVERFLOW) > 0:
            problems.append(f"{where} is too wide for a desk")
        problems += [f"{where} has a table that is too wide for a desk: {head}" for head in page.evaluate(WIDE_TABLES)]
        page.emulate_media(color_scheme="dark")
        page.wait_for_selector("body[data-md-color-scheme=slate]", state="attached")
        # What frames a page is the same on all of them: its colours in the dark are looked at once.
        problems += violations(page, f"{where}, dark:", COLOURS, "[data-look]" if where else None)
        page.set_viewport_size(WIDTHS["phone"])
        if page.evaluate(OVERFLOW) > 0:
            problems.append(f"{where} is {page.evaluate(OVERFLOW)} px too wide for a phone")
        problems += [f"{where} has a table that is too wide for a phone: {head}" for head in page.evaluate(WIDE_TABLES)]
        page.set_viewport_size(WIDTHS["sheet"])
        page.emulate_media(media="print")
        if page.evaluate(OVERFLOW) > 0:
            problems.append(f"{where} is {page.evaluate(OVERFLOW)} px too wide for paper")
        page.emulate_media(media="screen")
    assert problems == []


ROW = "tr:has-text('toomanyrequests')"


@pytest.mark.parametrize("scripts", [True, False], ids=["", "without scripts"])
def test_on_a_phone_a_table_is_read_row_by_row(open_page, scripts):
    page = open_page("troubleshooting/", width="phone", java_script_enabled=scripts)
    cells = [cell.bounding_box() for cell in page.locator(f"{ROW} td").all()]
    assert len(cells) == 3 and len({box["x"] for box in cells}) == 1
    assert all(above["y"] + above["height"] <= below["y"] for above, below in pairwise(cells))
    assert all(box["x"] + box["width"] <= WIDTHS["phone"]["width"] for box in cells)
    assert page.locator("article thead").first.bounding_box()["height"] == pytest.approx(1, abs=1) or not scripts
    if scripts:
        label = "e => getComputedStyle(e, '::before').content"
        assert "what to do" in page.locator(f"{ROW} td").last.evaluate(label)
        table = page.get_by_role("table").filter(has=page.locator(ROW))
        assert table.get_by_role("columnheader").count() == 3, "to a screen reader it is still a table"
        assert table.get_by_role("cell", name="toomanyrequests").count() == 1
    else:
        assert page.get_by_text("what to do").first.is_visible()


def test_a_table_of_figures_stays_a_table_on_a_phone(open_page):
    page = open_page("schedule/", width="phone")
    row = page.locator("article tr:has-text('01 · First push') td")
    assert len({box.bounding_box()["y"] for box in row.all()}) == 1


@pytest.mark.parametrize("where", ["", LESSON, "reference/commands/"])
def test_on_a_phone_axe_finds_nothing_either(open_page, where):
    page = open_page(where, width="phone")
    page.evaluate(ONE_OF_EACH)
    assert violations(page, where) == []


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
        page = new_context(chromium, color_scheme=scheme).new_page()
        for fragment in ("#light", "#dark", ""):
            page.goto("about:blank")
            page.goto(f"{address}assets/diagram-01-parts.svg{fragment}")
            seen[scheme, fragment] = page.evaluate(ink)
        page.close()
    light, dark = seen["light", "#light"], seen["light", "#dark"]
    assert light != dark
    assert seen == {(s, f): dark if "dark" in (f or s) else light for s, f in seen}


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("toomanyrequests", "troubleshooting/"),
        ("untagged", "08-lifecycle/"),
        ("garbage collection", "05-private-registry/"),
        ("scope map", "glossary/"),
        ("SBOM", "09-scanning/"),
        ("manifest unknown", "01-first-push/"),
        ("OIDC", "10-ci-cd/"),
        ("referrers", "11-multi-arch/"),
        ("htpasswd", "05-private-registry/"),
        ("grade", "instructor-guide/"),
    ],
)
def test_search_leads_to_the_place(open_page, words, place):
    page = open_page("")
    search(page, words)
    first = page.locator(f".md-search-result__item:nth-child(-n + 5) > a[href*='/{place}']").first
    first.wait_for(state="attached")


def test_search_finds(open_page):
    page = open_page("")
    search(page, "DIGEST_INVALID")
    first_hit(page, "/troubleshooting/").click()
    page.wait_for_url("**/troubleshooting/**")


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


# In the page: give a question its right answer, see that it is accepted, change one thing, see that it is not, and so
# on for every single change. Returns sentences about what went wrong.
ANSWER = """([id, kind, answers]) => {
  const box = document.getElementById(id), form = box.querySelector("form"), wrong = [];
  const verdict = () => {
    form.requestSubmit();
    return box.querySelector(".quiz-result").textContent === "Right.";
  };
  const see = (wanted, what) => {
    if (verdict() !== wanted) wrong.push(`${id}: ${what} is ${wanted ? "refused" : "accepted"}`);
  };
  const fields = [...box.querySelectorAll("input")];
  if (kind === "single") {
    fields.forEach((field, n) => { field.checked = true; see(answers[n], `option ${n + 1}`); });
    fields[answers.indexOf(true)].checked = true;
  } else if (kind === "multiple") {
    fields.forEach((field, n) => (field.checked = answers[n]));
    see(true, "all that is right");
    for (const field of fields) {
      field.checked = !field.checked;
      see(false, `another choice of ${field.value}`);
      field.checked = !field.checked;
    }
  } else if (kind === "name") {
    const selects = [...box.querySelectorAll("select")];
    selects.forEach((select, n) => (select.value = answers[n]));
    see(true, "every right role");
    for (const select of selects) {
      const before = select.value;
      select.selectedIndex = select.selectedIndex === 1 ? 2 : 1;
      see(false, `another role of part ${selects.indexOf(select) + 1}`);
      select.value = before;
    }
  } else {
    const rows = () => [...box.querySelectorAll(".quiz-order > li")];
    const first = rows();
    answers.forEach((place, n) => (first[n].dataset.place = place));
    for (let sorted = false; !sorted; ) {
      const late = rows().find((row, n, all) => n && Number(all[n - 1].dataset.place) > Number(row.dataset.place));
      if (late) late.querySelector("button").click();
      else sorted = true;
    }
    see(true, "the right order");
    rows()[0].querySelectorAll("button")[1].click();
    see(false, "another order");
    rows()[1].querySelector("button").click();
  }
  see(true, "the right answer in the end");
  return wrong;
}"""


def letters(text: str) -> str:
    """A text without marks and blanks, so that Markdown and its page compare equal."""
    return re.sub(r"\W", "", text)


def test_every_question_can_be_answered_right_and_wrong(open_page):
    """Every question of the course, on the self-check's page: the page judges as the parser does."""
    asked = [quiz for path in lessons.lesson_files() for quiz in quizzes.parse(path)]
    page = open_page("self-check/")
    problems = []
    for quiz in asked:
        problems += page.evaluate(ANSWER, [quiz.id, quiz.kind, [option.answer for option in quiz.options]])
        shown = letters(question(page, quiz.id).inner_text())
        for option in quiz.options:
            if letters(re.sub(r"\[(.*?)\]\(.*?\)", r"\1", option.feedback)) not in shown:
                problems.append(f"{quiz.id} does not show {option.feedback!r}")
    assert problems == []
    assert page.locator(".quiz-progress span").inner_text().startswith(f"{len(asked)} of {len(asked)}")
    page.goto(page.url.replace("self-check/", LESSON))
    total = len(quizzes.parse(paths.LESSONS / "01-first-push.md"))
    assert page.locator(".quiz-progress span").inner_text().startswith(f"{total} of {total}"), "answers are shared"
    assert violations(page, "with feedback shown") == []
    page.emulate_media(color_scheme="dark")
    page.wait_for_selector("body[data-md-color-scheme=slate]", state="attached")
    assert violations(page, "with feedback shown, dark:", COLOURS) == []


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


@pytest.fixture(scope="session")
def on_disk(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the unpacked copy for reading without a server, with a slash at the end."""
    folder = tmp_path_factory.mktemp("a copy")
    with zipfile.ZipFile(site.pack(folder / "copy.zip")) as archive:
        archive.extractall(folder)
    return f"{(folder / site.ZIP_FOLDER).as_uri()}/"


def test_a_copy_on_disk_is_quiet_searches_and_keeps_answers(open_page, on_disk):
    page = open_page("index.html", base=on_disk)
    search(page, "DIGEST_INVALID")
    first_hit(page, "/troubleshooting.html").click()
    page.wait_for_url("**/troubleshooting.html**")
    page.goto(f"{on_disk}{LESSON.rstrip('/')}.html")
    question(page, "quiz-01-moved-tag").locator("input").nth(1).check()
    question(page, "quiz-01-moved-tag").locator("button[type=submit]").click()
    page.reload()
    assert page.locator(".quiz-progress span").inner_text().startswith("1 of 7")
    links = page.locator(".md-nav--primary a.md-nav__link[href]").evaluate_all("links => links.map(link => link.href)")
    for link in dict.fromkeys(link.partition("#")[0] for link in links):
        page.goto(link)
        assert page.locator("h1").count() == 1


def test_a_copy_on_disk_says_so_when_the_search_cannot_work(chromium, on_disk):
    page = new_context(chromium).new_page()
    page.goto(on_disk + "index.html")
    page.evaluate("""() => void new Worker("no-such-worker.js")""")
    page.get_by_text("Search does not work in this browser without a server.").first.wait_for(state="attached")
    page.close()
