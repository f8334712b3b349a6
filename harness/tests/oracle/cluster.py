"""Small clusters in as few words as a test needs."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from harness.dialect import LINKERD_2_14, Dialect
from harness.oracle import Objects, Outcome, Prediction, Request, Sender, predict

Obj = dict[str, Any]

ROOT = Path(__file__).parents[3]
BOOKSAPP = ("booksapp/namespace", "booksapp/booksapp")
WEBAPP = Sender("booksapp", "webapp")
BOOKS = Sender("booksapp", "books")
STRANGER = Sender("outside", meshed=False)
LEGACY = "core"


def manifests(*names: str) -> list[Obj]:
    """The objects of files of `manifests/`, written like `booksapp/authors-server`."""
    return [obj for name in names for obj in _documents(name)]


@cache
def _documents(name: str) -> tuple[Obj, ...]:
    text = (ROOT / f"manifests/{name}.yaml").read_text()
    return tuple(obj for obj in yaml.safe_load_all(text) if obj)


def booksapp(*more: str, dialect: Dialect = LINKERD_2_14) -> Objects:
    """booksapp with these manifests of its own."""
    return Objects.read(manifests(*BOOKSAPP, *(f"booksapp/{name}" for name in more)), dialect)


def namespace(name: str = "shop", *, inject: str = "enabled") -> Obj:
    annotations = {"linkerd.io/inject": inject} if inject else {}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": annotations}}


def deployment(name: str, *, ns: str = "shop", port: int = 8080, replicas: int = 1, **spec: Any) -> Obj:
    """A Deployment with one named port, `http`."""
    labels = {"app": name}
    container = {"name": name, "image": "x", "ports": [{"name": "http", "containerPort": port}], **spec}
    template = {"metadata": {"labels": labels}, "spec": {"serviceAccountName": name, "containers": [container]}}
    whole = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": ns}, "spec": whole}


def service(name: str, *, ns: str = "shop", port: int = 80, target: int | str = "http", **spec: Any) -> Obj:
    annotations = spec.pop("annotations", {})
    ports = [{"name": "http", "port": port, "targetPort": target}]
    whole = {"ports": ports, "selector": {"app": name}, **spec}
    metadata = {"name": name, "namespace": ns, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": whole}


def route(
    name: str, *rules: Obj, parent: Obj | None = None, ns: str = "shop", group: str = "policy", **more: Any
) -> Obj:
    """An HTTPRoute on Service `web` of its namespace unless another parent is given."""
    version = "policy.linkerd.io/v1beta3" if group == "policy" else "gateway.networking.k8s.io/v1"
    to = {"group": LEGACY, "kind": "Service", "name": "web"} if parent is None else parent
    annotations = more.pop("annotations", {})
    spec = {"parentRefs": [to], "rules": list(rules), **more}
    metadata = {"name": name, "namespace": ns, "annotations": annotations}
    return {"apiVersion": version, "kind": "HTTPRoute", "metadata": metadata, "spec": spec}


def to(name: str, weight: int = 1, port: int | None = 80, **more: Any) -> Obj:
    return {"name": name, "weight": weight, **({} if port is None else {"port": port}), **more}


def shop(*more: Obj, dialect: Dialect = LINKERD_2_14, replicas: int = 1) -> Objects:
    """Meshed deployments `web` and `other` behind Services of their names on port 80, and these objects."""
    base = [namespace(), deployment("web"), deployment("other", replicas=replicas), service("web"), service("other")]
    return Objects.read([*base, *more], dialect)


CLIENT = Sender("shop", "client")


def ask(objects: Objects, path: str = "/", method: str = "GET", **more: Any) -> Prediction:
    """What a meshed client in the shop gets from `web`."""
    sender = more.pop("sender", CLIENT)
    host = more.pop("host", "web")
    headers = more.pop("headers", {})
    return predict(objects, sender, Request.of(method, f"http://{host}{path}", headers, **more))


def only(prediction: Prediction) -> Outcome:
    """Its one outcome."""
    assert prediction.certain is not None, prediction
    return prediction.certain


def rules_of(outcome: Outcome) -> set[str]:
    """The numbers of the rules in its chain of reasons."""
    return {reason.rule for reason in outcome.reasons}
