"""Programs that stand in for k3d, kind, docker, helm and linkerd, where none of these can pull an image.

Each takes the arguments that the real one documents and refuses all others, keeps its state in a folder, and fails
when it is told to. A cluster that they make is an embedded cluster, so everything that is done through its API is
really done. They are real programs on PATH: nothing in the code under test is replaced.

    $DOUBLES/clusters/NAME/     a cluster: state.json (provider, half-made or whole), the embedded one's run directory
    $DOUBLES/images/            what the Docker engine has; a file per image, its content the labels as JSON
    $DOUBLES/fail/WORD          makes something fail; see `told_to`
    $DOUBLES/calls              every command line, one a line
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

if TYPE_CHECKING:
    from harness.kube.client import Kube

# The clients of Kubernetes and of certificates are imported where they are used: most command lines need neither, and
# each of them is a program of its own that has to start.
JsonObject = dict[str, Any]
HOME = Path(os.environ.get("DOUBLES", "/nonexistent"))
ECHO = "harness.embedded.apps.echo:main"
LET_GO = b"keep\n"
"""What `harness.embedded.supervisor` wants to hear from a starter that it is to outlive."""
NODES = {"k3d": ("k3d-{}-server-0", "k3d-{}-serverlb"), "kind": ("{}-control-plane",)}
PROGRAMS = ("k3d", "kind", "docker", "helm", "linkerd")


# -- what a test says and sees ---------------------------------------------------------------------------------------


def install(folder: Path, *, without: Sequence[str] = ()) -> Path:
    """Put the programs into a folder for PATH."""
    folder.mkdir(parents=True)
    for name in PROGRAMS:
        if name not in without:
            path = folder / name
            path.write_text(
                f"#!{sys.executable}\nimport sys\nfrom harness.tests.cluster.doubles import main\n"
                f"sys.exit(main({name!r}, sys.argv[1:]))\n",
                encoding="utf-8",
            )
            path.chmod(0o755)
    return folder


def main(program: str, argv: list[str]) -> int:
    """Run one of the programs."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "calls").open("a", encoding="utf-8") as calls:
        calls.write(shlex.join([program, *argv]) + "\n")
    if os.environ.get("KUBECONFIG", "") == str(Path.home() / ".kube/config"):
        fail("a test must never let a tool near ~/.kube/config", 99)
    {"k3d": k3d, "kind": kind, "docker": docker, "helm": helm, "linkerd": linkerd}[program](argv)
    return 0


def told_to(word: str) -> bool:
    """Whether a test wants this failure."""
    return (HOME / "fail" / word).exists()


def fail(words: str, code: int = 1) -> NoReturn:
    """End as the real programs do: words on standard error, and an exit code."""
    print(words, file=sys.stderr)
    sys.exit(code)


def hang_if(word: str) -> None:
    """Say that we hang, and wait to be ended, if a test wants that."""
    if told_to(word):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        (HOME / f"{word}-reached").touch()
        while True:
            time.sleep(60)


class Usage(argparse.ArgumentParser):
    """Refuses what the real program does not document."""

    def __init__(self, name: str) -> None:
        super().__init__(prog=name, allow_abbrev=False, add_help=False)

    def error(self, message: str) -> NoReturn:
        """As cobra commands do."""
        fail(f"Error: {message}", 1)


# -- clusters --------------------------------------------------------------------------------------------------------


def cluster_folder(name: str) -> Path:
    """Where a cluster's state is."""
    return HOME / "clusters" / name


