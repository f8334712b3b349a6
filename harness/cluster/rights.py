"""What a run does through the API, and whether the user may: asked one by one, listed all at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from harness.kube.client import Kube

POLICY = "policy.linkerd.io"
GATEWAY = "gateway.networking.k8s.io"
_LOOK = ("get", "list", "watch")
_OWN = ("get", "list", "watch", "create", "patch", "delete")


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one resource, in every namespace unless one is named.

    resource   plural, with a subresource behind a slash
    namespace  "" for all
    """

    group: str
    resource: str
    verb: str
    namespace: str = ""

    def __str__(self) -> str:
        name = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {name}{f' in {self.namespace}' if self.namespace else ''}"


_WANTED: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("", "namespaces", _OWN, ""),
    ("", "pods", _OWN, ""),
    ("", "pods/proxy", ("get", "create"), ""),
    ("", "pods/log", ("get",), ""),
    ("", "services", _OWN, ""),
    ("", "serviceaccounts", _OWN, ""),
    ("", "configmaps", _OWN, ""),
    ("", "events", ("list",), ""),
    ("apps", "deployments", _OWN, ""),
    ("batch", "jobs", _OWN, ""),
    ("networking.k8s.io", "ingresses", _OWN, ""),
    (POLICY, "httproutes", _OWN, ""),
    (GATEWAY, "httproutes", _OWN, ""),
    (POLICY, "servers", _OWN, ""),
    (POLICY, "authorizationpolicies", _OWN, ""),
    (POLICY, "meshtlsauthentications", _OWN, ""),
    (POLICY, "networkauthentications", _OWN, ""),
    ("apiextensions.k8s.io", "customresourcedefinitions", ("list",), ""),
)


def wanted_rights() -> Iterator[Right]:
    """Everything a run may have to do."""
    for group, resource, verbs, namespace in _WANTED:
        yield from (Right(group, resource, verb, namespace) for verb in verbs)


def missing_rights(kube: Kube, rights: Iterable[Right]) -> list[Right]:
    """Those the user has not, by a SelfSubjectAccessReview each.

    raises  KubeError, ClusterLost
    """
    asked = list(rights)
    with ThreadPoolExecutor(max_workers=8) as pool:
        allowed = list(pool.map(lambda right: _may(kube, right), asked))
    return [right for right, may in zip(asked, allowed, strict=True) if not may]


def _may(kube: Kube, right: Right) -> bool:
    resource, _, subresource = right.resource.partition("/")
    attributes = {"group": right.group, "resource": resource, "verb": right.verb, "namespace": right.namespace}
    if subresource:
        attributes["subresource"] = subresource
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "metadata": {"name": ""},
        "spec": {"resourceAttributes": attributes},
    }
    return bool(kube.create(review)["status"]["allowed"])


def in_words(rights: Iterable[Right]) -> str:
    """`create,patch pods; list events`: verbs of one resource together."""
    verbs: dict[str, list[str]] = {}
    for right in rights:
        verbs.setdefault(str(Right(right.group, right.resource, "", right.namespace)).strip(), []).append(right.verb)
    return "; ".join(f"{','.join(words)} {name}" for name, words in verbs.items())
