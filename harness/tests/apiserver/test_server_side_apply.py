"""Server-side apply: who manages what, and what happens when two want the same (kube-api pitfalls: ownership)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from harness.tests.apiserver.support import WIDGET_CRD, Answer, Box, deployment, official

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class Applying:
    """One object in one namespace, written by several managers."""

    def __init__(self, box: Box, path: str, api_version: str, kind: str, name: str) -> None:
        self.box = box
        self.path = f"{path}/{name}"
        self.head: dict[str, Any] = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}

    def apply(self, manager: str, body: dict[str, Any], query: str = "", subresource: str = "") -> Answer:
        config = {**self.head, **body, "metadata": {**self.head["metadata"], **body.get("metadata", {})}}
        place = f"{self.path}{subresource}?fieldManager={manager}{query}"
        return self.box.request("PATCH", place, config, Content_Type=APPLY)

    def merge(self, manager: str, body: dict[str, Any], subresource: str = "") -> Answer:
        place = f"{self.path}{subresource}?fieldManager={manager}"
        return self.box.request("PATCH", place, body, Content_Type=MERGE)

    @property
    def now(self) -> Any:
        return self.box.request("GET", self.path).json

    def fields(self, manager: str) -> Any:
        entries = self.now["metadata"].get("managedFields", [])
        return next((entry["fieldsV1"] for entry in entries if entry["manager"] == manager), None)


@pytest.fixture
def settings(box: Box, namespace: str) -> Applying:
    return Applying(box, f"/api/v1/namespaces/{namespace}/configmaps", "v1", "ConfigMap", "settings")


@pytest.fixture
def web(box: Box, namespace: str) -> Applying:
    made = Applying(box, f"/apis/apps/v1/namespaces/{namespace}/deployments", "apps/v1", "Deployment", "web")
    assert made.apply("owner", {"spec": deployment()["spec"]}).status == 201
    return made


def container(**fields: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "app", **fields}]}}}}


def only(deployment_: Any) -> Any:
    [found] = deployment_["spec"]["template"]["spec"]["containers"]
    return found


def test_applying_creates_and_owns(settings: Applying) -> None:
    made = settings.apply("one", {"data": {"a": "1"}})
    assert made.status == 201
    [entry] = made.json["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"], entry["apiVersion"]) == ("one", "Apply", "v1")
    assert entry["fieldsV1"] == {"f:data": {"f:a": {}}}


def test_what_is_no_longer_applied_goes(settings: Applying) -> None:
    settings.apply("one", {"data": {"a": "1", "b": "2"}})
    assert settings.apply("one", {"data": {"b": "2"}}).json["data"] == {"b": "2"}
    assert "data" not in settings.apply("one", {}).json


def test_what_another_manages_stays(settings: Applying) -> None:
    settings.apply("one", {"data": {"a": "1"}})
    settings.apply("two", {"data": {"b": "2"}})
    assert settings.apply("one", {}).json["data"] == {"b": "2"}


def test_changing_what_another_manages_is_a_conflict_that_names_it(settings: Applying) -> None:
    settings.apply("one", {"data": {"a": "1"}})
    refused = settings.apply("two", {"data": {"a": "2", "b": "3"}})
    assert (refused.status, refused.json["reason"]) == (409, "Conflict")
    [cause] = refused.json["details"]["causes"]
    assert (cause["reason"], cause["field"]) == ("FieldManagerConflict", ".data.a")
    assert cause["message"] == 'conflict with "one" using v1'
    assert settings.now["data"] == {"a": "1"}, "nothing of it was done"


def test_force_takes_over(settings: Applying) -> None:
    settings.apply("one", {"data": {"a": "1", "b": "1"}})
    assert settings.apply("two", {"data": {"a": "2"}}, "&force=true").json["data"] == {"a": "2", "b": "1"}
    assert settings.fields("one") == {"f:data": {"f:b": {}}}
    assert settings.apply("one", {"data": {"b": "1"}}).json["data"]["a"] == "2", "it is no longer one's to remove"


def test_the_same_value_is_managed_together(settings: Applying) -> None:
    settings.apply("one", {"data": {"a": "1"}})
    assert settings.apply("two", {"data": {"a": "1"}}).status == 200
    assert settings.apply("one", {}).json["data"] == {"a": "1"}
    assert "data" not in settings.apply("two", {}).json


def test_applying_the_same_again_changes_nothing(settings: Applying) -> None:
    first = settings.apply("one", {"data": {"a": "1"}}).json
    assert settings.apply("one", {"data": {"a": "1"}}).json == first


def test_an_update_takes_what_it_changes(settings: Applying) -> None:
    settings.apply("one", {"data": {"a": "1", "b": "1"}})
    settings.merge("editor", {"data": {"a": "2"}})
    assert settings.fields("one") == {"f:data": {"f:b": {}}}
    assert settings.fields("editor") == {"f:data": {"f:a": {}}}
    assert settings.apply("one", {"data": {"a": "1", "b": "1"}}).status == 409


def test_an_update_that_removes_ends_the_claim(settings: Applying) -> None:
    settings.apply("one", {"data": {"a": "1", "b": "1"}})
    settings.merge("editor", {"data": {"a": None}})
    assert settings.fields("one") == {"f:data": {"f:b": {}}}


def test_without_a_name_the_program_is_the_manager(settings: Applying) -> None:
    settings.apply("one", {"data": {"a": "1"}})
    settings.box.request("PATCH", settings.path, {"data": {"b": "1"}}, Content_Type=MERGE, User_Agent="tool/1.0 (x)")
    assert settings.fields("tool") == {"f:data": {"f:b": {}}}


def test_replicas_are_handed_over_as_to_an_autoscaler(web: Applying) -> None:
    web.apply("autoscaler", {"spec": {"replicas": 5}}, "&force=true")
    spec = deployment()["spec"]
    assert web.apply("owner", {"spec": spec}).status == 409
    del spec["replicas"]
    assert web.apply("owner", {"spec": spec}).json["spec"]["replicas"] == 5


def test_items_of_a_list_map_are_merged_by_key(web: Applying) -> None:
    web.apply("sidecar", {"spec": {"template": {"spec": {"containers": [{"name": "proxy", "image": "proxy:1"}]}}}})
    names = [one["name"] for one in web.now["spec"]["template"]["spec"]["containers"]]
    assert names == ["app", "proxy"]
    assert web.apply("owner", {"spec": deployment(image="app:2")["spec"]}).status == 200
    found = web.now["spec"]["template"]["spec"]["containers"]
    assert [(one["name"], one["image"]) for one in found] == [("app", "app:2"), ("proxy", "proxy:1")]


def test_an_item_two_manage_keeps_the_others_fields(web: Applying) -> None:
    web.apply("tuner", container(resources={"limits": {"cpu": "1"}}))
    web.apply("tuner", container())
    assert only(web.now)["image"] == "app:1"
    assert "limits" not in only(web.now)["resources"]


def test_an_item_goes_when_its_only_manager_lets_go(web: Applying) -> None:
    web.apply("other", container(env=[{"name": "C", "value": "3"}]))
    assert [one["name"] for one in only(web.now)["env"]] == ["A", "B", "C"]
    web.apply("other", container())
    assert [one["name"] for one in only(web.now)["env"]] == ["A", "B"]


def test_ports_are_told_apart_by_protocol_too(web: Applying) -> None:
    web.apply("tcp", container(ports=[{"containerPort": 53}]))
    web.apply("udp", container(ports=[{"containerPort": 53, "protocol": "UDP"}]))
    assert [(one["containerPort"], one["protocol"]) for one in only(web.now)["ports"]] == [(53, "TCP"), (53, "UDP")]
    assert web.apply("tcp", container(ports=[{"containerPort": 53, "protocol": "TCP"}])).status == 200


def test_sets_are_merged_as_sets(settings: Applying) -> None:
    settings.apply("one", {"metadata": {"finalizers": ["example.com/a"]}})
    settings.apply("two", {"metadata": {"finalizers": ["example.com/b"]}})
    assert settings.now["metadata"]["finalizers"] == ["example.com/a", "example.com/b"]
    settings.apply("one", {})
    assert settings.now["metadata"]["finalizers"] == ["example.com/b"]
    settings.apply("two", {})
    assert "finalizers" not in settings.now["metadata"]


def test_atomic_parts_are_taken_whole(web: Applying) -> None:
    wanted = {"metadata": {}, "spec": {"selector": {"matchLabels": {"app": "web"}}}}
    web.apply("other", wanted)
    assert web.fields("other") == {"f:spec": {"f:selector": {}}}


def test_the_two_halves_of_an_object_have_managers_of_their_own(box: Box, api_client: Any, namespace: str) -> None:
    extensions = official.ApiextensionsV1Api(api_client)
    name = "boats.example.biz"
    boats: dict[str, Any] = {**WIDGET_CRD, "metadata": {"name": name}}
    boats["spec"] = {**WIDGET_CRD["spec"], "group": "example.biz", "names": {"plural": "boats", "kind": "Boat"}}
    if not any(one.metadata.name == name for one in extensions.list_custom_resource_definition().items):
        extensions.create_custom_resource_definition(boats)
    boat = Applying(box, f"/apis/example.biz/v1/namespaces/{namespace}/boats", "example.biz/v1", "Boat", "one")
    parts = [{"name": "hull"}, {"name": "sail", "count": 2}]
    assert boat.apply("same", {"spec": {"color": "red", "parts": parts}}).status == 201
    assert boat.apply("same", {"status": {"afloat": True}}, subresource="/status").status == 200
    assert boat.apply("same", {"spec": {"color": "green", "parts": parts[:1]}}).status == 200
    now = boat.now
    assert (now["status"], now["spec"]["color"]) == ({"afloat": True}, "green")
    assert [part["name"] for part in now["spec"]["parts"]] == ["hull"]
    assert now["metadata"]["generation"] == 2


def test_taking_over_from_kubectl_apply_is_no_conflict(settings: Applying) -> None:
    body = {**settings.head, "data": {"a": "1"}}
    annotation = {"kubectl.kubernetes.io/last-applied-configuration": orjson.dumps(body).decode()}
    made = {**body, "metadata": {**body["metadata"], "annotations": annotation}}
    collection = settings.path.rpartition("/")[0]
    settings.box.request("POST", f"{collection}?fieldManager=kubectl-client-side-apply", made)
    assert settings.apply("somebody", {"data": {"a": "2"}}).status == 409
    assert settings.apply("kubectl", {"data": {"a": "2"}}).json["data"] == {"a": "2"}


def test_clients_may_give_up_all_claims(settings: Applying) -> None:
    settings.apply("one", {"data": {"a": "1"}})
    operations = [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]
    answer = settings.box.request("PATCH", settings.path, operations, Content_Type="application/json-patch+json")
    assert answer.status == 200
    assert "managedFields" not in settings.now["metadata"]
    assert settings.apply("two", {"data": {"a": "2"}}).status == 200


def test_a_dry_run_tells_and_changes_nothing(settings: Applying) -> None:
    settings.apply("one", {"data": {"a": "1"}})
    assert settings.apply("one", {"data": {"a": "2"}}, "&dryRun=All").json["data"] == {"a": "2"}
    assert settings.apply("two", {"data": {"a": "2"}}, "&dryRun=All").status == 409
    assert settings.now["data"] == {"a": "1"}


@pytest.mark.parametrize(
    ("manager", "body", "status", "said"),
    [
        ("", {}, 400, "fieldManager"),
        ("x" * 129, {}, 400, "at most 128"),
        ("one", {"metadata": {"managedFields": [{"manager": "one"}]}}, 400, "managedFields must be nil"),
        ("one", {"metadata": {"name": "other"}}, 400, "does not match"),
        ("one", {"kind": "Secret"}, 400, "cannot be handled"),
        ("one", {"data": {"a": 1}}, 400, "data.a"),
    ],
)
def test_what_cannot_be_applied(settings: Applying, manager: str, body: dict[str, Any], status: int, said: str) -> None:
    refused = settings.apply(manager, body)
    assert refused.status == status
    assert said in refused.json["message"]


def test_unknown_fields_are_refused_when_asked(settings: Applying) -> None:
    refused = settings.apply("one", {"dta": {}}, "&fieldValidation=Strict")
    assert (refused.status, 'unknown field "dta"' in refused.json["message"]) == (400, True)


def test_yaml_is_taken_too(settings: Applying) -> None:
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata:\n  a: |\n    text\n"
    answer = settings.box.request("PATCH", f"{settings.path}?fieldManager=one", body, Content_Type=APPLY)
    assert (answer.status, answer.json["data"]) == (201, {"a": "text\n"})
