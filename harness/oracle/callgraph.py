"""booksapp's call graph: what a fault, a 404 or a 403 further down makes of its pages (§8.2, §8.3).

Pages and services are written as what they ask, one call after the other, and what they make of the answers. All ways
that the answers can fall are followed, with exact probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, cast

from harness.oracle.asking import Request, Sender
from harness.oracle.objects import Objects
from harness.oracle.outcome import Key, Outcome
from harness.oracle.predict import predict

Answer: TypeAlias = Literal["ok", "missing", "invalid", "failing"]
"""2xx, 404, 422, and everything else: ActiveResource treats 403, 5xx and a lost connection alike (§8.1.4, §7.4.9)."""

Page: TypeAlias = Literal["done", "home", "crash"]
"""The page or a redirect to where it belongs; a redirect to `/` with a complaint; 500."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request between the services of booksapp."""

    caller: str
    service: str
    method: str
    path: str


Answers: TypeAlias = Callable[[Call], Mapping[Answer, Fraction]]
"""How calls are answered before any application sees them; `ok` is what arrives."""
Program: TypeAlias = Generator[Call, Answer, str]

_PORTS: Final = {"authors": 7001, "books": 7002}
_WEBAPP_PORT: Final = 7000
_IN_TIME: Final = timedelta(milliseconds=100)
"""booksapp's services answer in milliseconds (§8.1)."""


# -- services that call others before they answer (§8.2) ---------------------------------------------------------------


def _delete_author() -> Program:
    """authors: its books go first; the generator's author has one left by then (§8.3.2)."""
    if (yield Call("authors", "books", "GET", "/books.json?author_id=1")) != "ok":
        return "failing"
    return "ok" if (yield Call("authors", "books", "DELETE", "/books/1.json")) == "ok" else "failing"


def _save_book() -> Program:
    """books: the author must exist; a 404 is taken for an answer (§7.4.7)."""
    answer = yield Call("books", "authors", "HEAD", "/authors/1.json")
    return {"ok": "ok", "missing": "invalid"}.get(answer, "failing")


_SERVICES: Final[Mapping[tuple[str, str], Callable[[], Program]]] = MappingProxyType(
    {("authors", "DELETE"): _delete_author, ("books", "POST"): _save_book, ("books", "PUT"): _save_book}
)


# -- pages of webapp (§8.2) --------------------------------------------------------------------------------------------


def _webapp(service: str, method: str, path: str) -> Call:
    return Call("webapp", service, method, path)


def _index() -> Program:
    for service in ("books", "authors"):
        if (yield _webapp(service, "GET", f"/{service}.json")) != "ok":
            return "crash"  # a missing list is nil
    return "done"


def _author() -> Program:
    answer = yield _webapp("authors", "GET", "/authors/1.json")
    if answer != "ok":
        return "home" if answer == "missing" else "crash"
    return "done" if (yield _webapp("books", "GET", "/books.json?author_id=1")) == "ok" else "crash"


def _create_author() -> Program:
    return _created((yield _webapp("authors", "POST", "/authors.json")))


def _create_book() -> Program:
    return _created((yield _webapp("books", "POST", "/books.json")))


def _created(answer: Answer) -> str:
    return {"ok": "done", "invalid": "home"}.get(answer, "crash")


def _delete(service: str) -> Callable[[], Program]:
    def page() -> Program:
        answer = yield _webapp(service, "DELETE", f"/{service}/1.json")
        return {"ok": "done", "missing": "home"}.get(answer, "crash")

    return page


def _book() -> Program:
    for service in ("books", "authors"):
        answer = yield _webapp(service, "GET", f"/{service}/1.json")
        if answer != "ok":
            return "home" if answer == "missing" else "crash"
    return "done"


def _edit_book() -> Program:
    answer = yield _webapp("books", "GET", "/books/1.json")
    if answer == "ok":
        answer = yield _webapp("books", "PUT", "/books/1.json")
        if answer in ("ok", "invalid"):
            return "done"
    return "home" if answer == "missing" else "crash"


PAGES: Final[Mapping[str, Callable[[], Program]]] = MappingProxyType(
    {
        "GET /": _index,
        "GET /authors/1": _author,
        "POST /authors": _create_author,
        "POST /authors/1/delete": _delete("authors"),
        "GET /books/1": _book,
        "POST /books": _create_book,
        "POST /books/1/edit": _edit_book,
        "POST /books/1/delete": _delete("books"),
    }
)

