"""The report of a recorded run in a real browser: nothing to fetch, room on a phone, contrast, keyboard, paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from harness.record import read_record
from harness.report.html import page as report_page
from harness.report.story import tell
from harness.report.tutorial import compare
from harness.scenario.article import read_article
from harness.tests.browser import open_chromium
from harness.tests.dashboard.readability import contrast, overflow

ROOT = Path(__file__).parents[3]
RECORDED = ROOT / "harness" / "tests" / "recorded" / "fault-injection-broken.ndjson.gz"
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    story = tell(read_record(RECORDED))
    article = compare(read_article(ROOT / "scenarios" / "tutorial" / "article.yaml"), story)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report_page(story, article), encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    """The report, opened; fails if it fetched anything or complained."""
    opened = browser.new_page(viewport=DESK)  # type: ignore[arg-type]
    fetched: list[str] = []
    said: list[str] = []
    opened.on("request", lambda request: fetched.append(request.url))
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(file.as_uri())
    yield opened
    opened.close()
    assert {url.partition("#")[0] for url in fetched} == {file.as_uri()}
    assert said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_both_modes(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert contrast(page) >= 4.5


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_the_page_is_never_wider_than_the_window(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert overflow(page) == 0


def test_text_of_plots_keeps_its_size_on_a_phone(page: Page) -> None:
    def size() -> float:
        height: float = page.evaluate("document.querySelector('.frame .x').getBoundingClientRect().height")
        return height

    at_the_desk = size()
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert size() == at_the_desk


def test_the_keyboard_reaches_results_and_opens_them(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
    page.keyboard.press("Enter")
    assert page.url.endswith("#failures")
    summary = page.locator("details.expectation > summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("details.expectation").first.evaluate("part => part.open") is True


def test_paper_gets_everything(page: Page) -> None:
    assert page.locator("details:not([open])").count() > 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0


def test_a_link_to_an_expectation_opens_it(page: Page, file: Path) -> None:
    name = "s1-books-never-fails"
    assert page.locator(f"#{name}").evaluate("part => part.open") is False
    page.evaluate(f"location.hash = '{name}'")
    page.wait_for_function(f"document.getElementById('{name}').open")
