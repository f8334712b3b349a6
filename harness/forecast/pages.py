"""What booksapp's call graph says of its pages, where an expectation is about their share of success (§8.2, §8.3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from harness.forecast.asks import asks_of, share_of
from harness.forecast.contradiction import fits, is_held_to_rules, share_in_words
from harness.forecast.timeline import Moment
from harness.oracle import Objects
from harness.oracle.callgraph import Answer, Cycle, UnknownApp, generator_cycle, mesh_answers, visitor_is_let_in
from harness.oracle.outcome import Key
from harness.scenario.claims import Share
from harness.scenario.expectations import Expectation, Metrics, Watch
from harness.scenario.model import Scenario, Step
from harness.scenario.units import format_percent

_WEBAPP, _VISITOR = "webapp", "traffic"
_SERVICES: Final = (_WEBAPP, "authors", "books")
_IMAGE: Final = "booksapp"
_FAULT: Final = "FAILURE_RATE"
"""A variable that makes an app of booksapp fail at random (§7.0.4)."""


@dataclass(frozen=True, slots=True)
class Pages:
    """The round of booksapp's visitor, as the call graph has it."""

    cycle: Cycle

    @property
    def sentence(self) -> str:
        """Such as «of 10.80 pages a round of the visitor 9.60 succeed: 88.87% (§8.2, §8.3)»."""
        if self.cycle.requests is None:
            return f"the visitor repeats {self.cycle.stuck_at} for ever, and no page succeeds (§8.3)"
        asked, succeed = float(self.cycle.requests), float(self.cycle.succeeded)
        share = format_percent(round(float(self.cycle.success), 4))
        return f"of {asked:.2f} pages a round of the visitor {succeed:.2f} succeed: {share} (§8.2, §8.3)"


def pages_of(scenario: Scenario, moment: Moment, promise: Expectation | Watch) -> Pages | None:
    """What the call graph says of an expectation; None if it is about something else, or that cannot be known."""
    if isinstance(promise, Watch) or not is_held_to_rules(moment, promise):
        return None
    namespace = pages_namespace(scenario, moment.step, promise)
    if namespace is None:
        return None
    documents = [obj for obj, _ in moment.documents]
    if any(key[0] == namespace for key in moment.patched_workloads):
        return None
    return pages(documents, moment.objects, moment.fixed, moment.unready, namespace)


def pages_namespace(scenario: Scenario, step: Step, promise: Expectation) -> str | None:
    """The namespace of the booksapp whose pages a claim counts; None if it counts something else as well."""
    source, share = scenario.source_of(promise), share_of(scenario, promise)
    if not isinstance(source, Metrics) or share is None or share.of.given() != ("class",):
        return None
    if source.proxy.name != _WEBAPP or source.direction != "inbound" or source.without != "probes":
        return None
    promises: list[Expectation | Watch] = [*step.then, *scenario.spec.always]
    others = [ask for one in promises for ask in asks_of(scenario, one)]
    if any(ask.by is None or ask.request.host.partition(".")[0] == _WEBAPP for ask in others):
        return None
    return source.proxy.namespace


def pages(
    documents: Iterable[Mapping[str, Any]],
    objects: Objects,
    fixed: Mapping[Key, int],
    unready: Collection[Key],
    namespace: str,
) -> Pages | None:
    """What becomes of the pages of booksapp in this namespace; None if it is not there as it comes.

    fixed    workloads that answer everything with one status
    unready  workloads that take no requests
    """
    found = {key: objects.workload(key) for key in ((namespace, name) for name in (*_SERVICES, _VISITOR))}
    visitor = found[namespace, _VISITOR]
    if not all(found.values()) or visitor is None or not visitor.replicas or any(key in unready for key in found):
        return None
    pods = {_key(document): _pod(document) for document in documents if document.get("kind") == "Deployment"}
    if not all(_is_as_it_comes(pods.get((namespace, name), {})) for name in _SERVICES):
        return None
    if not visitor_is_let_in(objects, namespace):
        return None
    apps = {key: _answer(status) for key, status in fixed.items()}
    try:
        return Pages(generator_cycle(mesh_answers(objects, apps, namespace)))
    except UnknownApp:
        return None


def wrong_pages(scenario: Scenario, moment: Moment, promise: Expectation | Watch) -> str | None:
    """What is promised of booksapp's pages and cannot be by the call graph, in words; None if it can."""
    share, found = share_of(scenario, promise), pages_of(scenario, moment, promise)
    if share is None or found is None or _agrees(share, found.cycle.success):
        return None
    return f"booksapp's pages are promised {share_in_words(share)}, and by its call graph {found.sentence}"


def _agrees(share: Share, success: Fraction) -> bool:
    is_so = success if share.of.class_ == "success" else 1 - success
    return fits(share, is_so, is_so)


def _answer(status: int) -> Answer:
    if status < 400:
        return "ok"
    return "missing" if status == 404 else "invalid" if status == 422 else "failing"


def _is_as_it_comes(pod: Mapping[str, Any]) -> bool:
    """An image of booksapp, whose environment is all written here and asks for no failures."""
    containers = [one for one in _items(pod.get("containers")) if isinstance(one, dict)]
    is_booksapp = any(str(one.get("image", "")).rpartition("/")[2].startswith(_IMAGE) for one in containers)
    variables = [variable for one in containers for variable in _items(one.get("env"))]
    fails = any(not isinstance(variable, dict) or variable.get("name") == _FAULT for variable in variables)
    return is_booksapp and not fails and not any(one.get("envFrom") for one in containers)


def _items(value: object) -> Sequence[Any]:
    """The items of a list; of anything else itself, which fits nothing."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _key(document: Mapping[str, Any]) -> Key:
    metadata = document.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    return str(known.get("namespace") or "default"), str(known.get("name"))


def _pod(document: Mapping[str, Any]) -> Mapping[str, Any]:
    match document:
        case {"spec": {"template": {"spec": dict(pod)}}}:
            return pod
    return {}
