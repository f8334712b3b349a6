"""Linkerd put into a bare cluster: definitions, control plane, viz if wanted, at pinned versions.

By its helm charts; by `linkerd install` where only the command is there, and then the command's own version must be
the pinned one, because it installs itself. Every step is waited for as `linkerd check` would. The heartbeat, which
tells the project about installations, is left out: clusters of tests are not worth counting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from harness.commands import CommandFailed, found, run
from harness.errors import EnvironmentFailed
from harness.kube.apply import create_missing
from harness.kube.client import Kube, KubeError
from harness.kube.objects import JsonObject, ObjectRef, workload
from harness.kube.waits import pod_condition, wait_for, wait_rollout
from harness.mesh.trust import write_anchor, write_issuer

DEFINITIONS, CONTROL, VIZ = PARTS = ("linkerd-crds", "linkerd-control-plane", "linkerd-viz")
"""What is installed, in this order; the names of the charts."""
NAMESPACE = "linkerd"
VIZ_NAMESPACE = "linkerd-viz"
CONTROL_PLANE = ("linkerd-identity", "linkerd-destination", "linkerd-proxy-injector")
INJECTOR = ObjectRef(
    "admissionregistration.k8s.io/v1",
    "MutatingWebhookConfiguration",
    None,
    "linkerd-proxy-injector-webhook-config",
)
CRD = "apiextensions.k8s.io/v1"
GATEWAY_ROUTES = ObjectRef(CRD, "CustomResourceDefinition", None, "httproutes.gateway.networking.k8s.io")
HELM_RELEASE = "meta.helm.sh/release-name"
INSTALL_SECONDS = 300.0
DEFINITIONS_SECONDS = 60.0
REMEDY = "linkerd check; kubectl -n linkerd get pods"


@dataclass(frozen=True, slots=True)
class Release:
    """One version of Linkerd and where it comes from.

    version      the release's own name, which the `linkerd` command says of itself
    repository   URL of the helm charts
    crds, control_plane, viz   versions of the charts
    gateway_api  URL or path of the Gateway API's definitions, where the release does not bring them (§1.68)
    """

    version: str
    repository: str
    crds: str
    control_plane: str
    viz: str
    gateway_api: str = ""


def install(kube: Kube, release: Release, folder: Path, *, viz: bool, progress: Callable[[str], None]) -> None:
    """A cluster with a ready Linkerd; certificates are made in the folder and left there.

    raises  EnvironmentFailed that says which step failed, and the next command
    """
    write_anchor(folder)
    write_issuer(folder)
    for part in PARTS if viz else PARTS[:-1]:
        install_part(kube, release, part, folder, progress=progress)


def install_part(kube: Kube, release: Release, part: str, folder: Path, *, progress: Callable[[str], None]) -> None:
    """One of PARTS, installed and ready.

    folder  with ca.crt, issuer.crt and issuer.key, which the control plane starts from
    raises  EnvironmentFailed
    """
    installer = _Helm(kube, release, folder) if found("helm") else _Command(kube, release, folder)
    progress(f"installs {part} of {release.version} by {installer.name}")
    if part == DEFINITIONS:
        _gateway_api(kube, release, progress)
        installer.definitions()
        _wait_definitions(kube)
    elif part == CONTROL:
        installer.control_plane()
        for name in CONTROL_PLANE:
            wait_rollout(kube, workload("Deployment", f"{NAMESPACE}/{name}"), within=INSTALL_SECONDS)
        _check_injector(kube)
    else:
        installer.viz()
        for deployment in kube.objects("apps/v1", "Deployment", VIZ_NAMESPACE):
            wait_rollout(kube, ObjectRef.of({**deployment, **_HEAD}), within=INSTALL_SECONDS)


def _gateway_api(kube: Kube, release: Release, progress: Callable[[str], None]) -> None:
    """The Gateway API's definitions, where the release needs them and they are not there (§1.68)."""
    if release.gateway_api and kube.get(GATEWAY_ROUTES) is None:
        progress(f"installs the Gateway API's definitions: {release.gateway_api}")
        create_missing(kube, _documents(_fetched(release.gateway_api)))


_HEAD = {"apiVersion": "apps/v1", "kind": "Deployment"}


