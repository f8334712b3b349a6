"""An expectation: where its responses come from, and the one thing it claims of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import StrictStr

from harness.scenario.actions import FreeForm, Text
from harness.scenario.claims import Every, ResourceState, Share
from harness.scenario.grpc_status import Message, is_call
from harness.scenario.latency import Latency
from harness.scenario.mesh_range import Meshes
from harness.scenario.part import Part, Problem, exactly_one, two_bodies, useless
from harness.scenario.request_lines import RequestLine, unsendable_headers
from harness.scenario.sendable import MAX_RAMP, MAX_REQUESTS, MAX_TIMEOUT, ramp_requests
from harness.scenario.spelled import shown
from harness.scenario.split import Split
from harness.scenario.tables import Each
from harness.scenario.units import Duration, ErrorRate, Rate, format_duration
from harness.scenario.values import filled_data, filled_headers, filled_text
from harness.scenario.words import Named, Slug

SOURCES: Final = ("send", "about", "metrics")
CLAIMS: Final = ("every", "share", "split", "latency", "each", "resource")
SELF_SUFFICIENT: Final[Mapping[str, str]] = {
    "each": "which says in its rows what is sent",
    "resource": "which asks the cluster",
}
"""Claims that need no source of responses, and why."""
DEFAULT_RATE: Final = 100.0
TABLE_RATE: Final = 200.0
"""The pace of a decision table: its rows ask a few times each, so that their answers count, not their number."""
DEFAULT_TIMEOUT: Final = timedelta(seconds=10)
_PROTOCOLS: Final = ("http2", "h2", "h2c", "grpc")
"""What somebody may write as a key who wants requests of another protocol."""


class Ramp(Part):
    """A rate that grows, or falls, evenly until it is the one that `rate` says."""

    said: ClassVar[str] = "'ramp'"
    from_: Rate
    """The rate at the beginning."""
    over: Duration
    """How long it takes to reach `rate`, which then stays."""


class Send(Part):
    """Requests at a steady rate, sent whether or not earlier ones are answered."""

    said: ClassVar[str] = "'send'"
    from_: Slug
    """A name from `senders`."""
    request: RequestLine
    """METHOD url, in one line."""
    rate: Rate = DEFAULT_RATE
    """Requests per second; a profile's pace may lower it."""
    ramp: Ramp | None = None
    """Begins at another rate. The claim is then about all of the ramp: it is not decided before `rate` is reached."""
    headers: Mapping[Text, StrictStr] = {}
    body: StrictStr | None = None
    """A body sent as it is."""
    json_: FreeForm = None
    """A body sent as JSON, with its content type."""
    timeout: Duration = DEFAULT_TIMEOUT
    """After this time without an answer the request has failed."""
    connections: Literal["kept", "fresh"] = "kept"
    """Kept and used again, as clients do; or a fresh one for each request, where a backend is chosen per connection."""
    protocol: Literal["http/1.1", "h2c", "grpc"] = "http/1.1"
    """HTTP/2 is spoken without TLS, many requests at a time on a connection; a request of `grpc` is a unary call."""
    message: Message | None = None
    """The message of a call of gRPC as base64; left out, an empty one."""

    @classmethod
    def unknown_key(cls, key: str) -> str:
        """Like every part's; of protocols it says where they are written."""
        if key.lower() in _PROTOCOLS:
            return f"{shown(key)} is not a key of {cls.said}; write protocol: h2c or protocol: grpc"
        return super().unknown_key(key)

    @classmethod
    def key_problems(cls, present: Collection[str]) -> Iterable[Problem]:
        yield from two_bodies(present)

    @property
    def is_call(self) -> bool:
        """Whether calls of gRPC are sent, which have a status of their own."""
        return self.protocol == "grpc"

    def value_problems(self) -> Iterable[Problem]:
        if self.is_call and not is_call(self.request):
            yield "request", f"a call of gRPC is POST http://host:port/package.Service/Method, not {self.request}"
        if self.is_call and (self.body is not None or self.json_ is not None):
            yield "protocol", "a call of gRPC has no 'body' or 'json'; write its 'message' as base64"
        if self.message is not None and not self.is_call:
            yield "message", "'message' is of no use without protocol: grpc"
        yield from unsendable_headers(self.headers)
        if self.timeout > MAX_TIMEOUT:
            yield "timeout", f"nobody waits longer than {format_duration(MAX_TIMEOUT)} for a response"
        if self.ramp is not None:
            yield from self._wrong_with(self.ramp)

    def _wrong_with(self, ramp: Ramp) -> Iterable[Problem]:
        if ramp.from_ == self.rate:
            yield ("ramp", "from"), "a ramp from a rate to the same rate is none"
        if ramp.over > MAX_RAMP:
            yield ("ramp", "over"), f"a ramp takes {format_duration(MAX_RAMP)} at most"
        elif (requests := ramp_requests(ramp.from_, self.rate, ramp.over)) > MAX_REQUESTS:
            yield ("ramp", "over"), f"the ramp has {requests} requests; {MAX_REQUESTS} are the most"

    def filled(self, values: Mapping[str, str]) -> Self:
        """The same with its `${values}`; raises Unfillable."""
        return self.model_copy(
            update={
                "request": self.request.filled(values),
                "headers": filled_headers(self.headers, values),
                "body": None if self.body is None else filled_text(self.body, values),
                "json_": filled_data(self.json_, values),
            }
        )


