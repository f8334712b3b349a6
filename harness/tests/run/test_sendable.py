"""What the language lets through can be sent: no plan is refused once a scenario runs."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.run.bursts import plan_for_send
from harness.run.counting import criteria_of
from harness.run.looked_at import LookedAt
from harness.scenario.claims import Every
from harness.scenario.clusters import Pace
from harness.scenario.expectations import Send
from harness.scenario.loading import fit
from harness.scenario.sendable import MAX_REQUESTS
from harness.scenario.values import Unfillable
from harness.scenario.yaml_source import Document

_ODD = st.text(st.characters(max_codepoint=0x2100), max_size=8)
_NAMES = st.sampled_from(["x-user", "te", "Upgrade", "host", "x user", "*", ""]) | _ODD
_HEADERS = st.dictionaries(_NAMES, _ODD, max_size=2)
_RATES = st.sampled_from(["1/s", "9999.5/s", "10000/s", "10001/s", "0.000001/s", "100000/s"])
_LENGTHS = st.sampled_from(["1ms", "59m", "1h", "61m", "2h", "24h"])
_URLS = st.sampled_from(["http://books:7002/a?b=c", "http://a@books/", "http://books/#x", "http://books/|", "http://["])
_SENDS = st.fixed_dictionaries(
    {"from": st.just("web"), "request": _URLS.map("POST {}".format)},
    optional={
        "rate": _RATES,
        "timeout": _LENGTHS,
        "headers": _HEADERS,
        "body": _ODD,
        "ramp": st.fixed_dictionaries({"from": _RATES, "over": _LENGTHS}),
        "protocol": st.sampled_from(["http/1.1", "h2c", "grpc"]),
        "message": st.sampled_from(["", "CAE=", "x"]),
    },
)


@given(_SENDS, st.none() | _RATES, st.none() | st.dictionaries(_NAMES, _ODD, min_size=1, max_size=1), st.integers(0))
def test_what_the_language_lets_through_is_no_plan_that_a_sender_refuses(
    written: dict[str, Any], most: str | None, header: dict[str, str] | None, limit: int
) -> None:
    send = fit(Send, Document(written, {(): 1}), "x.yaml")[0]
    claim = fit(Every, Document({"header": header} if header else {"status": 200}, {(): 1}), "x.yaml")[0]
    pace = fit(Pace, Document({"max-rate": most} if most else {}, {(): 1}), "x.yaml")[0]
    if send is None or claim is None or pace is None:
        return
    try:
        filled = send.filled({"run.id": "ab"})
    except Unfillable:
        return
    plan = plan_for_send(filled, LookedAt.by(criteria_of(claim)), pace, limit)
    assert plan.limit <= MAX_REQUESTS
