"""helm, with Linkerd's charts and podinfo's."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.tests.cluster.doubles.objects import check_trust, control_plane, definition, deployment
from harness.tests.cluster.doubles.telling import Usage, fail, hang_if, told_to

if TYPE_CHECKING:
    from harness.kube.client import Kube

JsonObject = dict[str, Any]


ROOT = Path(__file__).parents[4]
PODINFO = ("https://stefanprodan.github.io/podinfo", "podinfo", "6.9.3")
CHARTS = {
    ("https://helm.linkerd.io/stable", "linkerd-crds"): ("1.8.0", ""),
    ("https://helm.linkerd.io/stable", "linkerd-control-plane"): ("1.16.11", "stable-2.14.10"),
    ("https://helm.linkerd.io/stable", "linkerd-viz"): ("30.12.11", ""),
    ("https://helm.linkerd.io/edge", "linkerd-crds"): ("2026.8.3", ""),
    ("https://helm.linkerd.io/edge", "linkerd-control-plane"): ("2026.8.3", "edge-26.8.3"),
    ("https://helm.linkerd.io/edge", "linkerd-viz"): ("2026.8.3", ""),
}


VALUES = {
    "linkerd-crds": {"enableHttpRoutes"},
    "linkerd-control-plane": {
        *("identityTrustAnchorsPEM", "identity.issuer.tls.crtPEM", "identity.issuer.tls.keyPEM"),
        "disableHeartBeat",
    },
    "linkerd-viz": set[str](),
}
"""Names in the values.yaml of both releases' charts, as far as we have a use for them."""


def _must_be_ours(kube: Kube, definition: str, release: str) -> None:
    """As helm refuses to take over what it has not made."""
    from harness.kube.objects import ObjectRef

    there = kube.get(ObjectRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", None, definition))
    owner = None if there is None else (there["metadata"].get("annotations") or {}).get("meta.helm.sh/release-name")
    if there is not None and owner != release:
        fail(
            f'Error: Unable to continue with install: CustomResourceDefinition "{definition}" in namespace "" exists '
            "and cannot be imported into the current release: invalid ownership metadata"
        )


def helm(argv: list[str]) -> None:
    """version, pull of podinfo's chart, upgrade --install of it and of Linkerd's."""
    if argv == ["version", "--short"]:
        print("v3.7.2+g663a896" if told_to("old-helm") else "v3.19.0+g3d8990f")
        return
    if argv[0] == "pull":
        _pull(argv[1:])
        return
    usage = Usage("helm")
    usage.add_argument("verb", choices=["upgrade"])
    usage.add_argument("release")
    usage.add_argument("chart")
    usage.add_argument("--install", action="store_true", required=True)
    usage.add_argument("--repo")
    usage.add_argument("--version")
    usage.add_argument("--namespace", required=True)
    usage.add_argument("--create-namespace", action="store_true")
    usage.add_argument("--kubeconfig", required=True)
    usage.add_argument("--wait", action="store_true")
    usage.add_argument("--timeout")
    usage.add_argument("--values")
    usage.add_argument("--set-file", action="append", default=[])
    usage.add_argument("--set", action="append", default=[])
    asked = usage.parse_args(argv)
    if asked.chart.endswith(".tgz"):
        _install_podinfo(asked)
    else:
        _install_linkerd(asked)


def _pull(argv: list[str]) -> None:
    usage = Usage("helm pull")
    usage.add_argument("chart")
    usage.add_argument("--repo", required=True)
    usage.add_argument("--version", required=True)
    usage.add_argument("--destination", required=True)
    asked = usage.parse_args(argv)
    if told_to("no-charts"):
        fail(f'Error: looks like "{asked.repo}" is not a valid chart repository or cannot be reached')
    if (asked.repo, asked.chart, asked.version) != PODINFO:
        fail(f'Error: chart "{asked.chart}" version "{asked.version}" not found in {asked.repo} repository')
    (Path(asked.destination) / f"{asked.chart}-{asked.version}.tgz").touch()


def _install_podinfo(asked: argparse.Namespace) -> None:
    """What the chart 6.9.3 renders is what our manifest of the same name holds, and two labels."""
    import yaml

    from harness.kube.apply import create_missing
    from harness.kube.client import Kube

    values = json.loads(Path(asked.values).read_text(encoding="utf-8"))
    if not Path(asked.chart).exists() or set(values) - {"ui", "backend", "ingress"}:
        fail(f"Error: no such chart, or a value that podinfo's has not: {sorted(values)}")
    manifest = ROOT / "manifests/podinfo" / f"{asked.release}.yaml"
    objects = list(yaml.safe_load_all(manifest.read_text(encoding="utf-8")))
    for one in objects:
        one["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "Helm"
    with Kube(Path(asked.kubeconfig)) as kube:
        create_missing(kube, objects)


def _install_linkerd(asked: argparse.Namespace) -> None:
    from harness.kube.apply import create_missing
    from harness.kube.client import Kube

    version, app = CHARTS.get((asked.repo, asked.chart), ("", ""))
    if version != asked.version:
        fail(f'Error: chart "{asked.chart}" version "{asked.version}" not found in {asked.repo} repository')
    hang_if("helm-hangs")
    if told_to("helm-fails") and asked.chart == "linkerd-control-plane":
        fail("Error: INSTALLATION FAILED: context deadline exceeded")
    values = {name: Path(file) for name, file in (pair.split("=", 1) for pair in asked.set_file)}
    chosen = dict(pair.split("=", 1) for pair in asked.set)
    if unknown := {*values, *chosen} - VALUES[asked.chart]:
        fail(f"{asked.chart} has no value {sorted(unknown)}; the real helm would say nothing and go on")
    with Kube(Path(asked.kubeconfig)) as kube:
        if asked.chart == "linkerd-crds" and asked.repo.endswith("stable") and "enableHttpRoutes" not in chosen:
            _must_be_ours(kube, "httproutes.gateway.networking.k8s.io", asked.release)
        create_missing(kube, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": asked.namespace}}])
        create_missing(kube, _chart(asked.chart, app, values))


def _chart(chart: str, app: str, values: dict[str, Path]) -> list[JsonObject]:
    match chart:
        case "linkerd-crds":
            return [definition("linkerd.io", "serviceprofiles", "ServiceProfile", True)]
        case "linkerd-viz":
            return [deployment("linkerd-viz", "metrics-api", "cr.l5d.io/linkerd/metrics-api:x", 8085)]
    names = ("identityTrustAnchorsPEM", "identity.issuer.tls.crtPEM", "identity.issuer.tls.keyPEM")
    check_trust(*(values[name] for name in names))
    return control_plane(app)