def clusters(provider: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The clusters of one tool."""
    for path in sorted((HOME / "clusters").glob("*/state.json")):
        state = json.loads(path.read_text(encoding="utf-8"))
        if state["provider"] == provider:
            yield path.parent.name, state


def begin(provider: str, name: str, port: int) -> None:
    """The containers of a new cluster exist; nothing runs in them yet."""
    if cluster_folder(name).exists():
        fail(f"failed to create cluster '{name}' because a cluster with that name already exists")
    if told_to("port-taken"):
        fail(f"Bind for 127.0.0.1:{port} failed: port is already allocated")
    cluster_folder(name).mkdir(parents=True)
    state = {"provider": provider, "port": port, "images": []}
    (cluster_folder(name) / "state.json").write_text(json.dumps(state), encoding="utf-8")
    hang_if("create-hangs")
    if told_to("create-half"):
        fail("Failed Cluster Start: node 'server-0' did not come up: context deadline exceeded")


def start_embedded(name: str, port: int) -> JsonObject:
    """An embedded cluster as the inside of one of ours, bare: Linkerd is not there before somebody installs it."""
    from harness.kube.apply import create_missing
    from harness.kube.client import Kube
    from harness.kube.objects import ObjectRef

    run_dir = cluster_folder(name) / "run"
    run_dir.mkdir()
    images = [f"signalbox/sender={'harness.traffic.sender:main'}", f"*traefik*={ECHO}", f"cr.l5d.io/*={ECHO}"]
    argv = [sys.executable, "-m", "harness.embedded", "--run-dir", str(run_dir), "--name", name]
    argv += ["--dialect", os.environ.get("DOUBLES_DIALECT", "linkerd-2.14"), "--ingress-port", str(port)]
    for image in images:
        argv += ["--image", image]
    with (cluster_folder(name) / "log").open("wb") as log:
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        fail((cluster_folder(name) / "log").read_text(encoding="utf-8", errors="replace"))
    assert process.stdin is not None
    process.stdin.write(LET_GO)  # so that it outlives us, as containers do
    process.stdin.flush()
    process.stdout.readline()
    answer: JsonObject = json.loads(line)
    (cluster_folder(name) / "pid").write_text(str(process.pid), encoding="utf-8")
    with Kube(Path(answer["kubeconfig"])) as kube:
        kube.delete(ObjectRef("v1", "Namespace", None, "linkerd"))
        for group, plural, kind_name, namespaced in (
            ("rbac.authorization.k8s.io", "clusterroles", "ClusterRole", False),
            ("rbac.authorization.k8s.io", "clusterrolebindings", "ClusterRoleBinding", False),
            ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", False),
        ):
            if not _serves(kube, f"{group}/v1", kind_name):
                create_missing(kube, [_definition(group, plural, kind_name, namespaced)])
    return answer


def _serves(kube: Kube, api_version: str, kind_name: str) -> bool:
    from harness.kube.client import KubeError

    try:
        kube.is_namespaced(api_version, kind_name)
    except KubeError as error:
        if error.status == 404:
            return False
        raise
    return True


def embedded_kubeconfig(name: str) -> str:
    """The kubeconfig of a cluster, or of nothing if a test wants a tool that lies about being ready."""
    import yaml

    text = (cluster_folder(name) / "run" / "kubeconfig").read_text(encoding="utf-8")
    if told_to("wait-lies"):
        document = yaml.safe_load(text)
        document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
        text = yaml.safe_dump(document)
    return text


def remove(name: str) -> None:
    """Take a cluster's containers away."""
    pid = cluster_folder(name) / "pid"
    if pid.exists():
        number = int(pid.read_text(encoding="utf-8"))
        os.kill(number, signal.SIGTERM)
        while (cluster_folder(name) / "run").exists():  # the supervisor removes it last
            time.sleep(0.05)
    if told_to("delete-leaves"):
        return
    for path in sorted(cluster_folder(name).rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    cluster_folder(name).rmdir()


def _definition(group: str, plural: str, kind_name: str, namespaced: bool) -> JsonObject:
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


def _deployment(namespace: str, name: str, image: str, port: int) -> JsonObject:
    labels = {"app": name}
    container = {"name": name, "image": image, "ports": [{"containerPort": port}]}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": pod},
    }


# -- k3d (v5: docs/usage/commands) -----------------------------------------------------------------------------------


def k3d(argv: list[str]) -> None:
    """cluster create|delete|list, kubeconfig get, image import, version."""
    match argv:
        case ["version"]:
            print("k3d version v5.9.0\nk3s version v1.33.6-k3s1 (default)")
        case ["cluster", "create", *rest]:
            _k3d_create(rest)
        case ["cluster", "delete", name]:
            if cluster_folder(name).exists():
                remove(name)
            else:
                print(f"No nodes found for cluster '{name}'", file=sys.stderr)
        case ["cluster", "list", ("--output" | "-o"), "json"]:
            print(json.dumps([{"name": name, "nodes": []} for name, _ in clusters("k3d")]))
        case ["kubeconfig", "get", name]:
            print(embedded_kubeconfig(name))
        case ["image", "import", *rest]:
            _k3d_import(rest)
        case _:
            fail(f"unknown command {shlex.join(argv)} for k3d")


def _k3d_create(argv: list[str]) -> None:
    from harness.kube.apply import create_missing
    from harness.kube.client import Kube

    usage = Usage("k3d cluster create")
    usage.add_argument("name")
    usage.add_argument("--image", required=True)
    usage.add_argument("--api-port", required=True)
    usage.add_argument("--port", action="append", required=True)
    usage.add_argument("--runtime-label", action="append", required=True)
    usage.add_argument("--kubeconfig-update-default", choices=["false"], required=True)
    usage.add_argument("--kubeconfig-switch-context", choices=["false"], required=True)
    usage.add_argument("--wait", action="store_true")
    usage.add_argument("--timeout")
    asked = usage.parse_args(argv)
    _docker_must_run()
    (mapping,) = asked.port
    address, _, where = mapping.partition("@")
    host, port, inner = address.split(":")
    if (host, inner, where) != ("127.0.0.1", "80", "loadbalancer"):
        fail(f"port mapping {mapping} is not open to this machine alone, or does not lead to Traefik")
    if not asked.api_port.startswith("127.0.0.1:"):
        fail(f"API port {asked.api_port} is open to others")
    if not asked.image.startswith("rancher/k3s:v"):
        fail(f"{asked.image} is no k3s image")
    begin("k3d", asked.name, int(port))
    with Kube(Path(start_embedded(asked.name, int(port))["kubeconfig"])) as kube:
        create_missing(kube, [_deployment("kube-system", "traefik", "rancher/mirrored-library-traefik:3.3.6", 8000)])


def _k3d_import(argv: list[str]) -> None:
    usage = Usage("k3d image import")
    usage.add_argument("archives", nargs="+")
    usage.add_argument("--cluster", required=True)
    asked = usage.parse_args(argv)
    if told_to("load-breaks"):
        print("ERRO[0001] failed to import images in node: ctr: content digest not found", file=sys.stderr)
        return  # and k3d ends with 0
    for archive in asked.archives:
        _loaded(asked.cluster, Path(archive))


def _loaded(name: str, archive: Path) -> None:
    saved = json.loads(archive.read_text(encoding="utf-8"))
    if saved["platform"] != "linux/amd64" and saved["platform"] != "linux/arm64":
        fail(f"ctr: content digest sha256:0000: not found (archive of {saved['platform']} platforms)")
    path = cluster_folder(name) / "state.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    state["images"] += saved["images"]
    path.write_text(json.dumps(state), encoding="utf-8")


# -- kind ------------------------------------------------------------------------------------------------------------


def kind(argv: list[str]) -> None:
    """create|delete cluster, get clusters, load image-archive, version."""
    match argv:
        case ["version"]:
            print("kind v0.33.0 go1.25.4 linux/amd64")
        case ["get", "clusters"]:
            names = [name for name, _ in clusters("kind")]
            print("\n".join(names)) if names else print("No kind clusters found.", file=sys.stderr)
        case ["create", "cluster", *rest]:
            _kind_create(rest)
        case ["delete", "cluster", *rest]:
            usage = Usage("kind delete cluster")
            usage.add_argument("--name", required=True)
            usage.add_argument("--kubeconfig", required=True)
            asked = usage.parse_args(rest)
            print(f'Deleting cluster "{asked.name}" ...', file=sys.stderr)
            if cluster_folder(asked.name).exists():
                remove(asked.name)
        case ["load", "image-archive", *rest]:
            usage = Usage("kind load image-archive")
            usage.add_argument("archive")
            usage.add_argument("--name", required=True)
            asked = usage.parse_args(rest)
            if told_to("load-breaks"):
                fail("ERROR: failed to load image: ctr: content digest sha256:0000: not found")
            _loaded(asked.name, Path(asked.archive))
        case _:
            fail(f"ERROR: unknown command {shlex.join(argv)} for kind")


def _kind_create(argv: list[str]) -> None:
    import yaml

    usage = Usage("kind create cluster")
    usage.add_argument("--name", required=True)
    usage.add_argument("--kubeconfig", required=True)
    usage.add_argument("--image", required=True)
    usage.add_argument("--config", required=True)
    asked = usage.parse_args(argv)
    _docker_must_run()
    config = yaml.safe_load(Path(asked.config).read_text(encoding="utf-8"))
    (node,) = config["nodes"]
    (mapping,) = node["extraPortMappings"]
    if (config["kind"], config["apiVersion"], node["role"]) != ("Cluster", "kind.x-k8s.io/v1alpha4", "control-plane"):
        fail("ERROR: unknown kind config")
    if mapping["listenAddress"] != "127.0.0.1" or config["networking"]["apiServerAddress"] != "127.0.0.1":
        fail("ERROR: the cluster would be open to others")
    if not asked.image.startswith("kindest/node:v") or "@sha256:" not in asked.image:
        fail(f"ERROR: {asked.image} is no pinned node image")
    begin("kind", asked.name, mapping["hostPort"])
    start_embedded(asked.name, mapping["hostPort"])
    Path(asked.kubeconfig).write_text(embedded_kubeconfig(asked.name), encoding="utf-8")


# -- docker ----------------------------------------------------------------------------------------------------------


def docker(argv: list[str]) -> None:
    """version, image inspect, build, save, ps, exec crictl, logs."""
    _docker_must_run()
    match argv:
        case ["version", "--format", "{{json .Server}}"]:
            api = "1.41" if told_to("old-engine") else "1.50"
            print(json.dumps({"Version": "28.5.1", "ApiVersion": api}))
        case ["image", "inspect", "--format", "{{json .Config.Labels}}", image]:
            path = HOME / "images" / quote(image, safe="")
            print(path.read_text(encoding="utf-8")) if path.exists() else fail(f"Error: No such image: {image}")
        case ["build", *rest]:
            _docker_build(rest)
        case ["save", *rest]:
            _docker_save(rest)
        case ["ps", "--all", "--format", "{{.Names}} {{.State}}", *filters]:
            for name in _containers([word for word in filters if word != "--filter"]):
                print(name, "exited" if told_to("node-dies") else "running")
        case ["exec", node, "crictl", "inspecti", "--quiet", image]:
            if not any(image in state["images"] for state in _states_of(node)):
                fail(f'no such image "{image}" present')
        case ["logs", "--tail", _, node]:
            print(f"{node} says nothing of interest")
        case _:
            fail(f"docker: unknown command {shlex.join(argv)}")


def _docker_must_run() -> None:
    if told_to("daemon-down"):
        fail("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")


def _docker_build(argv: list[str]) -> None:
    usage = Usage("docker build")
    usage.add_argument("context")
    usage.add_argument("--tag", required=True)
    usage.add_argument("--build-arg", action="append", default=[])
    usage.add_argument("--label", action="append", default=[])
    asked = usage.parse_args(argv)
    dockerfile = (Path(asked.context) / "Dockerfile").read_text(encoding="utf-8")
    declared = {line.split()[1].partition("=")[0] for line in dockerfile.splitlines() if line.startswith("ARG ")}
    unknown = {pair.partition("=")[0] for pair in asked.build_arg} - declared
    if unknown:
        fail(f"[Warning] One or more build-args {sorted(unknown)} were not consumed")
    for line in dockerfile.splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            source = Path(asked.context) / line.split()[1]
            if not source.exists():
                fail(f'COPY failed: file not found in build context: "{source.name}"')
    (HOME / "images").mkdir(exist_ok=True)
    labels = dict(pair.split("=", 1) for pair in asked.label)
    (HOME / "images" / quote(asked.tag, safe="")).write_text(json.dumps(labels), encoding="utf-8")


def _docker_save(argv: list[str]) -> None:
    usage = Usage("docker save")
    usage.add_argument("images", nargs="+")
    usage.add_argument("--output", required=True)
    usage.add_argument("--platform")
    asked = usage.parse_args(argv)
    if asked.platform and told_to("old-engine"):
        fail('"--platform" requires API version 1.48, but the Docker daemon API version is 1.41')
    for image in asked.images:
        if not (HOME / "images" / quote(image, safe="")).exists():
            fail(f"Error response from daemon: reference does not exist: {image}")
    # An old engine stores one platform; a new one saves all it knows of, unless told.
    platform = asked.platform or ("linux/amd64" if told_to("old-engine") else "all")
    Path(asked.output).write_text(json.dumps({"platform": platform, "images": asked.images}), encoding="utf-8")


def _containers(filters: Sequence[str]) -> Iterator[str]:
    labels = dict(word.removeprefix("label=").split("=", 1) for word in filters)
    for provider, key in (("k3d", "k3d.cluster"), ("kind", "io.x-k8s.kind.cluster")):
        for name, _ in clusters(provider):
            if labels.get(key) == name:
                nodes = NODES[provider][:1] if labels.get("k3d.role") == "server" else NODES[provider]
                yield from (pattern.format(name) for pattern in nodes)


def _states_of(node: str) -> Iterator[dict[str, Any]]:
    for provider in NODES:
        for name, state in clusters(provider):
            if node in [pattern.format(name) for pattern in NODES[provider]]:
                yield state


# -- helm and linkerd ------------------------------------------------------------------------------------------------

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
    """upgrade --install of Linkerd's charts."""
    from harness.kube.apply import create_missing
    from harness.kube.client import Kube

    usage = Usage("helm")
    usage.add_argument("verb", choices=["upgrade"])
    usage.add_argument("release")
    usage.add_argument("chart")
    usage.add_argument("--install", action="store_true", required=True)
    usage.add_argument("--repo", required=True)
    usage.add_argument("--version", required=True)
    usage.add_argument("--namespace", required=True)
    usage.add_argument("--create-namespace", action="store_true")
    usage.add_argument("--kubeconfig", required=True)
    usage.add_argument("--wait", action="store_true")
    usage.add_argument("--timeout")
    usage.add_argument("--set-file", action="append", default=[])
    usage.add_argument("--set", action="append", default=[])
    asked = usage.parse_args(argv)
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
            return [_definition("linkerd.io", "serviceprofiles", "ServiceProfile", True)]
        case "linkerd-viz":
            return [_deployment("linkerd-viz", "metrics-api", "cr.l5d.io/linkerd/metrics-api:x", 8085)]
    names = ("identityTrustAnchorsPEM", "identity.issuer.tls.crtPEM", "identity.issuer.tls.keyPEM")
    _check_trust(*(values[name] for name in names))
    return _control_plane(app)


def _check_trust(anchor_file: Path, issuer_file: Path, key_file: Path) -> None:
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


def _control_plane(version: str) -> list[JsonObject]:
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
        *(_deployment("linkerd", name, image, 8080) for name in names),
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "linkerd-proxy-injector-webhook-config"},
            "webhooks": [{"name": "linkerd-proxy-injector.linkerd.io", "clientConfig": {"caBundle": bundle}}],
        },
    ]


def linkerd(argv: list[str]) -> None:
    """version --client --short, install [--crds]."""
    import yaml

    version = "edge-25.1.1" if told_to("other-linkerd") else "stable-2.14.10"
    match argv:
        case ["version", "--client", "--short"]:
            print(version)
        case ["install", "--crds"]:
            print(yaml.safe_dump(_definition("linkerd.io", "serviceprofiles", "ServiceProfile", True)))
        case ["install", *rest]:
            usage = Usage("linkerd install")
            for name in ("anchors", "issuer-certificate", "issuer-key"):
                usage.add_argument(f"--identity-{'trust-' if name == 'anchors' else ''}{name}-file", required=True)
            usage.add_argument("--disable-heartbeat", action="store_true")
            asked = vars(usage.parse_args(rest))
            _check_trust(
                *(Path(asked[f"identity_{n}_file"]) for n in ("trust_anchors", "issuer_certificate", "issuer_key"))
            )
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "linkerd"}}
            print(yaml.safe_dump_all([namespace, *_control_plane(version)]))
        case _:
            fail(f"unknown command {shlex.join(argv)} for linkerd")
