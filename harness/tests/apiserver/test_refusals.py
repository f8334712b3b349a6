"""What this cluster does not offer is refused where it is asked for, with the way to a cluster that does."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from harness.embedded.apiserver.errors import ELSEWHERE
from harness.embedded.apiserver.objects import Obj
from harness.tests.apiserver.support import WIDGET_CRD, Box, deployment, pod

GRPC = {"readinessProbe": {"grpc": {"port": 1}}}
ASKED: list[tuple[Obj, str]] = [
    ({"hostNetwork": True}, "hostNetwork"),
    ({"hostPID": True}, "hostPID"),
    ({"hostIPC": True}, "hostIPC"),
    ({"os": {"name": "windows"}}, "os.name"),
    ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "volumes[0].hostPath"),
    ({"volumes": [{"name": "v", "csi": {"driver": "d"}}]}, "volumes[0].csi"),
    ({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}, "volumes[0].persistentVolumeClaim"),
    ({"containers": [{"securityContext": {"privileged": True}}]}, "containers[0].securityContext.privileged"),
    ({"containers": [GRPC]}, "containers[0].readinessProbe.grpc"),
    ({"initContainers": [{"restartPolicy": "Always"}]}, "initContainers[0].restartPolicy"),
]
NOT_ASKED: list[Obj] = [
    {"hostNetwork": False, "os": {"name": "linux"}},
    {
        "volumes": [
            {"name": "v"},
            {"name": "w", "configMap": {"name": "c"}},
            {"name": "x", "secret": {"secretName": "s"}},
        ]
    },
    {"volumes": [{"name": "v", "projected": {"sources": []}}, {"name": "w", "downwardAPI": {}}]},
    {"containers": [{"securityContext": {"privileged": False, "runAsNonRoot": True}}]},
    {"initContainers": [{}]},
]


def with_spec(change: Obj) -> Obj:
    """A pod with this in its spec; containers get a name and an image."""
    made = pod()
    spec = copy.deepcopy(change)
    for group in ("containers", "initContainers"):
        spec |= (
            {group: [{"name": f"n{n}", "image": "i", **one} for n, one in enumerate(spec[group])]}
            if group in spec
            else {}
        )
    made["spec"] |= spec
    return made


@pytest.mark.parametrize(("change", "field"), ASKED, ids=[field for _, field in ASKED])
def test_a_pod_that_asks_for_too_much_is_told_the_field_and_the_way(
    box: Box, namespace: str, change: Obj, field: str
) -> None:
    wanted = with_spec(change)
    owner = deployment("one")
    owner["spec"]["template"]["spec"] = wanted["spec"]
    for path, obj, prefix in (
        (f"/api/v1/namespaces/{namespace}/pods", wanted, "spec."),
        (f"/apis/apps/v1/namespaces/{namespace}/deployments", owner, "spec.template.spec."),
    ):
        answer = box.request("POST", path, obj)
        assert answer.status == 422, answer.content
        [cause] = answer.json["details"]["causes"]
        assert cause["field"] == prefix + field
        assert ELSEWHERE in answer.json["message"]


@pytest.mark.parametrize("change", NOT_ASKED)
def test_what_is_offered_is_not_refused(box: Box, namespace: str, change: Obj) -> None:
    answer = box.request("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All", with_spec(change))
    assert answer.status == 201, answer.content


def test_a_patch_cannot_bring_in_what_creation_refuses(box: Box, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    assert box.request("POST", path, deployment("one", replicas=0)).status == 201
    patch = {"spec": {"template": {"spec": {"hostNetwork": True}}}}
    answer = box.request("PATCH", f"{path}/one", patch, Content_Type="application/merge-patch+json")
    assert (answer.status, ELSEWHERE in answer.json["message"]) == (422, True)


def hook(name: str) -> Obj:
    service = {"name": "s", "namespace": "n"}
    config = {"clientConfig": {"service": service}, "sideEffects": "None", "admissionReviewVersions": ["v1"]}
    return {"metadata": {"name": name}, "webhooks": [{"name": "a.b.c", **config}]}


REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
API_SERVICE = {"group": "a.b", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1}
CONVERTED = copy.deepcopy(WIDGET_CRD)
CONVERTED["spec"]["conversion"] = {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"]}}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (f"{REGISTRATION}/mutatingwebhookconfigurations", hook("m"), "webhooks"),
        (f"{REGISTRATION}/validatingwebhookconfigurations", hook("v"), "webhooks"),
        (
            "/apis/apiregistration.k8s.io/v1/apiservices",
            {"metadata": {"name": "v1.a.b"}, "spec": {**API_SERVICE, "service": {"name": "s", "namespace": "n"}}},
            "spec.service",
        ),
        (
            "/apis/certificates.k8s.io/v1/certificatesigningrequests",
            {"metadata": {"name": "c"}, "spec": {"request": "YQ==", "signerName": "a.b/c"}},
            "spec",
        ),
        ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", CONVERTED, "spec.conversion.strategy"),
    ],
)
def test_kinds_that_would_do_nothing_are_refused(box: Box, path: str, body: Obj, field: str) -> None:
    answer = box.request("POST", path, body)
    assert answer.status == 422, answer.content
    assert [cause["field"] for cause in answer.json["details"]["causes"]] == [field]
    assert ELSEWHERE in answer.json["message"]


def test_a_webhook_configuration_without_webhooks_harms_nobody(box: Box) -> None:
    path = f"{REGISTRATION}/mutatingwebhookconfigurations"
    assert box.request("POST", path, {"metadata": {"name": "none"}}).status == 201
    assert box.request("DELETE", f"{path}/none").status == 200


def test_kubectl_debug_is_told_that_there_are_no_ephemeral_containers(box: Box, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    assert box.request("POST", path, pod()).status == 201
    answer = box.request("PATCH", f"{path}/one/ephemeralcontainers", {}, Content_Type="application/merge-patch+json")
    assert (answer.status, answer.json["reason"]) == (501, "NotImplemented")
    assert answer.json["details"]["causes"][0]["field"] == "spec.ephemeralContainers"
    assert ELSEWHERE in answer.json["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/namespaces/{}/persistentvolumeclaims", {"spec": {"accessModes": ["ReadWriteOnce"]}}),
        ("/apis/batch/v1/namespaces/{}/cronjobs", {}),
        ("/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies", {"spec": {"podSelector": {}}}),
        ("/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles", {"rules": []}),
    ],
)
def test_kinds_that_nothing_acts_on_are_stored_with_a_warning(
    box: Box, namespace: str, path: str, body: dict[str, Any]
) -> None:
    if path.endswith("cronjobs"):
        template = deployment("t")["spec"]["template"]
        template["spec"]["restartPolicy"] = "Never"
        body = {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}}}
    path = path.format(namespace)
    answer = box.request("POST", path, {"metadata": {"name": "one"}, **body})
    assert answer.status == 201, answer.content
    assert "stored only, nothing in the embedded cluster acts on this kind" in answer.headers["Warning"]
    assert box.request("GET", f"{path}/one").json["metadata"]["name"] == "one"


def test_a_kind_that_something_acts_on_has_no_warning(box: Box, namespace: str) -> None:
    answer = box.request("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", deployment("one", replicas=0))
    assert (answer.status, answer.headers.get("Warning")) == (201, None)


@pytest.mark.parametrize(
    ("method", "place", "body", "said"),
    [
        (
            "PATCH",
            "deployments/one",
            {"spec": {"template": {"metadata": {"labels": {"app": "other"}}}}},
            'Invalid value: {"app":"other"}: `selector` does not match template `labels`',
        ),
        (
            "PATCH",
            "deployments/one?fieldValidation=strict",
            {},
            'fieldValidation: Unsupported value: "strict": supported values: "Strict", "Warn", "Ignore"',
        ),
        (
            "DELETE",
            "deployments/one?propagationPolicy=None",
            {},
            'Unsupported value: "None": supported values: "Background", "Foreground", "Orphan"',
        ),
        ("DELETE", "deployments/one", {"gracePeriodSeconds": [1]}, "gracePeriodSeconds: Invalid value: [1]: must be"),
        ("DELETE", "deployments/one", {"gracePeriodSeconds": True}, "gracePeriodSeconds: Invalid value: true: must be"),
        ("DELETE", "deployments/one", {"gracePeriodSeconds": 1.5}, "gracePeriodSeconds: Invalid value: 1.5: must be"),
        ("PATCH", "deployments/one/scale", {"spec": {"replicas": "two"}}, 'Invalid value: "two": must be a whole'),
        ("PATCH", "deployments/one/scale", {"spec": {"replicas": True}}, "Invalid value: true: must be a whole"),
        ("PATCH", "deployments/one/scale", {"spec": {"replicas": ""}}, 'Invalid value: "": must be a whole'),
    ],
)
def test_what_is_refused_is_shown_as_it_was_sent(
    box: Box, namespace: str, method: str, place: str, body: Any, said: str
) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}"
    assert box.request("POST", f"{path}/deployments", deployment("one", replicas=0)).status == 201
    answer = box.request(method, f"{path}/{place}", body, Content_Type="application/merge-patch+json")
    assert answer.status in (400, 422)
    assert said in answer.json["message"]
    assert box.request("GET", f"{path}/deployments/one").json["spec"]["replicas"] == 0


def test_a_definition_without_a_storage_version_is_told_which_it_has(box: Box) -> None:
    definition = copy.deepcopy(WIDGET_CRD)
    for version in definition["spec"]["versions"]:
        version["storage"] = True
    answer = box.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    assert 'Invalid value: ["v1","v1beta1"]: must have exactly one version marked' in answer.json["message"]
