"""Which rate limit holds for a port, of whom and how often (§3.27, §3.28)."""

from __future__ import annotations

from typing import Any

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.resources.inbound import PolicyRef
from harness.resources.routes import POLICY_GROUP
from harness.tests.resources_policy.documents import (
    LATER,
    Obj,
    identity,
    rate_limit,
    requires,
    server,
)
from harness.tests.resources_policy.policies import inbound
from harness.tests.resources_policy.test_policy_set import LIMIT, SERVER, elsewhere


def overriding(rate: int, *accounts: str) -> Obj:
    return {"requestsPerSecond": rate, "clientRefs": [requires("ServiceAccount", account) for account in accounts]}


def test_a_rate_limit_3_27_3_28() -> None:
    limit = inbound(SERVER, rate_limit("r", **LIMIT, overrides=[overriding(10, "webapp", "books")])).rate_limit
    assert limit is not None
    assert limit.ref == PolicyRef(POLICY_GROUP, "HTTPLocalRateLimitPolicy", "r")
    assert (limit.total, limit.identity) == (70, 5)
    assert [(one.requests_per_second, one.identities) for one in limit.overrides] == [
        (10, (identity("webapp"), identity("books")))
    ]


def test_who_is_in_two_overrides_has_the_last_3_28() -> None:
    limit = inbound(SERVER, rate_limit("r", overrides=[overriding(1, "a", "b"), overriding(2, "a")])).rate_limit
    assert limit is not None
    assert [(one.requests_per_second, one.identities) for one in limit.overrides] == [
        (1, (identity("b"),)),
        (2, (identity("a"),)),
    ]


NO_LIMIT: dict[str, tuple[list[Obj], Dialect]] = {
    "none": ([], LINKERD_EDGE),
    "not accepted 3.27": ([rate_limit("r", **LIMIT, accepted=False)], LINKERD_EDGE),
    "other Server": ([rate_limit("r", "books-server", **LIMIT)], LINKERD_EDGE),
    "other namespace": ([elsewhere(rate_limit("r", **LIMIT))], LINKERD_EDGE),
    "gRPC 3.29": ([server("a", proxyProtocol="gRPC"), rate_limit("r", "a", **LIMIT)], LINKERD_EDGE),
    "2.14 3.27": ([rate_limit("r", **LIMIT)], LINKERD_2_14),
}


@pytest.mark.parametrize("case", NO_LIMIT)
def test_no_rate_limit(case: str) -> None:
    objects, dialect = NO_LIMIT[case]
    assert inbound(SERVER, *objects, dialect=dialect).rate_limit is None


def test_rates_of_zero_are_no_limits_3_28() -> None:
    zero: dict[str, Any] = {"requestsPerSecond": 0}
    limit = inbound(SERVER, rate_limit("r", total=zero, identity=zero, overrides=[overriding(0, "a")])).rate_limit
    assert limit is not None
    assert (limit.total, limit.identity, limit.overrides) == (None, None, ())


def test_of_two_accepted_limits_the_older_counts_3_27() -> None:
    younger = rate_limit("a", created=LATER, total={"requestsPerSecond": 1})
    older = rate_limit("b", total={"requestsPerSecond": 2})
    limit = inbound(SERVER, younger, older).rate_limit
    assert limit is not None
    assert limit.ref.name == "b"
