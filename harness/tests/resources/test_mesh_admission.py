"""The mesh's admission where the API server calls it."""

from __future__ import annotations

import pytest

from harness.dialect import LINKERD_2_14, LINKERD_EDGE, Dialect
from harness.embedded.apiserver.api import MERGE_PATCH, Api, ApiError, Options
from harness.tests.resources.documents import GATEWAY, Obj, backend, matching, route
from harness.tests.routes_status.cluster import GATEWAY_KEY, POLICY_KEY, mesh_api

RELATIVE = matching(path={"value": "authors"})


def refusal(api: Api, key: str, document: Obj) -> str:
    with pytest.raises(ApiError) as caught:
        api.create(key, document, namespace="booksapp")
    assert caught.value.code == 400
    return caught.value.message


def test_the_policy_webhook_refuses_by_name_field_and_value_1_71() -> None:
    message = refusal(mesh_api(LINKERD_2_14), POLICY_KEY, route(RELATIVE, RELATIVE))
    assert 'admission webhook "linkerd-policy-validator.linkerd.io" denied the request: ' in message
    assert "spec.rules[0].matches[0].path.value: 'authors' is not an absolute path" in message
    assert "spec.rules[1].matches[0].path.value" in message


@pytest.mark.parametrize("dialect", [LINKERD_2_14, LINKERD_EDGE], ids=lambda dialect: dialect.name)
def test_the_gateway_groups_own_rules_hold_in_every_dialect(dialect: Dialect) -> None:
    portless = {"backendRefs": [backend("books", None)]}
    message = refusal(mesh_api(dialect), GATEWAY_KEY, route(portless, api_version=GATEWAY))
    assert "spec.rules[0].backendRefs[0].port: is required to reference Service 'books'" in message


def test_updates_are_reviewed_too_1_15() -> None:
    api = mesh_api(LINKERD_EDGE)
    api.create(POLICY_KEY, route(), namespace="booksapp")
    with pytest.raises(ApiError, match="absolute path"):
        api.patch(POLICY_KEY, "booksapp", "split", {"spec": {"rules": [RELATIVE]}}, MERGE_PATCH)


def test_what_linkerd_cannot_do_is_stored_1_54() -> None:
    api = mesh_api(LINKERD_EDGE)
    rewrite = route({"filters": [{"type": "URLRewrite", "urlRewrite": {}}]}, api_version=GATEWAY)
    assert api.create(GATEWAY_KEY, rewrite, namespace="booksapp")["spec"]["rules"][0]["filters"]


def test_warnings_reach_the_client_once_and_not_for_a_status_2_4() -> None:
    api = mesh_api(LINKERD_EDGE)
    warnings: list[str] = []
    document = route({"timeouts": {"request": "1h30m"}}, api_version=GATEWAY)
    stored = api.create(GATEWAY_KEY, document, namespace="booksapp", options=Options(warn=warnings.append))
    assert len(warnings) == 1
    assert warnings[0].startswith("spec.rules[0].timeouts.request: '1h30m'")
    options = Options(warn=warnings.append)
    api.update(GATEWAY_KEY, {**stored, "status": {"parents": []}}, subresource="status", options=options)
    assert len(warnings) == 1


def test_new_pods_of_an_annotated_namespace_are_injected_4_7() -> None:
    namespace = {"metadata": {"name": "booksapp", "annotations": {"linkerd.io/inject": "enabled"}}}
    api = mesh_api(LINKERD_2_14, namespace)
    api.create("serviceaccounts", {"metadata": {"name": "default"}}, namespace="booksapp")
    spec = {"containers": [{"name": "app", "image": "example.com/app:1"}]}
    stored = api.create("pods", {"metadata": {"name": "p"}, "spec": spec}, namespace="booksapp")
    assert [container["name"] for container in stored["spec"]["containers"]] == ["app", "linkerd-proxy"]
    assert stored["metadata"]["labels"]["linkerd.io/workload-ns"] == "booksapp"
    relabelled = api.patch("pods", "booksapp", "p", {"metadata": {"labels": {"x": "y"}}}, MERGE_PATCH)
    assert len(relabelled["spec"]["containers"]) == 2
