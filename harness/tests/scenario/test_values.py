"""Values learned from responses, and the requests they go into."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario.values import Unfillable, filled_data, filled_text, filled_url, names_in, parse_json_path

BODY = '{"id": 11, "name": "Ada", "is_real": true, "none": null, "list": [{"x": 1.5}, {"x": "y"}], "0": "zero"}'


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("json.id", "11"),
        ("json.name", "Ada"),
        ("json.is_real", "true"),
        ("json.list.0.x", "1.5"),
        ("json.list.1.x", "y"),
        ("json.0", "zero"),
    ],
)
def test_a_value_is_taken_as_text(path: str, value: str) -> None:
    assert parse_json_path(path).taken_from(BODY) == value
    assert str(parse_json_path(path)) == path


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("json.id", "Internal Server Error", "the body is no JSON"),
        ("json.id", "[]", "the body has no json.id"),
        ("json.list.2.x", BODY, "the body has no json.list.2"),
        ("json.list.x", BODY, "the body has no json.list.x"),
        ("json.none", BODY, "the body has no json.none"),
        ("json.name.first", BODY, "the body has no json.name.first"),
        ("json.list", BODY, "json.list is a list, not one value"),
        ("json.list.0", BODY, "json.list.0 is a mapping, not one value"),
    ],
)
def test_what_is_not_there_is_said(path: str, body: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_json_path(path).taken_from(body)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("wrong", ["id", "json", "json.", "json.a b", "$.id", 1])
def test_a_place_begins_with_json(wrong: object) -> None:
    with pytest.raises(ValueError, match="is no place in a JSON body"):
        parse_json_path(wrong)


def test_values_go_into_every_text_of_the_data_and_stay_text() -> None:
    data = {"id": "${author}", "list": ["a ${run.id} b", 7, None], "${author}": True}
    filled = filled_data(data, {"author": "11", "run.id": "ab"})
    assert filled == {"id": "11", "list": ["a ab b", 7, None], "11": True}


def test_what_is_unknown_is_named() -> None:
    assert names_in("${a} and ${run.id} and $b and {c}") == ["a", "run.id"]
    with pytest.raises(Unfillable, match="b"):
        filled_text("${a}${b}", {"a": "1"})


@given(st.text(), st.text())
def test_only_places_are_filled_and_never_twice(before: str, value: str) -> None:
    text = before.replace("$", "")
    assert filled_text(text, {"x": value}) == text
    assert filled_text(text + "${x}", {"x": value}) == text + value


@given(st.text().filter(str.isprintable))
def test_no_value_breaks_out_of_its_place_in_a_url(value: str) -> None:
    url = filled_url("/authors/${x}.json", {"x": value})
    assert url.startswith("/authors/")
    assert not set(url.removeprefix("/authors/")) & set("/?#& ")
    assert url.isascii()