class Metrics(Part):
    """Requests that a proxy counted while a window passed."""

    said: ClassVar[str] = "'metrics'"
    proxy: Named
    """The workload whose proxies are asked, as namespace/name; their counts are summed."""
    direction: Literal["inbound", "outbound"]
    during: Duration
    """The window; a profile's pace may shorten it."""
    without: Literal["probes"] | None = None
    """Leaves out what the kubelet sent."""


class ErrorBounds(Part):
    """How often a verdict may be wrong."""

    said: ClassVar[str] = "'verdict'"
    false_alarm: ErrorRate | None = None
    """Chance of a broken verdict when the claim is true."""
    miss: ErrorRate | None = None
    """Chance of a holding verdict when the claim is false by the resolution or more."""

    @classmethod
    def key_problems(cls, present: Collection[str]) -> Iterable[Problem]:
        if not present:
            yield "", "'verdict' is empty; known are false-alarm, miss"


class Promise(Part):
    """What every promise has: a name, and where it comes from and counts."""

    said: ClassVar[str] = "a promise"
    expect: Slug
    """The sentence that a broken run shows; unique in the file."""
    why: Text | None = None
    """What makes the promise true, or where it is from."""
    features: tuple[Text, ...] = ()
    """Features of the mesh that this is evidence for."""
    known_gap: Meshes | None = None
    """Where the promise is known not to hold, such as «linkerd >= edge-24.7.5»; there it must fail."""
    verdict: ErrorBounds | None = None
    """Error bounds of this claim alone."""


class Watch(Promise):
    """A promise about requests that are sent all the time, whatever the steps do."""

    said: ClassVar[str] = "a line of 'always'"
    reasons: ClassVar[Mapping[str, str]] = {"send": "say what is sent all the time"}
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"exactly one claim": ("every", "share")}
    send: Send
    """Sent from before the first change until the last expectation is judged."""
    every: Every | None = None
    share: Share | None = None

    def value_problems(self) -> Iterable[Problem]:
        if self.every is not None and self.every.times is not None:
            yield "every", "'times' is of no use in 'always', which goes on for as long as the story does"
        if self.send.ramp is not None:
            yield ("send", "ramp"), "a ramp has an end, and 'always' goes on for as long as the story does"
        criteria = self.every.given() if self.every else self.share.of.given() if self.share else ()
        yield from _of_responses(self.share, criteria)
        if "answered-by" in criteria:
            yield (
                "share" if self.share else "every",
                "'answered-by' is told after a burst of requests, not all the time",
            )

    @property
    def claim(self) -> Every | Share:
        """What is promised."""
        claim = self.every or self.share
        assert claim is not None, "key_problems lets no line without a claim through"
        return claim


def _of_responses(share: Share | None, criteria: Collection[str]) -> Iterable[Problem]:
    if share is not None and "class" in criteria:
        yield "share", "'class' is what proxies count; of responses write status: 5xx"
    if share is not None and "answered-by" in criteria and len(criteria) > 1:
        yield "share", "a proxy tells how many each workload answered, not which; write 'answered-by' alone"