@dataclass(frozen=True, slots=True)
class _Helm:
    """The charts, each in a release named after it."""

    kube: Kube
    release: Release
    folder: Path
    name: str = "helm"

    def definitions(self) -> None:
        # Helm takes over nothing that it has not made: with k3s 1.32 and newer Traefik has brought this one along.
        there = self.kube.get(GATEWAY_ROUTES)
        ours = there is None or (there["metadata"].get("annotations") or {}).get(HELM_RELEASE) == DEFINITIONS
        self._chart(DEFINITIONS, self.release.crds, NAMESPACE, *([] if ours else ["--set", "enableHttpRoutes=false"]))

    def control_plane(self) -> None:
        files = {
            "identityTrustAnchorsPEM": "ca.crt",
            "identity.issuer.tls.crtPEM": "issuer.crt",
            "identity.issuer.tls.keyPEM": "issuer.key",
        }
        values = [word for name, file in files.items() for word in ("--set-file", f"{name}={self.folder / file}")]
        self._chart(CONTROL, self.release.control_plane, NAMESPACE, *values, "--set", "disableHeartBeat=true")

    def viz(self) -> None:
        self._chart(VIZ, self.release.viz, VIZ_NAMESPACE)

    def _chart(self, chart: str, version: str, namespace: str, *values: str) -> None:
        argv = ["helm", "upgrade", "--install", chart, chart, "--repo", self.release.repository, "--version", version]
        argv += ["--namespace", namespace, "--create-namespace", "--kubeconfig", str(self.kube.kubeconfig)]
        argv += ["--wait", "--timeout", f"{INSTALL_SECONDS:g}s", *values]
        run(argv, within=INSTALL_SECONDS + 60, kubeconfig=self.kube.kubeconfig, remedy=REMEDY)


@dataclass(frozen=True, slots=True)
class _Command:
    """`linkerd install` prints manifests; they are created one by one."""

    kube: Kube
    release: Release
    folder: Path
    name: str = "the linkerd command"

    def definitions(self) -> None:
        said = self._linkerd("version", "--client", "--short").strip()
        if said != self.release.version:
            raise CommandFailed(
                f"the linkerd command is {said or 'of no version'}, and this profile wants {self.release.version}",
                f"install linkerd {self.release.version}, or helm, which takes the charts of any version",
            )
        self._create("install", "--crds")

    def control_plane(self) -> None:
        self._create(
            "install",
            *("--identity-trust-anchors-file", str(self.folder / "ca.crt")),
            *("--identity-issuer-certificate-file", str(self.folder / "issuer.crt")),
            *("--identity-issuer-key-file", str(self.folder / "issuer.key")),
            "--disable-heartbeat",
        )

    def viz(self) -> None:
        self._create("viz", "install")

    def _create(self, *arguments: str) -> None:
        create_missing(self.kube, _documents(self._linkerd(*arguments)))

    def _linkerd(self, *arguments: str) -> str:
        # `viz install` first waits, for as long as this, until the control plane is well.
        return run(["linkerd", *arguments], within=INSTALL_SECONDS, kubeconfig=self.kube.kubeconfig, remedy=REMEDY)


def _documents(text: str) -> Iterator[JsonObject]:
    """The objects of a manifest; a List stands for its items."""
    for document in yaml.safe_load_all(text):
        if isinstance(document, dict) and document.get("kind", "").endswith("List") and "items" in document:
            yield from document["items"]
        elif document:
            yield document


def _fetched(place: str) -> str:
    """The text behind a URL or path."""
    if "://" not in place:
        return Path(place).read_text(encoding="utf-8")
    try:
        answer = httpx.get(place, follow_redirects=True, timeout=60).raise_for_status()
    except httpx.HTTPError as error:
        raise EnvironmentFailed(
            f"the Gateway API's definitions cannot be had: {error}",
            f"fetch {place} yourself and name the file: gateway-api in fixtures/clusters.yaml",
        ) from None
    return answer.text


def _wait_definitions(kube: Kube) -> None:
    """Return when every definition is Established: before that the API refuses objects of its kind."""
    for definition in kube.objects(CRD, "CustomResourceDefinition"):
        name: str = definition["metadata"]["name"]
        if name.endswith((".linkerd.io", ".gateway.networking.k8s.io")):
            ref = ObjectRef(CRD, "CustomResourceDefinition", None, name)
            wait_for(
                kube,
                ref,
                lambda obj: pod_condition(obj, "Established"),
                within=DEFINITIONS_SECONDS,
                describe=lambda obj: "not Established",
            )


def _check_injector(kube: Kube) -> None:
    """Raise EnvironmentFailed if the API server would not ask the proxy injector: pods would start without a proxy."""
    try:
        webhook: dict[str, Any] | None = kube.get(INJECTOR)
    except KubeError as error:
        raise EnvironmentFailed(f"{INJECTOR} cannot be read: {error.message}", REMEDY) from None
    if webhook is None or not all(hook.get("clientConfig", {}).get("caBundle") for hook in webhook["webhooks"]):
        raise EnvironmentFailed(f"{INJECTOR} is missing or trusts nobody, so no pod would get a proxy", REMEDY)
