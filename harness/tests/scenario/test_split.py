"""The claim `split`: what it divides by, and what is wrong with one, at its line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.errors import InputError
from harness.scenario.lint import load_checked
from harness.scenario.loading import load
from harness.scenario.split import Split
from harness.tests.scenario.story import SCENARIO, SCENARIO_FILE, spoiled, write_project

PLACE = "share: {of: {status: 500}, is: 10%, resolution: 5pp}"


def split(text: str) -> Split:
    return Split.model_validate(yaml.safe_load(text))


def test_parts_are_told_by_one_property() -> None:
    by_body = split("{body-has: {A: 70%, B: 30%}, resolution: 5pp}")
    assert (by_body.shares, by_body.header_name) == ({"A": 0.7, "B": 0.3}, None)
    by_header = split("{header: {X-Version: {v1: 90%, v2: 10%}}, resolution: 5pp}")
    assert (by_header.shares, by_header.header_name) == ({"v1": 0.9, "v2": 0.1}, "X-Version")
    assert list(by_header.looked_at.header or ()) == ["X-Version"]
    by_workload = split("{answered-by: {a: 33.3%, b: 33.3%, c: 33.4%}, resolution: 10pp}")
    assert by_workload.answered_by == by_workload.shares


BAD = [
    (
        "{body-has: {A: 70%, B: 30%}}",
        "28: 'split' needs 'resolution'; say what must be told apart, like resolution: 5pp",
    ),
    (
        "{resolution: 5pp}",
        "28: 'split' needs exactly one property to tell the parts by: answered-by, body-has or header",
    ),
    (
        "{body-has: {A: 70%, B: 20%}, resolution: 5pp}",
        "28: the parts add up to 90%, not to 100%; a split leaves nothing over",
    ),
    ("{body-has: {A: 100%}, resolution: 5pp}", "28: a split has two parts or more; for one write a share"),
    (
        "{body-has: {A: 97%, B: 3%}, resolution: 5pp}",
        "28: 5pp around 3% lead out of 0%..100%; the largest resolution here is 3pp",
    ),
    (
        "{body-has: {A: 100%, B: 0%}, resolution: 5pp}",
        "28: a part of 0% or 100% is no part; leave it out, for nothing else is let through",
    ),
    (
        "{header: {a: {x: 50%, y: 50%}, b: {x: 50%, y: 50%}}, resolution: 5pp}",
        "28: the parts are told by one header, not by 2",
    ),
    ("{body-has: {A: 0.7, B: 30%}, resolution: 5pp}", "28: A: 0.7 has no unit; write 70%"),
]


@pytest.mark.parametrize(("wrong", "finding"), BAD, ids=[finding for _, finding in BAD])
def test_mistakes_are_told_at_their_line(tmp_path: Path, wrong: str, finding: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(spoiled(SCENARIO, (PLACE, f"split: {wrong}")))
    with pytest.raises(InputError) as caught:
        load(path)
    assert [f"{one.line}: {one.message}" for one in caught.value.findings] == [finding]


@pytest.mark.parametrize(
    "claim",
    [
        "split: {answered-by: {a: 50%, b: 50%}, resolution: 5pp}",
        "share: {of: {answered-by: a}, is: 50%, resolution: 5pp}",
    ],
)
def test_who_answered_is_told_after_requests_of_its_own(tmp_path: Path, claim: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(spoiled(SCENARIO, ("every: {status: [200, 500]}", claim)))
    with pytest.raises(InputError, match="'answered-by' is told after requests of its own"):
        load(path)


WATCHED = """\
  always:
    - expect: always-there
      send: {from: web, request: GET http://books:7002/books.json, rate: 5/s}
      every: {status: 200}
  steps:
"""


def test_a_proxy_cannot_tell_a_counted_claim_from_what_is_always_sent(tmp_path: Path) -> None:
    claim = "share: {of: {answered-by: authors}, is: 50%, resolution: 5pp}"
    path = write_project(tmp_path, {SCENARIO_FILE: spoiled(SCENARIO, (PLACE, claim), ("  steps:\n", WATCHED))})
    with pytest.raises(InputError, match="the proxy of 'web' counts the requests of 'always-there' as well"):
        load_checked([path], None)


def test_a_sender_of_its_own_is_counted_alone(tmp_path: Path) -> None:
    claim = "split: {answered-by: {authors: 50%, writers: 50%}, resolution: 5pp}"
    watched = WATCHED.replace("from: web", "from: stranger")
    path = write_project(tmp_path, {SCENARIO_FILE: spoiled(SCENARIO, (PLACE, claim), ("  steps:\n", watched))})
    with pytest.raises(InputError) as caught:
        load_checked([path], None)
    told = [one.message for one in caught.value.findings]
    assert "answered-by: nothing so far has made a workload 'writers'; known are authors" in told
    assert not [sentence for sentence in told if "counts the requests" in sentence]
