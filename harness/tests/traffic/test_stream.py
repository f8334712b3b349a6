import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.traffic.outcome import Failure, Outcome
from harness.traffic.stream import Batch, Line, Start, Summary, Trouble, decode, encode

seconds = st.integers(0, 10**10).map(lambda microseconds: microseconds / 10**6)
fates = st.one_of(
    st.builds(lambda status: {"status": status}, st.integers(100, 599)),
    st.builds(lambda error: {"error": error}, st.sampled_from(Failure)),
)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    first = draw(st.integers(0, 10**6))
    outcomes = [
        Outcome(
            index=first + place,
            scheduled=draw(seconds),
            lag=draw(seconds),
            latency=draw(seconds),
            service_time=draw(seconds),
            headers=draw(st.dictionaries(st.sampled_from(["server", "location"]), st.text())),
            body_start=draw(st.text()),
            **draw(fates),
        )
        for place in range(draw(st.integers(0, 3)))
    ]
    return Batch(first, tuple(outcomes))


lines = st.one_of(
    batches(),
    st.builds(Start, seconds),
    st.builds(Trouble, st.text()),
    st.builds(
        Summary,
        requests=st.integers(0),
        not_sent=st.integers(0),
        resent=st.integers(0),
        lag_p99=seconds,
        achieved_rate=seconds,
        seconds=seconds,
        cpu_seconds=seconds,
    ),
)


@given(lines)
def test_every_line_survives_the_wire_and_is_one_line(line: Line) -> None:
    text = encode(line)
    assert text.endswith(b"\n")
    assert text.count(b"\n") == 1
    assert decode(text) == line


def test_a_batch_reads_as_documented() -> None:
    outcome = Outcome(index=7, scheduled=0.01, lag=0.0002, latency=0.4, service_time=0.3998, status=200)
    assert json.loads(encode(Batch(7, (outcome,)))) == {
        "from": 7,
        "outcomes": [{"at": 0.01, "lag": 0.0002, "latency": 0.4, "service": 0.3998, "status": 200}],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "Expecting property name"),
        (b"{}", "unknown line"),
        (b'{"from": 0, "outcomes": [{"at": 0}]}', "malformed line"),
        (b'{"from": 0, "outcomes": [{"at":0,"lag":0,"latency":0,"service":0}]}', "either a status or an error"),
        (b'{"from": 0, "outcomes": [{"at":0,"lag":0,"latency":0,"service":0,"error":"?"}]}', "not a valid Failure"),
        (b'{"summary": {"requests": 1}}', "malformed line"),
        (b'{"start": {"version": 2, "unix_time": 0}}', "speaks version 2"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode(text)
