"""The dashboard in a browser: the fault as it appears, who is refused, and everybody who may want to read it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from harness.kube.apply import Ledger
from harness.tests.dashboard.conftest import PATIENCE_MS, Town, Visitor
from harness.tests.dashboard.readability import contrast, overflow

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240), pytest.mark.xdist_group("dashboard")]


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def dashboard(town: Town, visitor: Visitor) -> Page:
    """The dashboard, live."""
    page = visitor.open(town.url("linkerd-viz.local"))
    expect(page.locator("#status")).to_have_text("live")
    return page


def test_it_shows_100_percent_and_then_the_fault(town: Town, dashboard: Page, ledger: Ledger) -> None:
    webapp = dashboard.locator('#workloads-table tr[data-key="booksapp/webapp"]')
    expect(webapp.locator('[data-field="success"]')).to_have_text("100.00%")
    expect(webapp).to_have_attribute("data-health", "good")
    expect(webapp.locator('[data-field="meshed"]')).to_have_text("3/3")

    town.apply(ledger, "booksapp/error-injector.yaml", "booksapp/error-split-httproute.yaml")
    expect(webapp).to_have_attribute("data-health", re.compile("fair|poor"))
    expect(webapp.locator('[data-field="success"]')).not_to_have_text("100.00%")
    injector = dashboard.locator("#edges-table tr", has_text="booksapp/error-injector").first
    expect(injector.locator('[data-field="success"]')).to_have_text("0.00%")
    expect(dashboard.get_by_role("log")).to_contain_text(re.compile(r"booksapp/webapp went from good to (fair|poor)"))


def test_it_shows_who_talks_to_whom_and_who_proved_who_it_is(dashboard: Page) -> None:
    edge = dashboard.locator("#edges-table tr", has_text="booksapp/traffic").first
    expect(edge.locator('[data-field="destination"]')).to_have_text("booksapp/webapp")
    expect(edge.locator('[data-field="secured"]')).to_have_text("mTLS")
    expect(edge.locator('[data-field="client"]')).to_have_text("traffic.booksapp")
    expect(edge.locator('[data-field="server"]')).to_have_text("webapp.booksapp")


def test_it_shows_who_comes_without_a_proxy(town: Town, visitor: Visitor, dashboard: Page) -> None:
    """The ingress is not meshed (§4.14)."""
    visitor.open(town.url("podinfo.local"))  # asks /api/info every 3 s
    edge = dashboard.locator("#edges-table tr", has_text="test/frontend-podinfo")
    expect(edge.locator('[data-field="source"]')).to_have_text("not meshed")
    expect(edge.locator('[data-field="secured"]')).to_have_text("no: no tls from remote")
    expect(edge.locator('[data-field="client"]')).to_have_text("none")


ASKING = """setInterval(() => {
    fetch("/");
    fetch("/authors", {method: "POST", body: new URLSearchParams({first_name: "A", last_name: "B"})});
}, 500)"""
"""The list of authors is matched and forbidden, a new one finds no route. The app's own visitor asks for one of them
only, once it is stuck there."""


def test_it_shows_who_is_refused(town: Town, visitor: Visitor, dashboard: Page, ledger: Ledger) -> None:
    visitor.open(town.url("booksapp.local")).evaluate(ASKING)
    town.apply(ledger, "booksapp/authors-server.yaml", "booksapp/authors-get-route.yaml")
    refused = dashboard.locator("#refused-table tr", has_text="authors-get-route").first
    expect(refused.locator('[data-field="status"]')).to_have_text("403 not allowed")
    expect(refused.locator('[data-field="workload"]')).to_have_text("booksapp/authors")
    expect(refused.locator('[data-field="client"]')).to_have_text("webapp.booksapp")
    unmatched = dashboard.locator("#refused-table tr", has_text="404 no route").first
    expect(unmatched.locator('[data-field="route"]')).to_have_text("none matches")


def test_a_namespace_can_be_chosen_and_linked_to(town: Town, visitor: Visitor, dashboard: Page) -> None:
    dashboard.get_by_label("Namespace").select_option("test")
    table = dashboard.get_by_role("table", name="Workloads")
    expect(table.get_by_role("rowheader")).to_have_text(["backend-a-podinfo", "backend-b-podinfo", "frontend-podinfo"])
    again = visitor.open(dashboard.url)
    expect(again.get_by_label("Namespace")).to_have_value("test")
    expect(again.get_by_role("table", name="Workloads").get_by_role("rowheader")).to_have_count(3)


def test_it_can_be_read_by_keyboard_and_stopped(dashboard: Page) -> None:
    """WCAG 2.2.2: what updates by itself can be paused."""
    focused = []
    for _ in range(3):
        dashboard.keyboard.press("Tab")
        focused.append(dashboard.evaluate("document.activeElement.id || document.activeElement.className"))
    assert focused == ["skip", "namespace", "pause"]
    dashboard.keyboard.press("Enter")
    expect(dashboard.get_by_role("button", name="Pause", pressed=True)).to_be_visible()
    expect(dashboard.get_by_role("status")).to_have_text("paused")
    window = dashboard.locator("#window").inner_text()
    dashboard.evaluate("new Promise((done) => { new EventSource('events').onmessage = done; })")
    assert dashboard.locator("#window").inner_text() == window
    dashboard.keyboard.press("Enter")
    expect(dashboard.get_by_role("status")).to_have_text("live")


def test_on_a_phone_tables_are_still_tables_to_a_screen_reader(town: Town, phone: Visitor) -> None:
    page = phone.open(town.url("linkerd-viz.local"))
    table = page.get_by_role("table", name="Workloads")
    expect(table.get_by_role("columnheader")).to_have_count(9)
    row = table.get_by_role("row", name=re.compile("webapp"))
    expect(row.get_by_role("rowheader")).to_have_text("webapp")
    expect(row.get_by_role("cell")).to_have_count(8)
    assert overflow(page) == 0
    assert contrast(page) >= 4.5, "WCAG 1.4.3"
