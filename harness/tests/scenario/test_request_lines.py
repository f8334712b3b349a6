"""Requests as one line: what is understood, what the sentence says, and where a table or a value completes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.scenario.request_lines import Request, parse_base_url, parse_request, parse_row_request
from harness.scenario.values import Unfillable


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_request, "GET http://books:7002/a.json?b=c"),
        (parse_request, "DELETE http://authors:7001/authors/${author}.json?run=${run.id}"),
        (parse_row_request, "GET /a.json"),
        (parse_row_request, "POST http://podinfo.local/echo"),
        (parse_row_request, "GET /authors/1.json%22"),
    ],
)
def test_a_request_prints_as_written(parse: Callable[[Any], Request], text: str) -> None:
    method, url = text.split(" ")
    assert parse(text) == Request(method, url)
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            "http://books:7002",
            "'http://books:7002' is not a request; write METHOD url, like GET http://books:7002/books.json",
        ),
        ("get http://books:7002/", "'get' is not a method; did you mean 'GET'?"),
        ("GTE http://books:7002/", "'GTE' is not a method; did you mean 'GET'?"),
        (
            "GET https://books/",
            "'https://books/' hides the request from the mesh; write http://, the mesh encrypts by itself",
        ),
        (
            "GET books:7002/books.json",
            "'books:7002/books.json' is not the URL of a Service; write one like http://books:7002/books.json",
        ),
        (
            "GET http://books:99999/",
            "'http://books:99999/' is not the URL of a Service; write one like http://books:7002/books.json",
        ),
        ("GET /books.json", "'/books.json' is not the URL of a Service; write one like http://books:7002/books.json"),
        ("GET http://books/a b", "'http://books/a b' has characters that a URL writes with a percent sign"),
        ("GET http://books/${author", "'http://books/${author' has characters that a URL writes with a percent sign"),
        ("GET http://books/${}", "'http://books/${}' holds ${}, which is not a name of a value"),
        ("GET http://books/${a + b}", "'http://books/${a + b}' holds ${a + b}, which is not a name of a value"),
        (
            "GET http://${host}/a",
            "'http://${host}/a' holds a ${value} where it leads to; only the path and the query are filled in",
        ),
        (7, "7 is not a request; write METHOD url, like GET http://books:7002/books.json"),
    ],
)
def test_what_is_no_request_is_quoted(wrong: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_request(wrong)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("/books.json", "'/books.json' is not a request; write METHOD path or METHOD url, like GET /books.json"),
        ("GET books.json", "'books.json' is not the URL of a Service; write one like http://books:7002/books.json"),
        ("GET /a b", "'/a b' has characters that a URL writes with a percent sign"),
    ],
)
def test_what_is_no_request_of_a_row_is_quoted(wrong: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_row_request(wrong)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "wrong", ["authors:7001", "http://authors:7001/", "http://authors:0", "https://authors", "http://${a}", "", 1]
)
def test_a_place_to_send_to_is_a_url_without_a_path(wrong: Any) -> None:
    assert parse_base_url("http://authors.booksapp:7001") == "http://authors.booksapp:7001"
    with pytest.raises(ValueError, match="is no place to send to; write one without a path, like http://authors:7001"):
        parse_base_url(wrong)


def test_a_path_is_completed_and_a_url_is_not() -> None:
    assert str(parse_row_request("GET /a").at("http://b:1")) == "GET http://b:1/a"
    assert str(parse_row_request("GET http://c/a").at("http://b:1")) == "GET http://c/a"


def test_a_value_stays_one_part_of_the_path() -> None:
    request = Request("GET", "http://a/authors/${author}.json?by=${run.id}")
    filled = request.filled({"author": "7/../8?x=1#y", "run.id": "ab12"})
    assert filled.url == "http://a/authors/7%2F..%2F8%3Fx%3D1%23y.json?by=ab12"
    with pytest.raises(Unfillable, match="author"):
        request.filled({"run.id": "ab12"})
