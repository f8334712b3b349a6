"""Names of a scenario that lead nowhere, or to something that cannot be meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.errors import nearest
from harness.scenario.outline import AskOutline, ExpectationOutline, Outline, SenderOutline, StepOutline, Word
from harness.scenario.values import BUILT_IN

LineFinding = tuple[int, str]
"""A line of the scenario and a sentence."""


@dataclass(frozen=True, slots=True)
class _Place:
    """An expectation, and how many come before it."""

    order: int
    step: StepOutline
    expectation: ExpectationOutline


def check_names(scenario: Outline, meanwhile: Mapping[str, Collection[str]] | None = None) -> Iterator[LineFinding]:
    """Findings about names of steps, expectations, senders and values.

    meanwhile  by expectation the lines of `always` that are watched while it asks; left out, all of them
    """
    yield from _repeated("name: a step", [step.name for step in scenario.steps])
    order = list(_in_order(scenario))
    promises = [*scenario.always, *(place.expectation for place in order)]
    yield from _repeated("expect: an expectation", sorted((one.name for one in promises), key=lambda word: word.line))
    places = _by_name(order)
    for place in order:
        yield from _wrong_references(place, places)
    for watch in scenario.always:
        yield from _unknown_values(watch.asks)
    yield from _unknown_values([ask for place in order for ask in place.expectation.asks])
    yield from _check_senders(scenario, promises, places)
    for place in places.values():
        watched = None if meanwhile is None else meanwhile.get(place.expectation.name.text, ())
        always = [watch for watch in scenario.always if watched is None or watch.name.text in watched]
        yield from _counted_with_others(place.expectation, always, places)
    for promise in promises:
        for ask in _origin(promise, places).asks:
            yield from _of_another_protocol(promise.statuses, ask)


def _check_senders(
    scenario: Outline, promises: Iterable[ExpectationOutline], places: Mapping[str, _Place]
) -> Iterator[LineFinding]:
    senders = {sender.name.text: sender for sender in scenario.senders}
    for word in scenario.diagnosing:
        yield from _unknown_sender(word, list(senders))
    for promise in promises:
        for ask in promise.asks:
            yield from _unknown_sender(ask.sender, list(senders)) if ask.sender else ()
            yield from _wrong_host(ask, senders)
        yield from _by_whom(promise, places, senders)


def _by_whom(
    expectation: ExpectationOutline, places: Mapping[str, _Place], senders: Mapping[str, SenderOutline]
) -> Iterator[LineFinding]:
    for ask in _origin(expectation, places).asks:
        yield from _unsigned(expectation.signs, ask, senders)
    for ask in expectation.asks:
        yield from _unsigned(ask.signs, ask, senders)


def _counted_with_others(
    expectation: ExpectationOutline, always: Iterable[ExpectationOutline], places: Mapping[str, _Place]
) -> Iterator[LineFinding]:
    """A proxy's counters do not tell the requests of `always` from those of the claim."""
    if expectation.counted is None:
        return
    senders = {ask.sender.text for ask in _origin(expectation, places).asks if ask.sender}
    for watch in always:
        for ask in watch.asks:
            if ask.sender and ask.sender.text in senders:
                counts = f"the proxy of '{ask.sender.text}' counts the requests of '{watch.name.text}' as well"
                yield expectation.counted.line, f"answered-by: {counts}; give 'always' a sender of its own"


def _unsigned(signs: Iterable[Word], ask: AskOutline, senders: Mapping[str, SenderOutline]) -> Iterator[LineFinding]:
    sender = senders.get(ask.sender.text) if ask.sender else None
    if sender is None or sender.meshed:
        return
    what = "asks through the ingress" if sender.host else "is not meshed"
    for sign in signs:
        yield (
            sign.line,
            f"{sign.text}: sender '{sender.name.text}' {what}, and proxies sign their answers to the mesh only",
        )