_CYCLE: Final[Sequence[str]] = (
    "GET /",
    "POST /authors",
    "GET /authors/1",
    "POST /books",
    "GET /books/1",
    "POST /books",
    "GET /books/1",
    "POST /books/1/edit",
    "POST /books/1/delete",
    "POST /authors/1/delete",
)
"""What the traffic generator asks for, over and over; a POST until it is answered 303 (§8.3.2, §8.3.3)."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """One round of the traffic generator, on average.

    requests   pages asked for; None if a POST can never succeed
    succeeded  pages that were not answered 5xx
    stuck_at   the POST that is repeated for ever; "" if none is
    """

    requests: Fraction | None
    succeeded: Fraction
    stuck_at: str = ""

    @property
    def success(self) -> Fraction:
        """The share of pages that succeed in the long run; 0 once a POST is repeated for ever."""
        return Fraction(0) if self.requests is None else self.succeeded / self.requests


def page_results(page: str, answers: Answers) -> Mapping[Page, Fraction]:
    """How often a page of `PAGES` ends in which way."""
    found: dict[Page, Fraction] = {"done": Fraction(0), "home": Fraction(0), "crash": Fraction(0)}
    for chance, result in _ways(PAGES[page], answers):
        found[cast(Page, result)] += chance
    return found


def generator_cycle(answers: Answers) -> Cycle:
    """What a round of the traffic generator costs and yields."""
    requests = succeeded = Fraction(0)
    for page in _CYCLE:
        success = 1 - page_results(page, answers)["crash"]
        if page.startswith("POST"):
            if not success:
                return Cycle(None, succeeded, page)
            requests, succeeded = requests + 1 / success, succeeded + 1
        else:
            requests, succeeded = requests + 1, succeeded + success
    return Cycle(requests, succeeded)


class UnknownApp(LookupError):
    """Requests of booksapp go to an application of which nobody knows what its client will be told."""


def mesh_answers(
    objects: Objects, apps: Mapping[Key, Answer] = MappingProxyType({}), namespace: str = "booksapp"
) -> Answers:
    """How the mesh answers booksapp's calls, by the oracle; asking raises UnknownApp.

    apps   what applications other than booksapp's own answer, such as an error injector's `failing`
    """
    known: dict[Key, Answer] = {(namespace, service): "ok" for service in _PORTS}
    known.update(apps)

    def answers(call: Call) -> Mapping[Answer, Fraction]:
        request = Request.of(call.method, f"http://{call.service}:{_PORTS[call.service]}{call.path}")
        found: dict[Answer, Fraction] = {}
        for outcome in predict(objects, _sender(objects, namespace, call.caller), request).outcomes:
            answer = _as_answer(outcome, known)
            found[answer] = found.get(answer, Fraction(0)) + outcome.probability
        return found

    return answers


def _sender(objects: Objects, namespace: str, name: str) -> Sender:
    workload = objects.workload((namespace, name))
    if workload is None:
        return Sender(namespace, name)
    return Sender(namespace, workload.pod.service_account, workload.meshed)


def visitor_is_let_in(objects: Objects, namespace: str = "booksapp") -> bool:
    """Whether every page that the visitor asks for reaches webapp."""
    sender = _sender(objects, namespace, "traffic")
    asked = (page.split() for page in PAGES)
    requests = (Request.of(method, f"http://webapp:{_WEBAPP_PORT}{path}") for method, path in asked)
    found = [predict(objects, sender, request).certain for request in requests]
    return all(
        one is not None and one.by == "app" and not one.also and one.workload == (namespace, "webapp") for one in found
    )


def _as_answer(outcome: Outcome, apps: Mapping[Key, Answer]) -> Answer:
    if outcome.by == "app":
        if outcome.workload is None or outcome.workload not in apps or _may_end_otherwise(outcome):
            raise UnknownApp(outcome.workload)
        return apps[outcome.workload]
    return "missing" if outcome.status == 404 else "failing"


def _may_end_otherwise(outcome: Outcome) -> bool:
    """Tried again, limited by rate or breaker, or cut off so early that an application may be too slow."""
    limit = outcome.limits.answer_within
    hasty = limit is not None and limit < _IN_TIME
    return outcome.limits.retry is not None or outcome.retryable or bool({*outcome.also} - {504}) or hasty


def _ways(program: Callable[[], Program], answers: Answers) -> Iterator[tuple[Fraction, str]]:
    """Every way a program can go, and how likely it is: it is begun anew for each, with its answers so far."""
    open_ends: list[tuple[Fraction, tuple[Answer, ...]]] = [(Fraction(1), ())]
    while open_ends:
        chance, given = open_ends.pop()
        call = _replayed(program(), given)
        if isinstance(call, str):
            yield chance, call
        else:
            open_ends += [(chance * share, (*given, answer)) for answer, share in _answered(call, answers).items()]


def _replayed(running: Program, given: Sequence[Answer]) -> Call | str:
    """What a program asks next after these answers, or what it ends in."""
    try:
        call = next(running)
        for answer in given:
            call = running.send(answer)
    except StopIteration as ended:
        return str(ended.value)
    return call


def _answered(call: Call, answers: Answers) -> Mapping[Answer, Fraction]:
    """The answers that a caller sees: what the mesh says, and of what arrives what the service makes of it."""
    mesh = answers(call)
    arrived = mesh.get("ok", Fraction(0))
    seen: dict[str, Fraction] = {answer: share for answer, share in mesh.items() if answer != "ok"}
    service = _SERVICES.get((call.service, call.method))
    for chance, result in _ways(service, answers) if service and arrived else [(Fraction(1), "ok")]:
        seen[result] = seen.get(result, Fraction(0)) + arrived * chance
    return {cast(Answer, answer): share for answer, share in seen.items() if share}
