"""JUnit XML obeys its schema however a run ends, and puts every kind of end where CI systems look for it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import xmlschema

from harness.report.junit import junit_xml
from harness.report.story import Story
from harness.tests.report.made import runs

SCHEMA = xmlschema.XMLSchema(Path(__file__).parents[2] / "schema" / "junit.xsd")
RUNS = runs()


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
def test_every_end_is_valid(run: Story) -> None:
    SCHEMA.validate(junit_xml(run))


def test_the_schema_can_refuse() -> None:
    text = junit_xml(RUNS["broken"])
    for old, new in (
        ('type="broken"', 'type="x"'),
        ('time="1.250"', 'time="1s"'),
        ("<properties>", "<properties><x/>"),
    ):
        assert old in text
        assert not SCHEMA.is_valid(text.replace(old, new, 1))


def counted(run: Story) -> tuple[dict[str, int], ET.Element]:
    root = ET.fromstring(junit_xml(run))
    return {name: int(root.get(name, "0")) for name in ("tests", "failures", "errors")}, root


@pytest.mark.parametrize(
    ("name", "tests", "failures", "errors"),
    [
        ("held", 2, 0, 0),
        ("broken", 3, 1, 0),
        ("inconclusive", 3, 0, 1),
        ("undo-failed", 3, 0, 1),
        ("interrupted", 3, 0, 1),
        ("environment", 3, 0, 1),
        ("internal", 3, 0, 1),
        ("bad-input", 1, 0, 1),
        ("killed", 3, 0, 1),
        ("killed-at-once", 1, 0, 1),
    ],
)
def test_every_end_is_counted_as_what_it_is(name: str, tests: int, failures: int, errors: int) -> None:
    counts, root = counted(RUNS[name])
    assert counts == {"tests": tests, "failures": failures, "errors": errors}
    for total, suites in (("tests", "testcase"), ("failures", "testcase/failure"), ("errors", "testcase/error")):
        assert sum(len(suite.findall(suites)) for suite in root) == counts[total]


def test_a_failure_says_where_what_and_who() -> None:
    _, root = counted(RUNS["broken"])
    (failure,) = root.findall(".//failure")
    assert failure.get("message") == "promised 10% of responses ; saw 10 of 100 "
    assert "made-up.yaml:12" in (failure.text or "")
    assert "answered by books x 90" in (failure.text or "")


def test_what_was_not_reached_is_skipped() -> None:
    _, root = counted(RUNS["broken"])
    (case,) = (case for case in root.iter("testcase") if case.find("skipped") is not None)
    assert (case.get("name"), case.get("classname")) == ("never-asked", "made-up.later")


def test_what_xml_cannot_carry_is_replaced() -> None:
    text = junit_xml(RUNS["hostile"])
    assert "\x00" not in text
    assert "\x1b" not in text
    assert "<script>alert(1)</script>" in "".join(ET.fromstring(text).itertext())
