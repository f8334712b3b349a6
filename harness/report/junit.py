"""JUnit XML: a suite per scenario, a test case per expectation; obeys harness/schema/junit.xsd.

The dialect is what Jenkins (junit-10.xsd), Surefire, GitLab and GitHub actions all read: nothing is in it that one of
them would refuse. Broken is a failure. Inconclusive, a failed environment and an interrupt are errors, because then
nothing was shown about the mesh. What was not reached is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from harness.report.story import ScenarioTold, Story
from harness.report.text import result_lines
from harness.run import events as ev
from harness.verdict.judgement import Verdict

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (2.2) does not allow at all, escaped or not."""
_KINDS = {Verdict.BROKEN: "failure", Verdict.INCONCLUSIVE: "error"}


def junit_xml(story: Story) -> str:
    """The whole run as one document."""
    root = ET.Element("testsuites", {"name": "signalbox", "time": _seconds(story.seconds)})
    for scenario in story.scenarios:
        root.append(_suite(scenario, story))
    if story.aborted or any(scenario.failures for scenario in story.scenarios):
        root.append(_run_suite(story))
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(scenario: ScenarioTold, story: Story) -> ET.Element:
    suite = ET.Element("testsuite")
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(scenario, story):
        ET.SubElement(properties, "property", {"name": _legal(name), "value": _legal(value)})
    for result in scenario.results:
        suite.append(_case(result))
    for promise in scenario.unreached:
        case = _bare_case(scenario.name, promise.step, promise.name, 0.0)
        ET.SubElement(case, "skipped", {"type": "not-reached", "message": f"not reached ({promise.place})"})
        suite.append(case)
    return _counted(suite, scenario.name, scenario.seconds, story.unix_time + scenario.begin)


def _properties(scenario: ScenarioTold, story: Story) -> Iterator[tuple[str, str]]:
    yield "file", scenario.started.path
    if story.started:
        yield "profile", story.started.profile
        yield "dialect", story.started.dialect
    yield from ((f"label {name}", value) for name, value in scenario.started.labels)
    yield from (("source", source) for source in scenario.started.source)


def _case(result: ev.ExpectationResult) -> ET.Element:
    case = _bare_case(result.scenario, result.step, result.name, result.seconds)
    kind = _KINDS.get(result.verdict)
    if kind is not None:
        message = f"promised {result.judgement.promised}; saw {result.judgement.seen}"
        told = ET.SubElement(case, kind, {"type": str(result.verdict), "message": _legal(message)})
        told.text = _legal("\n".join(result_lines(result)))
    else:
        ET.SubElement(case, "system-out").text = _legal("\n".join([result.judgement.seen, *result.notes]))
    return case


def _run_suite(story: Story) -> ET.Element:
    """What concerns the run and no expectation of it."""
    suite = ET.Element("testsuite")
    if story.aborted:
        case = _bare_case("signalbox", "run", story.aborted.word, story.seconds)
        told = ET.SubElement(case, "error", {"type": story.aborted.word.replace(" ", "-")})
        told.set("message", _legal(story.aborted.message.partition("\n")[0] or story.aborted.word))
        told.text = _legal(story.aborted.message)
        suite.append(case)
    for scenario in story.scenarios:
        for failure in scenario.failures:
            case = _bare_case("signalbox", "beside the expectations", scenario.name, 0.0)
            ET.SubElement(case, "error", {"type": "failed", "message": _legal(failure)})
            suite.append(case)
    return _counted(suite, "signalbox run", story.seconds, story.unix_time)


def _bare_case(scenario: str, step: str, name: str, seconds: float) -> ET.Element:
    names = {"classname": _legal(f"{scenario}.{step}"), "name": _legal(name)}
    return ET.Element("testcase", names | {"time": _seconds(seconds)})


def _counted(suite: ET.Element, name: str, seconds: float, unix_time: float) -> ET.Element:
    began = datetime.fromtimestamp(unix_time, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    suite.attrib |= {"name": _legal(name), "time": _seconds(seconds), "timestamp": began}
    suite.set("tests", str(len(suite.findall("testcase"))))
    for attribute, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{kind}"))))
    return suite


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
