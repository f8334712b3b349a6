"""Objects that the programs put into clusters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.tests.cluster.doubles.telling import fail, told_to

JsonObject = dict[str, Any]


def definition(group: str, plural: str, kind_name: str, namespaced: bool) -> JsonObject:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"plural": plural, "kind": kind_name, "singular": kind_name.lower()},
            "scope": "Namespaced" if namespaced else "Cluster",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def deployment(namespace: str, name: str, image: str, port: int) -> JsonObject:
    labels = {"app": name}
    container = {"name": name, "image": image, "ports": [{"containerPort": port}]}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": pod},
    }


def check_trust(anchor_file: Path, issuer_file: Path, key_file: Path) -> None:
    """As Linkerd's identity controller looks at what it is given."""
    from cryptography import x509

    anchor = x509.load_pem_x509_certificate(anchor_file.read_bytes())
    issuer = x509.load_pem_x509_certificate(issuer_file.read_bytes())
    issuer.verify_directly_issued_by(anchor)
    if not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
        fail("issuer certificate is no authority")
    if issuer.subject.rfc4514_string() != "CN=identity.linkerd.cluster.local":
        fail(f"issuer is called {issuer.subject.rfc4514_string()}")
    if b"EC PRIVATE KEY" not in key_file.read_bytes():
        fail("issuer key is no EC key")


def control_plane(version: str) -> list[JsonObject]:
    import yaml

    config = {"linkerdVersion": version, "clusterDomain": "cluster.local"}
    bundle = "" if told_to("injector-trusts-nobody") else "Y2E="
    names = ("linkerd-identity", "linkerd-destination", "linkerd-proxy-injector")
    image = f"cr.l5d.io/linkerd/controller:{version}"
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "linkerd-config", "namespace": "linkerd"},
            "data": {"values": yaml.safe_dump(config)},
        },
        *(deployment("linkerd", name, image, 8080) for name in names),
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "linkerd-proxy-injector-webhook-config"},
            "webhooks": [_injector(bundle)],
        },
    ]


def _injector(bundle: str) -> JsonObject:
    """As the chart has it, without rules: nothing is injected but by the embedded cluster itself."""
    return {
        "name": "linkerd-proxy-injector.linkerd.io",
        "clientConfig": {"caBundle": bundle, "service": {"name": "linkerd-proxy-injector", "namespace": "linkerd"}},
        "failurePolicy": "Ignore",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1", "v1beta1"],
    }