def _of_another_protocol(statuses: Iterable[Word], ask: AskOutline) -> Iterator[LineFinding]:
    """HTTP's status is 200 whatever becomes of a call, and other requests have no status of gRPC."""
    for status in statuses:
        if ask.calls and status.text == "status":
            why = "a call of gRPC is told by its 'grpc-status'; its status of HTTP is 200 whatever became of it"
            yield status.line, f"status: {why}"
        elif not ask.calls and status.text == "grpc-status":
            yield status.line, "grpc-status: only calls of gRPC have one; write protocol: grpc in the 'send'"


def _wrong_host(ask: AskOutline, senders: Mapping[str, SenderOutline]) -> Iterator[LineFinding]:
    sender = senders.get(ask.sender.text) if ask.sender else None
    if sender is None or sender.host is None or ask.host is None or ask.host.text == sender.host.text:
        return
    name, host = sender.name.text, sender.host.text
    yield ask.host.line, f"request: sender '{name}' asks the ingress for {host}, not for {ask.host.text}"


def _unknown_values(asks: Iterable[AskOutline]) -> Iterator[LineFinding]:
    known = list(BUILT_IN)
    for ask in asks:
        for word in ask.used:
            if word.text not in known:
                yield word.line, f"nothing has saved a value '{word.text}' by then{nearest(word.text, known)}"
        known += [word.text for word in ask.saved]


def _in_order(scenario: Outline) -> Iterator[_Place]:
    order = 0
    for step in scenario.steps:
        for expectation in step.expectations:
            yield _Place(order, step, expectation)
            order += 1


def _by_name(order: Iterable[_Place]) -> Mapping[str, _Place]:
    """The expectations by name; of several with one name the first."""
    places: dict[str, _Place] = {}
    for place in order:
        places.setdefault(place.expectation.name.text, place)
    return places


def _repeated(what: str, words: Iterable[Word]) -> Iterator[LineFinding]:
    first: dict[str, int] = {}
    for word in words:
        if word.text and word.text in first:
            yield word.line, f"{what} is called '{word.text}' already, on line {first[word.text]}"
        first.setdefault(word.text, word.line)


def _unknown_sender(word: Word, senders: list[str]) -> Iterator[LineFinding]:
    if word.text not in senders:
        hint = nearest(word.text, senders) or "; the scenario has no senders"
        yield word.line, f"from: no sender is called '{word.text}'{hint}"


def _wrong_references(place: _Place, places: Mapping[str, _Place]) -> Iterator[LineFinding]:
    for key, word in (("about", place.expectation.about), ("again", place.expectation.again)):
        if word is None:
            continue
        found = places.get(word.text) if word.text else None
        if found is None:
            hint = _nearest_earlier(word, place.order, places)
            yield word.line, f"{key}: no expectation is called '{word.text}'{hint}"
        elif found.order >= place.order:
            where = "is this one" if found is place else f"comes later, on line {found.expectation.name.line}"
            yield word.line, f"{key}: '{word.text}' {where}; only an earlier expectation can be named"
        elif key == "about":
            yield from _nothing_to_ask(word, place, found, places)


def _nothing_to_ask(word: Word, place: _Place, found: _Place, places: Mapping[str, _Place]) -> Iterator[LineFinding]:
    why = _origin(found.expectation, places).silent_as
    if why:
        yield word.line, f"about: '{word.text}' {why}, so there are no responses to ask of"
    elif found.step is not place.step:
        step = found.step.name.text
        yield word.line, f"about: '{word.text}' got its responses in step '{step}'; to ask anew, write send or again"


def _nearest_earlier(word: Word, order: int, places: Mapping[str, _Place]) -> str:
    earlier = [name for name, place in places.items() if place.order < order]
    return nearest(word.text, earlier) or "; there is no earlier one"


def _origin(expectation: ExpectationOutline, places: Mapping[str, _Place]) -> ExpectationOutline:
    """The expectation that asks for itself, by way of `about` and `again`; the last one found if they lead nowhere."""
    visited: set[str] = set()
    while (earlier := expectation.about or expectation.again) is not None:
        if earlier.text in visited or earlier.text not in places:
            break
        visited.add(earlier.text)
        expectation = places[earlier.text].expectation
    return expectation