def _only(keys: Sequence[str]) -> dict[str, Any]:
    others = [key for key in (*SOURCES, *CLAIMS, "again") if key not in keys]
    return {"required": list(keys), "not": {"anyOf": [{"required": [key]} for key in others]}}


class Expectation(Promise):
    """A named promise with exactly one source of responses and exactly one claim."""

    said: ClassVar[str] = "an expectation"
    send: Send | None = None
    """Asks for itself."""
    about: Slug | None = None
    """Asks of the responses of an earlier expectation of the same step."""
    metrics: Metrics | None = None
    """Asks the proxies' counters."""
    again: Slug | None = None
    """Repeats an earlier expectation, with its source and its claim."""
    every: Every | None = None
    share: Share | None = None
    split: Split | None = None
    latency: Latency | None = None
    each: Each | None = None
    resource: ResourceState | None = None

    @classmethod
    def key_problems(cls, present: Collection[str]) -> Iterable[Problem]:
        if "again" in present:
            yield from useless(present, (*SOURCES, *CLAIMS), "is repeated by 'again' and not written once more")
            return
        yield from exactly_one(present, CLAIMS, cls.said, "exactly one claim")
        alone = next((claim for claim in SELF_SUFFICIENT if claim in present), None)
        if alone is not None:
            yield from useless(present, SOURCES, f"is of no use to '{alone}', {SELF_SUFFICIENT[alone]}")
        else:
            yield from exactly_one(present, SOURCES, cls.said, "exactly one source of responses")

    @classmethod
    def schema_rules(cls) -> list[dict[str, Any]]:
        """The shapes of an expectation: repeated, sufficient by itself, or of responses."""
        alone = [_only([key]) for key in ("again", *SELF_SUFFICIENT)]
        claims = [claim for claim in CLAIMS if claim not in SELF_SUFFICIENT]
        return [{"oneOf": [*alone, *(_only([source, claim]) for source in SOURCES for claim in claims)]}]

    @classmethod
    def unknown_key(cls, key: str) -> str:
        """Like every part's, but lists claims and sources apart where no word is near."""
        if "did you mean" in cls._nearest_key(key):
            return super().unknown_key(key)
        claims, sources = ", ".join(CLAIMS), ", ".join((*SOURCES, "again"))
        return f"{shown(key)} is not a key of {cls.said}; claims are {claims}, and responses come from {sources}"

    def value_problems(self) -> Iterable[Problem]:
        criteria = self.every.given() if self.every else self.share.of.given() if self.share else ()
        if self.metrics is not None:
            yield from self._of_counters(criteria)
        else:
            yield from _of_responses(self.share, criteria)
        if self.about is not None and (told := self._told_by_proxy()):
            yield told, "'answered-by' is told after requests of its own, not 'about' those of others"
        if self.about is not None and self.every is not None and self.every.times is not None:
            yield "every", "'times' is of no use beside 'about', which takes all responses there are"
        if self.send is not None and self.send.ramp is not None:
            if told := self._told_by_proxy():
                yield (
                    told,
                    "'answered-by' is told in blocks, and a ramp is one piece; write 'header' or 'body-has'",
                )
            if self.every is not None and self.every.times is not None:
                yield "every", "'times' is of no use to a ramp, which says itself how many requests there are"

    def _told_by_proxy(self) -> str:
        """The claim that the sender's proxy decides by how many each workload answered; "" for any other."""
        if self.split is not None and self.split.answered_by is not None:
            return "split"
        return "share" if self.share is not None and self.share.of.answered_by is not None else ""

    def _of_counters(self, criteria: Iterable[str]) -> Iterable[Problem]:
        if self.every is not None:
            yield "every", "counters tell shares, not every response; write a share"
        if self.split is not None:
            yield "split", "a split asks responses, or who answered them; of counters write a share"
        if self.latency is not None:
            yield "latency", "counters tell shares, not how long each response took; write a share"
        for key in criteria:
            if self.share is not None and key not in ("class", "status"):
                yield "share", f"counters know no '{key}'; use class or status"

    @property
    def claim(self) -> Claim | None:
        """What is promised; None for `again`, which repeats another's claim."""
        return self.every or self.share or self.split or self.latency or self.each or self.resource


Claim = Every | Share | Split | Latency | Each | ResourceState
