"""One cluster with the tutorial's apps and the dashboard, and one browser, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from harness.kube.apply import Applier, Ledger
from harness.kube.objects import workload
from harness.kube.waits import wait_rollout
from harness.run.installing import install
from harness.run.session import Session, open_session
from harness.scenario.project import Project
from harness.tests.browser import open_chromium

ROOT = Path(__file__).parents[3]
APPS = ("booksapp-at-leisure", "podinfo-a", "podinfo-b", "podinfo-frontend", "dashboard")
PATIENCE_MS = 60_000
RUN = "dashboard"


@dataclass(frozen=True, slots=True)
class Town:
    """The cluster as a person meets it.

    session  for what a person would do with kubectl
    """

    session: Session

    def url(self, host: str, path: str = "/") -> str:
        """Where a host of the ingress is."""
        assert self.session.cluster.ingress is not None
        return f"http://{host}:{self.session.cluster.ingress.rpartition(':')[2]}{path}"

    def apply(self, ledger: Ledger, *manifests: str) -> None:
        """What `kubectl apply -f` does with files below manifests/."""
        project, applier = Project(ROOT), Applier(self.session.kube, RUN)
        for manifest in manifests:
            for one in project.manifests(f"manifests/{manifest}"):
                applier.apply(dict(one.obj), ledger)

    def undo(self, ledger: Ledger) -> None:
        """Bring everything back that was applied under this ledger."""
        assert Applier(self.session.kube, RUN).undo(ledger) == []


@pytest.fixture(scope="package")
def town() -> Iterator[Town]:
    """booksapp without its own failures, podinfo, and the dashboard."""
    project = Project(ROOT)
    _, profile = project.profile("embedded")
    with open_session(profile, lambda event: None) as session:
        applier = Applier(session.kube, RUN)
        list(install(session.kube, applier, Ledger(), [project.app(name) for name in APPS], project))
        authors = workload("Deployment", "booksapp/authors")

        def healthy(live: dict[str, object]) -> list[dict[str, str]]:
            place = "/spec/template/spec/containers/0/env/2"
            return [{"op": "test", "path": f"{place}/name", "value": "FAILURE_RATE"}, {"op": "remove", "path": place}]

        applier.change(authors, healthy, Ledger(), kind="json")
        wait_rollout(session.kube, authors, within=120)
        yield Town(session)


@pytest.fixture
def ledger(town: Town) -> Iterator[Ledger]:
    """What the test changes is as before when it ends."""
    ledger = Ledger()
    yield ledger
    town.undo(ledger)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser to which every name below .local is this machine; no longer than a module, for its event loop."""
    with open_chromium("--disable-background-networking", "--host-resolver-rules=MAP *.local 127.0.0.1") as opened:
        yield opened


@dataclass
class Visitor:
    """A browser window of its own, and what went wrong in it."""

    context: BrowserContext
    complaints: list[str]

    def open(self, url: str) -> Page:
        """A page that has been loaded; errors on it and requests to other hosts are complaints."""
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        host = url.split("/")[2]
        page.on("request", lambda request: self._check(request.url, host))
        page.goto(url)
        return page

    def _check(self, url: str, host: str) -> None:
        if url.split("/")[2] != host and not url.startswith("data:"):
            self.complaints.append(f"asks for {url}")


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    """A window on a desk."""
    yield from _window(browser, 1280, "light")


@pytest.fixture(params=["light", "dark"])
def phone(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """A window as wide as a small phone, by day and by night."""
    yield from _window(browser, 360, request.param)


def _window(browser: Browser, width: int, scheme: Literal["light", "dark"]) -> Iterator[Visitor]:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    visitor = Visitor(context, [])
    yield visitor
    context.close()
    assert visitor.complaints == []
