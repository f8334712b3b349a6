"""Creating, replacing and patching: versions, generations, halves of an object, and what is refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from harness.tests.apiserver.support import Answer, Box, configmap, deployment, official, pod


def refusal(call: Any, *args: Any, **kwargs: Any) -> tuple[int, dict[str, Any]]:
    """Status code and body of a call that must be refused."""
    with pytest.raises(official.ApiException) as refused:
        call(*args, **kwargs)
    return refused.value.status, orjson.loads(str(refused.value.body))


def test_replacing_a_stale_version_conflicts_and_changes_nothing(core: Any, namespace: str) -> None:
    stale = core.create_namespaced_config_map(namespace, configmap("one", key="1"))
    core.patch_namespaced_config_map("one", namespace, {"data": {"key": "2"}})
    stale.data = {"key": "3"}
    code, status = refusal(core.replace_namespaced_config_map, "one", namespace, stale)
    assert (code, status["reason"]) == (409, "Conflict")
    assert core.read_namespaced_config_map("one", namespace).data == {"key": "2"}


def test_a_patch_that_names_a_stale_version_conflicts(core: Any, namespace: str) -> None:
    stale = core.create_namespaced_config_map(namespace, configmap("one")).metadata.resource_version
    core.patch_namespaced_config_map("one", namespace, {"data": {"key": "2"}})
    patch = {"metadata": {"resourceVersion": stale}, "data": {"key": "3"}}
    assert refusal(core.patch_namespaced_config_map, "one", namespace, patch)[0] == 409


def test_replacing_without_a_version_overwrites(core: Any, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, configmap("one", key="1"))
    assert core.replace_namespaced_config_map("one", namespace, configmap("one", other="2")).data == {"other": "2"}


def test_a_write_that_changes_nothing_bumps_nothing(apps: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=0))
    settled = _settled(apps, namespace)
    for patch in ({"spec": {"replicas": 0}}, {}, {"spec": {"template": {"spec": {"containers": [{"name": "app"}]}}}}):
        again = apps.patch_namespaced_deployment("web", namespace, patch)
        assert again.metadata.resource_version == settled.metadata.resource_version


def _settled(apps: Any, namespace: str) -> Any:
    for _ in range(200):
        found = apps.read_namespaced_deployment("web", namespace)
        conditions = {entry.type: entry.reason for entry in found.status.conditions or ()}
        if conditions.get("Progressing") == "NewReplicaSetAvailable":
            return found
    raise AssertionError(f"never settled: {found.status}")


def test_generation_counts_the_spec_and_nothing_else(apps: Any, namespace: str) -> None:
    assert apps.create_namespaced_deployment(namespace, deployment(replicas=0)).metadata.generation == 1
    labelled = apps.patch_namespaced_deployment("web", namespace, {"metadata": {"labels": {"x": "y"}}})
    assert labelled.metadata.generation == 1
    assert apps.patch_namespaced_deployment("web", namespace, {"spec": {"paused": True}}).metadata.generation == 2
    status = {"status": {"replicas": 9}}
    assert apps.patch_namespaced_deployment_status("web", namespace, status).metadata.generation == 2


def test_status_and_spec_are_written_through_different_doors(core: Any, namespace: str) -> None:
    core.create_namespaced_service(namespace, _service(status={"loadBalancer": {"ingress": [{"ip": "127.0.0.9"}]}}))
    assert core.read_namespaced_service("svc", namespace).status.load_balancer.ingress is None
    both = {"spec": {"sessionAffinity": "ClientIP"}, "status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.9"}]}}}
    by_status = core.patch_namespaced_service_status("svc", namespace, both)
    assert by_status.spec.session_affinity == "None"
    assert by_status.status.load_balancer.ingress[0].ip == "127.0.0.9"
    replaced = core.patch_namespaced_service("svc", namespace, {**both, "status": {"loadBalancer": {"ingress": []}}})
    assert replaced.spec.session_affinity == "ClientIP"
    assert replaced.status.load_balancer.ingress[0].ip == "127.0.0.9"


def _service(**more: Any) -> dict[str, Any]:
    spec = {"ports": [{"port": 80}], "selector": {"app": "web"}}
    return {"metadata": {"name": "svc"}, "spec": spec, **more}


def test_replacing_a_service_keeps_its_address(core: Any, namespace: str) -> None:
    first = core.create_namespaced_service(namespace, _service())
    assert first.spec.cluster_ip.startswith("127.200.")
    again = core.replace_namespaced_service("svc", namespace, _service())
    assert again.spec.cluster_ip == first.spec.cluster_ip
    moved = {"spec": {"clusterIP": "127.200.9.9", "clusterIPs": ["127.200.9.9"]}}
    code, status = refusal(core.patch_namespaced_service, "svc", namespace, moved)
    assert code == 422
    assert "may not change once set" in status["message"]


def test_a_dry_run_answers_like_the_real_thing_and_stores_nothing(core: Any, namespace: str) -> None:
    made = core.create_namespaced_config_map(namespace, configmap("one"), dry_run="All")
    assert made.metadata.uid
    assert refusal(core.read_namespaced_config_map, "one", namespace)[0] == 404
    core.create_namespaced_config_map(namespace, configmap("one"))
    core.delete_namespaced_config_map("one", namespace, dry_run="All")
    assert core.patch_namespaced_config_map("one", namespace, {"data": {"a": "b"}}, dry_run="All").data == {"a": "b"}
    assert not core.read_namespaced_config_map("one", namespace).data


def test_generated_names_have_the_prefix_and_differ(core: Any, namespace: str) -> None:
    nameless = {"metadata": {"generateName": "made-"}, "data": {}}
    names = {core.create_namespaced_config_map(namespace, nameless).metadata.name for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith("made-") and len(name) == 10 for name in names)


def test_the_same_name_twice_already_exists(core: Any, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, configmap("one"))
    code, status = refusal(core.create_namespaced_config_map, namespace, configmap("one"))
    assert (code, status["reason"]) == (409, "AlreadyExists")


def test_what_has_a_version_is_not_created_again(box: Box, core: Any, namespace: str) -> None:
    """As when `kubectl get -o yaml` is edited and fed to `kubectl create`."""
    found = box.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/kube-root-ca.crt").json
    found["metadata"]["name"] = "copied"
    answer = box.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", found)
    assert answer.status == 400
    assert answer.json["message"] == "resourceVersion should not be set on objects to be created"


def test_creation_in_a_missing_namespace_names_the_namespace(core: Any) -> None:
    code, status = refusal(core.create_namespaced_config_map, "nowhere", configmap("one"))
    assert code == 404
    assert status["message"] == 'namespaces "nowhere" not found'


def test_a_pod_without_its_service_account_is_refused(core: Any, namespace: str) -> None:
    body = pod()
    body["spec"]["serviceAccountName"] = "robot"
    code, status = refusal(core.create_namespaced_pod, namespace, body)
    assert code == 403
    assert 'serviceaccount "robot" not found' in status["message"]
    core.create_namespaced_service_account(namespace, {"metadata": {"name": "robot"}})
    made = core.create_namespaced_pod(namespace, body)
    assert (made.spec.service_account_name, made.spec.node_name) == ("robot", "signalbox")


def test_every_namespace_comes_furnished_and_stays_so(core: Any, namespace: str) -> None:
    assert core.read_namespaced_service_account("default", namespace)
    assert "BEGIN CERTIFICATE" in core.read_namespaced_config_map("kube-root-ca.crt", namespace).data["ca.crt"]
    core.delete_namespaced_service_account("default", namespace)
    core.delete_namespaced_config_map("kube-root-ca.crt", namespace)
    assert core.read_namespaced_service_account("default", namespace)
    assert core.read_namespaced_config_map("kube-root-ca.crt", namespace)


UNKNOWN = {"metadata": {"name": "typo"}, "data": {}, "dataa": {}, "metadataa": 1}


def post(box: Box, namespace: str, body: Any, query: str = "", plural: str = "configmaps", group: str = "") -> Answer:
    """POST what the official client would refuse to send."""
    prefix = f"/apis/{group}/v1" if group else "/api/v1"
    return box.request("POST", f"{prefix}/namespaces/{namespace}/{plural}{query}", body)


def test_strict_validation_names_every_unknown_field_and_stores_nothing(box: Box, core: Any, namespace: str) -> None:
    refused = post(box, namespace, UNKNOWN, "?fieldValidation=Strict")
    assert refused.status == 400
    assert 'strict decoding error: unknown field "dataa", unknown field "metadataa"' in refused.json["message"]
    assert refusal(core.read_namespaced_config_map, "typo", namespace)[0] == 404


@pytest.mark.parametrize(
    ("query", "warned"), [("?fieldValidation=Warn", True), ("", True), ("?fieldValidation=Ignore", False)]
)
def test_other_validation_drops_unknown_fields_with_or_without_a_warning(
    box: Box, namespace: str, query: str, warned: bool
) -> None:
    made = post(box, namespace, UNKNOWN, query)
    assert (made.status, "dataa" in made.json) == (201, False)
    assert ('299 - "unknown field \\"metadataa\\""' in made.headers.get("Warning", "")) is warned


def test_warnings_cannot_smuggle_headers(box: Box, namespace: str) -> None:
    made = post(box, namespace, {"metadata": {"name": "sly"}, "x\r\nSet-Cookie: a=b": 1})
    assert "Set-Cookie" not in made.headers
    assert "Set-Cookie" in made.headers["Warning"]


def test_a_field_of_the_wrong_type_is_told_by_its_path(box: Box, namespace: str) -> None:
    body = deployment()
    body["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"containerPort": "many"}]
    refused = post(box, namespace, body, plural="deployments", group="apps")
    assert refused.status == 400
    assert "spec.template.spec.containers[0].ports[0].containerPort" in refused.json["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"nul",
        b'"text"',
        b"\xff\xfe",
        {"metadata": 3},
        {"metadata": []},
        {"kind": "Secret"},
        {"apiVersion": "v2"},
        {"metadata": {"namespace": "other", "name": "x"}},
        {"metadata": {"name": ["x"]}},
        {"metadata": {"name": "x", "labels": {"a": 1}}},
        {"metadata": {"name": "x", "ownerReferences": [3]}},
        {"metadata": {"name": "x", "finalizers": {"a": 1}}},
        {"metadata": {"name": "x"}, "data": {"a": {}}},
    ],
)
def test_bodies_that_are_no_object_are_refused(box: Box, namespace: str, body: Any) -> None:
    refused = post(box, namespace, body)
    assert refused.status in (400, 422)
    assert refused.json["kind"] == "Status"


def test_all_broken_rules_of_an_object_are_causes(apps: Any, namespace: str) -> None:
    body = deployment("Bad_Name", replicas=-1)
    del body["spec"]["template"]["spec"]["containers"][0]["image"]
    body["spec"]["strategy"] = {"type": "BlueGreen"}
    code, status = refusal(apps.create_namespaced_deployment, namespace, body)
    assert (code, status["reason"]) == (422, "Invalid")
    causes = {(cause["field"], cause["reason"]) for cause in status["details"]["causes"]}
    assert causes == {
        ("spec.replicas", "FieldValueInvalid"),
        ("spec.template.spec.containers[0].image", "FieldValueRequired"),
        ("spec.strategy.type", "FieldValueNotSupported"),
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda d: d["metadata"].update(name="Bad_Name"), "metadata.name"),
        (lambda d: d["metadata"].update(labels={"bad key!": "x"}), "metadata.labels"),
        (lambda d: d["spec"].update(selector={"matchLabels": {"app": "other"}}), "spec.template.metadata.labels"),
        (lambda d: d["spec"]["template"]["spec"].update(restartPolicy="Never"), "spec.template.spec.restartPolicy"),
        (
            lambda d: d["spec"].update(strategy={"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}),
            "spec.strategy.rollingUpdate",
        ),
        (
            lambda d: d["spec"]["template"]["spec"]["containers"].append({"name": "app", "image": "x"}),
            "spec.template.spec.containers[1]",
        ),
        (
            lambda d: d["spec"]["template"]["spec"]["containers"][0].update(
                volumeMounts=[{"name": "v", "mountPath": "/"}]
            ),
            "spec.template.spec.containers[0].volumeMounts[0].name",
        ),
        (
            lambda d: d["spec"]["template"]["spec"]["containers"][0].update(readinessProbe={"periodSeconds": 1}),
            "spec.template.spec.containers[0].readinessProbe",
        ),
    ],
)
def test_rules_that_join_fields(apps: Any, namespace: str, change: Any, field: str) -> None:
    body = deployment()
    change(body)
    code, status = refusal(apps.create_namespaced_deployment, namespace, body)
    assert code == 422
    assert field in [cause["field"] for cause in status["details"]["causes"]]


def test_what_may_not_change_does_not(apps: Any, core: Any, namespace: str) -> None:
    apps.create_namespaced_deployment(namespace, deployment(replicas=0))
    selector = {
        "spec": {"selector": {"matchLabels": {"more": "1"}}, "template": {"metadata": {"labels": {"more": "1"}}}}
    }
    assert refusal(apps.patch_namespaced_deployment, "web", namespace, selector)[0] == 422
    core.create_namespaced_pod(namespace, pod())
    assert refusal(core.patch_namespaced_pod, "one", namespace, {"spec": {"hostname": "x"}})[0] == 422
    image = {"spec": {"containers": [{"name": "app", "image": "app:2"}]}}
    assert core.patch_namespaced_pod("one", namespace, image).spec.containers[0].image == "app:2"
    core.create_namespaced_config_map(namespace, {**configmap("fixed", a="b"), "immutable": True})
    assert refusal(core.patch_namespaced_config_map, "fixed", namespace, {"data": {"a": "c"}})[0] == 422


def test_defaults_of_builtin_kinds(apps: Any, core: Any, namespace: str) -> None:
    spec = apps.create_namespaced_deployment(namespace, deployment(replicas=0)).spec
    assert (spec.strategy.type, spec.strategy.rolling_update.max_surge) == ("RollingUpdate", "25%")
    assert (spec.revision_history_limit, spec.progress_deadline_seconds) == (10, 600)
    template = spec.template.spec
    assert (template.restart_policy, template.termination_grace_period_seconds) == ("Always", 30)
    assert template.containers[0].image_pull_policy == "IfNotPresent"
    port = core.create_namespaced_service(namespace, _service()).spec.ports[0]
    assert (port.protocol, port.target_port) == ("TCP", 80)
    body = pod()
    body["spec"]["containers"][0] |= {"image": "app", "readinessProbe": {"httpGet": {"port": 80}}}
    container = core.create_namespaced_pod(namespace, body).spec.containers[0]
    assert container.image_pull_policy == "Always"
    probe = container.readiness_probe
    assert (probe.period_seconds, probe.timeout_seconds, probe.failure_threshold) == (10, 1, 3)
    assert (probe.http_get.path, probe.http_get.scheme) == ("/", "HTTP")
    secret = core.create_namespaced_secret(namespace, {"metadata": {"name": "s"}, "stringData": {"a": "b"}})
    assert (secret.type, secret.data, secret.string_data) == ("Opaque", {"a": "Yg=="}, None)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"name": "named"}, 'Pod "named" is invalid'),
        ({"generateName": "made-"}, 'Pod "made-" is invalid'),
        ({"name": "named", "generateName": "made-"}, 'Pod "named" is invalid'),
        ({"name": "made-a", "generateName": "made-"}, 'Pod "made-a" is invalid'),
    ],
)
def test_a_refusal_names_the_object_as_its_client_does(
    box: Box, namespace: str, metadata: dict[str, str], said: str
) -> None:
    """The prefix where the server would have made the name of it, the same at every attempt; else the name itself."""
    body = {**pod(), "metadata": metadata, "spec": {"containers": [{"name": "UPPER", "image": "app:1"}]}}
    answer = box.request("POST", f"/api/v1/namespaces/{namespace}/pods", body)
    assert (answer.status, answer.json["message"].partition(":")[0]) == (422, said)
    body["spec"] = {**pod()["spec"], "serviceAccountName": "nobody"}
    answer = box.request("POST", f"/api/v1/namespaces/{namespace}/pods", body)
    assert answer.json["message"].startswith(said.replace("Pod", "pods").replace("invalid", "forbidden"))
