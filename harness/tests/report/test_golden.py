"""A run that really happened, on the embedded cluster, as reports tell it.

`harness/tests/recorded/fault-injection-broken.ndjson.gz` is the tutorial's fault injection with the injector's weight
raised from 10 to 30. REWRITE_GOLDEN=1 writes what is told now; the difference is for a person to judge.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
import xmlschema
from rich.console import Console

from harness.record import Record, Recorder, read_record
from harness.report.html import page
from harness.report.html.topology import edges
from harness.report.junit import junit_xml
from harness.report.markdown import markdown
from harness.report.story import Story, tell
from harness.report.terminal import Terminal
from harness.report.tutorial import Standing, compare
from harness.run import events as ev
from harness.scenario.article import read_article

ROOT = Path(__file__).parents[3]
RECORDED = Path(__file__).parents[1] / "recorded"
NAME = "fault-injection-broken"


@pytest.fixture(scope="module")
def record() -> Record:
    return read_record(RECORDED / f"{NAME}.ndjson.gz")


@pytest.fixture(scope="module")
def story(record: Record) -> Story:
    return tell(record)


def check(name: str, told: str) -> None:
    """Compare with what is on file."""
    path = RECORDED / name
    if os.environ.get("REWRITE_GOLDEN"):
        path.write_text(told, encoding="utf-8")
    assert told == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [48, 80])
def test_the_terminal(record: Record, width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False, color_system=None)
    with Terminal(console) as terminal:
        for stamped in record.events:
            terminal(stamped.event)
    check(f"{NAME}.{width}.txt", out.getvalue())


def test_the_summary(story: Story) -> None:
    check(f"{NAME}.md", markdown(story))


def test_junit(story: Story) -> None:
    text = junit_xml(story)
    xmlschema.XMLSchema(ROOT / "harness" / "schema" / "junit.xsd").validate(text)
    check(f"{NAME}.xml", text)


def test_the_page_shows_the_evidence_and_the_offenders(story: Story) -> None:
    text = page(story)
    for part in ("for-broken", "too many responses with status 500", "error-injector: 512 (26.1%)", "server: nginx"):
        assert part in text


def test_who_answered(story: Story) -> None:
    found = {(edge.answerer, edge.told): edge.count for edge in edges(story.scenarios[0])}
    assert found["error-injector", "its proxy"] == 512


def test_the_article_against_it(story: Story) -> None:
    article = compare(read_article(ROOT / "scenarios" / "tutorial" / "article.yaml"), story)
    held = [told.standing for told in article.sections[0].claims]
    assert held == [
        Standing.HELD,
        Standing.WRONG,
        Standing.WRONG,
        Standing.HELD,
        Standing.UNCHECKED,
        Standing.UNEXERCISED,
    ]


def test_the_record_survives_another_recording(record: Record, tmp_path: Path) -> None:
    with Recorder(tmp_path / "again.gz") as again:
        for stamped in record.events:
            again(stamped.event)
    first, second = list(record.of(ev.RequestsMade)), list(read_record(tmp_path / "again.gz").of(ev.RequestsMade))
    assert [made.outcomes for made in first] == [made.outcomes for made in second]
    assert read_record(tmp_path / "again.gz").results() == record.results()


def test_no_path_of_the_machine_is_in_it(record: Record) -> None:
    assert "/tmp/" not in repr(record)
    assert "/home/" not in repr(record)
