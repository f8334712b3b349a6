"""The claim `each`: what rows inherit, what they send, and what is wrong with a table, at the line of its row."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.errors import InputError
from harness.scenario.loading import load
from harness.scenario.tables import Case, Each
from harness.scenario.values import Unfillable
from harness.tests.scenario.story import SCENARIO, spoiled

LAST = "        - expect: never-fails-again\n"
"""Line 32 of the story; a table that is put before it begins there."""


def _cases(text: str) -> tuple[Case, ...]:
    return Each.model_validate(yaml.safe_load(text)).cases()


def test_rows_have_what_the_table_says_unless_they_say_otherwise() -> None:
    first, second, third = _cases("""
        to: http://authors:7001
        from: web
        request: GET /authors.json
        headers: {accept: text/html, X-Who: table}
        rows:
          - {status: 200}
          - {from: books, request: HEAD /authors/1.json, times: 3, headers: {x-who: row}, status: 404}
          - {request: GET http://books:7002/, json: {a: [1, null]}, body-has: x}
    """)
    assert (first.number, first.sender, first.times) == (1, "web", 20)
    assert str(first.request) == "GET http://authors:7001/authors.json"
    assert first.headers == {"accept": "text/html", "X-Who": "table"}
    assert (second.sender, str(second.request), second.times) == ("books", "HEAD http://authors:7001/authors/1.json", 3)
    assert second.headers == {"accept": "text/html", "x-who": "row"}
    assert (str(third.request), third.body, third.json) == ("GET http://books:7002/", None, {"a": [1, None]})
    assert [case.wanted.given() for case in (first, second, third)] == [("status",), ("status",), ("body-has",)]


def test_a_case_says_who_asks_for_what() -> None:
    (case,) = _cases("{from: web, request: GET http://a/, rows: [{headers: {x-id: '7'}, status: 200}]}")
    assert str(case) == "web: GET http://a/ with x-id: 7"


def test_values_are_filled_into_everything_that_is_sent() -> None:
    (case,) = _cases("""
        from: web
        rows:
          - request: PUT http://a/${author}.json
            headers: {x-run: "${run.id}"}
            json: {id: "${author}", tags: ["${run.id}"]}
            status: 200
    """)
    filled = case.filled({"author": "1 1", "run.id": "ab"})
    assert str(filled.request) == "PUT http://a/1%201.json"
    assert filled.headers == {"x-run": "ab"}
    assert filled.json == {"id": "1 1", "tags": ["ab"]}
    assert filled.wanted is case.wanted
    with pytest.raises(Unfillable, match="author"):
        case.filled({"run.id": "ab"})


def test_a_text_body_is_filled_as_it_is() -> None:
    (case,) = _cases("{from: web, rows: [{request: POST http://a/, body: 'name=${run.id}', status: 303}]}")
    assert case.filled({"run.id": "ab"}).body == "name=ab"


def test_what_is_saved_is_known_by_name() -> None:
    (case,) = _cases(
        "{from: web, times: 1, rows: [{request: POST http://a/, status: 201, save: {author: json.id, who: json.name}}]}"
    )
    assert {name: str(path) for name, path in case.save.items()} == {"author": "json.id", "who": "json.name"}
    assert case.save["author"].taken_from('{"id": 11}') == "11"


BAD = [
    ("no rows", "each: {from: web, request: GET http://a/, rows: []}", ["33: 'rows' is empty"]),
    (
        "a row that expects nothing",
        "each:\n            from: web\n            rows:\n              - {request: GET http://a/}",
        [
            "36: a row names no property of a response; "
            "known are status, by, answered-by, header, faster-than, body-has, body-lacks"
        ],
    ),
    (
        "a row without a sender and a request",
        "each:\n            rows:\n              - {status: 200}",
        [
            "35: a row needs 'from', here or for the whole table",
            "35: a row needs 'request', here or for the whole table",
        ],
    ),
    (
        "a path that leads nowhere",
        "each:\n            from: web\n            rows:\n              - {request: GET http://a/, status: 200}\n"
        "              - {request: GET /a, status: 200}",
        ["37: '/a' leads nowhere; say 'to' for the whole table, or write http://..."],
    ),
    (
        "a value of many responses",
        "each:\n            from: web\n            rows:\n              - request: GET http://a/\n"
        "                status: 200\n                save: {x: json.id}",
        ["38: 'save' takes the value of one response; write times: 1"],
    ),
    (
        "two bodies",
        "each: {from: web, rows: [{request: GET http://a/, status: 200, body: x, json: {}}]}",
        ["33: a request has one body: 'body' or 'json'"],
    ),
    (
        "a source beside a table",
        "about: one-in-ten\n          each: {from: web, rows: [{request: GET http://a/, status: 200}]}",
        ["33: 'about' is of no use to 'each', which says in its rows what is sent"],
    ),
    (
        "a misspelt key",
        "each: {from: web, rows: [{requst: GET http://a/, status: 200}]}",
        ["33: 'requst' is not a key of a row; did you mean 'request'?"],
    ),
    (
        "a place that is none",
        "each: {from: web, rows: [{request: GET http://a/, status: 200, times: 1, save: {x: id}}]}",
        ["33: x: 'id' is no place in a JSON body; write one like json.id"],
    ),
]


@pytest.mark.parametrize(("table", "findings"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_mistake_is_found_in_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, findings: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(spoiled(SCENARIO, (LAST, f"        - expect: a-table\n          {table}\n{LAST}")))
    with pytest.raises(InputError) as caught:
        load("x.yaml")
    assert str(caught.value).splitlines() == [f"x.yaml:{finding}" for finding in findings]
