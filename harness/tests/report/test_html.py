"""The HTML report is one whole, valid page for every kind of run, with nothing in it that others wrote as markup."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from harness.record.lines import document_of, event_of
from harness.report.html import page
from harness.report.html.latency import latency_plot
from harness.report.html.outcomes import answers, seen
from harness.report.html.plot import Plot, Scale
from harness.report.story import Story
from harness.run import events as ev
from harness.tests.report.made import HOSTILE, outcome, runs
from harness.traffic.plan import Request

RUNS = runs()
VOID = {"meta", "br", "polyline", "polygon", "rect", "path"}


class Reader(HTMLParser):
    """Checks that tags nest; collects elements and their text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice on {tag}"
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open, f"</{tag}> closes nothing"
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.seen if name == tag]


def read(run: Story) -> Reader:
    reader = Reader()
    reader.feed(page(run))
    reader.close()
    assert not reader.open
    return reader


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
def test_every_page_is_whole_and_needs_no_other_file(run: Story) -> None:
    reader = read(run)
    assert len(reader.all("script")) == 1
    assert not [tag for tag, _ in reader.seen if tag in ("link", "img", "iframe", "object", "base")]
    for tag, attributes in reader.seen:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcset")], tag
    assert not re.search(r"url\(|@import", page(run))
    identities = [attributes["id"] for _, attributes in reader.seen if "id" in attributes]
    assert len(set(identities)) == len(identities)
    targets = [(a.get("href") or "")[1:] for a in reader.all("a") if (a.get("href") or "").startswith("#")]
    assert set(targets) <= set(identities)


def test_hostile_text_is_shown_as_it_is() -> None:
    reader = read(RUNS["hostile"])
    assert "<script>alert(1)</script>" in reader.text
    assert "alert(2)" in reader.text
    links = [a.get("href") or "" for a in reader.all("a")]
    assert not [link for link in links if not link.startswith(("#", "https://example.org/"))]


def test_only_https_sources_become_links() -> None:
    run = RUNS["hostile"]
    assert HOSTILE in run.scenarios[0].started.source[1]
    assert [a.get("href") for a in read(run).all("a") if not (a.get("href") or "").startswith("#")] == [
        "https://example.org/a"
    ]


def test_failures_come_first() -> None:
    text = page(RUNS["broken"])
    assert text.index('id="failures"') < text.index('id="scenario-1"')
    assert 'id="failures"' not in page(RUNS["held"])


@pytest.mark.parametrize("name", ["interrupted", "killed", "environment", "bad-input", "killed-at-once"])
def test_a_run_without_an_end_says_so(name: str) -> None:
    assert "did not come to its end" in read(RUNS[name]).text
    assert "did not come to its end" not in read(RUNS["held"]).text


def test_every_plot_says_in_words_what_it_shows() -> None:
    images = [attributes for tag, attributes in read(RUNS["broken"]).seen if attributes.get("role") == "img"]
    assert len(images) > 4
    assert all(len(image.get("aria-label") or "") > 3 for image in images)
    said = " ".join(image.get("aria-label") or "" for image in images)
    assert "20 2xx, 20 3xx, 20 4xx, 20 5xx, 20 no response" in said


CALLS = ("0", "7", "", None)
"""What became of calls of gRPC: their own status, none of it (it broke off after HTTP's 200), no response at all."""


def calls(protocol: str = "grpc") -> ev.RequestsMade:
    fates = [
        outcome(n, None if own is None else 200, headers={"grpc-status": own} if own else {})
        for n, own in enumerate(CALLS * 5)
    ]
    asked = Request(method="POST", url="http://books:7002/shop.Books/Get")
    return ev.RequestsMade("made-up", "only", "x", "webapp", asked, 100.0, 3.0, tuple(fates), protocol=protocol)


def test_calls_are_coloured_and_counted_by_their_own_status() -> None:
    """HTTP's status is 200 whatever became of them; one that has no status of its own is not good either."""
    plot = latency_plot([calls(), calls()])
    assert 'class="kok"' in plot
    assert 'class="kfailed"' in plot
    assert 'class="k2xx"' not in plot
    assert Counter(one.kind for one in seen(calls())) == {"ok": 5, "failed": 10, "none": 5}
    assert answers([calls()]) == {"grpc-status 0": 5, "grpc-status 7": 5, "200": 5, "timeout": 5}


@pytest.mark.parametrize(("without", "told"), [((), True), (("protocol",), False)])
def test_a_record_tells_what_the_protocol_was(without: tuple[str, ...], told: bool) -> None:
    """Those of earlier versions did not."""
    document = {key: value for key, value in document_of(calls(), 0.0, 100).items() if key not in without}
    made = event_of(document)
    assert isinstance(made, ev.RequestsMade)
    assert made.is_calls is told


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name() -> None:
    for tag, attributes in read(RUNS["broken"]).seen:
        if "scroll" in (attributes.get("class") or "").split():
            assert attributes.get("tabindex") == "0", tag
            assert attributes.get("aria-label")


def test_headings_leave_no_level_out() -> None:
    levels = [int(tag[1]) for tag, _ in read(RUNS["broken"]).seen if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_who_answered_is_counted_from_the_senders_proxy_and_its_own_refusals() -> None:
    text = re.sub(r"\s+", " ", read(RUNS["broken"]).text)
    assert "webappbooks90its proxy" in text
    assert "webappits own proxy15its proxy" in text


def test_offending_requests_are_shown_whole() -> None:
    text = re.sub(r"\s+", " ", read(RUNS["broken"]).text)
    assert "2 of 100 speak against it: no responses with status 200 (row 1 )" in text
    assert "500 after 4.0 ms" in text
    assert "oh no" in text
    assert "no response (timeout) after 9.0 ms" in text
    assert "A log" in text


def test_a_scale_keeps_values_inside() -> None:
    scale = Scale(-1.0, 3.0)
    assert [scale.at(value) for value in (-5, -1, 0, 1, 3, 9)] == [0, 0, 25, 50, 100, 100]
    assert Scale(1.0, 1000.0, logarithmic=True).at(10) == pytest.approx(33.333)
    assert Scale(0.0, 0.0).at(0) == 0


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 0.07), (-1.5, 1.25), (0.82, 0.95), (0.0, 1234.0)])
def test_ticks_are_few_and_inside(low: float, high: float) -> None:
    ticks = Scale(low, high).ticks(4)
    assert 2 <= len(ticks) <= 5
    assert all(low <= tick <= high for tick in ticks)


def test_a_plot_draws_what_it_is_given() -> None:
    plot = Plot(Scale(0, 10), Scale(0, 100), "words")
    plot.line([(0, 0), (5, 50), (10, 100)], "seen")
    plot.bar(2, 4, 0, 50, "k2xx")
    html = str(plot.html())
    assert 'points="0,100 50,50 100,0"' in html
    assert '<rect class="k2xx" x="20.0" y="50.0" width="20.0" height="50.0"/>' in html
