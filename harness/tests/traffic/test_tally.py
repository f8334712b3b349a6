from harness.traffic.outcome import Failure, Outcome
from harness.traffic.tally import Kind, Tally


def outcomes(times: int, status: int | None = None, error: Failure | None = None, **headers: str) -> list[Outcome]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return [
        Outcome(index=index, scheduled=0, lag=0, latency=0, service_time=0, status=status, error=error, headers=named)
        for index in range(times)
    ]


def test_counts_say_who_answered() -> None:
    tally = Tally()
    tally.add(outcomes(812, 200))
    tally.add(outcomes(93, 500, server="nginx"))
    tally.add(outcomes(4, 404, l5d_proxy_error="no route"))
    tally.add(outcomes(2, error=Failure.RESET))
    assert tally.answered == 911
    assert tally.sentence() == ("200 x 812, 500 x 93 (server nginx), 404 x 4 (by the proxy: no route), reset x 2")
    assert tally.words()["500 (server nginx)"] == 93


def test_calls_are_counted_by_their_own_status() -> None:
    tally = Tally()
    tally.add(outcomes(3, 200, grpc_status="0") + outcomes(2, 200, grpc_status="7", grpc_message="no"))
    assert tally.sentence() == "grpc-status 0 x 3, grpc-status 7 x 2"


def test_what_was_never_sent_is_no_answer() -> None:
    tally = Tally()
    tally.add(outcomes(3, error=Failure.NOT_SENT))
    assert tally.answered == 0
    assert tally.sentence() == "not-sent x 3"
    assert Tally().sentence() == "nothing"


def test_tallies_of_several_senders_add_up() -> None:
    one, other = Tally(), Tally()
    one.add(outcomes(2, 200))
    other.add(outcomes(3, 200) + outcomes(1, error=Failure.NOT_SENT))
    one.merge(other)
    assert one.counts == {Kind("200"): 5}
    assert one.not_sent == 1
    assert other.counts == {Kind("200"): 3}


def test_a_long_list_is_cut() -> None:
    tally = Tally()
    for status in range(200, 209):
        tally.add(outcomes(209 - status, status))
    assert tally.sentence().endswith("205 x 4, 6 of 3 other kinds")
