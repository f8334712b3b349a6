"""Statuses, names of objects, conditions and paths: what is understood, and what the sentence says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.scenario.words import (
    Condition,
    Destination,
    ObjectName,
    PodSelector,
    parse_condition,
    parse_destination,
    parse_kubernetes_name,
    parse_object_name,
    parse_paths,
    parse_selector,
    parse_slug,
    parse_statuses,
)


def test_a_status_is_a_code_a_class_or_a_list_of_them() -> None:
    assert 500 in parse_statuses(500)
    assert 503 in parse_statuses("5xx")
    assert 404 not in parse_statuses("5xx")
    assert [code for code in (200, 204, 404, 500) if code in parse_statuses(["2xx", 500])] == [200, 204, 500]
    assert str(parse_statuses([200, 500])) == "200 or 500"


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_object_name, "booksapp/authors", ObjectName("booksapp", "authors")),
        (parse_selector, "booksapp/app=authors", PodSelector("booksapp", "app", "authors")),
        (parse_selector, "a/app.kubernetes.io/name=b", PodSelector("a", "app.kubernetes.io/name", "b")),
        (parse_condition, "Ready", Condition("Ready", met=True)),
        (parse_condition, "not Ready", Condition("Ready", met=False)),
        (parse_destination, "books:7002", Destination("books", 7002)),
    ],
)
def test_values_are_read_and_print_as_written(parse: Callable[[Any], object], text: str, value: object) -> None:
    assert parse(text) == value
    assert str(value) == text


@pytest.mark.parametrize(
    ("parse", "wrong", "sentence"),
    [
        (parse_statuses, "5XX", "'5XX' is not a status; did you mean '5xx'?"),
        (parse_statuses, "500", "'500' is text; write 500 without quotes"),
        (
            parse_statuses,
            99,
            "99 is not a status; write a code such as 200, a class such as 5xx, or a list of them",
        ),
        (
            parse_statuses,
            [200, True],
            "true is not a status; write a code such as 200, a class such as 5xx, or a list of them",
        ),
        (parse_statuses, [], "an empty list of statuses is never met"),
        (
            parse_object_name,
            "authors",
            "'authors' does not say which namespace; write namespace/name, like booksapp/authors",
        ),
        (
            parse_selector,
            "booksapp/authors",
            "'booksapp/authors' selects no pods; write namespace/label=value, like booksapp/app=authors",
        ),
        (parse_condition, "ready", "'ready' is not a condition of pods or Deployments; did you mean 'Ready'?"),
        (parse_destination, "books", "'books' is not a Service with its port; write one like books:7002"),
        (parse_slug, "one call", "'one call' is not a name; join letters and digits with dashes, like books-recovers"),
        (parse_slug, 7, "7 is not a name; join letters and digits with dashes, like books-recovers"),
        (
            parse_kubernetes_name,
            "Books",
            "'Books' is not a Kubernetes name; use lower-case letters, digits and dashes",
        ),
        (parse_paths, "manifests/booksapp", "'manifests/booksapp' is not a manifest; write the path of a .yaml file"),
        (parse_paths, [], "an empty list of manifests changes nothing"),
    ],
)
def test_what_is_not_understood_is_quoted(parse: Callable[[Any], object], wrong: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(wrong)
    assert str(caught.value) == sentence
