"""All findings about a set of documents."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from harness.dialect import Dialect
from harness.lint.backends import backend_problems, version_problems
from harness.lint.given import Given
from harness.lint.policies import annotation_problems, policy_problems
from harness.lint.problem import Problem
from harness.lint.routes import route_problems

_PLACE: Final = re.compile(r"(?:admission refuses it: )?(spec[\w.\[\]/-]*|metadata[\w.\[\]/-]*|kind|apiVersion): ")


def lint_objects(documents: Sequence[Any], dialect: Dialect) -> tuple[Problem, ...]:
    """Everything that is wrong with these objects together, by document and place; nothing raises.

    What refers to objects that are not given is told only where others of their kind and namespace are.
    """
    given = Given.of(documents, dialect)
    found = [
        *_unread(given),
        *route_problems(given),
        *backend_problems(given),
        *version_problems(given),
        *(policy_problems(given) if dialect.policy_resources else ()),
        *annotation_problems(given),
    ]
    return tuple(sorted(set(found)))


def _unread(given: Given) -> Iterator[Problem]:
    for one in given.objects.unread:
        place = _PLACE.match(one.problem)
        if "does not look at" in one.problem:
            yield Problem(one.index, "kind", "not-looked-at", one.problem)
        elif "the Gateway API knows no" in one.problem:
            yield Problem(one.index, "apiVersion", "kind-unknown-to-mesh", one.problem)
        elif "has no filter" not in one.problem:
            yield Problem(one.index, place[1] if place else "", "invalid-object", one.problem)
