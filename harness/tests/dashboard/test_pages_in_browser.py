"""The pages of the tutorial's screenshots, clicked through in a browser."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, expect

from harness.kube.apply import Ledger
from harness.kube.objects import workload
from harness.kube.waits import wait_rollout
from harness.tests.dashboard.conftest import PATIENCE_MS, Town, Visitor
from harness.tests.dashboard.readability import contrast, overflow

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240), pytest.mark.xdist_group("dashboard")]


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)


def test_booksapp_shows_its_books_and_authors(town: Town, visitor: Visitor) -> None:
    page = visitor.open(town.url("booksapp.local"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Books and authors")
    expect(page.get_by_role("link", name="Kafka on the Shore", exact=True)).to_be_visible()
    page.get_by_role("link", name="Haruki Murakami").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Haruki Murakami")
    expect(page.get_by_role("row")).to_have_count(3)


def test_every_page_fits_a_phone_by_day_and_by_night(town: Town, phone: Visitor) -> None:
    for host, path in (
        ("booksapp.local", "/"),
        ("booksapp.local", "/authors/3"),
        ("booksapp.local", "/books/3/edit"),
        ("podinfo.local", "/"),
    ):
        page = phone.open(town.url(host, path))
        assert overflow(page) == 0, path
        assert contrast(page) >= 4.5, f"WCAG 1.4.3 on {path}"
        page.close()


def test_a_fault_in_books_is_a_500_page(town: Town, visitor: Visitor, ledger: Ledger) -> None:
    """Nine of ten times the page is as before, so it is loaded until it is not."""
    page = visitor.open(town.url("booksapp.local"))
    town.apply(ledger, "booksapp/error-injector.yaml")
    wait_rollout(town.session.kube, workload("Deployment", "booksapp/error-injector"), within=120)
    town.apply(ledger, "booksapp/error-split-httproute.yaml")
    deadline = time.monotonic() + PATIENCE_MS / 1000
    statuses: set[int] = set()
    while 500 not in statuses:
        assert time.monotonic() < deadline, statuses
        answer = page.reload()
        assert answer is not None
        statuses.add(answer.status)
    assert statuses <= {200, 500}
    expect(page.get_by_role("heading", level=1)).to_have_text("Internal Server Error")
    page.get_by_role("link", name="All books and authors").click()


def test_what_policy_forbids_is_not_found_and_what_it_allows_is_created(
    town: Town, visitor: Visitor, ledger: Ledger
) -> None:
    """§7.4: with a route for reading only, deleting an author finds nothing; with one for writing, creating works."""
    reading = ("authors-server", "authors-get-route", "authors-get-policy", "authors-probe-route-policy")
    town.apply(ledger, *(f"booksapp/{name}.yaml" for name in reading))
    page = visitor.open(town.url("booksapp.local"))
    page.get_by_role("button", name="Delete James Baldwin").click()
    expect(page.get_by_role("status")).to_have_text("Not found")
    expect(page.get_by_role("button", name="Delete James Baldwin")).to_be_visible()
    create_author(page, "Octavia", "Butler")
    expect(page.get_by_role("heading", level=1)).to_have_text("Internal Server Error")

    town.apply(ledger, "booksapp/authors-modify-route.yaml", "booksapp/authors-modify-policy.yaml")
    page.get_by_role("link", name="All books and authors").click()
    create_author(page, "Octavia", "Butler")
    expect(page.get_by_role("status")).to_have_text('Author "Octavia Butler" created')
    expect(page.get_by_role("heading", level=1)).to_have_text("Octavia Butler")
    assert re.search(r"/authors/\d+$", page.url)


def create_author(page: Page, first: str, last: str) -> None:
    page.get_by_label("First name").fill(first)
    page.get_by_label("Last name").fill(last)
    page.get_by_role("button", name="Add author").click()


def test_podinfos_page_asks_its_backend(town: Town, visitor: Visitor) -> None:
    page = visitor.open(town.url("podinfo.local"))
    expect(page.get_by_role("heading", level=1)).to_have_text("greetings from podinfo v6.9.3")
    page.get_by_role("button", name="Ping").click()
    expect(page.get_by_role("button", name="Ping")).to_have_text("Ping 1")
    expect(page.get_by_role("status")).to_contain_text("PODINFO_UI_MESSAGE=A backend")
