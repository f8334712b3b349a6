"""The mesh's admission of policy objects where the API server calls it."""

from __future__ import annotations

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.embedded.apiserver.api import MERGE_PATCH
from harness.tests.resources_policy.cluster import POLICIES, RATE_LIMITS, SERVERS, add, policy_api, refusal
from harness.tests.resources_policy.documents import authorization_policy, rate_limit, requires, server, target

BOTH = pytest.mark.parametrize("dialect", [LINKERD_2_14, LINKERD_EDGE], ids=lambda dialect: dialect.name)


@BOTH
def test_servers_are_stored_under_the_newest_version_1_69(dialect: Dialect) -> None:
    api = policy_api(dialect)
    stored = add(api, SERVERS, server(version="v1beta1"))
    newest = "v1beta3" if dialect is LINKERD_EDGE else "v1beta1"
    assert stored["apiVersion"] == f"policy.linkerd.io/{newest}"
    assert stored["spec"]["proxyProtocol"] == "unknown"


def test_2_14_does_not_serve_later_versions_1_69() -> None:
    assert refusal(lambda: add(policy_api(LINKERD_2_14), SERVERS, server(version="v1beta3"))).code == 400


def test_2_14_has_no_rate_limits_3_27() -> None:
    limit = rate_limit("r", total={"requestsPerSecond": 1})
    assert refusal(lambda: add(policy_api(LINKERD_2_14), RATE_LIMITS, limit)).code == 404
    assert add(policy_api(LINKERD_EDGE), RATE_LIMITS, limit)["spec"]["total"] == {"requestsPerSecond": 1}


@BOTH
def test_refusals_name_the_webhook_and_the_place_1_74(dialect: Dialect) -> None:
    account = requires("ServiceAccount", "a")
    policy = authorization_policy("p", target("Server", "s"), account, account)
    error = refusal(lambda: add(policy_api(dialect), POLICIES, policy))
    said = "spec.requiredAuthenticationRefs: only a single ServiceAccount may be set"
    assert (error.code, error.message) == (
        400, f'admission webhook "linkerd-policy-validator.linkerd.io" denied the request: {said}'
    )  # fmt: skip


def test_2_14_refuses_a_second_server_for_the_same_pods_1_74() -> None:
    api = policy_api(LINKERD_2_14)
    add(api, SERVERS, server("first", version="v1beta1"))
    error = refusal(lambda: add(api, SERVERS, server("second", version="v1beta1")))
    assert "'booksapp/first' already defines a policy for port service" in error.message
    add(api, SERVERS, server("second", version="v1beta1"), namespace="shop")
    add(api, SERVERS, server("third", port=1, version="v1beta1"))
    assert refusal(
        lambda: api.patch(SERVERS, "booksapp", "third", {"spec": {"port": "service"}}, MERGE_PATCH)
    ).message.endswith("selects pods that would be selected by this Server")


def test_a_server_does_not_stand_in_its_own_way_1_74() -> None:
    api = policy_api(LINKERD_2_14)
    add(api, SERVERS, server("first", version="v1beta1"))
    changed = api.patch(SERVERS, "booksapp", "first", {"spec": {"proxyProtocol": "HTTP/1"}}, MERGE_PATCH)
    assert changed["spec"]["proxyProtocol"] == "HTTP/1"


def test_edge_admits_overlaps_1_74() -> None:
    api = policy_api(LINKERD_EDGE)
    add(api, SERVERS, server("first"))
    assert add(api, SERVERS, server("second"))["metadata"]["name"] == "second"


@BOTH
def test_the_tutorial_s_policies_are_admitted_7_0_6(dialect: Dialect) -> None:
    api = policy_api(dialect)
    add(api, SERVERS, server(version="v1beta1"))
    policy = authorization_policy("p", target("HTTPRoute", "r"), requires("MeshTLSAuthentication", "m"))
    assert add(api, POLICIES, policy)["apiVersion"] == "policy.linkerd.io/v1alpha1"
